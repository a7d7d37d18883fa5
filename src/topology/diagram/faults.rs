//! Which faults touch what: services and clients they name, queues, and the network between two parts.

use super::{Diagram, Mark, Of};
use crate::base::id::*;
use crate::topology::{FaultAction, Topology};

pub(super) fn marks(topology: &Topology) -> Vec<Mark> {
    topology.faults.iter().map(|fault| Mark { name: fault.name.clone(), text: format!("at {}: {}", fault.at, fault.summary) }).collect()
}

pub(super) fn mark(topology: &Topology, diagram: &mut Diagram) {
    for (number, fault) in topology.faults.iter().enumerate() {
        for part in &mut diagram.parts {
            let touched = match part.of {
                Of::Client(client) => fault.clients.contains(&client),
                Of::Service(service) => fault.services.contains(&service),
            };
            if touched {
                part.faults.push(number);
            }
            if let FaultAction::Poison { queue, .. } = fault.action {
                part.queues.iter_mut().filter(|own| own.number == queue).for_each(|own| own.faults.push(number));
            }
        }
        let links = links_of(&fault.action);
        for arrow in &mut diagram.arrows {
            let mut sites = arrow.edges.iter().flat_map(|edge| &topology.edges[edge.index()].sites);
            if sites.any(|site| links.contains(&topology.sites[site.index()].link)) {
                arrow.faults.push(number);
            }
        }
    }
}

fn links_of(action: &FaultAction) -> Vec<LinkId> {
    match action {
        FaultAction::Link { links, .. } => links.clone(),
        FaultAction::Partition { links, .. } => links.iter().map(|(link, _)| *link).collect(),
        _ => Vec::new(),
    }
}
