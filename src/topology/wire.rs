//! What messages weigh, and the lines that they leave by: one for each direction of a link.

use crate::base::dist::Dist;
use crate::policy::wire::{Framing, SetUp};

/// Sizes of everything that travels; empty where nothing in the model has a size.
#[derive(Clone, Debug, Default)]
pub struct Wire {
    /// By site.
    pub messages: Vec<Message>,
    /// By cluster: what a connection to one of its hosts sends before its first request.
    pub set_ups: Vec<SetUp>,
    /// How many lines there are. A line carries one message at a time, first come first served.
    pub lines: u32,
}

/// What the calls of a site send and get.
#[derive(Clone, Debug)]
pub struct Message {
    pub framing: Framing,
    /// Bytes, as whole "nanoseconds": the samplers know no unit.
    pub payload: Dist,
    pub response: Dist,
}

impl Wire {
    /// Whether messages have sizes at all.
    pub fn is_on(&self) -> bool {
        !self.messages.is_empty()
    }
}
