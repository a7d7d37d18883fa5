//! The call graph, for static findings and drawings.

use crate::base::id::*;
use petgraph::graph::DiGraph;

/// A node of the call graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Party {
    Client(ClientId),
    Endpoint(EndpointId),
}

/// Clients and endpoints; each edge is a call of the model.
pub type CallGraph = DiGraph<Party, SiteId>;

/// The graph of a topology's sites.
pub(super) fn build(topology: &super::Topology) -> CallGraph {
    let mut graph = CallGraph::new();
    let clients: Vec<_> = (0..topology.clients.len()).map(|i| graph.add_node(Party::Client(ClientId::new(i)))).collect();
    let endpoints: Vec<_> = (0..topology.endpoints.len()).map(|i| graph.add_node(Party::Endpoint(EndpointId::new(i)))).collect();
    for (i, site) in topology.sites.iter().enumerate() {
        let from = match site.caller {
            super::site::Caller::Client(client) => clients[client.index()],
            super::site::Caller::Endpoint(endpoint) => endpoints[endpoint.index()],
        };
        graph.add_edge(from, endpoints[site.callee.index()], SiteId::new(i));
    }
    graph
}
