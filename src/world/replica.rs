//! Replicas: up or down, paused or hung, slow or not; and what their going down does to what they hold.

use super::World;
use super::event::Kind;
use super::mesh::FROM_SIDECAR;
use super::state::*;
use crate::base::id::*;
use crate::base::outcome::Outcome;
use crate::base::time::{Instant, Nanos};
use crate::engine::{AlarmId, TimerId};
use crate::observe::episode::Cause;
use crate::observe::recording::Happening;
use crate::policy::app::TokenBucketState;
use crate::topology::mesh::Inbound;
use crate::topology::{Cancellation, Discipline, Service};
use std::collections::{BTreeSet, VecDeque};

/// What changes of a replica.
pub(super) struct ReplicaState {
    pub service: ServiceId,
    /// As the service has it.
    pub workers: u32,
    pub queue_capacity: u32,
    pub busy: u32,
    pub queue_len: u32,
    /// The job that was the last to get a worker; it may long have left.
    pub last_in: u32,
    /// Its service limits its rate, or notices that callers have gone, or its sidecar has a say.
    pub unusual: bool,
    /// The youngest of its queue is served first.
    pub lifo: bool,
    /// Its service notices that callers have gone.
    pub notices: bool,
    /// The queue, oldest first.
    pub head: u32,
    pub tail: u32,
    pub up: bool,
    /// Its pod is there, and with it a sidecar that answers while the application is down. Without a sidecar it is as `up`.
    pub pod: bool,
    /// Since when its process is there.
    pub began: Instant,
    /// The loop that gives workers to the queue is running.
    pub in_loop: bool,
    /// Pauses and hangs in progress.
    pub paused: u16,
    pub hung: u16,
    /// Work takes so many times as long, because of this.
    pub slow: f64,
    pub slow_cause: Cause,
    /// What the latest job to leave had met: what those in the queue wait for.
    pub cause: Cause,
    /// The fault that touches it now; of several, the one that keeps it down, or the latest.
    pub fault_cause: Cause,
    /// Occurrences of faults in progress, crashes excluded, in the order in which they began.
    pub faults: Vec<(u32, Cause)>,
    /// Those of them that answer in its place.
    pub errors: u16,
    /// Crashes from which it has not come back; it is up when there is none.
    crashes: Vec<Crash>,
    pub bucket: Option<TokenBucketState>,
    paused_at: Instant,
    /// What has happened to it while paused, in order.
    held: Vec<Held>,
}

/// What is gone until it comes back.
#[derive(Clone, Copy)]
pub(super) struct Crash {
    pub until: Instant,
    pub cause: Cause,
    pub what: Dies,
}

/// What a crash takes with it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Dies {
    /// All there is, a sidecar included.
    Pod,
    /// The application; its sidecar lives.
    Container,
}

/// An event that a paused replica has not seen yet, and enough to tell whether it still concerns anybody.
#[derive(Clone, Copy)]
struct Held {
    kind: Kind,
    slot: u32,
    request: u64,
    path: u32,
    /// For a timeout: the timer.
    timer: TimerId,
    /// For work: how long after the pause began it would have been done.
    after: Nanos,
}

/// A pool of one replica.
pub(super) struct PoolState {
    pub in_use: u32,
    /// The job that was the last to enter; it may long have left.
    pub last_in: u32,
    pub waiting: VecDeque<u32>,
}

impl PoolState {
    pub const EMPTY: PoolState = PoolState { in_use: 0, last_in: NOBODY, waiting: VecDeque::new() };
}

impl ReplicaState {
    pub fn new(service: ServiceId, spec: &Service, inbound: &Inbound) -> ReplicaState {
        ReplicaState {
            service,
            workers: spec.workers.min(inbound.max_in_progress),
            queue_capacity: spec.queue_capacity,
            unusual: spec.rate_limit.is_some() || spec.cancellation != Cancellation::None || inbound.limits(),
            lifo: spec.discipline == Discipline::Lifo,
            notices: spec.cancellation != Cancellation::None,
            busy: 0,
            queue_len: 0,
            last_in: NOBODY,
            head: NOBODY,
            tail: NOBODY,
            up: true,
            pod: true,
            began: Instant::START,
            in_loop: false,
            paused: 0,
            hung: 0,
            slow: 1.0,
            slow_cause: Cause::NONE,
            cause: Cause::NONE,
            fault_cause: Cause::NONE,
            faults: Vec::new(),
            errors: 0,
            crashes: Vec::new(),
            bucket: None,
            paused_at: Instant::START,
            held: Vec::new(),
        }
    }
}

impl ReplicaState {
    /// Its sidecar has other limits from now on.
    pub fn take_limits(&mut self, spec: &Service, inbound: &Inbound) {
        self.workers = spec.workers.min(inbound.max_in_progress);
        self.unusual = spec.rate_limit.is_some() || spec.cancellation != Cancellation::None || inbound.limits();
    }

