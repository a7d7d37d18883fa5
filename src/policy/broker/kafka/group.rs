//! A group: who is in it, who reads which partition, and how far each has come (Apache Kafka documentation, "Consumer Configs", and the
//! group protocols of KIP-429 and KIP-848).
//!
//! It owns the coordinator's side (members, generations, commits) and the members' loop (poll, one record after the other, poll again).
//! It does not own the records: those are the partitions'. A member that has been thrown out goes on with what it has polled, as a
//! consumer does that does not know, and what it does counts for nothing.

mod cursor;
mod member;
mod membership;
mod reading;

use super::Answer;
use super::partition::Partition;
use super::rules::{Commit, GroupRules};
use crate::base::time::{Instant, Nanos};
use cursor::Cursor;
use member::{Member, Standing};

/// What became of a record in a member's hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handled {
    Done,
    /// It failed, and is read again after this time; its partition waits for it. At most once, this is as `Skip`.
    Retry {
        after: Nanos,
    },
    /// It failed, and is passed over.
    Skip,
}

/// Whether the group heard of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It counts.
    Counted,
    /// The member owns the partition no more: the record is, or will be, somebody else's, again.
    Stale,
    /// It was to be tried again, but retention has deleted it: it counts as passed over.
    Expired,
}

/// Where a group is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Empty,
    /// Classic protocols: members are waited for.
    PreparingRebalance,
    /// Classic protocols: the assignment is on its way.
    CompletingRebalance,
    Stable,
    /// The broker-driven protocol: some partition is not yet with its owner.
    Reconciling,
}

/// A group's figures, in records, summed over partitions. committed ≤ position ≤ end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Figures {
    pub end: u64,
    pub committed: u64,
    pub position: u64,
    /// Returned by polls to the partition's present owner, and not yet handled.
    pub in_hand: u64,
    /// end − committed.
    pub lag: u64,
    /// end − position.
    pub unread: u64,
}

/// What a group may see at an instant, and where it says what is to be done.
pub(super) struct Scene<'a, M> {
    pub logs: &'a [Partition<M>],
    pub now: Instant,
    pub answers: &'a mut Vec<Answer<M>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Empty,
    Preparing {
        ends: Instant,
        initial: Option<Initial>,
    },
    Completing {
        ends: Instant,
    },
    /// Also all of a broker-driven group's life with members.
    Stable,
}

/// An empty group waits for more than its first member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Initial {
    /// Somebody has come since the wait was last prolonged.
    came: bool,
    /// How much longer it may be prolonged.
    rest: Nanos,
}

/// A group's state.
#[derive(Clone, Debug)]
pub struct Group {
    number: u32,
    rules: GroupRules,
    state: State,
    generation: u32,
    members: Vec<Member>,
    cursors: Vec<Cursor>,
    /// Of a broker-driven group: who shall have each partition.
    target: Vec<Option<u32>>,
    tags: u64,
    /// Nothing happens by itself before this time, and maybe not even then.
    alarm: Instant,
}

impl Group {
    /// A group that comes to a topic: with `auto.offset.reset=latest`, what lies in it already is none of its business.
    pub(super) fn new<M: Copy>(rules: GroupRules, number: u32, logs: &[Partition<M>]) -> Group {
        let from = |log: &Partition<M>| if rules.reset == super::rules::Reset::Earliest { log.log().start() } else { log.high() };
        let cursors = logs.iter().map(|log| Cursor::new(from(log))).collect();
        Group {
            number,
            rules,
            state: State::Empty,
            generation: 0,
            members: Vec::new(),
            cursors,
            target: vec![None; logs.len()],
            tags: 0,
            alarm: Instant::NEVER,
        }
    }

    // -- figures -----------------------------------------------------------------------------------------------------

    pub fn phase(&self) -> Phase {
        let settled = || self.cursors.iter().zip(&self.target).all(|(cursor, target)| cursor.owner == *target);
        match self.state {
            State::Empty => Phase::Empty,
            State::Preparing { .. } => Phase::PreparingRebalance,
            State::Completing { .. } => Phase::CompletingRebalance,
            State::Stable if self.is_broker_driven() && !settled() => Phase::Reconciling,
            State::Stable => Phase::Stable,
        }
    }

