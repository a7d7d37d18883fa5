//! What came of it: how far it reached, whether it healed, and what keeps it alive if it did not.

use super::strand::{Root, Told};
use super::{Scene, reach, telling};
use crate::analysis::course::{self, Baseline, Blast, Course, LAST};
use crate::analysis::words;
use crate::base::id::FaultId;
use crate::base::time::{Instant, Nanos};
use crate::observe::episode::Trouble;
use crate::observe::recording::{ClientRecord, Recording, ServiceWindow};
use std::ops::Range;

/// Retries sustain a collapse if they multiply the load at least by this.
const AMPLIFIED: f64 = 1.1;
/// All workers of a service are taken if at least this share of their time is.
const FULL: f64 = 0.98;

/// The verdict, sentence by sentence.
pub fn sentences(scene: &Scene<'_>, told: Option<&Told>, blast: &Blast, metastable: Option<bool>) -> Vec<String> {
    let mut sentences = Vec::new();
    sentences.push(how_far(blast));
    match told.map(|told| told.root) {
        Some(Root::Load) => sentences.push(without_fault(scene, told)),
        Some(Root::Fault(_)) | None => sentences.extend(outcome(scene, metastable)),
    }
    sentences.extend(told.and_then(|told| beside(scene, told)));
    sentences
}

/// No fault and nothing worth telling.
pub fn calm(recording: &Recording) -> String {
    let sum = |of: fn(&ClientRecord) -> u64| recording.clients.iter().map(of).sum::<u64>();
    let (offered, failed) = (sum(|c| c.offered), sum(|c| c.failed));
    let unfinished = offered - sum(|c| c.ok + c.degraded + c.failed).min(offered);
    let late = match unfinished {
        0 => String::new(),
        1 => "; 1 request was unfinished at the end".to_string(),
        n => format!("; {} requests were unfinished at the end", words::count(n)),
    };
    match (failed, offered) {
        (_, 0) => "Nothing was offered.".to_string(),
        (0, _) => format!("Nothing failed{late}."),
        _ => format!(
            "No cascade: {} of {} failed, each by itself{late}.",
            words::count(failed),
            words::counted(offered, "request", "requests")
        ),
    }
}

fn how_far(blast: &Blast) -> String {
    match reach(blast) {
        None => "How far it reached is unknown: there is nothing before it to compare with.".to_string(),
        Some(_) if blast.hit.is_empty() => "Nobody else was hit.".to_string(),
        Some(reach) => format!("It reached {reach}."),
    }
}

/// Whether the clients recovered, once all faults had ended.
fn outcome(scene: &Scene<'_>, metastable: Option<bool>) -> Option<String> {
    let course = Course::of_all_clients(scene.recording, scene.until);
    let began = scene.disturbance.began;
    let (baseline, last) = (course.before(began)?, course.last()?);
    let now = words::percent(last.ratio / baseline.ratio);
    let Some(ended) = scene.disturbance.ended else {
        return Some(format!("It goes on until the end of the run: goodput is {now} of the baseline."));
    };
    let end = format!("{} ended at {}", last_fault(scene), words::clock(ended.as_secs_f64()));
    if metastable == Some(true) {
        return Some(format!(
            "{end}, the offered load is as before ({}), yet goodput is {now} of the baseline: metastable{}.",
            words::rate(last.offered),
            sustained_by(scene)
        ));
    }
    Some(match course.recovered(began, ended) {
        Some(_) if !course.hit(began) => "Goodput stayed at its baseline all the time.".to_string(),
        Some(after) if after < scene.recording.window => format!("{end}; goodput was back at its baseline at once."),
        Some(after) => format!("{end}; goodput was back at its baseline {} later.", words::span(after.as_secs_f64())),
        None => not_recovered(scene, &end, &now, baseline, last, ended.since(scene.until) == Nanos::ZERO),
    })
}

fn not_recovered(scene: &Scene<'_>, end: &str, now: &str, before: Baseline, last: Baseline, within: bool) -> String {
    let ended = scene.disturbance.ended.unwrap_or(scene.until);
    let left = words::span(scene.until.since(ended).as_secs_f64());
    if !within {
        return format!("{end}, as did the run: whether it recovers is not known.");
    }
    let load = if (last.offered - before.offered).abs() > 0.1 * before.offered {
        format!(", with {} offered instead of {}", words::rate(last.offered), words::rate(before.offered))
    } else {
        String::new()
    };
    format!("{end}; in the {left} left of the run goodput did not come back: at last it is {now} of the baseline{load}.")
}

/// The fault that ended last.
fn last_fault(scene: &Scene<'_>) -> String {
    let last = course::faults(scene.topology, scene.recording).max_by_key(|span| span.ended);
    last.map_or_else(|| "the fault".to_string(), |span| scene.topology.faults[span.fault.index()].name.clone())
}

