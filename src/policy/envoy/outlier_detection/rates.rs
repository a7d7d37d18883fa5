//! Success rate and failure percentage: who did worse than the others, or than a threshold, in the interval that just ended
//! (Envoy's outlier_detection_impl.cc, `processSuccessRateEjections`). Istio switches the first off and cannot switch on the second.

use crate::base::math::sqrt;

/// Ejects who is more than so many standard deviations below the others' mean success rate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SuccessRate {
    /// With fewer hosts of enough volume, nobody is judged.
    pub minimum_hosts: u32,
    /// Requests of an interval below which a host is not judged.
    pub request_volume: u32,
    /// Thousandths of a standard deviation.
    pub stdev_factor: u32,
    pub enforcing: u32,
    pub enforcing_local_origin: u32,
}

/// Ejects whose percentage of failures reaches a threshold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FailurePercentage {
    pub threshold: u32,
    pub minimum_hosts: u32,
    pub request_volume: u32,
    pub enforcing: u32,
    pub enforcing_local_origin: u32,
}

impl SuccessRate {
    pub fn envoy() -> SuccessRate {
        SuccessRate { minimum_hosts: 5, request_volume: 100, stdev_factor: 1900, enforcing: 100, enforcing_local_origin: 100 }
    }

    /// The rate below which (strictly) a host is an outlier; none if there are too few to compare.
    pub(super) fn threshold(&self, rates: impl Iterator<Item = f64> + Clone) -> Option<f64> {
        let hosts = rates.clone().count();
        if hosts == 0 || hosts < self.minimum_hosts as usize {
            return None;
        }
        let n = hosts as f64;
        let mean = rates.clone().fold(0.0, |sum, rate| sum + rate) / n;
        let variance = rates.fold(0.0, |sum, rate| sum + (rate - mean) * (rate - mean)) / n;
        Some(mean - f64::from(self.stdev_factor) / 1000.0 * sqrt(variance))
    }
}

impl FailurePercentage {
    pub fn envoy() -> FailurePercentage {
        FailurePercentage { threshold: 85, minimum_hosts: 5, request_volume: 50, enforcing: 0, enforcing_local_origin: 0 }
    }

    pub(super) fn judges(&self, hosts: usize) -> bool {
        hosts > 0 && hosts >= self.minimum_hosts as usize
    }

    pub(super) fn is_outlier(&self, success_rate: f64) -> bool {
        100.0 - success_rate >= f64::from(self.threshold)
    }
}

/// What one host answered since the last sweep.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Tally {
    pub success: u32,
    pub total: u32,
}

impl Tally {
    pub fn count(&mut self, success: bool) {
        self.total += 1;
        self.success += u32::from(success);
    }

    /// In percent; none if there was no request.
    pub fn rate(&self) -> Option<f64> {
        (self.total > 0).then(|| f64::from(self.success) * 100.0 / f64::from(self.total))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_source() {
        let rates = [50.0, 100.0, 100.0, 100.0, 100.0];
        assert_eq!(SuccessRate::envoy().threshold(rates.into_iter()), Some(52.0));
    }

    #[test]
    fn too_few_hosts_are_not_compared() {
        assert_eq!(SuccessRate::envoy().threshold([0.0, 100.0, 100.0, 100.0].into_iter()), None);
        let lenient = SuccessRate { minimum_hosts: 0, ..SuccessRate::envoy() };
        assert_eq!(lenient.threshold(std::iter::empty()), None);
        assert_eq!(lenient.threshold([40.0].into_iter()), Some(40.0));
    }

    #[test]
    fn a_failure_percentage_at_the_threshold_is_too_much() {
        let rule = FailurePercentage::envoy();
        assert_eq!([rule.is_outlier(15.0), rule.is_outlier(15.5)], [true, false]);
        assert_eq!([rule.judges(5), rule.judges(4)], [true, false]);
    }
}
