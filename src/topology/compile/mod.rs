//! From what was written to what can run: names become indices, defaults become values, and every problem is told at once.
//!
//! Nothing here stops at the first problem: what cannot be resolved is replaced by something harmless, noted, and the
//! rest is looked at too. A topology comes out only if nothing was noted.

mod broker;
mod client;
mod dist;
mod expect;
mod fault;
mod labels;
pub(in crate::topology) mod mesh;
mod mesh_words;
mod names;
mod network;
mod policy;
mod program;
mod wire;

use super::mesh as mesh_of_topology;
use super::wire as wire_of_topology;
use super::*;
use crate::base::diagnostic::{Diagnostic, Diagnostics};
use crate::base::limit::LONGEST_RUN;
use crate::model::spec::{self, Model};
use names::Names;
use std::collections::BTreeMap;

/// Hands out the text of a file that a model names (a trace, measured values), or says why it cannot.
pub type Files<'a> = &'a dyn Fn(&str) -> Result<String, String>;

/// Cells of policy state beyond this would not fit into memory.
const MOST_CELLS: u64 = 1 << 24;
/// Windows of one run.
const MOST_WINDOWS: u64 = 200_000;
/// Keys of a cache: each takes four bytes per copy.
const MOST_CACHE_KEYS: u64 = 10_000_000;

/// Compiles a model, or says everything that is wrong with it.
pub fn compile(model: &Model, files: Files<'_>) -> Result<Topology, Diagnostics> {
    let written = model;
    let model = &with_versions(model);
    let model = &broker::with_brokers(model);
    let names = Names::of(model);
    let mut compiler = Compiler::new(model, &names, files);
    compiler.run();
    if compiler.problems.has_errors() {
        return Err(broker::with_places(written, compiler.problems));
    }
    let mut topology = compiler.finish();
    broker::place_sites(written, &mut topology);
    Ok(topology)
}

/// Versions are services of their own, beside the one whose versions they are: `reviews/v2`.
fn with_versions(model: &Model) -> std::borrow::Cow<'_, Model> {
    if model.services.values().all(|service| service.versions.is_empty()) {
        return std::borrow::Cow::Borrowed(model);
    }
    let mut all = model.clone();
    for (name, service) in &model.services {
        for (version, overlay) in &service.versions {
            all.services.insert(format!("{name}/{version}"), overlay.clone());
        }
    }
    std::borrow::Cow::Owned(all)
}

struct Compiler<'m> {
    model: &'m Model,
    names: &'m Names<'m>,
    files: Files<'m>,
    problems: Diagnostics,
    topology: Topology,
    edges: BTreeMap<(u32, u32), EdgeId>,
    /// Links by (caller's group, service).
    links: BTreeMap<(Group, ServiceId), LinkId>,
    /// Policy state by what shares it.
    cells: BTreeMap<(PolicyId, Group, u32), (u32, u32)>,
    balancers: BTreeMap<(Group, ServiceId), (u32, u32)>,
    /// What calls look like to the routes of a mesh, where that is written.
    requests: BTreeMap<SiteId, spec::CallRequest>,
    /// What calls say of their protocol and sizes, where that is written.
    messages: BTreeMap<SiteId, wire::Written>,
    /// Occurrences so far of a pair of caller and callee (and among them of fallbacks), for the names of random streams.
    /// Endpoints whose success a message announces.
    writes: Vec<(u32, EndpointId)>,
    repeats: BTreeMap<(EdgeId, bool), u32>,
}

/// Whoever calls: a service or a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    Service(ServiceId),
    Client(ClientId),
}

