//! Reads values of a manifest where they stand: each with its path and place, its mistakes told, its misspelt keys found.
//!
//! Owns how a field is looked up and typed; what a field means is the readers' of the kinds.

use super::notes::Notes;
use crate::model::mesh::{Labels, Written};
use crate::model::tree::{Entry, Mapping, Node, Origin, Path, Segment, Value};

/// A value and where it stands.
#[derive(Clone)]
pub(super) struct At<'n> {
    pub node: &'n Node,
    pub path: Path,
    key: Option<&'n Origin>,
}

static NOTHING: Mapping = Mapping::new();

impl<'n> At<'n> {
    pub(super) fn new(node: &'n Node, path: Path) -> At<'n> {
        At { node, path, key: None }
    }

    /// The place to point at: that of a scalar itself, of anything else its key's.
    pub(super) fn origin(&self) -> Origin {
        let written = matches!(self.node.value, Value::Bool(_) | Value::Number(_) | Value::String(_));
        let key = self.key.filter(|_| !written).or_else(|| self.node.first_key().filter(|_| !written));
        key.unwrap_or(&self.node.origin).clone()
    }

    pub(super) fn written<T>(&self, value: T) -> Written<T> {
        Written::new(value, self.origin())
    }

    pub(super) fn is_null(&self) -> bool {
        self.node.value == Value::Null
    }

    /// The last key of the path: what messages call it.
    pub(super) fn name(&self) -> String {
        let key = self.path.0.iter().rev().find_map(|segment| match segment {
            Segment::Key(name) => Some(name.as_str()),
            Segment::Index(_) => None,
        });
        match self.path.0.last() {
            Some(Segment::Index(_)) => format!("an entry of `{}`", key.unwrap_or("the list")),
            _ => format!("`{}`", key.unwrap_or("the object")),
        }
    }

    fn due(&self, notes: &mut Notes, what: &str) {
        let message = format!("{} takes {what}, not {}", self.name(), self.node.kind());
        let help = match (&self.node.value, what) {
            (Value::Number(_) | Value::Bool(_), "a text") => "put it in quotes".to_owned(),
            (Value::String(text), "a whole number" | "a number" | "true or false") => {
                format!("write `{text}` without quotes, if it is one")
            }
            _ => format!("write {what}"),
        };
        notes.error("wrong-type", self, message, help);
    }

    pub(super) fn fields(&self, notes: &mut Notes) -> Fields<'n> {
        let mapping = match &self.node.value {
            Value::Mapping(mapping) => mapping,
            _ => {
                self.due(notes, "a map");
                &NOTHING
            }
        };
        let snake = mapping.keys().any(|key| key.contains('_'));
        Fields { at: self.clone(), mapping, snake, known: Vec::new() }
    }

