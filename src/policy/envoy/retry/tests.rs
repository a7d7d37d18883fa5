//! Requests and what becomes of them, attempt by attempt.

use super::*;
use crate::policy::envoy::resources::{Defaults, RetryBudget, WrittenLimits};
use AttemptResult::{ConnectFailure, GlobalTimeout, NoHost, Overflow, PerTryTimeout};
use proptest::prelude::*;

fn status(status: u16) -> AttemptResult {
    AttemptResult::Response(Response::status(status))
}

fn limits(max_retries: u32) -> Thresholds {
    Thresholds::new(WrittenLimits { max_retries, ..WrittenLimits::default() }, Defaults::Istio, None)
}

fn retries(attempts: u32, on: &str) -> Option<RetryPolicy> {
    let retry_on = (!on.is_empty()).then(|| RetryOn::parse(on).unwrap().on);
    RetryPolicy::of(Some(&WrittenRetries { attempts, retry_on, ..WrittenRetries::default() }), Release::default(), false)
}

/// Attempts that end so, one after the other, until the caller gets something: how many there were, and what it got.
fn play(policy: Option<&RetryPolicy>, thresholds: &Thresholds, results: &[AttemptResult]) -> (usize, String) {
    let mut counters = Counters::default();
    let mut state = RetryState::start(policy);
    for (position, result) in results.iter().enumerate() {
        match state.attempt_ended(policy, *result, thresholds, &mut counters, 0) {
            Verdict::Retry { after } => assert_eq!((after, counters.retries), (Nanos::ZERO, 1)),
            Verdict::Final(outcome) => {
                assert_eq!(counters.retries, 0, "nothing is held after the end");
                return (position + 1, outcome.to_string());
            }
        }
    }
    panic!("{results:?} are not enough");
}

#[test]
fn the_caller_sees_the_last_outcome_and_whether_the_retries_ran_out() {
    let defaults = Some(RetryPolicy::istio(Release::default(), false));
    for (policy, results, attempts, told) in [
        // Two retries of a callee that answers 503: three requests, and the limit was hit.
        (retries(2, "5xx"), &[status(503), status(503), status(503)][..], 3, "503 URX"),
        (retries(2, "5xx"), &[status(503), status(200)], 2, "200"),
        // The same with a timeout of the route in the third attempt.
        (retries(2, "5xx"), &[status(503), status(503), GlobalTimeout], 3, "504 UT"),
        // A per-try timeout that the default conditions do not retry.
        (retries(3, ""), &[PerTryTimeout], 1, "504 UT"),
        // Those that do, until the timeout of the route; or until the limit.
        (retries(3, "5xx"), &[PerTryTimeout, PerTryTimeout, PerTryTimeout, GlobalTimeout], 4, "504 UT"),
        (retries(3, "reset"), &[PerTryTimeout, PerTryTimeout, PerTryTimeout, PerTryTimeout], 4, "504 URX,UT"),
        // Conditions that replaced the default.
        (retries(2, "503"), &[ConnectFailure], 1, "503 UF"),
        (retries(2, "503"), &[status(503), ConnectFailure], 2, "503 UF"),
        (defaults.clone(), &[ConnectFailure, ConnectFailure, ConnectFailure], 3, "503 URX,UF"),
        (defaults.clone(), &[ConnectFailure, status(200)], 2, "200"),
        (defaults.clone(), &[ConnectFailure, Overflow], 2, "503 UO"),
        (defaults.clone(), &[ConnectFailure, NoHost], 2, "503 UH"),
        (defaults, &[status(503)], 1, "503"),
        (Some(RetryPolicy::istio(Release(23), false)), &[status(503), status(503), status(200)], 3, "200"),
        (retries(0, "5xx"), &[status(503)], 1, "503"),
        (None, &[ConnectFailure], 1, "503 UF"),
    ] {
        assert_eq!(play(policy.as_ref(), &limits(0), results), (attempts, told.to_string()), "{results:?}");
    }
}

#[test]
fn a_retry_that_is_refused_leaves_the_outcome_with_the_flag_of_overflow() {
    let nothing = Thresholds::new(WrittenLimits::default(), Defaults::Istio, Some(RetryBudget::new(0.0, 0).unwrap()));
    for (result, told) in [(status(503), "503 UO"), (status(500), "500 UO"), (PerTryTimeout, "504 UO,UT"), (ConnectFailure, "503 UO,UF")] {
        assert_eq!(play(retries(2, "5xx").as_ref(), &nothing, &[result]), (1, told.to_string()));
    }
}

