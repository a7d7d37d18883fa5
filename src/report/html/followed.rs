//! Followed requests as bars of a waterfall: which of them the page holds, and what each bar is called.

use super::data::{Attributed, Followed, SpanBar};
use crate::analysis::attribution;
use crate::analysis::cascade::Cascade;
use crate::analysis::names;
use crate::base::time::Instant;
use crate::observe::recording::Recording;
use crate::observe::span::{Kept, Span, SpanKind, Trace};
use crate::topology::Topology;
use std::collections::{BTreeMap, BTreeSet};

/// Requests of each client and kind, spans of a request, and spans of all requests together that are shown at most.
const MOST_OF_A_KIND: usize = 8;
const MOST_SPANS: usize = 300;
const MOST_IN_ALL: usize = 5000;

/// Why a request was kept, as people say it.
pub fn word(kept: Kept) -> &'static str {
    match kept {
        Kept::Slow => "slow",
        Kept::Failed => "failed",
        Kept::Degraded => "degraded",
        Kept::Typical => "typical",
        Kept::AroundFault => "around a fault",
        Kept::Share => "sampled",
    }
}

pub fn attributed(topology: &Topology, recording: &Recording) -> Vec<Attributed> {
    let groups = attribution::attribute(topology, &recording.sampled);
    let mean = |nanos: u64, requests: u64| nanos / requests.max(1) / 1000;
    groups
        .into_iter()
        .map(|group| Attributed {
            client: topology.clients[group.client].name.clone(),
            kept: word(group.kept),
            requests: group.requests,
            total: mean(group.total.0, group.requests),
            parts: group.shares.iter().map(|((part, place), n)| (part.word(), place.clone(), mean(n.0, group.requests))).collect(),
        })
        .collect()
}

/// Those that the story names, the slowest of each kind, and of typical ones the first; in the order in which they were offered.
pub fn chosen(topology: &Topology, recording: &Recording, cascade: &Cascade) -> Vec<Followed> {
    let samples = cascade.steps.iter().filter_map(|step| step.sample.as_ref());
    let told: BTreeSet<(&str, u64)> = samples.map(|sample| (sample.client.as_str(), sample.number)).collect();
    let is_told = |trace: &Trace| told.contains(&(topology.clients[trace.client.index()].name.as_str(), trace.number));
    let mut kinds: BTreeMap<(Kept, usize), Vec<&Trace>> = BTreeMap::new();
    let mut room = MOST_IN_ALL;
    let mut chosen = Vec::new();
    for trace in recording.sampled.iter().filter(|trace| !trace.spans.is_empty()) {
        if is_told(trace) {
            let shown = followed(topology, trace);
            room = room.saturating_sub(shown.spans.len());
            chosen.push((trace.offered, shown));
            continue;
        }
        kinds.entry((trace.kept, trace.client.index())).or_default().push(trace);
    }
    for ((kept, _), mut traces) in kinds {
        if kept != Kept::Typical {
            traces.sort_by_key(|trace| std::cmp::Reverse(trace.ended.map_or(u64::MAX, |(at, _)| at.since(trace.offered).0)));
        }
        for trace in traces.into_iter().take(MOST_OF_A_KIND) {
            let shown = followed(topology, trace);
            if shown.spans.len() <= room {
                room -= shown.spans.len();
                chosen.push((trace.offered, shown));
            }
        }
    }
    chosen.sort_by_key(|(offered, shown)| (*offered, shown.number));
    chosen.into_iter().map(|(_, shown)| shown).collect()
}

fn followed(topology: &Topology, trace: &Trace) -> Followed {
    let spans: Vec<SpanBar> = trace.spans.iter().take(MOST_SPANS).map(|span| bar(topology, trace, span)).collect();
    Followed {
        client: topology.clients[trace.client.index()].name.clone(),
        number: trace.number,
        at: trace.offered.as_secs_f64(),
        took: trace.ended.map(|(at, _)| since(trace, at)),
        outcome: trace.ended.map(|(_, outcome)| outcome.to_string()),
        kept: word(trace.kept),
        left_out: trace.spans.len() - spans.len(),
        spans,
    }
}

fn since(trace: &Trace, at: Instant) -> u64 {
    at.since(trace.offered).0 / 1000
}

