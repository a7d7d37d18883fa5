//! Changes of a tree: merge patches (RFC 7396) for `extends` and variants, and `--set PATH=VALUE`.
//!
//! Maps merge key by key, `null` removes, everything else (lists too) is replaced. Every value keeps its origin.

use super::objects::{self, Change};
use super::source::{SourceId, Sources, Spot};
use super::tree::{Entry, Mapping, Node, Origin, Path, Segment, Value};
use super::{schema, yaml};
use crate::base::diagnostic::{Diagnostic, Diagnostics};
use std::sync::Arc;

/// The name of the texts of `--set` among the sources.
pub const SET_SOURCE: &str = "--set";

/// Applies a merge patch.
pub fn merge(target: Node, patch: Node) -> Node {
    merged(target, patch, false)
}

/// Joins two patches into one that does what both do in turn: `null`s stay.
pub fn merge_patches(first: Node, second: Node) -> Node {
    merged(first, second, true)
}

fn merged(target: Node, patch: Node, keep_nulls: bool) -> Node {
    let Node { value: Value::Mapping(changes), origin } = patch else { return patch };
    let (mut mapping, origin) = match target {
        Node { value: Value::Mapping(mapping), origin } => (mapping, origin),
        _ => (Mapping::new(), origin),
    };
    for (name, change) in changes {
        if change.node.value == Value::Null && !keep_nulls {
            mapping.remove(&name);
            continue;
        }
        let (key, old) = match mapping.remove(&name) {
            Some(entry) => (entry.key, entry.node),
            None => (change.key, Node { value: Value::Null, origin: Origin::Default }),
        };
        mapping.insert(name, Entry { key, node: merged(old, change.node, keep_nulls) });
    }
    Node { value: Value::Mapping(mapping), origin }
}

/// The same tree, said to come from a variant.
pub fn from_variant(node: Node, name: &Arc<str>) -> Node {
    relabelled(node, &|spot| Origin::Variant(name.clone(), spot))
}

fn relabelled(node: Node, label: &dyn Fn(Spot) -> Origin) -> Node {
    let anew = |origin: Origin| origin.spot().map_or(Origin::Default, label);
    let value = match node.value {
        Value::Sequence(list) => Value::Sequence(list.into_iter().map(|node| relabelled(node, label)).collect()),
        Value::Mapping(mapping) => {
            let entry = |(name, entry): (String, Entry)| (name, Entry { key: anew(entry.key), node: relabelled(entry.node, label) });
            Value::Mapping(mapping.into_iter().map(entry).collect())
        }
        scalar => scalar,
    };
    Node { value, origin: anew(node.origin) }
}

/// One `--set PATH=VALUE`.
struct Setting {
    index: usize,
    source: SourceId,
    path: Path,
    /// Where the path is written.
    key: Spot,
    value: Node,
}

/// Applies every `PATH=VALUE` in turn. The value is YAML; `null` removes. What lies on the way is made where it is
/// missing, except for named things: a path into a service that is not there is a typing error. What is set inside of the
/// manifests' objects is handed out as changes of them, in order.
pub fn set_all(sources: &mut Sources, mut tree: Node, sets: &[String], changes: &mut Vec<Change>) -> Result<Node, Diagnostics> {
    let mut found = Diagnostics::new();
    for (index, text) in sets.iter().enumerate() {
        // Several are told apart by their number.
        let name = if sets.len() > 1 { format!("{SET_SOURCE} #{}", index + 1) } else { SET_SOURCE.to_owned() };
        match parse_setting(sources, name, index, text) {
            Ok(setting) if objects::leads_into(&setting.path) => {
                let mut alone = Node { value: Value::Mapping(Mapping::new()), origin: Origin::Default };
                match set(sources, &mut alone, setting) {
                    Ok(()) => changes.extend(objects::take(&mut alone)),
                    Err(diagnostic) => found.push(*diagnostic),
                }
            }
            Ok(setting) => {
                if let Err(diagnostic) = set(sources, &mut tree, setting) {
                    found.push(*diagnostic);
                }
            }
            Err(diagnostics) => found.append(diagnostics),
        }
    }
    if found.is_empty() { Ok(tree) } else { Err(found) }
}

