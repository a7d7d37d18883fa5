//! The recorder: the world tells it what happened; it counts. It schedules nothing, draws nothing and answers nothing,
//! so a run is the same with it and without.
//!
//! Hot calls are additions to integers of one component. Everything that is a mean is kept as an integral in integers
//! (value x nanoseconds) and divided once, when the run is over. Files: `clients`, `services`, `calls` (on edges), `episodes` (faults, causes).

mod calls;
mod clients;
mod episodes;
mod queues;
mod services;

use super::gauge::Gauge;
use super::heat;
use super::probe::Probe;
use super::recording::*;
use super::watch::Watch;
use super::window_latency::WindowLatency;
use crate::base::histogram::Histogram;
use crate::base::id::*;
use crate::base::outcome::Outcome;
use crate::base::time::Instant;
use crate::topology::Topology;
use crate::topology::expectation::Subject;
use episodes::Open;
use queues::QueueNow;

/// Marks of the timeline beyond this are counted, not kept.
const MOST_MARKS: usize = 100_000;

/// Collects a [`Recording`] while the world runs.
pub struct Recorder {
    recording: Recording,
    /// The measured interval.
    from: Instant,
    until: Instant,
    /// From the one to the other, nanoseconds.
    interval: u64,
    /// The next instant at which something is closed (a window, the warm-up, the measured interval) or scraped.
    boundary: Instant,
    window_ends: Instant,
    clients: Vec<ClientNow>,
    services: Vec<ServiceNow>,
    edges: Vec<EdgeNow>,
    brokers: Vec<BrokerRecord>,
    queues: Vec<QueueNow>,
    episodes: Open,
    /// Follows requests and meters calls, if that is wanted.
    pub watch: Watch,
}

/// A client's record, its window in progress, and the probes that look at it.
struct ClientNow {
    window: ClientWindow,
    record: ClientRecord,
    /// Of the window's answers, ok or degraded, and failures.
    useful: WindowLatency,
    failed: WindowLatency,
    probes: Vec<u32>,
}

/// A service's record, its window in progress and its gauges.
struct ServiceNow {
    window: ServiceWindow,
    gauge: Gauge,
    record: ServiceRecord,
    latency: WindowLatency,
    /// Starts without a wait: most have none, and a count is less than a histogram.
    at_once: u64,
    probes: Vec<u32>,
}

impl ClientNow {
    fn over(mut self) -> ClientRecord {
        self.record.latency.merge(&self.record.latency_ok);
        self.record
    }
}

impl ServiceNow {
    #[inline(always)]
    fn started(&mut self, cohort: bool, arrived: Instant, now: Instant) {
        self.gauge.started(now);
        if !cohort {
            return;
        }
        if now == arrived {
            self.at_once += 1;
        } else {
            self.record.wait.record(now.since(arrived).0);
            self.record.waited += 1;
        }
    }

    fn over(mut self) -> ServiceRecord {
        self.record.wait.record_zeros(self.at_once);
        self.record
    }
}

struct EdgeNow {
    window: EdgeWindow,
    record: EdgeRecord,
    probes: Vec<u32>,
}

