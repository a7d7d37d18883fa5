//! The words of a cascade: one sentence per strand, with the figures that make it believable.
//!
//! *Before* is the baseline before the disturbance, *while it lasts* from the strand's first to its last occurrence.

use super::strand::{Strand, Told};
use super::{Scene, Step, evidence};
use crate::analysis::course::{self, BASELINE_WINDOWS, windows_of};
use crate::analysis::{names, words};
use crate::base::id::*;
use crate::base::time::{Instant, Nanos};
use crate::observe::episode::{Place, Trouble};
use crate::observe::recording::{EdgeWindow, ServiceWindow};
use std::ops::Range;

/// The steps told, and how many were left out.
pub fn steps(scene: &Scene<'_>, told: &Told) -> (Vec<Step>, usize) {
    let step = |&shown: &usize| {
        let strand = &told.strands[shown];
        Step {
            at: strand.began.as_secs_f64(),
            until: end_of(scene, strand).as_secs_f64(),
            who: who(scene, strand.place),
            what: what(scene, strand),
            because: because(scene, told, shown),
            cause: told.shown_behind(scene.recording, strand.because),
            count: strand.count,
            evidence: evidence::figures(scene, strand),
            sample: evidence::sample(scene, strand),
        }
    };
    (told.shown.iter().map(step).collect(), told.folded)
}

/// What it began with; and what most of it was caused by, if that is something else.
fn because(scene: &Scene<'_>, told: &Told, shown: usize) -> Option<String> {
    let strand = &told.strands[shown];
    let behind = |cause| told.strand_behind(scene.recording, cause);
    let first = behind(strand.because).map(|i| short(scene, &told.strands[i])).or_else(|| by_itself(scene, strand))?;
    // A cause that leads back to the same strand (failures cause retries cause failures) explains nothing.
    let other = behind(strand.mainly).filter(|main| Some(*main) != behind(strand.because) && *main != shown);
    Some(match other {
        Some(main) => format!("{first}; mainly because {}", short(scene, &told.strands[main])),
        None => first,
    })
}

/// The last occurrence; a fault lasts until it ends.
fn end_of(scene: &Scene<'_>, strand: &Strand) -> Instant {
    let Place::Fault(fault) = strand.place else { return strand.last };
    let last = scene.recording.faults.iter().rfind(|span| span.fault == fault);
    last.map_or(strand.last, |span| span.ended.unwrap_or(scene.recording.ended))
}

pub(super) fn who(scene: &Scene<'_>, place: Place) -> String {
    match place {
        Place::Fault(fault) => scene.topology.faults[fault.index()].name.clone(),
        Place::Service(service) => scene.topology.services[service.index()].name.clone(),
        Place::Edge(edge) => scene.topology.edges[edge.index()].name.clone(),
        Place::Client(client) => scene.topology.clients[client.index()].name.clone(),
    }
}

/// The full sentence of a strand.
fn what(scene: &Scene<'_>, strand: &Strand) -> String {
    match strand.place {
        Place::Fault(fault) => of_fault(scene, fault),
        Place::Service(service) => of_service(scene, strand, service),
        Place::Edge(edge) => of_edge(scene, strand, edge),
        Place::Client(client) => of_client(scene, strand, client),
    }
}

fn of_fault(scene: &Scene<'_>, fault: FaultId) -> String {
    let words = &scene.topology.faults[fault.index()].summary;
    let spans: Vec<_> = course::faults(scene.topology, scene.recording).filter(|span| span.fault == fault).collect();
    match spans.as_slice() {
        [one] => match one.ended.map(|ended| ended.since(one.began)) {
            Some(Nanos::ZERO) => words.clone(),
            Some(lasted) => format!("{words}, for {}", words::span(lasted.as_secs_f64())),
            None => format!("{words}, until the end of the run"),
        },
        many => format!("{words}, {} times", many.len()),
    }
}

fn of_service(scene: &Scene<'_>, strand: &Strand, service: ServiceId) -> String {
    let spec = &scene.topology.services[service.index()];
    let requests = || words::counted(strand.count, "request", "requests");
    match strand.trouble {
        Trouble::WorkersExhausted => workers_exhausted(scene, strand, service),
        Trouble::QueueFull => {
            let capacity = words::count(spec.queue_capacity.into());
            format!("{} refused: the queue of {capacity}{} is full", requests(), per_replica(spec.replicas.len()))
        }
        Trouble::QueueExpired => match spec.max_wait {
            Some(wait) => format!("{} waited {} for a worker and gave up", requests(), words::span(wait.as_secs_f64())),
            None => format!("{} waited too long for a worker", requests()),
        },
        Trouble::RateLimited => match &spec.rate_limit {
            Some(limit) => {
                format!("{} over the rate limit of {}{}", requests(), words::rate(limit.rate()), per_replica(spec.replicas.len()))
            }
            None => format!("{} over the rate limit", requests()),
        },
        _ => format!("{} end in an error{}", requests(), service_shares(scene, strand, service)),
    }
}

