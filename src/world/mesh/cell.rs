//! Cells: what one caller's proxy knows of one cluster. Its connections, whom its balancer may choose, and what its outlier
//! detector holds against whom. Made when the proxy first sends something there; lost with the caller's process.

use super::super::World;
use super::super::event::Kind;
use super::super::keys::Purpose;
use super::super::state::NOBODY;
use super::Stream;
use crate::base::id::*;
use crate::base::stream::{Source, Words};
use crate::base::time::Instant;
use crate::observe::episode::{Cause, Place, Trouble};
use crate::observe::recording::Happening;
use crate::policy::envoy::load_balancing::{Address, Around, Ask, Balancer, Callers, Health, HostView};
use crate::policy::envoy::outlier_detection::{Delivery, Detector, Event, MergeWindow, OutlierDetection, Report};
use crate::topology::mesh::{Cluster, HashKey};

pub(super) struct Cell {
    pub cluster: ClusterId,
    pub caller: u32,
    /// Where what happens to it is told: at the calls that first went there.
    pub edge: EdgeId,
    pub pool: ConnectionPoolId,
    /// As the balancer has last heard of them.
    hosts: Vec<HostView>,
    /// Who is ejected, as far as verdicts have been passed on: of several at one sweep, one after the other.
    ejected: Vec<bool>,
    balancer: Balancer,
    detector: Detector,
    merge: MergeWindow,
    created: Instant,
    /// A sweep is planned.
    sweeping: bool,
    /// Connections opened so far, for random draws.
    pub opened: u64,
}

impl Cell {
    /// How many hosts are ejected.
    pub fn ejected_now(&self) -> u32 {
        self.detector.ejected_now()
    }
}

