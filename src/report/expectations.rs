//! Expectations with ✓ or ✗, as written, and what was observed instead.

use super::style::Style;
use super::wrap::{WIDTH, hanging};
use crate::analysis::expectations::{Unit, Verdict};
use crate::analysis::summary::Named;
use crate::analysis::words;

/// For the terminal; empty if nothing was expected.
pub fn text(expectations: &Named<Verdict>, style: Style) -> String {
    if expectations.is_empty() {
        return String::new();
    }
    let mut text = format!("{}\n", style.strong("Expectations"));
    let longest = expectations.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    for (name, verdict) in expectations.iter() {
        let lead = format!("  {name:longest$}  ");
        let seen = observed(verdict);
        // Beside the text if there is room, else on a line of its own.
        let line = format!("{lead}{}  {seen}", verdict.text);
        let line = if line.chars().count() + 2 <= WIDTH {
            line
        } else {
            let indent = " ".repeat(lead.chars().count() + 2);
            format!("{}\n{indent}{seen}", hanging(&format!("  {lead}"), &verdict.text).split_off(2))
        };
        let mark = if verdict.passed { style.good("✓") } else { style.bad("✗") };
        text += &format!("  {mark}{}\n", &line[1..]);
    }
    text
}

pub fn markdown(expectations: &Named<Verdict>) -> String {
    if expectations.is_empty() {
        return String::new();
    }
    let mut text = String::from("### Expectations\n\n");
    for (name, verdict) in expectations.iter() {
        let mark = if verdict.passed { "✓" } else { "✗" };
        text += &format!("- {mark} **{name}** `{}` {}\n", verdict.text, observed(verdict));
    }
    text
}

/// `(it is 1.21 s)`
pub fn observed(verdict: &Verdict) -> String {
    let recovers = verdict.text.trim_start().starts_with("recovers");
    match verdict.observed {
        None if recovers => "(it never did)".to_string(),
        None => "(nothing to observe)".to_string(),
        Some(seconds) if recovers => format!("(it took {})", words::span(seconds)),
        Some(value) => format!("(it is {})", quantity(value, verdict.unit)),
    }
}

pub fn quantity(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Share => words::percent(value),
        Unit::Seconds => words::span(value),
        Unit::PerSecond => words::rate(value),
        Unit::Times => words::times(value),
        Unit::Count => words::number(value),
    }
}
