//! Artefacts: a recording, or what is known from it, as bytes. Pure functions that write to whatever is given, the same
//! bytes for the same run everywhere.

pub mod csv;
pub mod dot;
pub mod epoch;
pub mod jaeger;
pub mod json;
pub mod logs;
pub mod mermaid;
pub mod openmetrics;
pub mod otlp;
pub mod parquet;
pub mod perfetto;
pub mod requests;
pub mod series;
pub mod spans;
pub mod timeline;

#[cfg(test)]
mod tests;
