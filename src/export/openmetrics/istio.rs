//! Istio's standard metrics of requests, with the names and labels of its telemetry
//! (<https://istio.io/latest/docs/reference/config/metrics/>).
//!
//! Where callers have no sidecar, these tell what one would report. The caller's proxy sees each attempt of an application's library as a
//! request, and one that the library gives up as a stream that its client has reset: code 0, flag DC.

use super::{Exposition, Kind, Labels, Scene};
use crate::base::id::{ClusterId, EdgeId, ServiceId};
use crate::base::outcome::{Class, Outcome};
use crate::observe::watch::meters::{BOUNDS_MS, BUCKETS, Counters, Reporter, Scrape, is_left};
use crate::topology::Topology;
use crate::topology::mesh::{Action, Rule, Tls};
use crate::topology::site::Caller;
use std::collections::BTreeMap;
use std::io;

pub fn write<W: io::Write>(scene: &Scene, text: &mut Exposition<W>) -> io::Result<()> {
    let series = series(scene);
    if series.is_empty() {
        return Ok(());
    }
    text.family("istio_requests", Kind::Counter, "Requests that proxies have handled.")?;
    for (labels, scrapes) in &series {
        counts("istio_requests_total", labels, scrapes, scene, text)?;
    }
    let name = "istio_request_duration_milliseconds";
    text.family(name, Kind::Histogram, "How long requests took, as proxies see it.")?;
    histogram(name, &series, scene, text)
}

/// A series' labels and, for each scrape, what it stood at; `None` until it first appears.
pub type Series = (Labels, Vec<Option<Scrape>>);

/// Counters with the same labels are one series: outcomes that differ in their origin only look alike on the wire.
fn series(scene: &Scene) -> Vec<Series> {
    // Edges of the same two services are told apart by endpoints, which Istio does not know.
    let mut by_labels: BTreeMap<String, Vec<Option<Scrape>>> = BTreeMap::new();
    for counters in &scene.telemetry.counters {
        add(by_labels.entry(labels(scene.topology, counters).0).or_default(), counters, scene.telemetry.scrapes);
    }
    by_labels.into_iter().map(|(labels, scrapes)| (Labels(labels), scrapes)).collect()
}

/// Adds counters to a series.
pub fn add(series: &mut Vec<Option<Scrape>>, counters: &Counters, scrapes: u32) {
    series.resize(scrapes as usize, None);
    let mut read = counters.scrapes.iter().peekable();
    let mut now: Option<Scrape> = None;
    for (number, sum) in series.iter_mut().enumerate() {
        if let Some(next) = read.next_if(|scrape| scrape.number as usize == number) {
            now = Some(*next);
        }
        if let Some(now) = now {
            let sum = sum.get_or_insert(Scrape { number: number as u32, requests: 0, nanos: 0, buckets: [0; BUCKETS] });
            sum.requests += now.requests;
            sum.nanos += now.nanos;
            sum.buckets.iter_mut().zip(now.buckets).for_each(|(sum, more)| *sum += more);
        }
    }
}

/// How many, from the scrape on at which there first was one: before that a proxy does not know of the series.
pub fn counts<W: io::Write>(
    name: &str,
    labels: &Labels,
    scrapes: &[Option<Scrape>],
    scene: &Scene,
    text: &mut Exposition<W>,
) -> io::Result<()> {
    for (scrape, stamp) in scrapes.iter().zip(&scene.times.stamps) {
        if let Some(scrape) = scrape {
            text.sample(name, labels, scrape.requests as f64, stamp)?;
        }
    }
    Ok(())
}

/// Buckets, sum and count. Bounds above all that was seen are left out, the same ones in every series.
pub fn histogram<W: io::Write>(name: &str, series: &[Series], scene: &Scene, text: &mut Exposition<W>) -> io::Result<()> {
    let highest = |scrapes: &[Option<Scrape>]| {
        let last = scrapes.iter().flatten().next_back();
        last.map_or(0, |last| last.buckets.iter().rposition(|count| *count > 0).unwrap_or(0))
    };
    let bounds = (series.iter().map(|(_, scrapes)| highest(scrapes)).max().unwrap_or(0) + 1).min(BOUNDS_MS.len());
    let bounds: Vec<String> = BOUNDS_MS[..bounds].iter().map(f64::to_string).collect();
    let [bucket, sum, count] = ["bucket", "sum", "count"].map(|part| format!("{name}_{part}"));
    for (labels, scrapes) in series {
        for (scrape, stamp) in scrapes.iter().zip(&scene.times.stamps) {
            let Some(scrape) = scrape else { continue };
            let mut below = 0;
            for (bound, inside) in bounds.iter().zip(scrape.buckets) {
                below += inside;
                text.bucket(&bucket, labels, bound, below, stamp)?;
            }
            text.bucket(&bucket, labels, "+Inf", scrape.requests, stamp)?;
            text.sample(&sum, labels, scrape.nanos as f64 / 1e6, stamp)?;
            text.sample(&count, labels, scrape.requests as f64, stamp)?;
        }
    }
    Ok(())
}

/// A service of the model as a workload: `order-service/v2` is `order-service-v2`, of the app `order-service`.
pub struct Workload {
    pub name: String,
    pub app: String,
    pub version: String,
    pub namespace: String,
}

impl Workload {
    pub fn of(topology: &Topology, service: ServiceId) -> Workload {
        Workload::named(&topology.services[service.index()].name, namespace(topology, Some(service)))
    }

    fn named(name: &str, namespace: String) -> Workload {
        match name.split_once('/') {
            Some((app, version)) => Workload { name: format!("{app}-{version}"), app: app.into(), version: version.into(), namespace },
            None => Workload { name: name.into(), app: name.into(), version: "latest".into(), namespace },
        }
    }

