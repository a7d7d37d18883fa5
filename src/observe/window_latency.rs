//! The latencies of one window of a component, of which those of the cohort belong to its record too.
//!
//! Each is recorded once, and handed over when the window closes: merging histograms is exact, and one of a thousand latencies
//! costs less than to record each a second time.

use crate::base::histogram::Histogram;
use crate::base::time::Nanos;

#[derive(Default)]
pub(super) struct WindowLatency {
    cohort: Histogram,
    /// Offered before or after the measured interval.
    others: Histogram,
}

impl WindowLatency {
    #[inline(always)]
    pub fn record(&mut self, took: Nanos, cohort: bool) {
        let latency = if cohort { &mut self.cohort } else { &mut self.others };
        latency.record(took.0);
    }

    /// Adds the cohort's to the record, and shows all of the window's; whoever has read them clears them.
    pub fn hand_over(&mut self, record: &mut Histogram) -> &mut Histogram {
        record.merge(&self.cohort);
        self.cohort.merge(&self.others);
        self.others.clear();
        &mut self.cohort
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_gets_the_cohort_and_the_window_all() {
        let mut latency = WindowLatency::default();
        let mut record = Histogram::new();
        latency.record(Nanos(5), true);
        latency.record(Nanos(9), false);
        let window = latency.hand_over(&mut record);
        assert_eq!((window.count(), window.max(), record.count(), record.max()), (2, Some(9), 1, Some(5)));
        window.clear();
        latency.record(Nanos(7), true);
        latency.hand_over(&mut record);
        assert_eq!((record.count(), record.max()), (2, Some(7)));
    }
}
