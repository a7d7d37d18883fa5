//! Outlier detection: which hosts get no traffic for a while, because of what they answered (Envoy's outlier_detection_impl.cc,
//! with Istio's defaults).
//!
//! It is no circuit breaker of a service: it works host by host, it closes by time alone, and it may do nothing at all: with
//! the default limit of 10 %, a cluster of fewer than ten hosts never loses one.
//!
//! [`OutlierDetection`] holds the parameters, [`Detector`] what one proxy knows of the hosts of one cluster. The world tells it
//! what happened ([`Report`]), lets it sweep every `interval`, and reads [`Event`]s. When the balancer hears of them is
//! the business of the [`MergeWindow`].

mod detector;
mod merge_window;
mod rates;
mod report;

#[cfg(test)]
mod tests;

pub use detector::Detector;
pub use merge_window::{Delivery, MergeWindow};
pub use rates::{FailurePercentage, SuccessRate};
pub use report::{Report, http_equivalent};

use crate::base::time::{Instant, Nanos};
use crate::policy::error::{PolicyError, require};

/// So many errors in a row, and how often (percent) that is acted upon. A count or an enforcement of 0 switches it off.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Consecutive {
    pub count: u32,
    pub enforcing: u32,
}

impl Consecutive {
    pub const OFF: Consecutive = Consecutive { count: 0, enforcing: 0 };

    pub const fn enforced(count: u32) -> Consecutive {
        Consecutive { count, enforcing: if count == 0 { 0 } else { 100 } }
    }
}

/// The parameters of one cluster's detector. Begin with [`istio`](OutlierDetection::istio) or
/// [`envoy`](OutlierDetection::envoy), change what was written, and have the whole [`validated`](OutlierDetection::validated).
#[derive(Clone, PartialEq, Debug)]
pub struct OutlierDetection {
    /// Any 5xx, gateway errors included.
    pub consecutive_5xx: Consecutive,
    /// 502, 503 and 504.
    pub consecutive_gateway: Consecutive,
    /// Failures to connect, resets and timeouts, where they are counted apart.
    pub consecutive_local_origin: Consecutive,
    /// Whether failures before an answer are counted apart from answers, instead of as 503 and 504.
    pub split_local_origin: bool,
    /// If not empty, these answers and no others are errors (each as a 500).
    pub error_codes: Vec<u16>,
    /// Between two sweeps.
    pub interval: Nanos,
    pub base_ejection_time: Nanos,
    pub max_ejection_time: Nanos,
    pub max_ejection_time_jitter: Nanos,
    pub max_ejection_percent: u32,
    pub always_eject_one_host: bool,
    pub limit_rule: LimitRule,
    pub success_rate: SuccessRate,
    pub failure_percentage: FailurePercentage,
}

/// How `max_ejection_percent` is applied; it changed with Envoy 1.28 (about Istio 1.20).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LimitRule {
    /// The share ejected *after* the ejection must not exceed the limit, the first ejection included.
    WithThisOne,
    /// One host may always go; further ones while the share ejected *before* is below the limit.
    FirstIsFree,
}

/// Which rule found an outlier.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Rule {
    Consecutive5xx,
    ConsecutiveGateway,
    ConsecutiveLocalOrigin,
    SuccessRate,
    SuccessRateLocalOrigin,
    FailurePercentage,
    FailurePercentageLocalOrigin,
}

/// What the detector decided about a host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// Out of the healthy hosts; back at the first sweep at or after `due`. `multiplier` times the base is how long it takes.
    Ejected {
        host: u32,
        rule: Rule,
        due: Instant,
        multiplier: u32,
    },
    /// An outlier that stays, because as many hosts as allowed are out (`ejections_overflow`).
    Overflow {
        host: u32,
        rule: Rule,
    },
    /// An outlier that stays, because chance did not enforce the rule.
    NotEnforced {
        host: u32,
        rule: Rule,
    },
    Unejected {
        host: u32,
    },
}

impl OutlierDetection {
    /// What holds if the block of a DestinationRule is there and empty. Detection by rates is off.
    pub fn istio() -> OutlierDetection {
        let success_rate = SuccessRate { enforcing: 0, enforcing_local_origin: 0, ..SuccessRate::envoy() };
        OutlierDetection { success_rate, ..OutlierDetection::envoy() }
    }

