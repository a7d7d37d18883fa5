//! Checks the structure of a tree against the schema and finds every problem at once: unknown and missing keys, wrong
//! types, wrong units, numbers out of range.
//!
//! Knows no key of the language by name: all it asks comes from the schema, so types and check cannot part.

mod value;

use super::name::is_name;
use super::schema::{alternatives, resolved, schema};
use super::source::Sources;
use super::tree::{Entry, Mapping, Node, Origin, Path, Value};
use super::{later, name};
use crate::base::diagnostic::{Diagnostic, Diagnostics, nearest};
use serde_json::Value as Schema;

/// Every structural problem of a model file.
pub fn validate(sources: &Sources, tree: &Node) -> Diagnostics {
    let mut check = Check { sources, found: Diagnostics::new() };
    check.node(schema(), "Document", tree, &At { path: Path::ROOT, key: &tree.origin });
    check.found
}

struct Check<'a> {
    sources: &'a Sources,
    found: Diagnostics,
}

/// Where the check is: the path, and where its key is written.
struct At<'a> {
    path: Path,
    key: &'a Origin,
}

impl<'a> At<'a> {
    fn entry(&self, name: &str, entry: &'a Entry) -> At<'a> {
        At { path: self.path.key(name), key: &entry.key }
    }

    /// The last key of the path, for messages.
    fn name(&self) -> String {
        let list = self.path.0.iter().rev().find_map(|segment| match segment {
            super::tree::Segment::Key(name) => Some(name),
            super::tree::Segment::Index(_) => None,
        });
        match (self.path.0.last(), list) {
            (Some(super::tree::Segment::Key(name)), _) => format!("`{name}`"),
            (Some(super::tree::Segment::Index(_)), Some(list)) => format!("an entry of `{list}`"),
            _ => "the model".to_owned(),
        }
    }

    /// The last key of the path, if it ends in one.
    fn last_key(&self) -> Option<&str> {
        match self.path.0.last() {
            Some(super::tree::Segment::Key(name)) => Some(name),
            _ => None,
        }
    }
}

impl Check<'_> {
    fn report(&mut self, code: &'static str, message: String, origin: &Origin, path: &Path) -> &mut Diagnostic {
        let place = origin.spot().map(|spot| self.sources.place(spot));
        self.found.push(Diagnostic::error(code, message).at(path.to_string()).placed(place));
        self.found.list.last_mut().expect("one was pushed")
    }

    fn node(&mut self, written: &Schema, owner: &str, node: &Node, at: &At) {
        let (schema, owner) = resolved(written, owner);
        if let Some(format) = schema["format"].as_str().filter(|_| self.is_scalar(schema, node, at)) {
            self.scalar(format, written, node, at);
            return;
        }
        if !schema["properties"].is_null() {
            return self.object(schema, owner, node, at);
        }
        let alternatives = alternatives(schema);
        if let Some(words) = value::words(schema, &alternatives) {
            self.word(&words, owner, node, at);
        } else if !alternatives.is_empty() {
            self.one_of(&alternatives, owner, node, at);
        } else {
            self.plain(schema, owner, node, at);
        }
    }

    fn plain(&mut self, schema: &Schema, owner: &str, node: &Node, at: &At) {
        match value::due(schema) {
            "map" => self.map(schema, owner, node, at),
            "list" => self.list(schema, owner, node, at),
            due => self.simple(due, schema, node, at),
        }
    }

    fn list(&mut self, schema: &Schema, owner: &str, node: &Node, at: &At) {
        let Value::Sequence(list) = &node.value else {
            return self.wrong_type("a list", node, at);
        };
        let least = schema["minItems"].as_u64().unwrap_or(0) as usize;
        if list.len() < least {
            self.report("out-of-range", format!("{} needs at least {least} entry", at.name()), at.key, &at.path);
        }
        for (index, item) in list.iter().enumerate() {
            let at = At { path: at.path.index(index), key: item.first_key().unwrap_or(&item.origin) };
            self.node(&schema["items"], owner, item, &at);
        }
    }

