//! What a sidecar does to a request, as Envoy does it and as Istio configures it.
//!
//! | policy | decides | after |
//! |---|---|---|
//! | [`connection_pool`] | which connection carries a request, which request waits, which is refused | Envoy `conn_pool_base.cc` |
//! | [`load_balancing`] | which host | Envoy `load_balancing_policies/*` |
//! | [`outlier_detection`] | which hosts get nothing for a while | Envoy `outlier_detection_impl.cc` |
//! | [`resources`] | how much of a cluster may be in use at once | Envoy `resource_manager_impl.h`, Istio `cluster_traffic_policy.go` |
//!
//! Each file holds validated parameters, a small state, answers and a table of tests. Time comes in as an argument, chance
//! as a random word. State belongs to one proxy: ten callers with a sidecar each have ten pools of ten connections.

pub mod connection_pool;
pub mod load_balancing;
pub mod outlier_detection;
pub mod resources;
