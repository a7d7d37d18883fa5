//! Faults: what breaks, what becomes of what was going on, and when it is over.

use super::support::*;

/// A client `c` with requests at these instants, a service `s` that works 10 ms (or these steps), and faults.
fn faulty(at: &str, service: &str, faults: &str) -> Ran {
    run(&format!(
        "
duration: 60s
clients: {{c: {{target: s.get, arrivals: trace({at}.csv)}}}}
services: {{s: {{endpoints: {{get: [{{work: 10ms}}]}}, {service}}}}}
faults: {{{faults}}}"
    ))
}

/// The same with one client per instant.
fn each(at: &[&str], service: &str, faults: &str) -> Ran {
    let one = |(i, at): (usize, &&str)| format!("c{i}: {{target: s.get, arrivals: trace({at}.csv)}}");
    let clients = at.iter().enumerate().map(one).collect::<Vec<_>>().join(", ");
    run(&format!(
        "{{duration: 60s, clients: {{{clients}}}, services: {{s: {{endpoints: {{get: [{{work: 10ms}}]}}, {service}}}}}, faults: {{{faults}}}}}"
    ))
}

fn took(ran: &Ran, n: usize) -> Vec<f64> {
    (0..n).map(|i| ran.took(&format!("c{i}"))).collect()
}

// -- crash -----------------------------------------------------------------------------------------------------------

#[test]
fn a_crash_resets_what_is_there_and_refuses_what_comes() {
    let ran = faulty("995ms+996ms+1500ms+2s", "workers: 1", "x: {at: 1s, for: 1s, crash: {service: s}}");
    assert_eq!(ran.outcomes("c"), "200: 1, 503 UF: 1, 503 UC: 2");
    assert_eq!((ran.replicas(), ran.service("s").restarts), (vec![(1000.0, 0, false), (2000.0, 0, true)], 1));
    assert_eq!(ran.spans("x"), [(1000.0, Some(2000.0))]);
    let s = ran.service("s");
    assert_eq!((s.requests, s.ok, s.abandoned, s.rejected), (4, 1, 2, 1));
    assert_eq!((s.replicas.min, s.replicas.max), (0, 1));
}

#[test]
fn a_crash_without_restart_is_for_ever() {
    for crash in ["x: {at: 1s, crash: {service: s}}", "x: {at: 1s, for: 5s, crash: {service: s, restart: never}}"] {
        assert_eq!(faulty("0s+2s+30s", "", crash).outcomes("c"), "200: 1, 503 UF: 2", "{crash}");
    }
}

#[test]
fn a_crashed_replica_returns_after_its_own_time() {
    let ran = faulty("2s+3s", "", "x: {at: 1s, crash: {service: s, restart: after(1500ms)}}");
    assert_eq!((ran.outcomes("c"), ran.replicas()), ("200: 1, 503 UF: 1".into(), vec![(1000.0, 0, false), (2500.0, 0, true)]));
    assert_eq!(ran.spans("x"), [(1000.0, Some(2500.0))], "without a time of its own, a crash is over when the replica is back");
    let ran = faulty("2s", "replicas: 3", "x: {at: 1s, crash: {service: s, restart: after(uniform(1s, 9s))}}");
    let back = ran.replicas().iter().filter(|(_, _, up)| *up).map(|(at, _, _)| *at).fold(0.0, f64::max);
    assert_eq!(ran.spans("x"), [(1000.0, Some(back))], "or the last of them");
    let ran = faulty("2s", "", "x: {at: 1s, for: 5s, crash: {service: s, restart: after(1500ms)}}");
    assert_eq!(ran.spans("x"), [(1000.0, Some(6000.0))], "a time of its own is kept");
}

