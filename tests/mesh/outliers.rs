//! Outlier detection through the whole product.

use crate::support::*;

/// Two hosts, the first of which fails; round robin, so that each gets every second request.
fn two(times: &str, until: &str) -> String {
    let service = "services: {echo: {sidecar: false, replicas: 2, endpoints: {get: [{work: 1ms}]}}}";
    echo(times, &format!("{service}\nfaults: {{bad: {{at: 0s, for: {until}, errors: {{service: echo, replica: [0], status: 503}}}}}}"))
}

fn every_half_second(seconds: u32) -> String {
    (1..2 * seconds).map(|half| format!("{}ms", half * 500)).collect::<Vec<_>>().join("+")
}

#[test]
fn a_host_is_ejected_comes_back_at_a_sweep_and_stays_out_longer_each_time() {
    let policy = "loadBalancer: {simple: ROUND_ROBIN}, outlierDetection: {consecutive5xxErrors: 3, interval: 10s, baseEjectionTime: 30s, maxEjectionPercent: 100}";
    let ran = run(&two(&every_half_second(120), "1h"), &istio("retries: {attempts: 0}", policy));
    let outs: Vec<u64> = ran.ejections.iter().filter(|e| e.ejected).map(|e| e.at as u64).collect();
    let backs: Vec<u64> = ran.ejections.iter().filter(|e| !e.ejected).map(|e| e.at as u64).collect();
    assert_eq!(backs[0], 40, "ejected before 10 s, due 30 s later, back at the next whole interval");
    assert_eq!(backs[1], 110, "twice as long the second time: {outs:?} {backs:?}");
    assert!(outs[0] < 4 && (41..45).contains(&outs[1]), "{outs:?}");
}

#[test]
fn ten_percent_of_three_hosts_is_nobody_and_half_of_them_is_one() {
    let service = "services: {echo: {sidecar: false, replicas: 3, endpoints: {get: [{work: 1ms}]}}}\nfaults: {bad: {at: 0s, for: 1h, errors: {service: echo, replica: [0, 1], status: 503}}}";
    let model = echo(&every_half_second(30), service);
    let with = |percent: &str| {
        let policy = format!("loadBalancer: {{simple: ROUND_ROBIN}}, outlierDetection: {{consecutive5xxErrors: 3{percent}}}");
        run(&model, &istio("retries: {attempts: 0}", &policy))
    };
    assert_eq!(with("").ejections.len(), 0);
    assert!(with("").recording.edges[0].ejections_refused > 0, "it would have");
    assert_eq!(with(", maxEjectionPercent: 50").ejections.iter().filter(|e| e.ejected).count(), 1);
}

#[test]
fn with_all_hosts_ejected_there_is_no_host_unless_panic_uses_them() {
    let service = "services: {echo: {sidecar: false, replicas: 2, endpoints: {get: [{work: 1ms}]}}}\nfaults: {bad: {at: 0s, for: 1h, errors: {service: echo, status: 503}}}";
    let model = echo(&every_half_second(20), service);
    let with = |least: &str| {
        let policy =
            format!("loadBalancer: {{simple: ROUND_ROBIN}}, outlierDetection: {{consecutive5xxErrors: 2, maxEjectionPercent: 100{least}}}");
        run(&model, &istio("retries: {attempts: 0}", &policy)).outcomes()
    };
    assert_eq!(with("").last().map(String::as_str), Some("503 UH"));
    assert!(with(", minHealthPercent: 50").iter().all(|outcome| outcome == "503"), "panic: both are used although ejected");
}

#[test]
fn refused_connections_and_timeouts_are_charged_to_the_host() {
    let policy = "loadBalancer: {simple: ROUND_ROBIN}, outlierDetection: {consecutive5xxErrors: 3, maxEjectionPercent: 100}";
    let gone = "services: {echo: {sidecar: false, replicas: 2, endpoints: {get: [{work: 1ms}]}}}\nfaults: {gone: {at: 0s, crash: {service: echo, replica: [0], restart: never}}}";
    let ran = run(&listed(echo(&every_half_second(20), gone)), &istio("", policy));
    assert!(ran.outcomes().iter().all(|outcome| outcome == "200"), "retries hide it");
    assert!(ran.ejected()[0].ends_with("echo-0 out"), "{:?}", ran.ejected());
    let slow = "services: {echo: {sidecar: false, replicas: 2, endpoints: {get: [{work: 1ms}]}}}\nfaults: {slow: {at: 0s, for: 1h, slow: {service: echo, replica: [0], factor: 1000}}}";
    let ran = run(&echo(&every_half_second(20), slow), &istio("timeout: 100ms", policy));
    assert!(ran.ejected()[0].ends_with("echo-0 out"), "{:?}", ran.ejected());
}
