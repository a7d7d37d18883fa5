//! A queue, or a topic's subscription: what waits, what is locked and until when, what is set aside, and what becomes of what comes back
//! (Azure Service Bus documentation, "Message transfers, locks, and settlement", "Message deferral", "Scheduled messages").
//!
//! Pure: it answers what is to be delivered or given up. It is called at every instant that [`Queue::wakes_at`] names.

use super::receivers::Receivers;
use super::rules::{Answer, Mode, Published, Reason, Receiving, Rules, Sending, Settled};
use crate::base::time::{Instant, Nanos};
use crate::policy::broker::duplicates::Window;
use crate::policy::broker::waiting::{Kept, Place, Waiting};
use std::collections::{BTreeMap, BTreeSet};

/// A message, with what the queue must know of it beside its place and its end.
#[derive(Clone, Copy, Debug)]
struct Body<M> {
    message: M,
    bytes: u32,
    /// `DeliveryCount`: deliveries that came to nothing.
    failures: u16,
    deliveries: u16,
}

/// A message that does not wait in its session, and that session.
type Aside<M> = (u32, Kept<Body<M>>);

/// What a lock token stands for.
#[derive(Clone, Copy, Debug)]
struct Delivery<M> {
    consumer: u32,
    place: Place,
    /// When it was locked, or a renewal was asked for last: from then on its client renews as each lock duration ends.
    at: Instant,
    /// Its lock ends.
    until: Instant,
    /// It was received by its sequence number, and if it comes back it is set aside again.
    deferred: bool,
    state: State<M>,
}

#[derive(Clone, Copy, Debug)]
enum State<M> {
    Locked(Kept<Body<M>>),
    /// The lock has ended: the token is stale.
    Lost,
    /// Nothing is left to settle (`ReceiveAndDelete`).
    Deleted,
}

/// A queue's state.
#[derive(Clone, Debug)]
pub struct Queue<M> {
    waiting: Waiting<Body<M>>,
    /// By when it is enqueued, then by number of sending.
    scheduled: BTreeMap<(Instant, u64), Aside<M>>,
    /// By sequence number.
    deferred: BTreeMap<u64, Aside<M>>,
    /// By tag.
    deliveries: BTreeMap<u32, Delivery<M>>,
    /// When locks end, by tag.
    locks: BTreeSet<(Instant, u32)>,
    bytes: u64,
    next_sequence: u64,
    next_tag: u32,
    seen: Window,
    receivers: Receivers,
}

impl<M> Default for Queue<M> {
    fn default() -> Queue<M> {
        Queue {
            waiting: Waiting::default(),
            scheduled: BTreeMap::new(),
            deferred: BTreeMap::new(),
            deliveries: BTreeMap::new(),
            locks: BTreeSet::new(),
            bytes: 0,
            next_sequence: 0,
            next_tag: 0,
            seen: Window::default(),
            receivers: Receivers::default(),
        }
    }
}

impl<M: Copy> Queue<M> {
    /// Messages that wait for a receiver.
    pub fn ready(&self) -> usize {
        self.waiting.len()
    }

    /// The first message that waits; with sessions, of the first session.
    pub fn next(&self) -> Option<M> {
        self.waiting.first().map(|kept| kept.body.message)
    }

    /// Messages that are locked.
    pub fn unacked(&self) -> usize {
        self.locks.len()
    }

    /// Messages that are not enqueued yet.
    pub fn scheduled(&self) -> usize {
        self.scheduled.len()
    }

    /// Messages that are set aside.
    pub fn deferred(&self) -> usize {
        self.deferred.len()
    }

    /// The size of all messages that are here, received or not.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    // -- senders -----------------------------------------------------------------------------------------------------

    pub fn publish(&mut self, rules: &Rules, message: M, how: Sending, now: Instant, answers: &mut Vec<Answer<M>>) -> Published {
        self.advance(rules, now, answers);
        let published = self.take_in(rules, message, how, now);
        self.deliver(rules, now, answers);
        published
    }

