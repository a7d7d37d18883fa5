//! Laws that hold in every run of every model, whatever it contains: nothing is lost or counted twice, and nothing that is
//! none of a component's business changes its figures.
//!
//! The models are random (`sketch`). Debug assertions are on: an event in the past, a worker too many or a slot used after
//! it was freed is a panic. Failures that were found once are kept in `proptest-regressions/`.

mod bystanders;
#[path = "../../src/base/cases.rs"]
mod cases;
#[path = "../common/mod.rs"]
mod common;
mod conservation;
mod messages;
mod sketch;

use brownout::base::limit::Limits;
use brownout::observe::recording::Recording;
use brownout::topology::Topology;
use brownout::world::{self, Control};
use proptest::test_runner::{Config, FileFailurePersistence};

/// So many random models per law; what failed once is tried first.
///
/// ```console
/// $ PROPTEST_RNG_SEED=$RANDOM PROPTEST_CASES=20000 cargo test --test laws
/// ```
fn cases(models: u32) -> Config {
    let known = FileFailurePersistence::Direct(concat!(env!("CARGO_MANIFEST_DIR"), "/proptest-regressions/laws.txt"));
    Config { failure_persistence: Some(Box::new(known)), max_shrink_iters: 2_000, ..cases::cases(models) }
}

/// A run that is cut off when retries have multiplied beyond what is worth waiting for; laws then hold of what came before.
fn run(topology: &Topology, seed: u64) -> Recording {
    let limits = Limits { events: 300_000, in_flight: 50_000, ..Limits::default() };
    match world::run(topology, seed, Control { limits, ..Control::default() }) {
        Ok(recording) => recording,
        Err(stopped) => *stopped.recording,
    }
}
