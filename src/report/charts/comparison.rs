//! The charts of a comparison: one metric each, one line per variant.

use super::run::faults_told;
use super::windows::{self, Lens};
use super::{Chart, Panel, Range, Series, Span, TimeAxis, Unit, palette, spans};
use crate::observe::recording::Recording;
use crate::topology::Topology;

/// One of the things compared: its name, its model and its runs, one per seed.
#[derive(Clone, Copy, Debug)]
pub struct Variant<'a> {
    pub name: &'a str,
    pub topology: &'a Topology,
    pub recordings: &'a [Recording],
}

/// More lines than this nobody follows.
const MOST_LINES: usize = 12;
/// The bands of more lines than this cover each other.
const MOST_BANDS: usize = 6;

/// What is compared, and how it is computed from one run.
struct Metric {
    stem: &'static str,
    title: &'static str,
    panel: &'static str,
    unit: Unit,
    range: Range,
    values: fn(&Recording, Lens) -> Vec<f64>,
}

const METRICS: [Metric; 6] = [
    Metric {
        stem: "compare-goodput",
        title: "Goodput",
        panel: "useful answers, all clients",
        unit: Unit::PerSecond,
        range: Range::FromZero,
        values: |recording, lens| summed(recording.clients.iter().map(|c| lens.rate(&c.windows, |w| w.ok.saturating_add(w.degraded)))),
    },
    Metric {
        stem: "compare-success",
        title: "Success rate",
        panel: "useful answers of all answers, all clients",
        unit: Unit::Share,
        range: Range::Share,
        values: success_rate,
    },
    Metric {
        stem: "compare-p99",
        title: "Latency, 99th percentile",
        panel: "the slowest client",
        unit: Unit::Seconds,
        range: Range::LogIfWide,
        values: |recording, lens| combined(recording.clients.iter().map(|c| lens.latency(&c.windows, |w| w.p99)), f64::max),
    },
    Metric {
        stem: "compare-queue",
        title: "Queues",
        panel: "requests waiting, all services",
        unit: Unit::Count,
        range: Range::LogIfWide,
        values: |recording, lens| summed(recording.services.iter().map(|s| lens.mean(&s.windows, |w| w.queue))),
    },
    Metric {
        stem: "compare-messages",
        title: "Messages waiting",
        panel: "all queues that somebody consumes",
        unit: Unit::Count,
        range: Range::LogIfWide,
        values: messages,
    },
    Metric {
        stem: "compare-attempts",
        title: "Attempts per call",
        panel: "all calls",
        unit: Unit::Times,
        range: Range::AtLeast(2.0),
        values: attempts_per_call,
    },
];

/// Goodput, success rate, p99, queues and attempts per call over time, and the messages that wait where there are brokers. With several seeds a line is their mean, and a
/// band goes from the lowest to the highest.
pub fn of_comparison(variants: &[Variant]) -> Vec<Chart> {
    let shown = &variants[..variants.len().min(MOST_LINES)];
    let retried = shown.iter().flat_map(|v| v.recordings).flat_map(|r| &r.edges).any(|e| e.retries > 0);
    let queued = shown.iter().flat_map(|v| v.recordings).any(|r| !r.queues.is_empty());
    let wanted = METRICS.iter().filter(|m| match m.stem {
        "compare-attempts" => retried,
        "compare-messages" => queued,
        _ => true,
    });
    let time = common_time(shown);
    let spans = common_spans(shown, time);
    let caption = caption(variants, &spans);
    if shown.iter().all(|v| v.recordings.is_empty()) {
        return Vec::new();
    }
    wanted
        .map(|metric| {
            let series = shown.iter().enumerate().map(|(i, v)| of_variant(metric, v, i, shown.len() <= MOST_BANDS)).collect();
            let panel = Panel { title: metric.panel.to_owned(), note: String::new(), unit: metric.unit, range: metric.range, series };
            let (file_stem, title) = (metric.stem.to_owned(), metric.title.to_owned());
            let (caption, spans) = (caption.clone(), spans.clone());
            let (across, forest) = Default::default();
            Chart { file_stem, title, caption, time, across, spans, panels: vec![panel], columns: 1, plot_height: 300, forest }
        })
        .collect()
}

fn of_variant(metric: &Metric, variant: &Variant, index: usize, banded: bool) -> Series {
    // All seeds of a variant have windows of one width, and the longest of them sets how many are merged.
    let lenses = variant.recordings.iter().map(|r| Lens::of(r, windows::MOST));
    let Some(lens) = lenses.max_by_key(|l| l.merged) else {
        return Series::line(variant.name, palette::nth(index), 1.0, Vec::new());
    };
    let runs: Vec<Vec<f64>> = variant.recordings.iter().map(|r| (metric.values)(r, lens)).collect();
    let counts = combined(runs.iter().map(|run| run.iter().map(|v| if v.is_finite() { 1.0 } else { f64::NAN }).collect()), |a, b| a + b);
    let totals = combined(runs.iter().cloned(), |a, b| a + b);
    let line = totals.iter().zip(&counts).map(|(total, count)| total / count).collect();
    let mut series = Series::line(variant.name, palette::nth(index), lens.step(), line);
    if runs.len() > 1 && banded {
        series.low = combined(runs.iter().cloned(), f64::min);
        series.high = combined(runs.iter().cloned(), f64::max);
    }
    series
}

