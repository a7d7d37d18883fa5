//! What the control plane tells proxies: that pods have gone and come, and new configurations. Each proxy hears of a change
//! after a delay of its own, of changes in their order; one that begins knows all that there is.
//!
//! Requests in flight keep the route and the cluster that they have; what is new goes by what its proxy knows at that moment.

use super::super::World;
use super::super::event::Kind;
use super::super::keys::OfControlPlane;
use crate::base::id::*;
use crate::base::slab::{Recycle, Slab};
use crate::base::stream::{Streams, mix};
use crate::base::time::Instant;
use crate::engine::calendar::SLOTS;
use crate::observe::episode::Cause;
use crate::observe::recording::{Happening, Pushed};
use crate::topology::Topology;
use crate::topology::mesh::{Inbound, RouteTable};
use std::collections::{BTreeMap, BTreeSet};

/// What proxies have been told, and what is on its way to them.
pub(super) struct ControlPlane {
    pushes: Slab<Push>,
    changes: Vec<Change>,
    /// What each proxy knows, by caller; empty without a mesh.
    known: Vec<Known>,
    /// How often each replica has gone or come.
    moves: Vec<u64>,
    /// Pairs of a caller and a replica that it knows to be gone, and since when it knows those that came back.
    gone: BTreeSet<(u32, u32)>,
    joined: BTreeMap<(u32, u32), Instant>,
    /// The configuration that proxies are being told of, and by version: who pushed it.
    current: u16,
    pushed_by: Vec<Cause>,
    keys: OfControlPlane,
}

/// One change on its way to one proxy.
struct Push {
    caller: u32,
    change: u32,
    next_free: u32,
}

struct Change {
    what: Pushed,
    /// The configuration that it leads to, if it is one.
    version: u16,
    /// Proxies that it concerns, and those that have not heard of it.
    of: u32,
    left: u32,
}

#[derive(Clone, Copy)]
struct Known {
    /// When the latest news on its way arrives: later ones do not overtake it.
    last: Instant,
    /// Changes before this one it has known since it began.
    fresh: u32,
    version: u16,
}

impl Recycle for Push {
    fn set_next_free(&mut self, next: u32) {
        self.next_free = next;
    }

    fn next_free(&self) -> u32 {
        self.next_free
    }
}

impl ControlPlane {
    pub fn new(topology: &Topology, streams: Streams) -> ControlPlane {
        let on = topology.mesh.push.is_some();
        let callers = if on { topology.callers as usize } else { 0 };
        ControlPlane {
            pushes: Slab::new(SLOTS - 1),
            changes: Vec::new(),
            known: vec![Known { last: Instant::START, fresh: 0, version: 0 }; callers],
            moves: vec![0; if on { topology.replicas.len() } else { 0 }],
            gone: BTreeSet::new(),
            joined: BTreeMap::new(),
            current: 0,
            pushed_by: vec![Cause::NONE; topology.mesh.versions.len()],
            keys: if on { OfControlPlane::new(topology, streams) } else { OfControlPlane::NONE },
        }
    }

    /// Whether a proxy takes a replica for an endpoint.
    pub fn lists(&self, caller: u32, replica: ReplicaId) -> bool {
        !self.gone.contains(&(caller, replica.0))
    }

    /// Since when it does, as far as it has noticed.
    pub fn listed_since(&self, caller: u32, replica: ReplicaId) -> Instant {
        self.joined.get(&(caller, replica.0)).copied().unwrap_or(Instant::START)
    }
}

impl<'t> World<'t> {
    // -- changes -----------------------------------------------------------------------------------------------------

    /// A replica is no longer ready, or is so again: its endpoint goes or comes.
    pub(in crate::world) fn endpoint_changes(&mut self, replica: u32, listed: bool) {
        let topology = self.topology;
        if !self.proxies.on || !topology.mesh.push.as_ref().is_some_and(|push| push.endpoints) {
            return;
        }
        // Who keeps connections without a proxy is told by nobody.
        let with_it = topology.mesh.clusters.iter().filter(|cluster| !cluster.plain && cluster.hosts.contains(&ReplicaId(replica)));
        let callers: BTreeSet<u32> = with_it.flat_map(|cluster| cluster.callers.clone()).collect();
        let control = &mut self.proxies.control;
        control.moves[replica as usize] += 1;
        let identity = mix(control.keys.replicas[replica as usize], control.moves[replica as usize]);
        self.tell(&callers, Pushed::Endpoint { replica: ReplicaId(replica), listed }, 0, identity);
    }

