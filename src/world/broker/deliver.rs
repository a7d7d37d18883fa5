//! Deliveries: a message on its way to a replica of a consumer, there, and settled.

use super::engine::Sent;
use super::{Carried, Message};
use crate::base::outcome::{Class, Outcome};
use crate::base::stream::Source;
use crate::base::time::Nanos;
use crate::observe::episode::{Place, Trouble};
use crate::policy::broker::kafka::group::Handled;
use crate::topology::broker::{OnError, Receives, Settle};
use crate::world::World;
use crate::world::event::Kind;
use crate::world::hot::Sends;
use crate::world::keys::below;
use crate::world::state::*;

/// `reconnect.backoff.ms` (Apache Kafka documentation, "Consumer Configs").
const RECONNECT: Nanos = Nanos::from_millis(50);

/// What a delivery's job carries.
#[derive(Clone, Copy, Debug)]
pub(super) struct Delivery {
    pub queue: u32,
    /// Of the queue; of a group of Kafka: within the group.
    pub tag: u64,
    pub connection: u32,
    pub message: Message,
    /// Tries in place before this one.
    pub tries: u32,
    /// Its consumer or its broker has gone meanwhile: the message is no longer in its hands.
    pub stale: bool,
    /// The consumer has done all it has to do with it.
    pub handled: bool,
    /// Of Kafka: whose, where it stands, how often in a row, and whether it comes from the broker or from what has been polled.
    pub member: u32,
    pub place: Option<(u32, u64)>,
    pub nth: u32,
    pub travels: bool,
}

impl Delivery {
    pub fn new(queue: u32, connection: u32, message: Message) -> Delivery {
        Delivery {
            queue,
            tag: 0,
            connection,
            message,
            tries: 0,
            stale: false,
            handled: false,
            member: NOBODY,
            place: None,
            nth: 1,
            travels: true,
        }
    }
}

