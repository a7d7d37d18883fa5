//! Trips after so many failures in a row, as Python's circuitbreaker. Half-open lets so many probes through at once; a
//! failure re-opens at once, enough successes in a row close.

use super::Mode;
use crate::base::time::Nanos;
use crate::policy::error::{PolicyError, require};

/// Failures in a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Consecutive {
    pub failures: u32,
    pub open_for: Nanos,
    /// Probes at once; `u32::MAX`: every call is one, as in Python's circuitbreaker.
    pub half_open_calls: u32,
    pub successes_to_close: u32,
}

impl Default for Consecutive {
    fn default() -> Consecutive {
        Consecutive { failures: 5, open_for: Nanos::from_secs(60), half_open_calls: 1, successes_to_close: 1 }
    }
}

impl Consecutive {
    pub(super) fn validated(self) -> Result<Consecutive, PolicyError> {
        require(self.failures >= 1, "consecutiveFailures", || "must be at least 1".into())?;
        require(self.open_for > Nanos::ZERO, "openFor", || "must be more than 0s".into())?;
        require(self.half_open_calls >= 1, "halfOpenCalls", || "must be at least 1, or the breaker could never close again".into())?;
        require(self.successes_to_close >= 1, "successesToClose", || "must be at least 1".into())?;
        Ok(self)
    }

