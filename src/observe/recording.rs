//! What a run leaves behind: integer counts, integrals and histograms, per component and per window.
//!
//! Indices are those of the [`Topology`](crate::topology::Topology) of the run. *Cohort* figures are over what was offered
//! in `[warmUp, duration)`, followed to its end; *clock* figures are integrals over that interval.

use crate::base::histogram::Histogram;
use crate::base::id::*;
use crate::base::outcome::Outcome;
use crate::base::time::{Instant, Nanos};
use crate::observe::episode::Episode;
use crate::observe::heat::Heat;
use crate::observe::probe::Probe;
use crate::observe::span::Trace;
use crate::observe::watch::meters::Telemetry;
pub use crate::policy::app::circuit_breaker::Mode;

/// The whole record of one run.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    pub seed: u64,
    /// Events the world handled.
    pub events: u64,
    /// A hash of the order of all events (time and kind): equal for equal runs, whatever observes them.
    pub fingerprint: u64,
    /// When the run ended: nothing in flight, or `duration + drain`.
    pub ended: Instant,
    /// Stopped from outside before its end; figures are of what was finished.
    pub interrupted: bool,
    /// Length of the measured interval, `[warmUp, duration)` (shorter if interrupted).
    pub measured: Nanos,
    pub window: Nanos,
    pub clients: Vec<ClientRecord>,
    pub services: Vec<ServiceRecord>,
    pub edges: Vec<EdgeRecord>,
    pub brokers: Vec<BrokerRecord>,
    /// Of brokers.
    pub queues: Vec<QueueRecord>,
    /// Every occurrence of every fault, in order of its beginning.
    pub faults: Vec<FaultSpan>,
    /// One per expectation, in the topology's order.
    pub probes: Vec<Probe>,
    /// Causes and effects; a [`Cause`](crate::observe::episode::Cause) is a place in this list.
    pub episodes: Vec<Episode>,
    /// What a person would tell, in order of time.
    pub timeline: Vec<Mark>,
    /// Requests that were followed span by span, in the order in which they were offered; none unless that was asked for.
    pub sampled: Vec<Trace>,
    /// Spans and requests beyond the limit on them.
    pub spans_left_out: u64,
    /// What proxies have counted; nothing unless that was asked for.
    pub telemetry: Option<Telemetry>,
    /// Marks and episodes left out because there were too many.
    pub left_out: u64,
}

/// What a client saw.
#[derive(Clone, Debug, Default)]
pub struct ClientRecord {
    /// Cohort.
    pub offered: u64,
    pub ok: u64,
    pub degraded: u64,
    pub failed: u64,
    /// All completed requests of the cohort.
    pub latency: Histogram,
    /// Those answered ok or degraded.
    pub latency_ok: Histogram,
    /// How requests of the cohort ended; sorted by outcome.
    pub outcomes: Vec<(Outcome, u64)>,
    /// Clock: answers that arrived in the measured interval, of any kind / ok or degraded.
    pub completed_in_interval: u64,
    pub useful_in_interval: u64,
    pub windows: Vec<ClientWindow>,
    /// By window: how the latencies of what completed are spread. Empty unless somebody watches the run.
    pub heat: Vec<Heat>,
}

/// One window of a client: offered by arrival, the others by completion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientWindow {
    pub offered: u32,
    pub ok: u32,
    pub degraded: u32,
    pub failed: u32,
    /// Latency of what completed, nanoseconds; 0 if nothing did.
    pub p50: u64,
    pub p95: u64,
    pub p99: u64,
}

/// What happened at a service, summed over its replicas. Cohort by arrival at the service.
#[derive(Clone, Debug, Default)]
pub struct ServiceRecord {
    pub requests: u64,
    /// Requests that ended within this service with an answer / with a failure (rejections excluded).
    pub ok: u64,
    pub failed: u64,
    /// Refused at the door: queue full, waited too long, rate limited, process down.
    pub rejected: u64,
    /// Dropped or stopped because the caller had gone.
    pub abandoned: u64,
    /// Arrival to answer, unread answers included, rejections excluded.
    pub latency: Histogram,
    /// Time in the queue, of requests that got a worker.
    pub wait: Histogram,
    /// Those that waited at all.
    pub waited: u64,
    /// Clock: all replicas' worker-nanoseconds held, and alive (0 if workers are unlimited).
    pub busy: u128,
    pub alive: u128,
    /// Clock: request-nanoseconds in queues, and at the service (waiting or in progress).
    pub queued: u128,
    pub present: u128,
    pub queue_max: u64,
    pub present_max: u64,
    /// Clock: answers sent in the measured interval.
    pub completed_in_interval: u64,
    pub restarts: u64,
    /// Fewest and most replicas up at once, whole run.
    pub replicas_min: u32,
    pub replicas_max: u32,
    pub windows: Vec<ServiceWindow>,
}

/// One window of a service.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ServiceWindow {
    pub arrived: u32,
    pub ok: u32,
    pub failed: u32,
    pub rejected: u32,
    pub abandoned: u32,
    /// Means over the window.
    pub queue: f64,
    pub busy: f64,
    pub present: f64,
    /// Mean number of workers alive; 0 if unlimited.
    pub workers: f64,
    /// Replicas up at the end of the window.
    pub up: u32,
    /// Latency of what was answered, nanoseconds; 0 if nothing was.
    pub p50: u64,
    pub p95: u64,
    pub p99: u64,
}

