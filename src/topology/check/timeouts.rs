//! Calls without a timeout, and timeouts shorter than what they wrap.

use super::walk::{Shape, Visit};
use super::{Finding, Weight, caller_name, edge_name};
use crate::base::id::*;
use crate::base::time::Nanos;
use crate::policy::app::{CallPolicy, Layer, Retry};
use crate::topology::Topology;
use crate::topology::site::Caller;

pub(super) fn find(topology: &Topology, visits: &[Visit]) -> Vec<Finding> {
    let mut findings = without_timeout(topology);
    let mut known = vec![None; topology.endpoints.len()];
    for (i, site) in topology.sites.iter().enumerate() {
        let Some(patience) = rules(topology, SiteId::new(i)).and_then(|r| r.timeout) else { continue };
        // Until the callee itself has given up on what it calls.
        let Some(inner) = longest(topology, visits, site.callee, &mut known) else { continue };
        // Sums of seconds round; a microsecond is nobody's patience.
        if patience.as_secs_f64() + 1e-6 >= inner {
            continue;
        }
        findings.push(Finding {
            weight: Weight::Warning,
            code: "timeout-too-short",
            message: format!(
                "`{}` gives up on `{}` after {patience}, while that may take {}",
                caller_name(topology, site.caller),
                topology.endpoints[site.callee.index()].full_name,
                Nanos(((inner * 1e3).round() as u64).saturating_mul(1_000_000)),
            ),
            path: site.path_in_model.clone(),
            help: "give inner calls less time (timeout × attempts + back-off) than the caller that waits for them, or propagate a deadline"
                .into(),
        });
    }
    findings
}

fn rules(topology: &Topology, site: SiteId) -> Option<&CallPolicy> {
    let policy = topology.sites[site.index()].policy;
    policy.is_some().then(|| &topology.policies[policy.index()].rules)
}

/// Whether some bound ends every attempt of the call.
fn is_bound(topology: &Topology, site: SiteId) -> bool {
    super::mesh::bounds(topology, site) || rules(topology, site).is_some_and(|r| r.timeout.is_some() || r.deadline.is_some())
}

/// Whether the call is what a policy falls back to.
fn is_fallback(topology: &Topology, site: SiteId) -> bool {
    topology.sites.iter().any(|s| s.fallback == site)
}

fn without_timeout(topology: &Topology) -> Vec<Finding> {
    let endpoints_call = |site: &&crate::topology::Site| matches!(site.caller, Caller::Endpoint(_));
    let unbound: Vec<SiteId> = (0..topology.sites.len())
        .map(SiteId::new)
        .filter(|s| endpoints_call(&&topology.sites[s.index()]) && !is_bound(topology, *s) && !super::messaging::nobody_waits(topology, *s))
        .collect();
    let mut edges: Vec<(EdgeId, SiteId)> = unbound.iter().map(|s| (topology.sites[s.index()].edge, *s)).collect();
    edges.sort();
    edges.dedup_by_key(|e| e.0);
    let finding = |(_, site): &(EdgeId, SiteId)| {
        let place = &topology.sites[site.index()];
        let callee = &topology.endpoints[place.callee.index()].full_name;
        Finding {
            weight: if is_fallback(topology, *site) { Weight::Note } else { Weight::Warning },
            code: "no-timeout",
            message: format!("`{}` waits for `{callee}` without a timeout", caller_name(topology, place.caller)),
            path: place.path_in_model.clone(),
            help: if is_fallback(topology, *site) {
                "a fallback is called without a policy: fall back to a `value`, or bound the callee's queue with `maxWait`".into()
            } else {
                "give the call a policy with a `timeout`: a hanging callee would hold the caller's workers for ever".into()
            },
        }
    };
    // Beyond a handful the list says less than its length does.
    let mut findings: Vec<Finding> = edges.iter().take(5).map(finding).collect();
    if edges.len() > 5 {
        let more = edges[5..].iter().take(3).map(|(_, s)| format!("`{}`", edge_name(topology, *s))).collect::<Vec<_>>().join(", ");
        let last = &mut findings[4];
        last.message = format!("{}; and {} more calls do so ({more}, …)", last.message, edges.len() - 5);
    }
    findings
}

/// Seconds after which an endpoint has certainly answered, going by the timeouts of what it calls; none if nothing bounds it.
/// Its own work counts with its mean.
fn longest(topology: &Topology, visits: &[Visit], endpoint: EndpointId, known: &mut Vec<Option<Option<f64>>>) -> Option<f64> {
    if let Some(known) = known[endpoint.index()] {
        return known;
    }
    known[endpoint.index()] = Some(None);
    let seconds = of_shape(topology, visits, &visits[endpoint.index()].shape, known);
    known[endpoint.index()] = Some(seconds);
    seconds
}

fn of_shape(topology: &Topology, visits: &[Visit], shape: &Shape, known: &mut Vec<Option<Option<f64>>>) -> Option<f64> {
    match shape {
        Shape::Nothing => Some(0.0),
        Shape::Own(seconds) => Some(*seconds),
        Shape::Call(site) => {
            let inner = longest(topology, visits, topology.sites[site.index()].callee, known);
            of_call(rules(topology, *site), inner)
        }
        Shape::Sequence(parts) => parts.iter().map(|p| of_shape(topology, visits, p, known)).sum(),
        // The first one done may be the last that is tried: all others may fail.
        Shape::Longest(parts) | Shape::First(parts) => {
            parts.iter().map(|p| of_shape(topology, visits, p, known)).try_fold(0.0, |longest: f64, p| Some(longest.max(p?)))
        }
        Shape::Times(times, part) => Some(f64::from(*times) * of_shape(topology, visits, part, known)?),
        Shape::Mean(parts) => {
            parts.iter().map(|(_, p)| of_shape(topology, visits, p, known)).try_fold(0.0, |longest: f64, p| Some(longest.max(p?)))
        }
    }
}

/// All tries of a call with their back-offs, cut by its deadline.
fn of_call(rules: Option<&CallPolicy>, callee: Option<f64>) -> Option<f64> {
    let Some(rules) = rules else { return callee };
    let timeout = rules.timeout.map(|t| t.as_secs_f64());
    let one = match (timeout, callee) {
        (Some(timeout), Some(callee)) => Some(timeout.min(callee)),
        (bound, None) | (None, bound) => bound,
    };
    let tries = |retry: &Retry| {
        if retry.attempts == Retry::UNLIMITED {
            return None;
        }
        let waits: f64 = (1..retry.attempts.min(1000)).map(|n| retry.backoff.bound(n).as_secs_f64()).sum();
        Some(one? * f64::from(retry.attempts) + waits)
    };
    let outside = rules.layers.iter().position(|l| *l == Layer::Timeout) < rules.layers.iter().position(|l| *l == Layer::Retry);
    let all = match &rules.retry {
        Some(retry) if !(outside && timeout.is_some()) => tries(retry),
        _ => one,
    };
    match (rules.deadline.as_ref().map(|d| d.after.as_secs_f64()), all) {
        (Some(deadline), Some(all)) => Some(deadline.min(all)),
        (bound, None) | (None, bound) => bound,
    }
}
