//! The caller's side: a call begins, sends attempts, gets an answer, and ends. What its policy says of it is in `layers`.

use super::World;
use super::event::Kind;
use super::hot::{self, HotSite, Sends};
use super::keys::{Purpose, below};
use super::link::Way;
use super::state::*;
use crate::base::id::*;
use crate::base::outcome::Outcome;
use crate::base::stream::Source;
use crate::base::time::Instant;
use crate::engine::TimerId;
use crate::observe::episode::Cause;
use crate::policy::app::{LoadBalancing, Scope};
use crate::topology::Step;
use crate::topology::site::Caller;

impl World<'_> {
    /// Begins a call. `path` is its place in the tree of the request's calls.
    pub(super) fn start_call(&mut self, site: u32, kind: u8, parent: u32, request: u64, path: u32, cause: Cause) -> u32 {
        let now = self.now();
        let hot = self.sites[site as usize];
        if hot.simple {
            return self.start_simple_call(site, &hot, kind, parent, request, path, cause);
        }
        let call = Call {
            request,
            started: now,
            parent,
            site,
            path,
            current: NOBODY,
            timer: TimerId::NONE,
            attempts: 1,
            cause,
            last: Outcome::OK,
            state: CallState::Deciding,
            holds: kind,
        };
        let call = self.calls.insert(call).expect("the limit on what is in flight is below the slab's");
        self.recorder.call_started(hot.edge, now);
        if kind == hold::OF_JOB {
            self.jobs[parent].pending = call;
            self.jobs[parent].state = JobState::Calling;
        }
        if self.with_extras {
            self.prepare_extra(call);
        }
        if self.recorder.watch.is_on() {
            self.watch_call(call);
        }
        match hot.kind {
            hot::Kind::Plain if !self.with_deadlines => self.send_attempt(call),
            _ => self.descend(call, 0),
        }
        call
    }

    /// As above where nothing is to be asked: everything of the call and of its one attempt is known at once.
    #[inline(always)]
    #[expect(clippy::too_many_arguments, reason = "the parts of a call, once; in registers")]
    fn start_simple_call(&mut self, site: u32, hot: &HotSite, kind: u8, parent: u32, request: u64, path: u32, cause: Cause) -> u32 {
        let now = self.now();
        let call = self.calls.next_index();
        if kind == hold::OF_JOB {
            let job = &mut self.jobs[parent];
            (job.pending, job.state) = (call, JobState::Calling);
        }
        if self.with_extras {
            self.prepare_extra(call);
        }
        self.recorder.call_started_and_sent(hot.edge, now);
        let (timer, holds) = match hot.kind {
            hot::Kind::Timeout => (self.calendar.arm(self.timeout_lane(hot.policy), call), kind | hold::TIMER),
            _ => (TimerId::NONE, kind),
        };
        let (replica, path_of_try) = (hot.first_replica, below(path, 1));
        let job = self.new_job(Job {
            request,
            arrived: Instant::START,
            call,
            replica,
            step: hot.entry,
            path: path_of_try,
            next: site,
            pending: 0,
            outcome: Outcome::OK,
            cause,
            state: JobState::Travelling,
            marks: 0,
        });
        let made = Call {
            request,
            started: now,
            parent,
            site,
            path,
            current: job,
            timer,
            attempts: 1,
            cause,
            last: Outcome::OK,
            state: CallState::InFlight,
            holds,
        };
        let placed = self.calls.insert(made);
        debug_assert_eq!(placed, Some(call));
        if self.recorder.watch.is_on() {
            self.watch_simple_call(call, job);
        }
        self.transmit(job, site, hot, request, path_of_try, Way::Out);
        call
    }

    pub(super) fn prepare_extra(&mut self, call: u32) {
        match self.extras.get_mut(call as usize) {
            Some(extra) => *extra = CallExtra::NONE,
            None => self.extras.resize(call as usize + 1, CallExtra::NONE),
        }
    }

    /// Who makes the call: a replica, or a client's instance.
    #[inline(always)]
    pub(super) fn caller_of(&self, call: u32) -> u32 {
        let Call { holds, parent, .. } = self.calls[call];
        if holds & hold::PARENT == hold::OF_JOB { self.jobs[parent].replica } else { self.caller_of_another(call) }
    }

    /// As above, for a call that no job makes.
    #[inline(never)]
    fn caller_of_another(&self, call: u32) -> u32 {
        let Call { holds, parent, site, .. } = self.calls[call];
        match holds & hold::PARENT {
            hold::OF_CALL => self.caller_of(parent),
            hold::OF_UPSTREAM => self.caller_of_upstream(parent),
            _ => match self.topology.sites[site as usize].caller {
                Caller::Client(client) => self.clients_caller(client, parent),
                Caller::Endpoint(_) => unreachable!("an endpoint's call belongs to a job"),
            },
        }
    }

    /// Chooses a replica of the callee.
    #[inline(always)]
    pub(super) fn pick_replica(&mut self, call: u32) -> u32 {
        let HotSite { first_replica, replicas, .. } = self.sites[self.calls[call].site as usize];
        if replicas == 1 { first_replica } else { self.pick_among(call) }
    }

    #[inline(never)]
    fn pick_among(&mut self, call: u32) -> u32 {
        let topology = self.topology;
        let Call { site, request, path, attempts, .. } = self.calls[call];
        let HotSite { first_replica, replicas, .. } = self.sites[site as usize];
        let place = &topology.sites[site as usize];
        let balancing = &topology.services[place.service.index()].balancing;
        let caller = self.caller_of(call) - place.callers.start;
        let active = &self.active[(place.active + caller * replicas) as usize..][..replicas as usize];
        let next = &mut self.balancers[(place.balancer + caller) as usize];
        let mut words = self.keys.call(site, request, below(path, u32::from(attempts)), Purpose::Balance);
        first_replica + balancing.pick(next, replicas, |r| active[r as usize], |n| words.below(n))
    }

    /// Where the caller's balancer counts its attempts in progress at a replica.
    fn active_place(&self, call: u32, replica: u32) -> usize {
        let site = self.calls[call].site as usize;
        let HotSite { first_replica, replicas, .. } = self.sites[site];
        let place = &self.topology.sites[site];
        let caller = self.caller_of(call) - place.callers.start;
        (place.active + caller * replicas + replica - first_replica) as usize
    }

    /// Whether callers of a service count their attempts in progress.
    pub(super) fn is_counted(&self, service: ServiceId) -> bool {
        let service = &self.topology.services[service.index()];
        service.replicas.len() > 1 && matches!(service.balancing, LoadBalancing::LeastRequest { .. })
    }

    pub(super) fn count_active(&mut self, call: u32, replica: u32) {
        let active = self.active_place(call, replica);
        self.active[active] += 1;
    }

    /// Sends one attempt on its way.
    #[inline(always)]
    pub(super) fn send_attempt(&mut self, call: u32) {
        let Call { site, request, path, attempts, started, cause, .. } = self.calls[call];
        let hot = self.sites[site as usize];
        let HotSite { edge, entry, sends, .. } = hot;
        if sends == Sends::Proxied {
            return self.enter_proxy(call);
        }
        let chosen = match sends {
            Sends::Pinned => self.delivered_to(self.calls[call].parent),
            Sends::ToLeader => match self.topology.steps[entry as usize + 1] {
                Step::Enqueue(number) => self.leader_for(call, number),
                _ => NOBODY,
            },
            _ if self.with_extras => self.extras[call as usize].replica,
            _ => NOBODY,
        };
        let replica = match chosen {
            NOBODY if hot.replicas == 1 => hot.first_replica,
            NOBODY => self.pick_among(call),
            chosen => chosen,
        };
        self.recorder.attempt_sent(edge, started);
        let path_of_try = below(path, u32::from(attempts));
        let job = self.new_job(Job {
            request,
            arrived: Instant::START,
            call,
            replica,
            step: entry,
            path: path_of_try,
            next: site,
            pending: 0,
            outcome: Outcome::OK,
            cause,
            state: JobState::Travelling,
            marks: if sends == Sends::Counted { mark::ACTIVE } else { 0 },
        });
        if sends == Sends::Counted {
            self.count_active(call, replica);
        }
        if self.with_deadlines {
            self.pass_deadline_on(call, job);
        }
        let state = &mut self.calls[call];
        state.current = job;
        state.state = CallState::InFlight;
        if self.recorder.watch.is_on() {
            self.watch_sent(call, job);
        }
        self.transmit(job, site, &hot, request, path_of_try, Way::Out);
    }

    /// The attempt of a call is over, one way or the other: the balancer no longer counts it.
    #[inline(always)]
    pub(super) fn attempt_over(&mut self, call: u32, job: u32) {
        if self.jobs[job].marks & mark::ACTIVE != 0 {
            self.jobs[job].marks &= !mark::ACTIVE;
            let active = self.active_place(call, self.jobs[job].replica);
            self.active[active] -= 1;
        }
    }

    /// An attempt is over for its caller, for whoever follows its request.
    #[inline(always)]
    pub(super) fn trace_over(&mut self, job: u32, outcome: Outcome) {
        if self.recorder.watch.is_on() {
            self.watch_over(job, outcome);
        }
    }

    /// An attempt is about to be given up for this reason.
    pub(super) fn trace_cut(&mut self, call: u32, outcome: Outcome) {
        let Call { state, current, .. } = self.calls[call];
        if state == CallState::InFlight {
            self.trace_over(current, outcome);
        }
    }

    /// An answer (or the news that there will be none) has come back.
    pub(super) fn answer_arrives(&mut self, job: u32) {
        let Job { call, outcome, cause, marks, .. } = self.jobs[job];
        if call == NOBODY {
            return self.free_job(job);
        }
        if self.is_paused(call) {
            return self.hold_back(call, Kind::AnswerArrives, job);
        }
        if marks & mark::ACTIVE != 0 {
            self.attempt_over(call, job);
        }
        self.trace_over(job, outcome);
        self.free_job(job);
        // What the hop itself decided (refused, reset) keeps its class; what the callee answered is seen from outside.
        let seen = if outcome.class == crate::base::outcome::Class::Timeout { outcome.passed_on() } else { outcome };
        let state = &mut self.calls[call];
        state.cause = cause.or(state.cause);
        let (holds, site) = (state.holds, state.site);
        let hot = &self.sites[site as usize];
        if hot.simple && !seen.is_failure() && holds & hold::PARENT != hold::OF_UPSTREAM {
            let (kind, policy, edge) = (hot.kind, hot.policy, hot.edge);
            return self.end_simple_call(call, kind, policy, edge, seen);
        }
        state.state = CallState::Deciding;
        if seen.is_failure() {
            self.blame(call, seen);
        }
        if holds & hold::PARENT == hold::OF_UPSTREAM {
            return self.upstream_answers(call, seen);
        }
        self.attempt_ended(call, seen);
    }

    /// A call that was begun in one go has its answer.
    #[inline(always)]
    fn end_simple_call(&mut self, call: u32, kind: hot::Kind, policy: PolicyId, edge: EdgeId, outcome: Outcome) {
        let Call { site, parent, started, cause, holds, timer, .. } = self.calls[call];
        let now = self.now();
        if kind == hot::Kind::Timeout && holds & hold::TIMER != 0 {
            self.calendar.disarm(self.timeout_lane(policy), timer);
        }
        self.recorder.call_ended(edge, started, now, outcome);
        if self.recorder.watch.is_on() {
            self.watch_call_ends(call, outcome);
        }
        self.free_call(call);
        match holds & hold::PARENT {
            hold::OF_JOB => self.call_returns(parent, outcome, cause),
            hold::OF_CALL => self.fallback_returns(parent, outcome, cause),
            _ => self.request_ended(site, parent, started, outcome, cause),
        }
    }

    /// The innermost outcome of a try goes up through the layers.
    #[inline(always)]
    pub(super) fn attempt_ended(&mut self, call: u32, outcome: Outcome) {
        let HotSite { kind, layers, policy, .. } = self.sites[self.calls[call].site as usize];
        match kind {
            hot::Kind::Layered => return self.ascend(call, usize::from(layers), outcome),
            hot::Kind::Timeout => self.disarm_timeout(call, policy),
            hot::Kind::Plain => {}
        }
        self.end_call(call, outcome);
    }

    /// The call has its final outcome: whoever waits for it goes on.
    #[inline(always)]
    pub(super) fn end_call(&mut self, call: u32, outcome: Outcome) {
        let Call { site, parent, started, cause, holds, .. } = self.calls[call];
        let edge = self.sites[site as usize].edge;
        let now = self.now();
        if holds & hold::DEADLINE != 0 {
            self.call_deadline_off(call);
        }
        self.recorder.call_ended(edge, started, now, outcome);
        if self.recorder.watch.is_on() {
            self.watch_call_ends(call, outcome);
        }
        self.free_call(call);
        match holds & hold::PARENT {
            hold::OF_JOB => self.call_returns(parent, outcome, cause),
            hold::OF_CALL => self.fallback_returns(parent, outcome, cause),
            hold::OF_UPSTREAM => unreachable!("a proxy's try has no layers to end it"),
            _ => self.request_ended(site, parent, started, outcome, cause),
        }
    }

    /// A job's call has ended: the endpoint goes on, or ends with the failure.
    #[inline(always)]
    fn call_returns(&mut self, job: u32, outcome: Outcome, cause: Cause) {
        let state = &mut self.jobs[job];
        state.cause = cause.or(state.cause);
        if outcome.is_degraded() {
            state.marks |= mark::DEGRADED;
        }
        if outcome.is_failure() {
            // A broker tells a consumer that cannot be reached from one that could not handle the message.
            let seen = if state.marks & mark::DELIVERY != 0 { outcome } else { outcome.passed_on() };
            return self.end_job(job, seen);
        }
        debug_assert!(matches!(self.topology.steps[state.step as usize], Step::Call(_)));
        state.step += 1;
        let Job { step, request, path, replica, .. } = *state;
        self.run_step(job, step, request, path, replica);
    }

    /// The cell of the call's policy state, and for a scope by replica the choice of one.
    #[inline(always)]
    pub(super) fn find_cell(&mut self, call: u32, scope: Scope) {
        let HotSite { cells, stride, .. } = self.sites[self.calls[call].site as usize];
        let first = cells.wrapping_add(self.caller_of(call).wrapping_mul(stride));
        let within = match scope {
            Scope::Service | Scope::Endpoint | Scope::Policy => 0,
            Scope::Replica => {
                let replica = self.pick_replica(call);
                self.extras[call as usize].replica = replica;
                replica - self.sites[self.calls[call].site as usize].first_replica
            }
            Scope::Key(attribute) => {
                let request = self.calls[call].request;
                (self.attribute(self.own_attribute(attribute, request), request) - 1) as u32
            }
        };
        self.extras[call as usize].cell = first + within;
    }
}
