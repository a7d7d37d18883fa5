//! Message brokers: their queues, who consumes, and which queues a message reaches.
//!
//! A broker is also a service: publishing is a call to it, a delivery is a call by it. So links, zones, faults and policies act on
//! both. What is here is what it does besides.

use super::Keys;
use crate::base::dist::Dist;
use crate::base::id::*;
use crate::base::time::Nanos;
use crate::policy::app::Backoff;
use crate::policy::broker::kafka::rules::{Commit, GroupRules, TopicRules};
use crate::policy::broker::rabbitmq::queue::{QueueKind, QueueRules};
use crate::policy::broker::servicebus::rules as servicebus;
use crate::policy::broker::sqs::rules as sqs;
use std::ops::Range;

#[derive(Clone, Debug, Default)]
pub struct Brokers {
    pub brokers: Vec<Broker>,
    pub queues: Vec<Queue>,
    pub consumers: Vec<Consumer>,
    pub publications: Vec<Publication>,
    pub announcements: Vec<Announcement>,
    /// The calls of publications that nobody waits for and that announce nothing.
    pub forgotten: Vec<SiteId>,
    /// The calls of all publications that nobody waits for.
    pub unconfirmed: Vec<SiteId>,
}

impl Brokers {
    /// Whether a service is a broker.
    pub fn has(&self, service: ServiceId) -> bool {
        self.brokers.iter().any(|broker| broker.service == service)
    }
}

#[derive(Clone, Debug)]
pub struct Broker {
    pub name: String,
    /// Itself, as a service; its nodes are the replicas.
    pub service: ServiceId,
    /// Its queues in [`Brokers::queues`].
    pub queues: Range<u32>,
}

#[derive(Clone, Debug)]
pub struct Queue {
    /// `order-events.billing`
    pub name: String,
    pub broker: u32,
    pub rules: Rules,
    /// It and its persistent messages survive a restart of the broker.
    pub durable: bool,
    /// The nodes that keep it, the one that leads while it is up first; one, or a majority of which must be up.
    pub nodes: Vec<u32>,
    /// Who gets what dies here.
    pub dead_letter: Option<u32>,
    pub preload: u32,
    /// Of a message in `preload`.
    pub preload_bytes: u32,
}

/// What a queue is, by the kind of its broker.
#[derive(Clone, Debug)]
pub enum Rules {
    Rabbitmq(QueueRules),
    Sqs(sqs::Rules),
    ServiceBus(servicebus::Rules),
    /// A topic of Kafka.
    Topic(TopicRules),
    /// A group that reads a topic, which is this one of the queues.
    Group {
        topic: u32,
        rules: GroupRules,
    },
}

impl Rules {
    /// Whether a majority of its nodes keeps it.
    pub fn is_quorum(&self) -> bool {
        matches!(self, Rules::Rabbitmq(rules) if rules.kind == QueueKind::Quorum)
    }

    /// Whether messages are read from it by offsets, and not taken.
    pub fn is_log(&self) -> bool {
        matches!(self, Rules::Topic(_) | Rules::Group { .. })
    }

    /// Of a topic.
    pub fn partitions(&self) -> u32 {
        if let Rules::Topic(rules) = self { rules.partitions } else { 1 }
    }

    /// Of a group that notes its place before it handles what it has read.
    pub fn commits_first(&self) -> bool {
        matches!(self, Rules::Group { rules, .. } if rules.commit == Commit::BeforeHandling)
    }
}

/// How a consumer asks for messages.
#[derive(Clone, Copy, Debug)]
pub enum Receives {
    Rabbitmq {
        prefetch: u32,
        priority: i32,
    },
    Sqs(sqs::Polling),
    ServiceBus(servicebus::Receiving),
    /// As a member of its group, with an identity that outlives the process or without.
    Kafka {
        is_static: bool,
    },
}

/// What a consumer does with a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settle {
    Ack,
    /// RabbitMQ: back, or to the dead; Service Bus: abandoned, or to the dead.
    Nack {
        requeue: bool,
    },
    /// RabbitMQ's other word for one.
    Reject {
        requeue: bool,
    },
    /// SQS: visible again after so long.
    Back {
        after: Nanos,
    },
    /// SQS: nothing, it comes back by itself.
    Leave,
}

/// A handler on every replica of a service.
#[derive(Clone, Debug)]
pub struct Consumer {
    pub name: String,
    pub service: ServiceId,
    pub queue: u32,
    pub receives: Receives,
    /// Connections of each replica.
    pub connections: u32,
    /// The call that is a delivery, as a step of the broker, and its site.
    pub entry: StepId,
    pub site: SiteId,
    /// The call that sends a reply, as a step of the consumers' service; `NONE` if nobody asks for one.
    pub reply: StepId,
    /// The call that connects to the broker, likewise.
    pub connect: StepId,
    /// A message counts as handled when it is sent.
    pub auto_ack: bool,
    /// What has been handled once is not handled again.
    pub idempotent: bool,
    /// Between losing the broker and trying to connect again.
    pub reconnect: Dist,
    /// First tried again in place, so often in all and with these pauses.
    pub retry: Option<(u32, Backoff)>,
    pub on_error: OnError,
}

/// What becomes of a message that could not be handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnError {
    Settle(Settle),
    /// A copy goes to this queue, and it counts as handled.
    Publish(u32),
}

/// What a publish step sends: where it goes is known before anything runs.
#[derive(Clone, Debug)]
pub struct Publication {
    pub broker: u32,
    pub queues: Vec<u32>,
    pub persistent: bool,
    /// That no queue wants it is an error of the publisher.
    pub mandatory: bool,
    pub ttl: Option<Nanos>,
    pub delay: Option<Nanos>,
    pub acks: Acks,
    /// What orders messages among each other: a partition's, a group's, a session's key.
    pub keys: Option<Keys>,
    pub bytes: u32,
    /// What it tells of.
    pub announcement: Option<u32>,
}

/// A write, and the message that tells of it.
#[derive(Clone, Debug)]
pub struct Announcement {
    pub broker: u32,
    /// Of an outbox: how often a relay looks, the replicas that have one, and the body that publishes.
    pub outbox: Option<Relay>,
}

#[derive(Clone, Debug)]
pub struct Relay {
    pub poll: Nanos,
    pub service: ServiceId,
    pub body: StepId,
}

/// Which copies of a record a producer of Kafka waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acks {
    None,
    Leader,
    All,
}
