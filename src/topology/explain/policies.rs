//! What the calling application's library does, in the order of its policy; and how it picks a replica by itself.

use super::{From, Hop, Teller, Told, plain, shown};
use crate::model::name::quoted;
use crate::model::spec::{Policy, PolicyPart};
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
