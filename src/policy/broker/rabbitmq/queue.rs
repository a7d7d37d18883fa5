//! A queue: what is ready, who has what, and what becomes of what comes back (RabbitMQ, "Queues", "Consumers", "Length Limit",
//! "TTL", "Quorum Queues").
//!
//! What the documentation leaves open is as RabbitMQ 3.10 does it: `conformance/rabbitmq` has the scenarios and the records.
//!
//! Pure: it answers what is to be delivered, dead-lettered or dropped; who carries that out takes the time it takes.

use super::deaths::Reason;
use crate::base::chunks::Chunks;
use crate::base::time::{Instant, Nanos};
use crate::policy::error::{PolicyError, require};
use std::collections::VecDeque;
use turns::Consumers;

mod turns;

/// A queue's arguments.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueRules {
    pub kind: QueueKind,
    /// `x-message-ttl`.
    pub message_ttl: Option<Nanos>,
    /// `x-max-length`: messages that are ready; what consumers hold does not count.
    pub max_length: Option<u64>,
    /// `x-max-length-bytes`, likewise.
    pub max_bytes: Option<u64>,
    pub overflow: Overflow,
    /// `x-delivery-limit`, of quorum queues: a message that has come back more often is given up. Without one, what consumers give back
    /// stands behind all others; with one, before them. Before 4.0 there is none unless it is set; since then it is 20.
    pub delivery_limit: Option<u32>,
    /// Since 4.3 a `nack` that wants the message back does not count for the limit; a `reject` and a lost consumer do.
    pub nack_counts: bool,
    /// `x-single-active-consumer`: one consumer gets everything until it goes.
    pub single_active: bool,
    /// Who is next when that one goes: since 4.0 the one of the highest priority, as in classic queues always; in quorum queues before,
    /// whoever has been there longest. (That a consumer of higher priority takes over from one that is there is not modelled.)
    pub next_by_priority: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum QueueKind {
    Classic,
    Quorum,
}

/// What a full queue does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Overflow {
    /// Gives its oldest message up for the new one.
    DropHead,
    /// Refuses the new one: its publisher's confirm is a nack.
    RejectPublish,
    /// As that, and dead-letters the new one.
    RejectPublishDlx,
}

impl Default for QueueRules {
    fn default() -> QueueRules {
        QueueRules {
            kind: QueueKind::Classic,
            message_ttl: None,
            max_length: None,
            max_bytes: None,
            overflow: Overflow::DropHead,
            delivery_limit: None,
            nack_counts: true,
            single_active: false,
            next_by_priority: true,
        }
    }
}

impl QueueRules {
    pub fn validated(self) -> Result<QueueRules, PolicyError> {
        let quorum = self.kind == QueueKind::Quorum;
        require(quorum || self.delivery_limit.is_none(), "deliveryLimit", || "is there for quorum queues only".into())?;
        let dlx = self.overflow == Overflow::RejectPublishDlx;
        require(!(quorum && dlx), "overflow", || "`rejectPublishDlx` is there for classic queues only".into())?;
        Ok(self)
    }

    /// Whether so many messages of so many bytes are more than may be ready.
    fn is_exceeded_by(&self, messages: u64, bytes: u64) -> bool {
        self.max_length.is_some_and(|most| messages > most) || self.max_bytes.is_some_and(|most| bytes > most)
    }
}

/// A message in a queue, with what the queue must know of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<M> {
    pub message: M,
    /// Its place in the order of the queue.
    position: u64,
    /// When it is too old.
    pub expires: Instant,
    pub bytes: u32,
    /// How often it has come back, as the delivery limit counts.
    pub returns: u32,
    deliveries: u32,
}

impl<M> Entry<M> {
    /// It has been delivered before.
    pub fn redelivered(&self) -> bool {
        self.deliveries > 0
    }
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer<M> {
    /// To this consumer, under this tag, which is settled once.
    /// `nth`: the how-manieth delivery of it by this queue.
    Deliver { consumer: u32, tag: u32, message: M, redelivered: bool, nth: u32 },
    /// Given up: to the queue's dead-letter exchange, if it has one.
    Dead { message: M, reason: Reason },
}

/// What a publisher that asked for confirms is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    Taken,
    Refused,
}

