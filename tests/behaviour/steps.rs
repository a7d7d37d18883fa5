//! Steps: what an endpoint does, and how long it takes.

use super::support::*;

/// One service `s` with one endpoint `get` of these steps, and one request.
fn endpoint(steps: &str) -> Ran {
    run(&format!(
        "{{duration: 1s, clients: {{c: {{target: s.get, arrivals: trace(100ms.csv)}}}}, services: {{s: {{endpoints: {{get: {steps}}}}}}}}}"
    ))
}

fn takes(steps: &str) -> f64 {
    endpoint(steps).took("c")
}

fn outcome(steps: &str) -> String {
    endpoint(steps).outcomes("c")
}

#[test]
fn work_and_waits_take_their_time_one_after_the_other() {
    assert_eq!(takes("[{work: 10ms}, {wait: 5ms}, {work: 1us}]"), 15.001);
    assert_eq!(takes("[]"), 0.0);
}

#[test]
fn a_call_takes_the_callees_time_and_the_link_both_ways() {
    let ran = run("
duration: 1s
clients: {c: {target: a.get, arrivals: trace(0s.csv)}}
services:
  a: {endpoints: {get: [{work: 1ms}, {call: b.get}, {work: 2ms}]}}
  b: {endpoints: {get: [{work: 10ms}]}}
network: {default: {latency: 500us}, links: {ab: {from: a, to: b, latency: 3ms}}}");
    assert_eq!(ran.took("c"), 1.0 + 1.0 + 2.0 + 10.0 + 6.0);
    assert_eq!(ran.call("a.get -> b.get").latency.max, Some(0.016));
}

#[test]
fn branches_run_side_by_side_and_all_are_waited_for() {
    assert_eq!(takes("[{parallel: {branches: [[{work: 10ms}], [{work: 30ms}], [{work: 20ms}]]}}, {work: 1ms}]"), 31.0);
    assert_eq!(takes("[{parallel: {branches: [[]]}}, {work: 1ms}]"), 1.0);
}

#[test]
fn any_goes_on_with_the_first_success() {
    assert_eq!(takes("[{parallel: {join: any, branches: [[{work: 10ms}], [{work: 30ms}]]}}]"), 10.0);
    let ran = endpoint("[{parallel: {join: any, branches: [[{work: 1ms}, {fail: {}}], [{work: 30ms}]]}}]");
    assert_eq!((ran.took("c"), ran.outcomes("c")), (30.0, "200: 1".into()));
    let ran = endpoint("[{parallel: {join: any, branches: [[{work: 9ms}, {fail: {}}], [{work: 3ms}, {fail: {status: 503}}]]}}]");
    assert_eq!(ran.took("c"), 9.0, "fails when all have failed");
    assert_eq!(ran.client("c").failed, 1);
}

#[test]
fn a_quorum_is_reached_or_out_of_reach_as_soon_as_it_is() {
    let three = |join: &str, steps: [&str; 3]| {
        endpoint(&format!("[{{parallel: {{join: {join}, branches: [[{}], [{}], [{}]]}}}}]", steps[0], steps[1], steps[2]))
    };
    let ran = three("quorum(2)", ["{work: 10ms}", "{work: 30ms}", "{work: 20ms}"]);
    assert_eq!((ran.took("c"), ran.outcomes("c")), (20.0, "200: 1".into()));
    let ran = three("quorum(2)", ["{work: 10ms}, {fail: {}}", "{work: 300ms}", "{work: 5ms}, {fail: {}}"]);
    assert_eq!((ran.took("c"), ran.outcomes("c")), (10.0, "500: 1".into()));
}

#[test]
fn a_parallel_step_fails_with_the_first_failure_after_all_branches() {
    let ran =
        endpoint("[{parallel: {branches: [[{work: 9ms}, {fail: {status: 502}}], [{work: 3ms}, {fail: {status: 503}}], [{work: 20ms}]]}}]");
    assert_eq!((ran.took("c"), ran.outcomes("c")), (20.0, "503: 1".into()));
}

const FAN_OUT: &str = "
duration: 1s
clients: {c: {target: a.get, arrivals: trace(0s.csv)}}
services:
  a:
    endpoints:
      get:
        - parallel: {join: any, cancelLosers: LOSERS, branches: [[{call: b.fast}], [{call: b.slow}], [{work: 1ms}, {call: b.slow}]]}
  b: {cancellation: CANCEL, endpoints: {fast: [{work: 10ms}], slow: [{work: 50ms}]}}";

#[test]
fn losers_go_on_in_vain_unless_they_are_cancelled() {
    let ran = |losers: &str, cancel: &str| run(&FAN_OUT.replace("LOSERS", losers).replace("CANCEL", cancel));
    for (losers, cancel, answered, abandoned, busy) in
        [("false", "full", 3, 0, 110.0), ("true", "none", 3, 0, 110.0), ("true", "full", 1, 2, 10.0 + 10.0 + 9.0)]
    {
        let ran = ran(losers, cancel);
        assert_eq!(ran.took("c"), 10.0);
        assert_eq!((ran.service("b").ok, ran.service("b").abandoned), (answered, abandoned), "{losers} {cancel}");
        assert_eq!(ran.busy("b"), busy);
    }
}

#[test]
fn times_makes_copies_of_every_branch() {
    let ran = run("
duration: 1s
clients: {c: {target: a.get, arrivals: trace(0s.csv)}}
services:
  a: {endpoints: {get: [{parallel: {times: 3, branches: [[{call: b.get}], [{call: b.get}]]}}]}}
  b: {workers: 2, endpoints: {get: [{work: 10ms}]}}");
    assert_eq!((ran.took("c"), ran.service("b").requests), (30.0, 6));
}

#[test]
fn bodies_nest() {
    let inner = "{parallel: {branches: [[{work: 5ms}], [{work: 8ms}]]}}";
    assert_eq!(
        takes(&format!(
            "[{{parallel: {{branches: [[{{work: 20ms}}], [{inner}], [{{work: 1ms}}, {inner}, {{work: 1ms}}], [{{work: 2ms}}]]}}}}]"
        )),
        20.0
    );
    assert_eq!(takes(&format!("[{{repeat: {{times: 2, steps: [{inner}, {{repeat: {{times: 3, steps: [{{work: 1ms}}]}}}}]}}}}]")), 22.0);
    let any = format!("{{parallel: {{join: any, cancelLosers: true, branches: [[{inner}], [{{work: 6ms}}], [{{work: 7ms}}, {inner}]]}}}}");
    assert_eq!(takes(&format!("[{any}, {any}]")), 12.0);
}

#[test]
fn choices_are_made_by_weight() {
    let ran = run("
duration: 10s
clients: {c: {target: s.get, arrivals: constant(400/s)}}
services: {s: {endpoints: {get: [{choose: {gone: {weight: 1, steps: [{fail: {status: 404}}]}, here: {weight: 3, steps: [{work: 1ms}]}, never: {weight: 0, steps: [{fail: {}}]}}}, {work: 1ms}]}}}");
    let c = ran.client("c");
    let gone = c.outcomes.get("404").copied().unwrap();
    assert_eq!((c.offered, c.ok, gone + c.outcomes.get("200").unwrap()), (3999, 3999, 3999));
    assert!((gone as f64 - 1000.0).abs() < 4.0 * 27.4, "{gone}");
    assert_eq!(ran.range("c"), (0.0, 2.0));
}

#[test]
fn a_repeat_runs_turn_after_turn_and_ends_with_a_failure() {
    assert_eq!(takes("[{repeat: {times: 3, steps: [{work: 10ms}]}}]"), 30.0);
    assert_eq!(takes("[{repeat: {times: 0, steps: [{work: 10ms}]}}, {work: 1ms}]"), 1.0);
    let ran = endpoint("[{repeat: {times: 3, steps: [{work: 10ms}, {fail: {}}]}}]");
    assert_eq!((ran.took("c"), ran.outcomes("c")), (10.0, "500: 1".into()));
}

#[test]
fn a_failing_endpoint_answers_its_status_and_404_is_an_answer() {
    assert_eq!(outcome("[{fail: {status: 404}}, {work: 1s}]"), "404: 1");
    assert_eq!(outcome("[{fail: {}}]"), "500: 1");
    assert_eq!(outcome("[{fail: {share: 0%}}]"), "200: 1");
    let ran = endpoint("[{fail: {status: 404}}]");
    assert_eq!((ran.client("c").ok, ran.client("c").failed), (1, 0));
}

#[test]
fn a_failed_call_ends_the_endpoint_with_its_status() {
    let ran = |status: u16| {
        run(&format!(
            "{{duration: 1s, clients: {{c: {{target: a.get, arrivals: trace(0s.csv)}}}}, services: {{a: {{endpoints: {{get: [{{call: b.get}}, {{work: 10ms}}]}}}}, b: {{endpoints: {{get: [{{fail: {{status: {status}}}}}]}}}}}}}}"
        ))
    };
    assert_eq!((ran(503).took("c"), ran(503).outcomes("c")), (0.0, "503: 1".into()));
    assert_eq!((ran(404).took("c"), ran(404).outcomes("c")), (10.0, "200: 1".into()), "404 is an answer: the endpoint goes on");
}

const CACHED: &str = "
duration: 10s
clients: CLIENTS
services:
  s: {replicas: REPLICAS, endpoints: {get: [{cache: {use: k, onMiss: [{work: 20ms}]}}]}}
caches: {k: {keys: uniform(n: 1), capacity: 5, ttl: 2s, hit: {wait: 2ms}, scope: SCOPE}}";

fn each_at(seconds: &[&str], rest: &str) -> String {
    let one = |(i, at): (usize, &&str)| format!("c{i}: {{target: s.get, arrivals: trace({at}.csv){rest}}}");
    format!("{{{}}}", seconds.iter().enumerate().map(one).collect::<Vec<_>>().join(", "))
}

fn cached(at: &[&str], replicas: u32, scope: &str, more: &str) -> Vec<f64> {
    // One client asks at all instants, so that the round goes on from request to request.
    let yaml = CACHED.replace("CLIENTS", &each_at(at, "")).replace("REPLICAS", &replicas.to_string()).replace("SCOPE", scope);
    let ran = run(&format!("{yaml}\n{more}"));
    (0..at.len()).map(|i| ran.took(&format!("c{i}"))).collect()
}

#[test]
fn a_cache_hits_after_a_miss_until_its_entry_expires() {
    assert_eq!(cached(&["1s", "1.5s", "3.019s", "3.020s", "3.5s"], 1, "shared", ""), [20.0, 2.0, 2.0, 20.0, 2.0]);
    assert_eq!(cached(&["1s", "1.01s", "1.02s"], 1, "shared", ""), [20.0, 20.0, 2.0], "two at once both miss");
}

#[test]
fn a_cache_is_flushed_by_a_fault_and_cold_after_a_restart_if_it_is_the_replicas_own() {
    let flush = "faults: {f: {at: 1.7s, cacheFlush: {cache: k}}}";
    let crash = "faults: {f: {at: 1.7s, for: 100ms, crash: {service: s}}}";
    let at = ["1s", "1.5s", "2s", "2.1s"];
    assert_eq!(cached(&at, 1, "shared", flush), [20.0, 2.0, 20.0, 2.0]);
    assert_eq!(cached(&at, 1, "perReplica", crash), [20.0, 2.0, 20.0, 2.0]);
    assert_eq!(cached(&at, 1, "shared", crash), [20.0, 2.0, 2.0, 2.0]);
}

#[test]
fn copies_per_replica_miss_once_each() {
    for (scope, hits) in [("perReplica", 2), ("shared", 3)] {
        let ran = run(&CACHED
            .replace("CLIENTS", "{c: {target: s.get, arrivals: trace(1s+1.1s+1.2s+1.3s.csv)}}")
            .replace("REPLICAS", "2")
            .replace("SCOPE", scope));
        let latency = &ran.recording.clients[0].latency;
        let expected = hits * 2 + (4 - hits) * 20;
        assert_eq!(latency.sum(), u128::from(expected as u64) * 1_000_000, "{scope}");
    }
}

#[test]
fn a_failed_miss_fills_nothing() {
    let ran = run("
duration: 5s
clients: {c: {target: s.get, arrivals: trace(1s+2s+3s.csv)}}
services: {s: {endpoints: {get: [{cache: {use: k, onMiss: [{work: 5ms}, {fail: {}}]}}]}}}
caches: {k: {keys: uniform(n: 1), capacity: 5}}");
    assert_eq!(ran.outcomes("c"), "500: 3");
}

const POOLED: &str = "
duration: 1s
clients: {a: {target: s.get, arrivals: trace(0ms.csv)}, b: {target: s.get, arrivals: trace(1ms.csv)}, c: {target: s.get, arrivals: trace(2ms.csv)}}
services: {s: {pools: {p: POOL}, endpoints: {get: [{acquire: {pool: p, steps: [{work: 10ms}]}}, {work: 1ms}]}}}";

#[test]
fn a_pool_lets_so_many_in_and_the_others_wait_in_turn() {
    let ran = run(&POOLED.replace("POOL", "{size: 1}"));
    assert_eq!(ran.all_took(["a", "b", "c"]), [11.0, 20.0, 29.0]);
    let ran = run(&POOLED.replace("POOL", "{size: 2}"));
    assert_eq!(ran.all_took(["a", "b", "c"]), [11.0, 11.0, 19.0]);
}

#[test]
fn waiting_too_long_for_a_pool_answers_503_exactly_then() {
    let ran = run(&POOLED.replace("POOL", "{size: 1, maxWait: 12ms}"));
    assert_eq!((ran.all_took(["a", "b", "c"]), ran.outcomes("c")), ([11.0, 20.0, 12.0], "503: 1".into()));
    let ran = run(&POOLED.replace("POOL", "{size: 1, maxWait: 0s}"));
    assert_eq!((ran.all_took(["a", "b", "c"]), ran.outcomes("b")), ([11.0, 0.0, 0.0], "503: 1".into()));
}

#[test]
fn a_failure_under_a_permit_gives_it_back() {
    let ran = run("
duration: 1s
clients: {c: {target: s.get, arrivals: trace(0s+1ms+2ms.csv)}}
services: {s: {pools: {p: {size: 1}}, endpoints: {get: [{acquire: {pool: p, steps: [{work: 10ms}, {fail: {}}]}}]}}}");
    assert_eq!((ran.outcomes("c"), ran.range("c")), ("500: 3".into(), (10.0, 28.0)));
}

#[test]
fn what_is_spawned_is_not_waited_for_and_holds_no_worker() {
    let ran = run("
duration: 1s
clients: {c: {target: s.get, arrivals: trace(0s.csv)}, d: {target: s.get, arrivals: trace(2ms.csv)}}
services:
  s: {workers: 1, endpoints: {get: [{work: 1ms}, {spawn: {steps: [{work: 50ms}, {call: t.get}]}}, {work: 1ms}]}}
  t: {endpoints: {get: [{fail: {}}]}}");
    assert_eq!(ran.all_took(["c", "d"]), [2.0, 2.0]);
    assert_eq!((ran.outcomes("c"), ran.service("t").failed), ("200: 1".into(), 2));
}
