//! Binds manifests to the services of a model: which proxy each call goes through, by which rules, to which clusters.
//!
//! As Istio's control plane does for each proxy (`pilot/pkg/networking/core`): nothing that depends on a request but on what
//! is drawn for it is left for the run.

mod balancing;
mod clusters;
mod conditions;
mod filters;
mod hosts;
mod inbound;
mod plain;
mod policies;
mod routes;

pub(super) use conditions::{header_attribute, header_values};
pub(in crate::topology) use policies::{timeouts, written_retries};

use super::{Compiler, Group};
use crate::base::id::*;
use crate::model::mesh::{DestinationRule, GatewayRef, Labels, Mesh as Manifests, VirtualService};
use crate::model::scalar::Via;
use crate::model::spec::{DEFAULT_RELEASE, Model};
use crate::policy::envoy::release::Release;
use crate::topology::mesh::{Inbound, InboundSource, Mesh, Push, RouteTable, Version};
use hosts::{Hosts, Pod};
use std::collections::{BTreeMap, BTreeSet};

/// Who calls through a proxy, as rules see it.
struct Caller<'m> {
    group: Group,
    namespace: &'m str,
    labels: Labels,
    /// The gateway that it is, if it is no sidecar.
    gateway: Option<GatewayRef>,
}

/// What is gathered while a mesh is compiled.
struct Weaver<'c, 'm> {
    compiler: &'c mut Compiler<'m>,
    release: Release,
    hosts: Hosts,
    clusters: BTreeMap<ClusterKey, ClusterId>,
    mesh: Mesh,
    /// What manifests say in the configuration that is being made.
    imported: &'m Manifests,
    /// The clusters of earlier configurations, which are taken over where they are alike.
    made: Vec<(ClusterKey, ClusterId)>,
}

/// What one cluster is told from another by: its callers, its host, the subset, the port.
type ClusterKey = (Group, usize, Option<String>, u32);

impl<'m> Compiler<'m> {
    /// Whether the model has a mesh: a setting of it, or manifests.
    pub(super) fn has_mesh(&self) -> bool {
        self.model.mesh.is_some() || !self.model.manifests.is_empty()
    }

    pub(super) fn mesh(&mut self) {
        if !self.has_mesh() {
            return;
        }
        let settings = self.model.mesh.clone();
        let release = release(self.model);
        let latency = settings.as_ref().map(|mesh| self.dist(&mesh.sidecar.latency, "mesh.sidecar.latency"));
        let push = settings.map_or_else(Default::default, |mesh| mesh.push);
        let push = Push { delay: self.dist(&push.delay, "mesh.push.delay"), endpoints: push.endpoints };
        let hosts = Hosts::of(self);
        let model = self.model;
        let (imported, clusters) = (&model.imported, BTreeMap::new());
        let mut weaver = Weaver { compiler: self, release, hosts, clusters, mesh: Mesh::default(), imported, made: Vec::new() };
        weaver.mesh.proxy_latency = latency.filter(|latency| latency.mean() > 0.0);
        weaver.mesh.push = Some(push);
        let written = weaver.version();
        (weaver.mesh.sites, weaver.mesh.inbound) = (written.sites.clone(), written.inbound.clone());
        if !model.pushed.is_empty() {
            weaver.mesh.versions.push(written);
        }
        for imported in &model.pushed {
            weaver.imported = imported;
            let version = weaver.version();
            weaver.mesh.versions.push(version);
        }
        let mesh = weaver.mesh;
        self.topology.mesh = mesh;
        if !model.pushed.is_empty() {
            // What is wrong in all configurations is told once.
            let mut seen = BTreeSet::new();
            self.problems.list.retain(|problem| seen.insert((problem.code, problem.message.clone(), problem.path.clone())));
        }
    }
}

/// The release whose defaults hold.
pub(in crate::topology) fn release(model: &Model) -> Release {
    Release(model.mesh.as_ref().map_or(DEFAULT_RELEASE.minor, |mesh| mesh.istio.minor) as u16)
}

impl<'m> Weaver<'_, 'm> {
    fn model(&self) -> &'m Model {
        self.compiler.model
    }

    fn rules(&self) -> &'m [VirtualService] {
        &self.imported.virtual_services
    }

    fn destination_rules(&self) -> &'m [DestinationRule] {
        &self.imported.destination_rules
    }

    /// One configuration of all proxies.
    fn version(&mut self) -> Version {
        self.clusters.clear();
        let sites = (0..self.compiler.topology.sites.len()).map(|site| self.site(SiteId::new(site))).collect();
        let (inbound, sources): (Vec<Inbound>, Vec<InboundSource>) = self.inbound();
        if self.mesh.inbound_sources.is_empty() {
            self.mesh.inbound_sources = sources;
        }
        let mut clusters: Vec<ClusterId> = self.clusters.values().copied().collect();
        clusters.sort_unstable();
        Version { sites, inbound, clusters }
    }

    /// The rules of a site, if its caller has a proxy: those that it had before if nothing of them is new.
    fn site(&mut self, site: SiteId) -> RouteTableId {
        let group = self.compiler.group_of(site);
        let Some(caller) = self.caller(group) else { return RouteTableId::NONE };
        // What brokers speak is no HTTP: proxies pass its bytes on, and neither retry nor eject.
        if self.compiler.is_broker(self.compiler.topology.sites[site.index()].service) {
            return RouteTableId::NONE;
        }
        let host = self.hosts.of_service(self.compiler.topology.sites[site.index()].service);
        let port = self.hosts.all[host].port;
        let rules = self.rules_of(site, &caller);
        let table = RouteTable { rules: rules.into_iter().map(|rule| self.patched(rule, host, port, &caller)).collect(), plain: false };
        let earlier = self.mesh.versions.iter().map(|version| version.sites[site.index()]);
        let known = earlier.clone().find(|earlier| self.mesh.tables[earlier.index()].is_as(&table));
        known.unwrap_or_else(|| {
            self.mesh.tables.push(table);
            RouteTableId::new(self.mesh.tables.len() - 1)
        })
    }

    /// The proxy that a group calls through.
    fn caller(&self, group: Group) -> Option<Caller<'m>> {
        match group {
            Group::Service(service) => {
                let Pod { namespace, labels, proxy, .. } = self.hosts.pod(service);
                let namespace = self.model().services.values().map(|s| s.namespace.as_str()).find(|n| n == namespace).unwrap_or("default");
                proxy.then(|| Caller { group, namespace, labels: labels.clone(), gateway: None })
            }
            Group::Client(client) => {
                let name = &self.compiler.topology.clients[client.index()].name;
                match &self.model().clients[name.as_str()].via {
                    Via::None => None,
                    Via::Sidecar => Some(Caller { group, namespace: "default", labels: Labels::new(), gateway: None }),
                    Via::Gateway { namespace, name } => {
                        let gateway = GatewayRef::Gateway { namespace: namespace.clone(), name: name.clone() };
                        Some(Caller { group, namespace: "default", labels: Labels::new(), gateway: Some(gateway) })
                    }
                }
            }
        }
    }
}
