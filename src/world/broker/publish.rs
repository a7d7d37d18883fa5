//! Messages come to a broker, go into its queues, and die there.

use super::{Carried, Extra, Message};
use crate::base::time::Nanos;
use crate::policy::broker::rabbitmq::deaths::Reason;
use crate::policy::broker::rabbitmq::queue::Published;
use crate::world::World;
use crate::world::state::*;

/// What a broker says of a message that has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::world) enum Taken {
    Yes,
    /// A queue refused it, or cannot be used.
    Refused,
    /// No queue wants it, and the publisher wants to know.
    Returned,
    /// Not now: the broker takes nothing until this changes.
    Blocked,
}

impl World<'_> {
    /// Puts a job's message into the queues it is for.
    pub(in crate::world) fn enqueue_message(&mut self, job: u32, number: u32) -> Taken {
        let topology = self.topology;
        let publication = &topology.brokers.publications[number as usize];
        if self.block_publisher(job, publication.broker) {
            return Taken::Blocked;
        }
        let Job { request, path, cause, .. } = self.jobs[job];
        let now = self.now();
        let persistent = publication.persistent;
        let message = Message { request, published: now, path, extra: NOBODY, cause, persistent, poison: false };
        let reply = match self.carried_to(job) {
            Some((_, Carried::Asks(waiter))) => Some(waiter),
            _ => None,
        };
        self.recorder.message_published(publication.broker, publication.queues.is_empty());
        if publication.queues.is_empty() && publication.mandatory {
            return Taken::Returned;
        }
        let mut taken = Taken::Yes;
        for &queue in &publication.queues {
            let extra = if reply.is_some() { self.brokers.extra(Extra { reply, ..Extra::default() }) } else { NOBODY };
            let copy = Message { extra, poison: self.is_poisoned(queue, request, path), ..message };
            if self.put(queue, copy, publication.bytes, publication.ttl) == Published::Refused {
                taken = Taken::Refused;
            }
        }
        taken
    }

    pub(super) fn put(&mut self, queue: u32, message: Message, bytes: u32, ttl: Option<Nanos>) -> Published {
        let now = self.now();
        if self.brokers.queues[queue as usize].leader == NOBODY {
            self.recorder.message_refused(queue);
            self.brokers.forget(message);
            return Published::Refused;
        }
        let rules = &self.topology.brokers.queues[queue as usize].rules;
        let mut answers = Vec::new();
        let published = self.brokers.queues[queue as usize].queue.publish(rules, message, bytes, ttl, now, &mut answers);
        match published {
            Published::Taken => self.recorder.message_taken(queue),
            Published::Refused => self.recorder.message_refused(queue),
        }
        self.heed_queue(queue, answers);
        published
    }

    /// A queue gives a message up: to the queue that takes its dead, unless it only goes round.
    pub(super) fn message_dies(&mut self, queue: u32, message: Message, reason: Reason) {
        let target = self.topology.brokers.queues[queue as usize].dead_letter;
        let mut message = message;
        if message.extra == NOBODY {
            message.extra = self.brokers.extra(Extra::default());
        }
        let deaths = &mut self.brokers.extras[message.extra as usize].deaths;
        deaths.die(queue, reason);
        let target = target.filter(|target| !deaths.would_cycle(*target));
        self.recorder.message_died(queue, reason, target.is_some());
        match target {
            // Its own time to live is taken away; the queue's may hold.
            Some(target) => {
                self.put(target, message, 0, None);
            }
            None => self.brokers.forget(message),
        }
    }
}
