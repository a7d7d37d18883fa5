//! Gauges of a service: how many wait, are in progress, are present; with their integrals over time.
//!
//! Integrals are integers (count x nanoseconds, u128): exact, and the same however a run is cut into windows.

use super::recording::{ServiceRecord, ServiceWindow};
use crate::base::time::Instant;

#[derive(Clone, Copy, Debug, Default)]
struct Integrals {
    queue: u128,
    busy: u128,
    present: u128,
    alive: u128,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Gauge {
    /// Up to when the integrals are taken.
    at: Instant,
    queue: u64,
    busy: u64,
    present: u64,
    /// Workers alive; 0 if unlimited.
    alive: u64,
    alive_at: Instant,
    queue_max: u64,
    present_max: u64,
    sums: Integrals,
    at_window: Integrals,
    window_began: Instant,
    at_interval: Integrals,
}

impl Gauge {
    #[inline]
    fn advance(&mut self, now: Instant) {
        let span = u128::from(now.0 - self.at.0);
        self.at = now;
        if span == 0 {
            return;
        }
        self.sums.queue += span * u128::from(self.queue);
        self.sums.busy += span * u128::from(self.busy);
        self.sums.present += span * u128::from(self.present);
    }

    /// Workers come and go seldom: their integral is taken only then, and when it is read.
    fn advance_all(&mut self, now: Instant) {
        self.advance(now);
        self.sums.alive += u128::from(now.0 - self.alive_at.0) * u128::from(self.alive);
        self.alive_at = now;
    }

    #[inline]
    pub fn queue(&mut self, now: Instant, step: i64) {
        self.advance(now);
        self.queue = self.queue.wrapping_add_signed(step);
        self.queue_max = self.queue_max.max(self.queue);
    }

    #[inline]
    pub fn busy(&mut self, now: Instant, step: i64) {
        self.advance(now);
        self.busy = self.busy.wrapping_add_signed(step);
        debug_assert!(self.alive == 0 || self.busy <= self.alive, "more workers in use than there are");
    }

    #[inline]
    pub fn present(&mut self, now: Instant, step: i64) {
        self.advance(now);
        self.present = self.present.wrapping_add_signed(step);
        self.present_max = self.present_max.max(self.present);
    }

    /// One that was in progress is no longer there.
    #[inline]
    pub fn leave(&mut self, now: Instant) {
        self.advance(now);
        self.busy -= 1;
        self.present -= 1;
    }

    pub fn set_alive(&mut self, now: Instant, alive: u64) {
        self.advance_all(now);
        self.alive = alive;
    }

    /// The measured interval begins.
    pub fn begin(&mut self, at: Instant) {
        self.advance_all(at);
        self.at_interval = self.sums;
        (self.queue_max, self.present_max) = (self.queue, self.present);
    }

    /// The measured interval is over.
    pub fn end(&mut self, at: Instant, record: &mut ServiceRecord) {
        self.advance_all(at);
        record.queued = self.sums.queue - self.at_interval.queue;
        record.busy = self.sums.busy - self.at_interval.busy;
        record.present = self.sums.present - self.at_interval.present;
        record.alive = self.sums.alive - self.at_interval.alive;
        (record.queue_max, record.present_max) = (self.queue_max, self.present_max);
    }

    /// Means since the last window closed.
    pub fn close_window(&mut self, at: Instant, window: &mut ServiceWindow) {
        self.advance_all(at);
        // The last window of a run may be cut short.
        let width = at.since(self.window_began);
        self.window_began = at;
        // What ends a run may happen in no time after the last window: there the mean is what there is.
        let mean = |sum: u128, before: u128, now: u64| if width.0 == 0 { now as f64 } else { (sum - before) as f64 / width.0 as f64 };
        window.queue = mean(self.sums.queue, self.at_window.queue, self.queue);
        window.busy = mean(self.sums.busy, self.at_window.busy, self.busy);
        window.present = mean(self.sums.present, self.at_window.present, self.present);
        window.workers = mean(self.sums.alive, self.at_window.alive, self.alive);
        self.at_window = self.sums;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integrals_are_exact_and_count_only_the_interval() {
        let mut gauge = Gauge::default();
        gauge.set_alive(Instant(0), 4);
        gauge.present(Instant(0), 1);
        gauge.begin(Instant(10));
        gauge.present(Instant(15), 1);
        gauge.present(Instant(18), -1);
        let mut record = ServiceRecord::default();
        gauge.end(Instant(20), &mut record);
        assert_eq!((record.present, record.present_max, record.alive), (5 + 6 + 2, 2, 40));
    }
}