impl World<'_> {
    pub(super) fn cell(&self, cell: u32) -> &Cell {
        self.proxies.cells[cell as usize].as_ref().expect("a cell that is used has been prepared")
    }

    fn cell_mut(&mut self, cell: u32) -> &mut Cell {
        self.proxies.cells[cell as usize].as_mut().expect("a cell that is used has been prepared")
    }

    /// Makes the cell if this is its first use.
    pub(super) fn prepare_cell(&mut self, stream: u32, id: ClusterId, cell: u32) {
        if self.proxies.cells[cell as usize].is_some() {
            return;
        }
        let Stream { caller, site, .. } = self.proxies.streams[stream];
        let cluster = &self.topology.mesh.clusters[id.index()];
        // As old as the proxy: its sweeps count from when it began.
        let created = self.replicas.get(caller as usize).map_or(Instant::START, |replica| replica.began);
        let hosts = self.hosts_known(cluster, caller);
        let mut detector = Detector::new(hosts.len() as u32);
        absent(&hosts).for_each(|host| detector.remove(host));
        let start = self.proxies.draw(id, caller - cluster.callers.start, 0, Purpose::Balance).word();
        let made = Cell {
            cluster: id,
            caller,
            edge: self.topology.sites[site as usize].edge,
            pool: self.proxies.pools.open(),
            hosts,
            ejected: vec![false; cluster.hosts.len()],
            balancer: Balancer::new(start),
            detector,
            merge: MergeWindow::new(MergeWindow::DEFAULT),
            created,
            sweeping: false,
            opened: 0,
        };
        self.proxies.cells[cell as usize] = Some(Box::new(made));
        self.rebuild(cell);
        if cluster.outlier.as_ref().is_some_and(judges_rates) {
            self.plan_sweep(cell);
        }
    }

    /// The hosts of a cluster as a proxy knows them; those that are gone keep their places.
    fn hosts_known(&self, cluster: &Cluster, caller: u32) -> Vec<HostView> {
        let view = cluster.view(self.zone_of(caller));
        let host = |(place, replica): (usize, &ReplicaId)| {
            let known = HostView {
                priority: view.priorities[place],
                locality: view.localities[place],
                since: self.proxies.control.listed_since(caller, *replica),
                ..HostView::healthy(address(*replica))
            };
            if self.proxies.control.lists(caller, *replica) { known } else { HostView { health: Health::Absent, ..known } }
        };
        cluster.hosts.iter().enumerate().map(host).collect()
    }

    /// A host has left a cluster, or joined it: as another one, of which nothing is known.
    pub(super) fn move_host(&mut self, cell: u32, host: usize, listed: bool) {
        let now = self.now();
        let state = self.cell_mut(cell);
        let seen = &mut state.hosts[host];
        if listed {
            (seen.health, seen.since) = (Health::Healthy, now);
            state.detector.add(host as u32);
        } else {
            seen.health = Health::Absent;
            state.detector.remove(host as u32);
        }
        state.ejected[host] = false;
        if !state.ejected.contains(&true) {
            self.proxies.ejecting[cell as usize] = Cause::NONE;
        }
        self.rebuild(cell);
    }

    /// The cluster is another one now, though some of what was sent to it before may still be under way.
    pub(super) fn renew_cell(&mut self, id: ClusterId, cell: u32) {
        let caller = self.cell(cell).caller;
        let hosts = self.hosts_known(&self.topology.mesh.clusters[id.index()], caller);
        let (now, pool) = (self.now(), self.cell(cell).pool);
        let active = (0..hosts.len() as u32).map(|host| self.proxies.pools.active(pool, host));
        let hosts: Vec<HostView> = hosts.iter().zip(active).map(|(host, rq_active)| HostView { rq_active, ..*host }).collect();
        let state = self.cell_mut(cell);
        state.detector = Detector::new(hosts.len() as u32);
        absent(&hosts).for_each(|host| state.detector.remove(host));
        state.ejected.fill(false);
        (state.hosts, state.merge, state.created, state.sweeping) = (hosts, MergeWindow::new(MergeWindow::DEFAULT), now, false);
        self.proxies.ejecting[cell as usize] = Cause::NONE;
        self.rebuild(cell);
        if self.topology.mesh.clusters[id.index()].outlier.as_ref().is_some_and(judges_rates) {
            self.plan_sweep(cell);
        }
    }

    /// The balancer hears who is there and who is ejected.
    fn rebuild(&mut self, cell: u32) {
        let now = self.now();
        let state = self.proxies.cells[cell as usize].as_mut().expect("a cell that is used has been prepared");
        let cluster = &self.topology.mesh.clusters[state.cluster.index()];
        let zone = zone_of(self.topology, state.caller);
        let view = cluster.view(zone);
        for (seen, ejected) in state.hosts.iter_mut().zip(&state.ejected).filter(|(seen, _)| seen.is_present()) {
            seen.health = if *ejected { Health::Unhealthy } else { Health::Healthy };
        }
        let by_locality = callers_by_locality(self.topology, cluster);
        let own = zone.is_some().then_some(zone.0 as u16);
        let callers = Callers { own, by_locality: &by_locality };
        let tables = &mut self.proxies.tables[state.cluster.index()];
        state.balancer.rebuild(&view.balancing, &state.hosts, Around { now, callers, tables });
    }

    pub(super) fn choose_host(
        &mut self,
        cell: u32,
        id: ClusterId,
        ask: Ask,
        words: &mut Words,
        tried: impl Fn(u32) -> bool,
    ) -> Option<u32> {
        let zone = zone_of(self.topology, self.cell(cell).caller);
        let view = self.topology.mesh.clusters[id.index()].view(zone);
        let Cell { balancer, hosts, .. } = self.cell_mut(cell);
        balancer.pick(&view.balancing, hosts, ask, words, tried)
    }

    /// What consistent hashing places a request by, if the cluster does that.
    pub(super) fn hash_of(&self, cluster: &Cluster, request: u64, caller: u32) -> Option<u64> {
        match cluster.hash.as_ref()? {
            HashKey::Attributes(attributes) => {
                let sent = attributes.iter().find_map(|attribute| Some((*attribute, self.attribute_of(*attribute, request)?)));
                sent.map(|(_, value)| crate::base::stream::mix(0x6861_7368, value))
            }
            HashKey::Caller => Some(crate::base::stream::mix(0x6970, u64::from(caller))),
        }
    }

    /// The balancer's count of what is in progress at a host.
    pub(super) fn note_active(&mut self, cell: u32, host: u32) {
        let pool = self.cell(cell).pool;
        let active = self.proxies.pools.active(pool, host);
        self.cell_mut(cell).hosts[host as usize].rq_active = active;
    }

    // -- outlier detection -------------------------------------------------------------------------------------------

    /// Charges a host with how a try went.
    pub(super) fn report(&mut self, id: ClusterId, cell: u32, host: u32, report: Report, stream: u32) {
        let Some(policy) = &self.topology.mesh.clusters[id.index()].outlier else { return };
        let Stream { site, request, path, tries, cause, .. } = self.proxies.streams[stream];
        let mut words = self.keys.call(site, request, path.wrapping_add(tries), Purpose::Outlier);
        let mut events = Vec::new();
        let now = self.now();
        self.cell_mut(cell).detector.report(policy, host, report, now, &mut words, &mut events);
        if !events.is_empty() {
            self.note_verdicts(cell, &events, cause);
        }
    }

    fn note_verdicts(&mut self, cell: u32, events: &[Event], cause: Cause) {
        let now = self.now();
        let Cell { edge, caller, cluster, .. } = *self.cell(cell);
        for event in events {
            let (host, ejected) = match *event {
                Event::Ejected { host, .. } => (host, true),
                Event::Unejected { host } => (host, false),
                Event::Overflow { .. } => {
                    self.recorder.ejection_refused(edge);
                    continue;
                }
                Event::NotEnforced { .. } => continue,
            };
            self.cell_mut(cell).ejected[host as usize] = ejected;
            let replica = self.topology.mesh.clusters[cluster.index()].hosts[host as usize];
            if ejected {
                self.recorder.ejected(edge);
                self.proxies.ejecting[cell as usize] = self.recorder.trouble(Place::Edge(edge), Trouble::HostsEjected, now, cause);
            } else if !self.cell(cell).ejected.contains(&true) {
                self.proxies.ejecting[cell as usize] = Cause::NONE;
            }
            self.recorder.mark(now, Happening::Ejection { edge, caller, replica, ejected });
            self.pass_health_on(cell);
        }
        self.plan_sweep(cell);
    }

    /// A host's health has changed: the balancer hears of it now, or within the window in which such news is gathered.
    fn pass_health_on(&mut self, cell: u32) {
        let now = self.now();
        match self.cell_mut(cell).merge.health_changed(now) {
            Delivery::Now => self.rebuild(cell),
            Delivery::At(at) => self.calendar.schedule(at, Kind::HealthDelivered as u8, cell),
            Delivery::With(_) => {}
        }
    }

    pub(in crate::world) fn health_delivered(&mut self, cell: u32) {
        let now = self.now();
        let due = self.proxies.cells[cell as usize].as_mut().is_some_and(|state| state.merge.arrives(now));
        if due {
            self.rebuild(cell);
        }
    }

    /// Plans the next sweep, if one has anything to do: sweeps come at whole intervals after the cell was made.
    fn plan_sweep(&mut self, cell: u32) {
        let now = self.now();
        let state = self.cell(cell);
        let Some(policy) = &self.topology.mesh.clusters[state.cluster.index()].outlier else { return };
        let hosts = 0..state.hosts.len() as u32;
        let anything =
            judges_rates(policy) || state.detector.ejected_now() > 0 || hosts.into_iter().any(|h| state.detector.multiplier(h) > 0);
        if state.sweeping || !anything {
            return;
        }
        let sweeps = now.since(state.created).0 / policy.interval.0 + 1;
        let at = state.created + crate::base::time::Nanos(policy.interval.0.saturating_mul(sweeps));
        self.cell_mut(cell).sweeping = true;
        self.calendar.schedule(at, Kind::OutlierSweep as u8, cell);
    }

    pub(in crate::world) fn outlier_sweep(&mut self, cell: u32) {
        let now = self.now();
        // The caller's process may have died meanwhile, and with it the sweep; the new one plans its own.
        let Some(state) = &mut self.proxies.cells[cell as usize] else { return };
        let Some(policy) = &self.topology.mesh.clusters[state.cluster.index()].outlier else { return };
        if !state.sweeping || !now.since(state.created).0.is_multiple_of(policy.interval.0) {
            return;
        }
        state.sweeping = false;
        let mut events = Vec::new();
        let key = self.proxies.keys[state.cluster.index()];
        let mut words = key.draw(now.0, Purpose::Outlier as u32 ^ state.caller);
        state.detector.sweep(policy, now, &mut words, &mut events);
        self.note_verdicts(cell, &events, Cause::NONE);
    }

    // -- ends --------------------------------------------------------------------------------------------------------

    /// The caller's pod is gone, with its proxy: copies that were under way, connections, and what it knew.
    pub(in crate::world) fn forget_proxy(&mut self, caller: u32) {
        if !self.proxies.on {
            return;
        }
        let entries = self.proxies.streams.entries();
        let copies: Vec<u32> = (0..entries.len() as u32).filter(|s| is_copy_of(&entries[*s as usize], caller)).collect();
        for copy in copies {
            self.end_copy(copy);
        }
        for (id, cluster) in self.topology.mesh.clusters.iter().enumerate().filter(|(_, c)| c.callers.contains(&caller)) {
            let cell = cluster.cells + caller - cluster.callers.start;
            if self.proxies.cells[cell as usize].is_none() {
                continue;
            }
            let pool = self.cell(cell).pool;
            for host in 0..cluster.hosts.len() as u32 {
                let mut answers = std::mem::take(&mut self.proxies.answers);
                self.proxies.pools.close_host(&cluster.pool, pool, host, &mut answers);
                self.heed(ClusterId::new(id), cell, answers);
            }
            self.proxies.cells[cell as usize] = None;
        }
    }

    /// A replica's pod is gone: connections to it are closed where nothing is on them, and take nothing new where something is.
    /// Who waits for an answer hears of it by itself.
    pub(in crate::world) fn host_is_gone(&mut self, replica: u32) {
        if !self.proxies.on {
            return;
        }
        for (id, cluster) in self.topology.mesh.clusters.iter().enumerate() {
            let Some(host) = cluster.hosts.iter().position(|host| host.0 == replica) else { continue };
            for cell in cluster.cells..cluster.cells + cluster.callers.len() as u32 {
                if self.proxies.cells[cell as usize].is_some() {
                    self.drain_host(ClusterId::new(id), cell, host as u32);
                }
            }
        }
    }

    /// Connections to a host are closed, those with something on them when that is over.
    pub(super) fn drain_host(&mut self, id: ClusterId, cell: u32, host: u32) {
        let pool = self.cell(cell).pool;
        let mut answers = std::mem::take(&mut self.proxies.answers);
        self.proxies.pools.drain_host(&self.topology.mesh.clusters[id.index()].pool, pool, host, &mut answers);
        self.heed(id, cell, answers);
    }

    pub(super) fn zone_of(&self, caller: u32) -> ZoneId {
        zone_of(self.topology, caller)
    }
}

