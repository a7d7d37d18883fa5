//! Deployment and its like: how many pods with which labels.

use super::probe::container;
use crate::base::time::Nanos;
use crate::import::cursor::{At, Fields};
use crate::import::notes::Notes;
use crate::model::mesh::{IntOrName, Labels, Meta, RollingUpdate, Strategy, Workload, WorkloadKind, Written};

const KINDS: [(&str, &str, WorkloadKind); 6] = [
    ("apps", "Deployment", WorkloadKind::Deployment),
    ("apps", "StatefulSet", WorkloadKind::StatefulSet),
    ("apps", "DaemonSet", WorkloadKind::DaemonSet),
    ("apps", "ReplicaSet", WorkloadKind::ReplicaSet),
    ("argoproj.io", "Rollout", WorkloadKind::Rollout),
    ("", "Pod", WorkloadKind::Pod),
];

/// `extensions` is where they were before `apps`.
pub(in crate::import) fn kind(group: &str, kind: &str) -> Option<WorkloadKind> {
    let group = if group == "extensions" { "apps" } else { group };
    KINDS.iter().find(|(of, name, _)| *of == group && *name == kind).map(|(.., kind)| *kind)
}

pub(in crate::import) fn name(kind: WorkloadKind) -> &'static str {
    KINDS.iter().find(|(.., known)| *known == kind).map_or("Workload", |(_, name, _)| name)
}

pub(in crate::import) fn read(notes: &mut Notes, meta: Meta, kind: WorkloadKind, object: &At) -> Option<Workload> {
    let spec = object.fields(notes).get(notes, "spec")?;
    let mut fields = spec.fields(notes);
    let mut workload = Workload {
        meta,
        kind,
        replicas: Written::default(1),
        labels: Labels::new(),
        annotations: Labels::new(),
        selector: Labels::new(),
        strategy: Strategy::RollingUpdate(RollingUpdate { max_surge: quarter(), max_unavailable: quarter() }),
        min_ready: Nanos::ZERO,
        progress_deadline: Nanos::from_secs(600),
        termination_grace: Written::default(Nanos::from_secs(30)),
        containers: Vec::new(),
    };
    if kind == WorkloadKind::Pod {
        (workload.labels, workload.annotations) = (workload.meta.labels.clone(), workload.meta.annotations.clone());
        pod(notes, &spec, &mut workload);
        return Some(workload);
    }
    if let Some(at) = fields.get(notes, "replicas")
        && let Some(count) = at.count(notes)
    {
        workload.replicas = at.written(count);
    }
    if let Some(at) = fields.get(notes, "selector") {
        workload.selector = at.fields(notes).labels(notes, "matchLabels");
    }
    if let Some(at) = fields.get(notes, "strategy").filter(|_| kind == WorkloadKind::Deployment) {
        workload.strategy = strategy(notes, &at);
    }
    workload.min_ready = seconds(notes, &mut fields, "minReadySeconds").map_or(Nanos::ZERO, |written| written.value);
    workload.progress_deadline =
        seconds(notes, &mut fields, "progressDeadlineSeconds").map_or(workload.progress_deadline, |written| written.value);
    if let Some(template) = fields.get(notes, "template") {
        let mut inner = template.fields(notes);
        if let Some(at) = inner.get(notes, "metadata") {
            let mut metadata = at.fields(notes);
            workload.labels = metadata.labels(notes, "labels");
            workload.annotations = metadata.get(notes, "annotations").map_or_else(Labels::new, |at| plain(&at));
        }
        inner.get(notes, "spec").inspect(|at| pod(notes, at, &mut workload));
    }
    Some(workload)
}

fn quarter() -> IntOrName {
    IntOrName::Name("25%".to_owned())
}

/// Annotations that are texts; the others the API server would refuse.
fn plain(at: &At) -> Labels {
    let entries = at.node.mapping().into_iter().flatten();
    let text = |value: &crate::model::tree::Value| match value {
        crate::model::tree::Value::String(text) => Some(text.clone()),
        _ => None,
    };
    entries.filter_map(|(key, entry)| text(&entry.node.value).map(|value| (key.clone(), value))).collect()
}

fn pod(notes: &mut Notes, spec: &At, workload: &mut Workload) {
    let mut fields = spec.fields(notes);
    if let Some(grace) = seconds(notes, &mut fields, "terminationGracePeriodSeconds") {
        let why = "replicas stop at once";
        notes.not_simulated("`terminationGracePeriodSeconds`", &grace.origin, &spec.path, why);
        workload.termination_grace = grace;
    }
    workload.containers = fields.list(notes, "containers").iter().filter(|at| !at.is_null()).map(|at| container(notes, at)).collect();
}

fn seconds(notes: &mut Notes, fields: &mut Fields, name: &'static str) -> Option<Written<Nanos>> {
    let at = fields.get(notes, name)?;
    at.count(notes).map(|count| at.written(Nanos::from_secs(u64::from(count))))
}

fn strategy(notes: &mut Notes, at: &At) -> Strategy {
    const TYPES: [(&str, i64, bool); 2] = [("Recreate", 0, true), ("RollingUpdate", 1, false)];
    let mut fields = at.fields(notes);
    if fields.get(notes, "type").and_then(|at| at.word(notes, &TYPES)) == Some(true) {
        return Strategy::Recreate;
    }
    let rolling = fields.get(notes, "rollingUpdate");
    let mut bound = |name| {
        let at = rolling.as_ref()?.fields(notes).get(notes, name)?;
        at.int_or_name(notes)
    };
    let max_surge = bound("maxSurge").unwrap_or_else(quarter);
    Strategy::RollingUpdate(RollingUpdate { max_surge, max_unavailable: bound("maxUnavailable").unwrap_or_else(quarter) })
}