fn parse_setting(sources: &mut Sources, name: String, index: usize, text: &str) -> Result<Setting, Diagnostics> {
    let source = sources.add(name, text.as_bytes().to_vec())?;
    let malformed = |message: String| {
        let spot = Spot { source, line: 1, column: 1, len: text.chars().count().max(1) as u32 };
        let diagnostic = Diagnostic::error("bad-set", message).placed(sources.place(spot));
        Diagnostics::from(diagnostic.help("write it like `--set services.orders.replicas=3`"))
    };
    let Some((path_text, _)) = text.split_once('=') else {
        return Err(malformed(format!("`{text}` has no `=` between path and value")));
    };
    let path = Path::parse(path_text).filter(|path| !path.0.is_empty());
    let path = path.map(|path| if objects::leads_into(&path) { objects::as_keys(path) } else { path });
    let path =
        path.ok_or_else(|| malformed(format!("`{path_text}` is not a path: names are parted by dots, names with dots stand in quotes")))?;
    let key = Spot { source, line: 1, column: 1, len: path_text.chars().count() as u32 };
    let value = relabelled(yaml::read_from(sources, source, path_text.len() + 1)?, &|spot| Origin::Set(index, spot));
    Ok(Setting { index, source, path, key, value })
}

type Refused = Box<Diagnostic>;

fn set(sources: &Sources, tree: &mut Node, setting: Setting) -> Result<(), Refused> {
    let key = Origin::Set(setting.index, setting.key);
    let refuse = |message: String| Box::new(Diagnostic::error("bad-set", message).placed(sources.place(setting.key)));
    debug_assert_eq!(setting.key.source, setting.source);
    // These are used up before anything is set.
    if let Some(Segment::Key(name)) = setting.path.0.first()
        && ["variants", "extends"].contains(&name.as_str())
    {
        let help = "run a variant with `--variant NAME`, and set what it changes by its own path";
        return Err(Box::new(refuse(format!("`{name}` cannot be set: what is set changes the model that runs")).help(help)));
    }
    let (last, way) = setting.path.0.split_last().expect("a path is not empty");
    let mut node = tree;
    let mut walked = Path::ROOT;
    for segment in way {
        if let (Value::Sequence(_), Segment::Key(_) | Segment::Index(_)) = (&node.value, segment) {
            let (item, index) = item(node, segment, &walked).map_err(&refuse)?;
            node = item;
            walked = walked.index(index);
            continue;
        }
        let name = name_of(segment, &walked).map_err(&refuse)?;
        let named = schema::names_things(&walked);
        let mapping = mapping_of(node, &walked).map_err(&refuse)?;
        if named && !mapping.contains_key(name) {
            let message = format!("there is no `{name}` in `{walked}`");
            return Err(Box::new(refuse(message).did_you_mean(name, mapping.keys().map(String::as_str))));
        }
        walked = walked.key(name);
        let missing = || Entry { key: key.clone(), node: Node { value: Value::Mapping(Mapping::new()), origin: key.clone() } };
        node = &mut mapping.entry(name.to_owned()).or_insert_with(missing).node;
        if node.value == Value::Null {
            node.value = Value::Mapping(Mapping::new());
        }
    }
    let keep_null = objects::leads_into(&setting.path);
    put(node, last, &walked, setting.value, key, keep_null).map_err(refuse)
}

fn put(node: &mut Node, last: &Segment, walked: &Path, value: Node, key: Origin, keep_null: bool) -> Result<(), String> {
    if let Value::Sequence(_) = node.value {
        let (item, _) = item(node, last, walked)?;
        *item = value;
        return Ok(());
    }
    let name = name_of(last, walked)?;
    let mapping = mapping_of(node, walked)?;
    if value.value == Value::Null && !keep_null {
        mapping.remove(name);
    } else {
        mapping.insert(name.to_owned(), Entry { key, node: value });
    }
    Ok(())
}

fn name_of<'a>(segment: &'a Segment, walked: &Path) -> Result<&'a str, String> {
    match segment {
        Segment::Key(name) => Ok(name),
        Segment::Index(index) => Err(format!("`{walked}` is not a list, `[{index}]` has nothing to count in")),
    }
}

fn mapping_of<'a>(node: &'a mut Node, walked: &Path) -> Result<&'a mut Mapping, String> {
    let kind = node.kind();
    match &mut node.value {
        Value::Mapping(mapping) => Ok(mapping),
        _ => Err(format!("`{walked}` is {kind}, nothing can be set inside it")),
    }
}

