//! What `brownout check` finds without running: each finding fires on the smallest model that deserves it, with the right
//! numbers, and not on its repaired twin; and every code is in `docs/findings.md`.

mod messaging;

use brownout::model;
use brownout::topology::check::{Finding, Weight, check};
use brownout::topology::compile::compile;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn findings(text: &str) -> Vec<Finding> {
    let text = format!("duration: 1m\n{text}");
    let loaded = model::read("m.yaml", &|_| Ok(text.clone().into_bytes()), &[], None);
    let loaded = loaded.unwrap_or_else(|refused| panic!("{}\n{text}", refused.problems));
    let topology = compile(&loaded.model, &|_| Err("no files here".into())).unwrap_or_else(|problems| panic!("{problems}\n{text}"));
    let findings = check(&topology);
    for finding in &findings {
        assert!(loaded.place(&finding.path).is_some(), "{} has no place", finding.path);
    }
    findings
}

fn of(code: &str, text: &str) -> Vec<Finding> {
    findings(text).into_iter().filter(|finding| finding.code == code).collect()
}

/// The one finding of this code: its weight, message and path.
#[track_caller]
fn fires(code: &str, text: &str, weight: Weight, message: &str, path: &str) {
    let found = of(code, text);
    let [only] = &found[..] else { panic!("{code}: {found:?}") };
    assert_eq!((only.message.as_str(), only.path.as_str(), only.weight), (message, path, weight));
    assert!(!only.help.is_empty());
}

#[track_caller]
fn silent(code: &str, text: &str) {
    assert_eq!(of(code, text), []);
}

const CLIENT: &str = "clients: {c: {target: a.get, arrivals: poisson(10/s)}}\n";

// -- cycles --------------------------------------------------------------------------------------------------------------

fn circle(step: &str) -> String {
    format!("{CLIENT}services:\n  a: {{endpoints: {{get: [{{call: b.get}}]}}}}\n  b: {{endpoints: {{get: [{step}]}}}}\n")
}

#[test]
fn a_circle_that_nothing_ends_is_an_error() {
    let says = "no step can end this circle of calls: `a.get` → `b.get` → `a.get`";
    fires("endless-cycle", &circle("{call: a.get}"), Weight::Error, says, "services.a.endpoints.get[0]");
    // Nor does what happens beside it, or every way that a choice can take.
    for step in [
        "{work: 1ms}, {call: a.get}",
        "{parallel: {branches: [[{work: 1ms}], [{call: a.get}]]}}",
        "{choose: {x: {steps: [{call: a.get}]}, y: {steps: [{work: 1ms}, {call: a.get}]}}}",
        "{choose: {x: {steps: []}, y: {steps: [{work: 1ms}]}}}, {call: a.get}",
        "{choose: {x: {steps: []}}}, {call: a.get}",
        "{repeat: {times: 2, steps: [{call: a.get}]}}",
        "{spawn: {steps: [{call: a.get}]}}",
        "{fail: {share: 0%}}, {call: a.get}",
    ] {
        assert_eq!(of("endless-cycle", &circle(step)).len(), 1, "{step}");
    }
    fires(
        "endless-cycle",
        &format!("{CLIENT}services: {{a: {{endpoints: {{get: [{{call: a.get}}]}}}}}}"),
        Weight::Error,
        "no step can end this circle of calls: `a.get` → `a.get`",
        "services.a.endpoints.get[0]",
    );
}

#[test]
fn a_circle_that_something_ends_is_a_warning() {
    let says = "only a choice, a cache or a failure ends this circle of calls: `a.get` → `b.get` → `a.get`";
    let cache = "caches: {k: {keys: uniform(n: 100), capacity: 10}}\n";
    for step in [
        "{choose: {again: {steps: [{call: a.get}]}, done: {steps: []}}}",
        "{cache: {use: k, onMiss: [{call: a.get}]}}",
        "{fail: {share: 1%}}, {call: a.get}",
        "{choose: {x: {steps: [{fail: {}}]}, y: {steps: []}}}, {call: a.get}",
    ] {
        let model = circle(step) + cache;
        silent("endless-cycle", &model);
        fires("call-cycle", &model, Weight::Warning, says, "services.a.endpoints.get[0]");
    }
    for step in ["{work: 1ms}", "{fail: {}}, {call: a.get}", "{repeat: {times: 0, steps: [{call: a.get}]}}"] {
        silent("endless-cycle", &circle(step));
        silent("call-cycle", &circle(step));
    }
}

