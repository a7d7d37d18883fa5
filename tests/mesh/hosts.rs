//! How hosts are chosen.

use crate::support::*;

fn shares(policy: &str, service: &str, requests: u32) -> Vec<f64> {
    let times: Vec<String> = (0..requests).map(|i| format!("{}ms", 1000 + 10 * i)).collect();
    let ran = run(&echo(&times.join("+"), service), &istio("", policy));
    let mut counts = [0.0; 8];
    for attempt in ran.traces.iter().flat_map(|t| &t.attempts) {
        let host = attempt.host.as_ref().unwrap();
        counts[host.rsplit('-').next().unwrap().parse::<usize>().unwrap()] += 1.0;
    }
    let all: f64 = counts.iter().sum();
    counts.iter().map(|count| count / all).collect()
}

#[test]
fn round_robin_takes_turns_and_least_request_avoids_the_slow_one() {
    let service = "services: {echo: {sidecar: false, replicas: 3, endpoints: {get: [{work: 15ms}]}}}\nfaults: {slow: {at: 0s, for: 1h, slow: {service: echo, replica: [0], factor: 10}}}";
    let turns = shares("loadBalancer: {simple: ROUND_ROBIN}", service, 3000);
    assert!(turns[..3].iter().all(|share| (share - 1.0 / 3.0).abs() < 0.001), "{turns:?}");
    let least = shares("loadBalancer: {simple: LEAST_REQUEST}", service, 3000);
    assert!(least[0] < 0.2, "{least:?}");
    let random = shares("loadBalancer: {simple: RANDOM}", service, 3000);
    assert!(random[..3].iter().all(|share| (share - 1.0 / 3.0).abs() < 0.03), "{random:?}");
}

#[test]
fn a_hashed_header_goes_to_one_host_for_each_value() {
    for table in ["", ", ringHash: {minimumRingSize: 1024}", ", maglev: {tableSize: 65537}"] {
        let model = "
duration: 60s
mesh: {}
clients: {caller: {target: echo.get, arrivals: constant(10/s), via: sidecar, request: {headers: {user: {ann: 50%, bob: 50%}}}}}
services: {echo: {sidecar: false, replicas: 5, endpoints: {get: [{work: 1ms}]}}}
";
        let ran = run(model, &istio("", &format!("loadBalancer: {{consistentHash: {{httpHeaderName: user{table}}}}}")));
        let mut hosts: Vec<&str> = ran.traces.iter().filter_map(|t| t.attempts[0].host.as_deref()).collect();
        hosts.sort();
        hosts.dedup();
        assert!(hosts.len() <= 2, "{hosts:?}");
    }
}

#[test]
fn traffic_fails_over_to_another_zone_only_with_outlier_detection() {
    let model = "
duration: 60s
mesh: {}
clients: {caller: {target: echo.get, arrivals: constant(20/s), via: sidecar, zone: r/a}}
services: {echo: {sidecar: false, replicas: 4, zones: [r/a, r/b], endpoints: {get: [{work: 1ms}]}}}
";
    let zones = |policy: &str| {
        let ran = run(model, &istio("", policy));
        let hosts = ran.traces.iter().map(|t| t.attempts[0].host.clone().unwrap());
        hosts.filter(|host| host.ends_with("-1") || host.ends_with("-3")).count()
    };
    assert_eq!(zones("outlierDetection: {}"), 0, "all stay in their own zone");
    assert!(zones("") > 400, "without outlier detection all hosts are alike");
}
