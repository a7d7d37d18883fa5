//! The JSON Schema of model files, made from the types: for editors, and for our own check of a tree.

use super::spec::Document;
use super::tree::{Path, Segment};
use serde_json::{Value, json};
use std::sync::LazyLock;

static SCHEMA: LazyLock<Value> = LazyLock::new(build);

/// The schema of a model file (draft 2020-12).
pub fn schema() -> &'static Value {
    &SCHEMA
}

fn build() -> Value {
    let mut schema = schemars::schema_for!(Document).to_value();
    schema["title"] = json!("brownout model");
    schema["description"] =
        json!("A system of services, its load, what goes wrong, and what is expected: a complete, runnable experiment.");
    // Flattened types lose this on the way.
    schema["unevaluatedProperties"] = json!(false);
    schema["$defs"]["Fault"]["unevaluatedProperties"] = json!(false);
    schema
}

/// Follows a `$ref`, and tells the name of the type.
pub fn resolved<'a>(schema: &'a Value, owner: &'a str) -> (&'a Value, &'a str) {
    match schema["$ref"].as_str().and_then(|reference| reference.strip_prefix("#/$defs/")) {
        Some(name) => (&SCHEMA["$defs"][name], name),
        None => (schema, owner),
    }
}

/// The alternatives of a schema, `null` left out.
pub fn alternatives(schema: &Value) -> Vec<&Value> {
    let list = schema["anyOf"].as_array().or_else(|| schema["oneOf"].as_array());
    list.into_iter().flatten().filter(|alternative| alternative["type"] != "null").collect()
}

/// Whether the value at this path is a map of things that users name.
pub fn names_things(path: &Path) -> bool {
    let mut candidates = vec![schema()];
    for segment in &path.0 {
        candidates = candidates.into_iter().flat_map(unfolded).flat_map(|schema| inside(schema, segment)).collect();
    }
    candidates.into_iter().flat_map(unfolded).any(|schema| schema["additionalProperties"].is_object())
}

/// A schema with its references followed and its alternatives beside it.
fn unfolded(schema: &'static Value) -> Vec<&'static Value> {
    let (schema, _) = resolved(schema, "");
    let mut all = vec![schema];
    all.extend(alternatives(schema).into_iter().flat_map(unfolded));
    all
}

fn inside(schema: &'static Value, segment: &Segment) -> Option<&'static Value> {
    match segment {
        Segment::Index(_) => schema.get("items"),
        Segment::Key(name) => {
            schema["properties"].get(name).or_else(|| schema.get("additionalProperties").filter(|inner| inner.is_object()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_a_meaning() {
        let mut nameless = Vec::new();
        let types = schema()["$defs"].as_object().unwrap().iter().map(|(name, schema)| (name.as_str(), schema));
        for (owner, schema) in types.chain([("Document", schema())]) {
            for (key, property) in schema["properties"].as_object().into_iter().flatten() {
                if property["description"].is_null() {
                    nameless.push(format!("{owner}.{key}"));
                }
            }
        }
        assert!(nameless.is_empty(), "without a description: {nameless:?}");
    }

    #[test]
    fn maps_of_named_things_are_known_by_their_path() {
        for (path, names) in [
            ("services", true),
            ("services.a", false),
            ("services.a.pools", true),
            ("services.a.queue", false),
            ("services.a.endpoints", true),
            ("services.a.endpoints.get[0].choose", true),
            ("network.links", true),
            ("network", false),
            ("clients.a.target", true),
            ("policies.p.retry", false),
        ] {
            assert_eq!(names_things(&Path::parse(path).unwrap()), names, "{path}");
        }
    }
}