// -- lines ---------------------------------------------------------------------------------------------------------------

/// 10/s of 12,500 B to a, each with two calls of 1,250 B to b: 1 Mbps and 200 kbps. Without a protocol messages are their payloads.
#[test]
fn messages_that_ask_for_more_than_the_bandwidth_are_told_by_direction() {
    let model = |bandwidth: &str, sizes: &str| {
        format!(
            "clients: {{c: {{target: a.get, arrivals: poisson(10/s), {sizes}}}}}\n\
             services:\n  a: {{endpoints: {{get: [{{repeat: {{times: 2, steps: [{{call: b.get, payload: exp(1250B)}}]}}}}]}}}}\n  \
             b: {{endpoints: {{get: [{{work: 1ms}}]}}}}\n\
             network: {{default: {{bandwidth: {bandwidth}}}}}\n"
        )
    };
    let says = "requests of `c -> a.get` ask for 125 % of the bandwidth of 800kbps, which they share with all that leave by the same line";
    fires("overloaded-line", &model("800kbps", "payload: 12500B"), Weight::Warning, says, "clients.c");
    let says = "answers of `c -> a.get` ask for 125 % of the bandwidth of 800kbps, which they share with all that leave by the same line";
    fires("overloaded-line", &model("800kbps", "response: 12500B"), Weight::Warning, says, "clients.c");
    silent("overloaded-line", &model("1100kbps", "payload: 12500B"));
    let both = of("overloaded-line", &model("190kbps", "payload: 12500B"));
    assert_eq!(both.iter().map(|f| f.path.as_str()).collect::<Vec<_>>(), ["services.a.endpoints.get[0].repeat.steps[0]", "clients.c"]);
}

// -- retries -------------------------------------------------------------------------------------------------------------

/// Client, a, b and c in a chain, each retrying by a policy of its own.
fn layers(client: &str, a: &str, b: &str) -> String {
    format!(
        "clients: {{c: {{target: a.get, arrivals: poisson(10/s), policy: p1}}}}\n\
         services:\n  a: {{endpoints: {{get: [{{call: b.get, policy: p2}}]}}}}\n  b: {{endpoints: {{get: [{{call: d.get, policy: p3}}]}}}}\n  \
         d: {{endpoints: {{get: [{{work: 1ms}}]}}}}\n\
         policies: {{p1: {{timeout: 9s, retry: {client}}}, p2: {{timeout: 1s, retry: {a}}}, p3: {{timeout: 1s, retry: {b}}}}}\n"
    )
}