/// How a delivery is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    Ack,
    Nack { requeue: bool },
    Reject { requeue: bool },
}

/// A delivery that is not settled.
#[derive(Clone, Copy, Debug)]
struct Held<M> {
    consumer: u32,
    /// Its place in the order of the queue's deliveries.
    nth: u64,
    entry: Entry<M>,
}

/// A queue's state.
#[derive(Clone, Debug)]
pub struct Queue<M> {
    /// By position.
    ready: Chunks<Entry<M>>,
    /// Of a quorum queue: what has come back, delivered before what is ready.
    returned: VecDeque<Entry<M>>,
    ready_bytes: u64,
    next_position: u64,
    /// By tag.
    held: Vec<Option<Held<M>>>,
    free_tags: Vec<u32>,
    deliveries: u64,
    consumers: Consumers,
    /// Of a quorum queue that refuses when it is full: whether publishers know.
    refusing: bool,
}

impl<M> Default for Queue<M> {
    fn default() -> Queue<M> {
        Queue {
            ready: Chunks::default(),
            returned: VecDeque::new(),
            ready_bytes: 0,
            next_position: 0,
            held: Vec::new(),
            free_tags: Vec::new(),
            deliveries: 0,
            consumers: Consumers::default(),
            refusing: false,
        }
    }
}

impl<M: Copy> Queue<M> {
    /// Messages that wait for a consumer.
    pub fn ready(&self) -> usize {
        self.ready.len() + self.returned.len()
    }

    /// Messages that consumers hold.
    pub fn unacked(&self) -> usize {
        self.held.len() - self.free_tags.len()
    }

    /// What has been delivered under a tag and is not settled.
    pub fn in_hand(&self, tag: u32) -> Option<&Entry<M>> {
        self.held.get(tag as usize)?.as_ref().map(|held| &held.entry)
    }

    /// The message that is delivered next.
    pub fn head(&self) -> Option<&Entry<M>> {
        self.returned.front().or(self.ready.front())
    }

    // -- publishers --------------------------------------------------------------------------------------------------

    /// A message comes, with the rest of its own time to live, if it has one.
    pub fn publish(
        &mut self,
        rules: &QueueRules,
        message: M,
        bytes: u32,
        ttl: Option<Nanos>,
        now: Instant,
        answers: &mut Vec<Answer<M>>,
    ) -> Published {
        self.expire(now, answers);
        if self.refuses(rules, bytes) {
            if rules.overflow == Overflow::RejectPublishDlx {
                answers.push(Answer::Dead { message, reason: Reason::MaxLen });
            }
            return Published::Refused;
        }
        let ttl = [ttl, rules.message_ttl].into_iter().flatten().min();
        let expires = ttl.map_or(Instant::NEVER, |ttl| now + ttl);
        let position = self.next_position;
        self.next_position += 1;
        self.append(Entry { message, position, expires, bytes, returns: 0, deliveries: 0 });
        // Who can take it does, even if it may not wait at all.
        self.deliver(rules, now, answers);
        self.limit(rules, now, answers);
        Published::Taken
    }

    /// Whether a new message is refused.
    ///
    /// A classic queue knows before, and does not ask whether a consumer could take it. A quorum queue tells its publishers once it has
    /// taken one too many, and again when there is room for a fifth.
    fn refuses(&self, rules: &QueueRules, bytes: u32) -> bool {
        match (rules.overflow, rules.kind) {
            (Overflow::DropHead, _) => false,
            (_, QueueKind::Quorum) => self.refusing,
            (_, QueueKind::Classic) => rules.is_exceeded_by(self.ready() as u64 + 1, self.ready_bytes + u64::from(bytes)),
        }
    }

    /// Gives the oldest up while there are more than may be, and then what is too old; what comes back counts as what is new.
    fn limit(&mut self, rules: &QueueRules, now: Instant, answers: &mut Vec<Answer<M>>) {
        let from = answers.len();
        while rules.overflow == Overflow::DropHead && self.is_over(rules) {
            let oldest = self.take_head().expect("a queue that is over its limit is not empty");
            answers.push(Answer::Dead { message: oldest.message, reason: Reason::MaxLen });
        }
        if rules.kind == QueueKind::Quorum {
            // What it does because of one command, it does in the order that it came upon it, the last first.
            answers[from..].reverse();
            self.refusing = self.is_over(rules) || self.refusing && self.has_little_room(rules);
        }
        self.expire(now, answers);
    }

