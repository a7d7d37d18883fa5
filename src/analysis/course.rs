//! The course of a run: what was offered and what came of it, window by window; and what that says about a fault:
//! the baseline before it, the recovery after it, whether the system stayed down, and who else was hit.
//!
//! Only whole windows within `[0, duration)` count, since later ones are offered nothing. A window to which nothing was
//! offered says nothing: it neither breaks nor makes a recovery, so rare requests and stuck users are not mistaken for health.

use crate::base::id::{ClientId, ServiceId};
use crate::base::time::{Instant, Nanos};
use crate::observe::recording::{FaultSpan, Recording};
use crate::topology::Topology;

/// The baseline is taken over so many windows.
pub const BASELINE_WINDOWS: usize = 30;
/// Back to normal: at least this share of the baseline …
pub const NORMAL: f64 = 0.95;
/// … for so many windows one after the other.
pub const RECOVERY_WINDOWS: usize = 10;
/// Hit: below normal for so many windows one after the other. One or two are what a fuller pipeline looks like.
pub const HIT_WINDOWS: usize = 3;
/// Metastable: below this share of the baseline …
pub const COLLAPSED: f64 = 0.5;
/// … over so long before the end …
pub const LAST: Nanos = Nanos::from_secs(30);
/// … though the offered load is as before, give or take …
pub const SAME_LOAD: f64 = 0.1;
/// … and the fault has been over for at least so long.
pub const LONG_AFTER: Nanos = Nanos::from_secs(60);

/// The end of what is measured: `duration`, or earlier if the run was stopped from outside.
pub fn horizon(topology: &Topology, recording: &Recording) -> Instant {
    let end = Instant::START + topology.duration;
    if recording.interrupted { end.min(recording.ended) } else { end }
}

/// The faults that began while requests were offered: one that repeats goes on in the drain, where it disturbs nothing that counts.
pub fn faults<'a>(topology: &Topology, recording: &'a Recording) -> impl DoubleEndedIterator<Item = &'a FaultSpan> {
    let until = horizon(topology, recording);
    recording.faults.iter().filter(move |span| span.began < until)
}

/// Offered and usefully answered (ok or degraded) requests per whole window.
#[derive(Clone, Debug, PartialEq)]
pub struct Course {
    window: Nanos,
    points: Vec<Point>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Point {
    offered: u64,
    useful: u64,
}

impl Point {
    fn ratio(self) -> Option<f64> {
        (self.offered > 0).then(|| self.useful as f64 / self.offered as f64)
    }
}

/// How it was before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Baseline {
    /// goodput ÷ offered
    pub ratio: f64,
    /// Requests per second.
    pub offered: f64,
}

impl Course {
    fn new(recording: &Recording, until: Instant, windows: impl Iterator<Item = Point>) -> Course {
        let whole = until.0.checked_div(recording.window.0).unwrap_or(0) as usize;
        Course { window: recording.window, points: windows.take(whole).collect() }
    }

    pub fn of_client(recording: &Recording, client: ClientId, until: Instant) -> Course {
        let windows = recording.clients.get(client.index()).map_or(&[][..], |c| &c.windows);
        let points = windows.iter().map(|w| Point { offered: w.offered.into(), useful: u64::from(w.ok) + u64::from(w.degraded) });
        Course::new(recording, until, points)
    }

    pub fn of_service(recording: &Recording, service: ServiceId, until: Instant) -> Course {
        let windows = recording.services.get(service.index()).map_or(&[][..], |s| &s.windows);
        Course::new(recording, until, windows.iter().map(|w| Point { offered: w.arrived.into(), useful: w.ok.into() }))
    }

    pub fn of_all_clients(recording: &Recording, until: Instant) -> Course {
        let mut sum = Course::new(recording, until, std::iter::empty());
        for i in 0..recording.clients.len() {
            let one = Course::of_client(recording, ClientId::new(i), until);
            sum.points.resize(sum.points.len().max(one.points.len()), Point::default());
            for (sum, point) in sum.points.iter_mut().zip(one.points) {
                sum.offered += point.offered;
                sum.useful += point.useful;
            }
        }
        sum
    }

    /// Over the windows that end at or before `began`, the last 30 of them; nothing if they saw no useful answer.
    pub fn before(&self, began: Instant) -> Option<Baseline> {
        let end = self.index_below(began);
        let (sum, seconds) = self.sum(end.saturating_sub(BASELINE_WINDOWS), end);
        let ratio = sum.ratio().filter(|ratio| *ratio > 0.0)?;
        Some(Baseline { ratio, offered: sum.offered as f64 / seconds })
    }