    /// Counts the assignments; of a broker-driven group, the changes of membership.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    pub fn partitions(&self) -> u32 {
        self.cursors.len() as u32
    }

    /// The member that reads a partition.
    pub fn owner(&self, partition: u32) -> Option<u32> {
        self.cursors[partition as usize].owner
    }

    /// Records that a member's last poll has returned and that it has not done with.
    pub fn unhandled(&self, member: u32) -> u64 {
        let one = &self.members[member as usize];
        one.batch.iter().map(|span| span.end - span.next).sum::<u64>() + u64::from(one.in_hand.is_some())
    }

    /// The members that count as alive.
    pub fn members(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.members.len() as u32).filter(|member| self.members[*member as usize].is_in())
    }

    /// One partition's, or the sum of all.
    pub(super) fn figures<M: Copy>(&self, logs: &[Partition<M>], partition: Option<u32>) -> Figures {
        let mut sum = Figures::default();
        for (number, (cursor, log)) in self.cursors.iter().zip(logs).enumerate() {
            if partition.is_some_and(|wanted| wanted as usize != number) {
                continue;
            }
            let end = log.log().end();
            debug_assert!(cursor.committed <= cursor.position && cursor.settled <= cursor.position && cursor.position <= end);
            sum.end += end;
            sum.committed += cursor.committed;
            sum.position += cursor.position;
            sum.in_hand += cursor.position - cursor.settled;
            sum.lag += end - cursor.committed;
            sum.unread += end - cursor.position;
        }
        sum
    }

    // -- time --------------------------------------------------------------------------------------------------------

    pub(super) fn wakes_at(&self) -> Instant {
        self.alarm
    }

    fn ring(&mut self, at: Instant) {
        self.alarm = self.alarm.min(at);
    }

    pub(super) fn wake<M: Copy>(&mut self, scene: &mut Scene<M>) {
        if self.alarm > scene.now {
            return;
        }
        for member in 0..self.members.len() as u32 {
            self.pass_deadlines(member, scene);
        }
        self.pass_phase(scene);
        for partition in 0..self.cursors.len() as u32 {
            let cursor = &self.cursors[partition as usize];
            if let (Some(owner), true) = (cursor.owner, cursor.retry_at <= scene.now) {
                self.poll(owner, scene);
            }
        }
        self.alarm = self.next_deadline(scene.now);
    }

    pub(super) fn next_deadline(&self, now: Instant) -> Instant {
        let phase = match self.state {
            State::Preparing { ends, .. } | State::Completing { ends } => ends,
            State::Empty | State::Stable => Instant::NEVER,
        };
        let retries = self.cursors.iter().filter(|cursor| cursor.owner.is_some() && cursor.retry_at > now).map(|cursor| cursor.retry_at);
        self.members.iter().map(Member::wakes_at).chain(retries).fold(phase, Instant::min)
    }

    fn pass_deadlines<M: Copy>(&mut self, member: u32, scene: &mut Scene<M>) {
        let now = scene.now;
        let one = &mut self.members[member as usize];
        if one.learns <= now {
            (one.learns, one.knows) = (Instant::NEVER, true);
            self.poll(member, scene);
        }
        let one = &mut self.members[member as usize];
        if one.session_ends <= now {
            self.throw_out(member, super::Thrown::Session, scene);
        } else if one.poll_by <= now {
            one.poll_by = Instant::NEVER;
            self.miss_poll(member, scene);
        }
    }

    /// A consumer that polls too rarely leaves by itself; a static one only falls silent, and so does one that cannot be heard.
    fn miss_poll<M: Copy>(&mut self, member: u32, scene: &mut Scene<M>) {
        let one = &mut self.members[member as usize];
        if !one.is_in() {
            return;
        }
        if one.instance.is_none() && one.reachable {
            return self.throw_out(member, super::Thrown::Poll, scene);
        }
        if one.session_ends == Instant::NEVER {
            let ends = one.last_heartbeat(self.rules.heartbeat, scene.now) + self.rules.session_timeout;
            one.session_ends = ends;
            self.ring(ends);
        }
    }

    // -- the log -----------------------------------------------------------------------------------------------------

    /// There is more to read in a partition.
    pub(super) fn more<M: Copy>(&mut self, partition: u32, scene: &mut Scene<M>) {
        if let Some(owner) = self.cursors[partition as usize].owner {
            self.poll(owner, scene);
        }
    }

    /// A partition's log was cut off.
    pub(super) fn truncated(&mut self, partition: u32, end: u64) {
        self.cursors[partition as usize].truncate(end);
        for member in &mut self.members {
            member.batch.iter_mut().filter(|span| span.partition == partition).for_each(|span| span.end = span.end.min(end));
            member.batch.retain(|span| span.next < span.end);
        }
    }

    fn is_broker_driven(&self) -> bool {
        self.rules.protocol == super::rules::Protocol::Consumer
    }

    fn commits_by_itself(&self) -> bool {
        matches!(self.rules.commit, Commit::Auto { .. })
    }

    fn owned(&self, member: u32) -> impl Iterator<Item = u32> + '_ {
        (0..self.cursors.len() as u32).filter(move |partition| self.cursors[*partition as usize].owner == Some(member))
    }

    fn is_gone(&self, member: u32) -> bool {
        self.members[member as usize].standing == Standing::Gone
    }
}

#[cfg(test)]
mod tests;
