//! What is said while manifests are read: errors, warnings, and notes that are told once per kind of thing.

use super::cursor::At;
use crate::base::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::model::source::{SourceId, Sources};
use crate::model::tree::{Origin, Path};
use std::collections::BTreeMap;

pub(super) struct Notes<'a> {
    sources: &'a Sources,
    pub found: Diagnostics,
    /// The files that are read.
    pub files: Vec<SourceId>,
    /// What is told once: its code and thing, where it was told, and how often it came again.
    once: BTreeMap<(&'static str, String), (usize, usize)>,
}

impl<'a> Notes<'a> {
    pub(super) fn new(sources: &'a Sources) -> Notes<'a> {
        Notes { sources, found: Diagnostics::new(), files: Vec::new(), once: BTreeMap::new() }
    }

    pub(super) fn error(&mut self, code: &'static str, at: &At, message: impl Into<String>, help: impl Into<String>) {
        self.say(Severity::Error, code, &at.origin(), &at.path, message.into(), help.into());
    }

    pub(super) fn warning(&mut self, code: &'static str, at: &At, message: impl Into<String>, help: impl Into<String>) {
        self.say(Severity::Warning, code, &at.origin(), &at.path, message.into(), help.into());
    }

    /// A field that nobody reads: in a manifest it is dropped, in what a model changes it is a mistake.
    pub(super) fn unread(&mut self, origin: &Origin, path: &Path, message: String, help: String) {
        let severity = if self.is_change(origin) { Severity::Error } else { Severity::Warning };
        self.say(severity, "unknown-field", origin, path, message, help);
    }

    /// Whether something is written in the model and not in a manifest.
    fn is_change(&self, origin: &Origin) -> bool {
        match origin {
            Origin::File(spot) => !self.files.contains(&spot.source),
            Origin::Variant(..) | Origin::Set(..) => true,
            Origin::Default => false,
        }
    }

    fn say(&mut self, severity: Severity, code: &'static str, origin: &Origin, path: &Path, message: String, help: String) {
        let place = origin.spot().map(|spot| self.sources.place(spot));
        self.found.push(Diagnostic::new(severity, code, message).at(path.to_string()).placed(place).help(help));
    }

    /// A value that is kept and whose mechanism is not simulated.
    pub(super) fn not_simulated(&mut self, thing: &str, origin: &Origin, path: &Path, why: &str) {
        let message = format!("{thing} is read and kept, but not simulated: {why}");
        self.note_once("not-simulated", thing.to_owned(), origin, path, message, "nothing has to be done; the figures leave it out");
    }

    /// The first of its kind, with its place; the others are counted.
    pub(super) fn note_once(&mut self, code: &'static str, thing: String, origin: &Origin, path: &Path, message: String, help: &str) {
        if let Some((_, again)) = self.once.get_mut(&(code, thing.clone())) {
            *again += 1;
            return;
        }
        self.once.insert((code, thing), (self.found.list.len(), 0));
        self.say(Severity::Note, code, origin, path, message, help.to_owned());
    }

    /// Everything that was said, with how often what is told once came again.
    pub(super) fn finish(mut self) -> Diagnostics {
        for (index, again) in self.once.into_values().filter(|(_, again)| *again > 0) {
            let times = if again == 1 { "once more".to_owned() } else { format!("{again} times more") };
            let note = &mut self.found.list[index];
            note.message = format!("{} (here, and {times})", note.message);
        }
        self.found
    }
}
