//! One run: from a topology and a seed to its recording.

use super::World;
use super::cache::CacheState;
use super::client::ClientState;
use super::event::Kind;
use super::keys::Keys;
use super::link::Links;
use super::mesh::Proxies;
use super::replica::{PoolState, ReplicaState};
use super::schedule::{Occurrence, occurrences};
use super::state::NOBODY;
use super::wires::Lines;
use crate::base::limit::{LimitReached, Limits};
use crate::base::slab::Slab;
use crate::base::stream::Streams;
use crate::base::time::Instant;
use crate::engine::Calendar;
use crate::engine::calendar::SLOTS;
use crate::observe::episode::Cause;
use crate::observe::probe::Probe;
use crate::observe::recorder::Recorder;
use crate::observe::recording::Recording;
use crate::observe::watch::Wish;
use crate::policy::app::BulkheadState;
use crate::topology::expectation::During;
use crate::topology::mesh::Inbound;
use crate::topology::{Arrivals, FaultAction, Load, RatePlan, Topology};
use std::sync::atomic::{AtomicBool, Ordering};

/// How a run is watched and stopped from outside. Neither changes what happens in it.
#[derive(Clone, Copy, Default)]
pub struct Control<'a> {
    /// Set from outside to end the run early.
    pub interrupted: Option<&'a AtomicBool>,
    /// Told now and then how far the clock has come.
    pub progress: Option<&'a (dyn Fn(Instant) + Sync)>,
    pub limits: Limits,
    /// What is to be followed and metered; it changes nothing of the rest.
    pub wish: Option<&'a Wish>,
}

/// A run that reached a limit, with what it had recorded until then.
#[derive(Debug)]
pub struct Stopped {
    pub limit: LimitReached,
    pub recording: Box<Recording>,
}

/// Events between two looks outside, and at the limits.
const LOOK_EVERY: u32 = 1 << 14;

/// Runs the topology with this seed.
pub fn run(topology: &Topology, seed: u64, control: Control<'_>) -> Result<Recording, Box<Stopped>> {
    let mut world = World::new(topology, seed, control.limits);
    if let Some(wish) = control.wish {
        let watch = super::watched::watch(topology, &world.occurrences, wish);
        world.recorder.attach(watch);
    }
    world.start_faults();
    world.start_brokers();
    world.start_clients();
    world.go(control)
}

