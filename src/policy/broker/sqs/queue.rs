//! A queue: what is visible, what is in flight and until when, and what becomes of what comes back (Amazon SQS Developer Guide,
//! "Visibility timeout", "Dead-letter queues", "Delay queues", "FIFO queues"; API reference, `DeleteMessage`).
//!
//! Pure: it answers what is to be delivered or given up. It is called at every instant that [`Queue::wakes_at`] names.

use super::pollers::Pollers;
use super::rules::{Answer, DEDUPLICATION_WINDOW, Kind, LONGEST_VISIBILITY, Polling, Published, Reason, Rules, Sending, Settled};
use crate::base::time::{Instant, Nanos};
use crate::policy::broker::duplicates::Window;
use crate::policy::broker::waiting::{Kept, Place, Waiting};
use std::collections::{BTreeMap, BTreeSet};

/// A message, with what the queue must know of it beside its place and its end.
#[derive(Clone, Copy, Debug)]
struct Body<M> {
    message: M,
    /// `ApproximateReceiveCount`.
    receives: u32,
}

/// A message that is not visible yet, and its group.
type Delayed<M> = (u32, Kept<Body<M>>);

/// What a receipt handle stands for.
#[derive(Clone, Copy, Debug)]
struct Receipt<M> {
    consumer: u32,
    /// The consumer has it in hand.
    in_hand: bool,
    /// Where it stands when it comes back, or came back.
    place: Place,
    received: Instant,
    /// When it is visible again.
    until: Instant,
    /// Nothing once it has become visible: the handle is stale.
    kept: Option<Kept<Body<M>>>,
}

/// A group of a FIFO queue; a standard queue is one that is never blocked.
#[derive(Clone, Copy, Debug, Default)]
struct Group {
    in_flight: u32,
    /// Its first message, as it is listed among what is visible.
    listed: Option<u64>,
}

/// A queue's state.
#[derive(Clone, Debug)]
pub struct Queue<M> {
    waiting: Waiting<Body<M>>,
    groups: BTreeMap<u32, Group>,
    /// First messages of groups that are not blocked, in the order in which they are received: position and group.
    visible: BTreeSet<(u64, u32)>,
    /// By the end of the delay, then by number of sending.
    delayed: BTreeMap<(Instant, u64), Delayed<M>>,
    receipts: BTreeMap<u32, Receipt<M>>,
    /// When receipts expire, by tag.
    timeouts: BTreeSet<(Instant, u32)>,
    /// Positions, in the order of becoming visible for a standard queue and of sending for a FIFO queue.
    next_position: u64,
    next_tag: u32,
    seen: Window,
    pollers: Pollers,
}

impl<M> Default for Queue<M> {
    fn default() -> Queue<M> {
        Queue {
            waiting: Waiting::default(),
            groups: BTreeMap::new(),
            visible: BTreeSet::new(),
            delayed: BTreeMap::new(),
            receipts: BTreeMap::new(),
            timeouts: BTreeSet::new(),
            next_position: 0,
            next_tag: 0,
            seen: Window::default(),
            pollers: Pollers::default(),
        }
    }
}

impl<M: Copy> Queue<M> {
    /// Messages that wait to be received, those of blocked groups too (`ApproximateNumberOfMessages`).
    pub fn ready(&self) -> usize {
        self.waiting.len()
    }

    /// The message that is received next; of what is blocked by its group or delayed, none.
    pub fn next(&self) -> Option<M> {
        let (position, group) = *self.visible.first()?;
        self.waiting.at((group, position)).map(|kept| kept.body.message)
    }

    /// Messages in flight (`ApproximateNumberOfMessagesNotVisible`).
    pub fn unacked(&self) -> usize {
        self.timeouts.len()
    }

    /// Messages whose delay has not ended (`ApproximateNumberOfMessagesDelayed`).
    pub fn delayed(&self) -> usize {
        self.delayed.len()
    }

