//! Kafka: a topic is partitions, a partition is a log with a leader and its followers; groups read logs at their own pace.
//!
//! Nothing is acknowledged by the message and nothing comes back by itself: a group's place in a log is one number, and what was read
//! after the last commit of that number is read again by whoever comes next (Apache Kafka documentation, "Design" and "Configuration").
//!
//! What is not here: transactions, compaction, tiered storage, fetching from followers, groups that read several topics, share groups,
//! quotas, eligible leader replicas, and the time that calls take: that is the network's.

pub mod assignor;
#[cfg(test)]
mod bench;
pub mod group;
pub mod partition;
pub mod partitioner;
pub mod rules;
pub mod topic;

/// What is to be done, or has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer<M> {
    /// A record for a member's thread, the only one it has until it says what became of it.
    Deliver(Delivery<M>),
    /// The new leader had not copied this record: it is as if it had never been written.
    Lost { partition: u32, offset: u64, message: M },
    /// A group will never read this record, or, if `redelivered`, not again.
    Missed { group: u32, partition: u32, offset: u64, message: M, redelivered: bool, why: Missed },
    /// A member finds no offset to begin at and `auto.offset.reset` is `none`: its poll throws, and the partition stands still.
    NoOffset { group: u32, member: u32, partition: u32 },
    /// A member is no longer in its group, though it may not know.
    ThrownOut { group: u32, member: u32, why: Thrown },
    /// A group has a new generation. In the classic protocols that is the end of a rebalance, in the newer one its beginning.
    Rebalanced { group: u32, generation: u32 },
    /// A partition has a leader again.
    Elected { partition: u32, node: u32 },
}

/// A record on its way to a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery<M> {
    pub group: u32,
    pub member: u32,
    /// Names this delivery within the group, for ever.
    pub tag: u64,
    pub partition: u32,
    pub offset: u64,
    pub message: M,
    /// The group has been handed it before. Of a member that has been thrown out and does not know: it, or something behind it.
    pub redelivered: bool,
    /// The how-manieth time in a row that this owner of the partition is handed it: what an error handler in the consumer's memory counts.
    pub nth: u32,
    /// It opens the records of a poll.
    pub first_of_poll: bool,
}

/// Why a group does not read a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missed {
    /// Retention deleted it before it was read.
    Expired,
    /// The group had no valid offset and went on at the end: `auto.offset.reset` is `latest`.
    Reset,
}

/// Why a member is out of its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thrown {
    /// No heartbeat for `session.timeout.ms`.
    Session,
    /// No poll for `max.poll.interval.ms`.
    Poll,
    /// It did not rejoin a rebalance in time.
    Rebalance,
}
