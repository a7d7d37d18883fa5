//! Reading: what is written, extended, varied and set becomes one model; what is resolved reads back to the same; what the
//! language has and this release has not is refused by name.

use brownout::model::{self, Loaded, resolved};
use std::path::PathBuf;

fn read_all(files: &[(&str, &str)], sets: &[&str], variant: Option<&str>) -> Result<Loaded, String> {
    let loader = |name: &str| {
        let found = files.iter().find(|(file, _)| *file == name);
        found.map(|(_, text)| text.as_bytes().to_vec()).ok_or_else(|| format!("cannot read `{name}`"))
    };
    let sets: Vec<String> = sets.iter().map(|set| set.to_string()).collect();
    model::read(files[0].0, &loader, &sets, variant).map_err(|refused| refused.problems.to_string())
}

fn read(text: &str) -> Loaded {
    read_all(&[("m.yaml", text)], &[], None).unwrap_or_else(|problems| panic!("{problems}\n{text}"))
}

/// Everything that a model of this release can say, written in one way or another.
const EVERYTHING: &str = r#"
name: everything
description: "All there is: quotes, colons # and µ"
seed: 18446744073709551615
duration: 3m
warmUp: 20s
drain: 1m30s
window: 500ms
clients:
  shoppers:
    description: those who shop
    target: {gateway.checkout: 80%, gateway.browse: 20%}
    arrivals: poisson(200/s)
    load: 1.5
    profile: [{at: 60s, rate: 400/s, ramp: 10s}, {at: 90s, rate: 200/s}]
    instances: 2
    attributes: {tenant: zipf(s: 1, n: 1000), shard: uniform(n: 8)}
    zone: a
    policy: patience
  bursts: {target: gateway.browse, arrivals: mmpp(10/s for 5s, 100/s for 1s)}
  batch: {target: gateway.browse, users: 20, thinkTime: exp(2s), stop: {ok: 100}}
services:
  gateway:
    replicas: 3
    zones: [a, b]
    workers: 128
    queue: {capacity: 256, discipline: lifo, maxWait: 5s}
    cancellation: full
    rateLimit: {rate: 1000/s, burst: 200}
    loadBalancing: leastRequest
    pools: {db-connections: {size: 10, maxWait: 1s}, other: {size: 1}}
    endpoints:
      checkout:
        - work: lognormal(p50: 4ms, p99: 30ms)
        - {wait: mix(90%: exp(1ms), 10%: uniform(5ms, 10ms))}
        - call: orders.prod.place
          policy: guarded
        - parallel:
            join: quorum(2)
            branches: [[{call: orders.prod.place}], [], [{work: 1ms}]]
            times: 2
            cancelLosers: true
        - choose: {often: {weight: 9, steps: []}, rarely: {steps: [{fail: {status: 503, share: 1.5%}}]}}
        - repeat: {times: 3, steps: [{work: gamma(mean: 5ms, cv: 0.5)}]}
        - cache: {use: products, onMiss: [{work: pareto(scale: 1ms, alpha: 1.5)}]}
        - acquire: {pool: db-connections, steps: [{call: orders.prod.place, policy: tokens}]}
        - fail: {}
        - spawn: {steps: [{work: 1ms}]}
      browse: []
  orders.prod: {owner: gateway, workers: unlimited, endpoints: {place: [{work: 5ms}], lite: [], "404": []}}
caches:
  products: {keys: zipf(s: 1.0, n: 1000), capacity: 0, ttl: 5m, hit: {wait: 500us}, scope: shared, eviction: lru}
