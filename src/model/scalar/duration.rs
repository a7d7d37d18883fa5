//! Spans of time as people write them: `250ms`, `1.5s`, `1m30s`.

use super::{Scalar, ScalarError};
use crate::base::limit::LONGEST_RUN;
use crate::base::time::{Nanos, SECOND};
use std::fmt;

/// A span of time with its unit, exact to the nanosecond and at most a year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Duration(pub Nanos);

impl Duration {
    pub const ZERO: Duration = Duration(Nanos::ZERO);

    pub const fn from_secs(seconds: u64) -> Duration {
        Duration(Nanos::from_secs(seconds))
    }

    pub const fn from_millis(millis: u64) -> Duration {
        Duration(Nanos::from_millis(millis))
    }

    pub fn nanos(self) -> Nanos {
        self.0
    }
}

impl From<Duration> for Nanos {
    fn from(duration: Duration) -> Nanos {
        duration.0
    }
}

/// Largest first, as they have to follow each other in `1h30m`.
const UNITS: [(&str, u64); 8] = [
    ("d", 24 * 3600 * SECOND),
    ("h", 3600 * SECOND),
    ("m", 60 * SECOND),
    ("s", SECOND),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("µs", 1_000),
    ("ns", 1),
];

impl Scalar for Duration {
    const FORMAT: &'static str = "duration";
    const MEANING: &'static str = "A span of time with its unit (ns, us, ms, s, m, h, d), at most 365d";
    const EXAMPLES: &'static [&'static str] = &["250ms", "5s", "1m30s"];

    fn parse(text: &str) -> Result<Duration, ScalarError> {
        if text.is_empty() {
            return Err(ScalarError::whole("a duration is missing: write `5s` or `5ms`", text));
        }
        if let Some(rest) = text.strip_prefix('-') {
            let message = format!("a duration cannot be negative: `{rest}` is the same span forwards");
            return Err(ScalarError::whole(message, text));
        }
        let (mut total, mut at, mut smallest) = (0u128, 0, u64::MAX);
        while at < text.len() {
            let (span, unit, len) = segment(text, at)?;
            if unit >= smallest {
                return Err(ScalarError::new("units go from large to small, each once, as in `1h30m`", at, len));
            }
            total += span;
            smallest = unit;
            at += len;
        }
        match u64::try_from(total) {
            Ok(nanos) if nanos <= LONGEST_RUN.0 => Ok(Duration(Nanos(nanos))),
            _ => Err(ScalarError::whole(format!("`{text}` is longer than 365d, the longest run"), text)),
        }
    }
}

/// One number with its unit: its span and its unit in nanoseconds, and its length in bytes.
fn segment(text: &str, at: usize) -> Result<(u128, u64, usize), ScalarError> {
    let (number, rest) = super::number::split_number(&text[at..]);
    let unit_len = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
    let unit_name = &rest[..unit_len];
    let len = number.len() + unit_len;
    if number.is_empty() {
        return Err(ScalarError::new(format!("`{text}` is not a duration: write a number and its unit, as in `5s` or `250ms`"), at, len));
    }
    if unit_name.is_empty() {
        return Err(ScalarError::new(format!("`{number}` has no unit: write `{number}s` or `{number}ms`"), at, len));
    }
    let Some((_, unit)) = UNITS.iter().find(|(name, _)| *name == unit_name) else {
        let message = if unit_name.starts_with(' ') && UNITS.iter().any(|(name, _)| *name == unit_name.trim()) {
            format!("number and unit stand together: write `{number}{}`", unit_name.trim())
        } else {
            format!("`{unit_name}` is not a unit of time: use ns, us, ms, s, m, h or d")
        };
        return Err(ScalarError::new(message, at + number.len(), unit_len));
    };
    exact_nanos(number, *unit).map(|span| (span, *unit, len)).map_err(|message| ScalarError::new(message, at, len))
}

/// A decimal number of units in nanoseconds, without rounding.
fn exact_nanos(number: &str, unit: u64) -> Result<u128, String> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| match text.len() {
        0 => Ok(0),
        1..=20 => text.parse::<u128>().map_err(|_| format!("`{number}` is not a number")),
        _ => Err(format!("`{number}` has too many digits")),
    };
    if whole.is_empty() && fraction.is_empty() {
        return Err(format!("`{number}` is not a number"));
    }
    let fraction = fraction.trim_end_matches('0');
    let scale = 10u128.pow(fraction.len().min(20) as u32);
    let parts = digits(fraction)? * u128::from(unit);
    if !parts.is_multiple_of(scale) {
        return Err(format!("`{number}` is finer than a nanosecond, the smallest step of time"));
    }
    Ok(digits(whole)? * u128::from(unit) + parts / scale)
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::cases::cases;
    use proptest::prelude::*;

    #[test]
    fn durations_are_exact() {
        for (text, nanos) in [
            ("250ms", 250_000_000),
            ("1m30s", 90 * SECOND),
            ("1.5s", 1_500_000_000),
            ("2.5us", 2_500),
            ("7µs", 7_000),
            ("1ns", 1),
            ("365d", 365 * 24 * 3600 * SECOND),
            ("0s", 0),
            ("1h0.5s", 3600 * SECOND + SECOND / 2),
        ] {
            assert_eq!(Duration::parse(text), Ok(Duration(Nanos(nanos))), "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused_with_a_place_and_a_way_out() {
        for (text, message, at) in [
            ("5", "`5` has no unit: write `5s` or `5ms`", 0),
            ("1m30", "`30` has no unit: write `30s` or `30ms`", 2),
            ("5sec", "`sec` is not a unit of time: use ns, us, ms, s, m, h or d", 1),
            ("5 s", "number and unit stand together: write `5s`", 1),
            ("-5s", "a duration cannot be negative: `5s` is the same span forwards", 0),
            ("0.5ns", "`0.5` is finer than a nanosecond, the smallest step of time", 0),
            ("30s1m", "units go from large to small, each once, as in `1h30m`", 3),
            ("1us1µs", "units go from large to small, each once, as in `1h30m`", 3),
            ("366d", "`366d` is longer than 365d, the longest run", 0),
            ("1.2.3s", "`1.2.3` is not a number", 0),
            ("soon", "`soon` is not a duration: write a number and its unit, as in `5s` or `250ms`", 0),
        ] {
            let error = Duration::parse(text).unwrap_err();
            assert_eq!((error.message.as_str(), error.at), (message, at), "{text}");
        }
    }

    proptest! {
        #![proptest_config(cases(256))]

        #[test]
        fn what_is_printed_reads_back(nanos in 0..=LONGEST_RUN.0) {
            let duration = Duration(Nanos(nanos));
            prop_assert_eq!(Duration::parse(&duration.to_string()), Ok(duration));
        }

        #[test]
        fn no_text_panics(text in ".{0,20}") {
            let _ = Duration::parse(&text);
        }
    }
}
