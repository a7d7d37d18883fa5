//! Readers of Istio's objects, with the rules of its validation (istio `pkg/config/validation`, and the schemas of istio/api).

pub(super) mod balancer;
pub(super) mod cors;
pub(super) mod destination_rule;
pub(super) mod envoy_filter;
pub(super) mod fault;
pub(super) mod gateway;
pub(super) mod headers;
pub(super) mod layer4;
pub(super) mod matches;
pub(super) mod outlier;
pub(super) mod pool;
pub(super) mod retry;
pub(super) mod route;
pub(super) mod security;
pub(super) mod target;
pub(super) mod unreachable;
pub(super) mod virtual_service;
