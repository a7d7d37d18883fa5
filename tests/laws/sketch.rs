//! Random valid models as text. A sketch is a tape of numbers that every choice of the writer is read from; 0 is always the
//! plainest choice, so that proptest, which makes tapes shorter and their numbers smaller, makes models plainer.

use proptest::prelude::*;
use std::fmt::{self, Write};

/// The text of a random model; what fails is shown as it is.
#[derive(Clone)]
pub struct Sketch(pub String);

impl fmt::Debug for Sketch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{}", self.0)
    }
}

/// Random models.
pub fn models(allow: Allow) -> impl Strategy<Value = Sketch> {
    // Long enough for the largest models.
    proptest::collection::vec(any::<u16>(), 0..500).prop_map(move |tape| {
        let mut writer = Writer { tape: tape.iter(), services: 0, policies: 0, calls: 0 };
        Sketch(writer.model(allow))
    })
}

/// What the models of a law may contain.
#[derive(Clone, Copy)]
pub struct Allow {
    pub faults: bool,
    pub closed: bool,
    pub warm_up: bool,
    /// Open clients stop long before the run does, so that whatever can end does.
    pub quiet_end: bool,
}

pub const ANYTHING: Allow = Allow { faults: true, closed: true, warm_up: true, quiet_end: false };

struct Writer<'t> {
    /// Numbers to choose by; past its end all choices are 0.
    tape: std::slice::Iter<'t, u16>,
    services: u32,
    policies: u32,
    /// Calls that the endpoint being written makes.
    calls: u32,
}

const WORK: [&str; 8] = [
    "0s",
    "5ms",
    "exp(10ms)",
    "lognormal(mean: 20ms, cv: 2)",
    "uniform(1ms, 9ms)",
    "mix(90%: 1ms, 10%: exp(200ms))",
    "erlang(k: 3, mean: 15ms)",
    "exp(1ns)",
];
const SPANS: [&str; 5] = ["500ms", "1s", "exp(300ms)", "uniform(10ms, 2s)", "0s"];
const SIZES: [&str; 4] = ["", "", ", payload: 300B", ", payload: exp(500B), response: \"lognormal(p50: 200B, p99: 4KiB)\""];
const PROTOCOLS: [&str; 6] = [
    "",
    "",
    ", protocol: http1",
    ", protocol: http2, connections: {maxConcurrentStreams: 2}",
    ", protocol: grpc, connections: {tls: true, handshake: exp(1ms), idleTimeout: 100ms}",
    ", protocol: http1, connections: {tls: true, connectTimeout: 30ms}",
];
const FILTERS: [&str; 5] = [
    "[5xx, timeout]",
    "[5xx, timeout, connectFailure, reset, rateLimited, breakerOpen, bulkheadFull, deadline]",
    "[503]",
    "[reset]",
    "[timeout]",
];

