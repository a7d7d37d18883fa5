//! Requests followed attempt by attempt: what is told is what happened, and following them changes nothing.

use crate::support::*;
use brownout::analysis::traces::{RequestTrace, traces};
use brownout::observe::watch::Wish;
use brownout::world::{Control, run as run_world};

/// The first answer takes too long, the second is refused by the callee's full queue, the third comes.
const TRIES: &str = "
duration: 10s
clients: {c: {target: a.e, arrivals: trace(1s+5s.csv), policy: p}}
policies: {p: {timeout: 100ms, retry: {attempts: 3, backoff: {initial: 50ms, jitter: none}}, circuitBreaker: {consecutiveFailures: 3, openFor: 1s}}}
services: {a: {endpoints: {e: [{work: 10ms}]}}}
faults: {slow: {at: 900ms, for: 300ms, slow: {service: a, factor: 20}}}
";

fn traced(yaml: &str, trace: u32) -> (Vec<RequestTrace>, u64) {
    let topology = compiled(yaml);
    let recording = run_world(&topology, topology.seed, Control { wish: Some(&Wish::first(trace)), ..Control::default() })
        .expect("no limit is reached");
    (traces(&topology, &recording), recording.fingerprint)
}

#[test]
fn every_attempt_is_told_with_its_host_times_and_outcome() {
    let (traces, _) = traced(TRIES, 2);
    let told = |t: &RequestTrace| {
        let attempt = |a: &brownout::analysis::traces::AttemptTrace| {
            let after = |at: f64| ((at - t.offered) * 1e3).round() as u64;
            format!("{} {}-{} {}", a.host.clone().unwrap_or_default(), after(a.sent), after(a.ended.unwrap()), a.outcome.clone().unwrap())
        };
        t.attempts.iter().map(attempt).collect::<Vec<_>>()
    };
    assert_eq!(told(&traces[0]), ["a-0 0-100 504 UT", "a-0 150-250 504 UT", "a-0 350-360 200"]);
    assert_eq!(told(&traces[1]), ["a-0 0-10 200"]);
    assert_eq!((traces[0].client.as_str(), traces[0].number, traces[0].outcome.as_deref()), ("c", 0, Some("200")));
}

#[test]
fn a_try_that_is_not_sent_is_told_without_a_host() {
    let model = TRIES.replace("consecutiveFailures: 3", "consecutiveFailures: 1");
    let (traces, _) = traced(&model, 1);
    let outcomes = |traces: &[RequestTrace]| {
        let told = traces[0].attempts.iter().map(|a| (a.host.is_some(), a.outcome.clone().unwrap()));
        told.collect::<Vec<_>>()
    };
    // A breaker's refusal is not retried by default.
    assert_eq!(outcomes(&traces), [(true, "504 UT".into()), (false, "503 UO".into())]);
    let model = model.replace("attempts: 3,", "attempts: 3, on: [timeout, breakerOpen],");
    let (traces, _) = traced(&model, 1);
    assert_eq!(outcomes(&traces), [(true, "504 UT".into()), (false, "503 UO".into()), (false, "503 UO".into())]);
}

#[test]
fn following_requests_changes_nothing_and_stops_at_the_number_asked_for() {
    let (none, without) = traced(TRIES, 0);
    let (one, with) = traced(TRIES, 1);
    assert_eq!((none.len(), one.len()), (0, 1));
    assert_eq!(without, with);
}
