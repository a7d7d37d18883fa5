//! Deliveries: a message on its way to a replica of a consumer, there, and settled.

use super::{Carried, Message};
use crate::base::outcome::{Class, Outcome};
use crate::base::stream::Source;
use crate::base::time::Nanos;
use crate::observe::episode::{Place, Trouble};
use crate::policy::broker::rabbitmq::queue::Settled;
use crate::topology::broker::OnError;
use crate::world::World;
use crate::world::event::Kind;
use crate::world::keys::below;
use crate::world::state::*;

/// What a delivery's job carries.
#[derive(Clone, Copy, Debug)]
pub(super) struct Delivery {
    pub queue: u32,
    tag: u32,
    pub connection: u32,
    message: Message,
    /// Tries in place before this one.
    tries: u32,
    /// Its consumer or its broker has gone meanwhile: the message is no longer in its hands.
    pub stale: bool,
    /// The consumer has done all it has to do with it.
    handled: bool,
}

impl World<'_> {
    pub(super) fn deliver(&mut self, queue: u32, subscription: u32, tag: u32, message: Message, nth: u32) {
        let connection = self.brokers.queues[queue as usize].subscribers[subscription as usize];
        let consumer = self.brokers.connections[connection as usize].consumer;
        let spec = &self.topology.brokers.consumers[consumer as usize];
        let now = self.now();
        let job = self.new_job(Job {
            request: message.request,
            arrived: now,
            call: NOBODY,
            replica: self.brokers.queues[queue as usize].leader,
            step: spec.entry.0,
            path: below(below(message.path, self.brokers.keys.paths[consumer as usize]), nth),
            next: NOBODY,
            pending: 0,
            outcome: Outcome::OK,
            cause: message.cause,
            state: JobState::Working,
            marks: mark::SPAWNED | mark::DELIVERY,
        });
        let delivery = Delivery { queue, tag, connection, message, tries: 0, stale: spec.auto_ack, handled: false };
        self.brokers.carry(job, Carried::Delivery(delivery));
        self.calendar.schedule_in(Nanos::ZERO, Kind::BodyStarts as u8, job);
        if spec.auto_ack {
            self.brokers.queues[queue as usize].sent_on += 1;
            let rules = &self.topology.brokers.queues[queue as usize].rules;
            let mut answers = Vec::new();
            self.brokers.queues[queue as usize].queue.settle(rules, tag, Settled::Ack, now, &mut answers);
            self.heed_queue(queue, answers);
        }
    }

    /// The replica that a delivery's call goes to.
    pub(in crate::world) fn delivered_to(&self, job: u32) -> u32 {
        match self.brokers.carried[job as usize] {
            Some(Carried::Delivery(delivery)) => self.brokers.connections[delivery.connection as usize].replica,
            _ => NOBODY,
        }
    }

    /// A channel keeps its order: what is sent later does not overtake.
    pub(in crate::world) fn in_order(&mut self, job: u32, after: Nanos) -> Nanos {
        let now = self.now();
        let call = self.jobs[job].call;
        let Some(Carried::Delivery(delivery)) = self.brokers.carried[self.calls[call].parent as usize] else { return after };
        let last = &mut self.brokers.connections[delivery.connection as usize].last_arrival;
        *last = (now + after).max(*last);
        last.since(now)
    }

    /// A consumer has begun with a message: false if it goes no further.
    pub(in crate::world) fn message_opened(&mut self, job: u32, consumer: u32) -> bool {
        if self.consumer_is_stuck(job, consumer) {
            return false;
        }
        if let Some((_, Carried::Delivery(delivery))) = self.carried_to(job)
            && delivery.message.poison
        {
            self.jobs[job].cause = delivery.message.cause.or(self.brokers.troubles.poison_cause);
            self.end_job(job, Outcome::answered(500));
            return false;
        }
        true
    }

    /// A consumer has handled a message.
    pub(in crate::world) fn message_handled(&mut self, job: u32, consumer: u32) {
        let Some((carrier, Carried::Delivery(mut delivery))) = self.carried_to(job) else {
            // Nobody is there to be told: the message comes again.
            let queue = self.topology.brokers.consumers[consumer as usize].queue;
            return self.recorder.message_duplicated(queue);
        };
        delivery.handled = true;
        self.brokers.carry(carrier, Carried::Delivery(delivery));
        let reply = self.topology.brokers.consumers[consumer as usize].reply;
        if let Some(waiter) = self.brokers.reply_of(delivery.message)
            && reply.is_some()
        {
            self.send_reply(job, reply, waiter);
        }
    }

    /// A delivery's call has ended: the message is settled.
    pub(super) fn delivery_ended(&mut self, job: u32, delivery: Delivery, outcome: Outcome) {
        let Delivery { queue, tag, connection, message, tries, stale, handled } = delivery;
        let consumer = self.brokers.connections[connection as usize].consumer;
        let spec = &self.topology.brokers.consumers[consumer as usize];
        let lost_contact = matches!(outcome.class, Class::ConnectFailure | Class::Reset);
        let ok = !outcome.is_failure();
        if outcome.is_failure() && !lost_contact && !stale {
            if let Some((attempts, backoff)) = &spec.retry
                && tries + 1 < *attempts
            {
                let draw = self.brokers.keys.consumers[consumer as usize].draw(message.request, below(self.jobs[job].path, tries)).uniform();
                let wait = backoff.wait(tries + 1, Nanos::ZERO, draw);
                return self.deliver_again(job, Delivery { tries: tries + 1, ..delivery }, wait);
            }
            if let OnError::Publish(target) = spec.on_error {
                return self.copy_to(job, delivery, target);
            }
        }
        let cause = self.jobs[job].cause;
        self.free_carrier(job);
        if stale {
            if spec.auto_ack {
                self.brokers.queues[queue as usize].sent_on -= 1;
                if ok {
                    self.acked(queue, message);
                } else {
                    self.recorder.messages_lost(queue, 1);
                    self.brokers.forget(message);
                }
                self.heed_queue(queue, Vec::new());
            } else if ok && handled {
                self.recorder.message_duplicated(queue);
            }
            return;
        }
        if lost_contact {
            if handled {
                self.recorder.message_duplicated(queue);
            }
            return self.lose_connection(connection);
        }
        let how = match spec.on_error {
            _ if ok => Settled::Ack,
            OnError::Settle(how) => how,
            OnError::Publish(_) => unreachable!("a copy is published first"),
        };
        if how == Settled::Ack {
            self.acked(queue, message);
        } else if cause.is_some() {
            let now = self.now();
            let service = spec.service;
            self.recorder.trouble(Place::Service(service), Trouble::Failing, now, cause);
        }
        self.settle(queue, tag, how);
    }

    fn deliver_again(&mut self, job: u32, delivery: Delivery, wait: Nanos) {
        self.brokers.carry(job, Carried::Delivery(delivery));
        let consumer = self.brokers.connections[delivery.connection as usize].consumer;
        let entry = self.topology.brokers.consumers[consumer as usize].entry;
        let state = &mut self.jobs[job];
        (state.step, state.path, state.state) = (entry.0, below(state.path, delivery.tries), JobState::Working);
        (state.pending, state.outcome) = (0, Outcome::OK);
        self.calendar.schedule_in(wait, Kind::BodyStarts as u8, job);
    }

    /// A message that could not be handled goes to another queue, and then counts as handled.
    fn copy_to(&mut self, job: u32, delivery: Delivery, target: u32) {
        let message = Message { extra: NOBODY, cause: self.jobs[job].cause, ..delivery.message };
        self.free_carrier(job);
        self.put(target, message, 0, None);
        self.recorder.message_moved(delivery.queue);
        self.brokers.forget(delivery.message);
        self.settle(delivery.queue, delivery.tag, Settled::Ack);
    }

    fn acked(&mut self, queue: u32, message: Message) {
        let now = self.now();
        self.recorder.message_acked(queue, message.published, now);
        self.brokers.forget(message);
    }

    pub(super) fn settle(&mut self, queue: u32, tag: u32, how: Settled) {
        let now = self.now();
        let rules = &self.topology.brokers.queues[queue as usize].rules;
        let mut answers = Vec::new();
        self.brokers.queues[queue as usize].queue.settle(rules, tag, how, now, &mut answers);
        self.heed_queue(queue, answers);
    }
}
