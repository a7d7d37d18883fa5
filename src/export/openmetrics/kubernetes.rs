//! What Kubernetes, its kubelet and a scraper tell of workloads and pods (kube-state-metrics, cAdvisor, Prometheus' own `up`).
//!
//! Processors are not simulated: `container_cpu_usage_seconds_total` is the time that workers were held, evenly over the pods that
//! are up, waiting for callees included.

use super::istio::Workload;
use super::{Exposition, Kind, Labels, Scene};
use crate::analysis::names;
use crate::base::id::*;
use crate::base::time::Instant;
use crate::observe::recording::Happening;
use std::io;

pub fn write<W: io::Write>(scene: &Scene, text: &mut Exposition<W>) -> io::Result<()> {
    let pods = pods(scene);
    text.family("up", Kind::Gauge, "Whether the pod could be scraped.")?;
    for pod in &pods {
        let labels = Labels::new(&[
            ("job", "kubernetes-pods"),
            ("namespace", &pod.workload.namespace),
            ("pod", &pod.name),
            ("service", &pod.workload.app),
            ("instance", &pod.name),
        ]);
        text.series("up", &labels, &scene.times, pod.is_up(scene).map(f64::from))?;
    }
    text.family("kube_pod_status_ready", Kind::Gauge, "Whether the pod takes requests.")?;
    for pod in &pods {
        for (condition, wanted) in [("true", true), ("false", false)] {
            let labels = Labels::new(&[("namespace", &pod.workload.namespace), ("pod", &pod.name), ("condition", condition)]);
            text.series("kube_pod_status_ready", &labels, &scene.times, pod.is_up(scene).map(|up| f64::from(up == wanted)))?;
        }
    }
    text.family("kube_pod_container_status_restarts", Kind::Counter, "How often the pod's container was started again.")?;
    for pod in &pods {
        let labels = Labels::new(&[("namespace", &pod.workload.namespace), ("pod", &pod.name), ("container", &pod.workload.app)]);
        let restarts = |scrape| pod.came_up.iter().filter(|at| **at < scene.times.at(scrape)).count() as f64;
        text.series("kube_pod_container_status_restarts_total", &labels, &scene.times, (0..scene.times.stamps.len()).map(restarts))?;
    }
    deployments(scene, text)?;
    containers(scene, &pods, text)
}

fn deployments<W: io::Write>(scene: &Scene, text: &mut Exposition<W>) -> io::Result<()> {
    let services = || scene.topology.services.iter().zip(&scene.recording.services).enumerate();
    let labels = |number: usize| {
        let workload = Workload::of(scene.topology, ServiceId::new(number));
        Labels::new(&[("namespace", &workload.namespace), ("deployment", &workload.name)])
    };
    text.family("kube_deployment_spec_replicas", Kind::Gauge, "Pods that are wanted.")?;
    for (number, (service, _)) in services() {
        let wanted = service.replicas.len() as f64;
        text.series("kube_deployment_spec_replicas", &labels(number), &scene.times, scene.times.stamps.iter().map(|_| wanted))?;
    }
    let name = "kube_deployment_status_replicas_available";
    text.family(name, Kind::Gauge, "Pods that take requests.")?;
    for (number, (_, record)) in services() {
        text.series(name, &labels(number), &scene.times, scene.times.latest(&record.windows, |w| f64::from(w.up)))?;
    }
    Ok(())
}

fn containers<W: io::Write>(scene: &Scene, pods: &[Pod], text: &mut Exposition<W>) -> io::Result<()> {
    text.family("container_cpu_usage_seconds", Kind::Counter, "Worker-seconds held, in the place of processor time.")?;
    let seconds = scene.recording.window.as_secs_f64();
    for pod in pods {
        let labels =
            Labels::new(&[("namespace", &pod.workload.namespace), ("pod", &pod.name), ("container", &pod.workload.app), ("cpu", "total")]);
        let windows = &scene.recording.services[pod.service.index()].windows;
        let used = |(number, window): (usize, &crate::observe::recording::ServiceWindow)| {
            let up = pod.is_up_at(Instant(scene.recording.window.0 * (number as u64 + 1)));
            if up && window.up > 0 { window.busy * seconds / f64::from(window.up) } else { 0.0 }
        };
        let used: Vec<f64> = windows.iter().enumerate().map(used).collect();
        text.series("container_cpu_usage_seconds_total", &labels, &scene.times, scene.times.sums(&used, |used| *used))?;
    }
    Ok(())
}

/// A replica, and when it went down and came up again.
struct Pod {
    name: String,
    service: ServiceId,
    workload: Workload,
    went_down: Vec<Instant>,
    came_up: Vec<Instant>,
}

impl Pod {
    /// Just before an instant: what happens at the very instant of a scrape is seen by the next, as all other figures are.
    fn is_up_at(&self, at: Instant) -> bool {
        let count = |times: &[Instant]| times.iter().filter(|time| **time < at).count();
        count(&self.went_down) <= count(&self.came_up)
    }

    fn is_up<'a>(&'a self, scene: &'a Scene) -> impl Iterator<Item = bool> + 'a {
        (0..scene.times.stamps.len()).map(|scrape| self.is_up_at(scene.times.at(scrape)))
    }
}

fn pods(scene: &Scene) -> Vec<Pod> {
    let topology = scene.topology;
    let pod = |(number, replica): (usize, &crate::topology::Replica)| Pod {
        name: names::replica(topology, ReplicaId::new(number)).replace('/', "-"),
        service: replica.service,
        workload: Workload::of(topology, replica.service),
        went_down: Vec::new(),
        came_up: Vec::new(),
    };
    let mut pods: Vec<Pod> = topology.replicas.iter().enumerate().map(pod).collect();
    for mark in &scene.recording.timeline {
        match mark.what {
            Happening::ReplicaDown(replica) => pods[replica.index()].went_down.push(mark.at),
            Happening::ReplicaUp(replica) => pods[replica.index()].came_up.push(mark.at),
            _ => {}
        }
    }
    pods
}
