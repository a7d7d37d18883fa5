//! Manifests by themselves: every object with the values that hold, and what a call to one of their hosts goes through.

use super::clusters::block_lines;
use super::routes::{bound_to, policy_of, route_lines};
use super::{Call, From, Hop, ISTIO, Told, without_repetition};
use crate::base::diagnostic::Diagnostic;
use crate::model::mesh::{
    Action, DestinationRule, ExportTo, Host, KubeService, Labels, Mesh, Meta, MtlsMode, VirtualService, Workload, Written,
};
use crate::policy::envoy::release::Release;
use crate::policy::envoy::retry::RetryPolicy;
use crate::topology::rules;

/// An object with the values that hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// `VirtualService/shop/orders`
    pub name: String,
    pub from: From,
    pub lines: Vec<Told>,
}

/// Every object of the manifests, kind by kind.
pub fn objects(mesh: &Mesh, release: Release) -> Vec<Object> {
    let object = |meta: &Meta, lines| Object { name: meta.path(), from: From::Origin(meta.origin.clone()), lines };
    let mut all: Vec<Object> = mesh.virtual_services.iter().map(|one| object(&one.meta, virtual_service(one, release))).collect();
    all.extend(mesh.destination_rules.iter().map(|one| object(&one.meta, destination_rule(one, release))));
    all.extend(mesh.services.iter().map(|one| object(&one.meta, service(one))));
    all.extend(mesh.workloads.iter().map(|one| object(&one.meta, workload(one))));
    all.extend(mesh.peer_authentications.iter().map(|one| {
        let mode = one.mode.as_ref().map(|mode| Written::new(mtls_word(mode.value), mode.origin.clone()));
        let told = Told::or("mtls.mode", mode.as_ref(), "that of the next wider policy, in the end PERMISSIVE", "", ISTIO);
        object(&one.meta, vec![told])
    }));
    let others = mesh.gateways.iter().map(|one| &one.meta).chain(mesh.service_entries.iter().map(|one| &one.meta));
    all.extend(others.map(|meta| object(meta, Vec::new())));
    all
}

/// As a manifest writes it.
pub(super) fn mtls_word(mode: MtlsMode) -> &'static str {
    match mode {
        MtlsMode::Disable => "DISABLE",
        MtlsMode::Permissive => "PERMISSIVE",
        MtlsMode::Strict => "STRICT",
    }
}

fn exported(to: &[ExportTo]) -> Told {
    let words = to.iter().map(|to| match to {
        ExportTo::All => "*".to_string(),
        ExportTo::Own => ".".to_string(),
        ExportTo::Nobody => "~".to_string(),
        ExportTo::Namespace(namespace) => namespace.clone(),
    });
    let words = words.collect::<Vec<_>>().join(", ");
    if words.is_empty() { Told::new("exportTo", "*", "", ISTIO) } else { Told::new("exportTo", words, "", From::Nothing) }
}

fn virtual_service(service: &VirtualService, release: Release) -> Vec<Told> {
    let routes =
        service.http.iter().enumerate().flat_map(|(place, route)| route_lines(route, place, false, policy_of(route, release).as_ref()));
    bound_to(service).into_iter().chain([exported(&service.export_to)]).chain(routes).collect()
}

fn destination_rule(rule: &DestinationRule, release: Release) -> Vec<Told> {
    let mut lines = vec![Told::new("host", &rule.host.value, "", From::Origin(rule.host.origin.clone())), exported(&rule.export_to)];
    let top = rule.policy.as_ref().map(|policy| policy.blocks.clone()).unwrap_or_default();
    lines.extend(block_lines(&top, true, release));
    for port in rule.policy.iter().flat_map(|policy| &policy.ports) {
        let meaning = "nothing is taken over from above";
        lines.push(Told::new("port", port.port.value, meaning, From::Origin(port.port.origin.clone())));
        lines.extend(block_lines(&port.blocks, true, release).into_iter().map(|line| line.deeper(1)));
    }
    for subset in &rule.subsets {
        let meaning = format!("pods with {}", labels(&subset.labels));
        lines.push(Told::new("subset", &subset.name.value, meaning, From::Origin(subset.name.origin.clone())));
        let own = subset.policy.iter().flat_map(|policy| block_lines(&policy.blocks, false, release));
        lines.extend(own.map(|line| line.deeper(1)));
    }
    lines
}

fn labels(labels: &Labels) -> String {
    if labels.is_empty() {
        return "any labels".into();
    }
    labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(", ")
}

fn service(service: &KubeService) -> Vec<Told> {
    let ports = service.ports.iter().map(|port| {
        let speaks = format!("{:?}", port.protocol).to_lowercase();
        Told::new("port", port.number.value, format!("{}, speaks {speaks}", port.name), From::Origin(port.number.origin.clone()))
    });
    [Told::new("selector", labels(&service.selector), "", From::Nothing)].into_iter().chain(ports).collect()
}

fn workload(workload: &Workload) -> Vec<Told> {
    let replicas = match workload.replicas.origin.spot() {
        Some(_) => Told::new("replicas", workload.replicas.value, "", From::Origin(workload.replicas.origin.clone())),
        None => Told::new("replicas", workload.replicas.value, "", From::Default("default of Kubernetes")),
    };
    vec![replicas, Told::new("labels", labels(&workload.labels), "", From::Nothing)]
}

