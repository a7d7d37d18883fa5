//! What clients offer, and what becomes of it.

use super::*;

impl Recorder {
    #[inline]
    pub fn request_offered(&mut self, client: ClientId, now: Instant) {
        let cohort = self.in_cohort(now);
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
}
