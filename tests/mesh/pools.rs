//! Connection pools: what waits, what overflows, and what the callee's own sidecar lets in.

use crate::support::*;

const ONE_SLOW: &str = "services: {echo: {sidecar: false, endpoints: {get: [{work: 100ms}]}}}";
const ONE_AND_ONE: &str = "connectionPool: {tcp: {maxConnections: 1}, http: {http1MaxPendingRequests: 1}}";

#[test]
fn on_a_cold_pool_the_first_request_takes_the_only_place_to_wait() {
    let ran = run(&echo("1s+1s+1s", ONE_SLOW), &istio("", ONE_AND_ONE));
    let mut told = ran.told();
    told.sort();
    assert_eq!(told, ["1000+0 503 UO", "1000+0 503 UO", "1000+100 200"]);
}

#[test]
fn on_a_warm_pool_one_is_served_one_waits_and_the_third_overflows() {
    let ran = run(&echo("1s+5s+5s+5s", ONE_SLOW), &istio("", ONE_AND_ONE));
    assert_eq!(ran.told(), ["1000+100 200", "5000+100 200", "5000+200 200", "5000+0 503 UO"]);
}

#[test]
fn an_overflow_is_never_retried_by_the_same_proxy() {
    let ran = run(&echo("1s+5s+5s+5s", ONE_SLOW), &istio("retries: {attempts: 5, retryOn: \"5xx,reset,503\"}", ONE_AND_ONE));
    assert_eq!(ran.told()[3], "5000+0 503 UO");
}

#[test]
fn the_route_timeout_covers_the_queue_and_the_per_try_timeout_does_not() {
    let route = "timeout: 150ms, retries: {attempts: 1, perTryTimeout: 120ms, retryOn: 5xx}";
    let ran = run(&echo("1s+5s+5s", ONE_SLOW), &istio(route, ONE_AND_ONE));
    assert_eq!(ran.told(), ["1000+100 200", "5000+100 200", "5000+150 504 UT"]);
}

#[test]
fn max_requests_limits_what_is_under_way_over_all_hosts() {
    let three = ONE_SLOW.replace("sidecar: false", "sidecar: false, replicas: 3");
    let ran = run(&echo("1s+1s+1s+1s", &three), &istio("", "connectionPool: {http: {http2MaxRequests: 2}}"));
    let overflowed = ran.outcomes().iter().filter(|outcome| *outcome == "503 UO").count();
    assert_eq!(overflowed, 2, "{:?}", ran.told());
}

#[test]
fn a_connection_that_serves_one_request_makes_every_request_a_cold_one() {
    let network = "\nnetwork: {default: {latency: 1ms}}";
    let model = format!("{ONE_SLOW}{network}");
    let kept = run(&echo("1s+5s", &model), &istio("", ""));
    let renewed = run(&echo("1s+5s", &model), &istio("", "connectionPool: {http: {maxRequestsPerConnection: 1}}"));
    assert_eq!(kept.told(), ["1000+104 200", "5000+102 200"], "the first pays a round trip to connect");
    assert_eq!(renewed.told(), ["1000+104 200", "5000+104 200"]);
}

#[test]
fn mutual_tls_costs_another_round_trip_and_its_handshake() {
    let model = "services: {echo: {endpoints: {get: [{work: 100ms}]}}}\nnetwork: {default: {latency: 1ms}}";
    let model = echo("1s+5s", model).replace("mesh: {}", "mesh: {mtls: {handshake: 3ms}}");
    assert_eq!(run(&model, &istio("", "")).told(), ["1000+109 200", "5000+102 200"]);
}

#[test]
fn limits_hold_per_calling_proxy_and_again_at_the_called_pod() {
    // Ten callers with ten requests each may send a hundred; the sidecar of the only pod lets ten in.
    let times = vec!["1s"; 40].join("+");
    let model = |instances: u32, sidecar: bool| {
        let service = format!("services: {{echo: {{sidecar: {sidecar}, endpoints: {{get: [{{work: 100ms}}]}}}}}}");
        echo(&times, &service).replace("via: sidecar", &format!("via: sidecar, instances: {instances}"))
    };
    let policy = istio("", "connectionPool: {http: {http2MaxRequests: 10}}");
    let count = |ran: &Ran, wanted: &str| ran.outcomes().iter().filter(|outcome| *outcome == wanted).count();
    let one = run(&model(1, false), &policy);
    assert_eq!((count(&one, "200"), count(&one, "503 UO")), (10, 30));
    let many = run(&model(40, false), &policy);
    assert!(count(&many, "200") > 30, "{:?}", many.outcomes());
    let at_pod = run(&model(40, true), &policy);
    assert_eq!(count(&at_pod, "200"), 10);
    assert!(count(&at_pod, "503") > 20, "refused by the callee's sidecar: to the caller an answer");
}
