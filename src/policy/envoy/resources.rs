//! Cluster resources: how many connections, waiting requests, requests and retries one proxy may have under way to a
//! cluster (Envoy `resource_manager_impl.h`; defaults of Istio `cluster_traffic_policy.go`). What Envoy calls circuit
//! breakers are these limits: they have no memory and no timer, and what is given back is free at once.

use crate::policy::error::{PolicyError, require};

/// Whose defaults fill what is not set.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Defaults {
    /// Practically no limits.
    #[default]
    Istio,
    /// Istio 1.1 to 1.3: 1024 retries, the rest without limits.
    IstioBefore14,
    /// Envoy configured by hand.
    Envoy,
}

/// The limits as written; 0 and absent are the same, since they are plain proto3 integers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct WrittenLimits {
    /// `tcp.maxConnections`
    pub max_connections: u32,
    /// `http.http1MaxPendingRequests`, which holds for HTTP/2 as well.
    pub max_pending_requests: u32,
    /// `http.http2MaxRequests`, which holds for HTTP/1.1 as well.
    pub max_requests: u32,
    /// `http.maxRetries`
    pub max_retries: u32,
}

/// How much one proxy may have under way to one cluster.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Thresholds {
    pub max_connections: u32,
    pub max_pending_requests: u32,
    pub max_requests: u32,
    pub max_retries: u32,
    /// Replaces `max_retries` where present.
    pub retry_budget: Option<RetryBudget>,
}

/// Retries as a share of what is under way.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct RetryBudget {
    /// Of active and waiting requests, 0 to 100.
    percent: f64,
    /// So many are always allowed.
    min_retry_concurrency: u32,
}

/// What one proxy has under way to one cluster, over all of its hosts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    pub connections: u32,
    /// Requests that wait for a connection.
    pub pending: u32,
    /// Requests on a connection.
    pub requests: u32,
    /// Retries, from their decision to their outcome: back-off included.
    pub retries: u32,
}

impl Default for RetryBudget {
    fn default() -> RetryBudget {
        RetryBudget { percent: 20.0, min_retry_concurrency: 3 }
    }
}

impl RetryBudget {
    pub fn new(percent: f64, min_retry_concurrency: u32) -> Result<RetryBudget, PolicyError> {
        require((0.0..=100.0).contains(&percent), "percent", || format!("must be between 0 and 100, not {percent}"))?;
        Ok(RetryBudget { percent, min_retry_concurrency })
    }

    /// How many retries may be in progress with so many requests under way.
    pub fn limit(self, under_way: u32) -> u32 {
        // In Envoy's order, so that the rounding is Envoy's; the cast drops the fraction as its conversion does.
        let share = (self.percent / 100.0 * f64::from(under_way)) as u32;
        share.max(self.min_retry_concurrency)
    }
}

impl Thresholds {
    pub fn new(written: WrittenLimits, defaults: Defaults, retry_budget: Option<RetryBudget>) -> Thresholds {
        let (flow, retries) = match defaults {
            Defaults::Istio => (u32::MAX, u32::MAX),
            Defaults::IstioBefore14 => (u32::MAX, 1024),
            Defaults::Envoy => (1024, 3),
        };
        let or = |written: u32, default: u32| if written == 0 { default } else { written };
        Thresholds {
            max_connections: or(written.max_connections, flow),
            max_pending_requests: or(written.max_pending_requests, flow),
            max_requests: or(written.max_requests, flow),
            max_retries: or(written.max_retries, retries),
            retry_budget,
        }
    }

    #[inline]
    pub fn admits_connection(&self, counters: &Counters) -> bool {
        counters.connections < self.max_connections
    }

    #[inline]
    pub fn admits_pending(&self, counters: &Counters) -> bool {
        counters.pending < self.max_pending_requests
    }

    #[inline]
    pub fn admits_request(&self, counters: &Counters) -> bool {
        counters.requests < self.max_requests
    }

