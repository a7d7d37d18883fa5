//! VirtualService (istio `ValidateVirtualService`).

use super::layer4::{self, Server, sni_problem};
use super::route::{self, Around};
use super::unreachable;
use crate::import::cursor::{At, Fields};
use crate::import::meta;
use crate::import::names::{domain_problem, is_dns_label, is_ip, qualified};
use crate::import::notes::Notes;
use crate::model::mesh::{ExportTo, GatewayRef, Host, Meta, VirtualService, Written};
use crate::model::tree::Origin;

/// Istio marks so what it converts from the Gateway API, and checks it less.
const SEMANTICS: &str = "internal.istio.io/route-semantics";

pub(in crate::import) fn read(notes: &mut Notes, meta: Meta, spec: &At) -> VirtualService {
    let mut fields = spec.fields(notes);
    let hosts_at = fields.list(notes, "hosts");
    let gateways_at = fields.get(notes, "gateways").filter(|at| !at.list(notes).is_empty());
    let tls = fields.get(notes, "tls").filter(|at| !at.list(notes).is_empty());
    let tcp = fields.get(notes, "tcp").filter(|at| !at.list(notes).is_empty());
    let routes = fields.list(notes, "http");
    let is_delegate = hosts_at.is_empty();
    if is_delegate {
        delegates_have_none(notes, [&gateways_at, &tls, &tcp]);
    }
    let converted = meta.annotations.get(SEMANTICS).is_some_and(|value| value == "gateway");
    let gateways = gateways_at.as_ref().map_or_else(Vec::new, |at| named_gateways(notes, at, &meta.namespace, converted));
    let on_mesh = gateways.is_empty() || gateways.iter().any(|gateway| gateway.value == GatewayRef::Mesh);
    let has_sni = tls.as_ref().is_some_and(|at| at.list(notes).iter().any(|rule| has_sni(rule)));
    let hosts = hosts(notes, &hosts_at, &meta.namespace, on_mesh, has_sni);
    if routes.is_empty() && tls.is_none() && tcp.is_none() {
        let help = "give it `http`, `tcp` or `tls`";
        notes.error("missing-field", spec, "this VirtualService has no rules", help);
    }
    let around = Around { namespace: &meta.namespace, delegate: is_delegate, converted };
    let mut http = Vec::new();
    for at in &routes {
        if !null_rule(notes, at) {
            http.push(route::read(notes, at, around));
        }
    }
    unreachable::check(notes, &routes);
    let names: Vec<Host> = hosts.iter().map(|host| host.value.clone()).collect();
    let server = Server { namespace: &meta.namespace, hosts: &names, gateway_only: !on_mesh };
    let tcp = below(notes, tcp, "tcp", |notes, at| drop(layer4::tcp(notes, at, &server)));
    let tls = below(notes, tls, "tls", |notes, at| drop(layer4::tls(notes, at, &server)));
    let export_to = export_to(notes, &mut fields, &meta.namespace, false);
    fields.finish(notes);
    let mesh = Written::default(GatewayRef::Mesh);
    let gateways = if gateways.is_empty() { vec![mesh] } else { gateways };
    VirtualService { meta, hosts, gateways, export_to, http, tcp, tls, gateway_api: converted }
}

fn delegates_have_none(notes: &mut Notes, parts: [&Option<At>; 3]) {
    for at in parts.into_iter().flatten() {
        let message = format!("a VirtualService without `hosts` is delegated to, and has no {}", at.name());
        notes.error("route-conflict", at, message, "name its `hosts`, or remove this");
    }
}

fn null_rule(notes: &mut Notes, at: &At) -> bool {
    if at.is_null() {
        notes.error("missing-field", at, "a rule cannot be null", "remove it");
    }
    at.is_null()
}

fn has_sni(rule: &At) -> bool {
    let list = |node: Option<&crate::model::tree::Node>| match node.map(|node| &node.value) {
        Some(crate::model::tree::Value::Sequence(list)) => list.clone(),
        _ => Vec::new(),
    };
    list(rule.node.get("match")).iter().any(|entry| !list(entry.get("sniHosts")).is_empty())
}

fn below(notes: &mut Notes, at: Option<At>, what: &str, mut check: impl FnMut(&mut Notes, &At)) -> Option<Origin> {
    let at = at?;
    for rule in at.list(notes) {
        check(notes, &rule);
    }
    let thing = format!("`{what}` of a VirtualService");
    notes.not_simulated(&thing, &at.origin(), &at.path, "requests are those of HTTP");
    Some(at.origin())
}

