//! Message brokers: their queues, who consumes, and which queues a message reaches.
//!
//! A broker is also a service: publishing is a call to it, a delivery is a call by it. So links, zones, faults and policies act on
//! both. What is here is what it does besides.

use super::Keys;
use crate::base::dist::Dist;
use crate::base::id::*;
use crate::base::time::Nanos;
use crate::policy::app::Backoff;
use crate::policy::broker::rabbitmq::queue::{QueueRules, Settled};
use std::ops::Range;

#[derive(Clone, Debug, Default)]
pub struct Brokers {
    pub brokers: Vec<Broker>,
    pub queues: Vec<Queue>,
    pub consumers: Vec<Consumer>,
    pub publications: Vec<Publication>,
    /// The calls of those that nobody waits for.
    pub forgotten: Vec<SiteId>,
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
    pub rules: QueueRules,
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

/// A handler on every replica of a service.
#[derive(Clone, Debug)]
pub struct Consumer {
    pub name: String,
    pub service: ServiceId,
    pub queue: u32,
    pub prefetch: u32,
    pub priority: i32,
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
    Settle(Settled),
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
    /// What orders messages among each other: a partition's, a group's, a session's key.
    pub keys: Option<Keys>,
    pub bytes: u32,
}