    /// Of a caller by its number: a replica, or a client.
    pub fn of_caller(topology: &Topology, caller: u32) -> Workload {
        if let Some(replica) = topology.replicas.get(caller as usize) {
            return Workload::of(topology, replica.service);
        }
        let client = topology.clients.iter().find(|client| client.callers.contains(&caller));
        Workload::named(client.map_or("unknown", |client| &client.name), namespace(topology, None))
    }

    pub fn calling(topology: &Topology, edge: EdgeId) -> Workload {
        match topology.edges[edge.index()].caller {
            Caller::Client(client) => Workload::named(&topology.clients[client.index()].name, namespace(topology, None)),
            Caller::Endpoint(endpoint) => Workload::of(topology, topology.endpoints[endpoint.index()].service),
        }
    }
}

/// The namespace of a service: that of the hosts which a mesh knows it by; where it knows none, that of all the others if it is one.
fn namespace(topology: &Topology, service: Option<ServiceId>) -> String {
    // `outbound|80||orders.shop.svc.cluster.local`
    let of =
        |cluster: &'_ str| cluster.split('|').nth(3)?.split_once(".svc.")?.0.split_once('.').map(|(_, namespace)| namespace.to_string());
    let clusters = topology.mesh.clusters.iter().filter_map(|cluster| Some((cluster, of(&cluster.name)?)));
    let mut known = std::collections::BTreeSet::new();
    for (cluster, namespace) in clusters {
        if cluster.hosts.iter().any(|host| Some(topology.replicas[host.index()].service) == service) {
            return namespace;
        }
        known.insert(namespace);
    }
    match known.len() {
        1 => known.pop_first().unwrap_or_default(),
        _ => "default".to_string(),
    }
}

/// What is said of an outcome: code and flags.
fn told(outcome: Outcome) -> (String, String) {
    if is_left(outcome) {
        return ("0".into(), "DC".into());
    }
    let flags = match outcome.class {
        Class::Degraded => String::new(),
        _ => outcome.flags.to_string(),
    };
    (outcome.status.to_string(), if flags.is_empty() { "-".into() } else { flags })
}

pub fn labels(topology: &Topology, counters: &Counters) -> Labels {
    let Counters { edge, reporter, to, outcome, .. } = *counters;
    let edge_of = &topology.edges[edge.index()];
    let callee = Workload::of(topology, topology.endpoints[edge_of.callee.index()].service);
    let source = Workload::calling(topology, edge);
    let unknown = || Workload { name: "unknown".into(), app: "unknown".into(), version: "unknown".into(), namespace: "unknown".into() };
    let destination = if to.is_some() { Workload::of(topology, to) } else { unknown() };
    let (secure, grpc) = (is_mutual(topology, edge), is_grpc(topology, edge));
    let principal = |workload: &Workload| match secure {
        true => format!("spiffe://cluster.local/ns/{}/sa/{}", workload.namespace, workload.app),
        false => "unknown".to_string(),
    };
    let (code, flags) = told(outcome);
    // The client's side of a connection does not know how it is secured.
    let policy = match (reporter, secure) {
        (Reporter::Source, _) => "unknown",
        (_, true) => "mutual_tls",
        (_, false) => "none",
    };
    let status = if grpc { crate::base::grpc::of_http(outcome.status).to_string() } else { String::new() };
    let host = format!("{}.{}.svc.cluster.local", callee.app, callee.namespace);
    Labels::new(&[
        ("reporter", if reporter == Reporter::Source { "source" } else { "destination" }),
        ("source_workload", &source.name),
        ("source_workload_namespace", &source.namespace),
        ("source_principal", &principal(&source)),
        ("source_app", &source.app),
        ("source_version", &source.version),
        ("source_canonical_service", &source.app),
        ("source_canonical_revision", &source.version),
        ("source_cluster", "Kubernetes"),
        ("destination_workload", &destination.name),
        ("destination_workload_namespace", &destination.namespace),
        ("destination_principal", &principal(&destination)),
        ("destination_app", &destination.app),
        ("destination_version", &destination.version),
        ("destination_service", &host),
        ("destination_service_name", &callee.app),
        ("destination_service_namespace", &callee.namespace),
        ("destination_canonical_service", &destination.app),
        ("destination_canonical_revision", &destination.version),
        ("destination_cluster", "Kubernetes"),
        ("request_protocol", if grpc { "grpc" } else { "http" }),
        ("response_code", &code),
        ("grpc_response_status", &status),
        ("response_flags", &flags),
        ("connection_security_policy", policy),
    ])
}

/// Whether the callers' and the callee's proxies know each other by certificates.
fn is_mutual(topology: &Topology, edge: EdgeId) -> bool {
    let callee = topology.endpoints[topology.edges[edge.index()].callee.index()].service;
    let inbound = topology.mesh.inbound.get(callee.index()).is_some_and(|inbound| inbound.proxy);
    let targets = |rule: &Rule| match &rule.action {
        Action::Forward { targets, .. } => targets.iter().filter_map(|target| target.cluster.ok()).collect(),
        Action::Answer(_) => Vec::new(),
    };
    let mutual = |cluster: ClusterId| matches!(topology.mesh.clusters[cluster.index()].tls, Tls::Mutual { .. });
    let rules = topology.edges[edge.index()].sites.iter().filter_map(|site| topology.mesh.proxied(*site)).flatten();
    inbound && rules.flat_map(targets).any(mutual)
}

fn is_grpc(topology: &Topology, edge: EdgeId) -> bool {
    topology.edges[edge.index()].sites.iter().any(|site| topology.sites[site.index()].grpc)
}
