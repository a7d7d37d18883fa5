//! `brownout check --explain SERVICE`: what each call to it and by it goes through, in words, with where each value comes from.

use super::manifests::Given;
use super::read::{self, Compiled, stderr_style};
use super::{Exit, note, print};
use crate::base::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::model::mesh::Mesh;
use crate::model::origin_in_words;
use crate::model::source::Sources;
use crate::model::spec::Model;
use crate::report::{Style, diagnostics, explain as report};
use crate::topology::explain::{self, Call, From, Object};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// What is asked for.
pub(super) struct Explain<'a> {
    pub service: &'a str,
    pub sets: &'a [String],
    pub variant: Option<&'a str>,
    pub json: bool,
    pub style: Style,
}

impl Explain<'_> {
    /// Models one by one, manifests together.
    pub(super) fn execute(&self, files: &[PathBuf], given: &Given, of_kubernetes: &[PathBuf]) -> Exit {
        let mut text = String::new();
        let mut all: Vec<Value> = Vec::new();
        let mut add = |calls: &[Call], places: report::Places<'_>| match self.json {
            true => all.extend(report::json(calls, places).as_array().cloned().unwrap_or_default()),
            false => text.push_str(&report::text(calls, places, self.style)),
        };
        for file in files.iter().filter(|file| !of_kubernetes.contains(file)) {
            match self.model(file, given) {
                Ok((compiled, calls)) => add(&calls, &|from| compiled.origin(from)),
                Err(exit) => return exit,
            }
        }
        if !of_kubernetes.is_empty() {
            match self.manifests(given, of_kubernetes) {
                Ok((sources, calls)) => add(&calls, &|from| place(&sources, from)),
                Err(exit) => return exit,
            }
        }
        if self.json {
            text = serde_json::to_string_pretty(&all).expect("it is JSON") + "\n";
        }
        print(&text)
    }

    fn model(&self, file: &Path, given: &Given) -> Result<(Compiled, Vec<Call>), Exit> {
        let compiled = read::try_compiled_from(&|name| given.load(name), file, self.sets, self.variant);
        let compiled = compiled.map_err(|refused| refuse(&refused.problems, &refused.sources))?;
        match explain::calls(&compiled.topology, &compiled.loaded.model, self.service) {
            Ok(calls) => Ok((compiled, calls)),
            Err(problem) => Err(unknown(*problem, &compiled.loaded.sources)),
        }
    }

    fn manifests(&self, given: &Given, files: &[PathBuf]) -> Result<(Sources, Vec<Call>), Exit> {
        let (mut problems, sources, mesh) = given.check(files);
        if problems.has_errors() {
            problems.list.retain(|problem| problem.severity == Severity::Error);
            return Err(refuse(&problems, &sources));
        }
        match explain::alone(&mesh, self.service, explain::default_release()) {
            Ok(calls) => Ok((sources, calls)),
            Err(problem) => Err(unknown(*problem, &sources)),
        }
    }
}

fn refuse(problems: &Diagnostics, sources: &Sources) -> Exit {
    note(diagnostics::text(problems, sources, stderr_style()).trim_end());
    Exit::BadInput
}

fn unknown(problem: Diagnostic, sources: &Sources) -> Exit {
    refuse(&problem.into(), sources)
}

/// Where a value of manifests comes from.
pub(super) fn place(sources: &Sources, from: &From) -> String {
    match from {
        From::Origin(origin) => origin_in_words(sources, origin),
        From::Path(_) => "default".into(),
        From::Default(whose) => (*whose).into(),
        From::Nothing => String::new(),
    }
}

/// What holds of the manifests of a model, as comments of its resolved form.
pub(super) fn of_manifests(model: &Model, places: report::Places<'_>) -> String {
    report::comments(&explain::objects(&model.imported, explain::release(model)), places)
}

/// The same of manifests by themselves.
pub(super) fn alone(mesh: &Mesh, sources: &Sources) -> String {
    let objects: Vec<Object> = explain::objects(mesh, explain::default_release());
    report::comments(&objects, &|from| place(sources, from))
}
