//! Reads models and the files that they name, compiles them, and tells what is wrong.

use super::{Exit, explain, manifests, note};
use crate::base::diagnostic::{Diagnostic, Diagnostics};
use crate::model::{self, Loaded, Loader, Refused, resolved};
use crate::report::{Style, diagnostics};
use crate::topology::Topology;
use crate::topology::check::{self, Finding, Weight};
use crate::topology::compile::compile;
use crate::topology::explain::From;
use std::cell::RefCell;
use std::collections::BTreeMap;
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
    /// The texts of the files that the model names, by those names: a resolved model needs them beside it.
    data: BTreeMap<String, String>,
}

impl Compiled {
    pub(super) fn resolved(&self) -> String {
        let of_manifests = explain::of_manifests(&self.loaded.model, &|from| self.origin(from));
        format!("{}{of_manifests}", resolved::yaml(&self.loaded))
    }

    /// Where a value comes from, in words.
    pub(super) fn origin(&self, from: &From) -> String {
        match from {
            From::Path(path) => self.loaded.origin(path),
            other => explain::place(&self.loaded.sources, other),
        }
    }

    /// The resolved model and the files that it names, which then run anywhere. What has a path of its own or lies above
    /// stays where it is.
    pub(super) fn self_contained(&self) -> Vec<(String, Vec<u8>)> {
        use std::path::Component::{CurDir, Normal};
        let beside = |name: &&String| Path::new(name.as_str()).components().all(|part| matches!(part, Normal(_) | CurDir));
        let data = self.data.keys().filter(beside).map(|name| (name.clone(), self.data[name].clone().into_bytes()));
        data.chain([("model.resolved.yaml".to_string(), self.resolved().into_bytes())]).collect()
    }

    /// What can be said without running it.
    pub(super) fn findings(&self) -> Diagnostics {
        let mut all = self.of_manifests.clone();
        let found = check::check(&self.topology).into_iter().chain(check::bindings(&self.loaded.model));
        all.list.extend(found.map(diagnostic));
        self.loaded.placed(all)
    }

    /// Notes how many findings there are; `check` tells them.
    pub(super) fn tell_findings(&self) {
        let findings = self.findings();
        let count = findings.iter().filter(|f| f.severity != crate::base::diagnostic::Severity::Note).count();
        if count > 0 {
            let things =
                if count == 1 { "1 thing in this model deserves".to_string() } else { format!("{count} things in this model deserve") };
            note(&format!("note: {things} a look: `brownout check` tells"));
        }
    }
}

/// A finding as it is told.
pub(super) fn diagnostic(finding: Finding) -> Diagnostic {
    let made = match finding.weight {
        Weight::Error => Diagnostic::error(finding.code, finding.message),
        Weight::Warning => Diagnostic::warning(finding.code, finding.message),
        Weight::Note => Diagnostic::note(finding.code, finding.message),
    };
    made.at(finding.path).help(finding.help)
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
    try_compiled(file, sets, variant).map_err(|refused| tell(&refused))
}

fn tell(refused: &Refused) -> Exit {
    note(diagnostics::text(&refused.problems, &refused.sources, stderr_style()).trim_end());
    Exit::BadInput
}

/// Reads and compiles a model, or tells everything that is wrong with it.
pub(super) fn try_compiled(file: &Path, sets: &[String], variant: Option<&str>) -> Result<Compiled, Box<Refused>> {
    try_compiled_from(&load, file, sets, variant)
}

/// The same with the bytes of the model's files from elsewhere.
pub(super) fn try_compiled_from(from: Loader<'_>, file: &Path, sets: &[String], variant: Option<&str>) -> Result<Compiled, Box<Refused>> {
    let name = file.to_string_lossy();
    let data = RefCell::new(BTreeMap::new());
    let directory = file.parent().unwrap_or(Path::new("")).to_path_buf();
    let files = |name: &str| {
        let bytes = load(&directory.join(name).to_string_lossy())?;
        let text = String::from_utf8(bytes).map_err(|_| format!("`{name}` is not UTF-8 text"))?;
        data.borrow_mut().insert(name.to_string(), text.clone());
        Ok(text)
    };
    let mut loaded = model::read(&name, from, sets, variant).map_err(|mut refused| {
        if let Some(rest) = refused.rest.take() {
            let names = compile(&rest.loaded.model, &files).err().unwrap_or_default();
            refused.problems.list.extend(rest.loaded.placed(names).into_iter().filter(|problem| rest.left_out.is_none_of(problem)));
            refused.problems.sort();
        }
        refused
    })?;
    let of_manifests = manifests::adopt(&mut loaded, &mut data.borrow_mut());
    let refuse = |loaded: Loaded, problems: Diagnostics| {
        Box::new(Refused { problems: loaded.placed(problems), variants: loaded.variants, sources: loaded.sources, rest: None })
    };
    let topology = match compile(&loaded.model, &files) {
        Ok(topology) if !of_manifests.has_errors() => topology,
        Ok(_) => return Err(refuse(loaded, of_manifests)),
        Err(mut problems) => {
            problems.append(of_manifests);
            return Err(refuse(loaded, problems));
        }
    };
    let compiled = Compiled { variant: variant.map(str::to_string), topology, loaded, of_manifests, data: data.take() };
    let mut errors = compiled.findings();
    errors.list.retain(|f| f.severity == crate::base::diagnostic::Severity::Error);
    if errors.has_errors() { Err(refuse(compiled.loaded, errors)) } else { Ok(compiled) }
}

/// The same problems, said to be a variant's.
pub(super) fn of_variant(problems: &mut Diagnostics, name: &str) {
    for problem in &mut problems.list {
        problem.message.push_str(&format!(" (in variant `{name}`)"));
        // The variant takes away what an expectation of the model is about.
        let expectation = problem.path.as_deref().and_then(|path| path.strip_prefix("expect."));
        if let Some(expectation) = expectation.filter(|_| problem.code.starts_with("unknown-")) {
            let way = format!("if the variant takes it away, let it take the expectation away too: `expect: {{{expectation}: null}}`");
            let known = problem.help.take().filter(|help| help.starts_with("did you mean"));
            problem.help = Some(known.map_or_else(|| way.clone(), |help| format!("{help} Or {way}")));
        }
    }
}

/// The model as written and its variants (all, or those named), compiled; every variant's problems are printed.
pub(super) fn variants(file: &Path, sets: &[String], only: &[String]) -> Result<Vec<Compiled>, Exit> {
    let base = compiled(file, sets, None)?;
    let names: Vec<String> = if only.is_empty() { base.loaded.variants.clone() } else { only.to_vec() };
    let mut all = vec![base];
    let mut failed = None;
    // The model as it is written runs in any case.
    for name in names.iter().filter(|name| name.as_str() != crate::base::AS_WRITTEN) {
        match try_compiled(file, sets, Some(name)) {
            Ok(variant) => all.push(variant),
            Err(mut refused) => {
                if refused.problems.iter().all(|problem| problem.code != "unknown-variant") {
                    of_variant(&mut refused.problems, name);
                }
                failed = Some(tell(&refused));
            }
        }
    }
    failed.map_or(Ok(all), Err)
}
