//! What variants are compared by: what clients got, and what happened inside.

use crate::analysis::statistics::Estimate;
use crate::analysis::words;
use crate::experiment::aggregate::{Aggregate, Comparison};
use crate::experiment::figures::{keys, quoted};

/// A figure by its path, and how it reads.
#[derive(Clone, Debug, PartialEq)]
pub struct Measure {
    /// The head of its column.
    pub title: String,
    /// Its name in a sentence.
    pub words: String,
    pub path: String,
    pub scale: Scale,
    pub more_is_better: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    Share,
    Seconds,
    /// Seconds; without a value if it never came.
    Recovery,
    PerSecond,
    Times,
    /// A share of the runs, with Wilson's interval.
    Runs,
    /// A number of requests.
    Count,
    /// A number of messages, of which fewer are better.
    Messages,
    /// An amount of data.
    Bytes,
}

/// Quantiles are off by 1/128 at most, each of the two that a difference is of.
const RESOLUTION: f64 = 1.0 / 64.0;
/// Calls whose bytes are shown; more do not fit beside each other.
const MOST_SENDERS: usize = 5;
/// Loads that differ by a smaller share are the same: closed loops offer a little less where answers take longer.
const OTHER_LOAD: f64 = 0.1;

impl Scale {
    pub fn value(self, value: f64) -> String {
        match self {
            Scale::Share | Scale::Runs => words::percent(rounded(value)),
            Scale::Seconds | Scale::Recovery => words::span(value),
            Scale::PerSecond => words::rate(value),
            Scale::Times => words::times(value),
            Scale::Count | Scale::Messages => words::count(value.round() as u64),
            Scale::Bytes => words::bytes(value),
        }
    }

    /// A distance; of shares in percentage points.
    pub fn distance(self, value: f64) -> String {
        match self {
            Scale::Share | Scale::Runs => format!("{:.1}", value * 100.0),
            Scale::Seconds | Scale::Recovery => words::span(value),
            Scale::PerSecond | Scale::Count | Scale::Messages => words::number(value),
            Scale::Bytes => words::bytes(value),
            Scale::Times => format!("{value:.2}"),
        }
    }

    /// The half width of an interval: two digits say enough about what is not known.
    pub fn margin(self, value: f64) -> String {
        self.distance(format!("{value:.1e}").parse().unwrap_or(value))
    }

    /// A half width that stands beside its mean: what is too small to change a digit of it is nothing.
    pub fn margin_beside(self, margin: f64, mean: f64) -> String {
        let text = self.margin(margin);
        if margin < mean.abs() / 1000.0 || !text.contains(|c: char| matches!(c, '1'..='9')) { "0".to_string() } else { text }
    }

    /// Whether a difference is more than chance, and more than a histogram can resolve.
    pub fn is_significant(self, difference: &Estimate, before: f64) -> bool {
        let resolved = self != Scale::Seconds || difference.mean.is_some_and(|mean| mean.abs() > before.abs() * RESOLUTION);
        resolved && difference.excludes_zero()
    }

    pub fn signed(self, value: f64) -> String {
        let sign = if value > 0.0 { "+" } else { "" };
        let text = format!("{sign}{}", self.distance(value));
        // What rounds to nothing has no sign.
        if text.chars().all(|c| matches!(c, '+' | '-' | '0' | '.')) { text.trim_start_matches(['+', '-']).to_string() } else { text }
    }
}

/// A mean of shares needs no more than tenths of a percent, but for the last before 0 and 100.
fn rounded(share: f64) -> f64 {
    if (0.001..=0.999).contains(&share) { (share * 1000.0).round() / 1000.0 } else { share }
}

