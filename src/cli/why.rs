//! `run --why`: runs the model again with one change at a time, on the same seeds.

use super::Common;
use super::read::{self, Compiled};
use super::run::run;
use crate::base::AS_WRITTEN;
use crate::experiment::ensemble::{self, Outcome, Subject};
use crate::experiment::why::{Candidate, Cost, Why, candidates};
use crate::observe::watch::Wish;

/// Tries what might have stopped the cascade of a run: single changes where it went through, and the model's variants.
pub(super) fn why(common: &Common, compiled: &Compiled, variant: Option<&str>, outcome: &Outcome, seeds: u32) -> Why {
    let Some(recording) = &outcome.recording else { return Why::default() };
    let wanted = candidates(&compiled.topology, recording, &outcome.summary.cascade);
    let mut not_possible = 0;
    let mut changed: Vec<(Candidate, Compiled)> = Vec::new();
    for candidate in wanted {
        let sets: Vec<String> = common.set.iter().chain(&candidate.sets).cloned().collect();
        match read::try_compiled(&common.model, &sets, variant) {
            Ok(compiled) => changed.push((candidate, compiled)),
            Err(_) => not_possible += 1,
        }
    }
    let as_written = variant.map(|_| None);
    let others = compiled.loaded.variants.iter().filter(|name| Some(name.as_str()) != variant).map(|name| Some(name.as_str()));
    for other in as_written.into_iter().chain(others) {
        let words = other.map_or(AS_WRITTEN.to_string() + " as written", |name| format!("variant `{name}`"));
        if let Ok(compiled) = read::try_compiled(&common.model, &common.set, other) {
            changed.push((Candidate { words, sets: Vec::new(), cost: Cost::Variant }, compiled));
        }
    }
    let seeds = ensemble::seeds(outcome.summary.seed, seeds);
    let subject = |compiled| Subject { variant: None, topology: compiled };
    let subjects: Vec<Subject<'_>> =
        std::iter::once(subject(&compiled.topology)).chain(changed.iter().map(|(_, compiled)| subject(&compiled.topology))).collect();
    let mut outcomes = run(common, &subjects, &seeds, &Wish::default()).into_iter();
    let base = outcomes.next().unwrap_or_default();
    // What was interrupted before it had run with every seed is not judged.
    let whole = |outcomes: &Vec<Outcome>| outcomes.len() == base.len();
    let tried = changed.iter().map(|(candidate, _)| candidate.clone()).zip(outcomes).filter(|(_, outcomes)| whole(outcomes)).collect();
    Why::of(&base, tried, not_possible)
}
