//! How many random cases a law is tried on, and which: the same every time, so that a change is judged by what it changed and
//! not by luck. Tests of whole programs include this file too.
//!
//! Other cases, and more of them, are drawn by `PROPTEST_RNG_SEED` and `PROPTEST_CASES`:
//!
//! ```console
//! $ for seed in $(seq 2 100); do PROPTEST_RNG_SEED=$seed cargo test || break; done
//! ```

use proptest::test_runner::{Config, RngSeed};

pub fn cases(cases: u32) -> Config {
    let config = Config::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { config.cases } else { cases };
    let rng_seed = if config.rng_seed == RngSeed::Random { RngSeed::Fixed(1) } else { config.rng_seed };
    Config { cases, rng_seed, ..config }
}
