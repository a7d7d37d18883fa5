//! Changes of the manifests' objects, from a model, its variants or `--set`: `mesh."VirtualService/shop/orders".spec…`.
//!
//! A change is a merge patch (RFC 7396) with one thing more, since manifests are full of lists: a map over a list changes
//! its entries, by their number from 0 or by their `name`. Owns no manifest: whoever reads them applies the changes.

use super::overlay;
use super::tree::{Entry, Mapping, Node, Origin, Path, Segment, Value};
use crate::base::diagnostic::nearest;

/// What a model changes of one object.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// `VirtualService/shop/orders`
    pub name: String,
    /// Where that is written.
    pub key: Origin,
    /// A null takes the object out.
    pub patch: Node,
}

/// A change that does not fit what it changes.
#[derive(Clone, Debug, PartialEq)]
pub struct Misfit {
    pub origin: Origin,
    pub message: String,
    pub help: String,
}

/// Whether a key of `mesh` is an object and no setting.
pub fn is_object(name: &str) -> bool {
    name.contains('/')
}

/// Whether a path leads into an object.
pub fn leads_into(path: &Path) -> bool {
    matches!(&path.0[..], [Segment::Key(mesh), Segment::Key(name), ..] if mesh == "mesh" && is_object(name))
}

/// The same path with the numbers of lists as keys, as changes write them.
pub fn as_keys(path: Path) -> Path {
    let key = |segment| match segment {
        Segment::Index(index) => Segment::Key(index.to_string()),
        key => key,
    };
    Path(path.0.into_iter().map(key).collect())
}

/// Takes the changes out of a model, which then says nothing but what is its own.
pub fn take(tree: &mut Node) -> Vec<Change> {
    let Value::Mapping(model) = &mut tree.value else { return Vec::new() };
    let Some(Entry { node: Node { value: Value::Mapping(mesh), .. }, .. }) = model.get_mut("mesh") else { return Vec::new() };
    let names: Vec<String> = mesh.keys().filter(|name| is_object(name)).cloned().collect();
    let change = |name: String| mesh.remove(&name).map(|Entry { key, node }| Change { name, key, patch: node });
    let changes: Vec<Change> = names.into_iter().filter_map(change).collect();
    // A mesh that was only written for its objects is none of its own.
    if !changes.is_empty() && mesh.is_empty() {
        model.remove("mesh");
    }
    changes
}

/// The changes that faults push, by fault. They stay in the model, which says when they are pushed.
pub fn pushed(tree: &Node) -> Vec<(String, Vec<Change>)> {
    let Some(Value::Mapping(faults)) = tree.get("faults").map(|faults| &faults.value) else { return Vec::new() };
    let changes = |push: &Node| {
        let objects = push.mapping().into_iter().flatten();
        objects.map(|(name, Entry { key, node })| Change { name: name.clone(), key: key.clone(), patch: node.clone() }).collect()
    };
    faults.iter().filter_map(|(name, fault)| Some((name.clone(), changes(fault.node.get("configPush")?)))).collect()
}

/// What a fault pushes, with its nulls: they take something away.
pub fn as_written(changes: &[Change]) -> serde_json::Map<String, serde_json::Value> {
    changes.iter().map(|change| (change.name.clone(), with_nulls(&change.patch))).collect()
}

fn with_nulls(node: &Node) -> serde_json::Value {
    match &node.value {
        Value::Mapping(mapping) => mapping.iter().map(|(key, entry)| (key.clone(), with_nulls(&entry.node))).collect(),
        Value::Sequence(list) => list.iter().map(with_nulls).collect(),
        _ => node.to_json(),
    }
}

