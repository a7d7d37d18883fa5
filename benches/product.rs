//! The whole product: runs of the three scenarios, per request; and what a model of 1000 services costs before anything happens.

mod scenarios;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use scenarios::{ALL, Scenario, compiled, offered, read, run};
use std::hint::black_box;
use std::time::Duration;

/// Requests of one run.
const REQUESTS: u64 = 20_000;

fn runs(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("run");
    group.sample_size(10).measurement_time(Duration::from_secs(10));
    for scenario in ALL {
        let topology = scenario.topology(REQUESTS);
        group.throughput(Throughput::Elements(offered(&run(&topology))));
        group.bench_function(scenario.name, |bencher| bencher.iter(|| black_box(run(&topology))));
    }
    group.finish();
}

fn set_up(criterion: &mut Criterion) {
    let mesh = Scenario::named("mesh1000").expect("there is one");
    let mut group = criterion.benchmark_group("set-up of 1000 services");
    group.sample_size(10).measurement_time(Duration::from_secs(5));
    let text = mesh.text(10);
    group.bench_function("read", |bencher| bencher.iter(|| black_box(read(&text))));
    let loaded = read(&text);
    group.bench_function("compile", |bencher| bencher.iter(|| black_box(compiled(&loaded))));
    // A run in which next to nothing happens.
    let topology = mesh.topology(10);
    group.bench_function("a run of ten requests", |bencher| {
        bencher.iter_batched(|| (), |()| black_box(run(&topology)), BatchSize::PerIteration)
    });
    group.finish();
}

criterion_group!(benches, runs, set_up);
criterion_main!(benches);
