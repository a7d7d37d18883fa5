//! Proxies: what happens to a call between the application that makes it and the replica that serves it.
//!
//! A call at a site with a proxy becomes a *stream* there: it is matched to a rule, perhaps delayed or aborted, and sent to a
//! cluster ([`router`]). Each try of a stream is an *upstream request*: a host is chosen, a connection found or opened
//! ([`upstream`], [`connection`]); once it is on a connection it is a call of its own, child of the stream, whose job travels
//! and is served like any other. What a proxy knows of a cluster is its *cell* ([`cell`]): pool, balancer, outlier detector.
//! The callee's own sidecar is in [`inbound`], what proxies hear from the control plane in [`push`], what scrapers
//! read of them in [`scraped`].
//!
//! To the application its proxy's answers are answers: a 504 of the proxy is no timeout of the application's.

mod cell;
mod connection;
mod inbound;
mod push;
mod router;
mod scraped;
mod upstream;

pub(super) use inbound::FROM_SIDECAR;

use super::keys::Purpose;
use crate::base::id::*;
use crate::base::outcome::Flags;
use crate::base::slab::{Recycle, Slab};
use crate::base::stream::{StreamKey, Streams, Words};
use crate::engine::AlarmId;
use crate::engine::calendar::SLOTS;
use crate::observe::episode::Cause;
use crate::policy::envoy::connection_pool::{Answers, ConnectionPools};
use crate::policy::envoy::load_balancing::TableCache;
use crate::policy::envoy::retry::RetryState;
use crate::topology::Topology;
use cell::Cell;
use connection::Connection;
use push::ControlPlane;

/// All proxies of a run.
pub(super) struct Proxies {
    /// Whether there are any.
    pub on: bool,
    streams: Slab<Stream>,
    upstreams: Slab<Upstream>,
    pools: ConnectionPools,
    /// By number of the pool's connection.
    connections: Vec<Connection>,
    cells: Vec<Option<Box<Cell>>>,
    /// Per cell: the upstream request that was the last to be sent, which may be over.
    last_sent: Vec<u32>,
    /// Per cell: the episode of its ejections while a host is ejected.
    ejecting: Vec<Cause>,
    /// Per cluster: what consistent hashing has built.
    tables: Vec<TableCache>,
    /// Per cluster: what its cells draw.
    keys: Vec<StreamKey>,
    /// An empty buffer for answers of pools, used again and again.
    answers: Answers,
    control: ControlPlane,
}

/// A request within the caller's proxy.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    /// Whose it is; nobody for a copy that is mirrored.
    pub call: u32,
    /// The caller whose proxy it is in.
    pub caller: u32,
    pub site: u32,
    /// The rules that held when it began.
    pub table: RouteTableId,
    pub rule: u32,
    /// Among the targets of the rule; of a copy, among its mirrors.
    pub target: u32,
    pub request: u64,
    /// For random draws: the stream's place in the tree of the request's calls.
    pub path: u32,
    pub cause: Cause,
    /// The route's timeout.
    pub timeout: AlarmId,
    /// An injected delay or a back-off.
    pub wait: AlarmId,
    pub retry: RetryState,
    /// Hosts of the cluster that were tried; of the latest try at the end.
    pub tried: Vec<u32>,
    /// Tries so far.
    pub tries: u32,
    /// The latest try has been counted as sent, or as not sent.
    pub counted: bool,
    pub delayed: bool,
    /// What is told of its answer: of tries that could not be repeated while others went on.
    pub noted: Flags,
    /// The first of its upstream requests in progress.
    pub upstream: u32,
    next_free: u32,
}

/// One try of a stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Upstream {
    pub stream: u32,
    /// Among the hosts of the cluster.
    pub host: u32,
    /// The call that it is once it is on a connection.
    pub call: u32,
    /// Which of the stream's tries it is.
    pub number: u32,
    /// It has taken too long and goes on, and its host has been charged with that.
    pub late: bool,
    /// Another one has begun beside it: it is not repeated once more.
    pub repeated: bool,
    pub per_try: AlarmId,
    /// The stream's next; of a free slot, the next free.
    pub next: u32,
}

impl Recycle for Stream {
    fn set_next_free(&mut self, next: u32) {
        self.next_free = next;
    }

    fn next_free(&self) -> u32 {
        self.next_free
    }
}

impl Recycle for Upstream {
    fn set_next_free(&mut self, next: u32) {
        self.next = next;
    }

    fn next_free(&self) -> u32 {
        self.next
    }
}

impl Proxies {
    pub fn new(topology: &Topology, seed: u64) -> Proxies {
        let mesh = &topology.mesh;
        let streams = Streams::new(seed);
        Proxies {
            on: !mesh.is_empty(),
            streams: Slab::new(SLOTS - 1),
            upstreams: Slab::new(SLOTS - 1),
            pools: ConnectionPools::default(),
            connections: Vec::new(),
            cells: (0..mesh.cells).map(|_| None).collect(),
            ejecting: vec![Cause::NONE; mesh.cells as usize],
            last_sent: (0..mesh.cells).map(|_| super::state::NOBODY).collect(),
            tables: mesh.clusters.iter().map(|_| TableCache::default()).collect(),
            keys: super::keys::of_clusters(topology, streams),
            answers: Answers::new(),
            control: ControlPlane::new(topology, streams),
        }
    }

    /// Nothing is under way in any proxy.
    pub fn is_idle(&self) -> bool {
        self.streams.is_empty()
    }

    /// What a cell of a cluster draws for one purpose, the `count`-th time.
    fn draw(&self, cluster: ClusterId, caller: u32, count: u64, purpose: Purpose) -> Words {
        self.keys[cluster.index()].draw(u64::from(caller) << 40 | count, purpose as u32)
    }
}

/// When something that has been planned is called off.
trait CallOff {
    fn call_off(&mut self, alarm: &mut AlarmId);
}

impl CallOff for crate::engine::Calendar {
    fn call_off(&mut self, alarm: &mut AlarmId) {
        let planned = std::mem::replace(alarm, AlarmId::NONE);
        if planned != AlarmId::NONE {
            crate::engine::Calendar::call_off(self, planned);
        }
    }
}
