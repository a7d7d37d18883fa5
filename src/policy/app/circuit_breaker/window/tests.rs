//! Tables for the sliding window: Resilience4j's rules, result by result.

use super::super::Mode::{Closed, HalfOpen, Open};
use super::super::{BreakerState, CircuitBreaker, Permit, Transition};
use super::*;
use crate::base::cases::cases;
use crate::base::outcome::{Outcome, OutcomeSet};
use proptest::prelude::*;
use std::collections::VecDeque;

const AT: fn(u64) -> Instant = Instant::from_secs;
const FAST: Nanos = Nanos::from_millis(1);

fn breaker(trip: SlidingWindow) -> (CircuitBreaker, BreakerState) {
    let breaker = CircuitBreaker::window(trip, OutcomeSet::errors()).unwrap();
    let state = breaker.start();
    (breaker, state)
}

fn result(letter: char) -> Outcome {
    match letter {
        'S' => Outcome::OK,
        'F' => Outcome::TIMEOUT,
        _ => unreachable!("S or F"),
    }
}

/// Makes calls one after the other at one instant; the mode after each.
fn play(breaker: &CircuitBreaker, state: &mut BreakerState, at: Instant, letters: &str) -> Vec<Mode> {
    letters
        .chars()
        .map(|letter| {
            let permit = breaker.admit(state, at).expect("admitted");
            breaker.record(state, at, permit, result(letter), FAST);
            breaker.mode(state, at)
        })
        .collect()
}

/// A breaker that has opened at 0 s, for 10 s.
fn opened(trip: SlidingWindow) -> (CircuitBreaker, BreakerState) {
    let (breaker, mut state) = breaker(SlidingWindow { size: 1, minimum_calls: 10, open_for: Nanos::from_secs(10), ..trip });
    assert_eq!(play(&breaker, &mut state, AT(0), "F"), [Open], "a minimum of 10 is cut to the window of 1");
    assert_eq!(state.take_transition(), Some(Transition { from: Closed, to: Open, at: AT(0) }));
    (breaker, state)
}

#[test]
fn a_count_window_opens_when_the_rate_is_reached() {
    let trip = SlidingWindow { size: 10, minimum_calls: 5, failure_rate_threshold: 50.0, ..SlidingWindow::default() };
    for (letters, last) in [
        ("SFSFF", Open),
        ("SFSFS", Closed),
        ("SFSFSF", Open),
        ("FFFF", Closed),
        // The first three failures slide out: 4 of the last 10, never 5.
        ("SSSSSSSSSS", Closed),
        ("FSSSSFSSSSFSSSSFSSSSF", Closed),
    ] {
        let (breaker, mut state) = breaker(trip);
        let modes = play(&breaker, &mut state, AT(0), letters);
        assert_eq!(modes.last(), Some(&last), "{letters}");
        assert!(modes.iter().rev().skip(1).all(|mode| *mode == Closed), "{letters}: not before the last");
    }
}

#[test]
fn half_open_decides_after_exactly_the_permitted_results() {
    for (letters, after) in
        [("FSS", [HalfOpen, HalfOpen, Closed]), ("FFS", [HalfOpen, HalfOpen, Open]), ("SSS", [HalfOpen, HalfOpen, Closed])]
    {
        let (breaker, mut state) = opened(SlidingWindow { permitted_half_open_calls: 3, ..SlidingWindow::default() });
        assert_eq!(play(&breaker, &mut state, AT(11), letters), after, "{letters}");
    }
    let (breaker, mut state) =
        breaker(SlidingWindow { size: 1, minimum_calls: 1, permitted_half_open_calls: 3, ..SlidingWindow::default() });
    play(&breaker, &mut state, AT(0), "F");
    assert_eq!(play(&breaker, &mut state, AT(61), "S"), [Closed], "a minimum below the permitted number decides earlier");
}

#[test]
fn with_the_defaults_nothing_opens_before_a_hundred_calls() {
    let (breaker, mut state) = breaker(SlidingWindow::default());
    play(&breaker, &mut state, AT(0), &"F".repeat(99));
    assert_eq!(breaker.mode(&state, AT(0)), Closed);
    assert_eq!(play(&breaker, &mut state, AT(0), "F"), [Open]);
}

#[test]
fn open_ends_with_the_first_call_strictly_after_its_time() {
    let (breaker, mut state) = opened(SlidingWindow::default());
    assert_eq!(breaker.changes_at(&state), Instant::NEVER);
    assert_eq!(breaker.admit(&mut state, AT(10)), None);
    assert_eq!(breaker.mode(&state, AT(30)), Open, "nobody has called");
    assert!(breaker.admit(&mut state, Instant(AT(10).0 + 1)).is_some());
    assert_eq!(state.take_transition(), Some(Transition { from: Open, to: HalfOpen, at: Instant(AT(10).0 + 1) }));
}

