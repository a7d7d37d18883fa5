//! The cascade in words: every step with its time and its cause, then what came of it.

use super::style::Style;
use super::wrap::hanging;
use crate::analysis::backlog::Backlog;
use crate::analysis::cascade::{Cascade, Evidence, Sample};
use crate::analysis::words;

/// Figures told of a step; the summary has them all.
pub const MOST_FIGURES: usize = 3;

/// Something that happened, and why.
struct Line<'a> {
    at: f64,
    who: &'a str,
    what: &'a str,
    because: Option<&'a str>,
    evidence: Vec<String>,
}

/// Steps and backlogs in order of time; of one instant, the step that may be why comes first.
fn lines(cascade: &Cascade) -> Vec<Line<'_>> {
    let steps = cascade.steps.iter().map(|step| Line {
        at: step.at,
        who: &step.who,
        what: &step.what,
        because: step.because.as_deref(),
        evidence: step.evidence.iter().take(MOST_FIGURES).map(figure).chain(step.sample.iter().map(sample)).collect(),
    });
    let backlogs = cascade.backlogs.iter();
    let backlogs = backlogs.map(|Backlog { at, queue, what, because, .. }| Line {
        at: *at,
        who: queue,
        what,
        because: because.as_deref(),
        evidence: Vec::new(),
    });
    let mut lines: Vec<Line<'_>> = steps.chain(backlogs).collect();
    lines.sort_by(|a, b| a.at.total_cmp(&b.at));
    lines
}

/// `p99 30 ms → 2.1 s`
pub fn figure(Evidence { metric, before, during }: &Evidence) -> String {
    let written = |value: f64| match metric.as_str() {
        "p99" => words::span(value),
        "utilization" => words::percent(value),
        "queueLength" => words::count(value.round() as u64),
        "amplification" => format!("×{value:.2}"),
        _ => words::rate(value),
    };
    let name = match metric.as_str() {
        "queueLength" => "queue",
        "shortCircuited" => "cut short",
        "amplification" => "attempts per call",
        other => other,
    };
    let before = before.map_or("none".to_string(), written);
    format!("{name} {before} → {}", written(*during))
}

fn sample(Sample { client, number, id }: &Sample) -> String {
    format!("such as {client} #{number}, trace {id}")
}

/// For the terminal.
pub fn text(cascade: &Cascade, style: Style) -> String {
    let lines = lines(cascade);
    let mut text = String::new();
    if !lines.is_empty() {
        text += &format!("{}\n", style.strong("What happened"));
    }
    for Line { at, who, what, because, evidence } in &lines {
        text += &hanging(&format!("{:>10}  ", format!("{at:.1} s")), &format!("{who}: {what}"));
        text.push('\n');
        if let Some(because) = because {
            text += &style.faint(&hanging("            └ ", &format!("because {because}")));
            text.push('\n');
        }
        if !evidence.is_empty() {
            text += &style.faint(&hanging("            · ", &evidence.join("; ")));
            text.push('\n');
        }
    }
    if cascade.more > 0 {
        text += &format!("            … and {} more\n", cascade.more);
    }
    if !lines.is_empty() {
        text.push('\n');
    }
    for sentence in &cascade.verdict {
        let line = hanging("", sentence);
        text += &if cascade.metastable == Some(true) && sentence.contains("metastable") { style.bad(&line) } else { line };
        text.push('\n');
    }
    text
}

pub fn markdown(cascade: &Cascade) -> String {
    let mut text = String::from("### What happened\n\n");
    let lines = lines(cascade);
    for Line { at, who, what, because, evidence } in &lines {
        let because = because.map_or(String::new(), |because| format!(" *because {because}*"));
        text += &format!(
            "- **{}** `{who}`: {what}{because}{}\n",
            words::clock(*at),
            if evidence.is_empty() { String::new() } else { format!(" ({})", evidence.join("; ")) }
        );
    }
    if cascade.more > 0 {
        text += &format!("- … and {} more\n", cascade.more);
    }
    if !lines.is_empty() {
        text.push('\n');
    }
    text + &cascade.verdict.join(" ") + "\n"
}
