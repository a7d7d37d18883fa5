//! What is kept of a followed request: a tree of spans, from the client's call down to what each replica did of it.
//!
//! Spans are facts of the simulation, not of any format: the exporters decide what a CLIENT or a CONSUMER span is.

use crate::base::id::*;
use crate::base::outcome::Outcome;
use crate::base::time::Instant;

/// A client's request, followed to its end and beyond: work that its caller no longer waits for, and the messages it left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    pub client: ClientId,
    /// The how-manieth of its client's requests, from 0; with the client it names the request.
    pub number: u64,
    pub offered: Instant,
    /// `None`: still in flight when the run ended.
    pub ended: Option<(Instant, Outcome)>,
    pub kept: Kept,
    /// In the order in which they began, so a parent is before its children; the first is the client's call.
    pub spans: Vec<Span>,
}

impl Trace {
    /// The tries of all calls, with the call they are of, in the order in which they began.
    pub fn attempts(&self) -> impl Iterator<Item = (EdgeId, &Span)> {
        self.spans.iter().filter_map(|span| match span.what {
            SpanKind::Attempt { edge, .. } => Some((edge, span)),
            _ => None,
        })
    }
}

/// Why a request was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kept {
    /// One of a share of all, whatever came of it.
    Share,
    /// It failed, or was not answered within the run.
    Failed,
    /// Answered by a fallback.
    Degraded,
    /// Among the slowest of its part of the run.
    Slow,
    /// The first of its part of the run: what most requests look like there.
    Typical,
    /// Offered around the beginning or the end of a fault.
    AroundFault,
}

/// Something that took time, or happened at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// A place in [`Trace::spans`]; `None`: nothing of this trace waits for it (the client's call, a delivery).
    pub parent: Option<u32>,
    pub began: Instant,
    /// `None`: not within the run.
    pub ended: Option<(Instant, Outcome)>,
    pub what: SpanKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanKind {
    /// A call with all its attempts, as its caller sees it. `caller`: a replica's number, or that of a client's instance (see
    /// [`Topology::callers`](crate::topology::Topology::callers)). Parent: what the caller is served for, a delivery, or the call
    /// whose fallback it is.
    Call { edge: EdgeId, caller: u32 },
    /// One try of a call, from 1; by the caller's library, or its proxy. Without a replica: refused before it was sent.
    Attempt { edge: EdgeId, replica: Option<ReplicaId>, number: u16, by_mesh: bool },
    /// An attempt at a replica, from the door to the answer; `started`: when a worker took it up. Parent: the attempt. It may
    /// outlast it.
    Served { endpoint: EndpointId, replica: ReplicaId, started: Option<Instant> },
    /// The pause before the next attempt. Parent: the call.
    Backoff { edge: EdgeId },
    /// Waits for a permit of a pool, and holds it. `got`: when it had it. Parent: what it is served for.
    Permit { pool: PoolId, got: Option<Instant> },
    /// A message on its way from a queue to a consumer, until it is settled; the call that brings it there is a child.
    /// `published`: the span of this trace that published it (the broker's `Served`).
    Delivery { queue: u32, consumer: u32, published: Option<u32>, redelivered: bool },
}
