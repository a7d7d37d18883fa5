//! The system as people draw it: who there is, who calls whom, and what stands between them, in words. Told, not laid out and not run.
//!
//! Endpoints are folded into their service and calls into one arrow for each pair and kind, with the policies of all of them on it. A broker is
//! one part with its queues inside; that its consumers connect to it is what their deliveries say already.

mod arrows;
mod faults;
mod parts;
mod policies;

use super::Topology;
use super::site::Caller;
use crate::base::id::*;
use std::fmt;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagram {
    pub name: String,
    /// Clients in the order of the topology, then services and brokers in its order.
    pub parts: Vec<Part>,
    pub arrows: Vec<Arrow>,
    /// Every fault of the model.
    pub faults: Vec<Mark>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Client,
    Service,
    /// A service that has an owner.
    Database,
    Broker,
}

impl Kind {
    pub fn word(self) -> &'static str {
        match self {
            Kind::Client => "client",
            Kind::Service => "service",
            Kind::Database => "database",
            Kind::Broker => "broker",
        }
    }
}

/// Somebody who calls or is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub kind: Kind,
    pub of: Of,
    pub name: String,
    /// What there is to know: replicas, workers, queue, zones, owner, pools and caches.
    pub facts: Vec<String>,
    /// Of a broker.
    pub queues: Vec<Queue>,
    /// Faults that touch it, by number.
    pub faults: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    Client(ClientId),
    Service(ServiceId),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Its number in the topology.
    pub number: u32,
    /// `order-events.billing`
    pub name: String,
    pub facts: Vec<String>,
    pub faults: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Relation {
    Call,
    /// A call in place of one that failed.
    Fallback,
    /// A copy of requests, whose answers nobody reads.
    Mirror,
    Publish,
    /// A consumer's answer to a message whose publisher waits for it.
    Reply,
    Deliver,
    /// Messages that die in the one queue go to the other.
    DeadLetter,
    /// A group reads a topic.
    Read,
}

impl Relation {
    pub fn word(self) -> &'static str {
        match self {
            Relation::Call => "calls",
            Relation::Fallback => "fallback",
            Relation::Mirror => "mirror",
            Relation::Publish => "publish",
            Relation::Reply => "reply",
            Relation::Deliver => "deliver",
            Relation::DeadLetter => "dead letters",
            Relation::Read => "read",
        }
    }
}

/// A part, or one of its queues, both by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct End {
    pub part: usize,
    pub queue: Option<usize>,
}

/// A word that names it in a drawing's text: `p3`, `p3q0`.
impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.queue {
            None => write!(f, "p{}", self.part),
            Some(queue) => write!(f, "p{}q{queue}", self.part),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrow {
    pub from: End,
    pub to: End,
    pub relation: Relation,
    /// One line for each different set of policies: `timeout 5s · breaker 5 → 1m · 3 attempts`.
    pub policies: Vec<String>,
    /// What it is made of, for figures.
    pub edges: Vec<EdgeId>,
    /// Faults on its network, by number.
    pub faults: Vec<usize>,
}

impl Arrow {
    /// What is written on it: what it is, unless it is a plain call, and its policies.
    pub fn lines(&self) -> Vec<String> {
        let word = (self.relation != Relation::Call).then(|| self.relation.word().to_string());
        word.into_iter().chain(self.policies.iter().cloned()).collect()
    }
}

/// A fault in a few words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    pub name: String,
    /// `at 1m: orders-db answers 10 times slower`
    pub text: String,
}

impl Diagram {
    /// What stands in a box, or on an arrow: these lines, then the faults that touch it.
    pub fn with_faults(&self, mut lines: Vec<String>, faults: &[usize]) -> Vec<String> {
        lines.extend(faults.iter().map(|&fault| self.faults[fault].sign()));
        lines
    }

    /// What stands in the box of a part or of a queue.
    pub fn label(&self, name: &str, facts: &[String], faults: &[usize]) -> Vec<String> {
        self.with_faults(std::iter::once(name).map(str::to_string).chain(facts.iter().cloned()).collect(), faults)
    }
}

impl Mark {
    /// What stands at that which the fault touches.
    pub fn sign(&self) -> String {
        format!("⚡ {}", self.name)
    }
}

/// What is drawn of a topology.
pub fn diagram(topology: &Topology) -> Diagram {
    let mut diagram =
        Diagram { name: topology.name.clone(), parts: parts::parts(topology), arrows: Vec::new(), faults: faults::marks(topology) };
    diagram.arrows = arrows::arrows(topology);
    faults::mark(topology, &mut diagram);
    diagram
}

/// The number of the part that a service is.
fn part_of(topology: &Topology, service: ServiceId) -> usize {
    topology.clients.len() + service.index()
}

fn caller_part(topology: &Topology, caller: Caller) -> usize {
    match caller {
        Caller::Client(client) => client.index(),
        Caller::Endpoint(endpoint) => part_of(topology, topology.endpoints[endpoint.index()].service),
    }
}

/// `3 replicas`, `1 replica`
fn counted(n: usize, one: &str) -> String {
    match n {
        1 => format!("1 {one}"),
        _ => format!("{n} {one}s"),
    }
}
