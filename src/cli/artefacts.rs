//! Which files a run or a comparison leaves under `--out`, in the order in which they are written.

use super::compare::name;
use super::output::Artefact;
use super::read::Compiled;
use super::{Exit, fail};
use crate::base::id::FaultId;
use crate::base::time::Nanos;
use crate::experiment::aggregate::Comparison;
use crate::experiment::ensemble::Outcome;
use crate::experiment::why::Why;
use crate::export;
use crate::export::epoch::Epoch;
use crate::model::scalar::Duration;
use crate::observe::watch::Wish;
use crate::observe::watch::sampling::Sampling;
use crate::report::{charts, html};
use crate::topology::Topology;
use std::str::FromStr;

/// What a user may say of the artefacts.
#[derive(clap::Args)]
pub(super) struct Exports {
    /// The date at which the simulation begins, for logs, traces and metrics
    #[arg(long, value_name = "DATE", default_value = "2026-01-01T00:00:00Z", requires = "out", help_heading = "Artefacts")]
    pub epoch: Epoch,
    /// Which charts to draw: `all`, `none`, or names such as `latency,blast-radius`
    #[arg(long, value_name = "LIST", default_value = "all", hide_default_value = true, requires = "out", help_heading = "Artefacts")]
    pub charts: charts::Choice,
    /// Which requests traces show: tail (slow, failed and typical ones), all, none, head:SHARE, or around:FAULT
    #[arg(long, value_name = "WHICH", default_value = "tail", help_heading = "Artefacts")]
    pub sample: Sample,
    /// How to write the tables of series and requests
    #[arg(long, value_name = "FORMAT", default_value = "csv", requires = "out", help_heading = "Artefacts")]
    pub tables: Tables,
    /// How often the simulated Prometheus reads the metrics
    #[arg(long, value_name = "DURATION", default_value = "15s", help_heading = "Artefacts", value_parser = interval)]
    pub scrape: Nanos,
}

/// `--tables`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Tables {
    Csv,
    /// For large ones
    Parquet,
    Both,
}

/// `--sample` as it is typed.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Sample {
    Tail,
    All,
    Nothing,
    Head(f64),
    Around(String),
}

impl FromStr for Sample {
    type Err = String;

    fn from_str(text: &str) -> Result<Sample, String> {
        let share = |text: &str| match text.strip_suffix('%') {
            Some(percent) => percent.parse::<f64>().ok().map(|percent| percent / 100.0),
            None => text.parse::<f64>().ok(),
        };
        match text.split_once(':') {
            None if text == "tail" => Ok(Sample::Tail),
            None if text == "all" => Ok(Sample::All),
            None if text == "none" => Ok(Sample::Nothing),
            Some(("head", ratio)) => match share(ratio) {
                Some(share) if (0.0..=1.0).contains(&share) => Ok(Sample::Head(share)),
                _ => Err(format!("`{ratio}` is no share: write one from 0 to 1, such as `head:0.01` or `head:1%`")),
            },
            Some(("around", fault)) if !fault.is_empty() => Ok(Sample::Around(fault.to_string())),
            _ => Err("known are `tail`, `all`, `none`, `head:SHARE` such as `head:1%`, and `around:FAULT`".to_string()),
        }
    }
}

impl Sample {
    /// With a fault's number for its name.
    pub(super) fn of(&self, topology: &Topology) -> Result<Sampling, Exit> {
        Ok(match self {
            Sample::Tail => Sampling::Tail,
            Sample::All => Sampling::All,
            Sample::Nothing => Sampling::Nothing,
            Sample::Head(share) => Sampling::Share(*share),
            Sample::Around(name) => match topology.faults.iter().position(|fault| fault.name == *name) {
                Some(fault) => Sampling::AroundFault(FaultId::new(fault)),
                None => {
                    let known: Vec<&str> = topology.faults.iter().map(|fault| fault.name.as_str()).collect();
                    let help =
                        if known.is_empty() { "the model has no faults".into() } else { format!("its faults are {}", known.join(", ")) };
                    return Err(fail(&format!("there is no fault `{name}` to sample around\nhelp: {help}")));
                }
            },
        })
    }
}

fn interval(text: &str) -> Result<Nanos, String> {
    let nanos = text.parse::<Duration>().map_err(|error| error.to_string())?.nanos();
    if nanos < Nanos::from_millis(100) { Err("a scraper needs 100 ms at least".to_string()) } else { Ok(nanos) }
}

impl Exports {
    /// What is to be watched; the first so many requests if they are to be shown.
    pub(super) fn wish(&self, topology: &Topology, writes: bool, trace: u32) -> Result<Wish, Exit> {
        if trace > 0 {
            return Ok(Wish { scrape: writes.then_some(self.scrape), ..Wish::first(trace) });
        }
        if !writes {
            return Ok(Wish::default());
        }
        Ok(Wish { sampling: self.sample.of(topology)?, scrape: Some(self.scrape) })
    }
}

