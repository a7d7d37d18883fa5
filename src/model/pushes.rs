//! Configurations that faults push onto the manifests: which of them hold together, one after the other.
//!
//! Pushes happen at times that are written, so every configuration that there will be is known before a run. Owns no manifest.

use super::spec::{Fault, FaultKind, Named};
use crate::base::time::Nanos;
use crate::model::scalar::DistSpec;
use std::collections::BTreeMap;

/// The configurations of a model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pushes {
    /// The faults whose changes make each of them, in the order in which they are applied. The first is of none: what is written.
    pub versions: Vec<Vec<String>>,
    /// By fault: the version that holds once it has begun, and once it has ended.
    pub of: BTreeMap<String, (usize, usize)>,
}

/// What of the faults is pushed when. One that has no plain length lasts to the end.
pub fn of(faults: &Named<Fault>) -> Pushes {
    let mut moments: Vec<(Nanos, bool, Nanos, &str)> = Vec::new();
    for (name, fault) in faults.iter().filter(|(_, fault)| matches!(fault.kind, FaultKind::ConfigPush(_))) {
        moments.push((fault.at.nanos(), false, fault.at.nanos(), name));
        if let Some(DistSpec::Constant(long)) = &fault.lasts {
            moments.push((fault.at.nanos() + long.nanos(), true, fault.at.nanos(), name));
        }
    }
    // As the calendar has them: of one instant what begins comes first, then what ends in the order in which it began.
    moments.sort();
    let mut pushes = Pushes { versions: vec![Vec::new()], of: BTreeMap::new() };
    let mut active: Vec<String> = Vec::new();
    for (_, ends, _, name) in moments {
        match ends {
            true => active.retain(|other| other != name),
            false => active.push(name.to_string()),
        }
        let known = pushes.versions.iter().position(|version| *version == active);
        let version = known.unwrap_or_else(|| {
            pushes.versions.push(active.clone());
            pushes.versions.len() - 1
        });
        let entry = pushes.of.entry(name.to_string()).or_insert((version, version));
        *entry = if ends { (entry.0, version) } else { (version, version) };
    }
    pushes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::spec::Model;

    fn versions(faults: &str) -> Pushes {
        let text = format!("duration: 1m\nfaults: {faults}");
        let read = crate::model::read("m.yaml", &|_| Ok(text.clone().into_bytes()), &[], None);
        let model: Model = read.unwrap_or_else(|refused| panic!("{:#?}", refused.problems)).model;
        of(&model.faults)
    }

    #[test]
    fn every_configuration_that_there_will_be_is_known_beforehand() {
        let none = versions("{gone: {at: 1s, spike: {client: c, factor: 2}}}");
        assert_eq!((none.versions.len(), none.of.len()), (1, 0));
        let two = versions("{b: {at: 1s, for: 10s, configPush: {}}, a: {at: 5s, for: 20s, configPush: {}}}");
        assert_eq!(two.versions, [vec![], vec!["b"], vec!["b", "a"], vec!["a"]]);
        assert_eq!(two.of["b"], (1, 3));
        assert_eq!(two.of["a"], (2, 0));
        let touching = versions("{b: {at: 1s, for: 4s, configPush: {}}, a: {at: 5s, configPush: {}}}");
        assert_eq!(touching.versions, [vec![], vec!["b"], vec!["b", "a"], vec!["a"]], "of one instant, what begins comes first");
    }
}
