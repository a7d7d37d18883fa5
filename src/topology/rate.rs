//! How requests arrive at an open client: an arrival process driven by a rate that may step and ramp.

use crate::base::time::{Instant, Nanos};

/// The shape of the arrival process; its intensity comes from the [`RatePlan`].
#[derive(Clone, Debug)]
pub enum Arrivals {
    /// Evenly spaced.
    Constant,
    /// Exponential gaps.
    Poisson,
    /// Markov-modulated Poisson: states visited in order, each with a factor on the plan and a mean exponential stay.
    Mmpp(Vec<(f64, Nanos)>),
    /// Exactly at these instants.
    Trace(Vec<Instant>),
}

/// A piecewise linear rate over the run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RatePlan {
    /// Ordered by `from`, the first at 0, without gaps; the last goes on for ever at its `to` rate.
    pub segments: Vec<RateSegment>,
}

/// From `from` on, the rate goes linearly from `start` to `end` (requests per second) until the next segment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateSegment {
    pub from: Instant,
    pub start: f64,
    pub end: f64,
}

impl RatePlan {
    pub fn constant(rate: f64) -> RatePlan {
        RatePlan { segments: vec![RateSegment { from: Instant::START, start: rate, end: rate }] }
    }

    /// The rate at an instant, in requests per second.
    pub fn at(&self, at: Instant) -> f64 {
        let next = self.segments.partition_point(|s| s.from <= at);
        let Some(segment) = next.checked_sub(1).map(|i| self.segments[i]) else { return 0.0 };
        match self.segments.get(next) {
            Some(until) if segment.start != segment.end => {
                let share = at.since(segment.from).as_secs_f64() / until.from.since(segment.from).as_secs_f64();
                segment.start + (segment.end - segment.start) * share
            }
            _ => segment.end,
        }
    }

    /// The plan with its rate multiplied by `factor` within `[from, until)`.
    pub fn scaled(&self, from: Instant, until: Instant, factor: f64) -> RatePlan {
        let mut cuts: Vec<Instant> = self.segments.iter().map(|s| s.from).collect();
        cuts.extend([from, until].into_iter().filter(|c| *c != Instant::NEVER));
        cuts.sort();
        cuts.dedup();
        let mut segments = Vec::with_capacity(cuts.len());
        for (i, &cut) in cuts.iter().enumerate() {
            let by = if from <= cut && cut < until { factor } else { 1.0 };
            let end = match cuts.get(i + 1) {
                // The rate just before the next cut: a step there belongs to the next segment.
                Some(&next) => self.before(next),
                None => self.at(Instant(u64::MAX - 1)),
            };
            segments.push(RateSegment { from: cut, start: self.at(cut) * by, end: end * by });
        }
        RatePlan { segments }
    }

    /// The limit of the rate from the left.
    fn before(&self, at: Instant) -> f64 {
        let next = self.segments.partition_point(|s| s.from < at);
        let segment = self.segments[next.saturating_sub(1)];
        match self.segments.get(next) {
            Some(until) if segment.start != segment.end => {
                let share = at.since(segment.from).as_secs_f64() / until.from.since(segment.from).as_secs_f64();
                segment.start + (segment.end - segment.start) * share
            }
            _ => segment.end,
        }
    }

    /// The highest rate it ever reaches.
    pub fn peak(&self) -> f64 {
        self.segments.iter().map(|s| s.start.max(s.end)).fold(0.0, f64::max)
    }

    /// The mean of the rate from the start until then.
    pub fn mean(&self, until: Instant) -> f64 {
        let mut requests = 0.0;
        for (place, segment) in self.segments.iter().enumerate().filter(|(_, segment)| segment.from < until) {
            let end = self.segments.get(place + 1).map_or(until, |next| next.from.min(until));
            let last = if self.segments.get(place + 1).is_some_and(|next| next.from <= until) { segment.end } else { self.at(end) };
            requests += (segment.start + last) / 2.0 * end.since(segment.from).as_secs_f64();
        }
        requests / until.since(Instant::START).as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(points: &[(u64, f64, f64)]) -> RatePlan {
        let segments = points.iter().map(|&(at, start, end)| RateSegment { from: Instant::from_secs(at), start, end }).collect();
        RatePlan { segments }
    }

    #[test]
    fn a_ramp_is_linear_and_the_last_rate_stays() {
        let plan = plan(&[(0, 200.0, 200.0), (60, 200.0, 400.0), (70, 400.0, 400.0)]);
        for (at, rate) in [(0, 200.0), (59, 200.0), (60, 200.0), (65, 300.0), (70, 400.0), (1000, 400.0)] {
            assert_eq!(plan.at(Instant::from_secs(at)), rate, "at {at} s");
        }
        assert_eq!(plan.peak(), 400.0);
        // 12,000 requests before the ramp, 1,250 in its first half, 3,000 in all of it.
        for (until, mean) in [(60, 200.0), (65, 13_250.0 / 65.0), (70, 15_000.0 / 70.0), (100, 27_000.0 / 100.0)] {
            assert!(
                (plan.mean(Instant::from_secs(until)) - mean).abs() < 1e-9,
                "until {until} s: {}",
                plan.mean(Instant::from_secs(until))
            );
        }
    }

    #[test]
    fn a_spike_multiplies_the_rate_within_its_span_only() {
        let spiked =
            plan(&[(0, 100.0, 100.0), (10, 100.0, 200.0), (20, 200.0, 200.0)]).scaled(Instant::from_secs(5), Instant::from_secs(15), 3.0);
        for (at, rate) in [(4, 100.0), (5, 300.0), (9, 300.0), (12, 360.0), (15, 150.0), (18, 180.0), (25, 200.0)] {
            assert!((spiked.at(Instant::from_secs(at)) - rate).abs() < 1e-9, "at {at} s: {}", spiked.at(Instant::from_secs(at)));
        }
    }
}
