//! Links: from the general (`network.default`) over pairs of zones to named links.

use super::names::quoted;
use super::{Compiler, Group};
use crate::base::id::*;
use crate::model::scalar::{Bandwidth, DistSpec, Share};
use crate::model::spec::LinkBetween;
use crate::topology::Link;
use std::collections::BTreeMap;

/// Both directions of a written link.
type Named<'m> = BTreeMap<(String, String), (&'m str, &'m LinkBetween)>;

/// What a link between zones says itself.
type Own<'m> = (Option<&'m DistSpec>, Option<Share>, Option<Bandwidth>);

impl<'m> Compiler<'m> {
    pub(super) fn network(&mut self) {
        let network = &self.model.network;
        let zones = self.topology.zones.len();
        let zonal = |link: &LinkBetween| self.names.zone(&link.from).is_some() && self.names.zone(&link.to).is_some();
        if !network.zones.is_empty() || network.links.values().any(zonal) {
            self.topology.zone_links = vec![LinkId::NONE; zones * zones];
        }
        self.one_link_for_each_pair();
        self.links_of_zones();
        let mut known: BTreeMap<(usize, usize), &str> = BTreeMap::new();
        for (pair, link) in &network.zones {
            let path = format!("network.zones.{}", quoted(pair));
            let Some((from, to)) = self.zone_pair(pair) else {
                let known = self.topology.zones.join(", ");
                let help = format!("write two zones with a dash between them, such as `a-b`; the model has: {known}");
                self.error("unknown-zone", format!("`{pair}` is not a pair of zones"), path, help);
                continue;
            };
            if let Some(other) = known.insert((from.min(to), from.max(to)), pair) {
                let message = format!("`{pair}` and `{other}` are the same two zones");
                self.error("duplicate-link", message, path.clone(), "keep one of them: a pair of zones holds in both directions");
            }
            self.zone_link(pair, (from, to), (link.latency.as_ref(), link.loss, link.bandwidth), &path);
        }
    }

    /// Two links between the same two would leave it to their names which of them counts.
    fn one_link_for_each_pair(&mut self) {
        let mut known: BTreeMap<(&str, &str), &str> = BTreeMap::new();
        for (name, link) in &self.model.network.links {
            let zones = self.names.zone(&link.from).is_some() && self.names.zone(&link.to).is_some();
            // Between zones a link holds both ways; between services the other way is another call.
            let swapped = zones && !self.is_caller_or_service(&link.from) && link.from > link.to;
            let pair = if swapped { (&link.to, &link.from) } else { (&link.from, &link.to) };
            if let Some(other) = known.insert((pair.0, pair.1), name) {
                let message = format!("the links `{other}` and `{name}` both join `{}` and `{}`", link.from, link.to);
                let path = format!("network.links.{}", quoted(name));
                self.error("duplicate-link", message, path, "keep one of them, with the latency and the loss that are meant");
            }
        }
    }

    /// Links written by name between two zones: they beat what `network.zones` says of the pair.
    fn links_of_zones(&mut self) {
        for (name, link) in &self.model.network.links {
            let path = format!("network.links.{}", quoted(name));
            let known = self.party(&link.from, &format!("{path}.from")) & self.party(&link.to, &format!("{path}.to"));
            match (self.names.zone(&link.from), self.names.zone(&link.to)) {
                (Some(from), Some(to)) => {
                    self.zone_link(name, (from.index(), to.index()), (link.latency.as_ref(), link.loss, link.bandwidth), &path);
                }
                (None, None) => {}
                // A zone and a service may share a name.
                (Some(_), None) if self.is_caller_or_service(&link.from) => {}
                (None, Some(_)) if self.is_caller_or_service(&link.to) => {}
                (Some(_), None) | (None, Some(_)) if known => {
                    let message = format!("a link from `{}` to `{}` joins a zone with something else", link.from, link.to);
                    let help = "write a link between two zones, or from a client or service to a service";
                    self.error("mixed-link", message, path, help);
                }
                (Some(_), None) | (None, Some(_)) => {}
            }
        }
    }

    fn is_caller_or_service(&self, name: &str) -> bool {
        self.names.client(name).is_some() || self.names.service(name).is_some()
    }

