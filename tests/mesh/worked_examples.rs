//! Worked examples of how Envoy behaves under Istio's policies, each whole: what is written, when requests come, and what
//! becomes of every one of them. Waits between tries are random; where an example says that they are none, requests are asked
//! for until one has drawn none.

use crate::support::*;
use brownout::analysis::traces::RequestTrace;
use brownout::base::math::sqrt;

const REPLICA: &str = "services: {echo: {sidecar: false, endpoints: {get: [{work: 10ms}]}}}";

/// Requests `count` times, `step` ms apart, `at_once` at each instant, the first after one step.
fn train(count: u32, step: u32, at_once: usize) -> String {
    let instants = (1..=count).map(|i| vec![format!("{}ms", i * step); at_once].join("+"));
    instants.collect::<Vec<_>>().join("+")
}

/// A service of so many replicas, some of which answer 500 for a while.
fn failing(replicas: u32, bad: &str, faults: &[(&str, &str)]) -> String {
    let fault = |(i, (at, lasts)): (usize, &(&str, &str))| {
        format!("bad-{i}: {{at: {at}, for: {lasts}, errors: {{service: echo, status: 500, replica: [{bad}]}}}}")
    };
    let faults: Vec<String> = faults.iter().enumerate().map(fault).collect();
    format!(
        "services: {{echo: {{sidecar: false, replicas: {replicas}, endpoints: {{get: [{{work: 1ms}}]}}}}}}\nfaults: {{{}}}",
        faults.join(", ")
    )
}

fn no_retries(detector: &str) -> String {
    istio("retries: {attempts: 0}", &format!("loadBalancer: {{simple: ROUND_ROBIN}}, outlierDetection: {{{detector}}}"))
}

/// Pauses between a request's tries, milliseconds.
fn pauses(trace: &RequestTrace) -> Vec<f64> {
    let pair = |pair: &[brownout::analysis::traces::AttemptTrace]| ((pair[1].sent - pair[0].ended.unwrap()) * 1e3 * 1e3).round() / 1e3;
    trace.attempts.windows(2).map(pair).collect()
}

fn index(host: &str) -> usize {
    host.rsplit('-').next().unwrap().parse().unwrap()
}

/// Hosts that were sent something after an instant, by number.
fn hosts_after(ran: &Ran, seconds: f64) -> Vec<usize> {
    let late = ran.traces.iter().filter(|trace| trace.offered > seconds);
    let mut hosts: Vec<usize> = late.flat_map(|t| &t.attempts).filter_map(|a| a.host.as_deref().map(index)).collect();
    hosts.sort();
    hosts.dedup();
    hosts
}

/// Within 3.9 standard deviations of a binomial distribution.
#[track_caller]
fn assert_share(what: &str, hits: usize, all: usize, share: f64) {
    let (hits, all) = (hits as f64, all as f64);
    let slack = 3.9 * sqrt(share * (1.0 - share) / all);
    assert!(all > 0.0 && (hits / all - share).abs() <= slack, "{what}: {hits} of {all} are not {share} ± {slack:.3}");
}

// -- routes ----------------------------------------------------------------------------------------------------------

