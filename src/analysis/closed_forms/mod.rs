//! Closed forms: systems small enough that their figures are known exactly. The tests' oracle, and what static findings
//! reckon with.
//!
//! | file | systems |
//! |---|---|
//! | [`erlang`] | loss and delay probabilities of c servers (Erlang B, C) |
//! | [`single_server`] | M/M/1: FIFO, processor sharing, LIFO, with a timeout |
//! | [`many_servers`] | M/M/c, and M/M/c/K with a bounded queue and a deadline |
//! | [`general_service`] | M/G/1 (Pollaczek–Khinchine), M/D/1 |
//! | [`general_arrivals`] | GI/M/1 |
//! | [`patience`] | queues that callers leave: M/M/1+D, Erlang-A |
//! | [`networks`] | Jackson networks, tandems, fork-join |
//! | [`closed_loop`] | a fixed number of users: mean value analysis, c servers |
//! | [`choices`] | the supermarket model: power of d choices |
//! | [`rate_limit`] | a token bucket under Poisson arrivals |
//! | [`amplification`] | attempts per call through layers of retries |
//!
//! Rates are per unit of time and times are in that unit, seconds by habit. A quantity of a system that has no steady state
//! is infinite; a probability is always one. Formulas that are usually written as alternating sums are evaluated in an
//! equivalent form of positive terms, so that they hold far into the tail. All mathematics is portable (`base::math`), since a
//! finding's text may contain the figures.

pub mod amplification;
pub mod choices;
pub mod closed_loop;
pub mod erlang;
pub mod general_arrivals;
pub mod general_service;
pub mod many_servers;
pub mod networks;
pub mod patience;
pub mod rate_limit;
pub mod single_server;

mod birth_death;
mod crommelin;
mod poisson;
mod quantile;

#[cfg(test)]
mod tests;