    /// Things by names of the user's.
    fn map(&mut self, schema: &Schema, owner: &str, node: &Node, at: &At) {
        let Value::Mapping(mapping) = &node.value else {
            return self.wrong_type("a map", node, at);
        };
        let inner = &schema["additionalProperties"];
        let keys = schema["propertyNames"]["format"].as_str();
        for (name, entry) in mapping {
            let at = at.entry(name, entry);
            self.name(name, keys, &at);
            if !inner.is_object() {
                continue;
            }
            let is_variant = owner == "Document" && at.path.0.len() == 2;
            if entry.node.value == Value::Null && !is_variant {
                self.empty(inner, owner, name, &at);
            } else if !(is_variant && entry.node.value == Value::Null) {
                self.node(inner, owner, &entry.node, &at);
            }
        }
    }

    fn name(&mut self, name: &str, format: Option<&str>, at: &At) {
        let refused = match format {
            Some(format) => super::scalar::check(format, name).and_then(Result::err).map(|error| error.message),
            None if is_name(name) => None,
            None => {
                Some(format!("`{name}` cannot be a name: names are letters, digits, `_`, `-`, `.` and `/`, at most {}", name::LONGEST_NAME))
            }
        };
        if let Some(message) = refused {
            self.report("bad-name", message, at.key, &at.path);
        }
    }

    fn empty(&mut self, inner: &Schema, owner: &str, name: &str, at: &At) {
        let (schema, owner) = if inner["$ref"].is_null() { (inner, "") } else { resolved(inner, owner) };
        let value = match value::due(schema) {
            "list" => "[]",
            _ if schema["required"].is_array() || !alternatives(schema).is_empty() => "{…}",
            "map" => "{}",
            _ => "…",
        };
        let help = format!("give it a value, as in `{name}: {value}`, or remove it");
        let kind = if owner.is_empty() { format!("a {}", value::due(schema)) } else { value::noun(owner) };
        let message = format!("`{name}` is empty: {kind} is due here");
        self.report("empty-value", message, at.key, &at.path).help = Some(help);
    }

    fn object(&mut self, schema: &Schema, owner: &str, node: &Node, at: &At) {
        let Value::Mapping(mapping) = &node.value else {
            return self.not_a_map(schema, owner, node, at);
        };
        // The alternatives of a flattened type are further keys, of which exactly one is due.
        let kinds = alternatives(schema);
        let before = self.found.list.len();
        let mut properties: Vec<(&str, &Schema)> = value::properties(schema);
        properties.extend(kinds.iter().flat_map(|kind| value::properties(kind)));
        for (key, entry) in mapping {
            match properties.iter().find(|(name, _)| name == key) {
                None => self.unknown_key(&properties, owner, key, entry, &at.path),
                // Empty means the default; whether there is one, the search for missing keys tells.
                Some(_) if entry.node.value == Value::Null => {}
                Some((_, property)) => self.node(property, owner, &entry.node, &at.entry(key, entry)),
            }
        }
        for key in value::required(schema) {
            if !is_written(mapping, key) {
                self.missing_key(schema, owner, key, at);
            }
        }
        if !kinds.is_empty() {
            let unknown = self.found.list.len() > before;
            self.exactly_one(&value::discriminators(&kinds), owner, mapping, at, unknown);
        }
    }

