//! Which rule takes a request, and where it goes.

use crate::support::*;

const VERSIONS: &str = "
duration: 10m
mesh: {}
clients: {caller: {target: echo.get, arrivals: constant(10/s), via: sidecar, request: {method: POST, path: /orders/1, headers: {user-tier: {premium: 20%, standard: 80%}}}}}
services:
  echo:
    sidecar: false
    labels: {version: v1}
    endpoints: {get: [{work: 1ms}]}
    versions: {v2: {labels: {version: v2}, endpoints: {get: [{work: 2ms}]}}}
";

const SUBSETS: &str = "
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: echo}
spec: {host: echo, subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]}
---
";

fn routed(http: &str) -> Ran {
    let service = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: echo}\nspec:\n  hosts: [echo]\n  http:\n";
    run(VERSIONS, &format!("{SUBSETS}{service}{http}"))
}

fn requests(ran: &Ran, service: &str) -> f64 {
    ran.summary.services.iter().find(|(name, _)| *name == service).unwrap().1.requests as f64
}

#[test]
fn weights_share_requests_and_need_not_add_up_to_100() {
    let ran =
        routed("  - {route: [{destination: {host: echo, subset: v1}, weight: 1}, {destination: {host: echo, subset: v2}, weight: 3}]}\n");
    let (v1, v2) = (requests(&ran, "echo"), requests(&ran, "echo/v2"));
    assert_eq!(v1 + v2, 5999.0);
    assert!((v2 / 5999.0 - 0.75).abs() < 0.02, "{v2}");
}

#[test]
fn a_drawn_header_chooses_the_rule() {
    let ran = routed(
        "  - {match: [{headers: {user-tier: {exact: premium}}}], route: [{destination: {host: echo, subset: v2}}]}\n  - {route: [{destination: {host: echo, subset: v1}}]}\n",
    );
    let premium = requests(&ran, "echo/v2");
    assert!((premium / 5999.0 - 0.2).abs() < 0.02, "{premium}");
}

#[test]
fn method_path_and_order_decide_and_what_nothing_matches_is_404() {
    let by_path = |uri: &str| {
        let ran = routed(&format!(
            "  - {{match: [{{uri: {uri}, method: {{exact: POST}}}}], route: [{{destination: {{host: echo, subset: v2}}}}]}}\n"
        ));
        ran.outcomes()[0].clone()
    };
    assert_eq!(by_path("{prefix: /orders}"), "200");
    assert_eq!(by_path("{prefix: /order}"), "200", "a plain prefix is not by segment");
    assert_eq!(by_path("{exact: /orders}"), "404 NR");
    assert_eq!(by_path("{regex: \"/orders/[0-9]+\"}"), "200");
    assert_eq!(by_path("{regex: \"/orders\"}"), "404 NR", "a regex matches the whole path");
}

#[test]
fn a_subset_that_is_not_defined_is_503_nc() {
    let ran = routed("  - {route: [{destination: {host: echo, subset: v3}}]}\n");
    assert_eq!(ran.outcomes()[0], "503 NC");
}

#[test]
fn a_direct_answer_and_a_redirect_never_leave_the_proxy() {
    assert_eq!(routed("  - {directResponse: {status: 418}}\n").told()[0], "100+0 418");
    assert_eq!(routed("  - {redirect: {uri: /elsewhere, redirectCode: 302}}\n").outcomes()[0], "302");
}

#[test]
fn a_mirror_gets_copies_that_nobody_waits_for() {
    let ran =
        routed("  - {route: [{destination: {host: echo, subset: v1}}], mirror: {host: echo, subset: v2}, mirrorPercentage: {value: 50}}\n");
    assert_eq!(requests(&ran, "echo"), 5999.0);
    assert!((requests(&ran, "echo/v2") / 5999.0 - 0.5).abs() < 0.03);
    let (_, call) = ran.summary.calls.iter().next().unwrap();
    assert_eq!((call.attempts, call.retries.mesh), (5999, 0), "a copy is no attempt of the call");
}

#[test]
fn source_labels_concern_only_proxies_that_have_them() {
    let model = "
duration: 10s
clients: {user: {target: a.get, arrivals: constant(10/s)}, other: {target: b.get, arrivals: constant(10/s)}}
mesh: {}
services:
  a: {endpoints: {get: [{call: echo.get}]}}
  b: {endpoints: {get: [{call: echo.get}]}}
  echo: {endpoints: {get: [{work: 1ms}]}}
";
    let rules = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: echo}\nspec:\n  hosts: [echo]\n  http:\n  - {match: [{sourceLabels: {app: a}}], directResponse: {status: 503}}\n  - {route: [{destination: {host: echo}}]}\n";
    let ran = run(model, rules);
    let client = |name: &str| ran.summary.clients.iter().find(|(n, _)| *n == name).unwrap().1.success_rate;
    assert_eq!((client("user"), client("other")), (Some(0.0), Some(1.0)));
}

#[test]
fn a_call_without_a_proxy_to_a_service_with_versions_is_refused() {
    let model = VERSIONS.replace(", via: sidecar", "");
    assert_eq!(refused(&model), ["versions-without-proxy"]);
}
