//! Single values against the schema, and what the schema says in words.

use super::{At, Check};
use crate::model::schema::{alternatives, resolved, schema};
use crate::model::source::Spot;
use crate::model::tree::{Node, Origin, Value};
use crate::model::{later, scalar};
use serde_json::Value as Schema;

impl Check<'_> {
    /// Whether a value is to be read by one of our own parsers; collections never are.
    pub(super) fn is_scalar(&mut self, schema: &Schema, node: &Node, _at: &At) -> bool {
        let ours = schema["format"].as_str().is_some_and(|format| scalar::check(format, "").is_some());
        ours && !matches!(node.value, Value::Sequence(_) | Value::Mapping(_) | Value::Null)
    }

    /// A text with a grammar of its own.
    pub(super) fn scalar(&mut self, format: &str, written: &Schema, node: &Node, at: &At) {
        let text = text_of(node);
        match scalar::check(format, &text) {
            Some(Err(error)) => {
                let code = match &error.message {
                    message if message.contains("has no unit") => "missing-unit",
                    message if message.contains("not of this release") => "not-yet-implemented",
                    _ => "bad-value",
                };
                let origin = inside(&node.origin, &text, error.at, error.len);
                self.report(code, error.message, &origin, &at.path);
            }
            _ => self.in_range(written, node, at),
        }
    }

    /// One of a list of words.
    pub(super) fn word(&mut self, words: &[&str], owner: &str, node: &Node, at: &At) {
        let text = text_of(node);
        let is_text = matches!(node.value, Value::String(_));
        if is_text && words.contains(&text.as_str()) {
            return;
        }
        if let Some(advice) = later::value(owner, &text).filter(|_| is_text) {
            let message = format!("`{text}` is part of the language but not of this release: {}", advice.why);
            self.report("not-yet-implemented", message, &node.origin, &at.path).help = Some(advice.instead.to_owned());
            return;
        }
        if matches!(node.value, Value::Sequence(_) | Value::Mapping(_)) {
            return self.wrong_type(&listed(words, "or"), node, at);
        }
        let help = match crate::base::diagnostic::nearest(&text, words.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("use {}", listed(words, "or")),
        };
        let message = match at.last_key() {
            Some(_) => format!("`{text}` is not a value of {}", at.name()),
            None => format!("`{text}` is not {}", noun(owner)),
        };
        self.report("unknown-value", message, &node.origin, &at.path).help = Some(help);
    }

    /// A text, number or truth.
    pub(super) fn simple(&mut self, due: &str, schema: &Schema, node: &Node, at: &At) {
        match (due, &node.value) {
            ("text", Value::String(_)) | ("truth", Value::Bool(_)) => {}
            ("number", Value::Number(_)) => self.in_range(schema, node, at),
            ("whole number", Value::Number(text)) if !text.contains('.') => self.in_range(schema, node, at),
            ("whole number", _) => self.wrong_type("a whole number", node, at),
            ("number", _) => self.wrong_type("a number", node, at),
            ("truth", _) => self.wrong_type("`true` or `false`", node, at),
            _ => self.wrong_type("a text", node, at),
        }
    }

    fn in_range(&mut self, schema: &Schema, node: &Node, at: &At) {
        let Value::Number(text) = &node.value else { return };
        let number: f64 = text.parse().unwrap_or(f64::NAN);
        let (least, most) = range(schema);
        let bound = match number {
            _ if least.is_some_and(|least| number < least) => format!("at least {}", plain_number(least.unwrap_or(0.0))),
            _ if most.is_some_and(|most| number > most) => format!("at most {}", plain_number(most.unwrap_or(0.0))),
            _ => return,
        };
        let message = format!("{} has to be {bound}, not {text}", at.name());
        self.report("out-of-range", message, &node.origin, &at.path);
    }

    /// Something else where a type with keys is due: told how the one key that it needs is written, if there is one.
    pub(super) fn not_a_map(&mut self, schema: &Schema, owner: &str, node: &Node, at: &At) {
        if at.path.0.is_empty() {
            let found = match &node.value {
                Value::Null => "this file is empty".to_owned(),
                Value::String(text) if text.chars().count() <= 40 => format!("this is the text `{text}`"),
                _ => format!("this is {}", node.kind()),
            };
            let help = "it has keys such as `duration: 1m`, `clients: {…}` and `services: {…}`";
            self.report("no-model", format!("{found}, not a model"), &node.origin, &at.path).help = Some(help.to_owned());
            return;
        }
        let due = if at.last_key().is_some_and(|key| noun(owner).ends_with(&format!(" {}", key.to_lowercase()))) {
            "a map".to_owned()
        } else {
            format!("{} (a map)", noun(owner))
        };
        let needed: Vec<&str> = required(schema).collect();
        let scalar = !matches!(node.value, Value::Sequence(_) | Value::Mapping(_) | Value::Null);
        let help = match (&needed[..], at.last_key(), properties(schema).first()) {
            ([only], Some(key), _) if scalar => Some(format!("write it like `{key}: {{{only}: {}}}`", text_of(node))),
            ([], Some(key), Some((first, _))) => Some(format!("write it like `{key}: {{{first}: …}}`")),
            _ => None,
        };
        self.wrong_type(&due, node, at);
        if let Some(last) = self.found.list.last_mut().filter(|last| last.help.is_none()) {
            last.help = help;
        }
    }

    pub(super) fn wrong_type(&mut self, due: &str, node: &Node, at: &At) {
        let origin = match node.value {
            Value::Mapping(_) | Value::Sequence(_) | Value::Null => at.key,
            _ => &node.origin,
        };
        let found = match &node.value {
            Value::String(text) if text.chars().count() <= 40 => format!("the text `{text}`"),
            Value::Number(text) => format!("the number {text}"),
            Value::Bool(value) => format!("`{value}`"),
            _ => node.kind().to_owned(),
        };
        let quotable = due == "a text" && matches!(node.value, Value::Number(_) | Value::Bool(_));
        let help = quotable.then(|| format!("put it in quotes: \"{}\"", text_of(node)));
        let message = format!("{} has to be {due}, not {found}", at.name());
        self.report("wrong-type", message, origin, &at.path).help = help;
    }
}

