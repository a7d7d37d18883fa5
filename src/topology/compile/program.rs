//! Steps become a flat program, and every written call a site.

use super::names::quoted;
use super::{Compiler, Group};
use crate::base::id::*;
use crate::base::stream::name_hash;
use crate::base::time::Nanos;
use crate::model::scalar::{self, EndpointRef};
use crate::model::spec;
use crate::topology::broker::Relay;
use crate::topology::site::Caller;
use crate::topology::{Edge, Join, Site, Step};

/// Steps nest no deeper than this.
const DEEPEST: usize = 64;

/// Whose steps are being compiled, and what their names and numbers are made of.
struct Scope<'a> {
    endpoint: EndpointId,
    full_name: &'a str,
    /// Steps of each kind so far: the name of a step is its kind and its number among them.
    counts: std::collections::BTreeMap<&'static str, u32>,
    /// Bodies still to be laid out: where their number is due, their steps, their path.
    depth: usize,
}

impl Compiler<'_> {
    pub(super) fn programs(&mut self) {
        let mut number = 0;
        for (service, spec) in &self.model.services {
            for (name, steps) in &spec.endpoints {
                let endpoint = EndpointId::new(number);
                number += 1;
                // What is published to a broker is laid out by whoever publishes it.
                if steps.is_empty() && self.model.brokers.contains_key(service) {
                    continue;
                }
                let full_name = format!("{service}.{name}");
                let mut scope = Scope { endpoint, full_name: &full_name, counts: Default::default(), depth: 0 };
                let path = format!("services.{}.endpoints.{}", quoted(service), quoted(name));
                let entry = self.body(&mut scope, steps, &path);
                self.topology.endpoints[endpoint.index()].entry = entry;
            }
        }
    }

    /// Lays a body's steps out at the end of the table, with what they contain before them; gives its first step.
    fn body(&mut self, scope: &mut Scope<'_>, steps: &[spec::Step], path: &str) -> StepId {
        let mut laid = Vec::new();
        self.lay(scope, steps, path, &mut laid);
        laid.push((Step::End, String::new()));
        self.append(laid)
    }

    /// Moves finished steps to the end of the table. Targets among them are relative to their beginning until now.
    pub(super) fn append(&mut self, laid: Vec<(Step, String)>) -> StepId {
        let first = self.topology.steps.len() as u32;
        for (step, name) in laid {
            self.topology.steps.push(relocated(step, first));
            self.topology.step_names.push(name);
        }
        StepId(first)
    }

    /// As above for steps whose targets are where they are for good.
    pub(super) fn append_absolute(&mut self, laid: Vec<(Step, String)>) -> StepId {
        let first = StepId::new(self.topology.steps.len());
        for (step, name) in laid {
            self.topology.steps.push(step);
            self.topology.step_names.push(name);
        }
        first
    }

    fn lay(&mut self, scope: &mut Scope<'_>, steps: &[spec::Step], path: &str, laid: &mut Vec<(Step, String)>) {
        scope.depth += 1;
        if scope.depth > DEEPEST {
            self.error(
                "too-deep",
                format!("steps are nested more than {DEEPEST} deep"),
                path,
                "move inner steps into endpoints of their own",
            );
        } else {
            for (index, step) in steps.iter().enumerate() {
                self.step(scope, step, &format!("{path}[{index}]"), laid);
            }
        }
        scope.depth -= 1;
    }

    fn step(&mut self, scope: &mut Scope<'_>, step: &spec::Step, path: &str, laid: &mut Vec<(Step, String)>) {
        let inner = step.inner();
        let inner_path = |n: usize| format!("{path}.{}", inner[n].0);
        match step {
            spec::Step::Work(spec::WorkStep { work }) => {
                let work = Step::Work(self.dist(work, &format!("{path}.work")));
                laid.push((work, scope.name("work")));
            }
            spec::Step::Wait(spec::WaitStep { wait }) => {
                let wait = Step::Wait(self.dist(wait, &format!("{path}.wait")));
                laid.push((wait, scope.name("wait")));
            }
            spec::Step::Call(spec::CallStep { call, policy, request, protocol, payload, response }) => {
                let caller = Caller::Endpoint(scope.endpoint);
                let group = Group::Service(self.topology.endpoints[scope.endpoint.index()].service);
                if let Some(site) = self.site(caller, group, call, policy.as_deref(), path, "call") {
                    self.requests.extend(request.clone().map(|request| (site, request)));
                    let message = super::wire::Written { protocol: *protocol, payload: *payload, response: *response, path: path.into() };
                    self.messages.insert(site, message);
                    laid.push((Step::Call(site), scope.name("call")));
                }
            }
            spec::Step::Parallel(spec::ParallelStep { parallel }) => self.parallel(scope, parallel, path, laid),
            spec::Step::Choose(spec::ChooseStep { choose }) => self.choose(scope, choose, path, laid),
            spec::Step::Repeat(spec::RepeatStep { repeat }) => {
                let body = self.body(scope, &repeat.steps, &inner_path(0));
                laid.push((Step::Repeat { times: repeat.times, body }, scope.name("repeat")));
            }
            spec::Step::Cache(spec::CacheStep { cache }) => {
                let Some(id) = self.names.cache(&cache.cache) else {
                    return self.unknown("cache", "unknown-cache", &cache.cache, format!("{path}.cache.use"), self.names.caches.clone());
                };
                let at = laid.len();
                laid.push((Step::Cache { cache: id, hit: StepId(0) }, scope.name("cache")));
                self.lay(scope, &cache.on_miss, &inner_path(0), laid);
                laid.push((Step::Fill(id), scope.name("fill")));
                laid[at].0 = Step::Cache { cache: id, hit: StepId::new(laid.len()) };
            }
            spec::Step::Acquire(spec::AcquireStep { acquire }) => {
                let service = self.topology.endpoints[scope.endpoint.index()].service;
                let pools: Vec<(usize, String)> = self
                    .topology
                    .pools
                    .iter()
                    .enumerate()
                    .filter(|(_, p)| p.service == service)
                    .map(|(i, p)| (i, p.name.clone()))
                    .collect();
                let Some((pool, _)) = pools.iter().find(|(_, name)| *name == acquire.pool) else {
                    let known = pools.iter().map(|(_, name)| name.as_str()).collect();
                    return self.unknown("pool", "unknown-pool", &acquire.pool, format!("{path}.acquire.pool"), known);
                };
                let body = self.body(scope, &acquire.steps, &inner_path(0));
                laid.push((Step::Acquire { pool: PoolId::new(*pool), body }, scope.name("acquire")));
            }
            spec::Step::Publish(spec::PublishStep { publish }) => self.publish(scope, publish, path, laid),
            spec::Step::Fail(spec::FailStep { fail }) => {
                laid.push((Step::Fail { status: fail.status, share: fail.share.fraction() }, scope.name("fail")));
            }
            spec::Step::Spawn(spec::SpawnStep { spawn }) => {
                let body = self.body(scope, &spawn.steps, &inner_path(0));
                laid.push((Step::Spawn(body), scope.name("spawn")));
            }
            // Nothing runs: see `labels`.
            spec::Step::Span(_) => {}
        }
    }

    /// A call to the broker that is waited for, or one that is not, or one with a wait for the reply.
    fn publish(&mut self, scope: &mut Scope<'_>, publish: &spec::Publish, path: &str, laid: &mut Vec<(Step, String)>) {
        let Some(endpoint) = self.publication(publish, path) else { return };
        let caller = Caller::Endpoint(scope.endpoint);
        let group = Group::Service(self.topology.endpoints[scope.endpoint.index()].service);
        let policy = publish.policy.as_deref();
        if publish.mandatory && !publish.confirm {
            let message = "a message that is sent and forgotten cannot come back: nobody would learn of it";
            self.error(
                "mandatory-without-confirm",
                message,
                format!("{path}.publish.mandatory"),
                "add `confirm: true`, or take `mandatory` out",
            );
        }
        let Some(site) = self.site(caller, group, &endpoint, policy, &format!("{path}.publish"), "to") else { return };
        let at = format!("{path}.publish");
        self.messages.insert(site, super::wire::Written { protocol: None, payload: publish.payload, response: None, path: at });
        if publish.confirm && publish.await_reply.is_none() && publish.outbox.is_none() {
            return laid.push((Step::Call(site), scope.name("call")));
        }
        let body = self.append(vec![(Step::Call(site), scope.name("call")), (Step::End, String::new())]);
        if let Some(outbox) = publish.outbox {
            return self.outbox(scope, publish, outbox, (site, body), path);
        }
        match publish.await_reply {
            None => {
                self.topology.brokers.unconfirmed.push(site);
                // Of what announces something it is known what was lost.
                if publish.announces.is_none() {
                    self.topology.brokers.forgotten.push(site);
                }
                laid.push((Step::Spawn(body), scope.name("spawn")));
            }
            Some(spec::AwaitReply { timeout }) => laid.push((Step::Ask { body, site, timeout: timeout.nanos() }, scope.name("ask"))),
        }
    }

    /// Nothing is done by the step itself: what is written is published later.
    fn outbox(&mut self, scope: &Scope<'_>, publish: &spec::Publish, outbox: spec::Outbox, (site, body): (SiteId, StepId), path: &str) {
        if publish.await_reply.is_some() || publish.confirm {
            let message = "a message in an outbox is published later: there is nothing to wait for";
            let key = if publish.confirm { "confirm" } else { "awaitReply" };
            self.error("outbox-waits", message, format!("{path}.publish.{key}"), format!("take `{key}` out, or `outbox`"));
        }
        if outbox.poll.nanos() == Nanos::ZERO {
            let message = "a relay cannot look every 0s";
            return self.error("no-pause", message, format!("{path}.publish.outbox.poll"), "give it a time above 0s");
        }
        let callee = self.topology.sites[site.index()].callee;
        let entry = self.topology.endpoints[callee.index()].entry;
        let Some(Step::Enqueue(publication)) = self.topology.steps.get(entry.index() + 1) else { return };
        let Some(number) = self.topology.brokers.publications[*publication as usize].announcement else { return };
        let service = self.topology.endpoints[scope.endpoint.index()].service;
        let announcement = &mut self.topology.brokers.announcements[number as usize];
        announcement.outbox = Some(Relay { poll: outbox.poll.nanos(), service, body });
    }

    fn parallel(&mut self, scope: &mut Scope<'_>, parallel: &spec::Parallel, path: &str, laid: &mut Vec<(Step, String)>) {
        let name = scope.name("parallel");
        let mut bodies = Vec::new();
        for (branch, steps) in parallel.branches.iter().enumerate() {
            bodies.push(self.body(scope, steps, &format!("{path}.parallel.branches[{branch}]")));
        }
        // Copies of a branch are one program; they differ in their place among the bodies.
        let bodies: Vec<StepId> = (0..parallel.times).flat_map(|_| bodies.iter().copied()).collect();
        if bodies.len() > usize::from(u16::MAX) {
            let message = format!("{} branches side by side; the limit is {}", bodies.len(), u16::MAX);
            self.error("too-many-branches", message, format!("{path}.parallel"), "use fewer `times`");
        }
        let join = match parallel.join {
            scalar::Join::All => Join::All,
            scalar::Join::Any => Join::Any,
            scalar::Join::Quorum(n) => Join::Quorum(n),
        };
        if let Join::Quorum(n) = join
            && (n == 0 || n as usize > bodies.len())
        {
            let message = format!("a quorum of {n} cannot be reached by {} branches", bodies.len());
            self.error("impossible-quorum", message, format!("{path}.parallel.join"), format!("ask for 1 to {}", bodies.len()));
        }
        laid.push((Step::Parallel { bodies: bodies.into(), join, cancel_losers: parallel.cancel_losers }, name));
    }

    fn choose(&mut self, scope: &mut Scope<'_>, branches: &spec::Named<spec::Branch>, path: &str, laid: &mut Vec<(Step, String)>) {
        let total: f64 = branches.values().map(|b| b.weight).sum();
        if total <= 0.0 {
            return self.error(
                "no-choice",
                "the weights of `choose` are all 0",
                format!("{path}.choose"),
                "give one branch a weight above 0",
            );
        }
        let at = laid.len();
        laid.push((Step::End, scope.name("choose")));
        let (mut targets, mut jumps, mut sum) = (Vec::new(), Vec::new(), 0.0);
        for (name, branch) in branches {
            sum += branch.weight;
            targets.push((sum / total, StepId::new(laid.len())));
            self.lay(scope, &branch.steps, &format!("{path}.choose.{}.steps", quoted(name)), laid);
            jumps.push(laid.len());
            laid.push((Step::End, String::new()));
        }
        for jump in jumps {
            laid[jump].0 = Step::Jump(StepId::new(laid.len()));
        }
        laid[at].0 = Step::Choose(targets.into());
    }

    // -- sites -------------------------------------------------------------------------------------------------------

    /// The site of a written call; nothing if it names what is not there.
    pub(super) fn site(
        &mut self,
        caller: Caller,
        group: Group,
        callee: &EndpointRef,
        policy: Option<&str>,
        path: &str,
        key: &str,
    ) -> Option<SiteId> {
        let callee_id = self.endpoint(callee, &format!("{path}.{key}"));
        let policy_id = policy.map(|name| (name, self.names.policy(name)));
        if let Some((name, None)) = policy_id {
            self.unknown("policy", "unknown-policy", name, format!("{path}.policy"), self.names.policies.clone());
        }
        let policy_id = policy_id.and_then(|(_, id)| id).unwrap_or(PolicyId::NONE);
        let callee_id = callee_id?;
        let fallback = self.fallback_site(caller, group, policy_id, path);
        Some(self.new_site(caller, group, callee_id, policy_id, Some(fallback), path))
    }

    /// The endpoint of this name, or a note of what is missing.
    pub(super) fn endpoint(&mut self, name: &EndpointRef, path: &str) -> Option<EndpointId> {
        let known = self.names.endpoint(name);
        if known.is_none() {
            if self.names.service(&name.service).is_none() {
                self.unknown("service", "unknown-service", &name.service, path, self.names.services.clone());
            } else {
                let of_service = self.names.endpoints.iter().filter(|(s, _)| *s == name.service).map(|(_, e)| *e).collect();
                let message = format!("`{}` has no endpoint `{}`", name.service, name.endpoint);
                let kind = format!("endpoint of `{}`", name.service);
                self.not_there(message, &kind, "unknown-endpoint", &name.endpoint, path, of_service);
            }
        }
        known
    }

    fn fallback_site(&mut self, caller: Caller, group: Group, policy: PolicyId, path: &str) -> SiteId {
        if policy.is_none() {
            return SiteId::NONE;
        }
        let name = self.names.policies[policy.index()];
        let Some(spec::Fallback::Call(callee)) = &self.model.policies[name].fallback else { return SiteId::NONE };
        match self.names.endpoint(callee) {
            Some(callee) => self.new_site(caller, group, callee, PolicyId::NONE, None, path),
            // Noted where the policy is compiled.
            None => SiteId::NONE,
        }
    }

    /// A site with the site of its fallback; or, without, the site of a fallback itself.
    fn new_site(
        &mut self,
        caller: Caller,
        group: Group,
        callee: EndpointId,
        policy: PolicyId,
        fallback: Option<SiteId>,
        path: &str,
    ) -> SiteId {
        let service = self.topology.endpoints[callee.index()].service;
        let edge = self.edge(caller, callee);
        let callers = match group {
            Group::Service(service) => self.topology.services[service.index()].replicas.clone(),
            Group::Client(client) => self.topology.clients[client.index()].callers.clone(),
        };
        // Not by policy: a variant that changes it meets the same draws.
        let repeat = self.repeats.entry((edge, fallback.is_none())).or_default();
        let instead = if fallback.is_none() { " instead" } else { "" };
        let place = format!("{}{instead} #{repeat}", self.topology.edges[edge.index()].name);
        *repeat += 1;
        let (cells, stride) = self.cells(policy, group, callee, path);
        let (balancer, active) = self.balancer(group, service);
        let (link, by_zone) = self.link(group, service);
        let id = SiteId::new(self.topology.sites.len());
        self.topology.sites.push(Site {
            caller,
            edge,
            callee,
            service,
            policy,
            fallback: fallback.unwrap_or(SiteId::NONE),
            callers,
            cells,
            stride,
            balancer,
            active,
            link,
            by_zone,
            grpc: false,
            path: name_hash(&place) as u32,
            path_in_model: path.to_string(),
        });
        self.topology.edges[edge.index()].sites.push(id);
        id
    }

    fn edge(&mut self, caller: Caller, callee: EndpointId) -> EdgeId {
        let from = match caller {
            Caller::Client(client) => client.0 | 1 << 31,
            Caller::Endpoint(endpoint) => endpoint.0,
        };
        if let Some(known) = self.edges.get(&(from, callee.0)) {
            return *known;
        }
        let caller_name = match caller {
            Caller::Client(client) => &self.topology.clients[client.index()].name,
            Caller::Endpoint(endpoint) => &self.topology.endpoints[endpoint.index()].full_name,
        };
        let name = format!("{caller_name} -> {}", self.topology.endpoints[callee.index()].full_name);
        let id = EdgeId::new(self.topology.edges.len());
        self.topology.edges.push(Edge { name, caller, callee, sites: Vec::new() });
        self.edges.insert((from, callee.0), id);
        id
    }

    /// Where the balancer's position and its counts of active attempts begin.
    fn balancer(&mut self, group: Group, service: ServiceId) -> (u32, u32) {
        if let Some(known) = self.balancers.get(&(group, service)) {
            return *known;
        }
        let callers = self.callers_of(group);
        let replicas = self.topology.services[service.index()].replicas.len() as u64;
        let places = (self.topology.balancers, self.topology.actives);
        let actives = u64::from(self.topology.actives) + callers * replicas;
        if actives > u64::from(u32::MAX) {
            let help = "use fewer instances or replicas";
            self.error("too-many-pairs", "too many pairs of calling and called replicas", "services", help);
            return (0, 0);
        }
        self.topology.balancers += callers as u32;
        self.topology.actives = actives as u32;
        self.balancers.insert((group, service), places);
        places
    }

    /// Whose calls a site's are.
    pub(super) fn group_of(&self, site: SiteId) -> Group {
        match self.topology.sites[site.index()].caller {
            Caller::Client(client) => Group::Client(client),
            Caller::Endpoint(endpoint) => Group::Service(self.topology.endpoints[endpoint.index()].service),
        }
    }

    pub(super) fn callers_of(&self, group: Group) -> u64 {
        match group {
            Group::Service(service) => self.topology.services[service.index()].replicas.len() as u64,
            Group::Client(client) => self.topology.clients[client.index()].callers.len() as u64,
        }
    }
}

impl Scope<'_> {
    /// The name that a step's random draws are derived from: its kind and number within the endpoint, not its place.
    fn name(&mut self, kind: &'static str) -> String {
        let count = self.counts.entry(kind).or_default();
        *count += 1;
        format!("{}/{kind}#{}", self.full_name, *count - 1)
    }
}

/// A step whose targets within its own body are moved to where the body now begins.
fn relocated(step: Step, first: u32) -> Step {
    let moved = |target: StepId| StepId(target.0 + first);
    match step {
        Step::Choose(targets) => Step::Choose(targets.iter().map(|(share, target)| (*share, moved(*target))).collect()),
        Step::Cache { cache, hit } => Step::Cache { cache, hit: moved(hit) },
        Step::Jump(target) => Step::Jump(moved(target)),
        other => other,
    }
}