fn hosts(notes: &mut Notes, list: &[At], namespace: &str, on_mesh: bool, has_sni: bool) -> Vec<Written<Host>> {
    let (mut hosts, mut sound): (Vec<Written<Host>>, bool) = (Vec::new(), true);
    let mut written: Vec<Host> = Vec::new();
    for at in list {
        let Some(text) = at.text(notes) else { continue };
        let problem = if !on_mesh && has_sni { sni_problem(text) } else { domain_problem(text) };
        let star = on_mesh && text == "*";
        if let Some(problem) = problem.filter(|_| !is_ip(text)) {
            notes.error("bad-host", at, problem, "name a host, perhaps with `*` at its beginning");
            sound = false;
        } else if star {
            let message = "`*` would be every host that sidecars know, which Istio refuses";
            notes.error("bad-host", at, message, "name the hosts, or bind it to a gateway with `gateways`");
            sound = false;
        }
        written.push(Host(text.to_owned()));
        hosts.push(at.written(qualified(text, namespace)));
    }
    for (second, later) in written.iter().enumerate().filter(|_| sound) {
        let overlaps = |first: &&Host| first.covers(later) || later.covers(first);
        if let Some(first) = written[..second].iter().find(overlaps) {
            let message = format!("the hosts `{first}` and `{later}` are one, or one covers the other");
            notes.error("duplicate-host", &list[second], message, "remove one of them");
        }
    }
    hosts
}

/// `gateways: [mesh, NAME, NAMESPACE/NAME]` (istio `validateGatewayNames`).
pub(in crate::import) fn gateways(notes: &mut Notes, at: &At, namespace: &str) -> Vec<Written<GatewayRef>> {
    named_gateways(notes, at, namespace, false)
}

fn named_gateways(notes: &mut Notes, at: &At, namespace: &str, converted: bool) -> Vec<Written<GatewayRef>> {
    let mut all = Vec::new();
    for (at, text) in at.texts(notes) {
        let problem = match text.split_once('/') {
            None => domain_problem(text),
            Some((of, name)) if is_dns_label(of) && (converted || is_dns_label(name)) => None,
            Some(_) => Some(format!("`{text}` is no name of a gateway")),
        };
        if let Some(problem) = problem {
            notes.error("bad-gateway", &at, problem, "write `NAME`, `NAMESPACE/NAME` or `mesh`");
        }
        let (of, name) = match (text.split_once('/'), text.split_once('.')) {
            (Some((of, name)), _) => (of, name),
            (None, Some((name, rest))) => {
                let of = rest.split('.').next().unwrap_or(rest);
                let message = format!("`{text}` is the old way to name a gateway");
                notes.warning("deprecated-field", &at, message, format!("write `{of}/{name}`"));
                (of, name)
            }
            (None, None) => (namespace, text),
        };
        all.push(at.written(match text {
            "mesh" => GatewayRef::Mesh,
            _ => GatewayRef::Gateway { namespace: of.to_owned(), name: name.to_owned() },
        }));
    }
    all
}

/// Who sees the object (istio `validateExportTo`).
pub(in crate::import) fn export_to(notes: &mut Notes, fields: &mut Fields, namespace: &str, selects: bool) -> Vec<ExportTo> {
    let Some(at) = fields.get(notes, "exportTo") else { return Vec::new() };
    let list = at.texts(notes);
    let mut seen: Vec<&str> = Vec::new();
    let mut all = Vec::new();
    for (at, text) in &list {
        let key = if *text == "." { namespace } else { text };
        if seen.contains(&key) {
            notes.error("bad-export", at, format!("`{text}` is named twice in `exportTo`"), "remove one of them");
        } else if !matches!(key, "*") && !is_dns_label(key) {
            notes.error("bad-export", at, format!("`{text}` is no namespace"), "write a namespace, `.` or `*`");
        }
        seen.push(key);
        all.push(meta::export(text));
    }
    if seen.contains(&"*") && seen.len() > 1 {
        notes.error("bad-export", &at, "`*` and single namespaces exclude each other", "leave `exportTo` out to export to all");
    }
    if selects && !seen.is_empty() && seen != [namespace] {
        let message = "a DestinationRule with a `workloadSelector` stays in its namespace";
        notes.error("bad-export", &at, message, "write `exportTo: [.]`");
    }
    all
}