/// All files of one run, or of an ensemble (whose series and charts are of the first seed).
pub(super) fn of_runs<'a>(
    compiled: &'a Compiled,
    outcomes: &'a [Outcome],
    comparison: Option<&'a Comparison>,
    variant: Option<&'a str>,
    why: Option<&'a Why>,
    exports: &'a Exports,
) -> Vec<Artefact<'a>> {
    let first = &outcomes[0];
    let mut files = self_contained(compiled, "");
    files.push(Artefact::of("summary.json", move || {
        comparison.map_or_else(|| export::json::text(&first.summary), export::json::text).into_bytes()
    }));
    let topology = &compiled.topology;
    let graph =
        |file: &'static str, format: &'static str| Artefact::of(file, move || super::graph::bytes(topology, format, variant).into_bytes());
    files.extend([("graph.svg", "svg"), ("graph.dot", "dot"), ("graph.mmd", "mermaid")].map(|(file, format)| graph(file, format)));
    if let Some(recording) = &first.recording {
        if exports.tables != Tables::Parquet {
            files.push(Artefact::new("series.csv", |to| export::series::write(topology, recording, to)));
            files.push(Artefact::new("requests.csv", |to| export::requests::write(topology, recording, to)));
        }
        if exports.tables != Tables::Csv {
            files.push(Artefact::new("series.parquet", |to| export::series::write_parquet(topology, recording, to)));
            files.push(Artefact::new("requests.parquet", |to| export::requests::write_parquet(topology, recording, to)));
        }
        files.push(Artefact::new("metrics.om", |to| export::openmetrics::write(topology, recording, exports.epoch, to)));
        files.push(Artefact::new("timeline.csv", |to| export::timeline::write(topology, recording, &first.summary, to)));
        files.push(Artefact::new("logs.jsonl", |to| export::logs::write(topology, recording, exports.epoch, to)));
        files.push(Artefact::new("traces.otlp.json", |to| export::otlp::write(topology, recording, exports.epoch, to)));
        files.push(Artefact::new("traces.jaeger.json", |to| export::jaeger::write(topology, recording, exports.epoch, to)));
        files.push(Artefact::new("traces.perfetto.json", |to| export::perfetto::write(topology, recording, to)));
    }
    files.extend(why.map(|why| Artefact::of("why.json", || export::json::text(why).into_bytes())));
    files.extend(shown_of_runs(compiled, outcomes, comparison, variant, why, &exports.charts));
    files
}

/// Of these, what people look at: the report and the charts.
pub(super) fn shown_of_runs<'a>(
    compiled: &'a Compiled,
    outcomes: &'a [Outcome],
    comparison: Option<&'a Comparison>,
    variant: Option<&'a str>,
    why: Option<&'a Why>,
    chosen: &charts::Choice,
) -> Vec<Artefact<'a>> {
    let (topology, first) = (&compiled.topology, &outcomes[0]);
    let Some(recording) = &first.recording else { return Vec::new() };
    let subject = html::Subject { variant, topology, recording, summary: &first.summary, why };
    let mut files = vec![Artefact::new("report.html", move |to| html::write_run(&subject, comparison, to))];
    files.extend(drawn(chosen.of(charts::of_run(topology, recording, variant))));
    files
}

/// All files of a comparison.
pub(super) fn of_comparison<'a>(
    variants: &'a [Compiled],
    outcomes: &'a [Vec<Outcome>],
    comparison: &'a Comparison,
    exports: &'a Exports,
) -> Vec<Artefact<'a>> {
    let mut files = vec![Artefact::of("summary.json", || export::json::text(comparison).into_bytes())];
    for (variant, outcomes) in variants.iter().zip(outcomes) {
        let name = name(variant);
        files.extend(self_contained(variant, &format!("{name}/")));
        let summary = |o: &'a Outcome| {
            Artefact::of(format!("{name}/summary-{}.json", o.summary.seed), || export::json::text(&o.summary).into_bytes())
        };
        files.extend(outcomes.iter().map(summary));
    }
    files.extend(shown_of_comparison(variants, outcomes, comparison, &exports.charts));
    files
}

/// Of these, what people look at: the report and the charts.
pub(super) fn shown_of_comparison<'a>(
    variants: &'a [Compiled],
    outcomes: &'a [Vec<Outcome>],
    comparison: &'a Comparison,
    chosen: &charts::Choice,
) -> Vec<Artefact<'a>> {
    let firsts = variants.iter().zip(outcomes).filter_map(|(variant, outcomes)| Some((variant, outcomes.first()?)));
    let subjects: Vec<html::Subject<'a>> = firsts
        .filter_map(|(Compiled { variant, topology, .. }, Outcome { summary, recording, .. })| {
            Some(html::Subject { variant: variant.as_deref(), topology, recording: recording.as_ref()?, summary, why: None })
        })
        .collect();
    let mut files = vec![Artefact::new("report.html", move |to| html::write_comparison(&subjects, comparison, to))];
    let recordings: Vec<Vec<crate::observe::recording::Recording>> =
        outcomes.iter().map(|outcomes| outcomes.iter().filter_map(|o| o.recording.clone()).collect()).collect();
    let names: Vec<String> = variants.iter().map(name).collect();
    let drawn_variants: Vec<charts::Variant<'_>> = variants
        .iter()
        .zip(&names)
        .zip(&recordings)
        .map(|((v, name), recordings)| charts::Variant { name, topology: &v.topology, recordings })
        .collect();
    let mut all = charts::of_comparison(&drawn_variants);
    all.extend(charts::of_differences(comparison));
    files.extend(drawn(chosen.of(all)));
    files
}

/// The resolved model and the files it names.
fn self_contained<'a>(compiled: &Compiled, below: &str) -> Vec<Artefact<'a>> {
    compiled.self_contained().into_iter().map(|(file, bytes)| Artefact::of(format!("{below}{file}"), || bytes)).collect()
}

/// Every chart as SVG and PNG.
fn drawn<'a>(charts: Vec<charts::Chart>) -> Vec<Artefact<'a>> {
    let both = |chart: charts::Chart| {
        let (stem, drawn) = (chart.file_stem.clone(), chart.clone());
        [
            Artefact::of(format!("charts/{stem}.svg"), move || charts::svg(&chart).into_bytes()),
            Artefact::of(format!("charts/{stem}.png"), move || charts::png(&drawn)),
        ]
    };
    charts.into_iter().flat_map(both).collect()
}
