//! When a host is ejected (istio/api `OutlierDetection`; defaults of istio `cluster_traffic_policy.go` and of Envoy).

use super::Written;
use crate::base::time::Nanos;
use crate::model::tree::Origin;

#[derive(Clone, Debug, PartialEq)]
pub struct OutlierDetection {
    pub origin: Origin,
    /// An explicit 0 switches the detector off; absent is 5.
    pub consecutive_5xx: Option<Written<u32>>,
    /// An explicit 0 and absent: off.
    pub consecutive_gateway: Option<Written<u32>>,
    pub split_local_origin: bool,
    /// Only looked at with `split_local_origin`; absent is 5, an explicit 0 is off.
    pub consecutive_local_origin: Option<Written<u32>>,
    pub interval: Option<Written<Nanos>>,
    pub base_ejection_time: Option<Written<Nanos>>,
    /// 0 is absent.
    pub max_ejection_percent: Option<Written<u32>>,
    pub min_health_percent: Option<Written<u32>>,
    /// Where there are some, only these count as errors.
    pub http_error_codes: Vec<u16>,
}

impl OutlierDetection {
    /// `None` if switched off.
    pub fn consecutive_5xx(&self) -> Option<u32> {
        on(self.consecutive_5xx.as_ref().map_or(5, |written| written.value))
    }

    /// `None` if switched off.
    pub fn consecutive_gateway(&self) -> Option<u32> {
        on(self.consecutive_gateway.as_ref().map_or(0, |written| written.value))
    }

    /// `None` if switched off, as it is without `splitExternalLocalOriginErrors`.
    pub fn consecutive_local_origin(&self) -> Option<u32> {
        if !self.split_local_origin {
            return None;
        }
        on(self.consecutive_local_origin.as_ref().map_or(5, |written| written.value))
    }

    /// Between two sweeps.
    pub fn interval(&self) -> Nanos {
        self.interval.as_ref().map_or(Nanos::from_secs(10), |written| written.value)
    }

    pub fn base_ejection_time(&self) -> Nanos {
        self.base_ejection_time.as_ref().map_or(Nanos::from_secs(30), |written| written.value)
    }

    pub fn max_ejection_percent(&self) -> u32 {
        self.max_ejection_percent.as_ref().map_or(10, |written| written.value)
    }

    /// Envoy's panic threshold: 0 wherever the block is there, 50 only where it is not.
    pub fn min_health_percent(&self) -> u32 {
        self.min_health_percent.as_ref().map_or(0, |written| written.value)
    }
}

fn on(count: u32) -> Option<u32> {
    (count > 0).then_some(count)
}