fn bar(topology: &Topology, trace: &Trace, span: &Span) -> SpanBar {
    let callee = |edge| names::callee_of(topology, edge);
    let (kind, name, started) = match span.what {
        SpanKind::Call { edge, caller } => ("call", format!("{} → {}", names::caller(topology, caller), callee(edge)), None),
        SpanKind::Attempt { replica, number, by_mesh, edge } => {
            let by = if by_mesh { " (proxy)" } else { "" };
            let to = replica
                .map_or_else(|| format!("not sent to {}", callee(edge)), |replica| format!("to {}", names::replica(topology, replica)));
            ("attempt", format!("attempt {number}{by} {to}"), None)
        }
        SpanKind::Served { endpoint, replica, started } => {
            ("served", format!("{} on {}", topology.endpoints[endpoint.index()].full_name, names::replica(topology, replica)), started)
        }
        SpanKind::Backoff { .. } => ("backoff", "back-off".to_string(), None),
        SpanKind::Permit { pool, got } => ("permit", format!("permit of {}", topology.pools[pool.index()].name), got),
        SpanKind::Delivery { queue, redelivered, .. } => {
            let again = if redelivered { " again" } else { "" };
            ("delivery", format!("delivered{again} from {}", topology.brokers.queues[queue as usize].name), None)
        }
    };
    SpanBar {
        // A parent is before its children.
        parent: span.parent.map(|p| p as usize).filter(|p| *p < MOST_SPANS),
        began: since(trace, span.began),
        ended: span.ended.map(|(at, _)| since(trace, at)),
        kind,
        name,
        outcome: span.ended.map(|(_, outcome)| outcome.to_string()),
        started: started.map(|at| since(trace, at)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::sample;
    use crate::base::id::*;
    use crate::base::outcome::Outcome;

    fn trace(number: u64, kept: Kept, took: Option<u64>) -> Trace {
        let offered = Instant::from_secs(number);
        let ended = took.map(|millis| (Instant(offered.0 + millis * 1_000_000), Outcome::OK));
        let spans = vec![Span { parent: None, began: offered, ended, what: SpanKind::Call { edge: EdgeId(0), caller: 7 } }];
        Trace { client: ClientId(0), number, offered, ended, kept, spans }
    }

    fn shown(sampled: Vec<Trace>) -> Vec<Followed> {
        chosen(&sample::shop(4), &Recording { sampled, ..Recording::default() }, &Cascade::default())
    }

    #[test]
    fn of_a_kind_the_slowest_are_shown_of_typical_ones_the_first_in_the_order_of_time() {
        let mut all: Vec<Trace> = (0..12).map(|number| trace(number, Kept::Slow, Some(number + 1))).collect();
        all[2] = trace(2, Kept::Slow, None);
        all.extend((20..32).map(|number| trace(number, Kept::Typical, Some(number))));
        let numbers: Vec<u64> = shown(all).iter().map(|followed| followed.number).collect();
        assert_eq!(numbers, [2, 5, 6, 7, 8, 9, 10, 11, 20, 21, 22, 23, 24, 25, 26, 27], "what has no answer has taken the longest");
    }

    #[test]
    fn a_request_says_what_is_not_shown_of_it_and_that_it_has_no_end() {
        let mut large = trace(1, Kept::AroundFault, None);
        large.spans = vec![large.spans[0]; MOST_SPANS + 7];
        let [shown] = &shown(vec![large])[..] else { panic!("one") };
        assert_eq!((shown.left_out, shown.took, shown.kept), (7, None, "around a fault"));
    }

    #[test]
    fn a_bar_says_who_tried_and_whether_it_was_sent() {
        let topology = sample::shop(4);
        let whole = trace(0, Kept::Slow, Some(5));
        let of = |what| {
            let bar = bar(&topology, &whole, &Span { what, ..whole.spans[0] });
            (bar.name, bar.outcome.unwrap())
        };
        let attempt = |replica, by_mesh| SpanKind::Attempt { edge: EdgeId(1), replica, number: 2, by_mesh };
        assert_eq!(of(attempt(None, false)).0, "attempt 2 not sent to orders.place");
        assert_eq!(of(attempt(Some(ReplicaId(3)), true)), ("attempt 2 (proxy) to orders-0".to_string(), "200".to_string()));
    }

    #[test]
    fn the_time_of_a_group_is_that_of_one_request_in_the_mean() {
        let sampled = vec![trace(0, Kept::Slow, Some(10)), trace(1, Kept::Slow, Some(30))];
        let [group] = &attributed(&sample::shop(4), &Recording { sampled, ..Recording::default() })[..] else { panic!("one") };
        assert_eq!((group.requests, group.total, group.parts[0].2), (2, 20_000, 20_000));
    }
}
