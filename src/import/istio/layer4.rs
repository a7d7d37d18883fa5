//! Rules below HTTP (`tcp`, `tls`): checked as Istio does, kept as present, not simulated.

use super::matches::check_port;
use super::route::{no_weight, weight};
use super::target::{destination, nowhere};
use super::virtual_service::gateways;
use crate::import::cursor::{At, Fields};
use crate::import::names::{check_labels, domain_problem, is_ip};
use crate::import::notes::Notes;
use crate::model::mesh::{Host, WeightedDestination};

/// The hosts that an SNI may be one of.
pub(in crate::import) struct Server<'a> {
    pub namespace: &'a str,
    pub hosts: &'a [Host],
    pub gateway_only: bool,
}

pub(in crate::import) fn tcp(notes: &mut Notes, at: &At, server: &Server) -> Vec<WeightedDestination> {
    let mut fields = at.fields(notes);
    for entry in fields.list(notes, "match") {
        if entry.is_null() {
            notes.error("bad-match", &entry, "an entry of `match` cannot be null", "remove it");
            continue;
        }
        let mut inner = entry.fields(notes);
        common(notes, &mut inner, server.namespace);
        inner.ignores(&["sourceSubnet", "sourceNamespace"]);
        inner.finish(notes);
    }
    let all = route(notes, &mut fields, server.namespace);
    fields.finish(notes);
    all
}

pub(in crate::import) fn tls(notes: &mut Notes, at: &At, server: &Server) -> Vec<WeightedDestination> {
    let mut fields = at.fields(notes);
    let entries = fields.list(notes, "match");
    if entries.is_empty() {
        notes.error("missing-field", at, "a rule for TLS needs a `match`", "write `match: [{sniHosts: […]}]`");
    }
    for entry in entries {
        if entry.is_null() {
            notes.error("bad-match", &entry, "an entry of `match` cannot be null", "remove it");
            continue;
        }
        let mut inner = entry.fields(notes);
        let names = inner.list(notes, "sniHosts");
        if names.is_empty() {
            notes.error("missing-field", &entry, "a match of TLS needs `sniHosts`", "name the hosts, or write `[\"*\"]`");
        }
        for name in names {
            sni(notes, &name, server);
        }
        common(notes, &mut inner, server.namespace);
        inner.ignores(&["sourceNamespace"]);
        inner.finish(notes);
    }
    let all = route(notes, &mut fields, server.namespace);
    fields.finish(notes);
    all
}

fn common(notes: &mut Notes, fields: &mut Fields, namespace: &str) {
    if let Some(at) = fields.get(notes, "port")
        && let Some(number) = at.count(notes).filter(|number| *number > 0)
    {
        check_port(notes, &at, number);
    }
    for at in fields.list(notes, "destinationSubnets") {
        if let Some(text) = at.text(notes).filter(|text| !is_subnet(text)) {
            notes.error("bad-host", &at, format!("`{text}` is no subnet"), "write for example `10.0.0.0/8`");
        }
    }
    if let Some(at) = fields.get(notes, "sourceLabels") {
        let labels = at.labels(notes);
        check_labels(notes, &at, &labels);
    }
    if let Some(at) = fields.get(notes, "gateways") {
        gateways(notes, &at, namespace);
    }
}

fn is_subnet(text: &str) -> bool {
    match text.split_once('/') {
        Some((address, bits)) => {
            is_ip(address) && bits.parse::<u8>().is_ok_and(|bits| bits <= if address.contains(':') { 128 } else { 32 })
        }
        None => is_ip(text),
    }
}

fn sni(notes: &mut Notes, at: &At, server: &Server) {
    let Some(text) = at.text(notes) else { return };
    let problem = if server.gateway_only { sni_problem(text) } else { domain_problem(text) };
    if problem.is_some() && is_ip(text) {
        notes.warning("ip-as-sni", at, format!("`{text}` is an address: few clients send one as their SNI"), "name a host");
    } else if let Some(problem) = problem {
        notes.error("bad-host", at, problem, "name a host, perhaps with `*` at its beginning");
    } else if !server.hosts.iter().any(|host| host.covers(&Host(text.to_owned())) || host.0.split('.').next() == Some(text)) {
        let hosts: Vec<&str> = server.hosts.iter().map(Host::as_str).collect();
        let message = format!("the SNI `{text}` is none of the hosts of this VirtualService ({})", hosts.join(", "));
        notes.error("bad-host", at, message, "name it among `hosts`");
    }
}

/// Names that gateways pass through (`outbound_.80_._.orders.shop…`) have labels that no other host has.
pub(in crate::import) fn sni_problem(text: &str) -> Option<String> {
    let labels: Vec<&str> = text.split('.').collect();
    let plain = match labels[..] {
        ["outbound_" | "inbound_", port, subset, ..] if port.ends_with('_') && subset.ends_with('_') => labels[3..].join("."),
        _ => text.to_owned(),
    };
    domain_problem(&plain)
}

fn route(notes: &mut Notes, fields: &mut Fields, namespace: &str) -> Vec<WeightedDestination> {
    let route = fields.get(notes, "route");
    let list = route.as_ref().map_or_else(Vec::new, |at| at.list(notes));
    if list.is_empty() {
        let at = fields.at.clone();
        notes.error("missing-field", &at, "this rule does not say where its connections go", "give it a `route`");
    }
    let mut all = Vec::new();
    for at in &list {
        let mut fields = at.fields(notes);
        let place = fields.get(notes, "destination");
        if place.is_none() {
            notes.error("missing-field", at, "a route needs a `destination`", "write `destination: {host: …}`");
        }
        let destination = place.map_or_else(nowhere, |at| destination(notes, &at, namespace));
        let weight = weight(notes, &mut fields);
        fields.finish(notes);
        all.push(WeightedDestination { destination, weight, headers: Default::default() });
    }
    no_weight(notes, &all, route.as_ref());
    all
}
