//! The calendar alone: holding some number of events (each one that happens asks for another), and timers that are mostly disarmed.

use brownout::base::limit::Limits;
use brownout::base::stream::{Source, Streams};
use brownout::base::time::Nanos;
use brownout::engine::{Calendar, TimerId};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;

const TAG: u8 = 1;

/// Exponential gaps of a millisecond on average, drawn beforehand.
fn gaps() -> Vec<Nanos> {
    let mut words = Streams::new(1).sequence("bench", "gaps");
    (0..1 << 16).map(|_| Nanos((words.exponential() * 1e6) as u64)).collect()
}

/// The hold model (Jones 1986): the next event happens, and asks for one some time later.
fn hold(criterion: &mut Criterion) {
    let gaps = gaps();
    let mut group = criterion.benchmark_group("hold");
    group.throughput(Throughput::Elements(1));
    for pending in [1_000, 100_000] {
        let mut calendar = Calendar::new(Limits::default());
        for slot in 0..pending {
            calendar.schedule_in(gaps[slot as usize % gaps.len()], TAG, slot);
        }
        let mut turn = 0;
        group.bench_function(BenchmarkId::from_parameter(pending), |bencher| {
            bencher.iter(|| {
                let event = calendar.pop().expect("events are pending");
                turn = (turn + 1) % gaps.len();
                calendar.schedule_in(gaps[turn], TAG, event.slot);
                black_box(event)
            })
        });
    }
    group.finish();
}

/// Attempts with a timeout of a second that is disarmed about four milliseconds after it was armed.
fn timers(criterion: &mut Criterion) {
    const IN_FLIGHT: u32 = 1_000;
    let gaps = gaps();
    let mut calendar = Calendar::new(Limits::default());
    let lane = calendar.lane(Nanos::from_secs(1), 2);
    let mut armed: Vec<TimerId> = Vec::new();
    for slot in 0..IN_FLIGHT {
        armed.push(calendar.arm(lane, slot));
        calendar.schedule_in(gaps[slot as usize], TAG, slot);
    }
    let mut turn = 0;
    let mut group = criterion.benchmark_group("timers");
    group.throughput(Throughput::Elements(1));
    group.bench_function("armed and disarmed", |bencher| {
        bencher.iter(|| {
            let event = calendar.pop().expect("events are pending");
            calendar.disarm(lane, armed[event.slot as usize]);
            armed[event.slot as usize] = calendar.arm(lane, event.slot);
            turn = (turn + 1) % gaps.len();
            calendar.schedule_in(gaps[turn], TAG, event.slot);
            black_box(event)
        })
    });
    group.finish();
}

criterion_group!(benches, hold, timers);
criterion_main!(benches);