/// `all 32 workers of each replica are taken, queue peak 256 of 768; 41/s answered, 199/s before`
fn workers_exhausted(scene: &Scene<'_>, strand: &Strand, service: ServiceId) -> String {
    let spec = &scene.topology.services[service.index()];
    let during = pick(&scene.recording.services[service.index()].windows, lasting(scene, strand));
    let mut text = match (spec.workers, spec.replicas.len()) {
        (1, 1) => "its only worker is taken".to_string(),
        (1, _) => "the only worker of each replica is taken".to_string(),
        (n, 1) => format!("all {n} workers are taken"),
        (n, _) => format!("all {n} workers of each replica are taken"),
    };
    let queue = during.iter().map(|w| w.queue).fold(0.0, f64::max).round() as u64;
    let capacity = u64::from(spec.queue_capacity) * spec.replicas.len() as u64;
    match queue {
        0 => {}
        _ if spec.queue_capacity == u32::MAX => text += &format!(", queue peak {}", words::count(queue)),
        _ => text += &format!(", queue peak {} of {}", words::count(queue), words::count(capacity)),
    }
    text + &slower(scene, strand, service)
}

/// Answers per second, if they are fewer than before.
fn slower(scene: &Scene<'_>, strand: &Strand, service: ServiceId) -> String {
    let windows = &scene.recording.services[service.index()].windows;
    let answered = |range| mean(pick(windows, range).iter().map(|w| f64::from(w.ok)), scene.recording.window);
    match (answered(before(scene)), answered(lasting(scene, strand))) {
        (Some(before), Some(now)) if now < 0.9 * before => format!("; {} answered, {} before", words::rate(now), words::rate(before)),
        _ => String::new(),
    }
}

fn of_edge(scene: &Scene<'_>, strand: &Strand, edge: EdgeId) -> String {
    let rules = names::policy_of(scene.topology, edge).map(|policy| &policy.rules);
    let attempts = attempts(scene, strand, edge);
    let calls = words::counted(strand.count, "call", "calls");
    let one = strand.count == 1;
    match strand.trouble {
        Trouble::Timeouts => {
            let after = rules.and_then(|r| r.timeout).map_or(String::new(), |t| format!(" after {}", words::span(t.as_secs_f64())));
            format!("{attempts} {}{after}", if one { "times out" } else { "time out" })
        }
        Trouble::Deadlines => {
            let of = rules.and_then(|r| r.deadline).map_or(String::new(), |d| format!(" of {}", words::span(d.after.as_secs_f64())));
            format!("{calls} {} into the deadline{of}", if one { "runs" } else { "run" })
        }
        Trouble::ConnectFailures => format!("{attempts} {} nobody who accepts", if one { "finds" } else { "find" }),
        Trouble::Resets => format!("{attempts} {} the connection", if one { "loses" } else { "lose" }),
        Trouble::Retries => retries(scene, strand, edge),
        Trouble::BreakerOpened => breakers(scene, strand, edge),
        Trouble::BulkheadFull => {
            let of = rules.and_then(|r| r.bulkhead.as_ref()).map_or(String::new(), |b| format!(" of {}", b.max_concurrent));
            format!("{calls} refused by the full bulkhead{of}")
        }
        Trouble::Fallbacks => format!("{calls} answered by the fallback"),
        Trouble::HostsEjected if one => "a proxy ejects a host".to_string(),
        Trouble::HostsEjected => format!("proxies eject hosts {} times", words::count(strand.count)),
        Trouble::NoHost => format!("{calls} find no host: all are ejected or gone (503 UH)"),
        Trouble::PoolOverflow => format!("{calls} overflow the connection pool (503 UO)"),
        _ => format!("{attempts} answered with an error"),
    }
}

