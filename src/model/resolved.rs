//! A model with every default filled in, as YAML that reads back to the same model; each written value tells where from.

use super::load::{Loaded, origin_in_words};
use super::name::quoted;
use super::tree::{self, Node};
use serde_json::Value;
use std::fmt::Write;

/// The whole model, with the origin of every value as a comment: `file:line`, `variant NAME`, `--set` or `default`.
pub fn yaml(loaded: &Loaded) -> String {
    let value = serde_json::to_value(&loaded.model).unwrap_or(Value::Null);
    let mut text = String::from("# Every value of the model, defaults included, and where it comes from.\n");
    if let Value::Object(map) = &value {
        for (key, value) in map {
            if key == "mesh" && !loaded.model.imported.changed.is_empty() {
                changed_mesh(loaded, &mut text, value);
                continue;
            }
            entry(loaded, &mut text, 0, key, value, &quoted(key));
        }
    }
    text
}

/// The mesh with what the model changes of its manifests' objects.
fn changed_mesh(loaded: &Loaded, text: &mut String, value: &Value) {
    text.push_str("mesh:\n");
    for (key, value) in value.as_object().into_iter().flatten() {
        entry(loaded, text, 1, key, value, &format!("mesh.{}", quoted(key)));
    }
    for (name, change) in &loaded.model.imported.changed {
        let _ = write!(text, "  {}:", scalar(&Value::String(name.clone())));
        patch(loaded, text, 1, change);
    }
}

/// A patch as it is written: its nulls take something away.
fn patch(loaded: &Loaded, text: &mut String, depth: usize, node: &Node) {
    match &node.value {
        tree::Value::Mapping(mapping) if !mapping.is_empty() => {
            text.push('\n');
            for (key, entry) in mapping {
                let _ = write!(text, "{}{}:", "  ".repeat(depth + 1), scalar(&Value::String(key.clone())));
                patch(loaded, text, depth + 1, &entry.node);
            }
        }
        tree::Value::Sequence(list) if !list.is_empty() => {
            text.push('\n');
            for item in list {
                let _ = write!(text, "{}-", "  ".repeat(depth + 1));
                patch(loaded, text, depth + 1, item);
            }
        }
        _ => {
            let _ = writeln!(text, " {}  # {}", scalar(&node.to_json()), origin_in_words(&loaded.sources, &node.origin));
        }
    }
}

fn entry(loaded: &Loaded, text: &mut String, depth: usize, key: &str, value: &Value, path: &str) {
    let indent = "  ".repeat(depth);
    let _ = write!(text, "{indent}{}:", scalar(&Value::String(key.to_string())));
    inner(loaded, text, depth, value, path);
}

/// What follows a key or a dash.
fn inner(loaded: &Loaded, text: &mut String, depth: usize, value: &Value, path: &str) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            text.push('\n');
            for (key, value) in map {
                entry(loaded, text, depth + 1, key, value, &format!("{path}.{}", quoted(key)));
            }
        }
        Value::Array(list) if !list.is_empty() => {
            text.push('\n');
            for (index, value) in list.iter().enumerate() {
                let _ = write!(text, "{}-", "  ".repeat(depth + 1));
                inner(loaded, text, depth + 1, value, &format!("{path}[{index}]"));
            }
        }
        leaf => {
            let _ = writeln!(text, " {}  # {}", scalar(leaf), loaded.origin(path));
        }
    }
}

/// A leaf as JSON writes it, which is YAML too: texts are always quoted, so that none can be taken for something else.
fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) if is_plain(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A word that YAML can only take for a text.
fn is_plain(text: &str) -> bool {
    let first_is_letter = text.chars().next().is_some_and(|c| c.is_ascii_alphabetic());
    let words = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];
    first_is_letter
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c))
        && !words.contains(&text.to_lowercase().as_str())
}
