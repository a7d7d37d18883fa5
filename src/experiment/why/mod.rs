//! What would have stopped a cascade: the same seeds again, with one change at a time.
//!
//! A change is judged by the expectations of the model, in how many runs each holds, and by the share of requests that clients
//! got a useful answer to, paired by seed. Of those that keep every expectation in every run the cheapest is told first.

pub mod candidates;

pub use candidates::{Candidate, Cost, candidates};

use crate::analysis::statistics::{self, Estimate};
use crate::analysis::summary::Summary;
use crate::experiment::ensemble::Outcome;
use serde::{Deserialize, Serialize};

/// All that was tried, the best first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Why {
    pub runs: usize,
    pub seeds: Vec<u64>,
    /// Of the first run: whose cascade this is about.
    #[serde(default)]
    pub fingerprint: String,
    /// Of the model as it was run: the share of requests answered usefully, and how many expectations held in every run.
    pub served: Estimate,
    pub kept: usize,
    pub expectations: usize,
    pub tried: Vec<Tried>,
    /// Changes that the model did not take (two policies that exclude each other, say).
    pub not_possible: usize,
}

/// A summary with what would have stopped its cascade.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Explained<'a> {
    #[serde(flatten)]
    pub summary: &'a Summary,
    pub why: &'a Why,
}

/// One change and its effect.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tried {
    pub change: String,
    /// As `--set` would make it; empty for a variant.
    pub set: Vec<String>,
    pub cost: Cost,
    pub served: Estimate,
    /// This minus the model as it was run, seed by seed.
    pub difference: Estimate,
    /// Expectations that held in every run.
    pub kept: usize,
    /// The names of those that did not.
    pub broken: Vec<String>,
}

impl Why {
    /// Judges changes by their runs; those of `base` and of each change are with the same seeds.
    pub fn of(base: &[Outcome], changed: Vec<(Candidate, Vec<Outcome>)>, not_possible: usize) -> Why {
        let summaries = |outcomes: &[Outcome]| outcomes.iter().map(|o| o.summary.clone()).collect::<Vec<Summary>>();
        let tried = changed.into_iter().map(|(candidate, outcomes)| (candidate, summaries(&outcomes))).collect();
        Why::of_summaries(&summaries(base), tried, not_possible)
    }

    fn of_summaries(base: &[Summary], changed: Vec<(Candidate, Vec<Summary>)>, not_possible: usize) -> Why {
        let before: Vec<Option<f64>> = base.iter().map(served).collect();
        let broken_before = broken(base);
        let expectations = base.first().map_or(0, |summary| summary.expectations.iter().count());
        let judged = |(candidate, runs): (Candidate, Vec<Summary>)| {
            let after: Vec<Option<f64>> = runs.iter().map(served).collect();
            let broken = broken(&runs);
            Tried {
                change: candidate.words,
                set: candidate.sets,
                cost: candidate.cost,
                served: mean(&after),
                difference: statistics::paired(&before, &after),
                kept: expectations - broken.len(),
                broken,
            }
        };
        let mut tried: Vec<Tried> = changed.into_iter().map(judged).collect();
        let effect = |tried: &Tried| tried.difference.mean.unwrap_or(f64::NEG_INFINITY);
        // Of those that keep all the cheapest; of the others those that keep most. Equals stay in the order of the cascade.
        tried.sort_by(|a, b| {
            let price = |tried: &Tried| if tried.broken.is_empty() { tried.cost } else { Cost::Setting };
            (b.kept, price(a)).cmp(&(a.kept, price(b))).then(effect(b).total_cmp(&effect(a)))
        });
        Why {
            runs: base.len(),
            seeds: base.iter().map(|summary| summary.seed).collect(),
            fingerprint: base.first().map_or(String::new(), |summary| summary.fingerprint.clone()),
            served: mean(&before),
            kept: expectations - broken_before.len(),
            expectations,
            tried,
            not_possible,
        }
    }

