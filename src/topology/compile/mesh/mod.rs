//! Binds manifests to the services of a model: which proxy each call goes through, by which rules, to which clusters.
//!
//! As Istio's control plane does for each proxy (`pilot/pkg/networking/core`): nothing that depends on a request but on what
//! is drawn for it is left for the run.

mod balancing;
mod clusters;
mod conditions;
mod hosts;
mod inbound;
mod plain;
mod policies;
mod routes;

pub(super) use conditions::{header_attribute, header_values};
pub(in crate::topology) use policies::{timeouts, written_retries};

use super::{Compiler, Group};
use crate::base::id::*;
use crate::model::mesh::{DestinationRule, GatewayRef, Labels, VirtualService};
use crate::model::scalar::Via;
use crate::model::spec::{DEFAULT_RELEASE, Model};
use crate::policy::envoy::release::Release;
use crate::topology::mesh::{Mesh, RouteTable};
use hosts::{Hosts, Pod};
use std::collections::BTreeMap;

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
    clusters: BTreeMap<(Group, usize, Option<String>, u32), ClusterId>,
    mesh: Mesh,
}

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
        let hosts = Hosts::of(self);
        let mut weaver = Weaver { compiler: self, release, hosts, clusters: BTreeMap::new(), mesh: Mesh::default() };
        weaver.mesh.proxy_latency = latency.filter(|latency| latency.mean() > 0.0);
        weaver.mesh.sites = vec![RouteTableId::NONE; weaver.compiler.topology.sites.len()];
        for site in 0..weaver.compiler.topology.sites.len() {
            weaver.site(SiteId::new(site));
        }
        weaver.inbound();
        let mesh = weaver.mesh;
        self.topology.mesh = mesh;
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
        &self.model().imported.virtual_services
    }

    fn destination_rules(&self) -> &'m [DestinationRule] {
        &self.model().imported.destination_rules
    }

    /// Gives a site its rules, if its caller has a proxy.
    fn site(&mut self, site: SiteId) {
        let group = self.compiler.group_of(site);
        let Some(caller) = self.caller(group) else { return };
        let rules = self.rules_of(site, &caller);
        self.mesh.sites[site.index()] = RouteTableId::new(self.mesh.tables.len());
        self.mesh.tables.push(RouteTable { rules, plain: false });
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
