//! Limits of a run: what stops a simulation that would not end by itself. Reaching one is exit code 3.

use crate::base::time::{Instant, Nanos};
use thiserror::Error;

/// Named limits; each can be set on the command line or in a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Events of one run.
    pub events: u64,
    /// Events at one instant: more means that time does not advance.
    pub events_at_one_instant: u64,
    /// Calls and jobs in flight together. One with its events takes some 110 bytes, so the default keeps a run within about
    /// 2 GB.
    pub in_flight: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { events: 100_000_000_000, events_at_one_instant: 1_000_000, in_flight: 1 << 24 }
    }
}

/// The most that the limit of calls and jobs in flight can be raised to: the slots that an event can name.
pub const MOST_IN_FLIGHT: u32 = 1 << 27;

/// The latest instant the calendar can hold: 2^56 - 1 ns, about 2.28 years.
pub const LAST_INSTANT: Instant = Instant((1 << 56) - 1);

/// The longest `duration` + `drain` of a model: one year.
pub const LONGEST_RUN: Nanos = Nanos::from_secs(365 * 24 * 3600);

/// A limit was reached while the simulation ran.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LimitReached {
    #[error("{limit} events happened at the single instant {at}: simulated time does not advance")]
    Instant { at: Instant, limit: u64 },
    #[error("the run reached its limit of {limit} events at {at}")]
    Events { at: Instant, limit: u64 },
    #[error("{limit} calls were in flight together at {at}: memory would run out")]
    InFlight { at: Instant, limit: u32 },
}