impl Recorder {
    /// A recorder for a run of this topology; probes cover the given spans, in the order of the expectations.
    pub fn new(topology: &Topology, seed: u64, probes: Vec<Probe>) -> Recorder {
        let probes_of = |subject: Subject| {
            let about = topology.expectations.iter().enumerate().filter(|(_, e)| e.subject == subject);
            about.map(|(i, _)| i as u32).collect::<Vec<u32>>()
        };
        let client = |i: usize| ClientNow {
            window: ClientWindow::default(),
            record: ClientRecord::default(),
            useful: WindowLatency::default(),
            failed: WindowLatency::default(),
            probes: probes_of(Subject::Client(ClientId::new(i))),
        };
        let edge = |i: usize| EdgeNow {
            window: EdgeWindow::default(),
            record: EdgeRecord::default(),
            probes: probes_of(Subject::Edge(EdgeId::new(i))),
        };
        let service = |i: usize| {
            let spec = &topology.services[i];
            let replicas = spec.replicas.len() as u32;
            let mut gauge = Gauge::default();
            gauge.set_alive(Instant::START, if spec.workers == u32::MAX { 0 } else { u64::from(spec.workers) * u64::from(replicas) });
            ServiceNow {
                window: ServiceWindow { up: replicas, ..ServiceWindow::default() },
                gauge,
                record: ServiceRecord { replicas_min: replicas, replicas_max: replicas, ..ServiceRecord::default() },
                latency: WindowLatency::default(),
                at_once: 0,
                probes: probes_of(Subject::Service(ServiceId::new(i))),
            }
        };
        let mut recorder = Recorder {
            from: Instant::START + topology.warm_up,
            until: Instant::START + topology.duration,
            interval: topology.duration.0.saturating_sub(topology.warm_up.0),
            boundary: Instant::START,
            window_ends: Instant::START + topology.window,
            clients: (0..topology.clients.len()).map(client).collect(),
            services: (0..topology.services.len()).map(service).collect(),
            edges: (0..topology.edges.len()).map(edge).collect(),
            brokers: vec![BrokerRecord::default(); topology.brokers.brokers.len()],
            queues: topology.brokers.queues.iter().map(|_| QueueNow::new()).collect(),
            episodes: Open::new(topology.services.len(), topology.edges.len(), topology.clients.len()),
            watch: Watch::default(),
            recording: Recording { seed, window: topology.window, probes, ..Recording::default() },
        };
        recorder.boundary = recorder.next_boundary(Instant::START);
        recorder
    }

    /// Lets somebody watch the run, from its beginning.
    pub fn attach(&mut self, watch: Watch) {
        self.boundary = self.boundary.min(watch.next_scrape());
        self.watch = watch;
    }

    // -- boundaries --------------------------------------------------------------------------------------------------

    /// Whether an event at this instant is beyond the next boundary; ask before handling it, and [`pass`](Self::pass) it.
    #[inline(always)]
    pub fn is_due(&self, now: Instant) -> bool {
        now >= self.boundary
    }

    /// Closes all windows (and the warm-up, and the measured interval) that end at or before `now`.
    #[cold]
    pub fn pass(&mut self, now: Instant) {
        while self.boundary <= now {
            let at = self.boundary;
            if at == self.window_ends {
                self.close_windows(at);
                self.window_ends = at + self.recording.window;
            }
            if at == self.from {
                self.services.iter_mut().for_each(|s| s.gauge.begin(at));
            }
            if at == self.until {
                self.close_interval(at);
            }
            self.boundary = self.next_boundary(at);
        }
    }

    fn next_boundary(&self, after: Instant) -> Instant {
        let ends = [self.window_ends, self.from, self.until, self.watch.next_scrape()];
        ends.into_iter().filter(|end| *end > after).min().unwrap_or(Instant::NEVER)
    }

    /// Whether this instant lies in the measured interval.
    #[inline(always)]
    pub fn in_cohort(&self, offered: Instant) -> bool {
        // One comparison for both ends: what is before `from` wraps to far beyond.
        offered.0.wrapping_sub(self.from.0) < self.interval
    }

    fn close_windows(&mut self, at: Instant) {
        // Of use to pictures only, and a dozen instructions per request where windows are short.
        let for_pictures = self.watch.is_on();
        for ClientNow { window, record, useful, failed, .. } in &mut self.clients {
            // To all of the cohort's, those of the useful are added when the run is over.
            let (all, failed) = (useful.hand_over(&mut record.latency_ok), failed.hand_over(&mut record.latency));
            all.merge(failed);
            failed.clear();
            [window.p50, window.p95, window.p99] = quantiles(all);
            record.windows.push(std::mem::take(window));
            if for_pictures {
                record.heat.push(heat::of(all));
            }
            all.clear();
        }
        for ServiceNow { window, record, latency, gauge, .. } in &mut self.services {
            let all = latency.hand_over(&mut record.latency);
            [window.p50, window.p95, window.p99] = quantiles(all);
            gauge.close_window(at, window);
            record.windows.push(*window);
            *window = ServiceWindow { up: window.up, ..ServiceWindow::default() };
            all.clear();
        }
        self.queues.iter_mut().for_each(|queue| queue.close_window(at));
        for EdgeNow { window, record, .. } in &mut self.edges {
            record.windows.push(*window);
            *window = EdgeWindow { open: window.open, half_open: window.half_open, ..EdgeWindow::default() };
        }
    }

