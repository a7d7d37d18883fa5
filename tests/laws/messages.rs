//! What is published is acknowledged, given up, lost or still there, whatever the broker and whatever dies.

use crate::common;
use crate::{cases, run};
use brownout::observe::recording::Recording;
use brownout::topology::Topology;
use brownout::topology::broker::Rules;
use proptest::prelude::*;
use std::fmt::Write;

/// Choices in order; past their end each is the first.
struct Tape<'t>(std::slice::Iter<'t, u16>);

impl Tape<'_> {
    fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.0.next().map_or(0, |word| *word as usize % choices.len())]
    }
}

const KINDS: [&str; 4] = ["rabbitmq", "kafka", "sqs", "serviceBus"];

/// A shop that publishes to one broker, consumers of two services, and what goes wrong. `careful`: nothing is sent that may be lost.
fn model(kind: &str, tape: &[u16], careful: bool) -> String {
    let mut tape = Tape(tape.iter());
    let mut publish = "confirm: true".to_owned();
    if !careful {
        publish = format!("confirm: {}", tape.of(&["true", "false"]));
    }
    let (queue, consumer, publish_more) = match kind {
        "rabbitmq" if careful => {
            (format!("type: {}", tape.of(&["classic", "quorum"])), format!("prefetch: {}", tape.of(&["0", "1", "3"])), "")
        }
        "rabbitmq" => (
            tape.of(&[
                "",
                "type: quorum, deliveryLimit: 2",
                "maxLength: 3",
                "maxLength: 3, overflow: rejectPublish",
                "maxLength: 3, overflow: rejectPublishDlx",
                "messageTtl: 200ms",
                "singleActiveConsumer: true",
            ])
            .to_owned(),
            format!(
                "prefetch: {}{}",
                tape.of(&["0", "1", "3"]),
                tape.of(&[
                    "",
                    ", onError: {nack: {requeue: false}}",
                    ", onError: {publish: {to: b.dead}}",
                    ", autoAck: true",
                    ", onError: {retry: {attempts: 2, backoff: {initial: 10ms}}}"
                ])
            ),
            tape.of(&["", ", persistent: false", ", ttl: 100ms"]),
        ),
        "kafka" => (
            format!(
                "partitions: {}, replication: 3, minInSyncReplicas: 2, replicationDelay: {}, election: 300ms",
                tape.of(&["1", "3"]),
                tape.of(&["1ms", "30ms"])
            ),
            format!(
                "sessionTimeout: 900ms, heartbeat: 300ms, commit: {}, rebalance: {}, maxPollRecords: {}, staticMembership: {}{}",
                if careful { "perPoll" } else { tape.of(&["auto", "perPoll", "perRecord", "beforeHandling"]) },
                tape.of(&["eager", "cooperative", "broker"]),
                tape.of(&["500", "1", "5"]),
                tape.of(&["false", "true"]),
                // A poll that takes too long comes again for ever.
                tape.of(if careful { &["", ", concurrency: 2"] } else { &["", ", concurrency: 2", ", maxPollInterval: 400ms"] })
            ),
            if careful { ", keys: uniform(9)" } else { tape.of(&["", ", keys: uniform(9)", ", acks: none", ", acks: leader"]) },
        ),
        "sqs" => (
            format!(
                "visibilityTimeout: {}, waitTime: {}{}",
                tape.of(&["1s", "100ms", "0s"]),
                tape.of(&["20s", "0s"]),
                tape.of(&["", ", fifo: true", ", maxReceiveCount: 2, deadLetter: dead", ", maxInFlight: 2"])
            ),
            format!(
                "prefetch: {}, pollInterval: 100ms{}",
                tape.of(&["1", "5"]),
                tape.of(&["", ", onError: {back: {after: 50ms}}", ", onError: {publish: {to: b.dead}}"])
            ),
            if careful { "" } else { tape.of(&["", ", keys: uniform(3)"]) },
        ),
        _ => (
            format!(
                "lockDuration: {}{}",
                tape.of(&["1s", "100ms"]),
                tape.of(&[
                    "",
                    ", sessions: true",
                    ", maxDeliveryCount: 2",
                    ", messageTtl: 200ms, deadLetterOnExpiration: true, deadLetter: dead",
                    ", duplicateDetection: 20s"
                ])
            ),
            tape.of(&["prefetch: 1", "prefetch: 3, renewFor: 0s", "autoAck: true", "onError: {deadLetter: {}}"]).to_owned(),
            tape.of(&["", ", delay: 50ms", ", keys: uniform(3)"]),
        ),
    };
    let (queues, nodes) = match kind {
        "kafka" => (format!("topics: {{q: {{{queue}}}, dead: {{}}}}"), "nodes: 3, "),
        "rabbitmq" => {
            (format!("queues: {{q: {{{queue}{}deadLetter: dead}}, dead: {{}}}}", if queue.is_empty() { "" } else { ", " }), "nodes: 3, ")
        }
        _ => (format!("queues: {{q: {{{queue}}}, dead: {{}}}}"), ""),
    };
    let policy = tape.of(&["", ", policy: again"]);
    let policy = if publish.ends_with("true") { policy } else { "" };
    let mut text = format!(
        "duration: 4s\ndrain: {}\nnetwork: {{default: {{latency: {}, loss: {}}}}}\nclients: {{c: {{target: shop.order, arrivals: poisson(30/s), profile: [{{at: 3s, rate: 0/s}}]}}}}\n",
        if careful { "200s" } else { tape.of(&["200s", "1s", "0s"]) },
        tape.of(&["1ms", "0s", "exp(10ms)"]),
        if careful { "0%" } else { tape.of(&["0%", "2%"]) },
    );
    writeln!(text, "policies: {{again: {{timeout: {}, retry: {{attempts: 3, backoff: {{initial: 100ms}}}}}}}}", tape.of(&["1s", "15ms"]))
        .unwrap();
    writeln!(text, "services: {{shop: {{endpoints: {{order: [{{publish: {{to: b.q, {publish}{publish_more}{policy}}}}}]}}}}, worker: {{replicas: 2, endpoints: {{}}}}}}").unwrap();
    writeln!(text, "brokers: {{b: {{kind: {kind}, {nodes}{queues}}}}}").unwrap();
    let fails = if careful || consumer.contains("autoAck") { "" } else { tape.of(&["", ", {fail: {share: 30%}}"]) };
    writeln!(
        text,
        "consumers: {{w: {{service: worker, from: b.q, reconnect: 500ms, idempotent: {}, {consumer}, steps: [{{work: {}}}{fails}]}}}}",
        tape.of(&["false", "true"]),
        tape.of(&["exp(20ms)", "1ms", "exp(150ms)"])
    )
    .unwrap();
    text += "faults:\n";
    let crashes = [
        "crash: {service: worker, replicas: 1}",
        "crash: {service: worker}",
        "brokerDown: {broker: b, nodes: 1}",
        "brokerDown: {broker: b}",
        "partition: {from: b, to: worker, packets: drop}",
        "consumerStuck: {consumer: w}",
        "poisonMessage: {queue: b.q, count: 3}",
        "diskFull: {broker: b}",
        "pause: {service: worker}",
    ];
    let (count, crashes) = if careful { (1, &crashes[..3]) } else { (3, &crashes[..]) };
    for fault in 0..count {
        writeln!(
            text,
            "  f{fault}: {{at: {}, for: {}, {}}}",
            tape.of(&["1s", "300ms", "1700ms"]),
            tape.of(&["500ms", "20ms", "3s"]),
            tape.of(crashes)
        )
        .unwrap();
    }
    text
}

