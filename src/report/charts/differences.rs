//! What each variant changed: its paired differences from the model as written, with their 95 % intervals, as a forest plot.
//!
//! Variants meet the same arrivals and the same faults, so a difference on one seed is the variant's own; the interval is over seeds.

use super::forest::{Block, Column, Forest, Mark, Verdict};
use super::{Chart, Unit};
use crate::analysis::statistics::Estimate;
use crate::experiment::aggregate::{Aggregate, Compared, Comparison};
use crate::report::compare::measure::{Measure, Scale, groups, is_of_another_load};

const MOST_CLIENTS: usize = 4;
const MOST_VARIANTS: usize = 24;

/// A figure of a client, as it is written and as its axis is.
const FIGURES: [(&str, &str, Scale, Unit, bool); 3] = [
    ("success, percentage points", "successRate", Scale::Share, Unit::Share, true),
    ("goodput", "goodput", Scale::PerSecond, Unit::PerSecond, true),
    ("p99", "latency.p99", Scale::Seconds, Unit::Seconds, false),
];

/// Success, goodput and p99 of every client; nothing without variants.
pub fn of_differences(comparison: &Comparison) -> Option<Chart> {
    let groups = groups(comparison);
    // The first column of a client's table is its success; the table's title is `What NAME got`.
    let clients: Vec<(&str, &str)> = groups
        .iter()
        .filter_map(|(title, measures)| Some((title.as_str(), measures.first()?.path.strip_suffix("successRate")?)))
        .filter(|(_, stem)| stem.starts_with("clients."))
        .collect();
    if clients.is_empty() || comparison.variants.0.is_empty() {
        return None;
    }
    let shown = &comparison.variants.0[..comparison.variants.0.len().min(MOST_VARIANTS)];
    let blocks = clients.iter().take(MOST_CLIENTS).map(|(title, stem)| Block {
        title: if clients.len() > 1 { title.to_string() } else { String::new() },
        rows: shown.iter().map(|(name, _)| name.clone()).collect(),
        columns: FIGURES.iter().map(|figure| column(comparison, shown, stem, figure)).collect(),
    });
    Some(Chart {
        file_stem: "compare-differences".to_owned(),
        title: format!("What variants change against {}", comparison.baseline),
        caption: caption(comparison, clients.len()),
        forest: Some(Forest { blocks: blocks.collect() }),
        ..Chart::default()
    })
}

fn column(
    comparison: &Comparison,
    shown: &[(String, Compared)],
    stem: &str,
    (title, figure, scale, unit, more_is_better): &(&str, &str, Scale, Unit, bool),
) -> Column {
    let measure = Measure {
        title: title.to_string(),
        words: title.to_string(),
        path: format!("{stem}{figure}"),
        scale: *scale,
        more_is_better: *more_is_better,
    };
    let base = comparison.base.figures.get(&measure.path).and_then(|estimate| estimate.mean);
    let marks = shown.iter().map(|(_, compared)| {
        let difference = compared.differences.get(&measure.path).copied().unwrap_or_default();
        mark(&difference, base.unwrap_or(0.0), &measure, is_of_another_load(&comparison.base, &compared.own, &measure))
    });
    let (marks, title) = (marks.collect(), measure.title.clone());
    let note = base.map(|mean| format!("{}: {}", comparison.baseline, scale.value(mean))).unwrap_or_default();
    Column { title, note, unit: *unit, marks }
}

fn mark(difference: &Estimate, before: f64, measure: &Measure, other_load: bool) -> Mark {
    let Some(mean) = difference.mean else {
        return Mark { mean: f64::NAN, interval: None, verdict: Verdict::Neither, told: "-".to_owned() };
    };
    let scale = measure.scale;
    // One seed has no interval: what it shows is what it is.
    let told_apart = if difference.n > 1 { scale.is_significant(difference, before) } else { mean != 0.0 };
    let verdict = match (told_apart && !other_load, (mean > 0.0) == measure.more_is_better) {
        (false, _) => Verdict::Neither,
        (true, true) => Verdict::Better,
        (true, false) => Verdict::Worse,
    };
    let told = match difference.margin() {
        Some(margin) => format!("{} ±{}", scale.signed(mean), scale.margin_beside(margin, mean)),
        None => scale.signed(mean),
    };
    Mark { mean, interval: difference.lo.zip(difference.hi), verdict, told }
}

