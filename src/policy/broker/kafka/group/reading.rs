//! The members' loop: poll, hand over, settle, commit.

use super::member::{InHand, Span, Standing};
use super::{Group, Handled, Heard, Scene, State};
use crate::base::time::Instant;
use crate::policy::broker::kafka::rules::{Commit, Protocol, Reset};
use crate::policy::broker::kafka::{Answer, Delivery, Missed};
use std::ops::Range;

impl Group {
    /// A member has done with what it had in hand.
    pub(in super::super) fn handled<M: Copy>(&mut self, member: u32, tag: u64, how: Handled, scene: &mut Scene<M>) -> Heard {
        let one = &mut self.members[member as usize];
        let Some(hand) = one.in_hand.filter(|hand| hand.tag == tag && one.standing != Standing::Gone) else { return Heard::Stale };
        one.in_hand = None;
        let heard = self.settle(member, hand, how, scene);
        self.hand_over(member, scene);
        heard
    }

    fn settle<M: Copy>(&mut self, member: u32, hand: InHand, how: Handled, scene: &Scene<M>) -> Heard {
        let again = match how {
            Handled::Retry { after } if self.rules.commit != Commit::BeforeHandling => Some(scene.now + after),
            Handled::Retry { .. } | Handled::Done | Handled::Skip => None,
        };
        if again.is_some() {
            self.members[member as usize].batch.retain(|span| span.partition != hand.partition);
        }
        let cursor = &mut self.cursors[hand.partition as usize];
        // The log may have been cut off before the record.
        if cursor.owner != Some(member) || hand.offset >= cursor.position {
            return Heard::Stale;
        }
        let expired = hand.offset < scene.logs[hand.partition as usize].log().start();
        if let (Some(at), false) = (again, expired) {
            cursor.move_to(hand.offset);
            cursor.retry_at = at;
            self.ring(at);
            return Heard::Counted;
        }
        if again.is_some() {
            // The rest of the poll was given up for the retry, and is read again.
            cursor.move_to((hand.offset + 1).max(scene.logs[hand.partition as usize].log().start()));
        }
        // Up to what is to be handed over next; retention may have taken some between.
        let rest = self.members[member as usize].batch.iter().find(|span| span.partition == hand.partition);
        cursor.settled = rest.map_or(cursor.position, |span| span.next);
        if self.rules.commit == Commit::PerRecord {
            self.commit_partition(member, hand.partition);
        }
        if again.is_some() { Heard::Expired } else { Heard::Counted }
    }

    /// Hands the next record of the last poll over, or polls again.
    pub(super) fn hand_over<M: Copy>(&mut self, member: u32, scene: &mut Scene<M>) {
        let one = &mut self.members[member as usize];
        debug_assert!(one.in_hand.is_none());
        let Some(span) = one.batch.front_mut() else {
            if self.rules.commit == Commit::PerPoll {
                self.commit(member);
            }
            return self.poll(member, scene);
        };
        let (partition, offset) = (span.partition, span.next);
        span.next += 1;
        if span.next == span.end {
            one.batch.pop_front();
        }
        let Some(record) = scene.logs[partition as usize].log().get(offset) else {
            debug_assert!(false, "spans are kept within the log");
            return;
        };
        let first_of_poll = std::mem::take(&mut one.fresh);
        let tag = self.tags;
        self.tags += 1;
        one.in_hand = Some(InHand { tag, partition, offset });
        let cursor = &mut self.cursors[partition as usize];
        // At most once, nobody gets what another has got, whatever the order.
        let redelivered = cursor.hand(offset) && self.rules.commit != Commit::BeforeHandling;
        let nth = if cursor.owner == Some(member) { cursor.attempt(offset) } else { 1 };
        let (group, message) = (self.number, record.message);
        let delivery = Delivery { group, member, tag, partition, offset, message, redelivered, nth, first_of_poll };
        scene.answers.push(Answer::Deliver(delivery));
    }

    /// A member's poll, as far as it can come: news of the group first, then commits, then records.
    pub(super) fn poll<M: Copy>(&mut self, member: u32, scene: &mut Scene<M>) {
        let one = &mut self.members[member as usize];
        if !one.idle() {
            return;
        }
        one.poll_by = Instant::NEVER;
        // A static member that was silent for being slow is heard again.
        one.session_ends = Instant::NEVER;
        if !one.is_in() {
            return self.enter(member, scene);
        }
        self.attend(member, scene);
        if !self.may_read(member) || !self.members[member as usize].idle() {
            return;
        }
        self.commit_if_due(member, scene.now);
        if self.fetch(member, scene) {
            if self.rules.commit == Commit::BeforeHandling {
                self.commit(member);
            }
            let by = scene.now + self.rules.max_poll_interval;
            let one = &mut self.members[member as usize];
            (one.poll_by, one.fresh) = (by, true);
            self.ring(by);
            self.hand_over(member, scene);
        }
    }

    /// In the eager protocol, who has rejoined has nothing to read until all have.
    fn may_read(&self, member: u32) -> bool {
        let one = &self.members[member as usize];
        let waits = match self.state {
            State::Preparing { .. } => one.rejoined,
            State::Completing { .. } => true,
            State::Empty | State::Stable => false,
        };
        one.is_in() && !(self.rules.protocol == Protocol::Eager && waits)
    }

