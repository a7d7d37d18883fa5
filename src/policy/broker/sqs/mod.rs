//! Amazon SQS: what is received is hidden for a while, and comes back unless it is deleted.

mod pollers;
pub mod queue;
pub mod rules;
