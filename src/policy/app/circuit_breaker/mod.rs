//! Circuit breaker: whether to call at all (Nygard, "Release It!"). Closed lets calls through, open rejects them, half-open
//! lets a few probes through to decide.
//!
//! Two ways to trip: [`Consecutive`] failures (Python's circuitbreaker), or rates over a [`SlidingWindow`]
//! (Resilience4j, whose words and rules it takes). The life of the modes is the same and lives here; what is counted, and
//! when it is enough, lives in the two files.
//!
//! Every mode gets a generation; a [`Permit`] remembers the one it was issued in, and a result counts only there. So a call
//! that started before the breaker opened changes nothing afterwards. (Resilience4j lets such a late result count in
//! whatever mode it meets, and in Python's circuitbreaker a late success even closes the breaker.)
//!
//! No timers: modes that end by themselves are caught up when the breaker is next asked, with the exact instants at which
//! they ended. [`CircuitBreaker::changes_at`] tells who wants to see it happen.

mod consecutive;
#[cfg(test)]
mod laws;
mod state;
mod window;

pub use consecutive::Consecutive;
pub use state::{BreakerState, Mode, Permit, Transition};
pub use window::{Counted, SlidingWindow, WindowKind};

use crate::base::outcome::{Outcome, OutcomeSet};
use crate::base::time::{Instant, Nanos};
use crate::policy::error::PolicyError;
use state::Tally;
use window::Results;

/// What makes a breaker open and close.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Trip {
    Consecutive(Consecutive),
    Window(SlidingWindow),
}

/// A breaker's parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct CircuitBreaker {
    pub trip: Trip,
    /// What is a failure; everything else is a success.
    pub counts: OutcomeSet,
}

impl CircuitBreaker {
    pub fn consecutive(trip: Consecutive, counts: OutcomeSet) -> Result<CircuitBreaker, PolicyError> {
        Ok(CircuitBreaker { trip: Trip::Consecutive(trip.validated()?), counts })
    }

    pub fn window(trip: SlidingWindow, counts: OutcomeSet) -> Result<CircuitBreaker, PolicyError> {
        Ok(CircuitBreaker { trip: Trip::Window(trip.validated()?), counts })
    }

    /// Closed, with nothing counted. The only place that allocates.
    pub fn start(&self) -> BreakerState {
        BreakerState::new(match &self.trip {
            Trip::Consecutive(_) => Tally::InARow(0),
            Trip::Window(window) => Tally::Results(Results::new(window)),
        })
    }

    /// A permit to call now, or none: the call is rejected. A permit must come back by `record` or `cancel`.
    #[inline]
    pub fn admit(&self, state: &mut BreakerState, now: Instant) -> Option<Permit> {
        if state.mode() == Mode::Closed {
            return Some(state.permit());
        }
        self.end_modes(state, now);
        // Only a breaker that waits for a call to wake it is still open after its time; strictly after, as Resilience4j.
        if state.mode() == Mode::Open && now > state.since() + self.open_for() {
            state.enter(Mode::HalfOpen, now);
        }
        match state.mode() {
            Mode::Closed => Some(state.permit()),
            Mode::Open => None,
            Mode::HalfOpen => state.probe(self.half_open_calls()),
        }
    }

    /// The result of an admitted call, and how long it took.
    #[inline]
    pub fn record(&self, state: &mut BreakerState, now: Instant, permit: Permit, outcome: Outcome, took: Nanos) {
        // What happens most, told apart at once: one more success of a closed breaker that counts failures in a row.
        if state.mode() == Mode::Closed
            && state.is_current(permit)
            && !self.counts.contains(outcome)
            && let Tally::InARow(in_a_row) = state.tally()
        {
            *in_a_row = 0;
            return;
        }
        self.record_any(state, now, permit, outcome, took);
    }

