//! Tells whoever follows requests what each call and job is part of. Never called unless somebody does: out of the way of the
//! rest, and without an effect on it.

use super::World;
use super::state::*;
use crate::base::id::*;
use crate::base::outcome::Outcome;
use crate::base::time::{Instant, Nanos};
use crate::observe::watch::meters::Meters;
use crate::observe::watch::sampling::{Sampling, Shape};
use crate::observe::watch::{Watch, Wish};
use crate::topology::Topology;
use crate::topology::site::Caller;
use crate::world::schedule::Occurrence;

/// How long before and after a fault's beginning or end a request must be offered to be around it.
const BEFORE: Nanos = Nanos::from_secs(1);
const AFTER: Nanos = Nanos::from_secs(2);

/// What follows a run as wished.
pub(super) fn watch(topology: &Topology, occurrences: &[Occurrence], wish: &Wish) -> Watch {
    let near = |at: Instant| (Instant(at.0.saturating_sub(BEFORE.0)), at + AFTER);
    let around = match wish.sampling {
        Sampling::AroundFault(fault) => {
            occurrences.iter().filter(|o| o.fault == fault).flat_map(|o| [near(o.began), near(o.ended)]).collect()
        }
        _ => Vec::new(),
    };
    let shape = Shape { clients: topology.clients.len(), duration: topology.duration, around };
    let meters = wish.scrape.map(|interval| Meters::new(topology.edges.len(), interval));
    Watch::new(&wish.sampling, shape, meters)
}

impl World<'_> {
    fn edge_of(&self, call: u32) -> EdgeId {
        self.sites[self.calls[call].site as usize].edge
    }

    /// A call has begun.
    #[inline(never)]
    pub(super) fn watch_call(&mut self, call: u32) {
        self.watch_beginning(call);
    }

    /// A call has begun, and its one attempt goes on its way.
    #[inline(never)]
    pub(super) fn watch_simple_call(&mut self, call: u32, job: u32) {
        self.watch_beginning(call);
        self.watch_attempt(call, job);
    }

    #[inline(always)]
    fn watch_beginning(&mut self, call: u32) {
        let Call { request, parent, holds, site, .. } = self.calls[call];
        let now = self.now();
        let watch = &mut self.recorder.watch;
        let above = match holds & hold::PARENT {
            hold::OF_JOB => watch.of_job(parent),
            hold::OF_CALL => watch.of_call(parent),
            _ => match self.topology.sites[site as usize].caller {
                Caller::Client(client) => {
                    let measured = self.recorder.in_cohort(now);
                    self.recorder.watch.request_begins(client, request, measured, now)
                }
                Caller::Endpoint(_) => unreachable!("a proxy's try is no call of its own"),
            },
        };
        match above.is_none() {
            true => self.recorder.watch.call_begins_unseen(call),
            false => self.recorder.watch.call_begins(call, above, self.edge_of(call), self.caller_of(call), now),
        }
    }

    /// An attempt of a call goes on its way.
    #[inline(never)]
    pub(super) fn watch_sent(&mut self, call: u32, job: u32) {
        self.watch_attempt(call, job);
    }

    #[inline(always)]
    fn watch_attempt(&mut self, call: u32, job: u32) {
        let (edge, now, replica) = (self.edge_of(call), self.now(), ReplicaId(self.jobs[job].replica));
        let to = self.service_of(job);
        self.recorder.watch.sent(call, job, (edge, to), replica, false, now);
    }

    /// As above, sent by the caller's proxy for this call; a copy is for nobody. `number`: of the proxy's tries, from 1.
    #[inline(never)]
    pub(super) fn watch_sent_by_proxy(&mut self, call: u32, job: u32, edge: EdgeId, number: u32) {
        let (now, replica, to) = (self.now(), ReplicaId(self.jobs[job].replica), self.service_of(job));
        match call {
            NOBODY => self.recorder.watch.sent_unseen(job, (edge, to), now),
            call => self.recorder.watch.sent(call, job, (edge, to), replica, number > 1, now),
        }
    }

    /// A try is refused before it is sent.
    #[inline(never)]
    pub(super) fn watch_refused(&mut self, call: u32, outcome: Outcome) {
        let (edge, now) = (self.edge_of(call), self.now());
        self.recorder.watch.refused(call, edge, now, outcome);
    }

    /// An attempt is over for its caller.
    #[inline(never)]
    pub(super) fn watch_over(&mut self, job: u32, outcome: Outcome) {
        let (now, call) = (self.now(), self.jobs[job].call);
        let plain = call == NOBODY || self.calls[call].holds & hold::PARENT != hold::OF_UPSTREAM;
        self.recorder.watch.over(job, plain, now, outcome);
    }

    /// A call has its final outcome, or is given up; its slot is still its own.
    #[inline(always)]
    pub(super) fn watch_call_ends(&mut self, call: u32, outcome: Outcome) {
        if self.recorder.watch.follows_call(call) {
            let now = self.now();
            self.recorder.watch.call_ends(call, now, outcome);
        }
    }

    /// A call waits so long before its next attempt.
    #[inline(never)]
    pub(super) fn watch_backoff(&mut self, call: u32, wait: Nanos) {
        let (edge, now) = (self.edge_of(call), self.now());
        self.recorder.watch.backs_off(call, edge, now, now + wait);
    }

    /// A call's stream in its caller's proxy is over.
    #[inline(never)]
    pub(super) fn watch_leaves_proxy(&mut self, call: u32, outcome: Outcome) {
        let (edge, now) = (self.edge_of(call), self.now());
        self.recorder.watch.leaves_proxy(call, edge, now, outcome);
    }

    /// An attempt has come to its replica.
    #[inline(always)]
    pub(super) fn watch_arrives(&mut self, job: u32, starts: bool) {
        let now = self.now();
        if self.recorder.watch.arrives(job, now) {
            self.watch_served(job, starts, now);
        }
    }

    #[inline(never)]
    fn watch_served(&mut self, job: u32, starts: bool, now: Instant) {
        let Job { step, replica, .. } = self.jobs[job];
        let service = &self.topology.services[self.service_of(job).index()];
        let entered = |endpoint: &&EndpointId| self.topology.endpoints[endpoint.index()].entry.0 == step;
        // A delivery comes to a consumer, which has a place of its own among the endpoints.
        let endpoint = service.endpoints.iter().find(entered).copied();
        let endpoint = endpoint.or_else(|| (0..self.topology.endpoints.len()).map(EndpointId::new).find(|e| entered(&e)));
        self.recorder.watch.is_served(job, endpoint.unwrap_or(EndpointId::NONE), ReplicaId(replica), starts, now);
    }

    #[inline(always)]
    pub(super) fn watch_starts(&mut self, job: u32) {
        if self.recorder.watch.follows_job(job) {
            let now = self.now();
            self.recorder.watch.starts(job, now);
        }
    }

    /// The replica is done with an attempt.
    #[inline(never)]
    pub(super) fn watch_answers(&mut self, job: u32, outcome: Outcome) {
        let now = self.now();
        self.recorder.watch.answers(job, now, outcome);
    }

    /// The replica stops with a job, without an answer.
    #[inline(never)]
    pub(super) fn watch_stops(&mut self, job: u32, outcome: Outcome) {
        let now = self.now();
        self.recorder.watch.stops(job, now, outcome);
    }
}
