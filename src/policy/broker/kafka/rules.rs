//! What is set for a topic and for a group, under Kafka's names and with its defaults (Apache Kafka documentation, "Topic Configs",
//! "Broker Configs", "Consumer Configs").

use crate::base::time::Nanos;
use crate::policy::error::{PolicyError, require};

/// A topic and its replicas.
#[derive(Clone, Debug, PartialEq)]
pub struct TopicRules {
    /// `num.partitions`.
    pub partitions: u32,
    /// `replication.factor`: the leader counts.
    pub replication: u32,
    /// `min.insync.replicas`: with fewer, `acks=all` is refused.
    pub min_insync: u32,
    /// From append to copied by the followers that keep up: about a fetch's round trip. An assumption; Kafka has no such setting.
    pub replication_delay: Nanos,
    /// `replica.lag.time.max.ms`: a follower that is behind for longer is not in sync. A controller of KRaft that has missed a broker's
    /// heartbeats for `broker.session.timeout.ms` (9 s) takes it out then: set the smaller.
    pub replica_lag_max: Nanos,
    /// From a follower's return until it has copied what it missed. An assumption.
    pub catch_up: Nanos,
    /// From a leader's loss until the next one leads: that it is noticed, and the election. 0.1 s to several seconds.
    pub election: Nanos,
    /// `unclean.leader.election.enable`: rather lose records than be without a leader.
    pub unclean: bool,
    /// `retention.ms`; none: for ever.
    pub retention_age: Option<Nanos>,
    /// `retention.bytes`, of one partition.
    pub retention_bytes: Option<u64>,
    /// `segment.ms`.
    pub segment_age: Nanos,
    /// `segment.bytes`.
    pub segment_bytes: u64,
    /// `log.retention.check.interval.ms`.
    pub retention_check: Nanos,
}

impl Default for TopicRules {
    fn default() -> TopicRules {
        let week = Nanos::from_secs(7 * 24 * 3600);
        TopicRules {
            partitions: 1,
            replication: 1,
            min_insync: 1,
            replication_delay: Nanos::from_millis(1),
            replica_lag_max: Nanos::from_secs(30),
            catch_up: Nanos::from_secs(1),
            election: Nanos::from_secs(1),
            unclean: false,
            retention_age: Some(week),
            retention_bytes: None,
            segment_age: week,
            segment_bytes: 1 << 30,
            retention_check: Nanos::from_secs(300),
        }
    }
}

impl TopicRules {
    /// Refuses what cannot be on that many broker nodes.
    pub fn validated(self, nodes: u32) -> Result<TopicRules, PolicyError> {
        require(self.partitions > 0, "partitions", || "must be at least 1".into())?;
        require(self.replication > 0, "replicationFactor", || "must be at least 1".into())?;
        require(self.replication <= nodes, "replicationFactor", || {
            format!("is {}, but the broker has {nodes} replicas to copy to", self.replication)
        })?;
        let enough = (1..=self.replication).contains(&self.min_insync);
        require(enough, "minInsyncReplicas", || format!("must be from 1 to the replication factor, {}", self.replication))?;
        require(self.segment_bytes > 0, "segmentBytes", || "must be at least 1".into())?;
        require(self.segment_age > Nanos::ZERO, "segmentAge", || "must be longer than nothing".into())?;
        require(self.retention_check > Nanos::ZERO, "retentionCheck", || "must be longer than nothing".into())?;
        require(self.retention_age != Some(Nanos::ZERO), "retention", || "must be longer than nothing".into())?;
        Ok(self)
    }
}

/// How a group shares its partitions, and what it takes for a dead member.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupRules {
    pub protocol: Protocol,
    pub assignor: Assignor,
    /// `session.timeout.ms`.
    pub session_timeout: Nanos,
    /// `heartbeat.interval.ms`.
    pub heartbeat: Nanos,
    /// `max.poll.interval.ms`, which is the rebalance timeout, too.
    pub max_poll_interval: Nanos,
    /// `max.poll.records`.
    pub max_poll_records: u32,
    /// `group.initial.rebalance.delay.ms`: how long an empty group waits for more than the first member. Classic protocols only.
    pub initial_delay: Nanos,
    /// From all members rejoined to the assignment in their hands, in classic protocols. An assumption.
    pub completing: Nanos,
    pub commit: Commit,
    pub reset: Reset,
}

/// Who moves partitions, and how much stops for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Everybody stops until everybody is back.
    Eager,
    /// Only what moves stops; it is given out by a second rebalance.
    Cooperative,
    /// `group.protocol=consumer`: the broker moves each partition as soon as its owner has let go of it.
    Consumer,
}

/// Which partitions a member gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assignor {
    /// Neighbouring partitions.
    Range,
    /// In turn.
    RoundRobin,
    /// As many as the others, and as few moves as that takes.
    Sticky,
}

/// When a member's place is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commit {
    /// `enable.auto.commit`: inside a poll, if the last commit is that long ago, for what earlier polls returned.
    Auto { interval: Nanos },
    /// After all records of a poll.
    PerPoll,
    /// After each record.
    PerRecord,
    /// As soon as a poll returns: at most once. A record that fails is not tried again.
    BeforeHandling,
}

