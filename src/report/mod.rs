//! What a person looks at: charts of a run and of a comparison.

pub mod charts;
