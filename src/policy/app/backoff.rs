//! Backoff: how long to wait before a retry. Bounds grow as in Resilience4j and Envoy; jitter is Brooker's (AWS
//! Architecture Blog 2015, `aws-arch-backoff-simulator`).

use crate::base::math;
use crate::base::time::Nanos;
use crate::policy::error::{PolicyError, require};

/// How the bound of the wait goes on from retry to retry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// Always `initial`.
    Fixed,
    /// `initial · factor^(retry - 1)`, at most `max`.
    Exponential,
    /// `min(max, U(initial, 3 · previous wait))`: a jitter of its own.
    Decorrelated,
}

/// How much of the bound `v` is left to chance.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Jitter {
    /// `v` itself.
    None,
    /// U(0, v).
    Full,
    /// v/2 + U(0, v/2).
    Equal,
}

/// Waits before retries.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Backoff {
    pub shape: Shape,
    pub initial: Nanos,
    pub factor: f64,
    pub max: Nanos,
    pub jitter: Jitter,
}

impl Backoff {
    /// Retries at once.
    pub const NONE: Backoff = Backoff { shape: Shape::Fixed, initial: Nanos::ZERO, factor: 1.0, max: Nanos::ZERO, jitter: Jitter::None };

    pub fn new(shape: Shape, initial: Nanos, factor: f64, max: Nanos, jitter: Jitter) -> Result<Backoff, PolicyError> {
        require(factor.is_finite() && factor >= 1.0, "factor", || format!("must be a number of at least 1, not {factor}"))?;
        require(max >= initial, "max", || format!("is {max}, less than the first wait of {initial}"))?;
        require(shape != Shape::Decorrelated || jitter == Jitter::None, "jitter", || {
            "goes with fixed and exponential waits; decorrelated waits are random by themselves".into()
        })?;
        require(shape != Shape::Decorrelated || initial > Nanos::ZERO, "initial", || {
            "must be more than 0s: decorrelated waits grow from it".into()
        })?;
        Ok(Backoff { shape, initial, factor, max, jitter })
    }

    /// The wait before the `retry`-th retry (1 is the first), after a wait of `previous` (anything below `initial` counts
    /// as `initial`), with a draw from [0, 1).
    pub fn wait(&self, retry: u32, previous: Nanos, uniform: f64) -> Nanos {
        debug_assert!(retry >= 1 && (0.0..1.0).contains(&uniform));
        match self.shape {
            Shape::Fixed | Shape::Exponential => self.jittered(self.bound(retry), uniform),
            Shape::Decorrelated => self.decorrelated(previous, uniform),
        }
    }

    /// The wait without jitter.
    pub fn bound(&self, retry: u32) -> Nanos {
        match self.shape {
            Shape::Fixed | Shape::Decorrelated => self.initial.min(self.max),
            Shape::Exponential => self.grown(retry.saturating_sub(1)).min(self.max),
        }
    }

    /// `initial · factor^steps`, saturating. A whole factor is reckoned in integers, so that 100 ms doubled thrice is 800 ms
    /// to the nanosecond.
    fn grown(&self, steps: u32) -> Nanos {
        if self.initial == Nanos::ZERO {
            return Nanos::ZERO;
        }
        let whole = self.factor as u64;
        if whole as f64 == self.factor {
            return Nanos(whole.checked_pow(steps).map_or(u64::MAX, |grown| self.initial.0.saturating_mul(grown)));
        }
        // The cast saturates: an infinite product becomes the longest span.
        Nanos((self.initial.0 as f64 * math::pow(self.factor, f64::from(steps)) + 0.5) as u64)
    }

    fn jittered(&self, bound: Nanos, uniform: f64) -> Nanos {
        match self.jitter {
            Jitter::None => bound,
            Jitter::Full => part(bound, uniform),
            Jitter::Equal => {
                let half = Nanos(bound.0 / 2);
                half + part(bound - half, uniform)
            }
        }
    }

    fn decorrelated(&self, previous: Nanos, uniform: f64) -> Nanos {
        let highest = Nanos(previous.max(self.initial).0.saturating_mul(3));
        (self.initial + part(highest - self.initial, uniform)).min(self.max)
    }
}

