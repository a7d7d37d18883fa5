//! What the calling application's library does, in the order of its policy; and how it picks a replica by itself.

use super::{From, Hop, Teller, Told, plain, shown};
use crate::base::id::SiteId;
use crate::model::name::quoted;
use crate::model::spec::{Policy, PolicyPart};
use crate::policy::envoy::connection_pool::Protocol;
use crate::topology::Site;
use serde_json::Value;

impl Teller<'_> {
    /// The policy of the application.
    pub(super) fn policy(&self, site: &Site) -> Hop {
        if site.policy.is_none() {
            let meaning = "one attempt, whose answer is waited for without end";
            let lines = vec![Told::new("policy", "none", meaning, From::Default("default"))];
            return Hop { title: "the calling application".into(), from: From::Nothing, lines };
        }
        let name = &self.topology.policies[site.policy.index()].name;
        let path = format!("policies.{}", quoted(name));
        let lines = parts(&self.model.policies[name.as_str()], &path);
        Hop { title: format!("the calling application, policy `{name}`, outermost first"), from: From::Path(path), lines }
    }

    /// Without a proxy the application itself picks a replica.
    pub(super) fn balancing(&self, site: &Site) -> Hop {
        let (spec, path) = self.spec(&self.topology.services[site.service.index()].name);
        let meaning = "how the caller picks a replica for each attempt";
        let told = Told::new("loadBalancing", shown(&spec.load_balancing), meaning, From::Path(format!("{path}.loadBalancing")));
        Hop { title: "no proxy".into(), from: From::Nothing, lines: vec![told] }
    }

    /// The connections that a caller without a proxy keeps, if the call or the called service says what they speak.
    pub(super) fn connections(&self, id: SiteId) -> Option<Hop> {
        let table = self.topology.mesh.table(id);
        let site = &self.topology.sites[id.index()];
        let rules = table.is_some().then(|| &self.topology.mesh.tables[table.index()].rules)?;
        let cluster = super::clusters_of(rules).first().map(|id| &self.topology.mesh.clusters[id.index()])?;
        let (spec, path) = self.spec(&self.topology.services[site.service.index()].name);
        let written = spec.connections.clone().unwrap_or_default();
        let at = |key: &str| From::Path(format!("{path}.connections.{key}"));
        let (speaks, from) = match spec.protocol {
            Some(protocol) => (protocol.word(), format!("{path}.protocol")),
            None => (cluster.name.split(' ').next().unwrap_or_default(), format!("{}.protocol", site.path_in_model)),
        };
        let mut lines = Vec::new();
        match cluster.pool.protocol {
            Protocol::Http1 => {
                let meaning = "one request at a time on a connection; another is opened where none is idle";
                lines.push(Told::new("protocol", speaks, meaning, From::Path(from)));
            }
            Protocol::Http2 { max_concurrent_streams } => {
                lines.push(Told::new("protocol", speaks, "one connection from each caller to each replica", From::Path(from)));
                let meaning = "requests at a time on a connection; more wait";
                lines.push(Told::new("maxConcurrentStreams", max_concurrent_streams, meaning, at("maxConcurrentStreams")));
            }
        }
        lines.push(Told::new("connectTimeout", written.connect_timeout, "then the attempt fails: connectFailure", at("connectTimeout")));
        lines.push(Told::new("idleTimeout", shown(&written.idle_timeout), "of a connection without a request", at("idleTimeout")));
        let cost = if written.tls { "two round trips to set up" } else { "one round trip to set up" };
        lines.push(Told::new("tls", written.tls, cost, at("tls")));
        Some(Hop { title: "connections".into(), from: From::Nothing, lines })
    }
}

fn parts(policy: &Policy, path: &str) -> Vec<Told> {
    let written = serde_json::to_value(policy).unwrap_or_default();
    let mut lines = Vec::new();
    for part in policy.parts() {
        let place = format!("{path}.{}", part.key());
        add(&mut lines, 0, part.key(), &written[part.key()], meaning(part), &place);
    }
    let statuses = policy.not_on.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
    if !statuses.is_empty() {
        lines.push(Told::new("notOn", statuses, "answers, not failures, to all of it", From::Path(format!("{path}.notOn"))));
    }
    let keeps_state = policy.parts().iter().any(|part| !matches!(part, PolicyPart::Fallback | PolicyPart::Deadline | PolicyPart::Timeout));
    if keeps_state {
        let meaning = "whose state it keeps, in each calling replica by itself";
        lines.push(Told::new("scope", shown(&policy.scope), meaning, From::Path(format!("{path}.scope"))));
    }
    lines
}

/// A part with everything inside it.
fn add(lines: &mut Vec<Told>, depth: usize, name: &str, value: &Value, meaning: &str, path: &str) {
    match value {
        Value::Object(map) => {
            lines.push(Told::new(name, "", meaning, From::Nothing).deeper(depth));
            for (key, value) in map {
                add(lines, depth + 1, key, value, "", &format!("{path}.{}", quoted(key)));
            }
        }
        leaf => lines.push(Told::new(name, plain(leaf), meaning, From::Path(path.into())).deeper(depth)),
    }
}

fn meaning(part: PolicyPart) -> &'static str {
    match part {
        PolicyPart::Fallback => "answers in place of a failure, counted as degraded",
        PolicyPart::Deadline => "of the whole call, its retries included",
        PolicyPart::Retry => "`attempts` counts every try, the first included",
        PolicyPart::CircuitBreaker => "stops calling what keeps failing",
        PolicyPart::Bulkhead => "bounds the calls in flight",
        PolicyPart::RateLimit => "bounds the calls per time; one too many is answered 429",
        PolicyPart::Timeout => "of one attempt; its late answer is discarded",
    }
}
