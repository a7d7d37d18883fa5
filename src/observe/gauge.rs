//! Gauges of a service: how many wait, are in progress, are present; with their integrals over time.
//!
//! Integrals are integers (count x nanoseconds, u128): exact, and the same however a run is cut into windows.

use super::recording::{ServiceRecord, ServiceWindow};
use crate::base::time::Instant;

/// A count that changes by steps, and its integral over time.
///
/// A step of one at the instant `t` adds `end - t` to the integral up to `end`. So the instants of the steps are summed, and
/// the integral is `count x end - sum`: exact, whatever the sum wraps to, and a step costs no multiplication.
#[derive(Clone, Copy, Debug, Default)]
struct Level {
    count: u64,
    stepped: u128,
}

impl Level {
    #[inline(always)]
    fn up(&mut self, now: Instant) {
        self.count += 1;
        self.stepped = self.stepped.wrapping_add(u128::from(now.0));
    }

    #[inline(always)]
    fn down(&mut self, now: Instant) {
        self.count = self.count.wrapping_sub(1);
        self.stepped = self.stepped.wrapping_sub(u128::from(now.0));
    }

    fn integral(&self, at: Instant) -> u128 {
        (u128::from(self.count) * u128::from(at.0)).wrapping_sub(self.stepped)
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Integrals {
    queue: u128,
    busy: u128,
    present: u128,
    alive: u128,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Gauge {
    queue: Level,
    busy: Level,
    present: Level,
    queue_max: u64,
    present_max: u64,
    /// Workers alive; 0 if unlimited. They come and go seldom: their integral is taken only then, and when it is read.
    alive: u64,
    alive_at: Instant,
    alive_sum: u128,
    at_window: Integrals,
    window_began: Instant,
    at_interval: Integrals,
}

impl Gauge {
    fn advance_alive(&mut self, now: Instant) {
        self.alive_sum += u128::from(now.0 - self.alive_at.0) * u128::from(self.alive);
        self.alive_at = now;
    }

    /// All integrals from the start until now.
    fn sums(&mut self, now: Instant) -> Integrals {
        self.advance_alive(now);
        Integrals {
            queue: self.queue.integral(now),
            busy: self.busy.integral(now),
            present: self.present.integral(now),
            alive: self.alive_sum,
        }
    }

    #[inline]
    pub fn queued(&mut self, now: Instant) {
        self.queue.up(now);
        self.queue_max = self.queue_max.max(self.queue.count);
    }

    #[inline]
    pub fn unqueued(&mut self, now: Instant) {
        self.queue.down(now);
    }

    #[inline]
    pub fn started(&mut self, now: Instant) {
        self.busy.up(now);
        debug_assert!(self.alive == 0 || self.busy.count <= self.alive, "more workers in use than there are");
    }

    #[inline]
    pub fn released(&mut self, now: Instant) {
        self.busy.down(now);
    }

    #[inline]
    pub fn came(&mut self, now: Instant) {
        self.present.up(now);
        self.present_max = self.present_max.max(self.present.count);
    }

    #[inline]
    pub fn left(&mut self, now: Instant) {
        self.present.down(now);
    }

    pub fn set_alive(&mut self, now: Instant, alive: u64) {
        self.advance_alive(now);
        self.alive = alive;
    }

    /// The measured interval begins.
    pub fn begin(&mut self, at: Instant) {
        self.at_interval = self.sums(at);
        (self.queue_max, self.present_max) = (self.queue.count, self.present.count);
    }

    /// The measured interval is over.
    pub fn end(&mut self, at: Instant, record: &mut ServiceRecord) {
        let sums = self.sums(at);
        record.queued = sums.queue - self.at_interval.queue;
        record.busy = sums.busy - self.at_interval.busy;
        record.present = sums.present - self.at_interval.present;
        record.alive = sums.alive - self.at_interval.alive;
        (record.queue_max, record.present_max) = (self.queue_max, self.present_max);
    }

    /// Means since the last window closed.
    pub fn close_window(&mut self, at: Instant, window: &mut ServiceWindow) {
        let sums = self.sums(at);
        // The last window of a run may be cut short.
        let width = at.since(self.window_began);
        self.window_began = at;
        // What ends a run may happen in no time after the last window: there the mean is what there is.
        let mean = |sum: u128, before: u128, now: u64| if width.0 == 0 { now as f64 } else { (sum - before) as f64 / width.0 as f64 };
        window.queue = mean(sums.queue, self.at_window.queue, self.queue.count);
        window.busy = mean(sums.busy, self.at_window.busy, self.busy.count);
        window.present = mean(sums.present, self.at_window.present, self.present.count);
        window.workers = mean(sums.alive, self.at_window.alive, self.alive);
        self.at_window = sums;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integrals_are_exact_and_count_only_the_interval() {
        let mut gauge = Gauge::default();
        gauge.set_alive(Instant(0), 4);
        gauge.came(Instant(0));
        gauge.begin(Instant(10));
        gauge.came(Instant(15));
        gauge.left(Instant(18));
        let mut record = ServiceRecord::default();
        gauge.end(Instant(20), &mut record);
        assert_eq!((record.present, record.present_max, record.alive), (5 + 6 + 2, 2, 40));
    }
}
