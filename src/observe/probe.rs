//! Probes: the figures that an expectation asks for over a span of its own.

use crate::base::histogram::Histogram;
use crate::base::outcome::Outcome;
use crate::base::time::{Instant, Nanos};

/// Counts and latencies of what was offered in `[from, until)` to one client, service or edge.
#[derive(Clone, Debug, Default)]
pub struct Probe {
    pub from: Instant,
    pub until: Instant,
    pub offered: u64,
    pub ok: u64,
    pub degraded: u64,
    pub failed: u64,
    pub latency: Histogram,
    /// Attempts of the calls (edges only).
    pub attempts: u64,
}

impl Probe {
    pub fn covers(&self, offered: Instant) -> bool {
        self.from <= offered && offered < self.until
    }

    pub fn completed(&mut self, outcome: Outcome, took: Nanos) {
        match outcome {
            o if o.is_ok() => self.ok += 1,
            o if o.is_degraded() => self.degraded += 1,
            _ => self.failed += 1,
        }
        self.latency.record(took.0);
    }
}
