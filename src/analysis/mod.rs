//! What a recording means: the summary's figures, the cascade told in words, expectations, and statistics over runs.
//!
//! Everything here is a pure function of a [`Topology`](crate::topology::Topology) and a
//! [`Recording`](crate::observe::recording::Recording); nothing looks back into the world.

pub mod cascade;
pub mod course;
pub mod expectations;
pub mod names;
pub mod statistics;
pub mod summary;
pub mod words;
