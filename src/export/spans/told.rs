//! Which spans of the simulation are told as spans, and below which.
//!
//! A call whose only attempt ended with it is told as one span, not as two that say the same. An attempt that was refused before it
//! was sent took nobody's time but the caller's: it is an event of its call. A delivery is told in the consumer's name, so what
//! brings it there is not told besides, unless it was tried more than once.

use super::Maker;
use crate::base::id::*;
use crate::base::time::Instant;
use crate::observe::span::{Span, SpanKind, Trace};
use crate::topology::Topology;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Itself,
    /// By the span at this place.
    By(u32),
    /// As an event of the span at this place.
    Event(u32),
}

pub(super) struct Tale {
    /// By place.
    pub told: Vec<Told>,
    /// Of calls: their attempts' places, in order.
    pub attempts: Vec<Vec<u32>>,
}

/// What a hop speaks, for names and attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speaks {
    Http,
    Grpc,
    /// To this broker, by its number.
    Messages(u32),
    /// Nothing crosses a network.
    Nothing,
}

impl Tale {
    pub fn of(trace: &Trace) -> Tale {
        let mut tale = Tale { told: vec![Told::Itself; trace.spans.len()], attempts: vec![Vec::new(); trace.spans.len()] };
        for (place, span) in trace.spans.iter().enumerate() {
            if let (SpanKind::Attempt { .. }, Some(parent)) = (span.what, span.parent) {
                tale.attempts[parent as usize].push(place as u32);
            }
        }
        for (place, span) in trace.spans.iter().enumerate() {
            match (span.what, span.parent) {
                (SpanKind::Call { .. }, _) => tale.call(trace, place as u32, span),
                // What a consumer's handler always holds; told only where it had to wait for it.
                (SpanKind::Permit { got, .. }, Some(parent)) if got == Some(span.began) && Tale::is_handler(trace, parent) => {
                    tale.told[place] = Told::By(parent);
                }
                _ => {}
            }
        }
        tale
    }

    fn call(&mut self, trace: &Trace, place: u32, span: &Span) {
        let attempts = &self.attempts[place as usize];
        let sent = |attempt: &u32| matches!(trace.spans[*attempt as usize].what, SpanKind::Attempt { replica: Some(_), .. });
        let only = match attempts.as_slice() {
            [only] if sent(only) && trace.spans[*only as usize].ended == span.ended => Some(*only),
            _ => None,
        };
        for attempt in attempts.iter().filter(|attempt| !sent(attempt)) {
            self.told[*attempt as usize] = Told::Event(place);
        }
        let delivery = span.parent.filter(|parent| matches!(trace.spans[*parent as usize].what, SpanKind::Delivery { .. }));
        if let Some(only) = only {
            self.told[only as usize] = Told::By(delivery.unwrap_or(place));
            if let Some(delivery) = delivery {
                self.told[place as usize] = Told::By(delivery);
            }
        }
    }

    /// The place of the span that tells of this one.
    fn teller(&self, place: u32) -> u32 {
        match self.told[place as usize] {
            Told::Itself => place,
            Told::By(other) | Told::Event(other) => self.teller(other),
        }
    }

    /// The place of the span below which this one is told.
    pub fn parent(&self, trace: &Trace, place: u32) -> Option<u32> {
        trace.spans[place as usize].parent.map(|parent| self.teller(parent))
    }

    /// Of a delivery: the place of the span that published the message, as its publisher told it.
    pub fn producer(&self, trace: &Trace, place: u32) -> Option<u32> {
        let SpanKind::Delivery { published, .. } = trace.spans[place as usize].what else { return None };
        let served = published?;
        Some(self.parent(trace, served).unwrap_or_else(|| self.teller(served)))
    }

