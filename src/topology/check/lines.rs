//! Lines by arithmetic: how much of a link's bandwidth the offered messages take when nothing is sent again.

use super::load;
use super::walk::Visit;
use super::{Finding, Weight};
use crate::topology::site::Caller;
use crate::topology::{Load, Topology};

pub(super) fn find(topology: &Topology, visits: &[Visit]) -> Vec<Finding> {
    // Which link carries a message is known only when it is sent.
    if !topology.wire.is_on() || !topology.zone_links.is_empty() {
        return Vec::new();
    }
    let Some(rates) = rates(topology, visits) else { return Vec::new() };
    let mut offered = vec![0.0; topology.wire.lines as usize];
    for ((site, message), rate) in topology.sites.iter().zip(&topology.wire.messages).zip(&rates) {
        let [out, back] = topology.links[site.link.index()].lines.map(|line| line as usize);
        offered[out] += rate * message.framing.request(bytes(message.payload.mean()), false) as f64;
        offered[back] += rate * message.framing.response(Some(bytes(message.response.mean())), false) as f64;
    }
    let mut told = vec![false; offered.len()];
    let mut findings = Vec::new();
    for (site, rate) in topology.sites.iter().zip(&rates) {
        let link = &topology.links[site.link.index()];
        let Some(bandwidth) = link.bandwidth.filter(|_| *rate > 0.0) else { continue };
        for (line, what) in link.lines.into_iter().zip(["requests", "answers"]) {
            let taken = offered[line as usize] * 8.0 / bandwidth as f64;
            if taken < 1.0 || std::mem::replace(&mut told[line as usize], true) {
                continue;
            }
            findings.push(Finding {
                weight: Weight::Warning,
                code: "overloaded-line",
                message: format!(
                    "{what} of `{}` ask for {:.0} % of the bandwidth of {}, which they share with all that leave by the same line",
                    topology.edges[site.edge.index()].name,
                    100.0 * taken,
                    crate::model::scalar::Bandwidth(bandwidth),
                ),
                path: site.path_in_model.clone(),
                help: "raise the `bandwidth`, send less, or send it less often".into(),
            });
        }
    }
    findings
}

/// A mean of what the samplers take for nanoseconds.
fn bytes(seconds: f64) -> u64 {
    (seconds * 1e9 + 0.5) as u64
}

/// Calls per second at every site with the clients at their peak; none if they do not settle.
fn rates(topology: &Topology, visits: &[Visit]) -> Option<Vec<f64>> {
    let arriving = load::rates(topology, visits)?;
    let mut rates = vec![0.0; topology.sites.len()];
    for client in &topology.clients {
        let Load::Open { arrivals, plan } = &client.load else { continue };
        let peak = plan.peak() * load::mean_factor(arrivals);
        let mut before = 0.0;
        for (share, site) in &client.targets {
            rates[site.index()] += peak * (share - before);
            before = *share;
        }
    }
    for (endpoint, visit) in visits.iter().enumerate() {
        for (site, calls) in &visit.calls {
            debug_assert!(matches!(topology.sites[site.index()].caller, Caller::Endpoint(_)));
            rates[site.index()] += arriving[endpoint] * calls;
        }
    }
    Some(rates)
}
