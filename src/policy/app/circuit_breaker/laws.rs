//! Laws that hold for any sequence of events at any breaker.

use super::Mode::{Closed, HalfOpen, Open};
use super::*;
use crate::base::cases::cases;
use proptest::prelude::*;

#[derive(Clone, Copy, Debug)]
enum Event {
    Pass(u64),
    Admit,
    /// Which of the outstanding calls, and whether it failed.
    Record(usize, bool),
    Cancel(usize),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        2 => (0u64..4_000).prop_map(Event::Pass),
        4 => Just(Event::Admit),
        4 => (any::<usize>(), any::<bool>()).prop_map(|(which, failed)| Event::Record(which, failed)),
        1 => any::<usize>().prop_map(Event::Cancel),
    ]
}

fn any_consecutive() -> impl Strategy<Value = CircuitBreaker> {
    (1u32..4, 1u64..5_000, 1u32..4, 1u32..4).prop_map(|(failures, open_for, half_open_calls, successes_to_close)| {
        let open_for = Nanos::from_millis(open_for);
        CircuitBreaker::consecutive(Consecutive { failures, open_for, half_open_calls, successes_to_close }, OutcomeSet::errors()).unwrap()
    })
}

fn any_window() -> impl Strategy<Value = CircuitBreaker> {
    (any::<bool>(), 1u32..6, 1u32..6, 1.0..100.0, 1u32..4, 1u64..5_000, 0u64..5_000, any::<bool>()).prop_map(
        |(timed, size, minimum_calls, failure_rate_threshold, permitted_half_open_calls, open_for, max_wait, automatic_transition)| {
            let window = SlidingWindow {
                kind: if timed { WindowKind::Time } else { WindowKind::Count },
                size,
                minimum_calls,
                failure_rate_threshold,
                permitted_half_open_calls,
                open_for: Nanos::from_millis(open_for),
                max_wait_half_open: Nanos::from_millis(max_wait),
                automatic_transition,
                ..SlidingWindow::default()
            };
            CircuitBreaker::window(window, OutcomeSet::errors()).unwrap()
        },
    )
}

/// Plays the events and checks after each what must always hold.
fn obeys(breaker: &CircuitBreaker, events: &[Event]) -> Result<(), TestCaseError> {
    let mut state = breaker.start();
    let mut now = Instant::START;
    let mut calls: Vec<Permit> = Vec::new();
    let mut told = Closed;
    for event in events {
        let before = breaker.mode(&state, now);
        match *event {
            Event::Pass(millis) => now = now + Nanos::from_millis(millis),
            Event::Admit => {
                let permit = breaker.admit(&mut state, now);
                prop_assert!(before != Closed || permit.is_some(), "closed lets every call through");
                calls.extend(permit);
            }
            Event::Record(which, failed) if !calls.is_empty() => {
                let permit = calls.swap_remove(which % calls.len());
                let outcome = if failed { Outcome::TIMEOUT } else { Outcome::OK };
                breaker.record(&mut state, now, permit, outcome, Nanos::ZERO);
            }
            Event::Cancel(which) if !calls.is_empty() => {
                let permit = calls.swap_remove(which % calls.len());
                breaker.cancel(&mut state, now, permit);
                prop_assert_eq!(breaker.mode(&state, now), before, "a cancelled call decides nothing");
            }
            Event::Record(..) | Event::Cancel(_) => continue,
        }
        while let Some(Transition { from, to, at }) = state.take_transition() {
            prop_assert!(matches!((from, to), (Closed, Open) | (Open, HalfOpen) | (HalfOpen, Open | Closed)), "{from:?} to {to:?}");
            prop_assert_eq!(from, told, "no change of mode is lost");
            prop_assert!(at <= now);
            told = to;
        }
        let probes = calls.iter().filter(|permit| state.is_current(**permit)).count();
        match state.mode() {
            Closed => {}
            Open => prop_assert_eq!(probes, 0, "an open breaker has let no call through"),
            HalfOpen => prop_assert!(probes <= breaker.half_open_calls() as usize),
        }
        prop_assert!(breaker.changes_at(&state) > now || matches!(event, Event::Pass(_)), "what was due has been caught up");
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn consecutive_failures_lead_only_to_legal_transitions(breaker in any_consecutive(), events in prop::collection::vec(event(), 1..200)) {
        obeys(&breaker, &events)?;
    }

    #[test]
    fn windows_lead_only_to_legal_transitions(breaker in any_window(), events in prop::collection::vec(event(), 1..200)) {
        obeys(&breaker, &events)?;
    }
}

#[test]
fn a_permit_is_as_small_as_a_number() {
    assert_eq!(size_of::<Option<Permit>>(), 4);
    assert!(size_of::<BreakerState>() <= 192, "{}", size_of::<BreakerState>());
}
