//! The tree of a model text: values that know where they come from, before they mean anything.

use super::name::quoted;
use super::source::{SourceId, Spot};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A value and where it comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub value: Value,
    pub origin: Origin,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    /// A decimal number in its own digits.
    Number(String),
    String(String),
    Sequence(Vec<Node>),
    Mapping(Mapping),
}

/// Values by key. Sorted: the order of a file means nothing.
pub type Mapping = BTreeMap<String, Entry>;

#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Where the key is written.
    pub key: Origin,
    pub node: Node,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Origin {
    File(Spot),
    Variant(Arc<str>, Spot),
    /// The n-th `--set`, counted from 0; the spot is in its text.
    Set(usize, Spot),
    /// Written nowhere.
    Default,
}

impl Origin {
    pub fn spot(&self) -> Option<Spot> {
        match self {
            Origin::File(spot) | Origin::Variant(_, spot) | Origin::Set(_, spot) => Some(*spot),
            Origin::Default => None,
        }
    }

    pub fn source(&self) -> Option<SourceId> {
        self.spot().map(|spot| spot.source)
    }
}

/// A path through a tree: `services.orders.endpoints.place[2].call`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path(pub Vec<Segment>);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Segment {
    Key(String),
    Index(usize),
}

impl Node {
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::String(_) => "a text",
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a map",
        }
    }

    pub fn mapping(&self) -> Option<&Mapping> {
        match &self.value {
            Value::Mapping(mapping) => Some(mapping),
            _ => None,
        }
    }

    pub fn get(&self, key: &str) -> Option<&Node> {
        self.mapping()?.get(key).map(|entry| &entry.node)
    }

    /// The node at the very path.
    pub fn get_mut(&mut self, path: &Path) -> Option<&mut Node> {
        let mut node = self;
        for segment in &path.0 {
            node = match (segment, &mut node.value) {
                (Segment::Key(name), Value::Mapping(mapping)) => &mut mapping.get_mut(name)?.node,
                (Segment::Index(index), Value::Sequence(list)) => list.get_mut(*index)?,
                _ => return None,
            };
        }
        Some(node)
    }

    /// The node at a path, or its nearest ancestor that exists: a scalar by its own place, a collection by its key's.
    pub fn origin_of(&self, path: &Path) -> &Origin {
        let (mut node, mut key) = (self, None);
        for segment in &path.0 {
            let next = match (segment, &node.value) {
                (Segment::Key(name), Value::Mapping(mapping)) => mapping.get(name).map(|entry| (&entry.node, Some(&entry.key))),
                (Segment::Index(index), Value::Sequence(list)) => list.get(*index).map(|node| (node, None)),
                _ => None,
            };
            let Some(found) = next else { break };
            (node, key) = found;
        }
        match (&node.value, key) {
            (Value::Mapping(_) | Value::Sequence(_) | Value::Null, Some(key)) => key,
            (Value::Mapping(_), None) => node.first_key().unwrap_or(&node.origin),
            _ => &node.origin,
        }
    }

    /// The origin of the very value at the path, if it is written.
    pub fn written(&self, path: &Path) -> Option<&Origin> {
        let mut node = self;
        for segment in &path.0 {
            node = match (segment, &node.value) {
                (Segment::Key(name), Value::Mapping(mapping)) => &mapping.get(name)?.node,
                (Segment::Index(index), Value::Sequence(list)) => list.get(*index)?,
                _ => return None,
            };
        }
        Some(&node.origin)
    }

    /// Puts a value where nothing is written, into a map that is there.
    pub fn give(&mut self, path: &Path, given: Node) {
        let Some((Segment::Key(last), before)) = path.0.split_last() else { return };
        let mut node = self;
        for segment in before {
            let (Segment::Key(name), Value::Mapping(mapping)) = (segment, &mut node.value) else { return };
            let Some(entry) = mapping.get_mut(name) else { return };
            node = &mut entry.node;
        }
        if let Value::Mapping(mapping) = &mut node.value {
            mapping.entry(last.clone()).or_insert(Entry { key: given.origin.clone(), node: given });
        }
    }

    /// Where the last key of a path is written.
    pub fn key_of(&self, path: &Path) -> Option<&Origin> {
        let (mut node, mut key) = (self, None);
        for segment in &path.0 {
            (node, key) = match (segment, &node.value) {
                (Segment::Key(name), Value::Mapping(mapping)) => mapping.get(name).map(|entry| (&entry.node, Some(&entry.key)))?,
                (Segment::Index(index), Value::Sequence(list)) => list.get(*index).map(|node| (node, None))?,
                _ => return None,
            };
        }
        key
    }

    /// Where the first key of a map is written: a better place to point at than its bracket.
    pub fn first_key(&self) -> Option<&Origin> {
        let keys = self.mapping()?.values().map(|entry| &entry.key);
        keys.min_by_key(|key| key.spot().map(|spot| (spot.source, spot.line, spot.column)))
    }

    /// As plain JSON, for serde. Keys without a value are left out: they take their default.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match &self.value {
            Value::Null => Json::Null,
            Value::Bool(value) => Json::Bool(*value),
            Value::Number(text) => text.parse().map(Json::Number).unwrap_or_else(|_| Json::String(text.clone())),
            Value::String(text) => Json::String(text.clone()),
            Value::Sequence(list) => Json::Array(list.iter().map(Node::to_json).collect()),
            Value::Mapping(mapping) => {
                let written = mapping.iter().filter(|(_, entry)| entry.node.value != Value::Null);
                Json::Object(written.map(|(key, entry)| (key.clone(), entry.node.to_json())).collect())
            }
        }
    }
}

