//! What users write: specs, units, overlays, the grammar of expectations. Every value keeps its origin.

pub mod expectation;
pub mod name;
pub mod scalar;
pub mod spec;