    // -- senders -----------------------------------------------------------------------------------------------------

    pub fn publish(&mut self, rules: &Rules, message: M, how: Sending, now: Instant, answers: &mut Vec<Answer<M>>) -> Published {
        self.advance(rules, now, answers);
        let published = self.take_in(rules, message, how, now);
        self.advance(rules, now, answers);
        self.serve(rules, now, answers);
        published
    }

    fn take_in(&mut self, rules: &Rules, message: M, how: Sending, now: Instant) -> Published {
        let too_long = how.delay.is_some_and(|delay| rules.is_fifo() || delay > Nanos::from_secs(900));
        if too_long {
            return Published::Refused;
        }
        if let Some(id) = how.deduplication.filter(|_| rules.is_fifo()) {
            if self.seen.has(id, DEDUPLICATION_WINDOW, now) {
                return Published::Duplicate;
            }
            self.seen.remember(id, now);
        }
        let group = if rules.is_fifo() { how.group } else { 0 };
        let kept = Kept { expires: how.since.unwrap_or(now) + rules.retention, body: Body { message, receives: 0 } };
        let delay = how.delay.unwrap_or(rules.delay);
        if delay == Nanos::ZERO {
            self.append(group, kept);
        } else {
            // Numbers of sending and positions are one sequence: both only ever grow.
            let number = self.new_position();
            self.delayed.insert((now + delay, number), (group, kept));
        }
        Published::Taken
    }

    fn new_position(&mut self) -> u64 {
        self.next_position += 1;
        self.next_position
    }

    fn append(&mut self, group: u32, kept: Kept<Body<M>>) {
        let position = self.new_position();
        self.waiting.put((group, position), kept);
        self.list(group);
    }

    /// Lists what a group has to receive, if it has and may.
    fn list(&mut self, number: u32) {
        let head = self.waiting.head(number);
        let group = self.groups.entry(number).or_default();
        let blocked = group.in_flight > 0;
        let visible = head.filter(|_| !blocked);
        if group.listed != visible {
            group.listed.map(|position| self.visible.remove(&(position, number)));
            visible.map(|position| self.visible.insert((position, number)));
            group.listed = visible;
        }
        if head.is_none() && !blocked {
            self.groups.remove(&number);
        }
    }

    // -- time --------------------------------------------------------------------------------------------------------

    /// When [`Queue::wake`] must be called next.
    pub fn wakes_at(&self) -> Instant {
        let delay = self.delayed.first_key_value().map_or(Instant::NEVER, |(key, _)| key.0);
        let timeout = self.timeouts.first().map_or(Instant::NEVER, |timeout| timeout.0);
        let poll = if self.visible.is_empty() { Instant::NEVER } else { self.pollers.asks_at() };
        delay.min(timeout).min(self.waiting.expires_at()).min(poll)
    }

    /// Time has come to the instant that was asked for, or beyond.
    pub fn wake(&mut self, rules: &Rules, now: Instant, answers: &mut Vec<Answer<M>>) {
        self.advance(rules, now, answers);
        self.serve(rules, now, answers);
    }

    /// What becomes visible or too old by itself.
    fn advance(&mut self, rules: &Rules, now: Instant, answers: &mut Vec<Answer<M>>) {
        while let Some(entry) = self.delayed.first_entry().filter(|entry| entry.key().0 <= now) {
            let (group, kept) = entry.remove();
            self.append(group, kept);
        }
        while let Some((_, tag)) = self.timeouts.first().copied().filter(|timeout| timeout.0 <= now) {
            self.expire_receipt(rules, tag);
        }
        while let Some((place, kept)) = self.waiting.take_expired(now) {
            answers.push(dead(rules, kept, Reason::Expired));
            self.list(place.0);
        }
    }