    /// Whether one more retry may begin. The retry of a retry is asked for after the former gave its slot back.
    pub fn admits_retry(&self, counters: &Counters) -> bool {
        counters.retries < self.retry_limit(counters)
    }

    /// How many retries may be in progress just now.
    pub fn retry_limit(&self, counters: &Counters) -> u32 {
        self.retry_budget.map_or(self.max_retries, |budget| budget.limit(counters.requests.saturating_add(counters.pending)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNSET: WrittenLimits = WrittenLimits { max_connections: 0, max_pending_requests: 0, max_requests: 0, max_retries: 0 };

    fn all(thresholds: Thresholds) -> [u32; 4] {
        [thresholds.max_connections, thresholds.max_pending_requests, thresholds.max_requests, thresholds.max_retries]
    }

    #[test]
    fn zero_is_the_default_and_the_default_depends_on_who_asks() {
        for (defaults, expected) in [
            (Defaults::Istio, [u32::MAX; 4]),
            (Defaults::IstioBefore14, [u32::MAX, u32::MAX, u32::MAX, 1024]),
            (Defaults::Envoy, [1024, 1024, 1024, 3]),
        ] {
            assert_eq!(all(Thresholds::new(UNSET, defaults, None)), expected, "{defaults:?}");
        }
        let written = WrittenLimits { max_connections: 1, max_pending_requests: 2, max_requests: 3, max_retries: 4 };
        assert_eq!(all(Thresholds::new(written, Defaults::Envoy, None)), [1, 2, 3, 4]);
    }

    #[test]
    fn each_resource_is_admitted_below_its_limit_only() {
        let written = WrittenLimits { max_connections: 2, max_pending_requests: 3, max_requests: 4, max_retries: 5 };
        let thresholds = Thresholds::new(written, Defaults::Istio, None);
        for (used, admitted) in [(1, [true; 4]), (2, [false, true, true, true]), (3, [false, false, true, true]), (5, [false; 4])] {
            let counters = Counters { connections: used, pending: used, requests: used, retries: used };
            let found = [
                thresholds.admits_connection(&counters),
                thresholds.admits_pending(&counters),
                thresholds.admits_request(&counters),
                thresholds.admits_retry(&counters),
            ];
            assert_eq!(found, admitted, "{used}");
        }
    }

    #[test]
    fn retry_budget_is_a_share_of_what_is_under_way_and_never_less_than_its_minimum() {
        for (percent, least, requests, pending, limit) in [
            (20.0, 3, 0, 0, 3u32),
            (20.0, 3, 10, 9, 3),
            (20.0, 3, 15, 5, 4),
            (20.0, 3, 12, 12, 4),
            (20.0, 3, 25, 0, 5),
            (20.0, 0, 4, 0, 0),
            (100.0, 3, 50, 50, 100),
            (0.0, 2, 500, 0, 2),
            // 0.29 · 100 is 28.999999999999996 in floating point, in Envoy too.
            (29.0, 0, 100, 0, 28),
        ] {
            let budget = RetryBudget::new(percent, least).unwrap();
            let thresholds = Thresholds::new(WrittenLimits { max_retries: 1, ..UNSET }, Defaults::Istio, Some(budget));
            let counters = Counters { requests, pending, retries: limit.saturating_sub(1), ..Counters::default() };
            assert_eq!(thresholds.retry_limit(&counters), limit, "{percent} % of {requests} + {pending}");
            assert_eq!(thresholds.admits_retry(&counters), limit > 0);
            assert!(!thresholds.admits_retry(&Counters { retries: limit, ..counters }));
        }
        assert_eq!(RetryBudget::default(), RetryBudget::new(20.0, 3).unwrap());
    }

    #[test]
    fn nonsense_is_refused_in_words() {
        for percent in [-1.0, 100.5, f64::NAN] {
            let refused = RetryBudget::new(percent, 3).unwrap_err();
            assert_eq!(refused.to_string(), format!("`percent` must be between 0 and 100, not {percent}"));
        }
    }
}
