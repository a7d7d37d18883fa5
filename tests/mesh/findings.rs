//! What `check` says of proxies before anything runs.

use crate::support::*;
use brownout::topology::check::check;

fn codes(model: &str, manifests: &str) -> Vec<&'static str> {
    let mut codes: Vec<&str> = check(&compiled(model, manifests)).iter().map(|finding| finding.code).collect();
    codes.retain(|code| !["no-timeout", "unbounded-queue"].contains(code));
    codes
}

const THREE: &str = "services: {echo: {replicas: 3, workers: 10, endpoints: {get: [{work: 10ms}]}}}";

#[test]
fn outlier_detection_that_ejects_nobody_is_told_until_it_may_eject() {
    let with = |percent: &str| codes(&echo("1s", THREE), &istio("", &format!("outlierDetection: {{consecutive5xxErrors: 5{percent}}}")));
    assert_eq!(with(""), ["ejects-nobody"]);
    assert_eq!(with(", maxEjectionPercent: 33"), ["ejects-nobody"], "33.33 is more than 33");
    assert_eq!(with(", maxEjectionPercent: 34"), [""; 0]);
}

#[test]
fn per_try_timeouts_are_held_against_conditions_and_route() {
    let with = |route: &str| codes(&echo("1s", THREE), &istio(route, ""));
    assert_eq!(with("timeout: 10s, retries: {attempts: 3, perTryTimeout: 2s}"), ["per-try-not-retried"]);
    assert_eq!(with("timeout: 5s, retries: {attempts: 3, perTryTimeout: 2s, retryOn: reset}"), ["retries-beyond-timeout"]);
    assert_eq!(with("timeout: 8s, retries: {attempts: 3, perTryTimeout: 2s, retryOn: reset}"), [""; 0]);
}

#[test]
fn retries_of_application_and_proxy_multiply() {
    let policy = format!("{THREE}\npolicies: {{p: {{timeout: 5s, retry: {{attempts: 4}}}}}}");
    let model = echo("1s", &policy).replace("via: sidecar", "via: sidecar, policy: p");
    assert_eq!(codes(&model, &istio("retries: {attempts: 3, retryOn: 5xx}", "")), ["double-retries"]);
    assert_eq!(codes(&model, &istio("retries: {attempts: 0}", "")), [""; 0]);
}

#[test]
fn limits_of_all_proxies_together_are_held_against_the_workers() {
    let model = |instances: u32| echo("1s", THREE).replace("via: sidecar", &format!("via: sidecar, instances: {instances}"));
    let policy = istio("", "connectionPool: {http: {http2MaxRequests: 20}}");
    assert_eq!(codes(&model(1), &policy), [""; 0], "20 for 30 workers");
    assert_eq!(codes(&model(2), &policy), ["pools-beyond-workers"]);
}

#[test]
fn a_subset_without_pods_is_told() {
    let manifests = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: echo}\nspec:\n  hosts: [echo]\n  http: [{route: [{destination: {host: echo, subset: v9}}]}]\n---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: echo}\nspec: {host: echo, subsets: [{name: v9, labels: {version: v9}}]}\n";
    assert_eq!(codes(&echo("1s", THREE), manifests), ["no-hosts"]);
}