/// An item of a list, by `[2]` or `.2`.
fn item<'a>(node: &'a mut Node, segment: &Segment, walked: &Path) -> Result<(&'a mut Node, usize), String> {
    let Value::Sequence(list) = &mut node.value else { return Err(format!("`{walked}` is not a list")) };
    let index = match segment {
        Segment::Index(index) => *index,
        Segment::Key(name) => name.parse().map_err(|_| format!("`{walked}` is a list: a number is due after it, not `{name}`"))?,
    };
    let len = list.len();
    match list.get_mut(index) {
        Some(node) => Ok((node, index)),
        None => Err(format!("`{walked}` has {len} entries, counted from 0: there is no `{index}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(text: &str) -> Node {
        let mut sources = Sources::new();
        let id = sources.add("m.yaml", text.as_bytes().to_vec()).unwrap();
        yaml::read(&sources, id).unwrap()
    }

    /// The examples of RFC 7396, appendix A, as far as a model can be of that shape.
    #[test]
    fn patches_merge_as_the_rfc_says() {
        for (target, patch, result) in [
            (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"a":null}"#, r#"{}"#),
            (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
            (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#),
            (r#"{"a":{"b":"c"}}"#, r#"{"a":{"b":"d","c":null}}"#, r#"{"a":{"b":"d"}}"#),
            (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
            (r#"["a","b"]"#, r#"["c","d"]"#, r#"["c","d"]"#),
            (r#"{"a":"b"}"#, r#"["c"]"#, r#"["c"]"#),
            (r#"[1,2]"#, r#"{"a":"b","c":null}"#, r#"{"a":"b"}"#),
            (r#"{}"#, r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
        ] {
            assert_eq!(merge(tree(target), tree(patch)).to_json(), tree(result).to_json(), "{target} + {patch}");
        }
    }

    #[test]
    fn joined_patches_do_what_both_do() {
        let base = || tree("{a: {x: 1, y: 2}, b: 3}");
        let (first, second) = (|| tree("{a: {x: null}, c: 4}"), || tree("{b: null, c: null, a: {z: 5}}"));
        let in_turn = merge(merge(base(), first()), second());
        let joined = merge(base(), merge_patches(first(), second()));
        assert_eq!(in_turn.to_json(), joined.to_json());
    }

    fn after(text: &str, sets: &[&str]) -> Result<serde_json::Value, String> {
        let sets: Vec<String> = sets.iter().map(|set| set.to_string()).collect();
        let set = set_all(&mut Sources::new(), tree(text), &sets, &mut Vec::new());
        set.map(|node| node.to_json()).map_err(|found| found.to_string())
    }

    #[test]
    fn settings_reach_every_place() {
        let text = "{services: {a: {replicas: 1, endpoints: {get: [{work: 1ms}]}}, \"b.c\": {}}, policies: {p: {}}}";
        let done = after(
            text,
            &[
                "services.a.replicas=3",
                "services.a.endpoints.get.0.work=exp(2ms)",
                "services.a.endpoints.get[0].work=lognormal(p50: 4ms, p99: 30ms)",
                "services.\"b.c\".workers=4",
                "policies.p.retry.attempts=5",
                "policies.q={timeout: 1s}",
            ],
        );
        let expected = serde_json::json!({
            "services": {
                "a": {"replicas": 3, "endpoints": {"get": [{"work": "lognormal(p50: 4ms, p99: 30ms)"}]}},
                "b.c": {"workers": 4},
            },
            "policies": {"p": {"retry": {"attempts": 5}}, "q": {"timeout": "1s"}},
        });
        assert_eq!(done.unwrap(), expected);
        assert_eq!(after("{policies: {p: {}}}", &["policies.p=null"]).unwrap(), serde_json::json!({"policies": {}}));
    }

    #[test]
    fn settings_that_miss_are_refused() {
        let text = "{services: {orders: {replicas: 1, endpoints: {get: [{work: 1ms}]}}}}";
        for (set, message) in [
            ("services.ordres.replicas=3", "--set:1:1: error[bad-set]: there is no `ordres` in `services` (did you mean `orders`?)\n"),
            (
                "services.orders.replicas.x=3",
                "--set:1:1: error[bad-set]: `services.orders.replicas` is a number, nothing can be set inside it\n",
            ),
            (
                "services.orders.endpoints.get.7.work=3",
                "--set:1:1: error[bad-set]: `services.orders.endpoints.get` has 1 entries, counted from 0: there is no `7`\n",
            ),
            (
                "services.orders",
                "--set:1:1: error[bad-set]: `services.orders` has no `=` between path and value (write it like `--set services.orders.replicas=3`)\n",
            ),
            (
                "variants.naive.seed=3",
                "--set:1:1: error[bad-set]: `variants` cannot be set: what is set changes the model that runs (run a variant with `--variant NAME`, and set what it changes by its own path)\n",
            ),
            (
                "services..x=1",
                "--set:1:1: error[bad-set]: `services..x` is not a path: names are parted by dots, names with dots stand in quotes (write it like `--set services.orders.replicas=3`)\n",
            ),
        ] {
            assert_eq!(after(text, &[set]).unwrap_err(), message);
        }
    }
}
