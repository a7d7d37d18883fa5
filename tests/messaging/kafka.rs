//! Kafka: partitions, groups, commits, copies.

#[path = "../common/scraped.rs"]
mod reader;

use crate::support::*;
use std::collections::BTreeMap;

fn kafka(times: &str, publish: &str, topic: &str, consumers: &str, rest: &str) -> Ran {
    let nodes = if topic.contains("replication: 3") { 3 } else { 1 };
    let steps = format!("[{{publish: {{to: b.t, confirm: true{publish}}}}}]");
    run(&shop(
        times,
        &steps,
        &format!("brokers: {{b: {{kind: kafka, nodes: {nodes}, topics: {{t: {{{topic}}}}}}}}}\nconsumers: {{{consumers}}}\n{rest}"),
    ))
}

fn consumer(service: &str, more: &str) -> String {
    format!("w: {{service: {service}, from: b.t, sessionTimeout: 9s{more}, steps: [{{work: 1s}}]}}")
}

const WORKER_DIES: &str = "faults: {down: {at: 3500ms, for: 1s, crash: {service: worker}}}";

#[test]
fn a_member_handles_one_record_after_the_other() {
    let ran = kafka("3x1s", "", "", &consumer("worker", ""), "");
    assert_eq!(ran.deliveries("w"), ["0: 1000-2000 200", "1: 2000-3000 200", "2: 3000-4000 200"]);
    assert_eq!(ran.counts("b.t/w"), "published 3, delivered 3, acked 3, rebalances 1");
    assert!(ran.is_log("b.t") && ran.is_log("b.t/w"));
}

/// What each member got, in the order in which it came.
fn by_member(ran: &Ran) -> BTreeMap<String, Vec<u32>> {
    let mut all: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for told in ran.deliveries("w") {
        let (host, rest) = told.split_once(' ').unwrap();
        all.entry(host.into()).or_default().push(rest.split(':').next().unwrap().parse().unwrap());
    }
    all
}

#[test]
fn members_share_the_partitions_and_who_has_none_is_idle() {
    let ran = kafka("12x1s", ", keys: \"uniform(40)\"", "partitions: 2", &consumer("trio", ""), "");
    let members = by_member(&ran);
    assert_eq!(members.keys().collect::<Vec<_>>(), ["trio-0", "trio-1"]);
    for records in members.values() {
        assert!(records.is_sorted() && records.len() > 2, "a partition keeps its order: {records:?}");
    }
    assert_eq!(ran.counts("b.t/w"), "published 12, delivered 12, acked 12, rebalances 1");
}

#[test]
fn every_group_reads_all() {
    let two = format!("{}, v: {{service: pair, from: b.t, steps: [{{work: 10ms}}]}}", consumer("worker", ""));
    let ran = kafka("3x1s", "", "", &two, "");
    assert_eq!([ran.queue("b.t/w").acked, ran.queue("b.t/v").acked], [3, 3]);
    let one =
        "w: {service: worker, from: b.t, group: g, steps: [{work: 10ms}]}, v: {service: pair, from: b.t, group: g, steps: [{work: 10ms}]}";
    assert_eq!(kafka("3x1s", "", "", one, "").queue("b.t/g").acked, 3, "two consumers of one group");
}

/// The third of five records is under way when the process dies: 9 s after its last heartbeat another generation reads on where
/// the group has committed.
#[test]
fn after_a_crash_the_group_goes_on_where_it_has_committed() {
    for (commit, counts, again) in [
        ("auto", "published 5, delivered 8, redelivered 3, acked 5, duplicates 2, rebalances 2", "0: 12000-13000 200"),
        ("perPoll", "published 5, delivered 7, redelivered 2, acked 5, duplicates 1, rebalances 2", "1: 12000-13000 200"),
        ("perRecord", "published 5, delivered 6, redelivered 1, acked 5, rebalances 2", "2: 12000-13000 200"),
    ] {
        let ran = kafka("5x1s", "", "", &consumer("worker", &format!(", commit: {commit}")), WORKER_DIES);
        assert_eq!(ran.counts("b.t/w"), counts, "{commit}");
        assert_eq!(ran.deliveries("w")[3], again, "{commit}");
    }
}

#[test]
fn committed_before_they_are_handled_records_come_at_most_once() {
    let ran = kafka("5x1s", "", "", &consumer("worker", ", commit: beforeHandling"), WORKER_DIES);
    assert_eq!(ran.counts("b.t/w"), "published 5, delivered 3, acked 2, lost 3, rebalances 2");
}

