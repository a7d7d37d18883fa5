//! Versions of a service: overlays of it, unfolded before anything is checked, so that each is a whole service.

use super::overlay;
use super::tree::{Mapping, Node, Value};
use crate::base::diagnostic::{Diagnostic, Diagnostics};
use std::collections::BTreeSet;

/// Every version of every service, with what it takes over from the service.
pub fn unfold(mut tree: Node) -> Node {
    if let Value::Mapping(model) = &mut tree.value
        && let Some(services) = model.get_mut("services")
        && let Value::Mapping(services) = &mut services.node.value
    {
        services.values_mut().for_each(|service| unfold_service(&mut service.node));
    }
    tree
}

fn unfold_service(service: &mut Node) {
    let base = service.clone();
    let Value::Mapping(fields) = &mut service.value else { return };
    let Some(versions) = fields.get_mut("versions") else { return };
    let Value::Mapping(versions) = &mut versions.node.value else { return };
    let without = |node: Node| match node.value {
        Value::Mapping(mapping) => {
            let fields: Mapping = mapping.into_iter().filter(|(key, _)| key != "versions" && key != "description").collect();
            Node { value: Value::Mapping(fields), origin: node.origin }
        }
        _ => node,
    };
    let base = without(base);
    for version in versions.values_mut() {
        // What is no map is told of as it is; a version has no versions, which are told of as well.
        if matches!(version.node.value, Value::Mapping(_)) {
            version.node = overlay::merge(base.clone(), version.node.clone());
        }
    }
}

/// A mistake in a service is one, however many versions take it over.
pub fn once(problems: Diagnostics) -> Diagnostics {
    let mut seen = BTreeSet::new();
    let mut is_new = |problem: &Diagnostic| match &problem.place {
        Some(place) => seen.insert((problem.code, problem.message.clone(), place.clone())),
        None => true,
    };
    problems.into_iter().filter(|problem| is_new(problem)).collect()
}
