//! What happens on edges: calls, their attempts, and the breakers that watch them.

use super::*;
use crate::policy::app::circuit_breaker::Mode;

impl Recorder {
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

    /// Bytes leave towards the callee, or back.
    pub fn sent(&mut self, edge: EdgeId, back: bool, bytes: u64, now: Instant) {
        let measured = self.in_cohort(now);
        let live = &mut self.edges[edge.index()];
        live.window.bytes[usize::from(back)] += bytes;
        live.record.bytes[usize::from(back)] += if measured { bytes } else { 0 };
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
}
