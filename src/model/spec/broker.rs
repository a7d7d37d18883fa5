//! Message brokers, and the consumers that take from them.

use super::{Backoff, Named, Step, one};
use crate::model::scalar::{Bound, Bytes, DistSpec, Duration};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A message broker with its queues or topics. It is a service of its own: links, zones and faults name it as they name services.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Broker {
    /// Whose semantics it has. Required.
    pub kind: BrokerKind,
    /// Of RabbitMQ: how the exchange chooses queues. Default: direct.
    #[serde(default)]
    pub exchange: Option<Exchange>,
    /// Of RabbitMQ: whether queues survive a restart of the broker. Default: true.
    #[serde(default = "yes")]
    pub durable: bool,
    /// What a node does to take a message. Default: no time.
    #[serde(default = "no_time")]
    pub work: DistSpec,
    /// Its nodes. Of RabbitMQ a classic queue lives on one of them, a quorum queue on three (or all, if there are fewer). Default: 1.
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
    /// The queues, by name; of Service Bus also the subscriptions of a topic. Kafka has topics instead. Default: none.
    #[serde(default)]
    pub queues: Named<BrokerQueue>,
    /// Of Kafka: the topics, by name. Default: none.
    #[serde(default)]
    pub topics: Named<Topic>,
}

/// Whose semantics a broker has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum BrokerKind {
    /// RabbitMQ: exchanges, queues, acknowledgements.
    Rabbitmq,
    /// Apache Kafka: partitioned logs, read by groups.
    Kafka,
    /// Amazon SQS: queues whose messages are hidden while they are worked on.
    Sqs,
    /// Azure Service Bus: queues and subscriptions whose messages are locked while they are worked on.
    ServiceBus,
}

impl BrokerKind {
    pub fn name(self) -> &'static str {
        match self {
            BrokerKind::Rabbitmq => "RabbitMQ",
            BrokerKind::Kafka => "Kafka",
            BrokerKind::Sqs => "SQS",
            BrokerKind::ServiceBus => "Service Bus",
        }
    }
}

/// A topic of Kafka.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Topic {
    /// Parts that are read independently of each other; order holds within one. Default: 1.
    #[schemars(range(min = 1, max = 10_000))]
    pub partitions: u32,
    /// Nodes that keep each partition, its leader included. Default: 1.
    #[schemars(range(min = 1, max = 100))]
    pub replication: u32,
    /// Copies in sync, the leader's included, without which a publisher that waits for all is refused. Default: 1.
    #[schemars(range(min = 1, max = 100))]
    pub min_in_sync_replicas: u32,
    /// How long until the followers have what the leader has. Default: 1ms.
    pub replication_delay: Duration,
    /// How long a follower may be behind, or away, before the others no longer wait for it. Default: 30s.
    pub replica_lag_max: Duration,
    /// From the loss of a leader until another node leads. Default: 1s.
    pub election: Duration,
    /// Whether a node that is behind may lead if no other is there: what it has not is lost. Default: false.
    pub unclean_leader_election: bool,
    /// How long records are kept, whether they have been read or not. Default: 168h.
    pub retention: Option<Duration>,
    /// How many bytes of records each partition keeps. Default: unlimited.
    pub retention_bytes: Option<Bytes>,
    /// Records go by whole segments: after so long, or so many bytes, a new one begins. Default: 168h.
    pub segment: Duration,
    /// See `segment`. Default: 1GiB.
    pub segment_bytes: Bytes,
}