#[test]
fn an_eager_rebalance_stops_everybody_and_a_cooperative_one_only_what_moves() {
    // The survivor works on while it does not know; what happens when the session of the other has ended is the difference.
    let pause = |rebalance: &str| {
        let more = format!(", rebalance: {rebalance}, commit: perRecord, maxPollRecords: 1");
        let down = "faults: {down: {at: 2500ms, for: 3s, crash: {service: pair, replica: [0]}}}";
        let ran = kafka("40x1s", ", keys: \"uniform(40)\"", "partitions: 4", &consumer("pair", &more), down);
        assert_eq!(ran.queue("b.t/w").acked, 40);
        let starts: Vec<f64> = ran
            .deliveries("w")
            .iter()
            .filter(|told| told.starts_with("pair-1"))
            .map(|told| told.split([' ', '-']).nth(3).unwrap().parse().unwrap())
            .collect();
        starts.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max)
    };
    assert!(pause("eager") > 1000.0, "{}", pause("eager"));
    assert_eq!(pause("cooperative"), 1000.0, "one record after the other without a pause");
}

#[test]
fn who_polls_too_rarely_loses_its_partitions_for_ever_and_again() {
    let ran = kafka("3x1s", "", "", &consumer("worker", ", maxPollInterval: 1500ms, commit: perPoll"), "");
    let record = ran.queue("b.t/w");
    assert_eq!(
        ran.deliveries("w")[..5],
        ["0: 1000-2000 200", "1: 2000-3000 200", "2: 3000-4000 200", "1: 4000-5000 200", "2: 5000-6000 200"]
    );
    assert!(record.acked <= 2 && record.duplicates == record.redelivered - 1, "{}", ran.counts("b.t/w"));
    let ran = kafka("3x1s", "", "", &consumer("worker", ", maxPollInterval: 1500ms, maxPollRecords: 1, commit: perPoll"), "");
    assert_eq!(ran.counts("b.t/w"), "published 3, delivered 3, acked 3, rebalances 1", "polls of one record are in time");
}

#[test]
fn a_static_member_that_is_soon_back_keeps_its_partitions() {
    let down = "faults: {down: {at: 2500ms, for: 2s, crash: {service: pair, replica: [0]}}}";
    let last = |fixed: bool| {
        let ran = kafka(
            "6x1s",
            ", keys: \"uniform(40)\"",
            "partitions: 2",
            &consumer("pair", &format!(", staticMembership: {fixed}, commit: perRecord")),
            down,
        );
        (ran.deliveries("w").last().unwrap().clone(), ran.queue("b.t/w").rebalances)
    };
    assert_eq!(last(true), ("pair-0 4: 4500-5500 200".into(), 1));
    assert_eq!(last(false), ("pair-1 4: 9000-10000 200".into(), 2));
}

/// A leader dies 5 ms after it has got a record, and its followers get it after 10.
#[test]
fn what_was_not_copied_is_lost_with_its_leader_unless_the_publisher_waits_for_the_copies() {
    let topic = "replication: 3, minInSyncReplicas: 2, replicationDelay: 10ms, election: 500ms";
    for (acks, told, lost) in [("none", "1995+0 200", 1.0), ("leader", "1995+0 200", 1.0), ("all", "1995+5 503", 0.0)] {
        let down = "faults: {down: {at: 2s, for: 1s, brokerDown: {broker: b, node: [0]}}}\nexpect: {keeps: lost(b) == 0}";
        let ran = kafka("1s+1995ms+5s", &format!(", acks: {acks}"), topic, &consumer("worker", ""), down);
        assert_eq!((ran.told()[1].as_str(), ran.verdicts()[0].1.observed), (told, Some(lost)), "{acks}");
        assert_eq!(ran.counts("b.t/w"), "published 2, delivered 2, acked 2, rebalances 1", "{acks}");
    }
}

#[test]
fn a_publisher_that_tries_again_gets_through_the_election_and_is_known() {
    let topic = "replication: 3, minInSyncReplicas: 2, replicationDelay: 10ms, election: 500ms";
    let rest = "policies: {p: {retry: {attempts: 5, backoff: {initial: 200ms}}}}\nfaults: {down: {at: 2s, for: 20s, brokerDown: {broker: b, node: [0]}}}";
    let ran = kafka("1s+1995ms+5s", ", policy: p", topic, &consumer("worker", ""), rest);
    assert_eq!(ran.outcomes("c"), "200: 3");
    assert_eq!((ran.queue("b.t/w").acked, ran.queue("b.t").lost), (3, 0));
    // The answer comes after 20 ms, and three tries give up before.
    let rest = "network: {default: {latency: 10ms}}\npolicies: {p: {timeout: 15ms, retry: {attempts: 3}}}";
    assert_eq!(kafka("1s", ", policy: p", "", &consumer("worker", ""), rest).counts("b.t"), "published 1");
}

