//! What every attempt asks of the topology, gathered per site: one small record instead of five tables.

use super::keys::Keys;
use crate::base::id::*;
use crate::base::stream::StreamKey;
use crate::policy::app::{Layer, LoadBalancing};
use crate::topology::{Step, Topology};

/// A site as the world uses it; 56 bytes.
#[derive(Clone, Copy)]
pub(super) struct HotSite {
    /// What its calls draw.
    pub key: StreamKey,
    pub edge: EdgeId,
    pub policy: PolicyId,
    pub first_replica: u32,
    pub replicas: u32,
    /// The first step of the called endpoint.
    pub entry: u32,
    pub link: LinkId,
    pub path: u32,
    /// The cell of a call's policy state is here, counted from caller 0, and so far on for each caller.
    pub cells: u32,
    pub stride: u32,
    pub layers: u8,
    pub kind: Kind,
    pub sends: Sends,
    /// A link between two zones may take the place of `link`.
    pub by_zone: bool,
    /// Nothing to choose, to count or to ask: a call becomes an attempt, and an answer the call's end, in one go.
    pub simple: bool,
}

const _: () = assert!(size_of::<HotSite>() == 56);

/// Who sends an attempt on its way.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sends {
    /// The caller itself.
    Plainly,
    /// The caller itself, whose balancer counts its attempts in progress.
    Counted,
    /// The caller's proxy.
    Proxied,
    /// A publisher of Kafka, to the node that leads the record's partition.
    ToLeader,
    /// A broker, to the replica that the delivery is for.
    Pinned,
}

/// How much of a policy a call meets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// None.
    Plain,
    /// A timeout and nothing else.
    Timeout,
    /// Several layers, or one that keeps state.
    Layered,
}

pub(super) fn sites(topology: &Topology, keys: &Keys, with_deadlines: bool) -> Vec<HotSite> {
    let delivering: Vec<SiteId> = topology.brokers.consumers.iter().map(|consumer| consumer.site).collect();
    let hot = |(place, site): (usize, &crate::topology::Site)| {
        let service = &topology.services[site.service.index()];
        let layers = if site.policy.is_none() { &[][..] } else { &topology.policies[site.policy.index()].rules.layers };
        let replicas = service.replicas.len() as u32;
        let kind = match layers {
            [] => Kind::Plain,
            [Layer::Timeout] => Kind::Timeout,
            _ => Kind::Layered,
        };
        let sends = match service.balancing {
            _ if delivering.contains(&SiteId::new(place)) => Sends::Pinned,
            _ if replicas > 1 && is_to_log(topology, site) => Sends::ToLeader,
            _ if topology.mesh.table(SiteId::new(place)).is_some() => Sends::Proxied,
            LoadBalancing::LeastRequest { .. } if replicas > 1 => Sends::Counted,
            _ => Sends::Plainly,
        };
        HotSite {
            key: keys.sites[place],
            edge: site.edge,
            policy: site.policy,
            first_replica: service.replicas.start,
            replicas,
            entry: topology.endpoints[site.callee.index()].entry.0,
            link: site.link,
            path: site.path,
            layers: layers.len() as u8,
            cells: site.cells.wrapping_sub(site.callers.start.wrapping_mul(site.stride)),
            stride: site.stride,
            kind,
            sends,
            by_zone: site.by_zone && !topology.zone_links.is_empty(),
            simple: kind != Kind::Layered && sends == Sends::Plainly && replicas == 1 && !with_deadlines,
        }
    };
    topology.sites.iter().enumerate().map(hot).collect()
}

/// Whether a site publishes to a topic of Kafka.
fn is_to_log(topology: &Topology, site: &crate::topology::Site) -> bool {
    let entry = topology.endpoints[site.callee.index()].entry;
    // Publishing is work, and then the message is put where it belongs.
    let Some(Step::Enqueue(number)) = topology.steps.get(entry.index() + 1) else { return false };
    let queues = &topology.brokers.publications[*number as usize].queues;
    queues.iter().any(|queue| topology.brokers.queues[*queue as usize].rules.is_log())
}