    /// A message in flight becomes visible: in a FIFO queue where it stood, in a standard queue after what is visible.
    fn expire_receipt(&mut self, rules: &Rules, tag: u32) {
        let Some(mut receipt) = self.receipts.remove(&tag) else { return };
        let Some(kept) = self.end_flight(rules, tag, &mut receipt) else { return };
        if !rules.is_fifo() {
            receipt.place.1 = self.new_position();
        }
        self.waiting.put(receipt.place, kept);
        self.list(receipt.place.0);
        if receipt.in_hand {
            self.receipts.insert(tag, receipt);
        }
    }

    fn end_flight(&mut self, rules: &Rules, tag: u32, receipt: &mut Receipt<M>) -> Option<Kept<Body<M>>> {
        let kept = receipt.kept.take()?;
        self.timeouts.remove(&(receipt.until, tag));
        if rules.is_fifo() {
            self.groups.entry(receipt.place.0).or_default().in_flight -= 1;
        }
        Some(kept)
    }

    // -- consumers ---------------------------------------------------------------------------------------------------

    /// Adds a poller, and returns its number.
    pub fn subscribe(&mut self, rules: &Rules, polling: Polling, now: Instant, answers: &mut Vec<Answer<M>>) -> u32 {
        let number = self.pollers.add(polling);
        self.wake(rules, now, answers);
        number
    }

    /// A poller has stopped or crashed: the service does not know, and what it has in hand stays in flight until it times out. It can
    /// still be settled until then, for a receipt handle belongs to nobody.
    pub fn unsubscribe(&mut self, consumer: u32) {
        self.pollers.remove(consumer);
        self.drop_from_hands(|holder| holder == consumer);
    }

    /// Whether this poller has gone.
    pub fn is_gone(&self, consumer: u32) -> bool {
        self.pollers.is_gone(consumer)
    }

    /// The service is back from an outage: nothing that it had taken is lost, what is in flight stays so until it times out, and pollers
    /// are gone; their numbers are given anew.
    pub fn restart(&mut self) {
        self.pollers.clear();
        self.drop_from_hands(|_| true);
    }

    fn drop_from_hands(&mut self, of: impl Fn(u32) -> bool) {
        self.receipts.retain(|_, receipt| {
            receipt.in_hand &= !of(receipt.consumer);
            receipt.in_hand || receipt.kept.is_some()
        });
    }

    /// A consumer has done with what was delivered under this tag. False: the receipt handle was stale and nothing happened; the message
    /// is handled again, or has been. In a standard queue the latest handle can still delete a message that nobody has received since.
    pub fn settle(&mut self, rules: &Rules, tag: u32, how: Settled, now: Instant, answers: &mut Vec<Answer<M>>) -> bool {
        self.advance(rules, now, answers);
        let Some(mut receipt) = self.receipts.remove(&tag) else { return false };
        if std::mem::replace(&mut receipt.in_hand, false) {
            self.pollers.let_go(receipt.consumer);
        }
        let group = receipt.place.0;
        let done = match how {
            Settled::Delete if receipt.kept.is_some() => self.end_flight(rules, tag, &mut receipt).is_some(),
            Settled::Delete => !rules.is_fifo() && self.waiting.take(receipt.place).is_some(),
            Settled::Leave | Settled::Return { .. } => receipt.kept.is_some(),
        };
        self.list(group);
        if receipt.kept.is_some() {
            self.receipts.insert(tag, receipt);
        }
        if let Settled::Return { after } = how {
            return self.change_visibility(rules, tag, after, now, answers);
        }
        self.serve(rules, now, answers);
        done
    }

    /// `ChangeMessageVisibility`: hides a message in flight for so long from now; 0: it is back at once. False: nothing happened, because
    /// the receipt handle was stale, or because the message would be hidden for more than 12 h from when it was received.
    pub fn change_visibility(&mut self, rules: &Rules, tag: u32, timeout: Nanos, now: Instant, answers: &mut Vec<Answer<M>>) -> bool {
        self.advance(rules, now, answers);
        let until = now + timeout;
        let receipt = self.receipts.get_mut(&tag);
        let live = receipt.filter(|receipt| receipt.kept.is_some() && until <= receipt.received + LONGEST_VISIBILITY);
        let done = live.is_some();
        if let Some(receipt) = live {
            self.timeouts.remove(&(receipt.until, tag));
            self.timeouts.insert((until, tag));
            receipt.until = until;
        }
        self.wake(rules, now, answers);
        done
    }

