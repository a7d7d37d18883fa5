//! What a call goes through, in its order, with the values that hold and where each is written: told, not run.
//!
//! Owns the words and their order; how they are laid out is the report's. Values are those that the compiler took: the
//! compiled topology says which rule and cluster a call meets, the manifests say where their words stand.

mod callee;
mod clusters;
mod objects;
mod policies;
mod routes;

pub use objects::{Object, alone, objects};

use super::site::Caller;
use super::{Site, Topology};
use crate::base::diagnostic::Diagnostic;
use crate::base::id::*;
use crate::model::mesh::Written;
use crate::model::name::quoted;
use crate::model::spec::{self, Model};
use crate::model::tree::Origin;
use crate::policy::envoy::release::Release;
use serde::Serialize;
use std::collections::BTreeSet;

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum From {
    /// Written there.
    Origin(Origin),
    /// Whatever the model says at this path, its default where that is nothing.
    Path(String),
    /// Written nowhere: this is whose default holds.
    Default(&'static str),
    /// It follows from other values.
    Nothing,
}

/// Istio's control plane sets it.
pub const ISTIO: From = From::Default("default of Istio");
/// Neither the manifests nor Istio say anything, so Envoy decides.
pub const ENVOY: From = From::Default("default of Envoy");

/// The line that says whose the limits of a cluster are.
const LIMITS: &str = "limits hold";

/// A value, and what it means.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// How far it stands to the right.
    pub depth: usize,
    /// The name by which it is written.
    pub name: String,
    pub value: String,
    /// What it does, in words; may be empty.
    pub meaning: String,
    pub from: From,
}

/// One of the things that a call goes through.
#[derive(Clone, Debug, PartialEq)]
pub struct Hop {
    pub title: String,
    pub from: From,
    pub lines: Vec<Told>,
}

/// A call that is written in the model.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// `gateway.checkout -> orders.place`
    pub name: String,
    pub from: From,
    pub hops: Vec<Hop>,
}

impl Told {
    pub fn new(name: impl Into<String>, value: impl ToString, meaning: impl Into<String>, from: From) -> Told {
        Told { depth: 0, name: name.into(), value: value.to_string(), meaning: meaning.into(), from }
    }

    /// A value of a manifest, or what holds where it is not written.
    fn or<T: Clone + ToString>(name: &str, written: Option<&Written<T>>, default: &str, meaning: &str, whose: From) -> Told {
        match written {
            Some(written) => Told::new(name, written.value.clone(), meaning, From::Origin(written.origin.clone())),
            None => Told::new(name, default, meaning, whose),
        }
    }

    fn deeper(self, by: usize) -> Told {
        Told { depth: self.depth + by, ..self }
    }
}

/// The calls to a service (or of a client) and the calls that it makes; the problem if there is no such service.
pub fn calls(topology: &Topology, model: &Model, name: &str) -> Result<Vec<Call>, Box<Diagnostic>> {
    let services = topology.services.iter().map(|service| service.name.as_str());
    let names: Vec<&str> = services.chain(topology.clients.iter().map(|client| client.name.as_str())).collect();
    if !names.contains(&name) {
        let listed = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let problem = Diagnostic::error("unknown-service", format!("there is no service `{name}` to explain")).did_you_mean(name, names);
        return Err(Box::new(if problem.help.is_some() { problem } else { problem.help(format!("there is {listed}")) }));
    }
    let teller = Teller { topology, model, release: release(model) };
    let of = |service: ServiceId| {
        let known = topology.services[service.index()].name.as_str();
        known == name || known.split_once('/').is_some_and(|(base, _)| base == name)
    };
    let makes = |site: &Site| match site.caller {
        Caller::Client(client) => topology.clients[client.index()].name == name,
        Caller::Endpoint(endpoint) => of(topology.endpoints[endpoint.index()].service),
    };
    let sites = |wanted: &dyn Fn(&Site) -> bool| (0..topology.sites.len()).filter(|place| wanted(&topology.sites[*place])).collect();
    let (to, by): (Vec<usize>, Vec<usize>) = (sites(&|site| of(site.service)), sites(&|site| makes(site) && !of(site.service)));
    let mut calls: Vec<Call> = Vec::new();
    for place in to.into_iter().chain(by) {
        teller.add(&mut calls, SiteId::new(place));
    }
    Ok(calls)
}

/// The release whose defaults hold in a model.
pub fn release(model: &Model) -> Release {
    super::compile::mesh::release(model)
}

/// The release whose defaults hold for manifests by themselves.
pub fn default_release() -> Release {
    Release(spec::DEFAULT_RELEASE.minor as u16)
}

/// What is looked at while calls are told.
struct Teller<'a> {
    topology: &'a Topology,
    model: &'a Model,
    release: Release,
}