/// The words of an enumeration.
pub fn words<'a>(schema: &'a Schema, alternatives: &[&'a Schema]) -> Option<Vec<&'a str>> {
    if let Some(list) = schema["enum"].as_array() {
        return Some(list.iter().filter_map(Schema::as_str).collect());
    }
    let words: Vec<&str> = alternatives.iter().filter_map(|alternative| alternative["const"].as_str()).collect();
    (!words.is_empty() && words.len() == alternatives.len()).then_some(words)
}

/// What kind of value a schema without alternatives asks for.
pub fn due(schema: &Schema) -> &'static str {
    let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str());
    match kind {
        Some("object") => "map",
        Some("array") => "list",
        Some("integer") => "whole number",
        Some("number") => "number",
        Some("boolean") => "truth",
        _ => "text",
    }
}

/// Whether a node is of the kind that a schema asks for, whatever it holds.
pub fn fits(schema: &Schema, node: &Node) -> bool {
    if !schema["format"].is_null() && scalar::check(schema["format"].as_str().unwrap_or(""), "").is_some() {
        return !matches!(node.value, Value::Sequence(_) | Value::Mapping(_) | Value::Null);
    }
    let inner = alternatives(schema);
    if !inner.is_empty() && schema["type"].is_null() {
        return inner.iter().any(|schema| fits(resolved(schema, "").0, node));
    }
    match due(schema) {
        "map" => matches!(node.value, Value::Mapping(_)),
        "list" => matches!(node.value, Value::Sequence(_)),
        _ => !matches!(node.value, Value::Sequence(_) | Value::Mapping(_) | Value::Null),
    }
}

pub fn properties(schema: &Schema) -> Vec<(&str, &Schema)> {
    schema["properties"].as_object().into_iter().flatten().map(|(name, property)| (name.as_str(), property)).collect()
}

pub fn required(schema: &Schema) -> impl Iterator<Item = &str> {
    schema["required"].as_array().into_iter().flatten().filter_map(Schema::as_str)
}

/// The key by which each alternative is known: the first that it requires.
pub fn discriminators<'a>(alternatives: &[&'a Schema]) -> Vec<&'a str> {
    alternatives.iter().filter_map(|alternative| required(deref(alternative)).next()).collect()
}

fn deref(schema_at: &Schema) -> &Schema {
    match schema_at["$ref"].as_str().and_then(|reference| reference.strip_prefix("#/$defs/")) {
        Some(name) => &schema()["$defs"][name],
        None => schema_at,
    }
}

