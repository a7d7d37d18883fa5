//! Running an endpoint's steps: each takes time, asks somebody, or says where to go next.
//!
//! Bodies (branches, turns of a loop, what runs under a permit) are run by child jobs. A child begins by an event of its
//! own, unless its first step is a call, which never ends at once: so nothing here ends inside what it began.

use super::World;
use super::broker::Taken;
use super::event::Kind;
use super::keys::below;
use super::state::*;
use crate::base::id::*;
use crate::base::outcome::{Class, Flag, Outcome};
use crate::base::stream::Source;
use crate::base::time::{Instant, Nanos};
use crate::engine::AlarmId;
use crate::topology::{Join, Step};

/// How the bodies of a parallel step have ended, packed into `Job::pending`.
#[derive(Clone, Copy)]
struct Ended {
    all: u32,
    well: u32,
}

impl Ended {
    fn of(pending: u32) -> Ended {
        Ended { all: pending >> 16, well: pending & 0xffff }
    }

    fn packed(self) -> u32 {
        self.all << 16 | self.well
    }
}

impl World<'_> {
    /// As [`run_job`](Self::run_job), with what the job says of itself at hand: most steps work, call or end.
    #[inline(always)]
    pub(super) fn run_step(&mut self, job: u32, step: u32, request: u64, path: u32, replica: u32) {
        match &self.topology.steps[step as usize] {
            Step::Work(dist) => {
                let takes = dist.sample(&mut self.keys.steps[step as usize].draw(request, path));
                // Work that takes no time, or more because the replica is slow, is looked at again.
                if takes != Nanos::ZERO && self.replicas[replica as usize].slow == 1.0 {
                    self.take_time(job, takes);
                    return;
                }
            }
            Step::Call(site) => return self.call_from(job, site.0, request, path),
            Step::End => return self.end_job(job, Outcome::OK),
            _ => {}
        }
        self.run_job(job);
    }

    #[inline(always)]
    fn call_from(&mut self, job: u32, site: u32, request: u64, path: u32) {
        let below_path = below(path, self.sites[site as usize].path);
        let cause = self.recorder.load_behind(self.jobs[job].cause);
        self.start_call(site, hold::OF_JOB, job, request, below_path, cause);
    }

    /// Goes on with a job from its present step until something takes time.
    #[inline(never)]
    pub(super) fn run_job(&mut self, job: u32) {
        let topology = self.topology;
        let mut steps_in_place = 0u64;
        loop {
            let Job { step, request, path, .. } = self.jobs[job];
            let next = match &topology.steps[step as usize] {
                Step::Work(dist) => {
                    let takes = dist.sample(&mut self.keys.steps[step as usize].draw(request, path));
                    if self.work(job, takes) {
                        return;
                    }
                    step + 1
                }
                Step::Wait(dist) => {
                    let takes = dist.sample(&mut self.keys.steps[step as usize].draw(request, path));
                    if self.take_time(job, takes) {
                        return;
                    }
                    step + 1
                }
                Step::Call(site) => return self.call_from(job, site.0, request, path),
                Step::Choose(targets) => {
                    let draw = self.keys.steps[step as usize].draw(request, path).uniform();
                    targets[targets.partition_point(|(share, _)| *share <= draw).min(targets.len() - 1)].1.0
                }
                Step::Fail { status, share } => {
                    if self.keys.steps[step as usize].draw(request, path).chance(*share) {
                        return self.end_job(job, Outcome::answered(*status));
                    }
                    step + 1
                }
                Step::Cache { cache, hit } => match self.look_up(*cache, job) {
                    Some(takes) => {
                        // The step to go on from when the hit's time is over is the one before the target.
                        self.jobs[job].step = hit.0 - 1;
                        if self.take_time(job, takes) {
                            return;
                        }
                        hit.0
                    }
                    None => step + 1,
                },
                Step::Fill(cache) => {
                    let replica = self.jobs[job].replica;
                    self.fill_cache(*cache, replica, request);
                    step + 1
                }
                Step::Enqueue(publication) => match self.enqueue_message(job, *publication) {
                    Taken::Yes => step + 1,
                    Taken::Refused => return self.end_job(job, Outcome::answered(503)),
                    // A 404 that says nothing of what was asked for: who publishes goes no further.
                    Taken::Returned => return self.end_job(job, Outcome::new(404, Class::ServerError, Flag::None)),
                    Taken::Later => return,
                },
                Step::Written(announcement) => {
                    self.event_written(job, *announcement);
                    step + 1
                }
                Step::Open(consumer) => {
                    if !self.message_opened(job, *consumer) {
                        return;
                    }
                    step + 1
                }
                Step::Handled(consumer) => {
                    self.message_handled(job, *consumer);
                    step + 1
                }
                Step::Ask { body, site, timeout } => return self.ask(job, *body, *site, *timeout),
                Step::PassReply(broker) => {
                    self.pass_reply(job, *broker);
                    step + 1
                }
                Step::Parallel { bodies, .. } => return self.start_bodies(job, bodies),
                Step::Repeat { times: 0, .. } => step + 1,
                Step::Repeat { body, .. } => return self.start_bodies(job, &[*body]),
                Step::Acquire { pool, body } => return self.acquire(job, *pool, *body),
                Step::Spawn(body) => {
                    let child = self.new_body(job, *body, 0, mark::SPAWNED);
                    self.calendar.schedule_in(Nanos::ZERO, Kind::BodyStarts as u8, child);
                    step + 1
                }
                Step::Jump(target) => target.0,
                Step::End => return self.end_job(job, Outcome::OK),
            };
            self.jobs[job].step = next;
            steps_in_place += 1;
            if steps_in_place > 100_000 {
                // Steps in no time, without end: the calendar counts them as events of this instant.
                self.calendar.count_in_place(steps_in_place);
                self.limit = self.calendar.limit();
                if self.limit.is_some() {
                    self.until_look = 1;
                    return;
                }
                steps_in_place = 0;
            }
        }
    }

    /// Lets the job work for so long, stretched if its replica is slow; no time at all is false.
    #[inline(always)]
    fn work(&mut self, job: u32, takes: Nanos) -> bool {
        let replica = &mut self.replicas[self.jobs[job].replica as usize];
        let mut takes = takes;
        if replica.slow != 1.0 && takes != Nanos::ZERO {
            takes = Nanos((takes.0 as f64 * replica.slow + 0.5) as u64);
            self.jobs[job].cause = replica.slow_cause;
            replica.cause = replica.slow_cause;
        }
        self.take_time(job, takes)
    }

    /// Lets so much time pass for the job; no time at all is false.
    #[inline(always)]
    fn take_time(&mut self, job: u32, takes: Nanos) -> bool {
        if takes == Nanos::ZERO {
            return false;
        }
        self.jobs[job].state = JobState::Working;
        self.calendar.schedule_in(takes, Kind::StepDone as u8, job);
        true
    }

    pub(super) fn step_done(&mut self, job: u32) {
        let entry = &mut self.jobs[job];
        let Job { state, marks, replica, step, request, path, .. } = *entry;
        if state == JobState::Stopped {
            return self.free_job(job);
        }
        if marks & mark::SHIFTED != 0 {
            let late = self.take_shift(job);
            return self.calendar.schedule_in(Nanos(late), Kind::StepDone as u8, job);
        }
        if self.paused_replicas > 0 && self.replicas[replica as usize].paused > 0 {
            return self.hold_at(replica, Kind::StepDone, job);
        }
        entry.step = step + 1;
        self.run_step(job, step + 1, request, path, replica);
    }

    /// By how much the job's event is late; it is told once.
    pub(super) fn take_shift(&mut self, job: u32) -> u64 {
        self.jobs[job].marks &= !mark::SHIFTED;
        self.shifts.remove(&job).unwrap_or(0)
    }

    // -- bodies ------------------------------------------------------------------------------------------------------

    /// A child of the job that runs a body; it does not run yet.
    pub(super) fn new_body(&mut self, parent: u32, body: StepId, part: u32, marks: u8) -> u32 {
        let Job { request, replica, path, step, cause, .. } = self.jobs[parent];
        let child = Job {
            request,
            arrived: Instant(u64::from(NOBODY)),
            call: if marks & mark::CHILD != 0 { parent } else { NOBODY },
            replica,
            step: body.0,
            path: below(below(path, self.keys.step_paths[step as usize]), part),
            next: NOBODY,
            pending: 0,
            outcome: Outcome::OK,
            cause,
            state: JobState::Working,
            marks,
        };
        let child = self.new_job(child);
        if self.recorder.watch.is_on() {
            self.recorder.watch.part_of(child, parent);
        }
        if self.with_deadlines {
            self.deadlines[child as usize] = self.deadlines[parent as usize];
        }
        child
    }

    fn start_bodies(&mut self, job: u32, bodies: &[StepId]) {
        let state = &mut self.jobs[job];
        (state.state, state.pending, state.next, state.outcome) = (JobState::WithBodies, 0, NOBODY, Outcome::OK);
        for (part, body) in bodies.iter().enumerate() {
            self.start_body(job, *body, part as u32);
        }
    }

    fn start_body(&mut self, job: u32, body: StepId, part: u32) {
        let child = self.link_body(job, body, part);
        if let Step::Call(site) = self.topology.steps[body.index()] {
            let Job { request, path, .. } = self.jobs[child];
            self.call_from(child, site.0, request, path);
        } else {
            self.calendar.schedule_in(Nanos::ZERO, Kind::BodyStarts as u8, child);
        }
    }

    /// A child that its parent waits for; it does not run yet.
    fn link_body(&mut self, job: u32, body: StepId, part: u32) -> u32 {
        let child = self.new_body(job, body, part, mark::CHILD);
        let first = std::mem::replace(&mut self.jobs[job].next, child);
        self.jobs[child].set_sibling(first);
        child
    }

    pub(super) fn body_starts(&mut self, child: u32) {
        if self.jobs[child].state == JobState::Stopped {
            return self.free_job(child);
        }
        self.run_job(child);
    }

    /// A body has ended; its parent may have gone on without it.
    pub(super) fn body_ended(&mut self, child: u32, outcome: Outcome) {
        let Job { call: parent, cause, .. } = self.jobs[child];
        if parent == NOBODY {
            return self.free_job(child);
        }
        self.unlink_body(parent, child);
        self.free_job(child);
        let state = &mut self.jobs[parent];
        state.cause = cause.or(state.cause);
        if outcome.is_degraded() {
            state.marks |= mark::DEGRADED;
        }
        match &self.topology.steps[state.step as usize] {
            Step::Parallel { bodies, join, cancel_losers } => {
                self.branch_ended(parent, bodies.len() as u32, *join, *cancel_losers, outcome)
            }
            Step::Repeat { times, body } => {
                if outcome.is_failure() {
                    return self.end_job(parent, outcome);
                }
                state.pending += 1;
                let turn = state.pending;
                if turn < *times { self.start_body(parent, *body, turn) } else { self.go_on(parent) }
            }
            Step::Acquire { pool, .. } => {
                self.release_pool(*pool, self.jobs[parent].replica);
                if self.recorder.watch.is_on() {
                    let now = self.now();
                    self.recorder.watch.leaves_permit(parent, now, outcome);
                }
                if outcome.is_failure() { self.end_job(parent, outcome) } else { self.go_on(parent) }
            }
            other => unreachable!("{other:?} has no body that is waited for"),
        }
    }

    fn unlink_body(&mut self, parent: u32, child: u32) {
        let after = self.jobs[child].sibling();
        let mut place = self.jobs[parent].next;
        if place == child {
            self.jobs[parent].next = after;
            return;
        }
        while self.jobs[place].sibling() != child {
            place = self.jobs[place].sibling();
        }
        self.jobs[place].set_sibling(after);
    }

    fn branch_ended(&mut self, parent: u32, branches: u32, join: Join, cancel_losers: bool, outcome: Outcome) {
        let mut ended = Ended::of(self.jobs[parent].pending);
        ended.all += 1;
        if outcome.is_failure() {
            // The first failure is the step's.
            let first = self.jobs[parent].outcome;
            self.jobs[parent].outcome = if first.is_failure() { first } else { outcome };
        } else {
            ended.well += 1;
        }
        self.jobs[parent].pending = ended.packed();
        let all_in = ended.all == branches;
        let (done, well) = match join {
            Join::All => (all_in, ended.well == branches),
            Join::Any => (ended.well > 0 || all_in, ended.well > 0),
            Join::Quorum(n) => (ended.well >= n || ended.all - ended.well > branches - n, ended.well >= n),
        };
        if !done {
            return;
        }
        self.leave_bodies(parent, cancel_losers);
        if well { self.go_on(parent) } else { self.end_job(parent, self.jobs[parent].outcome) }
    }

    /// The parent goes on without its remaining bodies: they run on unwatched, or are stopped.
    fn leave_bodies(&mut self, parent: u32, stop: bool) {
        let mut child = std::mem::replace(&mut self.jobs[parent].next, NOBODY);
        while child != NOBODY {
            let next = self.jobs[child].sibling();
            self.jobs[child].call = NOBODY;
            if stop {
                self.stop_job(child);
            }
            child = next;
        }
    }

    /// The step with bodies is done.
    fn go_on(&mut self, job: u32) {
        let entry = &mut self.jobs[job];
        entry.step += 1;
        let Job { step, request, path, replica, .. } = *entry;
        self.run_step(job, step, request, path, replica);
    }

    // -- pools -------------------------------------------------------------------------------------------------------

    fn acquire(&mut self, job: u32, pool: PoolId, body: StepId) {
        let spec = &self.topology.pools[pool.index()];
        let state = self.pool_state(pool, self.jobs[job].replica);
        if state.in_use < spec.size {
            (state.in_use, state.last_in) = (state.in_use + 1, job);
            if self.recorder.watch.is_on() {
                let now = self.now();
                self.recorder.watch.asks_permit(job, pool, true, now);
            }
            return self.start_bodies(job, &[body]);
        }
        if spec.max_wait == Nanos::ZERO {
            self.blame_full_pool(job);
            return self.end_job(job, Outcome::QUEUE_FULL);
        }
        state.waiting.push_back(job);
        if self.recorder.watch.is_on() {
            let now = self.now();
            self.recorder.watch.asks_permit(job, pool, false, now);
        }
        let until = self.now() + spec.max_wait;
        let alarm = if spec.max_wait == Nanos::MAX { AlarmId::NONE } else { self.calendar.set_alarm(until, Kind::PoolWaitOver as u8, job) };
        (self.jobs[job].state, self.jobs[job].pending) = (JobState::AwaitingPool, alarm.0);
    }

    /// A permit is free: the first that waits for one takes it.
    pub(super) fn release_pool(&mut self, pool: PoolId, replica: u32) {
        let state = self.pool_state(pool, replica);
        let Some(job) = state.waiting.pop_front() else {
            state.in_use -= 1;
            return;
        };
        state.last_in = job;
        if self.recorder.watch.is_on() {
            let now = self.now();
            self.recorder.watch.gets_permit(job, now);
        }
        self.pool_alarm_off(job);
        let Step::Acquire { body, .. } = self.topology.steps[self.jobs[job].step as usize] else {
            unreachable!("only a step that acquires waits for a pool")
        };
        let state = &mut self.jobs[job];
        (state.state, state.pending, state.next, state.outcome) = (JobState::WithBodies, 0, NOBODY, Outcome::OK);
        // By an event even if the body begins with a call: whoever gave the permit back may be about to stop this job too.
        let child = self.link_body(job, body, 0);
        self.calendar.schedule_in(Nanos::ZERO, Kind::BodyStarts as u8, child);
    }

    fn pool_alarm_off(&mut self, job: u32) {
        let alarm = AlarmId(self.jobs[job].pending);
        if alarm != AlarmId::NONE {
            self.calendar.call_off(alarm);
        }
    }

    /// A job no longer waits for a permit.
    pub(super) fn leave_pool_queue(&mut self, job: u32) {
        self.pool_alarm_off(job);
        self.forget_in_pool(job);
    }

    fn forget_in_pool(&mut self, job: u32) {
        let Job { step, replica, .. } = self.jobs[job];
        if let Step::Acquire { pool, .. } = self.topology.steps[step as usize] {
            self.pool_state(pool, replica).waiting.retain(|waiting| *waiting != job);
        }
    }

    pub(super) fn pool_wait_over(&mut self, job: u32) {
        let replica = self.jobs[job].replica;
        if self.replicas[replica as usize].paused > 0 {
            self.jobs[job].pending = AlarmId::NONE.0;
            return self.hold_at(replica, Kind::PoolWaitOver, job);
        }
        self.forget_in_pool(job);
        if self.recorder.watch.is_on() {
            let now = self.now();
            self.recorder.watch.leaves_permit(job, now, Outcome::QUEUE_FULL);
        }
        self.blame_full_pool(job);
        self.end_job(job, Outcome::QUEUE_FULL);
    }
}