/// An object with a change applied; what does not fit is told and left out.
pub fn changed(target: Node, patch: Node, path: &str, misfits: &mut Vec<Misfit>) -> Node {
    let Node { value: Value::Mapping(changes), origin } = patch else { return patch };
    match target {
        Node { value: Value::Mapping(mut mapping), origin } => {
            for (name, Entry { key, node }) in changes {
                match mapping.remove(&name) {
                    _ if node.value == Value::Null => {}
                    Some(old) => {
                        // What is replaced as a whole stands where it is replaced.
                        let merges = matches!(old.node.value, Value::Mapping(_) | Value::Sequence(_));
                        let key = if merges && matches!(node.value, Value::Mapping(_)) { old.key } else { key };
                        let node = changed(old.node, node, &format!("{path}.{name}"), misfits);
                        mapping.insert(name, Entry { key, node });
                    }
                    None => drop(mapping.insert(name, Entry { key, node: anew(node) })),
                }
            }
            Node { value: Value::Mapping(mapping), origin }
        }
        Node { value: Value::Sequence(list), origin } => Node { value: Value::Sequence(entries(list, changes, path, misfits)), origin },
        _ => anew(Node { value: Value::Mapping(changes), origin }),
    }
}

/// The patch that makes one object of the other: lists that differ are replaced as a whole.
pub fn difference(from: &Node, to: &Node) -> Option<Node> {
    let (Value::Mapping(old), Value::Mapping(new)) = (&from.value, &to.value) else {
        return (from.to_json() != to.to_json()).then(|| to.clone());
    };
    let mut patch = Mapping::new();
    for (name, entry) in old.iter().filter(|(name, _)| !new.contains_key(*name)) {
        patch.insert(name.clone(), Entry { key: entry.key.clone(), node: Node { value: Value::Null, origin: Origin::Default } });
    }
    for (name, entry) in new {
        let node = match old.get(name) {
            Some(before) => difference(&before.node, &entry.node),
            None => Some(entry.node.clone()),
        };
        patch.extend(node.map(|node| (name.clone(), Entry { key: entry.key.clone(), node })));
    }
    (!patch.is_empty()).then(|| Node { value: Value::Mapping(patch), origin: to.origin.clone() })
}

/// A list with some of its entries changed; a null takes an entry out.
fn entries(list: Vec<Node>, changes: Mapping, path: &str, misfits: &mut Vec<Misfit>) -> Vec<Node> {
    let mut list: Vec<Option<Node>> = list.into_iter().map(Some).collect();
    for (name, Entry { key, node }) in changes {
        let by_name = || list.iter().position(|entry| entry.as_ref().is_some_and(|entry| name_of(entry) == Some(&name)));
        let place = by_name().or_else(|| name.parse().ok().filter(|place| *place < list.len()));
        let Some(place) = place else {
            misfits.push(no_entry(&list, &name, key, path));
            continue;
        };
        list[place] = match (node.value == Value::Null, list[place].take()) {
            (false, Some(old)) => Some(changed(old, node, &format!("{path}[{place}]"), misfits)),
            _ => None,
        };
    }
    list.into_iter().flatten().collect()
}

fn no_entry(list: &[Option<Node>], name: &str, origin: Origin, path: &str) -> Misfit {
    let names: Vec<&str> = list.iter().flatten().filter_map(|entry| name_of(entry).map(String::as_str)).collect();
    let count = list.len();
    let message = match name.parse::<usize>() {
        Ok(_) => format!("`{path}` has {count} {}, counted from 0: there is no `{name}`", if count == 1 { "entry" } else { "entries" }),
        Err(_) => format!("`{path}` is a list, and none of its entries has the name `{name}`"),
    };
    let help = match nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if names.is_empty() => format!("write the number of the entry, as in `{path}[0]`, or a whole list"),
        None => format!("there is `{}`; numbers from 0 do as well", names.join("`, `")),
    };
    Misfit { origin, message, help }
}

fn name_of(entry: &Node) -> Option<&String> {
    match &entry.get("name")?.value {
        Value::String(name) => Some(name),
        _ => None,
    }
}

