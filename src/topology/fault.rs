//! Faults with everything resolved: which replicas, links and clients they touch.

use crate::base::dist::Dist;
use crate::base::id::*;
use crate::base::time::Nanos;

#[derive(Clone, Debug)]
pub struct Fault {
    pub name: String,
    pub at: Nanos,
    pub lasts: Lasts,
    /// Begins again so long after it last began, until the run ends.
    pub every: Option<Dist>,
    pub action: FaultAction,
    /// Of the replicas of the action so many, drawn each time; `None`: all of them.
    pub meets: Option<u32>,
    /// The services it touches directly; they do not count for the blast radius.
    pub services: Vec<ServiceId>,
    /// The clients it touches directly (a spike).
    pub clients: Vec<ClientId>,
    /// The fault's own words: "orders-db answers 10 times slower".
    pub summary: String,
}

/// How long a fault goes on.
#[derive(Clone, Debug)]
pub enum Lasts {
    /// Until the end of the run.
    Forever,
    /// Drawn once per occurrence.
    For(Dist),
    /// Of a crash whose replicas come back by themselves: until the last of them is there.
    UntilRestarted,
    /// No span: a flush happens and is over.
    Instant,
}

#[derive(Clone, Debug)]
pub enum FaultAction {
    /// The processes are gone: what they held is reset, new calls are refused.
    /// Of those with a sidecar perhaps the application alone: then it is `container`, and the sidecar answers.
    Crash { replicas: Vec<ReplicaId>, restart: Restart, container: bool },
    /// Work that begins meanwhile takes `factor` times as long.
    Slow { replicas: Vec<ReplicaId>, factor: f64 },
    /// This share of the requests that begin meanwhile is answered so, at once.
    Errors { replicas: Vec<ReplicaId>, endpoint: EndpointId, status: u16, share: f64, matches: Vec<(Vec<AttributeId>, u64)> },
    /// Stop-the-world: nothing runs, what arrives waits, everything goes on afterwards.
    Pause { replicas: Vec<ReplicaId> },
    /// What begins meanwhile never ends, and holds its worker; at the end the processes are restarted.
    Hang { replicas: Vec<ReplicaId> },
    /// Forgets all entries.
    CacheFlush { cache: CacheId },
    /// Adds latency and loss, one way each, and lowers the bandwidth to so many bits per second.
    Link { links: Vec<LinkId>, latency: Option<Dist>, loss: f64, bandwidth: Option<u64> },
    /// Messages do not pass. `out` is the direction of requests, `back` of answers.
    Partition { links: Vec<(LinkId, Blocked)>, packets: Packets },
    /// Multiplies the client's arrival rate.
    Spike { client: ClientId, factor: f64 },
    /// What a consumer's replicas have begun with does not go on until the end.
    ConsumerStuck { consumer: u32, replicas: Vec<ReplicaId> },
    /// A broker takes no message until the end; publishers wait.
    DiskFull { broker: u32 },
    /// This share of what comes into a queue, but no more than so many, cannot be handled by any consumer.
    Poison { queue: u32, share: f64, most: u32 },
    /// Proxies are told of another configuration when it begins, and of one more when it ends: numbers of versions.
    ConfigPush { begins: u16, ends: u16 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocked {
    pub out: bool,
    pub back: bool,
}

/// What happens to messages on a partitioned link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packets {
    /// Lost; sent again as TCP does.
    Drop,
    /// Kept, and delivered when the partition ends.
    Hold,
}

#[derive(Clone, Debug)]
pub enum Restart {
    /// When the fault ends.
    AtEnd,
    Never,
    /// So long after the crash, each replica for itself.
    After(Dist),
}
