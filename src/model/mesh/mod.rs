//! What valid Istio and Kubernetes manifests say, as plain data: names resolved, units converted, every value with its place.
//!
//! Owns no rule of what is valid (the reader's) and no behaviour (the compiler's). A field that is absent, or that proto3
//! cannot tell from absent, is `None`; what then holds is said by the accessor of the same name, with its source.

mod balancer;
mod destination;
mod envoy_filter;
mod gateway;
mod host;
mod outlier;
mod pool;
mod retry;
mod route;
mod security;
mod service;
mod workload;

pub use balancer::{
    ConsistentHash, Distribute, Failover, HashKey, HashTable, LoadBalancer, Locality, LocalityShare, SimpleBalancer, Warmup, ZoneAware,
};
pub use destination::{Blocks, DestinationRule, PortPolicy, Subset, TrafficPolicy};
pub use envoy_filter::{EnvoyFilter, PatchContext, RoutePatch};
pub use gateway::{Gateway, GatewayServer, ServiceEntry};
pub use host::Host;
pub use outlier::OutlierDetection;
pub use pool::{ConnectionPool, H2Upgrade, RetryBudget};
pub use retry::{Retries, RetryCondition, RetryOn};
pub use route::{
    Abort, AbortAnswer, Action, Delay, DelegateRef, Destination, DirectAnswer, FaultInjection, GatewayRef, HeaderChange, HeaderOps,
    HttpMatch, HttpRoute, Mirror, Percentage, Redirect, Rewrite, StringMatch, VirtualService, WeightedDestination,
};
pub use security::{ClientTls, MtlsMode, PeerAuthentication, TlsMode};
pub use service::{IntOrName, KubeService, Protocol, ServicePort};
pub use workload::{Container, Probe, ProbeKind, Quantity, RollingUpdate, Strategy, Workload, WorkloadKind};

use super::objects::leads_into;
use super::tree::{Node, Origin, Path, Segment};
use std::collections::BTreeMap;

/// Labels of a pod, or those that a selector asks for.
pub type Labels = BTreeMap<String, String>;

/// Everything that the manifests of a model say, in the order in which they were read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mesh {
    /// VirtualServices, and HTTPRoutes converted as Istio converts them.
    pub virtual_services: Vec<VirtualService>,
    pub destination_rules: Vec<DestinationRule>,
    pub services: Vec<KubeService>,
    pub workloads: Vec<Workload>,
    pub peer_authentications: Vec<PeerAuthentication>,
    pub gateways: Vec<Gateway>,
    pub service_entries: Vec<ServiceEntry>,
    pub envoy_filters: Vec<EnvoyFilter>,
    /// The objects as they are written, by `Kind/namespace/name`: what paths lead into.
    pub objects: Vec<(String, Node)>,
    /// Those that the model changes, each with all that it changes of them.
    pub changed: Vec<(String, Node)>,
}

impl Mesh {
    /// Where the value at a path is written, or its nearest ancestor that is: `mesh."VirtualService/shop/orders".spec.http[0]`.
    pub fn origin_of(&self, path: &Path) -> Option<&Origin> {
        let [_, Segment::Key(name), inside @ ..] = &path.0[..] else { return None };
        let found = self.objects.iter().filter(|_| leads_into(path)).find(|(known, _)| known == name)?;
        Some(found.1.origin_of(&Path(inside.to_vec())))
    }
}

/// A value and where it is written; `Origin::Default` if it is written nowhere.
#[derive(Clone, Debug, PartialEq)]
pub struct Written<T> {
    pub value: T,
    pub origin: Origin,
}

impl<T> Written<T> {
    pub fn new(value: T, origin: Origin) -> Written<T> {
        Written { value, origin }
    }

    pub fn default(value: T) -> Written<T> {
        Written { value, origin: Origin::Default }
    }
}

/// What every object has.
#[derive(Clone, Debug, PartialEq)]
pub struct Meta {
    /// As in the manifest: `VirtualService`.
    pub kind: &'static str,
    pub name: String,
    /// `default` where the manifest names none.
    pub namespace: String,
    pub labels: Labels,
    pub annotations: Labels,
    /// `metadata.creationTimestamp`, RFC 3339: of two rules for one host, Istio takes the older.
    pub created: Option<String>,
    /// Where its name is written.
    pub origin: Origin,
}

impl Meta {
    /// `VirtualService/shop/orders`, as messages and paths name it.
    pub fn path(&self) -> String {
        format!("{}/{}/{}", self.kind, self.namespace, self.name)
    }
}

/// Namespaces that see an object (`exportTo`). An empty list means all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExportTo {
    /// `*`
    All,
    /// `.`, the object's own namespace.
    Own,
    /// `~`, nobody.
    Nobody,
    Namespace(String),
}
