//! What a sidecar does to a request, as Envoy does it and as Istio configures it.
//!
//! | policy | decides | after |
//! |---|---|---|
//! | [`route_match`], [`string_match`] | which rule of a route takes a request | Istio `route.go`, Envoy `config_impl.cc` |
//! | [`fault_injection`], [`percentage`] | which request is delayed or aborted | Envoy `fault_filter.cc` |
//! | [`weighted_clusters`] | to which destination a request goes | Envoy `config_impl.cc` |
//! | [`mirror`] | which request is copied | Envoy `router.cc` |
//! | [`timeouts`] | how long a request and its attempts may take | Envoy `router.cc` |
//! | [`connection_pool`] | which connection carries a request, which request waits, which is refused | Envoy `conn_pool_base.cc` |
//! | [`load_balancing`] | which host | Envoy `load_balancing_policies/*` |
//! | [`outlier_detection`] | which hosts get nothing for a while | Envoy `outlier_detection_impl.cc` |
//! | [`retry`] | whether, when and where a request is tried again | Envoy `retry_state_impl.cc`, Istio `route/retry/retry.go` |
//! | [`resources`] | how much of a cluster may be in use at once | Envoy `resource_manager_impl.h`, Istio `cluster_traffic_policy.go` |
//! | [`release`] | what depends on the release of Istio | Istio's release notes |
//!
//! Each file holds validated parameters, a small state, answers and a table of tests. Time comes in as an argument, chance
//! as a random word. State belongs to one proxy: ten callers with a sidecar each have ten pools of ten connections.

pub mod connection_pool;
pub mod fault_injection;
pub mod load_balancing;
pub mod mirror;
pub mod outlier_detection;
pub mod percentage;
pub mod release;
pub mod resources;
pub mod retry;
pub mod route_match;
pub mod string_match;
pub mod timeouts;
pub mod weighted_clusters;
