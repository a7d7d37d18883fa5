//! Faults: what goes wrong, when, and for how long.

use super::Named;
use super::step::{server_error, whole};
use crate::model::scalar::{Bandwidth, DistSpec, Duration, Restart, Share};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Something that goes wrong. It has exactly one of the keys crash, slow, errors, pause, hang, cacheFlush, link, partition, zoneOutage, spike, brokerDown, consumerStuck, diskFull, poisonMessage, configPush.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Fault {
    /// When it begins, from the start of the run. Required.
    #[schemars(extend("examples" = ["60s"]))]
    pub at: Duration,
    /// How long it lasts, drawn each time it begins. Default: none, to the end of the run.
    #[serde(default, rename = "for")]
    pub lasts: Option<DistSpec>,
    /// From one beginning to the next, drawn each time; on average longer than `for`. Where chance makes two of them overlap, both are at work. Default: none, it happens once.
    #[serde(default)]
    pub every: Option<DistSpec>,
    #[serde(flatten)]
    pub kind: FaultKind,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum FaultKind {
    /// Replicas die; what they were doing is lost.
    Crash(Crash),
    /// Work takes longer.
    Slow(Slow),
    /// Requests are answered with an error.
    Errors(Errors),
    /// Replicas stop the world: nothing runs, what arrives waits.
    Pause(Freeze),
    /// Replicas take requests and never answer.
    Hang(Freeze),
    /// A cache loses all it holds.
    CacheFlush(CacheFlush),
    /// A path of the network gets worse.
    Link(LinkFault),
    /// Messages between two parties do not arrive.
    Partition(Partition),
    /// Every replica of a zone dies, and comes back when the fault ends.
    ZoneOutage(ZoneOutage),
    /// A client sends more.
    Spike(Spike),
    /// Nodes of a broker die; what they had not kept is lost.
    BrokerDown(BrokerDown),
    /// A consumer does not go on with the messages that it has, and takes no more than it may hold.
    ConsumerStuck(ConsumerStuck),
    /// A broker takes no messages: publishers wait.
    DiskFull(DiskFull),
    /// Messages come that no consumer can handle: each time, they fail.
    PoisonMessage(PoisonMessage),
    /// The control plane pushes a configuration: changes of the manifests' objects, as `mesh` has them. When the fault ends, it pushes what held before.
    ConfigPush(serde_json::Map<String, serde_json::Value>),
}

/// Which replicas of a service a fault meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplicaChoice<'a> {
    All,
    /// So many of them, drawn each time that it happens.
    Count(u32),
    /// These, counted from 0.
    Listed(&'a [u32]),
    /// A number and a list, of which only one can be meant.
    Both,
}

impl FaultKind {
    /// Which replicas it meets; all of whatever it touches if it does not choose.
    pub fn choice(&self) -> ReplicaChoice<'_> {
        match self {
            FaultKind::Crash(crash) => crash.choice(),
            FaultKind::Slow(slow) => slow.choice(),
            FaultKind::Errors(errors) => errors.choice(),
            FaultKind::Pause(freeze) | FaultKind::Hang(freeze) => freeze.choice(),
            FaultKind::BrokerDown(down) => down.choice(),
            FaultKind::ConsumerStuck(stuck) => stuck.choice(),
            FaultKind::DiskFull(_) | FaultKind::PoisonMessage(_) => ReplicaChoice::All,
            FaultKind::CacheFlush(_) | FaultKind::Link(_) | FaultKind::Partition(_) => ReplicaChoice::All,
            FaultKind::ZoneOutage(_) | FaultKind::Spike(_) | FaultKind::ConfigPush(_) => ReplicaChoice::All,
        }
    }
}

fn choice(count: Option<u32>, listed: &[u32]) -> ReplicaChoice<'_> {
    match (count, listed) {
        (None, []) => ReplicaChoice::All,
        (Some(count), []) => ReplicaChoice::Count(count),
        (None, listed) => ReplicaChoice::Listed(listed),
        (Some(_), _) => ReplicaChoice::Both,
    }
}

/// Nodes of a broker die.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BrokerDown {
    /// The broker. Required.
    pub broker: String,
    /// So many of its nodes, drawn each time. Default: none given, then all.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub nodes: Option<u32>,
    /// These nodes, counted from 0, instead of a number of them. Default: none.
    #[serde(default)]
    pub node: Vec<u32>,
}

/// A consumer does not go on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConsumerStuck {
    /// The consumer. Required.
    pub consumer: String,
    /// On so many replicas of its service, drawn each time. Default: none given, then all.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub replicas: Option<u32>,
    /// On these replicas, counted from 0, instead of a number of them. Default: none.
    #[serde(default)]
    pub replica: Vec<u32>,
}

/// A broker takes no messages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DiskFull {
    /// The broker. Required.
    pub broker: String,
}