    fn take_in(&mut self, rules: &Rules, message: M, how: Sending, now: Instant) -> Published {
        let total = self.bytes + u64::from(how.bytes);
        if rules.max_bytes.is_some_and(|most| total > most) {
            return Published::QuotaExceeded;
        }
        if let (Some(id), Some(window)) = (how.id, rules.duplicate_window) {
            if self.seen.has(id, window, now) {
                return Published::Duplicate;
            }
            self.seen.remember(id, now);
        }
        self.bytes = total;
        let session = if rules.sessions { how.session } else { 0 };
        let enqueued = how.enqueue_at.unwrap_or(now).max(now);
        let ttl = [how.ttl, rules.ttl].into_iter().flatten().min();
        let expires = ttl.map_or(Instant::NEVER, |ttl| enqueued + ttl);
        let kept = Kept { expires, body: Body { message, bytes: how.bytes, failures: 0, deliveries: 0 } };
        if enqueued > now {
            // Numbers of sending and of sequence are one series: both only ever grow.
            let number = self.new_sequence();
            self.scheduled.insert((enqueued, number), (session, kept));
        } else {
            self.enqueue(session, kept);
        }
        Published::Taken
    }

    fn new_sequence(&mut self) -> u64 {
        self.next_sequence += 1;
        self.next_sequence
    }

    fn enqueue(&mut self, session: u32, kept: Kept<Body<M>>) {
        let place = (session, self.new_sequence());
        self.put(place, kept);
    }

    fn put(&mut self, place: Place, kept: Kept<Body<M>>) {
        self.waiting.put(place, kept);
        self.receivers.list(place.0, self.waiting.head(place.0));
    }

    // -- time --------------------------------------------------------------------------------------------------------

    /// When [`Queue::wake`] must be called next.
    pub fn wakes_at(&self) -> Instant {
        let scheduled = self.scheduled.first_key_value().map_or(Instant::NEVER, |(key, _)| key.0);
        let lock = self.locks.first().map_or(Instant::NEVER, |lock| lock.0);
        let idle = self.receivers.next_idle().map_or(Instant::NEVER, |idle| idle.0);
        scheduled.min(lock).min(idle).min(self.waiting.expires_at())
    }

    /// Time has come to the instant that was asked for, or beyond.
    pub fn wake(&mut self, rules: &Rules, now: Instant, answers: &mut Vec<Answer<M>>) {
        self.advance(rules, now, answers);
        self.deliver(rules, now, answers);
    }

    /// What happens by itself.
    fn advance(&mut self, rules: &Rules, now: Instant, answers: &mut Vec<Answer<M>>) {
        while let Some(entry) = self.scheduled.first_entry().filter(|entry| entry.key().0 <= now) {
            let (session, kept) = entry.remove();
            self.enqueue(session, kept);
        }
        while let Some((_, tag)) = self.locks.first().copied().filter(|lock| lock.0 <= now) {
            self.lose_lock(rules, tag, now, answers);
        }
        while let Some((_, session)) = self.receivers.next_idle().filter(|idle| idle.0 <= now) {
            self.receivers.release(session, self.waiting.head(session));
        }
        while let Some((place, kept)) = self.waiting.take_expired(now) {
            self.expire(rules, kept, answers);
            self.receivers.list(place.0, self.waiting.head(place.0));
        }
    }

    fn expire(&mut self, rules: &Rules, kept: Kept<Body<M>>, answers: &mut Vec<Answer<M>>) {
        if rules.dead_letter_on_expiry {
            return self.bury(kept, Reason::Expired, answers);
        }
        self.bytes -= u64::from(kept.body.bytes);
        answers.push(Answer::Expired { message: kept.body.message });
    }

    fn bury(&mut self, kept: Kept<Body<M>>, reason: Reason, answers: &mut Vec<Answer<M>>) {
        self.bytes -= u64::from(kept.body.bytes);
        answers.push(Answer::Dead { message: kept.body.message, reason });
    }

    fn lose_lock(&mut self, rules: &Rules, tag: u32, now: Instant, answers: &mut Vec<Answer<M>>) {
        let Some(mut delivery) = self.unlock(tag) else { return };
        if let State::Locked(kept) = std::mem::replace(&mut delivery.state, State::Lost) {
            self.take_back(rules, &delivery, kept, now, answers);
        }
        if !delivery.deferred {
            // A session's lock is that of its messages.
            self.receivers.release(delivery.place.0, self.waiting.head(delivery.place.0));
        }
        if !self.receivers.of(delivery.consumer).gone {
            self.deliveries.insert(tag, delivery);
        }
    }

    /// Takes a delivery off the books, and its lock.
    fn unlock(&mut self, tag: u32) -> Option<Delivery<M>> {
        let delivery = self.deliveries.remove(&tag)?;
        self.locks.remove(&(delivery.until, tag));
        Some(delivery)
    }

