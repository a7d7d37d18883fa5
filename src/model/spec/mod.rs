//! What a model file may say: plain types, one per thing, with every default and every key's meaning in one place.
//!
//! Exactly what was written, before any name is looked up. Doc comments become the descriptions of the schema.

mod broker;
mod cache;
mod client;
mod fault;
mod mesh;
mod network;
mod policy;
mod service;
mod step;

pub use broker::{
    Back, Broker, BrokerKind, BrokerQueue, Commit, Consumer, Elsewhere, Exchange, InPlace, OffsetReset, OnError, Overflow, QueueType,
    Rebalance, Requeue, Topic,
};
pub use cache::{Cache, CacheScope, Eviction, Hit};
pub use client::{Client, ProfilePoint, Stop, Target};
pub use fault::{
    BrokerDown, CacheFlush, ConsumerStuck, Crash, Direction, DiskFull, Errors, Fault, FaultKind, Freeze, LinkFault, Packets, Partition,
    PoisonMessage, ReplicaChoice, Slow, Spike, ZoneOutage,
};
pub use mesh::{CallRequest, DEFAULT_RELEASE, HeaderValue, Mesh, MeshMtls, Mtls, Protocol, Push, Request, SidecarCost};
pub use network::{Headers, Link, LinkBetween, Network, ZoneLink};
pub use policy::{
    Backoff, Bucket, BucketBudget, Budget, Bulkhead, CircuitBreaker, ConsecutiveBreaker, Deadline, Deposit, Fallback, Jitter, Policy,
    PolicyPart, Retry, ShareBudget, SlidingBreaker, SlidingWindow, WindowType,
};
pub use service::{Cancellation, Connections, Discipline, LoadBalancing, Pool, Queue, RateLimit, Service};
pub use step::{
    Acks, Acquire, AcquireStep, AwaitReply, Branch, CacheStep, CacheUse, CallStep, ChooseStep, Fail, FailStep, Outbox, Parallel,
    ParallelStep, Publish, PublishStep, Repeat, RepeatStep, SpanLabel, SpanStep, Spawn, SpawnStep, Step, WaitStep, WorkStep,
};

use crate::model::expectation::Expectation;
use crate::model::scalar::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Things by their names. Sorted, so that the order of a file changes nothing.
pub type Named<T> = BTreeMap<String, T>;

/// A complete, runnable experiment: the system, its load, what breaks, and what is expected.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Model {
    /// Name of the model in reports. Default: the name of the file.
    #[serde(default)]
    pub name: String,
    /// What the model shows, in a sentence or two. Default: none.
    #[serde(default)]
    pub description: String,
    /// Seed of every random stream. Same model and same seed give the same bytes. Default: 1.
    #[serde(default = "default_seed")]
    pub seed: u64,
    /// For how long clients send requests. Required.
    #[schemars(extend("examples" = ["3m"]))]
    pub duration: Duration,
    /// Measured figures leave out this much of the start; series keep it. Default: 0s.
    #[serde(default)]
    pub warm_up: Duration,
    /// After `duration` no new requests arrive; the run ends when nothing is in flight, or after this long. Default: 60s.
    #[serde(default = "default_drain")]
    pub drain: Duration,
    /// Width of a window of the series. Default: 1s.
    #[serde(default = "default_window")]
    pub window: Duration,
    /// Who calls the system, by name.
    #[serde(default)]
    pub clients: Named<Client>,
    /// The services, by name.
    #[serde(default)]
    pub services: Named<Service>,
    /// Caches that steps may ask, by name.
    #[serde(default)]
    pub caches: Named<Cache>,
    /// Message brokers, by name.
    #[serde(default)]
    pub brokers: Named<Broker>,
    /// What takes messages from their queues, by name.
    #[serde(default)]
    pub consumers: Named<Consumer>,
    /// What an application's library does on a call, by name.
    #[serde(default)]
    pub policies: Named<Policy>,
    /// Latency and loss between services.
    #[serde(default)]
    pub network: Network,
    /// The service mesh around the services. Default: none, calls go straight to their replicas.
    #[serde(default)]
    pub mesh: Option<Mesh>,
    /// Files of Istio and Kubernetes, relative to this one; `*` and `**` stand for parts of names and for directories. What they say holds where the model does not say otherwise. Default: none.
    #[serde(default)]
    pub manifests: Vec<String>,
    /// What goes wrong and when, by name.
    #[serde(default)]
    pub faults: Named<Fault>,
    /// What the run has to show, by name; one that fails gives exit code 1.
    #[serde(default)]
    pub expect: Named<Expectation>,
    /// What the manifests say.
    #[serde(skip)]
    #[schemars(skip)]
    pub imported: crate::model::mesh::Mesh,
    /// What they say under each configuration that faults push, from the second on (see [`crate::model::pushes`]).
    #[serde(skip)]
    #[schemars(skip)]
    pub pushed: Vec<crate::model::mesh::Mesh>,
}

/// A file as it is written: a model, and what reading it needs besides.
#[derive(Clone, Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "never built: it gives the schema of files")]
pub struct Document {
    /// A model file in the same directory that this one changes (merge patch: maps merge by name, lists are replaced, `null` removes). Default: none.
    #[serde(default)]
    pub extends: Option<String>,
    /// Changes of this model by name (merge patch), to be run beside it on the same seeds. Default: none.
    #[serde(default)]
    pub variants: Named<serde_json::Map<String, serde_json::Value>>,
    #[serde(flatten)]
    pub model: Model,
}

fn default_seed() -> u64 {
    1
}

fn default_drain() -> Duration {
    Duration::from_secs(60)
}

fn default_window() -> Duration {
    Duration::from_secs(1)
}

fn one() -> u32 {
    1
}
