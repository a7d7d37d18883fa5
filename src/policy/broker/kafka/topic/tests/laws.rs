//! What holds in every run: random ones, each named by its seed.

use super::*;
use crate::policy::broker::kafka::partition::{Confirmation, Send};
use crate::policy::broker::kafka::rules::{Assignor, Protocol};
use std::collections::{BTreeMap, BTreeSet};

/// A linear congruential generator (Numerical Recipes), good enough to choose what to do next.
struct Lcg(u64);

impl Lcg {
    fn below(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }

    fn one_of<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize].clone()
    }
}

fn some_topic(random: &mut Lcg, unclean: bool) -> TopicRules {
    let replication = random.below(3) as u32 + 1;
    TopicRules {
        partitions: random.below(5) as u32 + 1,
        replication,
        min_insync: random.below(u64::from(replication)) as u32 + 1,
        replication_delay: millis(random.below(3) * 20),
        replica_lag_max: millis(500 + random.below(3_000)),
        catch_up: millis(random.below(2_000)),
        election: millis(random.below(2_000)),
        unclean,
        retention_age: random.one_of(&[None, Some(seconds(20))]),
        retention_bytes: random.one_of(&[None, Some(300)]),
        segment_bytes: 50,
        segment_age: seconds(5),
        retention_check: seconds(7),
    }
}

fn some_group(random: &mut Lcg) -> GroupRules {
    let (protocol, assignor) = random.one_of(&[
        (Protocol::Eager, Assignor::Range),
        (Protocol::Eager, Assignor::RoundRobin),
        (Protocol::Eager, Assignor::Sticky),
        (Protocol::Cooperative, Assignor::Sticky),
        (Protocol::Consumer, Assignor::Sticky),
        (Protocol::Consumer, Assignor::Range),
    ]);
    GroupRules {
        protocol,
        assignor,
        session_timeout: seconds(3),
        heartbeat: millis(500),
        max_poll_interval: seconds(4),
        max_poll_records: random.below(5) as u32 + 1,
        initial_delay: millis(random.below(2) * 1_000),
        completing: millis(random.below(2) * 300),
        commit: random.one_of(&[Commit::Auto { interval: seconds(1) }, Commit::PerPoll, Commit::PerRecord, Commit::BeforeHandling]),
        reset: random.one_of(&[Reset::Earliest, Reset::Latest]),
    }
}

/// A run: what was done, and what of each message is known.
struct Run {
    bench: Bench,
    random: Lcg,
    commit: Commit,
    sent: BTreeSet<u32>,
    counted: BTreeSet<u32>,
    /// Written with `acks=all` and not known to be confirmed: partition, offset, epoch, when to ask.
    pending: BTreeMap<u32, (u32, u64, u32, Instant)>,
    confirmed: BTreeSet<u32>,
    /// Members with a process, and whether they are heard of.
    alive: BTreeMap<u32, bool>,
    down: BTreeSet<u32>,
    /// Wakes also when there is no need.
    nervous: bool,
}

impl Run {
    fn new(seed: u64, unclean: bool, nervous: bool) -> Run {
        let mut random = Lcg(seed);
        let (topic, group) = (some_topic(&mut random, unclean), some_group(&mut random));
        let commit = group.commit;
        Run {
            bench: Bench::with(topic, group),
            random,
            commit,
            sent: BTreeSet::new(),
            counted: BTreeSet::new(),
            pending: BTreeMap::new(),
            confirmed: BTreeSet::new(),
            alive: BTreeMap::new(),
            down: BTreeSet::new(),
            nervous,
        }
    }

    fn pass(&mut self, millis: u64) {
        let until = self.bench.now.0 / 1_000_000 + millis;
        let step = if self.nervous { 37 } else { millis.max(1) };
        let mut time = until - millis;
        while time < until {
            time = (time + step).min(until);
            self.bench.at(time);
            if self.nervous {
                self.bench.wake();
            }
        }
    }

