//! The HTML report: one file that opens offline, with what happened in words and figures, the cascade to replay, charts to zoom,
//! where the time went, and requests to look into.
//!
//! What must be readable without scripts (the words, the verdicts, the tables) is written here; what moves is drawn by the scripts in
//! `assets/` from one JSON object. Nothing is loaded from anywhere: the page forbids it to itself.

mod compared;
mod data;
mod escape;
mod figures;
mod first;
mod followed;
mod graph;
mod page;
mod run;
mod series;
mod states;
mod stopped;
#[cfg(test)]
mod tests;

use crate::analysis::summary::Summary;
use crate::experiment::aggregate::{Comparison, MODEL};
use crate::experiment::why::Why;
use crate::observe::recording::Recording;
use crate::topology::Topology;
use std::io;

/// A run to be shown.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// `None`: the model as written.
    pub variant: Option<&'a str>,
    pub topology: &'a Topology,
    pub recording: &'a Recording,
    pub summary: &'a Summary,
    /// What would have stopped its cascade, if that was tried.
    pub why: Option<&'a Why>,
}

impl Subject<'_> {
    fn title(&self) -> String {
        self.variant.unwrap_or(MODEL).to_string()
    }
}

/// The page of one run, or of several seeds of one model: then `ensemble` says what they say together, and the rest is of the first.
pub fn write_run(subject: &Subject<'_>, ensemble: Option<&Comparison>, to: impl io::Write) -> io::Result<()> {
    page::write(std::slice::from_ref(subject), ensemble, to)
}

/// The page of a comparison: the first seed of every variant, and what all of them say together.
pub fn write_comparison(subjects: &[Subject<'_>], comparison: &Comparison, to: impl io::Write) -> io::Result<()> {
    page::write(subjects, Some(comparison), to)
}
