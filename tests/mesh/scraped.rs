//! What a scraper reads of sidecars: codes, retries, connections, limits that are reached, and hosts that are ejected.

#[path = "../common/scraped.rs"]
mod reader;

use crate::support::*;
use reader::{Scraped, scraped};

fn read(ran: &Scraped, name: &str, labels: &str) -> Vec<f64> {
    ran.read(&format!("envoy_cluster_{name}"), &format!("envoy_cluster_name=\"outbound|80||echo.default.svc.cluster.local\" {labels}"))
}

#[test]
fn a_clusters_answers_are_counted_by_code_and_its_retries_apart() {
    let fails = "services: {echo: {sidecar: false, endpoints: {get: [{fail: {}}]}}}";
    let retries = "retries: {attempts: 2, retryOn: 5xx}";
    let ran = scraped(&compiled(&echo("1s+2s+15s", fails), &istio(retries, "")));
    assert_eq!(read(&ran, "upstream_rq", "envoy_response_code=\"500\"")[..2], [2.0, 3.0], "of three tries only the last is the answer");
    assert_eq!(read(&ran, "upstream_rq_retry", "pod=\"caller\"")[..2], [4.0, 6.0]);
    // What the sidecar answers without sending it anywhere belongs to no cluster.
    let aborted = "fault: {abort: {percentage: {value: 100}, httpStatus: 418}}";
    assert!(!scraped(&compiled(&echo("1s", fails), &istio(aborted, ""))).has("envoy_cluster_upstream_rq"));
}

#[test]
fn limits_and_connections_are_read_while_they_hold() {
    let slow = "services: {echo: {sidecar: false, endpoints: {get: [{work: 12s}]}}}";
    let one = "connectionPool: {tcp: {maxConnections: 1}, http: {http1MaxPendingRequests: 1}}";
    let ran = scraped(&compiled(&echo("5s+6s+7s", slow), &istio("", one)));
    // One is served from 5 s to 17 s, the other waits until then and is served until 29 s; the third overflows.
    assert_eq!(read(&ran, "upstream_cx_active", "")[..3], [1.0, 1.0, 1.0]);
    assert_eq!(read(&ran, "upstream_rq_active", "")[..3], [1.0, 1.0, 0.0]);
    assert_eq!(read(&ran, "upstream_rq_pending_active", "")[..3], [1.0, 0.0, 0.0]);
    assert_eq!(read(&ran, "circuit_breakers_default_rq_pending_open", "")[..3], [1.0, 0.0, 0.0]);
    assert_eq!(read(&ran, "circuit_breakers_default_cx_open", "")[..3], [1.0, 1.0, 1.0]);
    assert_eq!(read(&ran, "upstream_rq", "envoy_response_code=\"503\"")[0], 1.0);
    assert!(!ran.has("envoy_cluster_outlier_detection_ejections_active"), "nobody looks for outliers");
}

#[test]
fn ejected_hosts_are_read_while_they_are_out() {
    let fails = "services: {echo: {sidecar: false, endpoints: {get: [{fail: {}}]}}}";
    let outlier = "outlierDetection: {consecutive5xxErrors: 2, interval: 1s, baseEjectionTime: 15s, maxEjectionPercent: 100}";
    let ran = scraped(&compiled(&echo("1s+2s+40s", fails), &istio("retries: {attempts: 0}", outlier)));
    assert_eq!(read(&ran, "outlier_detection_ejections_active", "")[..3], [1.0, 0.0, 0.0], "out from 2 s to 17 s");
}

#[test]
fn callers_without_a_proxy_tell_nothing_of_clusters() {
    let kept = "services: {echo: {protocol: http1, endpoints: {get: [{work: 1ms}]}}}";
    let model = echo("1s", kept).replace(", via: sidecar", "").replace("mesh: {}", "");
    assert!(!scraped(&compiled(&model, "")).has("envoy_cluster_upstream_cx_active"));
}
