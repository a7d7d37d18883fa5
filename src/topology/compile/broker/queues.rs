//! Queues and topics, each with what its broker's kind has.

use super::quoted;
use crate::model::scalar::Bound;
use crate::model::spec::{self, BrokerKind};
use crate::policy::broker::kafka::rules::{Assignor, Commit, GroupRules, Protocol, Reset, TopicRules};
use crate::policy::broker::rabbitmq::queue::{Overflow, QueueKind, QueueRules};
use crate::policy::broker::{servicebus, sqs};
use crate::policy::error::PolicyError;
use crate::topology::broker::{Broker, Queue, Rules};
use crate::topology::compile::Compiler;

/// What RabbitMQ allows a message of a quorum queue to come back, if nothing else is said (since 4.0).
const DELIVERY_LIMIT: u32 = 20;
/// Nodes that keep a quorum queue.
const MEMBERS: u32 = 3;

use BrokerKind::{Rabbitmq as R, ServiceBus as B, Sqs as S};

/// What only some kinds of broker have of a queue: the key, the kinds, and whether it is there.
type Special = (&'static str, &'static [BrokerKind], fn(&spec::BrokerQueue) -> bool);

const SPECIAL: [Special; 19] = [
    ("type", &[R], |queue| queue.queue_type.is_some()),
    ("maxLength", &[R], |queue| queue.max_length.is_some()),
    ("maxBytes", &[R, B], |queue| queue.max_bytes.is_some()),
    ("overflow", &[R], |queue| queue.overflow.is_some()),
    ("messageTtl", &[R, B], |queue| queue.message_ttl.is_some()),
    ("deliveryLimit", &[R], |queue| queue.delivery_limit.is_some()),
    ("singleActiveConsumer", &[R], |queue| queue.single_active_consumer),
    ("fifo", &[S], |queue| queue.fifo),
    ("visibilityTimeout", &[S], |queue| queue.visibility_timeout.is_some()),
    ("delay", &[S], |queue| queue.delay.is_some()),
    ("retention", &[S], |queue| queue.retention.is_some()),
    ("waitTime", &[S], |queue| queue.wait_time.is_some()),
    ("maxReceiveCount", &[S], |queue| queue.max_receive_count.is_some()),
    ("maxInFlight", &[S], |queue| queue.max_in_flight.is_some()),
    ("lockDuration", &[B], |queue| queue.lock_duration.is_some()),
    ("maxDeliveryCount", &[B], |queue| queue.max_delivery_count.is_some()),
    ("deadLetterOnExpiration", &[B], |queue| queue.dead_letter_on_expiration),
    ("duplicateDetection", &[B], |queue| queue.duplicate_detection.is_some()),
    ("sessions", &[B], |queue| queue.sessions),
];

