//! Messages come to a broker, go into its queues, and die there.

use super::engine::{Published, Sent};
use super::{Carried, Extra, Message};
use crate::policy::broker::rabbitmq::deaths::Reason;
use crate::topology::broker::Rules;
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
    /// Not now: the job waits until it is looked at again.
    Later,
}

impl World<'_> {
    /// Puts a job's message into the queues it is for.
    pub(in crate::world) fn enqueue_message(&mut self, job: u32, number: u32) -> Taken {
        let topology = self.topology;
        let publication = &topology.brokers.publications[number as usize];
        if self.block_publisher(job, publication.broker) {
            return Taken::Later;
        }
        let Job { request, path, cause, call, .. } = self.jobs[job];
        let now = self.now();
        let persistent = publication.persistent;
        // Attempts of one call bring the same message.
        let path = if call == NOBODY { path } else { self.calls[call].path };
        let message = Message { request, published: now, path, extra: NOBODY, cause, persistent, poison: false };
        let reply = match self.carried_to(job) {
            Some((_, Carried::Asks(waiter))) => Some(waiter),
            _ => None,
        };
        if self.recorder.watch.is_on() {
            self.recorder.watch.publishes(job, path);
        }
        self.recorder.message_published(publication.broker, publication.queues.is_empty());
        if publication.queues.is_empty() && publication.mandatory {
            return Taken::Returned;
        }
        let sent = Sent {
            bytes: publication.bytes,
            ttl: publication.ttl,
            delay: publication.delay,
            group: self.message_key(publication, number, request).unwrap_or(0) as u32,
            id: Some(request ^ u64::from(path) << 32),
            since: None,
        };
        let mut taken = Taken::Yes;
        for &queue in &publication.queues {
            let extra = if reply.is_some() { self.brokers.extra(Extra { reply, ..Extra::default() }) } else { NOBODY };
            let copy = Message { extra, poison: self.is_poisoned(queue, request, path), ..message };
            if let Rules::Topic(_) = topology.brokers.queues[queue as usize].rules {
                taken = self.append(job, number, queue, copy);
                break;
            }
            if self.put(queue, copy, sent) == Published::Refused {
                taken = Taken::Refused;
            }
        }
        // An event that one of its queues has not is not where it should be.
        if let Some(announcement) = publication.announcement
            && !publication.queues.is_empty()
            && taken != Taken::Refused
        {
            self.event_published(request, announcement);
        }
        taken
    }

    /// What is there from the start.
    pub(super) fn preload(&mut self, queue: u32, message: Message, bytes: u32) {
        self.put(queue, message, Sent { bytes, ..Sent::default() });
    }

    pub(super) fn put(&mut self, queue: u32, message: Message, sent: Sent) -> Published {
        let now = self.now();
        if self.brokers.queues[queue as usize].leader == NOBODY {
            self.recorder.message_refused(queue);
            self.brokers.forget(message);
            return Published::Refused;
        }
        let rules = &self.topology.brokers.queues[queue as usize].rules;
        let mut answers = self.brokers.answers();
        let published = self.brokers.queues[queue as usize].engine.publish(rules, message, sent, now, &mut answers);
        match published {
            Published::Taken => self.recorder.message_taken(queue),
            Published::Refused => {
                self.recorder.message_refused(queue);
                // Refused and dead-lettered, a message has come to the queue all the same.
                if !answers.is_empty() {
                    self.recorder.message_taken(queue);
                }
            }
            Published::Duplicate => self.recorder.message_known(queue),
        }
        self.heed_queue(queue, answers);
        published
    }

    /// A queue gives a message up: to the queue that takes its dead, unless it only goes round.
    pub(super) fn message_dies(&mut self, queue: u32, message: Message, reason: Reason, for_good: bool) {
        let spec = &self.topology.brokers.queues[queue as usize];
        let target = spec.dead_letter.filter(|_| !for_good);
        // A queue of Service Bus has its own.
        let kept_here = matches!(spec.rules, Rules::ServiceBus(_)) && target.is_none() && !for_good;
        let mut message = message;
        if message.extra == NOBODY {
            message.extra = self.brokers.extra(Extra::default());
        }
        let deaths = &mut self.brokers.extras[message.extra as usize].deaths;
        deaths.die(queue, reason);
        let target = target.filter(|target| !deaths.would_cycle(*target));
        self.recorder.message_died(queue, reason, target.is_some() || kept_here);
        match target {
            // Its own time to live is taken away; the queue's may hold.
            Some(target) => {
                let since = Some(message.published);
                self.put(target, message, Sent { since, ..Sent::default() });
            }
            None => self.brokers.forget(message),
        }
    }
}
