//! The mesh, compiled: which calls go through a proxy, by which rules, and the clusters behind them.
//!
//! A *proxy* is the sidecar of one caller. All callers of one group (the replicas of a service, the instances of a client)
//! have the same rules and clusters, and each of them state of its own.

use crate::base::dist::Dist;
use crate::base::id::*;
use crate::base::outcome::Outcome;
use crate::model::mesh::{MtlsMode, Written};
use crate::policy::envoy::connection_pool::PoolSettings;
use crate::policy::envoy::fault_injection::Fault;
use crate::policy::envoy::load_balancing::LoadBalancing;
use crate::policy::envoy::mirror::Mirror;
use crate::policy::envoy::outlier_detection::OutlierDetection;
use crate::policy::envoy::retry::{BackOff, RetryPolicy};
use crate::policy::envoy::timeouts::Timeouts;
use crate::policy::envoy::weighted_clusters::WeightedClusters;
use std::ops::Range;

/// Everything about proxies; empty without a mesh.
#[derive(Clone, Debug, Default)]
pub struct Mesh {
    /// By site: the rules that its calls go by; `NONE` where there is no proxy.
    pub sites: Vec<RouteTableId>,
    pub tables: Vec<RouteTable>,
    pub clusters: Vec<Cluster>,
    /// Places of proxies' state, one per (caller, cluster): see [`Cluster::cells`].
    pub cells: u32,
    /// What one proxy adds to a request's way; `None`: nothing.
    pub proxy_latency: Option<Dist>,
    /// By service: what its own sidecar does to what comes in; empty without a mesh.
    pub inbound: Vec<Inbound>,
    /// By service: what that is written in; empty without a mesh.
    pub inbound_sources: Vec<InboundSource>,
    /// How proxies hear of changes; `None` without a mesh.
    pub push: Option<Push>,
    /// The configurations that faults push, of which the first is what is written; empty if none is pushed.
    pub versions: Vec<Version>,
}

/// How the control plane tells proxies of changes.
#[derive(Clone, Debug)]
pub struct Push {
    /// Drawn for each proxy and change.
    pub delay: Dist,
    /// Pods leave clusters and join them.
    pub endpoints: bool,
}

/// One configuration of all proxies. What is the same in another has the same number there: it is not made anew.
#[derive(Clone, Debug)]
pub struct Version {
    /// As [`Mesh::sites`].
    pub sites: Vec<RouteTableId>,
    /// As [`Mesh::inbound`].
    pub inbound: Vec<Inbound>,
    /// In order.
    pub clusters: Vec<ClusterId>,
}

/// The rules for the requests of one site, in the order in which they are tried.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteTable {
    pub rules: Vec<Rule>,
    /// There is no proxy: the caller itself keeps connections, and chooses as its service says.
    pub plain: bool,
}

/// What happens to the requests that match.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// The route's own name, or `VirtualService/ns/name[2]`.
    pub name: String,
    /// All conditions of one entry have to hold; no entry at all: every request matches.
    pub when: Vec<Vec<HeaderCondition>>,
    pub fault: Fault,
    pub timeouts: Timeouts,
    /// `None`: no retries.
    pub retry: Option<RetryPolicy>,
    pub action: Action,
    pub mirrors: Vec<(Mirror, Target)>,
    /// Where it is written; `None`: nowhere, no VirtualService is for the host.
    pub source: Option<RouteSource>,
}

/// A route of the manifests, by its place in them. Only what is told of a rule looks at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteSource {
    /// Number of the VirtualService, and of the route in it.
    pub service: usize,
    pub route: usize,
    /// `mesh."VirtualService/shop/orders".spec.http[2]`
    pub path: String,
}

/// The DestinationRules of a cluster, and what of them holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterSource {
    /// Numbers of the DestinationRules; the first that has something to say about it holds.
    pub rules: Vec<usize>,
    pub subset: Option<String>,
    pub port: u32,
    /// Paths of the blocks that hold; empty where none is written.
    pub outlier: String,
    pub pool: String,
}

/// What the words of a callee's sidecar come from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InboundSource {
    /// Numbers of the DestinationRules whose connection pool holds at the called pods.
    pub rules: Vec<usize>,
    pub port: u32,
    /// The mode of the PeerAuthentication that holds; `None`: that of the model.
    pub mtls: Option<Written<MtlsMode>>,
}

/// What remains to be tested of a request when it is made: headers that are drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct HeaderCondition {
    /// By attribute of a client, for each of its values (the first is number 1): whether the condition holds.
    pub values: Vec<(AttributeId, Vec<bool>)>,
    /// Whether it holds for requests of clients that do not send the header.
    pub absent: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    Forward {
        weights: WeightedClusters,
        targets: Vec<Target>,
    },
    /// The proxy answers by itself: a redirect, a direct response.
    Answer(Outcome),
}