    /// The attempt that a call was told as, or that this is.
    pub fn sent_as<'s>(&self, trace: &'s Trace, place: u32) -> Option<&'s Span> {
        if let SpanKind::Attempt { .. } = trace.spans[place as usize].what {
            return Some(&trace.spans[place as usize]);
        }
        let [only] = self.attempts[place as usize].as_slice() else { return None };
        (self.told[*only as usize] == Told::By(place)).then(|| &trace.spans[*only as usize])
    }

    /// The edge that a request came by to what serves it.
    pub fn edge_to(trace: &Trace, place: u32) -> Option<EdgeId> {
        match trace.spans[place as usize].what {
            SpanKind::Call { edge, .. } | SpanKind::Attempt { edge, .. } | SpanKind::Backoff { edge } => Some(edge),
            SpanKind::Served { .. } => Tale::edge_to(trace, trace.spans[place as usize].parent?),
            _ => None,
        }
    }

    /// Whether what serves a delivery: its caller is the broker.
    pub fn is_handler(trace: &Trace, place: u32) -> bool {
        let mut above = trace.spans[place as usize].parent;
        while let Some(parent) = above {
            match trace.spans[parent as usize].what {
                SpanKind::Delivery { .. } => return true,
                SpanKind::Served { .. } | SpanKind::Permit { .. } => return false,
                _ => above = trace.spans[parent as usize].parent,
            }
        }
        false
    }

    pub fn speaks(&self, topology: &Topology, trace: &Trace, place: u32) -> Speaks {
        let span = &trace.spans[place as usize];
        if let SpanKind::Delivery { queue, .. } = span.what {
            return topology.brokers.queues.get(queue as usize).map_or(Speaks::Nothing, |queue| Speaks::Messages(queue.broker));
        }
        let is_hop = matches!(span.what, SpanKind::Served { .. } | SpanKind::Attempt { .. }) || self.sent_as(trace, place).is_some();
        let Some(edge) = Tale::edge_to(trace, place).filter(|_| is_hop && !Tale::is_handler(trace, place)) else { return Speaks::Nothing };
        speaks(topology, edge)
    }

    /// The caller of a call and its attempts, the replica that serves, the consumer's replica.
    pub fn maker(&self, topology: &Topology, trace: &Trace, place: u32) -> Maker {
        let span = &trace.spans[place as usize];
        match span.what {
            SpanKind::Call { caller, .. } => Maker::of_caller(topology, caller),
            SpanKind::Served { replica, .. } => Maker::Replica(replica),
            SpanKind::Delivery { consumer, .. } => match self.receiver(trace, place) {
                Some(replica) => Maker::Replica(replica),
                None => Maker::Service(topology.brokers.consumers[consumer as usize].service),
            },
            SpanKind::Attempt { .. } | SpanKind::Backoff { .. } | SpanKind::Permit { .. } => match span.parent {
                Some(parent) => self.maker(topology, trace, parent),
                None => Maker::Client(topology.clients[trace.client.index()].callers.start),
            },
        }
    }

    /// The replica that a delivery went to.
    fn receiver(&self, trace: &Trace, delivery: u32) -> Option<ReplicaId> {
        let calls = trace.spans.iter().enumerate().skip(delivery as usize).filter(|(_, span)| span.parent == Some(delivery));
        let mut attempts = calls.flat_map(|(call, _)| &self.attempts[call]);
        attempts.find_map(|attempt| match trace.spans[*attempt as usize].what {
            SpanKind::Attempt { replica, .. } => replica,
            _ => None,
        })
    }

    /// Whether what serves it is at work when its caller has gone.
    pub fn is_in_vain(&self, trace: &Trace, place: u32) -> bool {
        let span = &trace.spans[place as usize];
        let (SpanKind::Served { .. }, Some(parent)) = (span.what, span.parent) else { return false };
        let end = |span: &Span| span.ended.map_or(Instant(u64::MAX), |(at, _)| at);
        matches!(trace.spans[parent as usize].what, SpanKind::Attempt { .. }) && end(span) > end(&trace.spans[parent as usize])
    }
}

/// What calls of an edge speak.
pub(super) fn speaks(topology: &Topology, edge: EdgeId) -> Speaks {
    let edge = &topology.edges[edge.index()];
    let service = topology.endpoints[edge.callee.index()].service;
    if let Some(broker) = topology.brokers.brokers.iter().position(|broker| broker.service == service) {
        return Speaks::Messages(broker as u32);
    }
    if edge.sites.iter().any(|site| topology.sites[site.index()].grpc) { Speaks::Grpc } else { Speaks::Http }
}