/// What a call to a host of the manifests goes through, by its full name or its first part.
pub fn alone(mesh: &Mesh, name: &str, release: Release) -> Result<Vec<Call>, Box<Diagnostic>> {
    let hosts = hosts(mesh);
    let first = |host: &Host| host.0.split('.').next().unwrap_or_default().to_string();
    let wanted: Vec<&Host> = hosts.iter().filter(|host| host.0 == name || first(host) == name).collect();
    if wanted.is_empty() {
        let firsts: Vec<String> = hosts.iter().map(first).collect();
        let problem = Diagnostic::error("unknown-service", format!("no host of these manifests is `{name}`"));
        let problem = problem.did_you_mean(name, firsts.iter().map(String::as_str));
        let listed = hosts.iter().map(|host| format!("`{host}`")).collect::<Vec<_>>().join(", ");
        let listed = if listed.is_empty() { "they name no host at all".into() } else { format!("there is {listed}") };
        return Err(Box::new(if problem.help.is_some() { problem } else { problem.help(listed) }));
    }
    Ok(wanted.into_iter().map(|host| call(mesh, host, release)).collect())
}

/// Everything that can be called, each once.
fn hosts(mesh: &Mesh) -> Vec<Host> {
    let services = mesh.services.iter().map(|one| Host(format!("{}.{}.svc.cluster.local", one.meta.name, one.meta.namespace)));
    let ruled = mesh.virtual_services.iter().flat_map(|one| one.hosts.iter().map(|host| host.value.clone()));
    let called = mesh.virtual_services.iter().flat_map(|one| one.destinations()).map(|destination| destination.host.value.clone());
    let rules = mesh.destination_rules.iter().map(|one| one.host.value.clone());
    let mut all: Vec<Host> = services.chain(ruled).chain(called).chain(rules).filter(|host| !host.0.is_empty()).collect();
    all.sort();
    all.dedup();
    all
}

fn call(mesh: &Mesh, host: &Host, release: Release) -> Call {
    let mut holding: Vec<&VirtualService> =
        mesh.virtual_services.iter().filter(|rule| rule.hosts.iter().any(|known| known.value.covers(host))).collect();
    // The more specific host wins before the older rule.
    holding.sort_by_key(|rule| {
        let exact = rule.hosts.iter().any(|known| known.value == *host);
        (!rule.is_for_mesh(), !exact, rule.meta.created.clone().unwrap_or_default(), rule.meta.name.clone())
    });
    let mut hops: Vec<Hop> = Vec::new();
    let mut targets: Vec<(Host, Option<String>, u32)> = Vec::new();
    for rule in holding.iter().take(1) {
        let lines = rule
            .http
            .iter()
            .enumerate()
            .flat_map(|(place, route)| route_lines(route, place, false, policy_of(route, release).as_ref()))
            .collect();
        let gates = rule.gateways.iter().map(|written| super::routes::gateway(&written.value)).collect::<Vec<_>>().join(", ");
        let title = format!("a proxy of {gates}: routes of {}, tried in order", rule.meta.path());
        hops.push(Hop { title, from: From::Origin(rule.meta.origin.clone()), lines });
        for destination in rule.http.iter().filter(|route| matches!(route.action, Action::Forward(_))).flat_map(forwarded) {
            let port = destination.port.as_ref().map_or(0, |port| port.value);
            let target = (destination.host.value.clone(), destination.subset.as_ref().map(|subset| subset.value.clone()), port);
            if !targets.contains(&target) {
                targets.push(target);
            }
        }
    }
    if holding.is_empty() {
        let lines = super::routes::unruled_lines(Some(&RetryPolicy::istio(release, false)));
        hops.push(Hop { title: "a sidecar: no VirtualService is for this host".into(), from: ISTIO, lines });
        targets.push((host.clone(), None, 0));
    }
    hops.extend(targets.into_iter().map(|(host, subset, port)| cluster(mesh, &host, subset.as_deref(), port, release)));
    Call { name: format!("a call to {host}"), from: From::Nothing, hops: without_repetition(hops) }
}

fn forwarded(route: &crate::model::mesh::HttpRoute) -> Vec<&crate::model::mesh::Destination> {
    let Action::Forward(destinations) = &route.action else { return Vec::new() };
    destinations.iter().map(|one| &one.destination).collect()
}

fn cluster(mesh: &Mesh, host: &Host, subset: Option<&str>, port: u32, release: Release) -> Hop {
    let namespace = host.service().map_or("default", |(_, namespace)| namespace);
    let numbers = rules::destination_rules(&mesh.destination_rules, host, namespace, namespace, &Labels::new());
    let found: Vec<&DestinationRule> = numbers.iter().map(|number| &mesh.destination_rules[*number]).collect();
    let port = mesh
        .services
        .iter()
        .find(|one| one.meta.name == host.0.split('.').next().unwrap_or_default())
        .map_or(port, |one| if port == 0 { one.ports.first().map_or(80, |first| first.number.value) } else { port });
    let of = subset.map_or(String::new(), |subset| format!(", subset {subset}"));
    let Ok(effective) = rules::effective(&found, subset, port) else {
        let lines = vec![Told::new("subset", "unknown", "requests are answered 503 NC", From::Nothing)];
        return Hop { title: format!("cluster of {host}{of}: no DestinationRule has this subset"), from: From::Nothing, lines };
    };
    let mut lines: Vec<Told> =
        effective.labels.iter().map(|wanted| Told::new("labels", labels(wanted), "of its pods", From::Nothing)).collect();
    lines.extend(block_lines(&effective.blocks, true, release));
    lines.extend(
        effective
            .blocks
            .tls
            .as_ref()
            .map(|tls| Told::new("tls.mode", format!("{:?}", tls.mode.value).to_uppercase(), "", From::Origin(tls.mode.origin.clone()))),
    );
    match found.first() {
        Some(rule) => {
            let title = format!("cluster of {host}{of}, by {}", rule.meta.path());
            Hop { title, from: From::Origin(rule.meta.origin.clone()), lines }
        }
        None => Hop { title: format!("cluster of {host}{of}, without a DestinationRule"), from: ISTIO, lines },
    }
}
