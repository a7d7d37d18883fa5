//! Breakers that were not closed and hosts that were not in the pool, caller by caller, as spans of time.

use super::data::States;
use crate::analysis::names;
use crate::observe::recording::{Happening, Mode, Recording};
use crate::topology::Topology;
use std::collections::BTreeMap;

/// Rows that are shown at most, those that were away the longest.
pub const MOST: usize = 60;
/// Spans of a row; a breaker that flaps more often is not read span by span.
const MOST_SPANS: usize = 400;

/// The rows, breakers first, and how many were left out.
pub fn of_run(topology: &Topology, recording: &Recording, until: f64) -> (Vec<States>, usize) {
    let mut rows: BTreeMap<(&'static str, u32, u32, u32), States> = BTreeMap::new();
    for mark in &recording.timeline {
        let at = mark.at.as_secs_f64().min(until);
        match mark.what {
            Happening::Breaker { edge, caller, to, .. } => {
                let row = rows.entry(("breaker", edge.0, caller, 0)).or_insert_with(|| States {
                    kind: "breaker",
                    who: names::caller(topology, caller),
                    to: names::callee_of(topology, edge).to_string(),
                    spans: Vec::new(),
                });
                change(row, at, until, state(to));
            }
            Happening::Ejection { edge, caller, replica, ejected } => {
                let row = rows.entry(("ejection", edge.0, caller, replica.0)).or_insert_with(|| States {
                    kind: "ejection",
                    who: names::caller(topology, caller),
                    to: names::replica(topology, replica),
                    spans: Vec::new(),
                });
                change(row, at, until, ejected.then_some("ejected"));
            }
            _ => {}
        }
    }
    let mut rows: Vec<States> = rows.into_values().filter(|row| !row.spans.is_empty()).collect();
    let left_out = rows.len().saturating_sub(MOST);
    if left_out > 0 {
        let away = |row: &States| row.spans.iter().map(|(from, until, _)| until - from).sum::<f64>();
        rows.sort_by(|a, b| away(b).total_cmp(&away(a)));
        rows.truncate(MOST);
        rows.sort_by(|a, b| (a.kind, &a.who, &a.to).cmp(&(b.kind, &b.who, &b.to)));
    }
    (rows, left_out)
}

fn state(mode: Mode) -> Option<&'static str> {
    match mode {
        Mode::Closed => None,
        Mode::Open => Some("open"),
        Mode::HalfOpen => Some("half-open"),
    }
}

/// Ends the span that goes on, and begins the next.
fn change(row: &mut States, at: f64, until: f64, to: Option<&'static str>) {
    if let Some(last) = row.spans.last_mut().filter(|last| last.1 >= until) {
        last.1 = at;
    }
    if let Some(state) = to.filter(|_| row.spans.len() < MOST_SPANS) {
        row.spans.push((at, until, state));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::sample;
    use crate::base::id::*;
    use crate::base::time::Instant;
    use crate::observe::recording::Mark;

    #[test]
    fn breakers_and_hosts_have_their_spans_by_caller() {
        let breaker =
            |at, caller, from, to| Mark { at: Instant::from_secs(at), what: Happening::Breaker { edge: EdgeId(1), caller, from, to } };
        let ejection = |at, ejected| Mark {
            at: Instant::from_secs(at),
            what: Happening::Ejection { edge: EdgeId(2), caller: 3, replica: ReplicaId(6), ejected },
        };
        let timeline = vec![
            breaker(60, 0, Mode::Closed, Mode::Open),
            breaker(61, 1, Mode::Closed, Mode::Open),
            ejection(62, true),
            breaker(90, 0, Mode::Open, Mode::HalfOpen),
            breaker(91, 0, Mode::HalfOpen, Mode::Closed),
            ejection(92, false),
        ];
        let recording = Recording { timeline, ..Recording::default() };
        let (rows, left_out) = of_run(&sample::shop(4), &recording, 180.0);
        assert_eq!(left_out, 0);
        let row = |kind, who: &str, to: &str, spans| States { kind, who: who.into(), to: to.into(), spans };
        assert_eq!(
            rows,
            [
                row("breaker", "gateway-0", "orders.place", vec![(60.0, 90.0, "open"), (90.0, 91.0, "half-open")]),
                row("breaker", "gateway-1", "orders.place", vec![(61.0, 180.0, "open")]),
                row("ejection", "orders-0", "orders-db-0", vec![(62.0, 92.0, "ejected")]),
            ]
        );
    }

    #[test]
    fn each_caller_and_host_has_a_row_and_of_too_many_the_shortest_are_left_out() {
        let mark = |at, caller, ejected| Mark {
            at: Instant::from_secs(at),
            what: Happening::Ejection { edge: EdgeId(2), caller: caller % 7, replica: ReplicaId(caller / 7 % 7), ejected },
        };
        let breaker =
            |at, to| Mark { at: Instant::from_secs(at), what: Happening::Breaker { edge: EdgeId(1), caller: 0, from: Mode::Closed, to } };
        // A breaker that opens twice, then 49 pairs of caller and host, the first of them the longest.
        let mut timeline = vec![breaker(1, Mode::Open), breaker(2, Mode::Closed), breaker(5, Mode::Open), breaker(7, Mode::Closed)];
        for pair in 0..49_u32 {
            timeline.extend([mark(10, pair, true), mark(100 - u64::from(pair), pair, false)]);
        }
        let (rows, left_out) = of_run(&sample::shop(4), &Recording { timeline: timeline.clone(), ..Recording::default() }, 180.0);
        assert_eq!((rows.len(), left_out), (50, 0));
        assert_eq!(rows[0].spans, [(1.0, 2.0, "open"), (5.0, 7.0, "open")]);
        for pair in 0..14_u32 {
            let at = Instant::from_secs(120);
            let what = Happening::Ejection { edge: EdgeId(1), caller: pair % 7, replica: ReplicaId(pair / 7), ejected: true };
            timeline.push(Mark { at, what });
        }
        let (rows, left_out) = of_run(&sample::shop(4), &Recording { timeline, ..Recording::default() }, 180.0);
        assert_eq!((rows.len(), left_out), (MOST, 4));
        assert!(rows.iter().all(|row| row.kind == "ejection"), "the breaker was away for three seconds only");
    }
}