policies:
  patience: {timeout: 10s, retry: {attempts: 2, backoff: {initial: 1s}}}
  guarded:
    description: all parts
    timeout: 2s
    deadline: {after: 5s, propagate: true}
    retry: {attempts: unlimited, backoff: {initial: 100ms, factor: 1.5, max: 10s, jitter: full}, on: [5xx, timeout, 404], budget: {percent: 20%, minConcurrent: 0}}
    circuitBreaker: {consecutiveFailures: 5, openFor: 60s, halfOpenCalls: 2, successesToClose: 3, on: [5xx]}
    bulkhead: {maxConcurrent: 20, maxWait: 1ms}
    rateLimit: {rate: 0.5/s}
    fallback: {cached: products}
    notOn: [404, 409]
    scope: key(tenant)
    order: [fallback, circuitBreaker, retry, deadline, bulkhead, rateLimit, timeout]
  tokens: {deadline: 5s, retry: {attempts: 3, budget: {bucket: {size: 10, cost: 2, deposit: 0.5, on: call}}}, circuitBreaker: {slidingWindow: {type: time, size: 10}}, fallback: {value: empty}, scope: endpoint}
  lite: {fallback: {call: orders.prod.lite}}
network:
  default: {latency: lognormal(p50: 250us, p99: 1ms), loss: 0.1%}
  zones: {"a-b": {latency: 800us}, "a-a": {loss: 1%}}
  links: {slow-hop: {from: gateway, to: orders.prod, latency: 300us, loss: 0.1%}}
faults:
  slow-db: {at: 60s, for: 30s, every: exp(1m), slow: {service: orders.prod, factor: 10, replicas: 1}}
  lost-pod: {at: 70s, crash: {service: gateway, replica: [0, 2], restart: after(exp(10s))}}
  stop: {at: 80s, for: 1s, pause: {service: gateway}}
  stuck: {at: 80s, for: 1s, hang: {service: gateway, replicas: 2}}
  bad: {at: 90s, for: 10s, errors: {service: gateway, endpoint: browse, status: 404, share: 30%, match: {tenant: 7}}}
  cut: {at: 95s, for: 5s, partition: {from: gateway, to: orders.prod, packets: hold, direction: oneWay}}
  worse: {at: 95s, for: 5s, link: {link: slow-hop, latency: 1s, loss: 5%}}
  worse-too: {at: 95s, link: {from: shoppers, to: gateway, loss: 5%}}
  dark: {at: 96s, zoneOutage: {zone: b}}
  cold: {at: 97s, cacheFlush: {cache: products}}
  rush: {at: 98s, for: 10s, spike: {client: shoppers, factor: 3}}
expect:
  calm: successRate(shoppers) >= 99% during 0s..60s
  comesBack: recovers(shoppers, within: 30s, after: slow-db)
  retries: amplification(gateway.checkout -> orders.prod.place) < 1.5
  "quoted: name": p99(shoppers) < 800ms
variants:
  naive: {policies: {guarded: {retry: {attempts: 5, budget: null}, circuitBreaker: null}, lite: null}, faults: {cold: null}}
  as-it-is: {}
  nothing:
"#;

fn everything(variant: Option<&str>) -> Loaded {
    let text = EVERYTHING.replace("  \"quoted: name\": p99(shoppers) < 800ms\n", "");
    read_all(&[("everything.yaml", &text)], &[], variant).unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn what_is_resolved_reads_back_to_the_same() {
    for variant in [None, Some("naive"), Some("as-it-is"), Some("nothing")] {
        let loaded = everything(variant);
        let text = resolved::yaml(&loaded);
        let again = read_all(&[("resolved.yaml", &text)], &[], None).unwrap_or_else(|problems| panic!("{problems}\n{text}"));
        assert_eq!(again.model, loaded.model, "{variant:?}");
        // Nothing is left to be a default, and so a second pass changes only where values come from.
        let second = resolved::yaml(&again);
        let values = |text: &str| text.lines().map(|line| line.split("  # ").next().unwrap_or("").to_string()).collect::<Vec<_>>();
        assert_eq!(values(&second), values(&text));
    }
}

#[test]
fn the_gallery_resolves_and_reads_back() {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("models");
    for entry in std::fs::read_dir(&directory).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "yaml") {
            continue;
        }
        let name = path.to_str().unwrap();
        let load = |file: &str| std::fs::read(file).map_err(|error| error.to_string());
        let first = model::read(name, &load, &[], None).unwrap_or_else(|refused| panic!("{}", refused.problems));
        for variant in std::iter::once(None).chain(first.variants.iter().map(|v| Some(v.as_str()))) {
            let loaded =
                model::read(name, &load, &[], variant).unwrap_or_else(|refused| panic!("{name} {variant:?}: {}", refused.problems));
            let text = resolved::yaml(&loaded);
            let again = read_all(&[("resolved.yaml", &text)], &[], None).unwrap_or_else(|problems| panic!("{problems}\n{text}"));
            assert_eq!(again.model, loaded.model, "{name} {variant:?}");
        }
    }
}

