//! The callee's side: the door, the queue, the workers, and the answer.

use super::World;
use super::event::Kind;
use super::link::Way;
use super::state::*;
use crate::base::id::*;
use crate::base::limit::LimitReached;
use crate::base::outcome::Outcome;
use crate::base::stream::Source;
use crate::base::time::Instant;
use crate::observe::episode::{Cause, Place, Trouble};
use crate::topology::{Cancellation, FaultAction};

impl World<'_> {
    #[inline(always)]
    pub(super) fn new_job(&mut self, job: Job) -> u32 {
        let slot = self.jobs.insert(job).expect("the limit on what is in flight is below the slab's");
        if self.with_deadlines && self.deadlines.len() <= slot as usize {
            self.deadlines.resize(slot as usize + 1, Instant::NEVER);
        }
        if self.jobs.len() > self.limits.in_flight {
            self.limit = Some(LimitReached::InFlight { at: self.now(), limit: self.limits.in_flight });
            self.until_look = 1;
        }
        slot
    }

    #[inline(always)]
    pub(super) fn free_job(&mut self, job: u32) {
        self.jobs.remove(job);
    }

    /// An attempt comes to the door.
    #[inline(always)]
    pub(super) fn job_arrives(&mut self, job: u32) {
        let now = self.now();
        let entry = &mut self.jobs[job];
        let state = &mut self.replicas[entry.replica as usize];
        let service = state.service;
        if state.unusual || state.troubled() || entry.state != JobState::Travelling {
            return self.arrive_unusually(job, service);
        }
        (entry.arrived, entry.next, entry.pending) = (now, NOBODY, 0);
        if state.busy >= state.workers {
            if state.queue_len < state.queue_capacity && !self.faulted && !state.cause.is_some() {
                entry.marks |= mark::PRESENT;
                self.recorder.queued_at_once(service, now);
                if self.recorder.watch.is_on() {
                    self.watch_arrives(job, false);
                }
                return self.append_to_queue(job, service);
            }
            self.recorder.arrived(service, now);
            if self.recorder.watch.is_on() {
                self.watch_arrives(job, false);
            }
            return self.admit(job, service);
        }
        entry.marks |= mark::PRESENT | mark::WORKER;
        let Job { step, request, path, replica, .. } = *entry;
        state.busy += 1;
        state.last_in = job;
        self.recorder.started_at_once(service, now);
        if self.recorder.watch.is_on() {
            self.watch_arrives(job, true);
        }
        self.run_step(job, step, request, path, replica);
    }

    /// As above at a replica that is down, paused (or was, when the attempt came), limits its rate, or notices that a caller has
    /// gone.
    #[cold]
    pub(super) fn arrive_unusually(&mut self, job: u32, service: ServiceId) {
        let now = self.now();
        let replica = self.jobs[job].replica;
        let spec = &self.topology.services[service.index()];
        let state = &self.replicas[replica as usize];
        if !state.up {
            return self.nobody_listens(job, service);
        }
        if self.jobs[job].state != JobState::Held {
            let entry = &mut self.jobs[job];
            let is_first = entry.state == JobState::Travelling;
            (entry.next, entry.pending) = (NOBODY, 0);
            if is_first {
                entry.arrived = now;
                self.recorder.arrived(service, now);
                if self.recorder.watch.is_on() {
                    self.watch_arrives(job, false);
                }
            }
        }
        if self.replicas[replica as usize].paused > 0 {
            self.jobs[job].state = JobState::Held;
            self.jobs[job].cause = self.replicas[replica as usize].fault_cause;
            return self.hold_at(replica, Kind::JobArrives, job);
        }
        if let Some(outcome) = self.refused_by_sidecar(job) {
            self.recorder.rejected(service, self.jobs[job].arrived);
            return self.answer(job, outcome);
        }
        if let Some(bucket) = &spec.rate_limit
            && !bucket.take(self.replicas[replica as usize].bucket.get_or_insert_with(|| bucket.start(now)), now)
        {
            // Whatever holds up the workers has not made it too many.
            let because = self.jobs[job].cause;
            return self.reject(job, service, Trouble::RateLimited, Outcome::RATE_LIMITED, because);
        }
        if self.jobs[job].call == NOBODY && spec.cancellation != Cancellation::None {
            self.recorder.admitted(service, now);
            self.recorder.abandoned(service, self.jobs[job].arrived, now);
            if self.recorder.watch.is_on() {
                self.watch_stops(job, Outcome::GIVEN_UP);
            }
            return self.free_job(job);
        }
        self.admit(job, service);
    }

    /// Gives the job a worker, a place in the queue, or a refusal.
    fn admit(&mut self, job: u32, service: ServiceId) {
        let now = self.now();
        let replica = &self.replicas[self.jobs[job].replica as usize];
        if replica.busy < replica.workers {
            self.recorder.admitted(service, now);
            self.jobs[job].marks |= mark::PRESENT;
            self.start_job(job);
        } else if replica.queue_len < replica.queue_capacity {
            self.recorder.admitted(service, now);
            self.recorder.queued(service, now);
            self.jobs[job].marks |= mark::PRESENT;
            self.enqueue(job, service);
        } else {
            self.reject_at_full_queue(job, service);
        }
    }

    #[cold]
    fn reject_at_full_queue(&mut self, job: u32, service: ServiceId) {
        let because = self.jobs[job].cause.or(self.held_up_by(self.jobs[job].replica));
        self.reject(job, service, Trouble::QueueFull, Outcome::QUEUE_FULL, because);
    }

    #[cold]
    fn reject(&mut self, job: u32, service: ServiceId, trouble: Trouble, outcome: Outcome, because: Cause) {
        let now = self.now();
        self.recorder.rejected(service, self.jobs[job].arrived);
        self.jobs[job].cause = self.recorder.trouble(Place::Service(service), trouble, now, because);
        self.answer(job, outcome);
    }

    /// Sends a job's answer to whoever still waits for it.
    #[inline(always)]
    pub(super) fn answer(&mut self, job: u32, outcome: Outcome) {
        if self.recorder.watch.is_on() {
            self.watch_answers(job, outcome);
        }
        if self.jobs[job].call == NOBODY {
            return self.free_job(job);
        }
        let state = &mut self.jobs[job];
        (state.outcome, state.state, state.pending) = (outcome, JobState::Answering, 0);
        self.send_answer(job);
    }

    // -- the queue ---------------------------------------------------------------------------------------------------

    fn enqueue(&mut self, job: u32, service: ServiceId) {
        let now = self.now();
        let replica = self.jobs[job].replica as usize;
        let held_up_by = self.held_up_by(replica as u32);
        if held_up_by.is_some() {
            self.jobs[job].cause = self.recorder.trouble(Place::Service(service), Trouble::WorkersExhausted, now, held_up_by);
        }
        self.append_to_queue(job, service);
    }

    #[inline(always)]
    fn append_to_queue(&mut self, job: u32, service: ServiceId) {
        let entry = &mut self.jobs[job];
        let state = &mut self.replicas[entry.replica as usize];
        let last = state.tail;
        (entry.state, entry.next, entry.pending) = (JobState::Queued, NOBODY, last);
        if last == NOBODY {
            state.head = job;
        } else {
            self.jobs[last].next = job;
        }
        state.tail = job;
        state.queue_len += 1;
        if let Some(lane) = self.queue_lanes[service.index()] {
            self.calendar.arm(lane, job);
        }
    }

    /// Takes a job out of its queue, wherever in it it stands.
    pub(super) fn unqueue(&mut self, job: u32) {
        let Job { next, pending: previous, replica, .. } = self.jobs[job];
        let state = &mut self.replicas[replica as usize];
        if previous == NOBODY {
            state.head = next
        } else {
            self.jobs[previous].next = next
        }
        if next == NOBODY {
            state.tail = previous
        } else {
            self.jobs[next].pending = previous
        }
        state.queue_len -= 1;
        let entry = &mut self.jobs[job];
        (entry.next, entry.pending) = (NOBODY, 0);
        let now = self.now();
        self.recorder.unqueued(self.service_of(job), now);
    }

    /// `maxWait` after a job joined the queue; it may long have left, and its slot be another's.
    pub(super) fn queue_wait_over(&mut self, job: u32) {
        let now = self.now();
        let Job { state, replica, arrived, .. } = self.jobs.entries()[job as usize];
        if state != JobState::Queued {
            return;
        }
        let service = self.topology.replicas[replica as usize].service;
        let Some(patience) = self.topology.services[service.index()].max_wait else { return };
        // What was held at the door by a pause has arrived before it joined the queue.
        if arrived + patience > now {
            return;
        }
        if self.replicas[replica as usize].paused > 0 {
            return self.hold_at(replica, Kind::QueueWaitOver, job);
        }
        let because = self.jobs[job].cause.or(self.held_up_by(replica));
        self.unqueue(job);
        self.recorder.expired(service, arrived, now);
        self.jobs[job].marks &= !mark::PRESENT;
        self.jobs[job].cause = self.recorder.trouble(Place::Service(service), Trouble::QueueExpired, now, because);
        self.answer(job, Outcome::QUEUE_FULL);
    }

    /// Gives free workers to those who wait.
    pub(super) fn work_off_queue(&mut self, replica: u32) {
        let now = self.now();
        // A job that ends at once frees its worker while this loop stands below it; the loop then goes on.
        if std::mem::replace(&mut self.replicas[replica as usize].in_loop, true) {
            return;
        }
        loop {
            let state = &mut self.replicas[replica as usize];
            if state.queue_len == 0 || state.busy >= state.workers || state.paused > 0 || !state.up {
                state.in_loop = false;
                return;
            }
            let service = state.service;
            let job = if state.lifo { state.tail } else { state.head };
            if state.notices && self.jobs[job].call == NOBODY {
                self.unqueue(job);
                self.recorder.abandoned(service, self.jobs[job].arrived, now);
                if self.recorder.watch.is_on() {
                    self.watch_stops(job, Outcome::GIVEN_UP);
                }
                self.free_job(job);
                continue;
            }
            if state.lifo {
                self.unqueue(job);
                self.start_job(job);
                continue;
            }
            let entry = &mut self.jobs[job];
            let Job { next, arrived, step, request, path, .. } = *entry;
            (entry.next, entry.pending) = (NOBODY, 0);
            entry.marks |= mark::WORKER;
            state.head = next;
            if next == NOBODY {
                state.tail = NOBODY;
            } else {
                self.jobs[next].pending = NOBODY;
            }
            state.queue_len -= 1;
            state.busy += 1;
            state.last_in = job;
            let troubled = state.troubled();
            self.recorder.started_from_queue(service, arrived, now);
            if self.recorder.watch.is_on() {
                self.watch_starts(job);
            }
            if !troubled || !self.is_struck(job) {
                self.run_step(job, step, request, path, replica);
            }
        }
    }

    // -- workers -----------------------------------------------------------------------------------------------------

    #[inline(always)]
    fn start_job(&mut self, job: u32) {
        let now = self.now();
        let entry = &mut self.jobs[job];
        entry.marks |= mark::WORKER;
        let Job { replica, arrived, step, request, path, .. } = *entry;
        let state = &mut self.replicas[replica as usize];
        state.busy += 1;
        state.last_in = job;
        debug_assert!(state.busy <= state.workers);
        let (service, troubled) = (state.service, state.troubled());
        self.recorder.started(service, arrived, now);
        if self.recorder.watch.is_on() {
            self.watch_starts(job);
        }
        if troubled && self.is_struck(job) {
            return;
        }
        self.run_step(job, step, request, path, replica);
    }

    /// Whether a fault of its replica takes the job: it hangs, or is answered with an error at once.
    fn is_struck(&mut self, job: u32) -> bool {
        let Job { replica, request, path, step, .. } = self.jobs[job];
        let state = &self.replicas[replica as usize];
        if state.hung > 0 {
            let cause = state.fault_cause;
            (self.jobs[job].state, self.jobs[job].cause) = (JobState::Hung, cause);
            self.replicas[replica as usize].cause = cause;
            return true;
        }
        if state.errors == 0 {
            return false;
        }
        for &(occurrence, cause) in &state.faults {
            let fault = self.occurrences[occurrence as usize].fault;
            let FaultAction::Errors { endpoint, status, share, matches, .. } = &self.topology.faults[fault.index()].action else {
                continue;
            };
            let concerns = (endpoint.is_none() || self.topology.endpoints[endpoint.index()].entry.0 == step)
                && matches.iter().all(|(attributes, value)| attributes.iter().any(|a| self.attribute_of(*a, request) == Some(*value)));
            if concerns && self.keys.faults[fault.index()].draw(request, path).chance(*share) {
                let status = *status;
                self.jobs[job].cause = cause;
                self.end_job(job, Outcome::answered(status));
                return true;
            }
        }
        false
    }

    /// An endpoint or body has come to its end, or failed.
    pub(super) fn end_job(&mut self, job: u32, outcome: Outcome) {
        let Job { marks, replica, arrived, cause, call, request, path, .. } = self.jobs[job];
        let outcome = if !outcome.is_failure() && marks & mark::DEGRADED != 0 { Outcome::DEGRADED } else { outcome };
        if marks & mark::CHILD != 0 {
            return self.body_ended(job, outcome);
        }
        if marks & mark::SPAWNED != 0 {
            return if marks & mark::DELIVERY != 0 { self.carrier_ended(job, outcome) } else { self.free_job(job) };
        }
        let now = self.now();
        let state = &mut self.replicas[replica as usize];
        let (service, queue_len) = (state.service, state.queue_len);
        state.busy -= 1;
        // Who comes when all have left waits for nobody.
        state.cause = if state.busy == 0 && queue_len == 0 { state.fault_cause } else { cause.or(state.fault_cause) };
        self.recorder.answered(service, arrived, now, outcome);
        if self.recorder.watch.is_on() {
            self.watch_answers(job, outcome);
        }
        let failing = outcome.is_failure() && cause.is_some();
        let cause = if failing { self.recorder.trouble(Place::Service(service), Trouble::Failing, now, cause) } else { cause };
        if call == NOBODY {
            self.free_job(job);
        } else {
            let entry = &mut self.jobs[job];
            entry.marks = marks & !(mark::WORKER | mark::PRESENT);
            (entry.outcome, entry.cause, entry.state, entry.pending) = (outcome, cause, JobState::Answering, 0);
            let site = self.calls[call].site;
            let hot = self.sites[site as usize];
            self.transmit(job, site, &hot, request, path, Way::Back);
        }
        if queue_len > 0 {
            self.work_off_queue(replica);
        }
    }
}