/// `1180 retries: 3.9 attempts per call, 1.0 before`
fn retries(scene: &Scene<'_>, strand: &Strand, edge: EdgeId) -> String {
    let windows = &scene.recording.edges[edge.index()].windows;
    let retries = words::counted(strand.count, "retry", "retries");
    let before = amplification(pick(windows, before(scene)));
    match (amplification(pick(windows, lasting(scene, strand))), before) {
        // A breaker that cuts calls short may leave fewer attempts per call than before.
        (Some(now), Some(before)) if now < before + 0.005 => retries,
        (Some(now), Some(before)) => format!("{retries}: {now:.2} attempts per call, {before:.2} before"),
        (Some(now), None) => format!("{retries}: {now:.2} attempts per call"),
        _ => retries,
    }
}

/// `the breaker opens 6 times, at 3 of 3 callers at once; 5210 calls are cut short`
fn breakers(scene: &Scene<'_>, strand: &Strand, edge: EdgeId) -> String {
    let windows = &scene.recording.edges[edge.index()].windows;
    // A breaker goes on refusing after it has last opened: the whole rest of the run counts.
    let from = windows_of(scene.recording.window, strand.began, scene.recording.ended);
    let during = pick(windows, from);
    let most = during.iter().map(|w| w.open + w.half_open).max().unwrap_or(0);
    let cut: u64 = during.iter().map(|w| u64::from(w.short_circuited)).sum();
    let callers = names::callers_of(scene.topology, edge);
    let mut text = match strand.count {
        1 => "the breaker opens".to_string(),
        n => format!("breakers open {} times", words::count(n)),
    };
    if callers > 1 && (1..=callers).contains(&(most as usize)) {
        text += &format!(", at {most} of {callers} callers at once");
    }
    match cut {
        0 => text,
        1 => text + "; 1 call is cut short",
        _ => text + &format!("; {} calls are cut short", words::count(cut)),
    }
}

fn of_client(scene: &Scene<'_>, strand: &Strand, client: ClientId) -> String {
    let windows = &scene.recording.clients[client.index()].windows;
    let success = |range| {
        let (ok, all) = pick(windows, range).iter().fold((0, 0), |(ok, all), w| {
            let useful = u64::from(w.ok) + u64::from(w.degraded);
            (ok + useful, all + useful + u64::from(w.failed))
        });
        (all > 0).then(|| ok as f64 / all as f64)
    };
    let verb = if strand.count == 1 { "fails" } else { "fail" };
    format!(
        "{} {verb}{}",
        words::counted(strand.count, "request", "requests"),
        shares(success(lasting(scene, strand)), success(before(scene)))
    )
}

fn service_shares(scene: &Scene<'_>, strand: &Strand, service: ServiceId) -> String {
    let windows = &scene.recording.services[service.index()].windows;
    let success = |range| {
        let ended = |w: &ServiceWindow| (u64::from(w.ok), u64::from(w.ok) + u64::from(w.failed) + u64::from(w.rejected));
        let (ok, all) = pick(windows, range).iter().map(ended).fold((0, 0), |sum, w| (sum.0 + w.0, sum.1 + w.1));
        (all > 0).then(|| ok as f64 / all as f64)
    };
    shares(success(lasting(scene, strand)), success(before(scene)))
}

/// `2493 of 3890 attempts`: of those sent while it lasts.
fn attempts(scene: &Scene<'_>, strand: &Strand, edge: EdgeId) -> String {
    let windows = pick(&scene.recording.edges[edge.index()].windows, lasting(scene, strand));
    let all: u64 = windows.iter().map(|w| u64::from(w.attempts)).sum();
    // They end later than they are sent: of a short trouble, more may end in it than begin.
    if all <= strand.count || words::count(all) == words::count(strand.count) {
        return words::counted(strand.count, "attempt", "attempts");
    }
    format!("{} of {} attempts", words::count(strand.count), words::count(all))
}

/// `; 32 % succeed, 100 % before`
fn shares(now: Option<f64>, before: Option<f64>) -> String {
    match (now, before) {
        (Some(now), Some(before)) => format!("; {} succeed, {} before", coarse(now), coarse(before)),
        (Some(now), None) => format!("; {} succeed", coarse(now)),
        _ => String::new(),
    }
}

/// A story needs no tenths, except next to all and nothing.
fn coarse(share: f64) -> String {
    let rounded = (share * 100.0).round() / 100.0;
    words::percent(if (0.05..=0.95).contains(&share) { rounded } else { share })
}

