//! Rules of a VirtualService that no request reaches (istio `analyzeUnreachableHTTPRules`): warnings, as they are there.

use crate::import::cursor::At;
use crate::import::notes::Notes;
use crate::model::tree::{Node, Value};

pub(in crate::import) fn check(notes: &mut Notes, rules: &[At]) {
    let mut catch_all: Option<usize> = None;
    let mut seen: Vec<&Node> = Vec::new();
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
        let covered = |entry: &&Node| seen.iter().any(|earlier| covers(earlier, entry));
        if !entries.is_empty() && entries.iter().all(covered) {
            let weighted = has_weights(rule.node);
            let code = if weighted { "shadowed-weights" } else { "unreachable-rule" };
            let more = if weighted { "; its weights mean nothing" } else { "" };
            let message = format!("no request reaches this rule: earlier rules match all that it does{more}");
            notes.warning(code, rule, message, "put it before them, remove it, or match something else");
        }
        seen.extend(entries);
    }
}

/// Whether every request that the later match takes is taken by the earlier one: all that it asks for is asked for by the
/// later one too.
fn covers(earlier: &Node, later: &Node) -> bool {
    let (Some(earlier), Some(wanted)) = (earlier.mapping(), later.mapping()) else { return earlier.to_json() == later.to_json() };
    let asked = earlier.iter().filter(|(key, entry)| !matches!(key.as_str(), "name" | "statPrefix") && !is_empty(&entry.node));
    asked.into_iter().all(|(key, entry)| {
        let Some(other) = wanted.get(key) else { return false };
        match key.as_str() {
            "uri" if !earlier.contains_key("ignoreUriCase") && !wanted.contains_key("ignoreUriCase") => {
                covers_path(&entry.node, &other.node)
            }
            "headers" | "withoutHeaders" | "queryParams" | "sourceLabels" => {
                let all = entry.node.mapping().into_iter().flatten();
                all.into_iter().all(|(name, value)| other.node.get(name).is_some_and(|other| other.to_json() == value.node.to_json()))
            }
            _ => entry.node.to_json() == other.node.to_json(),
        }
    })
}

/// A prefix takes longer prefixes and whole paths that begin with it.
fn covers_path(earlier: &Node, later: &Node) -> bool {
    let prefix = text(earlier, "prefix");
    let begins = |kind| text(later, kind).is_some_and(|path| prefix.is_some_and(|prefix| path.starts_with(prefix)));
    begins("prefix") || begins("exact") || earlier.to_json() == later.to_json()
}

fn text<'n>(node: &'n Node, key: &str) -> Option<&'n str> {
    match node.get(key).map(|node| &node.value) {
        Some(Value::String(text)) => Some(text),
        _ => None,
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
