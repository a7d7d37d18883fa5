//! The compiled model: typed indices, no names to look up, nothing optional that cannot happen.
//!
//! A `Topology` is immutable and shared by all runs of an ensemble; it holds no seed-dependent state. Names stay in it
//! for random streams (keyed by name, so that adding a service shifts no other draw) and for reports; the world reads
//! indices only.

pub mod broker;
pub mod check;
pub mod compile;
pub mod diagram;
pub mod expectation;
pub mod explain;
pub mod fault;
pub mod graph;
pub mod labels;
pub mod mesh;
pub mod rate;
pub mod rules;
pub mod site;
pub mod step;
pub mod wire;

use crate::base::dist::{Dist, Zipf};
use crate::base::id::*;
use crate::base::time::Nanos;
use crate::policy::app::token_bucket::TokenBucket;
use crate::policy::app::{CallPolicy, load_balancing::LoadBalancing};
use std::ops::Range;

pub use fault::{Fault, FaultAction, Lasts, Packets, Restart};
pub use rate::{Arrivals, RatePlan};
pub use site::{Edge, Link, Site};
pub use step::{Join, Step};

/// A valid system with its load, faults and expectations.
#[derive(Clone, Debug)]
pub struct Topology {
    pub name: String,
    pub description: String,
    pub seed: u64,
    /// New requests arrive in `[0, duration)`.
    pub duration: Nanos,
    /// Figures leave out what was offered before; series keep it.
    pub warm_up: Nanos,
    /// How long after `duration` the run may go on to finish what is in flight.
    pub drain: Nanos,
    /// Width of a metrics window.
    pub window: Nanos,
    pub clients: Vec<Client>,
    pub services: Vec<Service>,
    pub replicas: Vec<Replica>,
    pub endpoints: Vec<Endpoint>,
    /// The steps of all endpoints, one after the other.
    pub steps: Vec<Step>,
    /// For every step that draws: the name its random stream is derived from (`orders.place/work#0`); empty for others.
    pub step_names: Vec<String>,
    pub sites: Vec<Site>,
    pub edges: Vec<Edge>,
    pub policies: Vec<Policy>,
    /// Cells of policy state over all sites; see [`Site::cells`].
    pub cells: u32,
    /// Callers: replicas first (`ReplicaId` is their number), then the instances of the clients.
    pub callers: u32,
    /// Round-robin positions, one per (caller, called service) in use; see [`Site::balancer`].
    pub balancers: u32,
    /// Counts of active attempts, one per (caller, called replica) in use; see [`Site::active`].
    pub actives: u32,
    pub caches: Vec<Cache>,
    pub pools: Vec<Pool>,
    pub links: Vec<Link>,
    pub zones: Vec<String>,
    /// Link per ordered pair of zones (`from * zones + to`), `LinkId::NONE` where the site's own link counts.
    pub zone_links: Vec<LinkId>,
    pub attributes: Vec<Attribute>,
    pub faults: Vec<Fault>,
    pub expectations: Vec<expectation::Expectation>,
    pub mesh: mesh::Mesh,
    pub brokers: broker::Brokers,
    pub wire: wire::Wire,
    pub labels: labels::Labels,
    pub graph: graph::CallGraph,
}

/// A group of callers outside the system.
#[derive(Clone, Debug)]
pub struct Client {
    pub name: String,
    pub load: Load,
    /// Weighted targets: cumulative shares in `0..=1` (the last is 1) and the call to make.
    pub targets: Vec<(f64, SiteId)>,
    /// This client's callers: one per instance.
    pub callers: Range<u32>,
    pub zone: ZoneId,
    /// Attributes drawn for each of its requests.
    pub attributes: Vec<AttributeId>,
}

/// How a client's requests come about.
#[derive(Clone, Debug)]
pub enum Load {
    /// Requests arrive whatever the system does.
    Open { arrivals: Arrivals, plan: RatePlan },
    /// Each user waits for an answer, thinks, and asks again.
    Closed { users: u32, think: Dist, stop_ok: Option<u64> },
}

/// Replicas that answer the same endpoints.
#[derive(Clone, Debug)]
pub struct Service {
    pub name: String,
    /// Its replicas in [`Topology::replicas`].
    pub replicas: Range<u32>,
    /// Requests in progress per replica; `u32::MAX`: without limit.
    pub workers: u32,
    /// Requests that may wait per replica, those in progress excluded; `u32::MAX`: without limit.
    pub queue_capacity: u32,
    pub discipline: Discipline,
    /// A request that has waited so long is answered 503.
    pub max_wait: Option<Nanos>,
    pub cancellation: Cancellation,
    /// Per replica.
    pub rate_limit: Option<TokenBucket>,
    pub balancing: LoadBalancing,
    /// The service whose database this is.
    pub owner: Option<ServiceId>,
    pub endpoints: Vec<EndpointId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discipline {
    /// First in, first out.
    Fifo,
    /// Last in, first out.
    Lifo,
}

/// What becomes of work whose caller has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancellation {
    /// Done in vain.
    None,
    /// Dropped when its turn comes.
    Queued,
    /// Stopped at once, and what it waits for with it.
    Full,
}

#[derive(Clone, Copy, Debug)]
pub struct Replica {
    pub service: ServiceId,
    /// `ZoneId::NONE` if the service names no zones.
    pub zone: ZoneId,
}

#[derive(Clone, Debug)]
pub struct Endpoint {
    pub service: ServiceId,
    /// `place`
    pub name: String,
    /// `orders.place`
    pub full_name: String,
    pub entry: StepId,
}

/// A set of call policies with its name.
#[derive(Clone, Debug)]
pub struct Policy {
    pub name: String,
    pub rules: CallPolicy,
}

#[derive(Clone, Debug)]
pub struct Cache {
    pub name: String,
    pub keys: Keys,
    /// Entries per copy of the cache.
    pub capacity: u64,
    /// `Nanos::MAX`: entries do not expire.
    pub ttl: Nanos,
    /// What a hit costs.
    pub hit: Dist,
    pub scope: CacheScope,
}

/// Which key a request asks for: drawn once per request and cache.
#[derive(Clone, Debug)]
pub enum Keys {
    Zipf(Zipf),
    /// Each of `1..=n` alike.
    Uniform(u64),
    /// Shares summed up to each of `1..=n`; the last is 1.
    Weighted(Vec<f64>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheScope {
    /// Every replica has its own copy, lost when it restarts.
    PerReplica,
    /// One copy for all.
    Shared,
}

/// A pool of permits per replica (`acquire`).
#[derive(Clone, Debug)]
pub struct Pool {
    pub service: ServiceId,
    pub name: String,
    pub size: u32,
    /// Waiting longer than this fails the step; zero: no waiting; `Nanos::MAX`: for ever.
    pub max_wait: Nanos,
}

/// Something drawn once per request, visible to policy keys and fault matches.
#[derive(Clone, Debug)]
pub struct Attribute {
    pub client: ClientId,
    pub name: String,
    pub values: Keys,
}
