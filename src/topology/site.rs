//! Who calls whom, under which policy, over which link, and where the state of that lives.

use crate::base::dist::Dist;
use crate::base::id::*;
use std::ops::Range;

/// Who makes a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    Client(ClientId),
    Endpoint(EndpointId),
}

/// A place in the model where a call is written.
///
/// A call that its policy's fallback makes instead has a site of its own, without a policy.
#[derive(Clone, Debug)]
pub struct Site {
    pub caller: Caller,
    pub edge: EdgeId,
    pub callee: EndpointId,
    pub service: ServiceId,
    /// `PolicyId::NONE`: a plain call.
    pub policy: PolicyId,
    /// What `fallback: {call: …}` calls, or `SiteId::NONE`.
    pub fallback: SiteId,
    /// The callers that may stand here: the calling service's replicas or the client's instances.
    pub callers: Range<u32>,
    /// Policy state: the cell is `cells + (caller - callers.start) * stride (+ replica or key, by scope)`.
    /// Sites that share state share the base.
    pub cells: u32,
    pub stride: u32,
    /// Balancer position: `balancer + (caller - callers.start)`.
    pub balancer: u32,
    /// Active attempts: `active + (caller - callers.start) * replicas + replica`.
    pub active: u32,
    pub link: LinkId,
    /// The link was not named for this pair, so that a link between the two zones takes its place.
    pub by_zone: bool,
    /// It speaks gRPC, which tells callees of deadlines.
    pub grpc: bool,
    /// Random draws of calls made here are keyed by this: a hash of "caller -> callee #occurrence".
    pub path: u32,
    /// Where the call is written: `services.orders.endpoints.place[1]`.
    pub path_in_model: String,
}

/// A pair of caller and called endpoint: what `calls` of the summary counts.
#[derive(Clone, Debug)]
pub struct Edge {
    /// `gateway.checkout -> orders.place`, or `shoppers -> gateway.checkout`
    pub name: String,
    pub caller: Caller,
    pub callee: EndpointId,
    /// The sites that count here.
    pub sites: Vec<SiteId>,
}

/// A network path from a caller's group to a service, or between two zones; both directions.
#[derive(Clone, Debug)]
pub struct Link {
    /// The name in the model, or `gateway -> orders`.
    pub name: String,
    /// One way.
    pub latency: Dist,
    /// Probability that a message is lost; it is sent again after [`RETRANSMIT_AFTER`], doubling.
    pub loss: f64,
    /// Bits per second of each direction; `None`: the size of a message takes no time.
    pub bandwidth: Option<u64>,
    /// The lines that its requests and its answers wait for, among those of [`Wire::lines`](super::wire::Wire::lines).
    pub lines: [u32; 2],
}

/// TCP's initial retransmission time-out on a local network (Linux's minimum RTO, 200 ms).
pub const RETRANSMIT_AFTER: crate::base::time::Nanos = crate::base::time::Nanos::from_millis(200);

/// A message is sent again so many times; lost once more, it fails the attempt, 12.6 s after it was first sent.
pub const RETRANSMISSIONS: u16 = 6;
