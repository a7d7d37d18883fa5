//! Pods that go and come: when the proxies hear of it, and what they make of it.

use crate::support::*;
use brownout::export::timeline;

/// Two replicas of `echo`, of which the second is gone from 1 s on, for 2 s.
const GONE: &str = "services: {echo: {sidecar: false, replicas: 2, endpoints: {get: [{work: 10ms}]}}}\nfaults: {gone: {at: 1s, for: 2s, crash: {service: echo, replica: [1]}}}";
const TURNS: &str = "loadBalancer: {simple: ROUND_ROBIN}";

fn every(millis: u64, from: u64, count: u64) -> String {
    (0..count).map(|i| format!("{}ms", from + millis * i)).collect::<Vec<_>>().join("+")
}

fn told_after(delay: &str, model: String) -> String {
    model.replace("mesh: {}", &format!("mesh: {{push: {{delay: {delay}}}}}"))
}

/// When requests were tried at a host, in milliseconds; a refused connection has no host.
fn tries(ran: &Ran, host: Option<&str>) -> Vec<f64> {
    let all = ran.traces.iter().flat_map(|t| &t.attempts);
    all.filter(|a| a.host.as_deref() == host).map(|a| (a.sent * 1e3).round()).collect()
}

#[test]
fn connections_to_a_pod_that_is_gone_fail_until_the_proxy_has_heard_of_it() {
    let ran = run(&told_after("500ms", echo(&every(50, 25, 100), GONE)), &istio("", TURNS));
    let refused = tries(&ran, None);
    assert!(!refused.is_empty() && refused.iter().all(|at| (1000.0..1500.0).contains(at)), "{refused:?}");
    let served = tries(&ran, Some("echo-1"));
    assert!(served.iter().all(|at| *at < 1000.0 || *at >= 3500.0), "it is a host again half a second after it is back: {served:?}");
    assert!(served.iter().any(|at| *at < 1000.0) && served.iter().any(|at| *at >= 3500.0), "{served:?}");
    assert!(ran.outcomes().iter().all(|outcome| outcome == "200"), "the default policy retries what could not connect");
    let forever = run(&listed(echo(&every(50, 25, 50), GONE)), &istio("", TURNS));
    assert!(tries(&forever, None).iter().any(|at| *at > 2000.0), "what stays listed is tried again and again");
}

#[test]
fn without_endpoints_there_is_no_host_and_the_crash_is_why() {
    let only = GONE.replace("replicas: 2, ", "").replace("replica: [1]", "replica: [0]");
    let ran = run(&told_after("500ms", echo("1200ms+2s+4s", &only)), &istio("retries: {attempts: 0}", ""));
    assert_eq!(ran.outcomes(), ["503 UF", "503 UH", "200"]);
    let steps = &ran.summary.cascade.steps;
    assert!(steps.iter().any(|step| step.because.is_some()), "{steps:?}");
}

#[test]
fn news_of_a_pod_does_not_overtake_older_news_of_it() {
    let back_soon = GONE.replace("for: 2s", "for: 100ms");
    for seed in 1..20 {
        let model = told_after("uniform(0s, 8s)", echo(&every(500, 20_000, 8), &back_soon));
        let ran = run(&format!("seed: {seed}\n{model}"), &istio("", TURNS));
        assert_eq!(tries(&ran, Some("echo-1")).len(), 4, "seed {seed}: in the end it is a host again");
    }
}