#[test]
fn retries_multiply_down_the_calls() {
    fires(
        "retry-amplification",
        &layers("{attempts: 3}", "{attempts: 4}", "{attempts: 5}"),
        Weight::Warning,
        "retries multiply along `c -> a.get`, `a.get -> b.get`, `b.get -> d.get`: one request can become 3·4·5 = 60 attempts",
        "services.b.endpoints.get[0]",
    );
    // The last layer that retries is where the product arises.
    fires(
        "retry-amplification",
        &layers("{attempts: 3}", "{attempts: 3}", "{attempts: 1}"),
        Weight::Warning,
        "retries multiply along `c -> a.get`, `a.get -> b.get`: one request can become 3·3 = 9 attempts",
        "services.a.endpoints.get[0]",
    );
    let unlimited = of("retry-amplification", &layers("{attempts: 3}", "{attempts: unlimited}", "{attempts: 1}"));
    assert!(unlimited[0].message.ends_with("one request can become 3·∞ = unlimited attempts"), "{}", unlimited[0].message);
    // One layer multiplies with nothing, and a budget pays for few.
    silent("retry-amplification", &layers("{attempts: 1}", "{attempts: 1}", "{attempts: 50}"));
    silent("retry-amplification", &layers("{attempts: 2}", "{attempts: 2}", "{attempts: 2}"));
    let share = "{attempts: 5, budget: {percent: 20%}}";
    silent("retry-amplification", &layers("{attempts: 3}", share, share));
    let bucket = "{attempts: 5, budget: {bucket: {}}}";
    silent("retry-amplification", &layers("{attempts: 5}", bucket, bucket));
    let paid_by_calls = "{attempts: 5, budget: {bucket: {cost: 1, deposit: 3, on: call}}}";
    let found = of("retry-amplification", &layers("{attempts: 5}", paid_by_calls, "{attempts: 1}"));
    assert!(found[0].message.ends_with("one request can become 5·4 = 20 attempts"), "{}", found[0].message);
}

// -- timeouts ------------------------------------------------------------------------------------------------------------

fn patience(outer: &str, inner: &str) -> String {
    format!(
        "clients: {{c: {{target: a.get, arrivals: poisson(10/s), policy: outer}}}}\n\
         services:\n  a: {{endpoints: {{get: [{{call: b.get, policy: inner}}]}}}}\n  b: {{endpoints: {{get: [{{work: 400ms}}]}}}}\n\
         policies: {{outer: {{{outer}}}, inner: {{{inner}}}}}\n"
    )
}

#[test]
fn callers_wait_as_long_as_what_they_call_goes_on() {
    // Three tries of 400 ms, with 100 ms and 200 ms between them.
    let inner = "timeout: 400ms, retry: {attempts: 3, backoff: {initial: 100ms}}";
    fires(
        "timeout-too-short",
        &patience("timeout: 1s", inner),
        Weight::Warning,
        "`c` gives up on `a.get` after 1s, while that may take 1.5s",
        "clients.c",
    );
    silent("timeout-too-short", &patience("timeout: 1500ms", inner));
    // A deadline cuts all of it.
    silent("timeout-too-short", &patience("timeout: 1s", &format!("{inner}, deadline: 1s")));
    // A timeout around the retries is the whole time.
    silent("timeout-too-short", &patience("timeout: 1s", &format!("{inner}, order: [timeout, retry]")));
    // What takes longer than anybody waits, on average.
    fires(
        "timeout-too-short",
        &patience("timeout: 5s", "timeout: 500ms").replace("work: 400ms", "work: 1s"),
        Weight::Warning,
        "`a.get` gives up on `b.get` after 500ms, while that may take 1s",
        "services.a.endpoints.get[0]",
    );
    silent("timeout-too-short", &patience("timeout: 5s", "timeout: 2s"));
    // Without any bound below there is nothing to compare with, and `no-timeout` says so.
    silent("timeout-too-short", &patience("timeout: 5s", "retry: {attempts: unlimited}"));
}

#[test]
fn what_is_done_side_by_side_is_waited_for_once() {
    let model = |step: &str| {
        format!(
            "clients: {{c: {{target: a.get, arrivals: poisson(10/s), policy: outer}}}}\n\
             services: {{a: {{endpoints: {{get: [{step}]}}}}, b: {{endpoints: {{get: [{{work: 1ms}}]}}}}}}\n\
             policies: {{outer: {{timeout: 1s}}, long: {{timeout: 700ms, retry: {{attempts: 2}}}}}}\n"
        )
    };
    let call = "{call: b.get, policy: long}";
    // Each call answers within a millisecond on average: tries are as short as the callee, not as its timeout.
    silent("timeout-too-short", &model(&format!("{call}, {call}")));
    silent("timeout-too-short", &model(&format!("{{parallel: {{branches: [[{call}], [{call}]]}}}}")));
    let waits = "{wait: 600ms}";
    silent("timeout-too-short", &model(&format!("{{parallel: {{branches: [[{waits}], [{waits}]]}}}}")));
    let found = of("timeout-too-short", &model(&format!("{waits}, {waits}, {call}")));
    assert_eq!(found[0].message, "`c` gives up on `a.get` after 1s, while that may take 1.202s");
    silent("timeout-too-short", &model(&format!("{{spawn: {{steps: [{waits}, {waits}]}}}}, {call}")));
    let found = of("timeout-too-short", &model(&format!("{{repeat: {{times: 3, steps: [{waits}]}}}}")));
    assert_eq!(found[0].message, "`c` gives up on `a.get` after 1s, while that may take 1.8s");
}