/// The `uniform`-th part of a span, rounded down.
fn part(span: Nanos, uniform: f64) -> Nanos {
    Nanos((span.0 as f64 * uniform) as u64).min(span)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Nanos = Nanos::from_millis;
    const ALMOST_ONE: f64 = 1.0 - f64::EPSILON / 2.0;

    fn exponential(initial: Nanos, factor: f64, max: Nanos, jitter: Jitter) -> Backoff {
        Backoff::new(Shape::Exponential, initial, factor, max, jitter).unwrap()
    }

    #[test]
    fn bounds_double_exactly_up_to_the_longest_wait() {
        // Envoy's default caps: 25 ms doubling to 250 ms.
        let envoy = exponential(MS(25), 2.0, MS(250), Jitter::Full);
        let bounds: Vec<Nanos> = (1..=6).map(|retry| envoy.bound(retry)).collect();
        assert_eq!(bounds, [25, 50, 100, 200, 250, 250].map(MS));
        let guide = exponential(MS(100), 2.0, Nanos::from_secs(10), Jitter::None);
        let waits: Vec<Nanos> = (1..=3).map(|retry| guide.wait(retry, Nanos::ZERO, 0.9)).collect();
        assert_eq!(waits, [100, 200, 400].map(MS));
    }

    #[test]
    fn bounds_grow_by_any_factor_and_never_overflow() {
        let resilience4j = exponential(MS(500), 1.5, Nanos::MAX, Jitter::None);
        for (retry, wait) in [(1, MS(500)), (2, MS(750)), (3, MS(1125)), (u32::MAX, Nanos::MAX)] {
            assert_eq!(resilience4j.bound(retry), wait, "{retry}");
        }
        for (initial, factor) in [(MS(1), 2.0), (Nanos(1), 3.0), (MS(1), 1e300), (Nanos::MAX, 1.1)] {
            assert_eq!(exponential(initial, factor, Nanos::MAX, Jitter::None).bound(u32::MAX), Nanos::MAX);
        }
        assert_eq!(exponential(Nanos::ZERO, 1.5, MS(1), Jitter::Full).bound(u32::MAX), Nanos::ZERO);
        assert_eq!(exponential(MS(7), 1.0, MS(9), Jitter::None).bound(u32::MAX), MS(7));
    }

    #[test]
    fn jitter_leaves_all_half_or_nothing_to_chance() {
        for (jitter, lowest, middle, highest) in [
            (Jitter::None, MS(400), MS(400), MS(400)),
            (Jitter::Full, Nanos::ZERO, MS(200), Nanos(399_999_999)),
            (Jitter::Equal, MS(200), MS(300), Nanos(399_999_999)),
        ] {
            let backoff = exponential(MS(100), 2.0, Nanos::from_secs(10), jitter);
            assert_eq!(backoff.wait(3, Nanos::ZERO, 0.0), lowest, "{jitter:?}");
            assert_eq!(backoff.wait(3, Nanos::ZERO, 0.5), middle, "{jitter:?}");
            assert_eq!(backoff.wait(3, Nanos::ZERO, ALMOST_ONE), highest, "{jitter:?}");
        }
    }

    #[test]
    fn decorrelated_waits_grow_from_the_previous_one() {
        let backoff = Backoff::new(Shape::Decorrelated, MS(5), 2.0, MS(2000), Jitter::None).unwrap();
        assert_eq!(backoff.wait(1, Nanos::ZERO, 0.5), MS(10), "U(5, 15) after nothing");
        assert_eq!(backoff.wait(1, MS(5), 0.5), MS(10));
        assert_eq!(backoff.wait(9, MS(100), 0.0), MS(5), "never below the first");
        assert_eq!(backoff.wait(9, MS(1500), 0.9), MS(2000), "never above the longest");
        assert_eq!(backoff.wait(9, Nanos::MAX, 0.9), MS(2000));
    }

    #[test]
    fn nonsense_is_refused_in_words() {
        for (backoff, message) in [
            (Backoff::new(Shape::Exponential, MS(1), 0.5, MS(2), Jitter::None), "`factor` must be a number of at least 1, not 0.5"),
            (Backoff::new(Shape::Exponential, MS(1), f64::NAN, MS(2), Jitter::None), "`factor` must be a number of at least 1, not NaN"),
            (Backoff::new(Shape::Fixed, MS(3), 1.0, MS(2), Jitter::None), "`max` is 2ms, less than the first wait of 3ms"),
            (
                Backoff::new(Shape::Decorrelated, MS(1), 1.0, MS(2), Jitter::Full),
                "`jitter` goes with fixed and exponential waits; decorrelated waits are random by themselves",
            ),
        ] {
            assert_eq!(backoff.unwrap_err().to_string(), message);
        }
    }
}
