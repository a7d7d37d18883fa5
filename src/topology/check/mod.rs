//! Static findings: what can be said of a model without running it, by arithmetic, each with its number and a way out.
//!
//! | code | says |
//! |---|---|
//! | `endless-cycle` | endpoints call each other in a circle and no step on it can end it |
//! | `call-cycle` | endpoints call each other in a circle that a choice, a failure or a cache may end |
//! | `retry-amplification` | retries on a path of calls multiply: r1·r2·… attempts at its end |
//! | `timeout-too-short` | a caller gives up before what it waits for can have given up itself |
//! | `overloaded` | arithmetic asks for more workers than there are |
//! | `overloaded-line` | arithmetic asks for more than a link's bandwidth |
//! | `no-timeout` | a call that may wait for ever |
//! | `not-the-owner` | a service calls a database that another one owns |
//! | `unbounded-queue` | workers are limited and their queue is not |
//! | `unused` | a policy, cache, pool or queue that nothing uses, as a misspelt overlay leaves one behind |
//! | `unbound-rule` | a rule of the manifests that no call goes by, beside a service that it seems to mean |
//! | `too-late` | a fault or an expectation of a time after the last request |
//!
//! What is said of brokers stands in [`messaging`], of meshes in [`mesh`].

mod amplification;
mod bindings;
mod cycles;
mod late;
mod lines;
mod load;
mod manifests;
mod mesh;
mod messaging;
mod route;
mod timeouts;
mod walk;

pub use bindings::bindings;
pub use manifests::manifests;

use super::Step;
use super::Topology;
use super::site::Caller;
use crate::base::id::*;
use crate::model::name::quoted;
use crate::policy::app::FallbackAction;
use std::collections::BTreeSet;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// The model cannot be run as it stands.
    Error,
    Warning,
    Note,
}

/// Something worth knowing about a model, and where in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    pub weight: Weight,
    pub code: &'static str,
    pub message: String,
    /// A path of the model, `services.orders.endpoints.place[1]`, or of its manifests, `mesh."VirtualService/shop/orders".spec.http[0]`.
    pub path: String,
    pub help: String,
}

/// All findings, errors first, then in the order of the model.
pub fn check(topology: &Topology) -> Vec<Finding> {
    let walks = walk::all(topology);
    let mut findings = cycles::find(topology, &walks);
    let endless = findings.iter().any(|f| f.weight == Weight::Error);
    findings.extend(owners(topology));
    findings.extend(mesh::find(topology));
    if !endless {
        findings.extend(load::find(topology, &walks));
        findings.extend(lines::find(topology, &walks));
        findings.extend(amplification::find(topology, &walks));
        findings.extend(timeouts::find(topology, &walks));
        findings.extend(messaging::find(topology, &walks));
    }
    findings.extend(queues(topology));
    findings.extend(unused(topology));
    findings.extend(idle_queues(topology));
    findings.extend(late::find(topology));
    findings.sort_by_key(|f| f.weight);
    findings
}

/// The name of whoever makes a call.
fn caller_name(topology: &Topology, caller: Caller) -> &str {
    match caller {
        Caller::Client(client) => &topology.clients[client.index()].name,
        Caller::Endpoint(endpoint) => &topology.endpoints[endpoint.index()].full_name,
    }
}

fn owners(topology: &Topology) -> Vec<Finding> {
    let mut seen = BTreeSet::new();
    let mut findings = Vec::new();
    for site in &topology.sites {
        let callee = &topology.services[site.service.index()];
        let Some(owner) = callee.owner else { continue };
        let caller = match site.caller {
            Caller::Client(_) => None,
            Caller::Endpoint(endpoint) => Some(topology.endpoints[endpoint.index()].service),
        };
        // A version of the owner is the owner.
        let base = |service: ServiceId| topology.services[service.index()].name.split('/').next();
        if caller.is_some_and(|caller| base(caller) == base(owner)) || !seen.insert((caller.map(|c| c.0), site.service.0)) {
            continue;
        }
        let (who, owner) = (caller_name(topology, site.caller), &topology.services[owner.index()].name);
        findings.push(Finding {
            weight: Weight::Warning,
            code: "not-the-owner",
            message: format!("`{who}` calls `{}`, the database of `{owner}`", callee.name),
            path: site.path_in_model.clone(),
            help: format!("ask `{owner}` for what it knows: only the owner of a database should depend on its schema"),
        });
    }
    findings
}

