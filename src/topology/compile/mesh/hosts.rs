//! Which pods are behind which host: a Service's selector, else the service of that name with its versions.

use super::super::Compiler;
use crate::base::id::*;
use crate::model::mesh::{Host, KubeService, Labels, Protocol as PortProtocol, Workload};
use crate::model::spec;

/// The pods of one service of the topology: all alike.
pub(super) struct Pod {
    pub service: ServiceId,
    /// The service whose version it is; its own name otherwise.
    pub base: String,
    pub namespace: String,
    pub labels: Labels,
    /// It has a sidecar.
    pub proxy: bool,
}

/// A name that can be called, and who answers.
pub(super) struct Callable {
    pub host: Host,
    pub namespace: String,
    /// Numbers of pods.
    pub pods: Vec<usize>,
    pub port: u32,
    pub protocol: spec::Protocol,
}

pub(super) struct Hosts {
    pub pods: Vec<Pod>,
    pub all: Vec<Callable>,
}

impl Hosts {
    pub fn of(compiler: &Compiler<'_>) -> Hosts {
        let pods: Vec<Pod> = compiler.topology.services.iter().enumerate().map(|(id, service)| pod(compiler, id, &service.name)).collect();
        let mut all: Vec<Callable> = Vec::new();
        for (name, service) in &compiler.model.services {
            if name.contains('/') {
                continue;
            }
            let written = kube_service(compiler, name, &service.namespace);
            all.push(callable(name, &service.namespace, Some(service), written, &pods));
        }
        for written in &compiler.model.imported.services {
            let host = fqdn(&written.meta.name, &written.meta.namespace);
            if !all.iter().any(|callable| callable.host == host) {
                all.push(callable(&written.meta.name, &written.meta.namespace, None, Some(written), &pods));
            }
        }
        Hosts { pods, all }
    }

    pub fn pod(&self, service: ServiceId) -> &Pod {
        &self.pods[service.index()]
    }

    pub fn find(&self, host: &Host) -> Option<usize> {
        self.all.iter().position(|callable| callable.host == *host)
    }

    /// The host by which calls to a service go.
    pub fn of_service(&self, service: ServiceId) -> usize {
        let pod = self.pod(service);
        self.find(&fqdn(&pod.base, &pod.namespace)).expect("every service has a host")
    }
}

pub(super) fn fqdn(name: &str, namespace: &str) -> Host {
    Host(format!("{name}.{namespace}.svc.cluster.local"))
}

fn kube_service<'m>(compiler: &Compiler<'m>, name: &str, namespace: &str) -> Option<&'m KubeService> {
    compiler.model.imported.services.iter().find(|s| s.meta.name == name && s.meta.namespace == namespace)
}

fn pod(compiler: &Compiler<'_>, id: usize, name: &str) -> Pod {
    let spec = &compiler.model.services[name];
    let (base, version) = name.split_once('/').map_or((name, None), |(base, version)| (base, Some(version)));
    let mut labels = Labels::from([("app".to_string(), base.to_string())]);
    if let Some(version) = version {
        labels.insert("version".to_string(), version.to_string());
    }
    let workload = workload(compiler, base, version, &spec.namespace);
    labels.extend(workload.iter().flat_map(|w| w.labels.clone()));
    labels.extend(spec.labels.clone());
    Pod {
        service: ServiceId::new(id),
        base: base.to_string(),
        namespace: spec.namespace.clone(),
        labels,
        proxy: spec.sidecar.unwrap_or(true),
    }
}

/// The Deployment of a service, or of its version: by its name, `reviews` or `reviews-v2`.
fn workload<'m>(compiler: &Compiler<'m>, base: &str, version: Option<&str>, namespace: &str) -> Option<&'m Workload> {
    let name = version.map_or(base.to_string(), |version| format!("{base}-{version}"));
    compiler.model.imported.workloads.iter().find(|w| w.meta.name == name && w.meta.namespace == namespace)
}

fn callable(name: &str, namespace: &str, spec: Option<&spec::Service>, written: Option<&KubeService>, pods: &[Pod]) -> Callable {
    let selected = |selector: &Labels| {
        let matches = |pod: &Pod| pod.namespace == namespace && selector.iter().all(|(key, value)| pod.labels.get(key) == Some(value));
        pods.iter().enumerate().filter(|(_, pod)| matches(pod)).map(|(i, _)| i).collect::<Vec<_>>()
    };
    let by_selector = written.filter(|s| !s.selector.is_empty()).map(|s| selected(&s.selector)).filter(|pods| !pods.is_empty());
    let by_name = || pods.iter().enumerate().filter(|(_, p)| p.base == name && p.namespace == namespace).map(|(i, _)| i).collect();
    let first_port = written.and_then(|s| s.ports.first());
    let port = spec.and_then(|s| s.port).or(first_port.map(|p| p.number.value)).unwrap_or(80);
    let at_port = written.and_then(|s| s.ports.iter().find(|p| p.number.value == port));
    let protocol = match (spec.and_then(|s| s.protocol), at_port.map(|p| p.protocol)) {
        (Some(written), _) => written,
        (None, Some(PortProtocol::Grpc | PortProtocol::GrpcWeb)) => spec::Protocol::Grpc,
        (None, Some(PortProtocol::Http2)) => spec::Protocol::Http2,
        (None, _) => spec::Protocol::Http1,
    };
    Callable { host: fqdn(name, namespace), namespace: namespace.to_string(), pods: by_selector.unwrap_or_else(by_name), port, protocol }
}
