//! Publishing to a log: which partition and node a record goes to, and when all that must have it have it.

use super::{LINGER, Place, Unconfirmed};
use crate::base::outcome::Outcome;
use crate::base::stream::mix;
use crate::base::time::Instant;
use crate::policy::broker::kafka::partition::{self, Appended, Confirmation};
use crate::policy::broker::kafka::partitioner::partition_of;
use crate::topology::broker::{Acks, Publication, Rules};
use crate::world::World;
use crate::world::broker::{Message, Taken};
use crate::world::event::Kind;
use crate::world::state::*;

impl World<'_> {
    /// The partition that a message goes to: by its key, or for a while all of a publisher's go to one.
    fn partition_for(&self, publication: &Publication, number: u32, request: u64, call: u32, partitions: u32) -> u32 {
        if let Some(key) = self.message_key(publication, number, request) {
            return partition_of(key.to_string().as_bytes(), partitions);
        }
        let (caller, started) = if call == NOBODY { (0, self.now()) } else { (self.caller_of(call), self.calls[call].started) };
        (mix(u64::from(caller), started.0 / LINGER.0) % u64::from(partitions)) as u32
    }

    /// The node that a publisher sends to: the one that leads the partition; nobody if that is all the same.
    pub(in crate::world) fn leader_for(&self, call: u32, number: u32) -> u32 {
        let publication = &self.topology.brokers.publications[number as usize];
        let Some((queue, state)) = publication.queues.first().and_then(|queue| Some((*queue, self.brokers.logs.topics.get(queue)?))) else {
            return NOBODY;
        };
        let partitions = self.topology.brokers.queues[queue as usize].rules.partitions();
        let partition = self.partition_for(publication, number, self.calls[call].request, call, partitions);
        state.topic.partition(partition).leader().map_or(NOBODY, |node| state.first_node + node)
    }

    /// Appends a job's message to its partition's log.
    pub(in crate::world::broker) fn append(&mut self, job: u32, number: u32, queue: u32, message: Message) -> Taken {
        let topology = self.topology;
        let publication = &topology.brokers.publications[number as usize];
        let Job { request, call, replica, .. } = self.jobs[job];
        let now = self.now();
        let partition = self.partition_for(publication, number, request, call, topology.brokers.queues[queue as usize].rules.partitions());
        self.brokers.logs.unconfirmed.remove(&job);
        let state = self.brokers.logs.topics.get_mut(&queue).expect("a topic has a log");
        let identity = (message.request, message.path);
        let mut answers = Vec::new();
        let known = state.sent.get(&identity).copied().filter(|place| {
            let log = state.topic.partition(place.partition).log();
            log.get(place.offset).is_some_and(|record| (record.message.request, record.message.path) == identity)
        });
        let wrong_node = state.topic.partition(partition).leader().is_none_or(|node| state.first_node + node != replica);
        let acks = match publication.acks {
            Acks::None => partition::Acks::None,
            Acks::Leader => partition::Acks::Leader,
            Acks::All => partition::Acks::All,
        };
        let place = match known {
            _ if wrong_node => None,
            Some(place) => {
                let at = state.topic.confirmation(place.partition, place.offset, place.epoch, now);
                let confirmed = if let Confirmation::At(at) = at { at } else { now };
                Some((place, confirmed))
            }
            None => {
                let send = partition::Send { message, bytes: publication.bytes, acks, sequence: None };
                match state.topic.append(partition, send, now, &mut answers) {
                    Appended::At { offset, epoch, confirmed } | Appended::Duplicate { offset, epoch, confirmed } => {
                        self.recorder.message_taken(queue);
                        state.groups.iter().for_each(|group| self.recorder.message_taken(*group));
                        Some((Place { partition, offset, epoch }, confirmed))
                    }
                    Appended::OutOfOrder | Appended::NoLeader | Appended::NotEnoughReplicas => None,
                }
            }
        };
        let Some((place, confirmed)) = place else {
            self.recorder.message_refused(queue);
            self.heed_topic(queue, answers);
            return Taken::Refused;
        };
        // Only who may send again needs to be known again.
        let may_retry = call != NOBODY && self.topology.sites[self.calls[call].site as usize].policy.is_some();
        if may_retry {
            state.sent.insert(identity, place);
        }
        let waits = acks == partition::Acks::All && confirmed > now;
        if waits {
            self.await_copies(job, queue, place, confirmed);
        }
        self.heed_topic(queue, answers);
        if waits { Taken::Later } else { Taken::Yes }
    }

    fn await_copies(&mut self, job: u32, queue: u32, place: Place, due: Instant) {
        let state = &mut self.jobs[job];
        state.state = JobState::Hung;
        let is = (state.request, state.path);
        self.brokers.logs.unconfirmed.insert(job, Unconfirmed { queue, place, due, is });
        self.calendar.schedule(due, Kind::CopiesDue as u8, job);
    }

    /// All that must have a job's record should have it by now.
    pub(in crate::world) fn copies_due(&mut self, job: u32) {
        let now = self.now();
        let Some(Unconfirmed { queue, place, .. }) = self.brokers.logs.unconfirmed.get(&job).copied().filter(|waiting| waiting.due == now)
        else {
            return;
        };
        if !self.awaits_copies(job) {
            return self.deny(job);
        }
        self.topic_wakes(queue);
        match self.brokers.logs.topics[&queue].topic.confirmation(place.partition, place.offset, place.epoch, now) {
            Confirmation::At(at) if at > now => self.await_copies(job, queue, place, at),
            confirmation => {
                self.brokers.logs.unconfirmed.remove(&job);
                let entry = &mut self.jobs[job];
                (entry.state, entry.step) = (JobState::Working, entry.step + 1);
                match confirmation {
                    Confirmation::At(_) => self.run_job(job),
                    _ => {
                        self.brokers.logs.denied.insert((queue, place.partition, place.offset));
                        self.end_job(job, Outcome::answered(503));
                    }
                }
            }
        }
    }

    /// A job waits no more: it has gone with its node, or its publisher has.
    pub(super) fn deny(&mut self, job: u32) {
        if let Some(Unconfirmed { queue, place, .. }) = self.brokers.logs.unconfirmed.remove(&job) {
            self.brokers.logs.denied.insert((queue, place.partition, place.offset));
        }
    }

    fn awaits_copies(&self, job: u32) -> bool {
        let Job { state, request, path, .. } = self.jobs.entries()[job as usize];
        let waiting = self.brokers.logs.unconfirmed.get(&job);
        state == JobState::Hung && waiting.is_some_and(|waiting| waiting.is == (request, path))
    }

    /// A node has gone or come back: what waits for copies may have them sooner, or never.
    pub(super) fn confirm_anew(&mut self, queue: u32) {
        let now = self.now();
        let waiting: Vec<(u32, Unconfirmed)> = self
            .brokers
            .logs
            .unconfirmed
            .iter()
            .filter(|(_, waiting)| waiting.queue == queue)
            .map(|(job, waiting)| (*job, *waiting))
            .collect();
        for (job, Unconfirmed { place, due, .. }) in waiting {
            if !self.awaits_copies(job) {
                self.deny(job);
                continue;
            }
            let topic = &self.brokers.logs.topics[&queue].topic;
            let until = match topic.confirmation(place.partition, place.offset, place.epoch, now) {
                Confirmation::At(at) => at.max(now),
                Confirmation::NotEnoughReplicas | Confirmation::LeaderGone => now,
            };
            if until != due {
                self.await_copies(job, queue, place, until);
            }
        }
    }

    /// A copy that a consumer puts into another topic: by a publisher of its own, which asks for nothing.
    pub(in crate::world::broker) fn put_copy(&mut self, queue: u32, message: Message) {
        let now = self.now();
        let Rules::Topic(rules) = &self.topology.brokers.queues[queue as usize].rules else { return };
        let Some(state) = self.brokers.logs.topics.get_mut(&queue) else { return };
        let partition = (mix(message.request, u64::from(message.path)) % u64::from(rules.partitions)) as u32;
        let send = partition::Send { message, bytes: 0, acks: partition::Acks::None, sequence: None };
        let mut answers = Vec::new();
        match state.topic.append(partition, send, now, &mut answers) {
            Appended::At { .. } | Appended::Duplicate { .. } => {
                self.recorder.message_taken(queue);
                state.groups.iter().for_each(|group| self.recorder.message_taken(*group));
            }
            Appended::OutOfOrder | Appended::NoLeader | Appended::NotEnoughReplicas => self.recorder.message_refused(queue),
        }
        self.heed_topic(queue, answers);
    }
}