#[test]
fn the_slot_of_a_retry_is_held_until_its_outcome_and_may_be_taken_again() {
    let policy = retries(2, "5xx");
    let (policy, thresholds, mut counters) = (policy.as_ref(), limits(1), Counters::default());
    let (mut a, mut b, mut c) = (RetryState::start(policy), RetryState::start(policy), RetryState::start(policy));
    let mut ended = |state: &mut RetryState, status: u16| {
        let verdict = state.attempt_ended(policy, AttemptResult::Response(Response::status(status)), &thresholds, &mut counters, 7);
        (verdict, counters.retries)
    };
    let again = Verdict::Retry { after: Nanos::from_millis(7) };
    let refused = Verdict::Final(Outcome::answered(503).with(Flag::UO));
    assert_eq!(ended(&mut a, 503), (again, 1));
    assert_eq!(ended(&mut b, 503), (refused, 1), "the slot is A's, in its back-off as in its attempt");
    assert_eq!(ended(&mut a, 503), (again, 1), "A gives its slot back and takes it again");
    assert_eq!(ended(&mut a, 200), (Verdict::Final(Outcome::OK), 0));
    assert_eq!(ended(&mut c, 503), (again, 1));
    let mut counters = Counters { retries: 1, ..Counters::default() };
    c.end(&mut counters);
    c.end(&mut counters);
    assert_eq!(counters.retries, 0, "given back once");
}

#[test]
fn waits_grow_from_retry_to_retry() {
    let policy = retries(6, "5xx");
    let (policy, thresholds, mut counters) = (policy.as_ref(), limits(0), Counters::default());
    let mut state = RetryState::start(policy);
    let waits: Vec<Verdict> = (0..6).map(|_| state.attempt_ended(policy, status(503), &thresholds, &mut counters, 24_999)).collect();
    assert_eq!(waits, [24, 49, 99, 199, 249, 249].map(|millis| Verdict::Retry { after: Nanos::from_millis(millis) }));
    assert_eq!(state.made(), 6);
}

#[test]
fn what_is_written_replaces_the_default_field_by_field() {
    let default = RetryPolicy::istio(Release::default(), false);
    assert_eq!(RetryPolicy::of(None, Release::default(), false), Some(default.clone()));
    assert_eq!(RetryPolicy::of(Some(&WrittenRetries::default()), Release::default(), false), None, "`retries: {{}}`");
    assert!(!RetryPolicy::istio(Release::default(), true).avoids_previous_hosts, "a retry goes where the hash says");
    let written = WrittenRetries { attempts: 3, ..WrittenRetries::default() };
    let policy = RetryPolicy::of(Some(&written), Release(23), false).unwrap();
    assert_eq!((policy.num_retries, policy.on), (3, RetryOn::istio(true)));
    let written = WrittenRetries {
        per_try_timeout: Some(Nanos::from_secs(2)),
        retry_on: Some(RetryOn::parse("reset").unwrap().on),
        retry_remote_localities: true,
        retry_ignore_previous_hosts: Some(false),
        back_off: Some(BackOff::new(Nanos::from_millis(100), None).unwrap()),
        ..written
    };
    let policy = RetryPolicy::of(Some(&written), Release::default(), false).unwrap();
    assert_eq!((policy.per_try_timeout, policy.previous_priorities), (written.per_try_timeout, Some(2)));
    assert_eq!((policy.on.codes.len(), policy.avoids_previous_hosts), (0, false));
    assert_eq!(policy.back_off.bound(9), Nanos::from_secs(1));
    assert_eq!(policy.host_selection_retries, 5);
}

#[test]
fn a_servers_sidecar_repairs_connections_and_nothing_else() {
    for (release, grpc, there) in [(Release(23), false, false), (Release(24), false, true), (Release(24), true, false)] {
        assert_eq!(RetryPolicy::inbound(release, grpc).is_some(), there, "{release:?}");
    }
    let inbound = RetryPolicy::inbound(Release::default(), false).unwrap();
    assert_eq!(inbound.num_retries, 2);
    assert!(inbound.on.wants(ConnectFailure));
    assert!(inbound.on.wants(AttemptResult::Reset { by: ResetBy::ConnectionClosed, request_sent: false }));
    assert!(!inbound.on.wants(AttemptResult::Reset { by: ResetBy::ConnectionClosed, request_sent: true }));
    assert!(!inbound.on.wants(status(503)));
}

