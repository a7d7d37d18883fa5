//! What every object has: kind, name, namespace, labels.

use super::cursor::At;
use super::notes::Notes;
use crate::model::mesh::{ExportTo, Labels, Meta};
use crate::model::tree::Value;

/// Where an object without a namespace is.
const DEFAULT: &str = "default";

/// Reads `metadata`; an object has to have a name (or the beginning of one).
pub(super) fn read(notes: &mut Notes, kind: &'static str, object: &At) -> Meta {
    let mut fields = object.fields(notes);
    let metadata = fields.get(notes, "metadata");
    let mut meta = Meta {
        kind,
        name: String::new(),
        namespace: DEFAULT.to_owned(),
        labels: Labels::new(),
        annotations: Labels::new(),
        created: None,
        origin: object.origin(),
    };
    if let Some(at) = &metadata {
        let mut inner = at.fields(notes);
        let name = inner.text(notes, "name").or(inner.text(notes, "generateName"));
        if let Some(name) = name {
            (meta.name, meta.origin) = (name.value, name.origin);
        }
        if let Some(namespace) = inner.word(notes, "namespace") {
            meta.namespace = namespace;
        }
        meta.labels = loose(inner.get(notes, "labels"));
        meta.annotations = loose(inner.get(notes, "annotations"));
        meta.created = inner.get(notes, "creationTimestamp").and_then(|at| match &at.node.value {
            Value::String(text) => Some(text.clone()),
            _ => None,
        });
    }
    if meta.name.is_empty() {
        let at = metadata.as_ref().unwrap_or(object);
        notes.error("missing-field", at, format!("a {kind} needs a name"), "write `metadata: {name: …}`");
    }
    meta
}

/// Labels and annotations of the object itself: what is no text there is the API server's affair.
fn loose(at: Option<At>) -> Labels {
    let Some(mapping) = at.as_ref().and_then(|at| at.node.mapping()) else { return Labels::new() };
    let text = |value: &Value| match value {
        Value::String(text) | Value::Number(text) => text.clone(),
        Value::Bool(value) => value.to_string(),
        _ => String::new(),
    };
    mapping.iter().map(|(key, entry)| (key.clone(), text(&entry.node.value))).collect()
}

pub(super) fn export(text: &str) -> ExportTo {
    match text {
        "*" => ExportTo::All,
        "." => ExportTo::Own,
        "~" => ExportTo::Nobody,
        namespace => ExportTo::Namespace(namespace.to_owned()),
    }
}