#[test]
fn a_number_of_replicas_is_drawn_each_time() {
    for (fault, n) in [("crash: {service: s, replicas: 1}", 1), ("crash: {service: s, replicas: 3}", 3)] {
        let ran = faulty("1s", "replicas: 4", &format!("x: {{at: 2s, for: 500ms, every: 1s, {fault}}}"));
        let marks = ran.replicas();
        let mut times_down = [0; 4];
        marks.iter().filter(|(_, _, up)| !up).for_each(|(_, replica, _)| times_down[*replica as usize] += 1);
        let times = ran.spans("x").len();
        assert_eq!(times_down.iter().sum::<usize>(), n * times, "{fault}: {times_down:?}");
        assert!(times > 50 && times_down.iter().all(|down| (5 * n..times).contains(down)), "{fault}: {times_down:?}");
        for (at, replica, _) in marks.iter().filter(|(at, _, up)| !up && *at < 59_000.0) {
            assert!(marks.contains(&(at + 500.0, *replica, true)), "{fault}: who went down comes back");
        }
    }
    for fault in ["slow: {service: s, replicas: 1, factor: 5}", "pause: {service: s, replicas: 1}", "hang: {service: s, replicas: 1}"] {
        let at = ["2100ms", "2100ms", "2100ms", "9s", "9s", "9s"];
        let ran = each(&at, "replicas: 3, loadBalancing: roundRobin", &format!("x: {{at: 2s, for: 1s, {fault}}}"));
        let late = |clients: std::ops::Range<usize>| {
            clients.filter(|i| ran.client(&format!("c{i}")).ok == 0 || ran.took(&format!("c{i}")) > 10.0).count()
        };
        assert!(late(0..3) <= 3 && late(3..6) == 0, "{fault}: nothing of it remains");
    }
}

#[test]
fn a_crash_takes_so_many_or_those_that_are_listed() {
    let four = "2s+3s+4s+5s";
    assert_eq!(faulty(four, "replicas: 4", "x: {at: 1s, crash: {service: s, replicas: 3}}").outcomes("c"), "200: 1, 503 UF: 3");
    let ran = faulty(four, "replicas: 4", "x: {at: 1s, crash: {service: s, replica: [0, 2]}}");
    assert_eq!((ran.outcomes("c"), ran.replicas()), ("200: 2, 503 UF: 2".into(), vec![(1000.0, 0, false), (1000.0, 2, false)]));
}

#[test]
fn a_replica_is_down_until_the_last_crash_is_over() {
    let ran = faulty("2s+4s+6s", "", "a: {at: 1s, for: 4s, crash: {service: s}}, b: {at: 2s, for: 1s, crash: {service: s}}");
    assert_eq!(ran.replicas(), [(1000.0, 0, false), (5000.0, 0, true)]);
    let ran = faulty(
        "2s+4s+6s",
        "",
        "a: {at: 1s, crash: {service: s, restart: never}}, b: {at: 2s, for: 1s, hang: {service: s}}, d: {at: 2s, for: 1s, crash: {service: s}}",
    );
    assert_eq!(ran.outcomes("c"), "503 UF: 3");
    let zones = "replicas: 2, zones: [a, b]";
    let ran = faulty("2s+2s", zones, "x: {at: 1s, for: 2s, zoneOutage: {zone: a}}, y: {at: 1500ms, for: 100ms, crash: {service: s}}");
    assert_eq!(ran.outcomes("c"), "200: 1, 503 UF: 1");
}

