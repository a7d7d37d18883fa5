//! The rules of a proxy for one call (istio `pilot/pkg/networking/core/route/route.go`): which VirtualService holds, which of
//! its routes can match, and what each does.

use super::conditions::{Asked, Entry};
use super::policies::timeouts;
use super::{Caller, Weaver};
use crate::base::id::*;
use crate::base::outcome::{Class, Flag, Outcome, class_of_status};
use crate::model::mesh::{Action as Written, Destination, ExportTo, GatewayRef, Host, HttpRoute, VirtualService};
use crate::policy::envoy::mirror::Mirror;
use crate::policy::envoy::weighted_clusters::WeightedClusters;
use crate::topology::mesh::{Action, RouteSource, Rule, Target};
use crate::topology::rules::{self, route_path};

/// No cluster: what a proxy answers for a destination that does not exist, by where the rule comes from.
const NO_CLUSTER: Outcome = Outcome::new(503, Class::ServerError, Flag::NC);
const NO_BACKEND: Outcome = Outcome::new(500, Class::ServerError, Flag::NC);

/// A route that may be tried, with its matches as far as they concern the proxy.
struct Candidate<'m> {
    rule: &'m VirtualService,
    route: &'m HttpRoute,
    entries: Vec<Entry<'m>>,
    /// It had matches, none of which concerns this proxy.
    none_left: bool,
}