    /// A delivery has come to nothing: its message is where it stood, unless that was once too often.
    fn take_back(&mut self, rules: &Rules, delivery: &Delivery<M>, mut kept: Kept<Body<M>>, now: Instant, answers: &mut Vec<Answer<M>>) {
        kept.body.failures = kept.body.failures.saturating_add(1);
        if u32::from(kept.body.failures) >= rules.max_delivery_count {
            self.bury(kept, Reason::MaxDeliveryCountExceeded, answers);
        } else if delivery.deferred {
            self.deferred.insert(delivery.place.1, (delivery.place.0, kept));
        } else if kept.expires <= now {
            self.expire(rules, kept, answers);
        } else {
            self.put(delivery.place, kept);
        }
    }

    // -- receivers ---------------------------------------------------------------------------------------------------

    /// Adds a receiver, and returns its number.
    pub fn subscribe(&mut self, rules: &Rules, receiving: Receiving, now: Instant, answers: &mut Vec<Answer<M>>) -> u32 {
        let number = self.receivers.add(receiving);
        self.wake(rules, now, answers);
        number
    }

    /// A receiver is closed: what it has locked is back at once, which counts as deliveries that came to nothing, and so are its sessions.
    /// What it has received and deleted is not.
    pub fn unsubscribe(&mut self, rules: &Rules, consumer: u32, now: Instant, answers: &mut Vec<Answer<M>>) {
        self.advance(rules, now, answers);
        self.close(rules, consumer, now, answers);
        self.deliver(rules, now, answers);
    }

    fn close(&mut self, rules: &Rules, consumer: u32, now: Instant, answers: &mut Vec<Answer<M>>) {
        self.receivers.close(consumer);
        for tag in self.held_by(consumer) {
            let Some(delivery) = self.unlock(tag) else { continue };
            if let State::Locked(kept) = delivery.state {
                self.take_back(rules, &delivery, kept, now, answers);
            }
        }
        for session in self.receivers.sessions_of(consumer) {
            self.receivers.release(session, self.waiting.head(session));
        }
    }

    fn held_by(&self, consumer: u32) -> Vec<u32> {
        self.deliveries.iter().filter(|(_, delivery)| delivery.consumer == consumer).map(|(tag, _)| *tag).collect()
    }

    /// A receiver is lost without a word: it renews nothing more, and what it has locked comes back when the lock ends that it got or
    /// renewed last.
    pub fn lose(&mut self, rules: &Rules, consumer: u32, now: Instant, answers: &mut Vec<Answer<M>>) {
        self.advance(rules, now, answers);
        self.receivers.close(consumer);
        for tag in self.held_by(consumer) {
            let Some(delivery) = self.unlock(tag) else { continue };
            if let State::Locked(_) = delivery.state {
                let locks = now.since(delivery.at).0 / rules.lock.0 + 1;
                let until = delivery.until.min(delivery.at + Nanos(rules.lock.0.saturating_mul(locks)));
                self.locks.insert((until, tag));
                self.deliveries.insert(tag, Delivery { until, ..delivery });
            } else if !delivery.deferred && matches!(delivery.state, State::Deleted) {
                self.receivers.release(delivery.place.0, self.waiting.head(delivery.place.0));
            }
        }
        for session in self.receivers.sessions_of(consumer) {
            self.receivers.idle_no_longer_than(session, now + rules.lock);
        }
        self.deliver(rules, now, answers);
    }

    /// Whether this receiver has gone.
    pub fn is_gone(&self, consumer: u32) -> bool {
        self.receivers.of(consumer).gone
    }

    /// The service is back from an outage: nothing that it had taken is lost, and receivers are closed; their numbers are given anew.
    pub fn restart(&mut self, rules: &Rules, now: Instant, answers: &mut Vec<Answer<M>>) {
        self.advance(rules, now, answers);
        for consumer in 0..self.receivers.count() {
            self.close(rules, consumer, now, answers);
        }
        self.deliveries.clear();
        self.receivers.forget_all();
    }

    /// A receiver has settled a delivery. False: its lock had ended and nothing happened; the message is handled again, or has been.
    /// What was received and deleted is settled too, when the receiver has done with it: its room is free, and that is all.
    pub fn settle(&mut self, rules: &Rules, tag: u32, how: Settled, now: Instant, answers: &mut Vec<Answer<M>>) -> bool {
        self.advance(rules, now, answers);
        let Some(delivery) = self.unlock(tag) else { return false };
        self.receivers.let_go(delivery.consumer);
        let done = match delivery.state {
            State::Lost => false,
            State::Deleted => true,
            State::Locked(kept) => {
                self.settle_locked(rules, &delivery, kept, how, now, answers);
                true
            }
        };
        if done && !delivery.deferred {
            let (session, head) = (delivery.place.0, self.waiting.head(delivery.place.0));
            if self.is_gone(delivery.consumer) {
                self.receivers.release(session, head);
            } else {
                self.receivers.session_in(session, head, now);
            }
        }
        self.wake(rules, now, answers);
        done
    }

