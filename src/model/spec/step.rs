//! Steps: what an endpoint does to answer a request, one after the other. Each kind is known by its first key.

use super::{CallRequest, Named, Protocol, one};
use crate::model::scalar::{AttributeValue, DistSpec, Duration, EndpointRef, Join, KeysSpec, Share, SizeSpec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One step of an endpoint. It has exactly one of the keys work, wait, call, parallel, choose, repeat, cache, acquire, publish, fail, spawn, span.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Step {
    Work(WorkStep),
    Wait(WaitStep),
    Call(CallStep),
    Parallel(ParallelStep),
    Choose(ChooseStep),
    Repeat(RepeatStep),
    Cache(CacheStep),
    Acquire(AcquireStep),
    Publish(PublishStep),
    Fail(FailStep),
    Spawn(SpawnStep),
    Span(SpanStep),
}

/// Works: takes its time on the worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WorkStep {
    /// How long the work takes on its own; the fault `slow` stretches it. Required.
    pub work: DistSpec,
}

/// Waits for something outside the model, without working.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WaitStep {
    /// For how long; the fault `slow` does not stretch it. Required.
    pub wait: DistSpec,
}

/// Calls an endpoint of another service and waits for its answer. A call that fails ends the request with its status.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CallStep {
    /// The endpoint called. Required.
    pub call: EndpointRef,
    /// The policy of the call. Default: none, one attempt without a timeout.
    #[serde(default)]
    pub policy: Option<String>,
    /// What the call looks like to the routes of a mesh. Default: none, `GET /` without headers.
    #[serde(default)]
    pub request: Option<CallRequest>,
    /// What the call speaks, where the called service does not say. Default: none, the `protocol` of the called service.
    #[serde(default)]
    pub protocol: Option<Protocol>,
    /// Size of what is sent, without headers; the same for all attempts of a call. Default: none, 0B.
    #[serde(default)]
    pub payload: Option<SizeSpec>,
    /// Size of what is answered, without headers; a failure is answered without. Default: none, 0B.
    #[serde(default)]
    pub response: Option<SizeSpec>,
}

/// Does several things at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ParallelStep {
    /// The branches, and when to go on. Required.
    pub parallel: Parallel,
}

/// Branches that run at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Parallel {
    /// When to go on. Default: all.
    #[serde(default = "join_all")]
    pub join: Join,
    /// Lists of steps, each run beside the others. Required.
    #[schemars(length(min = 1, max = 10_000))]
    pub branches: Vec<Vec<Step>>,
    /// Copies of every branch (a fan-out over shards). Default: 1.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 10_000))]
    pub times: u32,
    /// Whether branches that are no longer needed are cancelled. Default: false, they go on in vain.
    #[serde(default)]
    pub cancel_losers: bool,
}

/// Does one of several things, by weight.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChooseStep {
    /// The branches by name, as in `{hit: {weight: 9, steps: []}, miss: {weight: 1, steps: [{call: db.get}]}}`. Required.
    pub choose: Named<Branch>,
}

/// One branch of a `choose`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Branch {
    /// How likely the branch is: its weight over the sum of all. Default: 1.
    #[serde(default = "default_weight")]
    #[schemars(range(min = 0, max = 1e9))]
    pub weight: f64,
    /// What it does; an empty list does nothing. Required.
    pub steps: Vec<Step>,
}

/// Does the same several times, one after the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RepeatStep {
    /// What, and how often. Required.
    pub repeat: Repeat,
}

/// Steps that are done several times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Repeat {
    /// How often. Required.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub times: u32,
    /// What is done. Required.
    pub steps: Vec<Step>,
}

/// Asks a cache, and on a miss does what fills it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CacheStep {
    /// Which cache, and what a miss does. Required.
    pub cache: CacheUse,
}

/// One use of a cache.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CacheUse {
    /// The cache, by name. Its key is drawn once per request and cache. Required.
    #[serde(rename = "use")]
    pub cache: String,
    /// What a miss does; if it succeeds, the key is in the cache. Default: nothing.
    #[serde(default)]
    pub on_miss: Vec<Step>,
}

/// Takes something out of a pool of the service, does its steps, and gives it back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AcquireStep {
    /// Which pool, and what is done meanwhile. Required.
    pub acquire: Acquire,
}

/// One use of a pool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Acquire {
    /// The pool, by name, of this service. Required.
    pub pool: String,
    /// What is done while it is held. Required.
    pub steps: Vec<Step>,
}