    /// From `ended` until the first of ten windows in a row at 95 % of the baseline; nothing if that never came.
    pub fn recovered(&self, began: Instant, ended: Instant) -> Option<Nanos> {
        let normal = self.before(began)?.ratio * NORMAL;
        let first = self.index_above(ended);
        let mut run: Option<(usize, usize)> = None;
        for (i, point) in self.points.iter().enumerate().skip(first) {
            run = match (point.ratio(), run) {
                (None, run) => run,
                (Some(ratio), _) if ratio < normal => None,
                (Some(_), None) => Some((i, 1)),
                (Some(_), Some((start, length))) => Some((start, length + 1)),
            };
            if let Some((start, RECOVERY_WINDOWS)) = run {
                return Some(self.start_of(start).since(ended));
            }
        }
        None
    }

    /// Whether it fell below normal for three windows in a row, from `began` on.
    pub fn hit(&self, began: Instant) -> bool {
        let Some(baseline) = self.before(began) else { return false };
        let mut low = 0;
        for ratio in self.points.iter().skip(self.index_below(began)).filter_map(|point| point.ratio()) {
            low = if ratio < baseline.ratio * NORMAL { low + 1 } else { 0 };
            if low == HIT_WINDOWS {
                return true;
            }
        }
        false
    }

    /// Window by window, the share of its usual useful answers that is missing; not a number where nothing was offered.
    pub fn missing(&self, began: Instant) -> Option<Vec<f64>> {
        let usual = self.before(began)?.ratio;
        Some(self.points.iter().map(|point| point.ratio().map_or(f64::NAN, |ratio| (1.0 - ratio / usual).max(0.0))).collect())
    }

    /// Goodput ÷ offered, and offered per second, over the last 30 s.
    pub fn last(&self) -> Option<Baseline> {
        let end = self.points.len();
        let windows = LAST.0.checked_div(self.window.0).unwrap_or(0).max(1) as usize;
        let (sum, seconds) = self.sum(end.saturating_sub(windows), end);
        Some(Baseline { ratio: sum.ratio()?, offered: sum.offered as f64 / seconds })
    }

    /// Down for good though nothing is wrong any more; nothing if it is too early to tell, or what was before is unknown.
    pub fn metastable(&self, began: Instant, ended: Instant, until: Instant) -> Option<bool> {
        if until.since(ended) < LONG_AFTER {
            return None;
        }
        let (before, last) = (self.before(began)?, self.last()?);
        let same_load = (last.offered - before.offered).abs() <= SAME_LOAD * before.offered;
        Some(same_load && last.ratio < COLLAPSED * before.ratio)
    }

    fn sum(&self, from: usize, until: usize) -> (Point, f64) {
        let points = self.points.get(from..until).unwrap_or(&[]);
        let sum = points.iter().fold(Point::default(), |sum, p| Point { offered: sum.offered + p.offered, useful: sum.useful + p.useful });
        (sum, Nanos(self.window.0 * points.len() as u64).as_secs_f64())
    }

    /// How many windows end at or before an instant: the window that contains it, or begins with it.
    fn index_below(&self, at: Instant) -> usize {
        (at.0.checked_div(self.window.0).unwrap_or(0) as usize).min(self.points.len())
    }

    /// The first window that begins at or after an instant.
    fn index_above(&self, at: Instant) -> usize {
        at.0.div_ceil(self.window.0.max(1)) as usize
    }

    fn start_of(&self, index: usize) -> Instant {
        Instant(self.window.0 * index as u64)
    }
}

/// What disturbed the run: all faults together, or the load from the moment it was too much.
#[derive(Clone, Debug, PartialEq)]
pub struct Disturbance {
    pub began: Instant,
    /// The end of the last fault; `None`: not within the run.
    pub ended: Option<Instant>,
    /// What the faults touch directly: it does not count for the blast radius.
    pub services: Vec<ServiceId>,
    pub clients: Vec<ClientId>,
}

impl Disturbance {
    /// All faults that began within the run; nothing if none did.
    pub fn by_faults(topology: &Topology, recording: &Recording) -> Option<Disturbance> {
        let began = faults(topology, recording).map(|span| span.began).min()?;
        let ended = faults(topology, recording).map(|span| span.ended).try_fold(Instant::START, |latest, end| Some(latest.max(end?)));
        let mut services = Vec::new();
        let mut clients = Vec::new();
        for span in faults(topology, recording) {
            let fault = &topology.faults[span.fault.index()];
            services.extend(fault.services.iter().copied().filter(|s| !services.contains(s)).collect::<Vec<_>>());
            clients.extend(fault.clients.iter().copied().filter(|c| !clients.contains(c)).collect::<Vec<_>>());
        }
        Some(Disturbance { began, ended, services, clients })
    }

    /// Nothing failed by itself: from here on the load was too much.
    pub fn by_load(began: Instant) -> Disturbance {
        Disturbance { began, ended: None, services: Vec::new(), clients: Vec::new() }
    }
}

/// Who fell below 95 % of their own baseline, the faults' own targets excluded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Blast {
    /// Services first, then clients, in the model's order.
    pub hit: Vec<String>,
    /// Of so many services and clients.
    pub of: usize,
    /// How many of them had a baseline to compare with.
    pub known: usize,
}

