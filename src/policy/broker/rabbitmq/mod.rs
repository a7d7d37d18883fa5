//! RabbitMQ: exchanges route, queues keep and deliver, what dies is remembered.

pub mod deaths;
pub mod exchange;
pub mod queue;
pub mod topic;
