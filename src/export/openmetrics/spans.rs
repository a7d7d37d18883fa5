//! Span metrics, as a collector makes them of traces (the span metrics connector).

use super::istio::{self, Series, Workload};
use super::{Exposition, Kind, Labels, Scene};
use crate::observe::watch::meters::{Reporter, Scrape};
use std::collections::BTreeMap;
use std::io;

/// Of the spans that servers leave, all of them, as the span metrics connector counts them.
pub fn write<W: io::Write>(scene: &Scene, text: &mut Exposition<W>) -> io::Result<()> {
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