    /// Answers receives while there is something for them.
    fn serve(&mut self, rules: &Rules, now: Instant, answers: &mut Vec<Answer<M>>) {
        if self.visible.is_empty() {
            // Short polls that have just begun bring nothing.
            return self.pollers.rest(rules, now);
        }
        self.pollers.resume(rules, now);
        while let Some(consumer) = self.pollers.first().filter(|_| !self.visible.is_empty()) {
            let room = rules.in_flight_limit.saturating_sub(self.unacked() as u32);
            if room == 0 && rules.is_fifo() {
                break;
            }
            if room == 0 {
                answers.push(Answer::OverLimit { consumer });
                self.pollers.failed(now);
            } else if self.receive(rules, consumer, room, now, answers) > 0 {
                self.pollers.answered();
            }
        }
        self.pollers.rest(rules, now);
    }

    /// One receive, which brings at most so many messages; returns how many it brings.
    fn receive(&mut self, rules: &Rules, consumer: u32, room: u32, now: Instant, answers: &mut Vec<Answer<M>>) -> u32 {
        let most = self.pollers.most(consumer).min(room);
        let (mut brought, mut last_group) = (0, None);
        while brought < most {
            let Some(place) = self.next_place(rules, last_group) else { break };
            let Some(kept) = self.waiting.take(place) else { break };
            if rules.max_receives.is_some_and(|most| kept.body.receives >= most) {
                answers.push(dead(rules, kept, Reason::MaxReceives));
            } else {
                answers.push(self.hand_over(rules, consumer, place, kept, now));
                last_group = Some(place.0);
                brought += 1;
            }
            self.list(place.0);
        }
        brought
    }

    /// What a receive brings next: more of a group that it brings anyway, if it may, or the first that is visible.
    fn next_place(&self, rules: &Rules, last_group: Option<u32>) -> Option<Place> {
        let same = last_group.filter(|_| rules.kind == Kind::Fifo { batches_groups: true });
        let more = same.and_then(|group| Some((group, self.waiting.head(group)?)));
        more.or_else(|| self.visible.first().map(|(position, group)| (*group, *position)))
    }

    fn hand_over(&mut self, rules: &Rules, consumer: u32, place: Place, mut kept: Kept<Body<M>>, now: Instant) -> Answer<M> {
        kept.body.receives = kept.body.receives.saturating_add(1);
        let Body { message, receives: nth } = kept.body;
        let (tag, until) = (self.new_tag(), now + rules.visibility);
        self.timeouts.insert((until, tag));
        self.receipts.insert(tag, Receipt { consumer, in_hand: true, place, received: now, until, kept: Some(kept) });
        if rules.is_fifo() {
            self.groups.entry(place.0).or_default().in_flight += 1;
        }
        self.pollers.take_in_hand(consumer);
        Answer::Deliver { consumer, tag, message, redelivered: nth > 1, nth }
    }

    /// Tags count deliveries; one comes again after 2^32 of them, and never while it is known.
    fn new_tag(&mut self) -> u32 {
        while self.receipts.contains_key(&self.next_tag) {
            self.next_tag = self.next_tag.wrapping_add(1);
        }
        let tag = self.next_tag;
        self.next_tag = tag.wrapping_add(1);
        tag
    }
}

fn dead<M>(rules: &Rules, kept: Kept<Body<M>>, reason: Reason) -> Answer<M> {
    let sent = Instant(kept.expires.0.saturating_sub(rules.retention.0));
    Answer::Dead { message: kept.body.message, reason, sent }
}

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;
