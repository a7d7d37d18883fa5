//! `brownout report`: the report and the charts of an earlier run, made anew from its directory.
//!
//! A directory holds the resolved model and the seeds, which is all that a run depends on: it runs again, and is the same run if its
//! fingerprint is. So nothing has to be stored that could be computed, and a newer release's report can be had of an older run, as long
//! as they simulate the same.

use super::artefacts::{Sample, shown_of_comparison, shown_of_runs};
use super::output::Directory;
use super::read::{self, Compiled};
use super::run::simulate;
use super::{Exit, fail, note};
use crate::base::AS_WRITTEN;
use crate::base::time::Nanos;
use crate::experiment::aggregate::Comparison;
use crate::experiment::ensemble::{Outcome, Subject};
use crate::experiment::why::Why;
use crate::observe::watch::Wish;
use serde_json::Value;
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub(super) struct Report {
    /// What `run --out` or `compare --out` wrote
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Which requests the report shows one by one: tail (slow, failed and typical ones), all, none, head:SHARE, or around:FAULT
    #[arg(long, value_name = "WHICH", default_value = "tail")]
    sample: Sample,
    /// Which charts to draw: `all`, `none`, or names such as `latency,blast-radius`
    #[arg(long, value_name = "LIST", default_value = "all", hide_default_value = true)]
    charts: crate::report::charts::Choice,
    /// Runs side by side [default: one per core]
    #[arg(long, default_value_t = 0, hide_default_value = true, allow_negative_numbers = true)]
    jobs: usize,
    /// Print no notes and no progress
    #[arg(long, short)]
    quiet: bool,
}

/// The meters are not written again; that they are read makes the run one that is watched, as it was.
const SCRAPE: Nanos = Nanos::from_secs(15);

/// What a directory says of the runs that it is of.
struct Recorded {
    summary: Value,
    seeds: Vec<u64>,
    /// The model as written first, as far as it ran.
    variants: Option<Vec<String>>,
}

impl Report {
    pub(super) fn execute(self) -> Exit {
        self.again().err().unwrap_or(Exit::Fine)
    }

    fn again(&self) -> Result<(), Exit> {
        let recorded = self.recorded()?;
        let compiled = self.compiled(&recorded)?;
        let subjects: Vec<Subject<'_>> =
            compiled.iter().map(|v| Subject { variant: v.variant.as_deref(), topology: &v.topology }).collect();
        let wish = Wish { sampling: self.sample.of(&compiled[0].topology)?, scrape: Some(SCRAPE) };
        let outcomes = simulate(&subjects, &recorded.seeds, self.jobs, Default::default(), &wish, self.quiet);
        if outcomes.iter().any(|of| of.len() < recorded.seeds.len() || of.iter().any(|o| o.summary.interrupted)) {
            note("interrupted: the report is as it was");
            return Err(Exit::Interrupted);
        }
        self.check(&recorded, &outcomes)?;
        let directory = Directory::open(&self.directory)?;
        let comparison = (recorded.variants.is_some() || recorded.seeds.len() > 1).then(|| self::comparison(&compiled, &outcomes));
        let why = self.why(&recorded)?;
        let files = match (&recorded.variants, &comparison) {
            (Some(_), Some(comparison)) => shown_of_comparison(&compiled, &outcomes, comparison, &self.charts),
            _ => shown_of_runs(&compiled[0], &outcomes[0], comparison.as_ref(), compiled[0].variant.as_deref(), why.as_ref(), &self.charts),
        };
        let written = directory.write_all(files);
        if written != Exit::Fine {
            return Err(written);
        }
        if !self.quiet {
            note(&format!("the report is in {}", self.directory.join("report.html").display()));
        }
        Ok(())
    }

    fn recorded(&self) -> Result<Recorded, Exit> {
        let summary = self.json(&self.directory.join("summary.json"))?;
        let variants = summary["variants"].as_object();
        let names = |others: &serde_json::Map<String, Value>| {
            std::iter::once(summary["baseline"].as_str().unwrap_or(AS_WRITTEN))
                .chain(others.keys().map(String::as_str))
                .map(str::to_string)
                .collect()
        };
        let variants = variants.filter(|others| !others.is_empty()).map(names);
        let many = summary["seeds"].as_array().map(|seeds| seeds.iter().filter_map(Value::as_u64).collect::<Vec<u64>>());
        let seeds = many.or_else(|| Some(vec![summary["seed"].as_u64()?])).filter(|seeds| !seeds.is_empty());
        let Some(seeds) = seeds else {
            return Err(self.not_ours("its summary.json names no seed"));
        };
        Ok(Recorded { summary, seeds, variants })
    }