    fn act(&mut self) {
        match self.random.below(20) {
            0..7 => self.send(),
            7..14 => self.handle(),
            14 if self.alive.len() < 5 => {
                let instance = self.random.one_of(&[None, None, Some(1), Some(2)]);
                let member = self.bench.join_as(instance);
                self.alive.insert(member, true);
            }
            15 => {
                if let Some(member) = self.somebody() {
                    self.bench.leave(member);
                    self.alive.remove(&member);
                    self.bench.held.remove(&(0, member));
                }
            }
            16 => self.silence(),
            17 => {
                let node = self.random.below(3) as u32;
                if self.down.remove(&node) { self.bench.node_up(node) } else { self.go_down(node) }
            }
            _ => {
                let millis = self.random.below(1_500);
                self.pass(millis);
            }
        }
        self.check();
    }

    fn go_down(&mut self, node: u32) {
        self.ask();
        self.down.insert(node);
        self.bench.node_down(node);
    }

    fn somebody(&mut self) -> Option<u32> {
        let members: Vec<u32> = self.alive.keys().copied().collect();
        (!members.is_empty()).then(|| self.random.one_of(&members))
    }

    fn silence(&mut self) {
        let Some(member) = self.somebody() else { return };
        match (self.alive[&member], self.random.below(3)) {
            (true, 0) => {
                // A crash.
                self.bench.unreachable(member);
                self.alive.remove(&member);
                self.bench.held.remove(&(0, member));
            }
            (true, _) => {
                self.bench.unreachable(member);
                self.alive.insert(member, false);
            }
            (false, _) => {
                self.bench.reachable(member);
                self.alive.insert(member, true);
            }
        }
    }

    fn send(&mut self) {
        let message = self.sent.len() as u32;
        let partition = self.random.below(u64::from(self.bench.topic.group(0).partitions())) as u32;
        let acks = self.random.one_of(&[Acks::None, Acks::Leader, Acks::All, Acks::All]);
        let sent = self.bench.try_send(partition, Send { message, bytes: 10, acks, sequence: None });
        if let Appended::At { offset, epoch, confirmed } = sent {
            self.sent.insert(message);
            if acks == Acks::All {
                self.pending.insert(message, (partition, offset, epoch, confirmed));
            }
        }
    }

    fn handle(&mut self) {
        let Some((_, member)) = self.bench.held.keys().next().copied() else { return };
        let message = self.bench.holds(member).unwrap();
        let how = self.random.one_of(&[Handled::Done, Handled::Done, Handled::Skip, Handled::Retry { after: millis(700) }]);
        let counts = !matches!(how, Handled::Retry { .. }) || self.commit == Commit::BeforeHandling;
        match self.bench.handled_in(0, member, how) {
            Heard::Counted if counts => _ = self.counted.insert(message),
            Heard::Expired => _ = self.counted.insert(message),
            Heard::Counted | Heard::Stale => {}
        }
    }

    /// Asks for the writes that should be confirmed by now.
    fn ask(&mut self) {
        let now = self.bench.now;
        for (message, (partition, offset, epoch, at)) in self.pending.clone() {
            if at > now {
                continue;
            }
            match self.bench.topic.confirmation(partition, offset, epoch, now) {
                Confirmation::At(at) if at <= now => {
                    self.confirmed.insert(message);
                    self.pending.remove(&message);
                }
                Confirmation::At(at) => self.pending.get_mut(&message).unwrap().3 = at,
                Confirmation::NotEnoughReplicas | Confirmation::LeaderGone => _ = self.pending.remove(&message),
            }
        }
    }

    fn check(&mut self) {
        self.ask();
        let group = self.bench.topic.group(0);
        let members: BTreeSet<u32> = group.members().collect();
        for partition in 0..group.partitions() {
            // The figures assert that committed ≤ position ≤ end.
            let figures = self.bench.topic.figures(0, Some(partition));
            assert!(figures.committed <= figures.position && figures.position <= figures.end);
            let log = self.bench.topic.partition(partition);
            assert!(log.log().start() <= log.high() && log.high() <= log.log().end());
            assert!(group.owner(partition).is_none_or(|owner| members.contains(&owner)));
        }
        assert!(self.bench.topic.wakes_at() >= self.bench.now, "what was due has been done");
    }

