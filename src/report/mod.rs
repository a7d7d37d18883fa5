//! What people read: tables, the story, expectations and comparisons as plain text of 80 columns, or as Markdown; the same
//! figures as JSON and CSV. Colour adds nothing that the words do not say.

pub mod alerts;
pub mod charts;
pub mod compare;
pub mod diagnostics;
pub mod expectations;
pub mod explain;
pub mod golden;
pub mod graph;
pub mod html;
pub mod layout;
pub mod queues;
pub mod story;
pub mod style;
pub mod table;
pub mod traces;
pub mod why;
pub mod wrap;

use crate::analysis::alerts::Alerts;
use crate::analysis::summary::Summary;
use crate::analysis::traces::Traced;
use crate::analysis::words;
use crate::experiment::aggregate::Comparison;
use crate::experiment::why::Explained;
use crate::export;
use std::str::FromStr;
pub use style::Style;

/// In which form figures are printed (`--format`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    #[default]
    Table,
    Json,
    Csv,
    Markdown,
}

impl Format {
    pub const NAMES: [&str; 4] = ["table", "json", "csv", "markdown"];
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Format, String> {
        match text {
            "table" => Ok(Format::Table),
            "json" => Ok(Format::Json),
            "csv" => Ok(Format::Csv),
            "markdown" => Ok(Format::Markdown),
            _ => Err(format!("unknown format `{text}`; known are {}", Format::NAMES.join(", "))),
        }
    }
}

/// One run.
pub fn run(summary: &Summary, format: Format, style: Style) -> String {
    match format {
        Format::Table => run_text(summary, style),
        Format::Json => export::json::text(summary),
        Format::Csv => csv(|to| export::csv::summary(summary, to)),
        Format::Markdown => run_markdown(summary),
    }
}

/// One run with requests that were followed; their times do not fit among the figures of CSV.
pub fn traced_run(traced: &Traced<'_>, format: Format, style: Style) -> String {
    match format {
        Format::Table => format!("{}\n{}", run_text(traced.summary, style), self::traces::text(traced.traces, style)),
        Format::Json => export::json::text(traced),
        Format::Csv => csv(|to| export::csv::summary(traced.summary, to)),
        Format::Markdown => format!("{}\n{}", run_markdown(traced.summary), self::traces::markdown(traced.traces)),
    }
}

/// One run, and what would have stopped its cascade; the changes alone as CSV.
pub fn explained_run(explained: &Explained<'_>, format: Format, style: Style) -> String {
    let Explained { summary, why } = explained;
    match format {
        Format::Table => format!("{}\n{}", run_text(summary, style), self::why::text(why, style)),
        Format::Json => export::json::text(explained),
        Format::Csv => csv(|to| export::csv::why(why, to)),
        Format::Markdown => format!("{}\n{}", run_markdown(summary), self::why::markdown(why)),
    }
}

/// Which alerts would have fired.
pub fn alerts(alerts: &Alerts, format: Format, style: Style) -> String {
    match format {
        Format::Table => self::alerts::text(alerts, style),
        Format::Json => export::json::text(alerts),
        Format::Csv => csv(|to| export::csv::alerts(alerts, to)),
        Format::Markdown => self::alerts::markdown(alerts),
    }
}

/// Many runs: one model, or its variants beside each other.
pub fn comparison(comparison: &Comparison, format: Format, style: Style) -> String {
    match format {
        Format::Table => compare::text(comparison, style),
        Format::Json => export::json::text(comparison),
        Format::Csv => csv(|to| export::csv::comparison(comparison, to)),
        Format::Markdown => compare::markdown(comparison),
    }
}

fn run_text(summary: &Summary, style: Style) -> String {
    let heading = wrap::hanging("", &heading(summary, |name| style.strong(name)));
    let mut parts = vec![format!("{heading}\nfingerprint {}\n", summary.fingerprint)];
    parts.extend(golden::tables(summary).iter().map(|table| table.text(style)));
    parts.push(story::text(&summary.cascade, style));
    parts.push(expectations::text(&summary.expectations, style));
    parts.retain(|part| !part.is_empty());
    parts.join("\n")
}

fn run_markdown(summary: &Summary) -> String {
    let mut parts = vec![format!("## {}\n\nFingerprint: {}\n", heading(summary, str::to_string), summary.fingerprint)];
    parts.extend(golden::tables(summary).iter().map(table::Table::markdown));
    parts.push(story::markdown(&summary.cascade));
    parts.push(expectations::markdown(&summary.expectations));
    parts.retain(|part| !part.is_empty());
    parts.join("\n")
}

/// `order-system · naive · seed 42 · 3m, of it 20 s warm-up · 1.2M events`
fn heading(summary: &Summary, strong: impl Fn(&str) -> String) -> String {
    let mut parts = vec![strong(&summary.name)];
    parts.extend(summary.variant.clone());
    parts.push(format!("seed {}", summary.seed));
    let warm_up = if summary.warm_up > 0.0 { format!(", of it {} warm-up", words::span(summary.warm_up)) } else { String::new() };
    parts.push(format!("{}{warm_up}", words::span(summary.duration)));
    parts.push(words::counted(summary.events, "event", "events"));
    if summary.interrupted {
        parts.push("interrupted: figures are of what was finished".to_string());
    }
    parts.join(" · ")
}

fn csv(write: impl FnOnce(&mut Vec<u8>) -> std::io::Result<()>) -> String {
    let mut bytes = Vec::new();
    write(&mut bytes).expect("memory takes all");
    String::from_utf8(bytes).expect("figures and names are UTF-8")
}

#[cfg(test)]
mod tests;
