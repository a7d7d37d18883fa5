//! Events and the writes that they tell of: who publishes beside the database may lose one of both when it dies between them, and who
//! writes the event into the database with the rest leaves it to a relay, which brings it at least once.

use super::Carried;
use crate::base::outcome::Outcome;
use crate::base::time::{Instant, Nanos};
use crate::observe::episode::Cause;
use crate::topology::Topology;
use crate::world::World;
use crate::world::event::Kind;
use crate::world::state::*;
use std::collections::{BTreeMap, VecDeque};

/// What became of a write and its event.
#[derive(Default)]
pub(super) struct Announced {
    /// By request: writes, and events that came to the broker.
    requests: BTreeMap<u64, (u32, u32)>,
    /// Written and not yet published, in the order of writing; the first may be on its way.
    rows: VecDeque<Row>,
    on_its_way: bool,
    /// The relay looks then.
    due: Instant,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    request: u64,
    path: u32,
    cause: Cause,
}

impl Announced {
    pub fn all(topology: &Topology) -> Vec<Announced> {
        let new = |_: &_| Announced { due: Instant::NEVER, ..Announced::default() };
        topology.brokers.announcements.iter().map(new).collect()
    }

    pub fn is_idle(&self) -> bool {
        self.rows.is_empty()
    }

    /// Writes, those whose event never came, and events without a write.
    pub fn counts(&self) -> [u64; 3] {
        let mut counts = [0; 3];
        for (written, published) in self.requests.values() {
            counts[0] += u64::from(*written > 0);
            counts[1] += u64::from(*written > 0 && *published == 0);
            counts[2] += u64::from(*written == 0 && *published > 0);
        }
        counts
    }
}

impl World<'_> {
    /// A job has written what a message announces; with an outbox, the message too.
    pub(in crate::world) fn event_written(&mut self, job: u32, number: u32) {
        let Job { request, path, cause, .. } = self.jobs[job];
        let state = &mut self.brokers.announced[number as usize];
        state.requests.entry(request).or_default().0 += 1;
        if self.topology.brokers.announcements[number as usize].outbox.is_some() {
            state.rows.push_back(Row { request, path, cause });
            self.await_relay(number);
        }
    }

    /// A message that announces a write has come to the broker.
    pub(super) fn event_published(&mut self, request: u64, number: u32) {
        self.brokers.announced[number as usize].requests.entry(request).or_default().1 += 1;
    }

    /// The relay looks when its time comes round, as it does all the time.
    fn await_relay(&mut self, number: u32) {
        let now = self.now();
        let Some(relay) = &self.topology.brokers.announcements[number as usize].outbox else { return };
        let state = &mut self.brokers.announced[number as usize];
        if state.due != Instant::NEVER || state.on_its_way {
            return;
        }
        state.due = Instant((now.0 / relay.poll.0 + 1).saturating_mul(relay.poll.0));
        self.calendar.schedule(state.due, Kind::OutboxPolls as u8, number);
    }

    pub(in crate::world) fn outbox_polls(&mut self, number: u32) {
        self.brokers.announced[number as usize].due = Instant::NEVER;
        self.relay_next(number);
    }

    /// Publishes the first row, from the first replica that is there.
    fn relay_next(&mut self, number: u32) {
        let Some(relay) = &self.topology.brokers.announcements[number as usize].outbox else { return };
        let Some(Row { request, path, cause }) = self.brokers.announced[number as usize].rows.front().copied() else { return };
        let replicas = self.topology.services[relay.service.index()].replicas.clone();
        let there = |replica: &u32| self.replicas[*replica as usize].up && self.replicas[*replica as usize].paused == 0;
        let Some(replica) = replicas.clone().find(there) else { return self.await_relay(number) };
        self.brokers.announced[number as usize].on_its_way = true;
        let job = self.new_carrier(replica, relay.body, (request, path), cause, Carried::Relays(number));
        if self.recorder.watch.is_on() {
            self.recorder.watch.carries(job, Some(request));
        }
        self.calendar.schedule_in(Nanos::ZERO, Kind::BodyStarts as u8, job);
    }

    /// A row has been published, or not: then it is tried again when the relay looks next.
    pub(super) fn relay_ended(&mut self, job: u32, number: u32, outcome: Outcome) {
        self.free_carrier(job);
        self.brokers.announced[number as usize].on_its_way = false;
        if outcome.is_failure() {
            return self.await_relay(number);
        }
        self.brokers.announced[number as usize].rows.pop_front();
        self.relay_next(number);
    }

    /// A replica that may have been relaying is gone: its row is published again.
    pub(super) fn relays_go(&mut self, replica: u32) {
        for number in 0..self.brokers.announced.len() as u32 {
            let Some(relay) = &self.topology.brokers.announcements[number as usize].outbox else { continue };
            if self.topology.services[relay.service.index()].replicas.contains(&replica)
                && self.brokers.announced[number as usize].on_its_way
            {
                let alive = |(job, carried): (usize, &Option<Carried>)| {
                    let entry = &self.jobs.entries()[job];
                    matches!(carried, Some(Carried::Relays(of)) if *of == number)
                        && entry.replica != replica
                        && entry.state != JobState::Free
                        && entry.state != JobState::Stopped
                };
                let still = self.brokers.carried.iter().enumerate().any(alive);
                if !still {
                    self.brokers.announced[number as usize].on_its_way = false;
                    self.await_relay(number);
                }
            }
        }
    }
}
