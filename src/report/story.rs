//! The cascade in words: every step with its time and its cause, then what came of it.

use super::style::Style;
use super::wrap::hanging;
use crate::analysis::cascade::{Cascade, Step};
use crate::analysis::words;

/// For the terminal.
pub fn text(cascade: &Cascade, style: Style) -> String {
    let mut text = String::new();
    if !cascade.steps.is_empty() {
        text += &format!("{}\n", style.strong("What happened"));
    }
    for step in &cascade.steps {
        let Step { at, who, what, because, .. } = step;
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
    if !cascade.steps.is_empty() {
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
    for Step { at, who, what, because, .. } in &cascade.steps {
        let because = because.as_ref().map_or(String::new(), |because| format!(" *because {because}*"));
        text += &format!("- **{}** `{who}`: {what}{because}\n", words::clock(*at));
    }
    if cascade.more > 0 {
        text += &format!("- … and {} more\n", cascade.more);
    }
    if !cascade.steps.is_empty() {
        text.push('\n');
    }
    text + &cascade.verdict.join(" ") + "\n"
}
