//! Who calls whom: every call of the model, folded into one arrow for each pair and kind.

use super::policies::words;
use super::{Arrow, End, Relation, caller_part, part_of};
use crate::base::id::*;
use crate::topology::broker::Rules;
use crate::topology::mesh::{Action, Target};
use crate::topology::{Step, Topology};

pub(super) fn arrows(topology: &Topology) -> Vec<Arrow> {
    let mut arrows: Vec<Arrow> = Vec::new();
    let own = Messaging::of(topology);
    for id in (0..topology.sites.len()).map(SiteId::new) {
        if own.connects.contains(&id) {
            continue;
        }
        for (from, to, relation) in ways(topology, &own, id) {
            let policies = words(topology, id, to.part.checked_sub(topology.clients.len()).map(ServiceId::new));
            let edge = topology.sites[id.index()].edge;
            let at = arrows.iter().position(|a| (a.from, a.to, a.relation) == (from, to, relation)).unwrap_or_else(|| {
                arrows.push(Arrow { from, to, relation, policies: Vec::new(), edges: Vec::new(), faults: Vec::new() });
                arrows.len() - 1
            });
            let arrow = &mut arrows[at];
            if !arrow.edges.contains(&edge) {
                arrow.edges.push(edge);
            }
            for line in policies {
                if !arrow.policies.contains(&line) {
                    arrow.policies.push(line);
                }
            }
        }
    }
    arrows.extend(within_brokers(topology));
    arrows
}

/// The sites that brokers and consumers have of their own.
struct Messaging {
    connects: Vec<SiteId>,
    replies: Vec<SiteId>,
    /// By consumer.
    deliveries: Vec<SiteId>,
}

impl Messaging {
    fn of(topology: &Topology) -> Messaging {
        let consumers = || topology.brokers.consumers.iter();
        let called = |step: StepId| match topology.steps.get(step.index()) {
            Some(Step::Call(site)) if step.is_some() => Some(*site),
            _ => None,
        };
        Messaging {
            connects: consumers().filter_map(|c| called(c.connect)).collect(),
            replies: consumers().filter_map(|c| called(c.reply)).collect(),
            deliveries: consumers().map(|c| c.site).collect(),
        }
    }
}

/// Where the calls of a site lead: to one service, to those that a mesh shares them out to, or into queues.
fn ways(topology: &Topology, own: &Messaging, id: SiteId) -> Vec<(End, End, Relation)> {
    let site = &topology.sites[id.index()];
    let whole = |part: usize| End { part, queue: None };
    let (from, to) = (caller_part(topology, site.caller), part_of(topology, site.service));
    if let Some(consumer) = own.deliveries.iter().position(|delivery| *delivery == id) {
        let queue = queue_end(topology, topology.brokers.consumers[consumer].queue);
        return vec![(queue, whole(to), Relation::Deliver)];
    }
    if own.replies.contains(&id) {
        return vec![(whole(from), whole(to), Relation::Reply)];
    }
    if topology.brokers.has(site.service) {
        let queues = reached(topology, topology.endpoints[site.callee.index()].entry);
        let ends = if queues.is_empty() { vec![whole(to)] } else { queues.iter().map(|&q| queue_end(topology, q)).collect() };
        return ends.into_iter().map(|end| (whole(from), end, Relation::Publish)).collect();
    }
    let is_fallback = topology.sites.iter().any(|other| other.fallback == id);
    let relation = if is_fallback { Relation::Fallback } else { Relation::Call };
    let (served, mirrored) = behind_proxy(topology, id);
    if served.is_empty() && mirrored.is_empty() {
        return vec![(whole(from), whole(to), relation)];
    }
    let ways = |services: Vec<ServiceId>, relation: Relation| {
        services.into_iter().map(move |service| (whole(from), whole(part_of(topology, service)), relation)).collect::<Vec<_>>()
    };
    [ways(served, relation), ways(mirrored, Relation::Mirror)].concat()
}

/// The services that the rules of a proxy lead to, and those they copy requests to.
fn behind_proxy(topology: &Topology, id: SiteId) -> (Vec<ServiceId>, Vec<ServiceId>) {
    let (mut served, mut mirrored) = (Vec::new(), Vec::new());
    for rule in topology.mesh.proxied(id).unwrap_or_default() {
        if let Action::Forward { weights, targets } = &rule.action {
            // A destination of weight 0 gets nothing.
            let used = weights.shares().filter_map(|(place, _)| targets.get(place as usize));
            served.extend(used.flat_map(|target| behind(topology, target)));
        }
        mirrored.extend(rule.mirrors.iter().flat_map(|(_, target)| behind(topology, target)));
    }
    for services in [&mut served, &mut mirrored] {
        services.sort();
        services.dedup();
    }
    (served, mirrored)
}

/// The services that a destination's requests get to: of the versions behind its host those that its subset holds.
pub(super) fn behind<'t>(topology: &'t Topology, target: &Target) -> impl Iterator<Item = ServiceId> + 't {
    let hosts = target.cluster.ok().map_or(&[][..], |cluster| &topology.mesh.clusters[cluster.index()].hosts);
    hosts.iter().map(|host| topology.replicas[host.index()].service)
}

/// The queues that what is published to an endpoint of a broker gets into.
fn reached(topology: &Topology, entry: StepId) -> Vec<u32> {
    let steps = &topology.steps[entry.index()..];
    let own = steps.iter().take_while(|step| !matches!(step, Step::End));
    let published = own.filter_map(|step| if let Step::Enqueue(publication) = step { Some(*publication) } else { None });
    published.flat_map(|publication| topology.brokers.publications[publication as usize].queues.iter().copied()).collect()
}

fn queue_end(topology: &Topology, queue: u32) -> End {
    let broker = &topology.brokers.brokers[topology.brokers.queues[queue as usize].broker as usize];
    End { part: part_of(topology, broker.service), queue: Some((queue - broker.queues.start) as usize) }
}

/// From queue to queue: where the dead go, and which group reads which topic.
fn within_brokers(topology: &Topology) -> Vec<Arrow> {
    let mut arrows = Vec::new();
    for (number, queue) in topology.brokers.queues.iter().enumerate() {
        let here = queue_end(topology, number as u32);
        let dead = queue.dead_letter.map(|dead| (here, queue_end(topology, dead), Relation::DeadLetter));
        let read = match queue.rules {
            Rules::Group { topic, .. } => Some((queue_end(topology, topic), here, Relation::Read)),
            _ => None,
        };
        let arrow = |(from, to, relation)| Arrow { from, to, relation, policies: Vec::new(), edges: Vec::new(), faults: Vec::new() };
        arrows.extend(dead.into_iter().chain(read).map(arrow));
    }
    arrows
}
