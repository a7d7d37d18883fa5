//! `docs/reference.md` is made from the schema, and the schema from the types: every key with its type, its unit, its default
//! and its meaning. `BLESS=1 cargo test --test reference` writes it anew.

use brownout::model::schema::schema;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::PathBuf;

#[test]
fn the_reference_is_current() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/reference.md");
    let page = page(schema());
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page, "docs/reference.md is not what the schema says: `BLESS=1 cargo test --test reference` writes it anew");
}

#[test]
fn the_schema_is_closed_and_every_reference_leads_somewhere() {
    let schema = schema();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let mut open = vec![schema];
    let mut references = 0;
    while let Some(value) = open.pop() {
        if let Some(name) = value["$ref"].as_str() {
            references += 1;
            let target = name.strip_prefix("#/$defs/").expect("references stay inside");
            assert!(schema["$defs"][target].is_object(), "{name}");
        }
        match value {
            Value::Object(map) => open.extend(map.values()),
            Value::Array(list) => open.extend(list),
            _ => {}
        }
    }
    assert!(references > 50);
    for (name, of) in schema["$defs"].as_object().unwrap() {
        let closed = of["additionalProperties"] == false || of["unevaluatedProperties"] == false;
        assert!(of["properties"].is_null() || closed, "{name} takes any key");
    }
}

fn page(schema: &Value) -> String {
    let mut page = String::from(
        "# Every key of a model\n\n\
         Made from the types by `BLESS=1 cargo test --test reference`; do not edit. `brownout schema` prints the same as JSON Schema for\n\
         editors, `brownout check --resolved MODEL` prints a model with every default filled in.\n\n\
         A **value** has its unit in its text; a bare number where a unit is due is an error. `[…]` is a list, `{NAME: …}` a map of\n\
         things that you name.\n",
    );
    table(&mut page, "Model", schema, "A model file.");
    let mut told = BTreeSet::new();
    let mut queue = named_types(schema);
    let mut scalars = BTreeSet::new();
    let mut words = Vec::new();
    while !queue.is_empty() {
        let name = queue.remove(0);
        if !told.insert(name.clone()) {
            continue;
        }
        let of = &schema["$defs"][&name];
        if !of["format"].is_null() {
            scalars.insert(name);
            continue;
        }
        let enumeration = enumerated(of);
        if !enumeration.is_empty() {
            words.push((name, enumeration));
            continue;
        }
        let meaning = of["description"].as_str().unwrap_or("");
        if is_object(of) || name == "Fault" {
            table(&mut page, &name, of, meaning);
        } else {
            let _ = write!(page, "\n## {}\n\n{}\n", title(&name), text(meaning));
            let _ = writeln!(page, "\nOne of:\n");
            for alternative in alternatives(of) {
                let meaning =
                    alternative["description"].as_str().or_else(|| target(schema, alternative)["description"].as_str()).unwrap_or("");
                let keys: Vec<&String> = alternative["properties"].as_object().into_iter().flatten().map(|(key, _)| key).collect();
                let form = if let [key] = keys[..] {
                    format!("`{{{key}: {}}}`", kind(&alternative["properties"][key]))
                } else {
                    kind(alternative)
                };
                let _ = writeln!(page, "- {form}: {}", text(meaning));
            }
        }
        queue.splice(0..0, named_types(of));
    }
    let _ = write!(page, "\n## Words\n");
    for (name, words) in words {
        let _ = write!(page, "\n### {}\n\n", title(&name));
        for (word, meaning) in words {
            let _ = writeln!(page, "- `{word}`{}{}", if meaning.is_empty() { "" } else { ": " }, text(&meaning));
        }
    }
    let _ = write!(page, "\n## Values\n\n| value | is | examples |\n|---|---|---|\n");
    for name in scalars {
        let of = &schema["$defs"][&name];
        let examples: Vec<String> =
            of["examples"].as_array().into_iter().flatten().filter_map(Value::as_str).map(|e| format!("`{e}`")).collect();
        let _ = writeln!(
            page,
            "| <a id=\"{}\"></a>{} | {} | {} |",
            anchor(&name),
            title(&name),
            cell(of["description"].as_str().unwrap_or("")),
            examples.join(", ")
        );
    }
    page
}

