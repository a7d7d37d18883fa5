//! Connection pools and the limits of a cluster (istio `pilot/pkg/networking/core/cluster_traffic_policy.go`).
//!
//! The numbers are plain proto3 integers: 0 cannot be told from absent, and both are `None`.

use super::Written;
use crate::base::time::Nanos;
use crate::model::tree::Origin;

#[derive(Clone, Debug, PartialEq)]
pub struct ConnectionPool {
    pub origin: Origin,
    pub max_connections: Option<Written<u32>>,
    /// TCP and TLS handshake together.
    pub connect_timeout: Option<Written<Nanos>>,
    /// A connection is drained at this age.
    pub max_connection_duration: Option<Written<Nanos>>,
    /// Zero switches the idle timeout off.
    pub tcp_idle_timeout: Option<Written<Nanos>>,
    /// Kept, not simulated.
    pub tcp_keepalive: Option<Origin>,
    /// `http1MaxPendingRequests`, in spite of its name of HTTP/2 too.
    pub max_pending_requests: Option<Written<u32>>,
    /// `http2MaxRequests`, in spite of its name of HTTP/1.1 too.
    pub max_requests: Option<Written<u32>>,
    pub max_requests_per_connection: Option<Written<u32>>,
    pub max_retries: Option<Written<u32>>,
    pub http_idle_timeout: Option<Written<Nanos>>,
    pub h2_upgrade: Option<Written<H2Upgrade>>,
    pub use_client_protocol: bool,
    pub max_concurrent_streams: Option<Written<u32>>,
    /// Kept, not simulated.
    pub http2_keepalive: Option<Origin>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum H2Upgrade {
    DoNotUpgrade,
    Upgrade,
}

/// What Istio writes into a threshold that a rule does not set; Envoy's own would be 1024.
pub const UNLIMITED: u32 = u32::MAX;

impl ConnectionPool {
    pub fn max_connections(&self) -> u32 {
        value(&self.max_connections).unwrap_or(UNLIMITED)
    }

    pub fn max_pending_requests(&self) -> u32 {
        value(&self.max_pending_requests).unwrap_or(UNLIMITED)
    }

    pub fn max_requests(&self) -> u32 {
        value(&self.max_requests).unwrap_or(UNLIMITED)
    }

    pub fn max_retries(&self) -> u32 {
        value(&self.max_retries).unwrap_or(UNLIMITED)
    }

    /// `None`: a connection is used for ever.
    pub fn max_requests_per_connection(&self) -> Option<u32> {
        value(&self.max_requests_per_connection)
    }

    /// Istio's mesh default is 10 s, Envoy's own 5 s.
    pub fn connect_timeout(&self) -> Nanos {
        value(&self.connect_timeout).unwrap_or(Nanos::from_secs(10))
    }

    /// That of `http`, else that of `tcp`, else an hour; `None` if it is switched off.
    pub fn idle_timeout(&self) -> Option<Nanos> {
        let idle = value(&self.http_idle_timeout).or(value(&self.tcp_idle_timeout)).unwrap_or(Nanos::from_secs(3600));
        (idle > Nanos::ZERO).then_some(idle)
    }
}

fn value<T: Copy>(written: &Option<Written<T>>) -> Option<T> {
    written.as_ref().map(|written| written.value)
}

/// Replaces `max_retries` (Envoy `RetryBudget`; Istio 1.27).
#[derive(Clone, Debug, PartialEq)]
pub struct RetryBudget {
    pub origin: Origin,
    /// Of the requests that are active or wait for a connection.
    pub percent: Option<Written<f64>>,
    pub min_retry_concurrency: Option<Written<u32>>,
    pub interval: Option<Written<Nanos>>,
}

impl RetryBudget {
    pub fn percent(&self) -> f64 {
        value(&self.percent).unwrap_or(20.0)
    }

    pub fn min_retry_concurrency(&self) -> u32 {
        value(&self.min_retry_concurrency).unwrap_or(3)
    }
}