    /// What `run --why` found, if it did; that is not tried again. What is of another run was left there by it.
    fn why(&self, recorded: &Recorded) -> Result<Option<Why>, Exit> {
        let file = self.directory.join("why.json");
        if !file.is_file() || recorded.variants.is_some() {
            return Ok(None);
        }
        let why: Why = serde_json::from_value(self.json(&file)?)
            .map_err(|error| self.not_ours(&format!("`{}` is not what `run --why` writes: {error}", file.display())))?;
        Ok(Some(why).filter(|why| recorded.summary["fingerprint"] == why.fingerprint))
    }

    fn json(&self, file: &Path) -> Result<Value, Exit> {
        let bytes = read::load(&file.to_string_lossy()).map_err(|why| self.not_ours(&why))?;
        serde_json::from_slice(&bytes).map_err(|error| self.not_ours(&format!("`{}` is not JSON: {error}", file.display())))
    }

    fn not_ours(&self, why: &str) -> Exit {
        let help = "name a directory that `brownout run --out DIR` or `brownout compare --out DIR` has written";
        fail(&format!("`{}` does not hold a run: {why}\nhelp: {help}", self.directory.display()))
    }

    /// The resolved models that lie there, with the names of the variants that they were made from.
    fn compiled(&self, recorded: &Recorded) -> Result<Vec<Compiled>, Exit> {
        let one = |place: PathBuf, variant: Option<String>| {
            let file = place.join("model.resolved.yaml");
            if !file.is_file() {
                return Err(self.not_ours(&format!("there is no `{}`", file.display())));
            }
            read::compiled(&file, &[], None).map(|mut compiled| {
                compiled.variant = variant;
                compiled
            })
        };
        match &recorded.variants {
            Some(names) => names.iter().map(|name| one(self.directory.join(name), (name != AS_WRITTEN).then(|| name.clone()))).collect(),
            None => Ok(vec![one(self.directory.clone(), recorded.summary["variant"].as_str().map(str::to_string))?]),
        }
    }

    /// A report beside artefacts of another run would tell lies about them.
    fn check(&self, recorded: &Recorded, outcomes: &[Vec<Outcome>]) -> Result<(), Exit> {
        match &recorded.variants {
            None if recorded.seeds.len() == 1 && recorded.summary["fingerprint"].is_string() => {
                self.same(&recorded.summary, "summary.json", &outcomes[0][0])
            }
            // Of many seeds no single run is noted down; how many events each had is, among the figures.
            None => {
                let events = outcomes[0].iter().map(|o| o.summary.events as f64).sum::<f64>() / outcomes[0].len() as f64;
                let noted = recorded.summary["figures"]["events"]["mean"].as_f64();
                if noted.is_none_or(|noted| (noted - events).abs() < 0.5) { Ok(()) } else { Err(self.another("summary.json")) }
            }
            Some(names) => {
                for (name, outcomes) in names.iter().zip(outcomes) {
                    for outcome in outcomes {
                        let file = format!("{name}/summary-{}.json", outcome.summary.seed);
                        self.same(&self.json(&self.directory.join(&file))?, &file, outcome)?;
                    }
                }
                Ok(())
            }
        }
    }

    fn same(&self, summary: &Value, file: &str, outcome: &Outcome) -> Result<(), Exit> {
        if summary["interrupted"] == true {
            return Err(fail(&format!(
                "the run in `{}` was interrupted, and would not end where it did\nhelp: run the model again with `--out`",
                self.directory.display()
            )));
        }
        if summary["fingerprint"].as_str() == Some(&outcome.summary.fingerprint) { Ok(()) } else { Err(self.another(file)) }
    }

    fn another(&self, file: &str) -> Exit {
        let help = "the model beside it was changed, or another release of brownout wrote it: run the model again with `--out`, or use that release";
        fail(&format!("`{}` is of another run than the model beside it gives today\nhelp: {help}", self.directory.join(file).display()))
    }
}

fn comparison(compiled: &[Compiled], outcomes: &[Vec<Outcome>]) -> Comparison {
    let figures = |outcomes: &Vec<Outcome>| outcomes.iter().map(|o| o.figures.clone()).collect();
    let all: Vec<_> = compiled.iter().zip(outcomes).map(|(variant, outcomes)| (super::compare::name(variant), figures(outcomes))).collect();
    Comparison::of(&compiled[0].topology.name, &all)
}
