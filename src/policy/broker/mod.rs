//! What message brokers do, each as its documentation says: not one queue for all of them.

pub mod rabbitmq;