/// What happened on calls from one endpoint or client to one endpoint. Cohort by the call's start.
#[derive(Clone, Debug, Default)]
pub struct EdgeRecord {
    pub calls: u64,
    pub attempts: u64,
    pub retries: u64,
    /// By the callers' proxies.
    pub mesh_retries: u64,
    /// Hosts that proxies ejected, and those that they would have but for the limit; whole run.
    pub ejections: u64,
    pub ejections_refused: u64,
    /// Tries that were never sent: breaker open, bulkhead full, rate limited, given up while
    /// waiting for a permit or in a back-off.
    pub short_circuited: u64,
    pub fallbacks: u64,
    /// Times that a breaker opened, over all callers; whole run.
    pub breaker_opened: u64,
    /// Start to final outcome, retries and waits included.
    pub latency: Histogram,
    pub outcomes: Vec<(Outcome, u64)>,
    /// Clock: bytes sent towards the callee and back, setting up of connections and retransmissions included; 0 where nothing has a
    /// size.
    pub bytes: [u64; 2],
    pub windows: Vec<EdgeWindow>,
}

/// One window of an edge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EdgeWindow {
    pub calls: u32,
    pub attempts: u32,
    pub retries: u32,
    /// Calls that ended so.
    pub failed: u32,
    pub fallbacks: u32,
    pub short_circuited: u32,
    /// Attempts that timed out.
    pub timeouts: u32,
    /// Breakers open or half-open at the end of the window, over all callers.
    pub open: u32,
    pub half_open: u32,
    /// Bytes sent towards the callee, and back.
    pub bytes: [u64; 2],
}

/// What happened in a queue of a broker. Counts are of the whole run: published = acked + dead-lettered + dropped + moved +
/// lost + left (what a consumer acknowledged though it had failed is acked).
#[derive(Clone, Debug, Default)]
pub struct QueueRecord {
    /// Messages taken, those from other queues' dead letters included.
    pub published: u64,
    /// Refused because the queue was full.
    pub refused: u64,
    pub delivered: u64,
    /// Deliveries of what had been delivered before.
    pub redelivered: u64,
    pub acked: u64,
    /// By reason: rejected, expired, maxlen, delivery limit.
    pub died: [u64; 4],
    /// Of these, taken by another queue / by none.
    pub dead_lettered: u64,
    pub dropped: u64,
    /// Sent again by a publisher, and found to be there: they are not counted as published twice.
    pub known: u64,
    /// Of a group of Kafka: new generations.
    pub rebalances: u64,
    /// Put into another queue by a consumer that could not handle them.
    pub moved: u64,
    /// Handled by a consumer without the broker's knowing, so that they come again.
    pub duplicates: u64,
    /// Gone with a broker that did not keep them, or with a consumer for which they were acknowledged when they were sent.
    pub lost: u64,
    /// Clock: message-nanoseconds, waiting and in consumers' hands.
    pub ready: u128,
    pub unacked: u128,
    /// Whole run.
    pub ready_max: u64,
    /// Whole run: the greatest age of what waited, since it was published.
    pub oldest_max: Nanos,
    /// There when the run ended.
    pub left_ready: u64,
    pub left_unacked: u64,
    /// Published to acknowledged, of messages published in the measured interval.
    pub latency: Histogram,
    pub windows: Vec<QueueWindow>,
}

/// One window of a queue; depths at its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueWindow {
    pub published: u32,
    pub delivered: u32,
    pub acked: u32,
    pub ready: u64,
    pub unacked: u64,
    /// The most that waited within it.
    pub ready_max: u64,
    /// The age of the oldest that waits.
    pub oldest: Nanos,
}

/// What a broker has seen besides its queues. Counts are of the whole run.
#[derive(Clone, Debug, Default)]
pub struct BrokerRecord {
    /// Messages that publishers brought.
    pub published: u64,
    /// Of these, what no queue wanted.
    pub unroutable: u64,
    /// Replies that nobody waited for any more.
    pub unclaimed_replies: u64,
    /// Writes that messages announce, those whose message never came, and messages whose write never was.
    pub events_written: u64,
    pub events_lost: u64,
    pub events_phantom: u64,
}

/// One occurrence of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultSpan {
    pub fault: FaultId,
    pub began: Instant,
    /// `None`: not within the run.
    pub ended: Option<Instant>,
}

/// A point of the timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    pub at: Instant,
    pub what: Happening,
}

/// What the control plane tells proxies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// A replica is an endpoint again, or no longer.
    Endpoint { replica: ReplicaId, listed: bool },
    /// The configuration of a fault's beginning, or of its end.
    Config { fault: FaultId, ended: bool },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    FaultBegan(FaultId),
    FaultEnded(FaultId),
    ReplicaDown(ReplicaId),
    ReplicaUp(ReplicaId),
    /// A breaker of this caller (replica or client instance) for this edge changed; the fault or episode behind it.
    Breaker {
        edge: EdgeId,
        caller: u32,
        from: Mode,
        to: Mode,
    },
    /// The proxy of this caller ejected a replica, or let it back.
    Ejection {
        edge: EdgeId,
        caller: u32,
        replica: ReplicaId,
        ejected: bool,
    },
    CacheFlushed(CacheId),
    /// The first, or the last, of the proxies that a change concerns goes by it.
    Pushed {
        what: Pushed,
        last: bool,
    },
}