#[test]
fn every_value_tells_where_it_comes_from() {
    let loaded = read_all(
        &[
            ("a/m.yaml", "extends: ../base.yaml\nservices: {s: {replicas: 3}}\nvariants: {v: {services: {s: {workers: 4}}}}\n"),
            ("base.yaml", "duration: 1m\nservices:\n  s:\n    replicas: 2\n    zones: [a]\n    endpoints: {get: []}\n"),
        ],
        &["services.s.queue.capacity=9"],
        Some("v"),
    )
    .unwrap();
    let text = resolved::yaml(&loaded);
    for line in [
        "name: m  # default",
        "duration: \"1m\"  # base.yaml:1",
        "    replicas: 3  # a/m.yaml:2",
        "      - a  # base.yaml:5",
        "    workers: 4  # variant v",
        "      capacity: 9  # --set",
        "      discipline: fifo  # default",
        "      get: []  # base.yaml:6",
    ] {
        assert!(text.lines().any(|told| told == line), "{line}\n{text}");
    }
}

#[test]
fn json_is_read_as_yaml_is() {
    let yaml = everything(None);
    let json = serde_json::to_string_pretty(&yaml.model).unwrap();
    assert_eq!(read_all(&[("everything.json", &json)], &[], None).unwrap().model, yaml.model);
}

#[test]
fn a_distribution_needs_no_quotes_wherever_it_stands() {
    let text = |step: &str| format!("duration: 1m\nservices:\n  s:\n    endpoints:\n      get:\n        {step}\n");
    let quoted = read(&text("- work: \"lognormal(p50: 4ms, p99: 30ms)\""));
    for step in [
        "- work: lognormal(p50: 4ms, p99: 30ms)",
        "- {work: lognormal(p50: 4ms, p99: 30ms)}",
        "- work: lognormal(p50: 4ms, p99: 30ms)   # with a comment: (and, more)",
        "- work:\n            lognormal(p50: 4ms, p99: 30ms)",
        "- 'work': 'lognormal(p50: 4ms, p99: 30ms)'",
        "- work: lognormal( p50 : 4ms , p99 : 30ms )",
    ] {
        assert_eq!(read(&text(step)).model, quoted.model, "{step}");
    }
}

#[test]
fn what_extends_changes_what_it_extends() {
    let base =
        "duration: 1m\nseed: 7\nservices: {a: {replicas: 2, zones: [x, y]}, b: {}}\npolicies: {p: {timeout: 1s, retry: {attempts: 3}}}\n";
    let middle = "extends: base.yaml\nservices: {a: {zones: [z]}, b: null, c: {}}\n";
    let top = "extends: middle.yaml\nduration: 2m\npolicies: {p: {retry: null}}\n";
    let loaded = read_all(&[("top.yaml", top), ("middle.yaml", middle), ("base.yaml", base)], &[], None).unwrap();
    let flat = "name: top\nduration: 2m\nseed: 7\nservices: {a: {replicas: 2, zones: [z]}, c: {}}\npolicies: {p: {timeout: 1s}}\n";
    assert_eq!(loaded.model, read(flat).model);
}

