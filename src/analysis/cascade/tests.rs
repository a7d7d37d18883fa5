//! Which story is told of recorded causes, whatever else happened at the same time.

use super::*;
use crate::analysis::sample;
use crate::base::id::*;
use crate::base::outcome::Outcome;
use crate::base::time::Instant;
use crate::observe::episode::{Cause, Episode, Place, Trouble};
use crate::observe::recording::FaultSpan;
use crate::observe::span::{Kept, Span, SpanKind, Trace};

fn episode(place: Place, trouble: Trouble, at: u64, count: u64, because: u16, root: u16) -> Episode {
    let began = Instant::from_secs(at);
    let because = Cause(because);
    Episode { place, trouble, began, last: began, count, because, mainly: because, lead: count, root: Cause(root), load: Cause::NONE }
}

const CLIENT: Place = Place::Client(ClientId(0));

fn edge(i: u32) -> Place {
    Place::Edge(EdgeId(i))
}

/// Two faults; the second began in the middle of what the first led to.
fn two_faults() -> (Topology, Recording) {
    let mut topology = sample::shop(4);
    topology.faults.push(crate::topology::Fault { name: "pause".into(), services: vec![ServiceId(0)], ..topology.faults[0].clone() });
    let mut recording = sample::record::slow_db(None);
    recording.faults.push(FaultSpan { fault: FaultId(1), began: Instant::from_secs(70), ended: Some(Instant::from_secs(80)) });
    recording.episodes = vec![
        episode(Place::Fault(FaultId(0)), Trouble::Fault, 60, 1, 0, 1),
        episode(edge(2), Trouble::Timeouts, 61, 500, 1, 1),
        episode(Place::Fault(FaultId(1)), Trouble::Fault, 70, 1, 0, 3),
        episode(edge(0), Trouble::Timeouts, 71, 9000, 3, 3),
        episode(CLIENT, Trouble::RequestsFail, 71, 9000, 4, 3),
        episode(CLIENT, Trouble::RequestsFail, 72, 400, 2, 1),
    ];
    (topology, recording)
}

#[test]
fn the_fault_with_the_worst_consequences_is_told_and_the_other_named() {
    let (topology, recording) = two_faults();
    let cascade = tell(&topology, &recording);
    assert_eq!(cascade.origin.as_deref(), Some("pause"));
    let told: Vec<&str> = cascade.steps.iter().map(|step| step.who.as_str()).collect();
    assert_eq!(told, ["pause", "shoppers -> gateway.checkout", "shoppers"], "steps follow causes, not the clock");
    assert!(cascade.verdict.iter().any(|s| s == "Requests also failed because of slow-db (400)."), "{:?}", cascade.verdict);
    assert_eq!(cascade.hit, ["orders", "shoppers"], "what the faults touch themselves does not count");
}

#[test]
fn a_step_points_to_the_nearest_step_shown_behind_it() {
    let (topology, mut recording) = two_faults();
    // A single connection failure between the two: too small to tell.
    recording.episodes.push(episode(edge(1), Trouble::ConnectFailures, 71, 1, 4, 3));
    recording.episodes.push(episode(edge(1), Trouble::Retries, 71, 8000, 7, 3));
    let cascade = tell(&topology, &recording);
    let retries = cascade.steps.iter().find(|step| step.what.contains("retries")).unwrap();
    assert_eq!(cascade.steps[retries.cause.unwrap()].who, "shoppers -> gateway.checkout");
    assert!(retries.because.as_ref().unwrap().contains("cannot be reached"), "the cause itself is still named: {retries:?}");
    assert_eq!(cascade.more, 1);
}

#[test]
fn what_most_of_it_was_caused_by_is_told_beside_what_it_began_with() {
    let (topology, mut recording) = two_faults();
    recording.episodes.push(episode(edge(1), Trouble::Retries, 71, 8000, 4, 3));
    recording.episodes[4].mainly = Cause(7);
    let cascade = tell(&topology, &recording);
    let failures = cascade.steps.iter().find(|step| step.who == "shoppers").unwrap();
    let because = failures.because.as_ref().unwrap();
    assert!(because.contains("times out") && because.contains("; mainly because gateway.checkout retries"), "{because}");
}

#[test]
fn an_episode_that_comes_again_is_one_step() {
    let (topology, mut recording) = two_faults();
    recording.episodes.push(episode(edge(0), Trouble::Timeouts, 120, 50, 5, 3));
    let cascade = tell(&topology, &recording);
    let step = cascade.steps.iter().find(|step| step.who == "shoppers -> gateway.checkout").unwrap();
    assert_eq!((step.at, step.until, step.count), (71.0, 120.0, 9050));
}

#[test]
fn no_more_than_fifteen_steps_are_told() {
    let mut recording = sample::record::slow_db(None);
    let mut topology = sample::shop(4);
    topology.edges = (0..40).map(|_| topology.edges[0].clone()).collect();
    recording.edges = vec![Default::default(); 40];
    recording.episodes = vec![episode(Place::Fault(FaultId(0)), Trouble::Fault, 60, 1, 0, 1)];
    recording.episodes.extend((0..40).map(|i| episode(edge(i), Trouble::Timeouts, 61 + u64::from(i), 100 + u64::from(i), 1, 1)));
    let cascade = tell(&topology, &recording);
    assert_eq!((cascade.steps.len(), cascade.more), (15, 26));
    assert!(cascade.steps.is_sorted_by_key(|step| step.at), "the weightiest, but in order of time");
    assert_eq!(cascade.steps[1].count, 126);
}

