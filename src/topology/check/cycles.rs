//! Circles of calls: one that no step can end never answers.

use super::walk::Visit;
use super::{Finding, Weight};
use crate::base::id::*;
use crate::topology::Topology;
use crate::topology::site::Caller;
use petgraph::algo::tarjan_scc;
use petgraph::graphmap::DiGraphMap;

pub(super) fn find(topology: &Topology, visits: &[Visit]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let certain = graph(topology, |caller, site| visits[caller].certain.contains(&site));
    for circle in circles(&certain) {
        findings.push(finding(
            topology,
            &circle,
            Weight::Error,
            "endless-cycle",
            "call each other in a circle that no step can end",
            "take one of these calls out, or put it into a `choose` or a `cache`",
        ));
    }
    if findings.is_empty() {
        for circle in circles(&graph(topology, |_, _| true)) {
            let (says, help) = ("call each other in a circle", "make sure that a choice or a cache ends it soon enough");
            findings.push(finding(topology, &circle, Weight::Warning, "call-cycle", says, help));
        }
    }
    findings
}

/// Endpoints and the calls among them that count.
fn graph(topology: &Topology, counts: impl Fn(usize, SiteId) -> bool) -> DiGraphMap<u32, ()> {
    let mut graph = DiGraphMap::new();
    for (i, site) in topology.sites.iter().enumerate() {
        if let Caller::Endpoint(caller) = site.caller
            && counts(caller.index(), SiteId::new(i))
        {
            graph.add_edge(caller.0, site.callee.0, ());
        }
    }
    graph
}

/// Sets of endpoints that reach each other, in the order of the model.
fn circles(graph: &DiGraphMap<u32, ()>) -> Vec<Vec<u32>> {
    let mut circles: Vec<Vec<u32>> = tarjan_scc(graph).into_iter().filter(|c| c.len() > 1 || graph.contains_edge(c[0], c[0])).collect();
    circles.iter_mut().for_each(|circle| circle.sort_unstable());
    circles.sort();
    circles
}

fn finding(topology: &Topology, circle: &[u32], weight: Weight, code: &'static str, says: &str, help: &str) -> Finding {
    let names: Vec<String> = circle.iter().map(|e| format!("`{}`", topology.endpoints[*e as usize].full_name)).collect();
    let inside = |e: &EndpointId| circle.contains(&e.0);
    let site = topology.sites.iter().find(|s| matches!(s.caller, Caller::Endpoint(e) if inside(&e)) && inside(&s.callee));
    let message = if let [only] = names.as_slice() { format!("{only} calls itself") } else { format!("{} {says}", names.join(", ")) };
    let path = site.map_or_else(|| "services".to_string(), |s| s.path_in_model.clone());
    Finding { weight, code, message, path, help: help.into() }
}