fn idle(topology: &Topology, recording: &Recording) -> bool {
    !recording.interrupted && recording.ended.0 < (topology.duration + topology.drain).0
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn what_is_published_is_somewhere(kind in 0..4_usize, tape in proptest::collection::vec(any::<u16>(), 0..40), seed in 0..4u64) {
        let text = model(KINDS[kind], &tape, false);
        let topology = common::topology(&text);
        let recording = run(&topology, seed);
        for (queue, record) in topology.brokers.queues.iter().zip(&recording.queues) {
            let settled = record.acked + record.dead_lettered + record.dropped + record.moved + record.lost;
            let left = record.left_ready + record.left_unacked;
            let counts = format!("{}: published {}, settled {settled}, left {left}, acked {}, lost {}\n{text}", queue.name, record.published, record.acked, record.lost);
            match queue.rules {
                Rules::Topic(_) => prop_assert!(record.lost <= record.published, "{}", counts),
                // What has been handled and not committed is still to be read, again.
                Rules::Group { .. } => {
                    // At most once, what a member that was thrown out still holds when the run is cut off is in nobody's count.
                    let held = queue.rules.commits_first() && !idle(&topology, &recording);
                    prop_assert!(settled <= record.published && (held || record.published <= settled + left), "{}", counts);
                    prop_assert!(record.acked + record.dropped + record.moved <= record.delivered && record.duplicates <= record.redelivered, "{}", counts);
                }
                _ => prop_assert_eq!(record.published, settled + left, "{}", counts),
            }
            prop_assert!(record.redelivered <= record.delivered, "{}", counts);
        }
    }

    /// Confirmed, durable, persistent, acknowledged by hand or committed afterwards: nothing is lost if one thing dies.
    #[test]
    fn nothing_is_lost_by_one_crash_if_everybody_takes_care(kind in 0..2_usize, tape in proptest::collection::vec(any::<u16>(), 0..40), seed in 0..4u64) {
        let text = model(KINDS[kind], &tape, true);
        let topology = common::topology(&text);
        let recording = run(&topology, seed);
        let lost: Vec<u64> = recording.queues.iter().map(|record| record.lost + record.dropped).collect();
        prop_assert!(lost.iter().all(|lost| *lost == 0), "{:?}\n{}", lost, text);
        prop_assert!(idle(&topology, &recording), "it has not come to an end\n{}", text);
        let served = topology.brokers.queues.iter().zip(&recording.queues).find(|(queue, _)| queue.name == if kind == 0 { "b.q" } else { "b.q/w" });
        let (_, record) = served.unwrap();
        prop_assert!(record.acked + record.dead_lettered >= recording.clients[0].ok, "{} acked of {}\n{}", record.acked, recording.clients[0].ok, text);
    }
}