impl Default for Topic {
    fn default() -> Topic {
        let week = Duration::from_secs(7 * 24 * 3600);
        Topic {
            partitions: 1,
            replication: 1,
            min_in_sync_replicas: 1,
            replication_delay: Duration::from_millis(1),
            replica_lag_max: Duration::from_secs(30),
            election: Duration::from_secs(1),
            unclean_leader_election: false,
            retention: Some(week),
            retention_bytes: None,
            segment: week,
            segment_bytes: Bytes(1 << 30),
        }
    }
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

/// A queue. What its broker's kind does not have is refused.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct BrokerQueue {
    /// What it gets of that which is published to the broker: keys, or patterns of a topic exchange; of a fan-out exchange anything; of a headers exchange `name=value, other=value`, with `any:` in front where one of them is enough. Of SQS (behind SNS) and Service Bus (a subscription's labels): keys; none is every message. Default: none; of RabbitMQ only what names the queue reaches it.
    pub bind: Vec<String>,
    /// Of RabbitMQ: how it is kept. Default: classic.
    #[serde(rename = "type")]
    pub queue_type: Option<QueueType>,
    /// The queue of this broker that gets what dies here: refused for good, too old, too many, too often. Default: none, it is dropped; a queue of Service Bus keeps its dead.
    pub dead_letter: Option<String>,
    /// Of RabbitMQ: messages that may wait; what consumers hold does not count. Default: unlimited.
    pub max_length: Option<Bound>,
    /// Of RabbitMQ and Service Bus: bytes of messages that may wait (of Service Bus: be there). Default: unlimited.
    pub max_bytes: Option<Bytes>,
    /// Of RabbitMQ: what happens to one message more. Default: dropHead.
    pub overflow: Option<Overflow>,
    /// Of RabbitMQ and Service Bus: how old a message may get while it waits. Default: as old as it will.
    pub message_ttl: Option<Duration>,
    /// Of RabbitMQ: how often a message may come back from consumers; only of quorum queues. Default: 20 of a quorum queue.
    pub delivery_limit: Option<u32>,
    /// Of RabbitMQ: whether one consumer at a time gets everything. Default: false.
    pub single_active_consumer: bool,
    /// Of SQS: whether messages of one key come in order, one at a time. Default: false, a standard queue.
    pub fifo: bool,
    /// Of SQS: how long what has been received is hidden; not deleted by then, it comes again. Default: 30s.
    pub visibility_timeout: Option<Duration>,
    /// Of SQS: how long what is sent is hidden at first. Default: 0s.
    pub delay: Option<Duration>,
    /// Of SQS: how long messages are kept. Default: 96h.
    pub retention: Option<Duration>,
    /// Of SQS: how long a receive waits for a message; 0s is short polling. Default: 0s.
    pub wait_time: Option<Duration>,
    /// Of SQS: how often a message is received before it goes to the dead-letter queue. Default: any number of times.
    pub max_receive_count: Option<u32>,
    /// Of SQS: messages that may be received and not yet deleted. Default: 120000.
    pub max_in_flight: Option<u32>,
    /// Of Service Bus: how long what has been received is locked, unless the lock is renewed. Default: 60s.
    pub lock_duration: Option<Duration>,
    /// Of Service Bus: how many deliveries may come to nothing before a message is dead-lettered. Default: 10.
    pub max_delivery_count: Option<u32>,
    /// Of Service Bus: whether what is too old is dead-lettered; otherwise it is dropped. Default: false.
    pub dead_letter_on_expiration: bool,
    /// Of Service Bus: how long it knows what it has taken, and takes it only once; of SQS FIFO queues it is always 5m. Default: none.
    pub duplicate_detection: Option<Duration>,
    /// Of Service Bus: whether messages of one key are a session, which one consumer at a time has. Default: false.
    pub sessions: bool,
    /// Messages that wait in it at the start. Default: 0.
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
    /// The queue or topic, written BROKER.QUEUE. Required.
    pub from: String,
    /// Messages that each replica may hold without having acknowledged them; of RabbitMQ 0 is no limit, of SQS it is what one receive brings (at most 10). Default: 0 of RabbitMQ, `concurrency` of the others; Kafka has `maxPollRecords`.
    #[serde(default)]
    pub prefetch: Option<u32>,
    /// Messages that each replica works on at once; others that it holds wait there. Of Kafka: members of the group on each replica. Default: 1.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub concurrency: u32,
    /// Of RabbitMQ: who of a queue's consumers is served first: the higher. Default: 0.
    #[serde(default)]
    pub priority: i32,
    /// What is done with a message; it is acknowledged when this has succeeded. Required.
    pub steps: Vec<Step>,
    /// What happens to a message whose steps failed. Default: nack with requeue of RabbitMQ, `leave` of SQS, `abandon` of Service Bus; of Kafka it is tried ten times in place without a pause, and then skipped (`ack`).
    #[serde(default)]
    pub on_error: Option<OnError>,
    /// Whether a message counts as handled when it is sent to the consumer: then prefetch does not hold it back, and a consumer that dies loses it. Of Service Bus: receive and delete. Default: false.
    #[serde(default)]
    pub auto_ack: bool,
    /// Whether a message that has been handled is not handled again, whoever gets it: its identity is kept with the results. Default: false.
    #[serde(default)]
    pub idempotent: bool,
    /// How long a replica that has lost the broker waits before it connects again; longer than 0s. Default: 5s, as RabbitMQ's clients.
    #[serde(default = "five_seconds")]
    pub reconnect: DistSpec,
    /// Of SQS: between two receives that brought nothing, with short polling. Default: 1s.
    #[serde(default)]
    pub poll_interval: Option<Duration>,
    /// Of Service Bus: how long a client renews the lock of what it works on. Default: 5m.
    #[serde(default)]
    pub renew_for: Option<Duration>,
    /// Of Service Bus: sessions that each replica holds at a time. Default: 8.
    #[serde(default)]
    pub max_sessions: Option<u32>,
    /// Of Kafka: who reads the topic together. Default: the consumer's name.
    #[serde(default)]
    pub group: Option<String>,
    /// Of Kafka: records that a poll returns at most. Default: 500.
    #[serde(default)]
    pub max_poll_records: Option<u32>,
    /// Of Kafka: how long a member may take from poll to poll before it loses its partitions. Default: 5m.
    #[serde(default)]
    pub max_poll_interval: Option<Duration>,
    /// Of Kafka: how long a member may be silent before it loses its partitions. Default: 45s.
    #[serde(default)]
    pub session_timeout: Option<Duration>,
    /// Of Kafka: between heartbeats. Default: 3s.
    #[serde(default)]
    pub heartbeat: Option<Duration>,
    /// Of Kafka: when the group notes how far it is. Default: auto, every 5s inside a poll.
    #[serde(default)]
    pub commit: Option<Commit>,
    /// Of Kafka, with `commit: auto`. Default: 5s.
    #[serde(default)]
    pub auto_commit_interval: Option<Duration>,
    /// Of Kafka: how partitions change owners. Default: eager.
    #[serde(default)]
    pub rebalance: Option<Rebalance>,
    /// Of Kafka: whether a replica that comes back soon is known, and keeps its partitions. Default: false.
    #[serde(default)]
    pub static_membership: bool,
    /// Of Kafka: where a group begins that has no place yet, or has lost it. Default: earliest, as if it had been there before; Kafka's own is latest.
    #[serde(default)]
    pub offset_reset: Option<OffsetReset>,
}

