//! The systems that are measured, as model texts: what is timed is what a user would write.

// Each program that includes this file uses some of it.
#![allow(dead_code)]

use brownout::base::time::Nanos;
use brownout::model::{self, Loaded};
use brownout::observe::recording::Recording;
use brownout::observe::watch::Wish;
use brownout::observe::watch::sampling::Sampling;
use brownout::topology::Topology;
use brownout::topology::compile::compile;
use brownout::world::{self, Control};
use std::fmt::Write;

/// A system, and how many requests per second it is offered.
pub struct Scenario {
    pub name: &'static str,
    pub rate: u64,
    text: fn(duration: &str) -> String,
}

pub const ALL: [Scenario; 4] = [
    Scenario { name: "mm1", rate: 800, text: mm1 },
    Scenario { name: "chain10", rate: 400, text: chain10 },
    Scenario { name: "mesh1000", rate: 10_000, text: mesh1000 },
    Scenario { name: "queue", rate: 2_000, text: queue },
];

impl Scenario {
    pub fn named(name: &str) -> Option<Scenario> {
        ALL.into_iter().find(|scenario| scenario.name == name)
    }

    /// The model text for about so many requests.
    pub fn text(&self, requests: u64) -> String {
        (self.text)(&format!("{}us", requests * 1_000_000 / self.rate))
    }

    pub fn topology(&self, requests: u64) -> Topology {
        topology(&self.text(requests))
    }
}

/// Reads and compiles a model that is known to be right.
pub fn topology(text: &str) -> Topology {
    compiled(&read(text))
}

pub fn read(text: &str) -> Loaded {
    let loader = |_: &str| Ok(text.as_bytes().to_vec());
    model::read("scenario.yaml", &loader, &[], None).unwrap_or_else(|refused| panic!("{:#?}", refused.problems))
}

pub fn compiled(loaded: &Loaded) -> Topology {
    let topology = compile(&loaded.model, &|file| Err(format!("there is no {file}")));
    topology.unwrap_or_else(|problems| panic!("{problems:#?}"))
}

pub fn run(topology: &Topology) -> Recording {
    world::run(topology, 1, Control::default()).unwrap_or_else(|stopped| panic!("{}", stopped.limit))
}

/// The same, watched as it is for `brownout run --out`.
pub fn run_watched(topology: &Topology) -> Recording {
    let wish = Wish { sampling: Sampling::Tail, scrape: Some(Nanos::from_secs(15)) };
    let control = Control { wish: Some(&wish), ..Control::default() };
    world::run(topology, 1, control).unwrap_or_else(|stopped| panic!("{}", stopped.limit))
}

/// Requests that all clients have offered.
pub fn offered(recording: &Recording) -> u64 {
    recording.clients.iter().map(|client| client.offered).sum()
}

const HEAD: &str = "name: bench\nseed: 1\nwarmUp: 0s\nnetwork: {default: {latency: exp(200us)}}\n";

/// One service with one worker, a link there and back, a timeout that is armed and never fires: the least a request can cost.
fn mm1(duration: &str) -> String {
    format!(
        "{HEAD}duration: {duration}
clients: {{users: {{target: server.get, arrivals: poisson(800/s), policy: patience}}}}
services: {{server: {{workers: 1, endpoints: {{get: [{{work: exp(1ms)}}]}}}}}}
policies: {{patience: {{timeout: 5s}}}}
"
    )
}

/// Ten services, one after the other; timeout, retry and breaker on every call.
fn chain10(duration: &str) -> String {
    let mut text = format!(
        "{HEAD}duration: {duration}
clients: {{users: {{target: s0.get, arrivals: poisson(400/s), policy: guarded}}}}
policies: {{guarded: {{timeout: 5s, retry: {{attempts: 3, backoff: {{initial: 100ms}}}}, circuitBreaker: {{consecutiveFailures: 5, openFor: 60s}}}}}}
services:
"
    );
    for i in 0..10 {
        let call = if i < 9 { format!(", {{call: s{}.get, policy: guarded}}", i + 1) } else { String::new() };
        let _ = writeln!(text, "  s{i}: {{workers: 64, endpoints: {{get: [{{work: exp(1ms)}}{call}]}}}}");
    }
    text
}