impl Path {
    pub const ROOT: Path = Path(Vec::new());

    /// Reads a path: names with dots stand in quotes, and `[2]` indexes a list.
    pub fn parse(text: &str) -> Option<Path> {
        let mut segments = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            if let Some(inside) = rest.strip_prefix('[') {
                let (index, after) = inside.split_once(']')?;
                segments.push(Segment::Index(index.parse().ok()?));
                rest = after;
            } else {
                let (name, after) = name_segment(rest)?;
                segments.push(Segment::Key(name));
                rest = after;
            }
            rest = match rest.strip_prefix('.') {
                Some("") => return None,
                Some(after) => after,
                None if rest.is_empty() || rest.starts_with('[') => rest,
                None => return None,
            };
        }
        Some(Path(segments))
    }

    pub fn key(&self, name: &str) -> Path {
        self.with(Segment::Key(name.to_owned()))
    }

    pub fn index(&self, index: usize) -> Path {
        self.with(Segment::Index(index))
    }

    fn with(&self, segment: Segment) -> Path {
        let mut segments = self.0.clone();
        segments.push(segment);
        Path(segments)
    }
}

/// A bare or quoted name at the start of a text, and what follows it.
fn name_segment(text: &str) -> Option<(String, &str)> {
    let Some(inside) = text.strip_prefix('"') else {
        let len = text.find(['.', '[']).unwrap_or(text.len());
        return (len > 0).then(|| (text[..len].to_owned(), &text[len..]));
    };
    let (mut name, mut escaped) = (String::new(), false);
    for (index, c) in inside.char_indices() {
        match c {
            _ if escaped => (escaped, _) = (false, name.push(c)),
            '\\' => escaped = true,
            '"' => return Some((name, &inside[index + 1..])),
            _ => name.push(c),
        }
    }
    None
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Index(index) => write!(f, "[{index}]")?,
                Segment::Key(name) if position == 0 => f.write_str(&quoted(name))?,
                Segment::Key(name) => write!(f, ".{}", quoted(name))?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_read_and_print_back() {
        for text in ["services.orders.endpoints.place[2].call", "services.\"orders.prod\".replicas", "a[0][1].b", "network.zones.a-b", ""] {
            assert_eq!(Path::parse(text).unwrap().to_string(), text);
        }
        for text in ["a.", ".a", "a..b", "a[x]", "a[0]b", "\"a", "a[0"] {
            assert_eq!(Path::parse(text), None, "{text}");
        }
    }
}
