//! For tests: the shop with a broker whose queue `parcels` the database's service consumes, and `failed` nobody does.

use super::{record, shop};
use crate::base::dist::Dist;
use crate::base::id::*;
use crate::base::time::Nanos;
use crate::observe::recording::{BrokerRecord, QueueRecord, QueueWindow, Recording};
use crate::policy::broker::rabbitmq::queue::QueueRules;
use crate::topology::Topology;
use crate::topology::broker::{Broker, Consumer, OnError, Queue, Receives, Rules, Settle};

/// The last service is the broker.
pub fn topology() -> Topology {
    let mut topology = shop(4);
    let mut service = topology.services[2].clone();
    (service.name, service.owner, service.endpoints) = ("shipping".into(), None, Vec::new());
    topology.services.push(service);
    topology.brokers.brokers = vec![Broker { name: "shipping".into(), service: ServiceId(3), queues: 0..2 }];
    topology.brokers.queues = vec![queue("shipping.parcels", Some(1)), queue("shipping.failed", None)];
    topology.brokers.consumers = vec![consumer()];
    topology
}

fn queue(name: &str, dead_letter: Option<u32>) -> Queue {
    let rules = QueueRules::default();
    Queue {
        name: name.into(),
        broker: 0,
        rules: Rules::Rabbitmq(rules),
        durable: true,
        nodes: vec![0],
        dead_letter,
        preload: 0,
        preload_bytes: 0,
    }
}

fn consumer() -> Consumer {
    Consumer {
        name: "parcels".into(),
        service: ServiceId(2),
        queue: 0,
        receives: Receives::Rabbitmq { prefetch: 1, priority: 0 },
        connections: 1,
        entry: StepId(0),
        site: SiteId(0),
        reply: StepId::NONE,
        connect: StepId(0),
        auto_ack: false,
        idempotent: false,
        reconnect: Dist::constant(Nanos::from_secs(5)),
        retry: None,
        on_error: OnError::Settle(Settle::Reject { requeue: false }),
    }
}

/// The database is slow from 60 s to 90 s, and 40 parcels a second pile up until 70 s; they are gone at 80 s. One in ten fails.
pub fn recording() -> Recording {
    let waiting = |second: u64| match second {
        60..70 => (second - 59) * 40,
        70..80 => (79 - second) * 40,
        _ => 0,
    };
    let age = |second: u64| if waiting(second) > 0 { second - 59 } else { 0 };
    let parcels = (0..180).map(|second| window(40, 36, waiting(second), age(second))).collect();
    let failed = (0..180).map(|second| window(4, 0, 4 * (second + 1), second)).collect();
    let (mut recording, mut latency) = (record::slow_db(Some(98)), crate::base::histogram::Histogram::new());
    (0..6480).for_each(|i| latency.record(25_000_000 + i * 1_000_000));
    recording.brokers = vec![BrokerRecord { published: 7212, unroutable: 12, unclaimed_replies: 0, ..BrokerRecord::default() }];
    recording.queues = vec![
        QueueRecord {
            published: 7200,
            delivered: 7203,
            redelivered: 3,
            acked: 6480,
            died: [720, 0, 0, 0],
            dead_lettered: 720,
            ready: 3_800_000_000_000,
            unacked: 140_000_000_000,
            ready_max: 400,
            oldest_max: Nanos::from_secs(20),
            latency,
            windows: parcels,
            ..QueueRecord::default()
        },
        QueueRecord { published: 720, ready_max: 720, left_ready: 720, windows: failed, ..QueueRecord::default() },
    ];
    recording
}

fn window(published: u32, acked: u32, ready: u64, oldest: u64) -> QueueWindow {
    let oldest = Nanos::from_secs(oldest);
    QueueWindow { published, delivered: acked, acked, ready, unacked: 1, ready_max: ready, oldest }
}