impl Blast {
    pub fn share(&self) -> Option<f64> {
        (self.known > 0).then(|| self.hit.len() as f64 / self.of as f64)
    }
}

pub fn blast(topology: &Topology, recording: &Recording, by: &Disturbance) -> Blast {
    let until = horizon(topology, recording);
    let services = (0..topology.services.len()).map(ServiceId::new).filter(|s| !by.services.contains(s));
    let clients = (0..topology.clients.len()).map(ClientId::new).filter(|c| !by.clients.contains(c));
    let services = services.map(|s| (&topology.services[s.index()].name, Course::of_service(recording, s, until)));
    let clients = clients.map(|c| (&topology.clients[c.index()].name, Course::of_client(recording, c, until)));
    let mut blast = Blast::default();
    for (name, course) in services.chain(clients) {
        blast.of += 1;
        blast.known += usize::from(course.before(by.began).is_some());
        if course.hit(by.began) {
            blast.hit.push(name.clone());
        }
    }
    blast
}

/// Windows that overlap `[from, until)`, as a range of indices.
pub fn windows_of(window: Nanos, from: Instant, until: Instant) -> std::ops::Range<usize> {
    let window = window.0.max(1);
    let end = until.0.div_ceil(window).min(u64::from(u32::MAX)) as usize;
    (from.0 / window) as usize..end
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 100 offered per one-second window, with so many useful answers.
    fn course(useful: &[(usize, u64)]) -> Course {
        let points = useful.iter().flat_map(|&(n, useful)| std::iter::repeat_n(Point { offered: 100, useful }, n)).collect();
        Course { window: Nanos::from_secs(1), points }
    }

    #[test]
    fn recovery_is_the_first_of_ten_good_windows() {
        for (what, useful, recovered) in [
            ("never fell", vec![(90, 100)], Some(0)),
            ("7 s late", vec![(40, 100), (27, 10), (23, 100)], Some(7)),
            ("a relapse starts the count again", vec![(40, 100), (20, 10), (9, 100), (1, 94), (20, 95)], Some(10)),
            ("too late to tell", vec![(40, 100), (41, 10), (9, 100)], None),
            ("nothing known of before", vec![(40, 0), (50, 100)], None),
        ] {
            let course = course(&useful);
            let found = course.recovered(Instant::from_secs(40), Instant::from_secs(60));
            assert_eq!(found, recovered.map(Nanos::from_secs), "{what}");
        }
    }

    #[test]
    fn a_window_with_nothing_offered_says_nothing() {
        let mut stuck = course(&[(40, 100), (20, 10), (30, 100)]);
        stuck.points[60..81].fill(Point::default());
        assert_eq!(stuck.recovered(Instant::from_secs(40), Instant::from_secs(60)), None, "nine windows are left");
        stuck.points[80] = Point { offered: 100, useful: 100 };
        assert_eq!(stuck.recovered(Instant::from_secs(40), Instant::from_secs(60)), Some(Nanos::from_secs(20)));
    }

    #[test]
    fn a_recovery_counts_from_the_end_of_the_fault_even_within_a_window() {
        let course = course(&[(40, 100), (21, 10), (29, 100)]);
        assert_eq!(course.recovered(Instant::from_secs(40), Instant(60_500_000_000)), Some(Nanos::from_millis(500)));
    }

    #[test]
    fn metastable_needs_the_same_load_a_collapse_and_a_minute() {
        let down = course(&[(40, 100), (110, 10)]);
        let judge = |course: &Course, ended| course.metastable(Instant::from_secs(40), Instant::from_secs(ended), Instant::from_secs(150));
        assert_eq!(judge(&down, 60), Some(true));
        assert_eq!(judge(&down, 91), None, "59 s remain");
        assert_eq!(judge(&course(&[(40, 100), (110, 51)]), 60), Some(false));
        let mut busier = down.clone();
        busier.points[120..].iter_mut().for_each(|p| p.offered = 111);
        assert_eq!(judge(&busier, 60), Some(false), "more is offered than before");
    }

    #[test]
    fn two_low_windows_are_not_a_hit_three_are() {
        let at = Instant::from_secs(40);
        assert!(!course(&[(40, 100), (2, 50), (1, 95), (2, 50), (20, 100)]).hit(at));
        assert!(course(&[(40, 100), (3, 94), (20, 100)]).hit(at));
        assert!(!course(&[(40, 100), (20, 100)]).hit(at));
    }

    #[test]
    fn the_baseline_takes_the_last_thirty_windows_before() {
        let course = course(&[(10, 0), (30, 80), (20, 10)]);
        assert_eq!(course.before(Instant::from_secs(40)), Some(Baseline { ratio: 0.8, offered: 100.0 }));
        assert_eq!(course.before(Instant::START), None);
    }
}