    /// Another configuration holds from now on; every proxy will hear of it.
    pub(in crate::world) fn config_changes(&mut self, fault: FaultId, version: u16, cause: Cause, ended: bool) {
        let mesh = &self.topology.mesh;
        if mesh.versions.is_empty() {
            return;
        }
        let with_proxy = self.topology.sites.iter().enumerate().filter(|(site, _)| mesh.proxied(SiteId::new(*site)).is_some());
        let mut callers: BTreeSet<u32> = with_proxy.flat_map(|(_, site)| site.callers.clone()).collect();
        for (service, _) in self.topology.services.iter().zip(&mesh.inbound).filter(|(_, inbound)| inbound.proxy) {
            callers.extend(service.replicas.clone());
        }
        let control = &mut self.proxies.control;
        control.current = version;
        if !ended {
            control.pushed_by[usize::from(version)] = cause;
        }
        let identity = mix(control.keys.faults[fault.index()], u64::from(ended));
        self.tell(&callers, Pushed::Config { fault, ended }, version, identity);
    }

    fn tell(&mut self, callers: &BTreeSet<u32>, what: Pushed, version: u16, identity: u64) {
        let Some(push) = &self.topology.mesh.push else { return };
        let (now, control) = (self.now(), &mut self.proxies.control);
        let change = control.changes.len() as u32;
        control.changes.push(Change { what, version, of: callers.len() as u32, left: callers.len() as u32 });
        for &caller in callers {
            let mut words = control.keys.pushes.draw(identity, control.keys.proxies[caller as usize]);
            let known = &mut control.known[caller as usize];
            known.last = known.last.max(now + push.delay.sample(&mut words));
            let slot = control.pushes.insert(Push { caller, change, next_free: 0 });
            let slot = slot.expect("fewer pushes are under way than a slab has room for");
            self.calendar.schedule(known.last, Kind::PushArrives as u8, slot);
        }
    }

    pub(in crate::world) fn push_arrives(&mut self, slot: u32) {
        let now = self.now();
        let control = &mut self.proxies.control;
        let Push { caller, change, .. } = control.pushes[slot];
        control.pushes.remove(slot);
        let entry = &mut control.changes[change as usize];
        entry.left -= 1;
        let Change { what, version, of, left } = *entry;
        let known = control.known[caller as usize];
        if left == 0 || left + 1 == of {
            self.recorder.mark(now, Happening::Pushed { what, last: left == 0 });
        }
        // Who began after it, or has not begun again, does not need to hear of it.
        let is_there = self.replicas.get(caller as usize).is_none_or(|replica| replica.pod);
        if change < known.fresh || !is_there {
            return;
        }
        match what {
            Pushed::Endpoint { replica, listed } => self.hears_of_endpoint(caller, replica, listed),
            Pushed::Config { .. } => self.goes_by(caller, version),
        }
    }

    /// A proxy begins: it knows who is there and what holds.
    pub(in crate::world) fn proxy_begins(&mut self, caller: u32) {
        if !self.proxies.on {
            return;
        }
        let down: Vec<u32> = (0..self.replicas.len() as u32).filter(|replica| !self.replicas[*replica as usize].up).collect();
        let follows = self.topology.mesh.push.as_ref().is_some_and(|push| push.endpoints);
        let control = &mut self.proxies.control;
        control.gone.retain(|(of, _)| *of != caller);
        control.joined.retain(|(of, _), _| *of != caller);
        if follows {
            control.gone.extend(down.into_iter().map(|replica| (caller, replica)));
        }
        // Without a mesh there is nobody to hear of anything: callers keep connections by themselves.
        let Some(known) = control.known.get_mut(caller as usize) else { return };
        (known.fresh, known.version) = (control.changes.len() as u32, control.current);
        self.take_limits(caller);
    }

    // -- endpoints ---------------------------------------------------------------------------------------------------

    fn hears_of_endpoint(&mut self, caller: u32, replica: ReplicaId, listed: bool) {
        let (topology, now) = (self.topology, self.now());
        let control = &mut self.proxies.control;
        if listed {
            control.gone.remove(&(caller, replica.0));
            control.joined.insert((caller, replica.0), now);
        } else {
            control.gone.insert((caller, replica.0));
            control.joined.remove(&(caller, replica.0));
        }
        for (id, cluster) in topology.mesh.clusters.iter().enumerate().filter(|(_, cluster)| cluster.callers.contains(&caller)) {
            let Some(host) = cluster.hosts.iter().position(|host| *host == replica) else { continue };
            let cell = cluster.cells + caller - cluster.callers.start;
            if self.proxies.cells[cell as usize].is_some() {
                self.move_host(cell, host, listed);
                if !listed {
                    self.drain_host(ClusterId::new(id), cell, host as u32);
                }
            }
        }
    }