#[test]
fn weights_are_shares_of_their_sum_and_nothing_is_nobody_unless_it_is_alone() {
    let model = "
duration: 10m
mesh: {}
clients: {caller: {target: echo.get, arrivals: constant(10/s), via: sidecar}}
services:
  echo:
    sidecar: false
    labels: {version: v1}
    endpoints: {get: [{work: 1ms}]}
    versions: {v2: {labels: {version: v2}}, v3: {labels: {version: v3}}}
";
    let subsets = "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: echo}\nspec: {host: echo, subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}, {name: v3, labels: {version: v3}}]}\n";
    for (weights, shares) in
        [(&[90, 10][..], [0.9, 0.1, 0.0]), (&[1, 3], [0.25, 0.75, 0.0]), (&[0, 5, 5], [0.0, 0.5, 0.5]), (&[0], [1.0, 0.0, 0.0])]
    {
        let route = |(i, weight): (usize, &u32)| format!("{{destination: {{host: echo, subset: v{}}}, weight: {weight}}}", i + 1);
        let routes: Vec<String> = weights.iter().enumerate().map(route).collect();
        let rule = format!(
            "---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: echo}}\nspec:\n  hosts: [echo]\n  http: [{{route: [{}]}}]\n",
            routes.join(", ")
        );
        let ran = run(model, &format!("{subsets}{rule}"));
        for (service, share) in ["echo", "echo/v2", "echo/v3"].into_iter().zip(shares) {
            let requests = ran.summary.services.get(service).unwrap().requests;
            assert_share(&format!("{weights:?}: {service}"), requests as usize, 5999, share);
        }
    }
}

#[test]
fn a_delay_comes_before_the_timeout_and_a_tenth_is_then_aborted() {
    let service = "services: {echo: {sidecar: false, endpoints: {get: [{work: 1500ms}]}}}";
    let fault = |abort: &str| {
        istio(
            &format!("timeout: 2s, fault: {{delay: {{fixedDelay: 5s, percentage: {{value: 100}}}}, abort: {{httpStatus: 500{abort}}}}}"),
            "",
        )
    };
    let ran = run(&echo(&train(3000, 10, 1), service), &fault(", percentage: {value: 10}"));
    let aborted = ran.told().iter().filter(|told| told.ends_with("+5000 500 DI,FI")).count();
    let served = ran.told().iter().filter(|told| told.ends_with("+6500 200 DI")).count();
    assert_eq!(aborted + served, 3000);
    assert_share("aborted", aborted, 3000, 0.1);
    let ran = run(&echo("1s+2s+3s", service), &fault(""));
    assert_eq!(ran.told(), ["1000+6500 200 DI", "2000+6500 200 DI", "3000+6500 200 DI"]);
}

// -- timeouts and retries --------------------------------------------------------------------------------------------

const FAILS: &str = "services: {echo: {sidecar: false, endpoints: {get: [{work: 10ms}, {fail: {status: 503}}]}}}";

/// The first of many requests whose waits between tries were all none.
fn without_waits(ran: &Ran) -> usize {
    let place = ran.traces.iter().position(|trace| pauses(trace).iter().all(|pause| *pause == 0.0));
    place.expect("one of them drew no waits")
}

#[test]
fn two_retries_of_503_make_three_requests_and_three_errors_for_the_host() {
    let three_errors = "outlierDetection: {consecutive5xxErrors: 3, maxEjectionPercent: 100, baseEjectionTime: 1ms, interval: 1s}";
    let ran = run(&echo(&train(20, 3000, 1), FAILS), &istio("retries: {attempts: 2, retryOn: 5xx, backoff: 1ms}", three_errors));
    assert!(ran.outcomes().iter().all(|outcome| outcome == "503 URX"), "{:?}", ran.outcomes());
    assert!(ran.traces.iter().all(|trace| trace.attempts.len() == 3), "three requests, whatever the waits");
    let first = without_waits(&ran);
    assert_eq!(ran.told()[first], format!("{}+30 503 URX", 3000 * (first + 1)));
    assert_eq!(ran.attempts(first), ["echo-0 0-10 503", "echo-0 10-20 503", "echo-0 20-30 503"]);
    let out = format!("{} echo-0 out", 3000 * (first + 1) + 30);
    assert!(ran.ejected().contains(&out), "the third error ejects: {out} is not in {:?}", ran.ejected());
}

