//! Injected faults, crashed callers and callees, partitions.

use crate::support::*;

const ECHO: &str = "services: {echo: {sidecar: false, endpoints: {get: [{work: 10ms}]}}}";

#[test]
fn a_delay_is_outside_the_timeout_and_an_abort_is_not_retried() {
    let ran = run(&echo("1s", ECHO), &istio("timeout: 100ms, fault: {delay: {fixedDelay: 500ms, percentage: {value: 100}}}", ""));
    assert_eq!(ran.told(), ["1000+510 200 DI"]);
    let ran = run(
        &echo("1s", ECHO),
        &istio("retries: {attempts: 3, retryOn: 5xx}, fault: {abort: {httpStatus: 503, percentage: {value: 100}}}", ""),
    );
    assert_eq!(ran.told(), ["1000+0 503 FI"]);
    assert_eq!(ran.attempts(0).len(), 0);
}

#[test]
fn a_fault_without_a_percentage_hits_nobody_and_others_hit_their_share() {
    let ran = run(&echo("1s+2s", ECHO), &istio("fault: {abort: {httpStatus: 500}}", ""));
    assert_eq!(ran.outcomes(), ["200", "200"]);
    let many: Vec<String> = (0..4000).map(|i| format!("{}ms", 1000 + i)).collect();
    let ran = run(
        &echo(&many.join("+"), ECHO),
        &istio("fault: {delay: {fixedDelay: 1ms, percentage: {value: 50}}, abort: {httpStatus: 418, percentage: {value: 10}}}", ""),
    );
    let share = |wanted: &str| ran.outcomes().iter().filter(|outcome| *outcome == wanted).count() as f64 / 4000.0;
    for (outcome, expected) in [("200", 0.45), ("200 DI", 0.45), ("418 FI", 0.05), ("418 DI,FI", 0.05)] {
        assert!((share(outcome) - expected).abs() < 0.03, "{outcome}: {}", share(outcome));
    }
}

#[test]
fn a_host_that_dies_under_a_request_is_a_closed_connection() {
    let crash = "services: {echo: {sidecar: false, endpoints: {get: [{work: 500ms}]}}}\nfaults: {gone: {at: 1200ms, crash: {service: echo, restart: after(1s)}}}";
    let ran = run(&echo("1s", crash), &istio("retries: {attempts: 0}", ""));
    assert_eq!(ran.told(), ["1000+200 503 UC"]);
}

#[test]
fn a_partition_makes_the_connect_timeout_decide() {
    let cut = "services: {echo: {sidecar: false, endpoints: {get: [{work: 10ms}]}}}\nfaults: {cut: {at: 0s, for: 1h, partition: {from: caller, to: echo, packets: drop}}}";
    let ran = run(&echo("1s", cut), &istio("retries: {attempts: 0}", "connectionPool: {tcp: {connectTimeout: 2s}}"));
    assert_eq!(ran.told(), ["1000+2000 503 UF"]);
}

#[test]
fn what_a_dead_caller_had_under_way_is_given_up() {
    let chain = "
duration: 10m
clients: {user: {target: shop.buy, arrivals: trace(1s+5s.csv)}}
mesh: {}
services:
  shop: {endpoints: {buy: [{call: echo.get}]}}
  echo: {endpoints: {get: [{work: 1s}]}}
faults: {gone: {at: 1500ms, crash: {service: shop, restart: after(1s)}}}";
    let ran = run(chain, &istio("", "connectionPool: {http: {http2MaxRequests: 1}}"));
    assert_eq!(ran.told(), ["1000+500 503 UC", "5000+1000 200"]);
}

#[test]
fn plain_text_to_a_strict_pod_is_a_closed_connection() {
    let strict = "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: all}\nspec: {mtls: {mode: STRICT}}\n";
    let model = echo("1s", "services: {echo: {endpoints: {get: [{work: 10ms}]}}}");
    let plain = istio("retries: {attempts: 0}", "tls: {mode: DISABLE}");
    assert_eq!(run(&model, &format!("{plain}---\n{strict}")).outcomes(), ["503 UC"]);
    assert_eq!(run(&model, &plain).outcomes(), ["200"]);
    let outside = model.replace(", via: sidecar", "");
    assert_eq!(run(&outside, strict).outcomes(), ["503 UC"], "who has no proxy cannot speak TLS");
}
