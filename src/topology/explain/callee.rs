//! The way to the callee and the callee: the link, its own sidecar, its replicas with their queue and workers.

use super::objects::mtls_word;
use super::{From, Hop, ISTIO, Teller, Told, counted, percent, shown};
use crate::base::id::*;
use crate::model::mesh::DestinationRule;
use crate::model::name::quoted;
use crate::model::scalar::Bandwidth;
use crate::topology::site::{RETRANSMISSIONS, RETRANSMIT_AFTER};
use crate::topology::{Site, rules};

impl Teller<'_> {
    /// The network between the callers and the hosts; both directions are alike.
    pub(super) fn link(&self, link: LinkId, by_zone: bool, site: &Site, hosts: &[ReplicaId]) -> Hop {
        let link = &self.topology.links[link.index()];
        let named = self.model.network.links.get(&link.name).filter(|_| !by_zone);
        let own = format!("network.links.{}", quoted(&link.name));
        let path = |has: bool, key: &str| From::Path(if has { format!("{own}.{key}") } else { format!("network.default.{key}") });
        let everywhere = &self.model.network.everywhere;
        let latency = named.and_then(|link| link.latency.as_ref()).unwrap_or(&everywhere.latency);
        let mut lines = vec![
            Told::new("latency", latency, "one way, drawn for each message", path(named.is_some_and(|l| l.latency.is_some()), "latency")),
            Told::new("loss", percent(link.loss), loss_meaning(link.loss), path(named.is_some_and(|l| l.loss.is_some()), "loss")),
        ];
        if let Some(bandwidth) = link.bandwidth {
            let own = named.is_some_and(|link| link.bandwidth.is_some());
            let meaning = "in each direction; messages leave one after the other";
            lines.push(Told::new("bandwidth", Bandwidth(bandwidth), meaning, path(own, "bandwidth")));
        }
        if by_zone {
            lines.extend(self.zones(site, hosts));
        }
        let title = if named.is_some() { format!("the network, link `{}`", link.name) } else { "the network".into() };
        Hop { title, from: From::Nothing, lines }
    }

    /// Links between zones, which take the place of the general one.
    fn zones(&self, site: &Site, hosts: &[ReplicaId]) -> Vec<Told> {
        let topology = self.topology;
        if topology.zone_links.is_empty() {
            return Vec::new();
        }
        let zone_of = |caller: u32| topology.replicas.get(caller as usize).map(|replica| replica.zone);
        let of_client = |caller: u32| topology.clients.iter().find(|client| client.callers.contains(&caller)).map(|client| client.zone);
        let sorted = |mut zones: Vec<ZoneId>| {
            zones.retain(|zone| zone.is_some());
            zones.sort();
            zones.dedup();
            zones
        };
        let from = sorted(site.callers.clone().filter_map(|caller| zone_of(caller).or(of_client(caller))).collect());
        let to = sorted(hosts.iter().map(|host| topology.replicas[host.index()].zone).collect());
        let mut lines = Vec::new();
        for (a, b) in from.iter().flat_map(|a| to.iter().map(move |b| (*a, *b))) {
            let id = topology.zone_links[a.index() * topology.zones.len() + b.index()];
            if id.is_none() {
                continue;
            }
            let link = &topology.links[id.index()];
            let of_links = self.model.network.links.get(&link.name);
            let of_zones = self.model.network.zones.get(&link.name);
            let own = if of_links.is_some() { "links" } else { "zones" };
            let written = of_links.and_then(|l| l.latency.as_ref()).or(of_zones.and_then(|l| l.latency.as_ref()));
            let latency = written.unwrap_or(&self.model.network.everywhere.latency);
            let from = match written {
                Some(_) => format!("network.{own}.{}.latency", quoted(&link.name)),
                None => "network.default.latency".into(),
            };
            let meaning = format!("latency in its place, with a loss of {}", percent(link.loss));
            let name = format!("zone {} to {}", topology.zones[a.index()], topology.zones[b.index()]);
            lines.push(Told::new(name, latency, meaning, From::Path(from)));
        }
        lines
    }

    /// A service that answers: its sidecar, if it has one, and its replicas.
    pub(super) fn callee(&self, service: ServiceId) -> Vec<Hop> {
        let name = &self.topology.services[service.index()].name;
        let inbound = self.topology.mesh.inbound.get(service.index()).filter(|inbound| inbound.proxy);
        let sidecar = inbound.map(|_| self.inbound(service, name));
        sidecar.into_iter().chain([self.service(name)]).collect()
    }

    fn inbound(&self, service: ServiceId, name: &str) -> Hop {
        let inbound = self.topology.mesh.inbound[service.index()];
        let source = &self.topology.mesh.inbound_sources[service.index()];
        let all = &self.model.imported.destination_rules;
        let found: Vec<&DestinationRule> = source.rules.iter().map(|number| &all[*number]).collect();
        let pool = rules::effective(&found, None, source.port).ok().and_then(|effective| effective.blocks.connection_pool);
        let from = pool.map_or(ISTIO, |pool| From::Origin(pool.origin));
        let limit = |bound: u32| if bound == u32::MAX { "unlimited".to_string() } else { bound.to_string() };
        let whose = |bound: u32| if bound == u32::MAX { ISTIO } else { from.clone() };
        let meaning = "at one replica, in progress or waiting; one more is answered 503";
        let at_once = "at one replica, handed to the application at once: `maxConnections` holds here too";
        let of_model = self.model.mesh.as_ref().map_or("PERMISSIVE".to_string(), |mesh| shown(&mesh.mtls.mode));
        let mode = source.mtls.as_ref().map_or(of_model, |mode| mtls_word(mode.value).into());
        let mtls = source.mtls.as_ref().map_or(From::Path("mesh.mtls.mode".into()), |mode| From::Origin(mode.origin.clone()));
        let plain = if inbound.strict { "plain text is refused" } else { "plain text is taken too" };
        let mut lines = self.latency();
        lines.push(Told::new("requests", limit(inbound.max_requests), meaning, whose(inbound.max_requests)));
        lines.push(Told::new("in progress", limit(inbound.max_in_progress), at_once, whose(inbound.max_in_progress)));
        lines.push(Told::new("mtls.mode", mode, plain, mtls));
        Hop { title: format!("the sidecar of `{name}`"), from: From::Nothing, lines }
    }

    /// What one passage through a proxy costs.
    pub(super) fn latency(&self) -> Vec<Told> {
        let latency = self.model.mesh.as_ref().map_or("0s".to_string(), |mesh| mesh.sidecar.latency.to_string());
        vec![Told::new("latency", latency, "of a request, and of an answer, in this proxy", From::Path("mesh.sidecar.latency".into()))]
    }

    fn service(&self, name: &str) -> Hop {
        let (spec, path) = self.spec(name);
        let at = |key: &str| From::Path(format!("{path}.{key}"));
        let mut lines = Vec::new();
        let zones = if spec.zones.is_empty() { String::new() } else { format!("in the zones {}", spec.zones.join(", ")) };
        lines.push(Told::new("replicas", spec.replicas, zones, at("replicas")));
        match &spec.rate_limit {
            None => lines.push(Told::new("rateLimit", "none", "", at("rateLimit"))),
            Some(limit) => {
                let meaning = format!("per replica, bursts of {}; one too many is answered 429", limit.burst);
                lines.push(Told::new("rateLimit", shown(&limit.rate), meaning, at("rateLimit.rate")));
            }
        }
        lines.push(Told::new("workers", spec.workers, "per replica, each held while it waits for a call", at("workers")));
        let full = "wait for a worker of a replica; one more is answered 503";
        lines.push(Told::new("queue.capacity", spec.queue.capacity, full, at("queue.capacity")));
        lines.push(Told::new("queue.discipline", shown(&spec.queue.discipline), "", at("queue.discipline")));
        let late = if spec.queue.max_wait.is_some() { "who waited longer is answered 503" } else { "" };
        lines.push(Told::new("queue.maxWait", shown(&spec.queue.max_wait), late, at("queue.maxWait")));
        lines.push(Told::new("cancellation", shown(&spec.cancelled()), "of work whose caller has gone", at("cancellation")));
        let pools = spec.pools.iter().map(|(pool, spec)| {
            let path = at(&format!("pools.{}.size", quoted(pool)));
            let waits = spec.max_wait.map_or("as long as it takes".to_string(), |wait| format!("at most {wait}"));
            Told::new(format!("pool {pool}"), spec.size, format!("per replica, waited for {waits}"), path)
        });
        lines.extend(pools);
        let title = format!("`{name}`, {}", counted(spec.replicas as usize, "replica"));
        Hop { title, from: From::Path(path.clone()), lines }
    }
}

fn loss_meaning(loss: f64) -> String {
    if loss == 0.0 {
        return String::new();
    }
    format!("of the messages; sent again after {RETRANSMIT_AFTER}, twice that, …, {RETRANSMISSIONS} times at most")
}
