//! What is followed, what of it is kept, and that spans are told of the request that they belong to.

use super::*;
use crate::observe::watch::sampling::Shape;

const CLIENT: ClientId = ClientId(0);
const EDGE: EdgeId = EdgeId(0);

fn watch(sampling: Sampling) -> Watch {
    let shape = Shape { clients: 1, duration: Nanos::from_secs(60), around: vec![(Instant::from_secs(10), Instant::from_secs(12))] };
    Watch::new(&sampling, shape, None)
}

/// A client's request begins, and its call.
fn client_calls(watch: &mut Watch, call: u32, number: u64, now: Instant) {
    let request = watch.request_begins(CLIENT, number, true, now);
    match request.is_none() {
        true => watch.call_begins_unseen(call),
        false => watch.call_begins(call, request, EDGE, 7, now),
    }
}

/// A request with one call and one attempt, in the same slots each time.
fn request(watch: &mut Watch, number: u64, began: Instant, took: Nanos, outcome: Outcome) {
    client_calls(watch, 0, number, began);
    watch.sent(0, 0, (EDGE, ServiceId(0)), ReplicaId(3), false, began);
    if watch.arrives(0, began) {
        watch.is_served(0, EndpointId(0), ReplicaId(3), true, began);
    }
    watch.answers(0, began + took, outcome);
    watch.over(0, true, began + took, outcome);
    watch.call_ends(0, began + took, outcome);
}

#[test]
fn only_the_first_requests_are_followed_and_an_attempt_ends_once() {
    let mut watch = watch(Sampling::First(1));
    request(&mut watch, 7, Instant(5), Nanos(4), Outcome::TIMEOUT);
    request(&mut watch, 8, Instant(50), Nanos(4), Outcome::OK);
    watch.over(0, true, Instant(70), Outcome::OK);
    let (traces, _) = watch.finish();
    let [traced] = &traces[..] else { panic!("one was wanted") };
    assert_eq!((traced.number, traced.ended), (7, Some((Instant(9), Outcome::TIMEOUT))));
    let kinds: Vec<_> = traced.spans.iter().map(|span| (span.parent, span.ended)).collect();
    let ended = Some((Instant(9), Outcome::TIMEOUT));
    assert_eq!(kinds, [(None, ended), (Some(0), ended), (Some(1), ended)], "call, attempt, served");
}

#[test]
fn of_the_tail_the_slowest_the_failed_and_a_typical_request_are_kept() {
    let mut watch = watch(Sampling::Tail);
    for number in 0..1000u64 {
        let outcome = if number % 100 == 50 { Outcome::TIMEOUT } else { Outcome::OK };
        // All of the same part of the run; a thousandth of it.
        request(&mut watch, number, Instant(number), Nanos(1 + number * 7919 % 1000), outcome);
    }
    let (traces, left_out) = watch.finish();
    let kept: Vec<Kept> = traces.iter().map(|trace| trace.kept).collect();
    let count = |what| kept.iter().filter(|kept| **kept == what).count();
    assert_eq!((count(Kept::Slow), count(Kept::Failed), count(Kept::Typical), kept.len(), left_out), (2, 1, 1, 4, 0));
    let took = |trace: &Trace| trace.ended.expect("it ended").0.since(trace.offered).0;
    let slow: Vec<u64> = traces.iter().filter(|t| t.kept == Kept::Slow).map(took).collect();
    assert!(slow.iter().all(|took| *took >= 998), "{slow:?}");
    assert!(traces.iter().all(|trace| trace.spans.len() == 3), "a place that is used again begins anew");
}

#[test]
fn late_work_of_a_request_that_was_dropped_is_not_told_of_another() {
    let mut watch = watch(Sampling::Tail);
    for (number, took) in [(0, 10), (1, 90), (2, 80)] {
        request(&mut watch, number, Instant(number), Nanos(took), Outcome::OK);
    }
    // Dropped, while a replica still works for it, in slot 5.
    client_calls(&mut watch, 1, 3, Instant(100));
    watch.sent(1, 5, (EDGE, ServiceId(0)), ReplicaId(0), false, Instant(100));
    watch.call_ends(1, Instant(101), Outcome::OK);
    // Takes its place.
    request(&mut watch, 4, Instant(200), Nanos(95), Outcome::OK);
    assert!(watch.arrives(5, Instant(300)), "nobody has told the job");
    watch.is_served(5, EndpointId(0), ReplicaId(0), true, Instant(300));
    let (traces, _) = watch.finish();
    assert!(traces.iter().all(|trace| trace.spans.len() == 3), "{traces:?}");
    assert!(traces.iter().any(|trace| trace.number == 4) && traces.iter().all(|trace| trace.number != 3));
}

#[test]
fn what_is_offered_around_a_fault_is_kept() {
    let mut watch = watch(Sampling::AroundFault(FaultId(0)));
    for second in [9, 10, 11, 12] {
        request(&mut watch, second, Instant::from_secs(second), Nanos(5), Outcome::OK);
    }
    let numbers: Vec<u64> = watch.finish().0.iter().map(|trace| trace.number).collect();
    assert_eq!(numbers, [10, 11]);
}

#[test]
fn a_share_is_kept_whatever_comes_of_it() {
    let mut watch = watch(Sampling::Share(0.25));
    for number in 0..4000 {
        request(&mut watch, number, Instant(number), Nanos(5), Outcome::OK);
    }
    let kept = watch.finish().0.len();
    assert!((900..1100).contains(&kept), "{kept} of 4000");
}

#[test]
fn a_message_is_linked_to_the_span_that_published_it() {
    let mut watch = watch(Sampling::First(1));
    request(&mut watch, 9, Instant(0), Nanos(5), Outcome::OK);
    watch.publishes(0, 77);
    watch.delivers(4, (9, 77), 2, 1, false, Instant(20));
    watch.settles(4, Instant(30), Outcome::OK);
    watch.delivers(4, (9, 78), 2, 1, true, Instant(40));
    let (traces, _) = watch.finish();
    let deliveries: Vec<_> = traces[0].spans.iter().filter(|span| matches!(span.what, SpanKind::Delivery { .. })).collect();
    let SpanKind::Delivery { published, .. } = deliveries[0].what else { unreachable!() };
    assert_eq!((published, deliveries[0].ended), (Some(2), Some((Instant(30), Outcome::OK))));
    let SpanKind::Delivery { published, .. } = deliveries[1].what else { unreachable!() };
    assert_eq!((published, deliveries[1].ended), (None, None), "another message");
}
