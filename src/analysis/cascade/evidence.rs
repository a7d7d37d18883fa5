//! What a step of the cascade can be held to: the figures of its place before the disturbance and while the step lasts, and a
//! followed request that met it.

use super::strand::Strand;
use super::telling::{amplification, before, lasting, mean, pick};
use super::{Evidence, Sample, Scene};
use crate::base::time::Instant;
use crate::observe::episode::Place;
use crate::observe::recording::{ClientWindow, EdgeWindow, ServiceWindow};
use crate::observe::span::{Kept, Span, SpanKind, Trace};
use crate::observe::span_id::Ids;
use std::ops::Range;

/// What changed by less than this, ÷ what it was, is no evidence.
const CHANGED: f64 = 0.1;

/// The figures of a strand's place that changed, in the order of what a reader asks first.
pub fn figures(scene: &Scene<'_>, strand: &Strand) -> Vec<Evidence> {
    let (before, during) = (before(scene), lasting(scene, strand));
    let recording = scene.recording;
    let all = match strand.place {
        Place::Fault(_) => Vec::new(),
        Place::Client(client) => both(&recording.clients[client.index()].windows, before, during, |w| of_client(scene, w)),
        Place::Service(service) => both(&recording.services[service.index()].windows, before, during, |w| of_service(scene, w)),
        Place::Edge(edge) => both(&recording.edges[edge.index()].windows, before, during, |w| of_edge(scene, w)),
    };
    all.into_iter().filter(has_changed).collect()
}

fn has_changed(evidence: &Evidence) -> bool {
    match evidence.before {
        Some(before) => (evidence.during - before).abs() > CHANGED * before.abs().max(evidence.during.abs()),
        None => evidence.during != 0.0,
    }
}

type Figures = Vec<(&'static str, Option<f64>)>;

fn both<W>(windows: &[W], before: Range<usize>, during: Range<usize>, figures: impl Fn(&[W]) -> Figures) -> Vec<Evidence> {
    let mut before = figures(pick(windows, before)).into_iter();
    let evidence = |(metric, during): (&'static str, Option<f64>)| {
        let before = before.next().and_then(|(_, before)| before);
        Some(Evidence { metric: metric.to_string(), before, during: during? })
    };
    figures(pick(windows, during)).into_iter().filter_map(evidence).collect()
}

fn of_client(scene: &Scene<'_>, windows: &[ClientWindow]) -> Figures {
    let per_second = |count: fn(&ClientWindow) -> u32| mean(windows.iter().map(|w| f64::from(count(w))), scene.recording.window);
    vec![
        ("goodput", per_second(|w| w.ok.saturating_add(w.degraded))),
        ("degraded", per_second(|w| w.degraded)),
        ("failed", per_second(|w| w.failed)),
        ("p99", worst(windows.iter().map(|w| w.p99))),
    ]
}

fn of_service(scene: &Scene<'_>, windows: &[ServiceWindow]) -> Figures {
    let per_second = |count: fn(&ServiceWindow) -> u32| mean(windows.iter().map(|w| f64::from(count(w))), scene.recording.window);
    let workers: f64 = windows.iter().map(|w| w.workers).sum();
    let busy = windows.iter().map(|w| w.busy).sum::<f64>();
    vec![
        ("answered", per_second(|w| w.ok)),
        ("failed", per_second(|w| w.failed.saturating_add(w.rejected))),
        ("utilization", (workers > 0.0).then(|| busy / workers)),
        ("queueLength", windows.iter().map(|w| w.queue).reduce(f64::max)),
        ("p99", worst(windows.iter().map(|w| w.p99))),
    ]
}

fn of_edge(scene: &Scene<'_>, windows: &[EdgeWindow]) -> Figures {
    let per_second = |count: fn(&EdgeWindow) -> u32| mean(windows.iter().map(|w| f64::from(count(w))), scene.recording.window);
    vec![
        ("attempts", per_second(|w| w.attempts)),
        ("amplification", amplification(windows)),
        ("failed", per_second(|w| w.failed)),
        ("timeouts", per_second(|w| w.timeouts)),
        ("shortCircuited", per_second(|w| w.short_circuited)),
    ]
}

/// Of latencies in nanoseconds, 0 where nothing was answered: the greatest, in seconds.
fn worst(latencies: impl Iterator<Item = u64>) -> Option<f64> {
    latencies.max().filter(|worst| *worst > 0).map(|worst| worst as f64 / 1e9)
}

/// A followed request that met the strand while it lasted: one that failed rather than one that was slow, else any.
pub fn sample(scene: &Scene<'_>, strand: &Strand) -> Option<Sample> {
    if matches!(strand.place, Place::Fault(_)) {
        return None;
    }
    let met = |span: &&Span| is_of(scene, span, strand.place) && overlaps(span, strand);
    let failed_there = |trace: &Trace| trace.spans.iter().filter(met).any(|span| span.ended.is_none_or(|(_, end)| end.is_failure()));
    let rank = |trace: &&Trace| (!failed_there(trace), !matches!(trace.kept, Kept::Failed | Kept::Degraded), trace.kept != Kept::Slow);
    let candidates = scene.recording.sampled.iter().filter(|trace| trace.spans.iter().any(|span| met(&span)));
    let trace = candidates.min_by_key(rank)?;
    let client = &scene.topology.clients[trace.client.index()].name;
    let id = Ids::new(scene.recording.seed, client).trace(trace.number);
    Some(Sample { client: client.clone(), number: trace.number, id: id.to_string() })
}

fn is_of(scene: &Scene<'_>, span: &Span, place: Place) -> bool {
    match (place, span.what) {
        (Place::Client(client), SpanKind::Call { edge, .. }) => {
            scene.topology.edges[edge.index()].caller == crate::topology::site::Caller::Client(client)
        }
        (Place::Service(service), SpanKind::Served { replica, .. }) => scene.topology.replicas[replica.index()].service == service,
        (Place::Edge(edge), SpanKind::Call { edge: of, .. }) => edge == of,
        _ => false,
    }
}

fn overlaps(span: &Span, strand: &Strand) -> bool {
    let ended = span.ended.map_or(Instant::NEVER, |(at, _)| at);
    span.began <= strand.last && ended >= strand.began
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_hardly_changed_is_no_evidence() {
        let evidence = |before, during| Evidence { metric: "p99".into(), before, during };
        assert!(!has_changed(&evidence(Some(1.0), 1.05)) && !has_changed(&evidence(Some(0.0), 0.0)) && !has_changed(&evidence(None, 0.0)));
        assert!(has_changed(&evidence(Some(1.0), 0.5)) && has_changed(&evidence(Some(0.0), 0.1)) && has_changed(&evidence(None, 2.0)));
    }
}
