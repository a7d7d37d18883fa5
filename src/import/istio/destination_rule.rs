//! DestinationRule (istio `ValidateDestinationRule`).

use super::target::selector;
use super::virtual_service::export_to;
use super::{balancer, outlier, pool, security};
use crate::import::cursor::{At, Fields};
use crate::import::names::{check_labels, domain_problem, is_dns_label, is_ip, qualified};
use crate::import::notes::Notes;
use crate::model::mesh::{Blocks, DestinationRule, Host, Labels, Meta, PortPolicy, Subset, TrafficPolicy, Written};

pub(in crate::import) fn read(notes: &mut Notes, meta: Meta, spec: &At) -> DestinationRule {
    let mut fields = spec.fields(notes);
    let host = host(notes, &mut fields, &meta.namespace);
    let selector_at = fields.get(notes, "workloadSelector");
    let selects = selector_at.is_some();
    let policy = fields.get(notes, "trafficPolicy").map(|at| policy(notes, &at, selects));
    let subsets = subsets(notes, &mut fields, selects);
    let selector = selector_at.as_ref().map(|at| workload_selector(notes, at));
    let export_to = export_to(notes, &mut fields, &meta.namespace, selector.is_some());
    fields.finish(notes);
    DestinationRule { meta, host, policy, subsets, export_to, workload_selector: selector }
}

fn host(notes: &mut Notes, fields: &mut Fields, namespace: &str) -> Written<Host> {
    let host = fields.get(notes, "host");
    let at = host.as_ref().unwrap_or(&fields.at);
    let text = match &host {
        Some(at) => at.text(notes),
        None => Some(""),
    };
    if let Some(problem) = text.and_then(domain_problem) {
        let help = "name a service: `orders`, or `orders.NAMESPACE.svc.cluster.local`";
        notes.error("bad-host", at, problem, help);
    } else if text.is_some_and(is_ip) {
        notes.error("bad-host", at, "a DestinationRule is for a host, not an address", "name the service");
    }
    at.written(qualified(text.unwrap_or(""), namespace))
}

fn subsets(notes: &mut Notes, fields: &mut Fields, selects: bool) -> Vec<Subset> {
    let mut all: Vec<Subset> = Vec::new();
    for at in fields.list(notes, "subsets") {
        if at.is_null() {
            notes.error("missing-field", &at, "a subset cannot be null", "remove it");
            continue;
        }
        let subset = subset(notes, &at, selects);
        if let Some(first) = all.iter().find(|known| known.name.value == subset.name.value) {
            let message = format!("there are two subsets `{}`", first.name.value);
            notes.error("duplicate-subset", &at, message, "rename one of them");
        }
        all.push(subset);
    }
    all
}

fn subset(notes: &mut Notes, at: &At, selects: bool) -> Subset {
    let mut fields = at.fields(notes);
    let name_at = fields.get(notes, "name");
    let name = name_at.as_ref().and_then(|at| at.text(notes)).unwrap_or_default();
    if !is_dns_label(name) {
        let message = if name.is_empty() { "a subset needs a name".to_owned() } else { format!("`{name}` is no name of a subset") };
        notes.error("bad-subset", name_at.as_ref().unwrap_or(at), message, "letters, digits and `-`, as in `v1`");
    }
    let labels_at = fields.get(notes, "labels");
    let labels = labels_at.as_ref().map_or_else(Labels::new, |at| at.labels(notes));
    if let Some(at) = &labels_at {
        check_labels(notes, at, &labels);
    }
    let policy = fields.get(notes, "trafficPolicy").map(|at| policy(notes, &at, selects));
    fields.finish(notes);
    Subset {
        name: name_at.as_ref().unwrap_or(at).written(name.to_owned()),
        labels,
        labels_origin: labels_at.as_ref().unwrap_or(at).origin(),
        policy,
    }
}