fn caption(comparison: &Comparison, clients: usize) -> Vec<String> {
    let Comparison { name, baseline, base: Aggregate { seeds, .. }, .. } = comparison;
    let runs = match seeds[..] {
        [seed] => format!("seed {seed}: one run says nothing about the spread, so there are no intervals"),
        [least, .., most] => format!("{} seeds from {least} to {most}", seeds.len()),
        [] => String::new(),
    };
    let mut lines = vec![
        format!("{name} · {runs}"),
        format!(
            "Differences from {baseline} on the same seeds: their mean and its 95 % interval (Student's t); figures are of the measured time."
        ),
    ];
    let left_out = |all: usize, most: usize, of: &str| (all > most).then(|| format!("{} more {of}", all - most));
    let missing = [left_out(comparison.variants.0.len(), MOST_VARIANTS, "variants"), left_out(clients, MOST_CLIENTS, "clients")];
    let missing: Vec<String> = missing.into_iter().flatten().collect();
    if !missing.is_empty() {
        lines.push(format!("Not shown: {}.", missing.join(", ")));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::super::svg;
    use super::*;
    use crate::analysis::summary::Named;

    fn estimate(lo: f64, mean: f64, hi: f64) -> Estimate {
        Estimate { n: 5, mean: Some(mean), lo: Some(lo), hi: Some(hi) }
    }

    fn figures(of: [(f64, f64, f64); 3]) -> Named<Estimate> {
        let paths = ["clients.app.successRate", "clients.app.goodput", "clients.app.latency.p99"];
        paths.into_iter().zip(of).map(|(path, (lo, mean, hi))| (path.to_owned(), estimate(lo, mean, hi))).collect()
    }

    fn comparison() -> Comparison {
        let aggregate = |of| Aggregate { runs: 5, seeds: (1..=5).collect(), figures: figures(of), ..Aggregate::default() };
        let compared = |own, differences| Compared { own: aggregate(own), differences: figures(differences) };
        let fixed =
            compared([(0.9, 0.92, 0.94), (90.0, 92.0, 94.0), (1.0, 1.1, 1.2)], [(0.3, 0.42, 0.5), (39.0, 42.0, 45.0), (-1.1, -0.9, -0.7)]);
        let chance =
            compared([(0.4, 0.51, 0.6), (40.0, 51.0, 60.0), (2.0, 3.0, 4.0)], [(-0.1, 0.01, 0.1), (-9.0, 1.0, 11.0), (0.5, 1.0, 1.5)]);
        Comparison {
            name: "storm".to_owned(),
            baseline: "model".to_owned(),
            base: aggregate([(0.4, 0.5, 0.6), (40.0, 50.0, 60.0), (1.0, 2.0, 3.0)]),
            variants: [("<budget>".to_owned(), fixed), ("luck".to_owned(), chance)].into_iter().collect(),
        }
    }

    #[test]
    fn a_difference_is_better_or_worse_only_if_its_interval_excludes_zero() {
        let chart = of_differences(&comparison()).expect("there are variants");
        let [block] = &chart.forest.as_ref().expect("it is a forest").blocks[..] else { panic!("one client") };
        let verdicts: Vec<Vec<Verdict>> = block.columns.iter().map(|c| c.marks.iter().map(|m| m.verdict).collect()).collect();
        use Verdict::{Better, Neither, Worse};
        assert_eq!(verdicts, [[Better, Neither], [Better, Neither], [Better, Worse]]);
        assert_eq!(block.columns[0].marks[0].interval, Some((0.3, 0.5)));
        assert_eq!((block.columns[0].note.as_str(), block.columns[0].marks[0].told.as_str()), ("model: 50 %", "+42.0 ±10.0"));
    }

    #[test]
    fn it_is_drawn_with_its_zero_and_names_are_text() {
        let drawn = svg(&of_differences(&comparison()).expect("there are variants"));
        for text in ["&lt;budget&gt;", "luck", "better", "worse", "not told from chance", "5 seeds from 1 to 5", "−2 s", "+2 s", "+20/s"]
        {
            assert!(drawn.contains(text), "{text} is not in {drawn}");
        }
        assert!(!drawn.contains("<budget"));
    }

    #[test]
    fn one_seed_has_marks_without_intervals_and_says_so() {
        let mut comparison = comparison();
        for (_, compared) in &mut comparison.variants.0 {
            compared.differences.0.iter_mut().for_each(|(_, e)| *e = Estimate { n: 1, lo: None, hi: None, ..*e });
        }
        comparison.base.seeds = vec![7];
        let chart = of_differences(&comparison).expect("there are variants");
        let forest = chart.forest.as_ref().expect("it is a forest");
        assert!(forest.blocks[0].columns.iter().flat_map(|c| &c.marks).all(|m| m.interval.is_none() && m.verdict != Verdict::Neither));
        assert!(chart.caption[0].contains("seed 7: one run"), "{:?}", chart.caption);
        comparison.variants.0.clear();
        assert_eq!(of_differences(&comparison), None);
    }
}
