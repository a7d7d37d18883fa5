//! Message brokers, and the consumers that take from them.

use super::{Backoff, Named, Step, one};
use crate::model::scalar::{Bound, Bytes, DistSpec, Duration};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A message broker: an exchange and the queues that are bound to it. It is a service of its own: links, zones and faults name it as they name services.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Broker {
    /// Whose semantics it has. Required.
    pub kind: BrokerKind,
    /// How the exchange chooses queues. Default: direct.
    #[serde(default)]
    pub exchange: Exchange,
    /// Whether queues survive a restart of the broker. Default: true.
    #[serde(default = "yes")]
    pub durable: bool,
    /// What a node does to take a message. Default: no time.
    #[serde(default = "no_time")]
    pub work: DistSpec,
    /// Its nodes. A classic queue lives on one of them, a quorum queue on three (or all, if there are fewer). Default: 1.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1000))]
    pub nodes: u32,
    /// Messages and connections that a node takes at once; others wait. Default: unlimited.
    #[serde(default = "unlimited")]
    pub workers: Bound,
    /// What a node does to accept a consumer that connects again. Default: no time.
    #[serde(default = "no_time")]
    pub connect: DistSpec,
    /// Zones, as of a service. Default: none.
    #[serde(default)]
    pub zones: Vec<String>,
    /// The queues, by name. Required.
    pub queues: Named<BrokerQueue>,
}

/// Whose semantics a broker has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum BrokerKind {
    /// RabbitMQ: exchanges, queues, acknowledgements.
    Rabbitmq,
}

/// How an exchange chooses the queues that get a copy of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Exchange {
    /// Those bound with the message's key.
    #[default]
    Direct,
    /// Those bound with the values of headers that the message has.
    Headers,
    /// Those bound with a pattern that the key matches: words between dots, `*` for one word, `#` for any number of them.
    Topic,
    /// All that are bound.
    Fanout,
}

/// A queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BrokerQueue {
    /// What it is bound with: keys, or patterns of a topic exchange; of a fan-out exchange anything; of a headers exchange `name=value, other=value`, with `any:` in front where one of them is enough. Default: none, only what names the queue reaches it.
    #[serde(default)]
    pub bind: Vec<String>,
    /// How it is kept. Default: classic.
    #[serde(default, rename = "type")]
    pub queue_type: QueueType,
    /// The queue of this broker that gets what dies here: refused for good, too old, too many, too often. Default: none, it is dropped.
    #[serde(default)]
    pub dead_letter: Option<String>,
    /// Messages that may wait; what consumers hold does not count. Default: unlimited.
    #[serde(default = "unlimited")]
    pub max_length: Bound,
    /// Bytes of messages that may wait, likewise. Default: unlimited.
    #[serde(default)]
    pub max_bytes: Option<Bytes>,
    /// What happens to one message more. Default: dropHead.
    #[serde(default)]
    pub overflow: Overflow,
    /// How old a message may get while it waits. Default: as old as it will.
    #[serde(default)]
    pub message_ttl: Option<Duration>,
    /// How often a message may come back from consumers; only of quorum queues. Default: 20 of a quorum queue.
    #[serde(default)]
    pub delivery_limit: Option<u32>,
    /// Whether one consumer at a time gets everything. Default: false.
    #[serde(default)]
    pub single_active_consumer: bool,
    /// Messages that wait in it at the start. Default: 0.
    #[serde(default)]
    #[schemars(range(min = 0, max = 10_000_000))]
    pub preload: u32,
}

/// How a queue is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum QueueType {
    /// On one node.
    #[default]
    Classic,
    /// On several, by majority; always durable.
    Quorum,
}

/// What a full queue does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Overflow {
    /// Gives up its oldest message.
    #[default]
    DropHead,
    /// Refuses the new one: a publisher that waits for its confirm gets a 503.
    RejectPublish,
    /// As that, and the new one is dead-lettered; only of classic queues.
    RejectPublishDlx,
}

/// What takes messages from a queue: a handler on every replica of a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Consumer {
    /// The service whose replicas consume. Required.
    pub service: String,
    /// The queue, written BROKER.QUEUE. Required.
    pub from: String,
    /// Messages that each replica may hold without having acknowledged them; 0 is no limit. Default: 0.
    #[serde(default)]
    pub prefetch: u32,
    /// Messages that each replica works on at once; others that it holds wait there. Default: 1.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub concurrency: u32,
    /// Who of a queue's consumers is served first: the higher. Default: 0.
    #[serde(default)]
    pub priority: i32,
    /// What is done with a message; it is acknowledged when this has succeeded. Required.
    pub steps: Vec<Step>,
    /// What happens to a message whose steps failed. Default: nack, back to the queue.
    #[serde(default)]
    pub on_error: OnError,
    /// Whether a message counts as handled when it is sent to the consumer: then prefetch does not hold it back, and a consumer that dies loses it. Default: false.
    #[serde(default)]
    pub auto_ack: bool,
    /// How long a replica that has lost the broker waits before it connects again; longer than 0s. Default: 5s, as RabbitMQ's clients.
    #[serde(default = "five_seconds")]
    pub reconnect: DistSpec,
}

/// What a consumer does with a message whose handling failed. It has exactly one of the keys nack, reject, ack, publish, retry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum OnError {
    /// `basic.nack`.
    Nack(Requeue),
    /// `basic.reject`.
    Reject(Requeue),
    /// Acknowledges it all the same: the message is lost.
    Ack(Nothing),
    /// Puts a copy into another queue, and acknowledges it.
    Publish(Elsewhere),
    /// Handles it again in place, holding it; then something else.
    Retry(InPlace),
}

/// Where a copy of a message goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Elsewhere {
    /// The queue, written BROKER.QUEUE, of the same broker. Required.
    pub to: String,
}

/// Tries without giving the message back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InPlace {
    /// How often it is handled at most, the first time included. Required.
    #[schemars(range(min = 1, max = 65_535))]
    pub attempts: u32,
    /// The wait before each further one. Default: none.
    #[serde(default)]
    pub backoff: Backoff,
    /// What happens after the last. Default: nack, back to the queue.
    #[serde(default)]
    pub then: Box<OnError>,
}

/// Whether a refused message goes back to its queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Requeue {
    /// Back to the queue, or to be dead-lettered. Default: true.
    #[serde(default = "yes")]
    pub requeue: bool,
}

/// No more to say: `{}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Nothing {}

impl Default for OnError {
    fn default() -> OnError {
        OnError::Nack(Requeue { requeue: true })
    }
}

fn five_seconds() -> DistSpec {
    DistSpec::Constant(Duration::from_secs(5))
}

fn no_time() -> DistSpec {
    DistSpec::ZERO
}

fn yes() -> bool {
    true
}

fn unlimited() -> Bound {
    Bound::Unlimited
}