    /// All nodes are back, and one member reads on until there is nothing more.
    fn settle(&mut self) {
        for node in std::mem::take(&mut self.down) {
            self.bench.node_up(node);
        }
        for member in std::mem::take(&mut self.alive).into_keys() {
            self.bench.leave(member);
        }
        self.pass(10_000);
        self.bench.held.clear();
        let member = self.bench.join();
        for _ in 0..60 {
            self.pass(200);
            while let Some(message) = self.bench.holds(member) {
                assert_eq!(self.bench.done(member), Heard::Counted);
                self.counted.insert(message);
            }
        }
        let figures = self.bench.topic.figures(0, None);
        assert_eq!((figures.unread, figures.in_hand), (0, 0), "a group with a member gets through");
    }
}

fn run(seed: u64, unclean: bool, nervous: bool) -> Run {
    let mut run = Run::new(seed, unclean, nervous);
    (0..400).for_each(|_| run.act());
    run.settle();
    run
}

fn messages(run: &Run, which: impl Fn(&Answer<u32>) -> Option<u32>) -> Vec<u32> {
    run.bench.told.iter().filter_map(which).collect()
}

fn lost(run: &Run) -> BTreeSet<u32> {
    let lost = |answer: &Answer<u32>| if let Answer::Lost { message, .. } = answer { Some(*message) } else { None };
    messages(run, lost).into_iter().collect()
}

#[test]
fn every_record_is_handled_or_its_fate_is_told() {
    for seed in 0..1_500 {
        let run = run(seed, seed % 2 == 0, false);
        let lost = lost(&run);
        let missed = |answer: &Answer<u32>| if let Answer::Missed { message, .. } = answer { Some(*message) } else { None };
        let missed = messages(&run, missed);
        let once: BTreeSet<u32> = missed.iter().copied().collect();
        assert_eq!(missed.len(), once.len(), "seed {seed}: a record is missed once");
        let deleted = |message: &u32| {
            let delivery = run.bench.delivered.iter().find(|delivery| delivery.message == *message);
            delivery.is_some_and(|delivery| delivery.offset < run.bench.topic.partition(delivery.partition).log().start())
        };
        // At most once, what a member has got may come to nothing with it; else only if retention deletes it meanwhile.
        let given_up = |message: &u32| run.commit == Commit::BeforeHandling || deleted(message);
        for message in &run.sent {
            let told = run.counted.contains(message) || lost.contains(message) || once.contains(message);
            assert!(told || given_up(message), "seed {seed}: message {message}");
        }
    }
}

#[test]
fn what_was_confirmed_by_all_in_sync_is_never_lost_unless_that_is_allowed() {
    let (mut losses, mut confirmed) = (0, 0);
    for seed in 0..1_500 {
        let run = run(seed, false, false);
        let lost = lost(&run);
        assert!(run.confirmed.is_disjoint(&lost), "seed {seed}: {:?}", run.confirmed.intersection(&lost));
        (losses, confirmed) = (losses + lost.len(), confirmed + run.confirmed.len());
    }
    assert!(losses > 0 && confirmed > 0, "the runs lose something, or this test says nothing");
}

#[test]
fn a_record_is_called_redelivered_if_it_is_and_at_most_once_it_never_is() {
    let mut repeated = 0;
    for seed in 0..1_500 {
        let run = run(seed, false, false);
        let mut seen = BTreeSet::new();
        let mut furthest = BTreeMap::new();
        for delivery in &run.bench.delivered {
            let again = !seen.insert(delivery.message);
            let most = furthest.entry(delivery.partition).or_insert(0);
            let expected = run.commit != Commit::BeforeHandling && delivery.offset < *most;
            *most = (*most).max(delivery.offset + 1);
            assert_eq!(delivery.redelivered, expected, "seed {seed}: {delivery:?}");
            assert!(!again || delivery.redelivered, "seed {seed}: {delivery:?}");
            repeated += u32::from(again);
        }
    }
    assert!(repeated > 0, "the runs repeat something, or this test says nothing");
}

#[test]
fn waking_when_there_is_no_need_changes_nothing() {
    for seed in 0..300 {
        let (calm, nervous) = (run(seed, seed % 2 == 0, false), run(seed, seed % 2 == 0, true));
        assert_eq!(calm.bench.told, nervous.bench.told, "seed {seed}");
        assert_eq!(calm.bench.delivered, nervous.bench.delivered, "seed {seed}");
    }
}
