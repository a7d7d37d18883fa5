//! What every room stands on: time, ids, limits, outcomes, portable mathematics, named random streams, distributions.

pub mod diagnostic;
pub mod id;
pub mod limit;
pub mod outcome;
pub mod time;
