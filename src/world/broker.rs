//! Brokers at work: messages go into queues, deliveries are calls by the broker, and what comes of them settles the messages.
//!
//! A delivery is a job of the broker that nobody waits for: it makes the call that hands the message to a replica of the
//! consumers' service, and its end is the acknowledgement, or the lack of one.

use super::World;
use super::event::Kind;
use super::keys::below;
use super::state::*;
use crate::base::id::*;
use crate::base::outcome::Outcome;
use crate::base::stream::name_hash;
use crate::base::time::{Instant, Nanos};
use crate::engine::AlarmId;
use crate::observe::episode::Cause;
use crate::policy::broker::rabbitmq::deaths::{Deaths, Reason};
use crate::policy::broker::rabbitmq::queue::{Answer, Published, Queue, Settled};
use crate::topology::Topology;

/// A message in a queue or in a consumer's hands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message {
    /// Of the request that published it.
    pub request: u64,
    pub published: Instant,
    pub path: u32,
    /// Its deaths so far, in `Brokers::deaths`; nobody if it has not died.
    pub deaths: u32,
    pub cause: Cause,
    pub persistent: bool,
}

/// What a delivery's job carries.
#[derive(Clone, Copy, Debug)]
pub(super) struct Delivery {
    pub queue: u32,
    pub tag: u32,
    /// The consumer's replica that it goes to.
    pub replica: u32,
    consumer: u32,
    message: Message,
    /// Its consumer or its broker has gone meanwhile: the message is no longer in its hands.
    stale: bool,
}

/// What changes of all brokers.
pub(super) struct Brokers {
    queues: Vec<QueueState>,
    /// By the job's slot; empty if there is no broker.
    pub deliveries: Vec<Option<Delivery>>,
    deaths: Vec<Deaths<u32>>,
    /// Per consumer: a hash of its name, where its draws are below.
    paths: Vec<u32>,
}

struct QueueState {
    queue: Queue<Message>,
    /// Who has subscribed, by the queue's number of the subscription: consumer, replica.
    subscribers: Vec<(u32, u32)>,
    /// The alarm for the head's expiry, and when it rings.
    alarm: AlarmId,
    rings: Instant,
}

impl Brokers {
    pub fn new(topology: &Topology) -> Brokers {
        let state = |_| QueueState { queue: Queue::default(), subscribers: Vec::new(), alarm: AlarmId::NONE, rings: Instant::NEVER };
        Brokers {
            queues: (0..topology.brokers.queues.len()).map(state).collect(),
            deliveries: Vec::new(),
            deaths: Vec::new(),
            paths: topology.brokers.consumers.iter().map(|consumer| name_hash(&consumer.name) as u32).collect(),
        }
    }
}

