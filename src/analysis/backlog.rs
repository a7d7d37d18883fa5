//! Backlogs: the queues of brokers in which messages piled up, since when, and whether that was over again.
//!
//! A queue that nobody consumes only fills: it has no backlog. What is normal is what waits in half of the windows, unless
//! that is no small part of the most that ever waited: then the queue never came to rest, and a twentieth of the most is.

use super::course::{self, HIT_WINDOWS, horizon};
use super::words;
use crate::base::time::{Instant, Nanos};
use crate::observe::recording::{QueueWindow, Recording};
use crate::topology::{Fault, FaultAction, Topology};
use serde::{Deserialize, Serialize};

/// The queues told, those with the largest backlogs.
const MOST: usize = 3;
/// Fewer messages are no backlog.
const LEAST: u64 = 10;
/// Normal is no more than the most that waited, divided by this …
const NORMAL: u64 = 3;
/// … or that divided by this, whatever is normal.
const SMALL: u64 = 20;

/// The largest backlog of a queue.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Backlog {
    /// `order-events.billing`
    pub queue: String,
    /// Seconds: the beginning of the window since which more than normal waits.
    pub at: f64,
    /// Seconds: the end of the first window after which no more than normal waits. `null`: not while requests were offered.
    pub until: Option<f64>,
    /// The most messages that waited.
    pub peak: u64,
    /// Seconds: the end of the window in which they did.
    pub peak_at: f64,
    pub what: String,
    /// A fault of those that consume, which was going on when it began.
    pub because: Option<String>,
}

/// The largest backlogs, in order of time.
pub fn backlogs(topology: &Topology, recording: &Recording) -> Vec<Backlog> {
    let mut all: Vec<Backlog> = (0..topology.brokers.queues.len() as u32).filter_map(|queue| largest(topology, recording, queue)).collect();
    // Stable: of equal ones the queue written first wins.
    all.sort_by_key(|backlog| std::cmp::Reverse(backlog.peak));
    all.truncate(MOST);
    all.sort_by(|a, b| a.at.total_cmp(&b.at));
    all
}

fn largest(topology: &Topology, recording: &Recording, queue: u32) -> Option<Backlog> {
    topology.brokers.consumers.iter().find(|consumer| consumer.queue == queue)?;
    let width = recording.window.0.max(1);
    let whole = (horizon(topology, recording).0 / width) as usize;
    let windows = &recording.queues.get(queue as usize)?.windows;
    let windows = &windows[..whole.min(windows.len())];
    let Extent { first, top, back } = extent(windows, recording.window)?;
    let peak = windows[top].ready_max;
    let (began, grown) = (Instant(first as u64 * width), Instant((first as u64 + 1) * width));
    let at = |window: usize| Instant((window as u64 + 1) * width).as_secs_f64();
    let (peak_at, until) = (at(top), back.map(at));
    let fault = touching(topology, recording, queue, (began, grown));
    let told = fault.map(|(fault, _)| format!("{} ({})", fault.summary, fault.name));
    Some(Backlog {
        queue: topology.brokers.queues[queue as usize].name.clone(),
        // A cause comes before its effect, also within a window.
        at: fault.map_or(began, |(_, since)| began.max(since)).as_secs_f64(),
        until,
        peak,
        peak_at,
        what: told_as(first == 0, peak, peak_at, until),
        because: told,
    })
}

fn told_as(from_start: bool, peak: u64, peak_at: f64, until: Option<f64>) -> String {
    let begins = if from_start { "messages wait from the start," } else { "messages pile up," };
    let over = until.map_or_else(|| "it is never over".to_string(), |until| format!("over at {}", words::clock(until)));
    format!("{begins} {} at {}; {over}", words::count(peak), words::clock(peak_at))
}

/// Windows: the first with more than normal, the one with the most, and the first of after that with no more than normal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Extent {
    first: usize,
    top: usize,
    back: Option<usize>,
}

/// Nothing if no message waited for as long as makes a trouble elsewhere.
fn extent(windows: &[QueueWindow], width: Nanos) -> Option<Extent> {
    let peak = windows.iter().map(|window| window.ready_max).max().filter(|peak| *peak >= LEAST)?;
    let top = windows.iter().position(|window| window.ready_max == peak)?;
    let normal = normal(windows, peak);
    let first = windows[..top].iter().rposition(|window| window.ready <= normal).map_or(0, |last| last + 1);
    let back = windows[top..].iter().position(|window| window.ready <= normal).map(|after| top + after);
    let oldest = windows[first..back.unwrap_or(windows.len())].iter().map(|window| window.oldest).max()?;
    (oldest.0 >= width.0.saturating_mul(HIT_WINDOWS as u64)).then_some(Extent { first, top, back })
}

fn normal(windows: &[QueueWindow], peak: u64) -> u64 {
    let mut ready: Vec<u64> = windows.iter().map(|window| window.ready).collect();
    ready.sort_unstable();
    let half = ready.get(ready.len() / 2).copied().unwrap_or(0);
    if half.saturating_mul(NORMAL) <= peak { half.max(peak / SMALL) } else { peak / SMALL }
}

/// The fault that was going on when messages began to pile up and that those who consume are hit by, and when it began.
fn touching<'a>(
    topology: &'a Topology,
    recording: &Recording,
    queue: u32,
    (from, until): (Instant, Instant),
) -> Option<(&'a Fault, Instant)> {
    let going_on = course::faults(topology, recording).filter(|span| span.began < until && span.ended.is_none_or(|ended| ended > from));
    let hits = going_on.map(|span| (&topology.faults[span.fault.index()], span.began)).filter(|(fault, _)| hits(topology, fault, queue));
    hits.max_by_key(|(_, began)| *began)
}

