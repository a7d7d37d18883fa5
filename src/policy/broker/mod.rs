//! What message brokers do, each as its documentation says: not one queue for all of them.

#[cfg(test)]
mod draws;
pub mod duplicates;
pub mod kafka;
pub mod rabbitmq;
pub mod servicebus;
pub mod sqs;
pub mod waiting;