#[test]
fn variants_of_what_is_extended_are_variants_too() {
    let base = "duration: 1m\nservices: {a: {replicas: 2}}\nvariants: {big: {services: {a: {replicas: 9}}}, small: {services: {a: {replicas: 1}}}}\n";
    let top = "extends: base.yaml\nvariants: {big: {services: {a: {workers: 3}}}, small: null}\n";
    let loaded = read_all(&[("top.yaml", top), ("base.yaml", base)], &[], Some("big")).unwrap();
    assert_eq!(loaded.variants, ["big"]);
    assert_eq!(loaded.model.services["a"].replicas, 9);
    assert_eq!(loaded.model.services["a"].workers.finite(), Some(3));
}

#[test]
fn a_variant_is_a_merge_patch() {
    let loaded = everything(Some("naive"));
    let retry = loaded.model.policies["guarded"].retry.as_ref().unwrap();
    assert!(retry.budget.is_none() && retry.attempts.finite() == Some(5));
    assert_eq!(retry.backoff.factor, 1.5, "what it does not name stays");
    assert!(loaded.model.policies["guarded"].circuit_breaker.is_none());
    assert!(!loaded.model.policies.contains_key("lite") && !loaded.model.faults.contains_key("cold"));
    assert_eq!(everything(Some("as-it-is")).model, everything(None).model);
}

#[test]
fn a_mistake_in_a_variant_is_told_where_it_is_written() {
    let text = "duration: 1m\nservices: {a: {}}\nvariants:\n  v:\n    services: {a: {replica: 2}}\n";
    let told = read_all(&[("m.yaml", text)], &[], Some("v")).unwrap_err();
    assert_eq!(told, "m.yaml:5:20: error[unknown-key]: a service has no key `replica` (did you mean `replicas`?)\n");
    assert!(read_all(&[("m.yaml", text)], &[], None).is_ok());
}

/// Every key of the language that this release has not, where the language has it.
#[test]
fn keys_of_later_releases_are_refused_by_name() {
    let document = "@\nduration: 1m\n";
    let client = "duration: 1m\nclients: {c: {target: s.get, arrivals: poisson(1/s), @}}\n";
    let service = "duration: 1m\nservices: {s: {@}}\n";
    let queue = "duration: 1m\nservices: {s: {queue: {@}}}\n";
    let call = "duration: 1m\nservices: {s: {endpoints: {get: [{call: s.get, @}]}}}\n";
    let policy = "duration: 1m\npolicies: {p: {@}}\n";
    let fault = "duration: 1m\nfaults: {f: {at: 1s, @}}\n";
    for (place, written) in [
        (document, "rollouts: {v2: {service: s}}"),
        (document, "sweep: {axes: {}}"),
        (document, "hunt: {runs: 500}"),
        (client, "priority: 0"),
        (service, "cores: 2"),
        (service, "memory: {limit: 512MiB}"),
        (service, "startup: exp(8s)"),
        (service, "readiness: {period: 1s}"),
        (service, "liveness: {period: 10s}"),
        (service, "loadBalancing: maglev"),
        (queue, "discipline: adaptiveLifo"),
        (queue, "discipline: codel(target: 5ms, interval: 100ms)"),
        (queue, "discipline: priority"),
        (queue, "discipline: fair"),
        (call, "priority: 1"),
        (call, "awaitReply: {timeout: 1s}"),
        (policy, "hedge: {after: 50ms}"),
        (policy, "order: [hedge]"),
        (fault, "afterRequests: 100"),
        (fault, "cpuSteal: {service: s}"),
        (fault, "memoryLeak: {service: s}"),
        (fault, "connectionLeak: {service: s}"),
        (fault, "certificateExpiry: {service: s}"),
    ] {
        let told = read_all(&[("m.yaml", &place.replace('@', written))], &[], None).unwrap_err();
        assert!(told.contains("error[not-yet-implemented]"), "{written}: {told}");
        assert!(told.contains("is part of the language but not of this release"), "{written}: {told}");
        assert!(!told.contains("unknown-key"), "{written}: {told}");
        let about = told.lines().filter(|line| line.contains("not-yet-implemented")).count();
        assert_eq!((about, told.lines().count()), (1, 1), "{written}: {told}");
    }
}
