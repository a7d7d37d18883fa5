//! What follows from a model or a recording without running anything: formulas, statistics, judgements.

pub mod closed_forms;
