//! What sidecars cost along a chain of 10 services and in a fan-out to 100: `docs/sidecars.md` has the figures.

use crate::support::*;

/// 5000 requests through `s0 -> s1 -> … -> s9`, each of which works for a millisecond.
fn chain(services: usize, mesh: &str) -> String {
    let service = |place: usize| {
        let call = if place + 1 < services { format!(", {{call: s{}.get}}", place + 1) } else { String::new() };
        format!("  s{place}: {{endpoints: {{get: [{{work: 1ms}}{call}]}}}}\n")
    };
    model("s0.get", &(0..services).map(service).collect::<String>(), mesh)
}

/// The same number of requests to one service that asks `services` others at once.
fn fan_out(services: usize, mesh: &str) -> String {
    let calls: Vec<String> = (0..services).map(|place| format!("[{{call: s{place}.get}}]")).collect();
    let leaves: String = (0..services).map(|place| format!("  s{place}: {{endpoints: {{get: [{{work: 1ms}}]}}}}\n")).collect();
    let root = format!("  root: {{endpoints: {{get: [{{work: 1ms}}, {{parallel: {{join: all, branches: [{}]}}}}]}}}}\n", calls.join(", "));
    model("root.get", &format!("{root}{leaves}"), mesh)
}

fn model(target: &str, services: &str, mesh: &str) -> String {
    let via = if mesh.is_empty() { "" } else { ", via: sidecar" };
    format!("duration: 100s\n{mesh}clients: {{user: {{target: {target}, arrivals: constant(50/s){via}}}}}\nservices:\n{services}")
}

/// Mean, median and 99th percentile of the client's latency, in milliseconds.
fn latency(model: &str) -> [f64; 3] {
    let summary = summary(model);
    let latency = &summary.clients.get("user").unwrap().latency;
    [latency.mean, latency.p50, latency.p99].map(|seconds| seconds.unwrap() * 1e3)
}

fn with_latency(latency: &str) -> String {
    format!("mesh: {{sidecar: {{latency: {latency}}}}}\n")
}

#[test]
fn each_hop_passes_two_proxies_on_either_way() {
    let constant = with_latency("500us");
    for services in [1, 10] {
        let [plain, meshed] = ["", &constant].map(|mesh| latency(&chain(services, mesh))[0]);
        assert!((meshed - plain - 4.0 * 0.5 * services as f64).abs() < 1e-6, "{services} in a row: {plain} and {meshed}");
    }
    for services in [1, 100] {
        let [plain, meshed] = ["", &constant].map(|mesh| latency(&fan_out(services, mesh))[0]);
        assert!((meshed - plain - 4.0 * 0.5 * 2.0).abs() < 1e-6, "{services} side by side, of two hops: {plain} and {meshed}");
    }
}

#[test]
fn a_fan_out_waits_for_the_slowest_of_its_proxies() {
    let drawn = with_latency("lognormal(p50: 300us, p99: 1500us)");
    let told = |name: &str, model: &dyn Fn(&str) -> String| {
        let plain = latency(&model(""))[0];
        let [mean, median, late] = latency(&model(&drawn));
        format!("| {name} | {plain:.1} ms | {mean:.1} ms | {median:.1} ms | {late:.1} ms |")
    };
    let rows = [
        told("a call", &|mesh| chain(1, mesh)),
        told("a chain of 10", &|mesh| chain(10, mesh)),
        told("a fan-out to 10", &|mesh| fan_out(10, mesh)),
        told("a fan-out to 100", &|mesh| fan_out(100, mesh)),
    ];
    let written = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/sidecars.md")).unwrap();
    assert!(written.contains(&rows.join("\n")), "docs/sidecars.md lacks these rows:\n{}", rows.join("\n"));
}