/// A request that publishes a message, which is delivered, handled and acknowledged.
fn queue(duration: &str) -> String {
    format!(
        "{HEAD}duration: {duration}
clients: {{users: {{target: shop.buy, arrivals: poisson(2000/s)}}}}
services: {{shop: {{endpoints: {{buy: [{{publish: {{to: orders.paid}}}}]}}}}, worker: {{endpoints: {{}}}}}}
brokers: {{orders: {{kind: rabbitmq, queues: {{paid: {{}}}}}}}}
consumers: {{billing: {{service: worker, from: orders.paid, prefetch: 10, steps: [{{work: exp(100us)}}]}}}}
"
    )
}

/// So many messages that wait in a queue.
pub fn all_waiting(messages: u64) -> String {
    format!(
        "name: bench\nseed: 1\nduration: 1s\nwarmUp: 0s\ndrain: 0s
clients: {{users: {{target: shop.buy, arrivals: constant(1/s)}}}}
services: {{shop: {{endpoints: {{buy: []}}}}}}
brokers: {{orders: {{kind: rabbitmq, queues: {{paid: {{preload: {messages}}}}}}}}}
"
    )
}

/// Services per layer, and layers, of [`mesh1000`].
const WIDTH: usize = 200;
const LAYERS: usize = 5;

/// Five layers of 200 services. A request makes 20 calls: 1 at the top, then 1, 3, 6 and 9; side by side where there are
/// several. Every call has a timeout.
fn mesh1000(duration: &str) -> String {
    let mut text = format!("{HEAD}duration: {duration}\npolicies: {{patience: {{timeout: 5s}}}}\n");
    let targets: Vec<String> = (0..WIDTH).map(|i| format!("l0-{i}.get: 0.5%")).collect();
    let _ = writeln!(
        text,
        "clients: {{users: {{target: {{{}}}, arrivals: poisson(10000/s), policy: patience}}}}\nservices:",
        targets.join(", ")
    );
    for layer in 0..LAYERS {
        for i in 0..WIDTH {
            let calls: Vec<String> =
                callees(layer, i).into_iter().map(|callee| format!("[{{call: l{}-{callee}.get, policy: patience}}]", layer + 1)).collect();
            let calls = if calls.is_empty() { String::new() } else { format!(", {{parallel: {{branches: [{}]}}}}", calls.join(", ")) };
            let _ = writeln!(text, "  l{layer}-{i}: {{workers: 4, endpoints: {{get: [{{work: exp(500us)}}{calls}]}}}}");
        }
    }
    text
}

/// Whom a service of the mesh calls in the next layer. An even one of the fourth layer calls one, an odd one two; whoever
/// calls the fourth layer calls one of each kind, so that every request makes as many calls.
fn callees(layer: usize, i: usize) -> Vec<usize> {
    let half = WIDTH / 2;
    match layer {
        0 => vec![(i * 7 + 3) % WIDTH],
        1 => (0..3).map(|k| (i * 11 + k * 67) % WIDTH).collect(),
        2 => vec![(i * 13 % half) * 2, (i * 17 % half) * 2 + 1],
        3 => (0..=i % 2).map(|k| (i * 19 + k * 101) % WIDTH).collect(),
        _ => Vec::new(),
    }
}

/// So many requests in one simulated second, all of which wait for longer than that under an armed timeout.
pub fn all_in_flight(requests: u64) -> String {
    format!(
        "name: bench\nseed: 1\nduration: 1s\nwarmUp: 0s\ndrain: 0s
clients: {{users: {{target: server.get, arrivals: constant({requests}/s), policy: patience}}}}
services: {{server: {{endpoints: {{get: [{{wait: 1000s}}]}}}}}}
policies: {{patience: {{timeout: 2000s}}}}
"
    )
}
