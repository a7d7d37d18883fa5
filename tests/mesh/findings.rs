//! What `check` says of proxies before anything runs.

use crate::support::*;
use brownout::import;
use brownout::model::source::Sources;
use brownout::model::tree::Path;
use brownout::topology::check::{Finding, bindings, check, manifests};
use brownout::topology::explain::default_release;

/// What is said of a model with its manifests; every finding has a place.
fn findings(model: &str, manifests: &str) -> Vec<Finding> {
    let (loaded, topology) = loaded(model, manifests);
    let mut all = check(&topology);
    all.extend(bindings(&loaded.model));
    all.retain(|finding| !["no-timeout", "unbounded-queue"].contains(&finding.code));
    for finding in &all {
        assert!(loaded.place(&finding.path).is_some(), "{finding:?} has no place");
        assert!(!finding.help.is_empty(), "{finding:?} has no way out");
    }
    all
}

fn codes(model: &str, manifests: &str) -> Vec<&'static str> {
    findings(model, manifests).iter().map(|finding| finding.code).collect()
}

/// Codes and paths of what is said of manifests by themselves.
fn alone(text: &str) -> Vec<(&'static str, String)> {
    let mut sources = Sources::new();
    let file = sources.add("istio.yaml", text.as_bytes().to_vec()).unwrap();
    let imported = import::read(&sources, &[file]);
    assert!(!imported.problems.has_errors(), "{:#?}", imported.problems);
    let found = manifests(&imported.mesh, default_release());
    for finding in &found {
        let written = imported.mesh.origin_of(&Path::parse(&finding.path).unwrap()).and_then(|origin| origin.spot());
        assert!(written.is_some_and(|spot| spot.line > 4), "{finding:?} stands at {written:?}");
    }
    found.into_iter().map(|finding| (finding.code, finding.path)).collect()
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
    assert_eq!(with("timeout: 2s, retries: {attempts: 3, perTryTimeout: 2s, retryOn: reset}"), ["retries-beyond-timeout"]);
    let only = findings(&echo("1s", THREE), &istio("timeout: 5s, retries: {attempts: 3, perTryTimeout: 2s, retryOn: reset}", ""));
    assert_eq!(
        only[0].message,
        "route `VirtualService/default/echo[0]` to `echo.get`: 4 tries of 2s take 8s, and the route's timeout is 5s"
    );
    assert_eq!(only[0].path, "mesh.VirtualService/default/echo.spec.http[0].retries.perTryTimeout");
}

/// The same is said of manifests without a model, as far as they tell it themselves.
#[test]
fn manifests_by_themselves_are_judged_by_the_same_arithmetic() {
    let route = "mesh.VirtualService/default/echo.spec.http[0].retries.perTryTimeout".to_string();
    let with = |route: &str| alone(&istio(route, ""));
    assert_eq!(with("timeout: 10s, retries: {attempts: 3, perTryTimeout: 2s}"), [("per-try-not-retried", route.clone())]);
    assert_eq!(with("timeout: 5s, retries: {attempts: 3, perTryTimeout: 2s, retryOn: reset}"), [("retries-beyond-timeout", route)]);
    assert_eq!(with("timeout: 8s, retries: {attempts: 3, perTryTimeout: 2s, retryOn: reset}"), []);
    let outlier = "mesh.DestinationRule/default/echo.spec.trafficPolicy.outlierDetection".to_string();
    let pods = |replicas: u32, rest: &str| {
        let service = "---\napiVersion: v1\nkind: Service\nmetadata: {name: echo}\nspec: {selector: {app: echo}, ports: [{port: 80}]}\n";
        let deployment = format!(
            "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: echo}}\nspec: {{replicas: {replicas}, selector: {{matchLabels: {{app: echo}}}}, template: {{metadata: {{labels: {{app: echo}}}}}}}}\n"
        );
        alone(&format!("{}{service}{deployment}", istio("", &format!("outlierDetection: {{consecutive5xxErrors: 5{rest}}}"))))
    };
    assert_eq!(pods(3, ""), [("ejects-nobody", outlier.clone())]);
    assert_eq!(pods(10, ""), []);
    assert_eq!(pods(3, ", maxEjectionPercent: 34"), []);
    let off = alone(&istio("", "outlierDetection: {consecutive5xxErrors: 0, maxEjectionPercent: 100}"));
    assert_eq!(off, [("ejects-nobody", outlier)], "no detector is on, however many pods there are");
}

/// A route is told once, however many calls go by it.
#[test]
fn what_is_wrong_with_a_route_is_told_once() {
    let model = echo("1s", THREE).replace("clients: {", "clients: {other: {target: echo.get, arrivals: trace(1s.csv), via: sidecar}, ");
    assert_eq!(codes(&model, &istio("timeout: 10s, retries: {attempts: 3, perTryTimeout: 2s}", "")), ["per-try-not-retried"]);
}

#[test]
fn rules_for_another_namespace_or_name_than_the_models_are_told() {
    let rule = |text: &str| istio("", "loadBalancer: {simple: RANDOM}").replace("metadata: {name: echo}", text);
    assert_eq!(codes(&echo("1s", THREE), &rule("metadata: {name: echo}")), [""; 0]);
    let elsewhere = findings(&echo("1s", THREE), &rule("metadata: {name: echo, namespace: shop}"));
    let told: Vec<(&str, &str)> = elsewhere.iter().map(|finding| (finding.code, finding.path.as_str())).collect();
    let hosts = ["mesh.VirtualService/shop/echo.spec.hosts[0]", "mesh.DestinationRule/shop/echo.spec.host"];
    assert_eq!(told, hosts.map(|path| ("unbound-rule", path)));
    assert!(elsewhere[0].help.contains("`namespace: shop`"), "{elsewhere:?}");
    let misspelt = istio("", "loadBalancer: {simple: RANDOM}").replace("host: echo\n  trafficPolicy", "host: ehco\n  trafficPolicy");
    assert_eq!(codes(&echo("1s", THREE), &misspelt), ["unbound-rule"]);
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