/// When a group of Kafka notes how far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Commit {
    /// Now and then inside a poll, for what earlier polls returned.
    Auto,
    /// When all records of a poll are handled.
    PerPoll,
    /// After each record.
    PerRecord,
    /// As soon as a poll returns: at most once.
    BeforeHandling,
}

/// How partitions of Kafka change owners.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Rebalance {
    /// All members stop until everybody has rejoined.
    Eager,
    /// Only partitions that move stop.
    Cooperative,
    /// The broker moves each partition as soon as its owner has let go of it (`group.protocol=consumer`).
    Broker,
}

/// Where a group of Kafka begins without a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum OffsetReset {
    Earliest,
    Latest,
}

/// What a consumer does with a message whose handling failed. It has exactly one of the keys nack, reject, leave, back, abandon, deadLetter, ack, publish, retry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum OnError {
    /// RabbitMQ's `basic.nack`.
    Nack(Requeue),
    /// RabbitMQ's `basic.reject`.
    Reject(Requeue),
    /// SQS: nothing is done; it comes again when its visibility timeout ends.
    Leave(Nothing),
    /// SQS: it is visible again after so long.
    Back(Back),
    /// Service Bus: it is available again at once.
    Abandon(Nothing),
    /// Service Bus: it goes to the dead.
    DeadLetter(Nothing),
    /// Acknowledges it all the same: the message is passed over.
    Ack(Nothing),
    /// Puts a copy into another queue, and acknowledges it.
    Publish(Elsewhere),
    /// Handles it again in place, holding it; then something else.
    Retry(InPlace),
}

/// When a message is visible again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Back {
    /// After so long; 0s is at once. Required.
    pub after: Duration,
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
    /// What happens after the last. Default: what the broker's kind does by itself; Kafka skips it.
    #[serde(default)]
    pub then: Option<Box<OnError>>,
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
