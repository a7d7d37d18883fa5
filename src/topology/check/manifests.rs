//! What can be said of manifests without the model that uses them: routes whose retries cannot happen, and outlier detection
//! that can never eject, as far as Deployments among the files tell how many pods there are.

use super::{Finding, Weight, mesh, route};
use crate::model::mesh::{Action, DestinationRule, KubeService, Labels, Mesh, OutlierDetection as Written};
use crate::policy::envoy::outlier_detection::{Consecutive, LimitRule, OutlierDetection};
use crate::policy::envoy::release::Release;
use crate::policy::envoy::retry::RetryPolicy;
use crate::topology::compile::mesh::{timeouts, written_retries};
use crate::topology::rules::{path_of, route_path};

/// All findings of manifests by themselves.
pub fn manifests(written: &Mesh, release: Release) -> Vec<Finding> {
    let mut findings = Vec::new();
    for service in &written.virtual_services {
        for (place, of) in service.http.iter().enumerate().filter(|(_, of)| matches!(of.action, Action::Forward(_))) {
            let retry = of.retries.as_ref().and_then(|retries| RetryPolicy::of(Some(&written_retries(retries)), release, false));
            let Some(retry) = retry else { continue };
            let name = if of.name.is_empty() { format!("rule {} (from 1)", place + 1) } else { format!("rule `{}`", of.name) };
            findings.extend(route::find(&name, &path_of(&service.meta, &route_path(service, place)), &retry, timeouts(of)));
        }
    }
    findings.extend(written.destination_rules.iter().flat_map(|rule| of_rule(written, rule, release)));
    findings
}

fn of_rule(written: &Mesh, rule: &DestinationRule, release: Release) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut say = |detection: &Written, of: &str, hosts: u32, path: String| {
        if let Some((message, help)) = mesh::never_ejects(&detection_of(detection, release), of, hosts) {
            findings.push(Finding { weight: Weight::Warning, code: "ejects-nobody", message, path, help });
        }
    };
    let top = rule.policy.as_ref().and_then(|policy| policy.blocks.outlier_detection.as_ref());
    if let Some(detection) = top {
        let hosts = pods(written, rule, &Labels::new());
        say(detection, &format!("`{}`", rule.host.value), hosts, path_of(&rule.meta, "spec.trafficPolicy.outlierDetection"));
    }
    for (place, subset) in rule.subsets.iter().enumerate() {
        let own = subset.policy.as_ref().and_then(|policy| policy.blocks.outlier_detection.as_ref());
        if let Some(detection) = own {
            let path = path_of(&rule.meta, &format!("spec.subsets[{place}].trafficPolicy.outlierDetection"));
            say(
                detection,
                &format!("the subset `{}` of `{}`", subset.name.value, rule.host.value),
                pods(written, rule, &subset.labels),
                path,
            );
        }
    }
    findings
}

fn detection_of(written: &Written, release: Release) -> OutlierDetection {
    let count = |count: Option<u32>| count.map_or(Consecutive::OFF, Consecutive::enforced);
    OutlierDetection {
        consecutive_5xx: count(written.consecutive_5xx()),
        consecutive_gateway: count(written.consecutive_gateway()),
        consecutive_local_origin: count(written.consecutive_local_origin()),
        split_local_origin: written.split_local_origin,
        max_ejection_percent: written.max_ejection_percent(),
        limit_rule: if release < Release(20) { LimitRule::FirstIsFree } else { LimitRule::WithThisOne },
        ..OutlierDetection::istio()
    }
}

/// Pods behind a rule's host with these labels; 0 where the files do not tell.
fn pods(written: &Mesh, rule: &DestinationRule, labels: &Labels) -> u32 {
    let is_host = |service: &&KubeService| rule.host.value.service() == Some((service.meta.name.as_str(), service.meta.namespace.as_str()));
    let Some(service) = written.services.iter().find(is_host).filter(|service| !service.selector.is_empty()) else { return 0 };
    let wanted = || service.selector.iter().chain(labels);
    let behind = written.workloads.iter().filter(|workload| {
        let selected = wanted().all(|(key, value)| workload.labels.get(key) == Some(value));
        workload.meta.namespace == service.meta.namespace && workload.scales() && selected
    });
    behind.map(|workload| workload.replicas.value).sum()
}
