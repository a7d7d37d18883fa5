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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::cascade::Step;
    use crate::analysis::sample;
    use crate::observe::recording::ServiceWindow;
    use crate::policy::app::FallbackAction;

    fn cascade(who: &[&str]) -> Cascade {
        Cascade { steps: who.iter().map(|who| Step { who: who.to_string(), ..Step::default() }).collect(), ..Cascade::default() }
    }

    /// What is tried, as `--set` has it.
    fn sets(topology: &Topology, recording: &Recording, who: &[&str]) -> Vec<String> {
        candidates(topology, recording, &cascade(who)).into_iter().flat_map(|candidate| candidate.sets).collect()
    }

    /// Before the fault at 60 s nearly all calls into orders took 100 ms, with 30 of them at once; after it ten times both.
    fn recording() -> Recording {
        let mut recording = sample::record::slow_db(None);
        let window = |ill: u64| ServiceWindow { p99: 100_000_000 * ill, present: 30.0 * ill as f64, ..ServiceWindow::default() };
        recording.services[1].windows = (0..180).map(|second| window(if second < 60 { 1 } else { 10 })).collect();
        recording
    }

    #[test]
    fn limits_are_multiples_of_what_was_before_the_fault() {
        let all = sets(&sample::shop(4), &recording(), &["gateway.checkout -> orders.place"]);
        assert_eq!(
            all,
            [
                "policies.guarded.timeout=300ms",
                // Ten of thirty calls at each of three callers, four times as many.
                "policies.guarded.bulkhead={maxConcurrent: 40}",
                "policies.guarded.fallback={value: empty}",
            ],
            "it has a breaker already"
        );
    }

    #[test]
    fn what_is_there_already_is_not_tried() {
        let mut topology = sample::shop(4);
        let rules = &mut topology.policies[1].rules;
        rules.timeout = Some(crate::base::time::Nanos::from_millis(500));
        rules.fallback = Some(crate::policy::app::Fallback::new(FallbackAction::Value, crate::base::outcome::OutcomeSet::errors()));
        let all = sets(&topology, &recording(), &["gateway.checkout -> orders.place"]);
        assert_eq!(all, ["policies.guarded.bulkhead={maxConcurrent: 40}"], "500 ms are less than twice 300");
    }

    #[test]
    fn a_service_of_the_cascade_is_tried_with_the_calls_into_it() {
        let all = sets(&sample::shop(4), &recording(), &["orders", "orders"]);
        let services: Vec<&str> = all.iter().filter_map(|set| set.strip_prefix("services.orders.")).collect();
        assert_eq!(services, ["queue.capacity=32", "queue.discipline=lifo", "cancellation=full", "workers=64", "replicas=6"]);
        assert_eq!(all.iter().filter(|set| set.starts_with("policies.guarded.")).count(), 3, "each once: {all:?}");
    }

    #[test]
    fn a_service_that_does_all_that_is_only_made_larger() {
        let mut topology = sample::shop(4);
        let orders = &mut topology.services[1];
        (orders.name, orders.queue_capacity) = ("orders/v1".into(), 64);
        (orders.discipline, orders.cancellation) = (Discipline::Lifo, Cancellation::Full);
        let all = sets(&topology, &recording(), &["orders/v1"]);
        let services: Vec<&String> = all.iter().filter(|set| set.starts_with("services.")).collect();
        assert_eq!(services, ["services.orders.versions.v1.workers=64", "services.orders.versions.v1.replicas=6"], "as a version");
        topology.services[1].workers = u32::MAX;
        let all = sets(&topology, &recording(), &["orders/v1"]);
        assert_eq!(all.iter().filter(|set| set.starts_with("services.")).count(), 1, "workers without limit: {all:?}");
    }

    #[test]
    fn retries_are_taken_away_or_given_a_budget() {
        let all = sets(&sample::shop(4), &recording(), &["orders.place -> orders-db.insert"]);
        assert_eq!(all[..2], ["policies.insistent.retry=null", "policies.insistent.retry.budget={percent: 20%, minConcurrent: 3}"]);
    }

    #[test]
    fn calls_without_a_policy_get_one_where_they_are_written() {
        let mut topology = sample::shop(4);
        for (site, path) in topology.sites.iter_mut().zip(["clients.shoppers.target", "services.gateway.endpoints.checkout[1]", ""]) {
            (site.policy, site.path_in_model) = (PolicyId::NONE, path.into());
        }
        let all = candidates(&topology, &recording(), &cascade(&["gateway.checkout -> orders.place"]));
        assert_eq!(all.len(), 4, "{all:?}");
        assert_eq!(all[0].sets, ["policies.tried={timeout: 300ms}", "services.gateway.endpoints.checkout[1].policy=tried"]);
        assert_eq!(all[3].cost, Cost::Answer);
        let of_client = sets(&topology, &recording(), &["shoppers -> gateway.checkout"]);
        assert!(of_client.contains(&"clients.shoppers.policy=tried".to_string()), "a client's stands at the client: {of_client:?}");
    }

    #[test]
    fn no_more_than_forty_changes_are_tried() {
        let mut topology = sample::shop(4);
        topology.services = (0..30).map(|i| crate::topology::Service { name: format!("s{i}"), ..topology.services[1].clone() }).collect();
        let names: Vec<String> = topology.services.iter().map(|service| service.name.clone()).collect();
        let mut recording = recording();
        recording.services = vec![recording.services[1].clone(); 30];
        let all = candidates(&topology, &recording, &cascade(&names.iter().map(String::as_str).collect::<Vec<_>>()));
        assert_eq!(all.len(), MOST);
        let cost = |words: &str| all.iter().find(|candidate| candidate.words.contains(words)).map(|candidate| candidate.cost);
        assert_eq!((cost("a fallback"), cost("a timeout"), cost("twice")), (Some(Cost::Answer), Some(Cost::Setting), Some(Cost::Capacity)));
    }
}