    #[inline(never)]
    fn record_any(&self, state: &mut BreakerState, now: Instant, permit: Permit, outcome: Outcome, took: Nanos) {
        self.catch_up(state, now);
        if !state.is_current(permit) {
            return;
        }
        let failed = self.counts.contains(outcome);
        let mode = state.mode();
        let next = match (&self.trip, state.tally()) {
            (Trip::Consecutive(trip), Tally::InARow(in_a_row)) => trip.after(mode, in_a_row, failed),
            (Trip::Window(trip), Tally::Results(results)) => trip.after(mode, results, now, failed, took),
            (Trip::Consecutive(_), Tally::Results(_)) | (Trip::Window(_), Tally::InARow(_)) => unreachable!("the state of another breaker"),
        };
        match next {
            Some(next) => state.enter(next, now),
            // Resilience4j's permits are a number of calls, not of calls at once: a result does not give one back.
            None if mode == Mode::HalfOpen && matches!(self.trip, Trip::Consecutive(_)) => state.give_back(),
            None => {}
        }
    }

    /// An admitted call that has no result: it counts nothing, and a probe may be made in its place.
    pub fn cancel(&self, state: &mut BreakerState, now: Instant, permit: Permit) {
        self.catch_up(state, now);
        if state.is_current(permit) && state.mode() == Mode::HalfOpen {
            state.give_back();
        }
    }

    /// What the breaker's mode reads now.
    pub fn mode(&self, state: &BreakerState, now: Instant) -> Mode {
        match self.mode_ends(state) {
            Some((at, _)) if at <= now => {
                let mut ahead = state.without_counts();
                self.catch_up(&mut ahead, now);
                ahead.mode()
            }
            _ => state.mode(),
        }
    }

    /// What the breaker goes by, as it reads now; nothing of one that counts failures in a row.
    pub fn counted(&self, state: &BreakerState, now: Instant) -> Option<Counted> {
        let Trip::Window(window) = &self.trip else { return None };
        let counted = |state: &BreakerState| Some(window.counted(state.results()?, state.counted_in(), now));
        match self.mode_ends(state) {
            Some((at, _)) if at <= now => {
                let mut ahead = state.clone();
                self.catch_up(&mut ahead, now);
                counted(&ahead)
            }
            _ => counted(state),
        }
    }

    /// When the mode will change without any call; [`Instant::NEVER`] if only a call can change it.
    pub fn changes_at(&self, state: &BreakerState) -> Instant {
        self.mode_ends(state).map_or(Instant::NEVER, |(at, _)| at)
    }

    /// When and into what the present mode ends by itself.
    fn mode_ends(&self, state: &BreakerState) -> Option<(Instant, Mode)> {
        let (wakes_by_itself, half_open_for) = match &self.trip {
            // "From that moment on the state reads half-open."
            Trip::Consecutive(_) => (true, Nanos::ZERO),
            Trip::Window(window) => (window.automatic_transition, window.max_wait_half_open),
        };
        match state.mode() {
            Mode::Closed => None,
            Mode::Open => wakes_by_itself.then(|| (state.since() + self.open_for(), Mode::HalfOpen)),
            Mode::HalfOpen => (half_open_for > Nanos::ZERO).then(|| (state.since() + half_open_for, Mode::Open)),
        }
    }

    #[inline(always)]
    fn catch_up(&self, state: &mut BreakerState, now: Instant) {
        // Closed, as breakers mostly are, does not end by itself.
        if state.mode() != Mode::Closed {
            self.end_modes(state, now);
        }
    }

    /// Ends the modes that have ended by themselves. Whole rounds of open and half-open that nobody saw are not told.
    #[cold]
    fn end_modes(&self, state: &mut BreakerState, now: Instant) {
        while let Some((at, next)) = self.mode_ends(state)
            && at <= now
        {
            state.enter(next, at);
            if let Trip::Window(window) = &self.trip
                && next == Mode::Open
                && window.automatic_transition
            {
                state.skip_rounds(window.open_for + window.max_wait_half_open, now);
            }
        }
    }

    fn open_for(&self) -> Nanos {
        match &self.trip {
            Trip::Consecutive(trip) => trip.open_for,
            Trip::Window(trip) => trip.open_for,
        }
    }

    fn half_open_calls(&self) -> u32 {
        match &self.trip {
            Trip::Consecutive(trip) => trip.half_open_calls,
            Trip::Window(trip) => trip.permitted_half_open_calls,
        }
    }
}
