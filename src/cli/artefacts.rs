//! Which files a run or a comparison leaves under `--out`, in the order in which they are written.

use super::compare::name;
use super::output::Artefact;
use super::read::Compiled;
use crate::experiment::aggregate::Comparison;
use crate::experiment::ensemble::Outcome;
use crate::export;
use crate::export::epoch::Epoch;
use crate::report::charts;

/// What a user may say of the artefacts.
#[derive(clap::Args)]
pub(super) struct Exports {
    /// The date at which the simulation begins, for logs, traces and metrics
    #[arg(long, value_name = "DATE", default_value = "2026-01-01T00:00:00Z", requires = "out", help_heading = "Artefacts")]
    pub epoch: Epoch,
}

/// All files of one run, or of an ensemble (whose series and charts are of the first seed).
pub(super) fn of_runs<'a>(
    compiled: &'a Compiled,
    outcomes: &'a [Outcome],
    comparison: Option<&'a Comparison>,
    variant: Option<&'a str>,
    _exports: &'a Exports,
) -> Vec<Artefact<'a>> {
    let first = &outcomes[0];
    let mut files = self_contained(compiled, "");
    files.push(Artefact::of("summary.json", move || {
        comparison.map_or_else(|| export::json::text(&first.summary), export::json::text).into_bytes()
    }));
    if let Some(recording) = &first.recording {
        let topology = &compiled.topology;
        files.push(Artefact::new("series.csv", |to| export::series::write(topology, recording, to)));
        files.push(Artefact::new("timeline.csv", |to| export::timeline::write(topology, recording, &first.summary, to)));
        files.extend(drawn(charts::of_run(topology, recording, variant)));
    }
    files
}

/// All files of a comparison.
pub(super) fn of_comparison<'a>(
    variants: &'a [Compiled],
    outcomes: &'a [Vec<Outcome>],
    comparison: &'a Comparison,
    _exports: &'a Exports,
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
    let recordings: Vec<Vec<crate::observe::recording::Recording>> =
        outcomes.iter().map(|outcomes| outcomes.iter().filter_map(|o| o.recording.clone()).collect()).collect();
    let names: Vec<String> = variants.iter().map(name).collect();
    let drawn_variants: Vec<charts::Variant<'_>> = variants
        .iter()
        .zip(&names)
        .zip(&recordings)
        .map(|((v, name), recordings)| charts::Variant { name, topology: &v.topology, recordings })
        .collect();
    files.extend(drawn(charts::of_comparison(&drawn_variants)));
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
