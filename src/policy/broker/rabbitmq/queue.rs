//! A queue: what is ready, who has what, and what becomes of what comes back (RabbitMQ, "Queues", "Consumers", "Length Limit",
//! "TTL", "Quorum Queues").
//!
//! Pure: it answers what is to be delivered, dead-lettered or dropped; who carries that out takes the time it takes.

use super::deaths::Reason;
use crate::base::time::{Instant, Nanos};
use crate::policy::error::{PolicyError, require};
use std::collections::VecDeque;

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
    /// `x-delivery-limit`, of quorum queues: a message that has come back more often is given up.
    pub delivery_limit: Option<u32>,
    /// Since 4.3 a `nack` that wants the message back does not count for the limit; a `reject` and a lost consumer do.
    pub nack_counts: bool,
    /// `x-single-active-consumer`: one consumer gets everything until it goes.
    pub single_active: bool,
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

#[derive(Clone, Debug)]
struct Consumer {
    /// Deliveries it may hold; 0: any number.
    prefetch: u32,
    priority: i32,
    held: u32,
    gone: bool,
}

impl Consumer {
    fn has_room(&self) -> bool {
        !self.gone && (self.prefetch == 0 || self.held < self.prefetch)
    }
}

/// A queue's state.
#[derive(Clone, Debug)]
pub struct Queue<M> {
    /// By position.
    ready: VecDeque<Entry<M>>,
    /// Of a quorum queue: what has come back, delivered before what is ready.
    returned: VecDeque<Entry<M>>,
    ready_bytes: u64,
    next_position: u64,
    /// By tag: who holds it.
    held: Vec<Option<(u32, Entry<M>)>>,
    free_tags: Vec<u32>,
    consumers: Vec<Consumer>,
    /// Consumers that can take more, in the order of their turns: by priority, then who has waited longest.
    turns: VecDeque<u32>,
}

