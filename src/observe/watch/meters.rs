//! What sidecars count, and when a scraper reads it: requests by outcome and their durations, per edge, as the caller's proxy and the
//! callee's see them.
//!
//! Counters grow from zero; a scrape keeps those that have changed since the last. Where a model has no sidecars, these are what
//! they would count: the caller's sees an attempt of the application's library as a request.

use crate::base::id::{EdgeId, ServiceId};
use crate::base::outcome::{Class, Outcome};
use crate::base::time::{Instant, Nanos};
use crate::observe::watch::readings::Readings;

/// Upper bounds of the buckets of durations in nanoseconds (Envoy's defaults, which Istio keeps); the last bucket has none.
const BOUNDS: [u64; 19] = [
    500_000,
    1_000_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
    30_000_000_000,
    60_000_000_000,
    300_000_000_000,
    600_000_000_000,
    1_800_000_000_000,
    3_600_000_000_000,
];

/// The same in milliseconds, as they are written.
pub const BOUNDS_MS: [f64; BOUNDS.len()] = {
    let mut bounds = [0.0; BOUNDS.len()];
    let mut place = 0;
    while place < bounds.len() {
        bounds[place] = BOUNDS[place] as f64 / 1e6;
        place += 1;
    }
    bounds
};

/// Of a duration that takes so many bits: the bucket of the shortest one. Bounds lie so far apart that the right bucket is this one
/// or one of the next two.
const FIRST_BUCKET: [u8; 65] = {
    let mut first = [0; 65];
    let mut bits = 1;
    while bits < first.len() {
        let shortest = 1u64 << (bits - 1);
        let mut bucket = 0;
        while bucket < BOUNDS.len() && BOUNDS[bucket] < shortest {
            bucket += 1;
        }
        first[bits] = bucket as u8;
        bits += 1;
    }
    first
};

/// The bucket of a duration: the first whose bound is not below it.
#[inline(always)]
fn bucket(took: Nanos) -> usize {
    let mut bucket = usize::from(FIRST_BUCKET[(u64::BITS - took.0.leading_zeros()) as usize]);
    while bucket < BOUNDS.len() && BOUNDS[bucket] < took.0 {
        bucket += 1;
    }
    bucket
}

pub const BUCKETS: usize = BOUNDS.len() + 1;

/// Whose proxy counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reporter {
    Source,
    Destination,
}

/// Counters of one edge, one reporter, one workload behind the callee and one outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counters {
    pub edge: EdgeId,
    pub reporter: Reporter,
    /// Where it went: the callee, or a version of it; `NONE`: nowhere.
    pub to: ServiceId,
    pub outcome: Outcome,
    /// In order of time: when it was read, if it had changed.
    pub scrapes: Vec<Scrape>,
}

/// What counters stood at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scrape {
    /// The how-manieth scrape, from 0.
    pub number: u32,
    pub requests: u64,
    pub nanos: u128,
    /// Not cumulative over buckets.
    pub buckets: [u64; BUCKETS],
}

/// What a run's scrapes have read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Telemetry {
    /// The first scrape is at zero.
    pub interval: Nanos,
    /// How many there were.
    pub scrapes: u32,
    /// In the order of edges, reporters, workloads and outcomes.
    pub counters: Vec<Counters>,
    pub readings: Readings,
}

#[derive(Debug)]
struct Live {
    to: ServiceId,
    outcome: Outcome,
    now: Scrape,
    changed: bool,
    scrapes: Vec<Scrape>,
}

/// Counts while the world runs.
#[derive(Debug)]
pub struct Meters {
    interval: Nanos,
    next: Instant,
    number: u32,
    /// Per edge: of the source, of the destination.
    edges: Vec<[Vec<Live>; 2]>,
    pub readings: Readings,
}

/// Whether whoever asked has gone: the callee's proxy sees the connection or the stream end.
pub fn is_left(outcome: Outcome) -> bool {
    matches!(outcome.class, Class::Timeout | Class::Deadline) || outcome == Outcome::GIVEN_UP
}

/// Counters that begin; where they are.
#[cold]
fn begun(series: &mut Vec<Live>, to: ServiceId, outcome: Outcome) -> usize {
    let none = Scrape { number: 0, requests: 0, nanos: 0, buckets: [0; BUCKETS] };
    series.push(Live { to, outcome, now: none, changed: false, scrapes: Vec::new() });
    series.len() - 1
}

impl Meters {
    pub fn new(edges: usize, interval: Nanos) -> Meters {
        assert!(interval > Nanos::ZERO, "a scraper takes its time");
        let edges = (0..edges).map(|_| [Vec::new(), Vec::new()]).collect();
        Meters { interval, next: Instant::START, number: 0, edges, readings: Readings::default() }
    }

    #[inline(always)]
    pub fn source(&mut self, (edge, to): (EdgeId, ServiceId), now: Instant, outcome: Outcome, took: Nanos) {
        self.count((edge, to), Reporter::Source, now, outcome, took);
    }

    #[inline(always)]
    pub fn destination(&mut self, (edge, to): (EdgeId, ServiceId), now: Instant, outcome: Outcome, took: Nanos) {
        // Nobody was there to count.
        if outcome.class != Class::ConnectFailure {
            self.count((edge, to), Reporter::Destination, now, outcome, took);
        }
    }

