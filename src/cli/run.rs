//! `brownout run`: one seeded run with everything about it, or many seeds with what they say together.

use super::artefacts;
use super::output::Directory;
use super::read::{self, Compiled};
use super::{Common, Exit, note, print, watch, why};
use crate::analysis::traces;
use crate::base::AS_WRITTEN;
use crate::base::limit::Limits;
use crate::experiment::aggregate::Comparison;
use crate::experiment::ensemble::{self, Outcome, Subject, Watch};
use crate::experiment::why::Explained;
use crate::observe::watch::Wish;
use crate::report;

#[derive(clap::Args)]
pub(super) struct Run {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    exports: artefacts::Exports,
    /// Run this variant of the model
    #[arg(long)]
    variant: Option<String>,
    /// Run with so many seeds, and tell means with 95 % intervals
    #[arg(long, default_value_t = 1, allow_negative_numbers = true, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    seeds: u32,
    /// Show so many requests attempt by attempt, the first of the measured time
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true, conflicts_with = "seeds", value_parser = clap::value_parser!(u32).range(..=MOST_TRACED))]
    trace: u32,
    /// Run again with one change at a time, each with so many seeds, and tell what would have stopped the cascade
    #[arg(long, value_name = "SEEDS", num_args = 0..=1, require_equals = true, default_missing_value = "5", conflicts_with_all = ["seeds", "trace"], value_parser = clap::value_parser!(u32).range(1..=1000))]
    why: Option<u32>,
}

/// Requests that `--trace` follows at most.
const MOST_TRACED: i64 = 100_000;

impl Run {
    pub(super) fn execute(self) -> Exit {
        let compiled = match read::compiled(&self.common.model, &self.common.set, self.variant.as_deref()) {
            Ok(compiled) => compiled,
            Err(exit) => return exit,
        };
        let directory = match self.common.out.as_deref().map(Directory::open).transpose() {
            Ok(directory) => directory,
            Err(exit) => return exit,
        };
        if !self.common.quiet {
            compiled.tell_findings();
        }
        let seeds = ensemble::seeds(self.common.seed.unwrap_or(compiled.topology.seed), self.seeds);
        let subject = Subject { variant: self.variant.as_deref(), topology: &compiled.topology };
        let wish = match self.exports.wish(&compiled.topology, self.common.out.is_some(), self.trace) {
            Ok(wish) => wish,
            Err(exit) => return exit,
        };
        let outcomes = run(&self.common, &[subject], &seeds, &wish).remove(0);
        if outcomes.is_empty() {
            note("interrupted before any run was finished");
            return Exit::Interrupted;
        }
        let comparison = (self.seeds > 1).then(|| {
            let figures = outcomes.iter().map(|o| o.figures.clone()).collect();
            Comparison::of(&compiled.topology.name, &[(self.variant.clone().unwrap_or(AS_WRITTEN.into()), figures)])
        });
        let why = self.why.map(|seeds| why::why(&self.common, &compiled, self.variant.as_deref(), &outcomes[0], seeds));
        let explained = why.as_ref().map(|why| Explained { summary: &outcomes[0].summary, why });
        let text = match &comparison {
            _ if let Some(explained) = &explained => report::explained_run(explained, self.common.format(), self.common.style()),
            None if self.trace > 0 => self.traced(&compiled, &outcomes[0]),
            None => report::run(&outcomes[0].summary, self.common.format(), self.common.style()),
            Some(comparison) => report::comparison(comparison, self.common.format(), self.common.style()),
        };
        let printed = print(&text);
        let written = directory.as_ref().map_or(Exit::Fine, |directory| {
            let variant = self.variant.as_deref();
            let files = artefacts::of_runs(&compiled, &outcomes, comparison.as_ref(), variant, why.as_ref(), &self.exports);
            let written = directory.write_all(files);
            if !self.common.quiet && written == Exit::Fine {
                note(&format!("artefacts are in {}", directory.path().display()));
            }
            written
        });
        exit_of(&[&outcomes], self.seeds as usize, [printed, written])
    }
}

impl Run {
    /// The run with the requests that were followed.
    fn traced(&self, compiled: &Compiled, outcome: &Outcome) -> String {
        let recording = outcome.recording.as_ref().expect("the recording of the first seed is kept");
        let traces = traces::traces(&compiled.topology, recording);
        let ejections = traces::ejections(&compiled.topology, recording);
        let traced = traces::Traced { summary: &outcome.summary, traces: &traces, ejections: &ejections };
        report::traced_run(&traced, self.common.format(), self.common.style())
    }
}

/// Runs subjects with a progress bar, and listens to Ctrl-C meanwhile.
pub(super) fn run(common: &Common, subjects: &[Subject<'_>], seeds: &[u64], wish: &Wish) -> Vec<Vec<Outcome>> {
    simulate(subjects, seeds, common.jobs, common.limits(), wish, common.quiet)
}

/// The same with the limits given.
pub(super) fn simulate(
    subjects: &[Subject<'_>],
    seeds: &[u64],
    jobs: usize,
    limits: Limits,
    wish: &Wish,
    quiet: bool,
) -> Vec<Vec<Outcome>> {
    let nanos: u64 = subjects.iter().map(|s| s.topology.duration.0.saturating_mul(seeds.len() as u64)).fold(0, u64::saturating_add);
    let bar = watch::bar(nanos, quiet);
    let progress = |done: u64| bar.set_position(done / 1_000_000);
    let interrupted = watch::interrupted();
    let outcomes = ensemble::run_all(subjects, seeds, Watch { jobs, limits, wish: Some(wish), interrupted, progress: Some(&progress) });
    bar.finish_and_clear();
    outcomes
}

/// The exit code of runs: what stopped them counts more than what they found.
pub(super) fn exit_of(outcomes: &[&Vec<Outcome>], expected: usize, io: [Exit; 2]) -> Exit {
    let all = || outcomes.iter().flat_map(|o| o.iter());
    if all().any(|o| o.summary.interrupted && o.limit.is_none()) || outcomes.iter().any(|o| o.len() < expected) {
        note("interrupted: the figures are of what was finished");
        return Exit::Interrupted;
    }
    if let Some(limit) = all().find_map(|o| o.limit.as_ref()) {
        let help = match limit {
            crate::base::limit::LimitReached::Instant { .. } => {
                "look for calls or retries that take no time: give the link, the work or the back-off some"
            }
            crate::base::limit::LimitReached::Events { .. } => "simulate a shorter time, or raise the limit with `--max-events`",
            crate::base::limit::LimitReached::InFlight { .. } => {
                "bound the queues, add timeouts, or raise the limit with `--max-in-flight`"
            }
        };
        note(&format!("error: {limit}\nhelp: {help}"));
        return Exit::LimitReached;
    }
    if let Some(bad) = io.into_iter().find(|exit| *exit != Exit::Fine) {
        return bad;
    }
    if all().any(|o| o.summary.expectations.values().any(|verdict| !verdict.passed)) { Exit::ExpectationFailed } else { Exit::Fine }
}
