//! What every attempt asks of the topology, gathered per site: one small record instead of five tables.

use crate::base::id::*;
use crate::policy::app::{Layer, LoadBalancing};
use crate::topology::Topology;

/// A site as the world uses it; 32 bytes.
#[derive(Clone, Copy)]
pub(super) struct HotSite {
    pub edge: EdgeId,
    pub policy: PolicyId,
    pub first_replica: u32,
    pub replicas: u32,
    /// The first step of the called endpoint.
    pub entry: u32,
    pub link: LinkId,
    pub path: u32,
    pub layers: u8,
    pub kind: Kind,
    pub sends: Sends,
    /// A link between two zones may take the place of `link`.
    pub by_zone: bool,
}

const _: () = assert!(size_of::<HotSite>() == 32);

/// Who sends an attempt on its way.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sends {
    /// The caller itself.
    Plainly,
    /// The caller itself, whose balancer counts its attempts in progress.
    Counted,
    /// The caller's proxy.
    Proxied,
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

pub(super) fn sites(topology: &Topology) -> Vec<HotSite> {
    let hot = |(place, site): (usize, &crate::topology::Site)| {
        let service = &topology.services[site.service.index()];
        let layers = if site.policy.is_none() { &[][..] } else { &topology.policies[site.policy.index()].rules.layers };
        let replicas = service.replicas.len() as u32;
        HotSite {
            edge: site.edge,
            policy: site.policy,
            first_replica: service.replicas.start,
            replicas,
            entry: topology.endpoints[site.callee.index()].entry.0,
            link: site.link,
            path: site.path,
            layers: layers.len() as u8,
            kind: match layers {
                [] => Kind::Plain,
                [Layer::Timeout] => Kind::Timeout,
                _ => Kind::Layered,
            },
            sends: match service.balancing {
                _ if topology.mesh.table(SiteId::new(place)).is_some() => Sends::Proxied,
                LoadBalancing::LeastRequest { .. } if replicas > 1 => Sends::Counted,
                _ => Sends::Plainly,
            },
            by_zone: site.by_zone && !topology.zone_links.is_empty(),
        }
    };
    topology.sites.iter().enumerate().map(hot).collect()
}
