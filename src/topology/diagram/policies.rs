//! What a call goes through, in one line: the application's policies from the innermost, then those of its proxy.
//!
//! A drawing has no room for more; `check --explain` tells all of it.

use super::arrows::behind;
use super::parts::short;
use crate::base::id::*;
use crate::policy::app::{CallPolicy, FallbackAction, Layer, RetryBudget, Trip, WindowKind};
use crate::policy::envoy::fault_injection::AbortWith;
use crate::topology::Topology;
use crate::topology::mesh::{Action, Cluster, Rule, Target};

/// Limits from here on are none.
const NO_LIMIT: u32 = 1 << 30;

/// The policies of a site's calls to a service, in lines: those of the application, then those of each route of its proxy that leads there.
pub(super) fn words(topology: &Topology, id: SiteId, to: Option<ServiceId>) -> Vec<String> {
    let site = &topology.sites[id.index()];
    let mut lines = Vec::new();
    if site.policy.is_some() {
        lines.push(of_application(topology, &topology.policies[site.policy.index()].rules).join(" · "));
    }
    for rule in topology.mesh.proxied(id).unwrap_or_default() {
        let words = of_proxy(topology, rule, to);
        lines.extend((!words.is_empty()).then(|| format!("proxy: {}", words.join(" · "))));
    }
    lines.retain(|line| !line.is_empty());
    lines
}

fn of_application(topology: &Topology, rules: &CallPolicy) -> Vec<String> {
    rules.layers.iter().rev().filter_map(|layer| layer_words(topology, rules, *layer)).collect()
}

fn layer_words(topology: &Topology, rules: &CallPolicy, layer: Layer) -> Option<String> {
    Some(match layer {
        Layer::Timeout => format!("timeout {}", rules.timeout?),
        Layer::Deadline => format!("deadline {}", rules.deadline?.after),
        Layer::RateLimit => format!("≤ {}/s", short(rules.rate_limit?.rate())),
        Layer::Bulkhead => format!("bulkhead {}", rules.bulkhead?.max_concurrent),
        Layer::CircuitBreaker => match rules.breaker.as_ref()?.trip {
            Trip::Consecutive(trip) => format!("breaker {} → {}", trip.failures, trip.open_for),
            Trip::Window(trip) => {
                let of = if trip.kind == WindowKind::Time { format!("{}s", trip.size) } else { trip.size.to_string() };
                format!("breaker {} % of {of} → {}", short(trip.failure_rate_threshold), trip.open_for)
            }
        },
        Layer::Retry => {
            let retry = rules.retry.as_ref()?;
            let budget = match retry.budget {
                None => String::new(),
                Some(RetryBudget::Percent { share, .. }) => format!(", budget {} %", short(share * 100.0)),
                Some(RetryBudget::Bucket(_) | RetryBudget::Throttle(_)) => ", with a budget".to_string(),
            };
            format!("{}{budget}", super::counted(retry.attempts as usize, "attempt"))
        }
        Layer::Fallback => match rules.fallback.as_ref()?.action {
            FallbackAction::Value | FallbackAction::Call => "fallback".to_string(),
            FallbackAction::Cached(cache) => format!("fallback to {}", topology.caches[cache.index()].name),
        },
    })
}

/// What a route does to requests for a service; nothing if it does not lead there.
fn of_proxy(topology: &Topology, rule: &Rule, to: Option<ServiceId>) -> Vec<String> {
    let mut words = Vec::new();
    let mut clusters = Vec::new();
    match &rule.action {
        Action::Answer(outcome) => words.push(format!("answers {outcome}")),
        Action::Forward { weights, targets } => {
            let leads = |target: &Target| to.is_none_or(|to| behind(topology, target).any(|service| service == to));
            let used: Vec<(f64, &Target)> =
                weights.shares().filter_map(|(place, share)| Some((share, targets.get(place as usize)?))).collect();
            let here: Vec<&(f64, &Target)> = used.iter().filter(|(_, target)| leads(target)).collect();
            if here.is_empty() {
                return Vec::new();
            }
            if here.len() < used.len() {
                words.push(format!("{} %", short(here.iter().map(|(share, _)| share * 100.0).sum())));
            }
            clusters.extend(here.iter().filter_map(|(_, target)| target.cluster.ok()));
        }
    }
    if !rule.when.is_empty() {
        words.push("some requests".to_string());
    }
    words.extend(rule.timeouts.global.map(|timeout| format!("timeout {timeout}")));
    words.extend(rule.timeouts.per_try.map(|timeout| format!("{timeout} per try")));
    words.extend(rule.retry.as_ref().filter(|retry| retry.num_retries > 0).map(|retry| match retry.num_retries {
        1 => "1 retry".to_string(),
        n => format!("{n} retries"),
    }));
    words.extend(rule.fault.delay.as_ref().map(|delay| format!("injected delay {}", delay.fixed_delay)));
    words.extend(rule.fault.abort.as_ref().map(|abort| match &abort.with {
        AbortWith::HttpStatus(status) => format!("injected {status}"),
        AbortWith::GrpcStatus(code) => format!("injected grpc-status {code}"),
    }));
    for word in clusters.into_iter().flat_map(|cluster| of_cluster(&topology.mesh.clusters[cluster.index()])) {
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words
}

fn of_cluster(cluster: &Cluster) -> Vec<String> {
    let mut words = Vec::new();
    if let Some(outlier) = &cluster.outlier {
        let counts = [outlier.consecutive_5xx, outlier.consecutive_gateway, outlier.consecutive_local_origin];
        let errors = counts.iter().filter(|c| c.enforcing > 0 && c.count > 0).map(|c| c.count).min();
        let errors = errors.map_or(String::new(), |count| format!(" after {count} errors"));
        words.push(format!("ejection{errors} for {}", outlier.base_ejection_time));
        words.push(format!("≤ {} % ejected", outlier.max_ejection_percent));
    }
    let limits = &cluster.pool.thresholds;
    let bounds = [(limits.max_connections, "connections"), (limits.max_pending_requests, "pending"), (limits.max_requests, "requests")];
    words.extend(bounds.iter().filter(|(most, _)| *most < NO_LIMIT).map(|(most, of)| format!("≤ {most} {of}")));
    words
}