#[test]
fn a_call_without_a_bound_is_told() {
    let model = |policy: &str| {
        format!(
            "{CLIENT}services: {{a: {{endpoints: {{get: [{{call: b.get{policy}}}]}}}}, b: {{endpoints: {{get: [{{work: 1ms}}], lite: []}}}}}}\n\
             policies: {{t: {{timeout: 1s}}, d: {{deadline: 1s}}, r: {{retry: {{attempts: 2}}}}, f: {{timeout: 1s, fallback: {{call: b.lite}}}}}}\n"
        )
    };
    let says = "`a.get` waits for `b.get` without a timeout";
    fires("no-timeout", &model(""), Weight::Warning, says, "services.a.endpoints.get[0]");
    fires("no-timeout", &model(", policy: r"), Weight::Warning, says, "services.a.endpoints.get[0]");
    silent("no-timeout", &model(", policy: t"));
    silent("no-timeout", &model(", policy: d"));
    // A fallback has no policy that could bound it: worth a note, not a warning.
    let says = "`a.get` waits for `b.lite` without a timeout";
    fires("no-timeout", &model(", policy: f"), Weight::Note, says, "services.a.endpoints.get[0]");
}

// -- load ----------------------------------------------------------------------------------------------------------------

#[test]
fn more_work_than_workers_is_told_with_the_numbers() {
    let model = |workers: u32, rate: &str| {
        format!(
            "clients: {{c: {{target: a.get, arrivals: {rate}}}}}\n\
             services: {{a: {{workers: {workers}, queue: {{capacity: 9}}, endpoints: {{get: [{{work: exp(50ms)}}]}}}}}}\n"
        )
    };
    let says = "`a` is offered 100/s at its peak, which keeps 5.0 workers busy, and has 4 (125 % utilization)";
    fires("overloaded", &model(4, "poisson(100/s)"), Weight::Warning, says, "services.a");
    assert_eq!(of("overloaded", &model(4, "poisson(100/s)"))[0].help, "give it at least 7 workers in all, or offer it less");
    silent("overloaded", &model(7, "poisson(100/s)"));
    silent("overloaded", &model(4, "poisson(70/s)"));
    // The peak of a profile counts, at the load that was set.
    let says = "`a` is offered 120/s at its peak, which keeps 6.0 workers busy, and has 5 (120 % utilization)";
    fires(
        "overloaded",
        &model(5, "poisson(10/s), load: 2, profile: [{at: 10s, rate: 60/s}, {at: 20s, rate: 5/s}]"),
        Weight::Warning,
        says,
        "services.a",
    );
}

