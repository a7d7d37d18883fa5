//! What proxies will not do, or will do too often, by arithmetic on what Istio's YAML says.
//!
//! | code | said when |
//! |---|---|
//! | `ejects-nobody` | outlier detection is configured, and its limit lets no host of the cluster go |
//! | `no-hosts` | a route leads to a cluster without a pod |
//! | `per-try-not-retried` | a per-try timeout ends attempts that the retry conditions do not retry |
//! | `retries-beyond-timeout` | the route's timeout ends before the attempts that it allows have had their time |
//! | `double-retries` | the application and its proxy both retry a call: their attempts multiply |
//! | `pools-beyond-workers` | the proxies together may send more than the callee has workers for |

use super::{Finding, Weight, caller_name, route};
use crate::base::id::*;
use crate::policy::app::Retry;
use crate::policy::envoy::outlier_detection::OutlierDetection;
use crate::policy::envoy::retry::AttemptResult;
use crate::topology::mesh::{Action, Cluster, Rule};
use crate::topology::{Site, Topology};
use std::collections::BTreeSet;

pub(super) fn find(topology: &Topology) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut told = BTreeSet::new();
    for (place, site) in topology.sites.iter().enumerate() {
        for rule in topology.mesh.proxied(SiteId::new(place)).unwrap_or_default() {
            // Several calls may go by one route: what is wrong with it is told once.
            let new = |finding: &Finding| !findings.iter().any(|f: &Finding| (f.code, &f.path) == (finding.code, &finding.path));
            let of_rule: Vec<Finding> =
                of_rule(topology, site, rule).into_iter().filter(|f| f.code == "double-retries" || new(f)).collect();
            findings.extend(of_rule);
            let Action::Forward { targets, .. } = &rule.action else { continue };
            for id in targets.iter().filter_map(|target| target.cluster.ok()) {
                if told.insert(id.0) {
                    findings.extend(of_cluster(topology, site, &topology.mesh.clusters[id.index()]));
                }
            }
        }
    }
    findings
}

/// Whether every rule of a call's proxy bounds the whole request.
pub(super) fn bounds(topology: &Topology, site: SiteId) -> bool {
    topology.mesh.proxied(site).is_some_and(|rules| rules.iter().all(|rule| rule.timeouts.global.is_some()))
}

fn of_rule(topology: &Topology, site: &Site, rule: &Rule) -> Vec<Finding> {
    let callee = &topology.endpoints[site.callee.index()].full_name;
    let Some(retry) = &rule.retry else { return Vec::new() };
    let mut findings = match &rule.source {
        Some(source) => route::find(&format!("route `{}` to `{callee}`", rule.name), &source.path, retry, rule.timeouts),
        None => Vec::new(),
    };
    let application = (site.policy.is_some()).then(|| topology.policies[site.policy.index()].rules.retry.as_ref()).flatten();
    if let Some(attempts) = application.map(|retry| retry.attempts).filter(|attempts| *attempts > 1 && *attempts != Retry::UNLIMITED) {
        let tries = retry.num_retries + 1;
        let message = format!(
            "`{}` tries `{callee}` {attempts} times, its proxy each of them up to {tries} times: {attempts}·{tries} = {} attempts",
            caller_name(topology, site.caller),
            attempts * tries
        );
        let weight = if retry.on.wants(AttemptResult::Response(crate::policy::envoy::retry::Response::status(503))) {
            Weight::Warning
        } else {
            Weight::Note
        };
        let help = "retry in one place: take the application's `retry` away, or set `retries: {attempts: 0}` on the route";
        findings.push(Finding { weight, code: "double-retries", message, path: site.path_in_model.clone(), help: help.into() });
    }
    findings
}

/// Why outlier detection can never eject a host of so many, and what to do about it.
pub(super) fn never_ejects(detection: &OutlierDetection, of: &str, hosts: u32) -> Option<(String, String)> {
    let (five, gateway, local) = (&detection.consecutive_5xx, &detection.consecutive_gateway, &detection.consecutive_local_origin);
    let local = if detection.split_local_origin { local.enforcing } else { 0 };
    if five.enforcing == 0 && gateway.enforcing == 0 && local == 0 {
        let message = format!("outlier detection of {of} never ejects anybody: all of its detectors are switched off");
        return Some((message, "set `consecutive5xxErrors` or `consecutiveGatewayErrors` to 1 or more".into()));
    }
    if hosts == 0 || detection.most_ejected(hosts) > 0 {
        return None;
    }
    let named = if hosts == 1 { "host" } else { "hosts" };
    let limit = detection.max_ejection_percent;
    let message = format!("outlier detection of {of} never ejects anybody: {limit} % of {hosts} {named} is less than one");
    Some((message, format!("set `maxEjectionPercent` to {} or more", (100 / hosts) + u32::from(100 % hosts > 0))))
}

fn of_cluster(topology: &Topology, site: &Site, cluster: &Cluster) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut say = |code, message: String, path: &str, help: String| {
        let path = if path.is_empty() { site.path_in_model.clone() } else { path.to_string() };
        findings.push(Finding { weight: Weight::Warning, code, message, path, help });
    };
    let hosts = cluster.hosts.len() as u32;
    if hosts == 0 {
        let message = format!("no pod is behind `{}`: every request to it is answered 503 UH", cluster.name);
        say("no-hosts", message, "", "give a service or one of its versions the labels that the subset asks for".into());
        return findings;
    }
    if let Some(detection) = &cluster.outlier
        && let Some((message, help)) = never_ejects(detection, &format!("`{}`", cluster.name), hosts)
    {
        say("ejects-nobody", message, &cluster.source.outlier, help);
    }
    let workers: u64 =
        cluster.hosts.iter().map(|host| u64::from(topology.services[topology.replicas[host.index()].service.index()].workers)).sum();
    let callers = cluster.callers.len() as u64;
    let most = u64::from(cluster.pool.thresholds.max_requests.min(cluster.pool.thresholds.max_connections));
    let is_limited = cluster.pool.thresholds.max_requests != u32::MAX || cluster.pool.thresholds.max_connections != u32::MAX;
    if is_limited && workers < u64::from(u32::MAX) && most.saturating_mul(callers) > workers {
        let message = format!(
            "limits hold per proxy: {callers} callers may send {callers}·{most} = {} requests at once to `{}`, which has {workers} workers",
            most * callers,
            cluster.name
        );
        say(
            "pools-beyond-workers",
            message,
            &cluster.source.pool,
            format!("divide what the callee can bear by its callers: {} each", (workers / callers).max(1)),
        );
    }
    findings
}
