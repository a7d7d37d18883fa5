//! Queueing theory: the text of a model goes in, and the summary has the figures that are known exactly for that system.
//!
//! The oracle is `brownout::analysis::closed_forms`; figures that it has no formula for, and a few that it has, are restated
//! as literals (mean service time 1, so figures are in units of it). Tolerances are those of about 10^6 requests in all,
//! over fixed seeds: 3 % on means, 5 % on p99, 0.01 on probabilities; tests/slow asks for 1 %, 2 % and 0.003 of 10^7.
//! Where a test allows more, it says why.

#[path = "../common/mod.rs"]
mod common;
mod replicate;

/// Promises of this binary: tests of the fast suite.
macro_rules! promises {
    ($($(#[$doc:meta])* fn $name:ident() $body:block)*) => {$(
        $(#[$doc])*
        #[test]
        fn $name() $body
    )*};
}

/// How long the runs are and how near their figures have to be.
pub const EFFORT: replicate::Effort = replicate::Effort { requests: 1.0, mean: 0.03, tail: 0.05, share: 0.01 };

mod balancing;
mod breakers;
mod closed_loop;
mod general;
mod lines;
mod many_servers;
mod messaging;
mod networks;
mod patience;
mod protection;
mod retries;
mod single_server;
mod the_program;