    fn settle_locked(
        &mut self,
        rules: &Rules,
        delivery: &Delivery<M>,
        kept: Kept<Body<M>>,
        how: Settled,
        now: Instant,
        answers: &mut Vec<Answer<M>>,
    ) {
        match how {
            Settled::Complete => self.bytes -= u64::from(kept.body.bytes),
            Settled::Abandon => self.take_back(rules, delivery, kept, now, answers),
            Settled::DeadLetter => self.bury(kept, Reason::DeadLettered, answers),
            Settled::Defer => {
                self.deferred.insert(delivery.place.1, (delivery.place.0, kept));
            }
        }
    }

    /// Renews a lock: it ends a lock duration from now, unless it ends later anyway. False: it has ended already.
    pub fn renew(&mut self, rules: &Rules, tag: u32, now: Instant) -> bool {
        let live = self.deliveries.get_mut(&tag).filter(|delivery| matches!(delivery.state, State::Locked(_)) && delivery.until > now);
        let Some(delivery) = live else { return false };
        self.locks.remove(&(delivery.until, tag));
        delivery.at = now;
        delivery.until = delivery.until.max(now + rules.lock);
        self.locks.insert((delivery.until, tag));
        true
    }

    /// A receiver asks for a message that was set aside, whether it has room or not. False: there is none under this number, the receiver
    /// has gone, or it does not hold the message's session.
    pub fn receive_deferred(&mut self, rules: &Rules, consumer: u32, sequence: u64, now: Instant, answers: &mut Vec<Answer<M>>) -> bool {
        self.advance(rules, now, answers);
        let session = self.deferred.get(&sequence).map(|deferred| deferred.0);
        let may = session.is_some_and(|session| !rules.sessions || self.receivers.holds(consumer, session)) && !self.is_gone(consumer);
        let taken = if may { self.deferred.remove(&sequence) } else { None };
        if let Some((session, kept)) = taken {
            let delivery = self.new_delivery(consumer, (session, sequence), now);
            self.hand_over(rules, Delivery { deferred: true, ..delivery }, kept, answers);
        }
        self.deliver(rules, now, answers);
        taken.is_some()
    }

    /// Delivers while somebody can take something.
    fn deliver(&mut self, rules: &Rules, now: Instant, answers: &mut Vec<Answer<M>>) {
        while let Some((consumer, (sequence, session))) = self.receivers.next() {
            let Some(kept) = self.waiting.take((session, sequence)) else { return };
            let delivery = self.new_delivery(consumer, (session, sequence), now);
            self.hand_over(rules, delivery, kept, answers);
            self.receivers.session_out(rules, session, consumer, self.waiting.head(session));
        }
    }

    /// A delivery that has nothing locked yet.
    fn new_delivery(&self, consumer: u32, place: Place, now: Instant) -> Delivery<M> {
        Delivery { consumer, place, at: now, until: Instant::NEVER, deferred: false, state: State::Deleted }
    }

    fn hand_over(&mut self, rules: &Rules, mut delivery: Delivery<M>, mut kept: Kept<Body<M>>, answers: &mut Vec<Answer<M>>) {
        let (consumer, tag, redelivered) = (delivery.consumer, self.new_tag(), kept.body.deliveries > 0);
        kept.body.deliveries = kept.body.deliveries.saturating_add(1);
        let Body { message, deliveries, bytes, .. } = kept.body;
        let receiving = self.receivers.of(consumer).receiving;
        match receiving.mode {
            Mode::ReceiveAndDelete => self.bytes -= u64::from(bytes),
            Mode::PeekLock => {
                delivery.until = delivery.at + rules.lock.max(receiving.renew_for);
                delivery.state = State::Locked(kept);
                self.locks.insert((delivery.until, tag));
            }
        }
        self.receivers.take_in_hand(consumer);
        let (nth, sequence) = (u32::from(deliveries), delivery.place.1);
        self.deliveries.insert(tag, delivery);
        answers.push(Answer::Deliver { consumer, tag, message, redelivered, nth, sequence });
    }

    /// Tags count deliveries; one comes again after 2^32 of them, and never while it is known.
    fn new_tag(&mut self) -> u32 {
        while self.deliveries.contains_key(&self.next_tag) {
            self.next_tag = self.next_tag.wrapping_add(1);
        }
        let tag = self.next_tag;
        self.next_tag = tag.wrapping_add(1);
        tag
    }
}

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;