/// Publishes a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PublishStep {
    /// Where to, and how. Required.
    pub publish: Publish,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Publish {
    /// The broker, or one of its queues alone, written BROKER.QUEUE. Required.
    pub to: String,
    /// The routing key. Default: none.
    #[serde(default)]
    pub key: String,
    /// Whether to wait until the broker has the message (a publisher confirm). Default: false, it is sent and forgotten.
    #[serde(default)]
    pub confirm: bool,
    /// The policy of a publish that waits for its confirm. Default: none.
    #[serde(default)]
    pub policy: Option<String>,
    /// Whether the message survives a restart of the broker, in a queue that does. Default: true.
    #[serde(default = "yes")]
    pub persistent: bool,
    /// How old the message may get while it waits. Default: as old as it will.
    #[serde(default)]
    pub ttl: Option<Duration>,
    /// Its headers, for a headers exchange. Default: none.
    #[serde(default)]
    pub headers: Named<String>,
    /// Whether a message that no queue wants fails with 404; only with `confirm`. Default: false, it is dropped.
    #[serde(default)]
    pub mandatory: bool,
    /// Size of the message, without headers. Default: none, 0B.
    #[serde(default)]
    pub payload: Option<SizeSpec>,
    /// What orders it among others, drawn once per request: of Kafka the key that chooses the partition, of SQS the message group, of Service Bus the session. Default: none; of Kafka batches go to one partition after the other.
    #[serde(default)]
    pub keys: Option<KeysSpec>,
    /// Of Kafka: which copies the publisher waits for; without `confirm` nobody waits for the answer. Default: all.
    #[serde(default)]
    pub acks: Option<Acks>,
    /// Of SQS and Service Bus: how long nobody gets it. Default: 0s.
    #[serde(default)]
    pub delay: Option<Duration>,
    /// The endpoint that writes what this message tells of, such as `orders-db.insert`: events of writes that never come to the broker, and events without a write, are counted. Default: none.
    #[serde(default)]
    pub announces: Option<EndpointRef>,
    /// Writes the message into the database with what it `announces`, in one transaction, and lets a relay publish it. Default: none, the step itself publishes.
    #[serde(default)]
    pub outbox: Option<Outbox>,
    /// Waits for a message that answers this one: request and reply by messages. Default: none, nobody waits.
    #[serde(default)]
    pub await_reply: Option<AwaitReply>,
}

/// A relay that publishes what lies in the outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Outbox {
    /// How often it looks, from one of the service's replicas; longer than 0s. Required.
    pub poll: Duration,
}

/// Which copies a publisher waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Acks {
    /// It does not ask (0).
    None,
    /// The leader's (1).
    Leader,
    /// Those of all that are in sync.
    All,
}

/// Waiting for a reply. Whoever handles the message sends one when its steps have succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AwaitReply {
    /// How long to wait before the step fails with 504; what comes later is dropped. Required.
    pub timeout: Duration,
}

fn yes() -> bool {
    true
}

/// Fails the request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FailStep {
    /// With what, and how often. Required; `{}` fails every request with 500.
    pub fail: Fail,
}

/// An answer of its own that ends the request.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fail {
    /// The status answered. Default: 500.
    #[serde(default = "server_error")]
    #[schemars(range(min = 400, max = 599))]
    pub status: u16,
    /// The share of requests that fail here; the others go on. Default: 100%.
    #[serde(default = "whole")]
    pub share: Share,
}

/// Starts steps that the request does not wait for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SpawnStep {
    /// What is started. Required.
    pub spawn: Spawn,
}

/// Steps that go on beside the request, without a worker; how they end changes no answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Spawn {
    /// What is done. Required.
    pub steps: Vec<Step>,
}

/// Says how the endpoint's span is called in traces and logs, and what is attached to it. Takes no time and changes nothing else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SpanStep {
    /// Name and attributes. Required.
    pub span: SpanLabel,
}

/// What the endpoint's spans are called, and what is attached to them. One for an endpoint, among its own steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SpanLabel {
    /// Name of the span. Default: none, its method and route.
    #[serde(default)]
    pub name: Option<String>,
    /// Attributes by key, as in `{order.id: "{request}", customer.tier: "{tier}", db.operation: select}`. What the request's client does not draw is left out. Default: none.
    #[serde(default)]
    pub attributes: Named<AttributeValue>,
}

impl Step {
    /// The lists of steps inside this one, each with its path from here (`parallel.branches[0]`).
    pub fn inner(&self) -> Vec<(String, &[Step])> {
        match self {
            Step::Work(_) | Step::Wait(_) | Step::Call(_) | Step::Publish(_) | Step::Fail(_) | Step::Span(_) => Vec::new(),
            Step::Parallel(ParallelStep { parallel }) => {
                parallel.branches.iter().enumerate().map(|(index, steps)| (format!("parallel.branches[{index}]"), &steps[..])).collect()
            }
            Step::Choose(ChooseStep { choose }) => {
                let path = |name: &str| format!("choose.{}.steps", crate::model::name::quoted(name));
                choose.iter().map(|(name, branch)| (path(name), &branch.steps[..])).collect()
            }
            Step::Repeat(RepeatStep { repeat }) => vec![("repeat.steps".to_owned(), &repeat.steps)],
            Step::Cache(CacheStep { cache }) => vec![("cache.onMiss".to_owned(), &cache.on_miss)],
            Step::Acquire(AcquireStep { acquire }) => vec![("acquire.steps".to_owned(), &acquire.steps)],
            Step::Spawn(SpawnStep { spawn }) => vec![("spawn.steps".to_owned(), &spawn.steps)],
        }
    }
}

fn join_all() -> Join {
    Join::All
}

fn default_weight() -> f64 {
    1.0
}

pub(super) fn server_error() -> u16 {
    500
}

pub(super) fn whole() -> Share {
    Share::ALL
}
