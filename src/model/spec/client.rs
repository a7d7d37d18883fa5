//! Clients: groups of callers outside the system, open loop (`arrivals`) or closed loop (`users`).

use super::{Named, Protocol, Request, one};
use crate::model::scalar::{ArrivalsSpec, DistSpec, Duration, EndpointRef, KeysSpec, Rate, Share, SizeSpec, Via};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A group of callers outside the system. Either `arrivals` (requests come whatever happens) or `users` (each waits for its answer) is required.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Client {
    /// Who these callers are, in words. Default: none.
    #[serde(default)]
    pub description: String,
    /// The endpoint called, or a mix of them with shares that add up to 100%. Required.
    pub target: Target,
    /// When requests arrive, in total over all instances. Default: none; then `users` is required.
    #[serde(default)]
    pub arrivals: Option<ArrivalsSpec>,
    /// Scales the rates of `arrivals` and `profile`, or the number of `users`. Default: 1.
    #[serde(default = "default_load")]
    #[schemars(range(min = 0, max = 1e6))]
    pub load: f64,
    /// Changes of the rate over time. Before the first point the rate is that of `arrivals`. Default: none.
    #[serde(default)]
    pub profile: Vec<ProfilePoint>,
    /// Independent callers, each with its own policy state (breaker, budget, balancer). Default: 1.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 100_000))]
    pub instances: u32,
    /// Callers of a closed loop, who send a request, wait for its answer and think. Default: none; then `arrivals` is required.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub users: Option<u32>,
    /// How long a user thinks between an answer and the next request. Default: 0s.
    #[serde(default = "no_time")]
    pub think_time: DistSpec,
    /// When a user stops. Default: never.
    #[serde(default)]
    pub stop: Option<Stop>,
    /// Values drawn once per request, seen by policy scopes and fault matches. Default: none.
    #[serde(default)]
    pub attributes: Named<KeysSpec>,
    /// The zone the client is in. Default: none.
    #[serde(default)]
    pub zone: Option<String>,
    /// What its requests look like to the routes of a mesh. Default: none, `GET /` without headers.
    #[serde(default)]
    pub request: Option<Request>,
    /// The Envoy, if any, that it calls through. Default: none.
    #[serde(default)]
    pub via: Via,
    /// The policy of its calls: a client calls like any other caller. Default: none.
    #[serde(default)]
    pub policy: Option<String>,
    /// What its requests speak, where the called service does not say. Default: none, the `protocol` of the called service.
    #[serde(default)]
    pub protocol: Option<Protocol>,
    /// Size of what a request sends, without headers; the same for all attempts. Default: none, 0B.
    #[serde(default)]
    pub payload: Option<SizeSpec>,
    /// Size of what is answered, without headers; a failure is answered without. Default: none, 0B.
    #[serde(default)]
    pub response: Option<SizeSpec>,
}

/// What a client calls: one endpoint, or a mix of endpoints by share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Target {
    /// Every request goes to this endpoint.
    One(EndpointRef),
    /// Each request goes to one of these endpoints, by share; the shares add up to 100%.
    #[schemars(extend("propertyNames" = {"format": "endpoint"}))]
    Mix(std::collections::BTreeMap<EndpointRef, Share>),
}

impl Target {
    /// Endpoints with their shares in 0..=1.
    pub fn shares(&self) -> Vec<(&EndpointRef, f64)> {
        match self {
            Target::One(endpoint) => vec![(endpoint, 1.0)],
            Target::Mix(mix) => mix.iter().map(|(endpoint, share)| (endpoint, share.fraction())).collect(),
        }
    }
}

/// The rate from some instant on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProfilePoint {
    /// When the rate starts to change. Required.
    pub at: Duration,
    /// The new rate. Required.
    pub rate: Rate,
    /// How long the rate takes to reach it, in a straight line that starts at `at`. Default: 0s.
    #[serde(default)]
    pub ramp: Duration,
}

/// When a user of a closed loop stops.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Stop {
    /// After so many requests of its own that were answered ok; degraded answers do not count. Required.
    #[schemars(range(min = 1))]
    pub ok: u64,
}

fn default_load() -> f64 {
    1.0
}

fn no_time() -> DistSpec {
    DistSpec::ZERO
}