    #[inline(always)]
    fn count(&mut self, (edge, to): (EdgeId, ServiceId), reporter: Reporter, now: Instant, outcome: Outcome, took: Nanos) {
        if now >= self.next {
            self.scrape_until(now);
        }
        let series = &mut self.edges[edge.index()][reporter as usize];
        let place = match series.iter().position(|live| live.outcome == outcome && live.to == to) {
            Some(place) => place,
            None => begun(series, to, outcome),
        };
        let live = &mut series[place];
        live.changed = true;
        live.now.requests += 1;
        live.now.nanos += u128::from(took.0);
        live.now.buckets[bucket(took)] += 1;
    }

    /// Scrapes that were due before `now`, or at it: what happens at the instant of a scrape is seen by the next.
    #[cold]
    fn scrape_until(&mut self, now: Instant) {
        while self.due(now).is_some() {
            self.scrape();
        }
    }

    /// The next scrape, if it is due by now.
    pub fn due(&self, now: Instant) -> Option<Instant> {
        (self.next <= now).then_some(self.next)
    }

    /// When the next scrape is.
    pub fn next(&self) -> Instant {
        self.next
    }

    /// Reads everything, once.
    pub fn scrape(&mut self) {
        for live in self.edges.iter_mut().flatten().flatten() {
            if std::mem::replace(&mut live.changed, false) {
                live.scrapes.push(Scrape { number: self.number, ..live.now });
            }
        }
        self.readings.scrape(self.number);
        self.number += 1;
        self.next = self.next + self.interval;
    }

    /// What was read until the run ended, and once more then.
    pub fn finish(mut self, ended: Instant) -> Telemetry {
        self.scrape_until(ended);
        if self.edges.iter().flatten().flatten().any(|live| live.changed) {
            self.scrape();
        }
        let mut counters = Vec::new();
        for (edge, both) in self.edges.into_iter().enumerate() {
            for (reporter, mut series) in [Reporter::Source, Reporter::Destination].into_iter().zip(both) {
                series.sort_by_key(|live| (live.to, live.outcome));
                let edge = EdgeId::new(edge);
                let counted = |live: Live| Counters { edge, reporter, to: live.to, outcome: live.outcome, scrapes: live.scrapes };
                counters.extend(series.into_iter().map(counted));
            }
        }
        Telemetry { interval: self.interval, scrapes: self.number, counters, readings: self.readings }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scrape_reads_what_has_changed_and_counters_only_grow() {
        let mut meters = Meters::new(1, Nanos::from_secs(10));
        const PLACE: (EdgeId, ServiceId) = (EdgeId(0), ServiceId(3));
        let ms = |n: u64| Nanos::from_millis(n);
        meters.source(PLACE, Instant::from_secs(1), Outcome::OK, ms(3));
        meters.source(PLACE, Instant::from_secs(10), Outcome::OK, ms(5));
        meters.source(PLACE, Instant::from_secs(31), Outcome::TIMEOUT, ms(20_000));
        meters.destination(PLACE, Instant::from_secs(31), Outcome::CONNECT_FAILURE, ms(1));
        let telemetry = meters.finish(Instant::from_secs(32));
        assert_eq!(telemetry.scrapes, 5, "at 0, 10, 20, 30 and, as the run ended with news, at 40 s");
        let [ok, timeout] = &telemetry.counters[..] else { panic!("two outcomes at the source: {:?}", telemetry.counters) };
        let read: Vec<(u32, u64)> = ok.scrapes.iter().map(|s| (s.number, s.requests)).collect();
        assert_eq!(read, [(1, 1), (2, 2)], "at 10 s the first, at 20 s both; later nothing is new");
        assert_eq!((ok.scrapes[1].buckets[2], ok.scrapes[1].nanos), (2, 8_000_000), "a duration of 5 ms is within le=5");
        assert_eq!((timeout.scrapes[0].number, timeout.scrapes[0].buckets[13]), (4, 1));
    }

    #[test]
    fn a_duration_is_in_the_first_bucket_whose_bound_is_not_below_it() {
        let near = BOUNDS.iter().flat_map(|bound| [bound - 1, *bound, bound + 1]);
        let powers = (0..64).flat_map(|bit| [(1u64 << bit) - 1, 1 << bit]);
        for nanos in near.chain(powers).chain([u64::MAX]) {
            assert_eq!(bucket(Nanos(nanos)), BOUNDS.partition_point(|bound| *bound < nanos), "{nanos} ns");
        }
    }

    #[test]
    fn bounds_are_the_same_in_both_units() {
        for (ms, nanos) in BOUNDS_MS.iter().zip(BOUNDS) {
            assert_eq!(*ms * 1e6, nanos as f64);
        }
    }

    #[test]
    fn each_version_behind_a_callee_has_counters_of_its_own_in_their_order() {
        let mut meters = Meters::new(1, Nanos::from_secs(10));
        let count = |meters: &mut Meters, version, outcome| {
            meters.source((EdgeId(0), ServiceId(version)), Instant::from_secs(1), outcome, Nanos::from_secs(1));
        };
        for (version, outcome) in [(2, Outcome::OK), (1, Outcome::TIMEOUT), (1, Outcome::OK), (2, Outcome::OK)] {
            count(&mut meters, version, outcome);
        }
        let counters = meters.finish(Instant::from_secs(2)).counters;
        let told: Vec<(u32, Outcome, u64)> = counters.iter().map(|c| (c.to.0, c.outcome, c.scrapes[0].requests)).collect();
        assert_eq!(told, [(1, Outcome::OK, 1), (1, Outcome::TIMEOUT, 1), (2, Outcome::OK, 2)]);
    }
}
