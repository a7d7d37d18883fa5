//! What a sidecar does around a call: Envoy's own policies, as Istio configures them.
//!
//! | policy | decides | after |
//! |---|---|---|
//! | [`load_balancing`] | which host gets the attempt | Envoy's load_balancer_impl.cc and its policies |
//! | [`outlier_detection`] | which host gets none for a while | Envoy's outlier_detection_impl.cc |
//!
//! All state is that of one proxy and one of its clusters: ten callers have ten detectors that know nothing of each other.

pub mod load_balancing;
pub mod outlier_detection;

/// So many random cases, the same every time; `PROPTEST_RNG_SEED` and `PROPTEST_CASES` draw others, and more.
#[cfg(test)]
fn the_same_every_time(cases: u32) -> proptest::test_runner::Config {
    use proptest::test_runner::{Config, RngSeed};
    let config = Config::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { config.cases } else { cases };
    let rng_seed = if config.rng_seed == RngSeed::Random { RngSeed::Fixed(1) } else { config.rng_seed };
    Config { cases, rng_seed, ..config }
}
