//! Kubernetes Service: the ports of a host, their protocols, and the pods behind it.

use super::{Labels, Meta, Written};

#[derive(Clone, Debug, PartialEq)]
pub struct KubeService {
    pub meta: Meta,
    /// Empty: the service has no pods of its own.
    pub selector: Labels,
    pub ports: Vec<ServicePort>,
    /// `clusterIP: None`
    pub headless: bool,
    pub publish_not_ready: bool,
    pub external_name: Option<String>,
    /// `trafficDistribution`, or Istio's annotation of that name: `PreferClose` …
    pub traffic_distribution: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ServicePort {
    pub name: String,
    pub number: Written<u32>,
    /// `None`: the same number.
    pub target: Option<IntOrName>,
    pub protocol: Protocol,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IntOrName {
    Int(u32),
    Name(String),
}

/// What Istio takes a port to speak: its `appProtocol`, else the part of its name before the first `-` (istio
/// `pkg/config/protocol/instance.go`, `pkg/config/kube/conversion.go`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Http,
    Http2,
    Grpc,
    GrpcWeb,
    Https,
    Tls,
    Tcp,
    Udp,
    Mongo,
    Mysql,
    Redis,
    /// Not named: Istio sniffs it, and takes what it cannot tell for TCP.
    Detect,
}
