//! The callee's sidecar: what it refuses before the application hears of it, and what proxies cost on the way.

use super::super::World;
use super::super::keys::Purpose;
use super::super::state::*;
use crate::base::id::*;
use crate::base::outcome::{Class, Flag, Outcome};
use crate::base::time::Nanos;
use crate::topology::mesh::Inbound;

/// What a sidecar answers in the place of its application: to the caller an answer like any other.
const SIDECAR_OVERFLOW: Outcome = Outcome::new(503, Class::ServerError, Flag::None);

impl World<'_> {
    /// Whether the sidecar of a replica lets a request in; if not, with what it is refused.
    pub(in crate::world) fn refused_by_sidecar(&self, job: u32, service: ServiceId) -> Option<Outcome> {
        let inbound = self.topology.mesh.inbound.get(service.index())?;
        let Job { call, replica, .. } = self.jobs[job];
        if inbound.strict && call != NOBODY && self.calls[call].holds & hold::PARENT != hold::OF_UPSTREAM {
            // Plain text: the connection is closed.
            return Some(Outcome::RESET);
        }
        let state = &self.replicas[replica as usize];
        (state.busy + state.queue_len >= inbound.max_requests).then_some(SIDECAR_OVERFLOW)
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
