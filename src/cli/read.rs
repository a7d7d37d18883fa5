//! Reads models and the files that they name, compiles them, and tells what is wrong.

use super::{Exit, manifests, note};
use crate::base::diagnostic::{Diagnostic, Diagnostics};
use crate::model::{self, Loaded, Loader, Refused, resolved};
use crate::report::{Style, diagnostics};
use crate::topology::Topology;
use crate::topology::check::{self, Weight};
use crate::topology::compile::compile;
use std::io::{IsTerminal, Read};
use std::path::Path;

/// Files larger than this are refused before they are read.
const LARGEST_FILE: u64 = 16 * 1024 * 1024;

/// A model that can run.
pub(super) struct Compiled {
    pub variant: Option<String>,
    pub topology: Topology,
    pub loaded: Loaded,
    /// What was said of its manifests: warnings and notes.
    of_manifests: Diagnostics,
}

impl Compiled {
    pub(super) fn resolved(&self) -> String {
        resolved::yaml(&self.loaded)
    }

    /// What can be said without running it.
    pub(super) fn findings(&self) -> Diagnostics {
        let mut all = self.of_manifests.clone();
        for finding in check::check(&self.topology) {
            let diagnostic = match finding.weight {
                Weight::Error => Diagnostic::error(finding.code, finding.message),
                Weight::Warning => Diagnostic::warning(finding.code, finding.message),
                Weight::Note => Diagnostic::note(finding.code, finding.message),
            };
            all.push(diagnostic.at(finding.path).help(finding.help));
        }
        self.loaded.placed(all)
    }

    /// Notes how many findings there are; `check` tells them.
    pub(super) fn tell_findings(&self) {
        let findings = self.findings();
        let count = findings.iter().filter(|f| f.severity != crate::base::diagnostic::Severity::Note).count();
        if count > 0 {
            let things = if count == 1 { "1 thing".to_string() } else { format!("{count} things") };
            note(&format!("note: {things} in this model deserve a look: `brownout check` tells"));
        }
    }
}

/// Whether stderr wants colour.
pub(super) fn stderr_style() -> Style {
    Style { colour: std::env::var_os("NO_COLOR").is_none() && std::io::stderr().is_terminal() }
}

/// The bytes of a file, or why they cannot be had.
pub(super) fn load(file: &str) -> Result<Vec<u8>, String> {
    let why = |error: std::io::Error| format!("cannot read `{file}`: {error}");
    let opened = std::fs::File::open(file).map_err(why)?;
    let metadata = opened.metadata().map_err(why)?;
    if metadata.is_dir() {
        return Err(format!("cannot read `{file}`: it is a directory"));
    }
    // One byte more than is allowed, so that what has no length (a pipe) is refused too.
    let mut bytes = Vec::new();
    opened.take(LARGEST_FILE + 1).read_to_end(&mut bytes).map_err(why)?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(format!("cannot read `{file}`: it is larger than the limit of {} MiB", LARGEST_FILE >> 20));
    }
    Ok(bytes)
}

/// Reads and compiles a model; problems are printed.
pub(super) fn compiled(file: &Path, sets: &[String], variant: Option<&str>) -> Result<Compiled, Exit> {
    try_compiled(file, sets, variant).map_err(|refused| {
        note(diagnostics::text(&refused.problems, &refused.sources, stderr_style()).trim_end());
        Exit::BadInput
    })
}

/// Reads and compiles a model, or tells everything that is wrong with it.
pub(super) fn try_compiled(file: &Path, sets: &[String], variant: Option<&str>) -> Result<Compiled, Box<Refused>> {
    try_compiled_from(&load, file, sets, variant)
}

/// The same with the bytes of the model's files from elsewhere.
pub(super) fn try_compiled_from(from: Loader<'_>, file: &Path, sets: &[String], variant: Option<&str>) -> Result<Compiled, Box<Refused>> {
    let name = file.to_string_lossy();
    let mut loaded = model::read(&name, from, sets, variant)?;
    let of_manifests = manifests::adopt(&mut loaded);
    let directory = file.parent().unwrap_or(Path::new("")).to_path_buf();
    let files = |name: &str| {
        let bytes = load(&directory.join(name).to_string_lossy())?;
        String::from_utf8(bytes).map_err(|_| format!("`{name}` is not UTF-8 text"))
    };
    let refuse = |loaded: Loaded, problems: Diagnostics| {
        Box::new(Refused { problems: loaded.placed(problems), variants: loaded.variants, sources: loaded.sources })
    };
    let topology = match compile(&loaded.model, &files) {
        Ok(topology) if !of_manifests.has_errors() => topology,
        Ok(_) => return Err(refuse(loaded, of_manifests)),
        Err(mut problems) => {
            problems.append(of_manifests);
            return Err(refuse(loaded, problems));
        }
    };
    let compiled = Compiled { variant: variant.map(str::to_string), topology, loaded, of_manifests };
    let mut errors = compiled.findings();
    errors.list.retain(|f| f.severity == crate::base::diagnostic::Severity::Error);
    if errors.has_errors() { Err(refuse(compiled.loaded, errors)) } else { Ok(compiled) }
}

/// The model as written and its variants (all, or those named), compiled; every variant's problems are printed.
pub(super) fn variants(file: &Path, sets: &[String], only: &[String]) -> Result<Vec<Compiled>, Exit> {
    let base = compiled(file, sets, None)?;
    let names: Vec<String> = if only.is_empty() { base.loaded.variants.clone() } else { only.to_vec() };
    let mut all = vec![base];
    let mut failed = None;
    for name in names.iter().filter(|name| name.as_str() != crate::experiment::aggregate::MODEL) {
        match compiled(file, sets, Some(name)) {
            Ok(variant) => all.push(variant),
            Err(exit) => failed = Some(exit),
        }
    }
    failed.map_or(Ok(all), Err)
}