#[test]
fn an_automatic_transition_happens_at_its_instant() {
    let (breaker, mut state) = opened(SlidingWindow { automatic_transition: true, ..SlidingWindow::default() });
    assert_eq!(breaker.changes_at(&state), AT(10));
    assert_eq!((breaker.mode(&state, AT(9)), breaker.mode(&state, AT(10))), (Open, HalfOpen));
    assert!(breaker.admit(&mut state, AT(25)).is_some());
    assert_eq!(state.take_transition(), Some(Transition { from: Open, to: HalfOpen, at: AT(10) }));
    assert_eq!(state.take_transition(), None);
}

#[test]
fn a_half_open_that_cannot_decide_reopens_after_its_longest_wait() {
    let (breaker, mut state) = opened(SlidingWindow { max_wait_half_open: Nanos::from_secs(5), ..SlidingWindow::default() });
    let probe = breaker.admit(&mut state, AT(12)).unwrap();
    assert_eq!(breaker.changes_at(&state), AT(17));
    breaker.record(&mut state, AT(17), probe, Outcome::OK, FAST);
    assert_eq!(state.take_transition(), Some(Transition { from: Open, to: HalfOpen, at: AT(12) }));
    assert_eq!(state.take_transition(), Some(Transition { from: HalfOpen, to: Open, at: AT(17) }));
    assert_eq!(breaker.admit(&mut state, AT(27)), None, "open for another 10 s from 17 s on");
    assert!(breaker.admit(&mut state, AT(28)).is_some());
}

#[test]
fn rounds_of_open_and_half_open_that_nobody_saw_are_skipped() {
    let (breaker, state) =
        opened(SlidingWindow { automatic_transition: true, max_wait_half_open: Nanos::from_secs(5), ..SlidingWindow::default() });
    // Open [0, 10), half-open [10, 15), open [15, 25) ...
    for (now, mode) in [(9, Open), (10, HalfOpen), (14, HalfOpen), (15, Open), (24, Open), (25, HalfOpen), (15_000_000_012, HalfOpen)] {
        assert_eq!(breaker.mode(&state, AT(now)), mode, "{now}");
        let mut asked = state.clone();
        assert_eq!(breaker.admit(&mut asked, AT(now)).is_some(), mode == HalfOpen, "{now}");
        let told: Vec<Transition> = std::iter::from_fn(|| asked.take_transition()).collect();
        assert!(told.windows(2).all(|pair| pair[0].to == pair[1].from && pair[0].at <= pair[1].at), "{told:?}");
        assert_eq!(told.last().map_or(Open, |last| last.to), mode, "{now}");
    }
}

#[test]
fn slow_calls_count_by_themselves() {
    let second = Nanos::from_secs(1);
    let trip = SlidingWindow {
        size: 4,
        minimum_calls: 4,
        slow_call_rate_threshold: 75.0,
        slow_call_duration: second,
        failure_rate_threshold: 75.0,
        ..SlidingWindow::default()
    };
    let longer = Nanos(second.0 + 1);
    for (calls, mode) in [
        ([('S', longer), ('S', longer), ('S', second), ('S', longer)], Open),
        ([('S', longer), ('S', longer), ('S', second), ('S', second)], Closed),
        // Slow and failed are two counts: neither reaches 3.
        ([('F', longer), ('F', FAST), ('S', longer), ('S', FAST)], Closed),
        ([('F', longer), ('F', longer), ('F', FAST), ('S', FAST)], Open),
    ] {
        let (breaker, mut state) = breaker(trip);
        for (letter, took) in calls {
            let permit = breaker.admit(&mut state, AT(0)).unwrap();
            breaker.record(&mut state, AT(0), permit, result(letter), took);
        }
        assert_eq!(breaker.mode(&state, AT(0)), mode, "{calls:?}");
    }
}

#[test]
fn a_time_window_forgets_by_whole_seconds() {
    let trip = SlidingWindow { kind: WindowKind::Time, size: 3, minimum_calls: 3, ..SlidingWindow::default() };
    let millis = |at: u64| Instant(at * 1_000_000);
    // Two failures in second 0 drop out when second 3 begins, whenever in second 0 they were.
    for (third, mode) in [(2_999, Open), (3_000, Closed), (60_000, Closed)] {
        let (breaker, mut state) = breaker(trip);
        play(&breaker, &mut state, millis(0), "F");
        play(&breaker, &mut state, millis(999), "F");
        assert_eq!(play(&breaker, &mut state, millis(third), "F"), [mode], "{third} ms");
    }
}