/// A table's title and its columns: one table per client, one for the system.
pub fn groups(comparison: &Comparison) -> Vec<(String, Vec<Measure>)> {
    let paths: Vec<&str> = comparison.base.figures.iter().map(|(path, _)| path).collect();
    let named = |section: &str, figure: &str| -> Vec<(String, String)> {
        let matching = |path: &&&str| path.starts_with(section) && path.ends_with(figure) && keys(path).len() == 3;
        paths.iter().filter(matching).map(|path| (keys(path)[1].clone(), path.to_string())).collect()
    };
    let mut clients = named("clients.", ".successRate");
    // The client that the model is about comes first.
    let offered = |path: &str| comparison.base.figures.get(&path.replace(".successRate", ".offered")).and_then(|e| e.mean).unwrap_or(0.0);
    clients.sort_by(|a, b| offered(&b.1).total_cmp(&offered(&a.1)).then_with(|| a.0.cmp(&b.0)));
    let several = clients.len() > 1;
    let mut groups: Vec<(String, Vec<Measure>)> = clients
        .iter()
        .map(|(name, path)| {
            let stem = path.trim_end_matches("successRate");
            (format!("What {name} got"), client(comparison, if several { name } else { "" }, stem))
        })
        .collect();
    let mut inside = Vec::new();
    inside.extend(worst_amplification(comparison, &named("calls.", ".amplification")));
    let faults = named("faults.", ".recovered");
    inside.extend(faults.iter().take(3).map(|(name, path)| Measure {
        title: if faults.len() > 1 { format!("recovery\nfrom {name}") } else { "recovery\ntime".to_string() },
        words: format!("recovery from {name}"),
        path: path.clone(),
        scale: Scale::Recovery,
        more_is_better: false,
    }));
    for (path, title, words, scale) in [
        ("cascade.blastRadius", "blast\nradius", "blast radius", Scale::Share),
        ("cascade.metastable", "runs that\nstay down", "runs that stay down", Scale::Runs),
    ] {
        if comparison.all().any(|(_, own, _)| own.figures.get(path).is_some_and(|estimate| estimate.mean.is_some())) {
            let (title, words, path) = (title.to_string(), words.to_string(), path.to_string());
            inside.push(Measure { title, words, path, scale, more_is_better: false });
        }
    }
    groups.extend(named("brokers.", ".unroutable").iter().flat_map(|(broker, _)| messages(comparison, broker)));
    groups.push(("What was sent per call, both ways".to_string(), sent(&paths)));
    groups.push(("What happened inside".to_string(), inside));
    groups.retain(|(_, measures)| !measures.is_empty());
    groups
}

/// Bytes per call, where messages have sizes.
fn sent(paths: &[&str]) -> Vec<Measure> {
    let calls = paths.iter().filter(|path| path.starts_with("calls.") && path.ends_with(".bytes.perCall"));
    let measure = |path: &&str| {
        let call = keys(path)[1].clone();
        Measure {
            title: call.replace(" -> ", "\n-> "),
            words: format!("bytes per call of {call}"),
            path: path.to_string(),
            scale: Scale::Bytes,
            more_is_better: false,
        }
    };
    calls.take(MOST_SENDERS).map(measure).collect()
}

/// What waited in the queue of a broker in which most did, of those that are consumed; what became of the messages of all its queues.
fn messages(comparison: &Comparison, broker: &str) -> Vec<(String, Vec<Measure>)> {
    let waiting = [
        ("most that\nwaited", "most messages that waited", "lag.max", Scale::Messages),
        ("oldest", "age of the oldest message", "age.max", Scale::Seconds),
        ("p99 until\nacknowledged", "p99 until messages are acknowledged", "latency.p99", Scale::Seconds),
    ];
    let ended = [
        ("dead letters", "dead letters", "deadLettered", Scale::Count),
        ("dropped", "messages dropped", "dropped", Scale::Messages),
        ("lost", "messages lost", "lost", Scale::Messages),
        ("duplicates", "duplicates", "duplicates", Scale::Messages),
    ];
    let queue = fullest(comparison, broker).map(|queue| (format!("Messages in {queue}"), columns(comparison, &queue, &waiting)));
    let ended = (format!("What became of messages in {broker}"), columns(comparison, broker, &ended));
    queue.into_iter().chain([ended]).collect()
}

/// Figures that are 0 throughout are left out.
fn columns(comparison: &Comparison, of: &str, columns: &[(&str, &str, &str, Scale)]) -> Vec<Measure> {
    let measure = |(title, words, figure, scale): &(&str, &str, &str, Scale)| Measure {
        title: title.to_string(),
        words: format!("{words} ({of})"),
        path: format!("brokers.{}.{figure}", quoted(of)),
        scale: *scale,
        more_is_better: false,
    };
    columns.iter().map(measure).filter(|measure| most(comparison, &measure.path) > 0.0).collect()
}