    fn append(&mut self, entry: Entry<M>) {
        self.ready_bytes += u64::from(entry.bytes);
        self.ready.push_back(entry);
    }

    fn is_over(&self, rules: &QueueRules) -> bool {
        self.ready() > 0 && rules.is_exceeded_by(self.ready() as u64, self.ready_bytes)
    }

    /// More than four fifths of what may be are there.
    fn has_little_room(&self, rules: &QueueRules) -> bool {
        let is_above = |most: Option<u64>, there: u64| most.is_some_and(|most| there > (u128::from(most) * 4 / 5) as u64);
        is_above(rules.max_length, self.ready() as u64) || is_above(rules.max_bytes, self.ready_bytes)
    }

    // -- time --------------------------------------------------------------------------------------------------------

    /// Gives up what is too old, from the head on: what is too old behind something younger waits until that has gone.
    pub fn expire(&mut self, now: Instant, answers: &mut Vec<Answer<M>>) {
        while self.head().is_some_and(|head| head.expires <= now) {
            let old = self.take_head().expect("it has a head");
            answers.push(Answer::Dead { message: old.message, reason: Reason::Expired });
        }
    }

    /// When the head will be too old: until then nothing expires.
    pub fn expires_at(&self) -> Instant {
        self.head().map_or(Instant::NEVER, |head| head.expires)
    }

    fn take_head(&mut self) -> Option<Entry<M>> {
        let head = self.returned.pop_front().or_else(|| self.ready.pop_front());
        if let Some(head) = &head {
            self.ready_bytes -= u64::from(head.bytes);
        }
        head
    }

    // -- consumers ---------------------------------------------------------------------------------------------------

    /// Adds a consumer, and returns its number.
    pub fn subscribe(&mut self, rules: &QueueRules, prefetch: u32, priority: i32, now: Instant, answers: &mut Vec<Answer<M>>) -> u32 {
        let number = self.consumers.add(prefetch, priority);
        self.carry_on(rules, now, answers);
        number
    }

    /// A consumer wants no more. What it has stays its until it is settled or the consumer is lost.
    pub fn cancel(&mut self, rules: &QueueRules, consumer: u32, now: Instant, answers: &mut Vec<Answer<M>>) {
        self.consumers.leave(rules, consumer);
        // Another may be the active one now.
        self.carry_on(rules, now, answers);
    }

    /// A consumer's connection is lost: what it held goes back, and counts as a failed delivery. (Of a channel that is closed, a quorum
    /// queue first hears that the consumer cancels.)
    pub fn unsubscribe(&mut self, rules: &QueueRules, consumer: u32, now: Instant, answers: &mut Vec<Answer<M>>) {
        self.consumers.leave(rules, consumer);
        for tag in self.tags_of(|holder| holder == consumer) {
            let entry = self.release(tag);
            self.take_back(rules, entry, true, answers);
        }
        self.carry_on(rules, now, answers);
    }

    /// What consumers hold, in the order in which they got it.
    fn tags_of(&self, wanted: impl Fn(u32) -> bool) -> Vec<u32> {
        let held = self.held.iter().enumerate().filter_map(|(tag, held)| Some((tag as u32, held.as_ref()?)));
        let mut tags: Vec<_> = held.filter(|(_, held)| wanted(held.consumer)).map(|(tag, held)| (held.nth, tag)).collect();
        tags.sort_unstable();
        tags.into_iter().map(|(_, tag)| tag).collect()
    }

    /// Whether this consumer has gone.
    pub fn is_gone(&self, consumer: u32) -> bool {
        self.consumers.has_gone(consumer)
    }

    /// The broker restarts: consumers are gone, what they held is back, and what does not survive is lost. Returns how much that is.
    pub fn restart(&mut self, rules: &QueueRules, survives: impl Fn(&M) -> bool, answers: &mut Vec<Answer<M>>) -> usize {
        for tag in self.tags_of(|_| true) {
            let entry = self.release(tag);
            self.take_back(rules, entry, true, answers);
        }
        let before = self.ready();
        self.returned.retain(|entry| survives(&entry.message));
        self.ready.retain(|entry| survives(&entry.message));
        self.ready_bytes = self.returned.iter().chain(self.ready.iter()).map(|entry| u64::from(entry.bytes)).sum();
        self.held.clear();
        self.free_tags.clear();
        self.consumers = Consumers::default();
        before - self.ready()
    }

