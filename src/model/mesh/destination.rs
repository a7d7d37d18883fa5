//! DestinationRule (istio/api `networking/v1alpha3/destination_rule.proto`): how a host is called.

use super::{ClientTls, ConnectionPool, ExportTo, Host, Labels, LoadBalancer, Meta, OutlierDetection, RetryBudget, Written};
use crate::model::tree::Origin;

#[derive(Clone, Debug, PartialEq)]
pub struct DestinationRule {
    pub meta: Meta,
    pub host: Written<Host>,
    pub policy: Option<TrafficPolicy>,
    pub subsets: Vec<Subset>,
    pub export_to: Vec<ExportTo>,
    /// Only for callers with these labels, in the rule's namespace.
    pub workload_selector: Option<Labels>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Subset {
    pub name: Written<String>,
    /// Pods that have all of these; empty is every pod.
    pub labels: Labels,
    pub labels_origin: Origin,
    pub policy: Option<TrafficPolicy>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct TrafficPolicy {
    pub origin: Origin,
    pub blocks: Blocks,
    pub ports: Vec<PortPolicy>,
    /// Kept, not simulated.
    pub tunnel: Option<Origin>,
    pub proxy_protocol: Option<Origin>,
}

/// A subset's block replaces the rule's block of the same name as a whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Blocks {
    pub load_balancer: Option<LoadBalancer>,
    pub connection_pool: Option<ConnectionPool>,
    pub outlier_detection: Option<OutlierDetection>,
    pub tls: Option<ClientTls>,
    pub retry_budget: Option<RetryBudget>,
}

/// Replaces the policy of its level for one port; what it does not name goes back to its default.
#[derive(Clone, Debug, PartialEq)]
pub struct PortPolicy {
    pub port: Written<u32>,
    pub blocks: Blocks,
}
