//! Sizes and lines: what each call's messages weigh, and which messages wait for each other.
//!
//! All of it is left out where no size, no bandwidth and no headers are written anywhere: nothing is counted then.

use super::{Compiler, Group};
use crate::base::dist::{Dist, DistError};
use crate::base::id::*;
use crate::base::time::Nanos;
use crate::model::scalar::{Bytes, SizeSpec};
use crate::model::spec::{self, FaultKind};
use crate::policy::envoy::connection_pool;
use crate::policy::wire::{Extra, Framing, Protocol, SetUp, headers::Names};
use crate::topology::mesh::{Action, Cluster, Tls};
use crate::topology::wire::{Message, Wire};
use std::collections::BTreeSet;

/// What a call says of its protocol and its messages, and where.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub protocol: Option<spec::Protocol>,
    pub payload: Option<SizeSpec>,
    pub response: Option<SizeSpec>,
    pub path: String,
}

impl Compiler<'_> {
    pub(super) fn wire(&mut self) {
        if !self.has_sizes() {
            return;
        }
        let lines = self.lines();
        let messages: Vec<Message> = (0..self.topology.sites.len()).map(|place| self.message(SiteId::new(place))).collect();
        let set_ups = self.set_ups(&messages);
        self.topology.wire = Wire { messages, set_ups, lines };
    }

    fn has_sizes(&self) -> bool {
        let network = &self.model.network;
        let links = network.zones.values().map(|link| link.bandwidth).chain(network.links.values().map(|link| link.bandwidth));
        let limited = links.chain([network.everywhere.bandwidth]).any(|bandwidth| bandwidth.is_some());
        let faulty = self.model.faults.values().any(|f| matches!(&f.kind, FaultKind::Link(link) if link.bandwidth.is_some()));
        let sized = self.messages.values().any(|written| written.payload.is_some() || written.response.is_some());
        limited || faulty || sized || network.headers != spec::Headers::default()
    }

    // -- messages ----------------------------------------------------------------------------------------------------

    fn message(&mut self, site: SiteId) -> Message {
        let written = self.messages.get(&site).cloned();
        let path = written.as_ref().map_or_else(String::new, |written| written.path.clone());
        let size = |spec: Option<SizeSpec>| spec.unwrap_or(SizeSpec::ZERO);
        let (payload, response) = written.map_or((SizeSpec::ZERO, SizeSpec::ZERO), |w| (size(w.payload), size(w.response)));
        let payload = self.size(payload, &format!("{path}.payload"));
        let response = self.size(response, &format!("{path}.response"));
        Message { framing: self.framing(site), payload, response }
    }

    fn size(&mut self, spec: SizeSpec, path: &str) -> Dist {
        match sampler(spec) {
            Ok(dist) => dist,
            Err(problem) => {
                self.error("impossible-distribution", problem.to_string(), path, "see `brownout schema` for what each distribution takes");
                Dist::constant(Nanos::ZERO)
            }
        }
    }

    /// By the first cluster that a site's calls go to, with or without a proxy; without any a message is its payload alone.
    fn framing(&self, site: SiteId) -> Framing {
        let mesh = &self.topology.mesh;
        let table = mesh.table(site);
        if table.is_none() {
            return Framing::default();
        }
        let target = mesh.tables[table.index()].rules.iter().find_map(|rule| match &rule.action {
            Action::Forward { targets, .. } => targets.iter().find_map(|target| target.cluster.ok()),
            Action::Answer(_) => None,
        });
        let Some(cluster) = target.map(|id| &mesh.clusters[id.index()]) else { return Framing::default() };
        let endpoint = &self.topology.endpoints[self.topology.sites[site.index()].callee.index()];
        let service = &self.topology.services[endpoint.service.index()].name;
        let written = self.model.network.headers;
        let extra = Extra { same: written.same.0, changing: written.changing.0 };
        let tls = matches!(cluster.tls, Tls::Mutual { .. });
        Framing::new(spoken(cluster), tls, Names { service, endpoint: &endpoint.name }, extra)
    }

    /// A connection is set up alike for all sites that use it.
    fn set_ups(&self, messages: &[Message]) -> Vec<SetUp> {
        let mesh = &self.topology.mesh;
        let mut set_ups = vec![None; mesh.clusters.len()];
        for (site, message) in messages.iter().enumerate() {
            let table = mesh.table(SiteId::new(site));
            let rules = if table.is_some() { &mesh.tables[table.index()].rules[..] } else { &[] };
            for rule in rules {
                let Action::Forward { targets, .. } = &rule.action else { continue };
                for cluster in targets.iter().filter_map(|target| target.cluster.ok()) {
                    let mutual = !mesh.clusters[cluster.index()].plain;
                    set_ups[cluster.index()].get_or_insert_with(|| message.framing.set_up(mutual));
                }
            }
        }
        set_ups.into_iter().map(Option::unwrap_or_default).collect()
    }

    // -- lines -------------------------------------------------------------------------------------------------------

    /// Gives every link its two lines; gives their number. Calls of both ways over one path share its directions.
    fn lines(&mut self) -> u32 {
        let ways_back = self.ways_back();
        let mut lines = 0;
        let mut given = vec![false; self.topology.links.len()];
        for link in 0..given.len() {
            if given[link] {
                continue;
            }
            self.topology.links[link].lines = [lines, lines + 1];
            given[link] = true;
            if let Some(back) = ways_back[link].map(LinkId::index).filter(|back| !given[*back]) {
                self.topology.links[back].lines = [lines + 1, lines];
                given[back] = true;
            }
            lines += 2;
        }
        lines
    }

    /// By link: the one by which calls of the other way go over the same path, if nothing of its own is written for either.
    fn ways_back(&self) -> Vec<Option<LinkId>> {
        let topology = &self.topology;
        let mut ways = vec![None; topology.links.len()];
        let named: BTreeSet<(&str, &str)> = self.model.network.links.values().map(|link| (link.from.as_str(), link.to.as_str())).collect();
        let name = |service: ServiceId| topology.services[service.index()].name.as_str();
        let own = |a: ServiceId, b: ServiceId| named.contains(&(name(a), name(b)));
        for ((group, to), link) in &self.links {
            let Group::Service(from) = *group else { continue };
            if !own(from, *to) && !own(*to, from) {
                ways[link.index()] = self.links.get(&(Group::Service(*to), from)).copied();
            }
        }
        let zones = topology.zones.len();
        for (place, link) in topology.zone_links.iter().enumerate().filter(|(_, link)| link.is_some()) {
            let back = topology.zone_links[place % zones * zones + place / zones];
            let same = back.is_some() && topology.links[back.index()].name == topology.links[link.index()].name;
            ways[link.index()] = same.then_some(back);
        }
        ways
    }
}

fn spoken(cluster: &Cluster) -> Protocol {
    match cluster.pool.protocol {
        connection_pool::Protocol::Http1 => Protocol::Http1,
        connection_pool::Protocol::Http2 { .. } if cluster.grpc => Protocol::Grpc,
        connection_pool::Protocol::Http2 { .. } => Protocol::Http2,
    }
}

fn sampler(spec: SizeSpec) -> Result<Dist, DistError> {
    let bytes = |size: Bytes| Nanos(size.0);
    match spec {
        SizeSpec::Constant(size) => Ok(Dist::constant(bytes(size))),
        SizeSpec::Exponential { mean } => Dist::exponential(bytes(mean)),
        SizeSpec::Uniform { lo, hi } => Dist::uniform(bytes(lo), bytes(hi)),
        SizeSpec::Lognormal { p50, p99 } => Dist::lognormal_quantiles(bytes(p50), bytes(p99)),
        SizeSpec::Pareto { lo, hi, alpha } => Dist::pareto_bounded(bytes(lo), bytes(hi), alpha),
    }
}
