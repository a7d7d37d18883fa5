//! What a breaker remembers: its mode, since when, how many probes are out, and the counts of the present mode.

use super::window::Results;
use crate::base::time::{Instant, Nanos};
use std::num::NonZeroU32;

/// A breaker's mode.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Mode {
    /// Calls go through.
    Closed,
    /// Calls are rejected.
    Open,
    /// A few calls go through as probes.
    HalfOpen,
}

/// A change of mode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Transition {
    pub from: Mode,
    pub to: Mode,
    /// When it took effect: earlier than the call that noticed it, if a mode ended by itself.
    pub at: Instant,
}

/// Leave to make one call, bound to the generation of the mode that gave it. Four bytes, and so is an `Option` of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Permit(NonZeroU32);

/// Changes of mode that one question can bring about: three caught up, one decided.
const UNTOLD: usize = 4;

/// The state of one breaker.
#[derive(Clone, Debug)]
pub struct BreakerState {
    mode: Mode,
    generation: NonZeroU32,
    since: Instant,
    /// Half-open permits that are out.
    probes: u32,
    tally: Tally,
    /// The mode whose results the tally holds: an open breaker keeps those that opened it, as Resilience4j does.
    counted_in: Mode,
    untold: [Option<Transition>; UNTOLD],
}

/// What is counted in the present mode.
#[derive(Clone, Debug)]
pub(super) enum Tally {
    /// Failures in a row while closed, successes in a row while half-open.
    InARow(u32),
    Results(Results),
}

impl BreakerState {
    pub(super) fn new(tally: Tally) -> BreakerState {
        BreakerState {
            mode: Mode::Closed,
            generation: NonZeroU32::MIN,
            since: Instant::START,
            probes: 0,
            tally,
            counted_in: Mode::Closed,
            untold: [None; UNTOLD],
        }
    }

    /// The earliest change of mode that has not been told. Ask until there is none after each `admit`, `record` and
    /// `cancel`; who does not ask loses the earliest.
    pub fn take_transition(&mut self) -> Option<Transition> {
        let first = self.untold[0].take();
        if first.is_some() {
            self.untold.rotate_left(1);
        }
        first
    }

    /// Whether a change of mode has not been told.
    #[inline(always)]
    pub fn has_untold(&self) -> bool {
        self.untold[0].is_some()
    }

    pub(super) fn mode(&self) -> Mode {
        self.mode
    }

    pub(super) fn since(&self) -> Instant {
        self.since
    }

    pub(super) fn tally(&mut self) -> &mut Tally {
        &mut self.tally
    }

    /// Of which mode what is counted is.
    pub(super) fn counted_in(&self) -> Mode {
        self.counted_in
    }

    pub(super) fn results(&self) -> Option<&Results> {
        match &self.tally {
            Tally::InARow(_) => None,
            Tally::Results(results) => Some(results),
        }
    }

    pub(super) fn permit(&self) -> Permit {
        Permit(self.generation)
    }

    pub(super) fn is_current(&self, permit: Permit) -> bool {
        permit.0 == self.generation
    }

    /// One more probe, unless as many as permitted are out.
    pub(super) fn probe(&mut self, permitted: u32) -> Option<Permit> {
        (self.probes < permitted).then(|| {
            self.probes += 1;
            self.permit()
        })
    }

    pub(super) fn give_back(&mut self) {
        debug_assert!(self.probes > 0, "a permit comes back once");
        self.probes = self.probes.saturating_sub(1);
    }

    /// Changes the mode. What was counted is forgotten, by an open breaker when it begins to count anew.
    pub(super) fn enter(&mut self, to: Mode, at: Instant) {
        self.tell(Transition { from: self.mode, to, at });
        self.mode = to;
        self.since = at;
        self.probes = 0;
        self.generation = NonZeroU32::new(self.generation.get().wrapping_add(1)).unwrap_or(NonZeroU32::MIN);
        if to == Mode::Open {
            return;
        }
        self.counted_in = to;
        match &mut self.tally {
            Tally::InARow(in_a_row) => *in_a_row = 0,
            Tally::Results(results) => results.clear(),
        }
    }

    /// Moves the beginning of the mode ahead by as many whole rounds as fit before `now`.
    pub(super) fn skip_rounds(&mut self, round: Nanos, now: Instant) {
        let rounds = now.since(self.since).0 / round.0;
        self.since = self.since + Nanos(rounds * round.0);
    }

    /// The same mode and times, but nothing counted: cheap to look ahead with.
    pub(super) fn without_counts(&self) -> BreakerState {
        BreakerState { since: self.since, mode: self.mode, ..BreakerState::new(Tally::InARow(0)) }
    }

    fn tell(&mut self, transition: Transition) {
        let free = self.untold.iter().position(Option::is_none).unwrap_or_else(|| {
            self.untold.rotate_left(1);
            UNTOLD - 1
        });
        self.untold[free] = Some(transition);
    }
}