impl World<'_> {
    /// Sends a message on its way: by a job of the broker that makes the delivery's call. `nth`: what this delivery draws by.
    pub(super) fn send_delivery(&mut self, delivery: Delivery, nth: u32) {
        let Delivery { queue, connection, message, .. } = delivery;
        let consumer = self.brokers.connections[connection as usize].consumer;
        let spec = &self.topology.brokers.consumers[consumer as usize];
        let replica = match spec.receives {
            // Its library hands it over, in the same process.
            Receives::Kafka { .. } => self.brokers.connections[connection as usize].replica,
            _ => self.brokers.queues[queue as usize].leader,
        };
        let path = below(below(message.path, self.keys.consumer_paths[consumer as usize]), nth);
        let job = self.new_carrier(replica, spec.entry, (message.request, path), message.cause, Carried::Delivery(delivery));
        if self.recorder.watch.is_on() {
            let now = self.now();
            self.recorder.watch.delivers(job, (message.request, message.path), queue, consumer, nth & 0xffff > 1, now);
        }
        self.calendar.schedule_in(Nanos::ZERO, Kind::BodyStarts as u8, job);
    }

    pub(super) fn deliver(&mut self, queue: u32, subscription: u32, tag: u32, message: Message, nth: u32) {
        let connection = self.brokers.queues[queue as usize].subscribers[subscription as usize];
        let consumer = self.brokers.connections[connection as usize].consumer;
        let spec = &self.topology.brokers.consumers[consumer as usize];
        // A message that has been to other queues and is back draws anew, as one does that is delivered again.
        let nth = nth.wrapping_add(self.brokers.deaths_of(message) << 16);
        self.send_delivery(Delivery { tag: u64::from(tag), stale: spec.auto_ack, ..Delivery::new(queue, connection, message) }, nth);
        if spec.auto_ack {
            self.brokers.queues[queue as usize].sent_on += 1;
            if let Receives::Rabbitmq { .. } = spec.receives {
                self.settle(queue, tag, Settle::Ack);
            }
        }
    }

    /// The replica that a delivery's call goes to.
    pub(in crate::world) fn delivered_to(&self, job: u32) -> u32 {
        match self.brokers.carried[job as usize] {
            Some(Carried::Delivery(delivery)) => self.brokers.connections[delivery.connection as usize].replica,
            _ => NOBODY,
        }
    }

    /// Whether an attempt brings a message to a consumer.
    pub(in crate::world) fn is_delivery(&self, job: u32) -> bool {
        let call = self.jobs[job].call;
        call != NOBODY && self.sites[self.calls[call].site as usize].sends == Sends::Pinned
    }

    /// How long a delivery's message is under way: a channel keeps its order, so what is sent later does not overtake; and what a
    /// member of a group has polled is there. `None`: it need not travel at all.
    pub(in crate::world) fn in_order(&mut self, job: u32, after: Nanos, is_answer: bool) -> Option<Nanos> {
        let call = self.jobs[job].call;
        let carrier = if call == NOBODY { return Some(after) } else { self.calls[call].parent };
        let Some(Carried::Delivery(delivery)) = self.brokers.carried[carrier as usize] else { return Some(after) };
        if delivery.place.is_some() && (is_answer || !delivery.travels) {
            return None;
        }
        if is_answer {
            return Some(after);
        }
        let now = self.now();
        let last = &mut self.brokers.connections[delivery.connection as usize].last_arrival;
        *last = (now + after).max(*last);
        Some(last.since(now))
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
        if self.topology.brokers.consumers[consumer as usize].idempotent
            && let Some((_, Carried::Delivery(delivery))) = self.carried_to(job)
        {
            let identity = (delivery.message.request, delivery.message.path);
            if self.brokers.handled[consumer as usize].contains(&identity) {
                self.end_job(job, Outcome::OK);
                return false;
            }
            self.brokers.opened.insert(self.handler_of(job), identity);
        }
        true
    }

    /// A consumer has handled a message.
    pub(in crate::world) fn message_handled(&mut self, job: u32, consumer: u32) {
        let spec = &self.topology.brokers.consumers[consumer as usize];
        if let Some(identity) = self.brokers.opened.remove(&self.handler_of(job))
            && spec.idempotent
            && !self.brokers.handled[consumer as usize].insert(identity)
        {
            // Two had it in hand at the same time.
            self.recorder.message_duplicated(spec.queue);
        }
        let Some((carrier, Carried::Delivery(mut delivery))) = self.carried_to(job) else {
            // Nobody is there to be told.
            return self.comes_again(consumer);
        };
        delivery.handled = true;
        self.brokers.carry(carrier, Carried::Delivery(delivery));
        if let Some(waiter) = self.brokers.reply_of(delivery.message)
            && spec.reply.is_some()
        {
            self.send_reply(job, spec.reply, waiter);
        }
    }

    /// A message that has been handled comes again, since the broker does not know it; whoever is idempotent does nothing then.
    pub(super) fn comes_again(&mut self, consumer: u32) {
        let spec = &self.topology.brokers.consumers[consumer as usize];
        if !spec.idempotent {
            self.recorder.message_duplicated(spec.queue);
        }
    }

    /// A delivery's call has ended: the message is settled.
    pub(super) fn delivery_ended(&mut self, job: u32, delivery: Delivery, outcome: Outcome) {
        let Delivery { queue, tag, connection, message, tries, stale, handled, .. } = delivery;
        if self.recorder.watch.is_on() {
            let now = self.now();
            self.recorder.watch.settles(job, now, outcome);
        }
        let consumer = self.brokers.connections[connection as usize].consumer;
        let spec = &self.topology.brokers.consumers[consumer as usize];
        if delivery.place.is_some() {
            return self.record_ended(job, delivery, outcome);
        }
        let lost_contact = matches!(outcome.class, Class::ConnectFailure | Class::Reset);
        let ok = !outcome.is_failure();
        if !ok
            && !lost_contact
            && !stale
            && let Some((attempts, backoff)) = &spec.retry
            && tries + 1 < *attempts
        {
            let place = below(self.jobs[job].path, tries);
            let draw = self.keys.consumers[consumer as usize].draw(message.request, place).uniform();
            let wait = backoff.wait(tries + 1, Nanos::ZERO, draw);
            return self.deliver_again(job, Delivery { tries: tries + 1, ..delivery }, wait);
        }
        let cause = self.jobs[job].cause;
        self.free_carrier(job);
        if stale {
            if spec.auto_ack {
                return self.sent_on_is_over(delivery, ok);
            }
            if ok && handled {
                self.comes_again(consumer);
            }
            return;
        }
        if lost_contact {
            if handled {
                self.comes_again(consumer);
            }
            return self.lose_connection(connection);
        }
        if !ok && cause.is_some() {
            let now = self.now();
            self.recorder.trouble(Place::Service(spec.service), Trouble::Failing, now, cause);
        }
        let how = match spec.on_error {
            _ if ok => Settle::Ack,
            OnError::Settle(how) => how,
            OnError::Publish(target) => {
                let copy = Message { extra: NOBODY, cause, ..message };
                self.put(target, copy, Sent::default());
                Settle::Ack
            }
        };
        let in_time = self.settle(queue, tag as u32, how);
        if how == Settle::Ack && !in_time {
            // Somebody else has it, or will have it.
            self.comes_again(consumer);
        } else if how == Settle::Ack {
            if ok || !matches!(spec.on_error, OnError::Publish(_)) {
                self.acked(queue, message);
            } else {
                self.recorder.message_moved(queue);
                self.brokers.forget(message);
            }
        }
    }

    /// A member of a group of Kafka has done with a record.
    fn record_ended(&mut self, job: u32, delivery: Delivery, outcome: Outcome) {
        let Delivery { queue, connection, message, stale, nth, .. } = delivery;
        let cause = self.jobs[job].cause;
        let path = self.jobs[job].path;
        let lost_contact = matches!(outcome.class, Class::ConnectFailure | Class::Reset);
        if lost_contact && !stale {
            // What a member has polled has not come to it: it asks again.
            return self.deliver_again(job, Delivery { tries: delivery.tries + 1, ..delivery }, RECONNECT);
        }
        self.free_carrier(job);
        let consumer = self.brokers.connections[connection as usize].consumer;
        let spec = &self.topology.brokers.consumers[consumer as usize];
        // The process is gone, and says nothing.
        if stale {
            return;
        }
        let ok = !outcome.is_failure();
        let commits_first = self.topology.brokers.queues[queue as usize].rules.commits_first();
        let how = match (&spec.retry, spec.on_error) {
            _ if ok => Handled::Done,
            // What has been committed already is not read again.
            (Some((attempts, backoff)), _) if nth < *attempts && !commits_first => {
                let draw = self.keys.consumers[consumer as usize].draw(message.request, below(path, nth)).uniform();
                Handled::Retry { after: backoff.wait(nth, Nanos::ZERO, draw) }
            }
            (_, OnError::Publish(target)) => {
                let copy = Message { extra: NOBODY, cause, ..message };
                self.put_copy(target, copy);
                Handled::Done
            }
            (_, OnError::Settle(_)) => Handled::Skip,
        };
        if !ok && cause.is_some() {
            let now = self.now();
            self.recorder.trouble(Place::Service(spec.service), Trouble::Failing, now, cause);
        }
        let first = self.record_handled(&delivery, how);
        match how {
            Handled::Done if ok && first => {
                let now = self.now();
                self.recorder.message_acked(queue, message.published, now);
            }
            Handled::Done if first => self.recorder.message_moved(queue),
            Handled::Skip if first && commits_first => self.recorder.messages_lost(queue, 1),
            Handled::Skip if first => self.recorder.message_skipped(queue),
            _ => {}
        }
    }

    /// What was acknowledged when it was sent is handled now, or never will be.
    fn sent_on_is_over(&mut self, delivery: Delivery, ok: bool) {
        let Delivery { queue, tag, message, connection, .. } = delivery;
        self.brokers.queues[queue as usize].sent_on -= 1;
        if ok {
            self.acked(queue, message);
        } else {
            self.recorder.messages_lost(queue, 1);
            self.brokers.forget(message);
        }
        let consumer = self.brokers.connections[connection as usize].consumer;
        match self.topology.brokers.consumers[consumer as usize].receives {
            // The receiver has room again.
            Receives::ServiceBus(_) => {
                self.settle(queue, tag as u32, Settle::Ack);
            }
            _ => self.heed_queue(queue, Vec::new()),
        }
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

    fn acked(&mut self, queue: u32, message: Message) {
        let now = self.now();
        self.recorder.message_acked(queue, message.published, now);
        self.brokers.forget(message);
    }

    /// False if it came too late.
    pub(super) fn settle(&mut self, queue: u32, tag: u32, how: Settle) -> bool {
        let now = self.now();
        let rules = &self.topology.brokers.queues[queue as usize].rules;
        let mut answers = self.brokers.answers();
        let in_time = self.brokers.queues[queue as usize].engine.settle(rules, tag, how, now, &mut answers);
        self.heed_queue(queue, answers);
        in_time
    }
}
