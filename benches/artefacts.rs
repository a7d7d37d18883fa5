//! What `--out` costs: the program run as a user runs it, with nothing written and with everything.
//!
//! The promise: all artefacts of the order system within a second, and a fifth of the simulation's time at 10⁷ requests.

mod scenarios;

use criterion::{Criterion, criterion_group, criterion_main};
use scenarios::Scenario;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Requests of the long run, which has the cheapest there are: one call of a service with one worker.
const REQUESTS: u64 = 10_000_000;

/// Runs the model, with or without artefacts, as `brownout run` does.
fn run(model: &Path, out: Option<&Path>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_brownout"));
    command.arg("run").arg(model).stdout(Stdio::null()).stderr(Stdio::null());
    if let Some(out) = out {
        command.arg("--out").arg(out);
    }
    // 1: an expectation does not hold.
    let status = command.status().expect("the program starts");
    assert!(matches!(status.code(), Some(0 | 1)), "{model:?} ran: {status}");
}

fn artefacts(criterion: &mut Criterion) {
    let scratch = std::env::temp_dir().join(format!("brownout-artefacts-{}", std::process::id()));
    fs::create_dir_all(&scratch).expect("there is room for models and artefacts");
    let long = scratch.join("long.yaml");
    let text = Scenario::named("mm1").expect("there is one").text(REQUESTS);
    fs::write(&long, text).expect("there is room for a model");
    let order_system = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/models/order-system.yaml"));
    for (name, model) in [("order system", &order_system), ("10^7 requests", &long)] {
        let mut group = criterion.benchmark_group(name);
        group.sample_size(10).measurement_time(Duration::from_secs(10));
        group.bench_function("run", |bencher| bencher.iter(|| run(model, None)));
        group.bench_function("run --out", |bencher| bencher.iter(|| run(model, Some(&scratch.join("out")))));
        group.finish();
    }
    fs::remove_dir_all(&scratch).expect("scratch goes away");
}

criterion_group!(benches, artefacts);
criterion_main!(benches);
