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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::recording::EdgeRecord;

    const LENS: Lens = Lens { merged: 1, points: 1, step: 1.0 };

    /// What is written of one window, by the keys that the scripts read.
    fn told(series: &impl serde::Serialize) -> Vec<(String, i64)> {
        let value = serde_json::to_value(series).unwrap();
        let told = value.as_object().unwrap().iter().filter_map(|(key, value)| Some((key.clone(), value.as_i64()?)));
        told.collect()
    }

    fn expected(all: &[(&str, i64)]) -> Vec<(String, i64)> {
        let mut all: Vec<(String, i64)> = all.iter().map(|(key, value)| (key.to_string(), *value)).collect();
        all.sort();
        all
    }

    fn sorted(mut told: Vec<(String, i64)>) -> Vec<(String, i64)> {
        told.sort();
        told
    }

    #[test]
    fn every_figure_of_a_client_and_of_a_service_stands_under_its_own_key() {
        let window = ClientWindow { offered: 1, ok: 2, degraded: 3, failed: 4, p50: 5_000, p95: 6_000, p99: 7_000 };
        let of_client = [("arrived", 1), ("ok", 2), ("degraded", 3), ("failed", 4), ("p50", 5), ("p95", 6), ("p99", 7)];
        assert_eq!(sorted(told(&client(&[window], LENS))), expected(&of_client));
        let window = ServiceWindow {
            arrived: 1,
            ok: 2,
            failed: 3,
            rejected: 4,
            abandoned: 5,
            queue: 6.0,
            busy: 7.0,
            present: 8.0,
            workers: 9.0,
            up: 10,
            p50: 11_000,
            p95: 12_000,
            p99: 13_000,
        };
        let of_service = [
            ("arrived", 1),
            ("ok", 2),
            ("failed", 3),
            ("refused", 4),
            ("abandoned", 5),
            ("queue", 60),
            ("busy", 70),
            ("workers", 90),
            ("up", 10),
            ("p50", 11),
            ("p95", 12),
            ("p99", 13),
        ];
        assert_eq!(sorted(told(&service(&[window], LENS))), expected(&of_service), "levels are in tenths, latencies in microseconds");
    }

    #[test]
    fn an_arrow_has_the_sum_of_its_calls_and_of_no_others() {
        let window = EdgeWindow {
            calls: 1,
            attempts: 2,
            retries: 3,
            failed: 4,
            timeouts: 5,
            fallbacks: 6,
            short_circuited: 7,
            open: 8,
            half_open: 9,
            ..EdgeWindow::default()
        };
        let record = EdgeRecord { windows: vec![window], ..EdgeRecord::default() };
        let recording = Recording { edges: vec![record; 3], ..Recording::default() };
        let twice = [
            ("calls", 2),
            ("attempts", 4),
            ("retries", 6),
            ("failed", 8),
            ("timeouts", 10),
            ("fallbacks", 12),
            ("cut", 14),
            ("open", 16),
            ("halfOpen", 18),
        ];
        assert_eq!(sorted(told(&calls_of(&recording, &[0, 2], LENS))), expected(&twice));
    }
}
