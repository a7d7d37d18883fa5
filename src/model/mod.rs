//! What users write: specs, units, overlays, the grammar of expectations. Every value keeps its origin.

pub mod expectation;
mod later;
pub mod load;
pub mod mesh;
pub mod name;
pub mod objects;
pub mod overlay;
mod parentheses;
pub mod pushes;
pub mod resolved;
pub mod salvage;
pub mod scalar;
pub mod schema;
pub mod source;
pub mod spec;
pub mod tree;
mod validate;
mod versions;
pub mod yaml;

pub use later::COMMAND_WORDS;
pub use load::{Loaded, Loader, Refused, Rest, origin_in_words, read};
