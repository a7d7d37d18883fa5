//! The retry storm of HotOS'21, measured: which load and which outage start a storm that stays, and how long it takes to drain.
//!
//! A minute or two by themselves, and the map is printed: `cargo test --release --test slow retry_storm -- --ignored --nocapture`.

use brownout::base::time::{Instant, Nanos};
use brownout::observe::recording::Recording;
use brownout::topology::Topology;
use brownout::{analysis, model, topology, world};

const SEEDS: u64 = 20;
/// Where chance decides, 20 seeds may all say the same.
const SEEDS_IN_TRANSITION: u64 = 100;

fn compiled(sets: &[String]) -> Topology {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let load = |file: &str| std::fs::read(directory.join(file)).map_err(|error| error.to_string());
    let loaded = model::read("retry-storm.yaml", &load, sets, None).unwrap_or_else(|refused| panic!("{:?}", refused.problems));
    topology::compile::compile(&loaded.model, &|_: &str| Err("the model names no file".to_string())).expect("it compiles")
}

fn run(topology: &Topology, seed: u64) -> Recording {
    world::run(topology, seed, world::Control::default()).expect("no limit is reached")
}

/// In which share of so many seeds fewer than half of the queries are answered in the last 30 s.
fn share_that_stays(load: u32, outage: &str, seconds: u32, seeds: u64) -> f64 {
    let topology = compiled(&[
        format!("clients.app.arrivals=poisson({load}/s)"),
        format!("faults.outage.for={outage}"),
        format!("duration={seconds}s"),
    ]);
    let stays =
        |seed| analysis::summary::summarize(&topology, &run(&topology, seed), None).cascade.metastable.expect("there is time to tell");
    (1..=seeds).filter(|seed| stays(*seed)).count() as f64 / seeds as f64
}

const OUTAGES: [&str; 8] = ["500ms", "750ms", "1s", "1500ms", "2s", "3s", "5s", "10s"];

/// The share of storms that stay, by load and outage. Cells that are 0 or 1 are exact, those between have ±0.25. An independent
/// simulation of the same recipe gave these with 20 seeds; but three cells where it saw 0, 0 and 1 (240/s and 1 s, 295/s and
/// 750 ms, 180/s and 1.5 s) are at the edge: 300 seeds each, twice, gave 0.02, 0.11 and 0.99.
const MAP: [(u32, [f64; 8]); 11] = [
    (100, [0.0; 8]),
    (120, [0.0; 8]),
    (140, [0.0; 8]),
    (150, [0.0, 0.0, 0.0, 0.25, 0.55, 0.9, 1.0, 1.0]),
    (160, [0.0, 0.0, 0.0, 0.85, 1.0, 1.0, 1.0, 1.0]),
    (180, [0.0, 0.0, 0.0, 0.99, 1.0, 1.0, 1.0, 1.0]),
    (200, [0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0]),
    (220, [0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0]),
    (240, [0.0, 0.0, 0.02, 1.0, 1.0, 1.0, 1.0, 1.0]),
    (280, [0.0, 0.0, 0.6, 1.0, 1.0, 1.0, 1.0, 1.0]),
    (295, [0.0, 0.11, 0.8, 1.0, 1.0, 1.0, 1.0, 1.0]),
];

#[test]
#[ignore = "slow: 2400 runs, two minutes in a release build"]
fn load_and_outage_decide_whether_a_storm_stays() {
    let mut wrong = Vec::new();
    println!("load  {}", OUTAGES.map(|outage| format!("{outage:>7}")).join(""));
    for (load, expected) in MAP {
        // Below the hidden capacity of 150/s every storm ends, but slowly: 140/s drain 20 queries a second.
        let seconds = if load < 150 { 400 } else { 180 };
        let certain = |expected: f64| expected == 0.0 || expected == 1.0;
        let seeds = expected.map(|expected| if certain(expected) { SEEDS } else { SEEDS_IN_TRANSITION });
        let measured: [f64; OUTAGES.len()] = std::array::from_fn(|i| share_that_stays(load, OUTAGES[i], seconds, seeds[i]));
        println!("{load:>4}  {}", measured.map(|share: f64| format!("{share:>7.2}")).join(""));
        for ((outage, measured), expected) in OUTAGES.iter().zip(measured).zip(expected) {
            let tolerance = if certain(expected) { 0.0 } else { 0.25 };
            if (measured - expected).abs() > tolerance + 1e-9 {
                wrong.push(format!("{load}/s, {outage}: {measured}, not {expected}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// After the collapse the load is cut at 100 s, and the queue of about 20 757 drains by 300 - 2 λ queries a second.
#[test]
#[ignore = "slow: 100 runs of a queue of twenty thousand"]
fn a_storm_drains_as_fast_as_the_load_leaves_room() {
    for (load, drains) in [(120.0, Some(346.0)), (60.0, Some(115.0)), (149.0, None), (160.0, None), (200.0, None)] {
        let topology = compiled(&["duration=900s".to_string(), format!("clients.app.profile=[{{at: 100s, rate: {load}/s}}]")]);
        let mut queues = Vec::new();
        let mut times = Vec::new();
        for seed in 1..=SEEDS {
            let recording = run(&topology, seed);
            queues.push(recording.services[0].windows[99].queue);
            let course = analysis::course::Course::of_all_clients(&recording, Instant::START + topology.duration);
            let ended = Instant::START + Nanos::from_secs(40);
            times.extend(course.recovered(Instant::START + Nanos::from_secs(30), ended).map(|after| after.as_secs_f64() - 60.0));
        }
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        println!("{load}/s: a queue of {:.0}; {} of {SEEDS} drained, after {:.1} s", mean(&queues), times.len(), mean(&times));
        assert!((mean(&queues) / 20_757.0 - 1.0).abs() < 0.05, "a queue of {}", mean(&queues));
        match drains {
            None => assert!(times.is_empty(), "{load}/s drained after {times:?}"),
            Some(drains) => {
                assert_eq!(times.len(), SEEDS as usize, "{load}/s");
                assert!((mean(&times) / drains - 1.0).abs() < 0.05, "{load}/s drained after {} s, not {drains} s", mean(&times));
            }
        }
    }
}
