//! Retries at several layers multiply: three layers of four attempts are 64 at the innermost (Google SRE book, ch. 22).

use super::walk::Visit;
use super::{Finding, Weight, edge_name};
use crate::base::id::*;
use crate::policy::app::{DepositOn, Retry, RetryBudget};
use crate::topology::Topology;
use crate::topology::site::Caller;

/// From here on it is worth a warning: more than one layer of three attempts.
const NOTABLE: f64 = 9.0;

/// The worst product of attempts below an endpoint, and the sites on the way.
#[derive(Clone, Default)]
struct Worst {
    product: f64,
    path: Vec<SiteId>,
}

pub(super) fn find(topology: &Topology, visits: &[Visit]) -> Vec<Finding> {
    let mut known: Vec<Option<Worst>> = vec![None; topology.endpoints.len()];
    let mut worst = Worst { product: 1.0, path: Vec::new() };
    for (i, site) in topology.sites.iter().enumerate() {
        if matches!(site.caller, Caller::Client(_)) {
            let through = below_site(topology, visits, SiteId::new(i), &mut known, 0);
            if through.product > worst.product {
                worst = through;
            }
        }
    }
    let layers: Vec<f64> = worst.path.iter().map(|s| attempts(topology, *s)).filter(|a| *a > 1.0).collect();
    if worst.product < NOTABLE || layers.len() < 2 {
        return Vec::new();
    }
    let Some(last) = worst.path.iter().rev().find(|s| attempts(topology, **s) > 1.0) else { return Vec::new() };
    let factors = layers.iter().map(|a| if a.is_finite() { format!("{}", (a * 100.0).round() / 100.0) } else { "∞".into() });
    let factors = factors.collect::<Vec<_>>().join("·");
    let total = if worst.product.is_finite() { format!("{:.0}", worst.product) } else { "unlimited".into() };
    let way = worst.path.iter().map(|s| format!("`{}`", edge_name(topology, *s))).collect::<Vec<_>>().join(", ");
    vec![Finding {
        weight: Weight::Warning,
        code: "retry-amplification",
        message: format!("retries multiply along {way}: one request can become {factors} = {total} attempts"),
        path: topology.sites[last.index()].path_in_model.clone(),
        help: "retry at one layer only, or give the others a retry `budget`".into(),
    }]
}

/// Attempts of one call when all of them fail, as many as the retry budget pays for in the long run.
fn attempts(topology: &Topology, site: SiteId) -> f64 {
    let policy = topology.sites[site.index()].policy;
    let retry = if policy.is_none() { None } else { topology.policies[policy.index()].rules.retry.as_ref() };
    let Some(retry) = retry else { return 1.0 };
    let written = if retry.attempts == Retry::UNLIMITED { f64::INFINITY } else { f64::from(retry.attempts) };
    match retry.budget {
        None => written,
        Some(RetryBudget::Percent { share, .. }) => written.min(1.0 + share),
        Some(RetryBudget::Bucket(bucket)) if bucket.on == DepositOn::Request && bucket.cost > 0 => {
            written.min(1.0 + bucket.deposit as f64 / bucket.cost as f64)
        }
        // What only successes pay for, failures use up.
        Some(RetryBudget::Bucket(bucket)) if bucket.cost > 0 => 1.0,
        Some(RetryBudget::Bucket(_)) => written,
        Some(RetryBudget::Throttle(_)) => 1.0,
    }
}

/// How often one attempt of this site is multiplied until the end of the worst way down.
fn below_site(topology: &Topology, visits: &[Visit], site: SiteId, known: &mut Vec<Option<Worst>>, depth: usize) -> Worst {
    let own = attempts(topology, site);
    let below = below_endpoint(topology, visits, topology.sites[site.index()].callee, known, depth + 1);
    let mut path = vec![site];
    path.extend(below.path);
    Worst { product: own * below.product, path }
}

fn below_endpoint(topology: &Topology, visits: &[Visit], endpoint: EndpointId, known: &mut Vec<Option<Worst>>, depth: usize) -> Worst {
    if let Some(worst) = &known[endpoint.index()] {
        return worst.clone();
    }
    // A circle that a choice ends is followed once.
    known[endpoint.index()] = Some(Worst { product: 1.0, path: Vec::new() });
    let mut worst = Worst { product: 1.0, path: Vec::new() };
    if depth < 10_000 {
        for site in visits[endpoint.index()].calls.keys() {
            let through = below_site(topology, visits, *site, known, depth);
            if through.product > worst.product {
                worst = through;
            }
        }
    }
    known[endpoint.index()] = Some(worst.clone());
    worst
}