/// What keeps a collapse alive in the last 30 s: retries, ejections, or a queue longer than patience.
fn sustained_by(scene: &Scene<'_>) -> String {
    let range = last_windows(scene);
    let amplified = scene.recording.edges.iter().enumerate().filter_map(|(i, edge)| {
        let factor = telling::amplification(edge.windows.get(range.clone())?)?;
        Some((factor, &scene.topology.edges[i].name))
    });
    let worst = amplified.fold(None, |worst: Option<(f64, &String)>, one| match worst {
        Some(worst) if worst.0 >= one.0 => Some(worst),
        _ => Some(one),
    });
    if let Some((factor, edge)) = worst.filter(|(factor, _)| *factor > AMPLIFIED) {
        return format!(", sustained by retries ({} attempts per call of {edge})", words::times(factor));
    }
    let from = Instant(scene.until.0.saturating_sub(LAST.0));
    let without_host = scene.recording.episodes.iter().filter(|e| e.trouble == Trouble::NoHost && e.last >= from);
    if let Some(worst) = without_host.max_by_key(|e| e.count) {
        return format!(", sustained by ejections ({} finds no host)", telling::who(scene, worst.place));
    }
    let backlog = scene.recording.services.iter().enumerate().filter_map(|(i, service)| {
        let queue = service.windows.get(range.clone())?.iter().map(|w| w.queue).fold(0.0, f64::max).round() as u64;
        (queue > 0).then(|| (queue, &scene.topology.services[i].name))
    });
    match backlog.max_by_key(|(queue, _)| *queue) {
        Some((queue, service)) => {
            format!(", sustained by a backlog ({} waiting at {service})", words::counted(queue, "request", "requests"))
        }
        None => String::new(),
    }
}

/// The load alone was too much, or the model's steps fail by themselves: what is offered, what comes of it, and who has all hands full.
fn without_fault(scene: &Scene<'_>, told: Option<&Told>) -> String {
    let course = Course::of_all_clients(scene.recording, scene.until);
    let mut text = match told.is_some_and(|told| told.strands.iter().any(|strand| is_of_load(strand.trouble))) {
        true => "No fault is behind it: more is asked than can be done in time.".to_string(),
        false => "No fault is behind it: steps of the model fail by themselves.".to_string(),
    };
    if let Some(last) = course.last() {
        let answered = words::percent(last.ratio.min(1.0));
        text += &format!(" At last {} are offered and {answered} of them usefully answered.", words::rate(last.offered));
    }
    let full = saturated(scene);
    match full.is_empty() {
        true => text,
        false => format!("{text} Busy to the last worker: {}.", words::list(&full)),
    }
}

/// Whether it is a sign that more was asked than could be done in time.
fn is_of_load(trouble: Trouble) -> bool {
    match trouble {
        Trouble::WorkersExhausted
        | Trouble::QueueFull
        | Trouble::QueueExpired
        | Trouble::RateLimited
        | Trouble::Timeouts
        | Trouble::Deadlines
        | Trouble::BulkheadFull
        | Trouble::PoolOverflow => true,
        Trouble::Fault
        | Trouble::Failing
        | Trouble::ConnectFailures
        | Trouble::Resets
        | Trouble::ErrorAnswers
        | Trouble::Retries
        | Trouble::BreakerOpened
        | Trouble::Fallbacks
        | Trouble::RequestsFail
        | Trouble::HostsEjected
        | Trouble::NoHost => false,
    }
}

/// Services whose workers were all taken over the last 30 s, the deepest backlog first.
fn saturated(scene: &Scene<'_>) -> Vec<String> {
    let range = last_windows(scene);
    let services = scene.topology.services.iter().zip(&scene.recording.services);
    let mut full: Vec<(f64, String)> = services
        .filter_map(|(service, record)| {
            let windows = record.windows.get(range.clone())?;
            let sum = |of: fn(&ServiceWindow) -> f64| windows.iter().map(of).sum::<f64>();
            let queue = sum(|w| w.queue) / windows.len().max(1) as f64;
            let is_full = sum(|w| w.busy) >= FULL * sum(|w| w.workers) && sum(|w| w.workers) > 0.0;
            is_full.then(|| (queue, format!("{} ({} waiting)", service.name, words::count(queue.round() as u64))))
        })
        .collect();
    full.sort_by(|a, b| b.0.total_cmp(&a.0));
    full.into_iter().map(|(_, text)| text).collect()
}

fn last_windows(scene: &Scene<'_>) -> Range<usize> {
    let windows = LAST.0.checked_div(scene.recording.window.0).unwrap_or(0).max(1) as usize;
    let end = (scene.until.0 / scene.recording.window.0.max(1)) as usize;
    end.saturating_sub(windows)..end
}

/// What other origins did meanwhile.
fn beside(scene: &Scene<'_>, told: &Told) -> Option<String> {
    let failed = |&(root, failed): &(Root, u64)| {
        let name = match root {
            Root::Fault(fault) => name_of(scene, fault),
            Root::Load => "the load alone".to_string(),
        };
        format!("{name} ({})", words::count(failed))
    };
    let others: Vec<String> = told.others.iter().map(failed).collect();
    (!others.is_empty()).then(|| format!("Requests also failed because of {}.", words::list(&others)))
}

fn name_of(scene: &Scene<'_>, fault: FaultId) -> String {
    scene.topology.faults[fault.index()].name.clone()
}
