//! What every room stands on: time, ids, limits, outcomes, portable mathematics, named random streams, distributions.

pub mod dist;
pub mod id;
pub mod limit;
pub mod math;
pub mod outcome;
pub mod stream;
pub mod time;
mod ziggurat;
mod ziggurat_tables;