impl Writer<'_> {
    /// One of 0..n.
    fn below(&mut self, n: u32) -> u32 {
        self.tape.next().map_or(0, |word| u32::from(*word) % n)
    }

    fn chance(&mut self, percent: u32) -> bool {
        // High numbers say yes: a shrunk tape says no.
        self.below(100) >= 100 - percent
    }

    fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len() as u32) as usize]
    }

    fn model(&mut self, allow: Allow) -> String {
        self.services = 1 + self.below(6);
        self.policies = self.below(4);
        let duration = 2 + self.below(3);
        let mut text = format!("name: sketch\nduration: {duration}s\nwindow: {}\n", self.of(&["1s", "700ms", "10s"]));
        if allow.warm_up && self.chance(50) {
            text += "warmUp: 500ms\n";
        }
        writeln!(text, "drain: {}", if allow.quiet_end { "1h" } else { self.of(&["1h", "0s", "1s"]) }).unwrap();
        self.clients(&mut text, duration, allow);
        self.policies(&mut text);
        if self.chance(50) {
            let bandwidth = self.of(&["", "", ", bandwidth: 1Mbps", ", bandwidth: 50kbps"]);
            writeln!(text, "network: {{default: {{latency: \"{}\", loss: {}%{bandwidth}}}}}", self.of(&WORK), self.below(2) * 3).unwrap();
        }
        let eviction = self.of(&["1s", "100ms"]);
        let scope = self.of(&["perReplica", "shared"]);
        writeln!(
            text,
            "caches: {{things: {{keys: \"zipf(s: 1, n: 50)\", capacity: 20, ttl: {eviction}, scope: {scope}, hit: {{wait: 1ms}}}}}}"
        )
        .unwrap();
        text += "services:\n";
        for service in 0..self.services {
            self.service(&mut text, service);
        }
        if allow.faults {
            self.faults(&mut text);
        }
        text
    }

    fn clients(&mut self, text: &mut String, duration: u32, allow: Allow) {
        *text += "clients:\n";
        let clients = 1 + self.below(3);
        for client in 0..clients {
            let target = if client == 0 { 0 } else { self.below(self.services) };
            let policy = self.policy();
            let instances = 1 + self.below(3);
            let load = if allow.closed && client > 0 && self.chance(40) {
                let stop = if self.chance(40) { ", stop: {ok: 5}" } else { "" };
                format!("users: {}, thinkTime: \"{}\"{stop}", 1 + self.below(5), self.of(&["50ms", "exp(100ms)"]))
            } else {
                let rate = 5 + self.below(40);
                let mut load = match self.below(3) {
                    0 => format!("arrivals: poisson({rate}/s)"),
                    1 => format!("arrivals: constant({rate}/s)"),
                    _ if allow.quiet_end => format!("arrivals: poisson({rate}/s), load: 0.5"),
                    _ => format!("arrivals: \"mmpp({rate}/s for 200ms, 1/s for 300ms)\""),
                };
                if allow.quiet_end {
                    write!(load, ", profile: [{{at: 500ms, rate: 0/s}}]").unwrap();
                } else if load.contains("poisson") && self.chance(30) {
                    write!(load, ", profile: [{{at: {}ms, rate: 60/s, ramp: 300ms}}]", 300 * duration).unwrap();
                }
                load
            };
            let zone = self.of(&["", ", zone: z1", ", zone: z2"]);
            let sizes = self.of(&SIZES);
            writeln!(
                text,
                "  c{client}: {{target: s{target}.e0, {load}, instances: {instances}, attributes: {{tenant: uniform(n: 3)}}{zone}{policy}{sizes}}}"
            )
            .unwrap();
        }
    }

    /// A reference to a policy, or none.
    fn policy(&mut self) -> String {
        if self.policies > 0 && self.chance(70) { format!(", policy: p{}", self.below(self.policies)) } else { String::new() }
    }

    fn policies(&mut self, text: &mut String) {
        *text += "policies:\n";
        if self.policies == 0 {
            *text = text.trim_end_matches("policies:\n").to_string();
        }
        for policy in 0..self.policies {
            let scope = self.of(&["service", "endpoint", "policy", "key(tenant)", "replica"]);
            let mut parts = Vec::new();
            if self.chance(60) {
                parts.push(("timeout", format!("timeout: {}", self.of(&["100ms", "20ms", "5ms", "1ms"]))));
            }
            if self.chance(40) {
                let propagate = self.chance(50);
                parts.push(("deadline", format!("deadline: {{after: {}, propagate: {propagate}}}", self.of(&["300ms", "50ms", "10ms"]))));
            }
            if self.chance(60) {
                let backoff =
                    self.of(&["{}", "{initial: 10ms}", "{initial: 5ms, jitter: full}", "{initial: 5ms, max: 40ms, jitter: decorrelated}"]);
                let budget = match self.below(3) {
                    _ if scope == "replica" => "",
                    0 => "",
                    1 => ", budget: {percent: 20%, minConcurrent: 1}",
                    _ => ", budget: {bucket: {size: 10, cost: 2, deposit: 1}}",
                };
                let on = self.of(&FILTERS);
                parts.push(("retry", format!("retry: {{attempts: {}, backoff: {backoff}, on: {on}{budget}}}", 2 + self.below(2))));
            }
            if self.chance(50) {
                let breaker = self.of(&[
                    "{consecutiveFailures: 3, openFor: 200ms}",
                    "{consecutiveFailures: 1, openFor: 30ms, halfOpenCalls: 2, successesToClose: 3}",
                    "{slidingWindow: {size: 10, minimumNumberOfCalls: 5, waitDurationInOpenState: 100ms, permittedNumberOfCallsInHalfOpenState: 2}}",
                    "{slidingWindow: {type: time, size: 2, minimumNumberOfCalls: 3, waitDurationInOpenState: 50ms, automaticTransitionFromOpenToHalfOpenEnabled: true, slowCallDurationThreshold: 10ms, slowCallRateThreshold: 50%, maxWaitDurationInHalfOpenState: 20ms}}",
                ]);
                parts.push(("circuitBreaker", format!("circuitBreaker: {breaker}")));
            }
            if self.chance(40) {
                let bulkhead = format!("bulkhead: {{maxConcurrent: {}, maxWait: {}}}", 1 + self.below(3), self.of(&["0s", "10ms", "1s"]));
                parts.push(("bulkhead", bulkhead));
            }
            if self.chance(20) {
                parts.push(("rateLimit", format!("rateLimit: {{rate: 20/s, burst: {}}}", 1 + self.below(5))));
            }
            if self.chance(30) {
                let last = self.services - 1;
                let fallback = match self.below(3) {
                    0 => "{value: empty}".to_string(),
                    1 => "{cached: things}".to_string(),
                    // The last service calls nobody, so that this ends.
                    _ => format!("{{call: s{last}.e0}}"),
                };
                parts.push(("fallback", format!("fallback: {fallback}")));
            }
            // A random order of the parts: a shuffle by selection.
            let mut names: Vec<&str> = parts.iter().map(|(name, _)| *name).collect();
            let mut order = Vec::new();
            while !names.is_empty() {
                order.push(names.remove(self.below(names.len() as u32) as usize));
            }
            let mut all: Vec<String> = parts.into_iter().map(|(_, part)| part).collect();
            all.push(format!("scope: \"{scope}\""));
            if !order.is_empty() && self.chance(60) {
                all.push(format!("order: [{}]", order.join(", ")));
            }
            if self.chance(20) {
                all.push("notOn: [503]".into());
            }
            writeln!(text, "  p{policy}: {{{}}}", all.join(", ")).unwrap();
        }
    }

    fn service(&mut self, text: &mut String, service: u32) {
        let replicas = 1 + self.below(3);
        let workers = self.of(&["unlimited", "1", "2", "5"]);
        let capacity = self.of(&["unlimited", "0", "1", "5"]);
        let discipline = self.of(&["fifo", "lifo"]);
        let wait = self.of(&["", ", maxWait: 20ms", ", maxWait: 0s"]);
        let cancellation = self.of(&["none", "queued", "full"]);
        let limit = self.of(&["", "", "", ", rateLimit: {rate: 15/s, burst: 3}"]);
        let balancing = self.of(&["roundRobin", "random", "leastRequest"]);
        let zones = if service == 0 { ", zones: [z1, z2]" } else { self.of(&["", ", zones: [z1, z2]", ", zones: [z2]"]) };
        let protocol = self.of(&PROTOCOLS);
        let pool = self.of(&["{size: 1}", "{size: 2, maxWait: 5ms}", "{size: 1, maxWait: 0s}"]);
        writeln!(
            text,
            "  s{service}:\n    {{replicas: {replicas}, workers: {workers}, queue: {{capacity: {capacity}, discipline: {discipline}{wait}}}, cancellation: {cancellation}, loadBalancing: {balancing}, pools: {{things: {pool}}}{limit}{zones}{protocol},"
        )
        .unwrap();
        write!(text, "    endpoints: {{").unwrap();
        for endpoint in 0..2 {
            self.calls = 0;
            let steps = self.steps(service, 2);
            write!(text, "e{endpoint}: {steps}{}", if endpoint == 0 { ", " } else { "}}\n" }).unwrap();
        }
    }

    fn steps(&mut self, service: u32, depth: u32) -> String {
        let steps: Vec<String> = (0..self.below(4)).map(|_| self.step(service, depth)).collect();
        format!("[{}]", steps.join(", "))
    }

    fn step(&mut self, service: u32, depth: u32) -> String {
        let later = self.services - service - 1;
        let kinds = if depth == 0 { 5 } else { 11 };
        match self.below(kinds) {
            // Few calls per endpoint, or load would multiply from layer to layer.
            1 | 5 if later > 0 && self.calls < 2 => {
                self.calls += 1;
                format!("{{call: s{}.e{}{}{}}}", service + 1 + self.below(later), self.below(2), self.policy(), self.of(&SIZES))
            }
            2 => format!("{{wait: \"{}\"}}", self.of(&WORK)),
            3 => {
                format!("{{fail: {{status: {}, share: {}%}}}}", self.of(&["500", "503", "404", "429"]), self.of(&["10", "0", "100", "50"]))
            }
            6 => {
                let join = self.of(&["all", "any", "quorum(2)"]);
                let cancel = self.chance(50);
                format!(
                    "{{parallel: {{join: {join}, cancelLosers: {cancel}, times: {}, branches: [{}, {}]}}}}",
                    1 + self.below(2),
                    self.steps(service, depth - 1),
                    self.steps(service, depth - 1)
                )
            }
            7 => format!(
                "{{choose: {{a: {{weight: 1, steps: {}}}, b: {{weight: {}, steps: {}}}}}}}",
                self.steps(service, depth - 1),
                self.below(4),
                self.steps(service, depth - 1)
            ),
            8 => format!("{{repeat: {{times: {}, steps: {}}}}}", self.below(3), self.steps(service, depth - 1)),
            9 => match self.below(2) {
                0 => format!("{{cache: {{use: things, onMiss: {}}}}}", self.steps(service, depth - 1)),
                _ => format!("{{spawn: {{steps: {}}}}}", self.steps(service, depth - 1)),
            },
            10 => format!("{{acquire: {{pool: things, steps: {}}}}}", self.steps(service, depth - 1)),
            _ => format!("{{work: \"{}\"}}", self.of(&WORK)),
        }
    }

    fn faults(&mut self, text: &mut String) {
        let faults = self.below(4);
        if faults == 0 {
            return;
        }
        *text += "faults:\n";
        for fault in 0..faults {
            let at = 100 * self.below(25);
            let lasts = if self.chance(80) { format!(", for: \"{}\"", self.of(&SPANS)) } else { String::new() };
            // On average longer than any of the spans: chance alone makes a fault overlap itself.
            let every = if self.chance(20) && !lasts.is_empty() { ", every: exp(1100ms)" } else { "" };
            let service = format!("service: s{}", self.below(self.services));
            let which = self.of(&["", ", replicas: 1", ", replica: [0]"]);
            let kind = match self.below(12) {
                0 => format!("slow: {{{service}, factor: {}{which}}}", self.of(&["10", "0.5", "1000"])),
                1 => format!("crash: {{{service}{which}{}}}", self.of(&["", ", restart: never", ", restart: after(exp(200ms))"])),
                2 => format!(
                    "errors: {{{service}, share: {}%{which}{}}}",
                    self.of(&["100", "30"]),
                    self.of(&["", ", match: {tenant: 1}", ", endpoint: e0"])
                ),
                3 => format!("pause: {{{service}{which}}}"),
                4 => format!("hang: {{{service}{which}}}"),
                5 => "cacheFlush: {cache: things}".into(),
                6 => "link: {from: c0, to: s0, latency: exp(20ms)}".into(),
                7 => "link: {from: c0, to: s0, loss: 40%}".into(),
                8 => format!(
                    "partition: {{from: c0, to: s0, packets: {}, direction: {}}}",
                    self.of(&["drop", "hold"]),
                    self.of(&["both", "oneWay"])
                ),
                9 => "spike: {client: c0, factor: 3}".into(),
                10 => "link: {from: c0, to: s0, bandwidth: 10kbps}".into(),
                _ => format!("zoneOutage: {{zone: {}}}", self.of(&["z1", "z2"])),
            };
            writeln!(text, "  f{fault}: {{at: {at}ms{lasts}{every}, {kind}}}").unwrap();
        }
    }
}
