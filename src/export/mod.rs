//! Artefacts: a recording, or what is known from it, as bytes. Pure functions that write to whatever is given, the same
//! bytes for the same run everywhere.

pub mod csv;
pub mod dot;
pub mod epoch;
pub mod json;
pub mod mermaid;
pub mod openmetrics;
pub mod series;
pub mod timeline;

#[cfg(test)]
mod tests;
