//! What runs: Deployment, StatefulSet and their like, as far as a simulation can tell their pods apart.

use super::{IntOrName, Labels, Meta, Written};
use crate::base::time::Nanos;
use crate::model::tree::Origin;

#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    pub meta: Meta,
    pub kind: WorkloadKind,
    /// 1 where nothing is written.
    pub replicas: Written<u32>,
    /// Of its pods.
    pub labels: Labels,
    /// The annotations of its pods.
    pub annotations: Labels,
    pub selector: Labels,
    pub strategy: Strategy,
    /// Zero where nothing is written.
    pub min_ready: Nanos,
    /// 600 s where nothing is written.
    pub progress_deadline: Nanos,
    /// 30 s where nothing is written.
    pub termination_grace: Written<Nanos>,
    pub containers: Vec<Container>,
}

impl Workload {
    /// Whether it has a number of replicas of its own.
    pub fn scales(&self) -> bool {
        matches!(self.kind, WorkloadKind::Deployment | WorkloadKind::StatefulSet | WorkloadKind::ReplicaSet | WorkloadKind::Rollout)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkloadKind {
    Deployment,
    StatefulSet,
    DaemonSet,
    ReplicaSet,
    Rollout,
    Pod,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Strategy {
    Recreate,
    RollingUpdate(RollingUpdate),
}

/// Numbers or percentages of the replicas; both 25% where nothing is written.
#[derive(Clone, Debug, PartialEq)]
pub struct RollingUpdate {
    pub max_surge: IntOrName,
    pub max_unavailable: IntOrName,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Container {
    pub name: String,
    pub ports: Vec<(String, u32)>,
    /// Thousandths of a core.
    pub cpu_request: Option<Written<Quantity>>,
    pub cpu_limit: Option<Written<Quantity>>,
    pub memory_request: Option<Written<Quantity>>,
    pub memory_limit: Option<Written<Quantity>>,
    pub readiness: Option<Probe>,
    pub liveness: Option<Probe>,
    pub startup: Option<Probe>,
}

/// A Kubernetes quantity in thousandths: `250m` is 250, `1Gi` is 1000 · 2³⁰.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quantity {
    pub thousandths: u128,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    pub origin: Origin,
    pub kind: ProbeKind,
    /// Zero, 10 s and 1 s where nothing is written.
    pub initial_delay: Nanos,
    pub period: Nanos,
    pub timeout: Nanos,
    /// 1 and 3 where nothing is written.
    pub success_threshold: u32,
    pub failure_threshold: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeKind {
    Http { path: String, port: IntOrName },
    Tcp { port: IntOrName },
    Grpc { port: u32 },
    Exec,
}
