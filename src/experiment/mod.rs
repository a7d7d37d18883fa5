//! Experiments: many runs of one model, or of several variants of it, and what they say together.

pub mod aggregate;
pub mod ensemble;
pub mod figures;
pub mod why;