    /// A consumer has settled a delivery.
    pub fn settle(&mut self, rules: &QueueRules, tag: u32, how: Settled, now: Instant, answers: &mut Vec<Answer<M>>) {
        let entry = self.release(tag);
        match how {
            Settled::Ack => {}
            Settled::Nack { requeue: false } | Settled::Reject { requeue: false } => {
                answers.push(Answer::Dead { message: entry.message, reason: Reason::Rejected });
            }
            Settled::Nack { requeue: true } => self.give_back(rules, entry, rules.nack_counts, answers),
            Settled::Reject { requeue: true } => self.give_back(rules, entry, true, answers),
        }
        self.carry_on(rules, now, answers);
    }

    fn release(&mut self, tag: u32) -> Entry<M> {
        let held = self.held[tag as usize].take().expect("a tag is settled once");
        self.free_tags.push(tag);
        self.consumers.release(held.consumer);
        held.entry
    }

    /// A consumer wants a message back in the queue.
    fn give_back(&mut self, rules: &QueueRules, entry: Entry<M>, counts: bool, answers: &mut Vec<Answer<M>>) {
        if rules.kind == QueueKind::Classic || rules.delivery_limit.is_some() {
            return self.take_back(rules, entry, counts, answers);
        }
        // A quorum queue without a limit puts it behind all others, lest one that is never settled keeps its log from being cut.
        let position = self.next_position;
        self.next_position += 1;
        self.append(Entry { position, returns: entry.returns + u32::from(counts), ..entry });
    }

    fn take_back(&mut self, rules: &QueueRules, entry: Entry<M>, counts: bool, answers: &mut Vec<Answer<M>>) {
        let returns = entry.returns + u32::from(counts);
        if rules.delivery_limit.is_some_and(|most| returns > most) {
            answers.push(Answer::Dead { message: entry.message, reason: Reason::DeliveryLimit });
            return;
        }
        let entry = Entry { returns, ..entry };
        self.ready_bytes += u64::from(entry.bytes);
        match rules.kind {
            QueueKind::Quorum => self.returned.push_back(entry),
            // Where it stood.
            QueueKind::Classic => {
                self.ready.insert_behind(|other| other.position < entry.position, entry);
            }
        }
    }

    /// After a change other than a new message.
    fn carry_on(&mut self, rules: &QueueRules, now: Instant, answers: &mut Vec<Answer<M>>) {
        match rules.kind {
            QueueKind::Classic => {
                self.limit(rules, now, answers);
                self.deliver(rules, now, answers);
            }
            // The limit is looked at when all is delivered that can be.
            QueueKind::Quorum => {
                self.expire(now, answers);
                self.deliver(rules, now, answers);
                self.limit(rules, now, answers);
            }
        }
    }

    /// Delivers from the head on while somebody can take it.
    fn deliver(&mut self, rules: &QueueRules, now: Instant, answers: &mut Vec<Answer<M>>) {
        while self.ready() > 0 {
            let Some(consumer) = self.consumers.next(rules) else { return };
            // A message that has just come may be delivered though its time to live is nothing.
            while self.head().is_some_and(|head| head.expires < now || (head.expires == now && head.redelivered())) {
                let old = self.take_head().expect("it has a head");
                answers.push(Answer::Dead { message: old.message, reason: Reason::Expired });
            }
            let Some(mut entry) = self.take_head() else { return };
            let redelivered = entry.redelivered();
            entry.deliveries += 1;
            let tag = self.free_tags.pop().unwrap_or_else(|| {
                self.held.push(None);
                self.held.len() as u32 - 1
            });
            self.held[tag as usize] = Some(Held { consumer, nth: self.deliveries, entry });
            self.deliveries += 1;
            self.consumers.take(rules, consumer);
            answers.push(Answer::Deliver { consumer, tag, message: entry.message, redelivered, nth: entry.deliveries });
        }
    }
}

#[cfg(test)]
mod tests;
