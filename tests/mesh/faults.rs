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

/// `echo` with a sidecar, two replicas, of which the first loses its application.
fn closed_port(times: &str, words: &str) -> String {
    let service = "services: {echo: {replicas: 2, endpoints: {get: [{work: 10ms}]}}}";
    let model = echo(times, &format!("{service}\nfaults: {{gone: {{at: 0s, crash: {{service: echo, replica: [0], container: true}}}}}}"));
    model.replace("mesh: {}", &format!("mesh: {{{words}}}"))
}

const TURNS: &str = "loadBalancer: {simple: ROUND_ROBIN}";
const LISTED: &str = "push: {endpoints: false}";

#[test]
fn a_closed_port_behind_a_sidecar_is_an_answer_that_the_default_policy_does_not_retry() {
    let ran = run(&closed_port("1s+2s+3s+4s", LISTED), &istio("", TURNS));
    let failed = ran.outcomes().iter().filter(|outcome| *outcome == "503").count();
    assert_eq!((failed, ran.summary.services.get("echo").unwrap().rejected), (2, 2), "{:?}", ran.outcomes());
    assert_eq!(ran.summary.calls.get("caller -> echo.get").unwrap().attempts, 4);
    let before = run(&closed_port("1s+2s+3s+4s", &format!("istio: \"1.23\", {LISTED}")), &istio("", TURNS));
    assert_eq!(before.outcomes(), ["200"; 4], "older releases retry 503");
    let asked = run(&closed_port("1s+2s+3s+4s", LISTED), &istio("retries: {attempts: 2, retryOn: \"503\"}", TURNS));
    assert_eq!(asked.outcomes(), ["200"; 4], "as does a policy that says so");
}

#[test]
fn the_sidecar_of_a_closed_port_tries_twice_more_before_it_answers() {
    let only = "services: {echo: {ENDPOINTS}}\nfaults: {gone: {at: 0s, crash: {service: echo, container: true}}}";
    let took = |times: &str, service: &str, words: &str| {
        let model = echo(times, &only.replace("ENDPOINTS", service)).replace("mesh: {}", &format!("mesh: {{{words}, {LISTED}}}"));
        let ran = run(&model, &istio("retries: {attempts: 0}", ""));
        assert!(ran.outcomes().iter().all(|outcome| outcome == "503"), "{:?}", ran.outcomes());
        ran.traces.iter().map(|t| ((t.ended.unwrap() - t.offered) * 1e3).round() as u32).collect::<Vec<_>>()
    };
    let http = "endpoints: {get: [{work: 10ms}]}";
    let waits = took("1s+2s+3s+4s+5s+6s+7s+8s", http, "istio: \"1.24\"");
    assert!(waits.iter().all(|wait| *wait < 25 + 50) && waits.iter().any(|wait| *wait > 25), "two back-offs: {waits:?}");
    assert_eq!(took("1s+2s", http, "istio: \"1.22\""), [0, 0], "older sidecars do not");
    assert_eq!(took("1s+2s", &format!("protocol: grpc, {http}"), "istio: \"1.24\""), [0, 0], "nor do they for gRPC");
}

#[test]
fn an_application_that_is_back_within_its_sidecars_tries_is_not_missed() {
    let back = "services: {echo: {endpoints: {get: [{work: 10ms}]}}}\nfaults: {gone: {at: 999ms, crash: {service: echo, container: true, restart: after(2ms)}}}";
    let ran = run(&echo("1s", back), &istio("retries: {attempts: 0}", ""));
    assert_eq!(ran.outcomes(), ["200"]);
    assert!(ran.traces[0].ended.unwrap() - ran.traces[0].offered > 0.0105, "{:?}", ran.told());
}

#[test]
fn outlier_detection_charges_a_closed_port_as_503_and_a_gone_pod_as_a_failure_to_connect() {
    let detects = "outlierDetection: {consecutive5xxErrors: 0, consecutiveGatewayErrors: 2, maxEjectionPercent: 100, interval: 1h}";
    let policy = format!("{TURNS}, {detects}");
    let ran = run(&closed_port("1s+2s+3s+4s+5s+6s", LISTED), &istio("", &policy));
    assert_eq!(ran.ejections.iter().filter(|e| e.ejected).count(), 1, "{:?}", ran.ejected());
    assert_eq!(ran.outcomes().iter().filter(|outcome| *outcome == "503").count(), 2);
    let split = format!(
        "{TURNS}, outlierDetection: {{splitExternalLocalOriginErrors: true, consecutiveLocalOriginFailures: 1, consecutive5xxErrors: 0, maxEjectionPercent: 100}}"
    );
    assert_eq!(run(&closed_port("1s+2s+3s+4s", LISTED), &istio("", &split)).ejections.len(), 0, "nothing failed locally");
    let pod = closed_port("1s+2s+3s+4s", LISTED).replace(", container: true", "");
    let ran = run(&pod, &istio("", &split));
    assert_eq!(ran.outcomes(), ["200"; 4], "a failure to connect is retried elsewhere");
    assert!(ran.ejections[0].ejected);
}

#[test]
fn what_the_application_had_under_way_is_answered_503_by_its_sidecar() {
    let crash = |container: &str| {
        format!(
            "services: {{echo: {{endpoints: {{get: [{{work: 500ms}}]}}}}}}\nfaults: {{gone: {{at: 1200ms, crash: {{service: echo, restart: after(1s){container}}}}}}}"
        )
    };
    let on_reset = istio("retries: {attempts: 1, retryOn: reset}", "");
    assert_eq!(run(&echo("1s", &crash(", container: true")), &on_reset).told(), ["1000+200 503"]);
    let gone = run(&echo("1s", &crash("")), &on_reset);
    assert_eq!(gone.summary.calls.get("caller -> echo.get").unwrap().retries.mesh, 1, "a closed connection is retried: {:?}", gone.told());
}

#[test]
fn without_a_sidecar_a_dead_container_is_a_refused_connection() {
    let crash = "services: {echo: {sidecar: false, endpoints: {get: [{work: 10ms}]}}}\nfaults: {gone: {at: 0s, crash: {service: echo, container: true}}}";
    let ran = run(&listed(echo("1s", crash)), &istio("retries: {attempts: 0}", ""));
    assert_eq!(ran.told(), ["1000+0 503 UF"]);
}

#[test]
fn a_pod_that_goes_after_its_container_takes_the_sidecar_along() {
    let service = "services: {echo: {endpoints: {get: [{work: 10ms}]}}}";
    let faults =
        "faults: {first: {at: 0s, for: 8s, crash: {service: echo, container: true}}, then: {at: 2s, for: 2s, crash: {service: echo}}}";
    let model = listed(echo("1s+3s+5s+9s", &format!("{service}\n{faults}")));
    let ran = run(&model, &istio("retries: {attempts: 0}", ""));
    assert_eq!(ran.outcomes(), ["503", "503 UF", "503", "200"]);
}
