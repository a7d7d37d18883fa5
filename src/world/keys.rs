//! The random streams of a run: one key per owner, derived from its name once, when the run begins.

use crate::base::id::AttributeId;
use crate::base::stream::{Sequence, StreamKey, Streams, Words, mix, name_hash};
use crate::topology::Topology;
use crate::topology::site::Caller;

pub(super) struct Keys {
    /// Per step: work, wait, choose, fail.
    pub steps: Vec<StreamKey>,
    /// Per step: what its bodies' places are below, the same whatever else the model holds.
    pub step_paths: Vec<u32>,
    /// Per site: what its calls draw.
    pub sites: Vec<StreamKey>,
    pub clients: Vec<StreamKey>,
    pub attributes: Vec<StreamKey>,
    /// Per service, from its name: its replicas' places among a fault's draws.
    pub service_paths: Vec<u32>,
    /// Equal for attributes of the same name.
    pub attribute_names: Vec<u64>,
    pub caches: Vec<StreamKey>,
    pub faults: Vec<StreamKey>,
    /// Per queue of a broker, from its name: what waits in it at the start.
    pub queues: Vec<u64>,
    /// Per consumer, from its name: its deliveries' places below the message's.
    pub consumer_paths: Vec<u32>,
    pub consumers: Vec<StreamKey>,
    /// What orders messages; equal for all of a broker.
    pub publications: Vec<StreamKey>,
    /// Per client: its arrival process (or its users' thinking).
    pub arrivals: Vec<Sequence>,
}

/// What a call draws for: added to the path, so that each purpose has draws of its own.
#[derive(Clone, Copy)]
#[repr(u32)]
pub(super) enum Purpose {
    Balance = 0x1000_0001,
    Backoff = 0x2000_0003,
    LinkOut = 0x3000_0005,
    LinkBack = 0x4000_0007,
    LossOut = 0x5000_0009,
    LossBack = 0x6000_000b,
    LinkFault = 0x7000_000d,
    Inject = 0x8000_0011,
    Route = 0x9000_0013,
    Outlier = 0xa000_0017,
    Handshake = 0xb000_0019,
    ProxiesOut = 0xc000_001b,
    ProxiesBack = 0xd000_001d,
    Payload = 0xe000_001f,
    Response = 0xf000_0025,
    Inbound = 0x1800_0029,
}

/// The place below `path` that belongs to `part`: an attempt, a body, a turn of a loop.
#[inline(always)]
pub(super) fn below(path: u32, part: u32) -> u32 {
    let mut mixed = (path ^ part.wrapping_mul(0x9e37_79b9)).wrapping_mul(0x85eb_ca6b);
    mixed ^= mixed >> 15;
    mixed.wrapping_mul(0xc2b2_ae35) ^ mixed >> 13
}

impl Keys {
    pub fn new(topology: &Topology, seed: u64) -> Keys {
        let streams = Streams::new(seed);
        let unused = StreamKey(0);
        Keys {
            steps: topology.step_names.iter().map(|n| if n.is_empty() { unused } else { streams.key(n, "step") }).collect(),
            step_paths: topology.step_names.iter().map(|n| name_hash(n) as u32).collect(),
            sites: topology.sites.iter().map(|s| streams.key(&topology.edges[s.edge.index()].name, "call")).collect(),
            clients: topology.clients.iter().map(|c| streams.key(&c.name, "request")).collect(),
            attributes: (0..topology.attributes.len()).map(|a| topology.attribute_stream(AttributeId::new(a), streams)).collect(),
            service_paths: topology.services.iter().map(|s| name_hash(&s.name) as u32).collect(),
            attribute_names: topology.attributes.iter().map(|a| name_hash(&a.name)).collect(),
            caches: topology.caches.iter().map(|c| streams.key(&c.name, "cache key")).collect(),
            queues: topology.brokers.queues.iter().map(|q| name_hash(&q.name)).collect(),
            consumer_paths: topology.brokers.consumers.iter().map(|c| name_hash(&c.name) as u32).collect(),
            consumers: topology.brokers.consumers.iter().map(|c| streams.key(&c.name, "consumer")).collect(),
            publications: topology
                .brokers
                .publications
                .iter()
                .map(|p| streams.key(&topology.brokers.brokers[p.broker as usize].name, "message key"))
                .collect(),
            faults: topology.faults.iter().map(|f| streams.key(&f.name, "fault")).collect(),
            arrivals: topology.clients.iter().map(|c| streams.sequence(&c.name, "arrivals")).collect(),
        }
    }

    /// What the call at `path` of this site draws for one purpose.
    #[inline(always)]
    pub fn call(&self, site: u32, request: u64, path: u32, purpose: Purpose) -> Words {
        self.sites[site as usize].draw(request, path.wrapping_add(purpose as u32))
    }
}

/// Per cluster of the mesh: what its proxies draw, from its name and its callers'.
pub(super) fn of_clusters(topology: &Topology, streams: Streams) -> Vec<StreamKey> {
    let callers = |cluster: &crate::topology::mesh::Cluster| match topology.replicas.get(cluster.callers.start as usize) {
        Some(replica) => topology.services[replica.service.index()].name.clone(),
        None => {
            topology.clients.iter().find(|c| c.callers.contains(&cluster.callers.start)).map_or_else(Default::default, |c| c.name.clone())
        }
    };
    topology.mesh.clusters.iter().map(|cluster| streams.key(&cluster.name, &format!("proxies of {}", callers(cluster)))).collect()
}

/// What the delays of the control plane's news are drawn by.
pub(super) struct OfControlPlane {
    pub pushes: StreamKey,
    /// By caller: its place among the draws of a change.
    pub proxies: Vec<u32>,
    /// By replica and by fault, from their names: what a change is known by.
    pub replicas: Vec<u64>,
    pub faults: Vec<u64>,
}

impl OfControlPlane {
    pub const NONE: OfControlPlane = OfControlPlane { pushes: StreamKey(0), proxies: Vec::new(), replicas: Vec::new(), faults: Vec::new() };

    pub fn new(topology: &Topology, streams: Streams) -> OfControlPlane {
        let of_services = topology.services.iter().map(|service| (&service.name, service.replicas.clone()));
        let of_clients = topology.clients.iter().map(|client| (&client.name, client.callers.clone()));
        let callers: Vec<u64> = of_services
            .chain(of_clients)
            .flat_map(|(name, callers)| callers.clone().map(move |caller| mix(name_hash(name), u64::from(caller - callers.start))))
            .collect();
        OfControlPlane {
            pushes: streams.key("control plane", "pushes"),
            proxies: callers.iter().map(|caller| *caller as u32).collect(),
            replicas: callers[..topology.replicas.len()].to_vec(),
            faults: topology.faults.iter().map(|fault| name_hash(&fault.name)).collect(),
        }
    }
}

/// The random name of a client in the tree of paths.
pub(super) fn root_path(topology: &Topology, caller: Caller) -> u32 {
    match caller {
        Caller::Client(client) => name_hash(&topology.clients[client.index()].name) as u32,
        Caller::Endpoint(endpoint) => name_hash(&topology.endpoints[endpoint.index()].full_name) as u32,
    }
}
