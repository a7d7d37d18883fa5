//! Many runs told in one figure each: means with 95 % intervals, shares of runs, and differences between variants on the
//! same seeds. Runs are folded in the order of their seeds, so that the result is the same whichever finished first.

use crate::analysis::statistics::{self, Estimate};
use crate::analysis::summary::Named;
use crate::experiment::figures::{Figure, RunFigures, is_outcome};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The name of the model without any overlay among its variants.
pub use crate::base::AS_WRITTEN as MODEL;

/// Runs of one variant with different seeds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Aggregate {
    pub runs: usize,
    pub seeds: Vec<u64>,
    /// By path in the summary; of what holds or not, the share of runs.
    pub figures: Named<Estimate>,
    pub expectations: Named<Passed>,
}

/// In which share of the runs an expectation held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Passed {
    pub passed: f64,
    pub lo: f64,
    pub hi: f64,
}

/// The baseline's figures, and every other variant's with their paired differences from it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The model's name.
    pub name: String,
    /// Which variant the differences are from: `model`, the model as written, unless that did not run.
    pub baseline: String,
    #[serde(flatten)]
    pub base: Aggregate,
    pub variants: Named<Compared>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    #[serde(flatten)]
    pub own: Aggregate,
    /// This variant minus the baseline, seed by seed.
    pub differences: Named<Estimate>,
}

impl Aggregate {
    pub fn of(runs: &[RunFigures]) -> Aggregate {
        let runs = by_seed(runs);
        let indices: Vec<Index<'_>> = runs.iter().map(|run| Index::of(run)).collect();
        let figures = paths(&runs).into_iter().map(|path| {
            let estimate = estimate(&indices.iter().map(|run| run.get(&path)).collect::<Vec<_>>());
            (path, estimate)
        });
        Aggregate {
            runs: runs.len(),
            seeds: runs.iter().map(|run| run.seed).collect(),
            figures: figures.collect(),
            expectations: expectations(&runs),
        }
    }
}

impl Comparison {
    /// Compares variants with the first of them; only seeds that both ran count for a difference.
    pub fn of(name: &str, variants: &[(String, Vec<RunFigures>)]) -> Comparison {
        let Some(((baseline, base), others)) = variants.split_first() else { return Comparison::default() };
        let compare = |(variant, runs): &(String, Vec<RunFigures>)| {
            (variant.clone(), Compared { own: Aggregate::of(runs), differences: differences(base, runs) })
        };
        Comparison {
            name: name.to_string(),
            baseline: baseline.clone(),
            base: Aggregate::of(base),
            variants: others.iter().map(compare).collect(),
        }
    }

    /// All variants by name, the baseline first and without differences.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Aggregate, Option<&Named<Estimate>>)> {
        let others = self.variants.iter().map(|(name, compared)| (name, &compared.own, Some(&compared.differences)));
        std::iter::once((self.baseline.as_str(), &self.base, None)).chain(others)
    }
}

fn by_seed(runs: &[RunFigures]) -> Vec<&RunFigures> {
    let mut sorted: Vec<&RunFigures> = runs.iter().collect();
    sorted.sort_by_key(|run| run.seed);
    sorted
}

/// Every path that occurs in some run, in the order of the first run; what later runs add stands beside its neighbours there.
fn paths(runs: &[&RunFigures]) -> Vec<String> {
    let mut paths: Vec<String> = Vec::new();
    let mut known = BTreeSet::new();
    for run in runs {
        let mut place = 0;
        for (path, _) in &run.figures {
            if known.insert(path.as_str()) {
                paths.insert(place, path.clone());
                place += 1;
            } else if let Some(found) = paths[place..].iter().position(|p| p == path) {
                place += found + 1;
            }
        }
    }
    paths
}

/// A run's figures by path: there are thousands of a large model.
struct Index<'a>(BTreeMap<&'a str, Figure>);

impl Index<'_> {
    fn of(run: &RunFigures) -> Index<'_> {
        Index(run.figures.iter().map(|(path, figure)| (path.as_str(), *figure)).collect())
    }

    /// A kind of outcome that did not occur in this run occurred zero times.
    fn get(&self, path: &str) -> Figure {
        match self.0.get(path) {
            Some(figure) => *figure,
            None if is_outcome(path) => Figure::Number(0.0),
            None => Figure::Nothing,
        }
    }
}

/// Numbers have a mean, what holds or not a share; runs without a value are left out.
fn estimate(column: &[Figure]) -> Estimate {
    let truths: Vec<bool> =
        column.iter().filter_map(|figure| if let Figure::Holds(holds) = figure { Some(*holds) } else { None }).collect();
    if !truths.is_empty() {
        return statistics::share(truths.iter().filter(|holds| **holds).count(), truths.len());
    }
    statistics::mean(&column.iter().filter_map(|figure| figure.number()).collect::<Vec<_>>())
}

