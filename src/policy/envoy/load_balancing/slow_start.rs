//! Slow start: a host that just joined gets a share that grows (Istio's `warmup`; `applySlowStartFactor` of Envoy's
//! load_balancer_impl.cc). If all hosts join together, all are alike and nothing is slowed.

use crate::base::math::pow;
use crate::base::time::{Instant, Nanos};
use crate::policy::error::{PolicyError, require};

#[derive(Clone, Copy, PartialEq, Debug)]
pub struct SlowStart {
    pub window: Nanos,
    /// What a new host begins with.
    pub min_weight_percent: f64,
    /// 1 grows in proportion to time, more begins faster.
    pub aggression: f64,
}

/// No weight in a schedule is less, so that every host has its turn and deadlines stay finite.
pub const LEAST_WEIGHT: f64 = 1e-12;

impl SlowStart {
    /// A window, with the defaults 10 % and 1.
    pub fn new(window: Nanos) -> SlowStart {
        SlowStart { window, min_weight_percent: 10.0, aggression: 1.0 }
    }

    pub(super) fn check(&self) -> Result<(), PolicyError> {
        require(self.window >= Nanos::from_millis(1), "duration", || "of a warm-up must be at least 1ms".into())?;
        require((0.0..=100.0).contains(&self.min_weight_percent), "minimumPercent", || {
            format!("must be between 0 and 100, not {}", self.min_weight_percent)
        })?;
        let aggression = self.aggression;
        require(aggression > 0.0 && aggression.is_finite(), "aggression", || format!("must be more than 0, not {aggression}"))
    }

    /// What the weight of a host that joined at `since` is multiplied by. Time counts in whole milliseconds.
    pub fn factor(&self, since: Instant, now: Instant) -> f64 {
        let (elapsed, window) = (millis(now.since(since)), millis(self.window));
        if elapsed >= window {
            return 1.0;
        }
        let share = elapsed.max(1) as f64 / window as f64;
        let grown = if self.aggression == 1.0 { share } else { pow(share, 1.0 / self.aggression) };
        grown.max(self.min_weight_percent / 100.0).max(LEAST_WEIGHT)
    }

    /// Whether the host that joined last may still be slowed: its window's last millisecond belongs to it.
    pub fn lasts(&self, newest: Instant, now: Instant) -> bool {
        millis(now.since(newest)) <= millis(self.window)
    }
}

fn millis(span: Nanos) -> u64 {
    span.0 / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_grows_with_time() {
        for (seconds, linear, eager) in
            [(0, 0.10, 0.10), (3, 0.10, 0.224), (6, 0.10, 0.316), (15, 0.25, 0.5), (30, 0.5, 0.707), (60, 1.0, 1.0), (99, 1.0, 1.0)]
        {
            let warm = SlowStart::new(Nanos::from_secs(60));
            let joined = Instant::from_secs(1000);
            let now = joined + Nanos::from_secs(seconds);
            assert!((warm.factor(joined, now) - linear).abs() < 5e-4, "{seconds} s");
            let factor = SlowStart { aggression: 2.0, ..warm }.factor(joined, now);
            assert!((factor - eager).abs() < 5e-4, "{seconds} s with aggression 2: {factor}");
        }
    }

    #[test]
    fn a_host_begins_as_if_a_millisecond_had_passed() {
        let bare = SlowStart { min_weight_percent: 0.0, ..SlowStart::new(Nanos::from_secs(1)) };
        assert_eq!(bare.factor(Instant::START, Instant::START), 0.001);
        assert!(bare.lasts(Instant::START, Instant::from_secs(1)));
        assert!(!bare.lasts(Instant::START, Instant::from_secs(1) + Nanos::from_millis(1)));
    }

    #[test]
    fn nonsense_is_refused_in_words() {
        let warm = SlowStart::new(Nanos::from_secs(60));
        for (slow_start, message) in [
            (SlowStart { window: Nanos::ZERO, ..warm }, "`duration` of a warm-up must be at least 1ms"),
            (SlowStart { min_weight_percent: 101.0, ..warm }, "`minimumPercent` must be between 0 and 100, not 101"),
            (SlowStart { aggression: 0.0, ..warm }, "`aggression` must be more than 0, not 0"),
        ] {
            assert_eq!(slow_start.check().unwrap_err().to_string(), message);
        }
    }
}
