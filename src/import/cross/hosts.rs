//! Destinations and rules for hosts that nothing provides.

use super::{Cross, is_seen, viewers};
use crate::base::diagnostic::nearest;
use crate::import::meta;
use crate::model::mesh::{Destination, DestinationRule, ExportTo, Host, KubeService, Mesh, VirtualService};

pub(super) fn check(cross: &mut Cross) {
    let mesh = cross.mesh;
    if mesh.services.is_empty() && mesh.service_entries.is_empty() {
        return;
    }
    for rule in &mesh.virtual_services {
        for destination in rule.destinations().filter(|destination| !destination.host.value.0.is_empty()) {
            destination_of(cross, rule, destination);
        }
    }
    for rule in &mesh.destination_rules {
        host_of(cross, rule);
    }
}

pub(super) fn full_name(service: &KubeService) -> Host {
    Host(format!("{}.{}.svc.cluster.local", service.meta.name, service.meta.namespace))
}

/// The service of this host that is seen from all of these namespaces.
fn service<'m>(mesh: &'m Mesh, host: &Host, from: &[&str]) -> Option<&'m KubeService> {
    let seen = |service: &&KubeService| {
        let annotation = service.meta.annotations.get("networking.istio.io/exportTo");
        let to: Vec<ExportTo> = annotation.map_or_else(Vec::new, |text| text.split(',').map(|part| meta::export(part.trim())).collect());
        full_name(service) == *host && from.iter().all(|from| is_seen(&to, &service.meta.namespace, from))
    };
    mesh.services.iter().find(seen)
}

fn is_entered(mesh: &Mesh, host: &Host, from: &[&str]) -> bool {
    let is_seen =
        |entry: &&crate::model::mesh::ServiceEntry| from.iter().all(|from| is_seen(&entry.export_to, &entry.meta.namespace, from));
    mesh.service_entries.iter().filter(is_seen).any(|entry| entry.hosts.iter().any(|known| known.value.covers(host)))
}

/// Everything that could have been meant.
fn names(mesh: &Mesh) -> Vec<String> {
    let of_services = mesh.services.iter().map(|service| full_name(service).0);
    of_services.chain(mesh.service_entries.iter().flat_map(|entry| entry.hosts.iter().map(|host| host.value.0.clone()))).collect()
}

/// The host that was probably meant: what differs is mostly its first part.
fn near(host: &Host, names: &[String]) -> String {
    let first = |name: &str| name.split('.').next().unwrap_or(name).to_owned();
    let firsts: Vec<String> = names.iter().map(|name| first(name)).collect();
    let wanted = first(&host.0);
    let same = names.iter().find(|name| first(name) == wanted);
    let similar = || {
        let found = nearest(&wanted, firsts.iter().map(String::as_str))?;
        firsts.iter().position(|name| name == found).map(|index| &names[index])
    };
    match same.or_else(similar) {
        Some(name) => format!("did you mean `{name}`?"),
        None => "name a Service or a ServiceEntry, or give their files as well".to_owned(),
    }
}

fn destination_of(cross: &mut Cross, rule: &VirtualService, destination: &Destination) {
    let from = viewers(rule);
    let host = &destination.host.value;
    let Some(service) = service(cross.mesh, host, &from) else {
        if !is_entered(cross.mesh, host, &from) {
            let message = format!("no Service or ServiceEntry among the files is `{host}`: requests would be answered 503 (or 500)");
            let help = near(host, &names(cross.mesh));
            cross.warn("unknown-host", &rule.meta, &destination.host.origin, message, help);
        }
        return;
    };
    let numbers: Vec<u32> = service.ports.iter().map(|port| port.number.value).collect();
    let listed = numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
    match &destination.port {
        Some(port) if !numbers.contains(&port.value) => {
            let message = format!("`{host}` has no port {}", port.value);
            cross.warn("unknown-port", &rule.meta, &port.origin, message, format!("it has {listed}"));
        }
        None if numbers.len() > 1 && rule.is_for_mesh() && !rule.gateway_api => {
            let message = format!("`{host}` has several ports, and this destination names none");
            let help = format!("write `port: {{number: …}}`, one of {listed}");
            cross.warn("port-required", &rule.meta, &destination.host.origin, message, help);
        }
        _ => {}
    }
}

/// A DestinationRule is for what can be called: a service, an entry, or the host of a VirtualService.
fn host_of(cross: &mut Cross, rule: &DestinationRule) {
    let mesh = cross.mesh;
    let host = &rule.host.value;
    let of_services = mesh.services.iter().any(|service| host.covers(&full_name(service)));
    let entered =
        mesh.service_entries.iter().flat_map(|entry| &entry.hosts).any(|known| known.value.covers(host) || host.covers(&known.value));
    let ruled = mesh.virtual_services.iter().flat_map(|rule| &rule.hosts).any(|known| known.value == *host);
    if !of_services && !entered && !ruled && !host.0.is_empty() {
        let message = format!("no Service, ServiceEntry or VirtualService among the files is `{host}`: this rule changes nothing");
        let help = near(host, &names(mesh));
        cross.warn("unknown-rule-host", &rule.meta, &rule.host.origin, message, help);
    }
}
