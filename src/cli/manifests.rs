//! Manifests: those that a model names, and those that are checked by themselves.

use super::glob;
use super::read::{self, load};
use crate::base::diagnostic::{Diagnostic, Diagnostics};
use crate::import;
use crate::model::Loaded;
use crate::model::mesh::Mesh;
use crate::model::source::{SourceId, Sources};
use crate::model::tree::Path as Inside;
use crate::topology::check;
use crate::topology::explain::default_release;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Reads what a model names under `manifests` and puts it into the model; tells what is wrong and what is to be noted.
/// And hands out the texts of the files beside the model by their names, as those that a model names elsewhere.
pub(super) fn adopt(loaded: &mut Loaded, data: &mut BTreeMap<String, String>) -> Diagnostics {
    if loaded.model.manifests.is_empty() && loaded.changes.is_empty() && loaded.pushed.is_empty() {
        return Diagnostics::new();
    }
    let mut problems = Diagnostics::new();
    let mut files: Vec<SourceId> = Vec::new();
    for (index, pattern) in loaded.model.manifests.clone().iter().enumerate() {
        let path = format!("manifests[{index}]");
        let place = loaded.place(&path);
        let main = place.as_ref().map_or("", |place| place.file.as_str());
        let directory = Path::new(main).parent().unwrap_or(Path::new("")).to_path_buf();
        let mut refuse = |message: String, help: &str| {
            let problem = Diagnostic::error("no-manifest", message).at(path.as_str()).placed(place.clone());
            problems.push(problem.help(help));
        };
        match glob::files(&directory, pattern) {
            Ok(found) if found.is_empty() => refuse(format!("`{pattern}` stands for no file"), "name files relative to this one"),
            Err(why) => refuse(format!("`{pattern}` cannot be read: {why}"), "name fewer files"),
            Ok(found) => {
                for file in found {
                    match add(&mut loaded.sources, &file) {
                        Ok(id) => {
                            let beside = file.strip_prefix(&directory).unwrap_or(&file).to_string_lossy().into_owned();
                            data.insert(beside, loaded.sources.text(id).to_owned());
                            files.push(id);
                        }
                        Err(why) => refuse(why, "name files that can be read"),
                    }
                }
            }
        }
    }
    problems.append(import::adopt(loaded, &files));
    problems
}

fn add(sources: &mut Sources, file: &Path) -> Result<SourceId, String> {
    let name = file.to_string_lossy();
    let bytes = load(&name)?;
    sources.add(name, bytes).map_err(|problems| problems.list[0].message.clone())
}

/// The place of a finding whose path leads into an object.
fn placed(problem: Diagnostic, sources: &Sources, mesh: &Mesh) -> Diagnostic {
    let origin = problem.path.as_deref().and_then(Inside::parse).and_then(|path| mesh.origin_of(&path).cloned());
    let place = origin.and_then(|origin| origin.spot()).map(|spot| sources.place(spot));
    problem.placed(place)
}

/// Files that were read once: what comes through a pipe cannot be read again.
pub(super) struct Given {
    files: BTreeMap<String, Result<Vec<u8>, String>>,
}

impl Given {
    pub(super) fn read(files: &[PathBuf]) -> Given {
        let name = |file: &PathBuf| file.to_string_lossy().into_owned();
        Given { files: files.iter().map(|file| (name(file), load(&name(file)))).collect() }
    }

    /// The bytes of a file, read now if it was not given.
    pub(super) fn load(&self, name: &str) -> Result<Vec<u8>, String> {
        self.files.get(name).cloned().unwrap_or_else(|| load(name))
    }

    fn add(&self, sources: &mut Sources, file: &Path) -> Option<SourceId> {
        let name = file.to_string_lossy();
        sources.add(name.as_ref(), self.load(&name).ok()?).ok()
    }

    /// The files that are manifests and no models.
    pub(super) fn manifests(&self, files: &[PathBuf]) -> Vec<PathBuf> {
        let is_manifest = |file: &&PathBuf| {
            let mut sources = Sources::new();
            self.add(&mut sources, file).is_some_and(|id| import::is_manifest(&sources, id))
        };
        files.iter().filter(is_manifest).cloned().collect()
    }

    /// What is to be said of manifests that are used together.
    pub(super) fn check(&self, files: &[PathBuf]) -> (Diagnostics, Sources, Mesh) {
        let mut sources = Sources::new();
        let ids: Vec<SourceId> = files.iter().filter_map(|file| self.add(&mut sources, file)).collect();
        let imported = import::read(&sources, &ids);
        let mut problems = imported.problems;
        problems.append(import::cross_check(&sources, &imported.mesh));
        if !problems.has_errors() {
            let found = check::manifests(&imported.mesh, default_release()).into_iter().map(read::diagnostic);
            problems.list.extend(found.map(|problem| placed(problem, &sources, &imported.mesh)));
        }
        problems.sort();
        (problems, sources, imported.mesh)
    }
}
