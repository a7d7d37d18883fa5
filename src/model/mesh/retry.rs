//! When and how often a sidecar tries again (istio/api `HTTPRetry`; translated in istio `pilot/pkg/networking/core/route/retry`).

use super::Written;
use crate::base::time::Nanos;
use crate::model::tree::Origin;

#[derive(Clone, Debug, PartialEq)]
pub struct Retries {
    pub origin: Origin,
    /// Retries after the first try. 0 is no policy at all, also where the block is written without `attempts`.
    pub attempts: Written<u32>,
    /// `None`: each try is bounded by the route's timeout only.
    pub per_try_timeout: Option<Written<Nanos>>,
    /// `None`: the default conditions stay. What is written replaces them completely.
    pub retry_on: Option<Written<RetryOn>>,
    /// Base interval; `None` is Envoy's 25 ms. The longest is ten times the base.
    pub backoff: Option<Written<Nanos>>,
    /// Whether priorities that were tried are left out.
    pub remote_localities: bool,
    /// Whether hosts that were tried are passed over; `None` is true.
    pub ignore_previous_hosts: Option<Written<bool>>,
}

/// What may be tried again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RetryOn {
    /// Without doubles, in the order in which they are written.
    pub conditions: Vec<RetryCondition>,
    /// Listed statuses; they imply `RetriableStatusCodes`.
    pub statuses: Vec<u16>,
}

/// Envoy's `x-envoy-retry-on` and `x-envoy-retry-grpc-on`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RetryCondition {
    ServerError,
    GatewayError,
    Reset,
    ResetBeforeRequest,
    ConnectFailure,
    EnvoyRateLimited,
    Retriable4xx,
    RefusedStream,
    RetriableStatusCodes,
    RetriableHeaders,
    Http3PostConnectFailure,
    GrpcCancelled,
    GrpcDeadlineExceeded,
    GrpcInternal,
    GrpcResourceExhausted,
    GrpcUnavailable,
}
