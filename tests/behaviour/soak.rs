//! Everything together: random systems with random policies and faults on top of each other neither panic, nor leak, nor
//! lose count. Debug assertions are on here.

use super::support::*;
use crate::cases::cases;
use proptest::prelude::*;
use proptest::sample::select;

fn policy() -> impl Strategy<Value = String> {
    let parts: Vec<(&'static str, Vec<&'static str>)> = vec![
        ("timeout", vec!["5ms", "30ms", "200ms"]),
        ("deadline", vec!["20ms", "{after: 50ms, propagate: true}", "{after: 300ms, propagate: true}"]),
        (
            "retry",
            vec![
                "{attempts: 3}",
                "{attempts: 4, backoff: {initial: 10ms, jitter: decorrelated}}",
                "{attempts: 3, on: [5xx, timeout, reset, connectFailure, breakerOpen, bulkheadFull, rateLimited], backoff: {initial: 20ms, jitter: full}}",
            ],
        ),
        (
            "circuitBreaker",
            vec![
                "{consecutiveFailures: 3, openFor: 200ms}",
                "{slidingWindow: {size: 10, minimumNumberOfCalls: 5, waitDurationInOpenState: 150ms, permittedNumberOfCallsInHalfOpenState: 2, maxWaitDurationInHalfOpenState: 100ms}}",
            ],
        ),
        ("bulkhead", vec!["{maxConcurrent: 1}", "{maxConcurrent: 2, maxWait: 40ms}", "{maxConcurrent: 3, maxWait: 1s}"]),
        ("rateLimit", vec!["{rate: 50/s, burst: 5}"]),
        ("fallback", vec!["{value: x}", "{cached: k}", "{call: lite.get}"]),
    ];
    let count = parts.len();
    let chosen = prop::collection::vec((prop::bool::weighted(0.45), any::<prop::sample::Index>()), count);
    let order = Just((0..count).collect::<Vec<usize>>()).prop_shuffle();
    (chosen, order, select(vec!["service", "endpoint", "replica", "policy", "key(t)"]), any::<bool>()).prop_map(
        move |(chosen, order, scope, default)| {
            let mut text = vec![format!("scope: {scope}")];
            let mut words = Vec::new();
            for i in order {
                let (name, values) = &parts[i];
                let (on, which) = &chosen[i];
                if *on {
                    let mut value = values[which.index(values.len())].to_string();
                    if *name == "retry" && scope != "replica" && which.index(2) == 0 {
                        value.pop();
                        value.push_str(", budget: {percent: 20%, minConcurrent: 1}}");
                    }
                    text.push(format!("{name}: {value}"));
                    words.push(*name);
                }
            }
            if !default && !words.is_empty() {
                text.push(format!("order: [{}]", words.join(", ")));
            }
            format!("{{{}}}", text.join(", "))
        },
    )
}

fn fault() -> impl Strategy<Value = String> {
    let service = select(vec!["a", "b", "d"]);
    let kind = (0usize..10, service).prop_map(|(kind, service)| match kind {
        0 => format!("crash: {{service: {service}}}"),
        1 => format!("crash: {{service: {service}, replica: [0], restart: after(80ms)}}"),
        2 => format!("slow: {{service: {service}, factor: 5}}"),
        3 => format!("errors: {{service: {service}, share: 50%}}"),
        4 | 5 => format!("pause: {{service: {service}}}"),
        6 => format!("hang: {{service: {service}, replicas: 1}}"),
        7 => "link: {from: a, to: b, loss: 30%, latency: 5ms}".into(),
        8 => "partition: {from: b, to: d, packets: hold}".into(),
        _ => "partition: {from: a, to: b}".into(),
    });
    (kind, 0u32..900, 1u32..300, prop::option::of(400u32..900)).prop_map(|(kind, at, lasts, every)| {
        let every = every.map_or(String::new(), |e| format!(", every: {e}ms"));
        format!("{{at: {at}ms, for: {lasts}ms{every}, {kind}}}")
    })
}

