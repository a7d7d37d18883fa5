//! Causes: every trouble leads back to the fault that it comes from, and to no other.

use super::support::*;
use brownout::observe::episode::Trouble;

const CHAIN: &str = "
duration: 120s
clients:
  c: {target: a.get, arrivals: constant(20/s)}
  d: {target: x.get, arrivals: constant(20/s), policy: patience}
services:
  a: {endpoints: {get: [{call: b.get, policy: guarded}]}}
  b: {workers: 4, queue: {capacity: 20}, endpoints: {get: [{work: 20ms}]}}
  x: {workers: 50, queue: {capacity: 2}, endpoints: {get: [{call: y.get, policy: patience}]}}
  y: {workers: 1, endpoints: {get: [{work: 20ms}]}}
policies:
  guarded: {timeout: 500ms, retry: {attempts: 3, backoff: {initial: 100ms}}, circuitBreaker: {consecutiveFailures: 10, openFor: 5s}, fallback: {value: none}}
  patience: {timeout: 300ms, retry: {attempts: 2}}
faults:
  slow-b: {at: 20s, for: 20s, slow: {service: b, factor: 50}}
  slow-y: {at: 60s, for: 10s, slow: {service: y, factor: 30}}";

#[test]
fn a_cascade_leads_back_to_its_fault_and_to_no_other() {
    let ran = run(CHAIN);
    for trouble in [Trouble::BreakerOpened, Trouble::Fallbacks, Trouble::WorkersExhausted] {
        assert!(ran.roots_of(trouble).contains(&Some("slow-b")), "{trouble:?}");
    }
    let without: Vec<_> =
        ran.episodes().iter().enumerate().filter(|(i, _)| ran.root(brownout::observe::episode::Cause(*i as u16 + 1)).is_none()).collect();
    assert!(without.is_empty(), "{without:?}");
    for trouble in [Trouble::Timeouts, Trouble::Retries] {
        assert_eq!(ran.roots_of(trouble), [Some("slow-b"), Some("slow-y")], "{trouble:?}");
    }
    for (i, episode) in ran.episodes().iter().enumerate() {
        use brownout::observe::episode::Place::*;
        let name = match episode.place {
            Fault(_) => continue,
            Service(s) => ran.topology.services[s.index()].name.clone(),
            Edge(e) => ran.topology.edges[e.index()].name.clone(),
            Client(c) => ran.topology.clients[c.index()].name.clone(),
        };
        let root = ran.root(brownout::observe::episode::Cause(i as u16 + 1));
        let mine = if name.starts_with(['x', 'y', 'd']) { "slow-y" } else { "slow-b" };
        assert_eq!(root, Some(mine), "{:?} of {name}", episode.trouble);
    }
}