    /// Why a cluster has no host that its proxy knows of, if some have gone.
    pub(super) fn gone_because(&self, id: ClusterId, caller: u32) -> Cause {
        let hosts = &self.topology.mesh.clusters[id.index()].hosts;
        let gone = hosts.iter().filter(|host| !self.proxies.control.lists(caller, **host));
        gone.map(|host| self.replicas[host.index()].fault_cause).find(|cause| cause.is_some()).unwrap_or(Cause::NONE)
    }

    // -- configurations ----------------------------------------------------------------------------------------------

    /// The rules that requests of a site go by in a proxy.
    pub(super) fn table_of(&self, site: u32, caller: u32) -> RouteTableId {
        let mesh = &self.topology.mesh;
        if mesh.versions.is_empty() {
            return mesh.table(SiteId(site));
        }
        mesh.versions[usize::from(self.proxies.control.known[caller as usize].version)].sites[site as usize]
    }

    pub(super) fn table(&self, id: RouteTableId) -> &'t RouteTable {
        &self.topology.mesh.tables[id.index()]
    }

    /// Who pushed the rules that a stream goes by, if they are not what is written.
    pub(super) fn pushed_by(&self, stream: u32) -> Cause {
        let super::Stream { table, site, caller, .. } = self.proxies.streams[stream];
        let control = &self.proxies.control;
        let Some(known) = control.known.get(caller as usize).filter(|_| table != self.topology.mesh.table(SiteId(site))) else {
            return Cause::NONE;
        };
        control.pushed_by.get(usize::from(known.version)).copied().unwrap_or(Cause::NONE)
    }

    /// What the sidecar of a replica does to what comes in.
    pub(super) fn inbound_of(&self, replica: u32) -> &'t Inbound {
        let mesh = &self.topology.mesh;
        let service = self.topology.replicas[replica as usize].service;
        let inbound =
            match mesh.versions.get(self.proxies.control.known.get(replica as usize).map_or(0, |known| usize::from(known.version))) {
                Some(version) => &version.inbound,
                None => &mesh.inbound,
            };
        inbound.get(service.index()).unwrap_or(&Inbound::NONE)
    }

    /// A proxy takes on another configuration. What it has of clusters that are the same stays; the connections of others are
    /// drained, and what is new about a cluster begins with nothing (Envoy `cluster_manager_impl.cc`: a changed cluster is another).
    fn goes_by(&mut self, caller: u32, version: u16) {
        let topology = self.topology;
        let before = std::mem::replace(&mut self.proxies.control.known[caller as usize].version, version);
        let [old, new] = [before, version].map(|version| &topology.mesh.versions[usize::from(version)].clusters);
        let only_in = |one: &'t Vec<ClusterId>, other: &'t Vec<ClusterId>| {
            let mine = |id: &&ClusterId| topology.mesh.clusters[id.index()].callers.contains(&caller);
            one.iter().filter(mine).filter(|id| other.binary_search(id).is_err()).copied()
        };
        let cell_of = |id: ClusterId| {
            let cluster = &topology.mesh.clusters[id.index()];
            (cluster.cells + caller - cluster.callers.start, cluster.hosts.len() as u32)
        };
        for id in only_in(old, new) {
            let (cell, hosts) = cell_of(id);
            if self.proxies.cells[cell as usize].is_some() {
                (0..hosts).for_each(|host| self.drain_host(id, cell, host));
            }
        }
        for id in only_in(new, old) {
            let (cell, _) = cell_of(id);
            if self.proxies.cells[cell as usize].is_some() {
                self.renew_cell(id, cell);
            }
        }
        self.take_limits(caller);
    }

    /// The limits that a replica's own sidecar sets, where configurations differ.
    fn take_limits(&mut self, replica: u32) {
        if self.topology.mesh.versions.is_empty() || replica as usize >= self.replicas.len() {
            return;
        }
        let inbound = self.inbound_of(replica);
        let state = &mut self.replicas[replica as usize];
        state.take_limits(&self.topology.services[state.service.index()], inbound);
        self.work_off_queue(replica);
    }
}
