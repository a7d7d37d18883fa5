//! Load by arithmetic: how many workers the offered rate keeps busy when nothing fails and nobody waits in a queue.

use super::walk::{Shape, Visit};
use super::{Finding, Weight};
use crate::base::id::*;
use crate::topology::site::Caller;
use crate::topology::{Arrivals, Load, Topology};

/// Rates are carried along calls this often; longer chains than that are beyond arithmetic.
const MOST_ROUNDS: usize = 200;

pub(super) fn find(topology: &Topology, visits: &[Visit]) -> Vec<Finding> {
    let Some(rates) = rates(topology, visits) else { return Vec::new() };
    let mut held = vec![None; topology.endpoints.len()];
    let mut findings = Vec::new();
    for (i, service) in topology.services.iter().enumerate() {
        if service.workers == u32::MAX {
            continue;
        }
        let busy: f64 = service.endpoints.iter().map(|e| rates[e.index()] * seconds_held(topology, visits, *e, &mut held)).sum();
        let workers = f64::from(service.workers) * service.replicas.len() as f64;
        if busy < workers || workers == 0.0 {
            continue;
        }
        let rate: f64 = service.endpoints.iter().map(|e| rates[e.index()]).sum();
        findings.push(Finding {
            weight: Weight::Warning,
            code: "overloaded",
            message: format!(
                "`{}` is offered {rate:.0}/s at its peak, which keeps {busy:.1} workers busy, and has {workers:.0} ({:.0} % utilization)",
                service.name,
                100.0 * busy / workers
            ),
            path: format!("services.{}", crate::model::name::quoted(&topology.services[i].name)),
            help: format!("give it at least {:.0} workers in all, or offer it less", (busy / 0.8).ceil()),
        });
    }
    findings
}

/// Calls per second at every endpoint with the clients at their peak, without retries; none if they do not settle.
pub(super) fn rates(topology: &Topology, visits: &[Visit]) -> Option<Vec<f64>> {
    let mut offered = vec![0.0; topology.endpoints.len()];
    for client in &topology.clients {
        let Load::Open { arrivals, plan } = &client.load else { continue };
        let factor = mean_factor(arrivals);
        let mut before = 0.0;
        for (share, site) in &client.targets {
            offered[topology.sites[site.index()].callee.index()] += plan.peak() * factor * (share - before);
            before = *share;
        }
    }
    let (mut total, mut arriving) = (offered.clone(), offered);
    for _ in 0..MOST_ROUNDS {
        let mut next = vec![0.0; total.len()];
        for (endpoint, rate) in arriving.iter().enumerate().filter(|(_, rate)| **rate > 0.0) {
            for (site, calls) in &visits[endpoint].calls {
                next[topology.sites[site.index()].callee.index()] += rate * calls;
            }
        }
        if next.iter().all(|rate| *rate < 1e-9) {
            return Some(total);
        }
        total.iter_mut().zip(&next).for_each(|(total, more)| *total += more);
        arriving = next;
    }
    None
}

/// By what a plan's rate is to be multiplied.
pub(super) fn mean_factor(arrivals: &Arrivals) -> f64 {
    let Arrivals::Mmpp(states) = arrivals else { return 1.0 };
    let time: f64 = states.iter().map(|s| s.1.as_secs_f64()).sum();
    states.iter().map(|s| s.0 * s.1.as_secs_f64()).sum::<f64>() / time
}

/// Mean seconds that a worker is held by one visit: its own time, and that of the calls it waits for.
fn seconds_held(topology: &Topology, visits: &[Visit], endpoint: EndpointId, held: &mut Vec<Option<f64>>) -> f64 {
    if let Some(known) = held[endpoint.index()] {
        return known;
    }
    // A circle is followed once.
    held[endpoint.index()] = Some(0.0);
    let seconds = mean(topology, visits, &visits[endpoint.index()].shape, held);
    held[endpoint.index()] = Some(seconds);
    seconds
}

fn mean(topology: &Topology, visits: &[Visit], shape: &Shape, held: &mut Vec<Option<f64>>) -> f64 {
    match shape {
        Shape::Nothing => 0.0,
        Shape::Own(seconds) => *seconds,
        Shape::Call(site) => {
            let site = &topology.sites[site.index()];
            debug_assert!(matches!(site.caller, Caller::Endpoint(_)));
            let network = 2.0 * topology.links[site.link.index()].latency.mean();
            let callee = seconds_held(topology, visits, site.callee, held);
            let policy = site.policy.is_some().then(|| &topology.policies[site.policy.index()].rules);
            let longest = policy.and_then(|p| p.timeout).map_or(f64::INFINITY, |t| t.as_secs_f64());
            (network + callee).min(longest)
        }
        Shape::Sequence(parts) => parts.iter().map(|p| mean(topology, visits, p, held)).sum(),
        Shape::Longest(parts) => parts.iter().map(|p| mean(topology, visits, p, held)).fold(0.0, f64::max),
        Shape::First(parts) => parts.iter().map(|p| mean(topology, visits, p, held)).reduce(f64::min).unwrap_or(0.0),
        Shape::Times(times, part) => f64::from(*times) * mean(topology, visits, part, held),
        Shape::Mean(parts) => parts.iter().map(|(share, p)| share * mean(topology, visits, p, held)).sum(),
    }
}
