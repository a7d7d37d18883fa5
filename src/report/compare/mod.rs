//! Variants side by side: which pattern changed what, by how much, and whether that is more than chance.
//!
//! Below every value of a variant stands its difference from the baseline on the same seeds with the half width of its 95 %
//! interval; a `*` marks those whose interval excludes zero.

pub mod headline;
pub mod measure;

use super::style::Style;
use super::table::Table;
use super::wrap::hanging;
use crate::analysis::statistics::Estimate;
use crate::analysis::summary::Named;
use crate::analysis::words;
use crate::experiment::aggregate::{Aggregate, Comparison};
use measure::{Measure, Scale, is_of_another_load};

/// Stands for a difference that is none.
const SAME: &str = "same";

/// For the terminal.
pub fn text(comparison: &Comparison, style: Style) -> String {
    let groups = measure::groups(comparison);
    let mut parts = vec![format!("{}\n", hanging("", &heading(comparison, |name| style.strong(name))))];
    parts.extend(groups.iter().map(|(title, measures)| table(comparison, title, measures).text(style)));
    parts.push(legend(comparison) + "\n");
    parts.extend(expectations(comparison).map(|table| table.text(style)));
    let measures: Vec<&Measure> = groups.iter().flat_map(|(_, measures)| measures).collect();
    let sentences: Vec<String> = sentences(comparison, &measures).iter().map(|sentence| hanging("", sentence)).collect();
    if !sentences.is_empty() {
        parts.push(format!("{}\n{}\n", style.strong("Which variant changed what"), sentences.join("\n")));
    }
    parts.join("\n")
}

pub fn markdown(comparison: &Comparison) -> String {
    let groups = measure::groups(comparison);
    let mut parts = vec![format!("## {}\n", heading(comparison, str::to_string))];
    parts.extend(groups.iter().map(|(title, measures)| table(comparison, title, measures).markdown()));
    parts.push(legend(comparison).replace('\n', " ").replace('*', "\\*") + "\n");
    parts.extend(expectations(comparison).map(|table| table.markdown()));
    let measures: Vec<&Measure> = groups.iter().flat_map(|(_, measures)| measures).collect();
    let sentences = sentences(comparison, &measures);
    if !sentences.is_empty() {
        parts.push(format!("### Which variant changed what\n\n- {}\n", sentences.join("\n- ")));
    }
    parts.join("\n")
}

/// A comparison in parts, for whoever sets them differently.
pub struct Told {
    pub heading: String,
    pub tables: Vec<Table>,
    pub legend: String,
    pub sentences: Vec<String>,
}

pub fn told(comparison: &Comparison) -> Told {
    let groups = measure::groups(comparison);
    let measures: Vec<&Measure> = groups.iter().flat_map(|(_, measures)| measures).collect();
    Told {
        heading: heading(comparison, str::to_string),
        tables: groups.iter().map(|(title, measures)| table(comparison, title, measures)).chain(expectations(comparison)).collect(),
        legend: legend(comparison).replace('\n', " "),
        sentences: sentences(comparison, &measures),
    }
}

/// `order-system · 3 variants · 20 runs each (seeds 1 to 20)`
fn heading(comparison: &Comparison, strong: impl Fn(&str) -> String) -> String {
    let seeds = &comparison.base.seeds;
    let range = match (seeds.first(), seeds.last()) {
        (Some(first), Some(last)) if seeds.len() > 1 => format!(" (seeds {first} to {last})"),
        (Some(only), _) => format!(" (seed {only})"),
        _ => String::new(),
    };
    let runs = words::counted(comparison.base.runs as u64, "run", "runs");
    match comparison.variants.0.len() {
        0 => format!("{} · {runs}{range}", strong(&comparison.name)),
        more => format!("{} · {} variants · {runs} each{range}", strong(&comparison.name), more + 1),
    }
}

fn legend(comparison: &Comparison) -> String {
    let alone = comparison.variants.is_empty();
    match (comparison.base.runs, alone) {
        (0 | 1, true) => "One seed: no intervals. More seeds tell how far chance matters.".to_string(),
        (0 | 1, false) => format!("Below: the difference from {}. One seed: what is chance is not known.", comparison.baseline),
        (_, true) => "Below: half of the 95 % interval of the mean.".to_string(),
        (_, false) => hanging(
            "",
            &format!(
                "Below: of {0}, half of the 95 % interval; of the others, the difference from {0} on the same seeds, \
                 with half of its 95 % interval. * marks what is more than chance.",
                comparison.baseline
            ),
        ),
    }
}

