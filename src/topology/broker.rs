//! Message brokers: their queues, who consumes, and which queues a message reaches.
//!
//! A broker is also a service: publishing is a call to it, a delivery is a call by it. So links, zones, faults and policies act on
//! both. What is here is what it does besides.

use crate::base::id::*;
use crate::base::time::Nanos;
use crate::policy::broker::rabbitmq::queue::{QueueRules, Settled};
use std::ops::Range;

#[derive(Clone, Debug, Default)]
pub struct Brokers {
    pub brokers: Vec<Broker>,
    pub queues: Vec<Queue>,
    pub consumers: Vec<Consumer>,
    pub publications: Vec<Publication>,
}

#[derive(Clone, Debug)]
pub struct Broker {
    /// Itself, as a service.
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
    /// Who gets what dies here.
    pub dead_letter: Option<u32>,
    pub preload: u32,
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
    pub on_error: Settled,
}

/// What a publish step sends: where it goes is known before anything runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Publication {
    pub queues: Vec<u32>,
    pub persistent: bool,
    pub ttl: Option<Nanos>,
}
