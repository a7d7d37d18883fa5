//! Pure decisions: validated parameters + state + answers. A policy never schedules, logs or reads the world.

pub mod app;
pub mod broker;
pub mod envoy;
pub mod error;
pub mod wire;
