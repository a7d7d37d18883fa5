//! What every room stands on: time, ids, limits, outcomes, portable mathematics, named random streams, distributions,
//! histograms, slabs.

#[cfg(test)]
pub mod cases;
pub mod chunks;
pub mod diagnostic;
pub mod dist;
pub mod grpc;
pub mod histogram;
pub mod id;
pub mod limit;
pub mod math;
pub mod outcome;
pub mod slab;
pub mod stream;
pub mod time;
mod ziggurat;
mod ziggurat_tables;

/// The name of a model without a variant, wherever it stands beside its variants.
pub const AS_WRITTEN: &str = "model";
