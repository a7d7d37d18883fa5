//! A topic of numbered messages on three nodes for tests: time that passes by wakes, and what each member has in hand.

use super::group::{Handled, Heard};
use super::partition::{Acks, Appended, Send};
use super::rules::{Commit, GroupRules, Reset, TopicRules};
use super::topic::Topic;
use super::{Answer, Delivery};
use crate::base::time::{Instant, Nanos};
use std::collections::BTreeMap;

pub struct Bench {
    pub topic: Topic<u32>,
    pub now: Instant,
    /// All answers but deliveries.
    pub told: Vec<Answer<u32>>,
    /// Deliveries in the order they came.
    pub delivered: Vec<Delivery<u32>>,
    /// By group and member.
    pub held: BTreeMap<(u32, u32), Delivery<u32>>,
    answers: Vec<Answer<u32>>,
}

pub fn millis(millis: u64) -> Nanos {
    Nanos::from_millis(millis)
}

/// Two quick partitions without replicas.
pub fn plain() -> TopicRules {
    TopicRules { partitions: 2, ..TopicRules::default() }
}

/// A group that reads all from the beginning, commits each record and does not wait for more members.
pub fn earnest() -> GroupRules {
    GroupRules { initial_delay: Nanos::ZERO, commit: Commit::PerRecord, reset: Reset::Earliest, ..GroupRules::default() }
}

impl Bench {
    pub fn new(rules: TopicRules) -> Bench {
        let topic = Topic::new(rules.validated(3).unwrap(), 3);
        let (told, delivered, held, answers) = (Vec::new(), Vec::new(), BTreeMap::new(), Vec::new());
        Bench { topic, now: Instant::START, told, delivered, held, answers }
    }

    /// With one group.
    pub fn with(rules: TopicRules, group: GroupRules) -> Bench {
        let mut bench = Bench::new(rules);
        assert_eq!(bench.topic.add_group(group.validated().unwrap()), 0);
        bench
    }

    fn absorb(&mut self) {
        for answer in self.answers.drain(..) {
            let Answer::Deliver(delivery) = answer else {
                self.told.push(answer);
                continue;
            };
            self.delivered.push(delivery);
            self.held.insert((delivery.group, delivery.member), delivery);
        }
    }

    /// Lets time come to this many milliseconds after the start.
    pub fn at(&mut self, time: u64) -> &mut Bench {
        let until = Instant::START + millis(time);
        let mut wakes = 0;
        while self.topic.wakes_at() <= until {
            self.now = self.now.max(self.topic.wakes_at());
            self.topic.wake(self.now, &mut self.answers);
            wakes += 1;
            assert!(wakes < 100_000, "time stands still at {:?}", self.now);
        }
        self.now = until;
        self.absorb();
        self
    }

    /// Wakes the topic though it may not be due.
    pub fn wake(&mut self) {
        self.topic.wake(self.now, &mut self.answers);
        self.absorb();
    }

    pub fn try_send(&mut self, partition: u32, send: Send<u32>) -> Appended {
        let appended = self.topic.append(partition, send, self.now, &mut self.answers);
        self.absorb();
        appended
    }

    /// With `acks=all`.
    pub fn send(&mut self, partition: u32, messages: impl IntoIterator<Item = u32>) {
        for message in messages {
            let sent = self.try_send(partition, Send { message, bytes: 10, acks: Acks::All, sequence: None });
            assert!(matches!(sent, Appended::At { .. }), "{sent:?}");
        }
    }

    pub fn join(&mut self) -> u32 {
        self.join_as(None)
    }

    pub fn join_as(&mut self, instance: Option<u32>) -> u32 {
        let member = self.topic.join(0, instance, self.now, &mut self.answers);
        self.absorb();
        member
    }

    pub fn leave(&mut self, member: u32) {
        self.topic.leave(0, member, self.now, &mut self.answers);
        self.absorb();
    }

    pub fn unreachable(&mut self, member: u32) {
        self.topic.unreachable(0, member, self.now, &mut self.answers);
        self.absorb();
    }

    pub fn reachable(&mut self, member: u32) {
        self.topic.reachable(0, member, self.now, &mut self.answers);
        self.absorb();
    }

    pub fn node_down(&mut self, node: u32) {
        self.topic.node_down(node, self.now, &mut self.answers);
        self.absorb();
    }

    pub fn node_up(&mut self, node: u32) {
        self.topic.node_up(node, self.now, &mut self.answers);
        self.absorb();
    }

    /// The message that a member of group 0 is at.
    pub fn holds(&self, member: u32) -> Option<u32> {
        self.held.get(&(0, member)).map(|delivery| delivery.message)
    }

    pub fn handled_in(&mut self, group: u32, member: u32, how: Handled) -> Heard {
        let delivery = self.held.remove(&(group, member)).expect("it has something in hand");
        let heard = self.topic.handled(group, member, delivery.tag, how, self.now, &mut self.answers);
        self.absorb();
        heard
    }

    pub fn done(&mut self, member: u32) -> Heard {
        self.handled_in(0, member, Handled::Done)
    }

    /// A member of group 0 handles all it gets; answers what that was.
    pub fn drain(&mut self, member: u32) -> Vec<u32> {
        let mut messages = Vec::new();
        while let Some(message) = self.holds(member) {
            messages.push(message);
            self.done(member);
        }
        messages
    }

    /// The owners of group 0's partitions.
    pub fn owners(&self) -> Vec<Option<u32>> {
        (0..self.topic.group(0).partitions()).map(|partition| self.topic.group(0).owner(partition)).collect()
    }

    pub fn committed(&self, partition: u32) -> u64 {
        self.topic.figures(0, Some(partition)).committed
    }
}