    /// The entries of a list, those that are null included.
    pub(super) fn list(&self, notes: &mut Notes) -> Vec<At<'n>> {
        match &self.node.value {
            Value::Sequence(list) => {
                let at = |(index, node)| At { node, path: self.path.index(index), key: None };
                list.iter().enumerate().map(at).collect()
            }
            Value::Null => Vec::new(),
            _ => {
                self.due(notes, "a list");
                Vec::new()
            }
        }
    }

    /// The entries of a map of the user's own keys.
    pub(super) fn entries(&self, notes: &mut Notes) -> Vec<(&'n str, At<'n>)> {
        match &self.node.value {
            Value::Mapping(mapping) => mapping.iter().map(|(key, entry)| (key.as_str(), self.inside(key, entry))).collect(),
            Value::Null => Vec::new(),
            _ => {
                self.due(notes, "a map");
                Vec::new()
            }
        }
    }

    fn inside(&self, key: &str, entry: &'n Entry) -> At<'n> {
        At { node: &entry.node, path: self.path.key(key), key: Some(&entry.key) }
    }

    pub(super) fn text(&self, notes: &mut Notes) -> Option<&'n str> {
        match &self.node.value {
            Value::String(text) => Some(text),
            _ => {
                self.due(notes, "a text");
                None
            }
        }
    }

    pub(super) fn texts(&self, notes: &mut Notes) -> Vec<(At<'n>, &'n str)> {
        let list = self.list(notes);
        list.into_iter().filter_map(|at| at.text(notes).map(|text| (at, text))).collect()
    }

    /// A map from text to text, as labels are.
    pub(super) fn labels(&self, notes: &mut Notes) -> Labels {
        let entries = self.entries(notes);
        let text = |(key, at): (&str, At)| match &at.node.value {
            Value::Null => Some((key.to_owned(), String::new())),
            _ => at.text(notes).map(|value| (key.to_owned(), value.to_owned())),
        };
        entries.into_iter().filter_map(text).collect()
    }

    pub(super) fn bool(&self, notes: &mut Notes) -> Option<bool> {
        match &self.node.value {
            Value::Bool(value) => Some(*value),
            // Kubernetes reads YAML 1.1, in which these are no texts.
            Value::String(text) if matches!(text.as_str(), "yes" | "Yes" | "on" | "On") => Some(true),
            Value::String(text) if matches!(text.as_str(), "no" | "No" | "off" | "Off") => Some(false),
            _ => {
                self.due(notes, "true or false");
                None
            }
        }
    }

    pub(super) fn int(&self, notes: &mut Notes) -> Option<i64> {
        match &self.node.value {
            Value::Number(text) => match text.parse::<f64>() {
                Ok(number) if number == number.trunc() && number.abs() < 9e15 => Some(number as i64),
                _ => {
                    self.due(notes, "a whole number");
                    None
                }
            },
            _ => {
                self.due(notes, "a whole number");
                None
            }
        }
    }

    /// A whole number within bounds; outside of them it is refused and the nearest bound stands in.
    pub(super) fn int_in(&self, notes: &mut Notes, least: i64, most: i64) -> Option<i64> {
        let number = self.int(notes)?;
        if number < least || number > most {
            let message = match most {
                MOST => format!("{} cannot be negative, as {number} is", self.name()),
                _ => format!("{} is from {least} to {most}, not {number}", self.name()),
            };
            notes.error("out-of-range", self, message, format!("write a number from {least} to {most}"));
        }
        Some(number.clamp(least, most))
    }

    /// A number of proto type `uint32`, or of `int32` that Istio lets not be negative.
    pub(super) fn count(&self, notes: &mut Notes) -> Option<u32> {
        self.int_in(notes, 0, MOST).map(|number| number as u32)
    }

    pub(super) fn float(&self, notes: &mut Notes) -> Option<f64> {
        match &self.node.value {
            Value::Number(text) => text.parse().ok(),
            _ => {
                self.due(notes, "a number");
                None
            }
        }
    }

    /// One of some words. The JSON of protobuf takes their numbers too.
    pub(super) fn word<T: Copy>(&self, notes: &mut Notes, words: &[(&str, i64, T)]) -> Option<T> {
        let found = match &self.node.value {
            Value::String(text) => words.iter().find(|(word, ..)| word == text),
            Value::Number(text) => words.iter().find(|(_, number, _)| text.parse() == Ok(*number)),
            _ => None,
        };
        if found.is_none() {
            let names: Vec<String> = words.iter().map(|(word, ..)| format!("`{word}`")).collect();
            let message = format!("{} is one of {}", self.name(), names.join(", "));
            let near = match &self.node.value {
                Value::String(text) => crate::base::diagnostic::nearest(text, words.iter().map(|(word, ..)| *word)),
                _ => None,
            };
            let help = near.map_or("write one of them".to_owned(), |near| format!("did you mean `{near}`?"));
            notes.error("unknown-value", self, message, help);
        }
        found.map(|(_, _, value)| *value)
    }
}

/// The largest number of an `int32`.
pub(super) const MOST: i64 = i32::MAX as i64;

/// The fields of an object: each is looked up once, and what nobody looked up is told in the end.
pub(super) struct Fields<'n> {
    pub at: At<'n>,
    mapping: &'n Mapping,
    snake: bool,
    known: Vec<&'static str>,
}

