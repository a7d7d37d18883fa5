//! What a call goes through and what manifests say, as text of 80 columns with where each value comes from at the right; or as
//! JSON for machines.

use super::Style;
use super::wrap::{WIDTH, within};
use crate::topology::explain::{Call, From, Hop, Object, Told};
use serde_json::{Value, json};

/// Where a value comes from, in words: `istio/orders.yaml:12`, `default of Istio`.
pub type Places<'a> = &'a dyn Fn(&From) -> String;

/// A column for the text that stays readable beside a long place.
const NARROWEST: usize = 30;

/// Calls, one after the other.
pub fn text(calls: &[Call], places: Places<'_>, style: Style) -> String {
    let told = calls.iter().map(|call| {
        let head = line("", 4, &call.name, &places(&call.from));
        let mut text = format!("{}\n", style.strong(&head));
        for (place, hop) in call.hops.iter().enumerate() {
            text.push_str(&line(&format!("{:>3}. ", place + 1), 5, &hop.title, &places(&hop.from)));
            text.push('\n');
            for told in &hop.lines {
                let lead = " ".repeat(7 + 2 * told.depth);
                text.push_str(&line(&lead, lead.len() + 4, &sentence(told), &places(&told.from)));
                text.push('\n');
            }
        }
        text
    });
    told.collect::<Vec<_>>().join("\n")
}

/// `timeout: 5s (of the whole request)`
fn sentence(told: &Told) -> String {
    match (told.value.is_empty(), told.meaning.is_empty()) {
        (true, true) => told.name.clone(),
        (true, false) => format!("{}: {}", told.name, told.meaning),
        (false, true) => format!("{}: {}", told.name, told.value),
        (false, false) => format!("{}: {} ({})", told.name, told.value, told.meaning),
    }
}

/// A text with its place at the right end of its last line, or of a line of its own where the place is long.
fn line(lead: &str, hang: usize, text: &str, place: &str) -> String {
    if place.is_empty() {
        return within(lead, hang, text, WIDTH);
    }
    let long = place.chars().count();
    if long + NARROWEST + 2 > WIDTH {
        let text = within(lead, hang, text, WIDTH);
        return format!("{text}\n{}{place}", " ".repeat(WIDTH.saturating_sub(long)));
    }
    let text = within(lead, hang, text, WIDTH - long - 2);
    let last = text.lines().next_back().unwrap_or_default().chars().count();
    match (WIDTH - long).checked_sub(last).filter(|gap| *gap >= 2) {
        Some(gap) => format!("{text}{}{place}", " ".repeat(gap)),
        // A word is never broken, even if it is too long.
        None => format!("{text}\n{}{place}", " ".repeat(WIDTH - long)),
    }
}

/// Calls for machines.
pub fn json(calls: &[Call], places: Places<'_>) -> Value {
    let told = |told: &Told| json!({"depth": told.depth, "name": told.name, "value": told.value, "meaning": told.meaning, "from": places(&told.from)});
    let hop = |hop: &Hop| json!({"title": hop.title, "from": places(&hop.from), "values": hop.lines.iter().map(told).collect::<Vec<_>>()});
    let call =
        |call: &Call| json!({"call": call.name, "from": places(&call.from), "through": call.hops.iter().map(hop).collect::<Vec<_>>()});
    Value::Array(calls.iter().map(call).collect())
}

/// Objects of manifests with the values that hold, as comments of YAML: they are no part of a model.
pub fn comments(objects: &[Object], places: Places<'_>) -> String {
    let mut text = String::new();
    if !objects.is_empty() {
        text.push_str("# What holds of the manifests, defaults included, and where it comes from:\n");
    }
    let mut add = |depth: usize, told: &str, place: &str| {
        let place = if place.is_empty() { String::new() } else { format!("  # {place}") };
        text.push_str(&format!("# {}{told}{place}\n", "  ".repeat(depth)));
    };
    for object in objects {
        add(0, &object.name, &places(&object.from));
        for told in &object.lines {
            // What a value means is told by `--explain`; what a route asks for and where it leads is a value.
            let value = if told.value.is_empty() { String::new() } else { format!(" {}", told.value) };
            let part = if told.name == "to" || told.name == "mirror" || told.name == "subset" { &told.meaning } else { "" };
            let part = if part.is_empty() { String::new() } else { format!(" ({part})") };
            add(told.depth + 1, &format!("{}:{value}{part}", told.name), &places(&told.from));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_stand_at_the_right_or_below() {
        let short = line("  ", 4, &"word ".repeat(20), "m.yaml:3");
        assert!(short.lines().all(|line| line.chars().count() <= 80), "{short}");
        assert!(short.ends_with("  m.yaml:3") && short.lines().next_back().unwrap().chars().count() == 80, "{short}");
        let long = line("  ", 4, "word", &format!("{}.yaml:3", "directory/".repeat(5)));
        assert_eq!(long.lines().count(), 2);
        assert_eq!(line("  ", 4, "word", ""), "  word");
    }
}