impl Compiler<'_> {
    /// The brokers themselves; before programs, which publish.
    pub(in crate::topology::compile) fn brokers(&mut self) {
        let model = self.model;
        for (name, broker) in &model.brokers {
            let path = format!("brokers.{}", quoted(name));
            if !model.services.get(name).is_some_and(|service| service.endpoints.contains_key(super::CONNECT)) {
                let message = format!("`{name}` is a service already: brokers and services share their names");
                self.error("name-taken", message, path, "rename one of them");
                continue;
            }
            let service = self.names.service(name).expect("a broker is a service");
            let nodes = self.topology.services[service.index()].replicas.clone();
            if nodes.is_empty() {
                continue;
            }
            self.broker_fits(broker, &path);
            let first = self.topology.brokers.queues.len() as u32;
            for (queue_name, queue) in &broker.queues {
                let path = format!("{path}.queues.{}", quoted(queue_name));
                self.queue_of(name, (broker, queue_name, queue), first, nodes.clone(), &path);
            }
            for (topic_name, topic) in &broker.topics {
                let path = format!("{path}.topics.{}", quoted(topic_name));
                self.topic_of((name, topic_name, topic), nodes.clone(), &path);
            }
            let last = self.topology.brokers.queues.len() as u32;
            self.topology.brokers.brokers.push(Broker { name: name.clone(), service, queues: first..last });
        }
    }

    /// Notes what another kind of broker has.
    fn broker_fits(&mut self, broker: &spec::Broker, path: &str) {
        const HELP: &str = "remove it, or change the broker's `kind`";
        let kafka = BrokerKind::Kafka;
        let keys = [
            ("exchange", broker.exchange.is_some(), &[R][..]),
            ("queues", !broker.queues.is_empty(), &[R, S, B]),
            ("topics", !broker.topics.is_empty(), &[kafka]),
        ];
        self.fits_kind(&keys, broker.kind, path, HELP);
        for (name, queue) in broker.queues.iter().filter(|_| broker.kind != kafka) {
            let keys = SPECIAL.map(|(key, kinds, is_there)| (key, is_there(queue), kinds));
            self.fits_kind(&keys, broker.kind, &format!("{path}.queues.{}", quoted(name)), HELP);
        }
    }

    fn queue_of(
        &mut self,
        broker_name: &str,
        (broker, name, queue): (&spec::Broker, &str, &spec::BrokerQueue),
        first: u32,
        nodes: std::ops::Range<u32>,
        path: &str,
    ) {
        let names: Vec<&str> = broker.queues.keys().map(String::as_str).collect();
        let dead_letter = queue.dead_letter.as_ref().and_then(|wanted| {
            let known = names.iter().position(|known| known == wanted);
            if known.is_none() {
                self.unknown("queue", "unknown-queue", wanted, format!("{path}.deadLetter"), names.clone());
            }
            known.map(|place| first + place as u32)
        });
        if dead_letter == Some(self.topology.brokers.queues.len() as u32) && broker.kind == S {
            let help = "name another queue";
            self.error("own-dead-letter", "a queue cannot take its own dead letters", format!("{path}.deadLetter"), help);
        }
        if queue.max_receive_count.is_some() && dead_letter.is_none() && queue.dead_letter.is_none() {
            let message = "`maxReceiveCount` without a `deadLetter`: what has been received so often would have nowhere to go";
            self.error("no-dead-letter", message, format!("{path}.maxReceiveCount"), "name the queue that gets it: `deadLetter: NAME`");
        }
        let rules = match broker.kind {
            BrokerKind::Rabbitmq => self.rabbitmq_rules(queue, path).map(Rules::Rabbitmq),
            BrokerKind::Sqs => self.of_policy(sqs_rules(queue).validated(), path).map(Rules::Sqs),
            BrokerKind::ServiceBus => self.of_policy(service_bus_rules(queue).validated(), path).map(Rules::ServiceBus),
            BrokerKind::Kafka => None,
        };
        let rules = rules.unwrap_or(Rules::Rabbitmq(QueueRules::default()));
        let number = self.topology.brokers.queues.len() as u32 - first;
        let members = if rules.is_quorum() { MEMBERS.min(nodes.len() as u32) } else { 1 };
        let place = |member: u32| nodes.start + (number + member) % nodes.len() as u32;
        self.topology.brokers.queues.push(Queue {
            name: format!("{broker_name}.{name}"),
            broker: self.topology.brokers.brokers.len() as u32,
            durable: broker.durable || rules.is_quorum() || broker.kind != R,
            rules,
            nodes: (0..members).map(place).collect(),
            dead_letter,
            preload: queue.preload,
            preload_bytes: 0,
        });
    }

    fn of_policy<T>(&mut self, result: Result<T, PolicyError>, path: &str) -> Option<T> {
        match result {
            Ok(rules) => Some(rules),
            Err(wrong) => {
                let key = key_of(wrong.field);
                self.error(
                    "bad-queue",
                    wrong.to_string().replacen(wrong.field, key, 1),
                    format!("{path}.{key}"),
                    "change it, or leave it out",
                );
                None
            }
        }
    }

    fn rabbitmq_rules(&mut self, queue: &spec::BrokerQueue, path: &str) -> Option<QueueRules> {
        let quorum = queue.queue_type == Some(spec::QueueType::Quorum);
        let rules = QueueRules {
            kind: if quorum { QueueKind::Quorum } else { QueueKind::Classic },
            message_ttl: queue.message_ttl.map(|ttl| ttl.nanos()),
            max_length: match queue.max_length {
                Some(Bound::Finite(most)) => Some(u64::from(most)),
                Some(Bound::Unlimited) | None => None,
            },
            max_bytes: queue.max_bytes.map(|bytes| bytes.0),
            overflow: match queue.overflow.unwrap_or_default() {
                spec::Overflow::DropHead => Overflow::DropHead,
                spec::Overflow::RejectPublish => Overflow::RejectPublish,
                spec::Overflow::RejectPublishDlx => Overflow::RejectPublishDlx,
            },
            delivery_limit: queue.delivery_limit.or(quorum.then_some(DELIVERY_LIMIT)),
            nack_counts: true,
            single_active: queue.single_active_consumer,
            next_by_priority: true,
        };
        self.of_policy(rules.validated(), path)
    }

    /// A topic, and the groups that read it.
    fn topic_of(&mut self, (broker, name, topic): (&str, &str, &spec::Topic), nodes: std::ops::Range<u32>, path: &str) {
        let rules = topic_rules(topic).validated(nodes.len() as u32);
        let rules = self.of_policy(rules, path).unwrap_or_default();
        let full = format!("{broker}.{name}");
        let number = self.topology.brokers.queues.len() as u32;
        let place = self.topology.brokers.brokers.len() as u32;
        let entry = |name: String, rules: Rules| Queue {
            name,
            broker: place,
            rules,
            durable: true,
            nodes: nodes.clone().collect(),
            dead_letter: None,
            preload: 0,
            preload_bytes: 0,
        };
        self.topology.brokers.queues.push(entry(full.clone(), Rules::Topic(rules)));
        let mut groups: Vec<&str> = Vec::new();
        let model = self.model;
        for (consumer_name, consumer) in model.consumers.iter().filter(|(_, consumer)| consumer.from == full) {
            let group = consumer.group.as_deref().unwrap_or(consumer_name);
            if groups.contains(&group) {
                continue;
            }
            groups.push(group);
            let path = format!("consumers.{}", quoted(consumer_name));
            let rules = self.of_policy(group_rules(consumer).validated(), &path).unwrap_or_default();
            self.topology.brokers.queues.push(entry(format!("{full}/{group}"), Rules::Group { topic: number, rules }));
        }
    }
}