    /// The cheapest change that keeps every expectation.
    pub fn cheapest(&self) -> Option<&Tried> {
        self.tried.first().filter(|tried| tried.broken.is_empty())
    }
}

/// The share of requests that clients got a useful answer to.
fn served(summary: &Summary) -> Option<f64> {
    let clients = summary.clients.values();
    let (useful, offered) = clients.fold((0, 0), |(useful, offered), c| (useful + c.ok + c.degraded, offered + c.offered));
    (offered > 0).then(|| useful as f64 / offered as f64)
}

fn mean(values: &[Option<f64>]) -> Estimate {
    statistics::mean(&values.iter().flatten().copied().collect::<Vec<_>>())
}

/// Expectations that did not hold in some run.
fn broken(runs: &[Summary]) -> Vec<String> {
    let Some(first) = runs.first() else { return Vec::new() };
    let names = first.expectations.iter().map(|(name, _)| name.to_string());
    let holds = |name: &String| runs.iter().all(|run| run.expectations.get(name).is_some_and(|verdict| verdict.passed));
    names.filter(|name| !holds(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::expectations::Verdict;
    use crate::analysis::summary::ClientSummary;

    fn summary(seed: u64, ok: u64, passed: [bool; 2]) -> Summary {
        let client = ClientSummary { offered: 100, ok, ..ClientSummary::default() };
        let verdict = |passed| Verdict { passed, ..Verdict::default() };
        Summary {
            seed,
            clients: [("c".to_string(), client)].into_iter().collect(),
            expectations: [("calm".to_string(), verdict(passed[0])), ("fast".to_string(), verdict(passed[1]))].into_iter().collect(),
            ..Summary::default()
        }
    }

    fn candidate(words: &str, cost: Cost) -> Candidate {
        Candidate { words: words.into(), sets: vec![], cost }
    }

    #[test]
    fn the_cheapest_change_that_keeps_everything_comes_first() {
        let base = [summary(1, 50, [true, false]), summary(2, 40, [true, false])];
        let runs = |ok, passed| vec![summary(1, ok, passed), summary(2, ok, [true, true])];
        let changed = vec![
            (candidate("half of it", Cost::Setting), runs(95, [true, false])),
            (candidate("more machines", Cost::Capacity), runs(100, [true, true])),
            (candidate("a value", Cost::Setting), runs(90, [true, true])),
            (candidate("a better value", Cost::Setting), runs(92, [true, true])),
            (candidate("worse", Cost::Setting), runs(10, [false, false])),
        ];
        let why = Why::of_summaries(&base, changed, 0);
        let order: Vec<&str> = why.tried.iter().map(|tried| &tried.change[..]).collect();
        assert_eq!(order, ["a better value", "a value", "more machines", "half of it", "worse"]);
        assert_eq!(why.cheapest().map(|tried| &tried.change[..]), Some("a better value"));
        assert_eq!((why.kept, why.tried[0].kept, why.tried[3].broken.join(" ")), (1, 2, "fast".to_string()));
        assert!((why.tried[0].difference.mean.unwrap() - 0.47).abs() < 1e-9, "92 % less 50 % and 40 %");
    }

    #[test]
    fn nothing_is_the_answer_if_nothing_keeps_all() {
        let base = [summary(1, 50, [true, false])];
        let why = Why::of_summaries(&base, vec![(candidate("x", Cost::Setting), vec![summary(1, 99, [true, false])])], 3);
        assert_eq!((why.cheapest(), why.not_possible), (None, 3));
    }

    #[test]
    fn an_answer_by_a_fallback_is_a_useful_answer() {
        let client = ClientSummary { offered: 100, ok: 50, degraded: 30, failed: 20, ..ClientSummary::default() };
        let summary = Summary { clients: [("c".to_string(), client)].into_iter().collect(), ..Summary::default() };
        assert_eq!((served(&summary), served(&Summary::default())), (Some(0.8), None));
    }
}