fn queues(topology: &Topology) -> Vec<Finding> {
    let unbounded = topology.services.iter().filter(|s| s.workers != u32::MAX && s.queue_capacity == u32::MAX && s.max_wait.is_none());
    let names: Vec<&str> = unbounded.map(|s| s.name.as_str()).collect();
    let Some(first) = names.first() else { return Vec::new() };
    let named = names.iter().take(4).map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ");
    let more = if names.len() > 4 { format!(" and {} more", names.len() - 4) } else { String::new() };
    vec![Finding {
        weight: Weight::Note,
        code: "unbounded-queue",
        message: format!("the queue of {named}{more} is unbounded: in overload requests wait until nobody wants their answer"),
        path: format!("services.{}", quoted(first)),
        help: "set `queue: {capacity: …}` or `queue: {maxWait: …}`".into(),
    }]
}

/// Queues with bounds where nobody ever waits.
fn idle_queues(topology: &Topology) -> Vec<Finding> {
    let idle = topology.services.iter().filter(|s| s.workers == u32::MAX && (s.queue_capacity != u32::MAX || s.max_wait.is_some()));
    let finding = |service: &super::Service| Finding {
        weight: Weight::Warning,
        code: "unused",
        message: format!("nobody waits in the queue of `{}`: its workers are unlimited", service.name),
        path: format!("services.{}.queue", quoted(&service.name)),
        help: "set `workers`, or remove `queue`".into(),
    };
    idle.map(finding).collect()
}

/// Policies, caches and pools that nothing uses.
fn unused(topology: &Topology) -> Vec<Finding> {
    let policies: BTreeSet<u32> = topology.sites.iter().map(|s| s.policy.0).collect();
    let (mut caches, mut pools) = (BTreeSet::new(), BTreeSet::new());
    for step in &topology.steps {
        match step {
            Step::Cache { cache, .. } | Step::Fill(cache) => drop(caches.insert(cache.0)),
            Step::Acquire { pool, .. } => drop(pools.insert(pool.0)),
            _ => {}
        }
    }
    for policy in &topology.policies {
        if let Some(FallbackAction::Cached(cache)) = policy.rules.fallback.as_ref().map(|f| f.action) {
            caches.insert(cache.0);
        }
    }
    let finding =
        |message: String, path: String, help: &str| Finding { weight: Weight::Warning, code: "unused", message, path, help: help.into() };
    let free = |used: &BTreeSet<u32>, len: usize| (0..len as u32).filter(|i| !used.contains(i)).map(|i| i as usize).collect::<Vec<_>>();
    let mut findings = Vec::new();
    for i in free(&policies, topology.policies.len()) {
        let name = &topology.policies[i].name;
        let path = format!("policies.{}", quoted(name));
        findings.push(finding(
            format!("no call uses the policy `{name}`"),
            path,
            "name it in a `call` or a client with `policy:`, or remove it",
        ));
    }
    for i in free(&caches, topology.caches.len()) {
        let name = &topology.caches[i].name;
        let path = format!("caches.{}", quoted(name));
        findings.push(finding(
            format!("no step asks the cache `{name}`"),
            path,
            "use it with `cache: {use: …}` or as a fallback, or remove it",
        ));
    }
    for i in free(&pools, topology.pools.len()) {
        let (service, name) = (&topology.services[topology.pools[i].service.index()].name, &topology.pools[i].name);
        let path = format!("services.{}.pools.{}", quoted(service), quoted(name));
        let message = format!("no step takes from the pool `{name}` of `{service}`");
        findings.push(finding(message, path, "use it with `acquire: {pool: …, steps: […]}`, or remove it"));
    }
    findings
}

/// The site's place in a message: `orders.place -> inventory.reserve`.
fn edge_name(topology: &Topology, site: SiteId) -> &str {
    &topology.edges[topology.sites[site.index()].edge.index()].name
}