/// Which types have a key of this name: `timeout` belongs to a policy.
pub fn owners_of(key: &str) -> Vec<String> {
    let types = schema()["$defs"].as_object().into_iter().flatten();
    let mut owners: Vec<String> = types.filter(|(_, schema)| !schema["properties"][key].is_null()).map(|(name, _)| noun(name)).collect();
    owners.dedup();
    if owners.len() > 3 { Vec::new() } else { owners }
}

/// A type of the schema as a person would say it: `a service`.
pub fn noun(owner: &str) -> String {
    let words = match owner {
        "Document" => "model",
        "LongDeadline" => "deadline",
        "Freeze" => "fault of this kind",
        "CacheUse" => "cache step",
        "ConsecutiveBreaker" | "SlidingBreaker" => "circuit breaker",
        "ShareBudget" | "BucketBudget" => "budget",
        "LinkBetween" => "link",
        "PolicyPart" => "part of a policy",
        "ZoneLink" => "pair of zones",
        "Parallel" | "Repeat" | "Acquire" | "Fail" | "Spawn" => &format!("{owner}Step"),
        other => other,
    };
    let mut text = String::new();
    for c in words.chars() {
        if c.is_uppercase() && !text.is_empty() {
            text.push(' ');
        }
        text.extend(c.to_lowercase());
    }
    let article = if text.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {text}")
}

/// A value that would do, if the schema tells one.
pub fn example(property: &Schema) -> Option<String> {
    let own = |schema: &Schema| schema["examples"][0].as_str().map(str::to_owned);
    own(property).or_else(|| own(deref(property))).or_else(|| alternatives(deref(property)).into_iter().find_map(example))
}

/// What an alternative asks for, in words.
pub fn wanted(wanted: &Schema, owner: &str) -> String {
    let (schema, name) = resolved(wanted, owner);
    let kinds = discriminators(&alternatives(schema));
    if kinds.len() > 1 {
        return format!("{} (a map with {})", noun(name), listed(&kinds, "or"));
    }
    match (schema["examples"][0].as_str(), due(schema)) {
        (Some(example), _) => format!("a text such as `{example}`"),
        (None, "map") if name == owner => "a map".to_owned(),
        (None, "map") => format!("{} (a map)", noun(name)),
        (None, "list") => "a list".to_owned(),
        (None, due) => format!("a {due}"),
    }
}

/// `a`, `b` and `c`.
pub fn listed(words: &[&str], last: &str) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match &quoted[..] {
        [] => String::new(),
        [only] => only.clone(),
        [head @ .., tail] => format!("{} {last} {tail}", head.join(", ")),
    }
}

fn text_of(node: &Node) -> String {
    match &node.value {
        Value::String(text) | Value::Number(text) => text.clone(),
        Value::Bool(value) => value.to_string(),
        _ => String::new(),
    }
}

/// The origin narrowed to a part of the scalar; the whole if the text is not written as it reads.
fn inside(origin: &Origin, text: &str, at: usize, len: usize) -> Origin {
    let narrowed = |spot: Spot| {
        let chars = text.chars().count() as u32;
        let quote = match spot.len.checked_sub(chars) {
            Some(0) => 0,
            Some(2) => 1,
            _ => return spot,
        };
        let before = text.get(..at).map_or(0, |before| before.chars().count()) as u32;
        let part = text.get(at..at + len).map_or(0, |part| part.chars().count()) as u32;
        Spot { column: spot.column + quote + before, len: part.max(1), ..spot }
    };
    match origin {
        Origin::File(spot) => Origin::File(narrowed(*spot)),
        Origin::Variant(name, spot) => Origin::Variant(name.clone(), narrowed(*spot)),
        Origin::Set(index, spot) => Origin::Set(*index, narrowed(*spot)),
        Origin::Default => Origin::Default,
    }
}

/// The least and the largest number that a schema allows.
fn range(schema: &Schema) -> (Option<f64>, Option<f64>) {
    let by_type = match schema["format"].as_str() {
        Some("uint16") => Some(f64::from(u16::MAX)),
        Some("uint32") => Some(f64::from(u32::MAX)),
        Some("uint64") => Some(u64::MAX as f64),
        _ => None,
    };
    (schema["minimum"].as_f64(), schema["maximum"].as_f64().or(by_type))
}

fn plain_number(number: f64) -> String {
    let digits = number.to_string();
    if digits.len() <= 4 || digits.contains('.') {
        return digits;
    }
    // Groups of three: 100,000.
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap_or("")).collect();
    groups.join(",")
}