/// Values of several series as one; gaps give way to values, and the longest series sets the length.
fn combined(all: impl Iterator<Item = Vec<f64>>, both: fn(f64, f64) -> f64) -> Vec<f64> {
    all.fold(Vec::new(), |mut sum, values| {
        sum.resize(sum.len().max(values.len()), f64::NAN);
        for (s, v) in sum.iter_mut().zip(values) {
            *s = match (s.is_finite(), v.is_finite()) {
                (true, true) => both(*s, v),
                (true, false) => *s,
                (false, _) => v,
            };
        }
        sum
    })
}

fn summed(all: impl Iterator<Item = Vec<f64>>) -> Vec<f64> {
    combined(all, |a, b| a + b)
}

/// Queues that nobody consumes only fill.
fn messages(recording: &Recording, lens: Lens) -> Vec<f64> {
    let consumed = recording.queues.iter().filter(|queue| queue.delivered > 0);
    summed(consumed.map(|queue| lens.mean(&queue.windows, |w| w.ready as f64)))
}

fn success_rate(recording: &Recording, lens: Lens) -> Vec<f64> {
    let useful = summed(recording.clients.iter().map(|c| lens.rate(&c.windows, |w| w.ok.saturating_add(w.degraded))));
    let failed = summed(recording.clients.iter().map(|c| lens.rate(&c.windows, |w| w.failed)));
    useful.iter().zip(failed).map(|(useful, failed)| useful / (useful + failed)).collect()
}

fn attempts_per_call(recording: &Recording, lens: Lens) -> Vec<f64> {
    let attempts = summed(recording.edges.iter().map(|e| lens.rate(&e.windows, |w| w.attempts)));
    let calls = summed(recording.edges.iter().map(|e| lens.rate(&e.windows, |w| w.calls)));
    attempts.iter().zip(calls).map(|(attempts, calls)| attempts / calls).collect()
}

/// The longest time axis; the warm-up is shown if all variants have the same.
fn common_time(variants: &[Variant]) -> TimeAxis {
    let axes: Vec<TimeAxis> = variants.iter().flat_map(|v| v.recordings.iter().map(|r| windows::time_axis(v.topology, r))).collect();
    let longest = |part: fn(&TimeAxis) -> f64| axes.iter().map(part).fold(0.0, f64::max);
    let warm_up = longest(|t| t.warm_up);
    let same = axes.iter().all(|t| t.warm_up == warm_up);
    TimeAxis { until: longest(|t| t.until), warm_up: if same { warm_up } else { 0.0 }, load_ends: longest(|t| t.load_ends) }
}

/// The faults of each variant's first run; one that several have is shown as the first has it.
fn common_spans(variants: &[Variant], time: TimeAxis) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for variant in variants {
        let of_variant = variant.recordings.first().map(|r| spans::of_run(variant.topology, r, time)).unwrap_or_default();
        let new: Vec<Span> = of_variant.into_iter().filter(|s| spans.iter().all(|known| known.name != s.name)).collect();
        spans.extend(new);
    }
    spans
}

fn caption(variants: &[Variant], spans: &[Span]) -> Vec<String> {
    let model = variants.first().map_or("", |v| v.topology.name.as_str());
    let first = variants.iter().flat_map(|v| v.recordings).next();
    let windows = first.map(|r| Lens::of(r, windows::MOST).caption()).unwrap_or_default();
    let mut seeds: Vec<u64> = variants.iter().flat_map(|v| v.recordings).map(|r| r.seed).collect();
    seeds.sort_unstable();
    seeds.dedup();
    let mut lines = match seeds[..] {
        [seed] => {
            let runs =
                variants.iter().take(MOST_LINES).flat_map(|v| v.recordings.iter().map(|r| format!("{} {:016x}", v.name, r.fingerprint)));
            let runs = runs.collect::<Vec<_>>().join(", ");
            vec![format!("{model} · seed {seed} · {windows}"), format!("Fingerprints: {runs}.")]
        }
        [least, .., most] => {
            let n = seeds.len();
            let bands = match variants.len() {
                many if many > MOST_BANDS => "; `compare-differences` has their spread",
                _ => ", bands go from the lowest run to the highest",
            };
            vec![format!("{model} · {n} seeds from {least} to {most}: lines are means{bands} · {windows}")]
        }
        [] => vec![model.to_owned()],
    };
    let left_out = variants.len().saturating_sub(MOST_LINES);
    lines.push(faults_told(spans));
    lines.push(if left_out > 0 { format!("Not shown: {left_out} more variants.") } else { String::new() });
    lines.retain(|line| !line.is_empty());
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_give_way_and_the_longest_sets_the_length() {
        let all = [vec![1.0, f64::NAN], vec![2.0, 3.0, 4.0]];
        assert_eq!(combined(all.iter().cloned(), |a, b| a + b), [3.0, 3.0, 4.0]);
        assert_eq!(combined(all.iter().cloned(), f64::min), [1.0, 3.0, 4.0]);
    }
}
