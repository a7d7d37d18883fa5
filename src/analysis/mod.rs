//! What follows from a model or a recording without running anything: the summary's figures, the cascade told in words,
//! expectations judged, statistics over runs, and formulas for what must come out.
//!
//! Everything here is a pure function, most of them of a [`Topology`](crate::topology::Topology) and a
//! [`Recording`](crate::observe::recording::Recording); nothing looks back into the world.

pub mod alerts;
pub mod attribution;
pub mod backlog;
pub mod cascade;
pub mod closed_forms;
pub mod course;
pub mod expectations;
pub mod headline;
pub mod names;
mod queues;
pub mod statistics;
pub mod summary;
pub mod traces;
pub mod words;

#[cfg(test)]
pub(crate) mod sample;
