//! Services: workers, queues, who is served next, and work whose caller has gone.

use super::support::*;

/// Clients `a`, `b`, `c` … at 0, 1, 2 ms …, each with this policy of the client.
fn at_each_ms(names: &[&str], policy: &str) -> String {
    let one = |(i, name): (usize, &&str)| format!("{name}: {{target: s.get, arrivals: trace({i}ms.csv){policy}}}");
    format!("{{{}}}", names.iter().enumerate().map(one).collect::<Vec<_>>().join(", "))
}

fn queue(service: &str, names: &[&str]) -> Ran {
    run(&format!(
        "{{duration: 1s, clients: {}, services: {{s: {{{service}, endpoints: {{get: [{{work: 10ms}}]}}}}}}}}",
        at_each_ms(names, "")
    ))
}

#[test]
fn a_worker_is_held_while_its_request_waits_for_a_call() {
    let ran = run("
duration: 1s
clients: {a: {target: s.get, arrivals: trace(0s.csv)}, b: {target: s.get, arrivals: trace(1ms.csv)}}
services:
  s: {workers: 1, endpoints: {get: [{call: t.get}]}}
  t: {endpoints: {get: [{work: 10ms}]}}");
    assert_eq!(ran.all_took(["a", "b"]), [10.0, 19.0]);
    assert_eq!(ran.busy("s"), 20.0);
    assert_eq!(ran.service("s").utilization, Some(0.02));
}

#[test]
fn the_queue_takes_so_many_and_refuses_the_rest_at_once() {
    let ran = queue("workers: 1, queue: {capacity: 0}", &["a", "b", "c"]);
    assert_eq!((ran.all_took(["a", "b", "c"]), ran.outcomes("b")), ([10.0, 0.0, 0.0], "503: 1".into()));
    assert_eq!((ran.service("s").requests, ran.service("s").ok, ran.service("s").rejected), (3, 1, 2));
    let ran = queue("workers: 1, queue: {capacity: 1}", &["a", "b", "c"]);
    assert_eq!((ran.all_took(["a", "b", "c"]), ran.outcomes("c")), ([10.0, 19.0, 0.0], "503: 1".into()));
    assert_eq!(ran.service("s").queue_length.max, 1);
}

#[test]
fn fifo_serves_the_first_and_lifo_the_last() {
    let ran = queue("workers: 1", &["a", "b", "c", "d"]);
    assert_eq!(ran.all_took(["a", "b", "c", "d"]), [10.0, 19.0, 28.0, 37.0]);
    let ran = queue("workers: 1, queue: {discipline: lifo}", &["a", "b", "c", "d"]);
    assert_eq!(ran.all_took(["a", "b", "c", "d"]), [10.0, 39.0, 28.0, 17.0]);
}

#[test]
fn who_waits_longer_than_max_wait_is_answered_503_exactly_then() {
    let ran = queue("workers: 1, queue: {maxWait: 15ms}", &["a", "b", "c", "d"]);
    assert_eq!(ran.all_took(["a", "b", "c", "d"]), [10.0, 19.0, 15.0, 15.0]);
    assert_eq!((ran.outcomes("c"), ran.service("s").rejected, ran.service("s").ok), ("503: 1".into(), 2, 2));
}

fn cancelled(how: &str) -> Ran {
    run(&format!(
        "{{duration: 1s, clients: {}, services: {{s: {{workers: 1, cancellation: {how}, endpoints: {{get: [{{work: 10ms}}]}}}}}}, policies: {{p: {{timeout: 4ms}}}}}}",
        at_each_ms(&["a", "b", "c"], ", policy: p")
    ))
}

#[test]
fn work_whose_caller_has_gone_is_done_in_vain_dropped_or_stopped() {
    for (how, ok, abandoned, busy) in [("none", 3, 0, 30.0), ("queued", 1, 2, 10.0), ("full", 0, 3, 4.0 + 1.0 + 1.0)] {
        let ran = cancelled(how);
        assert_eq!(ran.all_took(["a", "b", "c"]), [4.0; 3], "{how}");
        assert_eq!(ran.outcomes("a"), "504 UT: 1");
        assert_eq!((ran.service("s").ok, ran.service("s").abandoned), (ok, abandoned), "{how}");
        assert_eq!(ran.busy("s"), busy, "{how}");
    }
}

#[test]
fn full_cancellation_goes_down_to_callees_that_mind() {
    for (t, ok, abandoned, busy) in [("full", 0, 1, 4.0), ("queued", 1, 0, 10.0), ("none", 1, 0, 10.0)] {
        let ran = run(&format!(
            "
duration: 1s
clients: {{c: {{target: s.get, arrivals: trace(0s.csv), policy: p}}}}
services:
  s: {{workers: 1, cancellation: full, endpoints: {{get: [{{parallel: {{branches: [[{{work: 1ms}}], [{{call: t.get}}]]}}}}]}}}}
  t: {{workers: 1, cancellation: {t}, endpoints: {{get: [{{work: 10ms}}]}}}}
policies: {{p: {{timeout: 4ms}}}}"
        ));
        assert_eq!((ran.service("s").abandoned, ran.busy("s")), (1, 4.0), "{t}");
        assert_eq!((ran.service("t").ok, ran.service("t").abandoned, ran.busy("t")), (ok, abandoned, busy), "{t}");
        assert_eq!(ran.call_outcomes("s.get -> t.get"), "499 DC: 1");
    }
}

#[test]
fn cancelled_callers_no_longer_wait_for_a_permit_and_ask_nobody() {
    let ran = run("
duration: 1s
clients: {c: {target: s.get, arrivals: trace(0s.csv), policy: p}}
services:
  s: {cancellation: full, pools: {q: {size: 1}}, endpoints: {get: [{parallel: {times: 4, branches: [[{call: t.get, policy: two}], [{acquire: {pool: q, steps: [{call: u.get}]}}]]}}]}}
  t: {endpoints: {get: [{work: 10ms}]}}
  u: {endpoints: {get: [{work: 10ms}]}}
policies: {p: {timeout: 4ms}, two: {bulkhead: {maxConcurrent: 2, maxWait: 1s}}}");
    assert_eq!(ran.call("s.get -> t.get").attempts, 2, "no waiting call is sent because another was cancelled");
    assert_eq!(ran.call("s.get -> u.get").attempts, 1);
}

#[test]
fn a_rate_limit_of_the_service_answers_429() {
    let ran = run("
duration: 1s
clients: {c: {target: s.get, arrivals: constant(20/s)}}
services: {s: {rateLimit: {rate: 10/s, burst: 1}, endpoints: {get: [{work: 1ms}]}}}");
    assert_eq!(ran.outcomes("c"), "200: 10, 429 RL: 9", "one of two, from 50 ms on");
    let ran = run("
duration: 1s
clients: {c: {target: s.get, arrivals: trace(0s+0s+0s+0s+100ms+100ms.csv)}}
services: {s: {rateLimit: {rate: 10/s, burst: 3}, endpoints: {get: [{work: 1ms}]}}}");
    assert_eq!(ran.outcomes("c"), "200: 4, 429 RL: 2");
}

#[test]
fn round_robin_goes_round_the_replicas_for_each_caller() {
    let four = "{c: {target: s.get, arrivals: trace(0s+0s+0s+0s.csv)}}";
    let ran = run(&format!(
        "{{duration: 1s, clients: {four}, services: {{s: {{replicas: 3, workers: 1, queue: {{capacity: 0}}, endpoints: {{get: [{{work: 10ms}}]}}}}}}}}"
    ));
    assert_eq!(ran.outcomes("c"), "200: 3, 503: 1");
}

#[test]
fn the_emptier_of_two_replicas_gets_the_request() {
    let refused = |balancing: &str| {
        let ran = run(&format!(
            "{{duration: 10s, clients: {{c: {{target: s.get, arrivals: constant(400/s)}}}}, services: {{s: {{replicas: 8, workers: 1, loadBalancing: {balancing}, queue: {{capacity: 0}}, endpoints: {{get: [{{work: 10ms}}]}}}}}}}}"
        ));
        ran.service("s").rejected as f64 / 3999.0
    };
    let (random, least) = (refused("random"), refused("leastRequest"));
    assert!((0.2..0.35).contains(&random) && least < 0.75 * random, "{random} {least}");
}

#[test]
fn links_between_zones_count_where_no_link_is_named() {
    let ran = run("
duration: 1s
clients: {c: {target: s.get, arrivals: trace(0s+100ms.csv), zone: a}}
services: {s: {replicas: 2, zones: [a, b], endpoints: {get: [{work: 1ms}]}}}
network: {default: {latency: 1ms}, zones: {a-a: {latency: 200us}, a-b: {latency: 5ms}}}");
    assert_eq!(ran.range("c"), (1.4, 11.0));
}
