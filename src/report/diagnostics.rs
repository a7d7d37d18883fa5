//! Diagnostics for people: what is wrong, where, the line itself, and a way out. The look is rustc's.

use super::Style;
use crate::base::diagnostic::{Diagnostic, Diagnostics, Place, Severity};
use crate::model::source::Sources;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

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
    let title = level.primary_title(problem.message.as_str()).id(problem.code);
    let mut group = Group::with_title(title);
    let shown = problem.place.as_ref().and_then(|place| snippet(place, sources));
    match shown {
        Some(snippet) => group = group.element(snippet),
        None => {
            if let Some(path) = problem.path.as_deref().filter(|path| !path.is_empty()) {
                group = group.element(Level::NOTE.message(format!("at `{path}`")));
            }
        }
    }
    for (label, place) in &problem.related {
        if let Some(snippet) = related(place, label, sources) {
            group = group.element(snippet);
        }
    }
    if let Some(help) = &problem.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    renderer.render(&[group])
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
