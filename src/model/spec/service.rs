//! Services: replicas that answer the same endpoints, each with workers, a queue and pools.

use super::{Named, Protocol, Step, one};
use crate::model::scalar::{Bound, DistSpec, Duration, Rate};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Replicas that answer the same endpoints. The defaults are those of plain code without any protection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Service {
    /// What the service does, in words. Default: none.
    #[serde(default)]
    pub description: String,
    /// The only service that may call this one (a database per service). Default: none, anyone may.
    #[serde(default)]
    pub owner: Option<String>,
    /// Running copies. Default: 1.
    #[serde(default = "one")]
    #[schemars(range(min = 0, max = 100_000))]
    pub replicas: u32,
    /// Zones that the replicas are spread over, round robin. Default: none.
    #[serde(default)]
    pub zones: Vec<String>,
    /// Requests in progress per replica (threads). A worker is held while it waits for a call. Default: unlimited.
    #[serde(default = "unlimited")]
    pub workers: Bound,
    /// Where requests wait for a worker.
    #[serde(default)]
    pub queue: Queue,
    /// What happens to work whose caller has gone. Default: none; full if its protocol is grpc, which tells servers of it.
    #[serde(default)]
    pub cancellation: Option<Cancellation>,
    /// Requests that a replica admits; others are answered 429. Default: no limit.
    #[serde(default)]
    pub rate_limit: Option<RateLimit>,
    /// How callers pick a replica. Default: roundRobin.
    #[serde(default)]
    pub load_balancing: LoadBalancing,
    /// Things that each replica has a limited number of (connections), taken with the step `acquire`. Default: none.
    #[serde(default)]
    pub pools: Named<Pool>,
    /// Labels of its pods, by which subsets of a DestinationRule select them. Default: none.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// The namespace that its Service and its pods are in. Default: default.
    #[serde(default = "default_namespace")]
    pub namespace: String,
    /// Versions side by side, by name: each is this service with some values changed (merge patch), with labels, replicas and endpoints of its own. Default: none.
    #[serde(default)]
    pub versions: Named<Service>,
    /// Whether its pods have a sidecar. Default: they have one in a mesh.
    #[serde(default)]
    pub sidecar: Option<bool>,
    /// What its connections speak. Default: none, connections cost nothing and messages are no more than their payloads; http1 to sidecars.
    #[serde(default)]
    pub protocol: Option<Protocol>,
    /// How callers without a proxy connect to it; only with a `protocol`.
    #[serde(default)]
    pub connections: Option<Connections>,
    /// The port of its Service. Default: the first port of its manifest, else 80.
    #[serde(default)]
    #[schemars(range(min = 1, max = 65_535))]
    pub port: Option<u32>,
    /// The operations, by name: the steps that answer a request.
    #[serde(default)]
    pub endpoints: Named<Vec<Step>>,
}

impl Service {
    /// One replica with every default and no endpoint.
    pub fn plain() -> Service {
        Service {
            description: String::new(),
            owner: None,
            replicas: 1,
            zones: Vec::new(),
            workers: Bound::Unlimited,
            queue: Queue::default(),
            cancellation: None,
            rate_limit: None,
            load_balancing: LoadBalancing::default(),
            pools: Named::new(),
            labels: BTreeMap::new(),
            namespace: default_namespace(),
            versions: Named::new(),
            sidecar: None,
            protocol: None,
            connections: None,
            port: None,
            endpoints: Named::new(),
        }
    }

    /// What happens to work whose caller has gone.
    pub fn cancelled(&self) -> Cancellation {
        let default = if self.protocol == Some(Protocol::Grpc) { Cancellation::Full } else { Cancellation::None };
        self.cancellation.unwrap_or(default)
    }
}

/// How callers connect to a service. Over http1 a connection carries one request at a time, is kept, and another one is opened when none is idle; over http2 and grpc each caller has one connection to each replica.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Connections {
    /// Requests at a time on a connection of http2 or grpc; more wait in the caller. Default: 100, the least that the standard of HTTP/2 recommends.
    #[schemars(range(min = 1))]
    pub max_concurrent_streams: u32,
    /// After which a connection without a request is closed. Default: none, it is kept.
    pub idle_timeout: Option<Duration>,
    /// How long setting up may take before the attempt fails with connectFailure. Default: 127s, when Linux gives up after its seven SYNs.
    pub connect_timeout: Duration,
    /// Whether they are encrypted (TLS 1.3): another round trip to set up, and 22 bytes per 16 KiB. Default: false.
    pub tls: bool,
    /// What a handshake of TLS computes, beside its round trip. Default: 0s.
    pub handshake: DistSpec,
}

impl Default for Connections {
    fn default() -> Connections {
        Connections {
            max_concurrent_streams: 100,
            idle_timeout: None,
            connect_timeout: Duration::from_secs(127),
            tls: false,
            handshake: DistSpec::ZERO,
        }
    }
}

fn default_namespace() -> String {
    "default".to_owned()
}

/// Where requests wait for a worker of a replica.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Queue {
    /// Requests that may wait; one more is answered 503. 0 is legal. Default: unlimited.
    pub capacity: Bound,
    /// Who is served next. Default: fifo.
    pub discipline: Discipline,
    /// A request that waited longer than this is answered 503. Default: none, it waits for ever.
    pub max_wait: Option<Duration>,
}

impl Default for Queue {
    fn default() -> Queue {
        Queue { capacity: Bound::Unlimited, discipline: Discipline::Fifo, max_wait: None }
    }
}

/// Who of a queue is served next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Discipline {
    /// The one that waited longest.
    #[default]
    Fifo,
    /// The one that came last.
    Lifo,
}

/// What happens to work whose caller has gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Cancellation {
    /// It is done in vain.
    #[default]
    None,
    /// It is dropped when its turn comes; what has begun goes on.
    Queued,
    /// It is stopped at once, waiting or begun.
    Full,
}

/// A token bucket.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RateLimit {
    /// Tokens that come back per unit of time; a request takes one. Required.
    pub rate: Rate,
    /// Tokens that the full bucket holds, so many requests may come at once. Default: 1.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    pub burst: u32,
}

/// How callers pick a replica.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum LoadBalancing {
    /// Each caller goes round the replicas.
    #[default]
    RoundRobin,
    /// Any, each as likely as the others.
    Random,
    /// The one of two random replicas with fewer requests of this caller in flight.
    LeastRequest,
}

/// A limited number of things that each replica has.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pool {
    /// How many there are per replica. Required.
    #[schemars(range(min = 1))]
    pub size: u32,
    /// How long a request waits for one before it fails with 503. Default: none, for ever.
    #[serde(default)]
    pub max_wait: Option<Duration>,
}

fn unlimited() -> Bound {
    Bound::Unlimited
}
