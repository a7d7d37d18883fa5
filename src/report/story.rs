//! The cascade in words: every step with its time and its cause, then what came of it.

use super::style::Style;
use super::wrap::hanging;
use crate::analysis::backlog::Backlog;
use crate::analysis::cascade::{Cascade, Step};
use crate::analysis::words;

/// Something that happened, and why.
struct Line<'a> {
    at: f64,
    who: &'a str,
    what: &'a str,
    because: Option<&'a str>,
}

/// Steps and backlogs in order of time; of one instant, the step that may be why comes first.
fn lines(cascade: &Cascade) -> Vec<Line<'_>> {
    let steps = cascade.steps.iter().map(|Step { at, who, what, because, .. }| Line { at: *at, who, what, because: because.as_deref() });
    let backlogs = cascade.backlogs.iter();
    let backlogs = backlogs.map(|Backlog { at, queue, what, because, .. }| Line { at: *at, who: queue, what, because: because.as_deref() });
    let mut lines: Vec<Line<'_>> = steps.chain(backlogs).collect();
    lines.sort_by(|a, b| a.at.total_cmp(&b.at));
    lines
}

/// For the terminal.
pub fn text(cascade: &Cascade, style: Style) -> String {
    let lines = lines(cascade);
    let mut text = String::new();
    if !lines.is_empty() {
        text += &format!("{}\n", style.strong("What happened"));
    }
    for Line { at, who, what, because } in &lines {
        text += &hanging(&format!("{:>10}  ", format!("{at:.1} s")), &format!("{who}: {what}"));
        text.push('\n');
        if let Some(because) = because {
            text += &style.faint(&hanging("            └ ", &format!("because {because}")));
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
    for Line { at, who, what, because } in &lines {
        let because = because.map_or(String::new(), |because| format!(" *because {because}*"));
        text += &format!("- **{}** `{who}`: {what}{because}\n", words::clock(*at));
    }
    if cascade.more > 0 {
        text += &format!("- … and {} more\n", cascade.more);
    }
    if !lines.is_empty() {
        text.push('\n');
    }
    text + &cascade.verdict.join(" ") + "\n"
}
