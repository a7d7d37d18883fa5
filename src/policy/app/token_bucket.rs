//! Token bucket: how many calls per second. It starts full and refills continuously (Envoy's local rate limit since 1.31);
//! who finds no token is rejected, not queued.
//!
//! The level is an integer: one nanosecond adds `tokens` units and one token is `per` units, so nothing is ever rounded.

use crate::base::time::{Instant, Nanos, SECOND};
use crate::policy::error::{PolicyError, require};

/// `tokens` come in every `per`; at most `burst` are kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TokenBucket {
    tokens: u64,
    per: Nanos,
    burst: u32,
}

/// The level at an instant.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TokenBucketState {
    /// In units of 1/`per` token.
    level: u64,
    at: Instant,
}

impl TokenBucket {
    /// Exact for any whole number of tokens in any span: 100 a minute is 100 in 60 s.
    pub fn new(tokens: u64, per: Nanos, burst: u32) -> Result<TokenBucket, PolicyError> {
        require(tokens > 0 && per > Nanos::ZERO, "rate", || "must be more than 0".into())?;
        require(burst >= 1, "burst", || "must be at least 1: a call needs a whole token".into())?;
        let shared = gcd(tokens, per.0);
        let bucket = TokenBucket { tokens: tokens / shared, per: Nanos(per.0 / shared), burst };
        require(bucket.per.0.checked_mul(u64::from(burst)).is_some(), "burst", || {
            format!("of {burst} is more than can be counted at so low a rate")
        })?;
        Ok(bucket)
    }

    /// Exact for rates that are whole per second, minute, hour or day; otherwise to 1e-6 of a token per second.
    pub fn per_second(rate: f64, burst: u32) -> Result<TokenBucket, PolicyError> {
        require(rate > 0.0 && rate <= 1e12, "rate", || format!("must be more than 0/s and at most 1e12/s, not {rate}/s"))?;
        for seconds in [1, 60, 3600, 86_400] {
            let tokens = rate * seconds as f64;
            let whole = tokens.round();
            if whole >= 1.0 && (tokens - whole).abs() <= 1e-12 * whole {
                return TokenBucket::new(whole as u64, Nanos::from_secs(seconds), burst);
            }
        }
        TokenBucket::new((rate * 1e6 + 0.5) as u64, Nanos(1_000_000 * SECOND), burst)
    }

    /// Tokens per second.
    pub fn rate(&self) -> f64 {
        self.tokens as f64 / self.per.as_secs_f64()
    }

    pub fn burst(&self) -> u32 {
        self.burst
    }

    /// A full bucket.
    pub fn start(&self, now: Instant) -> TokenBucketState {
        TokenBucketState { level: self.capacity(), at: now }
    }

    /// Takes a token, if there is one.
    #[inline]
    pub fn take(&self, state: &mut TokenBucketState, now: Instant) -> bool {
        let gained = u128::from(now.since(state.at).0) * u128::from(self.tokens) + u128::from(state.level);
        // Not above the capacity, which is a u64.
        state.level = gained.min(u128::from(self.capacity())) as u64;
        state.at = now;
        let taken = state.level >= self.per.0;
        if taken {
            state.level -= self.per.0;
        }
        taken
    }

    fn capacity(&self) -> u64 {
        self.per.0 * u64::from(self.burst)
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::math;

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let bucket = TokenBucket::per_second(10.0, 3).unwrap();
        let mut state = bucket.start(Instant::START);
        for (millis, taken) in
            [(0, true), (0, true), (0, true), (0, false), (99, false), (100, true), (100, false), (300, true), (300, true)]
        {
            assert_eq!(bucket.take(&mut state, Instant::START + Nanos::from_millis(millis)), taken, "at {millis} ms");
        }
        let idle = Instant::from_secs(1000);
        assert_eq!((0..9).filter(|_| bucket.take(&mut state, idle)).count(), 3, "no more than the burst is kept");
    }

    #[test]
    fn thirds_of_a_second_do_not_drift() {
        let bucket = TokenBucket::per_second(3.0, 1).unwrap();
        let mut state = bucket.start(Instant::START);
        let taken = (0..=30_000_000u64).filter(|n| bucket.take(&mut state, Instant(n * 100_000_000))).count();
        // Every 100 ms for 3e6 s. Tokens do not fit between, so every fourth call gets one: 0, 400, 800 ms ...
        assert_eq!(taken, 7_500_001);
        let exact = TokenBucket::per_second(1.0 / 3.0, 1).unwrap();
        assert_eq!((exact.tokens, exact.per), (1, Nanos::from_secs(3)));
        let mut state = exact.start(Instant::START);
        assert!((0..1_000_000u64).all(|n| exact.take(&mut state, Instant::from_secs(3 * n))));
    }

    #[test]
    fn rates_are_kept_as_they_are_written() {
        for (rate, tokens, per) in [
            (1000.0, 1, Nanos(1_000_000)),
            (0.5, 1, Nanos::from_secs(2)),
            (100.0 / 60.0, 1, Nanos::from_millis(600)),
            (1.0 / 86_400.0, 1, Nanos::from_secs(86_400)),
            (1e12, 1000, Nanos(1)),
        ] {
            let bucket = TokenBucket::per_second(rate, 1).unwrap();
            assert_eq!((bucket.tokens, bucket.per), (tokens, per), "{rate}");
        }
        assert!((TokenBucket::per_second(std::f64::consts::PI, 1).unwrap().rate() - std::f64::consts::PI).abs() < 1e-6);
    }

    #[test]
    fn nonsense_is_refused_in_words() {
        for (bucket, message) in [
            (TokenBucket::per_second(0.0, 1), "`rate` must be more than 0/s and at most 1e12/s, not 0/s"),
            (TokenBucket::per_second(f64::NAN, 1), "`rate` must be more than 0/s and at most 1e12/s, not NaN/s"),
            (TokenBucket::per_second(1e-9, 1), "`rate` must be more than 0"),
            (TokenBucket::per_second(1.0, 0), "`burst` must be at least 1: a call needs a whole token"),
            (TokenBucket::new(1, Nanos(u64::MAX), 2), "`burst` of 2 is more than can be counted at so low a rate"),
        ] {
            assert_eq!(bucket.unwrap_err().to_string(), message);
        }
    }

    /// Poisson arrivals at a bucket of rate 1: the accepted share is known exactly (an M/D/1 workload with balking).
    #[test]
    fn the_accepted_share_of_poisson_arrivals_is_the_closed_form() {
        for (arrival_rate, burst, accepted) in [(0.8, 5, 0.9647096036), (1.2, 10, 0.8290892315), (2.0, 10, 0.4999999124)] {
            let bucket = TokenBucket::per_second(1.0, burst).unwrap();
            let mut state = bucket.start(Instant::START);
            let mut word = 0x9E37_79B9_7F4A_7C15_u64;
            let mut now = Instant::START;
            let arrivals = 1_000_000;
            let mut taken = 0;
            for _ in 0..arrivals {
                word ^= word << 13;
                word ^= word >> 7;
                word ^= word << 17;
                let uniform = ((word >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
                now = now + Nanos::from_secs_f64(-math::ln(uniform) / arrival_rate);
                taken += u32::from(bucket.take(&mut state, now));
            }
            let share = f64::from(taken) / f64::from(arrivals);
            assert!((share - accepted).abs() < 0.003, "rate {arrival_rate}, burst {burst}: {share} instead of {accepted}");
        }
    }
}