    /// Takes up to `max.poll.records` from its partitions, each poll beginning with another one.
    fn fetch<M: Copy>(&mut self, member: u32, scene: &Scene<M>) -> bool {
        let count = self.cursors.len() as u32;
        let first = self.members[member as usize].turn;
        let mut room = u64::from(self.rules.max_poll_records);
        let mut last = first;
        for partition in (0..count).map(|step| (first + step) % count) {
            let (log, cursor) = (&scene.logs[partition as usize], &mut self.cursors[partition as usize]);
            let blocked = log.leader().is_none() || cursor.owner != Some(member) || cursor.stuck || cursor.retry_at > scene.now;
            let some = log.high().saturating_sub(cursor.position).min(room);
            if blocked || some == 0 {
                continue;
            }
            let span = Span { partition, next: cursor.position, end: cursor.position + some };
            cursor.position = span.end;
            self.members[member as usize].batch.push_back(span);
            (room, last) = (room - some, partition);
        }
        self.members[member as usize].turn = (last + 1) % count;
        room < u64::from(self.rules.max_poll_records)
    }

    // -- commits -----------------------------------------------------------------------------------------------------

    fn commit_if_due(&mut self, member: u32, now: Instant) {
        let Commit::Auto { interval } = self.rules.commit else { return };
        let one = &mut self.members[member as usize];
        if one.commit_due > now {
            return;
        }
        one.commit_due = now + interval;
        self.commit(member);
    }

    /// Commits what a member has handled, or, at most once, what it has got. Who cannot be heard commits nothing.
    pub(super) fn commit(&mut self, member: u32) {
        for partition in 0..self.cursors.len() as u32 {
            self.commit_partition(member, partition);
        }
    }

    fn commit_partition(&mut self, member: u32, partition: u32) {
        let early = self.rules.commit == Commit::BeforeHandling;
        let cursor = &mut self.cursors[partition as usize];
        if cursor.owner != Some(member) || cursor.stuck || !self.members[member as usize].reachable {
            return;
        }
        let offset = if early { cursor.position } else { cursor.settled };
        cursor.commit(offset);
    }

    // -- where to begin ----------------------------------------------------------------------------------------------

    /// A member gets a partition, and goes on where the group has committed.
    pub(super) fn take<M: Copy>(&mut self, member: u32, partition: u32, scene: &mut Scene<M>) {
        let cursor = &mut self.cursors[partition as usize];
        cursor.owner = Some(member);
        if cursor.has_commit && cursor.committed >= scene.logs[partition as usize].log().start() {
            return cursor.move_to(cursor.committed);
        }
        self.reset(member, partition, scene);
    }

    /// There is no valid offset: `auto.offset.reset` says where to go on.
    fn reset<M: Copy>(&mut self, member: u32, partition: u32, scene: &mut Scene<M>) {
        let log = &scene.logs[partition as usize];
        let from = self.cursors[partition as usize].position.max(log.log().start());
        match self.rules.reset {
            Reset::Earliest => self.cursors[partition as usize].move_to(log.log().start()),
            Reset::Latest => {
                let high = log.high();
                self.miss(partition, from..high, Missed::Reset, scene);
                self.cursors[partition as usize].move_to(high);
            }
            Reset::None => {
                self.cursors[partition as usize].stuck = true;
                scene.answers.push(Answer::NoOffset { group: self.number, member, partition });
            }
        }
    }

    fn miss<M: Copy>(&mut self, partition: u32, offsets: Range<u64>, why: Missed, scene: &mut Scene<M>) {
        let cursor = &mut self.cursors[partition as usize];
        // Who finds no commit again and again misses each record once.
        let begin = offsets.start.max(cursor.missed);
        cursor.missed = cursor.missed.max(offsets.end);
        for offset in begin..offsets.end {
            let Some(record) = scene.logs[partition as usize].log().get(offset) else { continue };
            let (group, message) = (self.number, record.message);
            scene.answers.push(Answer::Missed { group, partition, offset, message, redelivered: offset < cursor.handed, why });
        }
    }

    /// Retention is about to delete what lies before `start`. What a member has polled but not begun goes, too.
    pub(in super::super) fn expiring<M: Copy>(&mut self, partition: u32, start: u64, scene: &mut Scene<M>) {
        for member in 0..self.members.len() as u32 {
            self.drop_unbegun(member, partition, start, scene);
        }
        let position = self.cursors[partition as usize].position;
        let begin = position.max(scene.logs[partition as usize].log().start());
        if begin < start {
            self.miss(partition, begin..start, Missed::Expired, scene);
        }
    }

    fn drop_unbegun<M: Copy>(&mut self, member: u32, partition: u32, start: u64, scene: &mut Scene<M>) {
        let owns = self.cursors[partition as usize].owner == Some(member);
        let spans = &mut self.members[member as usize].batch;
        let Some(span) = spans.iter_mut().find(|span| span.partition == partition && span.next < start) else { return };
        let (next, gone) = (span.next, start.min(span.end));
        span.next = gone;
        spans.retain(|span| span.next < span.end);
        if owns {
            self.miss(partition, next..gone, Missed::Expired, scene);
            if self.members[member as usize].in_hand.is_none_or(|hand| hand.partition != partition) {
                self.cursors[partition as usize].settled = gone;
            }
        }
    }

    /// Retention has deleted: whoever stood there finds his offset out of range.
    pub(in super::super) fn expired<M: Copy>(&mut self, partition: u32, scene: &mut Scene<M>) {
        let cursor = &self.cursors[partition as usize];
        let out = cursor.position < scene.logs[partition as usize].log().start();
        if let (Some(owner), true, false) = (cursor.owner, out, cursor.stuck) {
            self.reset(owner, partition, scene);
            self.poll(owner, scene);
        }
    }
}