/// A policy that says nothing is refused (istio `validateTrafficPolicy`).
fn policy(notes: &mut Notes, at: &At, selects: bool) -> TrafficPolicy {
    let mut fields = at.fields(notes);
    let (blocks, some) = blocks(notes, &mut fields, selects);
    let ports_at = fields.get(notes, "portLevelSettings");
    let tunnel = fields.get(notes, "tunnel");
    let proxy = fields.get(notes, "proxyProtocol");
    fields.finish(notes);
    if !some && ports_at.is_none() && tunnel.is_none() && proxy.is_none() {
        notes.error("empty-block", at, "a traffic policy has to say something", "give it a block, or remove it");
    }
    if let (Some(_), Some(at)) = (&tunnel, &proxy) {
        notes.error("route-conflict", at, "`tunnel` and `proxyProtocol` exclude each other", "remove one of them");
    }
    for (at, thing) in [(&tunnel, "`tunnel`"), (&proxy, "`proxyProtocol`")] {
        if let Some(at) = at {
            notes.not_simulated(thing, &at.origin(), &at.path, "connections go straight to their hosts");
        }
    }
    tunnel.as_ref().inspect(|at| check_tunnel(notes, at));
    let ports = ports_at.map_or_else(Vec::new, |at| at.list(notes)).iter().filter_map(|at| port_policy(notes, at, selects)).collect();
    TrafficPolicy { origin: at.origin(), blocks, ports, tunnel: tunnel.map(|at| at.origin()), proxy_protocol: proxy.map(|at| at.origin()) }
}

fn check_tunnel(notes: &mut Notes, at: &At) {
    let mut fields = at.fields(notes);
    if let Some(protocol) = fields.word(notes, "protocol").filter(|text| text != "CONNECT" && text != "POST") {
        notes.error("bad-tunnel", at, format!("`{protocol}` is no protocol of a tunnel"), "write `CONNECT` or `POST`");
    }
    let host = fields.word(notes, "targetHost").unwrap_or_default();
    if domain_problem(&host).is_some() && !is_ip(&host) || host.contains('*') {
        notes.error("bad-tunnel", at, "a tunnel needs a `targetHost`", "name a host or an address");
    }
    let port = fields.get(notes, "targetPort");
    let number = port.as_ref().and_then(|at| at.count(notes)).unwrap_or(0);
    super::matches::check_port(notes, port.as_ref().unwrap_or(at), number);
    fields.finish(notes);
}

fn port_policy(notes: &mut Notes, at: &At, selects: bool) -> Option<PortPolicy> {
    if at.is_null() {
        notes.error("missing-field", at, "an entry of `portLevelSettings` cannot be null", "remove it");
        return None;
    }
    let mut fields = at.fields(notes);
    let port = fields.get(notes, "port");
    let (blocks, some) = blocks(notes, &mut fields, selects);
    fields.finish(notes);
    if port.is_none() {
        notes.error("missing-field", at, "settings of a port need a `port`", "write `port: {number: 80}`");
    }
    if !some {
        notes.error("empty-block", at, "settings of a port have to say something", "give them a block, or remove them");
    }
    let port = selector(notes, &port?)?;
    Some(PortPolicy { port, blocks })
}

/// The blocks of a policy, and whether there is one.
fn blocks(notes: &mut Notes, fields: &mut Fields, selects: bool) -> (Blocks, bool) {
    let balancer_at = fields.get(notes, "loadBalancer");
    let pool_at = fields.get(notes, "connectionPool");
    let outlier_at = fields.get(notes, "outlierDetection");
    let tls_at = fields.get(notes, "tls");
    let budget_at = fields.get(notes, "retryBudget");
    let some = [&balancer_at, &pool_at, &outlier_at, &tls_at, &budget_at].iter().any(|at| at.is_some());
    let outlier_detection = outlier_at.map(|at| outlier::read(notes, &at));
    let blocks = Blocks {
        load_balancer: balancer_at.map(|at| balancer::read(notes, &at, outlier_detection.is_some())),
        connection_pool: pool_at.map(|at| pool::read(notes, &at)),
        outlier_detection,
        tls: tls_at.map(|at| security::client_tls(notes, &at, selects)),
        retry_budget: budget_at.map(|at| pool::budget(notes, &at)),
    };
    (blocks, some)
}

/// `workloadSelector: {matchLabels: …}` (istio `validateWorkloadSelector`).
pub(in crate::import) fn workload_selector(notes: &mut Notes, at: &At) -> Labels {
    let mut fields = at.fields(notes);
    let labels_at = fields.get(notes, "matchLabels");
    fields.finish(notes);
    let labels = labels_at.as_ref().map_or_else(Labels::new, |at| at.labels(notes));
    let at = labels_at.as_ref().unwrap_or(at);
    for (key, value) in &labels {
        if key.is_empty() || key.contains('*') || value.contains('*') {
            notes.error("bad-label", at, format!("`{key}: {value}` selects nothing: there are no wildcards here"), "write whole labels");
        }
    }
    if labels.is_empty() {
        notes.warning("empty-selector", at, "a selector without labels selects every workload", "remove it, or give it labels");
    }
    labels
}
