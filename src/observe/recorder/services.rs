//! What happens at services.

use super::*;

impl Recorder {
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
}
