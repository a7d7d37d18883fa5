//! Timeouts and retries of the caller's proxy.

use crate::support::*;

fn failing(status: u16, work: &str) -> String {
    format!("services: {{echo: {{sidecar: false, endpoints: {{get: [{{work: {work}}}, {{fail: {{status: {status}}}}}]}}}}}}")
}

/// Waits between tries are whole milliseconds below the bound: with 1 ms as the base the first is none at all.
const QUICK: &str = "backoff: 1ms";

#[test]
fn an_answer_that_is_retried_until_the_limit_reaches_the_caller_with_urx() {
    let ran = run(&echo("1s", &failing(503, "10ms")), &istio(&format!("retries: {{attempts: 1, retryOn: 5xx, {QUICK}}}"), ""));
    assert_eq!(ran.told(), ["1000+20 503 URX"]);
    assert_eq!(ran.attempts(0), ["echo-0 0-10 503", "echo-0 10-20 503"]);
    let (_, call) = ran.summary.calls.iter().next().unwrap();
    assert_eq!((call.retries.mesh, call.retries.app, call.attempts), (1, 0, 2));
}

#[test]
fn the_route_timeout_cuts_whatever_is_under_way_and_is_not_retried() {
    let ran =
        run(&echo("1s", &failing(503, "10ms")), &istio(&format!("timeout: 15ms, retries: {{attempts: 1, retryOn: 5xx, {QUICK}}}"), ""));
    assert_eq!(ran.told(), ["1000+15 504 UT"]);
    assert_eq!(ran.attempts(0), ["echo-0 0-10 503", "echo-0 10-15 504 UT"]);
}

#[test]
fn the_default_conditions_do_not_retry_a_per_try_timeout() {
    let slow = "services: {echo: {sidecar: false, endpoints: {get: [{work: 1s}]}}}";
    let ran = run(&echo("1s", slow), &istio("timeout: 2s, retries: {attempts: 3, perTryTimeout: 500ms}", ""));
    assert_eq!(ran.told(), ["1000+500 504 UT"]);
    assert_eq!(ran.attempts(0).len(), 1);
}

#[test]
fn a_per_try_timeout_that_is_retried_ends_with_urx_and_ut() {
    let slow = "services: {echo: {sidecar: false, endpoints: {get: [{work: 1s}]}}}";
    let ran = run(&echo("1s", slow), &istio("retries: {attempts: 1, perTryTimeout: 500ms, retryOn: 5xx, backoff: 1ms}", ""));
    assert_eq!(ran.told(), ["1000+1000 504 URX,UT"]);
    let ran =
        run(&echo("1s", slow), &istio("timeout: 700ms, retries: {attempts: 3, perTryTimeout: 500ms, retryOn: reset, backoff: 1ms}", ""));
    assert_eq!(ran.told(), ["1000+700 504 UT"]);
}

#[test]
fn without_manifests_a_503_is_retried_before_istio_1_24_only() {
    let model = |release: &str| echo("1s", &failing(503, "10ms")).replace("mesh: {}", &format!("mesh: {{istio: \"{release}\"}}"));
    assert_eq!(run(&model("1.24"), "").outcomes(), ["503"]);
    assert_eq!(run(&model("1.23"), "").outcomes(), ["503 URX"]);
}

#[test]
fn a_listed_status_replaces_the_default_conditions() {
    let crashed = "services: {echo: {sidecar: false, endpoints: {get: [{work: 10ms}]}}}\nfaults: {gone: {at: 0s, crash: {service: echo, restart: never}}}";
    let ran = run(&listed(echo("1s", crashed)), &istio("retries: {attempts: 2, retryOn: \"503\"}", ""));
    assert_eq!(ran.outcomes(), ["503 UF"], "a connect failure is not a 503");
    let ran = run(&listed(echo("1s", crashed)), &istio("", ""));
    assert_eq!(ran.outcomes(), ["503 URX,UF"], "by default it is retried twice");
}

#[test]
fn a_retry_finds_another_host_when_one_is_gone() {
    let one_gone = "services: {echo: {sidecar: false, replicas: 3, endpoints: {get: [{work: 10ms}]}}}\nfaults: {gone: {at: 0s, crash: {service: echo, replica: [1], restart: never}}}";
    let times: Vec<String> = (1..=30).map(|s| format!("{s}s")).collect();
    let ran = run(&listed(echo(&times.join("+"), one_gone)), &istio("", "loadBalancer: {simple: ROUND_ROBIN}"));
    assert!(ran.outcomes().iter().all(|outcome| outcome == "200"), "{:?}", ran.outcomes());
    assert!(ran.traces.iter().any(|t| t.attempts.len() > 1), "some met the one that is gone");
}

#[test]
fn the_retry_breaker_answers_with_what_came_and_uo() {
    let ran = run(
        &echo("1s+1s", &failing(503, "10ms")),
        &istio("retries: {attempts: 1, retryOn: 5xx, backoff: 1ms}", "connectionPool: {http: {maxRetries: 1}}"),
    );
    let mut outcomes = ran.outcomes();
    outcomes.sort();
    assert_eq!(outcomes, ["503 UO", "503 URX"]);
}

#[test]
fn the_application_sees_its_proxys_timeout_as_an_answer() {
    // Retries of the application on `timeout` do not see it; those on 5xx do.
    let slow = "services: {echo: {sidecar: false, endpoints: {get: [{work: 1s}]}}}\npolicies: {app: {retry: {attempts: 2, on: [ON], backoff: {initial: 10ms, jitter: none}}}}";
    let model = |on: &str| echo("1s", &slow.replace("ON", on)).replace("via: sidecar", "via: sidecar, policy: app");
    let policy = istio("timeout: 100ms", "");
    assert_eq!(run(&model("timeout"), &policy).told(), ["1000+100 504 UT"]);
    assert_eq!(run(&model("5xx"), &policy).told(), ["1000+210 504 UT"]);
}