impl<'m> Compiler<'m> {
    fn new(model: &'m Model, names: &'m Names<'m>, files: Files<'m>) -> Compiler<'m> {
        let topology = Topology {
            name: model.name.clone(),
            description: model.description.clone(),
            seed: model.seed,
            duration: model.duration.nanos(),
            warm_up: model.warm_up.nanos(),
            drain: model.drain.nanos(),
            window: model.window.nanos(),
            clients: Vec::new(),
            services: Vec::new(),
            replicas: Vec::new(),
            endpoints: Vec::new(),
            steps: Vec::new(),
            step_names: Vec::new(),
            sites: Vec::new(),
            edges: Vec::new(),
            policies: Vec::new(),
            cells: 0,
            callers: 0,
            balancers: 0,
            actives: 0,
            caches: Vec::new(),
            pools: Vec::new(),
            links: Vec::new(),
            zones: names.zones.iter().map(|z| z.to_string()).collect(),
            zone_links: Vec::new(),
            attributes: Vec::new(),
            faults: Vec::new(),
            expectations: Vec::new(),
            mesh: mesh_of_topology::Mesh::default(),
            brokers: super::broker::Brokers::default(),
            wire: wire_of_topology::Wire::default(),
            labels: super::labels::Labels::default(),
            graph: graph::CallGraph::new(),
        };
        Compiler {
            model,
            names,
            files,
            problems: Diagnostics::new(),
            topology,
            edges: BTreeMap::new(),
            links: BTreeMap::new(),
            cells: BTreeMap::new(),
            balancers: BTreeMap::new(),
            requests: BTreeMap::new(),
            messages: BTreeMap::new(),
            writes: Vec::new(),
            repeats: BTreeMap::new(),
        }
    }

    fn run(&mut self) {
        self.mesh_words();
        self.times();
        self.caches();
        self.services();
        self.client_shells();
        self.network();
        self.policies();
        self.brokers();
        self.programs();
        self.consumers();
        self.writes();
        self.clients();
        self.mesh();
        self.connections();
        self.versions_need_proxies();
        self.wire();
        self.labels();
        self.faults();
        self.expectations();
        if self.model.clients.is_empty() {
            let help = "add a client, such as `clients: {users: {target: SERVICE.ENDPOINT, arrivals: poisson(10/s)}}`";
            self.error("no-clients", "nobody calls: the model has no `clients`", "", help);
        }
    }

    fn finish(mut self) -> Topology {
        self.topology.graph = graph::build(&self.topology);
        self.topology
    }

    // -- problems ----------------------------------------------------------------------------------------------------

    fn error(&mut self, code: &'static str, message: impl Into<String>, path: impl Into<String>, help: impl Into<String>) {
        self.problems.push(Diagnostic::error(code, message).at(path).help(help));
    }

    /// A name that nothing of its kind has.
    fn unknown(&mut self, kind: &str, code: &'static str, name: &str, path: impl Into<String>, known: Vec<&str>) {
        self.not_there(format!("there is no {kind} `{name}`"), kind, code, name, path, known);
    }

    /// The same in words of its own.
    fn not_there(&mut self, message: String, kind: &str, code: &'static str, name: &str, path: impl Into<String>, known: Vec<&str>) {
        let mut diagnostic = Diagnostic::error(code, message).at(path).part(name).did_you_mean(name, known.iter().copied());
        if diagnostic.help.is_none() {
            let listed = known.iter().take(8).map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ");
            let more = if known.len() > 8 { format!(" and {} more", known.len() - 8) } else { String::new() };
            let help = match known.len() {
                0 => format!("there is no {kind} at all"),
                1 => format!("there is only {listed}"),
                _ => format!("there are {listed}{more}"),
            };
            diagnostic = diagnostic.help(help);
        }
        self.problems.push(diagnostic);
    }

    // -- the run's times ---------------------------------------------------------------------------------------------

    fn times(&mut self) {
        let Topology { duration, warm_up, drain, window, .. } = self.topology;
        if duration == Nanos::ZERO {
            self.error(
                "no-duration",
                "`duration` must be more than 0s",
                "duration",
                "write how long requests arrive, such as `duration: 3m`",
            );
        }
        if warm_up >= duration && duration > Nanos::ZERO {
            let message = format!("`warmUp` ({warm_up}) leaves nothing of `duration` ({duration}) to measure");
            self.error("warm-up-too-long", message, "warmUp", "make `warmUp` shorter or `duration` longer");
        }
        if duration + drain > LONGEST_RUN {
            let message = format!("`duration` and `drain` together are {}, more than {LONGEST_RUN}", duration + drain);
            self.error("run-too-long", message, "duration", "simulate a shorter time");
        }
        if window == Nanos::ZERO {
            self.error("no-window", "`window` must be more than 0s", "window", "`1s` is the default");
        } else if (duration + drain).0 / window.0 > MOST_WINDOWS {
            let message =
                format!("a window of {window} would make {} windows; the limit is {MOST_WINDOWS}", (duration + drain).0 / window.0);
            self.error("too-many-windows", message, "window", "make `window` wider");
        }
    }

    // -- caches, services, clients -----------------------------------------------------------------------------------

    fn caches(&mut self) {
        for (name, cache) in &self.model.caches {
            let path = format!("caches.{}", names::quoted(name));
            let keys = self.keys(&cache.keys, &format!("{path}.keys"));
            let n = match &keys {
                Keys::Zipf(zipf) => zipf.keys(),
                Keys::Uniform(n) => *n,
                Keys::Weighted(shares) => shares.len() as u64,
            };
            if n > MOST_CACHE_KEYS {
                let message = format!("a cache of {n} different keys is beyond the limit of {MOST_CACHE_KEYS}");
                self.error("too-many-keys", message, format!("{path}.keys"), "fewer keys with the same skew behave much alike");
            }
            let hit = self.dist(&cache.hit.wait, &format!("{path}.hit.wait"));
            let ttl = cache.ttl.map_or(Nanos::MAX, |ttl| ttl.nanos());
            let scope = match cache.scope {
                spec::CacheScope::PerReplica => CacheScope::PerReplica,
                spec::CacheScope::Shared => CacheScope::Shared,
            };
            self.topology.caches.push(Cache { name: name.clone(), keys, capacity: cache.capacity, ttl, hit, scope });
        }
    }

    fn services(&mut self) {
        for (name, service) in &self.model.services {
            let id = ServiceId::new(self.topology.services.len());
            let path = format!("services.{}", names::quoted(name));
            let first = self.topology.replicas.len() as u32;
            for replica in 0..service.replicas as usize {
                let zone = match service.zones.as_slice() {
                    [] => ZoneId::NONE,
                    zones => self.names.zone(&zones[replica % zones.len()]).unwrap_or(ZoneId::NONE),
                };
                self.topology.replicas.push(Replica { service: id, zone });
            }
            if service.replicas == 0 {
                self.error("no-replicas", format!("`{name}` has no replica"), format!("{path}.replicas"), "give it at least 1");
            }
            if service.workers == crate::model::scalar::Bound::Finite(0) {
                self.error(
                    "no-workers",
                    format!("`{name}` has no worker"),
                    format!("{path}.workers"),
                    "give it at least 1, or leave `workers` out",
                );
            }
            let owner = service.owner.as_ref().and_then(|owner| {
                let known = self.names.service(owner);
                if known.is_none() {
                    self.unknown("service", "unknown-service", owner, format!("{path}.owner"), self.names.services.clone());
                }
                known
            });
            let rate_limit = service.rate_limit.as_ref().and_then(|limit| self.token_bucket(limit, &format!("{path}.rateLimit")));
            self.topology.services.push(Service {
                name: name.clone(),
                replicas: first..first + service.replicas,
                workers: service.workers.finite().unwrap_or(u32::MAX),
                queue_capacity: service.queue.capacity.finite().unwrap_or(u32::MAX),
                discipline: match service.queue.discipline {
                    spec::Discipline::Fifo => Discipline::Fifo,
                    spec::Discipline::Lifo => Discipline::Lifo,
                },
                max_wait: service.queue.max_wait.map(|wait| wait.nanos()),
                cancellation: match service.cancelled() {
                    spec::Cancellation::None => Cancellation::None,
                    spec::Cancellation::Queued => Cancellation::Queued,
                    spec::Cancellation::Full => Cancellation::Full,
                },
                rate_limit,
                balancing: match service.load_balancing {
                    spec::LoadBalancing::RoundRobin => LoadBalancing::RoundRobin,
                    spec::LoadBalancing::Random => LoadBalancing::Random,
                    spec::LoadBalancing::LeastRequest => LoadBalancing::LeastRequest { choices: 2 },
                },
                owner,
                endpoints: Vec::new(),
            });
            for (pool_name, pool) in &service.pools {
                let max_wait = pool.max_wait.map_or(Nanos::MAX, |wait| wait.nanos());
                self.topology.pools.push(Pool { service: id, name: pool_name.clone(), size: pool.size, max_wait });
            }
            for endpoint in service.endpoints.keys() {
                let number = EndpointId::new(self.topology.endpoints.len());
                let full_name = format!("{name}.{endpoint}");
                self.topology.endpoints.push(Endpoint { service: id, name: endpoint.clone(), full_name, entry: StepId::NONE });
                self.topology.services[id.index()].endpoints.push(number);
            }
        }
        self.topology.callers = self.topology.replicas.len() as u32;
    }

    /// Clients before their load: who they are, as callers.
    fn client_shells(&mut self) {
        for (name, client) in &self.model.clients {
            let id = ClientId::new(self.topology.clients.len());
            let first = self.topology.callers;
            self.topology.callers += client.instances;
            let attributes = client.attributes.iter().map(|(attribute, keys)| {
                let path = format!("clients.{}.attributes.{}", names::quoted(name), names::quoted(attribute));
                let values = self.keys(keys, &path);
                self.topology.attributes.push(Attribute { client: id, name: attribute.clone(), values });
                AttributeId::new(self.topology.attributes.len() - 1)
            });
            let mut attributes: Vec<AttributeId> = attributes.collect();
            // What is drawn of a header is an attribute too.
            for header in client.request.iter().flat_map(|request| request.headers.keys()) {
                let mut sum = 0.0;
                let shares = mesh::header_values(client, header).into_iter().map(|(_, share)| {
                    sum += share;
                    sum
                });
                let values = Keys::Weighted(shares.collect());
                attributes.push(AttributeId::new(self.topology.attributes.len()));
                self.topology.attributes.push(Attribute { client: id, name: mesh::header_attribute(header), values });
            }
            let zone = match &client.zone {
                None => ZoneId::NONE,
                Some(zone) => self.names.zone(zone).unwrap_or(ZoneId::NONE),
            };
            self.topology.clients.push(Client {
                name: name.clone(),
                load: Load::Open { arrivals: Arrivals::Poisson, plan: RatePlan::default() },
                targets: Vec::new(),
                callers: first..first + client.instances,
                zone,
                attributes,
            });
        }
    }
}
