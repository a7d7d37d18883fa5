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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::sample;
    use crate::observe::watch::sampling::{Sampling, Shape};

    #[test]
    fn the_heat_of_a_window_counts_what_ended_in_it_failures_included() {
        let mut recorder = Recorder::new(&Topology { expectations: Vec::new(), ..sample::shop(1) }, 1, Vec::new());
        let shape = Shape { clients: 1, ..Shape::default() };
        recorder.watch = Watch::new(&Sampling::All, shape, None);
        let client = ClientId::new(0);
        let mut end = |at_millis: u64, took_millis: u64, outcome| {
            let now = Instant(at_millis * 1_000_000);
            recorder.pass(now);
            recorder.request_completed(client, Instant((at_millis - took_millis) * 1_000_000), now, outcome);
        };
        end(400, 2, Outcome::OK);
        end(500, 300, Outcome::TIMEOUT);
        end(2_500, 2, Outcome::OK);
        let recording = recorder.finish(Instant::from_secs(3), 0, 0, false);
        let filled = |window: usize| {
            let heat = recording.clients[0].heat[window];
            heat.into_iter().enumerate().filter(|(_, count)| *count > 0).collect::<Vec<_>>()
        };
        assert_eq!((filled(0), filled(1), filled(2)), (vec![(6, 1), (17, 1)], vec![], vec![(6, 1)]));
        assert_eq!(recording.clients[0].heat.len(), recording.clients[0].windows.len());
    }
}
