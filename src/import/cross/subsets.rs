//! Subsets that no DestinationRule has, and subsets that no pod is in.

use super::hosts::full_name;
use super::{Cross, viewers};
use crate::base::diagnostic::nearest;
use crate::model::mesh::{Destination, DestinationRule, Labels, Mesh, Subset, VirtualService};

pub(super) fn check(cross: &mut Cross) {
    let mesh = cross.mesh;
    for rule in &mesh.virtual_services {
        rule.destinations().for_each(|destination| named(cross, rule, destination));
    }
    for rule in &mesh.destination_rules {
        rule.subsets.iter().for_each(|subset| selected(cross, rule, subset));
    }
}

fn named(cross: &mut Cross, rule: &VirtualService, destination: &Destination) {
    let Some(name) = &destination.subset else { return };
    let host = &destination.host.value;
    let from = viewers(rule);
    let sees = |other: &&DestinationRule| {
        other.host.value.covers(host) && from.iter().all(|from| super::is_seen(&other.export_to, &other.meta.namespace, from))
    };
    let known: Vec<&Subset> = cross.mesh.destination_rules.iter().filter(sees).flat_map(|rule| &rule.subsets).collect();
    if known.iter().any(|subset| subset.name.value == name.value) {
        return;
    }
    let names: Vec<&str> = known.iter().map(|subset| subset.name.value.as_str()).collect();
    let help = match (nearest(&name.value, names.iter().copied()), names.is_empty()) {
        (Some(near), _) => format!("did you mean `{near}`?"),
        (None, false) => format!("there is `{}`", names.join("`, `")),
        (None, true) => format!("add a DestinationRule for `{host}` with this subset, or give its file as well"),
    };
    let message = format!("no DestinationRule has a subset `{}` of `{host}`: these requests would be answered 503", name.value);
    cross.warn("unknown-subset", &rule.meta, &name.origin, message, help);
}

/// Labels of the nodes are not known here; an empty one is none.
fn is_topology(key: &str) -> bool {
    key.starts_with("topology.kubernetes.io/")
        || key.starts_with("topology.istio.io/")
        || key.starts_with("failure-domain.beta.kubernetes.io/")
}

fn selected(cross: &mut Cross, rule: &DestinationRule, subset: &Subset) {
    let pods = pods(cross.mesh, rule);
    let fits =
        |labels: &&Labels| subset.labels.iter().all(|(key, value)| labels.get(key) == Some(value) || is_topology(key) && !value.is_empty());
    if pods.is_empty() || pods.iter().any(fits) {
        return;
    }
    let wanted: Vec<String> = subset.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let have: Vec<String> = subset.labels.keys().flat_map(|key| pods.iter().filter_map(move |labels| labels.get(key))).cloned().collect();
    let help =
        if have.is_empty() { "label the pods, or change the subset".to_owned() } else { format!("the pods have {}", have.join(", ")) };
    let message = format!("no pod behind `{}` is in the subset `{}` ({})", rule.host.value, subset.name.value, wanted.join(","));
    cross.warn("empty-subset", &rule.meta, &subset.name.origin, message, help);
}

/// The labels of the pods behind the rule's host, of each workload once.
fn pods<'m>(mesh: &'m Mesh, rule: &DestinationRule) -> Vec<&'m Labels> {
    let Some(service) = mesh.services.iter().find(|service| full_name(service) == rule.host.value) else { return Vec::new() };
    if service.selector.is_empty() {
        return Vec::new();
    }
    let selects = |labels: &Labels| service.selector.iter().all(|(key, value)| labels.get(key) == Some(value));
    let here = mesh.workloads.iter().filter(|workload| workload.meta.namespace == service.meta.namespace);
    here.map(|workload| &workload.labels).filter(|labels| selects(labels)).collect()
}