/// A value where there was none: nulls in it take nothing away.
fn anew(node: Node) -> Node {
    overlay::merge(Node { value: Value::Null, origin: Origin::Default }, node)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::source::Sources;
    use crate::model::yaml;

    fn tree(text: &str) -> Node {
        let mut sources = Sources::new();
        let id = sources.add("m.yaml", text.as_bytes().to_vec()).unwrap();
        yaml::read(&sources, id).unwrap()
    }

    fn after(target: &str, patch: &str) -> (serde_json::Value, Vec<String>) {
        let mut misfits = Vec::new();
        let node = changed(tree(target), tree(patch), "spec", &mut misfits);
        (node.to_json(), misfits.into_iter().map(|misfit| format!("{} ({})", misfit.message, misfit.help)).collect())
    }

    #[test]
    fn maps_merge_and_entries_of_lists_are_met_by_number_or_name() {
        for (target, patch, result) in [
            ("{a: {b: 1, c: 2}}", "{a: {b: 3}}", "{a: {b: 3, c: 2}}"),
            ("{a: {b: 1, c: 2}}", "{a: {b: null}}", "{a: {c: 2}}"),
            ("{a: 1}", "{b: {c: 2, d: null}}", "{a: 1, b: {c: 2}}"),
            ("{http: [{timeout: 1s}, {timeout: 2s}]}", "{http: {1: {timeout: 5s}}}", "{http: [{timeout: 1s}, {timeout: 5s}]}"),
            ("{http: [{name: a}, {name: b, x: 1}]}", "{http: {b: {x: null, y: 2}}}", "{http: [{name: a}, {name: b, y: 2}]}"),
            ("{http: [{x: 1}, {x: 2}, {x: 3}]}", "{http: {0: null, 2: {x: 4}}}", "{http: [{x: 2}, {x: 4}]}"),
            ("{http: [{x: 1}]}", "{http: [{x: 7}]}", "{http: [{x: 7}]}"),
            ("{hosts: [a, b]}", "{hosts: {1: c}}", "{hosts: [a, c]}"),
        ] {
            assert_eq!(after(target, patch), (tree(result).to_json(), vec![]), "{target} + {patch}");
        }
    }

    #[test]
    fn the_difference_makes_one_of_the_other() {
        for (from, to) in [
            ("{a: 1, b: {c: 2, d: 3}}", "{b: {c: 2, d: 4, e: {f: 5}}}"),
            ("{http: [{x: 1}, {x: 2}]}", "{http: [{x: 1}, {x: 3}]}"),
            ("{a: {b: 1}}", "{a: 1}"),
        ] {
            let patch = difference(&tree(from), &tree(to)).unwrap();
            assert_eq!(changed(tree(from), patch, "", &mut Vec::new()).to_json(), tree(to).to_json(), "{from} to {to}");
            assert_eq!(difference(&tree(to), &tree(to)), None);
        }
    }

    #[test]
    fn entries_that_are_not_there_are_told() {
        let list = "{http: [{name: canary}, {name: stable}]}";
        for (target, patch, told) in [
            (
                list,
                "{http: {7: {x: 1}}}",
                "`spec.http` has 2 entries, counted from 0: there is no `7` (there is `canary`, `stable`; numbers from 0 do as well)",
            ),
            (
                list,
                "{http: {canry: {x: 1}}}",
                "`spec.http` is a list, and none of its entries has the name `canry` (did you mean `canary`?)",
            ),
            (
                "{http: [{}]}",
                "{http: {first: 1}}",
                "`spec.http` is a list, and none of its entries has the name `first` (write the number of the entry, as in `spec.http[0]`, or a whole list)",
            ),
        ] {
            assert_eq!(after(target, patch), (tree(target).to_json(), vec![told.to_string()]));
        }
    }

    #[test]
    fn changes_are_taken_out_of_the_model() {
        let mut model = tree("{duration: 1s, mesh: {istio: \"1.24\", VirtualService/a/b: {spec: 1}}}");
        let names: Vec<String> = take(&mut model).into_iter().map(|change| change.name).collect();
        assert_eq!(names, ["VirtualService/a/b"]);
        assert_eq!(model.to_json(), serde_json::json!({"duration": "1s", "mesh": {"istio": "1.24"}}));
        let mut only = tree("{mesh: {VirtualService/a/b: null}}");
        assert_eq!(take(&mut only)[0].patch.value, Value::Null);
        assert_eq!(only.to_json(), serde_json::json!({}));
    }
}