#[test]
fn the_route_timeout_cuts_the_third_try_and_charges_its_host_with_504() {
    let gateway_errors = "outlierDetection: {consecutive5xxErrors: 0, consecutiveGatewayErrors: 3, maxEjectionPercent: 100, baseEjectionTime: 1ms, interval: 1s}";
    let route = "timeout: 25ms, retries: {attempts: 2, retryOn: 5xx, backoff: 1ms}";
    let ran = run(&echo(&train(20, 3000, 1), FAILS), &istio(route, gateway_errors));
    assert!(ran.told().iter().all(|told| told.ends_with("+25 504 UT")), "{:?}", ran.told());
    let first = without_waits(&ran);
    assert_eq!(ran.attempts(first), ["echo-0 0-10 503", "echo-0 10-20 503", "echo-0 20-25 504 UT"]);
    assert_eq!(ran.ejected()[0], "3025 echo-0 out", "503, 503 and 504 are three gateway errors");
}

#[test]
fn per_try_timeouts_are_retried_until_the_route_timeout_in_the_fourth_try() {
    let slow = "services: {echo: {sidecar: false, endpoints: {get: [{work: 1s}]}}}";
    for conditions in ["5xx", "reset"] {
        let route = format!("timeout: 2s, retries: {{attempts: 3, perTryTimeout: 500ms, retryOn: {conditions}}}");
        let ran = run(&echo(&train(20, 5000, 1), slow), &istio(&route, ""));
        for (trace, told) in ran.traces.iter().zip(ran.told()) {
            assert!(told.ends_with("+2000 504 UT"), "{conditions}: {told}");
            assert_eq!(trace.attempts.len(), 4, "{conditions}: {told}");
            for (pause, bound) in pauses(trace).into_iter().zip([25.0, 50.0, 100.0]) {
                assert!((0.0..bound).contains(&pause), "{pause} of {bound}");
            }
        }
    }
}

#[test]
fn a_listed_503_is_retried_and_a_refused_connection_no_longer() {
    let on_503 = istio("retries: {attempts: 2, retryOn: \"503\", backoff: 1ms}", "");
    assert_eq!(run(&echo("1s", FAILS), &on_503).outcomes(), ["503 URX"]);
    let gone = format!("{REPLICA}\nfaults: {{gone: {{at: 0s, crash: {{service: echo, restart: never}}}}}}");
    assert_eq!(run(&listed(echo("1s", &gone)), &on_503).outcomes(), ["503 UF"]);
}

/// The application is down and its sidecar answers 503 in its place: to the caller's proxy an answer like any other.
#[test]
fn a_503_of_the_callees_sidecar_is_charged_and_retried_before_istio_1_24_only() {
    let service = "services: {echo: {replicas: 3, endpoints: {get: [{work: 1ms}]}}}\nfaults: {down: {at: 0s, for: 1h, errors: {service: echo, status: 503, replica: [1]}}}";
    let policy = "outlierDetection: {consecutive5xxErrors: 0, consecutiveGatewayErrors: 5, maxEjectionPercent: 100}, loadBalancer: {simple: ROUND_ROBIN}";
    let rule = istio("", policy);
    let model = |release: &str| echo(&train(30, 100, 1), service).replace("mesh: {}", &format!("mesh: {{istio: \"{release}\"}}"));
    let now = run(&model("1.24"), &rule);
    assert_eq!(now.outcomes().iter().filter(|outcome| *outcome == "503").count(), 5, "five, and then it is ejected");
    assert!(now.traces.iter().all(|trace| trace.attempts.len() == 1));
    assert!(now.ejected()[0].ends_with("echo-1 out"), "{:?}", now.ejected());
    let before = run(&model("1.23"), &rule);
    assert!(before.outcomes().iter().all(|outcome| outcome == "200"), "another host answers");
    assert!(before.ejected()[0].ends_with("echo-1 out"), "and the failures are charged all the same: {:?}", before.ejected());
}

