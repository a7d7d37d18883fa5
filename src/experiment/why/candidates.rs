//! Which single changes might have stopped a cascade: at the calls and services that it went through, one pattern or one limit at
//! a time, with figures taken from how the system was before.

use crate::analysis::cascade::Cascade;
use crate::analysis::words;
use crate::base::id::*;
use crate::experiment::figures::quoted;
use crate::observe::recording::Recording;
use crate::topology::site::Caller;
use crate::topology::{Cancellation, Discipline, Policy, Topology};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What a change asks of those who make it; the cheapest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Cost {
    /// A value in a configuration.
    #[default]
    Setting,
    /// An answer that is good enough without the callee.
    Answer,
    /// More processes or threads.
    Capacity,
    /// A variant of the model: whatever it changes.
    Variant,
}

/// One change, as `--set` would make it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Candidate {
    /// `no retries for calls under stock`
    pub words: String,
    pub sets: Vec<String>,
    pub cost: Cost,
}

/// So many are tried at most; what is nearer to the beginning of the cascade comes first.
pub const MOST: usize = 40;

/// A timeout is a multiple of what nearly all took before.
const TIMEOUT_FACTOR: f64 = 3.0;
const LEAST_TIMEOUT: f64 = 0.01;
/// A bulkhead, of how many calls there were at once before.
const BULKHEAD_FACTOR: f64 = 4.0;
const LEAST_BULKHEAD: f64 = 4.0;

/// All changes that are tried for this cascade.
pub fn candidates(topology: &Topology, recording: &Recording, cascade: &Cascade) -> Vec<Candidate> {
    let mut made = Vec::new();
    let (edges, services) = touched(topology, cascade);
    let mut policies = BTreeSet::new();
    for edge in edges {
        let sites = topology.edges[edge.index()].sites.iter().map(|site| &topology.sites[site.index()]);
        let known: Vec<PolicyId> = sites.clone().map(|site| site.policy).filter(|policy| policy.is_some()).collect();
        for policy in known.into_iter().filter(|policy| policies.insert(*policy)) {
            of_policy(&Before::of(topology, recording, edge), &topology.policies[policy.index()], &mut made);
        }
        let plain: Vec<String> = sites.filter(|site| !site.policy.is_some() && !site.path_in_model.is_empty()).map(policy_path).collect();
        if !plain.is_empty() {
            of_plain_calls(&Before::of(topology, recording, edge), &topology.edges[edge.index()].name, &plain, &mut made);
        }
    }
    services.into_iter().for_each(|service| of_service(topology, service, &mut made));
    made.truncate(MOST);
    made
}

/// A client's policy stands at the client, a call's at the call.
fn policy_path(site: &crate::topology::Site) -> String {
    match site.caller {
        Caller::Client(_) => {
            let client = site.path_in_model.split(".target").next().unwrap_or(&site.path_in_model);
            format!("{client}.policy")
        }
        Caller::Endpoint(_) => format!("{}.policy", site.path_in_model),
    }
}

/// The calls and services of the cascade, and the calls into those services, in the order in which they are told.
fn touched(topology: &Topology, cascade: &Cascade) -> (Vec<EdgeId>, Vec<ServiceId>) {
    let (mut edges, mut services) = (Vec::new(), Vec::new());
    let callee = |edge: &crate::topology::Edge| topology.endpoints[edge.callee.index()].service;
    for step in &cascade.steps {
        if let Some(service) = topology.services.iter().position(|service| service.name == step.who) {
            let service = ServiceId::new(service);
            services.push(service);
            let into = topology.edges.iter().enumerate().filter(|(_, edge)| callee(edge) == service);
            edges.extend(into.map(|(edge, _)| EdgeId::new(edge)));
        }
        edges.extend(topology.edges.iter().position(|edge| edge.name == step.who).map(EdgeId::new));
    }
    let mut seen = BTreeSet::new();
    edges.retain(|edge| seen.insert(*edge));
    let mut seen = BTreeSet::new();
    // A broker's nodes are no workers that a user could add.
    services.retain(|service| seen.insert(*service) && !topology.brokers.has(*service));
    (edges, services)
}

/// How calls of an edge were before anything happened.
struct Before {
    /// What nearly all took, seconds; 0 if nothing was answered.
    p99: f64,
    /// Calls in progress at each caller.
    at_once: f64,
}

impl Before {
    fn of(topology: &Topology, recording: &Recording, edge: EdgeId) -> Before {
        let first = recording.faults.iter().map(|span| span.began.0).min().unwrap_or(topology.duration.0);
        let window = recording.window.0.max(1);
        let (from, until) = ((topology.warm_up.0 / window) as usize, (first / window) as usize);
        let service = topology.endpoints[topology.edges[edge.index()].callee.index()].service;
        let windows = &recording.services[service.index()].windows;
        let until = until.min(windows.len());
        let windows = &windows[from.min(until)..until];
        let mut p99: Vec<u64> = windows.iter().map(|w| w.p99).filter(|p99| *p99 > 0).collect();
        p99.sort_unstable();
        let present = windows.iter().map(|w| w.present).sum::<f64>() / windows.len().max(1) as f64;
        let callers = crate::analysis::names::callers_of(topology, edge).max(1) as f64;
        let p99 = p99.get(p99.len() / 2).map_or(0.0, |median| *median as f64 / 1e9);
        Before { p99, at_once: present / callers }
    }

