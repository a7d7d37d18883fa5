//! The world: what runs. The only code that schedules, and it never sees a name.
//!
//! A client's request starts a *call*. A call passes the layers of its policy and sends *attempts*; each attempt is a
//! *job* at one replica of the callee: it travels there, may wait in a queue, holds a worker while it runs the endpoint's
//! steps (and makes calls of its own), and travels back as an answer. Files: [`client`] (load), [`outbound`] and
//! [`layers`] and [`bulkhead`] (the caller's side), [`deadline`], [`link`], [`wires`] (sizes), [`inbound`] (the door and the queue), [`program`] (steps), [`leave`] (giving
//! up), [`replica`], [`cache`], [`fault`], [`schedule`] (when faults happen), [`broker`] (messages), [`blame`] (why), [`watched`] and [`scraped`] (for whoever looks), [`keys`] (random streams), [`hot`], [`mesh`] (proxies).
//!
//! Memory of what is in flight: 48 bytes per call, 48 per job, 16 for its event and 16 for its timeout.

mod blame;
mod broker;
mod bulkhead;
mod cache;
mod client;
mod deadline;
mod event;
mod fault;
mod hot;
mod inbound;
mod keys;
mod layers;
mod leave;
mod link;
mod mesh;
mod outbound;
mod program;
mod replica;
mod run;
mod schedule;
mod scraped;
mod state;
mod watched;
mod wires;

pub use run::{Control, Stopped, run};
pub use state::{CALL_BYTES, JOB_BYTES};

use crate::base::id::*;
use crate::base::limit::{LimitReached, Limits};
use crate::base::slab::Slab;
use crate::base::time::Instant;
use crate::engine::{Calendar, LaneId};
use crate::observe::episode::Cause;
use crate::observe::recorder::Recorder;
use crate::policy::app::{BreakerState, BulkheadState, Mode, RetryBudgetState, TokenBucketState};
use crate::topology::Topology;
use broker::Brokers;
use cache::CacheState;
use client::ClientState;
use hot::HotSite;
use keys::Keys;
use link::Links;
use mesh::Proxies;
use replica::{PoolState, ReplicaState};
use schedule::Occurrence;
use state::{Call, CallExtra, Job};
use std::collections::{BTreeMap, VecDeque};
use wires::Lines;

/// Everything that changes while a simulation runs.
pub struct World<'t> {
    topology: &'t Topology,
    keys: Keys,
    /// Per site, what every attempt asks.
    sites: Vec<HotSite>,
    calendar: Calendar,
    recorder: Recorder,
    calls: Slab<Call>,
    jobs: Slab<Job>,
    /// What only some policies need of a call, at the call's slot; empty if no policy of the model does.
    extras: Vec<CallExtra>,
    with_extras: bool,
    /// Deadlines that jobs have inherited, at the job's slot; empty if no deadline propagates.
    deadlines: Vec<Instant>,
    with_deadlines: bool,
    clients: Vec<ClientState>,
    replicas: Vec<ReplicaState>,
    paused_replicas: u32,
    /// First replica of each service's pools and so on is found through the topology; pools are per (pool, replica).
    pools: Vec<PoolState>,
    /// Where each pool's states begin in `pools`.
    pool_places: Vec<u32>,
    caches: Vec<CacheState>,
    links: Links,
    lines: Lines,
    proxies: Proxies,
    brokers: Brokers,
    /// Policy state by cell; a column is empty if no policy uses it.
    breakers: Vec<Option<BreakerState>>,
    /// Per cell of a breaker: what was last told of it.
    breaker_news: Vec<BreakerNews>,
    bulkheads: Vec<BulkheadState>,
    /// Per cell of a bulkhead: the call that was the last to get a permit; it may long have given it back.
    last_in_bulkheads: Vec<u32>,
    budgets: Vec<Option<RetryBudgetState>>,
    buckets: Vec<Option<TokenBucketState>>,
    /// Calls that wait for a bulkhead's permit.
    waiting: BTreeMap<u32, VecDeque<u32>>,
    balancers: Vec<u32>,
    active: Vec<u32>,
    timeout_lanes: Vec<Option<LaneId>>,
    queue_lanes: Vec<Option<LaneId>>,
    occurrences: Vec<Occurrence>,
    /// A fault has begun: what is held up may be so because of it.
    faulted: bool,
    /// Per occurrence of a fault: its episode.
    fault_causes: Vec<Cause>,
    /// Work that was in progress when its replica was paused: by how much it is late.
    shifts: BTreeMap<u32, u64>,
    /// Set where a limit is reached in the middle of an event; the run ends after it.
    limit: Option<LimitReached>,
    /// Events until the next look outside and at the limits; 1 once a limit is reached.
    until_look: u32,
    limits: Limits,
}

/// What the record knows of a breaker.
#[derive(Clone, Copy)]
struct BreakerNews {
    /// The edge at which its mode is counted; `NONE` until it first changed.
    edge: EdgeId,
    mode: Mode,
    /// The episode in which it opened.
    cause: Cause,
}

impl BreakerNews {
    const NONE: BreakerNews = BreakerNews { edge: EdgeId::NONE, mode: Mode::Closed, cause: Cause::NONE };
}

impl<'t> World<'t> {
    #[inline(always)]
    fn now(&self) -> Instant {
        self.calendar.now()
    }

    #[inline(always)]
    fn service_of(&self, job: u32) -> ServiceId {
        self.replicas[self.jobs[job].replica as usize].service
    }
}

#[cfg(test)]
mod tests;
