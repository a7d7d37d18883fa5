//! What boxes and arrows of the replay are over time: the windows of clients, services and calls as series.

use super::data::{EdgeSeries, NodeSeries};
use super::series::Lens;
use crate::observe::recording::{ClientWindow, EdgeWindow, Recording, ServiceWindow};

pub fn client(w: &[ClientWindow], lens: Lens) -> NodeSeries {
    NodeSeries {
        arrived: Some(lens.sum(w, |w| w.offered)),
        ok: Some(lens.sum(w, |w| w.ok)),
        degraded: Some(lens.sum(w, |w| w.degraded)),
        failed: Some(lens.sum(w, |w| w.failed)),
        p50: Some(lens.latency(w, |w| w.p50)),
        p95: Some(lens.latency(w, |w| w.p95)),
        p99: Some(lens.latency(w, |w| w.p99)),
        ..NodeSeries::default()
    }
}

pub fn service(w: &[ServiceWindow], lens: Lens) -> NodeSeries {
    NodeSeries {
        arrived: Some(lens.sum(w, |w| w.arrived)),
        ok: Some(lens.sum(w, |w| w.ok)),
        degraded: None,
        failed: Some(lens.sum(w, |w| w.failed)),
        refused: Some(lens.sum(w, |w| w.rejected)),
        abandoned: Some(lens.sum(w, |w| w.abandoned)),
        queue: Some(lens.tenths(w, |w| w.queue)),
        busy: Some(lens.tenths(w, |w| w.busy)),
        workers: Some(lens.tenths(w, |w| w.workers)),
        up: Some(lens.highest(w, |w| w.up.into())),
        p50: Some(lens.latency(w, |w| w.p50)),
        p95: Some(lens.latency(w, |w| w.p95)),
        p99: Some(lens.latency(w, |w| w.p99)),
    }
}

/// All calls of an arrow together, window by window.
pub fn calls_of(recording: &Recording, edges: &[usize], lens: Lens) -> EdgeSeries {
    let mut sum: Vec<EdgeWindow> = Vec::new();
    for windows in edges.iter().filter_map(|i| recording.edges.get(*i)).map(|edge| &edge.windows) {
        sum.resize(sum.len().max(windows.len()), EdgeWindow::default());
        for (sum, w) in sum.iter_mut().zip(windows) {
            for (all, one) in [
                (&mut sum.calls, w.calls),
                (&mut sum.attempts, w.attempts),
                (&mut sum.retries, w.retries),
                (&mut sum.failed, w.failed),
                (&mut sum.timeouts, w.timeouts),
                (&mut sum.fallbacks, w.fallbacks),
                (&mut sum.short_circuited, w.short_circuited),
                (&mut sum.open, w.open),
                (&mut sum.half_open, w.half_open),
            ] {
                *all = all.saturating_add(one);
            }
        }
    }
    EdgeSeries {
        calls: lens.sum(&sum, |w| w.calls),
        attempts: lens.sum(&sum, |w| w.attempts),
        retries: lens.sum(&sum, |w| w.retries),
        failed: lens.sum(&sum, |w| w.failed),
        timeouts: lens.sum(&sum, |w| w.timeouts),
        fallbacks: lens.sum(&sum, |w| w.fallbacks),
        cut: lens.sum(&sum, |w| w.short_circuited),
        open: lens.highest(&sum, |w| w.open.into()),
        half_open: lens.highest(&sum, |w| w.half_open.into()),
    }
}
