//! Back-off: how long a proxy waits before a retry, in whole milliseconds with full jitter (Envoy `backoff_strategy.cc`).

use crate::base::time::Nanos;
use crate::policy::error::{PolicyError, require};

const MILLI: u64 = 1_000_000;

/// Waits between nothing and a bound that doubles.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BackOff {
    base_ms: u64,
    max_ms: u64,
    /// Before Envoy 1.16 the bounds were 1, 3, 7 … times the base, as its documentation still says.
    legacy: bool,
}

impl Default for BackOff {
    fn default() -> BackOff {
        BackOff::DEFAULT
    }
}

impl BackOff {
    /// 25 ms, at most 250 ms.
    pub const DEFAULT: BackOff = BackOff { base_ms: 25, max_ms: 250, legacy: false };

    /// The maximum is ten times the base unless it is given. Both are cut to whole milliseconds.
    pub fn new(base: Nanos, max: Option<Nanos>) -> Result<BackOff, PolicyError> {
        let base_ms = base.0 / MILLI;
        require(base_ms >= 1, "backoff", || format!("must be at least 1ms, not {base}"))?;
        let max_ms = max.map_or(base_ms.saturating_mul(10), |max| max.0 / MILLI);
        require(max_ms >= base_ms, "maxInterval", || format!("is {}ms, less than the base interval of {}ms", max_ms, base_ms))?;
        Ok(BackOff { base_ms, max_ms, legacy: false })
    }

    pub fn legacy(self) -> BackOff {
        BackOff { legacy: true, ..self }
    }

    /// What the wait before the retry after `earlier` retries stays below.
    pub fn bound(self, earlier: u32) -> Nanos {
        Nanos(self.bound_ms(earlier).saturating_mul(MILLI))
    }

    /// The wait before the retry after `earlier` retries.
    pub fn wait(self, earlier: u32, random: u64) -> Nanos {
        Nanos((random % self.bound_ms(earlier)).saturating_mul(MILLI))
    }

    fn bound_ms(self, earlier: u32) -> u64 {
        let power = 1u64.checked_shl(earlier.saturating_add(u32::from(self.legacy))).unwrap_or(u64::MAX);
        let factor = if self.legacy { power - 1 } else { power };
        self.base_ms.saturating_mul(factor).min(self.max_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(back_off: BackOff) -> [u64; 6] {
        [0, 1, 2, 3, 4, 5].map(|earlier| back_off.bound(earlier).0 / MILLI)
    }

    #[test]
    fn bounds_double_up_to_ten_times_the_base() {
        assert_eq!(bounds(BackOff::default()), [25, 50, 100, 200, 250, 250]);
        assert_eq!(bounds(BackOff::default().legacy()), [25, 75, 175, 250, 250, 250]);
        assert_eq!(bounds(BackOff::new(Nanos::from_millis(1), None).unwrap()), [1, 2, 4, 8, 10, 10]);
        assert_eq!(bounds(BackOff::new(Nanos::from_millis(4), Some(Nanos::from_millis(4))).unwrap()), [4; 6]);
        for back_off in [BackOff::default(), BackOff::default().legacy()] {
            assert_eq!(back_off.bound(u32::MAX), Nanos::from_millis(250));
            assert_eq!(back_off.bound(63), Nanos::from_millis(250));
        }
    }

    #[test]
    fn waits_are_whole_milliseconds_below_the_bound_and_as_likely_each() {
        // Mean waits of 12, 24.5, 49.5, 99.5 and 124.5 ms.
        for (earlier, bound, twice_the_mean) in [(0, 25u64, 24), (1, 50, 49), (2, 100, 99), (3, 200, 199), (4, 250, 249)] {
            let sum: u64 = (0..bound).map(|random| BackOff::default().wait(earlier, random).0).sum();
            assert_eq!(2 * sum, bound * twice_the_mean * MILLI);
            assert_eq!(BackOff::default().wait(earlier, bound), Nanos::ZERO);
            assert_eq!(BackOff::default().wait(earlier, 2 * bound - 1), Nanos::from_millis(bound - 1));
        }
    }

    #[test]
    fn nonsense_is_refused_in_words() {
        for (base, max, message) in [
            (Nanos(999_999), None, "`backoff` must be at least 1ms, not 999.999us"),
            (Nanos::from_millis(9), Some(Nanos::from_millis(8)), "`maxInterval` is 8ms, less than the base interval of 9ms"),
        ] {
            assert_eq!(BackOff::new(base, max).unwrap_err().to_string(), message);
        }
    }
}
