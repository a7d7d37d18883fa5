//! Connections of callers without a proxy: what setting one up costs, who shares one, and what becomes of it when things break.
//!
//! Links take 10 ms each way and the service works 10 ms: 30 ms on a connection that is there, 50 ms on a new one.

use super::support::*;

/// Clients `c0`, `c1`, … of one instance would have connections of their own: one client, and its requests in order.
fn over(protocol: &str, at: &str, client: &str, service: &str, more: &str) -> Ran {
    run(&format!(
        "
duration: 200s
clients: {{c: {{target: s.get, arrivals: trace({at}.csv), {client}}}}}
services: {{s: {{protocol: {protocol}, endpoints: {{get: [{{work: 10ms}}]}}, {service}}}}}
network: {{default: {{latency: 10ms}}}}
{more}"
    ))
}

#[test]
fn a_new_connection_takes_a_round_trip_and_tls_another() {
    for protocol in ["http1", "http2", "grpc"] {
        assert_eq!(over(protocol, "0s", "", "", "").took("c"), 50.0, "{protocol}");
        assert_eq!(over(protocol, "0s", "", "connections: {tls: true, handshake: 3ms}", "").took("c"), 73.0, "{protocol}");
    }
}

#[test]
fn a_connection_is_kept_for_the_next_request() {
    for protocol in ["http1", "http2", "grpc"] {
        assert_eq!(over(protocol, "0s+1s", "", "", "").range("c"), (30.0, 50.0), "{protocol}");
        let idle = over(protocol, "0s+1s+3s", "", "connections: {idleTimeout: 1500ms}", "");
        assert_eq!(idle.client("c").latency.mean, Some(0.13 / 3.0), "{protocol}: 50, 30, and 50 after it was closed");
    }
}

#[test]
fn http1_opens_another_connection_where_none_is_idle() {
    let ran = over("http1", "0s+1s+1s", "", "", "");
    assert_eq!(ran.client("c").latency.mean, Some(0.13 / 3.0), "50, 30, and 50 for the second at the same time");
    // Who waits is served by a connection that comes free before its own is there.
    let ran = over("http1", "0s+49ms", "", "", "");
    assert_eq!(ran.range("c"), (31.0, 50.0));
}

#[test]
fn http2_carries_many_requests_on_one_connection() {
    for protocol in ["http2", "grpc"] {
        let ran = over(protocol, "0s+0s+5ms+1s+1s", "", "", "");
        assert_eq!(ran.client("c").latency.mean, Some((0.05 + 0.05 + 0.045 + 0.03 + 0.03) / 5.0), "{protocol}");
        let ran = over(protocol, "0s+0s+0s", "", "connections: {maxConcurrentStreams: 1}", "");
        assert_eq!(ran.client("c").latency.mean, Some((0.05 + 0.08 + 0.11) / 3.0), "{protocol}: one at a time");
    }
}

#[test]
fn each_caller_has_a_connection_to_each_replica() {
    let ran = over("grpc", "0s+1s+2s+3s", "", "replicas: 2", "");
    assert_eq!(ran.client("c").latency.mean, Some((0.05 + 0.05 + 0.03 + 0.03) / 4.0));
    let ran = over("grpc", "0s+1s+2s+3s", "instances: 2", "", "");
    assert_eq!(ran.client("c").latency.mean, Some((0.05 + 0.05 + 0.03 + 0.03) / 4.0));
}