    fn close_interval(&mut self, at: Instant) {
        let interval = (self.from, self.until);
        self.queues.iter_mut().for_each(|queue| queue.end(at, interval));
        for now in &mut self.services {
            now.gauge.end(at, &mut now.record);
        }
        self.recording.measured = at.since(self.from);
    }

    /// Ends the record: the run is over at `at`.
    pub fn finish(mut self, at: Instant, events: u64, fingerprint: u64, interrupted: bool) -> Recording {
        self.pass(at);
        let interval = (self.from, self.until);
        self.queues.iter_mut().for_each(|queue| queue.end(at, interval));
        if self.until > at {
            // Stopped before the measured interval was over: it ends here, if it has begun.
            if self.from > at {
                self.services.iter_mut().for_each(|s| s.gauge.begin(at));
                self.from = at;
            }
            self.close_interval(at);
        }
        let begun = self.window_ends.0 - self.recording.window.0;
        if at.0 > begun || self.has_begun_a_window() {
            self.close_windows(at);
        }
        self.recording.episodes = self.episodes.list;
        (self.recording.sampled, self.recording.spans_left_out) = self.watch.finish();
        self.recording.telemetry = self.watch.meters.take().map(|meters| meters.finish(at));
        // A breaker's change is noticed when it is next asked, which may be after later marks.
        self.recording.timeline.sort_by_key(|mark| mark.at);
        Recording {
            events,
            fingerprint,
            ended: at,
            interrupted,
            clients: self.clients.into_iter().map(ClientNow::over).collect(),
            services: self.services.into_iter().map(ServiceNow::over).collect(),
            edges: self.edges.into_iter().map(|now| now.record).collect(),
            brokers: self.brokers,
            queues: self.queues.into_iter().map(|now| now.record).collect(),
            ..self.recording
        }
    }

    /// Whether anything has been counted since the last window closed: what ends a run may happen at the very end of a window.
    fn has_begun_a_window(&self) -> bool {
        let clients = self.clients.iter().any(|now| now.window != ClientWindow::default());
        let services = self.services.iter().any(|now| now.window != ServiceWindow { up: now.window.up, ..ServiceWindow::default() });
        let edges = self.edges.iter().map(|now| now.window);
        clients || services || edges.into_iter().any(|w| w != EdgeWindow { open: w.open, half_open: w.half_open, ..EdgeWindow::default() })
    }
}

/// p50, p95, p99 in nanoseconds, or zeros.
fn quantiles(latency: &Histogram) -> [u64; 3] {
    latency.quantiles([0.5, 0.95, 0.99])
}

/// A handful of different outcomes: a short sorted list beats a map.
#[inline]
fn count_outcome(outcomes: &mut Vec<(Outcome, u64)>, outcome: Outcome) {
    // Success comes first in the list, and most often.
    if let Some(first) = outcomes.first_mut()
        && first.0 == outcome
    {
        first.1 += 1;
        return;
    }
    match outcomes.iter_mut().find(|entry| entry.0 == outcome) {
        Some(entry) => entry.1 += 1,
        None => new_outcome(outcomes, outcome),
    }
}

#[cold]
fn new_outcome(outcomes: &mut Vec<(Outcome, u64)>, outcome: Outcome) {
    let place = outcomes.partition_point(|entry| entry.0 < outcome);
    outcomes.insert(place, (outcome, 1));
}
