//! Kafka at work: records are appended to partitions, and members of groups are handed them one at a time.
//!
//! A record that a member has polled is in its process: only the first of a poll travels, and what becomes of it is known there at
//! once. So the delivery's call goes from the broker to the member without time on the link, but for that first one.

mod append;

use super::{Delivery, DueAlarm, Message};
use crate::base::id::LinkId;
use crate::base::time::{Instant, Nanos};
use crate::observe::watch::readings::{Figure, Readings};
use crate::policy::broker::kafka::group::{Handled, Heard};
use crate::policy::broker::kafka::topic::Topic;
use crate::policy::broker::kafka::{self, Answer};
use crate::topology::Topology;
use crate::topology::broker::{Receives, Rules};
use crate::world::World;
use crate::world::state::*;
use std::collections::{BTreeMap, BTreeSet};

/// What `linger.ms` is since 4.0: records without a key go to one partition for about so long.
const LINGER: Nanos = Nanos::from_millis(5);

/// A topic, and who reads it.
pub(in crate::world::broker) struct LogState {
    topic: Topic<Message>,
    /// The topic's groups, as queues, by their number in it.
    groups: Vec<u32>,
    alarm: DueAlarm,
    /// The first node of its broker.
    first_node: u32,
    /// By publisher's call: where what it has sent once stands, so that a retry is known.
    sent: BTreeMap<(u64, u32), Place>,
}

/// A group's members and how far it has come.
#[derive(Default)]
pub(in crate::world::broker) struct GroupState {
    /// By the member's number: a connection.
    members: Vec<u32>,
    /// Per partition: the offset after the last that was handled for the first time.
    done: Vec<u64>,
    /// Likewise after the last that counts, however it ended.
    settled: Vec<u64>,
}

/// Where a record stands.
#[derive(Clone, Copy, Debug)]
struct Place {
    partition: u32,
    offset: u64,
    epoch: u32,
}

/// Topics by the queue's number, groups likewise, and publishers' jobs that wait for the copies.
#[derive(Default)]
pub(in crate::world::broker) struct Logs {
    topics: BTreeMap<u32, LogState>,
    groups: BTreeMap<u32, GroupState>,
    unconfirmed: BTreeMap<u32, Unconfirmed>,
    /// Records whose publishers have been told that not all copies are there: topic, partition, offset.
    denied: BTreeSet<(u32, u32, u64)>,
}

/// A publisher's job that waits until all that must have its record have it.
#[derive(Clone, Copy, Debug)]
struct Unconfirmed {
    queue: u32,
    place: Place,
    due: Instant,
    /// What the job is, since its slot may be another's by then.
    is: (u64, u32),
}

impl Logs {
    pub fn new(topology: &Topology) -> Logs {
        let mut logs = Logs::default();
        for (number, queue) in topology.brokers.queues.iter().enumerate() {
            let number = number as u32;
            let nodes = topology.services[topology.brokers.brokers[queue.broker as usize].service.index()].replicas.clone();
            match &queue.rules {
                Rules::Topic(rules) => {
                    let topic = Topic::new(rules.clone(), nodes.len() as u32);
                    let state =
                        LogState { topic, groups: Vec::new(), alarm: DueAlarm::NONE, first_node: nodes.start, sent: BTreeMap::new() };
                    logs.topics.insert(number, state);
                }
                Rules::Group { topic, rules } => {
                    let Some(state) = logs.topics.get_mut(topic) else { continue };
                    state.topic.add_group(rules.clone());
                    state.groups.push(number);
                    let partitions = topology.brokers.queues[*topic as usize].rules.partitions();
                    logs.groups.insert(
                        number,
                        GroupState { members: Vec::new(), done: vec![0; partitions as usize], settled: vec![0; partitions as usize] },
                    );
                }
                _ => {}
            }
        }
        logs
    }

    /// How far each group is behind, partition by partition.
    pub fn read(&self, readings: &mut Readings) {
        for state in self.topics.values() {
            for (group, queue) in (0..).zip(&state.groups) {
                for partition in 0..self.groups[queue].done.len() as u32 {
                    let lag = state.topic.figures(group, Some(partition)).lag;
                    readings.set(Figure::PartitionLag, *queue, partition, lag);
                }
            }
        }
    }

    /// Everything has been read and handled.
    pub fn is_idle(&self) -> bool {
        self.topics.values().all(|state| (0..state.groups.len() as u32).all(|group| state.topic.figures(group, None).unread == 0))
    }
}