#[test]
fn a_pod_that_is_gone_costs_a_back_off_and_nothing_else() {
    let gone = "services: {echo: {sidecar: false, replicas: 3, endpoints: {get: [{work: 10ms}]}}}\nfaults: {gone: {at: 0s, crash: {service: echo, replica: [1], restart: never}}}";
    let ran = run(&listed(echo(&train(60, 100, 1), gone)), &istio("", "loadBalancer: {simple: ROUND_ROBIN}"));
    let retried: Vec<&RequestTrace> = ran.traces.iter().filter(|trace| trace.attempts.len() > 1).collect();
    assert!(retried.len() > 15, "{}", retried.len());
    for trace in &ran.traces {
        let took = ((trace.ended.unwrap() - trace.offered) * 1e3).round();
        assert_eq!(trace.outcome.as_deref(), Some("200"));
        match &trace.attempts[..] {
            [_] => assert_eq!(took, 10.0),
            [refused, answered] => {
                assert_eq!(refused.outcome.as_deref(), Some("503 UF"));
                assert_ne!(answered.host, refused.host, "another host is preferred");
                assert!((10.0..=34.0).contains(&took), "{took}");
            }
            more => panic!("{} tries", more.len()),
        }
    }
}

#[test]
fn the_only_place_among_retries_is_given_back_and_taken_again() {
    let ran =
        run(&echo("1s+1s", FAILS), &istio("retries: {attempts: 2, retryOn: 5xx, backoff: 1ms}", "connectionPool: {http: {maxRetries: 1}}"));
    let (refused, retried) = if ran.outcomes()[0] == "503 UO" { (0, 1) } else { (1, 0) };
    assert_eq!(ran.told()[refused], "1000+10 503 UO");
    assert_eq!(ran.attempts(refused), ["echo-0 0-10 503"]);
    assert_eq!(ran.outcomes()[retried], "503 URX");
    assert_eq!(ran.attempts(retried).len(), 3, "its second retry has the place that its first gave back");
}

#[test]
fn back_offs_are_whole_milliseconds_below_25_50_100_200_and_then_250() {
    let ran = run(&echo(&train(500, 1000, 1), FAILS), &istio("retries: {attempts: 6, retryOn: 5xx}", ""));
    for (retry, bound) in [25.0, 50.0, 100.0, 200.0, 250.0, 250.0].into_iter().enumerate() {
        let drawn: Vec<f64> = ran.traces.iter().map(|trace| pauses(trace)[retry]).collect();
        assert!(drawn.iter().all(|pause| (0.0..bound).contains(pause) && pause.fract() == 0.0), "{drawn:?}");
        let mean = drawn.iter().sum::<f64>() / 500.0;
        assert!((mean - (bound - 1.0) / 2.0).abs() < 3.9 * bound / sqrt(12.0 * 500.0), "retry {}: {mean}", retry + 1);
    }
}

// -- outlier detection -----------------------------------------------------------------------------------------------

const THREE_ERRORS: &str = "consecutive5xxErrors: 3, interval: 10s, baseEjectionTime: 30s, maxEjectionPercent: 100";

/// Ejections of the first host, `out` and `back` in turn, seconds.
fn of_first_host(ran: &Ran) -> Vec<f64> {
    let first = ran.ejections.iter().filter(|e| index(&e.host) == 0);
    first.enumerate().inspect(|(i, e)| assert_eq!(e.ejected, i % 2 == 0)).map(|(_, e)| e.at).collect()
}

/// Two hosts that get one request a second each, at 0.5 s, 1.5 s, … while both are in.
fn one_a_second(seconds: u32, faults: &[(&str, &str)]) -> Ran {
    let times: Vec<String> = (0..seconds).map(|s| format!("{0}ms+{0}ms", 1000 * s + 500)).collect();
    let model = echo(&times.join("+"), &failing(2, "0", faults)).replace("duration: 10m", "duration: 15m");
    run(&model, &no_retries(THREE_ERRORS))
}

#[test]
fn a_host_that_never_recovers_is_out_longer_each_time() {
    let ran = one_a_second(700, &[("0s", "1h")]);
    assert_eq!(of_first_host(&ran), [2.5, 40.0, 42.5, 110.0, 112.5, 210.0, 212.5, 340.0, 342.5, 500.0, 502.5, 690.0, 692.5]);
}

