//! Which DestinationRules hold for a host, and what they say of a subset and a port (istio `cluster_traffic_policy.go`,
//! `push_context.go`).

use crate::model::mesh::{Blocks, DestinationRule, Host, Labels, Meta, TrafficPolicy, VirtualService};
use crate::model::name::quoted;

/// Istio's root namespace: rules there hold for the whole mesh.
pub const ROOT_NAMESPACE: &str = "istio-system";

/// There is no such subset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoSubset;

/// The blocks that hold for one cluster, each taken whole from where it is written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effective {
    pub blocks: Blocks,
    /// Of the subset; `None`: every pod.
    pub labels: Option<Labels>,
    /// `mesh."DestinationRule/shop/orders".spec.trafficPolicy` for each block that is written.
    pub outlier: String,
    pub pool: String,
}

/// The path of a value of an object.
pub fn path_of(meta: &Meta, inside: &str) -> String {
    let object = quoted(&meta.path());
    if inside.is_empty() { format!("mesh.{object}") } else { format!("mesh.{object}.{inside}") }
}

/// The path of a route in its object. The rules of an HTTPRoute are sorted and split when they are read: all of them stand
/// at one place.
pub fn route_path(service: &VirtualService, place: usize) -> String {
    if service.gateway_api { "spec.rules".to_string() } else { format!("spec.http[{place}]") }
}

/// Numbers of the rules for a host as a namespace sees them: its own, then the host's, then the mesh's; the most specific
/// host wins.
pub fn destination_rules(all: &[DestinationRule], host: &Host, of: &str, from: &str, labels: &Labels) -> Vec<usize> {
    for namespace in [from, of, ROOT_NAMESPACE] {
        let covers = |rule: &DestinationRule| {
            let selected = rule.workload_selector.as_ref().is_none_or(|s| s.iter().all(|(key, value)| labels.get(key) == Some(value)));
            rule.meta.namespace == namespace && rule.host.value.covers(host) && selected
        };
        let found: Vec<usize> = (0..all.len()).filter(|place| covers(&all[*place])).collect();
        let Some(longest) = found.iter().map(|place| specificity(&all[*place].host.value)).max() else { continue };
        return found.into_iter().filter(|place| specificity(&all[*place].host.value) == longest).collect();
    }
    Vec::new()
}

/// Exact names before wildcards, long wildcards before short ones.
fn specificity(host: &Host) -> (bool, usize) {
    (!host.is_wildcard(), host.as_str().len())
}

/// The blocks for a subset and port, and the labels of the subset.
pub fn effective(rules: &[&DestinationRule], subset: Option<&str>, port: u32) -> Result<Effective, NoSubset> {
    let top = rules.iter().find_map(|rule| Some((rule, rule.policy.as_ref()?)));
    let (top, top_path) = match top {
        None => (Blocks::default(), String::new()),
        Some((rule, policy)) => level(policy, port, &path_of(&rule.meta, "spec.trafficPolicy")),
    };
    let path = |has: bool, path: &str, block: &str| if has { format!("{path}.{block}") } else { String::new() };
    let Some(name) = subset else {
        let outlier = path(top.outlier_detection.is_some(), &top_path, "outlierDetection");
        let pool = path(top.connection_pool.is_some(), &top_path, "connectionPool");
        return Ok(Effective { blocks: top, labels: None, outlier, pool });
    };
    let subsets = |rule: &'_ &DestinationRule| rule.subsets.iter().position(|subset| subset.name.value == name);
    let (rule, place) = rules.iter().find_map(|rule| Some((rule, subsets(rule)?))).ok_or(NoSubset)?;
    let found = &rule.subsets[place];
    let (own, own_path) = match &found.policy {
        None => (Blocks::default(), String::new()),
        Some(policy) => level(policy, port, &path_of(&rule.meta, &format!("spec.subsets[{place}].trafficPolicy"))),
    };
    let nearest = |own: bool, top: bool, block: &str| match own {
        true => path(true, &own_path, block),
        false => path(top, &top_path, block),
    };
    let outlier = nearest(own.outlier_detection.is_some(), top.outlier_detection.is_some(), "outlierDetection");
    let pool = nearest(own.connection_pool.is_some(), top.connection_pool.is_some(), "connectionPool");
    let blocks = Blocks {
        load_balancer: own.load_balancer.or(top.load_balancer),
        connection_pool: own.connection_pool.or(top.connection_pool),
        outlier_detection: own.outlier_detection.or(top.outlier_detection),
        tls: own.tls.or(top.tls),
        retry_budget: own.retry_budget.or(top.retry_budget),
    };
    Ok(Effective { blocks, labels: Some(found.labels.clone()), outlier, pool })
}

/// What a port's entry does not name goes back to its default: nothing is inherited from beside it.
fn level(policy: &TrafficPolicy, port: u32, path: &str) -> (Blocks, String) {
    match policy.ports.iter().position(|entry| entry.port.value == port) {
        None => (policy.blocks.clone(), path.to_string()),
        Some(place) => (policy.ports[place].blocks.clone(), format!("{path}.portLevelSettings[{place}]")),
    }
}