    /// The mode that follows a result, if it ends the present one.
    pub(super) fn after(&self, mode: Mode, in_a_row: &mut u32, failed: bool) -> Option<Mode> {
        match (mode, failed) {
            (Mode::Closed, false) => {
                *in_a_row = 0;
                None
            }
            (Mode::Closed, true) => {
                *in_a_row += 1;
                (*in_a_row >= self.failures).then_some(Mode::Open)
            }
            (Mode::HalfOpen, true) => Some(Mode::Open),
            (Mode::HalfOpen, false) => {
                *in_a_row += 1;
                (*in_a_row >= self.successes_to_close).then_some(Mode::Closed)
            }
            (Mode::Open, _) => unreachable!("an open breaker gives no permits"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{BreakerState, CircuitBreaker, Transition};
    use super::Mode::{Closed, HalfOpen, Open};
    use super::*;
    use crate::base::outcome::{Outcome, OutcomeSet};
    use crate::base::time::Instant;

    const AT: fn(u64) -> Instant = Instant::from_secs;
    const TOOK: Nanos = Nanos::from_millis(1);

    fn breaker(trip: Consecutive) -> (CircuitBreaker, BreakerState) {
        let breaker = CircuitBreaker::consecutive(trip, OutcomeSet::errors()).unwrap();
        let state = breaker.start();
        (breaker, state)
    }

    fn call(breaker: &CircuitBreaker, state: &mut BreakerState, at: u64, outcome: Outcome) -> bool {
        let permit = breaker.admit(state, AT(at));
        if let Some(permit) = permit {
            breaker.record(state, AT(at), permit, outcome, TOOK);
        }
        permit.is_some()
    }

    #[test]
    fn the_guides_breaker_opens_after_five_failures_for_a_minute() {
        let (breaker, mut state) = breaker(Consecutive::default());
        for at in 0..4 {
            assert!(call(&breaker, &mut state, at, Outcome::TIMEOUT));
        }
        assert!(call(&breaker, &mut state, 4, Outcome::OK), "a success starts the count anew");
        for at in 5..10 {
            assert_eq!(breaker.mode(&state, AT(at)), Closed);
            assert!(call(&breaker, &mut state, at, Outcome::answered(500)));
        }
        assert_eq!(state.take_transition(), Some(Transition { from: Closed, to: Open, at: AT(9) }));
        assert!(!call(&breaker, &mut state, 68, Outcome::OK));
        assert_eq!(breaker.changes_at(&state), AT(69));
        let probe = breaker.admit(&mut state, AT(70)).unwrap();
        assert_eq!(state.take_transition(), Some(Transition { from: Open, to: HalfOpen, at: AT(69) }));
        assert_eq!(breaker.admit(&mut state, AT(70)), None, "one probe at a time");
        breaker.record(&mut state, AT(71), probe, Outcome::OK, TOOK);
        assert_eq!(state.take_transition(), Some(Transition { from: HalfOpen, to: Closed, at: AT(71) }));
        assert_eq!(state.take_transition(), None);
    }

    #[test]
    fn half_open_as_in_pythons_circuitbreaker() {
        let python = Consecutive { failures: 5, open_for: Nanos::from_secs(30), half_open_calls: u32::MAX, successes_to_close: 1 };
        let (breaker, mut state) = breaker(python);
        for at in 0..5 {
            assert!(call(&breaker, &mut state, at, Outcome::TIMEOUT));
        }
        let just_before = Instant(AT(34).0 - 1);
        assert_eq!((breaker.admit(&mut state, AT(5)), breaker.admit(&mut state, just_before)), (None, None));
        assert_eq!((breaker.mode(&state, just_before), breaker.mode(&state, AT(34))), (Open, HalfOpen));
        let permits: Vec<_> = (0..100).map(|_| breaker.admit(&mut state, AT(34)).expect("all concurrent calls")).collect();
        breaker.record(&mut state, AT(34), permits[0], Outcome::TIMEOUT, TOOK);
        assert_eq!(breaker.mode(&state, AT(34)), Open, "the first to fail re-opens");
        breaker.record(&mut state, AT(35), permits[1], Outcome::OK, TOOK);
        assert_eq!(breaker.admit(&mut state, AT(63)), None, "what the others bring is too late");
        let probe = breaker.admit(&mut state, AT(64)).unwrap();
        breaker.record(&mut state, AT(64), probe, Outcome::OK, TOOK);
        assert_eq!(breaker.mode(&state, AT(64)), Closed, "the first success closes");
    }

    #[test]
    fn probes_are_limited_at_once_and_close_after_enough_successes() {
        let (breaker, mut state) =
            breaker(Consecutive { failures: 1, open_for: Nanos::from_secs(10), half_open_calls: 2, successes_to_close: 3 });
        call(&breaker, &mut state, 0, Outcome::RESET);
        let a = breaker.admit(&mut state, AT(10)).unwrap();
        let b = breaker.admit(&mut state, AT(10)).unwrap();
        assert_eq!(breaker.admit(&mut state, AT(10)), None);
        breaker.cancel(&mut state, AT(11), a);
        assert!(call(&breaker, &mut state, 11, Outcome::OK), "a cancelled probe makes room");
        breaker.record(&mut state, AT(12), b, Outcome::OK, TOOK);
        assert_eq!(breaker.mode(&state, AT(12)), HalfOpen);
        assert!(call(&breaker, &mut state, 13, Outcome::OK), "a finished probe makes room");
        assert_eq!(breaker.mode(&state, AT(13)), Closed);
    }

    #[test]
    fn a_result_from_before_the_opening_changes_nothing() {
        let (breaker, mut state) = breaker(Consecutive { failures: 1, ..Consecutive::default() });
        let early = breaker.admit(&mut state, AT(0)).unwrap();
        call(&breaker, &mut state, 1, Outcome::TIMEOUT);
        breaker.record(&mut state, AT(2), early, Outcome::OK, TOOK);
        assert_eq!(breaker.mode(&state, AT(2)), Open);
        let _probe = breaker.admit(&mut state, AT(61)).unwrap();
        breaker.record(&mut state, AT(62), early, Outcome::TIMEOUT, TOOK);
        breaker.cancel(&mut state, AT(62), early);
        assert_eq!(breaker.mode(&state, AT(62)), HalfOpen);
        assert_eq!(breaker.admit(&mut state, AT(62)), None, "the early call gave no probe's place back");
    }

    #[test]
    fn an_answer_listed_as_no_failure_is_a_success() {
        let trip = Consecutive { failures: 1, ..Consecutive::default() };
        let breaker = CircuitBreaker::consecutive(trip, OutcomeSet::errors().except(&[404])).unwrap();
        let mut state = breaker.start();
        assert!(call(&breaker, &mut state, 0, Outcome::answered(404)));
        assert!(call(&breaker, &mut state, 1, Outcome::answered(400)));
        assert!(!call(&breaker, &mut state, 2, Outcome::OK));
    }

    #[test]
    fn nonsense_is_refused_in_words() {
        let refused = |trip| CircuitBreaker::consecutive(trip, OutcomeSet::errors()).unwrap_err().to_string();
        assert_eq!(refused(Consecutive { failures: 0, ..Consecutive::default() }), "`consecutiveFailures` must be at least 1");
        assert_eq!(refused(Consecutive { open_for: Nanos::ZERO, ..Consecutive::default() }), "`openFor` must be more than 0s");
        assert_eq!(
            refused(Consecutive { half_open_calls: 0, ..Consecutive::default() }),
            "`halfOpenCalls` must be at least 1, or the breaker could never close again"
        );
    }
}