#[test]
fn a_host_that_recovers_is_forgiven_sweep_by_sweep() {
    // Back at 210 s with a multiplier of 3, which is 2 at 220 s, 1 at 230 s and 0 at 240 s; the next ejection adds one.
    for (again, out, back) in [("225s", 227.5, 320.0), ("235s", 237.5, 300.0), ("245s", 247.5, 280.0)] {
        let ran = one_a_second(330, &[("0s", "200s"), (again, "10s")]);
        assert_eq!(of_first_host(&ran), [2.5, 40.0, 42.5, 110.0, 112.5, 210.0, out, back], "{again}");
    }
}

#[test]
fn as_many_hosts_are_ejected_as_the_percentage_admits_and_a_refusal_begins_the_count_anew() {
    let model = |release: &str| {
        let model = echo(&train(40, 500, 3), &failing(3, "0, 1", &[("0s", "1h")]));
        model.replace("mesh: {}", &format!("mesh: {{istio: \"{release}\"}}"))
    };
    for (release, percent, most) in
        [("1.24", "", 0), ("1.19", "", 1), ("1.24", ", maxEjectionPercent: 50", 1), ("1.24", ", maxEjectionPercent: 67", 2)]
    {
        // Longer than the run: who is ejected stays out.
        let ran = run(&model(release), &no_retries(&format!("consecutive5xxErrors: 3, baseEjectionTime: 1h{percent}")));
        assert_eq!(ran.ejections.len(), most, "{release}{percent}: {:?}", ran.ejected());
        let errors = |host: usize| {
            let attempts = ran.traces.iter().flat_map(|trace| &trace.attempts);
            attempts.filter(|a| a.outcome.as_deref() == Some("500") && a.host.as_deref().map(index) == Some(host)).count() as u64
        };
        let is_out = |host: usize| ran.ejections.iter().any(|e| index(&e.host) == host);
        let refusals: u64 = [0, 1].into_iter().filter(|host| !is_out(*host)).map(|host| errors(host) / 3).sum();
        assert_eq!(ran.recording.edges[0].ejections_refused, refusals, "{release}{percent}: one for three errors");
        assert!(most == 2 || refusals > 5);
    }
}

#[test]
fn with_everybody_ejected_there_is_no_host_until_a_sweep_returns_one() {
    let model = echo(&train(30, 500, 2), &failing(2, "0, 1", &[("0s", "9s")]));
    let with = |least: &str| {
        let ran = run(&model, &no_retries(&format!("consecutive5xxErrors: 2, baseEjectionTime: 5s, maxEjectionPercent: 100{least}")));
        let between = |from: f64, to: f64| {
            let offered = ran.traces.iter().filter(|trace| (from..to).contains(&trace.offered));
            let mut outcomes: Vec<String> = offered.map(|trace| trace.outcome.clone().unwrap()).collect();
            outcomes.sort();
            outcomes.dedup();
            outcomes
        };
        // Both are ejected at 1 s; the balancer hears of the second a second later.
        (between(0.0, 1.1), between(2.1, 8.9), between(9.1, 9.9), between(10.1, 16.0))
    };
    let all =
        |words: [&str; 4]| (vec![words[0].to_string()], vec![words[1].to_string()], vec![words[2].to_string()], vec![words[3].to_string()]);
    assert_eq!(with(""), all(["500", "503 UH", "503 UH", "200"]));
    assert_eq!(with(", minHealthPercent: 50"), all(["500", "500", "200", "200"]), "panic: both are used although ejected");
}

