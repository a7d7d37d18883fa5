//! Faults begin and end.

use super::World;
use super::event::Kind;
use super::replica::{Crash, Dies, ReplicaState};
use super::schedule;
use crate::base::id::*;
use crate::base::time::{Instant, Nanos};
use crate::observe::episode::Cause;
use crate::observe::recording::Happening;
use crate::topology::{FaultAction, Restart};

impl World<'_> {
    /// Puts the beginnings and ends of all faults into the calendar.
    pub(super) fn start_faults(&mut self) {
        for place in 0..self.occurrences.len() {
            let began = self.occurrences[place].began;
            self.calendar.schedule(began, Kind::FaultBegins as u8, place as u32);
        }
    }

    /// The replicas that an occurrence meets.
    pub(super) fn met(&self, occurrence: u32, among: &[ReplicaId]) -> Vec<ReplicaId> {
        schedule::met(self.topology, &self.keys, self.occurrences[occurrence as usize], among)
    }

    fn crash_all(&mut self, occurrence: u32, replicas: &[ReplicaId], restart: &Restart, what: Dies, cause: Cause) {
        let happening = self.occurrences[occurrence as usize];
        for replica in self.met(occurrence, replicas) {
            let until = match restart {
                Restart::AtEnd => happening.ended,
                Restart::Never => Instant::NEVER,
                Restart::After(dist) => {
                    let until = self.now() + schedule::restart_after(self.topology, &self.keys, happening, replica, dist);
                    self.calendar.schedule(until, Kind::ReplicaReturns as u8, replica.0);
                    until
                }
            };
            self.crash(replica.0, Crash { until, cause, what });
        }
    }

    pub(super) fn fault_begins(&mut self, occurrence: u32) {
        let topology = self.topology;
        let now = self.now();
        let happening = self.occurrences[occurrence as usize];
        let action = &topology.faults[happening.fault.index()].action;
        let adds_load = matches!(action, FaultAction::Spike { .. } | FaultAction::CacheFlush { .. });
        let cause = self.recorder.fault_began(happening.fault, now, adds_load);
        self.fault_causes[occurrence as usize] = cause;
        self.faulted = true;
        match action {
            FaultAction::Crash { replicas, restart, container } => {
                let what = if *container { Dies::Container } else { Dies::Pod };
                self.crash_all(occurrence, replicas, restart, what, cause);
            }
            FaultAction::Slow { replicas, .. } => {
                self.touch(replicas, occurrence, cause, |_| ());
                self.find_slowness(replicas);
            }
            FaultAction::Errors { replicas, .. } => self.touch(replicas, occurrence, cause, |state| state.errors += 1),
            FaultAction::Pause { replicas } => {
                self.touch(replicas, occurrence, cause, |_| ());
                self.met(occurrence, replicas).iter().for_each(|r| self.pause(r.0, cause));
                self.members_behind_links();
            }
            FaultAction::Hang { replicas } => self.touch(replicas, occurrence, cause, |state| state.hung += 1),
            FaultAction::CacheFlush { cache } => {
                self.flush(*cache, cause);
                self.recorder.mark(now, Happening::CacheFlushed(*cache));
            }
            FaultAction::Link { links, latency, loss, bandwidth } => {
                self.disturb_links(occurrence, links, (latency.clone(), *loss, *bandwidth), cause);
            }
            FaultAction::Partition { links, packets } => {
                self.partition_links(occurrence, links, *packets, cause);
                self.members_behind_links();
            }
            // The rate is in the client's plan; what it offers meanwhile carries the cause.
            FaultAction::Spike { client, .. } => self.clients[client.index()].spikes.push((occurrence, cause)),
            FaultAction::ConsumerStuck { .. } | FaultAction::DiskFull { .. } | FaultAction::Poison { .. } => {
                self.messaging_trouble_begins(occurrence, cause);
            }
            FaultAction::ConfigPush { begins, .. } => self.config_changes(happening.fault, *begins, cause, false),
        }
        if happening.ended != Instant::NEVER {
            self.calendar.schedule(happening.ended, Kind::FaultEnds as u8, occurrence);
        }
    }

    pub(super) fn fault_ends(&mut self, occurrence: u32) {
        let topology = self.topology;
        let now = self.now();
        let happening = self.occurrences[occurrence as usize];
        let fault = happening.fault;
        self.recorder.fault_ended(fault, happening.began, now);
        let cause = self.fault_causes[occurrence as usize];
        match &topology.faults[fault.index()].action {
            FaultAction::Crash { replicas, restart: Restart::AtEnd, .. } => {
                for replica in self.met(occurrence, replicas) {
                    self.calendar.schedule_in(Nanos::ZERO, Kind::ReplicaReturns as u8, replica.0);
                }
            }
            FaultAction::Crash { .. } | FaultAction::CacheFlush { .. } => {}
            FaultAction::Slow { replicas, .. } => {
                self.let_go(replicas, occurrence, |_| ());
                self.find_slowness(replicas);
            }
            FaultAction::Errors { replicas, .. } => self.let_go(replicas, occurrence, |state| state.errors -= 1),
            FaultAction::Pause { replicas } => {
                self.let_go(replicas, occurrence, |_| ());
                self.met(occurrence, replicas).iter().for_each(|r| self.resume(r.0, cause));
                self.members_behind_links();
            }
            FaultAction::Hang { replicas } => {
                self.let_go(replicas, occurrence, |_| ());
                self.met(occurrence, replicas).iter().for_each(|r| self.end_hang(r.0, cause));
            }
            FaultAction::Link { .. } | FaultAction::Partition { .. } => {
                self.calm_links(occurrence);
                self.members_behind_links();
            }
            FaultAction::Spike { client, .. } => self.clients[client.index()].spikes.retain(|(by, _)| *by != occurrence),
            FaultAction::ConsumerStuck { .. } | FaultAction::DiskFull { .. } | FaultAction::Poison { .. } => {
                self.messaging_trouble_ends(occurrence);
            }
            FaultAction::ConfigPush { ends, .. } => self.config_changes(fault, *ends, cause, true),
        }
    }

    /// The fault touches those of the replicas that it meets from now on.
    fn touch(&mut self, replicas: &[ReplicaId], occurrence: u32, cause: Cause, mut change: impl FnMut(&mut ReplicaState)) {
        for replica in self.met(occurrence, replicas) {
            let state = &mut self.replicas[replica.index()];
            state.touched_by(occurrence, cause);
            change(state);
        }
    }

    /// The fault no longer touches them; another may.
    fn let_go(&mut self, replicas: &[ReplicaId], occurrence: u32, mut change: impl FnMut(&mut ReplicaState)) {
        for replica in self.met(occurrence, replicas) {
            let state = &mut self.replicas[replica.index()];
            state.let_go_by(occurrence);
            change(state);
        }
    }

    /// How slow the replicas are: the product of the factors at work, so that nothing of one that has ended remains.
    fn find_slowness(&mut self, replicas: &[ReplicaId]) {
        for replica in replicas {
            let state = &mut self.replicas[replica.index()];
            (state.slow, state.slow_cause) = (1.0, Cause::NONE);
            for (occurrence, cause) in &state.faults {
                let fault = self.occurrences[*occurrence as usize].fault;
                if let FaultAction::Slow { factor, .. } = self.topology.faults[fault.index()].action {
                    (state.slow, state.slow_cause) = (state.slow * factor, *cause);
                }
            }
        }
    }
}
