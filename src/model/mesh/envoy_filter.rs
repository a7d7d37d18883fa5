//! EnvoyFilter: what it changes of the outbound routes of proxies, as far as that is simulated.

use super::{Labels, Meta};
use crate::model::tree::Origin;

/// `networking.istio.io`, `EnvoyFilter`.
#[derive(Clone, Debug, PartialEq)]
pub struct EnvoyFilter {
    pub meta: Meta,
    /// Of the pods whose proxies it changes; `None`: all of the namespace, or of the mesh if that is the root namespace.
    pub selector: Option<Labels>,
    pub patches: Vec<RoutePatch>,
}

/// A patch of routes that is merged into those that match.
#[derive(Clone, Debug, PartialEq)]
pub struct RoutePatch {
    pub origin: Origin,
    pub context: PatchContext,
    /// Name of the virtual host, `orders.shop.svc.cluster.local:80`, and of the route; `None`: every one.
    pub virtual_host: Option<String>,
    pub route: Option<String>,
    /// `hedge_policy.hedge_on_per_try_timeout`
    pub hedge: Option<bool>,
    /// `retry_policy.retry_priority`: `previous_priorities` with its `update_frequency`.
    pub previous_priorities: Option<u32>,
    /// `retry_policy.host_selection_retry_max_attempts`
    pub host_selection_retries: Option<u32>,
    /// `retry_policy.num_retries`
    pub num_retries: Option<u32>,
}

/// Which proxies a patch is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchContext {
    Any,
    Sidecar,
    Gateway,
}