#[test]
fn a_retry_asks_six_times_for_a_host_that_was_not_tried() {
    let avoiding = RetryPolicy::istio(Release::default(), false);
    let plain = RetryPolicy::istio(Release::default(), true);
    for (policy, tried, picks, host, asked) in [
        (Some(&avoiding), &[][..], &[Some(1)][..], Some(1), 1),
        (Some(&avoiding), &[1], &[Some(2)], Some(2), 1),
        (Some(&avoiding), &[1], &[Some(1), Some(1), Some(2)], Some(2), 3),
        (Some(&avoiding), &[1, 2], &[Some(1), Some(2), Some(1), Some(2), Some(1), Some(2)], Some(2), 6),
        (Some(&avoiding), &[1, 2], &[Some(1), Some(2), Some(1), Some(2), Some(1), Some(3)], Some(3), 6),
        (Some(&avoiding), &[1], &[None], None, 1),
        (Some(&plain), &[1], &[Some(1)], Some(1), 1),
        (None, &[1], &[Some(1)], Some(1), 1),
    ] {
        let mut picks_made = 0;
        let chosen = choose_host(policy, tried, || {
            picks_made += 1;
            picks[picks_made - 1]
        });
        assert_eq!((chosen, picks_made), (host, asked), "{tried:?} {picks:?}");
    }
}

fn any_result() -> impl Strategy<Value = AttemptResult> {
    prop_oneof![
        Just(status(200)),
        Just(status(503)),
        Just(status(404)),
        Just(ConnectFailure),
        Just(PerTryTimeout),
        Just(Overflow),
        Just(NoHost),
        Just(AttemptResult::RefusedStream),
    ]
}

proptest! {
    #![proptest_config(crate::base::cases::cases(1000))]

    #[test]
    fn retries_in_progress_are_those_that_hold_a_slot(
        attempts in 0u32..4,
        max_retries in 0u32..4,
        events in prop::collection::vec((0usize..6, any_result(), any::<bool>(), any::<u64>()), 1..200),
    ) {
        let policy = retries(attempts, "5xx");
        let (policy, thresholds) = (policy.as_ref(), limits(max_retries));
        let mut counters = Counters::default();
        let mut requests = [RetryState::start(policy); 6];
        for (which, result, gone, random) in events {
            if gone {
                requests[which].end(&mut counters);
                requests[which] = RetryState::start(policy);
            } else {
                match requests[which].attempt_ended(policy, result, &thresholds, &mut counters, random) {
                    Verdict::Final(_) => requests[which] = RetryState::start(policy),
                    Verdict::Retry { after } => prop_assert!(after < Nanos::from_millis(250)),
                }
            }
            prop_assert_eq!(counters.retries as usize, requests.iter().filter(|request| request.holds_slot).count());
            prop_assert!(counters.retries <= thresholds.max_retries);
            prop_assert!(requests.iter().all(|request| request.made <= attempts));
        }
    }
}

#[test]
fn a_late_try_is_hedged_whatever_the_conditions_and_as_often_as_there_are_retries() {
    let policy = RetryPolicy { num_retries: 2, hedges: true, ..RetryPolicy::istio(Release(24), false) };
    let (thresholds, mut counters) = (Thresholds::new(WrittenLimits::default(), Defaults::Istio, None), Counters::default());
    let mut state = RetryState::start(Some(&policy));
    for retry in 1..=2 {
        assert!(matches!(state.hedge(&policy, &thresholds, &mut counters, 0), Verdict::Retry { .. }));
        assert_eq!((state.made(), counters.retries), (retry, 1), "one slot is held, however many go on");
    }
    let last = state.hedge(&policy, &thresholds, &mut counters, 0);
    assert!(matches!(last, Verdict::Final(noted) if noted.flags.contains(Flag::URX)), "{last:?}");
    assert_eq!(counters.retries, 0);
}

#[test]
fn priorities_are_left_out_at_whole_numbers_of_updates() {
    let policy = |often| RetryPolicy { previous_priorities: often, ..RetryPolicy::istio(Release(24), false) };
    for (often, tried, left_out) in [
        (None, &[0, 0, 1][..], 0),
        (Some(2), &[0], 0),
        (Some(2), &[0, 0], 0b1),
        (Some(2), &[0, 0, 1], 0b1),
        (Some(2), &[0, 0, 1, 2], 0b111),
        (Some(1), &[2], 0b100),
    ] {
        assert_eq!(policy(often).priorities_left_out(tried.iter().copied()), left_out, "{often:?} {tried:?}");
    }
}
