//! Observers: they see and never touch. The world tells the [`recorder::Recorder`] what happened; the
//! [`recording::Recording`] is what a run leaves behind, and all that analysis, export and report may read.

pub mod episode;
mod gauge;
pub mod heat;
pub mod probe;
pub mod recorder;
pub mod recording;
pub mod span;
pub mod span_id;
pub mod watch;
mod window_latency;