    /// A fault is at work in it.
    #[inline]
    pub fn troubled(&self) -> bool {
        // One question for all three: it is asked of every job, twice.
        !self.up || (self.paused | self.hung | self.errors) != 0
    }

    /// A fault begins to touch it.
    pub fn touched_by(&mut self, occurrence: u32, cause: Cause) {
        self.faults.push((occurrence, cause));
        self.find_cause();
    }

    /// A fault no longer touches it; another may.
    pub fn let_go_by(&mut self, occurrence: u32) {
        self.faults.retain(|(by, _)| *by != occurrence);
        self.find_cause();
    }

    fn find_cause(&mut self) {
        let last = self.faults.last().map_or(Cause::NONE, |(_, cause)| *cause);
        self.fault_cause = self.crashes.last().map_or(last, |crash| crash.cause);
    }
}

impl World<'_> {
    pub(super) fn pool_place(&self, pool: PoolId, replica: u32) -> usize {
        let service = self.topology.pools[pool.index()].service;
        (self.pool_places[pool.index()] + replica - self.topology.services[service.index()].replicas.start) as usize
    }

    pub(super) fn pool_state(&mut self, pool: PoolId, replica: u32) -> &mut PoolState {
        let place = self.pool_place(pool, replica);
        &mut self.pools[place]
    }

    // -- down and up -------------------------------------------------------------------------------------------------

    pub(super) fn crash(&mut self, replica: u32, crash: Crash) {
        let state = &mut self.replicas[replica as usize];
        state.crashes.push(crash);
        state.find_cause();
        if state.up {
            self.die(replica, crash.what, crash.cause);
            return self.endpoint_changes(replica, false);
        }
        if state.pod && crash.what == Dies::Pod {
            self.pod_goes(replica);
        }
    }

    /// The process is gone, with all that it held and knew.
    fn die(&mut self, replica: u32, what: Dies, cause: Cause) {
        let state = &mut self.replicas[replica as usize];
        state.up = false;
        state.cause = cause;
        state.bucket = None;
        self.reset_all(replica, if what == Dies::Pod { Outcome::RESET } else { FROM_SIDECAR }, cause);
        self.count_replicas(replica, false);
        self.clear_own_caches(replica, cause);
        self.forget_policies(replica);
        self.messaging_goes_down(replica);
        if what == Dies::Pod {
            self.pod_goes(replica);
        }
        // Told last: whatever its breakers did at this instant, they did before.
        let now = self.now();
        self.recorder.mark(now, Happening::ReplicaDown(ReplicaId(replica)));
    }

    /// The pod is gone, with its sidecar and what that knew; so are the connections to it.
    fn pod_goes(&mut self, replica: u32) {
        self.replicas[replica as usize].pod = false;
        self.forget_proxy(replica);
        self.host_is_gone(replica);
    }

    /// What its library knew of those it calls (breakers, budgets, rate limits) was in its memory.
    fn forget_policies(&mut self, replica: u32) {
        let topology = self.topology;
        for site in topology.sites.iter().filter(|s| s.policy.is_some() && s.callers.contains(&replica)) {
            let first = site.cells + (replica - site.callers.start) * site.stride;
            for cell in first as usize..(first + site.stride) as usize {
                if let Some(news) = self.breaker_news.get_mut(cell) {
                    let news = std::mem::replace(news, super::BreakerNews::NONE);
                    self.recorder.breaker_forgotten(news.edge, news.mode);
                    self.breakers[cell] = None;
                }
                if let Some(budget) = self.budgets.get_mut(cell) {
                    *budget = None;
                }
                if let Some(bucket) = self.buckets.get_mut(cell) {
                    *bucket = None;
                }
            }
        }
    }

    /// Resets every job at a replica, in the order in which they came.
    fn reset_all(&mut self, replica: u32, outcome: Outcome, cause: Cause) {
        let mut own_jobs = Vec::new();
        for job in 0..self.jobs.entries().len() {
            let Job { replica: at, state, marks, request, path, arrived, .. } = self.jobs.entries()[job];
            let at_work = match state {
                JobState::Held | JobState::Queued | JobState::Working | JobState::Calling => true,
                JobState::WithBodies | JobState::AwaitingPool | JobState::AwaitingReply | JobState::Hung => true,
                JobState::Travelling | JobState::Knocking | JobState::Answering | JobState::Stopped | JobState::Free => false,
            };
            // Children go with their parents; those left alone are stopped like the rest.
            let own = marks & mark::CHILD == 0 || self.jobs.entries()[job].call == NOBODY;
            if at == replica && at_work && own {
                own_jobs.push((arrived, request, path, job as u32));
            }
        }
        // By what they are and not by their slots, which other services move.
        own_jobs.sort_unstable();
        for (_, _, _, job) in own_jobs {
            if !matches!(self.jobs.entries()[job as usize].state, JobState::Free | JobState::Stopped) {
                self.reset_job(job, outcome, cause);
            }
        }
        for event in std::mem::take(&mut self.replicas[replica as usize].held) {
            // Answers that it has not seen, to calls that are given up now.
            match event.kind {
                Kind::AnswerArrives => self.free_job(event.slot),
                Kind::Settles if self.calls[event.slot].state == CallState::Gone => self.free_call(event.slot),
                _ => {}
            }
        }
        let state = &self.replicas[replica as usize];
        debug_assert!(state.busy == 0 && state.queue_len == 0, "a dead process holds nothing");
    }

    pub(super) fn replica_returns(&mut self, replica: u32) {
        let now = self.now();
        let state = &mut self.replicas[replica as usize];
        let over = state.crashes.iter().position(|crash| crash.until == now).expect("a crash ends when it was to end");
        state.crashes.remove(over);
        state.find_cause();
        if state.crashes.is_empty() {
            self.rise(replica);
            return self.endpoint_changes(replica, true);
        }
        // Of a container that is down for longer, the pod may be back.
        let had_pod = std::mem::replace(&mut state.pod, state.crashes.iter().all(|crash| crash.what == Dies::Container));
        if state.pod && !had_pod {
            self.proxy_begins(replica);
        }
    }

    fn rise(&mut self, replica: u32) {
        let state = &mut self.replicas[replica as usize];
        state.up = true;
        state.cause = Cause::NONE;
        let is_new = !std::mem::replace(&mut state.pod, true);
        let now = self.now();
        self.replicas[replica as usize].began = now;
        if is_new {
            self.proxy_begins(replica);
        }
        self.recorder.mark(now, Happening::ReplicaUp(ReplicaId(replica)));
        self.count_replicas(replica, true);
        self.messaging_comes_up(replica);
    }

    fn count_replicas(&mut self, replica: u32, restarted: bool) {
        let service = self.topology.replicas[replica as usize].service;
        let spec = &self.topology.services[service.index()];
        let up = spec.replicas.clone().filter(|r| self.replicas[*r as usize].up).count() as u32;
        let alive = if spec.workers == u32::MAX { 0 } else { u64::from(up) * u64::from(spec.workers) };
        let now = self.now();
        self.recorder.replicas_changed(service, now, up, alive, restarted);
    }

    // -- paused ------------------------------------------------------------------------------------------------------

    /// Whether the caller's process stands still. Clients never do.
    #[inline]
    pub(super) fn is_paused(&self, call: u32) -> bool {
        self.paused_replicas > 0 && self.callers_replica(call).is_some_and(|replica| self.replicas[replica as usize].paused > 0)
    }

    fn callers_replica(&self, call: u32) -> Option<u32> {
        let Call { holds, parent, .. } = self.calls[call];
        match holds & hold::PARENT {
            hold::OF_JOB => Some(self.jobs[parent].replica),
            hold::OF_CALL => self.callers_replica(parent),
            _ => None,
        }
    }

    /// Keeps an event that concerns a paused caller for later. Timers that have fired are no longer armed.
    pub(super) fn hold_back(&mut self, call: u32, kind: Kind, slot: u32) {
        if kind == Kind::TimeoutFires {
            self.calls[call].holds &= !hold::TIMER;
        }
        let Call { request, path, timer, .. } = self.calls[call];
        if let Some(replica) = self.callers_replica(call) {
            self.replicas[replica as usize].held.push(Held { kind, slot, request, path, timer, after: Nanos::ZERO });
        }
    }

    /// Keeps an event that concerns a job at a paused replica for later.
    pub(super) fn hold_at(&mut self, replica: u32, kind: Kind, job: u32) {
        let Job { request, path, .. } = self.jobs[job];
        let after = self.now().since(self.replicas[replica as usize].paused_at);
        self.replicas[replica as usize].held.push(Held { kind, slot: job, request, path, timer: TimerId::NONE, after });
    }

    /// A job whose work would have been done in a pause has no event on its way: forget that it was to go on.
    pub(super) fn drop_held_step(&mut self, job: u32) -> bool {
        let held = &mut self.replicas[self.jobs[job].replica as usize].held;
        let before = held.len();
        held.retain(|h| h.kind != Kind::StepDone || h.slot != job);
        held.len() < before
    }

    pub(super) fn pause(&mut self, replica: u32, cause: Cause) {
        let now = self.now();
        let state = &mut self.replicas[replica as usize];
        state.cause = cause;
        state.paused += 1;
        if state.paused == 1 {
            state.paused_at = now;
            self.paused_replicas += 1;
        }
    }

    /// What has been held up leaves nothing behind for those who come when all have left.
    pub(super) fn forget_if_idle(&mut self, replica: u32) {
        let state = &mut self.replicas[replica as usize];
        if state.busy == 0 && state.queue_len == 0 {
            state.cause = state.fault_cause;
        }
    }

    /// Everything goes on: work is late by the pause, what has happened meanwhile is seen now.
    pub(super) fn resume(&mut self, replica: u32, cause: Cause) {
        let now = self.now();
        let state = &mut self.replicas[replica as usize];
        state.paused -= 1;
        if state.paused > 0 {
            return;
        }
        self.paused_replicas -= 1;
        let late = now.since(state.paused_at);
        let held = std::mem::take(&mut state.held);
        let done: BTreeSet<u32> = held.iter().filter(|h| h.kind == Kind::StepDone).map(|h| h.slot).collect();
        for job in 0..self.jobs.entries().len() as u32 {
            let Job { replica: at, state, .. } = self.jobs.entries()[job as usize];
            if at == replica && matches!(state, JobState::Working | JobState::Queued) {
                self.jobs[job].cause = cause;
            }
            if at == replica && state == JobState::Working && !done.contains(&job) {
                self.jobs[job].marks |= mark::SHIFTED;
                *self.shifts.entry(job).or_default() += late.0;
            }
        }
        for event in held {
            self.see(event);
        }
        self.work_off_queue(replica);
        self.forget_if_idle(replica);
    }

    /// An event of the pause, seen now, if it still concerns anybody.
    fn see(&mut self, event: Held) {
        let Held { kind, slot, request, path, after, .. } = event;
        match kind {
            Kind::StepDone => self.calendar.schedule_in(after, Kind::StepDone as u8, slot),
            Kind::JobArrives => self.arrive_unusually(slot, self.service_of(slot)),
            Kind::AnswerArrives => self.answer_arrives(slot),
            Kind::Settles => self.settles(slot),
            Kind::ReplyArrives | Kind::ReplyTimeoutFires => {
                let Job { state, next: waiter, request: its, path: place, .. } = self.jobs.entries()[slot as usize];
                if (its, place, state) != (request, path, JobState::AwaitingReply) {
                } else if kind == Kind::ReplyArrives {
                    self.reply_arrives(waiter);
                } else {
                    self.reply_timeout_fires(slot);
                }
            }
            Kind::QueueWaitOver | Kind::PoolWaitOver => {
                let Job { state, pending, request: its, path: place, .. } = self.jobs.entries()[slot as usize];
                if (its, place) != (request, path) {
                    return;
                }
                match state {
                    JobState::Queued if kind == Kind::QueueWaitOver => self.queue_wait_over(slot),
                    JobState::AwaitingPool if kind == Kind::PoolWaitOver && pending == AlarmId::NONE.0 => self.pool_wait_over(slot),
                    _ => {}
                }
            }
            _ => self.see_timer(event),
        }
    }

    /// A timer of a call went off in the pause of its caller.
    fn see_timer(&mut self, event: Held) {
        let Held { kind, slot, request, path, timer, .. } = event;
        let call = self.calls.entries()[slot as usize];
        let live = !matches!(call.state, CallState::Free | CallState::Gone);
        if !live || (call.request, call.path) != (request, path) {
            return;
        }
        let no_alarm = |extra: &CallExtra| extra.permit_alarm == AlarmId::NONE;
        let awaits = call.state == CallState::AwaitingPermit && self.extras.get(slot as usize).is_some_and(no_alarm);
        let given = call.holds & hold::BULKHEAD != 0;
        let is_late = |extra: &CallExtra| extra.deadline <= self.now();
        match kind {
            Kind::TimeoutFires if call.holds & hold::TIMER == 0 && call.timer == timer => self.timeout_fires(slot),
            Kind::DeadlinePasses if call.holds & hold::DEADLINE == 0 && self.extras.get(slot as usize).is_some_and(is_late) => {
                self.deadline_passes(slot)
            }
            Kind::BackoffOver if call.state == CallState::BackingOff && call.current == AlarmId::NONE.0 => self.backoff_over(slot),
            Kind::PermitWaitOver if awaits && !given => self.permit_wait_over(slot),
            Kind::PermitGiven if awaits && given => self.permit_given(slot),
            _ => {}
        }
    }

    // -- slow, hung --------------------------------------------------------------------------------------------------

    /// Whoever hangs is restarted: the process goes, and comes back at once.
    pub(super) fn end_hang(&mut self, replica: u32, cause: Cause) {
        let state = &mut self.replicas[replica as usize];
        state.hung -= 1;
        if state.hung == 0 && state.up {
            self.die(replica, Dies::Pod, cause);
            self.rise(replica);
        }
    }
}
