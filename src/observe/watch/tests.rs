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

/// Kind, end in nanoseconds and, of what is served or asks for a permit, when it was taken up or got.
fn spans(watch: &mut Watch) -> Vec<(&'static str, Option<u64>, Option<u64>)> {
    let (traces, _) = watch.finish();
    let told = traces[0].spans.iter().map(|span| {
        let (kind, got) = match span.what {
            SpanKind::Call { .. } => ("call", None),
            SpanKind::Attempt { .. } => ("attempt", None),
            SpanKind::Served { started, .. } => ("served", started),
            SpanKind::Backoff { .. } => ("backoff", None),
            SpanKind::Permit { got, .. } => ("permit", got),
            SpanKind::Delivery { .. } => ("delivery", None),
        };
        (kind, span.ended.map(|(at, _)| at.0), got.map(|at| at.0))
    });
    told.collect()
}

#[test]
fn what_waits_for_a_worker_and_for_a_permit_is_told_with_when_it_got_them_and_when_it_was_over() {
    let mut watch = watch(Sampling::All);
    client_calls(&mut watch, 0, 1, Instant(0));
    watch.sent(0, 0, (EDGE, ServiceId(0)), ReplicaId(3), false, Instant(0));
    assert!(watch.arrives(0, Instant(1)));
    watch.is_served(0, EndpointId(0), ReplicaId(3), false, Instant(1));
    watch.starts(0, Instant(5));
    watch.asks_permit(0, PoolId(0), false, Instant(6));
    watch.gets_permit(0, Instant(8));
    watch.leaves_permit(0, Instant(9), Outcome::OK);
    watch.asks_permit(0, PoolId(0), true, Instant(10));
    // A part of it calls on its behalf.
    watch.part_of(7, 0);
    let above = watch.of_job(7);
    watch.call_begins(1, above, EDGE, 3, Instant(11));
    watch.call_ends(1, Instant(12), Outcome::OK);
    watch.stops(0, Instant(13), Outcome::GIVEN_UP);
    watch.over(0, true, Instant(14), Outcome::TIMEOUT);
    watch.call_ends(0, Instant(15), Outcome::TIMEOUT);
    let expected = [
        ("call", Some(15), None),
        ("attempt", Some(14), None),
        ("served", Some(13), Some(5)),
        ("permit", Some(9), Some(8)),
        ("permit", Some(13), Some(10)),
        ("call", Some(12), None),
    ];
    assert_eq!(spans(&mut watch), expected, "whoever is stopped holds nothing any more");
}

#[test]
fn a_pause_lasts_as_long_as_planned_unless_its_call_ends_before() {
    for (ends, pause) in [(50, 30), (20, 20)] {
        let mut watch = watch(Sampling::All);
        client_calls(&mut watch, 0, 1, Instant(0));
        watch.refused(0, EDGE, Instant(5), Outcome::BREAKER_OPEN);
        watch.backs_off(0, EDGE, Instant(10), Instant(30));
        watch.call_ends(0, Instant(ends), Outcome::DEADLINE);
        assert_eq!(spans(&mut watch), [("call", Some(ends), None), ("attempt", Some(5), None), ("backoff", Some(pause), None)]);
    }
}

#[test]
fn only_requests_of_the_measured_time_are_among_the_first() {
    let mut watch = watch(Sampling::First(1));
    assert!(watch.request_begins(CLIENT, 0, false, Instant(0)).is_none());
    assert!(!watch.request_begins(CLIENT, 1, true, Instant(1)).is_none());
}

#[test]
fn what_had_no_answer_is_kept_as_failed_the_oldest_of_its_part() {
    let mut watch = watch(Sampling::Tail);
    for number in 0..9u64 {
        client_calls(&mut watch, number as u32, number, Instant(100 - number));
    }
    let (traces, _) = watch.finish();
    let told: Vec<(u64, Kept)> = traces.iter().map(|trace| (trace.number, trace.kept)).collect();
    assert_eq!(told, [8, 7, 6, 5].map(|number| (number, Kept::Failed)), "in the order in which they were offered");
}

