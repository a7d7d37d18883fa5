//! Policies: what a caller's library does around a call, and in which order.

use super::support::*;
use brownout::policy::app::Mode::{Closed, HalfOpen, Open};

/// A client that calls `s.get` of these steps at these instants, with a policy.
fn calls(at: &str, steps: &str, policy: &str) -> Ran {
    run(&calling(at, steps, policy, ""))
}

fn calling(at: &str, steps: &str, policy: &str, more: &str) -> String {
    format!(
        "
duration: 300s
clients: {{c: {{target: s.get, arrivals: trace({at}.csv), policy: p}}}}
services:
  s: {{endpoints: {{get: {steps}}}}}
  lite: {{endpoints: {{get: [{{work: 2ms}}]}}}}
policies: {{p: {{{policy}}}}}
{more}"
    )
}

const FAILS: &str = "[{fail: {}}]";

// -- timeout, deadline -----------------------------------------------------------------------------------------------

#[test]
fn a_timeout_is_of_one_attempt_or_of_all_by_the_order() {
    let slow = "[{work: 100ms}]";
    let ran = calls("0s", slow, "timeout: 50ms, retry: {attempts: 3}");
    assert_eq!((ran.took("c"), ran.outcomes("c")), (150.0, "504 UT: 1".into()));
    assert_eq!((ran.call("c -> s.get").attempts, ran.call("c -> s.get").retries.app), (3, 2));
    let ran = calls("0s", slow, "timeout: 50ms, retry: {attempts: 3}, order: [timeout, retry]");
    assert_eq!((ran.took("c"), ran.call("c -> s.get").attempts), (50.0, 1));
    let ran = calls(
        "0s",
        "[{work: 20ms}, {fail: {}}]",
        "timeout: 50ms, retry: {attempts: 9, backoff: {initial: 10ms, factor: 1}}, order: [timeout, retry]",
    );
    assert_eq!((ran.took("c"), ran.call("c -> s.get").attempts, ran.outcomes("c")), (50.0, 2, "504 UT: 1".into()));
}

#[test]
fn a_deadline_is_of_the_whole_call_with_its_waits() {
    let ran = calls("0s", "[{work: 100ms}]", "timeout: 50ms, deadline: 120ms, retry: {attempts: 9}");
    assert_eq!((ran.took("c"), ran.call("c -> s.get").attempts), (120.0, 3));
    // Given up in a back-off: the retry that was announced is never sent.
    let ran = calls("0s", FAILS, "deadline: 120ms, retry: {attempts: 9, backoff: {initial: 50ms}}");
    assert_eq!((ran.took("c"), ran.call("c -> s.get").attempts, ran.outcomes("c")), (120.0, 2, "504 UT: 1".into()));
}

#[test]
fn a_deadline_that_propagates_binds_the_callees_calls() {
    let chain = |propagate: bool| {
        run(&format!(
            "
duration: 10s
clients: {{c: {{target: a.get, arrivals: trace(0s.csv), policy: p}}}}
services:
  a: {{endpoints: {{get: [{{work: 10ms}}, {{call: b.get}}, {{call: b.get}}]}}}}
  b: {{endpoints: {{get: [{{call: d.get, policy: own}}]}}}}
  d: {{endpoints: {{get: [{{work: 100ms}}]}}}}
policies: {{p: {{deadline: {{after: 50ms, propagate: {propagate}}}}}, own: {{timeout: 1s}}}}"
        ))
    };
    let ran = chain(true);
    assert_eq!((ran.took("c"), ran.call_outcomes("a.get -> b.get")), (50.0, "504 UT: 1".into()));
    assert_eq!(ran.call_outcomes("b.get -> d.get"), "504 UT: 1");
    assert_eq!(ran.call("b.get -> d.get").latency.max, Some(0.04));
    let ran = chain(false);
    assert_eq!((ran.took("c"), ran.call_outcomes("a.get -> b.get")), (50.0, "200: 2".into()));
}