#[test]
fn a_worker_is_held_while_it_waits_for_calls() {
    let model = |steps: &str| {
        format!(
            "clients: {{c: {{target: {{a.get: 50%, a.other: 50%}}, arrivals: poisson(20/s)}}}}\n\
             services:\n  a: {{workers: 1, queue: {{capacity: 9}}, endpoints: {{get: [{steps}], other: []}}}}\n  \
             b: {{endpoints: {{get: [{{work: 100ms}}]}}}}\n\
             caches: {{k: {{keys: uniform(n: 100), capacity: 50}}}}\n\
             policies: {{short: {{timeout: 60ms}}}}\n\
             network: {{default: {{latency: 10ms}}}}\n"
        )
    };
    let utilization = |steps: &str| {
        let found = of("overloaded", &model(steps));
        found.first().map_or(0.0, |found| {
            let percent = found.message.rsplit_once('(').unwrap().1.split_once(' ').unwrap().0;
            percent.parse::<f64>().unwrap() / 100.0
        })
    };
    // Ten requests a second, each of which holds the worker for 120 ms: 100 ms of work and two ways of 10 ms.
    assert_eq!(utilization("{call: b.get}"), 1.2);
    assert_eq!(utilization("{call: b.get}, {call: b.get}"), 2.4);
    assert_eq!(utilization("{parallel: {branches: [[{call: b.get}], [{wait: 50ms}]]}}"), 1.2);
    assert_eq!(utilization("{parallel: {join: any, branches: [[{call: b.get}], [{wait: 110ms}]]}}"), 1.1);
    assert_eq!(utilization("{repeat: {times: 3, steps: [{call: b.get}]}}"), 3.6);
    assert_eq!(utilization("{choose: {x: {weight: 3, steps: [{wait: 200ms}]}, y: {weight: 1, steps: []}}}"), 1.5);
    assert_eq!(utilization("{choose: {x: {steps: [{wait: 100ms}]}, y: {steps: []}}}, {wait: 100ms}"), 1.5);
    assert_eq!(utilization("{cache: {use: k, onMiss: [{call: b.get}]}}, {wait: 100ms}"), 1.6);
    assert_eq!(utilization("{fail: {share: 40%}}, {wait: 200ms}"), 1.2);
    assert_eq!(utilization("{call: b.get, policy: short}, {wait: 50ms}"), 1.1);
    assert_eq!(utilization("{spawn: {steps: [{call: b.get}]}}, {wait: 110ms}"), 1.1);
    assert_eq!(utilization("{wait: 90ms}"), 0.0, "below its capacity nothing is told");
}

// -- the rest ------------------------------------------------------------------------------------------------------------

#[test]
fn only_the_owner_calls_its_database() {
    let model = |step: &str| {
        format!(
            "{CLIENT}services:\n  a: {{endpoints: {{get: [{{call: b.get}}, {step}]}}}}\n  b: {{endpoints: {{get: [{{call: b-db.get}}]}}}}\n  \
             b-db: {{owner: b, endpoints: {{get: [{{work: 1ms}}]}}}}\n"
        )
    };
    let says = "`a.get` calls `b-db`, the database of `b`";
    fires("not-the-owner", &model("{call: b-db.get}"), Weight::Warning, says, "services.a.endpoints.get[1]");
    silent("not-the-owner", &model("{work: 1ms}"));
    let of_a_client = "clients: {c: {target: b-db.get, arrivals: poisson(1/s)}}\n\
        services: {b: {endpoints: {}}, b-db: {owner: b, endpoints: {get: []}}}\n";
    fires("not-the-owner", of_a_client, Weight::Warning, "`c` calls `b-db`, the database of `b`", "clients.c");
}

#[test]
fn workers_without_a_bounded_queue_are_noted() {
    let model = |more: &str| format!("{CLIENT}services: {{a: {{{more}endpoints: {{get: [{{work: 1ms}}]}}}}}}\n");
    let says = "the queue of `a` is unbounded: in overload requests wait until nobody wants their answer";
    fires("unbounded-queue", &model("workers: 4, "), Weight::Note, says, "services.a");
    silent("unbounded-queue", &model("workers: 4, queue: {capacity: 0}, "));
    silent("unbounded-queue", &model("workers: 4, queue: {maxWait: 1s}, "));
    silent("unbounded-queue", &model(""));
}