impl<'n> Fields<'n> {
    /// A field that is written, with null standing for absent as in the JSON of protobuf.
    pub(super) fn get(&mut self, notes: &mut Notes, name: &'static str) -> Option<At<'n>> {
        self.entry(notes, name).filter(|at| !at.is_null())
    }

    /// A field that is written, perhaps as null.
    pub(super) fn entry(&mut self, notes: &mut Notes, name: &'static str) -> Option<At<'n>> {
        self.known.push(name);
        if let Some(entry) = self.mapping.get(name) {
            return Some(self.at.inside(name, entry));
        }
        if !self.snake {
            return None;
        }
        let (key, entry) = self.mapping.iter().find(|(key, _)| key.contains('_') && camel(key) == name)?;
        let at = self.at.inside(key, entry);
        let message = format!("`{key}` is the name of the field in protobuf; a manifest calls it `{name}`");
        notes.warning("snake-case-field", &at, message, format!("write `{name}`: an API server that checks fields drops the other"));
        Some(at)
    }

    /// Fields that belong here and mean nothing to us.
    pub(super) fn ignores(&mut self, names: &[&'static str]) {
        self.known.extend(names);
    }

    pub(super) fn text(&mut self, notes: &mut Notes, name: &'static str) -> Option<Written<String>> {
        let at = self.get(notes, name)?;
        at.text(notes).map(|text| at.written(text.to_owned()))
    }

    /// A text in which empty and absent are one, as in protobuf.
    pub(super) fn word(&mut self, notes: &mut Notes, name: &'static str) -> Option<String> {
        self.text(notes, name).map(|text| text.value).filter(|text| !text.is_empty())
    }

    pub(super) fn bool(&mut self, notes: &mut Notes, name: &'static str) -> Option<bool> {
        self.get(notes, name)?.bool(notes)
    }

    pub(super) fn list(&mut self, notes: &mut Notes, name: &'static str) -> Vec<At<'n>> {
        self.get(notes, name).map_or_else(Vec::new, |at| at.list(notes))
    }

    pub(super) fn labels(&mut self, notes: &mut Notes, name: &'static str) -> Labels {
        self.get(notes, name).map_or_else(Labels::new, |at| at.labels(notes))
    }

    /// A number in which 0 and absent are one, as in protobuf without a wrapper.
    pub(super) fn count(&mut self, notes: &mut Notes, name: &'static str) -> Option<Written<u32>> {
        let at = self.get(notes, name)?;
        at.count(notes).filter(|count| *count > 0).map(|count| at.written(count))
    }

    /// Tells the fields that nobody looked up.
    pub(super) fn finish(self, notes: &mut Notes) {
        for (key, entry) in self.mapping {
            let known = |name: &&str| *name == key || key.contains('_') && camel(key) == *name;
            if self.known.iter().any(known) {
                continue;
            }
            let near = crate::base::diagnostic::nearest(key, self.known.iter().copied());
            let at = At { key: None, ..self.at.inside(key, entry) };
            let message = format!("{} has no field `{key}`: it is dropped", self.at.name());
            let help = near.map_or("remove it".to_owned(), |near| format!("did you mean `{near}`?"));
            notes.unread(&entry.key, &at.path, message, help);
        }
    }
}

/// The name in JSON of a field of protobuf: `consecutive_5xx_errors` is `consecutive5xxErrors`.
pub(super) fn camel(snake: &str) -> String {
    let mut camel = String::with_capacity(snake.len());
    let mut raise = false;
    for c in snake.chars() {
        match c {
            '_' => raise = true,
            _ if raise => (raise, _) = (false, camel.push(c.to_ascii_uppercase())),
            _ => camel.push(c),
        }
    }
    camel
}

#[cfg(test)]
mod tests {
    use super::camel;

    #[test]
    fn names_of_protobuf_become_those_of_json() {
        for (snake, name) in [
            ("consecutive_5xx_errors", "consecutive5xxErrors"),
            ("http2_max_requests", "http2MaxRequests"),
            ("h2_upgrade_policy", "h2UpgradePolicy"),
            ("per_try_timeout", "perTryTimeout"),
            ("timeout", "timeout"),
        ] {
            assert_eq!(camel(snake), name);
        }
    }
}
