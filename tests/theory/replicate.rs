//! Independent runs of one model, and comparisons of their mean figures with exact ones.

use crate::EFFORT;
use crate::common::run_yaml;
use brownout::analysis::summary::{CallSummary, ClientSummary, ServiceSummary, Summary};
use brownout::observe::recording::Recording;
use brownout::topology::Topology;
use rayon::prelude::*;

/// How long the runs of a binary are, and how near their figures have to be.
#[derive(Clone, Copy)]
pub struct Effort {
    /// Requests, relative to the fast suite.
    pub requests: f64,
    /// Relative error of a mean.
    pub mean: f64,
    /// Relative error of a quantile far out.
    pub tail: f64,
    /// Absolute error of a probability.
    pub share: f64,
}

/// Replications of every model: the seeds 1..=5.
const SEEDS: u64 = 5;

/// The runs of one model.
pub struct Runs(pub Vec<(Topology, Recording, Summary)>);

/// Runs a model for `seconds` in all (times the effort), each of the seeds a fifth of it after a tenth for warming up.
pub fn replicate(seconds: f64, yaml: &str) -> Runs {
    let each = seconds * EFFORT.requests / SEEDS as f64;
    let (warm_up, duration) = ((0.1 * each).ceil(), (1.1 * each).ceil());
    // Series are not looked at: few windows.
    let window = duration;
    let text = format!("duration: {duration}s\nwarmUp: {warm_up}s\nwindow: {window}s\n{yaml}");
    Runs((1..=SEEDS).into_par_iter().map(|seed| run_yaml(&text, seed)).collect())
}

impl Runs {
    /// The mean of a figure over the runs.
    pub fn mean(&self, figure: impl Fn(&Summary) -> f64) -> f64 {
        self.0.iter().map(|(_, _, summary)| figure(summary)).sum::<f64>() / self.0.len() as f64
    }

    pub fn client(&self, name: &str, figure: impl Fn(&ClientSummary) -> Option<f64>) -> f64 {
        self.mean(|summary| figure(summary.clients.get(name).expect("the client is in the model")).expect("it has a value"))
    }

    pub fn service(&self, name: &str, figure: impl Fn(&ServiceSummary) -> Option<f64>) -> f64 {
        self.mean(|summary| figure(summary.services.get(name).expect("the service is in the model")).expect("it has a value"))
    }

    pub fn call(&self, name: &str, figure: impl Fn(&CallSummary) -> f64) -> f64 {
        self.mean(|summary| figure(summary.calls.get(name).expect("the call is in the model")))
    }

    /// The mean over the runs of a standard deviation, in seconds, to the histogram's resolution of 1/128.
    pub fn deviation(&self, histogram: impl Fn(&Recording) -> &brownout::base::histogram::Histogram) -> f64 {
        let deviation = |recording: &Recording| {
            let histogram = histogram(recording);
            let mean = histogram.mean().expect("it has values");
            let squares: f64 = histogram.buckets().map(|(value, count)| (value as f64 / 1e9) * (value as f64 / 1e9) * count as f64).sum();
            (squares / histogram.count() as f64 - mean * mean).sqrt()
        };
        self.0.iter().map(|(_, recording, _)| deviation(recording)).sum::<f64>() / self.0.len() as f64
    }
}

/// A mean, or a quantile near the middle.
#[track_caller]
pub fn mean(what: &str, observed: f64, exact: f64) {
    relative(what, observed, exact, EFFORT.mean);
}

/// A quantile far out.
#[track_caller]
pub fn tail(what: &str, observed: f64, exact: f64) {
    relative(what, observed, exact, EFFORT.tail);
}

/// A probability.
#[track_caller]
pub fn share(what: &str, observed: f64, exact: f64) {
    absolute(what, observed, exact, EFFORT.share);
}

#[track_caller]
pub fn relative(what: &str, observed: f64, exact: f64, tolerance: f64) {
    let error = observed / exact - 1.0;
    println!("{what}: {observed:.6}, exactly {exact:.6}, {:+.2} %", error * 100.0);
    assert!(error.abs() <= tolerance, "{what}: {observed}, exactly {exact}: more than {tolerance} off");
}

#[track_caller]
pub fn absolute(what: &str, observed: f64, exact: f64, tolerance: f64) {
    println!("{what}: {observed:.6}, exactly {exact:.6}, {:+.6}", observed - exact);
    assert!((observed - exact).abs() <= tolerance, "{what}: {observed}, exactly {exact}: more than {tolerance} off");
}