    /// What holds if `outlier_detection` of an Envoy cluster is there and empty.
    pub fn envoy() -> OutlierDetection {
        OutlierDetection {
            consecutive_5xx: Consecutive::enforced(5),
            consecutive_gateway: Consecutive { count: 5, enforcing: 0 },
            consecutive_local_origin: Consecutive::enforced(5),
            split_local_origin: false,
            error_codes: Vec::new(),
            interval: Nanos::from_secs(10),
            base_ejection_time: Nanos::from_secs(30),
            max_ejection_time: Nanos::from_secs(300),
            max_ejection_time_jitter: Nanos::ZERO,
            max_ejection_percent: 10,
            always_eject_one_host: false,
            limit_rule: LimitRule::WithThisOne,
            success_rate: SuccessRate::envoy(),
            failure_percentage: FailurePercentage::envoy(),
        }
    }

    /// The base, and with it the longest time unless that is longer anyway: Istio's API has no word for the longest.
    pub fn with_base_ejection_time(self, base: Nanos) -> OutlierDetection {
        OutlierDetection { base_ejection_time: base, max_ejection_time: base.max(Nanos::from_secs(300)), ..self }
    }

    pub fn validated(self) -> Result<OutlierDetection, PolicyError> {
        require(self.interval > Nanos::ZERO, "interval", || "must be more than 0".into())?;
        require(self.base_ejection_time > Nanos::ZERO, "baseEjectionTime", || "must be more than 0".into())?;
        require(self.max_ejection_time >= self.base_ejection_time, "maxEjectionTime", || {
            format!("of {} must not be below the base ejection time of {}", self.max_ejection_time, self.base_ejection_time)
        })?;
        let percentages = [
            ("maxEjectionPercent", self.max_ejection_percent),
            ("enforcingConsecutive5xx", self.consecutive_5xx.enforcing),
            ("enforcingConsecutiveGatewayFailure", self.consecutive_gateway.enforcing),
            ("enforcingConsecutiveLocalOriginFailure", self.consecutive_local_origin.enforcing),
            ("enforcingSuccessRate", self.success_rate.enforcing),
            ("enforcingLocalOriginSuccessRate", self.success_rate.enforcing_local_origin),
            ("failurePercentageThreshold", self.failure_percentage.threshold),
            ("enforcingFailurePercentage", self.failure_percentage.enforcing),
            ("enforcingFailurePercentageLocalOrigin", self.failure_percentage.enforcing_local_origin),
        ];
        for (field, percent) in percentages {
            require(percent <= 100, field, || format!("must be between 0 and 100, not {percent}"))?;
        }
        for code in &self.error_codes {
            require((100..600).contains(code), "outlierDetectionHttpErrorCodes", || format!("must be HTTP statuses, not {code}"))?;
        }
        Ok(self)
    }

    /// So many of `hosts` can be ejected together.
    pub fn most_ejected(&self, hosts: u32) -> u32 {
        let mut ejected = 0;
        while ejected < hosts && self.may_eject(ejected, hosts) {
            ejected += 1;
        }
        ejected
    }

    /// Whether one more may go when `ejected` of `hosts` are out.
    fn may_eject(&self, ejected: u32, hosts: u32) -> bool {
        let percent = |out: u32| 100.0 * f64::from(out) / f64::from(hosts);
        let limit = f64::from(self.max_ejection_percent);
        let allowed = match self.limit_rule {
            LimitRule::WithThisOne => percent(ejected + 1) <= limit,
            LimitRule::FirstIsFree => ejected == 0 || percent(ejected) < limit,
        };
        allowed || (self.always_eject_one_host && ejected == 0)
    }

    /// How often (percent) what the rule found is acted upon.
    fn enforcing(&self, rule: Rule) -> u32 {
        match rule {
            Rule::Consecutive5xx => self.consecutive_5xx.enforcing,
            Rule::ConsecutiveGateway => self.consecutive_gateway.enforcing,
            Rule::ConsecutiveLocalOrigin => self.consecutive_local_origin.enforcing,
            Rule::SuccessRate => self.success_rate.enforcing,
            Rule::SuccessRateLocalOrigin => self.success_rate.enforcing_local_origin,
            Rule::FailurePercentage => self.failure_percentage.enforcing,
            Rule::FailurePercentageLocalOrigin => self.failure_percentage.enforcing_local_origin,
        }
    }
}
