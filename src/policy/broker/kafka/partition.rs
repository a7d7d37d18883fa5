//! A partition: one log, which its leader writes and its followers copy (Apache Kafka documentation, "Replication", `acks`,
//! `min.insync.replicas`, `unclean.leader.election.enable`).
//!
//! It owns the records and knows how far all that count have copied them, the high watermark; it does not know who reads.

mod log;
mod producers;
mod replicas;

pub use log::{Log, Record};
pub use producers::Sequence;

use super::Answer;
use super::rules::TopicRules;
use crate::base::time::{Instant, Nanos};
use producers::{Judged, Producers};
use replicas::Replicas;

/// How sure a producer wants to be: `acks`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acks {
    /// 0: it does not ask.
    None,
    /// 1: the leader has it.
    Leader,
    /// all: every replica in sync has it.
    All,
}

/// A record that a producer sends to the leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Send<M> {
    pub message: M,
    pub bytes: u32,
    pub acks: Acks,
    /// Of an idempotent producer.
    pub sequence: Option<Sequence>,
}

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// It is in the leader's log. `confirmed`: when the producer is answered unless something fails until then: with `acks=all`, ask
    /// [`Partition::confirmation`] then.
    At { offset: u64, epoch: u32, confirmed: Instant },
    /// A retry of what is there already; confirmed like the first.
    Duplicate { offset: u64, epoch: u32, confirmed: Instant },
    /// One before it is missing: retriable, once that has come.
    OutOfOrder,
    /// Retriable.
    NoLeader,
    /// Retriable.
    NotEnoughReplicas,
}

/// How a write with `acks=all` stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmation {
    /// All have it at this time, if nothing fails until then; now at the latest: they have it.
    At(Instant),
    /// All have it, but all are fewer than `min.insync.replicas` by now: an error, though the record stays.
    NotEnoughReplicas,
    /// Its leader leads no more: no answer comes, and the record may be lost.
    LeaderGone,
}

/// A partition's state.
#[derive(Clone, Debug)]
pub struct Partition<M> {
    number: u32,
    log: Log<M>,
    replicas: Replicas,
    producers: Producers,
    /// Followers that keep up have what lies before this offset.
    copied: u64,
    high: u64,
    wake: Instant,
}

/// What readers must know of a step in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Stepped {
    /// The log was cut off here.
    pub truncated: Option<u64>,
    /// There is more to read.
    pub more: bool,
}

impl<M: Copy> Partition<M> {
    /// The partition of this number, its replicas on neighbouring nodes from `number mod nodes` on.
    pub fn new(rules: &TopicRules, number: u32, nodes: u32) -> Partition<M> {
        let replicas = Replicas::new((0..rules.replication).map(|place| (number + place) % nodes.max(1)));
        let (log, producers) = (Log::default(), Producers::default());
        Partition { number, log, replicas, producers, copied: 0, high: 0, wake: Instant::NEVER }
    }

    pub fn log(&self) -> &Log<M> {
        &self.log
    }

    /// Readers see what lies before this offset: the high watermark.
    pub fn high(&self) -> u64 {
        self.high
    }

    /// The node that leads; none during an election, or if nobody can.
    pub fn leader(&self) -> Option<u32> {
        self.replicas.leader()
    }