/// Messages that no consumer can handle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PoisonMessage {
    /// The queue that they come into, written BROKER.QUEUE. Required.
    pub queue: String,
    /// Share of what comes while the fault lasts. Default: 100%.
    #[serde(default = "whole")]
    pub share: Share,
    /// No more than so many each time. Default: none given, any number.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub count: Option<u32>,
}

/// Replicas die.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Crash {
    /// The service. Required.
    pub service: String,
    /// So many of its replicas, the first ones. Default: none given, then all.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub replicas: Option<u32>,
    /// These replicas, counted from 0, instead of a number of them. Default: none.
    #[serde(default)]
    pub replica: Vec<u32>,
    /// Whether they come back; without a `for` the fault lasts until all of them are. Default: none given; then when the fault ends, or never if it has no `for`.
    #[serde(default)]
    pub restart: Option<Restart>,
    /// Only the application's container dies: its pod and sidecar live on, and the sidecar answers 503 in its place. Without a sidecar nothing listens, as when the pod is gone. Default: false.
    #[serde(default)]
    pub container: bool,
}

/// Work takes longer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Slow {
    /// The service. Required.
    pub service: String,
    /// How many times longer the step `work` takes. Required.
    #[schemars(range(min = 0.001, max = 1e6))]
    pub factor: f64,
    /// So many of its replicas, the first ones. Default: none given, then all.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub replicas: Option<u32>,
    /// These replicas, counted from 0, instead of a number of them. Default: none.
    #[serde(default)]
    pub replica: Vec<u32>,
}

/// Requests are answered with an error, before any work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Errors {
    /// The service. Required.
    pub service: String,
    /// Only this endpoint of it. Default: none, all of them.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// The status answered. Default: 500.
    #[serde(default = "server_error")]
    #[schemars(range(min = 400, max = 599))]
    pub status: u16,
    /// Share of the requests that meet it. Default: 100%.
    #[serde(default = "whole")]
    pub share: Share,
    /// Only requests with these values of their attributes. Default: all.
    #[serde(default, rename = "match")]
    pub matching: Named<u64>,
    /// So many of its replicas, the first ones. Default: none given, then all.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub replicas: Option<u32>,
    /// These replicas, counted from 0, instead of a number of them. Default: none.
    #[serde(default)]
    pub replica: Vec<u32>,
}

/// Replicas that stand still.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Freeze {
    /// The service. Required.
    pub service: String,
    /// So many of its replicas, the first ones. Default: none given, then all.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub replicas: Option<u32>,
    /// These replicas, counted from 0, instead of a number of them. Default: none.
    #[serde(default)]
    pub replica: Vec<u32>,
}

macro_rules! meets_replicas {
    ($($name:ty),*) => {$(
        impl $name {
            /// Which replicas it meets.
            pub fn choice(&self) -> ReplicaChoice<'_> {
                choice(self.replicas, &self.replica)
            }
        }
    )*};
}

meets_replicas!(Crash, Slow, Errors, Freeze, ConsumerStuck);

impl BrokerDown {
    /// Which nodes it meets.
    pub fn choice(&self) -> ReplicaChoice<'_> {
        choice(self.nodes, &self.node)
    }
}

/// A cache loses all it holds, at one instant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CacheFlush {
    /// The cache. Required.
    pub cache: String,
}

/// A path of the network gets worse: either a `link` of the model, or `from` and `to`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
#[derive(Default)]
pub struct LinkFault {
    /// The name of a link of `network.links`. Default: none; then `from` and `to` are required.
    pub link: Option<String>,
    /// The calling client, service or zone. Default: none.
    pub from: Option<String>,
    /// The called service or zone. Default: none.
    pub to: Option<String>,
    /// Latency that each message has on top. Default: none.
    pub latency: Option<DistSpec>,
    /// Share of messages that are lost, on top. Default: 0%.
    pub loss: Option<Share>,
    /// Bits per second of each direction meanwhile, if that is less than the link has; what is queued already leaves as it would have. Default: none.
    pub bandwidth: Option<Bandwidth>,
}

/// Messages between two parties do not arrive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Partition {
    /// A client, service or zone. Required.
    pub from: String,
    /// A service or zone. Required.
    pub to: String,
    /// What becomes of messages. Default: drop.
    #[serde(default)]
    pub packets: Packets,
    /// Which way is cut. Default: both.
    #[serde(default)]
    pub direction: Direction,
}

/// What becomes of messages in a partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Packets {
    /// They are lost.
    #[default]
    Drop,
    /// They are delivered when the partition ends.
    Hold,
}

/// Which way a partition cuts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Direction {
    /// Requests and answers.
    #[default]
    Both,
    /// Only messages from `from` to `to`.
    OneWay,
}

/// Every replica of a zone dies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ZoneOutage {
    /// The zone. Required.
    pub zone: String,
}

/// A client sends more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Spike {
    /// The client. Required.
    pub client: String,
    /// How many times its rate. Required.
    #[schemars(range(min = 0, max = 1e6))]
    pub factor: f64,
}