fn table(comparison: &Comparison, title: &str, measures: &[Measure]) -> Table {
    let mut head = vec!["variant"];
    head.extend(measures.iter().map(|measure| measure.title.as_str()));
    let mut table = Table::new(title, &head);
    let mut same = Vec::new();
    for (name, own, differences) in comparison.all() {
        if differences.is_some_and(|all| measures.iter().all(|measure| is_same(comparison, own, all, measure))) {
            same.push(name.to_string());
            continue;
        }
        let cell = |measure: &Measure| {
            let Some(estimate) = own.figures.get(&measure.path).copied() else { return "-".to_string() };
            let below = match differences {
                None if own.runs < 2 => String::new(),
                None => interval(&estimate, measure.scale),
                Some(all) => below(comparison, all, measure),
            };
            format!("{}{}{below}", value(&estimate, own, measure), if below.is_empty() { "" } else { "\n" })
        };
        table.row(std::iter::once(name.to_string()).chain(measures.iter().map(cell)));
    }
    if !same.is_empty() {
        table.note = format!("The same as {} in all of this: {}.", comparison.baseline, words::all(&same));
    }
    table
}

/// Whether a row of the variant would only repeat the baseline's.
fn is_same(comparison: &Comparison, own: &Aggregate, all: &Named<Estimate>, measure: &Measure) -> bool {
    let text = |of: &Aggregate| of.figures.get(&measure.path).map(|estimate| value(estimate, of, measure));
    let below = below(comparison, all, measure);
    text(own) == text(&comparison.base) && (below.is_empty() || below.trim_end() == SAME)
}

/// What stands below a variant's value: its difference from the baseline.
fn below(comparison: &Comparison, all: &Named<Estimate>, measure: &Measure) -> String {
    let before = comparison.base.figures.get(&measure.path).and_then(|base| base.mean).unwrap_or(0.0);
    difference(&all.get(&measure.path).copied().unwrap_or_default(), before, measure.scale)
}

/// The mean; of a figure that has no value in some runs, over how many it is.
fn value(estimate: &Estimate, own: &Aggregate, measure: &Measure) -> String {
    match estimate.mean {
        None if measure.scale == Scale::Recovery => "never".to_string(),
        None => "-".to_string(),
        Some(mean) if estimate.n < own.runs => format!("{} ({}/{})", measure.scale.value(mean), estimate.n, own.runs),
        Some(mean) => measure.scale.value(mean),
    }
}

fn interval(estimate: &Estimate, scale: Scale) -> String {
    match (scale, estimate.lo, estimate.hi) {
        (Scale::Runs, Some(lo), Some(hi)) => format!("{} to {}", whole(lo), whole(hi)),
        _ => estimate.margin().map_or_else(String::new, |margin| format!("±{}", scale.margin(margin))),
    }
}

/// `+12.1 ±0.8 *`
fn difference(difference: &Estimate, before: f64, scale: Scale) -> String {
    let Some(mean) = difference.mean else { return String::new() };
    if mean == 0.0 && difference.margin().is_none_or(|margin| margin == 0.0) {
        return if difference.n > 1 { format!("{SAME}  ") } else { SAME.to_string() };
    }
    let Some(margin) = difference.margin() else { return scale.signed(mean) };
    let visible = before.abs() / 2000.0;
    if mean.abs() <= visible && margin <= visible && !scale.is_significant(difference, before) {
        return format!("{SAME}  ");
    }
    // The mark has a column of its own, so that figures with and without it stand under each other.
    let mark = if scale.is_significant(difference, before) { "*" } else { " " };
    format!("{} ±{} {mark}", scale.signed(mean), scale.margin_beside(margin, mean))
}