fn steps(policies: &'static [&'static str]) -> impl Strategy<Value = String> {
    let call = |to: &'static str| select(policies).prop_map(move |p| format!("{{call: {to}, policy: {p}}}"));
    let leaf = prop_oneof![
        2 => (0u32..15).prop_map(|ms| format!("{{work: {ms}ms}}")),
        3 => call("b.get"),
        2 => call("d.get"),
        1 => Just("{fail: {share: 10%}}".to_string()),
        1 => Just("{wait: 3ms}".to_string()),
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        let list = prop::collection::vec(inner, 0..3).prop_map(|steps| format!("[{}]", steps.join(", ")));
        prop_oneof![
            (prop::collection::vec(list.clone(), 1..4), select(vec!["all", "any", "quorum(1)"]), any::<bool>()).prop_map(
                |(branches, join, cancel)| format!(
                    "{{parallel: {{join: {join}, cancelLosers: {cancel}, branches: [{}]}}}}",
                    branches.join(", ")
                )
            ),
            list.clone().prop_map(|steps| format!("{{acquire: {{pool: q, steps: {steps}}}}}")),
            list.clone().prop_map(|steps| format!("{{spawn: {{steps: {steps}}}}}")),
            list.clone().prop_map(|steps| format!("{{repeat: {{times: 2, steps: {steps}}}}}")),
            list.prop_map(|steps| format!("{{cache: {{use: k, onMiss: {steps}}}}}")),
        ]
    })
}

fn model() -> impl Strategy<Value = String> {
    let cancellations = || select(vec!["none", "queued", "full"]);
    let faults = prop::collection::vec(fault(), 0..6);
    let protocols = || {
        select(vec![
            "",
            "",
            ", protocol: http1",
            ", protocol: grpc",
            ", protocol: http2, connections: {tls: true, maxConcurrentStreams: 2, idleTimeout: 50ms}",
            ", protocol: http1, connections: {connectTimeout: 5ms}",
        ])
    };
    let wires = (protocols(), protocols(), protocols(), select(vec!["", ", payload: 700B", ", payload: exp(2KiB), response: 500B"]));
    (
        (prop::collection::vec(steps(&["p", "q"]), 1..4), prop::collection::vec(policy(), 3)),
        faults,
        (cancellations(), cancellations(), cancellations()),
        (select(vec!["unlimited", "0", "2"]), select(vec!["fifo", "lifo"]), select(vec!["", ", maxWait: 15ms"])),
        (1u32..4, select(vec!["roundRobin", "random", "leastRequest"]), any::<u16>(), select(vec!["", ", bandwidth: 2Mbps"]), wires),
    )
        .prop_map(|((steps, policies), faults, (ca, cb, cd), (capacity, discipline, max_wait), (replicas, balancing, seed, bandwidth, wires))| {
            let (pa, pb, pd, sizes) = wires;
            let faults = faults.iter().enumerate().map(|(i, f)| format!("f{i}: {f}")).collect::<Vec<_>>().join(", ");
            format!(
                "
duration: 1s
seed: {seed}
window: 100ms
clients:
  c: {{target: a.get, arrivals: poisson(150/s), policy: p{sizes}, attributes: {{t: uniform(n: 3)}}}}
  u: {{target: {{a.get: 50%, b.get: 50%}}, users: 5, thinkTime: 20ms, policy: r}}
services:
  a: {{replicas: 2{pa}, workers: 6, cancellation: {ca}, pools: {{q: {{size: 2, maxWait: 30ms}}}}, endpoints: {{get: [{}, {{call: b.get, policy: q}}]}}}}
  b: {{replicas: {replicas}{pb}, workers: 2, queue: {{capacity: {capacity}, discipline: {discipline}{max_wait}}}, cancellation: {cb}, loadBalancing: {balancing}, endpoints: {{get: [{{work: exp(8ms)}}, {{call: d.get, policy: r{sizes}}}]}}}}
  d: {{workers: 3{pd}, rateLimit: {{rate: 300/s, burst: 50}}, cancellation: {cd}, endpoints: {{get: [{{work: exp(5ms)}}]}}}}
  lite: {{endpoints: {{get: [{{work: 1ms}}]}}}}
caches: {{k: {{keys: uniform(n: 5), capacity: 3, ttl: 100ms, hit: {{wait: 1ms}}}}}}
network: {{default: {{latency: exp(300us){bandwidth}}}}}
policies: {{p: {}, q: {}, r: {}}}
faults: {{{faults}}}",
                steps.join(", "),
                policies[0],
                policies[1],
                policies[2]
            )
        })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, max_shrink_iters: 600, ..cases(300) })]

    #[test]
    fn whatever_is_combined_ends_and_adds_up(yaml in model()) {
        run(&yaml);
    }
}