/// A strand as somebody else's cause: a clause, to stand after "because".
fn short(scene: &Scene<'_>, strand: &Strand) -> String {
    let n = words::count(strand.count);
    let counted = |one: &str| words::counted(strand.count, one, &format!("{one}s"));
    match strand.place {
        Place::Fault(fault) => {
            let fault = &scene.topology.faults[fault.index()];
            format!("{} ({})", fault.summary, fault.name)
        }
        Place::Client(_) => format!("requests of {} fail", who(scene, strand.place)),
        Place::Service(_) => {
            let name = who(scene, strand.place);
            match strand.trouble {
                Trouble::WorkersExhausted => format!("all workers of {name} are taken"),
                Trouble::QueueFull => format!("the queue of {name} is full ({n} refused)"),
                Trouble::QueueExpired => format!("requests wait too long at {name} ({n})"),
                Trouble::RateLimited => format!("the rate limit of {name} refuses ({n})"),
                _ => format!("{name} fails ({})", counted("request")),
            }
        }
        Place::Edge(edge) => {
            let (caller, callee) = (names::caller_of(scene.topology, edge), names::callee_of(scene.topology, edge));
            match strand.trouble {
                Trouble::Timeouts => format!("{callee} times out for {caller} ({})", counted("attempt")),
                Trouble::Deadlines => format!("calls of {callee} run into the deadline of {caller} ({n})"),
                Trouble::ConnectFailures => format!("{callee} cannot be reached by {caller} ({})", counted("attempt")),
                Trouble::Resets => format!("{caller} loses connections to {callee} ({})", counted("attempt")),
                Trouble::Retries => format!("{caller} retries {callee} ({})", counted("time")),
                Trouble::BreakerOpened => format!("the breaker of {caller} to {callee} is open"),
                Trouble::BulkheadFull => format!("the bulkhead of {caller} to {callee} is full ({})", counted("call")),
                Trouble::HostsEjected => format!("proxies of {caller} eject hosts of {callee} ({n})"),
                Trouble::NoHost => format!("{caller} has no host of {callee} left ({})", counted("call")),
                Trouble::PoolOverflow => format!("the connection pool of {caller} to {callee} overflows ({})", counted("call")),
                Trouble::Fallbacks => format!("a fallback answers {caller} for {callee} ({})", counted("call")),
                _ => format!("{callee} answers {caller} with errors ({})", counted("attempt")),
            }
        }
    }
}

/// Why something begins that nothing led to: the load, in figures.
fn by_itself(scene: &Scene<'_>, strand: &Strand) -> Option<String> {
    let Place::Service(service) = strand.place else { return None };
    let windows = pick(&scene.recording.services[service.index()].windows, lasting(scene, strand));
    let arrived = mean(windows.iter().map(|w| f64::from(w.arrived)), scene.recording.window)?;
    let answered = mean(windows.iter().map(|w| f64::from(w.ok)), scene.recording.window)?;
    Some(format!("{} arrive and {} are answered", words::rate(arrived), words::rate(answered)))
}

pub(super) fn amplification(windows: &[EdgeWindow]) -> Option<f64> {
    let (calls, attempts) = windows.iter().fold((0, 0), |sum, w| (sum.0 + u64::from(w.calls), sum.1 + u64::from(w.attempts)));
    (calls > 0).then(|| attempts as f64 / calls as f64)
}

fn per_replica(replicas: usize) -> &'static str {
    if replicas > 1 { " per replica" } else { "" }
}

/// Per second, of counts per window.
pub(super) fn mean(counts: impl ExactSizeIterator<Item = f64>, window: Nanos) -> Option<f64> {
    let windows = counts.len();
    (windows > 0).then(|| counts.sum::<f64>() / (windows as f64 * window.as_secs_f64()))
}

pub(super) fn pick<W>(windows: &[W], range: Range<usize>) -> &[W] {
    let end = range.end.min(windows.len());
    &windows[range.start.min(end)..end]
}

/// The windows from the first to the last occurrence.
pub(super) fn lasting(scene: &Scene<'_>, strand: &Strand) -> Range<usize> {
    let range = windows_of(scene.recording.window, strand.began, strand.last.min(scene.recording.ended));
    range.start..range.end.max(range.start + 1)
}

/// The windows before the disturbance.
pub(super) fn before(scene: &Scene<'_>) -> Range<usize> {
    let end = (scene.disturbance.began.0 / scene.recording.window.0.max(1)) as usize;
    end.saturating_sub(BASELINE_WINDOWS)..end
}