impl<M> Default for Queue<M> {
    fn default() -> Queue<M> {
        Queue {
            ready: VecDeque::new(),
            returned: VecDeque::new(),
            ready_bytes: 0,
            next_position: 0,
            held: Vec::new(),
            free_tags: Vec::new(),
            consumers: Vec::new(),
            turns: VecDeque::new(),
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
        let full = self.is_full_for(rules, bytes) && rules.overflow != Overflow::DropHead;
        if full && !self.has_taker(rules) {
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
        self.expire(now, answers);
        self.drop_head(rules, answers);
        Published::Taken
    }

    /// Gives the oldest up while there are more than may be; what comes back counts as what is new.
    fn drop_head(&mut self, rules: &QueueRules, answers: &mut Vec<Answer<M>>) {
        while rules.overflow == Overflow::DropHead && self.is_over(rules) {
            let oldest = self.take_head().expect("a queue that is over its limit is not empty");
            answers.push(Answer::Dead { message: oldest.message, reason: Reason::MaxLen });
        }
    }

    fn append(&mut self, entry: Entry<M>) {
        self.ready_bytes += u64::from(entry.bytes);
        self.ready.push_back(entry);
    }

    fn is_full_for(&self, rules: &QueueRules, bytes: u32) -> bool {
        let (count, total) = (self.ready() as u64 + 1, self.ready_bytes + u64::from(bytes));
        rules.max_length.is_some_and(|most| count > most) || rules.max_bytes.is_some_and(|most| total > most)
    }

    fn is_over(&self, rules: &QueueRules) -> bool {
        let (count, total) = (self.ready() as u64, self.ready_bytes);
        count > 0 && (rules.max_length.is_some_and(|most| count > most) || rules.max_bytes.is_some_and(|most| total > most))
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
        let number = self.consumers.len() as u32;
        self.consumers.push(Consumer { prefetch, priority, held: 0, gone: false });
        self.await_turn(number);
        self.deliver(rules, now, answers);
        number
    }

    /// A consumer, its channel or its connection is gone: what it held goes back, and counts as a failed delivery.
    pub fn unsubscribe(&mut self, rules: &QueueRules, consumer: u32, now: Instant, answers: &mut Vec<Answer<M>>) {
        self.consumers[consumer as usize].gone = true;
        self.turns.retain(|waiting| *waiting != consumer);
        let mut back: Vec<u32> = (0..self.held.len() as u32)
            .filter(|tag| self.held[*tag as usize].as_ref().is_some_and(|(holder, _)| *holder == consumer))
            .collect();
        back.sort_by_key(|tag| self.held[*tag as usize].as_ref().map(|(_, entry)| entry.position));
        for tag in back {
            let entry = self.release(tag);
            self.take_back(rules, entry, true, answers);
        }
        self.drop_head(rules, answers);
        self.deliver(rules, now, answers);
    }

    /// Whether this consumer has gone.
    pub fn is_gone(&self, consumer: u32) -> bool {
        self.consumers[consumer as usize].gone
    }

    /// The broker restarts: consumers are gone, what they held is back where it stood, and what does not survive is lost. Returns how
    /// much that is.
    pub fn restart(&mut self, survives: impl Fn(&M) -> bool) -> usize {
        let mut all: Vec<Entry<M>> = self.returned.drain(..).chain(self.ready.drain(..)).collect();
        all.extend(self.held.drain(..).flatten().map(|(_, entry)| entry));
        all.sort_by_key(|entry| entry.position);
        let before = all.len();
        all.retain(|entry| survives(&entry.message));
        let lost = before - all.len();
        self.ready_bytes = all.iter().map(|entry| u64::from(entry.bytes)).sum();
        self.ready = all.into();
        self.free_tags.clear();
        self.consumers.clear();
        self.turns.clear();
        lost
    }

    /// A consumer has settled a delivery.
    pub fn settle(&mut self, rules: &QueueRules, tag: u32, how: Settled, now: Instant, answers: &mut Vec<Answer<M>>) {
        let holder = self.held[tag as usize].as_ref().expect("a tag is settled once").0;
        let was_full = !self.consumers[holder as usize].has_room();
        let entry = self.release(tag);
        if was_full && self.consumers[holder as usize].has_room() {
            self.await_turn(holder);
        }
        match how {
            Settled::Ack => {}
            Settled::Nack { requeue: false } | Settled::Reject { requeue: false } => {
                answers.push(Answer::Dead { message: entry.message, reason: Reason::Rejected });
            }
            Settled::Nack { requeue: true } => self.take_back(rules, entry, rules.nack_counts, answers),
            Settled::Reject { requeue: true } => self.take_back(rules, entry, true, answers),
        }
        self.drop_head(rules, answers);
        self.deliver(rules, now, answers);
    }

    fn release(&mut self, tag: u32) -> Entry<M> {
        let (holder, entry) = self.held[tag as usize].take().expect("a tag is settled once");
        self.free_tags.push(tag);
        self.consumers[holder as usize].held -= 1;
        entry
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
                let place = self.ready.partition_point(|other| other.position < entry.position);
                self.ready.insert(place, entry);
            }
        }
    }

    /// Puts a consumer behind those of its priority that wait already.
    fn await_turn(&mut self, consumer: u32) {
        let priority = self.consumers[consumer as usize].priority;
        let place = self.turns.partition_point(|other| self.consumers[*other as usize].priority >= priority);
        self.turns.insert(place, consumer);
    }

    /// Who gets the next message.
    fn next_taker(&self, rules: &QueueRules) -> Option<u32> {
        if !rules.single_active {
            return self.turns.front().copied();
        }
        let active = self.consumers.iter().position(|consumer| !consumer.gone)? as u32;
        self.turns.contains(&active).then_some(active)
    }

    fn has_taker(&self, rules: &QueueRules) -> bool {
        self.next_taker(rules).is_some()
    }

    /// Delivers from the head on while somebody can take it.
    fn deliver(&mut self, rules: &QueueRules, now: Instant, answers: &mut Vec<Answer<M>>) {
        while let Some(consumer) = self.next_taker(rules) {
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
            self.held[tag as usize] = Some((consumer, entry));
            self.consumers[consumer as usize].held += 1;
            self.turns.retain(|waiting| *waiting != consumer);
            if self.consumers[consumer as usize].has_room() {
                self.await_turn(consumer);
            }
            answers.push(Answer::Deliver { consumer, tag, message: entry.message, redelivered, nth: entry.deliveries });
        }
    }
}

#[cfg(test)]
mod tests;
