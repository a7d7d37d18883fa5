//! Circles of calls: one that no step can end never answers.

use super::walk::Visit;
use super::{Finding, Weight};
use crate::base::id::*;
use crate::topology::Topology;
use crate::topology::site::Caller;
use petgraph::algo::tarjan_scc;
use petgraph::graphmap::DiGraphMap;
use std::collections::BTreeMap;

pub(super) fn find(topology: &Topology, visits: &[Visit]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let certain = graph(topology, |caller, site| visits[caller].certain.contains(&site));
    for circle in circles(&certain) {
        findings.push(finding(
            topology,
            &walk(&certain, &circle),
            Weight::Error,
            "endless-cycle",
            "no step can end this circle of calls",
            "take one of these calls out, or put it into a `choose` or a `cache`",
        ));
    }
    if findings.is_empty() {
        let possible = graph(topology, |_, _| true);
        for circle in circles(&possible) {
            let (says, help) =
                ("only a choice, a cache or a failure ends this circle of calls", "make sure that a choice or a cache ends it soon enough");
            findings.push(finding(topology, &walk(&possible, &circle), Weight::Warning, "call-cycle", says, help));
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

/// One walk round a circle, from its first endpoint in the model back to it, by the fewest calls.
fn walk(graph: &DiGraphMap<u32, ()>, circle: &[u32]) -> Vec<u32> {
    let first = circle[0];
    let mut before: BTreeMap<u32, u32> = BTreeMap::new();
    let mut queue = std::collections::VecDeque::from([first]);
    while let Some(endpoint) = queue.pop_front() {
        let mut next: Vec<u32> = graph.neighbors(endpoint).filter(|n| circle.binary_search(n).is_ok()).collect();
        next.sort_unstable();
        for callee in next {
            if callee == first {
                let mut way = vec![first, endpoint];
                while way[way.len() - 1] != first {
                    way.push(before[&way[way.len() - 1]]);
                }
                way.reverse();
                return way;
            }
            if let std::collections::btree_map::Entry::Vacant(entry) = before.entry(callee) {
                entry.insert(endpoint);
                queue.push_back(callee);
            }
        }
    }
    circle.to_vec()
}

/// Endpoints of a circle that a message names.
const MOST_NAMED: usize = 8;

fn finding(topology: &Topology, way: &[u32], weight: Weight, code: &'static str, says: &str, help: &str) -> Finding {
    let name = |endpoint: u32| format!("`{}`", topology.endpoints[endpoint as usize].full_name);
    let mut names: Vec<String> = way.iter().map(|e| name(*e)).collect();
    if names.len() > MOST_NAMED {
        names.splice(MOST_NAMED - 2..names.len() - 1, [format!("… ({} more)", way.len() - MOST_NAMED + 1)]);
    }
    let site = topology.sites.iter().find(|s| matches!(s.caller, Caller::Endpoint(e) if e.0 == way[0]) && s.callee.0 == way[1]);
    let message = format!("{says}: {}", names.join(" → "));
    let path = site.map_or_else(|| "services".to_string(), |s| s.path_in_model.clone());
    Finding { weight, code, message, path, help: help.into() }
}
