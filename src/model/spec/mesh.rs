//! The service mesh around the services, and what a request looks like to it.

use super::Named;
use crate::model::scalar::{DistSpec, Duration, Release, Share};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A service mesh: sidecars beside the services, configured by `manifests`. A key `Kind/namespace/name` changes that object of the manifests (merge patch; a map over a list changes entries by their number from 0 or their `name`, `null` takes the object out).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("patternProperties" = {"^[A-Za-z]+/[^/]+/[^/]+$": {"type": ["object", "null"]}}))]
pub struct Mesh {
    /// The release whose defaults hold. Default: "1.24".
    #[serde(default = "default_release")]
    pub istio: Release,
    /// What each passage through a sidecar costs.
    #[serde(default)]
    pub sidecar: SidecarCost,
    /// Transport security between sidecars.
    #[serde(default)]
    pub mtls: Mtls,
    /// How the control plane tells proxies of changes.
    #[serde(default)]
    pub push: Push,
}

/// The release whose defaults hold unless a model names one.
pub const DEFAULT_RELEASE: Release = Release::new(1, 24);

fn default_release() -> Release {
    DEFAULT_RELEASE
}

/// What each passage through a sidecar costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct SidecarCost {
    /// Time that a request spends in one proxy, and an answer in one. Default: 0s.
    pub latency: DistSpec,
}

impl Default for SidecarCost {
    fn default() -> SidecarCost {
        SidecarCost { latency: DistSpec::ZERO }
    }
}

/// Transport security between sidecars.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Mtls {
    /// What callees ask for where no PeerAuthentication says. Default: PERMISSIVE.
    pub mode: MeshMtls,
    /// What a handshake costs beside its round trips. Default: 0s.
    pub handshake: DistSpec,
}

impl Default for Mtls {
    fn default() -> Mtls {
        Mtls { mode: MeshMtls::Permissive, handshake: DistSpec::ZERO }
    }
}

/// How the control plane tells proxies of changes: of pods that go and come, and of configurations (the fault `configPush`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Push {
    /// From a change until a proxy goes by it, istiod's debouncing of 100 ms included; drawn for each proxy and change, and never so that a proxy hears of an earlier change later. Default: uniform(100ms, 1s).
    pub delay: DistSpec,
    /// Pods leave the proxies' clusters when they crash and join them when they are back. False: they stay listed, as the hosts of a static cluster. Default: true.
    pub endpoints: bool,
}

impl Default for Push {
    fn default() -> Push {
        // `PILOT_DEBOUNCE_AFTER` is 100 ms (istio `pilot/pkg/features/tuning.go`); the rest is an estimate.
        Push { delay: DistSpec::Uniform { lo: Duration::from_millis(100), hi: Duration::from_secs(1) }, endpoints: true }
    }
}

/// What callees ask for, in Istio's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum MeshMtls {
    /// Plain text is taken as well.
    #[default]
    Permissive,
    /// Plain text is refused.
    Strict,
    /// There is none.
    Disable,
}

/// What a service's connections speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Protocol {
    /// HTTP/1.1: one request at a time on a connection.
    #[default]
    Http1,
    /// HTTP/2: many requests at a time on a connection.
    Http2,
    /// gRPC over HTTP/2.
    Grpc,
}

/// What a request looks like to the routes of a mesh.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// Method of HTTP. Default: GET.
    pub method: String,
    /// Path, perhaps with a query after `?`. Default: /.
    pub path: String,
    /// Headers by name: a value, or several with shares that add up to 100%. Default: none.
    pub headers: BTreeMap<String, HeaderValue>,
}

impl Default for Request {
    fn default() -> Request {
        Request { method: "GET".to_owned(), path: "/".to_owned(), headers: BTreeMap::new() }
    }
}

/// A value of a header, or several of which each request has one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum HeaderValue {
    /// Every request has this value.
    One(String),
    /// Each request has one of these values, by share; the shares add up to 100%.
    #[schemars(extend("propertyNames" = {"format": "text"}))]
    Mix(BTreeMap<String, Share>),
}

/// What a call looks like to the routes of a mesh.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct CallRequest {
    /// Method of HTTP. Default: GET.
    pub method: String,
    /// Path, perhaps with a query after `?`. Default: /.
    pub path: String,
    /// Headers by name. Default: none.
    pub headers: Named<String>,
}

impl Default for CallRequest {
    fn default() -> CallRequest {
        CallRequest { method: "GET".to_owned(), path: "/".to_owned(), headers: Named::new() }
    }
}

impl Protocol {
    /// The word of the language.
    pub fn word(self) -> &'static str {
        match self {
            Protocol::Http1 => "http1",
            Protocol::Http2 => "http2",
            Protocol::Grpc => "grpc",
        }
    }
}
