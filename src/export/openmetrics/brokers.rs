//! What brokers and their exporters tell of queues: RabbitMQ's own plugin, kafka_exporter, and YACE for SQS.

use super::{Exposition, Kind, Labels, Scene};
use crate::observe::recording::{QueueRecord, QueueWindow};
use crate::observe::watch::readings::Figure as Reading;
use crate::topology::broker::{Queue, Rules};
use std::collections::BTreeMap;
use std::io;

/// A figure of queues: its name, what it means, and what it reads.
type Figure = (&'static str, &'static str, fn(&QueueWindow) -> f64);

const RABBITMQ: [Figure; 4] = [
    ("rabbitmq_queue_messages", "Messages in the queue, ready or unacknowledged.", |w| (w.ready + w.unacked) as f64),
    ("rabbitmq_queue_messages_ready", "Messages ready to be delivered.", |w| w.ready as f64),
    ("rabbitmq_queue_messages_unacked", "Messages delivered and not yet acknowledged.", |w| w.unacked as f64),
    ("rabbitmq_queue_head_message_age_seconds", "Age of the oldest message that waits.", |w| w.oldest.as_secs_f64()),
];

const SQS: [Figure; 3] = [
    ("aws_sqs_approximate_number_of_messages_visible_average", "Messages that can be received.", |w| w.ready as f64),
    ("aws_sqs_approximate_number_of_messages_not_visible_average", "Messages in flight.", |w| w.unacked as f64),
    ("aws_sqs_approximate_age_of_oldest_message_maximum", "Age of the oldest message, seconds.", |w| w.oldest.as_secs_f64()),
];

const COUNTERS: [Figure; 3] = [
    ("rabbitmq_global_messages_received", "Messages that publishers brought.", |w| f64::from(w.published)),
    ("rabbitmq_global_messages_delivered", "Messages delivered to consumers.", |w| f64::from(w.delivered)),
    ("rabbitmq_global_messages_acknowledged", "Messages that consumers acknowledged.", |w| f64::from(w.acked)),
];

pub fn write<W: io::Write>(scene: &Scene, text: &mut Exposition<W>) -> io::Result<()> {
    let is = |wanted: fn(&Rules) -> bool| {
        let all = scene.topology.brokers.queues.iter().zip(&scene.recording.queues);
        all.filter(move |(queue, _)| wanted(&queue.rules)).collect::<Vec<_>>()
    };
    let rabbits = is(|rules| matches!(rules, Rules::Rabbitmq(_)));
    let queue = |queue: &Queue| Labels::new(&[("vhost", "/"), ("queue", own_name(queue)), ("broker", broker(scene, queue))]);
    gauges(scene, text, &RABBITMQ, &rabbits, queue)?;
    if !rabbits.is_empty() {
        for (name, help, figure) in COUNTERS {
            text.family(name, Kind::Counter, help)?;
            for (queue, record) in &rabbits {
                let labels = Labels::new(&[("protocol", "amqp091"), ("queue", own_name(queue)), ("broker", broker(scene, queue))]);
                text.series(&format!("{name}_total"), &labels, &scene.times, scene.times.sums(&record.windows, figure))?;
            }
        }
    }
    let sqs = is(|rules| matches!(rules, Rules::Sqs(_)));
    gauges(scene, text, &SQS, &sqs, |queue| Labels::new(&[("dimension_QueueName", own_name(queue))]))?;
    lags(scene, text)?;
    let topics = is(|rules| matches!(rules, Rules::Topic(_)));
    if !topics.is_empty() {
        let name = "kafka_topic_messages_in";
        text.family(name, Kind::Counter, "Records that producers appended, over all partitions.")?;
        for (queue, record) in &topics {
            let labels = Labels::new(&[("topic", own_name(queue)), ("broker", broker(scene, queue))]);
            text.series(&format!("{name}_total"), &labels, &scene.times, scene.times.sums(&record.windows, |w| f64::from(w.published)))?;
        }
    }
    Ok(())
}

/// Records that groups have not committed, per partition and in all.
fn lags<W: io::Write>(scene: &Scene, text: &mut Exposition<W>) -> io::Result<()> {
    let read: Vec<(u32, u32, Vec<u64>)> = scene
        .telemetry
        .readings
        .all(Reading::PartitionLag)
        .map(|(queue, part, reads)| (queue, part, scene.carried(reads, 0).collect()))
        .collect();
    let name = "kafka_consumergroup_lag";
    text.family_of(&read, name, Kind::Gauge, "Records of the partition that the group has not committed.")?;
    for (queue, partition, values) in &read {
        let labels = group(scene, &scene.topology.brokers.queues[*queue as usize], Some(*partition));
        text.series(name, &labels, &scene.times, values.iter().map(|lag| *lag as f64))?;
    }
    let mut sums: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
    for (queue, _, values) in &read {
        let sum = sums.entry(*queue).or_insert_with(|| vec![0; values.len()]);
        sum.iter_mut().zip(values).for_each(|(sum, lag)| *sum += lag);
    }
    let name = "kafka_consumergroup_lag_sum";
    text.family_of(&sums, name, Kind::Gauge, "Records that the group has not committed, over all partitions.")?;
    for (queue, values) in &sums {
        let labels = group(scene, &scene.topology.brokers.queues[*queue as usize], None);
        text.series(name, &labels, &scene.times, values.iter().map(|lag| *lag as f64))?;
    }
    Ok(())
}

fn gauges<W: io::Write>(
    scene: &Scene,
    text: &mut Exposition<W>,
    gauges: &[Figure],
    queues: &[(&Queue, &QueueRecord)],
    labels: impl Fn(&Queue) -> Labels,
) -> io::Result<()> {
    for (name, help, figure) in gauges.iter().filter(|_| !queues.is_empty()) {
        text.family(name, Kind::Gauge, help)?;
        for (queue, record) in queues {
            text.series(name, &labels(queue), &scene.times, scene.times.latest(&record.windows, figure))?;
        }
    }
    Ok(())
}

fn broker<'a>(scene: &'a Scene, queue: &Queue) -> &'a str {
    &scene.topology.brokers.brokers[queue.broker as usize].name
}

/// `billing` of `order-events.billing`.
fn own_name(queue: &Queue) -> &str {
    queue.name.split_once('.').map_or(&queue.name, |(_, own)| own)
}

fn group(scene: &Scene, queue: &Queue, partition: Option<u32>) -> Labels {
    let topic = match queue.rules {
        Rules::Group { topic, .. } => Some(&scene.topology.brokers.queues[topic as usize]),
        _ => None,
    };
    // `order-events.orders/billing` is the group `billing` of the topic `orders`.
    let own = topic.and_then(|topic| queue.name.strip_prefix(&topic.name)?.strip_prefix('/')).unwrap_or(&queue.name);
    let topic = topic.map_or("", own_name);
    let partition = partition.map(|number| number.to_string());
    let mut labels = vec![("consumergroup", own), ("topic", topic), ("broker", broker(scene, queue))];
    labels.extend(partition.iter().map(|number| ("partition", number.as_str())));
    Labels::new(&labels)
}
