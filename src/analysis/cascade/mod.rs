//! The cascade of a run: where it began, what followed from what, whom it reached, and whether it ended.
//!
//! It follows the causes that were recorded with every episode, never a correlation in time. Of several beginnings the one
//! with the worst consequences is told; what is small beside the rest is folded away and counted in `more`.

mod evidence;
mod strand;
mod telling;
mod verdict;

use crate::analysis::backlog::{Backlog, backlogs};
use crate::analysis::course::{self, Blast, Course, Disturbance, horizon};
use crate::base::time::Instant;
use crate::observe::recording::Recording;
use crate::topology::Topology;
use serde::{Deserialize, Serialize};
use strand::{Root, Told};

/// The cascade, in figures and in words.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cascade {
    /// The name of the fault, `load` if the load alone was too much, or `null` if nothing happened that is worth telling.
    pub origin: Option<String>,
    /// Services and clients below 95 % of their baseline for three windows, ÷ all of them; the faults' targets excluded.
    pub blast_radius: Option<f64>,
    /// Their names.
    pub hit: Vec<String>,
    /// In order of time.
    pub steps: Vec<Step>,
    /// Steps left out: small beside the rest, or too many.
    pub more: usize,
    /// Of queues of brokers, in order of time; not there without.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub backlogs: Vec<Backlog>,
    pub metastable: Option<bool>,
    /// What came of it, sentence by sentence.
    pub verdict: Vec<String>,
}

/// One thing that went wrong at one place.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// Seconds: the first occurrence.
    pub at: f64,
    /// Seconds: the last.
    pub until: f64,
    /// The name of a fault, service, call or client.
    pub who: String,
    pub what: String,
    /// `null`: nothing earlier led to it.
    pub because: Option<String>,
    /// The step it follows from: a place in `steps`. Steps between them may have been left out.
    pub cause: Option<usize>,
    /// Occurrences.
    pub count: u64,
    /// Figures of its place that changed, before the disturbance and while it lasted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
    /// A followed request that met it; there only if requests were followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<Sample>,
}

/// A figure of a step's place: per second, seconds, shares or counts, by its metric.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// `goodput`, `answered`, `failed`, `attempts`, … (per second); `p99` (seconds, the worst window); `utilization`,
    /// `queueLength` (most), `amplification`.
    pub metric: String,
    /// `null`: there was nothing to measure.
    pub before: Option<f64>,
    pub during: f64,
}

/// A request that was followed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    pub client: String,
    /// The how-manieth of its client's requests, from 0.
    pub number: u64,
    /// Of its trace, in all artefacts.
    pub id: String,
}

/// What a sentence may draw on.
struct Scene<'a> {
    pub topology: &'a Topology,
    pub recording: &'a Recording,
    /// The end of what is measured.
    pub until: Instant,
    /// What disturbed the run; what was before it is the baseline.
    pub disturbance: Disturbance,
}

/// Tells the cascade of a run, and what piled up meanwhile.
pub fn tell(topology: &Topology, recording: &Recording) -> Cascade {
    Cascade { backlogs: backlogs(topology, recording), ..told(topology, recording) }
}

fn told(topology: &Topology, recording: &Recording) -> Cascade {
    let until = horizon(topology, recording);
    let faults = Disturbance::by_faults(topology, recording);
    let told = strand::choose(topology, recording);
    let Some(disturbance) = disturbance(faults, told.as_ref()) else { return uneventful(recording) };
    let scene = Scene { topology, recording, until, disturbance };
    let blast = course::blast(topology, recording, &scene.disturbance);
    let metastable = metastable(&scene);
    let mut cascade = Cascade { blast_radius: blast.share(), hit: blast.hit.clone(), metastable, ..Cascade::default() };
    if let Some(told) = &told {
        cascade.origin = Some(origin(topology, told.root));
        (cascade.steps, cascade.more) = telling::steps(&scene, told);
    }
    cascade.verdict = verdict::sentences(&scene, told.as_ref(), &blast, metastable);
    cascade
}

/// Faults disturb from the first of them on; without any, the load does from the first thing it broke.
fn disturbance(faults: Option<Disturbance>, told: Option<&Told>) -> Option<Disturbance> {
    match (faults, told) {
        // A fault that broke nothing is not what the load broke before or after it.
        (Some(_), Some(told)) if told.root == Root::Load => Some(Disturbance::by_load(told.began())),
        (Some(faults), _) => Some(faults),
        (None, told) => told.map(|told| Disturbance::by_load(told.began())),
    }
}

/// No fault and no trouble worth telling: nobody was hit by anything.
fn uneventful(recording: &Recording) -> Cascade {
    Cascade { blast_radius: Some(0.0), verdict: vec![verdict::calm(recording)], ..Cascade::default() }
}

fn origin(topology: &Topology, root: Root) -> String {
    match root {
        Root::Fault(fault) => topology.faults[fault.index()].name.clone(),
        Root::Load => "load".to_string(),
    }
}

/// Only a fault can have ended and left the system down.
fn metastable(scene: &Scene<'_>) -> Option<bool> {
    let faults = Disturbance::by_faults(scene.topology, scene.recording)?;
    let course = Course::of_all_clients(scene.recording, scene.until);
    course.metastable(faults.began, faults.ended?, scene.until)
}

/// Hit services and clients in words: `3 of 5 services and clients (60 %): gateway, orders and shoppers`.
fn reach(blast: &Blast) -> Option<String> {
    use crate::analysis::words;
    let share = blast.share()?;
    Some(format!("{} of {} services and clients ({}): {}", blast.hit.len(), blast.of, words::percent(share), words::list(&blast.hit)))
}

#[cfg(test)]
mod tests;
