//! Giving up: an attempt whose caller no longer waits, a call that is not needed any more, a job that is stopped.
//!
//! News of a caller's leaving reaches the callee at once; what it does with it is the callee's `cancellation`.

use super::World;
use super::state::*;
use crate::base::outcome::Outcome;
use crate::engine::AlarmId;
use crate::observe::episode::Cause;
use crate::policy::app::Layer;
use crate::topology::{Cancellation, Step};

impl World<'_> {
    /// Stops what a call is doing, and gives back what its layers from `from` on hold.
    pub(super) fn give_back_below(&mut self, call: u32, from: usize) {
        let Call { state, current, site, started, .. } = self.calls[call];
        let rules = self.rules(call);
        match state {
            CallState::InFlight => self.abandon_attempt(call, current),
            CallState::BackingOff => self.alarm_off(AlarmId(current)),
            CallState::AwaitingPermit => {
                self.alarm_off(self.extras[call as usize].permit_alarm);
                // Who has been given the permit already gives it back below.
                if self.calls[call].holds & hold::BULKHEAD == 0 {
                    self.leave_permit_queue(call, rules.expect("only a policy has a bulkhead").0);
                }
                self.recorder.short_circuited(self.topology.sites[site as usize].edge, started);
            }
            CallState::InFallback => self.give_up_call(current),
            CallState::InProxy => self.leave_proxy(call, current),
            CallState::Settling | CallState::Deciding | CallState::Gone | CallState::Free => {}
        }
        if state != CallState::Settling {
            self.calls[call].state = CallState::Deciding;
        }
        let Some((rules, policy)) = rules else { return };
        for layer in &rules.layers[from.min(rules.layers.len())..] {
            match layer {
                Layer::Timeout => self.disarm_timeout(call, policy),
                Layer::Bulkhead => self.give_permit_back(call, rules),
                Layer::CircuitBreaker => self.cancel_permit(call, rules),
                Layer::Retry => self.leave_budget(call, rules, true),
                Layer::Deadline => self.drop_deadline(call),
                Layer::RateLimit | Layer::Fallback => {}
            }
        }
    }

    /// Nobody waits for the call any more.
    pub(super) fn give_up_call(&mut self, call: u32) {
        self.give_back_below(call, 0);
        if self.calls[call].holds & hold::DEADLINE != 0 {
            self.call_deadline_off(call);
        }
        let Call { site, started, state, .. } = self.calls[call];
        self.recorder.call_given_up(self.topology.sites[site as usize].edge, started);
        if self.recorder.watch.is_on() {
            self.watch_call_ends(call, Outcome::GIVEN_UP);
        }
        if state == CallState::Settling {
            self.calls[call].state = CallState::Gone;
        } else {
            self.free_call(call);
        }
    }

    /// Calls an alarm off unless it has rung already (and what it rang for waits for the end of a pause).
    fn alarm_off(&mut self, alarm: AlarmId) {
        if alarm != AlarmId::NONE {
            self.calendar.call_off(alarm);
        }
    }

    #[inline(always)]
    pub(super) fn free_call(&mut self, call: u32) {
        self.calls.remove(call);
    }

    /// The call no longer waits for this attempt.
    pub(super) fn abandon_attempt(&mut self, call: u32, job: u32) {
        self.attempt_over(call, job);
        self.trace_over(job, Outcome::GIVEN_UP);
        self.jobs[job].call = NOBODY;
        match self.jobs[job].state {
            // It finds out when it gets there.
            JobState::Travelling | JobState::Held | JobState::Knocking | JobState::Answering => {}
            _ if self.topology.services[self.service_of(job).index()].cancellation == Cancellation::Full => self.stop_job(job),
            _ => {}
        }
    }

    /// Stops a job at its replica, and all that it waits for; nobody gets an answer.
    pub(super) fn stop_job(&mut self, job: u32) {
        let Job { state, step, replica, marks, arrived, pending, .. } = self.jobs[job];
        let mut has_event = false;
        match state {
            JobState::Queued => self.unqueue(job),
            JobState::Working => has_event = true,
            JobState::Calling => self.give_up_call(pending),
            JobState::WithBodies => self.stop_bodies(job, step),
            JobState::AwaitingPool => self.leave_pool_queue(job),
            JobState::AwaitingReply => self.leave_reply(job),
            JobState::Hung | JobState::Held => {}
            JobState::Travelling | JobState::Knocking | JobState::Answering | JobState::Stopped | JobState::Free => {
                unreachable!("a job that is {state:?} is not at work")
            }
        }
        let now = self.now();
        if self.recorder.watch.is_on() {
            self.watch_stops(job, Outcome::GIVEN_UP);
        }
        let service = self.service_of(job);
        if marks & mark::WORKER != 0 {
            self.replicas[replica as usize].busy -= 1;
            self.recorder.released(service, now);
        }
        if state == JobState::Held {
            // It had come to the door of a process that stood still, and died.
            self.recorder.admitted(service, now);
        }
        if marks & mark::PRESENT != 0 || state == JobState::Held {
            self.recorder.abandoned(service, arrived, now);
        }
        self.jobs[job].marks &= !(mark::WORKER | mark::PRESENT);
        if marks & mark::SHIFTED != 0 {
            self.take_shift(job);
        }
        if has_event && !self.drop_held_step(job) {
            self.jobs[job].state = JobState::Stopped;
        } else {
            self.free_job(job);
        }
        if marks & mark::WORKER != 0 {
            self.work_off_queue(replica);
            self.forget_if_idle(replica);
        }
    }

    fn stop_bodies(&mut self, job: u32, step: u32) {
        let mut child = std::mem::replace(&mut self.jobs[job].next, NOBODY);
        while child != NOBODY {
            let next = self.jobs[child].sibling();
            self.jobs[child].call = NOBODY;
            self.stop_job(child);
            child = next;
        }
        if let Step::Acquire { pool, .. } = self.topology.steps[step as usize] {
            self.release_pool(pool, self.jobs[job].replica);
        }
    }

    /// Stops a job whose process died of this, and lets its caller know: with this, by its kernel or its sidecar.
    pub(super) fn reset_job(&mut self, job: u32, outcome: Outcome, cause: Cause) {
        let Job { call, .. } = self.jobs[job];
        if self.jobs[job].marks & mark::CHILD == 0 && call != NOBODY {
            // The answer travels as a job of its own: this one may have to stay until its event comes.
            let marks = self.jobs[job].marks & mark::ACTIVE;
            self.jobs[job].marks &= !mark::ACTIVE;
            let notice = Job { cause, outcome, state: JobState::Answering, pending: 0, next: NOBODY, marks, ..self.jobs[job] };
            let notice = self.new_job(notice);
            if self.recorder.watch.is_on() {
                self.recorder.watch.stands_for(notice, job);
                self.watch_stops(job, outcome);
            }
            self.calls[call].current = notice;
            self.jobs[job].call = NOBODY;
            self.send_answer(notice);
        }
        self.stop_job(job);
    }
}
