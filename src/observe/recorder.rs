//! The recorder: the world tells it what happened; it counts. It schedules nothing, draws nothing and answers nothing,
//! so a run is the same with it and without.
//!
//! Hot calls are additions to integers of one component. Everything that is a mean is kept as an integral in integers
//! (value x nanoseconds) and divided once, when the run is over.

use super::episode::*;
use super::gauge::Gauge;
use super::probe::Probe;
use super::recording::*;
use super::trace::Tracer;
use super::window_latency::WindowLatency;
use crate::base::histogram::Histogram;
use crate::base::id::*;
use crate::base::outcome::Outcome;
use crate::base::time::Instant;
use crate::policy::app::circuit_breaker::Mode;
use crate::topology::Topology;
use crate::topology::expectation::Subject;

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
    /// The next instant at which something is closed: a window, the warm-up, the measured interval.
    boundary: Instant,
    window_ends: Instant,
    clients: Vec<ClientNow>,
    services: Vec<ServiceNow>,
    edges: Vec<EdgeNow>,
    episodes: Open,
    /// Follows requests attempt by attempt, if that is wanted.
    pub tracer: Tracer,
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
            episodes: Open::new(topology.services.len(), topology.edges.len(), topology.clients.len()),
            tracer: Tracer::default(),
            recording: Recording { seed, window: topology.window, probes, ..Recording::default() },
        };
        recorder.boundary = recorder.next_boundary(Instant::START);
        recorder
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
        let ends = [self.window_ends, self.from, self.until];
        ends.into_iter().filter(|end| *end > after).min().unwrap_or(Instant::NEVER)
    }

    fn close_windows(&mut self, at: Instant) {
        for ClientNow { window, record, useful, failed, .. } in &mut self.clients {
            // To all of the cohort's, those of the useful are added when the run is over.
            let (all, failed) = (useful.hand_over(&mut record.latency_ok), failed.hand_over(&mut record.latency));
            all.merge(failed);
            failed.clear();
            [window.p50, window.p95, window.p99] = quantiles(all);
            record.windows.push(std::mem::take(window));
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
        for EdgeNow { window, record, .. } in &mut self.edges {
            record.windows.push(*window);
            *window = EdgeWindow { open: window.open, half_open: window.half_open, ..EdgeWindow::default() };
        }
    }

    fn close_interval(&mut self, at: Instant) {
        for now in &mut self.services {
            now.gauge.end(at, &mut now.record);
        }
        self.recording.measured = at.since(self.from);
    }

    /// Ends the record: the run is over at `at`.
    pub fn finish(mut self, at: Instant, events: u64, fingerprint: u64, interrupted: bool) -> Recording {
        self.pass(at);
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
        self.recording.traces = self.tracer.requests;
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

    // -- clients -----------------------------------------------------------------------------------------------------

    #[inline(always)]
    fn in_cohort(&self, offered: Instant) -> bool {
        // One comparison for both ends: what is before `from` wraps to far beyond.
        offered.0.wrapping_sub(self.from.0) < self.interval
    }

    #[inline]
    pub fn request_offered(&mut self, client: ClientId, request: u64, now: Instant) {
        let cohort = self.in_cohort(now);
        if cohort && self.tracer.is_on() {
            self.tracer.begin(client, request, now);
        }
        let live = &mut self.clients[client.index()];
        live.window.offered += 1;
        live.record.offered += u64::from(cohort);
        for &probe in &live.probes {
            let probe = &mut self.recording.probes[probe as usize];
            probe.offered += u64::from(probe.covers(now));
        }
    }

    #[inline]
    pub fn request_completed(&mut self, client: ClientId, offered: Instant, now: Instant, outcome: Outcome) {
        let took = now.since(offered);
        let (cohort, in_interval) = (self.in_cohort(offered), self.in_cohort(now));
        let live = &mut self.clients[client.index()];
        let ClientNow { window, record, probes, .. } = live;
        let useful = !outcome.is_failure();
        let (count, windowed, latency) = if outcome.is_ok() {
            (&mut record.ok, &mut window.ok, &mut live.useful)
        } else if useful {
            (&mut record.degraded, &mut window.degraded, &mut live.useful)
        } else {
            (&mut record.failed, &mut window.failed, &mut live.failed)
        };
        *windowed += 1;
        latency.record(took, cohort);
        if cohort {
            *count += 1;
            count_outcome(&mut record.outcomes, outcome);
        }
        record.completed_in_interval += u64::from(in_interval);
        record.useful_in_interval += u64::from(in_interval && useful);
        for &probe in &*probes {
            let probe = &mut self.recording.probes[probe as usize];
            if probe.covers(offered) {
                probe.completed(outcome, took);
            }
        }
    }

    // -- services ----------------------------------------------------------------------------------------------------

    /// A request has come to the service's door.
    #[inline]
    pub fn arrived(&mut self, service: ServiceId, now: Instant) {
        let cohort = self.in_cohort(now);
        let live = &mut self.services[service.index()];
        live.window.arrived += 1;
        live.record.requests += u64::from(cohort);
        for &probe in &live.probes {
            let probe = &mut self.recording.probes[probe as usize];
            probe.offered += u64::from(probe.covers(now));
        }
    }

    /// It was let in: it is present until [`answered`](Self::answered), [`abandoned`](Self::abandoned) or [`expired`](Self::expired).
    #[inline]
    pub fn admitted(&mut self, service: ServiceId, now: Instant) {
        self.services[service.index()].gauge.came(now);
    }

    /// It came, was let in and got a worker, all at this instant.
    #[inline]
    pub fn started_at_once(&mut self, service: ServiceId, now: Instant) {
        let cohort = u64::from(self.in_cohort(now));
        let live = &mut self.services[service.index()];
        live.window.arrived += 1;
        live.record.requests += cohort;
        live.at_once += cohort;
        live.gauge.came(now);
        live.gauge.started(now);
        for &probe in &live.probes {
            let probe = &mut self.recording.probes[probe as usize];
            probe.offered += u64::from(probe.covers(now));
        }
    }

    pub fn rejected(&mut self, service: ServiceId, arrived: Instant) {
        let cohort = self.in_cohort(arrived);
        let live = &mut self.services[service.index()];
        live.window.rejected += 1;
        live.record.rejected += u64::from(cohort);
        for &probe in &live.probes {
            let probe = &mut self.recording.probes[probe as usize];
            probe.failed += u64::from(probe.covers(arrived));
        }
    }

    #[inline]
    pub fn queued(&mut self, service: ServiceId, now: Instant) {
        self.services[service.index()].gauge.queued(now);
    }

    /// It leaves the queue, for a worker or for good.
    #[inline]
    pub fn unqueued(&mut self, service: ServiceId, now: Instant) {
        self.services[service.index()].gauge.unqueued(now);
    }

    /// It got a worker.
    #[inline]
    pub fn started(&mut self, service: ServiceId, arrived: Instant, now: Instant) {
        let cohort = self.in_cohort(arrived);
        let live = &mut self.services[service.index()];
        live.started(cohort, arrived, now);
    }

    /// It came and was let into the queue.
    #[inline]
    pub fn queued_at_once(&mut self, service: ServiceId, now: Instant) {
        let cohort = u64::from(self.in_cohort(now));
        let live = &mut self.services[service.index()];
        live.window.arrived += 1;
        live.record.requests += cohort;
        live.gauge.came(now);
        live.gauge.queued(now);
        for &probe in &live.probes {
            let probe = &mut self.recording.probes[probe as usize];
            probe.offered += u64::from(probe.covers(now));
        }
    }

    /// It leaves the queue for a worker.
    #[inline]
    pub fn started_from_queue(&mut self, service: ServiceId, arrived: Instant, now: Instant) {
        let cohort = self.in_cohort(arrived);
        let live = &mut self.services[service.index()];
        live.gauge.unqueued(now);
        live.started(cohort, arrived, now);
    }

    /// Its worker is free again, without an answer.
    #[inline]
    pub fn released(&mut self, service: ServiceId, now: Instant) {
        self.services[service.index()].gauge.released(now);
    }

    /// It is answered, and its worker is free again.
    #[inline]
    pub fn answered(&mut self, service: ServiceId, arrived: Instant, now: Instant, outcome: Outcome) {
        let (cohort, in_interval) = (self.in_cohort(arrived), self.in_cohort(now));
        let took = now.since(arrived);
        let ServiceNow { window, gauge, record, latency, probes, .. } = &mut self.services[service.index()];
        gauge.released(now);
        gauge.left(now);
        latency.record(took, cohort);
        let (count, windowed) =
            if outcome.is_failure() { (&mut record.failed, &mut window.failed) } else { (&mut record.ok, &mut window.ok) };
        *windowed += 1;
        *count += u64::from(cohort);
        record.completed_in_interval += u64::from(in_interval);
        for &probe in &*probes {
            let probe = &mut self.recording.probes[probe as usize];
            if probe.covers(arrived) {
                probe.completed(outcome, took);
            }
        }
    }

    /// Present, then dropped or stopped because its caller had gone, or its process died.
    pub fn abandoned(&mut self, service: ServiceId, arrived: Instant, now: Instant) {
        let cohort = self.in_cohort(arrived);
        let live = &mut self.services[service.index()];
        live.gauge.left(now);
        live.window.abandoned += 1;
        live.record.abandoned += u64::from(cohort);
    }

    /// Present, then refused after all: it had waited too long.
    pub fn expired(&mut self, service: ServiceId, arrived: Instant, now: Instant) {
        self.services[service.index()].gauge.left(now);
        self.rejected(service, arrived);
    }

    /// A replica went down or came up; `alive` is the number of workers now alive (0 if unlimited).
    pub fn replicas_changed(&mut self, service: ServiceId, now: Instant, up: u32, alive: u64, restarted: bool) {
        let live = &mut self.services[service.index()];
        live.window.up = up;
        live.gauge.set_alive(now, alive);
        // How long a run goes on after its measured interval hangs on whatever else is in flight.
        if now >= self.until {
            return;
        }
        live.record.replicas_min = live.record.replicas_min.min(up);
        live.record.replicas_max = live.record.replicas_max.max(up);
        live.record.restarts += u64::from(restarted);
    }

    // -- calls -------------------------------------------------------------------------------------------------------

    #[inline]
    pub fn call_started(&mut self, edge: EdgeId, now: Instant) {
        let cohort = self.in_cohort(now);
        let live = &mut self.edges[edge.index()];
        live.window.calls += 1;
        live.record.calls += u64::from(cohort);
        for &probe in &live.probes {
            let probe = &mut self.recording.probes[probe as usize];
            probe.offered += u64::from(probe.covers(now));
        }
    }

    #[inline]
    pub fn attempt_sent(&mut self, edge: EdgeId, call_started: Instant) {
        let cohort = self.in_cohort(call_started);
        let live = &mut self.edges[edge.index()];
        live.window.attempts += 1;
        live.record.attempts += u64::from(cohort);
        for &probe in &live.probes {
            let probe = &mut self.recording.probes[probe as usize];
            probe.attempts += u64::from(probe.covers(call_started));
        }
    }

    /// A call begins, and its first attempt is sent at once.
    #[inline]
    pub fn call_started_and_sent(&mut self, edge: EdgeId, now: Instant) {
        let cohort = u64::from(self.in_cohort(now));
        let live = &mut self.edges[edge.index()];
        live.window.calls += 1;
        live.window.attempts += 1;
        live.record.calls += cohort;
        live.record.attempts += cohort;
        for &probe in &live.probes {
            let probe = &mut self.recording.probes[probe as usize];
            let covered = u64::from(probe.covers(now));
            probe.offered += covered;
            probe.attempts += covered;
        }
    }

    pub fn retried(&mut self, edge: EdgeId, call_started: Instant) {
        let cohort = self.in_cohort(call_started);
        let live = &mut self.edges[edge.index()];
        live.window.retries += 1;
        live.record.retries += u64::from(cohort);
    }

    pub fn retried_by_mesh(&mut self, edge: EdgeId, call_started: Instant) {
        let cohort = self.in_cohort(call_started);
        let live = &mut self.edges[edge.index()];
        live.window.retries += 1;
        live.record.mesh_retries += u64::from(cohort);
    }

    /// A proxy ejects a host.
    pub fn ejected(&mut self, edge: EdgeId) {
        self.edges[edge.index()].record.ejections += 1;
    }

    /// A proxy would eject a host, but as many as may be are out.
    pub fn ejection_refused(&mut self, edge: EdgeId) {
        self.edges[edge.index()].record.ejections_refused += 1;
    }

    /// A try that is not sent.
    pub fn short_circuited(&mut self, edge: EdgeId, call_started: Instant) {
        let cohort = self.in_cohort(call_started);
        let live = &mut self.edges[edge.index()];
        live.window.short_circuited += 1;
        live.record.short_circuited += u64::from(cohort);
    }

    pub fn fell_back(&mut self, edge: EdgeId, call_started: Instant) {
        let cohort = self.in_cohort(call_started);
        let live = &mut self.edges[edge.index()];
        live.window.fallbacks += 1;
        live.record.fallbacks += u64::from(cohort);
    }

    pub fn attempt_timed_out(&mut self, edge: EdgeId) {
        self.edges[edge.index()].window.timeouts += 1;
    }

    #[inline(always)]
    pub fn call_ended(&mut self, edge: EdgeId, started: Instant, now: Instant, outcome: Outcome) {
        let cohort = self.in_cohort(started);
        let EdgeNow { window, record, probes } = &mut self.edges[edge.index()];
        window.failed += u32::from(outcome.is_failure());
        let took = now.since(started);
        if cohort {
            record.latency.record(took.0);
            count_outcome(&mut record.outcomes, outcome);
        }
        for &probe in &*probes {
            let probe = &mut self.recording.probes[probe as usize];
            if probe.covers(started) {
                probe.completed(outcome, took);
            }
        }
    }

    /// A call that nobody waits for any more; it has no outcome of its own and no latency.
    pub fn call_given_up(&mut self, edge: EdgeId, started: Instant) {
        if self.in_cohort(started) {
            count_outcome(&mut self.edges[edge.index()].record.outcomes, Outcome::GIVEN_UP);
        }
    }

    /// A breaker changed. Its old mode was counted at the first edge, its new one is at the second: several may share it.
    pub fn breaker_changed(&mut self, (counted_at, edge): (EdgeId, EdgeId), caller: u32, at: Instant, from: Mode, to: Mode) {
        self.edges[edge.index()].record.breaker_opened += u64::from(to == Mode::Open);
        self.count_breaker(counted_at, from, -1);
        self.count_breaker(edge, to, 1);
        self.mark(at, Happening::Breaker { edge, caller, from, to });
    }

    /// The process that had a breaker in this mode is gone.
    pub fn breaker_forgotten(&mut self, counted_at: EdgeId, mode: Mode) {
        self.count_breaker(counted_at, mode, -1);
    }

    fn count_breaker(&mut self, edge: EdgeId, mode: Mode, step: i32) {
        let count = |window: &mut EdgeWindow| match mode {
            Mode::Closed => {}
            Mode::Open => window.open = window.open.wrapping_add_signed(step),
            Mode::HalfOpen => window.half_open = window.half_open.wrapping_add_signed(step),
        };
        if mode != Mode::Closed {
            count(&mut self.edges[edge.index()].window);
        }
    }

    // -- faults, timeline, causes ------------------------------------------------------------------------------------

    pub fn mark(&mut self, at: Instant, what: Happening) {
        if self.recording.timeline.len() < MOST_MARKS {
            self.recording.timeline.push(Mark { at, what });
        } else {
            self.recording.left_out += 1;
        }
    }

    /// A fault begins; `adds_load` if it makes more requests, so that these carry it on.
    pub fn fault_began(&mut self, fault: FaultId, at: Instant, adds_load: bool) -> Cause {
        self.recording.faults.push(FaultSpan { fault, began: at, ended: None });
        self.mark(at, Happening::FaultBegan(fault));
        let Some(episode) = self.episodes.begin(Place::Fault(fault), Trouble::Fault, at, Cause::NONE) else { return Cause::NONE };
        if adds_load {
            self.episodes.list[episode.0 as usize - 1].load = episode;
        }
        episode
    }

    /// The occurrence that began at `began` ends.
    pub fn fault_ended(&mut self, fault: FaultId, began: Instant, at: Instant) {
        if let Some(span) = self.recording.faults.iter_mut().rev().find(|s| s.fault == fault && s.began == began) {
            span.ended = Some(at);
        }
        self.mark(at, Happening::FaultEnded(fault));
    }

    /// Something went wrong somewhere because of `because`: the episode it belongs to, which is the cause of what follows.
    pub fn trouble(&mut self, place: Place, trouble: Trouble, at: Instant, because: Cause) -> Cause {
        match self.episodes.note(place, trouble, at, because) {
            Some(episode) => episode,
            None => {
                self.recording.left_out += 1;
                because
            }
        }
    }
}

impl Recorder {
    /// The nearest episode in a chain of causes that puts load on those it calls: a spike, retries, a fallback. What merely
    /// slowed a caller down does not travel to whom it calls next.
    #[inline]
    pub fn load_behind(&self, cause: Cause) -> Cause {
        cause.episode().map_or(Cause::NONE, |e| self.episodes.list[e].load)
    }

    /// The nearest episode in a chain of causes that is somewhere else: what a place refused is no reason to refuse more.
    pub fn elsewhere(&self, place: Place, cause: Cause) -> Cause {
        let mut cause = cause;
        while let Some(episode) = cause.episode().map(|e| &self.episodes.list[e]).filter(|episode| episode.place == place) {
            cause = episode.because;
        }
        cause
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

/// The episodes that are open, found by place, trouble and root.
struct Open {
    list: Vec<Episode>,
    /// Per place and trouble: `(root, episode)`, few per entry.
    current: Vec<Vec<(Cause, Cause)>>,
    services: usize,
    edges: usize,
}

impl Open {
    fn new(services: usize, edges: usize, clients: usize) -> Open {
        Open { list: Vec::new(), current: vec![Vec::new(); (services + edges + clients) * Trouble::COUNT], services, edges }
    }

    fn row(&self, place: Place) -> usize {
        match place {
            Place::Service(service) => service.index(),
            Place::Edge(edge) => self.services + edge.index(),
            Place::Client(client) => self.services + self.edges + client.index(),
            Place::Fault(_) => unreachable!("a fault begins, it is not noted"),
        }
    }

    fn note(&mut self, place: Place, trouble: Trouble, at: Instant, because: Cause) -> Option<Cause> {
        let root = because.episode().map_or(Cause::NONE, |e| self.list[e].root);
        let row = self.row(place) * Trouble::COUNT + trouble as usize;
        if let Some(&(_, known)) = self.current[row].iter().find(|entry| entry.0 == root) {
            let episode = &mut self.list[known.0 as usize - 1];
            if at.since(episode.last) <= QUIET {
                episode.again(at, because);
                return Some(known);
            }
        }
        let new = self.begin(place, trouble, at, because)?;
        let entries = &mut self.current[row];
        match entries.iter_mut().find(|entry| entry.0 == root) {
            Some(entry) => entry.1 = new,
            None => entries.push((root, new)),
        }
        Some(new)
    }

    fn begin(&mut self, place: Place, trouble: Trouble, at: Instant, because: Cause) -> Option<Cause> {
        if self.list.len() >= MOST_EPISODES {
            return None;
        }
        let new = Cause(self.list.len() as u16 + 1);
        let root = because.episode().map_or(new, |e| self.list[e].root);
        let load = match trouble {
            Trouble::Retries | Trouble::Fallbacks => new,
            _ => because.episode().map_or(Cause::NONE, |e| self.list[e].load),
        };
        self.list.push(Episode { place, trouble, began: at, last: at, count: 1, because, mainly: because, lead: 1, root, load });
        Some(new)
    }
}
