//! The callee's sidecar: what it refuses before the application hears of it, and what proxies cost on the way.

use super::super::World;
use super::super::event::Kind;
use super::super::keys::{Purpose, below};
use super::super::state::*;
use crate::base::id::*;
use crate::base::outcome::{Class, Flag, Outcome};
use crate::base::stream::Source;
use crate::base::time::Nanos;
use crate::topology::mesh::Inbound;

/// What a sidecar answers in the place of its application: to the caller an answer like any other. Its reasons (UO, UF, UC) are
/// flags in its own log alone.
pub(in crate::world) const FROM_SIDECAR: Outcome = Outcome::new(503, Class::ServerError, Flag::None);

impl World<'_> {
    /// Whether the sidecar of a replica lets a request in; if not, with what it is refused.
    pub(in crate::world) fn refused_by_sidecar(&self, job: u32) -> Option<Outcome> {
        let Job { call, replica, .. } = self.jobs[job];
        // A consumer has opened the connection that its messages come over: to its sidecar they are no requests.
        if self.is_delivery(job) {
            return None;
        }
        let inbound = self.inbound_of(replica);
        if inbound.strict && call != NOBODY && self.calls[call].holds & hold::PARENT != hold::OF_UPSTREAM {
            // Plain text: the connection is closed.
            return Some(Outcome::RESET);
        }
        let state = &self.replicas[replica as usize];
        (state.busy + state.queue_len >= inbound.max_requests).then_some(FROM_SIDECAR)
    }

    /// An attempt comes to a pod whose application is down: its sidecar tries the closed port again and again, as its own policy
    /// says, and then answers. If the pod has died since the sidecar took it, the connection is reset.
    pub(in crate::world) fn nobody_listens(&mut self, job: u32, service: ServiceId) {
        let now = self.now();
        let Job { replica, request, path, next: site, pending, state, .. } = self.jobs[job];
        let (pod, down) = (self.replicas[replica as usize].pod, self.replicas[replica as usize].fault_cause);
        let is_first = state != JobState::Knocking;
        let entry = &mut self.jobs[job];
        entry.cause = down.or(entry.cause);
        if is_first {
            entry.arrived = now;
            self.recorder.arrived(service, now);
        }
        let inbound = self.inbound_of(replica);
        let tried_again = if is_first { 0 } else { pending };
        let refused = match pod {
            false => Some(if is_first { Outcome::CONNECT_FAILURE } else { Outcome::RESET }),
            true if self.is_delivery(job) => Some(Outcome::RESET),
            true => self.refused_by_sidecar(job).or((tried_again >= inbound.retries).then_some(FROM_SIDECAR)),
        };
        if let Some(outcome) = refused {
            self.recorder.rejected(service, self.jobs[job].arrived);
            return self.answer(job, outcome);
        }
        let word = self.keys.call(site, request, below(path, tried_again), Purpose::Inbound).word();
        (self.jobs[job].state, self.jobs[job].pending) = (JobState::Knocking, tried_again + 1);
        self.calendar.schedule_in(inbound.back_off.wait(tried_again, word), Kind::JobArrives as u8, job);
    }

    /// What proxies add to a message's way: that of the caller, if it has one, and that of the callee.
    #[cold]
    pub(in crate::world) fn proxies_on_the_way(&self, job: u32, site: u32, back: bool) -> Nanos {
        let Some(latency) = &self.topology.mesh.proxy_latency else { return Nanos::ZERO };
        let Job { request, path, replica, .. } = self.jobs[job];
        let outbound = self.topology.mesh.proxied(SiteId(site)).is_some();
        let service = self.topology.replicas[replica as usize].service;
        let inbound = self.topology.mesh.inbound.get(service.index()).is_some_and(|inbound: &Inbound| inbound.proxy);
        let purpose = if back { Purpose::ProxiesBack } else { Purpose::ProxiesOut };
        let mut words = self.keys.call(site, request, path, purpose);
        (0..u32::from(outbound) + u32::from(inbound)).map(|_| latency.sample(&mut words)).fold(Nanos::ZERO, |sum, one| sum + one)
    }
}
