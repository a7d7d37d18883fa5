//! How a host is chosen (istio/api `LoadBalancerSettings`; istio `pilot/pkg/networking/core/loadbalancer`).

use super::Written;
use crate::base::time::Nanos;
use crate::model::tree::Origin;

#[derive(Clone, Debug, PartialEq)]
pub struct LoadBalancer {
    pub origin: Origin,
    /// `None` is LEAST_REQUEST, since Istio 1.14; before, it was ROUND_ROBIN.
    pub simple: Option<Written<SimpleBalancer>>,
    pub consistent_hash: Option<ConsistentHash>,
    pub locality: Option<Locality>,
    pub warmup: Option<Warmup>,
    pub zone_aware: Option<ZoneAware>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SimpleBalancer {
    RoundRobin,
    /// Also the old `LEAST_CONN`.
    LeastRequest,
    Random,
    /// To the address that the client asked for, without balancing.
    Passthrough,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ConsistentHash {
    pub origin: Origin,
    pub key: HashKey,
    pub table: HashTable,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HashKey {
    Header(String),
    /// A cookie with a life is made by the proxy where a request has none; without one it is only read.
    Cookie {
        name: String,
        ttl: Option<Nanos>,
    },
    SourceIp,
    Query(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashTable {
    /// 1024 points where nothing is written.
    Ring { minimum: u64 },
    /// 65,537 places where nothing is written; a prime.
    Maglev { size: u64 },
}

#[derive(Clone, Debug, PartialEq)]
pub struct Locality {
    pub origin: Origin,
    pub enabled: Option<bool>,
    pub distribute: Vec<Distribute>,
    pub failover: Vec<Failover>,
    /// Label, or label and value, in the order in which they count.
    pub failover_priority: Vec<(String, Option<String>)>,
}

/// Shares of the localities for callers `from` one; localities that are not named get nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Distribute {
    /// `region/zone/subzone`, each part perhaps `*`, cut short where the rest does not matter.
    pub from: String,
    pub to: Vec<LocalityShare>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct LocalityShare {
    pub locality: String,
    /// 1 to 100; the sum over `to` is 100.
    pub percent: Written<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failover {
    pub from: String,
    pub to: String,
}

/// Envoy's slow start; only with ROUND_ROBIN and LEAST_REQUEST.
#[derive(Clone, Debug, PartialEq)]
pub struct Warmup {
    pub origin: Origin,
    pub duration: Nanos,
    /// 10 where nothing is written.
    pub minimum_percent: f64,
    /// 1 where nothing is written.
    pub aggression: f64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ZoneAware {
    pub origin: Origin,
    pub enabled: bool,
    /// 6 where nothing is written.
    pub min_cluster_size: u64,
}
