//! Gateways and hosts outside the cluster: only what binding a rule to its host needs.

use super::{ExportTo, Host, Labels, Meta, Written};

/// `networking.istio.io` or `gateway.networking.k8s.io`.
#[derive(Clone, Debug, PartialEq)]
pub struct Gateway {
    pub meta: Meta,
    /// Of the pods that are this gateway; empty with the Gateway API.
    pub selector: Labels,
    pub servers: Vec<GatewayServer>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct GatewayServer {
    pub port: u32,
    pub protocol: String,
    /// Empty: every host.
    pub hosts: Vec<Written<String>>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ServiceEntry {
    pub meta: Meta,
    pub hosts: Vec<Written<Host>>,
    pub ports: Vec<u32>,
    pub export_to: Vec<ExportTo>,
}
