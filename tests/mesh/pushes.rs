//! Configurations that the control plane pushes while the system runs.

use crate::support::*;
use brownout::export::timeline;

const ECHO: &str = "services: {echo: {sidecar: false, replicas: 2, endpoints: {get: [{work: 3s}]}}}";
const ROUTE: &str = "VirtualService/default/echo";
const RULE: &str = "DestinationRule/default/echo";

fn pushed(model: String, delay: &str, faults: &str) -> String {
    format!("{}\nfaults: {{{faults}}}", model.replace("mesh: {}", &format!("mesh: {{push: {{delay: {delay}}}}}")))
}

fn shorter(words: &str) -> String {
    format!("shorter: {{at: 10s, {words}configPush: {{{ROUTE}: {{spec: {{http: {{0: {{timeout: 1s}}}}}}}}}}}}")
}

#[test]
fn requests_in_flight_keep_their_route_and_new_ones_go_by_the_new_one() {
    let ran = run(&pushed(echo("9s+11500ms+12500ms+30s", ECHO), "2s", &shorter("")), &istio("timeout: 5s", ""));
    assert_eq!(ran.told(), ["9000+3000 200", "11500+3000 200", "12500+1000 504 UT", "30000+1000 504 UT"]);
}

#[test]
fn when_the_fault_ends_what_held_before_is_pushed() {
    let ran = run(&pushed(echo("9s+15s+21s+23s", ECHO), "2s", &shorter("for: 10s, ")), &istio("timeout: 5s", ""));
    assert_eq!(ran.told(), ["9000+3000 200", "15000+1000 504 UT", "21000+1000 504 UT", "23000+3000 200"]);
}

#[test]
fn pushes_add_up_in_the_order_in_which_they_begin() {
    let faults = format!(
        "{}, then: {{at: 20s, for: 10s, configPush: {{{ROUTE}: {{spec: {{http: {{0: {{timeout: 2s, fault: {{delay: {{fixedDelay: 1s, percentage: {{value: 100}}}}}}}}}}}}}}}}}}",
        shorter("for: 20s, ")
    );
    let ran = run(&pushed(echo("15s+25s+35s", ECHO), "0s", &faults), &istio("timeout: 5s", ""));
    assert_eq!(ran.told(), ["15000+1000 504 UT", "25000+3000 504 DI,UT", "35000+3000 200"], "the first ends with the second");
    let ran = run(&pushed(echo("29s+31s", ECHO), "0s", &faults.replace("for: 20s, ", "")), &istio("timeout: 5s", ""));
    assert_eq!(ran.told(), ["29000+3000 504 DI,UT", "31000+1000 504 UT"], "what the first pushed holds on");
}

#[test]
fn every_proxy_switches_after_a_delay_of_its_own() {
    let model = pushed(echo("1s", ECHO), "uniform(100ms, 1s)", &shorter("")).replace("via: sidecar", "via: sidecar, instances: 40");
    let (topology, ran) = (compiled(&model, &istio("", "")), run(&model, &istio("", "")));
    let rows: Vec<_> = timeline::events(&topology, &ran.recording, &ran.summary).into_iter().filter(|e| e.kind == "config").collect();
    assert_eq!(
        rows.iter().map(|row| (row.who.as_str(), row.what.as_str())).collect::<Vec<_>>(),
        [("shorter", "the first proxy goes by the new configuration"), ("shorter", "the last proxy goes by the new configuration")]
    );
    assert!(rows[0].at >= 10.1 && rows[0].at < 10.3 && rows[1].at > 10.8 && rows[1].at <= 11.0, "{rows:?}");
}

/// One host fails until it is ejected for an hour; then something is pushed.
fn ejected_then(change: &str) -> Vec<String> {
    let faults = format!(
        "bad: {{at: 0s, for: 5s, errors: {{service: echo, replica: [1], status: 503}}}}, push: {{at: 10s, configPush: {{{change}}}}}"
    );
    let times: Vec<String> = (0..60).map(|i| format!("{}ms", 500 + 300 * i)).collect();
    let policy = "loadBalancer: {simple: ROUND_ROBIN}, outlierDetection: {consecutive5xxErrors: 2, interval: 1h, maxEjectionPercent: 100}";
    let ran = run(&pushed(echo(&times.join("+"), &ECHO.replace("3s", "10ms")), "0s", &faults), &istio("", policy));
    let late = ran.traces.iter().filter(|t| t.offered > 10.0).flat_map(|t| &t.attempts);
    let mut hosts: Vec<String> = late.filter_map(|attempt| attempt.host.clone()).collect();
    hosts.sort();
    hosts.dedup();
    hosts
}