#[test]
fn the_detectors_count_each_for_itself() {
    // One host and a request each second, answered with these statuses in turn.
    let sequence = |statuses: &[u16], detector: &str| {
        let faults = statuses
            .iter()
            .enumerate()
            .map(|(i, status)| format!("f{i}: {{at: {}ms, for: 1s, errors: {{service: echo, status: {status}}}}}", 1000 * i + 500));
        let faults: Vec<String> = faults.collect();
        let model = echo(&train(statuses.len() as u32, 1000, 1), &format!("{REPLICA}\nfaults: {{{}}}", faults.join(", ")));
        let mut ejected = run(&model, &no_retries(&format!("maxEjectionPercent: 100, {detector}"))).ejected();
        ejected.retain(|told| told.ends_with("out"));
        ejected
    };
    let gateway = "consecutiveGatewayErrors: 10";
    assert_eq!(sequence(&[503; 6], gateway), ["5000 echo-0 out"], "by the 5xx detector, which is on at 5");
    assert_eq!(sequence(&[503, 503, 503, 503, 500, 503], gateway), ["5000 echo-0 out"], "a 500 counts for it");
    let alone = "consecutiveGatewayErrors: 3, consecutive5xxErrors: 0";
    assert_eq!(sequence(&[503, 503, 500, 503, 503], alone), [""; 0], "a 500 is no gateway error and begins the count anew");
    assert_eq!(sequence(&[502, 503, 504], alone), ["3000 echo-0 out"]);
    // Since Istio 1.7 the deprecated count says nothing.
    let deprecated = "consecutiveErrors: 1, interval: 1s, baseEjectionTime: 3m";
    assert_eq!(sequence(&[503; 7], deprecated), ["5000 echo-0 out"]);
    assert_eq!(sequence(&[503; 4], deprecated), [""; 0]);
}

// -- priorities and panic --------------------------------------------------------------------------------------------

#[test]
fn six_of_ten_ejected_is_panic_at_50_and_the_four_others_at_0() {
    let bad: Vec<String> = (0..6).map(|host| host.to_string()).collect();
    let model = echo(&train(60, 500, 10), &failing(10, &bad.join(", "), &[("0s", "10s")]));
    let with = |least: &str| {
        let ran = run(&model, &no_retries(&format!("consecutive5xxErrors: 2, baseEjectionTime: 1h, maxEjectionPercent: 100{least}")));
        assert_eq!(ran.ejections.iter().filter(|e| e.ejected).count(), 6, "{least}");
        hosts_after(&ran, 15.0)
    };
    assert_eq!(with(", minHealthPercent: 50"), (0..10).collect::<Vec<_>>());
    assert_eq!(with(", minHealthPercent: 40"), (6..10).collect::<Vec<_>>(), "40 % are not fewer than 40 %");
    assert_eq!(with(""), (6..10).collect::<Vec<_>>());
}

#[test]
fn traffic_spills_over_to_the_next_zone_as_hosts_of_the_first_are_ejected() {
    // Ten hosts in the caller's zone, ten in another of its region. Health is 140 % of the healthy share, at most 100 %.
    for (bad, share) in [(2, 1.0), (3, 0.98), (5, 0.7), (7, 0.42), (10, 0.0)] {
        let listed: Vec<String> = (0..bad).map(|host| (2 * host).to_string()).collect();
        let model = format!(
            "
duration: 60s
mesh: {{}}
clients: {{caller: {{target: echo.get, arrivals: constant(100/s), via: sidecar, zone: r/a}}}}
services: {{echo: {{sidecar: false, replicas: 20, zones: [r/a, r/b], endpoints: {{get: [{{work: 1ms}}]}}}}}}
faults: {{bad: {{at: 0s, for: 15s, errors: {{service: echo, status: 500, replica: [{}]}}}}}}",
            listed.join(", ")
        );
        let ran = run(&model, &no_retries("consecutive5xxErrors: 1, baseEjectionTime: 1h, maxEjectionPercent: 100"));
        assert_eq!(ran.ejections.len(), bad);
        let late: Vec<usize> =
            ran.traces.iter().filter(|t| t.offered > 20.0).map(|t| index(t.attempts[0].host.as_deref().unwrap())).collect();
        assert_share(&format!("{bad} bad"), late.iter().filter(|host| *host % 2 == 0).count(), late.len(), share);
    }
}