/// The shares of the table of slow start: the weight of a host that joined is this part of the other's.
#[test]
fn a_host_that_joins_late_warms_up_from_then_on() {
    let late = GONE.replace("at: 1s, for: 2s", "at: 0s, for: 100s");
    for (aggression, factors) in [
        (1, [(0, 3, 0.1), (13, 17, 0.25), (28, 32, 0.5), (62, 78, 1.0)]),
        (2, [(2, 4, 0.224), (5, 7, 0.316), (13, 17, 0.5), (28, 32, 0.707)]),
    ] {
        let policy = format!("loadBalancer: {{simple: ROUND_ROBIN, warmup: {{duration: 60s, aggression: {aggression}}}}}");
        let ran = run(&told_after("0s", echo(&every(20, 100_000, 4000), &late)), &istio("", &policy));
        for (from, until, factor) in factors {
            let within = |at: &&f64| (100.0 + f64::from(from)..100.0 + f64::from(until)).contains(&(**at / 1e3));
            let [old, new] = ["echo-0", "echo-1"].map(|host| tries(&ran, Some(host)).iter().filter(within).count() as f64);
            let weight: f64 = new / old;
            assert!((weight - factor).abs() < 0.06, "{from} s to {until} s, aggression {aggression}: {weight}, not {factor}");
        }
    }
}

#[test]
fn a_host_that_joins_again_is_a_new_one_to_outlier_detection() {
    let fails = "services: {echo: {sidecar: false, replicas: 2, endpoints: {get: [{work: 10ms}]}}}\nfaults: {bad: {at: 0s, for: 2s, errors: {service: echo, replica: [1], status: 503}}, gone: {at: 5s, for: 2s, crash: {service: echo, replica: [1]}}}";
    let policy = format!("{TURNS}, outlierDetection: {{consecutive5xxErrors: 2, interval: 1h, maxEjectionPercent: 100}}");
    let ran = run(&told_after("100ms", echo(&every(100, 1000, 100), fails)), &istio("", &policy));
    assert_eq!(ran.ejections.iter().map(|e| e.ejected).collect::<Vec<_>>(), [true], "nobody takes it back: {:?}", ran.ejected());
    let served = tries(&ran, Some("echo-1"));
    assert!(served.iter().all(|at| *at < 2000.0 || *at >= 7100.0) && served.iter().any(|at| *at >= 7100.0), "{served:?}");
    let kept = run(&listed(echo(&every(100, 1000, 100), fails)), &istio("", &policy));
    assert!(tries(&kept, Some("echo-1")).iter().all(|at| *at < 2000.0), "one that stays listed stays ejected");
}

#[test]
fn a_proxy_that_begins_knows_who_is_there() {
    let chain = "
duration: 10m
clients: {user: {target: shop.buy, arrivals: trace(TIMES.csv)}}
mesh: {push: {delay: 5s}}
services:
  shop: {endpoints: {buy: [{call: echo.get}]}}
  echo: {replicas: 2, sidecar: false, endpoints: {get: [{work: 10ms}]}}
faults:
  gone: {at: 1s, for: 1h, crash: {service: echo, replica: [1]}}
  begins: {at: 2s, for: 500ms, crash: {service: shop}}";
    let refused = |times: &str| {
        let ran = run(&chain.replace("TIMES", times), &istio("", TURNS));
        ran.summary.calls.get("shop.buy -> echo.get").unwrap().retries.mesh
    };
    assert!(refused("1200ms+1300ms+1400ms+1500ms") > 0, "who has been there for long has not heard of it");
    assert_eq!(refused("3s+3100ms+3200ms+3300ms"), 0, "who has just begun has");
}

#[test]
fn the_timeline_says_when_the_first_and_the_last_proxy_have_heard() {
    let model = echo("1s", GONE).replace("via: sidecar", "via: sidecar, instances: 8");
    let (topology, ran) = (compiled(&model, &istio("", "")), run(&model, &istio("", "")));
    let rows: Vec<_> = timeline::events(&topology, &ran.recording, &ran.summary).into_iter().filter(|e| e.kind == "endpoint").collect();
    let told: Vec<&str> = rows.iter().map(|row| row.what.as_str()).collect();
    assert_eq!(
        told,
        [
            "the first proxy no longer lists it",
            "the last proxy no longer lists it",
            "the first proxy lists it again",
            "the last proxy lists it again"
        ]
    );
    assert!(rows[0].at >= 1.1 && rows[0].at < rows[1].at && rows[1].at <= 2.0, "by default between 100 ms and a second: {rows:?}");
}
