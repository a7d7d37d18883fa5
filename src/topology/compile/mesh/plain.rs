//! Callers without a proxy that keep connections: they have the pool of a proxy and nothing else of it.
//!
//! What a call speaks is written at the called service, or at the call where the service does not say.

use super::super::Compiler;
use super::super::names::quoted;
use crate::base::id::*;
use crate::model::spec;
use crate::policy::envoy::connection_pool::{PoolSettings, Protocol};
use crate::policy::envoy::load_balancing::{LoadBalancing, Policy};
use crate::policy::envoy::resources::{Defaults, Thresholds, WrittenLimits};
use crate::policy::envoy::weighted_clusters::WeightedClusters;
use crate::topology::mesh::{Action, Cluster, ClusterSource, RouteTable, Rule, Target, Tls, View};
use std::collections::{BTreeMap, BTreeSet};

/// Clusters by whose they are, whom they lead to and what they speak.
type Known = BTreeMap<(u32, ServiceId, spec::Protocol), ClusterId>;

impl Compiler<'_> {
    /// Finds what every call speaks, and gives connections to those that say so and go through no proxy.
    pub(in super::super) fn connections(&mut self) {
        self.connections_have_a_protocol();
        let mut known = Known::new();
        for place in 0..self.topology.sites.len() {
            let site = SiteId::new(place);
            let Some(protocol) = self.protocol(site) else { continue };
            self.topology.sites[place].grpc = protocol == spec::Protocol::Grpc;
            if self.topology.mesh.table(site).is_none() {
                self.connect(site, protocol, &mut known);
            }
        }
    }

    /// What a call speaks, if anybody says; notes where two say different things.
    fn protocol(&mut self, site: SiteId) -> Option<spec::Protocol> {
        let service = self.topology.sites[site.index()].service;
        let name = self.topology.services[service.index()].name.clone();
        let of_service = self.model.services[&name].protocol;
        let Some((of_call, path)) = self.messages.get(&site).and_then(|w| Some((w.protocol?, format!("{}.protocol", w.path)))) else {
            return of_service;
        };
        if let Some(of_service) = of_service.filter(|other| *other != of_call) {
            let message = format!("the call speaks {}, but `{name}` speaks {}", of_call.word(), of_service.word());
            self.error("protocols-differ", message, path, "keep one of the two: a connection speaks the same at both of its ends");
        } else if of_service.is_none() && self.topology.mesh.proxied(site).is_some() {
            let message = format!("this call goes through a proxy, which speaks what `{name}` does");
            let help = format!("write `protocol: {}` at the service `{name}`, or name its port so in its manifest", of_call.word());
            self.error("protocol-of-proxy", message, path, help);
        }
        Some(of_call)
    }

    fn connections_have_a_protocol(&mut self) {
        let said = self.messages.iter().filter(|(_, written)| written.protocol.is_some());
        let called: BTreeSet<ServiceId> = said.map(|(site, _)| self.topology.sites[site.index()].service).collect();
        for (place, (name, service)) in self.model.services.iter().enumerate() {
            let spoken = service.protocol.is_some() || called.contains(&ServiceId::new(place));
            if service.connections.is_some() && !spoken {
                let message = format!("`{name}` says how to connect to it, and not by which protocol: its connections cost nothing");
                let help = "write `protocol: http1`, `http2` or `grpc` beside it";
                self.error("connections-without-protocol", message, format!("services.{}.connections", quoted(name)), help);
            }
        }
    }

    fn connect(&mut self, site: SiteId, protocol: spec::Protocol, known: &mut Known) {
        let place = &self.topology.sites[site.index()];
        let (service, callee, callers) = (place.service, place.callee, place.callers.clone());
        let key = (callers.start, service, protocol);
        let cluster = match known.get(&key) {
            Some(cluster) => *cluster,
            None => {
                let cluster = self.plain_cluster(site, protocol);
                known.insert(key, cluster);
                cluster
            }
        };
        let entry = self.topology.endpoints[callee.index()].entry;
        let target = Target { cluster: Ok(cluster), entries: vec![(service, entry)] };
        let rule = Rule {
            name: "connections".into(),
            when: Vec::new(),
            fault: Default::default(),
            timeouts: Default::default(),
            retry: None,
            action: Action::Forward { weights: WeightedClusters::new(&[1]).expect("one destination"), targets: vec![target] },
            mirrors: Vec::new(),
            source: None,
        };
        let sites = self.topology.sites.len();
        let mesh = &mut self.topology.mesh;
        mesh.sites.resize(sites, RouteTableId::NONE);
        let table = RouteTableId::new(mesh.tables.len());
        mesh.sites[site.index()] = table;
        // No configuration of proxies is for it: it is the same in all.
        for version in &mut mesh.versions {
            version.sites.resize(sites, RouteTableId::NONE);
            version.sites[site.index()] = table;
        }
        mesh.tables.push(RouteTable { rules: vec![rule], plain: true });
    }

    fn plain_cluster(&mut self, site: SiteId, protocol: spec::Protocol) -> ClusterId {
        let site = self.topology.sites[site.index()].clone();
        let service = &self.topology.services[site.service.index()];
        let (name, hosts) = (service.name.clone(), service.replicas.clone().map(ReplicaId).collect::<Vec<_>>());
        let written = self.model.services[&name].connections.clone().unwrap_or_default();
        let path = format!("services.{}.connections", quoted(&name));
        let pool = self.plain_pool(&written, protocol, &path);
        let strict = self.topology.mesh.inbound.get(site.service.index()).is_some_and(|inbound| inbound.strict);
        let tls = match written.tls {
            _ if strict => Tls::Refused,
            true => Tls::Mutual { handshake: self.dist(&written.handshake, &format!("{path}.handshake")) },
            false => Tls::Plain,
        };
        // The caller chooses for itself; nobody is asked here.
        let view = View {
            zone: ZoneId::NONE,
            balancing: LoadBalancing::of(Policy::Random),
            priorities: vec![0; hosts.len()],
            localities: vec![0; hosts.len()],
        };
        let mesh = &mut self.topology.mesh;
        let id = ClusterId::new(mesh.clusters.len());
        let cells = mesh.cells;
        mesh.cells += site.callers.len() as u32;
        mesh.clusters.push(Cluster {
            name: format!("{} to {name}", protocol.word()),
            hosts,
            pool,
            outlier: None,
            views: vec![view],
            callers: site.callers,
            cells,
            link: site.link,
            by_zone: site.by_zone,
            tls,
            grpc: protocol == spec::Protocol::Grpc,
            plain: true,
            hash: None,
            source: ClusterSource::default(),
        });
        id
    }

    fn plain_pool(&mut self, written: &spec::Connections, protocol: spec::Protocol, path: &str) -> PoolSettings {
        let (protocol, max_connections) = match protocol {
            spec::Protocol::Http1 => (Protocol::Http1, 0),
            // One to each replica: a pool opens one to a host that has none, whatever its limit.
            spec::Protocol::Http2 | spec::Protocol::Grpc => {
                (Protocol::Http2 { max_concurrent_streams: written.max_concurrent_streams.min(u32::MAX >> 1) }, 1)
            }
        };
        let limits = WrittenLimits { max_connections, ..WrittenLimits::default() };
        let settings = PoolSettings {
            idle_timeout: written.idle_timeout.map(|idle| idle.nanos()),
            connect_timeout: written.connect_timeout.nanos(),
            ..PoolSettings::istio(protocol, Thresholds::new(limits, Defaults::Istio, None))
        };
        self.checked(settings.checked(), path).unwrap_or(settings)
    }
}
