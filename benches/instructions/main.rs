//! Runs one scenario once, for `benches/instructions.sh` to count its instructions; or fills memory with calls in flight; or
//! sets a model up again and again.
//!
//! `instructions SCENARIO REQUESTS` prints how many requests were offered and what one took of the processor's time, `instructions
//! watched REQUESTS` the same of `mm1` that is watched as for `brownout run --out`;
//! `instructions in-flight CALLS` prints the bytes that a call in flight takes, `instructions waiting MESSAGES` those of a message that
//! waits in a queue;
//! `instructions read TIMES` prints what it takes to read a model of 1000 services, `instructions set-up TIMES` what it takes
//! to compile one that has been read, and to begin and end a run of it.

#[path = "../scenarios/mod.rs"]
mod scenarios;

use brownout::observe::recording::Recording;
use brownout::topology::Topology;
use scenarios::{Scenario, all_in_flight, all_waiting, compiled, offered, read, run, run_watched, topology};
use std::hint::black_box;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, count] = &arguments[..] else { return usage() };
    let Ok(count) = count.parse() else { return usage() };
    match (name.as_str(), Scenario::named(name)) {
        ("in-flight", _) => memory(count),
        ("waiting", _) => memory_of_messages(count),
        ("read", _) => read_often(count),
        ("set-up", _) => set_up_often(count),
        ("watched", _) => time("watched", &Scenario::named("mm1").expect("there is one").topology(count), run_watched),
        (name, Some(scenario)) => time(name, &scenario.topology(count), run),
        _ => return usage(),
    }
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    let names = scenarios::ALL.map(|scenario| scenario.name).join(" | ");
    eprintln!(
        "usage: instructions {names} | watched REQUESTS\n       instructions in-flight CALLS\n       instructions waiting MESSAGES\n       instructions read | set-up TIMES"
    );
    ExitCode::from(2)
}

fn time(name: &str, topology: &Topology, run: impl Fn(&Topology) -> Recording) {
    let began = cpu_nanoseconds();
    let recording = run(topology);
    let took = cpu_nanoseconds() - began;
    let requests = offered(&recording);
    let mean = recording.clients[0].latency.mean().unwrap_or(0.0);
    println!(
        "{name} requests={requests} events={} mean_ms={:.4} ns_per_request={}",
        recording.events,
        mean * 1e3,
        took.checked_div(requests).unwrap_or(0)
    );
}

fn read_often(times: u64) {
    let text = Scenario::named("mesh1000").expect("there is one").text(10);
    repeat("read", times, || drop(black_box(read(&text))));
}

fn set_up_often(times: u64) {
    let loaded = read(&Scenario::named("mesh1000").expect("there is one").text(10));
    // Ten requests: next to nothing.
    repeat("set-up", times, || drop(black_box(run(&compiled(&loaded)))));
}

fn repeat(what: &str, times: u64, act: impl Fn()) {
    let began = cpu_nanoseconds();
    for _ in 0..times {
        act();
    }
    let took = (cpu_nanoseconds() - began) as f64 / times.max(1) as f64;
    println!("{what} models={times} services=1000 ms_per_model={:.2}", took / 1e6);
}

fn memory(calls: u64) {
    let topology = topology(&all_in_flight(calls));
    let before = status("VmRSS:");
    let recording = run(&topology);
    let after = status("VmHWM:");
    println!("in-flight calls={} bytes_per_call={:.1}", offered(&recording), (after - before) as f64 * 1024.0 / offered(&recording) as f64);
}

fn memory_of_messages(messages: u64) {
    let topology = topology(&all_waiting(messages));
    let before = status("VmRSS:");
    drop(black_box(run(&topology)));
    let after = status("VmHWM:");
    println!("waiting messages={messages} bytes_per_message={:.1}", (after - before) as f64 * 1024.0 / messages as f64);
}

/// A figure of `/proc/self/status` in KiB.
fn status(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells about processes there");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("the figure is told");
    line.split_whitespace().next().and_then(|figure| figure.parse().ok()).expect("the figure is a number")
}

/// The processor's time of this process: other processes of a shared machine do not count. (Linux; else 0.)
fn cpu_nanoseconds() -> u64 {
    let schedstat = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    schedstat.split_whitespace().next().and_then(|figure| figure.parse().ok()).unwrap_or(0)
}
