//! Rules of a VirtualService that no request reaches (istio `analyzeUnreachableHTTPRules`): warnings, as they are there.

use crate::import::cursor::At;
use crate::import::notes::Notes;
use crate::model::tree::{Node, Value};

pub(in crate::import) fn check(notes: &mut Notes, rules: &[At]) {
    let mut catch_all: Option<usize> = None;
    let mut seen: Vec<(usize, serde_json::Value)> = Vec::new();
    for (number, rule) in rules.iter().enumerate() {
        let entries = rule.node.get("match").map_or_else(Vec::new, items);
        if let Some(before) = catch_all {
            let weighted = has_weights(rule.node);
            let message = format!("no request reaches this rule: {} matches everything", named(rules, before));
            let help = "put the rule that matches everything last";
            let code = if weighted { "shadowed-weights" } else { "unreachable-rule" };
            let message = if weighted { format!("{message}; its weights mean nothing") } else { message };
            notes.warning(code, rule, message, help);
            continue;
        }
        if entries.is_empty() || entries.iter().any(|entry| matches_all(entry)) {
            catch_all = Some(number);
        }
        let mut doubles = 0;
        for entry in &entries {
            let mut json = entry.to_json();
            if let Some(map) = json.as_object_mut() {
                map.remove("name");
            }
            match seen.iter().find(|(_, known)| *known == json) {
                Some((_, _)) => doubles += 1,
                None => seen.push((number, json)),
            }
        }
        if !entries.is_empty() && doubles == entries.len() {
            let code = if has_weights(rule.node) { "shadowed-weights" } else { "unreachable-rule" };
            notes.warning(
                code,
                rule,
                "no request reaches this rule: earlier rules match all that it does",
                "remove it, or match something else",
            );
        }
    }
}

fn items(node: &Node) -> Vec<&Node> {
    match &node.value {
        Value::Sequence(list) => list.iter().collect(),
        _ => Vec::new(),
    }
}

/// No condition besides a path that every path matches: Istio generates no rule after such a one (`isCatchAllMatch`).
fn matches_all(entry: &Node) -> bool {
    let Some(fields) = entry.mapping() else { return entry.value == Value::Null };
    let conditions = fields.iter().filter(|(key, entry)| !matches!(key.as_str(), "name" | "statPrefix") && !is_empty(&entry.node));
    conditions.into_iter().all(|(key, entry)| {
        let text = |kind| match entry.node.get(kind).map(|node| &node.value) {
            Some(Value::String(text)) => text.as_str(),
            _ => "",
        };
        key == "uri" && (text("prefix") == "/" || matches!(text("regex"), "*" | ".*" | "/.*"))
    })
}

fn is_empty(node: &Node) -> bool {
    match &node.value {
        Value::Null => true,
        Value::Mapping(map) => map.is_empty(),
        Value::Sequence(list) => list.is_empty(),
        _ => false,
    }
}

fn has_weights(rule: &Node) -> bool {
    rule.get("route").is_some_and(|route| items(route).len() > 1)
}

fn named(rules: &[At], number: usize) -> String {
    match rules[number].node.get("name").map(|node| &node.value) {
        Some(Value::String(name)) => format!("rule `{name}`"),
        _ => format!("rule {} (from 1)", number + 1),
    }
}
