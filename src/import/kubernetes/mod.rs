//! Readers of Kubernetes' objects, as far as a simulation has a use for them.

pub(super) mod http_route;
pub(super) mod probe;
pub(super) mod service;
pub(super) mod workload;
