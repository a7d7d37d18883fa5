//! What tests of the whole product share: the text of a model goes in, its record and summary come out.
#![allow(dead_code, reason = "each test binary uses its share")]

use brownout::analysis::summary::{Summary, summarize};
use brownout::model::{self, Loaded};
use brownout::observe::recording::Recording;
use brownout::topology::Topology;
use brownout::topology::compile::compile;
use brownout::world::{self, Control};
use std::path::PathBuf;

/// Reads a model that stands in memory; panics with what is wrong with it.
pub fn read(yaml: &str) -> Loaded {
    let loader = |_: &str| Ok(yaml.as_bytes().to_vec());
    model::read("model.yaml", &loader, &[], None).unwrap_or_else(|refused| panic!("{:#?}\n{yaml}", refused.problems))
}

/// Compiles a model that stands in memory and names no other file.
pub fn topology(yaml: &str) -> Topology {
    let no_files = |name: &str| Err(format!("there is no file `{name}`"));
    compile(&read(yaml).model, &no_files).unwrap_or_else(|problems| panic!("{problems:#?}\n{yaml}"))
}

/// One run through the whole product: text, model, topology, world, summary.
pub fn run_yaml(yaml: &str, seed: u64) -> (Topology, Recording, Summary) {
    let topology = topology(yaml);
    let recording = world::run(&topology, seed, Control::default()).unwrap_or_else(|stopped| panic!("{}\n{yaml}", stopped.limit));
    let summary = summarize(&topology, &recording, None);
    (topology, recording, summary)
}

/// Where other people's files are, beside the checkout or where `BROWNOUT_CORPUS` says; none, with a note, if they are not there.
pub fn corpus() -> Option<PathBuf> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    let path = std::env::var_os("BROWNOUT_CORPUS").map_or_else(beside, PathBuf::from);
    if !path.is_dir() {
        println!("no corpus at {}: nothing is checked", path.display());
        return None;
    }
    Some(path)
}