impl World<'_> {
    /// What waits at the start is there, then consumers subscribe.
    pub(super) fn start_brokers(&mut self) {
        for (number, queue) in self.topology.brokers.queues.iter().enumerate() {
            let signature = name_hash(&queue.name) & 0xff_ffff;
            for count in 0..u64::from(queue.preload) {
                let message = Message {
                    request: signature << 40 | count,
                    published: Instant::START,
                    path: name_hash(&queue.name) as u32,
                    deaths: NOBODY,
                    cause: Cause::NONE,
                    persistent: true,
                };
                self.put(number as u32, message, None);
            }
        }
        for consumer in 0..self.topology.brokers.consumers.len() as u32 {
            let service = self.topology.brokers.consumers[consumer as usize].service;
            for replica in self.topology.services[service.index()].replicas.clone() {
                self.subscribe(consumer, replica);
            }
        }
    }

    fn subscribe(&mut self, consumer: u32, replica: u32) {
        let now = self.now();
        let spec = &self.topology.brokers.consumers[consumer as usize];
        let rules = &self.topology.brokers.queues[spec.queue as usize].rules;
        let state = &mut self.brokers.queues[spec.queue as usize];
        let mut answers = Vec::new();
        state.subscribers.push((consumer, replica));
        let number = state.queue.subscribe(rules, spec.prefetch, spec.priority, now, &mut answers);
        debug_assert_eq!(number as usize, state.subscribers.len() - 1);
        self.heed_queue(spec.queue, answers);
    }

    // -- publishing --------------------------------------------------------------------------------------------------

    /// Puts a job's message into the queues it is for; false if one refused it.
    pub(super) fn enqueue_message(&mut self, job: u32, publication: u32) -> bool {
        let Job { request, path, cause, .. } = self.jobs[job];
        let publication = &self.topology.brokers.publications[publication as usize];
        let message = Message { request, published: self.now(), path, deaths: NOBODY, cause, persistent: publication.persistent };
        let mut taken = true;
        for &queue in &publication.queues {
            taken &= self.put(queue, message, publication.ttl) == Published::Taken;
        }
        taken
    }

    fn put(&mut self, queue: u32, message: Message, ttl: Option<Nanos>) -> Published {
        let now = self.now();
        let rules = &self.topology.brokers.queues[queue as usize].rules;
        let mut answers = Vec::new();
        let published = self.brokers.queues[queue as usize].queue.publish(rules, message, 0, ttl, now, &mut answers);
        match published {
            Published::Taken => self.recorder.message_taken(queue, now),
            Published::Refused => self.recorder.message_refused(queue),
        }
        self.heed_queue(queue, answers);
        published
    }

    /// Does what a queue answers.
    fn heed_queue(&mut self, queue: u32, answers: Vec<Answer<Message>>) {
        for answer in answers {
            match answer {
                Answer::Deliver { consumer, tag, message, redelivered, nth } => {
                    self.recorder.message_delivered(queue, redelivered);
                    self.deliver(queue, consumer, tag, message, nth);
                }
                Answer::Dead { message, reason } => self.message_dies(queue, message, reason),
            }
        }
        let now = self.now();
        let state = &mut self.brokers.queues[queue as usize];
        self.recorder.queue_depth(queue, state.queue.ready() as u64, state.queue.unacked() as u64, now);
        let expires = state.queue.expires_at();
        if expires != state.rings {
            if state.alarm != AlarmId::NONE {
                self.calendar.call_off(state.alarm);
            }
            (state.rings, state.alarm) = (expires, AlarmId::NONE);
            if expires != Instant::NEVER {
                state.alarm = self.calendar.set_alarm(expires, Kind::MessagesExpire as u8, queue);
            }
        }
    }

    pub(super) fn messages_expire(&mut self, queue: u32) {
        let now = self.now();
        let state = &mut self.brokers.queues[queue as usize];
        (state.alarm, state.rings) = (AlarmId::NONE, Instant::NEVER);
        let mut answers = Vec::new();
        state.queue.expire(now, &mut answers);
        self.heed_queue(queue, answers);
    }

    /// A queue gives a message up: to the queue that takes its dead, unless it only goes round.
    fn message_dies(&mut self, queue: u32, message: Message, reason: Reason) {
        let target = self.topology.brokers.queues[queue as usize].dead_letter;
        let mut message = message;
        if message.deaths == NOBODY {
            message.deaths = self.brokers.deaths.len() as u32;
            self.brokers.deaths.push(Deaths::default());
        }
        let deaths = &mut self.brokers.deaths[message.deaths as usize];
        deaths.die(queue, reason);
        let target = target.filter(|target| !deaths.would_cycle(*target));
        self.recorder.message_died(queue, reason, target.is_some());
        if let Some(target) = target {
            // Its own time to live is taken away; the queue's may hold.
            self.put(target, message, None);
        }
    }

    // -- delivering --------------------------------------------------------------------------------------------------

    fn deliver(&mut self, queue: u32, subscription: u32, tag: u32, message: Message, nth: u32) {
        let (consumer, replica) = self.brokers.queues[queue as usize].subscribers[subscription as usize];
        let spec = &self.topology.brokers.consumers[consumer as usize];
        let broker = &self.topology.brokers.brokers[self.topology.brokers.queues[queue as usize].broker as usize];
        let now = self.now();
        let job = self.new_job(Job {
            request: message.request,
            arrived: now,
            call: NOBODY,
            replica: self.topology.services[broker.service.index()].replicas.start,
            step: spec.entry.0,
            path: below(below(message.path, self.brokers.paths[consumer as usize]), nth),
            next: NOBODY,
            pending: 0,
            outcome: Outcome::OK,
            cause: message.cause,
            state: JobState::Working,
            marks: mark::SPAWNED | mark::DELIVERY,
        });
        if self.brokers.deliveries.len() <= job as usize {
            self.brokers.deliveries.resize(job as usize + 1, None);
        }
        self.brokers.deliveries[job as usize] = Some(Delivery { queue, tag, replica, consumer, message, stale: false });
        self.calendar.schedule_in(Nanos::ZERO, Kind::BodyStarts as u8, job);
    }

    /// The replica that a delivery's call goes to.
    pub(super) fn delivered_to(&self, job: u32) -> u32 {
        self.brokers.deliveries[job as usize].map_or(NOBODY, |delivery| delivery.replica)
    }

    /// A delivery's call has ended: the message is settled.
    pub(super) fn delivery_ended(&mut self, job: u32, outcome: Outcome) {
        let delivery = self.brokers.deliveries[job as usize].take().expect("a delivery's job carries one");
        let cause = self.jobs[job].cause;
        self.free_job(job);
        if delivery.stale {
            return;
        }
        let now = self.now();
        let Delivery { queue, tag, consumer, message, .. } = delivery;
        let spec = &self.topology.brokers.consumers[consumer as usize];
        let how = match outcome.class {
            _ if !outcome.is_failure() => Settled::Ack,
            // The connection is lost, and with it the channel.
            crate::base::outcome::Class::ConnectFailure | crate::base::outcome::Class::Reset => Settled::Reject { requeue: true },
            _ => spec.on_error,
        };
        if how == Settled::Ack {
            self.recorder.message_acked(queue, message.published, now);
        }
        let _ = cause;
        self.settle(queue, tag, how);
    }

    fn settle(&mut self, queue: u32, tag: u32, how: Settled) {
        let now = self.now();
        let rules = &self.topology.brokers.queues[queue as usize].rules;
        let mut answers = Vec::new();
        self.brokers.queues[queue as usize].queue.settle(rules, tag, how, now, &mut answers);
        self.heed_queue(queue, answers);
    }

    // -- down and up -------------------------------------------------------------------------------------------------

    /// A replica has died: what it consumed goes back, and if it is a broker, what it did not keep is lost.
    pub(super) fn messaging_goes_down(&mut self, replica: u32) {
        if self.brokers.queues.is_empty() {
            return;
        }
        let now = self.now();
        let service = self.replicas[replica as usize].service;
        for queue in 0..self.brokers.queues.len() as u32 {
            let spec = &self.topology.brokers.queues[queue as usize];
            let is_here = self.topology.brokers.brokers[spec.broker as usize].service == service;
            for delivery in self.brokers.deliveries.iter_mut().flatten().filter(|delivery| delivery.queue == queue) {
                delivery.stale |= is_here || delivery.replica == replica;
            }
            let state = &mut self.brokers.queues[queue as usize];
            let mut answers = Vec::new();
            if is_here {
                let lost = state.queue.restart(|message| spec.durable && message.persistent);
                state.subscribers.clear();
                self.recorder.messages_lost(queue, lost as u64);
            } else {
                for subscription in 0..state.subscribers.len() {
                    if state.subscribers[subscription].1 == replica && !state.queue.is_gone(subscription as u32) {
                        state.queue.unsubscribe(&spec.rules, subscription as u32, now, &mut answers);
                    }
                }
            }
            self.heed_queue(queue, answers);
        }
    }

    /// A replica is back: it consumes again; a broker's consumers come back to it.
    pub(super) fn messaging_comes_up(&mut self, replica: u32) {
        let service = self.replicas[replica as usize].service;
        for consumer in 0..self.topology.brokers.consumers.len() as u32 {
            let spec = &self.topology.brokers.consumers[consumer as usize];
            let broker = self.topology.brokers.queues[spec.queue as usize].broker;
            let broker = self.topology.brokers.brokers[broker as usize].service;
            if spec.service == service && self.is_broker_up(broker) {
                self.subscribe(consumer, replica);
            } else if broker == service {
                for replica in self.topology.services[spec.service.index()].replicas.clone() {
                    if self.replicas[replica as usize].up {
                        self.subscribe(consumer, replica);
                    }
                }
            }
        }
    }

    fn is_broker_up(&self, broker: ServiceId) -> bool {
        self.replicas[self.topology.services[broker.index()].replicas.start as usize].up
    }
}
