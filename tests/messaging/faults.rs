//! Faults of brokers, consumers and what is between them; and what is expected of queues.

use crate::support::*;

fn rabbit(times: &str, publish: &str, consumers: &str, rest: &str) -> Ran {
    let steps = format!("[{{publish: {{to: b.q{publish}}}}}]");
    run(&shop(times, &steps, &format!("brokers: {{b: {{kind: rabbitmq, queues: {{q: {{}}}}}}}}\nconsumers: {{{consumers}}}\n{rest}")))
}

const WORKER: &str = "w: {service: worker, from: b.q, prefetch: 2, steps: [{work: 100ms}]}";

#[test]
fn a_stuck_consumer_holds_what_it_has_and_goes_on_later() {
    let ran = rabbit("1s+2s+3s+4s", "", WORKER, "faults: {stuck: {at: 1500ms, for: 10s, consumerStuck: {consumer: w}}}");
    assert_eq!(ran.deliveries("w"), ["0: 1000-1100 200", "1: 2000-11600 200", "2: 3000-11700 200", "3: 11600-11800 200"]);
    assert_eq!(ran.depth("b.q", 5000), (1, 2));
}

#[test]
fn publishers_wait_while_the_disk_is_full_as_long_as_they_may() {
    let full = "faults: {full: {at: 1500ms, for: 5s, diskFull: {broker: b}}}";
    let ran = rabbit("1s+2s+3s+9s", ", confirm: true", WORKER, full);
    assert_eq!(ran.told(), ["1000+0 200", "2000+4500 200", "3000+3500 200", "9000+0 200"]);
    let ran = rabbit("1s+2s+3s+9s", ", confirm: true, policy: p", WORKER, &format!("policies: {{p: {{timeout: 1s}}}}\n{full}"));
    assert_eq!(ran.told(), ["1000+0 200", "2000+1000 504", "3000+1000 504", "9000+0 200"]);
}

#[test]
fn publishers_learn_that_the_broker_is_down_if_they_ask() {
    let down = "faults: {down: {at: 1500ms, for: 4900ms, brokerDown: {broker: b}}}\nexpect: {keeps: lost(b) == 0}";
    for (publish, outcomes, lost) in [(", confirm: true", "200: 2, 503: 2", 0.0), ("", "200: 4", 2.0)] {
        let ran = rabbit("1s+2s+3s+9s", publish, WORKER, down);
        assert_eq!((ran.outcomes("c").as_str(), ran.verdicts()[0].1.observed), (outcomes, Some(lost)));
        assert_eq!(ran.deliveries("w"), ["0: 1000-1100 200", "3: 9000-9100 200"], "it is connected again 5 s after it lost the broker");
    }
}

/// Nothing comes through for 40 s: a delivery is given up after 12.6 s, and with it the connection, which is tried again 5 s later.
#[test]
fn a_consumer_that_cannot_be_reached_loses_its_connection_and_nothing_else() {
    let pair = "w: {service: pair, from: b.q, prefetch: 1, steps: [{work: 100ms}]}";
    for ends in ["from: b, to: pair", "from: pair, to: b"] {
        let ran = rabbit("1s+2s", "", pair, &format!("faults: {{cut: {{at: 1500ms, for: 40s, partition: {{{ends}, packets: drop}}}}}}"));
        assert_eq!(
            ran.deliveries("w"),
            ["pair-0 0: 1000-1100 200", "pair-1 1: 2000-14600 503 UF", "pair-0 1: 14600-27200 503 UF", "pair-1 1: 43400-43500 200"]
        );
        assert_eq!(ran.counts("b.q"), "published 2, delivered 4, redelivered 2, acked 2");
    }
    // What is handled while its acknowledgement does not come through is handled twice.
    let ran = rabbit("2x1s", "", pair, "faults: {cut: {at: 1050ms, for: 30s, partition: {from: pair, to: b, packets: drop}}}");
    assert_eq!(ran.counts("b.q"), "published 2, delivered 4, redelivered 2, acked 2, duplicates 2");
}

#[test]
fn consumers_that_all_connect_at_once_keep_publishers_waiting() {
    let rest = "brokers: {b: {kind: rabbitmq, connect: 100ms, workers: 1, queues: {q: {}}}}\nconsumers: {w: {service: trio, from: b.q, steps: [{work: 100ms}]}}\nfaults: {down: {at: 2s, for: 1s, brokerDown: {broker: b}}}";
    let ran = run(&shop("1s+7001ms+8001ms", "[{publish: {to: b.q, confirm: true}}]", rest));
    assert_eq!(ran.told(), ["1000+0 200", "7001+299 200", "8001+0 200"], "three connections of 100 ms from 7 s on");
}

#[test]
fn poison_meets_so_many_messages_as_it_says() {
    let consumers = "w: {service: worker, from: b.q, steps: [{work: 100ms}], onError: {nack: {requeue: false}}}";
    for (count, dropped) in [(", count: 1", 1), (", count: 2", 2), ("", 3), (", share: 0%", 0)] {
        let ran =
            rabbit("1s+2s+3s+9s", "", consumers, &format!("faults: {{bad: {{at: 0s, for: 5s, poisonMessage: {{queue: b.q{count}}}}}}}"));
        assert_eq!((ran.queue("b.q").dropped, ran.queue("b.q").acked), (dropped, 4 - dropped), "{count}");
    }
}

#[test]
fn queues_are_held_to_what_is_expected_of_them() {
    let down = "faults: {down: {at: 1100ms, for: 2s, crash: {service: worker}}}\n";
    let expect = "expect: {a: lag(b.q) <= 20, b: lag(b) > 20 during 0s..1s, c: age(b.q) < 3s, d: duplicates(b) == 0, e: deadLettered(b.q) == 0, f: \"drains(b.q, within: 5s, after: down)\", g: \"drains(b, within: 1ms, after: down)\"}";
    let ran = rabbit("20x1s", "", "w: {service: worker, from: b.q, prefetch: 1, steps: [{work: 100ms}]}", &format!("{down}{expect}"));
    let passed: Vec<(String, bool)> = ran.verdicts().into_iter().map(|(name, verdict)| (name, verdict.passed)).collect();
    let expected = [("a", true), ("b", false), ("c", false), ("d", true), ("e", true), ("f", true), ("g", false)];
    assert_eq!(passed, expected.map(|(name, passed)| (name.to_owned(), passed)));
}

#[test]
fn what_cannot_be_expected_is_refused() {
    for (expectation, problem) in [
        ("lost(b.nothing) == 0", "unknown-subject at expect.a"),
        ("lost(shop) == 0", "unknown-subject at expect.a"),
        ("lost() == 0", "bad-value at expect.a"),
        ("lost(b) == 0 during 1s..2s", "whole-run at expect.a"),
        ("\"drains(b, within: 5s, after: nothing)\"", "unknown-fault at expect.a"),
        ("\"drains(b)\"", "bad-value at expect.a"),
        ("age(b) < 5", "missing-unit at expect.a"),
    ] {
        let yaml = shop(
            "1s",
            "[{publish: {to: b.q}}]",
            &format!("brokers: {{b: {{kind: rabbitmq, queues: {{q: {{}}}}}}}}\nexpect: {{a: {expectation}}}"),
        );
        assert_eq!(refused(&yaml), [problem], "{expectation}");
    }
}
