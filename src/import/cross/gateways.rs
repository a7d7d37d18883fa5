//! VirtualServices bound to gateways that are not there, or that do not serve their hosts.

use super::Cross;
use crate::base::diagnostic::nearest;
use crate::model::mesh::{Gateway, GatewayRef, Host, VirtualService, Written};

pub(super) fn check(cross: &mut Cross) {
    let mesh = cross.mesh;
    if mesh.gateways.is_empty() {
        return;
    }
    for rule in &mesh.virtual_services {
        let mut bound = Vec::new();
        for gateway in &rule.gateways {
            let GatewayRef::Gateway { namespace, name } = &gateway.value else { continue };
            match mesh.gateways.iter().find(|known| known.meta.name == *name && known.meta.namespace == *namespace) {
                Some(known) => bound.push(known),
                None => unknown(cross, rule, gateway, &format!("{namespace}/{name}")),
            }
        }
        // What is for sidecars as well has its hosts there.
        if !rule.is_for_mesh() && !rule.gateway_api {
            unserved(cross, rule, &bound);
        }
    }
}

fn unknown(cross: &mut Cross, rule: &VirtualService, gateway: &Written<GatewayRef>, name: &str) {
    let names: Vec<String> = cross.mesh.gateways.iter().map(|known| format!("{}/{}", known.meta.namespace, known.meta.name)).collect();
    let help = match nearest(name, names.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there is `{}`", names.join("`, `")),
    };
    let message = format!("there is no gateway `{name}` among the files");
    cross.warn("unknown-gateway", &rule.meta, &gateway.origin, message, help);
}

fn unserved(cross: &mut Cross, rule: &VirtualService, bound: &[&Gateway]) {
    let served = |host: &Host| bound.iter().any(|gateway| serves(gateway, &rule.meta.namespace, host));
    if rule.hosts.iter().any(|host| served(&host.value)) {
        return;
    }
    let Some(first) = rule.hosts.first() else { return };
    let message = format!("no server of its gateways is for the host `{}`: nothing comes in this way", first.value);
    cross.warn("host-not-in-gateway", &rule.meta, &first.origin, message, "name the host in a server of the gateway".to_owned());
}

/// A server's host may name the namespace that it is for: `shop/example.com`, `./…`, `*/…`.
fn serves(gateway: &Gateway, namespace: &str, host: &Host) -> bool {
    gateway.servers.iter().any(|server| {
        let fits = |text: &str| {
            let (of, name) = text.split_once('/').unwrap_or(("*", text));
            let is_of = of == "*" || of == namespace || of == "." && gateway.meta.namespace == namespace;
            let known = Host(name.to_owned());
            is_of && (known.covers(host) || host.covers(&known))
        };
        server.hosts.is_empty() && gateway.meta.kind == "Gateway" && gateway.selector.is_empty()
            || server.hosts.iter().any(|host| fits(&host.value))
    })
}