/// In how many of the runs each expectation held; the intervals of these shares are in the JSON.
fn expectations(comparison: &Comparison) -> Option<Table> {
    let variants: Vec<(&str, &Aggregate)> = comparison.all().map(|(name, own, _)| (name, own)).collect();
    let names: Vec<&str> = comparison.base.expectations.iter().map(|(name, _)| name).collect();
    if names.is_empty() {
        return None;
    }
    let mut head = vec!["variant"];
    head.extend(&names);
    let single = comparison.base.runs < 2;
    let mut table = Table::new(if single { "Expectations" } else { "Expectations: in how many of the runs they held" }, &head);
    for (name, own) in variants {
        let cell = |expectation: &&str| match own.expectations.get(expectation) {
            None => "-".to_string(),
            Some(share) if single => if share.passed > 0.5 { "✓" } else { "✗" }.to_string(),
            Some(share) => format!("{:.0}/{}", share.passed * own.runs as f64, own.runs),
        };
        table.row(std::iter::once(name.to_string()).chain(names.iter().map(cell)));
    }
    Some(table)
}

fn whole(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// A sentence per variant: what it changed for better and for worse, beyond chance; one for all that changed nothing.
fn sentences(comparison: &Comparison, measures: &[&Measure]) -> Vec<String> {
    let single = comparison.base.runs < 2;
    let mut unchanged = Vec::new();
    let mut sentence = |(name, compared): &(String, crate::experiment::aggregate::Compared)| {
        let mut better = Vec::new();
        let mut worse = Vec::new();
        for measure in measures {
            let Some(difference) = compared.differences.get(&measure.path) else { continue };
            let from = comparison.base.figures.get(&measure.path).copied().unwrap_or_default();
            let to = compared.own.figures.get(&measure.path).copied().unwrap_or_default();
            let (Some(change), Some(before), Some(after)) = (difference.mean, from.mean, to.mean) else { continue };
            let significant = if single { change != 0.0 } else { measure.scale.is_significant(difference, before) };
            // Fewer degraded answers may be fewer answers: their number is shown and not judged.
            if measure.scale == Scale::Count || is_of_another_load(&comparison.base, &compared.own, measure) {
                continue;
            }
            if !significant || measure.scale.value(before) == measure.scale.value(after) {
                continue;
            }
            let text = format!("{} {} (was {})", measure.words, measure.scale.value(after), measure.scale.value(before));
            if (change > 0.0) == measure.more_is_better { better.push(text) } else { worse.push(text) }
        }
        recoveries(comparison, &compared.own, measures, &mut better, &mut worse);
        match (better.is_empty(), worse.is_empty()) {
            (true, true) => {
                unchanged.push(name.clone());
                return None;
            }
            (false, true) => format!("{name} is better: {}.", better.join(", ")),
            (true, false) => format!("{name} is worse: {}.", worse.join(", ")),
            (false, false) => format!("{name} is better: {}; but worse: {}.", better.join(", "), worse.join(", ")),
        }
        .into()
    };
    let mut sentences: Vec<String> = comparison.variants.0.iter().filter_map(&mut sentence).collect();
    if !unchanged.is_empty() {
        let chance = if single { "" } else { " that is more than chance" };
        sentences.push(format!("{}: no difference from {}{chance}.", words::all(&unchanged), comparison.baseline));
    }
    sentences
}

/// Whether it recovers at all is no difference of means: a run without recovery has no time to recover.
fn recoveries(comparison: &Comparison, own: &Aggregate, measures: &[&Measure], better: &mut Vec<String>, worse: &mut Vec<String>) {
    // A fault that the variant does not have is nothing to recover from.
    let known = |measure: &&&Measure| measure.scale == Scale::Recovery && own.figures.get(&measure.path).is_some();
    for measure in measures.iter().filter(known) {
        let runs = |aggregate: &Aggregate| aggregate.figures.get(&measure.path).map_or(0, |estimate| estimate.n);
        let (before, after) = (runs(&comparison.base), runs(own));
        let text = |verb: &str| format!("{verb} in {after} of {} runs (was {before} of {})", own.runs, comparison.base.runs);
        let once = own.runs == 1 && comparison.base.runs == 1;
        match after.cmp(&before) {
            std::cmp::Ordering::Greater if once => better.push("it recovers".to_string()),
            std::cmp::Ordering::Less if once => worse.push("it does not recover".to_string()),
            std::cmp::Ordering::Greater => better.push(text("it recovers")),
            std::cmp::Ordering::Less => worse.push(text("it recovers")),
            std::cmp::Ordering::Equal => {}
        }
    }
}