impl World<'_> {
    // -- time --------------------------------------------------------------------------------------------------------

    pub(super) fn topic_wakes(&mut self, queue: u32) {
        let now = self.now();
        let Some(state) = self.brokers.logs.topics.get_mut(&queue) else { return };
        let mut answers = Vec::new();
        state.topic.wake(now, &mut answers);
        self.heed_topic(queue, answers);
    }

    /// As [`World::topic_wakes`] at the instant that was asked for.
    pub(super) fn topic_is_due(&mut self, queue: u32) {
        if let Some(state) = self.brokers.logs.topics.get_mut(&queue) {
            state.alarm = DueAlarm::NONE;
        }
        self.topic_wakes(queue);
    }

    /// Does what a topic answers.
    fn heed_topic(&mut self, queue: u32, answers: Vec<Answer<Message>>) {
        let mut elected = false;
        for answer in answers {
            match answer {
                Answer::Deliver(delivery) => self.hand_over(queue, delivery),
                Answer::Lost { message, partition, offset } => {
                    self.record_is_lost(queue, partition, offset);
                    self.brokers.forget(message);
                }
                Answer::Missed { group, partition, offset, .. } => {
                    let group = self.brokers.logs.topics[&queue].groups[group as usize];
                    // What has been handled and not committed is not missed.
                    let state = self.brokers.logs.groups.get_mut(&group).expect("a group has a state");
                    if offset >= state.settled[partition as usize] {
                        state.settled[partition as usize] = offset + 1;
                        self.recorder.messages_lost(group, 1);
                    }
                }
                Answer::Rebalanced { group, .. } => {
                    let group = self.brokers.logs.topics[&queue].groups[group as usize];
                    self.recorder.group_rebalanced(group);
                }
                Answer::Elected { .. } => elected = true,
                Answer::NoOffset { .. } | Answer::ThrownOut { .. } => {}
            }
        }
        if elected {
            self.confirm_anew(queue);
        }
        self.note_depths(queue);
        let state = self.brokers.logs.topics.get_mut(&queue).expect("a topic has a log");
        state.alarm.set(state.topic.wakes_at(), queue, &mut self.calendar);
    }

    /// A record has gone with its leader. If its publisher waits for all copies and has not been told of them, it is told
    /// that they are not there: nothing is lost that was promised.
    fn record_is_lost(&mut self, queue: u32, partition: u32, offset: u64) {
        let here = |waiting: &Unconfirmed| waiting.queue == queue && waiting.place.partition == partition && waiting.place.offset == offset;
        let denied = self.brokers.logs.denied.remove(&(queue, partition, offset));
        if denied || self.brokers.logs.unconfirmed.values().any(here) {
            self.recorder.message_withdrawn(queue);
            self.recorder.message_refused(queue);
        } else {
            self.recorder.messages_lost(queue, 1);
        }
        for group in self.brokers.logs.topics[&queue].groups.clone() {
            let state = self.brokers.logs.groups.get_mut(&group).expect("a group has a state");
            let (done, settled) = (&mut state.done[partition as usize], &mut state.settled[partition as usize]);
            // What nobody of the group has read never was there for it; in its place others may come.
            if offset >= *settled {
                self.recorder.message_withdrawn(group);
            }
            (*done, *settled) = ((*done).min(offset), (*settled).min(offset));
        }
    }

    fn note_depths(&mut self, queue: u32) {
        let now = self.now();
        let state = &self.brokers.logs.topics[&queue];
        for (number, group) in state.groups.iter().enumerate() {
            let figures = state.topic.figures(number as u32, None);
            let oldest = (0..self.brokers.logs.groups[group].done.len() as u32)
                .filter_map(|partition| {
                    let position = state.topic.figures(number as u32, Some(partition)).position;
                    Some(state.topic.partition(partition).log().get(position)?.appended)
                })
                .min();
            self.recorder.queue_depth(*group, (figures.unread, figures.in_hand), oldest, now);
        }
    }

    /// A group's topic, its state, and the group's number in it.
    fn topic_of(&mut self, group: u32) -> Option<(u32, &mut LogState, u32)> {
        let Rules::Group { topic, .. } = self.topology.brokers.queues[group as usize].rules else { return None };
        let state = self.brokers.logs.topics.get_mut(&topic)?;
        let number = state.groups.iter().position(|known| *known == group)? as u32;
        Some((topic, state, number))
    }

    // -- members -----------------------------------------------------------------------------------------------------

    /// A consumer's thread joins its group.
    pub(super) fn join_group(&mut self, group: u32, connection: u32) -> Option<u32> {
        let now = self.now();
        let consumer = self.brokers.connections[connection as usize].consumer;
        let Receives::Kafka { is_static } = self.topology.brokers.consumers[consumer as usize].receives else { return None };
        // Known before it is handed anything.
        self.brokers.logs.groups.get_mut(&group)?.members.push(connection);
        let (topic, state, number) = self.topic_of(group)?;
        let mut answers = Vec::new();
        let member = state.topic.join(number, is_static.then_some(connection), now, &mut answers);
        debug_assert_eq!(member as usize + 1, self.brokers.logs.groups[&group].members.len());
        self.heed_topic(topic, answers);
        Some(member)
    }

    /// A member is not heard of any more, maybe since its process is gone, or is again.
    pub(super) fn member_is_heard(&mut self, group: u32, member: u32, heard: bool, is_gone: bool) {
        let now = self.now();
        let commits_first = self.topology.brokers.queues[group as usize].rules.commits_first();
        let Some((topic, state, number)) = self.topic_of(group) else { return };
        let mut answers = Vec::new();
        // It has said that it has them.
        let lost = if !heard && is_gone && commits_first { state.topic.group(number).unhandled(member) } else { 0 };
        if heard {
            state.topic.reachable(number, member, now, &mut answers);
        } else {
            state.topic.unreachable(number, member, now, &mut answers);
        }
        self.recorder.messages_lost(group, lost);
        self.heed_topic(topic, answers);
    }

    fn hand_over(&mut self, topic: u32, delivery: kafka::Delivery<Message>) {
        let kafka::Delivery { group, member, tag, partition, offset, message, redelivered, nth, first_of_poll } = delivery;
        let queue = self.brokers.logs.topics[&topic].groups[group as usize];
        let connection = self.brokers.logs.groups[&queue].members[member as usize];
        self.recorder.message_delivered(queue, redelivered);
        let delivery = Delivery {
            member,
            tag,
            place: Some((partition, offset)),
            nth,
            travels: first_of_poll,
            ..Delivery::new(queue, connection, message)
        };
        self.send_delivery(delivery, nth.wrapping_add((tag as u32) << 8));
    }

    /// A member has done with a record: true if that counts, and for the first time.
    pub(super) fn record_handled(&mut self, delivery: &Delivery, how: Handled) -> bool {
        let now = self.now();
        let Some((topic, state, number)) = self.topic_of(delivery.queue) else { return false };
        let mut answers = Vec::new();
        let heard = state.topic.handled(number, delivery.member, delivery.tag, how, now, &mut answers);
        let group = self.brokers.logs.groups.get_mut(&delivery.queue).expect("a group has a state");
        // What comes at most once counts, whoever owns the partition by then.
        let once = self.topology.brokers.queues[delivery.queue as usize].rules.commits_first();
        let again = match delivery.place {
            Some((partition, offset)) if how == Handled::Done => {
                let done = &mut group.done[partition as usize];
                let again = !once && offset < *done;
                *done = (*done).max(offset + 1);
                again
            }
            _ => false,
        };
        let gone_on = how == Handled::Done || how == Handled::Skip;
        let counts = gone_on && (once || heard != Heard::Stale);
        let first = delivery.place.is_some_and(|(partition, offset)| {
            let settled = &mut group.settled[partition as usize];
            let first = counts && (once || offset >= *settled);
            *settled = if first { (offset + 1).max(*settled) } else { *settled };
            first
        });
        if again {
            self.comes_again(self.brokers.connections[delivery.connection as usize].consumer);
        }
        self.heed_topic(topic, answers);
        first
    }

    /// A node of a broker is gone or back: its partitions get other leaders, or their followers.
    pub(super) fn log_node_changes(&mut self, queue: u32, replica: u32, up: bool) {
        let now = self.now();
        let Some(state) = self.brokers.logs.topics.get_mut(&queue) else { return };
        let node = replica - state.first_node;
        let mut answers = Vec::new();
        if up {
            state.topic.node_up(node, now, &mut answers);
        } else {
            state.topic.node_down(node, now, &mut answers);
        }
        self.heed_topic(queue, answers);
        self.confirm_anew(queue);
    }

    /// A link may carry messages no more, or again: members behind it are not heard of.
    pub(in crate::world) fn members_behind_links(&mut self) {
        for connection in 0..self.brokers.connections.len() as u32 {
            self.heed_member(connection);
        }
    }

    /// Whether a member's heartbeats come to the broker, if that has changed.
    pub(super) fn heed_member(&mut self, connection: u32) {
        let entry = self.brokers.connections[connection as usize];
        let spec = &self.topology.brokers.consumers[entry.consumer as usize];
        let Receives::Kafka { .. } = spec.receives else { return };
        if entry.subscription == NOBODY {
            return;
        }
        let link: LinkId = self.sites[spec.site.index()].link;
        let heard = self.replicas[entry.replica as usize].paused == 0 && !self.is_blocked(link);
        if heard == entry.silent {
            self.brokers.connections[connection as usize].silent = !heard;
            self.member_is_heard(spec.queue, entry.subscription, heard, false);
        }
    }
}