/// Where a request goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// `Err`: there is no such cluster, and this is what the proxy answers.
    pub cluster: Result<ClusterId, Outcome>,
    /// By service behind the cluster: the first step of the called endpoint there.
    pub entries: Vec<(ServiceId, StepId)>,
}

/// An upstream of a group of proxies.
#[derive(Clone, Debug, PartialEq)]
pub struct Cluster {
    /// `outbound|80|v2|orders.shop.svc.cluster.local`, as Istio calls it.
    pub name: String,
    pub hosts: Vec<ReplicaId>,
    pub pool: PoolSettings,
    pub outlier: Option<OutlierDetection>,
    /// How hosts are chosen, by the caller's zone (the first entry where no zone is like it).
    pub views: Vec<View>,
    /// The proxies that know it.
    pub callers: Range<u32>,
    /// State of the first of them; the next follow.
    pub cells: u32,
    /// The network between the callers and the hosts.
    pub link: LinkId,
    pub by_zone: bool,
    pub tls: Tls,
    /// The called endpoints speak gRPC: errors are a `grpc-status`.
    pub grpc: bool,
    /// Its callers have no proxy: outcomes are those of connections and replicas as they are.
    pub plain: bool,
    /// What consistent hashing places its requests by.
    pub hash: Option<HashKey>,
    pub source: ClusterSource,
}

/// A cluster as callers in one zone see it.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    pub zone: ZoneId,
    pub balancing: LoadBalancing,
    /// By host.
    pub priorities: Vec<u8>,
    pub localities: Vec<u16>,
}

/// What a request is hashed by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HashKey {
    /// A header that is drawn, as the attributes of the clients that send it.
    Attributes(Vec<AttributeId>),
    /// The calling replica or instance.
    Caller,
}

/// How proxies speak to the hosts of a cluster.
#[derive(Clone, Debug, PartialEq)]
pub enum Tls {
    /// TCP alone.
    Plain,
    /// With a handshake of TLS 1.3: a round trip more, and this much computing.
    Mutual { handshake: Dist },
    /// The server wants TLS and the client speaks plain text: the connection is closed upon the first request.
    Refused,
}

/// What a service's own sidecar does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inbound {
    /// There is one, and it adds its latency.
    pub proxy: bool,
    /// Requests at one replica, in progress or waiting; one more is answered 503 by the sidecar.
    pub max_requests: u32,
    /// Requests in progress at one replica, whatever the workers of the application.
    pub max_in_progress: u32,
    /// Plain text is refused (`PeerAuthentication` STRICT).
    pub strict: bool,
    /// How often it tries a closed port of the application again, and what it waits before.
    pub retries: u32,
    pub back_off: BackOff,
}

impl Inbound {
    pub const NONE: Inbound =
        Inbound { proxy: false, max_requests: u32::MAX, max_in_progress: u32::MAX, strict: false, retries: 0, back_off: BackOff::DEFAULT };

    /// Whether something is to be looked at when a request arrives.
    pub fn limits(&self) -> bool {
        self.max_requests != u32::MAX || self.strict
    }
}

impl Mesh {
    /// Whether no call goes through a proxy or over connections that are kept.
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    pub fn table(&self, site: SiteId) -> RouteTableId {
        self.sites.get(site.index()).copied().unwrap_or(RouteTableId::NONE)
    }

    /// The rules of the proxy that a site's calls go through, if they do.
    pub fn proxied(&self, site: SiteId) -> Option<&[Rule]> {
        let table = self.table(site);
        let table = table.is_some().then(|| &self.tables[table.index()]).filter(|table| !table.plain);
        table.map(|table| &table.rules[..])
    }
}

impl RouteTable {
    /// Whether requests go by the one as by the other, wherever it is written.
    pub fn is_as(&self, other: &RouteTable) -> bool {
        let alike = |(one, other): (&Rule, &Rule)| *one == Rule { source: one.source.clone(), name: one.name.clone(), ..other.clone() };
        self.rules.len() == other.rules.len() && self.rules.iter().zip(&other.rules).all(alike)
    }
}

impl Cluster {
    /// Whether a proxy that has the one has the other: where it is written does not matter, nor does where its state is.
    pub fn is_as(&self, other: &Cluster) -> bool {
        *self == Cluster { source: self.source.clone(), cells: self.cells, ..other.clone() }
    }

    pub fn view(&self, zone: ZoneId) -> &View {
        self.views.iter().find(|view| view.zone == zone).unwrap_or(&self.views[0])
    }
}