fn hits(topology: &Topology, fault: &Fault, queue: u32) -> bool {
    let consumers = &topology.brokers.consumers;
    if let FaultAction::ConsumerStuck { consumer, .. } = fault.action {
        return consumers[consumer as usize].queue == queue;
    }
    consumers.iter().any(|consumer| consumer.queue == queue && fault.services.contains(&consumer.service))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::sample::shipping;
    use crate::base::id::{FaultId, ServiceId};
    use crate::base::time::SECOND;
    use crate::observe::recording::FaultSpan;

    /// One-second windows, each with so many that wait, for so long.
    fn windows(depths: &[(usize, u64, u64)]) -> Vec<QueueWindow> {
        let window = |ready, oldest| QueueWindow { ready, ready_max: ready, oldest: Nanos(oldest * SECOND), ..QueueWindow::default() };
        depths.iter().flat_map(|&(n, ready, oldest)| std::iter::repeat_n(window(ready, oldest), n)).collect()
    }

    fn found(depths: &[(usize, u64, u64)]) -> Option<(usize, usize, Option<usize>)> {
        extent(&windows(depths), Nanos::from_secs(1)).map(|Extent { first, top, back }| (first, top, back))
    }

    #[test]
    fn a_backlog_lasts_from_more_than_normal_to_no_more_than_normal() {
        for (what, depths, extent) in [
            ("nothing waits", vec![(60, 0, 0)], None),
            ("a few wait long", vec![(30, 0, 0), (10, 9, 10), (20, 0, 0)], None),
            ("many wait, none of them for long", vec![(30, 2, 0), (10, 100, 2), (20, 0, 0)], None),
            ("a crash", vec![(30, 0, 0), (5, 200, 5), (5, 400, 10), (3, 90, 3), (17, 3, 0)], Some((30, 35, Some(43)))),
            ("down to the end", vec![(40, 1, 0), (10, 40, 5), (10, 80, 10)], Some((40, 50, None))),
            ("more is normal", vec![(40, 100, 1), (10, 400, 5), (30, 100, 1)], Some((40, 40, Some(50)))),
            ("work of the night", vec![(1, 1000, 3600), (20, 500, 3600), (40, 0, 0)], Some((0, 0, Some(21)))),
            ("never at rest", vec![(1, 2, 0), (20, 100, 5), (20, 200, 10), (20, 300, 15)], Some((1, 41, None))),
            ("the larger of two", vec![(10, 0, 0), (5, 50, 5), (10, 0, 0), (5, 60, 5), (30, 0, 0)], Some((25, 25, Some(30)))),
        ] {
            assert_eq!(found(&depths), extent, "{what}");
        }
    }

    #[test]
    fn words_tell_when_it_was_most_and_whether_it_is_over() {
        assert_eq!(told_as(false, 412, 40.0, Some(49.0)), "messages pile up, 412 at 40 s; over at 49 s");
        assert_eq!(told_as(true, 12_000, 60.0, None), "messages wait from the start, 12k at 60 s; it is never over");
    }

    /// What is told of the parcels when the fault `does` so from second `from` until `until`.
    fn because(from: u64, until: u64, does: impl Fn(&mut Fault)) -> Option<String> {
        let (mut topology, mut recording) = (shipping::topology(), shipping::recording());
        does(&mut topology.faults[0]);
        let (began, ended) = (Instant::from_secs(from), Some(Instant::from_secs(until)));
        recording.faults = vec![FaultSpan { fault: FaultId(0), began, ended }];
        let all = backlogs(&topology, &recording);
        let [Backlog { queue, at, until, peak, because, .. }] = &all[..] else { panic!("one queue has consumers: {all:?}") };
        assert_eq!((queue.as_str(), *at, *until, *peak), ("shipping.parcels", 60.0, Some(80.0), 400));
        because.clone()
    }

    #[test]
    fn a_fault_of_those_that_consume_is_why_and_no_other() {
        let stuck = |consumer| FaultAction::ConsumerStuck { consumer, replicas: Vec::new() };
        let told = because(60, 90, |_| {}).unwrap();
        assert!(told.ends_with("(slow-db)"), "{told}");
        assert!(because(20, 61, |_| {}).is_some(), "it was still going on");
        assert_eq!(because(20, 60, |_| {}), None, "it was over");
        assert_eq!(because(61, 90, |_| {}), None, "it had not begun");
        assert_eq!(because(60, 90, |fault| fault.services = vec![ServiceId(0), ServiceId(3)]), None, "they do not consume");
        assert!(because(60, 90, |fault| fault.action = stuck(0)).is_some());
    }

    #[test]
    fn that_the_consumer_of_another_queue_is_stuck_explains_nothing() {
        let (mut topology, recording) = (shipping::topology(), shipping::recording());
        let other = crate::topology::broker::Consumer { queue: 1, ..topology.brokers.consumers[0].clone() };
        topology.brokers.consumers.push(other);
        topology.faults[0].action = FaultAction::ConsumerStuck { consumer: 1, replicas: Vec::new() };
        let all = backlogs(&topology, &recording);
        let told: Vec<(&str, bool)> = all.iter().map(|one| (one.queue.as_str(), one.because.is_some())).collect();
        assert_eq!(told, [("shipping.failed", false), ("shipping.parcels", false)]);
    }
}
