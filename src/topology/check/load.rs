//! Load by arithmetic: how many workers the offered rate keeps busy when nothing fails and nobody waits in a queue.

use super::walk::{Shape, Visit};
use super::{Finding, Weight};
use crate::base::id::*;
use crate::topology::broker::{Consumer, Receives, Rules};
use crate::topology::site::Caller;
use crate::topology::{Arrivals, Load, RatePlan, Step, Topology};

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
        // A broker that waits for a delivery needs no worker for it.
        let of_workers = || service.endpoints.iter().filter(|e| !delivers(topology, **e));
        let busy: f64 = of_workers().map(|e| rates[e.index()] * seconds_held(topology, visits, *e, &mut held)).sum();
        let workers = f64::from(service.workers) * service.replicas.len() as f64;
        if busy < workers || workers == 0.0 {
            continue;
        }
        let rate: f64 = of_workers().map(|e| rates[e.index()]).sum();
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
    flow(topology, visits, RatePlan::peak).map(|flow| flow.calls)
}

/// What goes through a system, per second.
pub(super) struct Flow {
    /// To each endpoint.
    pub calls: Vec<f64>,
    /// Into each queue of a broker, dead letters left out; into a topic and to each of the groups that read it.
    pub messages: Vec<f64>,
}

/// Calls and messages with the clients at this rate of their plans, without retries; none if they do not settle. Consumers pass on no
/// more than they can handle: what comes faster waits in the queue.
pub(super) fn flow(topology: &Topology, visits: &[Visit], of: impl Fn(&RatePlan) -> f64) -> Option<Flow> {
    let mut offered = vec![0.0; topology.endpoints.len()];
    for client in &topology.clients {
        let Load::Open { arrivals, plan } = &client.load else { continue };
        let factor = mean_factor(arrivals);
        let mut before = 0.0;
        for (share, site) in &client.targets {
            offered[topology.sites[site.index()].callee.index()] += of(plan) * factor * (share - before);
            before = *share;
        }
    }
    let consumers = &topology.brokers.consumers;
    let mut held = vec![None; topology.endpoints.len()];
    let capacities: Vec<f64> = consumers.iter().map(|consumer| capacity(topology, visits, consumer, &mut held)).collect();
    let mut room = capacities.clone();
    let mut messages = vec![0.0; topology.brokers.queues.len()];
    let (mut calls, mut arriving) = (offered.clone(), offered);
    for _ in 0..MOST_ROUNDS {
        let mut next = vec![0.0; calls.len()];
        let mut coming = vec![0.0; messages.len()];
        for (endpoint, rate) in arriving.iter().enumerate().filter(|(_, rate)| **rate > 0.0) {
            for (site, calls) in &visits[endpoint].calls {
                next[topology.sites[site.index()].callee.index()] += rate * calls;
            }
            for (publication, sent) in &visits[endpoint].sent {
                arrive(topology, *publication, rate * sent, &mut coming);
            }
        }
        for (number, consumer) in consumers.iter().enumerate() {
            let same = |other: &&(usize, &Consumer)| other.1.queue == consumer.queue;
            let all: f64 = consumers.iter().enumerate().filter(|other| same(&other)).map(|(other, _)| capacities[other]).sum();
            let share = if all.is_finite() { capacities[number] / all } else { 1.0 };
            let taken = (coming[consumer.queue as usize] * share).min(room[number]);
            room[number] -= taken;
            next[delivery(topology, consumer).index()] += taken;
        }
        if next.iter().all(|rate| *rate < 1e-9) {
            messages.iter_mut().zip(&coming).for_each(|(total, more)| *total += more);
            return Some(Flow { calls, messages });
        }
        calls.iter_mut().zip(&next).for_each(|(total, more)| *total += more);
        messages.iter_mut().zip(&coming).for_each(|(total, more)| *total += more);
        arriving = next;
    }
    None
}

/// Messages of a publication come to its queues, and of a topic to all that read it.
fn arrive(topology: &Topology, publication: u32, rate: f64, coming: &mut [f64]) {
    for queue in &topology.brokers.publications[publication as usize].queues {
        coming[*queue as usize] += rate;
        for (number, reader) in topology.brokers.queues.iter().enumerate() {
            if matches!(reader.rules, Rules::Group { topic, .. } if topic == *queue) {
                coming[number] += rate;
            }
        }
    }
}

/// The endpoint of the broker that a consumer's deliveries are made from.
fn delivery(topology: &Topology, consumer: &Consumer) -> EndpointId {
    match topology.sites[consumer.site.index()].caller {
        Caller::Endpoint(endpoint) => endpoint,
        Caller::Client(client) => unreachable!("a broker delivers, not {client:?}"),
    }
}

fn delivers(topology: &Topology, endpoint: EndpointId) -> bool {
    topology.brokers.consumers.iter().any(|consumer| delivery(topology, consumer) == endpoint)
}

/// Messages per second that all replicas of a consumer can handle, going by mean times.
pub(super) fn capacity(topology: &Topology, visits: &[Visit], consumer: &Consumer, held: &mut Vec<Option<f64>>) -> f64 {
    let site = &topology.sites[consumer.site.index()];
    let seconds = seconds_held(topology, visits, site.callee, held);
    let round_trip = 2.0 * topology.links[site.link.index()].latency.mean();
    let replicas = topology.services[consumer.service.index()].replicas.len() as f64;
    let at_once = at_once(topology, consumer);
    let queue = &topology.brokers.queues[consumer.queue as usize];
    // Who holds no more than it works on waits for the next from the acknowledgement on.
    let of_room = |room: u32| if room <= at_once { (f64::from(room), seconds + round_trip) } else { (f64::from(at_once), seconds) };
    let (hands, time) = match (&consumer.receives, &queue.rules) {
        (Receives::Kafka { .. }, Rules::Group { topic, .. }) => {
            let partitions = topology.brokers.queues[*topic as usize].rules.partitions();
            return (f64::from(consumer.connections) * replicas).min(f64::from(partitions)) / seconds;
        }
        (Receives::Rabbitmq { prefetch: 0, .. } | Receives::Kafka { .. }, _) => (f64::from(at_once), seconds),
        (Receives::Rabbitmq { prefetch, .. }, _) => of_room(*prefetch),
        (Receives::Sqs(polling), _) => of_room(polling.room),
        (Receives::ServiceBus(receiving), _) => of_room(receiving.room),
    };
    let one = matches!(&queue.rules, Rules::Rabbitmq(rules) if rules.single_active);
    hands * if one { replicas.min(1.0) } else { replicas } / time
}

/// Messages that a replica of a consumer works on at a time.
pub(super) fn at_once(topology: &Topology, consumer: &Consumer) -> u32 {
    let handler = &topology.endpoints[topology.sites[consumer.site.index()].callee.index()];
    match topology.steps[handler.entry.index()] {
        Step::Acquire { pool, .. } => topology.pools[pool.index()].size,
        _ => 1,
    }
}

/// By what a plan's rate is to be multiplied.
pub(super) fn mean_factor(arrivals: &Arrivals) -> f64 {
    let Arrivals::Mmpp(states) = arrivals else { return 1.0 };
    let time: f64 = states.iter().map(|s| s.1.as_secs_f64()).sum();
    states.iter().map(|s| s.0 * s.1.as_secs_f64()).sum::<f64>() / time
}

/// Mean seconds that a worker is held by one visit: its own time, and that of the calls it waits for.
pub(super) fn seconds_held(topology: &Topology, visits: &[Visit], endpoint: EndpointId, held: &mut Vec<Option<f64>>) -> f64 {
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