#[test]
fn what_nothing_uses_is_told() {
    let model = |steps: &str, policy: &str| {
        format!(
            "{CLIENT}services: {{a: {{pools: {{p: {{size: 2}}}}, endpoints: {{get: [{steps}]}}}}, b: {{endpoints: {{get: []}}}}}}\n\
             caches: {{k: {{keys: uniform(n: 100), capacity: 50}}}}\npolicies: {{t: {{timeout: 1s{policy}}}}}\n"
        )
    };
    let call = "{call: b.get, policy: t}";
    let found: Vec<String> = of("unused", &model("{call: b.get}", "")).into_iter().map(|f| f.message).collect();
    assert_eq!(found, ["no call uses the policy `t`", "no step asks the cache `k`", "no step takes from the pool `p` of `a`"]);
    silent("unused", &model(&format!("{{acquire: {{pool: p, steps: [{call}]}}}}, {{cache: {{use: k}}}}"), ""));
    silent("unused", &model(&format!("{{acquire: {{pool: p, steps: [{call}]}}}}"), ", fallback: {cached: k}"));
}

#[test]
fn errors_come_first_and_a_sound_model_is_silent() {
    let found = findings(&circle("{call: a.get}"));
    assert_eq!(found[0].weight, Weight::Error);
    let sound = "clients: {c: {target: a.get, arrivals: poisson(10/s), policy: patience}}\n\
        services:\n  a: {workers: 8, queue: {capacity: 16}, endpoints: {get: [{work: 5ms}, {call: b.get, policy: careful}]}}\n  \
        b: {endpoints: {get: [{work: 5ms}]}}\n\
        policies: {patience: {timeout: 2s}, careful: {timeout: 500ms, retry: {attempts: 2}}}\n";
    assert_eq!(findings(sound), []);
}

/// Words of Envoy, Istio and Kubernetes that look like codes.
const OTHER_WORDS: &[&str] = &[
    "connect-failure",
    "deadline-exceeded",
    "destination-policy",
    "envoy-ratelimited",
    "gateway-error",
    "grpc-web",
    "istio-system",
    "refused-stream",
    "reset-before-request",
    "resource-exhausted",
    "retriable-headers",
    "retriable-status-codes",
    "route-rule",
];

/// Every code that the sources can print is explained, and no other.
#[test]
fn every_code_is_documented() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let sources = ["src/model", "src/import", "src/topology"].map(|room| sources(&root.join(room))).concat();
    let sources = sources + &std::fs::read_to_string(root.join("src/cli/manifests.rs")).unwrap();
    let literals = sources.match_indices('"').filter_map(|(at, _)| sources[at + 1..].split('"').next());
    let is_code =
        |word: &&str| word.contains('-') && word.split('-').all(|part| part.len() > 1 && part.bytes().all(|b| b.is_ascii_lowercase()));
    let printed: BTreeSet<&str> = literals.filter(is_code).filter(|word| !OTHER_WORDS.contains(word)).collect();
    assert!(printed.len() > 60, "{printed:?}");
    let page = std::fs::read_to_string(root.join("docs/findings.md")).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let documented: BTreeSet<&str> = rows.map(|(code, _)| code).collect();
    let missing: Vec<&&str> = printed.difference(&documented).collect();
    assert!(missing.is_empty(), "not in docs/findings.md: {missing:?}");
    let gone: Vec<&&str> = documented.iter().filter(|code| !sources.contains(&format!("\"{code}\""))).collect();
    assert!(gone.is_empty(), "in docs/findings.md, but never printed: {gone:?}");
}

/// The sources below a directory, without their tests, comments and escaped quotes.
fn sources(directory: &Path) -> String {
    let mut text = String::new();
    let mut paths: Vec<PathBuf> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            text += &sources(&path);
        } else if !path.ends_with("yaml_tests.rs") && !path.ends_with("tests.rs") {
            let source = std::fs::read_to_string(&path).unwrap();
            let source = source.split("#[cfg(test)]").next().unwrap_or("").replace("'\"'", "").replace("\\\"", "");
            let lines = source.lines().filter(|line| !line.trim_start().starts_with("//"));
            lines.for_each(|line| text += &format!("{line}\n"));
        }
    }
    text
}
