//! Faults of messaging: consumers that are stuck, messages that nobody can handle, a broker whose disk is full.

use crate::base::stream::Source;
use crate::observe::episode::Cause;
use crate::topology::FaultAction;
use crate::world::World;
use crate::world::event::Kind;
use crate::world::state::*;

/// Those in progress.
#[derive(Default)]
pub(super) struct Troubles {
    /// Occurrence, consumer, replicas, and why.
    stuck: Vec<(u32, u32, Vec<u32>, Cause)>,
    /// Occurrence, broker, and why.
    full: Vec<(u32, u32, Cause)>,
    /// Occurrence, queue, messages it may still spoil.
    poison: Vec<(u32, u32, u32)>,
    pub poison_cause: Cause,
    /// Jobs that wait for the end: by occurrence, and what they were when they began to wait.
    waiting: Vec<(u32, u32, (u64, u32))>,
}

impl World<'_> {
    pub(in crate::world) fn messaging_trouble_begins(&mut self, occurrence: u32, cause: Cause) {
        let fault = self.occurrences[occurrence as usize].fault;
        match &self.topology.faults[fault.index()].action {
            FaultAction::ConsumerStuck { consumer, replicas } => {
                let met = self.met(occurrence, replicas).iter().map(|replica| replica.0).collect();
                self.brokers.troubles.stuck.push((occurrence, *consumer, met, cause));
            }
            FaultAction::DiskFull { broker } => self.brokers.troubles.full.push((occurrence, *broker, cause)),
            FaultAction::Poison { queue, most, .. } => {
                self.brokers.troubles.poison.push((occurrence, *queue, *most));
                self.brokers.troubles.poison_cause = cause;
            }
            other => unreachable!("{other:?} is no fault of messaging"),
        }
    }

    pub(in crate::world) fn messaging_trouble_ends(&mut self, occurrence: u32) {
        let troubles = &mut self.brokers.troubles;
        troubles.stuck.retain(|(by, ..)| *by != occurrence);
        troubles.full.retain(|(by, ..)| *by != occurrence);
        troubles.poison.retain(|(by, ..)| *by != occurrence);
        let (over, still) = std::mem::take(&mut troubles.waiting).into_iter().partition(|(by, ..)| *by == occurrence);
        troubles.waiting = still;
        let over: Vec<_> = over;
        for (_, job, was) in over {
            let Job { state, request, path, .. } = self.jobs.entries()[job as usize];
            if state == JobState::Hung && (request, path) == was {
                self.jobs[job].state = JobState::Working;
                // The step it stands at is tried again.
                self.calendar.schedule_in(crate::base::time::Nanos::ZERO, Kind::BodyStarts as u8, job);
            }
        }
    }

    fn waits_for_end(&mut self, job: u32, occurrence: u32, cause: Cause) {
        let state = &mut self.jobs[job];
        (state.state, state.cause) = (JobState::Hung, cause);
        let was = (state.request, state.path);
        self.brokers.troubles.waiting.push((occurrence, job, was));
    }

    /// Whether the consumer does not go on with what it has been given; the job waits then.
    pub(super) fn consumer_is_stuck(&mut self, job: u32, consumer: u32) -> bool {
        let replica = self.jobs[job].replica;
        let stuck = self.brokers.troubles.stuck.iter().find(|(_, who, met, _)| *who == consumer && met.contains(&replica));
        let Some((occurrence, _, _, cause)) = stuck else { return false };
        let (occurrence, cause) = (*occurrence, *cause);
        self.waits_for_end(job, occurrence, cause);
        true
    }

    /// Whether the broker takes nothing now; the publisher's job waits then.
    pub(super) fn block_publisher(&mut self, job: u32, broker: u32) -> bool {
        let Some((occurrence, _, cause)) = self.brokers.troubles.full.iter().find(|(_, full, _)| *full == broker) else { return false };
        let (occurrence, cause) = (*occurrence, *cause);
        self.waits_for_end(job, occurrence, cause);
        true
    }

    /// Whether a message that comes now is one that no consumer can handle.
    pub(super) fn is_poisoned(&mut self, queue: u32, request: u64, path: u32) -> bool {
        let mut spoilt = false;
        for (occurrence, of, most) in &mut self.brokers.troubles.poison {
            let fault = self.occurrences[*occurrence as usize].fault;
            let FaultAction::Poison { share, .. } = self.topology.faults[fault.index()].action else { continue };
            if *of == queue && *most > 0 && self.keys.faults[fault.index()].draw(request, path).chance(share) {
                *most -= 1;
                spoilt = true;
            }
        }
        spoilt
    }

    /// Why messages of a queue are not handled, if a fault is behind it: of its consumers, or of the broker.
    pub(super) fn held_up_queue(&self, queue: u32) -> Cause {
        let brokers = &self.topology.brokers;
        let consumers = (0u32..).zip(&brokers.consumers).filter(|(_, consumer)| consumer.queue == queue);
        for (number, consumer) in consumers {
            if let Some((.., cause)) = self.brokers.troubles.stuck.iter().find(|(_, who, ..)| *who == number) {
                return *cause;
            }
            let replicas = self.topology.services[consumer.service.index()].replicas.clone();
            let troubled = replicas.map(|replica| &self.replicas[replica as usize]).find(|state| state.fault_cause.is_some());
            if let Some(state) = troubled {
                return state.fault_cause;
            }
        }
        brokers.queues[queue as usize].nodes.iter().map(|node| self.replicas[*node as usize].fault_cause).fold(Cause::NONE, Cause::or)
    }
}