#[test]
fn too_few_copies_in_sync_refuse_publishers_that_wait_for_all() {
    let down = "faults: {down: {at: 1500ms, for: 5s, brokerDown: {broker: b, node: [1, 2]}}}";
    let told = |acks: &str| {
        kafka("1s+3s+9s", acks, "replication: 3, minInSyncReplicas: 2, replicaLagMax: 1s", &consumer("worker", ""), down).outcomes("c")
    };
    assert_eq!([told(""), told(", acks: leader")], ["200: 2, 503: 1", "200: 3"]);
}

#[test]
fn retention_takes_what_a_lagging_group_has_not_read() {
    let yaml = shop(
        "1s+30s+301s",
        "[{publish: {to: b.t, confirm: true}}]",
        &format!(
            "brokers: {{b: {{kind: kafka, topics: {{t: {{retention: 10s, segment: 1s}}}}}}}}\nconsumers: {{{}}}\nfaults: {{down: {{at: 100ms, for: 700s, crash: {{service: worker}}}}}}\nexpect: {{keeps: lost(b.t/w) == 0}}",
            consumer("worker", "")
        ),
    );
    let ran = run(&yaml.replace("duration: 60s", "duration: 900s"));
    assert_eq!(ran.counts("b.t/w"), "published 3, lost 3, rebalances 2");
    assert_eq!((ran.verdicts()[0].1.passed, ran.verdicts()[0].1.observed), (false, Some(3.0)));
}

#[test]
fn a_record_that_fails_is_tried_in_place_and_then_passed_over_or_moved() {
    let bad = "faults: {bad: {at: 0s, for: 10s, poisonMessage: {queue: b.t, count: 1}}}";
    let ran = kafka("2x1s", "", "", &consumer("worker", ""), bad);
    assert_eq!(ran.counts("b.t/w"), "published 2, delivered 11, redelivered 9, acked 1, dropped 1, rebalances 1", "ten tries by itself");
    let ran = kafka("2x1s", "", "", &consumer("worker", ", onError: {retry: {attempts: 3, backoff: {initial: 1s}}}"), bad);
    assert_eq!(
        ran.deliveries("w"),
        ["0: 1000-1000 500", "0: 2000-2000 500", "0: 4000-4000 500", "1: 4000-5000 200"],
        "the partition waits"
    );
    let moved = "brokers: {b: {kind: kafka, topics: {t: {}, dead: {}}}}\nconsumers: {w: {service: worker, from: b.t, steps: [{work: 1s}], onError: {publish: {to: b.dead}}}}\n";
    let ran = run(&shop("2x1s", "[{publish: {to: b.t, confirm: true}}]", &format!("{moved}{bad}")));
    assert_eq!([ran.counts("b.t/w"), ran.counts("b.dead")], ["published 2, delivered 2, acked 1, moved 1, rebalances 1", "published 1"]);
}

#[test]
fn members_that_cannot_be_reached_get_their_records_when_they_can() {
    let cut = "faults: {cut: {at: 2500ms, for: 30s, partition: {from: b, to: pair, packets: drop}}}";
    let ran = kafka("1s+3s+40s", "", "", &consumer("pair", ", commit: perRecord"), cut);
    assert_eq!(ran.counts("b.t/w"), "published 3, delivered 3, acked 3, rebalances 2");
}

#[test]
fn an_idempotent_consumer_handles_what_comes_again_no_second_time() {
    let ran = kafka("5x1s", "", "", &consumer("worker", ", commit: perPoll, idempotent: true"), WORKER_DIES);
    assert_eq!(ran.deliveries("w")[3..5], ["1: 12000-12000 200", "2: 12000-13000 200"]);
}

#[test]
fn a_scraper_reads_how_far_a_group_is_behind_in_each_partition() {
    let rest = format!("brokers: {{b: {{kind: kafka, topics: {{t: {{partitions: 2}}}}}}}}\nconsumers: {{{}}}", consumer("worker", ""));
    let topology = compiled(&shop("1s+30x9s", "[{publish: {to: b.t, confirm: true, keys: \"uniform(40)\"}}]", &rest));
    let ran = reader::scraped(&topology);
    assert!(ran.has("kafka_consumergroup_lag"));
    let lag = |partition: &str| ran.read("kafka_consumergroup_lag", &format!("consumergroup=\"w\" topic=\"t\" partition=\"{partition}\""));
    let (first, second) = (lag("0"), lag("1"));
    assert_eq!((first[0], second[0]), (0.0, 0.0));
    // One at a time takes a second: of thirty at 9 s, none or one is committed by 10 s.
    assert!((29.0..=30.0).contains(&(first[1] + second[1])), "{first:?} {second:?}");
    assert!(first[1] > 5.0 && second[1] > 5.0, "keys are in both");
    let sums: Vec<f64> = first.iter().zip(&second).map(|(one, other)| one + other).collect();
    assert_eq!(ran.read("kafka_consumergroup_lag_sum", "consumergroup=\"w\" topic=\"t\""), sums);
    assert_eq!(sums[5], 0.0, "all is read in the end");
}