    /// One for each direction of calls: a partition may cut one of them. What was written first stays.
    fn zone_link(&mut self, name: &str, (from, to): (usize, usize), own: Own<'_>, path: &str) {
        let (zones, everywhere) = (self.topology.zones.len(), &self.model.network.everywhere);
        let latency = self.dist(own.0.unwrap_or(&everywhere.latency), &format!("{path}.latency"));
        let loss = own.1.unwrap_or(everywhere.loss).fraction();
        let bandwidth = own.2.or(everywhere.bandwidth).map(|bandwidth| bandwidth.0);
        for place in [from * zones + to, to * zones + from] {
            if self.topology.zone_links[place].is_none() {
                self.topology.zone_links[place] = LinkId::new(self.topology.links.len());
                self.topology.links.push(Link { name: name.to_string(), latency: latency.clone(), loss, bandwidth, lines: [0, 0] });
            }
        }
    }

    /// The two zones of `a-b`; zones may have dashes in their names.
    fn zone_pair(&self, pair: &str) -> Option<(usize, usize)> {
        let dashes = pair.match_indices('-').map(|(at, _)| at);
        dashes.map(|at| (&pair[..at], &pair[at + 1..])).find_map(|(a, b)| Some((self.names.zone(a)?.index(), self.names.zone(b)?.index())))
    }

    /// Notes a name that is neither a client, a service nor a zone.
    pub(super) fn party(&mut self, name: &str, path: &str) -> bool {
        let known = self.names.client(name).is_some() || self.names.service(name).is_some() || self.names.zone(name).is_some();
        if !known {
            let all = self.names.services.iter().chain(&self.names.clients).chain(&self.names.zones).copied().collect();
            self.unknown("client, service or zone", "unknown-party", name, path, all);
        }
        known
    }

    fn named_links(&self) -> Named<'m> {
        let links = &self.model.network.links;
        links.iter().map(|(name, link)| ((link.from.clone(), link.to.clone()), (name.as_str(), link))).collect()
    }

    /// The link from a caller's group to a service, and whether a link between zones would take its place.
    pub(super) fn link(&mut self, group: Group, service: ServiceId) -> (LinkId, bool) {
        let caller = match group {
            Group::Service(service) => self.topology.services[service.index()].name.clone(),
            Group::Client(client) => self.topology.clients[client.index()].name.clone(),
        };
        let callee = self.topology.services[service.index()].name.clone();
        let named = self.named_links();
        let written = named.get(&(caller.clone(), callee.clone())).copied();
        let by_zone = written.is_none();
        if let Some(known) = self.links.get(&(group, service)) {
            return (*known, by_zone);
        }
        let everywhere = &self.model.network.everywhere;
        let bandwidth = written.and_then(|(_, link)| link.bandwidth).or(everywhere.bandwidth).map(|bandwidth| bandwidth.0);
        let (name, latency, loss, path) = match written {
            Some((name, link)) => (
                name.to_string(),
                link.latency.as_ref().unwrap_or(&everywhere.latency),
                link.loss.unwrap_or(everywhere.loss),
                format!("network.links.{}.latency", quoted(name)),
            ),
            None => (format!("{caller} -> {callee}"), &everywhere.latency, everywhere.loss, "network.default.latency".to_string()),
        };
        // The default link's distribution is compiled per pair; its problems are noted once.
        let noted = self.problems.list.len();
        let latency = self.dist(latency, &path);
        if by_zone && !self.links.is_empty() {
            self.problems.list.truncate(noted);
        }
        let id = LinkId::new(self.topology.links.len());
        self.topology.links.push(Link { name, latency, loss: loss.fraction(), bandwidth, lines: [0, 0] });
        self.links.insert((group, service), id);
        (id, by_zone)
    }

    /// The links that lead from one party to another: a client, a service, or all in a zone.
    pub(super) fn links_between(&self, from: &str, to: &str) -> Vec<LinkId> {
        let mut links: Vec<LinkId> = self
            .links
            .iter()
            .filter(|((group, service), _)| self.is_group(*group, from) && self.is_service(*service, to))
            .map(|(_, id)| *id)
            .collect();
        if let (Some(a), Some(b)) = (self.names.zone(from), self.names.zone(to)) {
            let between = self.topology.zone_links.get(a.index() * self.topology.zones.len() + b.index());
            links.extend(between.filter(|link| link.is_some()));
        }
        links.sort();
        links.dedup();
        links
    }

    fn is_group(&self, group: Group, name: &str) -> bool {
        match group {
            Group::Client(client) => self.topology.clients[client.index()].name == name,
            Group::Service(service) => self.is_service(service, name),
        }
    }

    fn is_service(&self, service: ServiceId, name: &str) -> bool {
        self.topology.services[service.index()].name == name
    }
}
