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