impl Teller<'_> {
    /// Tells a call. One of a version that goes through the same as another call shares its telling.
    fn add(&self, calls: &mut Vec<Call>, site: SiteId) {
        let told = self.call(site);
        match calls.iter_mut().find(|call| alike(call, &told)) {
            Some(same) if same.name == told.name => {}
            Some(same) => same.name = format!("{}, {}", same.name, told.name),
            None => calls.push(told),
        }
    }

    fn call(&self, id: SiteId) -> Call {
        let site = &self.topology.sites[id.index()];
        let fallback = self.topology.sites.iter().any(|other| other.fallback == id);
        let name = &self.topology.edges[site.edge.index()].name;
        let mut hops = vec![self.policy(site)];
        let Some(rules) = self.topology.mesh.proxied(id) else {
            hops.push(self.balancing(site));
            hops.extend(self.connections(id));
            hops.push(self.link(site.link, site.by_zone, site, &self.replicas_of(site.service)));
            hops.extend(self.callee(site.service));
            return self.told(name, fallback, site, hops);
        };
        hops.extend(self.proxy(site, rules));
        for cluster in clusters_of(rules) {
            let cluster = &self.topology.mesh.clusters[cluster.index()];
            hops.push(self.cluster(cluster));
            hops.push(self.link(cluster.link, cluster.by_zone, site, &cluster.hosts));
            let services: BTreeSet<u32> = cluster.hosts.iter().map(|host| self.topology.replicas[host.index()].service.0).collect();
            hops.extend(services.into_iter().flat_map(|service| self.callee(ServiceId(service))));
        }
        self.told(name, fallback, site, hops)
    }

    fn told(&self, name: &str, fallback: bool, site: &Site, hops: Vec<Hop>) -> Call {
        let hops = without_repetition(hops);
        let name = if fallback { format!("{name} (in place of what failed)") } else { name.to_string() };
        Call { name, from: From::Path(site.path_in_model.clone()), hops }
    }

    fn replicas_of(&self, service: ServiceId) -> Vec<ReplicaId> {
        self.topology.services[service.index()].replicas.clone().map(ReplicaId).collect()
    }

    /// A service as it is written (a version with what it takes over), and its path.
    fn spec(&self, name: &str) -> (&spec::Service, String) {
        match name.split_once('/') {
            Some((base, version)) if !self.model.services.contains_key(name) => {
                let path = format!("services.{}.versions.{}", quoted(base), quoted(version));
                (&self.model.services[base].versions[version], path)
            }
            _ => (&self.model.services[name], format!("services.{}", quoted(name))),
        }
    }
}

/// Whether two calls go through the same, their callers and how many they are aside.
fn alike(a: &Call, b: &Call) -> bool {
    let lines = |hop: &Hop| hop.lines.iter().filter(|line| line.name != LIMITS).cloned().collect::<Vec<_>>();
    let same_title = |a: &Hop, b: &Hop| a.title == b.title || [a, b].iter().all(|hop| hop.title.starts_with("the sidecar of"));
    a.hops.len() == b.hops.len() && a.hops.iter().zip(&b.hops).all(|(a, b)| same_title(a, b) && lines(a) == lines(b))
}

/// Hops that are told already are left out; of what differs little from one of its kind, only what differs is told.
fn without_repetition(hops: Vec<Hop>) -> Vec<Hop> {
    let mut all: Vec<Hop> = Vec::new();
    let mut full: Vec<Hop> = Vec::new();
    let kind = |hop: &Hop| match hop.title.starts_with("cluster") {
        true => "cluster".to_string(),
        false => hop.title.chars().take_while(|c| *c != '`').collect::<String>(),
    };
    for hop in hops {
        if full.contains(&hop) {
            continue;
        }
        let before = full.iter().position(|other| kind(other) == kind(&hop));
        all.push(before.and_then(|place| shortened(&hop, &full[place], place + 1)).unwrap_or_else(|| hop.clone()));
        full.push(hop);
    }
    all
}

/// What of a hop is not as in an earlier one, if that is but a part of it.
fn shortened(hop: &Hop, earlier: &Hop, number: usize) -> Option<Hop> {
    let differs: Vec<bool> = hop.lines.iter().map(|line| !earlier.lines.contains(line)).collect();
    let ends = |place: usize| hop.lines[place + 1..].iter().position(|line| line.depth <= hop.lines[place].depth);
    let inside = |place: usize| &differs[place + 1..ends(place).map_or(differs.len(), |end| place + 1 + end)];
    // What stands above a line that is told is told with it.
    let kept: Vec<Told> = (0..differs.len())
        .filter(|place| differs[*place] || inside(*place).contains(&true))
        .map(|place| hop.lines[place].clone())
        .collect();
    if hop.lines.len() < kept.len() + 3 {
        return None;
    }
    let rest = Told::new("everything else", "", format!("as in step {number}"), From::Nothing);
    Some(Hop { lines: kept.into_iter().chain([rest]).collect(), ..hop.clone() })
}

/// The clusters that rules lead to, each once, in the order of the rules.
fn clusters_of(rules: &[super::mesh::Rule]) -> Vec<ClusterId> {
    let mut all = Vec::new();
    for rule in rules {
        let super::mesh::Action::Forward { targets, .. } = &rule.action else { continue };
        let mirrored = rule.mirrors.iter().map(|(_, target)| target);
        for id in targets.iter().chain(mirrored).filter_map(|target| target.cluster.ok()) {
            if !all.contains(&id) {
                all.push(id);
            }
        }
    }
    all
}

/// A value as a model writes it.
fn shown(value: &impl Serialize) -> String {
    plain(&serde_json::to_value(value).unwrap_or_default())
}

fn plain(value: &serde_json::Value) -> String {
    use serde_json::Value;
    match value {
        Value::Null => "none".into(),
        Value::String(text) => text.clone(),
        Value::Array(list) if list.is_empty() => "none".into(),
        Value::Array(list) => list.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// `1 host`, `3 hosts`
fn counted(n: usize, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") }
}

/// A share of 1 as a person writes it.
fn percent(share: f64) -> String {
    format!("{}%", (share * 1e6).round() / 1e4)
}
