//! How often something happens: `200/s`, `12/m`, `1000/h`.

use super::{Scalar, ScalarError, number};
use std::fmt;

/// A number of events in a unit of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    pub count: f64,
    pub per: Per,
}

/// The unit of time under a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Per {
    Millisecond,
    Second,
    Minute,
    Hour,
    Day,
}

/// One event in a nanosecond, the finest step of time.
const MOST_PER_SECOND: f64 = 1e9;

impl Per {
    const ALL: [(&'static str, Per, f64); 5] = [
        ("ms", Per::Millisecond, 0.001),
        ("s", Per::Second, 1.0),
        ("m", Per::Minute, 60.0),
        ("h", Per::Hour, 3600.0),
        ("d", Per::Day, 86_400.0),
    ];

    fn entry(self) -> (&'static str, Per, f64) {
        Per::ALL[self as usize]
    }
}

impl Rate {
    pub const fn per_second(count: f64) -> Rate {
        Rate { count, per: Per::Second }
    }

    /// Events per second.
    pub fn hertz(self) -> f64 {
        self.count / self.per.entry().2
    }
}

impl Scalar for Rate {
    const FORMAT: &'static str = "rate";
    const MEANING: &'static str = "A number of events per ms, s, m, h or d";
    const EXAMPLES: &'static [&'static str] = &["200/s", "12/m", "0.5/s"];

    fn parse(text: &str) -> Result<Rate, ScalarError> {
        let Some((count, unit)) = text.split_once('/') else {
            return Err(without_slash(text));
        };
        let count_value = number::decimal(count.trim_end(), "a rate")?;
        let unit_at = count.len() + 1;
        let Some((_, per, _)) = Per::ALL.iter().find(|(name, ..)| *name == unit.trim()) else {
            let message = format!("`{}` is not a unit of time that a rate counts in: use ms, s, m, h or d", unit.trim());
            return Err(ScalarError::new(message, unit_at, unit.len()));
        };
        let rate = Rate { count: count_value, per: *per };
        if rate.hertz() > MOST_PER_SECOND {
            return Err(ScalarError::whole(format!("`{text}` is more than one event per nanosecond"), text));
        }
        Ok(rate)
    }
}

fn without_slash(text: &str) -> ScalarError {
    let (number, unit) = number::split_number(text.trim_start_matches('-'));
    let message = match unit {
        _ if text.starts_with('-') => "a rate cannot be negative".to_owned(),
        _ if number.is_empty() => format!("`{text}` is not a rate: write a number per unit of time, as in `200/s`"),
        "" => format!("`{number}` has no unit: write `{number}/s` or `{number}/m`"),
        _ => format!("`{text}` is not a rate: write `{number}/s`"),
    };
    ScalarError::whole(message, text)
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.count, self.per.entry().0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::cases::cases;
    use proptest::prelude::*;

    #[test]
    fn rates_count_per_second() {
        for (text, hertz) in [("200/s", 200.0), ("12/m", 0.2), ("3600/h", 1.0), ("0.5/s", 0.5), ("2/ms", 2000.0), ("0/s", 0.0)] {
            assert_eq!(Rate::parse(text).unwrap().hertz(), hertz, "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused_with_a_way_out() {
        for (text, message) in [
            ("200", "`200` has no unit: write `200/s` or `200/m`"),
            ("200rps", "`200rps` is not a rate: write `200/s`"),
            ("-200/s", "a rate cannot be negative"),
            ("-200", "a rate cannot be negative"),
            ("many", "`many` is not a rate: write a number per unit of time, as in `200/s`"),
            ("200/sec", "`sec` is not a unit of time that a rate counts in: use ms, s, m, h or d"),
            ("1e10/s", "`1e10/s` is more than one event per nanosecond"),
            ("inf/s", "`inf` is not a number, as a rate has to be"),
        ] {
            assert_eq!(Rate::parse(text).unwrap_err().message, message, "{text}");
        }
    }

    proptest! {
        #![proptest_config(cases(256))]

        #[test]
        fn what_is_printed_reads_back(count in 0.0..1e6f64, per in 0..5usize) {
            let rate = Rate { count, per: Per::ALL[per].1 };
            prop_assert_eq!(Rate::parse(&rate.to_string()), Ok(rate));
        }
    }
}