impl<'t> World<'t> {
    fn new(topology: &'t Topology, seed: u64, limits: Limits) -> World<'t> {
        let keys = Keys::new(topology, seed);
        let occurrences = occurrences(topology, &keys);
        let mut calendar = Calendar::new(limits);
        let rules = || topology.policies.iter().map(|p| &p.rules);
        let cells = |wanted: bool| if wanted { topology.cells as usize } else { 0 };
        let timeout_lanes = rules().map(|r| r.timeout.map(|t| calendar.lane(t, Kind::TimeoutFires as u8))).collect();
        let queue_lanes = topology.services.iter().map(|s| s.max_wait.map(|w| calendar.lane(w, Kind::QueueWaitOver as u8))).collect();
        let with_deadlines = rules().any(|r| r.deadline.is_some());
        let needs_extra = |r: &crate::policy::app::CallPolicy| {
            let budgeted = r
                .retry
                .as_ref()
                .is_some_and(|retry| retry.budget.is_some() || retry.backoff.shape == crate::policy::app::Shape::Decorrelated);
            budgeted || r.breaker.is_some() || r.bulkhead.is_some() || r.rate_limit.is_some() || r.deadline.is_some()
        };
        let (pools, pool_places) = pools(topology);
        let states = topology.clients.iter().map(|c| Streams::new(seed).sequence(&c.name, "arrival states")).collect();
        World {
            clients: ClientState::all(plans(topology, &occurrences), topology, &keys.arrivals, states),
            recorder: Recorder::new(topology, seed, probes(topology, &occurrences)),
            sites: super::hot::sites(topology, &keys, with_deadlines),
            keys,
            calls: Slab::new(SLOTS - 1),
            jobs: Slab::new(SLOTS - 1),
            extras: Vec::new(),
            deadlines: Vec::new(),
            with_extras: rules().any(needs_extra),
            with_deadlines,
            replicas: topology
                .replicas
                .iter()
                .map(|r| {
                    let inbound = topology.mesh.inbound.get(r.service.index()).unwrap_or(&Inbound::NONE);
                    ReplicaState::new(r.service, &topology.services[r.service.index()], inbound)
                })
                .collect(),
            paused_replicas: 0,
            pools,
            pool_places,
            caches: CacheState::all(topology),
            links: Links::new(topology),
            lines: Lines::new(topology),
            proxies: Proxies::new(topology, seed),
            brokers: super::broker::Brokers::new(topology),
            breakers: vec![None; cells(rules().any(|r| r.breaker.is_some()))],
            breaker_news: vec![super::BreakerNews::NONE; cells(rules().any(|r| r.breaker.is_some()))],
            bulkheads: vec![BulkheadState::default(); cells(rules().any(|r| r.bulkhead.is_some()))],
            last_in_bulkheads: vec![NOBODY; cells(rules().any(|r| r.bulkhead.is_some()))],
            budgets: vec![None; cells(rules().any(|r| r.retry.as_ref().is_some_and(|retry| retry.budget.is_some())))],
            buckets: vec![None; cells(rules().any(|r| r.rate_limit.is_some()))],
            waiting: Default::default(),
            balancers: vec![0; topology.balancers as usize],
            active: vec![0; topology.actives as usize],
            timeout_lanes,
            queue_lanes,
            faulted: false,
            fault_causes: vec![Cause::NONE; occurrences.len()],
            occurrences,
            shifts: Default::default(),
            calendar,
            limits,
            limit: None,
            until_look: 1,
            topology,
        }
    }

    fn go(mut self, control: Control<'_>) -> Result<Recording, Box<Stopped>> {
        let no_more_arrivals = Instant::START + self.topology.duration;
        let end = no_more_arrivals + self.topology.drain;
        self.until_look = self.next_look();
        loop {
            let event = match self.calendar.pop() {
                Some(event) if event.at <= end => event,
                // Nothing more can happen, or not in time: the run lasts as long as something is in flight.
                _ => {
                    let at = if self.is_idle() { no_more_arrivals } else { end };
                    return Ok(self.finish(at, false));
                }
            };
            if self.recorder.is_due(event.at) {
                self.pass(event.at);
            }
            self.handle(event);
            if event.at >= no_more_arrivals && self.is_idle() {
                return Ok(self.finish(event.at, false));
            }
            self.until_look -= 1;
            if self.until_look == 0 {
                self.until_look = self.next_look();
                if let Some(limit) = self.limit.take().or_else(|| self.calendar.limit()) {
                    return Err(self.stopped(limit));
                }
                if let Some(progress) = control.progress {
                    progress(event.at);
                }
                if control.interrupted.is_some_and(|flag| flag.load(Ordering::Relaxed)) {
                    return Ok(self.finish(event.at, true));
                }
            }
        }
    }

    /// Events until the next look, so that the limit of events is met to the event.
    fn next_look(&self) -> u32 {
        let left = self.limits.events.saturating_sub(self.calendar.events()) + 1;
        u32::try_from(left).unwrap_or(LOOK_EVERY).clamp(1, LOOK_EVERY)
    }

    fn is_idle(&self) -> bool {
        self.jobs.is_empty() && self.calls.is_empty() && self.proxies.is_idle() && self.brokers.is_idle(self.topology)
    }

    fn finish(mut self, at: Instant, interrupted: bool) -> Recording {
        self.tell_announced();
        self.scrape_last(at);
        let (events, fingerprint) = (self.calendar.events(), self.calendar.fingerprint());
        self.recorder.finish(at, events, fingerprint, interrupted)
    }

    fn stopped(self, limit: LimitReached) -> Box<Stopped> {
        let at = self.now();
        Box::new(Stopped { limit, recording: Box::new(self.finish(at, true)) })
    }
}

fn pools(topology: &Topology) -> (Vec<PoolState>, Vec<u32>) {
    let (mut states, mut places) = (Vec::new(), Vec::new());
    for pool in &topology.pools {
        places.push(states.len() as u32);
        let replicas = topology.services[pool.service.index()].replicas.len();
        states.extend((0..replicas).map(|_| PoolState::EMPTY));
    }
    (states, places)
}

/// The arrival processes of the open clients, spikes included.
fn plans(topology: &Topology, occurrences: &[Occurrence]) -> Vec<Option<(Arrivals, RatePlan)>> {
    let plan_of = |(i, client): (usize, &crate::topology::Client)| {
        let Load::Open { arrivals, plan } = &client.load else { return None };
        let mut plan = plan.clone();
        for happening in occurrences {
            if let FaultAction::Spike { client: spiked, factor } = &topology.faults[happening.fault.index()].action
                && spiked.index() == i
            {
                plan = plan.scaled(happening.began, happening.ended, *factor);
            }
        }
        Some((arrivals.clone(), plan))
    };
    topology.clients.iter().enumerate().map(plan_of).collect()
}

/// The spans that expectations ask about.
fn probes(topology: &Topology, occurrences: &[Occurrence]) -> Vec<Probe> {
    // What begins in the drain meets no request that counts.
    let last = |fault| occurrences.iter().rfind(|o| o.fault == fault && o.began < Instant::START + topology.duration);
    let span = |during| match during {
        During::Measured => (Instant::START + topology.warm_up, Instant::START + topology.duration),
        During::Span { from, until } => (Instant::START + from, Instant::START + until),
        During::After(fault) => (last(fault).map_or(Instant::NEVER, |o| o.ended), Instant::NEVER),
        During::While(fault) => last(fault).map_or((Instant::NEVER, Instant::NEVER), |o| (o.began, o.ended)),
    };
    let probe = |e: &crate::topology::expectation::Expectation| {
        let (from, until) = span(e.range);
        Probe { from, until, ..Probe::default() }
    };
    topology.expectations.iter().map(probe).collect()
}