    fn unknown_key(&mut self, properties: &[(&str, &Schema)], owner: &str, key: &str, entry: &Entry, path: &Path) {
        let kind = value::noun(owner);
        let path = path.key(key);
        if let Some(advice) = later::key(owner, key) {
            let message = format!("`{key}` is part of the language but not of this release: {}", advice.why);
            self.report("not-yet-implemented", message, &entry.key, &path).help = Some(advice.instead.to_owned());
            return;
        }
        let names: Vec<&str> = properties.iter().map(|(name, _)| *name).collect();
        let help = match (nearest(key, names.iter().copied()), value::owners_of(key)) {
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, owners) if !owners.is_empty() => format!("`{key}` is a key of {}", owners.join(", of ")),
            _ => format!("{kind} has the keys {}", value::listed(&names, "and")),
        };
        self.report("unknown-key", format!("{kind} has no key `{key}`"), &entry.key, &path).help = Some(help);
    }

    fn missing_key(&mut self, schema: &Schema, owner: &str, key: &str, at: &At) {
        let example = value::example(&schema["properties"][key]).map(|example| format!("write for example `{key}: {example}`"));
        let message = format!("{} needs the key `{key}`", value::noun(owner));
        self.report("missing-key", message, at.key, &at.path.key(key)).help = example;
    }

    /// Exactly one of these keys is due.
    fn exactly_one(&mut self, keys: &[&str], owner: &str, mapping: &Mapping, at: &At, unknown: bool) -> Option<usize> {
        let written: Vec<usize> = (0..keys.len()).filter(|index| is_written(mapping, keys[*index])).collect();
        let kind = value::noun(owner);
        match written[..] {
            [one] => return Some(one),
            // A misspelt kind is told already.
            [] if unknown => {}
            [] => {
                let message = format!("{kind} needs one of the keys {}", value::listed(keys, "or"));
                self.report("missing-key", message, at.key, &at.path);
            }
            [first, second, ..] => {
                let mut pair = [keys[first], keys[second]];
                pair.sort_by_key(|key| mapping[*key].key.spot().map(|spot| (spot.source, spot.line, spot.column)));
                let [first, second] = pair;
                let related = mapping[first].key.spot().map(|spot| self.sources.place(spot));
                let message = format!("`{first}` and `{second}` exclude each other: {kind} has one of them");
                let diagnostic = self.report("one-of", message, &mapping[second].key, &at.path.key(second));
                let replaced = matches!(mapping[second].key, Origin::Variant(..)) || matches!(mapping[first].key, Origin::Variant(..));
                let help = if replaced { "a variant changes what is there: remove what it replaces with `: null`" } else { "remove one" };
                diagnostic.help = Some(help.to_owned());
                diagnostic.related.extend(related.map(|place| (format!("`{first}` is written here"), place)));
            }
        }
        None
    }

    fn one_of(&mut self, alternatives: &[&Schema], owner: &str, node: &Node, at: &At) {
        let fits = |wanted: &Schema| value::fits(resolved(wanted, owner).0, node);
        let fitting: Vec<&&Schema> = alternatives.iter().filter(|wanted| fits(wanted)).collect();
        let inner_owner = |wanted: &&Schema| if alternatives.len() == 1 { resolved(wanted, owner).1.to_owned() } else { owner.to_owned() };
        match (&fitting[..], &node.value) {
            ([only], _) if value::discriminators(alternatives).len() < 2 => self.node(only, owner, node, at),
            ([_, ..], Value::Mapping(mapping)) => self.kind_of_map(&fitting, owner, mapping, node, at),
            ([only, ..], _) => self.node(only, &inner_owner(only), node, at),
            ([], _) => {
                let nouns: Vec<String> = alternatives.iter().map(|wanted| value::wanted(wanted, owner)).collect();
                let same = nouns.windows(2).all(|pair| pair[0] == pair[1]);
                let noun = if same && nouns.len() > 1 { format!("{} (a map)", value::noun(owner)) } else { nouns.join(" or ") };
                self.wrong_type(&noun, node, at);
            }
        }
    }

    /// A map that is one of several types, known by the one key that each of them requires.
    fn kind_of_map(&mut self, fitting: &[&&Schema], owner: &str, mapping: &Mapping, node: &Node, at: &At) {
        let schemas: Vec<&Schema> = fitting.iter().map(|schema| **schema).collect();
        let keys = value::discriminators(&schemas);
        if keys.iter().any(|key| is_written(mapping, key)) {
            if let Some(index) = self.exactly_one(&keys, owner, mapping, at, false) {
                self.node(schemas[index], owner, node, at);
            }
            return;
        }
        // No kind is named. A key that is no key of any kind is the better message.
        let properties: Vec<(&str, &Schema)> = schemas.iter().flat_map(|schema| value::properties(resolved(schema, owner).0)).collect();
        let before = self.found.list.len();
        for (key, entry) in mapping.iter().filter(|(key, _)| properties.iter().all(|(name, _)| name != key)) {
            let kinds: Vec<(&str, &Schema)> = properties.iter().copied().filter(|(name, _)| keys.contains(name)).collect();
            self.unknown_key(&kinds, owner, key, entry, &at.path);
        }
        let unknown = self.found.list.len() > before;
        self.exactly_one(&keys, owner, mapping, at, unknown);
    }
}

/// Written with a value.
fn is_written(mapping: &Mapping, key: &str) -> bool {
    mapping.get(key).is_some_and(|entry| entry.node.value != Value::Null)
}
