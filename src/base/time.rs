//! Simulated time: whole nanoseconds from the start of the run, nothing else.
//!
//! Instants and spans are integers, so that sums are exact and equal on every machine. `f64` seconds appear only where a
//! person's number enters (distributions, model text) and where figures leave (the summary).

use std::fmt;
use std::ops::{Add, AddAssign, Sub};

/// A span of simulated time in nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Nanos(pub u64);

/// A point of simulated time: nanoseconds since the start of the run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant(pub u64);

/// Nanoseconds in one second.
pub const SECOND: u64 = 1_000_000_000;

impl Nanos {
    pub const ZERO: Nanos = Nanos(0);
    pub const MAX: Nanos = Nanos(u64::MAX);

    pub const fn from_secs(seconds: u64) -> Nanos {
        Nanos(seconds * SECOND)
    }

    pub const fn from_millis(millis: u64) -> Nanos {
        Nanos(millis * 1_000_000)
    }

    pub const fn from_micros(micros: u64) -> Nanos {
        Nanos(micros * 1_000)
    }

    /// Rounds seconds to whole nanoseconds. Negative and NaN become zero, too large becomes [`Nanos::MAX`].
    pub fn from_secs_f64(seconds: f64) -> Nanos {
        // The cast saturates and sends NaN to zero: exactly the clamp that is promised.
        Nanos((seconds * 1e9 + 0.5) as u64)
    }

    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }
}

impl Instant {
    pub const START: Instant = Instant(0);
    pub const NEVER: Instant = Instant(u64::MAX);

    pub const fn from_secs(seconds: u64) -> Instant {
        Instant(seconds * SECOND)
    }

    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// The span since an earlier instant; zero if `earlier` is later.
    pub fn since(self, earlier: Instant) -> Nanos {
        Nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Nanos> for Instant {
    type Output = Instant;
    fn add(self, span: Nanos) -> Instant {
        Instant(self.0.saturating_add(span.0))
    }
}

impl Add for Nanos {
    type Output = Nanos;
    fn add(self, other: Nanos) -> Nanos {
        Nanos(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Nanos {
    fn add_assign(&mut self, other: Nanos) {
        *self = *self + other;
    }
}

impl Sub for Nanos {
    type Output = Nanos;
    fn sub(self, other: Nanos) -> Nanos {
        Nanos(self.0.saturating_sub(other.0))
    }
}

/// Prints the largest unit that keeps the number readable: `250us`, `1.5ms`, `2s`, `3m20s`.
impl fmt::Display for Nanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = self.0;
        if n == u64::MAX {
            return f.write_str("for ever");
        }
        let (unit, name) = match n {
            0 => return f.write_str("0s"),
            1..1_000 => (1, "ns"),
            1_000..1_000_000 => (1_000, "us"),
            1_000_000..SECOND => (1_000_000, "ms"),
            _ if n < 60 * SECOND || !n.is_multiple_of(SECOND) => (SECOND, "s"),
            _ => return write_minutes(f, n / SECOND),
        };
        let whole = n / unit;
        let rest = n % unit;
        if rest == 0 {
            return write!(f, "{whole}{name}");
        }
        let digits = unit.ilog10() as usize;
        let fraction = format!("{rest:0digits$}");
        write!(f, "{whole}.{}{name}", fraction.trim_end_matches('0'))
    }
}

fn write_minutes(f: &mut fmt::Formatter<'_>, seconds: u64) -> fmt::Result {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        write!(f, "{hours}h")?;
    }
    if minutes > 0 {
        write!(f, "{minutes}m")?;
    }
    if seconds > 0 {
        write!(f, "{seconds}s")?;
    }
    Ok(())
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Nanos(self.0).fmt(f)
    }
}

impl fmt::Debug for Nanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_round_to_nanoseconds_and_nonsense_is_clamped() {
        for (seconds, nanos) in [(0.0, 0), (1.5, 1_500_000_000), (1e-9, 1), (4e-10, 0), (-1.0, 0), (f64::NAN, 0)] {
            assert_eq!(Nanos::from_secs_f64(seconds), Nanos(nanos), "{seconds}");
        }
        assert_eq!(Nanos::from_secs_f64(1e300), Nanos::MAX);
    }

    #[test]
    fn spans_print_as_people_write_them() {
        for (nanos, text) in [
            (0, "0s"),
            (250_000, "250us"),
            (1_500_000, "1.5ms"),
            (2 * SECOND, "2s"),
            (200 * SECOND, "3m20s"),
            (3600 * SECOND, "1h"),
            (61 * SECOND + 1, "61.000000001s"),
        ] {
            assert_eq!(Nanos(nanos).to_string(), text);
        }
    }
}