#[test]
fn of_every_part_and_client_each_way_to_fail_is_kept_once_and_no_more_than_four() {
    let shape = Shape { clients: 2, duration: Nanos::from_secs(60), around: Vec::new() };
    let mut watch = Watch::new(&Sampling::Tail, shape, None);
    let outcomes = [Outcome::DEGRADED, Outcome::TIMEOUT, Outcome::TIMEOUT, Outcome::RESET, Outcome::DEADLINE, Outcome::BREAKER_OPEN];
    let mut number = 0;
    for (second, client) in [(0, 0), (30, 0), (30, 1)] {
        for outcome in outcomes {
            let (began, ended) = (Instant::from_secs(second) + Nanos(number), Instant::from_secs(second) + Nanos(number + 1));
            // The lower bits of a request's number count its client's requests.
            let place = watch.request_begins(ClientId(client), u64::from(client) << 40 | number, true, began);
            watch.call_begins(0, place, EDGE, 7, began);
            watch.call_ends(0, ended, outcome);
            number += 1;
        }
    }
    let (traces, _) = watch.finish();
    let count = |kept, client| traces.iter().filter(|trace| trace.kept == kept && trace.client == ClientId(client)).count();
    assert_eq!([0, 1].map(|client| (count(Kept::Degraded, client), count(Kept::Failed, client))), [(2, 6), (1, 3)]);
}

#[test]
fn a_delivery_that_is_tried_again_in_place_ends_when_it_is_settled_last() {
    let mut watch = watch(Sampling::First(1));
    request(&mut watch, 9, Instant(0), Nanos(5), Outcome::OK);
    watch.publishes(0, 77);
    watch.delivers(4, (9, 77), 2, 1, true, Instant(20));
    watch.settles(4, Instant(30), Outcome::QUEUE_FULL);
    watch.settles(4, Instant(40), Outcome::OK);
    let (traces, _) = watch.finish();
    let delivery = traces[0].spans.last().unwrap();
    assert_eq!(delivery.ended, Some((Instant(40), Outcome::OK)));
    assert!(matches!(delivery.what, SpanKind::Delivery { redelivered: true, .. }));
}

/// What each reporter counted of one attempt: outcome, requests and nanoseconds.
fn metered(of: impl Fn(&mut Watch)) -> Vec<(meters::Reporter, Outcome, u64, u128)> {
    let meters = Some(Meters::new(1, Nanos::from_secs(10)));
    let mut watch = Watch::new(&Sampling::Nothing, Shape { clients: 1, ..Shape::default() }, meters);
    watch.call_begins_unseen(0);
    watch.sent(0, 0, (EDGE, ServiceId(0)), ReplicaId(3), false, Instant(0));
    of(&mut watch);
    let telemetry = watch.meters.take().unwrap().finish(Instant(100));
    telemetry.counters.iter().map(|c| (c.reporter, c.outcome, c.scrapes[0].requests, c.scrapes[0].nanos)).collect()
}

#[test]
fn both_proxies_count_an_attempt_once_each_from_where_they_stand() {
    use meters::Reporter::{Destination, Source};
    let answered = metered(|watch| {
        watch.arrives(0, Instant(2));
        watch.answers(0, Instant(8), Outcome::OK);
        watch.over(0, true, Instant(10), Outcome::OK);
        watch.over(0, true, Instant(11), Outcome::OK);
    });
    assert_eq!(answered, [(Source, Outcome::OK, 1, 10), (Destination, Outcome::OK, 1, 6)]);
    // The callee's sees its caller go, once, and no answer after that; nothing if it has not come so far.
    for gone in [Outcome::TIMEOUT, Outcome::DEADLINE, Outcome::GIVEN_UP] {
        let left = metered(|watch| {
            watch.arrives(0, Instant(2));
            watch.over(0, true, Instant(10), gone);
            watch.answers(0, Instant(15), Outcome::OK);
        });
        assert_eq!(left, [(Source, gone, 1, 10), (Destination, gone, 1, 8)]);
        assert_eq!(metered(|watch| watch.over(0, true, Instant(10), gone)), [(Source, gone, 1, 10)]);
    }
    let answer_lost = metered(|watch| {
        watch.arrives(0, Instant(2));
        watch.answers(0, Instant(8), Outcome::OK);
        watch.over(0, true, Instant(10), Outcome::TIMEOUT);
    });
    assert_eq!(answer_lost, [(Source, Outcome::TIMEOUT, 1, 10), (Destination, Outcome::OK, 1, 6)], "the answer that nobody read counts");
    let proxied = metered(|watch| {
        watch.over(0, false, Instant(10), Outcome::OK);
        watch.enters_proxy(0, Instant(3));
        watch.leaves_proxy(0, EDGE, Instant(12), Outcome::OK);
    });
    assert_eq!(proxied, [(Source, Outcome::OK, 1, 9)], "where the caller has a proxy, it counts and not its library");
}