    /// As it would be written: two digits.
    fn timeout(&self) -> Option<String> {
        let wanted = (self.p99 * TIMEOUT_FACTOR).max(LEAST_TIMEOUT);
        let millis = (wanted * 1e3).round() as u64;
        let rounded = if millis >= 100 { millis.div_ceil(10) * 10 } else { millis };
        (self.p99 > 0.0).then(|| format!("{rounded}ms"))
    }

    fn bulkhead(&self) -> u64 {
        (self.at_once * BULKHEAD_FACTOR).max(LEAST_BULKHEAD).round() as u64
    }
}

fn of_policy(before: &Before, policy: &Policy, made: &mut Vec<Candidate>) {
    let Policy { name, rules } = policy;
    let path = format!("policies.{}", quoted(name));
    let mut set = |words: String, value: String, cost: Cost| made.push(Candidate { words, sets: vec![format!("{path}.{value}")], cost });
    if let Some(retry) = &rules.retry {
        set(format!("no retries under `{name}`"), "retry=null".into(), Cost::Setting);
        if retry.budget.is_none() {
            let value = "retry.budget={percent: 20%, minConcurrent: 3}".into();
            set(format!("a retry budget of 20 % for `{name}`"), value, Cost::Setting);
        }
    }
    if let Some(timeout) = before.timeout() {
        let wanted = before.p99 * TIMEOUT_FACTOR;
        if rules.timeout.is_none_or(|now| now.as_secs_f64() > 2.0 * wanted) {
            set(format!("a timeout of {timeout} for `{name}`"), format!("timeout={timeout}"), Cost::Setting);
        }
    }
    if rules.breaker.is_none() {
        let value = "circuitBreaker={consecutiveFailures: 5, openFor: 10s}".into();
        set(format!("a circuit breaker for `{name}` (5 failures, open for 10 s)"), value, Cost::Setting);
    }
    if rules.bulkhead.is_none() {
        let most = before.bulkhead();
        set(format!("a bulkhead of {most} for `{name}`"), format!("bulkhead={{maxConcurrent: {most}}}"), Cost::Setting);
    }
    if rules.fallback.is_none() {
        set(format!("a fallback for `{name}`"), "fallback={value: empty}".into(), Cost::Answer);
    }
}

/// A policy of its own for calls that have none.
fn of_plain_calls(before: &Before, edge: &str, paths: &[String], made: &mut Vec<Candidate>) {
    let mut give = |words: String, rules: String, cost: Cost| {
        let mut sets = vec![format!("policies.tried={rules}")];
        sets.extend(paths.iter().map(|path| format!("{path}=tried")));
        made.push(Candidate { words, sets, cost });
    };
    if let Some(timeout) = before.timeout() {
        give(format!("a timeout of {timeout} for {edge}"), format!("{{timeout: {timeout}}}"), Cost::Setting);
        let guarded = format!("{{timeout: {timeout}, circuitBreaker: {{consecutiveFailures: 5, openFor: 10s}}}}");
        give(format!("a timeout of {timeout} and a circuit breaker for {edge}"), guarded, Cost::Setting);
    }
    let most = before.bulkhead();
    give(format!("a bulkhead of {most} for {edge}"), format!("{{bulkhead: {{maxConcurrent: {most}}}}}"), Cost::Setting);
    give(format!("a fallback for {edge}"), "{fallback: {value: empty}}".into(), Cost::Answer);
}

fn of_service(topology: &Topology, service: ServiceId, made: &mut Vec<Candidate>) {
    let spec = &topology.services[service.index()];
    let name = &spec.name;
    // A version is written below its service.
    let path = match name.split_once('/') {
        Some((base, version)) => format!("services.{}.versions.{}", quoted(base), quoted(version)),
        None => format!("services.{}", quoted(name)),
    };
    let mut set = |words: String, value: String, cost: Cost| made.push(Candidate { words, sets: vec![format!("{path}.{value}")], cost });
    if spec.workers != u32::MAX {
        if spec.queue_capacity > 2 * spec.workers {
            let words = format!("a queue of {} per replica at {name}", words::count(spec.workers.into()));
            set(words, format!("queue.capacity={}", spec.workers), Cost::Setting);
        }
        if spec.discipline == Discipline::Fifo {
            set(format!("the newest first in {name}'s queue"), "queue.discipline=lifo".into(), Cost::Setting);
        }
        if spec.cancellation != Cancellation::Full {
            set(format!("{name} stops what nobody waits for"), "cancellation=full".into(), Cost::Setting);
        }
        set(format!("twice the workers at {name} ({} each)", spec.workers * 2), format!("workers={}", spec.workers * 2), Cost::Capacity);
    }
    let replicas = spec.replicas.len() * 2;
    set(format!("twice the replicas of {name} ({replicas})"), format!("replicas={replicas}"), Cost::Capacity);
}
