//! brownout: a deterministic discrete-event simulator of microservice systems.
//!
//! The way of the data, each arrow a pure function:
//! text → `Model` → `Topology` → `World` on the `engine` → signals → `Recording` → `Summary` → bytes.
//! `ARCHITECTURE.md` is the map of the rooms and of what may import what.

pub mod analysis;
pub mod base;
pub mod cli;
pub mod engine;
pub mod experiment;
pub mod export;
pub mod import;
pub mod model;
pub mod observe;
pub mod policy;
pub mod report;
pub mod topology;
pub mod world;
