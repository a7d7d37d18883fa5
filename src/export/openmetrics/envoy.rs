//! What Envoy tells of a sidecar's clusters
//! (<https://www.envoyproxy.io/docs/envoy/latest/configuration/upstream/cluster_manager/cluster_stats>), per pod; of callers that have a
//! sidecar, and of clusters that it has sent something to.
//!
//! Istio's sidecars call the labels `cluster_name` and `response_code`, Envoys without Istio `envoy_cluster_name` and
//! `envoy_response_code`; dashboards ask for either, so both are there.

use super::istio::Workload;
use super::{Exposition, Kind, Labels, Scene};
use crate::analysis::names;
use crate::observe::watch::readings::Figure;
use crate::topology::Topology;
use crate::topology::mesh::Cluster;
use std::collections::BTreeMap;
use std::io;

/// A family: its name, what it means, and what it reads.
type Family = (&'static str, &'static str, Figure);

/// Envoy's counters are called so, without the ending that OpenMetrics wants of counters.
const COUNTERS: [Family; 2] = [
    ("envoy_cluster_upstream_rq", "Requests to the cluster, by the code of their answer.", Figure::UpstreamAnswers),
    ("envoy_cluster_upstream_rq_retry", "Retries.", Figure::UpstreamRetries),
];

const GAUGES: [Family; 4] = [
    ("envoy_cluster_upstream_cx_active", "Connections to the cluster.", Figure::ClusterConnections),
    ("envoy_cluster_upstream_rq_active", "Requests under way to the cluster.", Figure::ClusterRequests),
    ("envoy_cluster_upstream_rq_pending_active", "Requests that wait for a connection.", Figure::ClusterPending),
    ("envoy_cluster_outlier_detection_ejections_active", "Hosts that are ejected.", Figure::HostsEjected),
];

const SWITCHES: [Family; 3] = [
    ("envoy_cluster_circuit_breakers_default_cx_open", "Whether the limit of connections is reached.", Figure::ConnectionsOpen),
    ("envoy_cluster_circuit_breakers_default_rq_pending_open", "Whether the limit of waiting requests is reached.", Figure::PendingOpen),
    ("envoy_cluster_circuit_breakers_default_rq_open", "Whether the limit of requests is reached.", Figure::RequestsOpen),
];

pub fn write<W: io::Write>(scene: &Scene, text: &mut Exposition<W>) -> io::Result<()> {
    for family in COUNTERS {
        write_family(scene, text, Kind::Unknown, family, u64::saturating_add)?;
    }
    for family in GAUGES {
        write_family(scene, text, Kind::Gauge, family, u64::saturating_add)?;
    }
    for family in SWITCHES {
        write_family(scene, text, Kind::Gauge, family, u64::max)?;
    }
    Ok(())
}

/// A cluster that a change of configuration replaces has another place, and the same name: the two are one series.
fn write_family<W: io::Write>(
    scene: &Scene,
    text: &mut Exposition<W>,
    kind: Kind,
    (name, help, figure): Family,
    both: fn(u64, u64) -> u64,
) -> io::Result<()> {
    let mut by_labels: BTreeMap<String, Vec<Option<u64>>> = BTreeMap::new();
    for (cell, part, reads) in scene.telemetry.readings.all(figure) {
        let Some((cluster, caller)) = owner(scene.topology, cell) else { continue };
        let code = (figure == Figure::UpstreamAnswers).then_some(part);
        let series = by_labels.entry(labels(scene.topology, cluster, caller, code).0).or_default();
        series.resize(scene.times.stamps.len(), None);
        for (sum, now) in series.iter_mut().zip(scene.carried_from_first(reads)) {
            *sum = match (*sum, now) {
                (Some(sum), Some(now)) => Some(both(sum, now)),
                (one, other) => one.or(other),
            };
        }
    }
    text.family_of(by_labels.keys(), name, kind, help)?;
    for (labels, values) in by_labels {
        let labels = Labels(labels);
        for (value, stamp) in values.iter().zip(&scene.times.stamps) {
            if let Some(value) = value {
                text.sample(name, &labels, *value as f64, stamp)?;
            }
        }
    }
    Ok(())
}

/// Whose cell of which cluster it is.
fn owner(topology: &Topology, cell: u32) -> Option<(&Cluster, u32)> {
    let has = |cluster: &&Cluster| (cluster.cells..cluster.cells + cluster.callers.len() as u32).contains(&cell);
    let cluster = topology.mesh.clusters.iter().filter(|cluster| !cluster.plain).find(has)?;
    Some((cluster, cluster.callers.start + cell - cluster.cells))
}

fn labels(topology: &Topology, cluster: &Cluster, caller: u32, code: Option<u32>) -> Labels {
    let workload = Workload::of_caller(topology, caller);
    let pod = names::caller(topology, caller).replace('/', "-");
    let code = code.map(|code| code.to_string());
    let mut labels = vec![
        ("app", workload.app.as_str()),
        ("namespace", &workload.namespace),
        ("kubernetes_namespace", &workload.namespace),
        ("pod", &pod),
        ("cluster_name", &cluster.name),
        ("envoy_cluster_name", &cluster.name),
    ];
    if let Some(code) = &code {
        labels.extend([("response_code", code.as_str()), ("envoy_response_code", code)]);
    }
    Labels::new(&labels)
}
