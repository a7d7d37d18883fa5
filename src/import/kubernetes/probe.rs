//! Containers: resources and probes. Read and kept.

use crate::base::time::Nanos;
use crate::import::cursor::{At, Fields};
use crate::import::notes::Notes;
use crate::model::mesh::{Container, Probe, ProbeKind, Quantity, Written};

pub(super) fn container(notes: &mut Notes, at: &At) -> Container {
    let mut fields = at.fields(notes);
    let name = fields.word(notes, "name").unwrap_or_default();
    let ports = fields.list(notes, "ports").iter().filter_map(|at| port(notes, at)).collect();
    let resources = fields.get(notes, "resources");
    let [cpu_request, memory_request] = quantities(notes, resources.as_ref(), "requests");
    let [cpu_limit, memory_limit] = quantities(notes, resources.as_ref(), "limits");
    let mut probe = |key: &'static str| {
        let at = fields.get(notes, key)?;
        notes.not_simulated("a probe of a container", &at.origin(), &at.path, "replicas are ready as soon as they run");
        probe(notes, &at)
    };
    let (readiness, liveness, startup) = (probe("readinessProbe"), probe("livenessProbe"), probe("startupProbe"));
    if let Some(at) = &resources {
        notes.not_simulated("`resources` of a container", &at.origin(), &at.path, "processors and memory are not shared");
    }
    Container { name, ports, cpu_request, cpu_limit, memory_request, memory_limit, readiness, liveness, startup }
}

fn port(notes: &mut Notes, at: &At) -> Option<(String, u32)> {
    let mut fields = at.fields(notes);
    let name = fields.word(notes, "name").unwrap_or_default();
    let number = fields.get(notes, "containerPort")?.count(notes)?;
    Some((name, number))
}

/// CPU and memory of one of the two maps.
fn quantities(notes: &mut Notes, resources: Option<&At>, which: &'static str) -> [Option<Written<Quantity>>; 2] {
    let map = resources.and_then(|at| at.fields(notes).get(notes, which));
    ["cpu", "memory"].map(|what| map.as_ref()?.fields(notes).get(notes, what)?.quantity(notes))
}

fn probe(notes: &mut Notes, at: &At) -> Option<Probe> {
    let mut fields = at.fields(notes);
    let kind = kind(notes, &mut fields)?;
    let mut number = |name, default| fields.get(notes, name).and_then(|at| at.count(notes)).filter(|n| *n > 0).unwrap_or(default);
    let mut seconds = |name, default| Nanos::from_secs(u64::from(number(name, default)));
    Some(Probe {
        origin: at.origin(),
        kind,
        initial_delay: seconds("initialDelaySeconds", 0),
        period: seconds("periodSeconds", 10),
        timeout: seconds("timeoutSeconds", 1),
        success_threshold: number("successThreshold", 1),
        failure_threshold: number("failureThreshold", 3),
    })
}

fn kind(notes: &mut Notes, fields: &mut Fields) -> Option<ProbeKind> {
    if let Some(at) = fields.get(notes, "httpGet") {
        let mut inner = at.fields(notes);
        let path = inner.word(notes, "path").unwrap_or_else(|| "/".to_owned());
        let port = inner.get(notes, "port")?.int_or_name(notes)?;
        return Some(ProbeKind::Http { path, port });
    }
    if let Some(at) = fields.get(notes, "tcpSocket") {
        let port = at.fields(notes).get(notes, "port")?.int_or_name(notes)?;
        return Some(ProbeKind::Tcp { port });
    }
    if let Some(at) = fields.get(notes, "grpc") {
        let port = at.fields(notes).get(notes, "port")?.count(notes)?;
        return Some(ProbeKind::Grpc { port });
    }
    fields.get(notes, "exec").map(|_| ProbeKind::Exec)
}
