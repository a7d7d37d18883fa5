//! Percentages as Envoy draws them: a numerator over a hundred or a million (Istio `route.go` `translatePercentToFractionalPercent`,
//! Envoy `fractional_percent`).

use crate::policy::error::{PolicyError, require};

/// A share of requests, in Envoy's integers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Percentage {
    numerator: u32,
    denominator: u32,
}

const MILLION: u32 = 1_000_000;

impl Percentage {
    pub const ALL: Percentage = Percentage { numerator: MILLION, denominator: MILLION };
    pub const NEVER: Percentage = Percentage { numerator: 0, denominator: MILLION };

    /// Of a `value` between 0 and 100. Anything below a ten-thousandth of a percent is cut off.
    pub fn of_value(field: &'static str, value: f64) -> Result<Percentage, PolicyError> {
        require((0.0..=100.0).contains(&value), field, || format!("must be between 0 and 100, not {value}"))?;
        Ok(Percentage { numerator: (value * 10_000.0) as u32, denominator: MILLION })
    }

    /// Of the integers that came before: whole percents.
    pub fn of_whole(field: &'static str, percent: u32) -> Result<Percentage, PolicyError> {
        require(percent <= 100, field, || format!("must be between 0 and 100, not {percent}"))?;
        Ok(Percentage { numerator: percent, denominator: 100 })
    }

    /// Whether a request with this random word is among them.
    #[inline]
    pub fn hits(self, random: u64) -> bool {
        random % u64::from(self.denominator) < u64::from(self.numerator)
    }

    /// The share itself, from 0 to 1.
    pub fn share(self) -> f64 {
        f64::from(self.numerator) / f64::from(self.denominator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_cut_to_millionths_and_drawn_by_remainder() {
        for (value, numerator) in
            [(0.0, 0), (100.0, 1_000_000), (10.0, 100_000), (0.0001, 1), (0.00019, 1), (33.333_39, 333_333), (0.000_05, 0)]
        {
            let percentage = Percentage::of_value("value", value).unwrap();
            assert_eq!(percentage, Percentage { numerator, denominator: MILLION }, "{value}");
            let numerator = u64::from(numerator);
            for (random, hits) in [(0, numerator > 0), (numerator, numerator == 1_000_000), (1_000_000 + numerator, numerator == 1_000_000)]
            {
                assert_eq!(percentage.hits(random), hits, "{value}, {random}");
            }
            assert_eq!(percentage.hits(u64::from(MILLION) + numerator.saturating_sub(1)), numerator > 0);
        }
    }

    #[test]
    fn whole_percents_are_drawn_from_a_hundred() {
        let half = Percentage::of_whole("percent", 50).unwrap();
        assert_eq!([49, 50, 149, 199].map(|random| half.hits(random)), [true, false, true, false]);
        assert_eq!(half.share(), 0.5);
    }

    #[test]
    fn nonsense_is_refused_in_words() {
        assert_eq!(Percentage::of_value("value", 100.1).unwrap_err().to_string(), "`value` must be between 0 and 100, not 100.1");
        assert_eq!(Percentage::of_value("value", f64::NAN).unwrap_err().to_string(), "`value` must be between 0 and 100, not NaN");
        assert_eq!(Percentage::of_whole("percent", 101).unwrap_err().to_string(), "`percent` must be between 0 and 100, not 101");
    }
}
