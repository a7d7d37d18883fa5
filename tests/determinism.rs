//! The same model and seed give the same bytes of every artefact, whatever runs them and however many at a time.
//!
//! The golden fingerprints are literals: the test is the same in debug and release builds, so both have to agree with them.
//! To compare a release binary byte by byte as well, as `.ci/run` does:
//! `cargo build --release && BROWNOUT_RELEASE=target/release/brownout cargo test --test determinism`.

mod common;

use assert_cmd::Command;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Retries, a breaker, a shared cache and faults of several kinds.
const SHOP: &str = "
name: shop
duration: 20s
warmUp: 2s
clients:
  users: {target: gateway.checkout, arrivals: poisson(100/s), instances: 3, policy: patience, attributes: {tenant: uniform(n: 5)}}
  batch: {target: gateway.report, users: 3, thinkTime: exp(300ms)}
policies:
  patience: {timeout: 1s, retry: {attempts: 2, backoff: {initial: 50ms, jitter: full}}}
  guarded: {timeout: 100ms, retry: {attempts: 3, backoff: {initial: 5ms, jitter: equal}}, circuitBreaker: {consecutiveFailures: 5, openFor: 1s}, fallback: {value: empty}}
network: {default: {latency: \"lognormal(p50: 250us, p99: 1ms)\", loss: 0.1%}}
caches: {things: {keys: \"zipf(s: 1, n: 1000)\", capacity: 200, hit: {wait: 500us}}}
services:
  gateway:
    replicas: 2
    endpoints:
      checkout: [{work: exp(2ms)}, {cache: {use: things, onMiss: [{call: db.get}]}}, {call: orders.place, policy: guarded}]
      report: [{parallel: {join: quorum(2), times: 3, branches: [[{call: db.get}]]}}]
  orders: {replicas: 3, workers: 4, loadBalancing: leastRequest, endpoints: {place: [{work: \"lognormal(mean: 8ms, cv: 1.5)\"}, {call: db.get}]}}
  db: {workers: 10, queue: {capacity: 50, discipline: lifo}, cancellation: full, endpoints: {get: [{work: \"gamma(mean: 5ms, cv: 0.7)\"}]}}
faults:
  slow: {at: 5s, for: 3s, slow: {service: db, factor: 20}}
  crash: {at: 10s, for: exp(2s), crash: {service: orders, replicas: 1}}
  errors: {at: 14s, for: 2s, errors: {service: db, share: 30%, match: {tenant: 2}}}
expect: {fine: successRate(users) >= 1%}
variants: {plain: {policies: {guarded: {circuitBreaker: null, fallback: null}}}}
";

const QUEUE: &str = "
name: queue
duration: 60s
clients: {users: {target: server.get, arrivals: poisson(80/s)}}
services: {server: {workers: 1, endpoints: {get: [{work: exp(10ms)}]}}}
";

const LOOP: &str = "
name: loop
duration: 60s
clients: {users: {target: front.get, users: 20, thinkTime: \"weibull(shape: 0.8, scale: 200ms)\"}}
services:
  front: {workers: 5, endpoints: {get: [{work: \"pareto(lo: 1ms, hi: 1s, alpha: 1.5)\"}, {call: back.get}]}}
  back: {replicas: 2, loadBalancing: random, workers: 2, endpoints: {get: [{work: \"normal(mean: 20ms, sd: 8ms)\"}]}}
";

#[test]
fn fingerprints_are_those_of_every_build() {
    let golden = [(QUEUE, 1, "c5bc14e042459d37"), (LOOP, 2, "574ca57fd5214b02"), (SHOP, 3, "147e8442d9492ee7")];
    let found: Vec<String> = golden.iter().map(|(model, seed, _)| common::run_yaml(model, *seed).2.fingerprint).collect();
    assert_eq!(found, golden.map(|(.., fingerprint)| fingerprint.to_string()));
}

/// All files below a directory.
fn files(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut open = vec![directory.to_path_buf()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                all.insert(path.strip_prefix(directory).unwrap().to_path_buf(), fs::read(&path).unwrap());
            }
        }
    }
    all
}

/// What a command prints and writes. The model's file has the same name every time, in a directory of its own.
fn artefacts(binary: &Path, command: &str, arguments: &[&str]) -> (Vec<u8>, BTreeMap<PathBuf, Vec<u8>>) {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("shop.yaml"), SHOP).unwrap();
    let mut run = Command::new(binary);
    run.current_dir(directory.path()).args([command, "shop.yaml", "--quiet", "--format", "json", "--out", "out"]).args(arguments);
    let output = run.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    (output.stdout, files(&directory.path().join("out")))
}

fn binary() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_brownout"))
}

#[track_caller]
fn same(one: &(Vec<u8>, BTreeMap<PathBuf, Vec<u8>>), other: &(Vec<u8>, BTreeMap<PathBuf, Vec<u8>>)) {
    assert!(!one.1.is_empty());
    assert_eq!(one.0, other.0, "what is printed");
    assert_eq!(one.1.keys().collect::<Vec<_>>(), other.1.keys().collect::<Vec<_>>());
    for (name, bytes) in &one.1 {
        assert!(bytes == &other.1[name], "{} differs", name.display());
    }
}

#[test]
fn the_same_model_and_seed_give_the_same_bytes_of_every_artefact() {
    let once = artefacts(&binary(), "run", &["--seed", "5"]);
    for name in ["summary.json", "series.csv", "timeline.csv", "model.resolved.yaml"] {
        assert!(once.1.contains_key(Path::new(name)), "{name} is written");
    }
    for ending in ["svg", "png"] {
        assert!(once.1.keys().any(|name| name.starts_with("charts") && name.extension().is_some_and(|e| e == ending)));
    }
    same(&once, &artefacts(&binary(), "run", &["--seed", "5"]));
    let other = artefacts(&binary(), "run", &["--seed", "6"]);
    assert_ne!(once.1[Path::new("summary.json")], other.1[Path::new("summary.json")], "another seed is another run");
}

#[test]
fn the_number_of_jobs_changes_no_byte() {
    for (command, arguments) in [("run", vec!["--seeds", "5"]), ("compare", vec!["--seeds", "3"])] {
        let with = |jobs| artefacts(&binary(), command, &[&arguments[..], &["--jobs", jobs]].concat());
        same(&with("1"), &with("2"));
    }
}

/// Needs a release binary of the same source; see the top of this file.
#[test]
fn a_release_build_gives_the_same_bytes() {
    let Some(release) = std::env::var_os("BROWNOUT_RELEASE").map(PathBuf::from) else {
        println!("skipped: BROWNOUT_RELEASE names no binary");
        return;
    };
    let release = fs::canonicalize(&release).unwrap_or_else(|error| panic!("{}: {error}", release.display()));
    same(&artefacts(&release, "run", &[]), &artefacts(&binary(), "run", &[]));
    same(&artefacts(&release, "compare", &["--seeds", "2"]), &artefacts(&binary(), "compare", &["--seeds", "2"]));
}