#[test]
fn a_fault_that_ends_does_not_hide_one_that_goes_on() {
    let ran = run("
duration: 60s
clients: {c: {target: a.get, arrivals: constant(20/s), policy: p}}
services: {a: {endpoints: {get: [{work: 10ms}]}}}
policies: {p: {timeout: 100ms}}
faults:
  big: {at: 10s, for: 40s, slow: {service: a, factor: 50}}
  small: {at: 12s, for: 1s, errors: {service: a, share: 1%}}");
    let late = ran.episodes().iter().enumerate().filter(|(_, e)| e.trouble == Trouble::Timeouts);
    let roots: Vec<_> = late.map(|(i, _)| ran.root(brownout::observe::episode::Cause(i as u16 + 1))).collect();
    assert_eq!(roots, [Some("big")]);
}

#[test]
fn a_breaker_that_another_endpoint_opened_is_why_a_call_is_refused() {
    let ran = run("
duration: 60s
clients: {c: {target: g.get, arrivals: constant(5/s)}, d: {target: g.other, arrivals: constant(5/s)}}
services:
  g: {endpoints: {get: [{call: s.bad, policy: p}], other: [{call: s.good, policy: p}]}}
  s: {endpoints: {bad: [], good: []}}
policies: {p: {circuitBreaker: {consecutiveFailures: 1, openFor: 3s}}}
faults: {x: {at: 10s, for: 10s, errors: {service: s, endpoint: bad}}}");
    assert!(ran.client("d").failed > 10);
    assert_eq!(ran.roots_of(Trouble::RequestsFail), [Some("x")]);
}

#[test]
fn trouble_long_after_a_fault_has_a_root_of_its_own() {
    let ran = run("
duration: 60s
clients:
  c: {target: s.get, arrivals: trace(10s+50s+50s+50s.csv)}
services: {s: {workers: 1, queue: {capacity: 1}, endpoints: {get: [{work: 100ms}]}}}
faults: {x: {at: 9s, for: 2s, slow: {service: s, factor: 10}}}");
    assert_eq!((ran.outcomes("c"), ran.roots_of(Trouble::RequestsFail)), ("200: 3, 503: 1".into(), vec![None]));
}

// -- whoever waits asks whoever has what it waits for -----------------------------------------------------------------

/// A service `a` that asks `b`, and a fault `x` from 20 s to 40 s. Nobody has a timeout.
fn waiting(a: &str, policy: &str, fault: &str) -> Ran {
    run(&format!(
        "
duration: 60s
clients: {{c: {{target: a.get, arrivals: constant(50/s)}}}}
services:
  a: {{{a}}}
  b: {{workers: 50, endpoints: {{get: [{{work: 10ms}}]}}}}
policies: {{p: {{{policy}}}}}
faults: {{x: {{at: 20s, for: 20s, {fault}}}}}"
    ))
}

#[test]
fn a_queue_behind_calls_that_never_end_leads_back_to_why_they_do_not() {
    let a = "workers: 5, queue: {capacity: 5}, endpoints: {get: [{work: 1ms}, {call: b.get}]}";
    for fault in ["hang: {service: b}", "partition: {from: a, to: b, packets: hold}", "link: {from: a, to: b, latency: 15s}"] {
        let ran = waiting(a, "", fault);
        assert!(ran.client("c").failed > 500, "{fault}");
        for trouble in [Trouble::WorkersExhausted, Trouble::QueueFull, Trouble::RequestsFail] {
            assert_eq!(ran.roots_of(trouble), [Some("x")], "{fault}: {trouble:?}");
        }
    }
}

#[test]
fn a_bulkhead_full_of_calls_over_a_slow_link_leads_back_to_the_link() {
    let a = "endpoints: {get: [{call: b.get, policy: p}]}";
    for bulkhead in ["maxConcurrent: 5", "maxConcurrent: 5, maxWait: 50ms"] {
        let ran = waiting(a, &format!("bulkhead: {{{bulkhead}}}"), "link: {from: a, to: b, latency: 15s}");
        assert!(ran.client("c").failed > 500, "{bulkhead}");
        assert_eq!(ran.roots_of(Trouble::BulkheadFull), [Some("x")], "{bulkhead}");
        assert_eq!(ran.roots_of(Trouble::RequestsFail), [Some("x")], "{bulkhead}");
    }
}

#[test]
fn a_pool_that_is_taken_by_calls_that_never_end_leads_back_to_why_they_do_not() {
    for pool in ["size: 3, maxWait: 0s", "size: 3, maxWait: 100ms"] {
        let a = format!("pools: {{db: {{{pool}}}}}, endpoints: {{get: [{{acquire: {{pool: db, steps: [{{call: b.get}}]}}}}]}}");
        let ran = waiting(&a, "", "hang: {service: b}");
        assert!(ran.client("c").failed > 500, "{pool}");
        assert_eq!(ran.roots_of(Trouble::RequestsFail), [Some("x")], "{pool}");
    }
}

#[test]
fn a_rate_limit_does_not_refuse_because_the_work_is_slow() {
    let ran = run("
duration: 60s
clients: {c: {target: s.get, arrivals: constant(20/s)}}
services: {s: {rateLimit: {rate: 5/s, burst: 5}, endpoints: {get: [{work: 10ms}]}}}
faults: {x: {at: 20s, for: 20s, slow: {service: s, factor: 10}}}");
    assert_eq!(ran.roots_of(Trouble::RateLimited), [None]);
}

#[test]
fn a_replica_that_all_have_left_holds_nobody_up() {
    let ran = run("
duration: 120s
clients: {c: {target: s.get, arrivals: trace(100s.csv), policy: p}}
services: {s: {endpoints: {get: [{work: 5s}]}}}
policies: {p: {timeout: 1s}}
faults: {x: {at: 10s, for: 1s, pause: {service: s}}}");
    assert_eq!(ran.roots_of(Trouble::Timeouts), [None], "after a pause that nobody met");
    let ran = run("
duration: 120s
clients: {c: {target: s.get, arrivals: trace(10s+50s.csv), policy: p}}
services: {s: {cancellation: full, endpoints: {get: [{work: 2s}]}}}
policies: {p: {timeout: 1s}}
faults: {x: {at: 9s, for: 2s, slow: {service: s, factor: 10}}}");
    assert_eq!(ran.roots_of(Trouble::Timeouts), [None, Some("x")], "after work that was stopped");
}

#[test]
fn of_two_crashes_the_one_that_is_over_keeps_nobody_down() {
    let ran = run("
duration: 60s
clients: {c: {target: s.get, arrivals: trace(45s.csv)}}
services: {s: {endpoints: {get: [{work: 10ms}]}}}
faults:
  long: {at: 20s, for: 30s, crash: {service: s}}
  short: {at: 30s, for: 10s, crash: {service: s}}");
    assert_eq!(ran.roots_of(Trouble::ConnectFailures), [Some("long")]);
}

#[test]
fn who_asks_may_stand_in_the_chain_itself() {
    // The call under the permit is over when the same request asks for the pool again.
    let a = "pools: {db: {size: 1, maxWait: 0s}}, endpoints: {get: [{acquire: {pool: db, steps: [{call: b.get}, {acquire: {pool: db, steps: []}}]}}]}";
    let ran = waiting(a, "", "slow: {service: b, factor: 2}");
    assert_eq!(ran.client("c").ok, 0);
}
