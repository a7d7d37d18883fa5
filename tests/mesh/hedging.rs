//! Tries that go on beside the next one, and retries that leave priorities out: what EnvoyFilters ask for.

use crate::support::*;

/// Host 0 takes `slow` times 10 ms, host 1 takes `fast` times.
fn hosts(times: &str, slow: f64, fast: f64, more: &str) -> String {
    let service = "services: {echo: {sidecar: false, replicas: 2, endpoints: {get: [{work: 10ms}]}}}";
    let faults = format!(
        "slow: {{at: 0s, slow: {{service: echo, replica: [0], factor: {slow}}}}}, fast: {{at: 0s, slow: {{service: echo, replica: [1], factor: {fast}}}}}{more}"
    );
    echo(times, &format!("{service}\nfaults: {{{faults}}}"))
}

fn filter(route: &str) -> String {
    format!(
        "---\napiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {{name: hedge}}\nspec:\n  configPatches:\n  - applyTo: HTTP_ROUTE\n    match: {{context: SIDECAR_OUTBOUND, routeConfiguration: {{vhost: {{name: \"echo.default.svc.cluster.local:80\"}}}}}}\n    patch: {{operation: MERGE, value: {{route: {{{route}}}}}}}\n"
    )
}

const HEDGE: &str = "hedge_policy: {hedge_on_per_try_timeout: true}";

fn hedging(retries: &str, policy: &str) -> String {
    let policy = format!("loadBalancer: {{simple: RANDOM}}{policy}");
    format!("{}{}", istio(&format!("timeout: 2s, retries: {{perTryTimeout: 100ms, backoff: 1ms, {retries}}}"), &policy), filter(HEDGE))
}

/// Far enough from each other, and enough of them that chance takes some to either host.
const TIMES: &str = "10s+20s+30s+40s+50s+60s+70s+80s";

/// What the first request that began at host 0 came to.
fn of_slow(ran: &Ran) -> (String, Vec<String>) {
    let place = ran.traces.iter().position(|t| t.attempts[0].host.as_deref() == Some("echo-0")).expect("some begin there");
    (ran.told()[place].split('+').nth(1).unwrap().to_string(), ran.attempts(place))
}

#[test]
fn a_slow_try_goes_on_and_the_first_good_answer_wins() {
    let ran = run(&hosts(TIMES, 50.0, 1.0, ""), &hedging("attempts: 2, retryOn: 5xx", ""));
    assert_eq!(of_slow(&ran), ("110 200".into(), vec!["echo-0 0-110 499 DC".into(), "echo-1 100-110 200".into()]));
    let ran = run(&hosts(TIMES, 15.0, 50.0, ""), &hedging("attempts: 1, retryOn: 5xx", ""));
    assert_eq!(of_slow(&ran), ("150 200".into(), vec!["echo-0 0-150 200".into(), "echo-1 100-150 499 DC".into()]));
    let without = hedging("attempts: 2, retryOn: 5xx", "").replace("timeout: true", "timeout: false");
    let (told, attempts) = of_slow(&run(&hosts(TIMES, 50.0, 1.0, ""), &without));
    assert_eq!((told.as_str(), attempts[0].as_str()), ("110 200", "echo-0 0-100 504 UT"), "{attempts:?}");
}

#[test]
fn hedging_asks_for_no_condition_but_for_retries() {
    let ran = run(&hosts(TIMES, 50.0, 1.0, ""), &hedging("attempts: 1, retryOn: \"503\"", ""));
    assert_eq!(of_slow(&ran).0, "110 200");
    let none = format!("{}{}", istio("retries: {attempts: 0}", "loadBalancer: {simple: RANDOM}"), filter(HEDGE));
    assert_eq!(of_slow(&run(&hosts(TIMES, 50.0, 1.0, ""), &none)).0, "500 200");
}

#[test]
fn a_bad_answer_is_dropped_while_another_try_is_under_way() {
    let bad = ", bad: {at: 0s, errors: {service: echo, replica: [1], status: 503}}";
    let ran = run(&hosts(TIMES, 15.0, 1.0, bad), &hedging("attempts: 1, retryOn: 5xx", ""));
    assert_eq!(of_slow(&ran).0, "150 200 URX", "the limit of retries was met on the way");
    let both = ", bad: {at: 0s, errors: {service: echo, status: 503}}";
    let ran = run(&hosts(TIMES, 1.0, 1.0, both), &hedging("attempts: 1, retryOn: 5xx", ""));
    assert!(ran.outcomes().iter().all(|outcome| outcome == "503 URX"), "the last one is told: {:?}", ran.outcomes());
}

#[test]
fn without_retries_left_a_late_try_goes_on_until_the_routes_timeout() {
    let ran = run(&hosts(TIMES, 50.0, 60.0, ""), &hedging("attempts: 1, retryOn: 5xx", ""));
    assert_eq!(of_slow(&ran).0, "500 200 URX");
    let ran = run(&hosts(TIMES, 500.0, 600.0, ""), &hedging("attempts: 1, retryOn: 5xx", ""));
    assert_eq!(of_slow(&ran).0, "2000 504 URX,UT");
}

