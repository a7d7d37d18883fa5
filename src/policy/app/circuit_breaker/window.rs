//! Trips on the rate of failures or of slow calls over a sliding window, as Resilience4j's CircuitBreaker, in its words.
//!
//! A count window holds the last `size` results. A time window holds `size` buckets of one second on whole seconds of the
//! clock: a result drops out `size` seconds after its second began. Half-open has a count window of its own and decides
//! after exactly min(`minimum_calls`, `permitted_half_open_calls`) results.

use super::Mode;
use crate::base::time::{Instant, Nanos, SECOND};
use crate::policy::error::{PolicyError, require};

/// What the size of a window counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WindowKind {
    /// Calls.
    Count,
    /// Seconds.
    Time,
}

/// Rates over a window. `Default` is Resilience4j's.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct SlidingWindow {
    pub kind: WindowKind,
    /// Calls, or seconds.
    pub size: u32,
    /// Before so many results nothing is decided; for a count window not more than its size.
    pub minimum_calls: u32,
    /// Percent, 0 < x <= 100; reached is enough.
    pub failure_rate_threshold: f64,
    /// Percent, 0 < x <= 100; reached is enough.
    pub slow_call_rate_threshold: f64,
    /// A call is slow if it took longer.
    pub slow_call_duration: Nanos,
    /// Probes of one half-open period altogether; only a cancelled one gives its place back.
    pub permitted_half_open_calls: u32,
    pub open_for: Nanos,
    /// Half-open for so long, undecided, re-opens; zero: never.
    pub max_wait_half_open: Nanos,
    /// Whether open becomes half-open when its time is over, rather than with the first call after it.
    pub automatic_transition: bool,
}

/// Largest window: a result takes a byte.
const MOST_CALLS: u32 = 1_000_000;
const MOST_SECONDS: u32 = 86_400;

impl Default for SlidingWindow {
    fn default() -> SlidingWindow {
        SlidingWindow {
            kind: WindowKind::Count,
            size: 100,
            minimum_calls: 100,
            failure_rate_threshold: 50.0,
            slow_call_rate_threshold: 100.0,
            slow_call_duration: Nanos::from_secs(60),
            permitted_half_open_calls: 10,
            open_for: Nanos::from_secs(60),
            max_wait_half_open: Nanos::ZERO,
            automatic_transition: false,
        }
    }
}

impl SlidingWindow {
    pub(super) fn validated(self) -> Result<SlidingWindow, PolicyError> {
        let most = match self.kind {
            WindowKind::Count => MOST_CALLS,
            WindowKind::Time => MOST_SECONDS,
        };
        require((1..=most).contains(&self.size), "slidingWindowSize", || format!("must be between 1 and {most}, not {}", self.size))?;
        require(self.minimum_calls >= 1, "minimumNumberOfCalls", || "must be at least 1".into())?;
        percentage("failureRateThreshold", self.failure_rate_threshold)?;
        percentage("slowCallRateThreshold", self.slow_call_rate_threshold)?;
        require(self.permitted_half_open_calls >= 1, "permittedNumberOfCallsInHalfOpenState", || "must be at least 1".into())?;
        require(self.open_for > Nanos::ZERO, "waitDurationInOpenState", || "must be more than 0s".into())?;
        Ok(self)
    }

    /// The mode that follows a result, if it ends the present one.
    pub(super) fn after(&self, mode: Mode, results: &mut Results, now: Instant, failed: bool, took: Nanos) -> Option<Mode> {
        let result = Sums { calls: 1, failed: u32::from(failed), slow: u32::from(took > self.slow_call_duration) };
        match mode {
            Mode::Closed => {
                results.slide(now, result);
                let enough = results.sums.calls >= self.minimum_closed();
                (enough && self.reached(results.sums)).then_some(Mode::Open)
            }
            Mode::HalfOpen => {
                results.sums.add(result);
                let decided = results.sums.calls >= self.minimum_calls.min(self.permitted_half_open_calls);
                decided.then(|| if self.reached(results.sums) { Mode::Open } else { Mode::Closed })
            }
            Mode::Open => unreachable!("an open breaker gives no permits"),
        }
    }

    /// What was counted in a mode, as it reads now.
    pub(super) fn counted(&self, results: &Results, counted_in: Mode, now: Instant) -> Counted {
        let Sums { calls, failed, slow } = results.sums_at(now);
        let (minimum, most) = match (counted_in, self.kind) {
            (Mode::HalfOpen, _) => (self.minimum_calls.min(self.permitted_half_open_calls), Some(self.permitted_half_open_calls)),
            (_, WindowKind::Count) => (self.minimum_closed(), Some(self.size)),
            (_, WindowKind::Time) => (self.minimum_closed(), None),
        };
        Counted { calls, failed, slow, minimum, most }
    }