fn table(page: &mut String, name: &str, of: &Value, meaning: &str) {
    let _ = write!(page, "\n## {}\n\n{}\n\n| key | value | default | meaning |\n|---|---|---|---|\n", title(name), text(meaning));
    let required: Vec<&str> = of["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let own = of["properties"].as_object().into_iter().flatten();
    let kinds = alternatives(of).into_iter().flat_map(|kind| {
        let meaning = kind["description"].as_str().unwrap_or("").to_string();
        kind["properties"].as_object().into_iter().flatten().map(move |(key, value)| (key, value, meaning.clone()))
    });
    let own = own.map(|(key, value)| (key, value, value["description"].as_str().unwrap_or("").to_string()));
    for (key, value, meaning) in own.chain(kinds) {
        let (meaning, default) = split(&meaning);
        let default = match default {
            Some(default) => default,
            None if required.contains(&key.as_str()) => "required".into(),
            None if alternatives(of).iter().any(|kind| !kind["properties"][key].is_null()) => "one of these".into(),
            None => value["default"].as_object().map_or("–".to_string(), |_| "its own".into()),
        };
        let _ = writeln!(page, "| `{key}` | {}{} | {} | {} |", kind(value), range(value), cell(&default), cell(&meaning));
    }
}

/// The meaning of a key and the default that its description ends with.
fn split(description: &str) -> (String, Option<String>) {
    let flat = description.replace('\n', " ");
    for mark in [" Required.", " Required;"] {
        if let Some((meaning, rest)) = flat.split_once(mark) {
            return (
                format!(
                    "{meaning}{}",
                    if rest.trim().is_empty() { String::new() } else { format!(" ({})", rest.trim().trim_end_matches('.')) }
                ),
                Some("required".into()),
            );
        }
    }
    match flat.split_once(" Default: ").or_else(|| flat.strip_prefix("Default: ").map(|rest| ("", rest))) {
        Some((meaning, default)) => (meaning.to_string(), Some(default.trim_end_matches('.').to_string())),
        None => (flat, None),
    }
}

fn is_object(of: &Value) -> bool {
    !of["properties"].is_null()
}

fn alternatives(of: &Value) -> Vec<&Value> {
    let list = of["anyOf"].as_array().or_else(|| of["oneOf"].as_array());
    list.into_iter().flatten().filter(|alternative| alternative["type"] != "null").collect()
}

fn target<'a>(schema: &'a Value, of: &'a Value) -> &'a Value {
    match of["$ref"].as_str() {
        Some(name) => &schema["$defs"][name.trim_start_matches("#/$defs/")],
        None => of,
    }
}

/// The words of an enumeration, each with its meaning.
fn enumerated(of: &Value) -> Vec<(String, String)> {
    let plain = of["enum"].as_array().into_iter().flatten().filter_map(|word| Some((word.as_str()?.to_string(), String::new())));
    let told = alternatives(of)
        .into_iter()
        .filter_map(|a| Some((a["const"].as_str()?.to_string(), a["description"].as_str().unwrap_or("").to_string())));
    let grouped = alternatives(of)
        .into_iter()
        .flat_map(|a| a["enum"].as_array().into_iter().flatten())
        .filter_map(|w| Some((w.as_str()?.to_string(), String::new())));
    plain.chain(told).chain(grouped).collect()
}

/// The types that a schema names, in the order written.
fn named_types(of: &Value) -> Vec<String> {
    let mut names = Vec::new();
    let mut look = |value: &Value| {
        let mut open = vec![value];
        while let Some(value) = open.pop() {
            if let Some(name) = value["$ref"].as_str() {
                names.push(name.trim_start_matches("#/$defs/").to_string());
            }
            match value {
                Value::Object(map) => open.extend(map.iter().filter(|(key, _)| *key != "$defs").map(|(_, value)| value)),
                Value::Array(list) => open.extend(list.iter().rev()),
                _ => {}
            }
        }
    };
    of["properties"].as_object().into_iter().flatten().for_each(|(_, value)| look(value));
    alternatives(of).into_iter().for_each(&mut look);
    names
}

/// What kind of value is due, with links to the types of the page.
fn kind(of: &Value) -> String {
    if let Some(name) = of["$ref"].as_str() {
        let name = name.trim_start_matches("#/$defs/");
        return format!("[{}](#{})", title(name), anchor(name));
    }
    let inner = alternatives(of);
    if !inner.is_empty() {
        return inner.into_iter().map(kind).collect::<Vec<_>>().join(" or ");
    }
    let word = of["type"].as_str().or_else(|| of["type"][0].as_str()).unwrap_or("");
    match word {
        "object" if of["additionalProperties"].is_object() => format!("{{NAME: {}}}", kind(&of["additionalProperties"])),
        "object" => "a map".into(),
        "array" => format!("\\[{}\\]", kind(&of["items"])),
        "integer" => "whole number".into(),
        "boolean" => "`true` or `false`".into(),
        "string" => "text".into(),
        other => other.into(),
    }
}

fn range(of: &Value) -> String {
    let number = |value: &Value| {
        value.as_f64().map(|number| if number >= 1e6 { format!("{number:e}").replace('e', "·10^") } else { number.to_string() })
    };
    match (number(&of["minimum"]), number(&of["maximum"])) {
        (Some(least), Some(most)) => format!(", {least} to {most}"),
        (Some(least), None) if least != "0" => format!(", at least {least}"),
        _ => String::new(),
    }
}

/// A type as words: `Circuit breaker`.
fn title(name: &str) -> String {
    let name = match name {
        "EndpointRef" => "Endpoint",
        "DistSpec" => "Distribution",
        "KeysSpec" => "Keys",
        "ArrivalsSpec" => "Arrivals",
        "FailureFilter" => "Failure",
        other => other,
    };
    let mut text = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !text.is_empty() {
            text.push(' ');
            text.extend(c.to_lowercase());
        } else {
            text.push(c);
        }
    }
    text
}

fn anchor(name: &str) -> String {
    title(name).to_lowercase().replace(' ', "-")
}

fn text(meaning: &str) -> String {
    meaning.replace('\n', " ")
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
