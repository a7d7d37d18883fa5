//! Request and reply by messages: a job publishes a question and waits, whoever handles it sends a reply to the broker, and the
//! broker passes it on to the replica that waits (as RabbitMQ's direct reply-to does: no queue, what nobody waits for is dropped).

use super::Carried;
use crate::base::id::*;
use crate::base::outcome::Outcome;
use crate::base::time::Nanos;
use crate::engine::AlarmId;
use crate::observe::episode::Cause;
use crate::topology::Step;
use crate::world::World;
use crate::world::event::Kind;
use crate::world::keys::{Purpose, below};
use crate::world::state::*;

/// A job that waits for a reply.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiter {
    job: u32,
    /// The call that published its question: replies come back over the same link.
    site: SiteId,
    /// The reply is on its way from the broker.
    answered: bool,
}

impl World<'_> {
    /// Publishes a question by a body of its own, and waits for the reply.
    pub(in crate::world) fn ask(&mut self, job: u32, body: StepId, site: SiteId, timeout: Nanos) {
        let waiter = self.brokers.next_waiter;
        self.brokers.next_waiter += 1;
        self.brokers.waiters.insert(waiter, Waiter { job, site, answered: false });
        let until = self.now() + timeout;
        let alarm = self.calendar.set_alarm(until, Kind::ReplyTimeoutFires as u8, job);
        let state = &mut self.jobs[job];
        (state.state, state.pending, state.next) = (JobState::AwaitingReply, alarm.0, waiter);
        let child = self.new_body(job, body, 0, mark::SPAWNED | mark::DELIVERY);
        self.brokers.carry(child, Carried::Asks(waiter));
        self.calendar.schedule_in(Nanos::ZERO, Kind::BodyStarts as u8, child);
    }

    /// The question has been taken, or not: then there is nothing to wait for.
    pub(super) fn question_ended(&mut self, job: u32, waiter: u32, outcome: Outcome) {
        let cause = self.jobs[job].cause;
        self.free_carrier(job);
        if outcome.is_failure()
            && let Some(Waiter { job, .. }) = self.brokers.waiters.get(&waiter).copied()
        {
            self.leave_reply(job);
            self.jobs[job].cause = cause.or(self.jobs[job].cause);
            self.end_job(job, outcome.passed_on());
        }
    }

    /// A consumer sends its reply, and does not wait for it.
    pub(super) fn send_reply(&mut self, job: u32, reply: StepId, waiter: u32) {
        let child = self.new_body(job, reply, 0, mark::SPAWNED | mark::DELIVERY);
        self.brokers.carry(child, Carried::Replies(waiter));
        self.calendar.schedule_in(Nanos::ZERO, Kind::BodyStarts as u8, child);
    }

    /// A reply has come to the broker, which passes it on.
    pub(in crate::world) fn pass_reply(&mut self, job: u32, broker: u32) {
        let Some((_, Carried::Replies(waiter))) = self.carried_to(job) else { return };
        let Some(waiting) = self.brokers.waiters.get_mut(&waiter).filter(|waiting| !waiting.answered) else {
            return self.recorder.reply_unclaimed(broker);
        };
        waiting.answered = true;
        let Waiter { site, .. } = *waiting;
        let link = self.sites[site.index()].link;
        let Job { request, path, .. } = self.jobs[job];
        let path = below(path, waiter);
        let mut words = self.keys.call(site.0, request, path, Purpose::LinkBack);
        let latency = self.topology.links[link.index()].latency.sample(&mut words);
        let (lost, extra, _) = self.weather_of_connection(link, true, &mut words);
        if !lost {
            self.calendar.schedule_in(latency + extra, Kind::ReplyArrives as u8, waiter);
        }
    }

    pub(in crate::world) fn reply_arrives(&mut self, waiter: u32) {
        let Some(Waiter { job, .. }) = self.brokers.waiters.get(&waiter).copied() else { return };
        let replica = self.jobs[job].replica;
        if self.replicas[replica as usize].paused > 0 {
            return self.hold_at(replica, Kind::ReplyArrives, job);
        }
        self.leave_reply(job);
        self.jobs[job].state = JobState::Working;
        self.calendar.schedule_in(Nanos::ZERO, Kind::StepDone as u8, job);
    }

    pub(in crate::world) fn reply_timeout_fires(&mut self, job: u32) {
        let replica = self.jobs[job].replica;
        self.jobs[job].pending = AlarmId::NONE.0;
        if self.replicas[replica as usize].paused > 0 {
            return self.hold_at(replica, Kind::ReplyTimeoutFires, job);
        }
        let because = self.reply_is_late_because(self.jobs[job].next);
        self.leave_reply(job);
        self.jobs[job].cause = because.or(self.jobs[job].cause);
        self.end_job(job, Outcome::TIMEOUT.passed_on());
    }

    fn reply_is_late_because(&self, waiter: u32) -> Cause {
        let Some(Waiter { site, .. }) = self.brokers.waiters.get(&waiter) else { return Cause::NONE };
        let entry = self.sites[site.index()].entry as usize;
        let Some(Step::Enqueue(number)) = self.topology.steps.get(entry + 1) else { return Cause::NONE };
        let queues = &self.topology.brokers.publications[*number as usize].queues;
        queues.iter().map(|queue| self.held_up_queue(*queue)).fold(Cause::NONE, Cause::or)
    }

    /// A job no longer waits for its reply.
    pub(in crate::world) fn leave_reply(&mut self, job: u32) {
        let Job { next: waiter, pending, .. } = self.jobs[job];
        self.brokers.waiters.remove(&waiter);
        if AlarmId(pending) != AlarmId::NONE {
            self.calendar.call_off(AlarmId(pending));
        }
        let state = &mut self.jobs[job];
        (state.next, state.pending) = (NOBODY, 0);
    }
}