/// The key of the language for a policy's field.
fn key_of(field: &'static str) -> &'static str {
    match field {
        "messageRetentionPeriod" => "retention",
        "delaySeconds" => "delay",
        "receiveMessageWaitTimeSeconds" | "waitTimeSeconds" => "waitTime",
        "inFlightLimit" => "maxInFlight",
        "defaultMessageTimeToLive" => "messageTtl",
        "duplicateDetectionHistoryTimeWindow" => "duplicateDetection",
        "replicationFactor" => "replication",
        "minInsyncReplicas" => "minInSyncReplicas",
        "segmentAge" => "segment",
        "heartbeatInterval" => "heartbeat",
        "maxNumberOfMessages" | "room" => "prefetch",
        "maxConcurrentSessions" => "maxSessions",
        other => other,
    }
}

fn sqs_rules(queue: &spec::BrokerQueue) -> sqs::rules::Rules {
    let plain = sqs::rules::Rules::default();
    sqs::rules::Rules {
        // A consumer may handle several messages at a time, so one of each group.
        kind: if queue.fifo { sqs::rules::Kind::Fifo { batches_groups: false } } else { sqs::rules::Kind::Standard },
        visibility: queue.visibility_timeout.map_or(plain.visibility, |time| time.nanos()),
        retention: queue.retention.map_or(plain.retention, |time| time.nanos()),
        delay: queue.delay.map_or(plain.delay, |time| time.nanos()),
        receive_wait: queue.wait_time.map_or(plain.receive_wait, |time| time.nanos()),
        max_receives: queue.max_receive_count,
        in_flight_limit: queue.max_in_flight.unwrap_or(plain.in_flight_limit),
    }
}

fn service_bus_rules(queue: &spec::BrokerQueue) -> servicebus::rules::Rules {
    let plain = servicebus::rules::Rules::default();
    servicebus::rules::Rules {
        lock: queue.lock_duration.map_or(plain.lock, |time| time.nanos()),
        max_delivery_count: queue.max_delivery_count.unwrap_or(plain.max_delivery_count),
        ttl: queue.message_ttl.map(|ttl| ttl.nanos()),
        dead_letter_on_expiry: queue.dead_letter_on_expiration,
        duplicate_window: queue.duplicate_detection.map(|window| window.nanos()),
        sessions: queue.sessions,
        max_bytes: queue.max_bytes.map(|bytes| bytes.0),
    }
}

fn topic_rules(topic: &spec::Topic) -> TopicRules {
    TopicRules {
        partitions: topic.partitions,
        replication: topic.replication,
        min_insync: topic.min_in_sync_replicas,
        replication_delay: topic.replication_delay.nanos(),
        replica_lag_max: topic.replica_lag_max.nanos(),
        election: topic.election.nanos(),
        unclean: topic.unclean_leader_election,
        retention_age: topic.retention.map(|age| age.nanos()),
        retention_bytes: topic.retention_bytes.map(|bytes| bytes.0),
        segment_age: topic.segment.nanos(),
        segment_bytes: topic.segment_bytes.0,
        ..TopicRules::default()
    }
}

fn group_rules(consumer: &spec::Consumer) -> GroupRules {
    let plain = GroupRules::default();
    let (protocol, assignor) = match consumer.rebalance.unwrap_or(spec::Rebalance::Eager) {
        spec::Rebalance::Eager => (Protocol::Eager, Assignor::Range),
        spec::Rebalance::Cooperative => (Protocol::Cooperative, Assignor::Sticky),
        spec::Rebalance::Broker => (Protocol::Consumer, Assignor::Sticky),
    };
    let commit = match consumer.commit.unwrap_or(spec::Commit::Auto) {
        spec::Commit::Auto => {
            Commit::Auto { interval: consumer.auto_commit_interval.map_or(crate::base::time::Nanos::from_secs(5), |time| time.nanos()) }
        }
        spec::Commit::PerPoll => Commit::PerPoll,
        spec::Commit::PerRecord => Commit::PerRecord,
        spec::Commit::BeforeHandling => Commit::BeforeHandling,
    };
    GroupRules {
        protocol,
        assignor,
        session_timeout: consumer.session_timeout.map_or(plain.session_timeout, |time| time.nanos()),
        heartbeat: consumer.heartbeat.map_or(plain.heartbeat, |time| time.nanos()),
        max_poll_interval: consumer.max_poll_interval.map_or(plain.max_poll_interval, |time| time.nanos()),
        max_poll_records: consumer.max_poll_records.unwrap_or(plain.max_poll_records),
        // The groups of a model are there when it begins: members that come at the same instant wait for each other.
        initial_delay: crate::base::time::Nanos(1),
        commit,
        reset: match consumer.offset_reset {
            Some(spec::OffsetReset::Latest) => Reset::Latest,
            Some(spec::OffsetReset::Earliest) | None => Reset::Earliest,
        },
        ..plain
    }
}