#[test]
fn a_cancelled_probe_gives_its_place_back_and_a_finished_one_does_not() {
    let (breaker, mut state) = opened(SlidingWindow { permitted_half_open_calls: 2, ..SlidingWindow::default() });
    let a = breaker.admit(&mut state, AT(11)).unwrap();
    let b = breaker.admit(&mut state, AT(11)).unwrap();
    assert_eq!(breaker.admit(&mut state, AT(11)), None);
    breaker.record(&mut state, AT(12), a, Outcome::OK, FAST);
    assert_eq!(breaker.admit(&mut state, AT(12)), None);
    breaker.cancel(&mut state, AT(12), b);
    let c = breaker.admit(&mut state, AT(12)).expect("in place of the cancelled one");
    breaker.record(&mut state, AT(13), c, Outcome::OK, FAST);
    assert_eq!(breaker.mode(&state, AT(13)), Closed);
}

#[test]
fn a_result_from_before_the_opening_changes_nothing() {
    let (breaker, mut state) =
        breaker(SlidingWindow { size: 2, minimum_calls: 2, permitted_half_open_calls: 1, ..SlidingWindow::default() });
    let early: Vec<Permit> = (0..3).map(|_| breaker.admit(&mut state, AT(0)).unwrap()).collect();
    play(&breaker, &mut state, AT(1), "FF");
    breaker.record(&mut state, AT(2), early[0], Outcome::OK, FAST);
    assert_eq!(breaker.mode(&state, AT(2)), Open);
    let probe = breaker.admit(&mut state, AT(62)).unwrap();
    breaker.record(&mut state, AT(63), early[1], Outcome::TIMEOUT, FAST);
    assert_eq!(breaker.mode(&state, AT(63)), HalfOpen);
    breaker.record(&mut state, AT(64), probe, Outcome::OK, FAST);
    breaker.record(&mut state, AT(65), early[2], Outcome::TIMEOUT, FAST);
    assert_eq!(play(&breaker, &mut state, AT(66), "S"), [Closed], "the window is fresh: the early failure is not in it");
}

#[test]
fn nonsense_is_refused_in_words() {
    let refused = |trip| CircuitBreaker::window(trip, OutcomeSet::errors()).unwrap_err().to_string();
    for (trip, message) in [
        (SlidingWindow { size: 0, ..SlidingWindow::default() }, "`slidingWindowSize` must be between 1 and 1000000, not 0"),
        (
            SlidingWindow { kind: WindowKind::Time, size: 86_401, ..SlidingWindow::default() },
            "`slidingWindowSize` must be between 1 and 86400, not 86401",
        ),
        (
            SlidingWindow { failure_rate_threshold: 0.0, ..SlidingWindow::default() },
            "`failureRateThreshold` must be more than 0% and at most 100%, not 0%",
        ),
        (
            SlidingWindow { slow_call_rate_threshold: f64::NAN, ..SlidingWindow::default() },
            "`slowCallRateThreshold` must be more than 0% and at most 100%, not NaN%",
        ),
    ] {
        assert_eq!(refused(trip), message);
    }
}

/// The window in plain words: keep everything, count what is recent.
fn recent(results: &VecDeque<(Instant, Sums)>, kind: WindowKind, size: u32) -> Sums {
    let latest = results.back().expect("one was just recorded").0.0 / SECOND;
    let mut sums = Sums::default();
    for (back, (at, result)) in results.iter().rev().enumerate() {
        let inside = match kind {
            WindowKind::Count => back < size as usize,
            WindowKind::Time => latest - at.0 / SECOND < u64::from(size),
        };
        if inside {
            sums.add(*result);
        }
    }
    sums
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn the_ring_holds_what_is_recent(
        timed in any::<bool>(), size in 1u32..8, calls in prop::collection::vec((0u64..3_000, any::<bool>(), any::<bool>()), 1..60),
    ) {
        let kind = if timed { WindowKind::Time } else { WindowKind::Count };
        let mut results = Results::new(&SlidingWindow { kind, size, ..SlidingWindow::default() });
        let mut all = VecDeque::new();
        let mut now = Instant::START;
        for (millis, failed, slow) in calls {
            now = now + Nanos::from_millis(millis);
            let result = Sums { calls: 1, failed: u32::from(failed), slow: u32::from(slow) };
            results.slide(now, result);
            all.push_back((now, result));
            prop_assert_eq!(results.sums, recent(&all, kind, size));
        }
    }
}
