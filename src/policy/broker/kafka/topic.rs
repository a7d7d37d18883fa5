//! A topic: its partitions and the groups that read it.
//!
//! The one door for the world: every call lets time come to `now` first, and says what is to be done in `answers`.

use super::Answer;
use super::group::{Figures, Group, Handled, Heard, Scene};
use super::partition::{Appended, Confirmation, Partition, Send};
use super::rules::{GroupRules, TopicRules};
use crate::base::time::Instant;

/// A topic's state. Numbers of partitions, groups and members are those that this topic has given out; others are a caller's mistake.
#[derive(Clone, Debug)]
pub struct Topic<M> {
    rules: TopicRules,
    partitions: Vec<Partition<M>>,
    groups: Vec<Group>,
}

impl<M: Copy> Topic<M> {
    /// With validated rules, on nodes 0 to `nodes` − 1.
    pub fn new(rules: TopicRules, nodes: u32) -> Topic<M> {
        let partitions = (0..rules.partitions).map(|number| Partition::new(&rules, number, nodes)).collect();
        Topic { rules, partitions, groups: Vec::new() }
    }

    pub fn partition(&self, partition: u32) -> &Partition<M> {
        &self.partitions[partition as usize]
    }

    pub fn group(&self, group: u32) -> &Group {
        &self.groups[group as usize]
    }

    /// How far a group has come in a partition, or in all.
    pub fn figures(&self, group: u32, partition: Option<u32>) -> Figures {
        self.groups[group as usize].figures(&self.partitions, partition)
    }

    // -- time --------------------------------------------------------------------------------------------------------

    /// When [`Topic::wake`] must be called; it may then find that there is nothing to do.
    pub fn wakes_at(&self) -> Instant {
        let partitions = self.partitions.iter().map(Partition::wakes_at);
        partitions.chain(self.groups.iter().map(Group::wakes_at)).fold(Instant::NEVER, Instant::min)
    }

    pub fn wake(&mut self, now: Instant, answers: &mut Vec<Answer<M>>) {
        for partition in 0..self.partitions.len() {
            if self.partitions[partition].wakes_at() <= now {
                self.step(partition as u32, now, answers);
                self.retain(partition as u32, now, answers);
            }
        }
        let scene = &mut Scene { logs: &self.partitions, now, answers };
        self.groups.iter_mut().for_each(|group| group.wake(scene));
    }

    fn catch_up(&mut self, now: Instant, answers: &mut Vec<Answer<M>>) {
        if self.wakes_at() <= now {
            self.wake(now, answers);
        }
    }

    fn step(&mut self, partition: u32, now: Instant, answers: &mut Vec<Answer<M>>) {
        let stepped = self.partitions[partition as usize].step(&self.rules, now, answers);
        if let Some(end) = stepped.truncated {
            self.groups.iter_mut().for_each(|group| group.truncated(partition, end));
        }
        if stepped.more {
            let scene = &mut Scene { logs: &self.partitions, now, answers };
            self.groups.iter_mut().for_each(|group| group.more(partition, scene));
        }
    }

    fn retain(&mut self, partition: u32, now: Instant, answers: &mut Vec<Answer<M>>) {
        let place = partition as usize;
        let start = self.partitions[place].start_after_retention(&self.rules, now);
        if start == self.partitions[place].log().start() {
            return;
        }
        let scene = &mut Scene { logs: &self.partitions, now, answers };
        self.groups.iter_mut().for_each(|group| group.expiring(partition, start, scene));
        self.partitions[place].delete_before(&self.rules, start, now);
        let scene = &mut Scene { logs: &self.partitions, now, answers };
        self.groups.iter_mut().for_each(|group| group.expired(partition, scene));
    }

    // -- producers ---------------------------------------------------------------------------------------------------

    /// A record reaches a partition's leader.
    pub fn append(&mut self, partition: u32, send: Send<M>, now: Instant, answers: &mut Vec<Answer<M>>) -> Appended {
        self.catch_up(now, answers);
        let appended = self.partitions[partition as usize].append(&self.rules, send, now);
        if matches!(appended, Appended::At { .. }) {
            self.step(partition, now, answers);
        }
        appended
    }

    /// How a record with `acks=all` stands that was appended at this offset in this epoch. Call [`Topic::wake`] first if it is due.
    pub fn confirmation(&self, partition: u32, offset: u64, epoch: u32, now: Instant) -> Confirmation {
        self.partitions[partition as usize].confirmation(&self.rules, offset, epoch, now)
    }

    // -- nodes -------------------------------------------------------------------------------------------------------

    /// A node of the broker is lost. Its log is not: processes crash here, not disks.
    pub fn node_down(&mut self, node: u32, now: Instant, answers: &mut Vec<Answer<M>>) {
        self.catch_up(now, answers);
        self.partitions.iter_mut().for_each(|partition| partition.node_down(&self.rules, node, now));
        self.catch_up(now, answers);
    }

    /// A node is back.
    pub fn node_up(&mut self, node: u32, now: Instant, answers: &mut Vec<Answer<M>>) {
        self.catch_up(now, answers);
        for partition in 0..self.partitions.len() as u32 {
            self.partitions[partition as usize].node_up(&self.rules, node, now);
            self.step(partition, now, answers);
        }
    }

    // -- groups ------------------------------------------------------------------------------------------------------

    /// A group subscribes, with validated rules; its number is returned.
    pub fn add_group(&mut self, rules: GroupRules) -> u32 {
        let number = self.groups.len() as u32;
        self.groups.push(Group::new(rules, number, &self.partitions));
        number
    }

    /// A consumer joins a group; its number within the group is returned. `instance`: its `group.instance.id`, if it has one.
    pub fn join(&mut self, group: u32, instance: Option<u32>, now: Instant, answers: &mut Vec<Answer<M>>) -> u32 {
        self.in_group(group, now, answers, |group, scene| group.join(instance, scene))
    }

    /// A consumer is closed. What it has in hand is given up.
    pub fn leave(&mut self, group: u32, member: u32, now: Instant, answers: &mut Vec<Answer<M>>) {
        self.in_group(group, now, answers, |group, scene| group.leave(member, scene));
    }

    /// A consumer is not heard of any more: it has crashed, for good, or the network between it and the broker is cut.
    pub fn unreachable(&mut self, group: u32, member: u32, now: Instant, answers: &mut Vec<Answer<M>>) {
        self.in_group(group, now, answers, |group, scene| group.unreachable(member, scene.now));
    }

    /// It is heard of again, and has in hand what it had.
    pub fn reachable(&mut self, group: u32, member: u32, now: Instant, answers: &mut Vec<Answer<M>>) {
        self.in_group(group, now, answers, |group, scene| group.reachable(member, scene));
    }

    /// A consumer has done with the record that it had in hand; it is handed the next one, if there is one.
    pub fn handled(&mut self, group: u32, member: u32, tag: u64, how: Handled, now: Instant, answers: &mut Vec<Answer<M>>) -> Heard {
        self.in_group(group, now, answers, |group, scene| group.handled(member, tag, how, scene))
    }

    fn in_group<T>(
        &mut self,
        group: u32,
        now: Instant,
        answers: &mut Vec<Answer<M>>,
        act: impl FnOnce(&mut Group, &mut Scene<M>) -> T,
    ) -> T {
        self.catch_up(now, answers);
        let group = &mut self.groups[group as usize];
        let result = act(group, &mut Scene { logs: &self.partitions, now, answers });
        debug_assert!(group.wakes_at() <= group.next_deadline(now), "a deadline was set without an alarm");
        result
    }
}

#[cfg(test)]
mod tests;
