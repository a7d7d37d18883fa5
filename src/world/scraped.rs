//! What a scraper reads as it stands at its instants: the state of callers' libraries (that of
//! proxies is in `mesh`, that of logs in `broker`). Asked only where the recorder has something to
//! close anyway, so that a run that nobody scrapes pays nothing; and nothing of what is read changes.

use super::World;
use super::state::*;
use crate::base::outcome::{Class, Outcome};
use crate::base::time::Instant;
use crate::observe::watch::readings::{Figure, Readings, Retried};
use crate::policy::app::{BreakerState, CircuitBreaker, Mode, Retry};
use std::collections::BTreeSet;

impl World<'_> {
    /// Lets scrapes, windows and intervals that were due by now pass, before anything happens now.
    #[cold]
    #[inline(never)]
    pub(super) fn pass(&mut self, now: Instant) {
        self.scrape_until(now);
        self.recorder.pass(now);
    }

    fn scrape_until(&mut self, now: Instant) {
        let Some(mut meters) = self.recorder.watch.meters.take() else { return };
        while let Some(at) = meters.due(now) {
            self.read(at, &mut meters.readings);
            meters.scrape();
        }
        self.recorder.watch.meters = Some(meters);
    }

    /// The run is over: the last scrapes, and what one that comes after it would find.
    pub(super) fn scrape_last(&mut self, ended: Instant) {
        self.scrape_until(ended);
        let Some(mut meters) = self.recorder.watch.meters.take() else { return };
        self.read(ended, &mut meters.readings);
        self.recorder.watch.meters = Some(meters);
    }

    fn read(&self, at: Instant, readings: &mut Readings) {
        self.read_policies(at, readings);
        self.read_proxies(readings);
        self.brokers.read(readings);
    }

    // -- libraries ---------------------------------------------------------------------------------------------------

    fn read_policies(&self, at: Instant, readings: &mut Readings) {
        let mut seen = BTreeSet::new();
        for site in self.topology.sites.iter().filter(|site| site.policy.is_some()) {
            // Sites that share their state are read once.
            if !seen.insert(site.cells) {
                continue;
            }
            let rules = &self.topology.policies[site.policy.index()].rules;
            let cells = site.cells..site.cells + site.callers.len() as u32 * site.stride;
            for cell in cells {
                if let Some(breaker) = &rules.breaker {
                    self.read_breaker(breaker, cell, at, readings);
                }
                if rules.bulkhead.is_some() {
                    let taken = self.bulkheads[cell as usize].in_use;
                    // What was never used need not be told of.
                    if taken > 0 || readings.is_known(Figure::BulkheadTaken, cell) {
                        readings.set(Figure::BulkheadTaken, cell, 0, u64::from(taken));
                    }
                }
            }
        }
    }

    fn read_breaker(&self, breaker: &CircuitBreaker, cell: u32, at: Instant, readings: &mut Readings) {
        match &self.breakers[cell as usize] {
            Some(state) => read_state(breaker, state, cell, at, readings),
            // Forgotten with its process: the next one begins anew.
            None if readings.is_known(Figure::BreakerMode, cell) => read_state(breaker, &breaker.start(), cell, at, readings),
            None => {}
        }
    }

    /// A call is refused: by a breaker, perhaps.
    #[cold]
    #[inline(never)]
    pub(super) fn meter_refused(&mut self, call: u32, outcome: Outcome) {
        if outcome.class == Class::BreakerOpen
            && let Some(meters) = &mut self.recorder.watch.meters
        {
            meters.readings.count(Figure::NotPermitted, self.extras[call as usize].cell, 0);
        }
    }

    /// A call leaves its retry for good.
    #[inline(never)]
    pub(super) fn meter_retried(&mut self, call: u32, retry: &Retry, outcome: Outcome) {
        let Some(meters) = &mut self.recorder.watch.meters else { return };
        let Call { attempts, site, .. } = self.calls[call];
        let how = match (outcome.is_failure(), attempts > 1) {
            (false, false) => Retried::SuccessfulWithoutRetry,
            (false, true) => Retried::SuccessfulWithRetry,
            // As in Resilience4j, what is no reason to try again has failed without, whatever went before.
            (true, retried) if retried && retry.on.contains(outcome) => Retried::FailedWithRetry,
            (true, _) => Retried::FailedWithoutRetry,
        };
        meters.readings.count(Figure::RetryCalls, self.topology.sites[site as usize].cells, how as u32);
    }
}

fn read_state(breaker: &CircuitBreaker, state: &BreakerState, cell: u32, at: Instant, readings: &mut Readings) {
    let mode = match breaker.mode(state, at) {
        Mode::Closed => 0,
        Mode::Open => 1,
        Mode::HalfOpen => 2,
    };
    readings.set(Figure::BreakerMode, cell, 0, mode);
    let Some(counted) = breaker.counted(state, at) else { return };
    readings.set(Figure::BreakerResults, cell, 0, u64::from(counted.calls));
    readings.set(Figure::BreakerFailures, cell, 0, u64::from(counted.failed));
    readings.set(Figure::BreakerSlow, cell, 0, u64::from(counted.slow));
    readings.set(Figure::BreakerMinimum, cell, 0, u64::from(counted.minimum));
    readings.set(Figure::BreakerMost, cell, 0, u64::from(counted.most.unwrap_or(0)));
}
