//! What libraries in the applications tell: Resilience4j of circuit breakers, and span metrics as a collector makes them of traces.
//!
//! A breaker's state is told per caller. Its calls are counted per service (`instance` is the service): which of its replicas made
//! them is not recorded.

use super::istio::{self, Series, Workload};
use super::{Exposition, Kind, Labels, Scene};
use crate::analysis::names;
use crate::base::id::EdgeId;
use crate::base::time::Instant;
use crate::observe::recording::Happening;
use crate::observe::watch::meters::{Reporter, Scrape};
use crate::policy::app::circuit_breaker::Mode;
use std::collections::BTreeMap;
use std::io;

pub fn write<W: io::Write>(scene: &Scene, text: &mut Exposition<W>) -> io::Result<()> {
    breaker_states(scene, text)?;
    breaker_calls(scene, text)?;
    span_metrics(scene, text)
}

const STATES: [(&str, Mode); 3] = [("closed", Mode::Closed), ("open", Mode::Open), ("half_open", Mode::HalfOpen)];

/// The callers of an edge, by their numbers, and each change of their breakers.
fn breakers(scene: &Scene) -> BTreeMap<(EdgeId, u32), Vec<(Instant, Mode)>> {
    let topology = scene.topology;
    let mut breakers = BTreeMap::new();
    for (edge, of) in topology.edges.iter().enumerate() {
        for site in of.sites.iter().map(|site| &topology.sites[site.index()]).filter(|site| site.policy.is_some()) {
            if topology.policies[site.policy.index()].rules.breaker.is_some() {
                site.callers.clone().for_each(|caller| {
                    breakers.entry((EdgeId::new(edge), caller)).or_insert_with(Vec::new);
                });
            }
        }
    }
    for mark in &scene.recording.timeline {
        if let Happening::Breaker { edge, caller, to, .. } = mark.what {
            breakers.entry((edge, caller)).or_default().push((mark.at, to));
        }
    }
    breakers
}

fn breaker_states<W: io::Write>(scene: &Scene, text: &mut Exposition<W>) -> io::Result<()> {
    let breakers = breakers(scene);
    if breakers.is_empty() {
        return Ok(());
    }
    let name = "resilience4j_circuitbreaker_state";
    text.family(name, Kind::Gauge, "Whether the circuit breaker is in this state.")?;
    for ((edge, caller), changes) in &breakers {
        let instance = names::caller(scene.topology, *caller).replace('/', "-");
        let application = Workload::calling(scene.topology, *edge).name;
        let callee = names::callee_of(scene.topology, *edge);
        for (state, wanted) in STATES {
            let labels = Labels::new(&[("application", &application), ("instance", &instance), ("name", callee), ("state", state)]);
            let mode = |scrape: usize| {
                let before = changes.iter().take_while(|(at, _)| *at < scene.times.at(scrape)).last();
                before.map_or(Mode::Closed, |(_, mode)| *mode)
            };
            let values = (0..scene.times.stamps.len()).map(|scrape| f64::from(mode(scrape) == wanted));
            text.series(name, &labels, &scene.times, values)?;
        }
    }
    Ok(())
}

/// What passed the breakers: attempts, by how they ended.
fn breaker_calls<W: io::Write>(scene: &Scene, text: &mut Exposition<W>) -> io::Result<()> {
    let breakers = breakers(scene);
    let guarded = |edge: EdgeId| breakers.range((edge, 0)..=(edge, u32::MAX)).next().is_some();
    let mut by_labels: BTreeMap<String, Vec<Option<Scrape>>> = BTreeMap::new();
    for counters in scene.telemetry.counters.iter().filter(|c| c.reporter == Reporter::Source && guarded(c.edge)) {
        let workload = Workload::calling(scene.topology, counters.edge).name;
        let kind = if counters.outcome.is_failure() { "failed" } else { "successful" };
        let callee = names::callee_of(scene.topology, counters.edge);
        let labels = Labels::new(&[("application", &workload), ("instance", &workload), ("name", callee), ("kind", kind)]);
        istio::add(by_labels.entry(labels.0).or_default(), counters, scene.telemetry.scrapes);
    }
    if by_labels.is_empty() {
        return Ok(());
    }
    // Micrometer's timer, of which only the sum and the count are published.
    let name = "resilience4j_circuitbreaker_calls_seconds";
    text.family(name, Kind::Summary, "Calls that the circuit breaker let pass.")?;
    for (labels, scrapes) in by_labels {
        let labels = Labels(labels);
        for (scrape, stamp) in scrapes.iter().zip(&scene.times.stamps) {
            let Some(scrape) = scrape else { continue };
            text.sample(&format!("{name}_count"), &labels, scrape.requests as f64, stamp)?;
            text.sample(&format!("{name}_sum"), &labels, scrape.nanos as f64 / 1e9, stamp)?;
        }
    }
    Ok(())
}

/// Of the spans that servers leave, all of them, as the span metrics connector counts them.
fn span_metrics<W: io::Write>(scene: &Scene, text: &mut Exposition<W>) -> io::Result<()> {
    let mut by_labels: BTreeMap<String, Vec<Option<Scrape>>> = BTreeMap::new();
    for counters in scene.telemetry.counters.iter().filter(|c| c.reporter == Reporter::Destination && c.to.is_some()) {
        let service = Workload::of(scene.topology, counters.to).name;
        let endpoint = &scene.topology.endpoints[scene.topology.edges[counters.edge.index()].callee.index()].name;
        // A server's span is an error if the server failed, not if its client asked for nonsense.
        let status = if counters.outcome.status >= 500 { "STATUS_CODE_ERROR" } else { "STATUS_CODE_UNSET" };
        let labels =
            Labels::new(&[("service_name", &service), ("span_name", endpoint), ("span_kind", "SPAN_KIND_SERVER"), ("status_code", status)]);
        istio::add(by_labels.entry(labels.0).or_default(), counters, scene.telemetry.scrapes);
    }
    let series: Vec<Series> = by_labels.into_iter().map(|(labels, scrapes)| (Labels(labels), scrapes)).collect();
    if series.is_empty() {
        return Ok(());
    }
    text.family("traces_span_metrics_calls", Kind::Counter, "Spans of servers.")?;
    for (labels, scrapes) in &series {
        istio::counts("traces_span_metrics_calls_total", labels, scrapes, scene, text)?;
    }
    let name = "traces_span_metrics_duration_milliseconds";
    text.family(name, Kind::Histogram, "How long spans of servers took.")?;
    istio::histogram(name, &series, scene, text)
}