#[test]
fn a_few_failures_by_themselves_are_no_cascade() {
    let mut recording = sample::record::calm();
    recording.episodes = vec![episode(edge(2), Trouble::Timeouts, 50, 3, 0, 1), episode(CLIENT, Trouble::RequestsFail, 50, 3, 1, 1)];
    recording.clients[0].failed = 3;
    let cascade = tell(&sample::shop(4), &recording);
    assert_eq!((cascade.origin, cascade.blast_radius, cascade.steps.len()), (None, Some(0.0), 0));
    assert!(cascade.verdict[0].starts_with("No cascade: 3 of 32k requests failed"), "{:?}", cascade.verdict);
}

#[test]
fn a_fault_that_harmed_nobody_is_told_as_such() {
    let mut recording = sample::record::slow_db(Some(61));
    recording.episodes.truncate(1);
    let cascade = tell(&sample::shop(4), &recording);
    assert_eq!((cascade.origin.as_deref(), cascade.steps.len(), cascade.metastable), (Some("slow-db"), 1, Some(false)));
    assert_eq!(cascade.verdict, ["Nobody else was hit.", "Goodput stayed at its baseline all the time."]);
}

#[test]
fn a_fault_that_never_ends_is_neither_recovered_nor_metastable() {
    let mut recording = sample::record::slow_db(None);
    recording.faults[0].ended = None;
    let cascade = tell(&sample::shop(4), &recording);
    assert_eq!(cascade.metastable, None);
    assert!(cascade.verdict[1].starts_with("It goes on until the end of the run"), "{:?}", cascade.verdict);
}

/// A request of the shop: the client's call, with this outcome, and what a replica served of it.
fn followed(number: u64, second: u64, outcome: Outcome, kept: Kept, replica: u32) -> Trace {
    let ended = Some((Instant::from_secs(second + 1), outcome));
    let span = |parent, what| Span { parent, began: Instant::from_secs(second), ended, what };
    let served = SpanKind::Served { endpoint: EndpointId(0), replica: ReplicaId(replica), started: None };
    let spans = vec![span(None, SpanKind::Call { edge: EdgeId(0), caller: 7 }), span(Some(0), served)];
    Trace { client: ClientId(0), number, offered: Instant::from_secs(second), ended, kept, spans }
}

#[test]
fn a_step_names_a_request_that_met_it_where_and_while_it_lasted() {
    let sampled = |who: &str, sampled: Vec<Trace>| {
        let recording = Recording { sampled, ..sample::record::slow_db(Some(98)) };
        let cascade = tell(&sample::shop(4), &recording);
        let step = cascade.steps.into_iter().find(|step| step.who == who).unwrap();
        step.sample.map(|sample| sample.number)
    };
    let (ok, failed) = (Outcome::OK, Outcome::TIMEOUT);
    let slow = || followed(2, 70, ok, Kept::Slow, 0);
    let of_client = |all: Vec<Trace>| sampled("shoppers", all);
    assert_eq!(of_client(vec![slow(), followed(3, 71, failed, Kept::Failed, 0)]), Some(3), "one that failed");
    assert_eq!(of_client(vec![followed(1, 10, failed, Kept::Failed, 0), slow()]), Some(2), "not one from before");
    assert_eq!(of_client(vec![slow(), followed(4, 150, failed, Kept::Failed, 0)]), Some(2), "not one from after");
    assert_eq!(of_client(vec![slow(), followed(5, 71, ok, Kept::Degraded, 0)]), Some(5), "a fallback rather than a slow answer");
    let elsewhere = followed(6, 70, failed, Kept::Failed, 0);
    assert_eq!(sampled("orders-db", vec![elsewhere, followed(7, 71, ok, Kept::Slow, 6)]), Some(7), "one that was there");
}

#[test]
fn the_evidence_of_a_step_is_what_its_place_did_meanwhile() {
    let mut recording = sample::record::slow_db(Some(98));
    for window in recording.clients[0].windows.iter_mut().filter(|window| window.failed > 0) {
        window.degraded = 50;
    }
    recording.clients[0].windows[80].p99 = 3_000_000_000;
    let cascade = tell(&sample::shop(4), &recording);
    let step = cascade.steps.iter().find(|step| step.who == "shoppers").unwrap();
    let of = |metric: &str| step.evidence.iter().find(|evidence| evidence.metric == metric).map(|e| (e.before.map(f64::round), e.during));
    let goodput = of("goodput").unwrap();
    assert!(goodput.0 == Some(200.0) && (60.0..70.0).contains(&goodput.1), "an answer by a fallback is one: {goodput:?}");
    assert_eq!(of("p99").map(|(_, during)| during), Some(3.0), "the worst window");
}