/// The places of those that have left.
fn absent(hosts: &[HostView]) -> impl Iterator<Item = u32> {
    hosts.iter().enumerate().filter(|(_, host)| !host.is_present()).map(|(place, _)| place as u32)
}

fn is_copy_of(stream: &Stream, caller: u32) -> bool {
    stream.call == NOBODY && stream.caller == caller
}

fn zone_of(topology: &crate::topology::Topology, caller: u32) -> ZoneId {
    match topology.replicas.get(caller as usize) {
        Some(replica) => replica.zone,
        None => topology.clients.iter().find(|client| client.callers.contains(&caller)).map_or(ZoneId::NONE, |client| client.zone),
    }
}

/// How many callers of a cluster are where.
fn callers_by_locality(topology: &crate::topology::Topology, cluster: &Cluster) -> Vec<(u16, u32)> {
    let mut counts: Vec<(u16, u32)> = Vec::new();
    for zone in cluster.callers.clone().map(|caller| zone_of(topology, caller)).filter(|zone| zone.is_some()) {
        match counts.iter_mut().find(|(known, _)| *known == zone.0 as u16) {
            Some((_, count)) => *count += 1,
            None => counts.push((zone.0 as u16, 1)),
        }
    }
    counts
}

/// Pods have addresses in the order in which they are in the model.
fn address(replica: ReplicaId) -> Address {
    Address { ip: (10 << 24) + replica.0 + 1, port: 8080 }
}

/// Whether a sweep has more to do than to bring hosts back.
fn judges_rates(policy: &OutlierDetection) -> bool {
    let (success, failure) = (&policy.success_rate, &policy.failure_percentage);
    success.enforcing > 0 || success.enforcing_local_origin > 0 || failure.enforcing > 0 || failure.enforcing_local_origin > 0
}
