//! `brownout compare`: the variants of a model on the same seeds.

use super::artefacts;
use super::output::Directory;
use super::read::{self, Compiled};
use super::run::{exit_of, run};
use super::{Common, Exit, fail, note, print};
use crate::base::AS_WRITTEN;
use crate::experiment::aggregate::Comparison;
use crate::experiment::ensemble::{self, Outcome, Subject};
use crate::experiment::figures::RunFigures;
use crate::report::{self, Format, story};

#[derive(clap::Args)]
pub(super) struct Compare {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    exports: artefacts::Exports,
    /// Only these variants, besides the model as written
    #[arg(long, value_delimiter = ',', value_name = "A,B")]
    variants: Vec<String>,
    /// Seeds for each variant
    #[arg(long, default_value_t = 5, allow_negative_numbers = true, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    seeds: u32,
}

impl Compare {
    pub(super) fn execute(self) -> Exit {
        let variants = match read::variants(&self.common.model, &self.common.set, &self.variants) {
            Ok(variants) => variants,
            Err(exit) => return exit,
        };
        if variants.len() < 2 {
            let help = "add `variants: {naive: {policies: {…}}}` to the model, each an overlay of what it changes";
            return fail(&format!("`{}` has no variants to compare\nhelp: {help}", self.common.model.display()));
        }
        let directory = match self.common.out.as_deref().map(Directory::open).transpose() {
            Ok(directory) => directory,
            Err(exit) => return exit,
        };
        let seeds = ensemble::seeds(self.common.seed.unwrap_or(variants[0].topology.seed), self.seeds);
        let subjects: Vec<Subject<'_>> =
            variants.iter().map(|v| Subject { variant: v.variant.as_deref(), topology: &v.topology }).collect();
        let wish = match self.exports.wish(&variants[0].topology, self.common.out.is_some(), 0) {
            Ok(wish) => wish,
            Err(exit) => return exit,
        };
        let outcomes = run(&self.common, &subjects, &seeds, &wish);
        let complete: Vec<(String, Vec<RunFigures>)> = variants
            .iter()
            .zip(&outcomes)
            .filter(|(_, o)| !o.is_empty())
            .map(|(v, o)| (name(v), o.iter().map(|o| o.figures.clone()).collect()))
            .collect();
        if complete.is_empty() {
            note("interrupted before any run was finished");
            return Exit::Interrupted;
        }
        let comparison = Comparison::of(&variants[0].topology.name, &complete);
        let mut text = report::comparison(&comparison, self.common.format(), self.common.style());
        if self.common.format() == Format::Table {
            text.push_str(&worst_story(&variants, &outcomes, self.common.style()));
        }
        let printed = print(&text);
        let written = directory.as_ref().map_or(Exit::Fine, |directory| {
            let written = directory.write_all(artefacts::of_comparison(&variants, &outcomes, &comparison, &self.exports));
            if !self.common.quiet && written == Exit::Fine {
                note(&format!("artefacts are in {}", directory.path().display()));
            }
            written
        });
        let all: Vec<&Vec<Outcome>> = outcomes.iter().collect();
        match exit_of(&all, self.seeds as usize, [printed, written]) {
            // Variants are there to fail: that one does is a result. The verdict is on the model as it is written.
            Exit::ExpectationFailed => exit_of(&all[..1], self.seeds as usize, [Exit::Fine; 2]),
            other => other,
        }
    }
}

/// What a variant is called in files and tables.
pub(super) fn name(compiled: &Compiled) -> String {
    compiled.variant.clone().unwrap_or(AS_WRITTEN.into())
}

/// The cascade of the variant that served its clients worst, as its first seed saw it.
fn worst_story(variants: &[Compiled], outcomes: &[Vec<Outcome>], style: report::Style) -> String {
    let served = |outcome: &Outcome| -> f64 {
        let clients = outcome.summary.clients.values();
        let (useful, offered) = clients.fold((0, 0), |(useful, offered), c| (useful + c.ok + c.degraded, offered + c.offered));
        if offered == 0 { 1.0 } else { useful as f64 / offered as f64 }
    };
    let firsts = variants.iter().zip(outcomes).filter_map(|(variant, outcomes)| Some((variant, outcomes.first()?)));
    let Some((variant, worst)) = firsts.min_by(|a, b| served(a.1).total_cmp(&served(b.1))) else { return String::new() };
    let story = story::text(&worst.summary.cascade, style);
    if story.is_empty() {
        return String::new();
    }
    format!("\nThe worst served, `{}` with seed {}:\n\n{story}", name(variant), worst.summary.seed)
}
