//! One run as the page's data: everything that its scripts draw.

use super::Subject;
use super::data::{Fault, Followed, Queue, Run, Step};
use super::graph::{Plan, Who};
use super::series::{Lens, Numbers};
use super::{followed, states};
use crate::analysis::cascade::Sample;
use crate::analysis::course;
use crate::base::id::FaultId;
use crate::observe::recording::QueueWindow;
use crate::report::story::{MOST_FIGURES, figure};
use crate::topology::Topology;

/// Numbers that all runs of a page may hold together: about two megabytes.
const MOST_NUMBERS: usize = 400_000;
/// Points of a series at most and at least, whatever the room.
const MOST_POINTS: usize = 1200;
const LEAST_POINTS: usize = 60;
/// Spans of faults that can be told apart.
const MOST_FAULTS: usize = 200;
/// Queues whose depth is drawn, those with the most messages.
const MOST_QUEUES: usize = 40;

/// How many points each of so many runs can have.
fn points(subject: &Subject<'_>, plan: &Plan, runs: usize) -> usize {
    let series = plan.shown.len() * 13 + plan.arrows() * 9 + subject.topology.brokers.queues.len().min(MOST_QUEUES) * 4;
    (MOST_NUMBERS / runs.max(1) / series.max(1)).clamp(LEAST_POINTS, MOST_POINTS)
}

/// `runs`: how many share the page.
pub fn data(subject: &Subject<'_>, runs: usize) -> Run {
    let Subject { topology, recording, summary, .. } = *subject;
    let plan = Plan::of(topology, recording, summary);
    let lens = Lens::of(recording, points(subject, &plan, runs));
    let duration = course::horizon(topology, recording).as_secs_f64();
    let end = (lens.step * lens.points as f64).max(duration);
    let (states, _) = states::of_run(topology, recording, end);
    let mut graph = plan.graph(topology, recording, lens);
    let (queues, kept) = queues(subject, lens);
    for bar in graph.nodes.iter_mut().flat_map(|node| &mut node.bars) {
        bar.queue = bar.queue.and_then(|queue| kept.iter().position(|kept| *kept == queue));
    }
    let traces = followed::chosen(topology, recording, &summary.cascade);
    Run {
        title: subject.title(),
        duration,
        warm_up: topology.warm_up.as_secs_f64(),
        step: lens.step,
        points: lens.points,
        graph,
        queues,
        faults: faults(subject, end),
        story: story(subject, &plan, &traces),
        states,
        attribution: followed::attributed(topology, recording),
        traces,
        followed: recording.sampled.len(),
    }
}

/// The queues with the most messages, in the model's order, and their places there.
fn queues(subject: &Subject<'_>, lens: Lens) -> (Vec<Queue>, Vec<usize>) {
    let records = &subject.recording.queues;
    let mut kept: Vec<usize> = (0..records.len()).collect();
    kept.sort_by_key(|i| std::cmp::Reverse(records[*i].published));
    kept.truncate(MOST_QUEUES);
    kept.sort_unstable();
    let queue = |i: &usize| {
        let w: &[QueueWindow] = &records[*i].windows;
        Queue {
            name: subject.topology.brokers.queues[*i].name.clone(),
            published: lens.sum(w, |w| w.published),
            acked: lens.sum(w, |w| w.acked),
            ready: lens.highest(w, |w| w.ready),
            unacked: lens.highest(w, |w| w.unacked),
        }
    };
    (kept.iter().map(queue).collect(), kept)
}

/// Occurrences of a fault that are too close to be told apart are one.
pub fn faults(subject: &Subject<'_>, end: f64) -> Vec<Fault> {
    let mut faults: Vec<Fault> = Vec::new();
    for span in course::faults(subject.topology, subject.recording) {
        let fault = &subject.topology.faults[span.fault.index()];
        let from = span.began.as_secs_f64();
        let until = span.ended.map_or(end, |at| at.as_secs_f64()).max(from);
        if let Some(last) = faults.iter_mut().rfind(|known| known.name == fault.name && from - known.until < end / 400.0) {
            last.until = last.until.max(until);
            last.times += 1;
        } else if faults.len() < MOST_FAULTS {
            faults.push(Fault { name: fault.name.clone(), what: fault.summary.clone(), from, until, times: 1 });
        }
    }
    faults
}

/// Steps and backlogs in order of time, each with its boxes and its arrow.
fn story(subject: &Subject<'_>, plan: &Plan, traces: &[Followed]) -> Vec<Step> {
    let cascade = &subject.summary.cascade;
    let topology = subject.topology;
    let sample = |sample: &Sample| {
        let at = traces.iter().position(|trace| trace.client == sample.client && trace.number == sample.number)?;
        Some((at, format!("{} #{}", sample.client, sample.number)))
    };
    let steps = cascade.steps.iter().map(|step| {
        let (nodes, edge) = places(topology, plan, &step.who);
        Step {
            at: step.at,
            who: step.who.clone(),
            what: step.what.clone(),
            because: step.because.clone(),
            evidence: step.evidence.iter().take(MOST_FIGURES).map(figure).collect(),
            sample: step.sample.as_ref().and_then(sample),
            nodes,
            edge,
        }
    });
    let backlogs = cascade.backlogs.iter().map(|backlog| {
        let broker = topology.brokers.queues.iter().find(|q| q.name == backlog.queue).map(|q| q.broker as usize);
        let service = broker.map(|broker| Who::Service(topology.brokers.brokers[broker].service.index()));
        Step {
            at: backlog.at,
            who: backlog.queue.clone(),
            what: backlog.what.clone(),
            because: backlog.because.clone(),
            evidence: Vec::new(),
            sample: None,
            nodes: service.and_then(|who| plan.place(who)).into_iter().collect(),
            edge: None,
        }
    });
    let mut story: Vec<Step> = steps.chain(backlogs).collect();
    story.sort_by(|a, b| a.at.total_cmp(&b.at));
    story
}

fn places(topology: &Topology, plan: &Plan, who: &str) -> (Vec<usize>, Option<usize>) {
    if let Some(edge) = topology.edges.iter().position(|edge| edge.name == who) {
        return plan.arrow(edge).map_or((Vec::new(), None), |(arrow, ends)| (ends.to_vec(), Some(arrow)));
    }
    let mut all: Vec<Who> = Vec::new();
    if let Some(i) = topology.faults.iter().position(|fault| fault.name == who) {
        let fault = &topology.faults[FaultId::new(i).index()];
        all.extend(fault.services.iter().map(|s| Who::Service(s.index())));
        all.extend(fault.clients.iter().map(|c| Who::Client(c.index())));
    }
    all.extend(topology.services.iter().position(|s| s.name == who).map(Who::Service));
    all.extend(topology.clients.iter().position(|c| c.name == who).map(Who::Client));
    let mut nodes: Vec<usize> = all.into_iter().filter_map(|who| plan.place(who)).collect();
    nodes.dedup();
    (nodes, None)
}

/// Points of a small curve, at most so many: the mean of each stretch.
pub fn curve(numbers: &Numbers, points: usize, most: usize) -> Vec<f64> {
    match numbers {
        Numbers::Same(value) => vec![value.unwrap_or(0) as f64; points.min(2)],
        Numbers::Each(values) => values
            .chunks(values.len().div_ceil(most).max(1))
            .map(|part| part.iter().map(|v| v.unwrap_or(0) as f64).sum::<f64>() / part.len() as f64)
            .collect(),
    }
}
