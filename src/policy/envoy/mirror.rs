//! Mirroring: which requests are copied to another cluster, whose answers nobody waits for (Istio `route.go`, Envoy
//! `router.cc` shadowing). Decided once per request and mirror; retries are not copied.

use crate::policy::envoy::percentage::Percentage;
use crate::policy::error::PolicyError;

/// One mirror of a route.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mirror {
    percentage: Percentage,
}

impl Mirror {
    /// `percentage` (or `mirrorPercentage`), else the deprecated integer `mirrorPercent`, else everything.
    pub fn new(percentage: Option<f64>, percent: Option<u32>) -> Result<Mirror, PolicyError> {
        let percentage = match (percentage, percent) {
            (Some(value), _) => Percentage::of_value("percentage", value)?,
            (None, Some(percent)) => Percentage::of_whole("mirrorPercent", percent)?,
            (None, None) => Percentage::ALL,
        };
        Ok(Mirror { percentage })
    }

    /// Whether the request that drew this word is copied.
    #[inline]
    pub fn copies(self, random: u64) -> bool {
        self.percentage.hits(random)
    }

    pub fn share(self) -> f64 {
        self.percentage.share()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_copied_unless_less_is_asked_for() {
        for (percentage, percent, copied) in [
            (None, None, 1000),
            (Some(10.0), None, 100),
            (Some(0.0), Some(100), 0),
            (None, Some(25), 250),
            (Some(0.1), Some(50), 1),
            (None, Some(0), 0),
        ] {
            let mirror = Mirror::new(percentage, percent).unwrap();
            // A thousand words that are spread over a million, and over a hundred.
            let found = (0..1000u64).filter(|n| mirror.copies(n * 1000 + n % 100)).count();
            assert_eq!(found, copied, "{percentage:?} {percent:?}");
            assert_eq!(mirror.share(), copied as f64 / 1000.0);
        }
    }

    #[test]
    fn nonsense_is_refused_in_words() {
        assert_eq!(Mirror::new(Some(-1.0), None).unwrap_err().to_string(), "`percentage` must be between 0 and 100, not -1");
        assert_eq!(Mirror::new(None, Some(101)).unwrap_err().to_string(), "`mirrorPercent` must be between 0 and 100, not 101");
    }
}
