//! What is left of a model once its mistakes of structure are taken out, so that names that lead nowhere are told with them.
//!
//! Leaving something out makes mistakes of its own (a call of a service whose description was faulty): those are not told.

use super::schema::names_things;
use super::source::Sources;
use super::tree::{Entry, Node, Path, Segment, Value};
use super::validate::validate;
use crate::base::diagnostic::{Diagnostic, Diagnostics};

/// Leaving out a value may leave a map without what it needs, and so on upwards; no longer than this.
const MOST_ROUNDS: usize = 12;
/// Beyond so many mistakes nobody misses a few more.
const MOST_PROBLEMS: usize = 1000;
/// Stands for a `duration` that cannot be read, since nothing goes without one.
const ANY_DURATION: &str = "1d";

/// What was left out of a model.
#[derive(Clone, Debug, Default)]
pub struct LeftOut {
    paths: Vec<Path>,
}

/// The tree without what is wrong with it; nothing if too little of it would be left.
pub fn salvage(sources: &Sources, mut tree: Node, problems: &Diagnostics) -> Option<(Node, LeftOut)> {
    let mut left_out = LeftOut::default();
    let mut wrong = problems.clone();
    for _ in 0..MOST_ROUNDS {
        if wrong.list.len() > MOST_PROBLEMS {
            return None;
        }
        let mut paths: Vec<Path> = wrong.iter().filter_map(|problem| Path::parse(problem.path.as_deref()?)).collect();
        // Later entries of a list before earlier ones, what is inside before what it is inside of.
        paths.sort_by(|a, b| b.0.cmp(&a.0));
        paths.dedup();
        for path in paths {
            left_out.paths.push(remove(&mut tree, path)?);
        }
        wrong = validate(sources, &tree);
        if !wrong.has_errors() {
            return Some((tree, left_out));
        }
    }
    None
}

/// Removes what is at the path or, if there is nothing, what should have had it.
fn remove(tree: &mut Node, mut path: Path) -> Option<Path> {
    let last = path.0.pop()?;
    if path.0.is_empty() && last == Segment::Key("duration".into()) {
        let Value::Mapping(mapping) = &mut tree.value else { return None };
        let entry =
            Entry { key: tree.origin.clone(), node: Node { value: Value::String(ANY_DURATION.into()), origin: tree.origin.clone() } };
        mapping.insert("duration".into(), entry);
        return Some(path.key("duration"));
    }
    let removed = match (tree.get_mut(&path).map(|parent| &mut parent.value), &last) {
        (Some(Value::Mapping(mapping)), Segment::Key(name)) => mapping.remove(name).is_some(),
        (Some(Value::Sequence(list)), Segment::Index(index)) if *index < list.len() => {
            list.remove(*index);
            true
        }
        _ => false,
    };
    if !removed {
        return remove(tree, path);
    }
    path.0.push(last);
    Some(path)
}

impl LeftOut {
    /// Whether a problem of what is left is one of the model as it was written.
    pub fn is_none_of(&self, problem: &Diagnostic) -> bool {
        let path = problem.path.as_deref().and_then(Path::parse).unwrap_or(Path::ROOT);
        !self.paths.iter().any(|removed| {
            // What is around something left out may be wrong for lack of it.
            removed.0.starts_with(&path.0) || explains(removed, problem)
        })
    }
}

/// Whether a problem may come from leaving this out.
fn explains(removed: &Path, problem: &Diagnostic) -> bool {
    let Some((last, around)) = removed.0.split_last() else { return true };
    let Segment::Key(name) = last else {
        // A step: what it calls has no link and no name of a call.
        return matches!(problem.code, "no-such-link" | "unknown-call");
    };
    let named = names_things(&Path(around.to_vec())) && problem.message.contains(&format!("`{name}`"));
    let steps = removed.0.iter().any(|segment| matches!(segment, Segment::Index(_))) || name == "endpoints";
    match problem.code {
        "unknown-zone" => named || name.starts_with("zone"),
        "no-such-replica" | "impossible-quorum" => true,
        "no-such-link" | "unknown-call" => named || steps || around.is_empty() || around.len() == 1 || name == "target",
        code if code.starts_with("unknown-") => named || holds_names(name),
        _ => named,
    }
}

/// A whole section that was left out takes its names along.
fn holds_names(key: &str) -> bool {
    ["clients", "services", "endpoints", "caches", "policies", "pools", "attributes", "faults", "links"].contains(&key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::yaml;

    fn left(text: &str) -> Option<String> {
        let mut sources = Sources::new();
        let id = sources.add("m.yaml", text.as_bytes().to_vec()).unwrap();
        let tree = yaml::read(&sources, id).unwrap();
        let problems = validate(&sources, &tree);
        assert!(problems.has_errors());
        salvage(&sources, tree, &problems).map(|(tree, _)| tree.to_json().to_string())
    }

    #[test]
    fn only_what_is_wrong_is_left_out() {
        for (text, is) in [
            ("{duration: 5s, sed: 3}", r#"{"duration":"5s"}"#),
            ("{duration: 5, seed: 3}", r#"{"duration":"1d","seed":3}"#),
            ("{seed: 3}", r#"{"duration":"1d","seed":3}"#),
            (
                "{duration: 5s, services: {a: {endpoints: {x: [{work: 5}, {work: 1ms}, {wrok: 1ms}]}}}}",
                r#"{"duration":"5s","services":{"a":{"endpoints":{"x":[{"work":"1ms"}]}}}}"#,
            ),
            ("{duration: 5s, clients: {c: {arrivals: poisson(1/s)}}}", r#"{"clients":{},"duration":"5s"}"#),
        ] {
            assert_eq!(left(text).as_deref(), Some(is), "{text}");
        }
        assert_eq!(left("[]"), None);
    }

    #[test]
    fn what_follows_from_leaving_out_is_not_told() {
        let left_out = LeftOut { paths: ["services.a.replicas", "policies.slow"].map(|path| Path::parse(path).unwrap()).to_vec() };
        let problem = |code, path: &str, message: &str| left_out.is_none_of(&Diagnostic::error(code, message).at(path));
        assert!(problem("unknown-policy", "clients.c.policy", "there is no policy `fast`"));
        assert!(!problem("unknown-policy", "clients.c.policy", "there is no policy `slow`"));
        assert!(!problem("no-replicas", "services.a", "`a` has no replica"));
    }
}