fn expectations(runs: &[&RunFigures]) -> Named<Passed> {
    let Some(first) = runs.first() else { return Named::default() };
    let share = |(name, _): &(String, bool)| {
        let passed = runs.iter().filter(|run| run.expectations.iter().any(|(known, passed)| known == name && *passed)).count();
        let share = statistics::share(passed, runs.len());
        let or_nothing = |value: Option<f64>| value.unwrap_or(0.0);
        (name.clone(), Passed { passed: or_nothing(share.mean), lo: or_nothing(share.lo), hi: or_nothing(share.hi) })
    };
    first.expectations.iter().map(share).collect()
}

fn differences(base: &[RunFigures], variant: &[RunFigures]) -> Named<Estimate> {
    let variant: Vec<&RunFigures> = by_seed(variant);
    let pairs: Vec<(&RunFigures, &RunFigures)> =
        by_seed(base).into_iter().filter_map(|b| Some((b, *variant.iter().find(|v| v.seed == b.seed)?))).collect();
    let runs: Vec<&RunFigures> = pairs.iter().flat_map(|(b, v)| [*b, *v]).collect();
    let indices: Vec<(Index<'_>, Index<'_>)> = pairs.iter().map(|(b, v)| (Index::of(b), Index::of(v))).collect();
    let difference = |path: String| {
        let (base, variant): (Vec<_>, Vec<_>) = indices.iter().map(|(b, v)| (b.get(&path).number(), v.get(&path).number())).unzip();
        (path, statistics::paired(&base, &variant))
    };
    paths(&runs).into_iter().map(difference).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(seed: u64, figures: &[(&str, Figure)]) -> RunFigures {
        let figures = figures.iter().map(|(path, figure)| (path.to_string(), *figure)).collect();
        RunFigures { seed, figures, expectations: vec![("calm".into(), seed.is_multiple_of(2))] }
    }

    #[test]
    fn runs_fold_in_the_order_of_seeds_whichever_finished_first() {
        let runs: Vec<RunFigures> = (1..=5).map(|seed| run(seed, &[("a", Figure::Number(0.1 * seed as f64))])).collect();
        let mut shuffled = runs.clone();
        shuffled.reverse();
        shuffled.swap(1, 3);
        assert_eq!(Aggregate::of(&runs), Aggregate::of(&shuffled));
        assert_eq!(Aggregate::of(&runs).seeds, [1, 2, 3, 4, 5]);
        let calm = Aggregate::of(&runs).expectations.0[0].1;
        assert_eq!(calm.passed, 0.4);
        assert!(calm.lo < 0.4 && 0.4 < calm.hi);
    }

    #[test]
    fn an_outcome_that_did_not_occur_occurred_zero_times_but_no_recovery_is_no_value() {
        let runs = [
            run(1, &[("clients.c.outcomes.200", Figure::Number(90.0)), ("faults.f.recovered", Figure::Number(8.0))]),
            run(
                2,
                &[
                    ("clients.c.outcomes.200", Figure::Number(80.0)),
                    ("clients.c.outcomes.\"503 UO\"", Figure::Number(10.0)),
                    ("faults.f.recovered", Figure::Nothing),
                ],
            ),
        ];
        let aggregate = Aggregate::of(&runs);
        let paths: Vec<&str> = aggregate.figures.iter().map(|(path, _)| path).collect();
        assert_eq!(paths, ["clients.c.outcomes.200", "clients.c.outcomes.\"503 UO\"", "faults.f.recovered"]);
        assert_eq!(aggregate.figures.get("clients.c.outcomes.\"503 UO\"").unwrap().mean, Some(5.0));
        let recovered = aggregate.figures.get("faults.f.recovered").unwrap();
        assert_eq!((recovered.n, recovered.mean), (1, Some(8.0)));
    }

    #[test]
    fn what_holds_or_not_is_a_share_with_wilsons_interval() {
        let runs: Vec<RunFigures> = (0..10).map(|seed| run(seed, &[("cascade.metastable", Figure::Holds(seed < 5))])).collect();
        let collapse = *Aggregate::of(&runs).figures.get("cascade.metastable").unwrap();
        assert_eq!(collapse.mean, Some(0.5));
        assert!((collapse.lo.unwrap() - 0.236_59).abs() < 1e-4);
    }

    #[test]
    fn differences_are_paired_by_seed() {
        let base: Vec<RunFigures> = (1..=4).map(|seed| run(seed, &[("p99", Figure::Number(seed as f64))])).collect();
        let faster: Vec<RunFigures> = (2..=5).rev().map(|seed| run(seed, &[("p99", Figure::Number(seed as f64 - 0.5))])).collect();
        let comparison = Comparison::of("shop", &[(MODEL.to_string(), base), ("faster".to_string(), faster)]);
        let difference = comparison.variants.0[0].1.differences.get("p99").unwrap();
        assert_eq!((difference.n, difference.mean, difference.lo, difference.hi), (3, Some(-0.5), Some(-0.5), Some(-0.5)));
        let json = serde_json::to_value(&comparison).unwrap();
        assert_eq!(json["baseline"], "model");
        assert_eq!(json["runs"], 4);
        assert_eq!(json["variants"]["faster"]["runs"], 4);
    }
}