#[test]
fn a_dead_caller_asks_nobody() {
    let ran = run("
duration: 10s
clients: {c: {target: g.get, arrivals: trace(1s+1s+1s+1s.csv)}}
services:
  g: {pools: {q: {size: 1}}, endpoints: {get: [{parallel: {branches: [[{call: s.get, policy: p}], [{acquire: {pool: q, steps: [{call: t.get}]}}]]}}]}}
  s: {cancellation: full, endpoints: {get: [{work: 100ms}]}}
  t: {endpoints: {get: [{work: 100ms}]}}
faults: {x: {at: 1050ms, for: 1s, crash: {service: g}}}
policies: {p: {bulkhead: {maxConcurrent: 1, maxWait: 1s}}}");
    assert_eq!(ran.outcomes("c"), "503 UC: 4");
    assert_eq!((ran.call("g.get -> s.get").attempts, ran.call("g.get -> t.get").attempts), (1, 1));
    assert_eq!((ran.service("s").abandoned, ran.service("t").ok), (1, 1));
}

#[test]
fn a_restarted_caller_has_forgotten_its_breaker() {
    let ran = run("
duration: 60s
clients: {c: {target: g.get, arrivals: constant(1/s)}}
services:
  g: {endpoints: {get: [{call: s.get, policy: p}]}}
  s: {endpoints: {get: [{fail: {}}]}}
faults: {x: {at: 10500ms, for: 1s, crash: {service: g}}}
policies: {p: {circuitBreaker: {consecutiveFailures: 3, openFor: 1000s}}}");
    assert_eq!(ran.service("s").requests, 6);
    let open: Vec<u32> = ran.recording.edges.iter().map(|e| e.windows.last().unwrap().open).collect();
    assert_eq!(open.iter().sum::<u32>(), 1);
}

// -- slow ------------------------------------------------------------------------------------------------------------

#[test]
fn slow_stretches_work_that_begins_meanwhile_and_nothing_else() {
    let ran = each(&["995ms", "1s", "1990ms", "2s"], "", "x: {at: 999ms, for: 1s, slow: {service: s, factor: 7}}");
    assert_eq!(took(&ran, 4), [10.0, 70.0, 70.0, 10.0]);
    let ran = run("
duration: 9s
clients: {c: {target: s.get, arrivals: trace(1s.csv)}}
services: {s: {endpoints: {get: [{work: 1ms}, {wait: 10ms}, {cache: {use: k}}, {cache: {use: k}}]}}}
caches: {k: {keys: uniform(n: 1), capacity: 1, hit: {wait: 3ms}}}
faults: {x: {at: 0s, slow: {service: s, factor: 5}}}");
    assert_eq!(ran.took("c"), 5.0 + 10.0 + 3.0, "a wait is for something outside");
}

#[test]
fn overlapping_slowness_multiplies_and_divides_exactly() {
    let ran = each(
        &["1s", "2s", "3s", "4s", "5s"],
        "",
        "a: {at: 1500ms, for: 2s, slow: {service: s, factor: 3}}, b: {at: 2500ms, for: 2s, slow: {service: s, factor: 0.1}}",
    );
    assert_eq!(took(&ran, 5), [10.0, 30.0, 3.0, 1.0, 10.0]);
}

// -- errors ----------------------------------------------------------------------------------------------------------

#[test]
fn errors_are_answered_at_once_to_those_they_concern() {
    let ran = each(&["1s", "3s"], "", "x: {at: 0s, for: 2s, errors: {service: s, status: 502}}");
    assert_eq!((took(&ran, 2), ran.outcomes("c0")), (vec![0.0, 10.0], "502: 1".into()));
    let ran = run("
duration: 100s
clients:
  a: {target: s.get, arrivals: constant(20/s), attributes: {tenant: uniform(n: 4)}}
  b: {target: s.get, arrivals: constant(20/s), attributes: {tenant: uniform(n: 2)}}
  c: {target: s.other, arrivals: constant(20/s), attributes: {tenant: uniform(n: 1)}}
  d: {target: s.get, arrivals: constant(20/s)}
services: {s: {endpoints: {get: [], other: []}}}
faults: {x: {at: 0s, errors: {service: s, endpoint: get, share: 50%, match: {tenant: 1}}}}");
    for (client, share) in [("a", 0.125), ("b", 0.25), ("c", 0.0), ("d", 0.0)] {
        let failed = ran.client(client).failed as f64 / 1999.0;
        assert!((failed - share).abs() <= share / 4.0, "{client}: {failed}");
    }
}

#[test]
fn a_fault_that_overlaps_itself_by_chance_goes_on_until_its_last_end() {
    let times: Vec<String> = (0..100).map(|half| format!("{}ms", 500 * half + 250)).collect();
    let times: Vec<&str> = times.iter().map(String::as_str).collect();
    let ran = each(&times, "", "x: {at: 0s, every: 5s, for: \"uniform(1s, 8s)\", errors: {service: s}}");
    let spans: Vec<(f64, f64)> = ran.spans("x").iter().map(|(from, to)| (*from, to.unwrap_or(f64::MAX))).collect();
    let overlaps = spans.windows(2).filter(|pair| pair[1].0 < pair[0].1).count();
    assert!(overlaps > 0 && overlaps < spans.len() - 1, "{spans:?}");
    for half in 0..100 {
        let at = f64::from(500 * half + 250);
        let bad = spans.iter().any(|(from, to)| *from <= at && at < *to);
        assert_eq!(ran.outcomes(&format!("c{half}")), if bad { "500: 1" } else { "200: 1" }, "at {at} ms of {spans:?}");
    }
}

#[test]
fn every_and_for_may_be_drawn() {
    let ran = faulty("1s", "", "x: {at: 1s, every: uniform(2s, 4s), for: uniform(100ms, 900ms), slow: {service: s, factor: 2}}");
    let spans = ran.spans("x");
    assert!((14..=30).contains(&spans.len()), "{}", spans.len());
    for pair in spans.windows(2) {
        assert!(
            (2000.0..4000.0).contains(&(pair[1].0 - pair[0].0)) && (100.0..900.0).contains(&(pair[0].1.unwrap() - pair[0].0)),
            "{pair:?}"
        );
    }
}

// -- pause -----------------------------------------------------------------------------------------------------------

const PAUSE: &str = "x: {at: 1s, for: 200ms, pause: {service: s}}";

#[test]
fn work_is_late_by_exactly_the_pause() {
    let ran = each(&["980ms", "995ms", "1050ms", "1195ms", "1300ms"], "", PAUSE);
    assert_eq!(took(&ran, 5), [10.0, 210.0, 160.0, 15.0, 10.0]);
    let ran = run(
        "{duration: 9s, clients: {c: {target: s.get, arrivals: trace(990ms.csv)}}, services: {s: {endpoints: {get: [{work: 500ms}, {work: 300ms}]}}}, faults: {x: {at: 1s, for: 200ms, pause: {service: s}}, y: {at: 1100ms, for: 50ms, pause: {service: s}}, z: {at: 1250ms, for: 1s, pause: {service: s}}}}",
    );
    assert_eq!(ran.took("c"), 2000.0, "overlapping pauses are one, later ones add up");
}

#[test]
fn arrivals_wait_at_a_paused_door_and_are_counted_once() {
    let ran = faulty("1010ms+1020ms+1030ms", "workers: 1, queue: {capacity: 1}", PAUSE);
    assert_eq!((ran.outcomes("c"), ran.range("c")), ("200: 2, 503: 1".into(), (170.0, 200.0)));
    assert_eq!((ran.service("s").requests, ran.service("s").latency.max), (3, Some(0.2)));
}

#[test]
fn a_request_that_a_pause_held_may_still_wait_too_long() {
    let ran = each(&["1010ms", "1020ms"], "workers: 1, queue: {maxWait: 4ms}", PAUSE);
    assert_eq!((took(&ran, 2), ran.outcomes("c1")), (vec![200.0, 184.0], "503: 1".into()));
}

fn paused_caller(policy: &str, steps: &str, more: &str) -> Ran {
    run(&format!(
        "
duration: 9s
clients: {{c: {{target: s.get, arrivals: trace(990ms.csv)}}}}
services:
  s: {{endpoints: {{get: [{{call: t.get, policy: p}}]}}}}
  t: {{endpoints: {{get: {steps}}}}}
  lite: {{endpoints: {{get: []}}}}
faults: {{x: {{at: 1s, for: 200ms, pause: {{service: s}}}}{more}}}
policies: {{p: {{{policy}}}}}"
    ))
}

#[test]
fn a_paused_caller_sees_answers_and_timeouts_when_it_goes_on() {
    assert_eq!(paused_caller("timeout: 1s", "[{work: 50ms}]", "").took("c"), 210.0);
    let ran = paused_caller("timeout: 50ms", "[{work: 500ms}]", "");
    assert_eq!((ran.took("c"), ran.call_outcomes("s.get -> t.get")), (210.0, "504 UT: 1".into()));
    let ran = paused_caller("timeout: 50ms", "[{work: 70ms}]", "");
    assert_eq!(ran.call_outcomes("s.get -> t.get"), "504 UT: 1", "the timeout was first");
    let ran = paused_caller(
        "timeout: 50ms, retry: {attempts: 2, backoff: {initial: 30ms}}, order: [timeout, retry]",
        "[{work: 15ms}, {fail: {}}]",
        "",
    );
    assert_eq!((ran.took("c"), ran.call_outcomes("s.get -> t.get")), (210.0, "504 UT: 1".into()));
}

#[test]
fn nothing_runs_in_a_paused_caller() {
    let retried = "[{work: 5ms}, {fail: {}}]";
    // The first answer at 5 ms, the second try due at 35 ms comes at 210 ms.
    let ran = paused_caller("retry: {attempts: 2, backoff: {initial: 30ms}}", retried, "");
    assert_eq!(ran.took("c"), 215.0);
    let ran = paused_caller("deadline: 50ms", "[{work: 500ms}]", "");
    assert_eq!((ran.took("c"), ran.call_outcomes("s.get -> t.get")), (210.0, "504 UT: 1".into()));
    let ran = paused_caller("deadline: 100ms, retry: {attempts: 2, backoff: {initial: 30ms}}, fallback: {call: lite.get}", retried, "");
    assert_eq!((ran.took("c"), ran.client("c").degraded), (210.0, 1));
}

#[test]
fn a_pause_that_ends_in_a_crash_leaves_nothing_behind() {
    let crash = ", y: {at: 1150ms, for: 300ms, crash: {service: s}}";
    for policy in ["timeout: 1s", "timeout: 50ms", "deadline: 50ms", "retry: {attempts: 3, backoff: {initial: 50ms}}"] {
        for steps in ["[{work: 50ms}]", "[{work: 15ms}, {fail: {}}]", "[{work: 3s}]"] {
            let ran = paused_caller(policy, steps, crash);
            assert_eq!((ran.took("c"), ran.outcomes("c")), (160.0, "503 UC: 1".into()), "{policy} {steps}");
        }
    }
}

#[test]
fn a_stopped_job_does_not_make_the_next_one_late() {
    // The first is late by 200 ms, and given up before; the second takes its place in memory and meets a pause of its own.
    let ran = run("
duration: 9s
clients: {a: {target: s.get, arrivals: trace(900ms.csv), policy: p}, b: {target: s.get, arrivals: trace(2s.csv)}}
services: {s: {cancellation: full, endpoints: {get: [{work: 500ms}]}}}
faults: {x: {at: 1s, for: 200ms, pause: {service: s}}, y: {at: 2100ms, for: 100ms, pause: {service: s}}}
policies: {p: {timeout: 400ms}}");
    assert_eq!(ran.all_took(["a", "b"]), [400.0, 600.0]);
}

// -- hang ------------------------------------------------------------------------------------------------------------

#[test]
fn what_begins_in_a_hang_never_ends_and_is_reset_at_its_end() {
    let ran = each(&["995ms", "1100ms", "1200ms", "3s"], "workers: 1", "x: {at: 1s, for: 1s, hang: {service: s}}");
    assert_eq!(took(&ran, 4), [10.0, 900.0, 800.0, 10.0]);
    assert_eq!((ran.outcomes("c1"), ran.outcomes("c2")), ("503 UC: 1".into(), "503 UC: 1".into()));
    assert_eq!(ran.service("s").restarts, 1);
}

// -- links -----------------------------------------------------------------------------------------------------------

fn linked(at: &str, policy: &str, faults: &str) -> Ran {
    run(&format!(
        "
duration: 60s
clients: {{c: {{target: s.get, arrivals: trace({at}.csv), policy: p}}}}
services: {{s: {{endpoints: {{get: [{{work: 10ms}}]}}}}}}
network: {{links: {{l: {{from: c, to: s, latency: 1ms}}}}}}
faults: {{{faults}}}
policies: {{p: {{{policy}}}}}"
    ))
}

#[test]
fn a_link_gets_slower_both_ways() {
    assert_eq!(
        linked("1s", "", "x: {at: 0s, link: {link: l, latency: 20ms}}, y: {at: 0s, link: {from: c, to: s, latency: 3ms}}").took("c"),
        58.0
    );
}

#[test]
fn a_lost_message_is_sent_again_after_200_ms_doubling_until_the_attempt_fails() {
    // Lost at 1.0, 1.2, 1.6 s; sent at 2.4 s. An answer lost at 1.009 comes with the third try at 1.609 s.
    assert_eq!(linked("1s", "", "x: {at: 900ms, for: 800ms, partition: {from: c, to: s}}").took("c"), 1412.0);
    assert_eq!(linked("1s", "", "x: {at: 1005ms, for: 500ms, partition: {from: c, to: s}}").took("c"), 612.0);
    let ran = linked("1s", "", "x: {at: 0s, partition: {from: c, to: s}}");
    assert_eq!((ran.took("c"), ran.outcomes("c"), ran.service("s").requests), (12_600.0, "503 UF: 1".into(), 0));
    let ran = linked("1s", "", "x: {at: 0s, partition: {from: s, to: c, direction: oneWay}}");
    assert_eq!((ran.took("c"), ran.outcomes("c"), ran.service("s").ok), (12_611.0, "503 UC: 1".into(), 1));
    let ran =
        linked("1s", "timeout: 100ms, retry: {attempts: 2}", "x: {at: 0s, for: 1050ms, partition: {from: c, to: s, direction: oneWay}}");
    assert_eq!((ran.took("c"), ran.service("s").requests), (112.0, 2), "the first is delivered though nobody waits for it");
}

#[test]
fn a_partition_may_hold_what_it_stops() {
    let hold = |also: &str| linked("1s", "", &format!("x: {{at: 0s, for: 2s, partition: {{from: c, to: s, packets: hold}}}}{also}"));
    assert_eq!(hold("").took("c"), 1012.0);
    assert_eq!(hold(", y: {at: 1s, for: 2s, partition: {from: c, to: s, packets: hold}}").took("c"), 2012.0);
    let ran = linked("1s", "timeout: 100ms", "x: {at: 0s, for: 2s, partition: {from: c, to: s, packets: hold}}");
    assert_eq!((ran.took("c"), ran.service("s").ok), (100.0, 1));
}

#[test]
fn lossy_links_lose_their_share() {
    let ran = run("
duration: 100s
clients: {c: {target: s.get, arrivals: constant(20/s)}}
services: {s: {endpoints: {get: []}}}
network: {default: {loss: 10%}}");
    let c = &ran.recording.clients[0];
    // A message is late with 10 %, there and back: 81 % are not.
    let late = c.latency.buckets().filter(|(value, _)| *value > 100_000_000).map(|(_, n)| n).sum::<u64>() as f64 / 1999.0;
    assert!((late - 0.19).abs() < 4.0 * 0.0088, "{late}");
}

#[test]
fn one_way_between_zones_is_one_way() {
    let ran = run("
duration: 9s
clients:
  a: {target: s.b, arrivals: trace(1s.csv), zone: a}
  b: {target: t.a, arrivals: trace(1s.csv), zone: b}
services:
  s: {zones: [b], endpoints: {b: []}}
  t: {zones: [a], endpoints: {a: []}}
network: {zones: {a-b: {latency: 1ms}}}
faults: {x: {at: 0s, for: 1100ms, partition: {from: a, to: b, direction: oneWay, packets: hold}}}");
    // From a to b go the requests of a's client and the answers to b's.
    assert_eq!(ran.all_took(["a", "b"]), [102.0, 101.0]);
    assert_eq!(ran.service("t").latency.max, Some(0.0));
}

#[test]
fn what_lies_between_two_zones_also_lies_between_the_two_services() {
    let between = |fault: &str, network: &str| {
        run(&format!(
            "
duration: 60s
clients: {{c: {{target: a.get, arrivals: trace(2s.csv), policy: p}}}}
services:
  a: {{zones: [z1], endpoints: {{get: [{{call: b.get}}]}}}}
  b: {{zones: [z2], endpoints: {{get: [{{work: 10ms}}]}}}}
network: {{{network}}}
policies: {{p: {{timeout: 30s}}}}
faults: {{x: {{at: 1s, for: 3s, {fault}}}}}"
        ))
        .took("c")
    };
    let zones = "zones: {z1-z2: {latency: 1ms}}";
    assert_eq!(between("link: {from: a, to: b, latency: 5ms}", zones), 22.0);
    assert_eq!(between("partition: {from: a, to: b, packets: hold}", zones), 2012.0);
    assert_eq!(between("link: {from: z1, to: z2, latency: 5ms}", zones), 22.0);
    // A link between two zones may have a name; it beats what is said of the pair.
    let named = "links: {sea: {from: z1, to: z2, latency: 3ms}}";
    assert_eq!(between("link: {link: sea, latency: 5ms}", named), 26.0);
    assert_eq!(between("link: {link: sea, latency: 5ms}", &format!("{named}, {zones}")), 26.0);
}

#[test]
fn a_link_between_a_zone_and_a_service_is_refused() {
    let model = "
duration: 60s
clients: {c: {target: a.get, arrivals: poisson(1/s)}}
services: {a: {zones: [z1], endpoints: {get: [{work: 10ms}]}}}
network: {links: {odd: {from: c, to: z1, latency: 3ms}}}";
    assert_eq!(refused(model), ["mixed-link"]);
}

#[test]
fn a_zone_outage_takes_its_replicas_and_gives_them_back() {
    let ran = faulty("2s+2s+4s+4s", "replicas: 2, zones: [a, b]", "x: {at: 1s, for: 2s, zoneOutage: {zone: b}}");
    assert_eq!((ran.outcomes("c"), ran.replicas()), ("200: 3, 503 UF: 1".into(), vec![(1000.0, 1, false), (3000.0, 1, true)]));
}

#[test]
fn two_links_of_one_pair_are_refused() {
    let model = |links: &str| {
        format!(
            "{{duration: 1s, clients: {{c: {{target: a.get, arrivals: poisson(1/s), zone: x}}}}, services: {{a: {{zones: [x, y], endpoints: {{get: [{{call: b.get}}]}}}}, b: {{endpoints: {{get: [{{call: a.other}}]}}}}}}, network: {{{links}}}}}"
        )
        .replace("{call: a.other}", "{work: 1ms}")
    };
    let two = |a: &str, b: &str| refused(&model(&format!("links: {{one: {{{a}, latency: 1ms}}, two: {{{b}, latency: 2ms}}}}")));
    assert_eq!(two("from: c, to: a", "from: c, to: a"), ["duplicate-link"]);
    assert_eq!(two("from: x, to: y", "from: y, to: x"), ["duplicate-link"], "between zones a link holds both ways");
    assert_eq!(refused(&model("zones: {x-y: {latency: 1ms}, y-x: {latency: 2ms}}")), ["duplicate-link"]);
    let both = "links: {one: {from: c, to: a, latency: 1ms}, two: {from: a, to: b, latency: 2ms}, z: {from: x, to: y}}, zones: {x-y: {latency: 1ms}}";
    assert_eq!(compiled(&model(both)).clients.len(), 1, "a link beats a pair of zones");
}

#[test]
fn a_fault_that_overlaps_itself_is_refused() {
    let model = |fault: &str| {
        format!(
            "{{duration: 1m, clients: {{c: {{target: a.get, arrivals: poisson(1/s)}}}}, services: {{a: {{replicas: 3, endpoints: {{get: [{{work: 1ms}}]}}}}}}, faults: {{f: {{at: 1s, {fault}}}}}}}"
        )
    };
    for (fault, code) in [
        ("every: 5s, for: 6s, slow: {service: a, factor: 3}", Some("overlapping-fault")),
        ("every: 5s, slow: {service: a, factor: 3}", Some("overlapping-fault")),
        ("every: exp(5s), for: exp(6s), errors: {service: a}", Some("overlapping-fault")),
        ("every: 5s, for: 5s, slow: {service: a, factor: 3}", None),
        ("every: exp(20s), for: exp(5s), slow: {service: a, factor: 3}", None),
        ("every: 5s, crash: {service: a, replicas: 1}", None),
        ("every: 5s, crash: {service: a, restart: after(1s)}", None),
        ("for: 6s, slow: {service: a, factor: 3}", None),
    ] {
        match code {
            Some(code) => assert_eq!(refused(&model(fault)), [code], "{fault}"),
            None => assert_eq!(compiled(&model(fault)).faults.len(), 1, "{fault}"),
        }
    }
}
