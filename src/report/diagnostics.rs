//! Diagnostics for people: what is wrong, where, the line itself, and a way out. The look is rustc's.

use super::Style;
use crate::base::diagnostic::{Diagnostic, Diagnostics, Place, Severity};
use crate::model::source::Sources;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// Columns that a message takes; snippets may take a little more.
const MESSAGE_WIDTH: usize = 96;

/// Renders every diagnostic, with snippets from the sources, and a last line that counts them.
pub fn text(problems: &Diagnostics, sources: &Sources, style: Style) -> String {
    let renderer = if style.colour { Renderer::styled() } else { Renderer::plain() }.term_width(100);
    let mut text = String::new();
    for problem in problems.iter() {
        text.push_str(&one(problem, sources, &renderer));
        text.push_str("\n\n");
    }
    text
}

fn one(problem: &Diagnostic, sources: &Sources, renderer: &Renderer) -> String {
    let level = match problem.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let shown = problem.place.as_ref().and_then(|place| snippet(place, sources));
    let message = match problem.path.as_deref().filter(|path| shown.is_none() && !path.is_empty()) {
        Some(path) => format!("{} (at `{path}`)", problem.message),
        None => problem.message.clone(),
    };
    let severity = format!("{:?}", problem.severity).len();
    let message = broken(&message, severity + problem.code.len() + 4);
    let help = problem.help.as_deref().map(|help| broken(help, 15));
    let title = level.primary_title(message).id(problem.code);
    let mut group = Group::with_title(title);
    let Some(snippet) = shown else {
        // Without a snippet there is nothing for a help to hang under.
        let help = help.map(|help| Group::with_title(Level::HELP.primary_title(help)));
        return renderer.render(&std::iter::once(group).chain(help).collect::<Vec<_>>());
    };
    group = group.element(snippet);
    for (label, place) in &problem.related {
        if let Some(snippet) = related(place, label, sources) {
            group = group.element(snippet);
        }
    }
    if let Some(help) = help {
        group = group.element(Level::HELP.message(help));
    }
    renderer.render(&[group])
}

/// A message with its lines no longer than the report is wide; words are kept whole.
fn broken(text: &str, indent: usize) -> String {
    let mut lines: Vec<String> = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("never empty");
        if !line.is_empty() && indent + line.chars().count() + 1 + word.chars().count() > MESSAGE_WIDTH {
            lines.push(word.to_owned());
            continue;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.join("\n")
}

fn snippet<'a>(place: &'a Place, sources: &'a Sources) -> Option<Snippet<'a, annotate_snippets::Annotation<'a>>> {
    let (line, span) = line_of(place, sources)?;
    Some(Snippet::source(line).line_start(place.line as usize).path(place.file.as_str()).annotation(AnnotationKind::Primary.span(span)))
}

fn related<'a>(place: &'a Place, label: &'a str, sources: &'a Sources) -> Option<Snippet<'a, annotate_snippets::Annotation<'a>>> {
    let (line, span) = line_of(place, sources)?;
    let annotation = AnnotationKind::Context.span(span).label(label);
    Some(Snippet::source(line).line_start(place.line as usize).path(place.file.as_str()).annotation(annotation))
}

/// The line of a place and the bytes in it that are meant.
fn line_of<'a>(place: &Place, sources: &'a Sources) -> Option<(&'a str, std::ops::Range<usize>)> {
    let line = sources.text_of(&place.file)?.lines().nth(place.line.checked_sub(1)? as usize)?;
    let byte = |column: usize| line.char_indices().nth(column).map_or(line.len(), |(at, _)| at);
    let from = byte(place.column.saturating_sub(1) as usize);
    let until = byte((place.column.saturating_sub(1) + place.len.max(1)) as usize);
    Some((line, from..until.max(from)))
}