impl<'m> Weaver<'_, 'm> {
    /// The rules that a site's calls go by, in the order in which they are tried.
    pub(super) fn rules_of(&mut self, site: SiteId, caller: &Caller<'m>) -> Vec<Rule> {
        let host = self.hosts.of_service(self.compiler.topology.sites[site.index()].service);
        let written = self.virtual_services(host, caller);
        if written.is_empty() {
            // A gateway has no routes but those that VirtualServices bind to it: 404 NR.
            return if caller.gateway.is_some() { Vec::new() } else { vec![self.plain_rule(site, host, caller)] };
        }
        let asked = Asked::of(self, site, host);
        let mut rules = Vec::new();
        for rule in written {
            for (place, route) in rule.http.iter().enumerate() {
                for candidate in self.candidates(rule, route, caller, asked.port) {
                    if let Some(rule) = self.rule(&candidate, place, &asked, site, caller) {
                        let takes_all = rule.when.is_empty();
                        rules.push(rule);
                        if takes_all {
                            return rules;
                        }
                    }
                }
            }
        }
        rules
    }

    /// Without a VirtualService: everything to the host, with the mesh's retries.
    fn plain_rule(&mut self, site: SiteId, host: usize, caller: &Caller<'m>) -> Rule {
        let port = self.hosts.all[host].port;
        let cluster = self.cluster(caller, host, None, port, site);
        let retry = self.default_retry(cluster.ok());
        let target = Target { cluster: cluster.map_err(|_| NO_CLUSTER), entries: self.entries(site, host) };
        Rule {
            name: "default".into(),
            when: Vec::new(),
            fault: Default::default(),
            timeouts: Default::default(),
            retry,
            action: Action::Forward { weights: WeightedClusters::new(&[1]).expect("one destination"), targets: vec![target] },
            mirrors: Vec::new(),
            source: None,
        }
    }

    /// Those that hold for a host in this proxy. In sidecars the oldest alone; in gateways all of them together.
    fn virtual_services(&self, host: usize, caller: &Caller<'_>) -> Vec<&'m VirtualService> {
        let callable = &self.hosts.all[host];
        let wanted = caller.gateway.clone().unwrap_or(GatewayRef::Mesh);
        let mut found: Vec<&VirtualService> =
            self.rules().iter().filter(|rule| self.holds_for(rule, &callable.host, &wanted, caller)).collect();
        found.sort_by_key(|rule| (rule.meta.created.clone().unwrap_or_default(), rule.meta.name.clone(), rule.meta.namespace.clone()));
        if caller.gateway.is_none() {
            // The more specific host wins before the older rule.
            found.sort_by_key(|rule| !rule.hosts.iter().any(|written| written.value == callable.host));
            found.truncate(1);
        }
        found
    }

    fn holds_for(&self, rule: &VirtualService, host: &Host, wanted: &GatewayRef, caller: &Caller<'_>) -> bool {
        let bound = rule.gateways.iter().any(|gateway| gateway.value == *wanted)
            || rule.http.iter().flat_map(|route| &route.matches).any(|entry| entry.gateways.contains(wanted));
        let seen = rule.export_to.is_empty()
            || rule.export_to.iter().any(|to| match to {
                ExportTo::All => true,
                ExportTo::Own => rule.meta.namespace == caller.namespace,
                ExportTo::Nobody => false,
                ExportTo::Namespace(namespace) => namespace == caller.namespace,
            });
        let leads_to = |route: &HttpRoute| match &route.action {
            Written::Forward(destinations) => destinations.iter().any(|d| d.destination.host.value == *host),
            Written::Redirect(_) | Written::Answer(_) | Written::Delegate(_) => false,
        };
        // A gateway is asked by names from outside: what counts is whether a rule of one that it serves leads to the host.
        let named = match caller.gateway {
            Some(_) => rule.http.iter().any(leads_to) && self.is_served(rule, wanted),
            None => rule.hosts.iter().any(|h| h.value.covers(host)),
        };
        bound && seen && named
    }

    /// Whether some server of the gateway has a host of the VirtualService; one that the manifests do not have serves all.
    fn is_served(&self, rule: &VirtualService, gateway: &GatewayRef) -> bool {
        let GatewayRef::Gateway { namespace, name } = gateway else { return true };
        let Some(known) = self.imported.gateways.iter().find(|g| g.meta.name == *name && g.meta.namespace == *namespace) else {
            return true;
        };
        let served = known.servers.iter().flat_map(|server| &server.hosts).any(|host| {
            let (of, host) = host.value.split_once('/').unwrap_or(("*", &host.value));
            let seen = matches!(of, "*") || of == rule.meta.namespace || (of == "." && rule.meta.namespace == known.meta.namespace);
            seen && rule.hosts.iter().any(|asked| overlap(host, &asked.value.0))
        });
        served || known.servers.iter().any(|server| server.hosts.is_empty())
    }

    /// A route, or those of the delegate that it names.
    fn candidates(&self, rule: &'m VirtualService, route: &'m HttpRoute, caller: &Caller<'_>, port: u32) -> Vec<Candidate<'m>> {
        let own: Vec<Entry<'m>> =
            route.matches.iter().filter(|entry| Self::concerns(entry, caller, port)).map(|entry| vec![entry]).collect();
        let none_left = own.is_empty() && !route.matches.is_empty();
        let Written::Delegate(reference) = &route.action else {
            return vec![Candidate { rule, route, entries: own, none_left }];
        };
        let is_meant = |other: &&VirtualService| other.meta.name == reference.name && other.meta.namespace == reference.namespace;
        let Some(delegate) = self.rules().iter().find(is_meant) else { return Vec::new() };
        let of_delegate = |inner: &'m HttpRoute| {
            let inner_entries: Vec<Entry<'m>> =
                inner.matches.iter().filter(|entry| Self::concerns(entry, caller, port)).map(|entry| vec![entry]).collect();
            let inner_none = inner_entries.is_empty() && !inner.matches.is_empty();
            let entries = match (own.is_empty(), inner_entries.is_empty()) {
                (true, _) => inner_entries,
                (_, true) => own.clone(),
                _ => own.iter().flat_map(|outer| inner_entries.iter().map(move |inner| [outer.clone(), inner.clone()].concat())).collect(),
            };
            Candidate { rule: delegate, route: inner, entries, none_left: none_left || inner_none }
        };
        delegate.http.iter().map(of_delegate).collect()
    }

    /// The rule for a call; nothing if it cannot match it.
    fn rule(&mut self, candidate: &Candidate<'m>, place: usize, asked: &Asked, site: SiteId, caller: &Caller<'m>) -> Option<Rule> {
        let Candidate { rule, route, entries, none_left } = candidate;
        if *none_left {
            return None;
        }
        let conditions: Vec<_> = entries.iter().filter_map(|entry| self.conditions(entry, asked, rule.gateway_api)).collect();
        if conditions.is_empty() && !entries.is_empty() {
            return None;
        }
        let when = if conditions.iter().any(Vec::is_empty) { Vec::new() } else { conditions };
        let action = match &route.action {
            Written::Forward(destinations) => {
                let weights: Vec<u32> = destinations.iter().map(|d| d.weight.value).collect();
                let targets = destinations.iter().map(|d| self.destination(&d.destination, asked.port, site, caller, rule.gateway_api));
                let targets: Vec<Target> = targets.collect();
                let weights = self.compiler.checked(WeightedClusters::new(&weights), &rules::path_of(&rule.meta, ""))?;
                Action::Forward { weights, targets }
            }
            Written::Redirect(redirect) => Action::Answer(Outcome::answered(redirect.code)),
            Written::Answer(answer) => {
                let status = answer.status.value;
                Action::Answer(Outcome::new(status, class_of_status(status), Flag::None))
            }
            Written::Delegate(_) => return None,
        };
        let mirrors = route.mirrors.iter().map(|mirror| {
            let share = f64::from(mirror.share.value.numerator) / f64::from(mirror.share.value.denominator) * 100.0;
            let drawn = Mirror::new(Some(share), None).ok()?;
            Some((drawn, self.destination(&mirror.destination, asked.port, site, caller, rule.gateway_api)))
        });
        let mirrors: Vec<(Mirror, Target)> = mirrors.collect::<Vec<_>>().into_iter().flatten().collect();
        let only_cluster = match &action {
            Action::Forward { targets, .. } if targets.len() == 1 => targets[0].cluster.ok(),
            _ => None,
        };
        let name = if route.name.is_empty() { format!("{}[{place}]", rule.meta.path()) } else { route.name.clone() };
        Some(Rule {
            name,
            when,
            fault: self.fault(&route.fault, &rules::path_of(&rule.meta, "")),
            timeouts: timeouts(route),
            retry: self.retry(route, only_cluster, &rules::path_of(&rule.meta, "")),
            action,
            mirrors,
            source: Some(self.source(rule, route)),
        })
    }

    /// Where a route is written.
    fn source(&self, rule: &VirtualService, route: &HttpRoute) -> RouteSource {
        let service = self.rules().iter().position(|other| std::ptr::eq(other, rule)).expect("it is one of them");
        let place = rule.http.iter().position(|other| std::ptr::eq(other, route)).expect("it is one of its routes");
        RouteSource { service, route: place, path: rules::path_of(&rule.meta, &route_path(rule, place)) }
    }

    fn destination(&mut self, written: &Destination, port: u32, site: SiteId, caller: &Caller<'m>, gateway_api: bool) -> Target {
        let nobody = if gateway_api { NO_BACKEND } else { NO_CLUSTER };
        let Some(host) = self.hosts.find(&written.host.value) else {
            return Target { cluster: Err(nobody), entries: Vec::new() };
        };
        let own_port = self.hosts.all[host].port;
        let port = written.port.as_ref().map_or(if own_port == port { port } else { own_port }, |written| written.value);
        let subset = written.subset.as_ref().map(|subset| subset.value.as_str());
        let cluster = self.cluster(caller, host, subset, port, site).map_err(|_| nobody);
        Target { cluster, entries: self.entries(site, host) }
    }

    /// Where the called endpoint begins, at each service behind a host. One that lacks it is told of.
    fn entries(&mut self, site: SiteId, host: usize) -> Vec<(ServiceId, StepId)> {
        let callee = &self.compiler.topology.endpoints[self.compiler.topology.sites[site.index()].callee.index()];
        let (name, full_name) = (callee.name.clone(), callee.full_name.clone());
        let pods: Vec<ServiceId> = self.hosts.all[host].pods.iter().map(|pod| self.hosts.pods[*pod].service).collect();
        let mut entries = Vec::new();
        for service in pods {
            let spec = &self.compiler.topology.services[service.index()];
            let endpoint = spec.endpoints.iter().find(|e| self.compiler.topology.endpoints[e.index()].name == name);
            match endpoint {
                Some(endpoint) => entries.push((service, self.compiler.topology.endpoints[endpoint.index()].entry)),
                None => {
                    let message = format!("`{}` has no endpoint `{name}`, to which a route may send calls of `{full_name}`", spec.name);
                    let path = self.compiler.topology.sites[site.index()].path_in_model.clone();
                    self.compiler.error("unknown-endpoint", message, path, "give that service the endpoint, or change the route");
                }
            }
        }
        entries
    }
}

/// Whether one name is the other or stands for it: `*.example.com` for `shop.example.com`, `*` for everything.
fn overlap(one: &str, other: &str) -> bool {
    let stands = |pattern: &str, name: &str| pattern.strip_prefix('*').is_some_and(|rest| name.ends_with(rest));
    one == other
        || stands(one, other)
        || stands(other, one)
        || other.strip_suffix(".svc.cluster.local").is_some_and(|short| short.split('.').next() == Some(one))
}