    /// The nodes whose replicas are in sync.
    pub fn in_sync(&self) -> impl Iterator<Item = u32> + '_ {
        self.replicas.in_sync()
    }

    /// When time matters next.
    pub fn wakes_at(&self) -> Instant {
        self.wake
    }

    pub(super) fn append(&mut self, rules: &TopicRules, send: Send<M>, now: Instant) -> Appended {
        if self.leader().is_none() {
            return Appended::NoLeader;
        }
        if send.acks == Acks::All && self.in_sync().count() < rules.min_insync as usize {
            return Appended::NotEnoughReplicas;
        }
        let epoch = self.replicas.epoch();
        match send.sequence.map_or(Judged::Next, |sequence| self.producers.judge(sequence)) {
            Judged::Ahead => return Appended::OutOfOrder,
            Judged::Known { offset } => {
                return Appended::Duplicate { offset, epoch, confirmed: self.answered(rules, send.acks, offset, now) };
            }
            Judged::Next => {}
        }
        let offset = self.log.append(rules, Record { message: send.message, appended: now, bytes: send.bytes });
        if let Some(sequence) = send.sequence {
            self.producers.appended(sequence, offset, now);
        }
        Appended::At { offset, epoch, confirmed: self.answered(rules, send.acks, offset, now) }
    }

    fn answered(&self, rules: &TopicRules, acks: Acks, offset: u64, now: Instant) -> Instant {
        match acks {
            Acks::None | Acks::Leader => now,
            Acks::All => self.all_have(rules, offset, now),
        }
    }

    /// How a write with `acks=all` stands that was appended at this offset in this epoch.
    pub fn confirmation(&self, rules: &TopicRules, offset: u64, epoch: u32, now: Instant) -> Confirmation {
        if self.leader().is_none() || epoch != self.replicas.epoch() {
            return Confirmation::LeaderGone;
        }
        if offset < self.high && self.in_sync().count() < rules.min_insync as usize {
            return Confirmation::NotEnoughReplicas;
        }
        Confirmation::At(self.all_have(rules, offset, now))
    }

    /// When every replica in sync has what lies at this offset, as far as can be said now.
    fn all_have(&self, rules: &TopicRules, offset: u64, now: Instant) -> Instant {
        if offset < self.high {
            return now;
        }
        let copied = self.log.get(offset).map_or(now, |record| record.appended + rules.replication_delay);
        let times = self.replicas.awaited().map(|follower| match &follower.behind {
            Some(behind) if behind.end <= offset => behind.caught_up.max(copied).min(behind.leaves),
            Some(_) | None => copied,
        });
        times.fold(now, Instant::max)
    }

    /// Lets time come to `now`: elections, copies, replicas that leave and return.
    pub(super) fn step(&mut self, rules: &TopicRules, now: Instant, answers: &mut Vec<Answer<M>>) -> Stepped {
        let (high, led) = (self.high, self.leader().is_some());
        let truncated = if self.replicas.election_at() <= now { self.elect(rules, now, answers) } else { None };
        if self.replicas.pass(now) {
            // Nobody is in sync who lacks what readers may see.
            self.copied = self.copied.max(self.high);
        }
        self.copy(rules, now);
        self.plan(rules, now);
        Stepped { truncated, more: self.high > high || (self.leader().is_some() && !led) }
    }

    fn copy(&mut self, rules: &TopicRules, now: Instant) {
        if self.leader().is_none() {
            return;
        }
        while self.log.get(self.copied).is_some_and(|record| record.appended + rules.replication_delay <= now) {
            self.copied += 1;
        }
        let has = |behind: Option<replicas::Behind>| behind.map_or(self.copied, |behind| behind.end);
        let all = self.replicas.awaited().map(|follower| has(follower.behind)).min().unwrap_or(self.log.end());
        self.high = self.high.max(all);
        debug_assert!(self.log.start() <= self.high && self.high <= self.log.end());
    }

    fn elect(&mut self, rules: &TopicRules, now: Instant, answers: &mut Vec<Answer<M>>) -> Option<u64> {
        let former = self.replicas.former();
        let (node, end) = self.replicas.elect(rules.unclean)?;
        if let Some(former) = former {
            self.replicas.demote(former);
        }
        // What an out-of-sync leader lacks may even have been deleted already.
        let end = end.max(self.log.start());
        let before = self.log.end();
        let kept = answers.len();
        while let Some((offset, record)) = self.log.pop_from(end) {
            answers.push(Answer::Lost { partition: self.number, offset, message: record.message });
        }
        answers[kept..].reverse();
        self.producers.truncate(end);
        self.replicas.follow(end, now, rules.replica_lag_max, rules.catch_up);
        (self.copied, self.high) = (end, self.high.min(end));
        answers.push(Answer::Elected { partition: self.number, node });
        (end < before).then_some(end)
    }

    pub(super) fn node_down(&mut self, rules: &TopicRules, node: u32, now: Instant) {
        // Copies are counted when they matter; now they do.
        self.copy(rules, now);
        let (end, lag, election) = (self.log.end(), rules.replica_lag_max, rules.election);
        if self.replicas.down(node, end, self.copied, now, lag, election) {
            self.plan(rules, now);
        }
    }

    /// A node returns; if the partition had no hope of a leader, it elects one at the next step, which is due at once.
    pub(super) fn node_up(&mut self, rules: &TopicRules, node: u32, now: Instant) {
        self.replicas.up(node, now, rules.catch_up);
        self.plan(rules, now);
    }

    /// Where the log will begin if retention is checked now.
    pub(super) fn start_after_retention(&self, rules: &TopicRules, now: Instant) -> u64 {
        let checks = now.0.is_multiple_of(rules.retention_check.0);
        if checks { self.log.start_after_retention(rules, self.high, now) } else { self.log.start() }
    }

    pub(super) fn delete_before(&mut self, rules: &TopicRules, start: u64, now: Instant) {
        self.log.delete_before(start);
        self.plan(rules, now);
    }

    /// Says anew when time matters next.
    pub(super) fn plan(&mut self, rules: &TopicRules, now: Instant) {
        let copies = self.leader().is_some() && self.awaits_copies();
        let copied = self.log.get(self.copied).filter(|_| copies).map(|record| record.appended + rules.replication_delay);
        let due = self.log.retention_due(rules);
        let check = if due == Instant::NEVER { due } else { next_check(rules.retention_check, due.max(now)) };
        // A check at this very time has been made.
        let check = if check == now { now + rules.retention_check } else { check };
        let times = [self.replicas.election_at(), self.replicas.passes_at(), copied.unwrap_or(Instant::NEVER), check];
        self.wake = times.into_iter().fold(Instant::NEVER, Instant::min);
    }

    /// Whether the next copy lets readers see more.
    fn awaits_copies(&self) -> bool {
        let ends = self.replicas.awaited().filter_map(|follower| follower.behind).map(|behind| behind.end);
        self.high < self.log.end() && ends.min().is_none_or(|end| self.high < end)
    }
}

/// The first check of retention at `time` or later.
fn next_check(interval: Nanos, time: Instant) -> Instant {
    Instant(time.0.div_ceil(interval.0).saturating_mul(interval.0))
}

#[cfg(test)]
mod tests;
