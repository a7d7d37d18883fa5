//! The event engine: a clock and a calendar of events in one total order. It knows no service, no float and no random number.
//!
//! An event is 16 bytes: `time:56 | sequence:38 | tag:6 | slot:28`. Sequence numbers are given when an event is scheduled
//! (or a timer armed), so events at one instant happen in the order in which they were asked for, and the order does
//! not depend on the data structure that holds them. A slot points into whatever table the tag belongs to.

pub mod alarm;
pub mod calendar;
mod heap;
pub mod lane;
mod pending;

pub use alarm::AlarmId;
pub use calendar::{Calendar, Event};
pub use lane::{LaneId, TimerId};