    fn minimum_closed(&self) -> u32 {
        match self.kind {
            WindowKind::Count => self.minimum_calls.min(self.size),
            WindowKind::Time => self.minimum_calls,
        }
    }

    fn reached(&self, sums: Sums) -> bool {
        let calls = f64::from(sums.calls);
        f64::from(sums.failed) * 100.0 >= self.failure_rate_threshold * calls
            || f64::from(sums.slow) * 100.0 >= self.slow_call_rate_threshold * calls
    }
}

fn percentage(field: &'static str, value: f64) -> Result<(), PolicyError> {
    require(value > 0.0 && value <= 100.0, field, || format!("must be more than 0% and at most 100%, not {value}%"))
}

/// What a breaker's window holds, for whoever watches it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Counted {
    pub calls: u32,
    pub failed: u32,
    pub slow: u32,
    /// With fewer calls there is no rate.
    pub minimum: u32,
    /// So many calls fit; `None`: any number, for some time.
    pub most: Option<u32>,
}

/// How many calls, and how many of them failed or were slow; a call can be both.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Sums {
    calls: u32,
    failed: u32,
    slow: u32,
}

impl Sums {
    fn add(&mut self, other: Sums) {
        self.calls += other.calls;
        self.failed += other.failed;
        self.slow += other.slow;
    }

    fn subtract(&mut self, other: Sums) {
        self.calls -= other.calls;
        self.failed -= other.failed;
        self.slow -= other.slow;
    }
}

/// The results in the window. Half-open uses the sums only: it decides before anything could slide out.
#[derive(Clone, Debug)]
pub(super) struct Results {
    sums: Sums,
    slots: Slots,
}

#[derive(Clone, Debug)]
enum Slots {
    /// One byte a result, in a ring: bit 0 failed, bit 1 slow.
    Calls { ring: Box<[u8]>, next: u32 },
    /// One bucket a second, in a ring; `second` is the latest.
    Seconds { ring: Box<[Sums]>, second: u64 },
}

impl Results {
    pub(super) fn new(window: &SlidingWindow) -> Results {
        let size = window.size as usize;
        let slots = match window.kind {
            WindowKind::Count => Slots::Calls { ring: vec![0; size].into(), next: 0 },
            WindowKind::Time => Slots::Seconds { ring: vec![Sums::default(); size].into(), second: 0 },
        };
        Results { sums: Sums::default(), slots }
    }

    pub(super) fn clear(&mut self) {
        self.sums = Sums::default();
        match &mut self.slots {
            // The bytes may stay: a slot is only read again once the window is full.
            Slots::Calls { next, .. } => *next = 0,
            Slots::Seconds { ring, .. } => ring.fill(Sums::default()),
        }
    }

    /// The sums without what has become too old since the last result.
    fn sums_at(&self, now: Instant) -> Sums {
        let mut sums = self.sums;
        if let Slots::Seconds { ring, second } = &self.slots {
            let size = ring.len() as u64;
            let passed = (now.0 / SECOND).saturating_sub(*second).min(size);
            (1..=passed).for_each(|later| sums.subtract(ring[((second + later) % size) as usize]));
        }
        sums
    }

    /// Lets drop out what is too old, and takes a new result in.
    fn slide(&mut self, now: Instant, result: Sums) {
        match &mut self.slots {
            Slots::Calls { ring, next } => {
                let full = self.sums.calls as usize == ring.len();
                let slot = &mut ring[*next as usize];
                if full {
                    self.sums.subtract(Sums { calls: 1, failed: u32::from(*slot & 1), slow: u32::from(*slot >> 1) });
                }
                *slot = result.failed as u8 | (result.slow as u8) << 1;
                *next = if *next as usize + 1 == ring.len() { 0 } else { *next + 1 };
            }
            Slots::Seconds { ring, second } => {
                let size = ring.len() as u64;
                let this_second = now.0 / SECOND;
                for passed in (*second + 1..=this_second).rev().take(ring.len()) {
                    let bucket = &mut ring[(passed % size) as usize];
                    self.sums.subtract(*bucket);
                    *bucket = Sums::default();
                }
                *second = this_second;
                ring[(this_second % size) as usize].add(result);
            }
        }
        self.sums.add(result);
    }
}

#[cfg(test)]
mod tests;
