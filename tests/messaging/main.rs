//! Messaging: what publishers, queues and consumers do in small models, through the whole product. Times and counts are exact,
//! since works and waits are constant and requests come at given instants; where a fault draws, it meets all.

mod cloud;
mod faults;
mod kafka;
mod patterns;
mod rabbitmq;
mod support;
