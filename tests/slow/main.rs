//! The promises of `tests/theory` with ten times as many requests and about a third of the tolerance, and the map of the
//! retry storm. Minutes, so only on demand: `cargo test --release --test slow -- --ignored`.

#[path = "../common/mod.rs"]
mod common;
#[path = "../theory/replicate.rs"]
mod replicate;
mod retry_storm;

/// Promises of this binary: ignored unless asked for.
macro_rules! promises {
    ($($(#[$doc:meta])* fn $name:ident() $body:block)*) => {$(
        $(#[$doc])*
        #[test]
        #[ignore = "slow: minutes"]
        fn $name() $body
    )*};
}

/// How long the runs are and how near their figures have to be.
pub const EFFORT: replicate::Effort = replicate::Effort { requests: 10.0, mean: 0.01, tail: 0.02, share: 0.003 };

#[path = "../theory/balancing.rs"]
mod balancing;
#[path = "../theory/breakers.rs"]
mod breakers;
#[path = "../theory/closed_loop.rs"]
mod closed_loop;
#[path = "../theory/general.rs"]
mod general;
#[path = "../theory/lines.rs"]
mod lines;
#[path = "../theory/many_servers.rs"]
mod many_servers;
#[path = "../theory/networks.rs"]
mod networks;
#[path = "../theory/patience.rs"]
mod patience;
#[path = "../theory/protection.rs"]
mod protection;
#[path = "../theory/retries.rs"]
mod retries;
#[path = "../theory/single_server.rs"]
mod single_server;