/// The queue in which any variant had the most messages wait. One that nobody consumes only fills.
fn fullest(comparison: &Comparison, broker: &str) -> Option<String> {
    let names = comparison.base.figures.iter().filter_map(|(path, _)| match &keys(path)[..] {
        [section, name, figure] if section == "brokers" && figure == "delivered" => Some((name.clone(), most(comparison, path))),
        _ => None,
    });
    let own = names.filter(|(name, delivered)| *delivered > 0.0 && name.split_once('.').is_some_and(|(of, _)| of == broker));
    let waited = own.map(|(name, _)| (most(comparison, &format!("brokers.{}.lag.max", quoted(&name))), name));
    waited.fold(None, |worst: Option<(f64, String)>, one| worst.filter(|worst| worst.0 >= one.0).or(Some(one))).map(|(_, name)| name)
}

/// The greatest mean of any variant; 0 without one.
fn most(comparison: &Comparison, path: &str) -> f64 {
    comparison.all().filter_map(|(_, own, _)| own.figures.get(path)?.mean).fold(0.0, f64::max)
}

fn client(comparison: &Comparison, name: &str, stem: &str) -> Vec<Measure> {
    let of = if name.is_empty() { String::new() } else { format!(" of {name}") };
    let columns = [
        ("success", "success", "successRate", Scale::Share, true),
        ("degraded", "degraded answers", "degraded", Scale::Count, false),
        ("goodput", "goodput", "goodput", Scale::PerSecond, true),
        ("p50", "p50", "latency.p50", Scale::Seconds, false),
        ("p99", "p99", "latency.p99", Scale::Seconds, false),
    ];
    let measure = |(title, words, figure, scale, more_is_better): (&str, &str, &str, Scale, bool)| Measure {
        title: title.to_string(),
        words: format!("{words}{of}"),
        path: format!("{stem}{figure}"),
        scale,
        more_is_better,
    };
    let mut measures = columns.map(measure).to_vec();
    // Where something stands in for answers, how often tells more than the goodput, which is success times load; elsewhere there is none.
    let stem = format!("{stem}degraded");
    let means = comparison.all().filter_map(|(_, own, _)| own.figures.get(&stem)?.mean);
    let left_out = if means.fold(0.0, f64::max) > 0.0 { Scale::PerSecond } else { Scale::Count };
    measures.retain(|measure| measure.scale != left_out);
    measures
}

/// Whether two goodputs are of different loads: more of it is then no merit.
pub fn is_of_another_load(base: &Aggregate, own: &Aggregate, measure: &Measure) -> bool {
    let Some(stem) = measure.path.strip_suffix("goodput") else { return false };
    let offered = |of: &Aggregate| of.figures.get(&format!("{stem}offered")).and_then(|estimate| estimate.mean);
    matches!((offered(base), offered(own)), (Some(before), Some(after)) if (after - before).abs() > OTHER_LOAD * before)
}

/// The call that is amplified most by any variant stands for all.
fn worst_amplification(comparison: &Comparison, calls: &[(String, String)]) -> Option<Measure> {
    let most = |path: &str| {
        let means = comparison.all().filter_map(|(_, own, _)| own.figures.get(path)?.mean);
        means.fold(0.0, f64::max)
    };
    let mut worst: Option<(&(String, String), f64)> = None;
    for call in calls {
        let factor = most(&call.1);
        if worst.is_none_or(|(_, known)| factor > known) {
            worst = Some((call, factor));
        }
    }
    // Where nothing is tried again, every call is one attempt: nothing to compare.
    let ((name, path), _) = worst.filter(|(_, factor)| *factor > 1.005)?;
    Some(Measure {
        title: format!("attempts per call\nof {}", name.replace(" -> ", "\n-> ")),
        words: format!("attempts per call of {name}"),
        path: path.clone(),
        scale: Scale::Times,
        more_is_better: false,
    })
}
