//! From a recording's windows to values of a series: rates, means and quantiles, with windows merged where there are too
//! many to see.

use super::TimeAxis;
use crate::base::time::SECOND;
use crate::observe::recording::Recording;
use crate::topology::Topology;

/// A full-width panel shows no more values than this, a small one half of it.
pub const MOST: usize = 1200;

/// How windows become values.
#[derive(Clone, Copy, Debug)]
pub struct Lens {
    /// Seconds per window.
    window: f64,
    /// So many windows make one value.
    pub merged: usize,
}

impl Lens {
    pub fn of(recording: &Recording, most: usize) -> Lens {
        let count = count(recording);
        Lens { window: seconds(recording.window.0.max(1)), merged: count.div_ceil(most).max(1) }
    }

    /// Seconds between values.
    pub fn step(self) -> f64 {
        self.window * self.merged as f64
    }

    pub fn each<T>(self, windows: &[T], value: impl Fn(&[T]) -> f64) -> Vec<f64> {
        windows.chunks(self.merged).map(value).collect()
    }

    /// Events per second.
    pub fn rate<T>(self, windows: &[T], events: impl Fn(&T) -> u32) -> Vec<f64> {
        self.each(windows, |part| total(part, &events) / (part.len() as f64 * self.window))
    }

    /// Means of a figure that is a mean over each window; a gap where it is none.
    pub fn mean<T>(self, windows: &[T], figure: impl Fn(&T) -> f64) -> Vec<f64> {
        self.each(windows, |part| part.iter().map(&figure).sum::<f64>() / part.len() as f64)
    }

    /// A latency in nanoseconds as seconds, the highest of merged windows; a gap where nothing was measured.
    pub fn latency<T>(self, windows: &[T], nanos: impl Fn(&T) -> u64) -> Vec<f64> {
        self.each(windows, |part| match part.iter().map(&nanos).max() {
            Some(highest) if highest > 0 => seconds(highest),
            _ => f64::NAN,
        })
    }

    /// One count by another; a gap where the other is zero.
    pub fn ratio<T>(self, windows: &[T], counts: impl Fn(&T) -> (u32, u32)) -> Vec<f64> {
        self.each(windows, |part| total(part, |w| counts(w).0) / total(part, |w| counts(w).1))
    }

    /// What a caption has to say about merging.
    pub fn caption(self) -> String {
        match self.merged {
            1 => self.told("point"),
            _ => format!("{} (latencies: the highest of them)", self.told("point")),
        }
    }

    /// The same where merged windows are added: `each column is 3 windows of 1 s`.
    pub fn told(self, one: &str) -> String {
        let window = super::Unit::Seconds.written(self.window);
        match self.merged {
            1 => format!("windows of {window}"),
            n => format!("each {one} is {n} windows of {window}"),
        }
    }
}

fn total<T>(part: &[T], count: impl Fn(&T) -> u32) -> f64 {
    part.iter().map(|w| f64::from(count(w))).sum()
}

pub fn seconds(nanos: u64) -> f64 {
    nanos as f64 / SECOND as f64
}

/// The largest finite value; 0 if there is none.
pub fn highest(values: &[f64]) -> f64 {
    values.iter().copied().filter(|v| v.is_finite()).fold(0.0, f64::max)
}

/// The number of windows of the longest series.
fn count(recording: &Recording) -> usize {
    let clients = recording.clients.iter().map(|c| c.windows.len());
    let services = recording.services.iter().map(|s| s.windows.len());
    let edges = recording.edges.iter().map(|e| e.windows.len());
    clients.chain(services).chain(edges).max().unwrap_or(0)
}

/// From the start to the last window, or to the end of the load if that is later.
pub fn time_axis(topology: &Topology, recording: &Recording) -> TimeAxis {
    let recorded = count(recording) as f64 * seconds(recording.window.0);
    let load_ends = if recording.interrupted { seconds(recording.ended.0) } else { topology.duration.as_secs_f64() };
    TimeAxis { until: recorded.max(load_ends), warm_up: topology.warm_up.as_secs_f64(), load_ends }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::Nanos;
    use crate::observe::recording::{ClientRecord, ClientWindow};

    fn lens(windows: usize, most: usize) -> Lens {
        let client = ClientRecord { windows: vec![ClientWindow::default(); windows], ..ClientRecord::default() };
        Lens::of(&Recording { window: Nanos::from_millis(500), clients: vec![client], ..Recording::default() }, most)
    }

    #[test]
    fn merging_keeps_rates_and_shows_the_worst_latency() {
        let windows: Vec<(u32, u64)> = (0..10).map(|i| (5, i * 1_000_000)).collect();
        let lens = lens(10, 4);
        assert_eq!((lens.merged, lens.step()), (3, 1.5));
        assert_eq!(lens.rate(&windows, |w| w.0), [10.0, 10.0, 10.0, 10.0]);
        assert_eq!(lens.latency(&windows, |w| w.1), [0.002, 0.005, 0.008, 0.009]);
    }

    #[test]
    fn what_was_not_measured_is_a_gap() {
        let lens = lens(2, 4);
        assert!(lens.latency(&[0, 1_000_000], |w| *w)[0].is_nan());
        assert!(lens.ratio(&[(0, 0), (3, 2)], |w| *w)[0].is_nan());
        assert_eq!(lens.ratio(&[(0, 0), (3, 2)], |w| *w)[1], 1.5);
    }
}
