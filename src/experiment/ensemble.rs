//! Ensembles: every variant with every seed, on as many cores as there are jobs; results in the order of variants and seeds.
//!
//! A run shares nothing with another but the immutable topology, so the number of jobs changes no byte of any result.

use super::figures::RunFigures;
use crate::analysis::summary::{Summary, summarize};
use crate::base::limit::{LimitReached, Limits};
use crate::base::time::Instant;
use crate::observe::recording::Recording;
use crate::observe::watch::Wish;
use crate::topology::Topology;
use crate::world::{self, Control};
use rayon::prelude::*;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// One variant of a model, compiled.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// `None`: the model as written.
    pub variant: Option<&'a str>,
    pub topology: &'a Topology,
}

/// What is kept of one run.
pub struct Outcome {
    pub summary: Summary,
    pub figures: RunFigures,
    /// Kept for the first seeds only; charts need no more.
    pub recording: Option<Recording>,
    /// The run reached a limit; its figures are of what came before.
    pub limit: Option<LimitReached>,
}

/// Recordings of this many seeds per variant are kept.
pub const RECORDINGS_KEPT: usize = 20;

/// No machine gains by more.
const MOST_THREADS: usize = 1024;

/// How an ensemble is run and watched.
#[derive(Clone, Copy)]
pub struct Watch<'a> {
    /// Runs side by side; 0: one per core.
    pub jobs: usize,
    pub limits: Limits,
    /// What is to be followed and metered in the run of each subject's first seed.
    pub wish: Option<&'a Wish>,
    /// Set from outside to stop: runs that are finished are kept.
    pub interrupted: &'a AtomicBool,
    /// Told how many simulated nanoseconds all runs together have come.
    pub progress: Option<&'a (dyn Fn(u64) + Sync)>,
}

/// `n` seeds from `first` on.
pub fn seeds(first: u64, n: u32) -> Vec<u64> {
    (0..u64::from(n)).map(|i| first.wrapping_add(i)).collect()
}

/// Runs every subject with every seed. Per subject, the finished runs in the order of the seeds.
pub fn run_all(subjects: &[Subject<'_>], seeds: &[u64], watch: Watch<'_>) -> Vec<Vec<Outcome>> {
    let pairs: Vec<(usize, usize)> = (0..subjects.len()).flat_map(|s| (0..seeds.len()).map(move |i| (s, i))).collect();
    let done = AtomicU64::new(0);
    let one = |&(subject, place): &(usize, usize)| run_one(subjects[subject], seeds[place], place, watch, &done);
    // More threads than runs would have nothing to do.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(watch.jobs.min(pairs.len()).min(MOST_THREADS)).build();
    let outcomes: Vec<Option<Outcome>> = match &pool {
        Ok(pool) => pool.install(|| pairs.par_iter().map(one).collect()),
        // No threads to be had: one after the other gives the same.
        Err(_) => pairs.iter().map(one).collect(),
    };
    let mut by_subject: Vec<Vec<Outcome>> = subjects.iter().map(|_| Vec::new()).collect();
    for ((subject, _), outcome) in pairs.iter().zip(outcomes) {
        by_subject[*subject].extend(outcome);
    }
    by_subject
}

/// One run; nothing if it had not begun when everything was stopped, or was cut off among many.
fn run_one(subject: Subject<'_>, seed: u64, place: usize, watch: Watch<'_>, done: &AtomicU64) -> Option<Outcome> {
    if watch.interrupted.load(Ordering::Relaxed) {
        return None;
    }
    let first = place == 0;
    let so_far = AtomicU64::new(0);
    let tell = |at: Instant| {
        let before = so_far.swap(at.0, Ordering::Relaxed);
        let total = done.fetch_add(at.0.saturating_sub(before), Ordering::Relaxed);
        if let Some(progress) = watch.progress {
            progress(total);
        }
    };
    let control =
        Control { interrupted: Some(watch.interrupted), progress: Some(&tell), limits: watch.limits, wish: watch.wish.filter(|_| first) };
    let (recording, limit) = match world::run(subject.topology, seed, control) {
        Ok(recording) => (recording, None),
        Err(stopped) => (*stopped.recording, Some(stopped.limit)),
    };
    tell(Instant::START + subject.topology.duration);
    let summary = summarize(subject.topology, &recording, subject.variant);
    Some(Outcome { figures: RunFigures::of(&summary), summary, recording: (place < RECORDINGS_KEPT).then_some(recording), limit })
}
