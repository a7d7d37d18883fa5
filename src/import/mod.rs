//! Foreign files into the model: Istio's and Kubernetes' manifests, read and checked as Istio checks them.
//!
//! Knows the formats and no simulation: what comes out is plain data of `model::mesh`, and everything that is wrong, is
//! dropped or is not simulated, each with its place. Reads no file itself.

mod adopt;
mod cross;
mod cursor;
mod istio;
mod kubernetes;
mod legacy;
mod meta;
mod names;
mod notes;
mod scalars;
mod stream;

use crate::base::diagnostic::Diagnostics;
use crate::model::mesh::Mesh;
use crate::model::objects::Change;
use crate::model::source::{SourceId, Sources};
use crate::model::yaml;

pub use adopt::adopt;
pub use stream::is_manifest;

/// What manifests say, and what is to be said of them.
#[derive(Clone, Debug, Default)]
pub struct Imported {
    pub mesh: Mesh,
    /// Errors keep the manifests from being used: then `mesh` holds what could be made of them.
    pub problems: Diagnostics,
    /// Every object by its kind as it is written, in the order of the files.
    pub kinds: Vec<String>,
}

/// Reads manifests: every object that is known, checked by itself.
pub fn read(sources: &Sources, files: &[SourceId]) -> Imported {
    read_changed(sources, files, &[])
}

/// The same with what a model changes of the objects; a change of one that is not there is an error.
pub fn read_changed(sources: &Sources, files: &[SourceId], changes: &[Change]) -> Imported {
    let mut reader = stream::Reader::new(sources, changes);
    for file in files {
        let (documents, problems) = yaml::read_stream(sources, *file);
        reader.take(*file, documents, problems);
    }
    reader.finish()
}

/// What is contradictory among manifests that are used together, as far as it can be told without running.
pub fn cross_check(sources: &Sources, mesh: &Mesh) -> Diagnostics {
    cross::check(sources, mesh)
}