#[test]
fn a_call_whose_deadline_has_passed_is_not_sent() {
    let ran = run("
duration: 10s
clients: {c: {target: a.get, arrivals: trace(0s.csv), policy: p}}
services:
  a: {endpoints: {get: [{work: 100ms}, {call: b.get}]}}
  b: {endpoints: {get: [{work: 100ms}]}}
policies: {p: {deadline: {after: 50ms, propagate: true}}}");
    assert_eq!(ran.call_outcomes("a.get -> b.get"), "504 UT: 1");
    assert_eq!((ran.call("a.get -> b.get").attempts, ran.service("b").requests), (0, 0));
}

#[test]
fn a_fallback_outside_a_deadline_has_its_own_time() {
    let ran = calls("0s", "[{work: 100ms}]", "deadline: 50ms, fallback: {call: lite.get}");
    assert_eq!((ran.took("c"), ran.client("c").degraded), (52.0, 1));
    let ran = calls("0s", "[{work: 49ms}, {fail: {}}]", "deadline: 50ms, fallback: {call: lite.get}, order: [deadline, fallback]");
    assert_eq!((ran.took("c"), ran.outcomes("c")), (50.0, "504 UT: 1".into()));
}

// -- retry -----------------------------------------------------------------------------------------------------------

#[test]
fn attempts_count_all_tries_and_waits_follow_the_back_off() {
    for (backoff, attempts, took) in [
        ("{initial: 10ms, factor: 1}", 3, 20.0),
        ("{initial: 10ms}", 4, 70.0),
        ("{initial: 10ms, max: 20ms}", 5, 70.0),
        ("{initial: 10ms, factor: 1.5}", 4, 47.5),
        ("{}", 7, 0.0),
    ] {
        let ran = calls("0s", FAILS, &format!("retry: {{attempts: {attempts}, backoff: {backoff}}}"));
        assert_eq!((ran.took("c"), ran.call("c -> s.get").attempts), (took, attempts), "{backoff}");
    }
}

#[test]
fn jitter_stays_within_its_bounds() {
    let range = |jitter: &str, max: &str| {
        let at = (0..200).map(|i| format!("{}ms", i * 1000)).collect::<Vec<_>>().join("+");
        calls(&at, FAILS, &format!("retry: {{attempts: 2, backoff: {{initial: 100ms{max}, jitter: {jitter}}}}}")).range("c")
    };
    let (lo, hi) = range("full", "");
    assert!((0.0..10.0).contains(&lo) && (90.0..100.0).contains(&hi), "{lo} {hi}");
    let (lo, hi) = range("equal", "");
    assert!((50.0..55.0).contains(&lo) && (95.0..100.0).contains(&hi), "{lo} {hi}");
    let (lo, hi) = range("decorrelated", "");
    assert!((100.0..115.0).contains(&lo) && (285.0..300.0).contains(&hi), "{lo} {hi}");
    assert_eq!(range("decorrelated", ", max: 120ms").1, 120.0);
}

#[test]
fn every_wait_is_drawn_anew() {
    let at = (0..200).map(|i| format!("{}ms", i * 1000)).collect::<Vec<_>>().join("+");
    let ran = calls(&at, FAILS, "retry: {attempts: 3, backoff: {initial: 100ms, factor: 1, jitter: full}}");
    // The sum of two: 5 % are above 168 ms; of twice the same, above 190 ms.
    let p95 = ran.client("c").latency.p95.unwrap();
    assert!((0.155..0.18).contains(&p95), "{p95}");
}

#[test]
fn only_listed_failures_are_tried_again() {
    for (status, on, attempts) in [
        (500, "", 3),
        (404, "", 1),
        (429, "", 1),
        (404, ", on: [404]", 3),
        (500, ", on: [timeout]", 1),
        (503, ", on: [503]", 3),
        (429, ", on: [rateLimited]", 3),
    ] {
        let ran = calls("0s", &format!("[{{fail: {{status: {status}}}}}]"), &format!("retry: {{attempts: 3{on}}}"));
        assert_eq!(ran.call("c -> s.get").attempts, attempts, "{status} {on}");
    }
    let ran = calls("0s", FAILS, "retry: {attempts: 3}, notOn: [500]");
    assert_eq!(ran.call("c -> s.get").attempts, 1);
}

#[test]
fn a_budget_bounds_retries_in_progress_or_in_tokens() {
    let five = "0s+0s+0s+0s+0s";
    let ran = calls(five, FAILS, "retry: {attempts: 2, backoff: {initial: 10ms}, budget: {percent: 0%, minConcurrent: 2}}");
    assert_eq!(ran.call("c -> s.get").retries.app, 2);
    // The first two to fail find five calls active, and may make two retries; the others find two in progress.
    let ran = calls(
        five,
        "[{work: 1ms}, {fail: {}}]",
        "retry: {attempts: 2, backoff: {initial: 10ms}, budget: {percent: 40%, minConcurrent: 0}}",
    );
    assert_eq!(ran.call("c -> s.get").retries.app, 2);
    let ran = calls(five, FAILS, "retry: {attempts: 3, budget: {bucket: {size: 10, cost: 3, deposit: 0}}}");
    assert_eq!(ran.call("c -> s.get").retries.app, 3);
    let ran = calls("0s+1s+2s+3s", FAILS, "retry: {attempts: 2, budget: {bucket: {size: 3, cost: 3, deposit: 1.5, on: call}}}");
    assert_eq!(ran.call("c -> s.get").retries.app, 2, "the first, and the third call with two deposits");
    let ran = calls("0s", FAILS, "retry: {attempts: 3, backoff: {initial: 10ms}, budget: {percent: 0%, minConcurrent: 1}}");
    assert_eq!(ran.call("c -> s.get").retries.app, 2, "a retry that has ended makes room for the next");
    let ran = calls("0s+1s", FAILS, "retry: {attempts: 2, budget: {bucket: {size: 5, cost: 5, deposit: 5}}}");
    assert_eq!(ran.call("c -> s.get").retries.app, 1, "a failure brings no deposit");
}

// -- circuit breaker -------------------------------------------------------------------------------------------------

/// Requests at whole seconds from 1 s on, of which those marked F fail.
fn sequence(marks: &str, policy: &str) -> Ran {
    let at: Vec<String> = (0..marks.len()).map(|i| format!("{}s", i + 1)).collect();
    let failing = marks.chars().enumerate().filter(|(_, mark)| *mark == 'F');
    let fault = |(i, _): (usize, char)| format!("f{i}: {{at: {}ms, for: 2ms, errors: {{service: s}}}}", i * 1000 + 999);
    let faults = format!("faults: {{{}}}", failing.map(fault).collect::<Vec<_>>().join(", "));
    run(&calling(&at.join("+"), "[]", policy, &faults))
}

#[test]
fn five_failures_open_the_guides_breaker_for_sixty_seconds() {
    let ran = sequence(&("FFFFSFFFFF".to_string() + &"S".repeat(70)), "circuitBreaker: {consecutiveFailures: 5, openFor: 60s}");
    assert_eq!(ran.breaker("c -> s.get"), [(10_000.0, Open), (70_000.0, HalfOpen), (70_000.0, Closed)]);
    // Refused at 11 s … 69 s.
    assert_eq!(ran.call("c -> s.get").short_circuited, 59);
    assert_eq!(ran.outcomes("c"), "200: 12, 500: 9, 503 UO: 59");
}

#[test]
fn a_probe_is_alone_and_its_failure_opens_for_another_sixty_seconds() {
    let ran = run(&calling(
        "0s+0s+61s+61.005s+61.02s+122s",
        "[{work: 10ms}, {fail: {}}]",
        "circuitBreaker: {consecutiveFailures: 2, openFor: 60s}",
        "",
    ));
    assert_eq!(ran.breaker("c -> s.get"), [(10.0, Open), (60_010.0, HalfOpen), (61_010.0, Open), (121_010.0, HalfOpen), (122_010.0, Open)]);
    assert_eq!(ran.outcomes("c"), "500: 4, 503 UO: 2");
}

#[test]
fn resilience4js_window_opens_at_its_thresholds() {
    let window = "circuitBreaker: {slidingWindow: {size: 10, minimumNumberOfCalls: 5, failureRateThreshold: 50%, waitDurationInOpenState: 10s, permittedNumberOfCallsInHalfOpenState: 3}}";
    assert_eq!(sequence("SFSFF", window).breaker("c -> s.get"), [(5_000.0, Open)]);
    assert_eq!(sequence("SFSFS", window).breaker("c -> s.get"), []);
    assert_eq!(sequence("SFSFSF", window).breaker("c -> s.get"), [(6_000.0, Open)]);
    // Open until after 15 s: the call at 16 s is the first on trial.
    assert_eq!(sequence("SFSFFSSSSSSSSSSFSS", window).breaker("c -> s.get"), [(5_000.0, Open), (16_000.0, HalfOpen), (18_000.0, Closed)]);
    assert_eq!(sequence("SFSFFSSSSSSSSSSFFS", window).breaker("c -> s.get"), [(5_000.0, Open), (16_000.0, HalfOpen), (18_000.0, Open)]);
}

#[test]
fn pythons_breaker_admits_everyone_when_half_open() {
    let python = "circuitBreaker: {consecutiveFailures: 5, openFor: 30s, halfOpenCalls: 1000000}";
    let ran = run(&calling("0s+1s+2s+3s+4s+5s+33.9s+34s+34s+34s+34.02s+63.9s+64.01s", "[{work: 10ms}, {fail: {}}]", python, ""));
    assert_eq!(
        ran.breaker("c -> s.get"),
        [(4_010.0, Open), (34_010.0, HalfOpen), (34_030.0, Open), (64_030.0, HalfOpen)].map(|c| c)[..3].to_vec()
    );
    assert_eq!(ran.outcomes("c"), "500: 6, 503 UO: 7");
}

#[test]
fn what_a_breaker_counts_depends_on_what_is_inside_it() {
    let at = (0..20).map(|i| format!("{i}s")).collect::<Vec<_>>().join("+");
    let as_written =
        "circuitBreaker: {consecutiveFailures: 5}, fallback: {value: none}, timeout: 5s, order: [circuitBreaker, fallback, timeout]";
    for (status, opened) in [(500, 0), (404, 1)] {
        let ran = calls(&at, &format!("[{{fail: {{status: {status}}}}}]"), as_written);
        assert_eq!(ran.call("c -> s.get").breaker_opened, opened, "{status}");
    }
    let ran = calls(&at, "[{fail: {status: 404}}]", &format!("{as_written}, notOn: [404]"));
    assert_eq!((ran.call("c -> s.get").breaker_opened, ran.client("c").ok), (0, 20));
    let ran = calls(&at, FAILS, "circuitBreaker: {consecutiveFailures: 5}, fallback: {value: none}");
    assert_eq!((ran.client("c").degraded, ran.call("c -> s.get").breaker_opened, ran.service("s").requests), (20, 1, 5));
}

#[test]
fn retries_pass_the_breaker_one_by_one() {
    let ran = calls("0s", FAILS, "circuitBreaker: {consecutiveFailures: 2}, retry: {attempts: 5, on: [5xx, breakerOpen]}");
    let call = ran.call("c -> s.get");
    assert_eq!((call.attempts, call.short_circuited, call.retries.app, ran.outcomes("c")), (2, 3, 4, "503 UO: 1".into()));
    let ran = calls("0s+1s", FAILS, "circuitBreaker: {consecutiveFailures: 2}, retry: {attempts: 5}, order: [circuitBreaker, retry]");
    assert_eq!((ran.call("c -> s.get").attempts, ran.call("c -> s.get").breaker_opened), (10, 1));
}

fn scoped(scope: &str) -> Ran {
    run(&format!(
        "
duration: 60s
clients:
  c: {{target: g.get, arrivals: trace(0s+1s+2s+3s.csv), attributes: {{tenant: uniform(n: 1)}}}}
  d: {{target: g.other, arrivals: trace(5s+6s.csv), attributes: {{tenant: uniform(n: 2)}}}}
services:
  g: {{endpoints: {{get: [{{call: s.bad, policy: p}}], other: [{{call: s.good, policy: p}}]}}}}
  s: {{endpoints: {{bad: [{{fail: {{}}}}], good: []}}}}
policies: {{p: {{scope: {scope}, circuitBreaker: {{consecutiveFailures: 2, openFor: 4500ms}}}}}}"
    ))
}

#[test]
fn a_breaker_is_shared_by_scope() {
    // Open from 1 s to 5.5 s.
    for (scope, refused) in [("service", 1), ("endpoint", 0), ("policy", 1)] {
        let ran = scoped(scope);
        assert_eq!(ran.outcomes("c"), "500: 2, 503: 2", "{scope}");
        assert_eq!(ran.call("g.other -> s.good").short_circuited, refused, "{scope}");
    }
}

#[test]
fn a_breaker_that_closes_on_another_call_is_counted_once() {
    let ran = scoped("service");
    let open: Vec<u32> = ran.recording.edges.iter().map(|e| e.windows.iter().map(|w| w.open + w.half_open).max().unwrap()).collect();
    assert_eq!(open.iter().sum::<u32>(), 1);
    assert!(ran.recording.edges.iter().all(|e| e.windows.last().unwrap().open == 0));
}

#[test]
fn every_calling_replica_has_its_own_breaker_with_every_scope() {
    for scope in ["service", "endpoint", "replica", "policy"] {
        let ran = run(&format!(
            "
duration: 60s
clients: {{c: {{target: g.get, arrivals: constant(1/s)}}}}
services:
  g: {{replicas: 2, endpoints: {{get: [{{call: s.get, policy: p}}]}}}}
  s: {{endpoints: {{get: [{{fail: {{}}}}]}}}}
policies: {{p: {{scope: {scope}, circuitBreaker: {{consecutiveFailures: 3}}}}}}"
        ));
        assert_eq!((ran.service("s").requests, ran.call("g.get -> s.get").breaker_opened), (6, 2), "{scope}");
    }
}

#[test]
fn a_breaker_by_replica_shuts_out_the_bad_replica_only() {
    let ran = run("
duration: 60s
clients: {c: {target: s.get, arrivals: constant(1/s), policy: p}}
services: {s: {replicas: 3, endpoints: {get: []}}}
faults: {bad: {at: 0s, errors: {service: s, replica: [1]}}}
policies: {p: {scope: replica, circuitBreaker: {consecutiveFailures: 2, openFor: 1000s}}}");
    assert_eq!(ran.outcomes("c"), "200: 39, 500: 2, 503 UO: 18");
}

#[test]
fn a_retry_inside_a_scope_by_replica_goes_to_another() {
    let ran = run("
duration: 60s
clients: {c: {target: s.get, arrivals: constant(1/s), policy: p}}
services: {s: {replicas: 3, endpoints: {get: []}}}
faults: {bad: {at: 0s, errors: {service: s, replica: [1]}}}
policies: {p: {scope: replica, circuitBreaker: {consecutiveFailures: 2, openFor: 1000s}, retry: {attempts: 2, on: [5xx, breakerOpen]}}}");
    assert_eq!(ran.outcomes("c"), "200: 59");
}

#[test]
fn a_breaker_times_what_is_inside_it() {
    let slow =
        "circuitBreaker: {slidingWindow: {size: 5, minimumNumberOfCalls: 5, slowCallDurationThreshold: 50ms, slowCallRateThreshold: 50%}}";
    for (order, opened) in [("bulkhead, circuitBreaker", vec![]), ("circuitBreaker, bulkhead", vec![(200.0, Open)])] {
        let policy = format!("bulkhead: {{maxConcurrent: 1, maxWait: 10s}}, {slow}, order: [{order}]");
        let ran = calls("0s+0s+0s+0s+0s", "[{work: 40ms}]", &policy);
        assert_eq!(ran.breaker("c -> s.get"), opened, "{order}");
    }
}

#[test]
fn a_call_on_trial_that_is_given_up_decides_nothing_and_makes_room() {
    let ran = run(&calling(
        "0s+11s+12s",
        "[{work: 1ms}]",
        "timeout: 100ms, circuitBreaker: {consecutiveFailures: 1, openFor: 10s}, order: [timeout, circuitBreaker]",
        "faults: {bad: {at: 0s, for: 1ms, errors: {service: s}}, slow: {at: 10s, for: 1500ms, slow: {service: s, factor: 1000}}}",
    ));
    assert_eq!(ran.breaker("c -> s.get"), [(0.0, Open), (10_000.0, HalfOpen), (12_001.0, Closed)]);
    assert_eq!(ran.outcomes("c"), "200: 1, 500: 1, 504 UT: 1");
}

#[test]
fn a_layer_around_retries_stays_with_the_replica_it_was_asked_for() {
    let ran = run("
duration: 60s
clients: {c: {target: s.get, arrivals: constant(1/s), policy: p}}
services: {s: {replicas: 3, endpoints: {get: [{work: 1ms}, {fail: {}}]}}}
policies: {p: {scope: replica, bulkhead: {maxConcurrent: 1}, circuitBreaker: {consecutiveFailures: 100}, retry: {attempts: 3}, order: [bulkhead, circuitBreaker, retry]}}");
    assert_eq!((ran.call("c -> s.get").attempts, ran.outcomes("c")), (177, "500: 59".into()));
}

#[test]
fn a_breaker_by_key_shuts_out_the_bad_tenant_only() {
    let ran = run("
duration: 200s
clients:
  a: {target: s.get, arrivals: constant(4/s), policy: p, attributes: {tenant: uniform(n: 2)}}
  b: {target: s.get, arrivals: constant(4/s), policy: p, attributes: {tenant: uniform(n: 4)}}
services: {s: {endpoints: {get: []}}}
faults: {vip: {at: 0s, errors: {service: s, match: {tenant: 2}}}}
policies: {p: {scope: key(tenant), circuitBreaker: {consecutiveFailures: 5, openFor: 1000s}}}");
    for (client, tenants) in [("a", 2.0), ("b", 4.0)] {
        let c = ran.client(client);
        assert_eq!(c.outcomes.get("500"), Some(&5), "{client}");
        assert!((c.ok as f64 - 799.0 * (1.0 - 1.0 / tenants)).abs() < 60.0, "{client}: {} ok", c.ok);
        assert_eq!(c.ok + c.failed, 799);
    }
}

// -- bulkhead, rate limit, fallback ----------------------------------------------------------------------------------

#[test]
fn a_bulkhead_refuses_or_makes_wait() {
    let work = "[{work: 10ms}]";
    let ran = calls("0s+1ms+2ms+3ms", work, "bulkhead: {maxConcurrent: 2}");
    assert_eq!((ran.outcomes("c"), ran.call("c -> s.get").short_circuited), ("200: 2, 503 UO: 2".into(), 2));
    let ran = calls("0s+1ms+2ms+3ms", work, "bulkhead: {maxConcurrent: 1, maxWait: 20ms}");
    // 10, 19, 28 ms; the fourth has waited 20 ms at 23 ms.
    assert_eq!((ran.outcomes("c"), ran.range("c")), ("200: 3, 503 UO: 1".into(), (10.0, 28.0)));
    assert_eq!(ran.call("c -> s.get").attempts, 3);
    let ran = calls("0s+0s+0s", work, "bulkhead: {maxConcurrent: 1, maxWait: 1s}, timeout: 5ms, order: [timeout, bulkhead]");
    assert_eq!((ran.outcomes("c"), ran.call("c -> s.get").attempts), ("504 UT: 3".into(), 1));
}

#[test]
fn a_rate_limit_refuses_without_asking() {
    let ran = calls("0s+0s+0s+1s", "[]", "rateLimit: {rate: 1/s, burst: 2}");
    assert_eq!((ran.outcomes("c"), ran.service("s").requests), ("200: 3, 429 RL: 1".into(), 3));
}

#[test]
fn a_fallback_answers_degraded_up_to_the_client() {
    let ran = run("
duration: 10s
clients: {c: {target: a.get, arrivals: trace(0s.csv)}}
services:
  a: {endpoints: {get: [{parallel: {branches: [[{work: 1ms}], [{call: b.get}]]}}]}}
  b: {endpoints: {get: [{call: s.get, policy: p}, {work: 3ms}]}}
  s: {endpoints: {get: [{fail: {}}]}}
policies: {p: {fallback: {value: none}}}");
    assert_eq!((ran.took("c"), ran.client("c").degraded, ran.client("c").ok), (3.0, 1, 0));
    assert_eq!(ran.call("b.get -> s.get").fallbacks, 1);
}

#[test]
fn a_cached_fallback_serves_what_was_answered_before_however_old() {
    let cache = "caches: {k: {keys: uniform(n: 1), capacity: 1, ttl: 1s}}\nfaults: {bad: {at: 9s, errors: {service: s}}}";
    let ran = run(&calling("1s+10s", "[{work: 5ms}]", "fallback: {cached: k}", cache));
    assert_eq!((ran.client("c").ok, ran.client("c").degraded), (1, 1));
    let ran = run(&calling("10s+11s", "[{work: 5ms}]", "fallback: {cached: k}", cache));
    assert_eq!(ran.outcomes("c"), "500: 2", "what was never answered is not there");
}

#[test]
fn a_fallback_may_ask_somebody_else() {
    let ran = calls("0s", "[{work: 5ms}, {fail: {}}]", "fallback: {call: lite.get}");
    assert_eq!((ran.took("c"), ran.client("c").degraded, ran.service("lite").ok), (7.0, 1, 1));
    assert_eq!(ran.call("c -> lite.get").calls, 1);
    let ran = calls("0s", FAILS, "fallback: {call: lite.get}, timeout: 1ms, order: [timeout, fallback]");
    assert_eq!((ran.took("c"), ran.call_outcomes("c -> lite.get")), (1.0, "499 DC: 1".into()));
}
