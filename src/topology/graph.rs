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