#[test]
fn a_late_host_is_charged_once() {
    let detects = ", outlierDetection: {consecutiveGatewayErrors: 2, consecutive5xxErrors: 0, interval: 1h, maxEjectionPercent: 100}";
    let one = hosts("1s+9s", 500.0, 1.0, "")
        .replace("replicas: 2", "replicas: 1")
        .replace(", fast: {at: 0s, slow: {service: echo, replica: [1], factor: 1}}", "");
    let ran = run(&one, &hedging("attempts: 1, retryOn: 5xx", detects));
    let out: Vec<f64> = ran.ejections.iter().map(|e| (e.at * 1e3).round()).collect();
    assert_eq!(out, [1200.0], "one late try and another, and nothing again at the route's timeout");
}

const ZONES: &str = "
duration: 60s
mesh: {push: {endpoints: false}}
clients: {caller: {target: echo.get, arrivals: constant(20/s), via: sidecar, zone: r/a}}
services: {echo: {sidecar: false, replicas: 6, zones: [r/a, r/b], endpoints: {get: [{work: 1ms}]}}}
faults: {bad: {at: 0s, errors: {service: echo, status: 503, replica: [0, 2, 4]}}}";

/// All hosts of the caller's zone fail, and none is ejected.
#[test]
fn retries_leave_out_the_priorities_that_were_tried() {
    let outlier = "outlierDetection: {consecutive5xxErrors: 0, consecutiveGatewayErrors: 0, maxEjectionPercent: 100}";
    let good = |route: &str, more: &str| {
        let ran = run(ZONES, &format!("{}{more}", istio(route, outlier)));
        ran.summary.clients.get("caller").unwrap().success_rate.unwrap()
    };
    assert_eq!(good("retries: {attempts: 3, retryOn: 5xx, backoff: 1ms}", ""), 0.0, "all tries stay in the zone");
    let remote = "retries: {attempts: 2, retryOn: 5xx, backoff: 1ms, retryRemoteLocalities: true}";
    assert_eq!(good(remote, ""), 1.0, "after two tries the third is elsewhere");
    assert_eq!(good(&remote.replace("attempts: 2", "attempts: 1"), ""), 0.0, "two tries are not enough");
    let priority =
        "retry_policy: {retry_priority: {name: envoy.retry_priorities.previous_priorities, typed_config: {update_frequency: 1}}}";
    assert_eq!(good("retries: {attempts: 1, retryOn: 5xx, backoff: 1ms}", &filter(priority)), 1.0, "unless a filter says so");
}

#[test]
fn failover_follows_labels_where_they_are_written() {
    let model = |of_caller: &str| {
        format!("
duration: 30s
mesh: {{}}
clients: {{user: {{target: shop.buy, arrivals: constant(20/s)}}}}
services:
  shop: {{labels: {{{of_caller}}}, endpoints: {{buy: [{{call: echo.get}}]}}}}
  echo: {{sidecar: false, endpoints: {{get: [{{work: 1ms}}]}}, versions: {{v1: {{labels: {{network: n1}}}}, v2: {{labels: {{network: n2}}}}}}}}")
    };
    let shares = |of_caller: &str, policy: &str| {
        let ran = run(&model(of_caller), &istio("", policy));
        ["echo/v1", "echo/v2"].map(|name| ran.summary.services.get(name).unwrap().requests)
    };
    let policy = "outlierDetection: {}, loadBalancer: {localityLbSetting: {failoverPriority: [network]}}";
    assert_eq!(shares("network: n1", policy)[1], 0);
    assert_eq!(shares("network: n2", policy)[0], 0);
    assert!(shares("network: n3", policy).iter().all(|requests| *requests > 100), "who shares it with nobody calls all alike");
    assert_eq!(shares("network: n1", &policy.replace("[network]", "[\"network=n2\"]"))[0], 0, "a value that is asked for");
    let blind = policy.replace("outlierDetection: {}, ", "");
    assert!(shares("network: n1", &blind).iter().all(|requests| *requests > 100), "without outlier detection there is no failover");
}

#[test]
fn a_gateway_routes_what_is_bound_to_it_and_nothing_else() {
    let gateway = |hosts: &str| {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: door, namespace: edge}}\nspec:\n  selector: {{istio: ingressgateway}}\n  servers: [{{port: {{number: 80, name: http, protocol: HTTP}}, hosts: [{hosts}]}}]\n---\n"
        )
    };
    let rule = |gateways: &str| {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: echo}}\nspec:\n  hosts: [echo.example.com]\n  gateways: [{gateways}]\n  http: [{{route: [{{destination: {{host: echo}}}}], timeout: 1s}}]\n"
        )
    };
    let model =
        echo("1s", "services: {echo: {sidecar: false, endpoints: {get: [{work: 10ms}]}}}").replace("via: sidecar", "via: edge/door");
    for (hosts, gateways, told) in [
        ("echo.example.com", "edge/door", "200"),
        ("\"*.example.com\"", "edge/door", "200"),
        ("\"*\"", "edge/door, mesh", "200"),
        ("\"default/*\"", "edge/door", "200"),
        ("\"other/*\"", "edge/door", "404 NR"),
        ("shop.example.com", "edge/door", "404 NR"),
        ("\"*\"", "edge/window", "404 NR"),
        ("\"*\"", "mesh", "404 NR"),
    ] {
        let ran = run(&model, &format!("{}{}", gateway(hosts), rule(gateways)));
        assert_eq!(ran.outcomes(), [told], "{hosts} and {gateways}");
    }
}