#[test]
fn a_call_may_say_what_it_speaks_where_the_service_does_not() {
    let ran = run("
duration: 1s
clients:
  c: {target: s.get, arrivals: trace(0s.csv), protocol: http2}
  d: {target: s.get, arrivals: trace(0s.csv)}
services: {s: {endpoints: {get: [{work: 10ms}, {call: t.get, protocol: grpc}]}}, t: {endpoints: {get: [{work: 10ms}]}}}
network: {default: {latency: 10ms}}");
    assert_eq!(ran.all_took(["c", "d"]), [80.0, 80.0], "c waits for its own connection, and then finds that to t, for which d has waited");
}

#[test]
fn nobody_there_is_a_connect_failure_and_what_was_under_way_is_reset() {
    for protocol in ["http1", "grpc"] {
        let ran = over(protocol, "995ms+1500ms+3s", "", "", "faults: {x: {at: 1020ms, for: 1s, crash: {service: s}}}");
        // The first has its connection at 1015 and is on its way when the replica dies; the second finds nobody to connect to.
        assert_eq!(ran.outcomes("c"), "200: 1, 503 UF: 1, 503 UC: 1", "{protocol}");
        let ran = over(protocol, "995ms+3s", "", "", "faults: {x: {at: 1030ms, for: 1s, crash: {service: s}}}");
        assert_eq!(ran.outcomes("c"), "200: 1, 503 UC: 1", "{protocol}");
        assert_eq!(ran.client("c").latency_ok.max, Some(0.05), "{protocol}: it needs a new connection");
    }
}

#[test]
fn failures_of_connections_are_retried_as_their_classes_say() {
    let crash = "faults: {x: {at: 1s, for: 1s, crash: {service: s}}}";
    for (on, outcomes) in [("connectFailure", "200: 1"), ("reset", "503 UF: 1"), ("5xx", "503 UF: 1")] {
        let policies = format!("policies: {{p: {{retry: {{attempts: 3, on: [{on}], backoff: {{initial: 500ms}}}}}}}}\n{crash}");
        assert_eq!(over("http1", "1s", "policy: p", "", &policies).outcomes("c"), outcomes, "{on}");
    }
}

#[test]
fn a_cut_off_replica_fails_after_the_time_to_connect() {
    let cut = "faults: {x: {at: 0s, for: 150s, partition: {from: c, to: s}}}";
    let ran = over("http1", "1s", "", "connections: {connectTimeout: 5s}", cut);
    assert_eq!((ran.outcomes("c"), ran.took("c")), ("503 UF: 1".to_string(), 5000.0));
    // Linux sends its SYN again after 1 s, 3 s, 7 s, …; the cut ends at 2 s.
    let cut = "faults: {x: {at: 0s, for: 2s, partition: {from: c, to: s}}}";
    assert_eq!(over("http1", "0s", "", "", cut).took("c"), 3050.0);
}

/// HTTP/1.1 cannot go on with a connection whose answer nobody waits for; HTTP/2 resets the stream alone.
#[test]
fn a_timeout_costs_http1_its_connection() {
    for (protocol, longest) in [("http1", 50.0), ("http2", 30.0)] {
        let ran = run(&format!(
            "
duration: 60s
clients: {{c: {{target: s.get, arrivals: trace(0s+1s+2s.csv), policy: p}}}}
services: {{s: {{protocol: {protocol}, endpoints: {{get: [{{work: 10ms}}]}}}}}}
network: {{default: {{latency: 10ms}}}}
policies: {{p: {{timeout: 200ms}}}}
faults: {{hang: {{at: 1s, for: 500ms, pause: {{service: s}}}}}}"
        ));
        assert_eq!(ran.outcomes("c"), "200: 2, 504 UT: 1", "{protocol}");
        let latencies = ran.client("c").latency_ok.mean;
        assert_eq!(latencies, Some((0.05 + longest / 1e3) / 2.0), "{protocol}");
    }
}

#[test]
fn grpc_stops_work_whose_caller_has_gone_and_others_do_not() {
    for (service, busy) in
        [("protocol: grpc", 24.0), ("protocol: http2", 100.0), ("protocol: grpc, cancellation: none", 100.0), ("", 100.0)]
    {
        let ran = run(&format!(
            "
duration: 1s
clients: {{c: {{target: s.get, arrivals: trace(0s.csv), policy: p}}}}
services: {{s: {{workers: 1, endpoints: {{get: [{{work: 100ms}}]}}, {service}}}}}
policies: {{p: {{timeout: 24ms}}}}"
        ));
        assert_eq!((ran.outcomes("c"), ran.busy("s")), ("504 UT: 1".to_string(), busy), "{service}");
    }
}

/// The callee's own call fails with the deadline of its caller, if it has heard of it.
#[test]
fn deadlines_are_told_over_grpc_and_not_over_http_unless_that_is_said() {
    for (protocol, deadline, told) in [
        ("protocol: grpc", "50ms", true),
        ("protocol: http2", "50ms", false),
        ("", "50ms", false),
        ("protocol: grpc", "{after: 50ms, propagate: false}", false),
        ("protocol: http1", "{after: 50ms, propagate: true}", true),
    ] {
        let ran = run(&format!(
            "
duration: 1s
clients: {{c: {{target: a.get, arrivals: trace(0s.csv), policy: p}}}}
services:
  a: {{cancellation: none, endpoints: {{get: [{{call: b.get}}]}}, {protocol}}}
  b: {{cancellation: none, endpoints: {{get: [{{work: 100ms}}]}}}}
policies: {{p: {{deadline: {deadline}}}}}"
        ));
        assert_eq!(ran.outcomes("c"), "504 UT: 1");
        let inner = if told { "504 UT: 1" } else { "200: 1" };
        assert_eq!(ran.call_outcomes("a.get -> b.get"), inner, "{protocol} {deadline}");
    }
}

#[test]
fn contradictions_are_refused() {
    let codes = |client: &str, service: &str| {
        refused(&format!(
            "
duration: 1s
clients: {{c: {{target: s.get, arrivals: constant(1/s), {client}}}}}
services: {{s: {{endpoints: {{get: [{{work: 1ms}}]}}, {service}}}}}"
        ))
    };
    assert_eq!(codes("protocol: http1", "protocol: grpc"), ["protocols-differ"]);
    assert_eq!(codes("", "connections: {tls: true}"), ["connections-without-protocol"]);
    assert_eq!(codes("", "protocol: http1, connections: {connectTimeout: 0s}"), ["impossible-policy"]);
    assert_eq!(codes("payload: 2GiB", ""), ["bad-value"]);
}
