//! Names of what a topology holds by number only: replicas, callers, the two ends of an edge.

use crate::base::id::*;
use crate::topology::site::Caller;
use crate::topology::{Policy, Topology};

/// `orders-1`, as Kubernetes numbers the pods of a set.
pub fn replica(topology: &Topology, replica: ReplicaId) -> String {
    let service = &topology.services[topology.replicas[replica.index()].service.index()];
    format!("{}-{}", service.name, replica.0 - service.replicas.start)
}

/// A replica, or an instance of a client; a client's only instance bears its name.
pub fn caller(topology: &Topology, caller: u32) -> String {
    if (caller as usize) < topology.replicas.len() {
        return replica(topology, ReplicaId(caller));
    }
    match topology.clients.iter().find(|client| client.callers.contains(&caller)) {
        Some(client) if client.callers.len() == 1 => client.name.clone(),
        Some(client) => format!("{}-{}", client.name, caller - client.callers.start),
        None => format!("caller {caller}"),
    }
}

/// The calling side of an edge: `orders.place`, or a client's name.
pub fn caller_of(topology: &Topology, edge: EdgeId) -> &str {
    match topology.edges[edge.index()].caller {
        Caller::Client(client) => &topology.clients[client.index()].name,
        Caller::Endpoint(endpoint) => &topology.endpoints[endpoint.index()].full_name,
    }
}

/// The called side of an edge: `inventory.reserve`.
pub fn callee_of(topology: &Topology, edge: EdgeId) -> &str {
    &topology.endpoints[topology.edges[edge.index()].callee.index()].full_name
}

/// The first policy that calls of this edge are made under.
pub fn policy_of(topology: &Topology, edge: EdgeId) -> Option<&Policy> {
    let sites = &topology.edges[edge.index()].sites;
    let policy = sites.iter().map(|site| topology.sites[site.index()].policy).find(|policy| policy.is_some())?;
    Some(&topology.policies[policy.index()])
}

/// How many callers (replicas, instances) may make the calls of this edge.
pub fn callers_of(topology: &Topology, edge: EdgeId) -> usize {
    let sites = &topology.edges[edge.index()].sites;
    sites.iter().map(|site| topology.sites[site.index()].callers.len()).max().unwrap_or(0)
}