#[test]
fn clusters_that_are_the_same_keep_what_they_know_and_others_begin_anew() {
    assert_eq!(ejected_then(&format!("{ROUTE}: {{spec: {{http: {{0: {{timeout: 1s}}}}}}}}")), ["echo-0"]);
    let limit = format!("{RULE}: {{spec: {{trafficPolicy: {{connectionPool: {{http: {{http2MaxRequests: 100}}}}}}}}}}");
    assert_eq!(ejected_then(&limit), ["echo-0", "echo-1"]);
}

#[test]
fn a_cluster_that_comes_back_is_another_one() {
    let limit = format!(
        "limit: {{at: 6s, for: 2s, configPush: {{{RULE}: {{spec: {{trafficPolicy: {{connectionPool: {{http: {{http2MaxRequests: 100}}}}}}}}}}}}}}"
    );
    let faults = format!("bad: {{at: 0s, for: 5s, errors: {{service: echo, replica: [1], status: 503}}}}, {limit}");
    let times: Vec<String> = (0..60).map(|i| format!("{}ms", 500 + 300 * i)).collect();
    let policy = "loadBalancer: {simple: ROUND_ROBIN}, outlierDetection: {consecutive5xxErrors: 2, interval: 1h, maxEjectionPercent: 100}";
    let ran = run(&pushed(echo(&times.join("+"), &ECHO.replace("3s", "10ms")), "0s", &faults), &istio("", policy));
    let at = |from: f64, until: f64| {
        let within = ran.traces.iter().filter(|t| (from..until).contains(&t.offered)).flat_map(|t| &t.attempts);
        within.filter(|attempt| attempt.host.as_deref() == Some("echo-1")).count()
    };
    assert_eq!(at(5.0, 6.0), 0, "ejected");
    assert!(at(6.0, 8.0) > 0 && at(8.0, 20.0) > 0, "what holds again does not know of it");
}

#[test]
fn traffic_shifts_between_versions() {
    let service = "services: {echo: {sidecar: false, endpoints: {get: [{work: 10ms}]}, versions: {v1: {}, v2: {}}}}";
    let manifests = "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: echo}
spec:
  hosts: [echo]
  http:
  - route: [{destination: {host: echo, subset: v1}, weight: 100}, {destination: {host: echo, subset: v2}, weight: 0}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: echo}
spec:
  host: echo
  subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]
";
    let shift = format!(
        "shift: {{at: 10s, configPush: {{{ROUTE}: {{spec: {{http: {{0: {{route: {{0: {{weight: 0}}, 1: {{weight: 100}}}}}}}}}}}}}}}}"
    );
    let ran = run(&pushed(echo("1s+9s+11s+12s", service), "500ms", &shift), manifests);
    let hosts: Vec<_> = ran.traces.iter().map(|t| t.attempts[0].host.clone().unwrap()).collect();
    assert_eq!(hosts, ["echo/v1-0", "echo/v1-0", "echo/v2-0", "echo/v2-0"]);
}

#[test]
fn the_sidecars_of_those_who_are_called_take_on_limits_too() {
    let service = "services: {echo: {endpoints: {get: [{work: 3s}]}}}";
    let limit = format!(
        "limit: {{at: 10s, configPush: {{{RULE}: {{spec: {{trafficPolicy: {{connectionPool: {{http: {{http2MaxRequests: 1}}}}}}}}}}}}}}"
    );
    let plain = pushed(echo("1s+2s+12s+13s", service), "1s", &limit).replace(", via: sidecar", "");
    let ran = run(&plain, &istio("", "loadBalancer: {simple: ROUND_ROBIN}"));
    assert_eq!(ran.told(), ["1000+3000 200", "2000+3000 200", "12000+3000 200", "13000+0 503"]);
}

#[test]
fn what_fails_by_a_pushed_rule_is_put_down_to_the_push() {
    let abort = format!("bad-push: {{at: 10s, configPush: {{{ROUTE}: {{spec: {{http: {{0: {{timeout: 1s}}}}}}}}}}}}");
    let ran = run(&pushed(echo("1s+15s+16s+17s", ECHO), "0s", &abort), &istio("", ""));
    let steps = &ran.summary.cascade.steps;
    assert!(steps.iter().any(|step| step.because.as_ref().is_some_and(|because| because.contains("bad-push"))), "{steps:#?}");
}

#[test]
fn an_object_can_be_taken_out() {
    let gone = format!("gone: {{at: 10s, configPush: {{{ROUTE}: null}}}}");
    let ran = run(&pushed(echo("9s+15s", ECHO), "0s", &gone), &istio("timeout: 1s", ""));
    assert_eq!(ran.outcomes(), ["504 UT", "200"]);
}