/// `auto.offset.reset`: where to read if there is no valid commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reset {
    Earliest,
    Latest,
    /// The poll throws.
    None,
}

impl Default for GroupRules {
    fn default() -> GroupRules {
        GroupRules {
            protocol: Protocol::Eager,
            assignor: Assignor::Range,
            session_timeout: Nanos::from_secs(45),
            heartbeat: Nanos::from_secs(3),
            max_poll_interval: Nanos::from_secs(300),
            max_poll_records: 500,
            initial_delay: Nanos::from_secs(3),
            completing: Nanos::ZERO,
            commit: Commit::Auto { interval: Nanos::from_secs(5) },
            reset: Reset::Latest,
        }
    }
}

impl GroupRules {
    pub fn validated(self) -> Result<GroupRules, PolicyError> {
        require(self.heartbeat > Nanos::ZERO, "heartbeatInterval", || "must be longer than nothing".into())?;
        // One lost heartbeat must not be a lost member: a third at most, as the documentation advises.
        let enough = u128::from(self.session_timeout.0) >= 3 * u128::from(self.heartbeat.0);
        require(enough, "sessionTimeout", || format!("must be at least three heartbeats of {}", self.heartbeat))?;
        require(self.max_poll_records > 0, "maxPollRecords", || "must be at least 1".into())?;
        require(self.max_poll_interval > Nanos::ZERO, "maxPollInterval", || "must be longer than nothing".into())?;
        let fits = match self.protocol {
            Protocol::Eager => true,
            Protocol::Cooperative => self.assignor == Assignor::Sticky,
            Protocol::Consumer => self.assignor != Assignor::RoundRobin,
        };
        require(fits, "assignor", || match self.protocol {
            Protocol::Consumer => "must be `range` or `sticky`: the broker knows no other".into(),
            Protocol::Eager | Protocol::Cooperative => "must be `sticky` for cooperative rebalancing".into(),
        })?;
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kafka_sets_is_valid() {
        assert_eq!(TopicRules::default().validated(1), Ok(TopicRules::default()));
        assert_eq!(GroupRules::default().validated(), Ok(GroupRules::default()));
        let group = GroupRules::default();
        assert_eq!(group.session_timeout, Nanos::from_millis(45_000));
        assert_eq!(group.heartbeat, Nanos::from_millis(3_000));
        assert_eq!(group.max_poll_interval, Nanos::from_millis(300_000));
        assert_eq!((group.max_poll_records, group.reset), (500, Reset::Latest));
        assert_eq!(group.commit, Commit::Auto { interval: Nanos::from_millis(5_000) });
        assert_eq!(TopicRules::default().retention_age, Some(Nanos::from_secs(168 * 3600)));
    }

    #[test]
    fn a_topic_that_cannot_be_is_refused_by_the_name_of_what_is_wrong() {
        let three = || TopicRules { replication: 3, ..TopicRules::default() };
        for (rules, field) in [
            (TopicRules { partitions: 0, ..three() }, "partitions"),
            (TopicRules { replication: 0, ..three() }, "replicationFactor"),
            (TopicRules { replication: 4, ..three() }, "replicationFactor"),
            (TopicRules { min_insync: 0, ..three() }, "minInsyncReplicas"),
            (TopicRules { min_insync: 4, ..three() }, "minInsyncReplicas"),
            (TopicRules { segment_bytes: 0, ..three() }, "segmentBytes"),
            (TopicRules { segment_age: Nanos::ZERO, ..three() }, "segmentAge"),
            (TopicRules { retention_check: Nanos::ZERO, ..three() }, "retentionCheck"),
            (TopicRules { retention_age: Some(Nanos::ZERO), ..three() }, "retention"),
        ] {
            assert_eq!(rules.clone().validated(3).map_err(|error| error.field), Err(field), "{rules:?}");
        }
        assert!(TopicRules { min_insync: 3, ..three() }.validated(3).is_ok());
    }

    #[test]
    fn a_group_that_cannot_be_is_refused_by_the_name_of_what_is_wrong() {
        let base = GroupRules::default;
        for (rules, field) in [
            (GroupRules { heartbeat: Nanos::ZERO, ..base() }, "heartbeatInterval"),
            (GroupRules { session_timeout: Nanos::from_millis(8_999), ..base() }, "sessionTimeout"),
            (GroupRules { max_poll_records: 0, ..base() }, "maxPollRecords"),
            (GroupRules { max_poll_interval: Nanos::ZERO, ..base() }, "maxPollInterval"),
            (GroupRules { protocol: Protocol::Cooperative, ..base() }, "assignor"),
            (GroupRules { protocol: Protocol::Consumer, assignor: Assignor::RoundRobin, ..base() }, "assignor"),
        ] {
            assert_eq!(rules.clone().validated().map_err(|error| error.field), Err(field), "{rules:?}");
        }
        assert!(GroupRules { session_timeout: Nanos::from_secs(9), ..base() }.validated().is_ok());
    }
}
