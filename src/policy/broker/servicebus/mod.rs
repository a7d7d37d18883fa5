//! Azure Service Bus: what is received is locked, and comes back unless it is settled in time.

pub mod filter;
pub mod queue;
mod receivers;
pub mod rules;
