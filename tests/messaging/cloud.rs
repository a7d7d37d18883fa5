//! SQS and Service Bus: messages that are hidden or locked while they are worked on.

use crate::support::*;

fn cloud(kind: &str, times: &str, publish: &str, queues: &str, consumers: &str, rest: &str) -> Ran {
    let steps = format!("[{{publish: {{to: b.q, confirm: true{publish}}}}}]");
    run(&shop(times, &steps, &format!("brokers: {{b: {{kind: {kind}, queues: {{{queues}}}}}}}\nconsumers: {{{consumers}}}\n{rest}")))
}

fn consumer(service: &str, ms: u32, more: &str) -> String {
    format!("w: {{service: {service}, from: b.q, steps: [{{work: {ms}ms}}]{more}}}")
}

const FAILING: &str = "w: {service: worker, from: b.q, steps: [{work: 100ms}, {fail: {}}]";
/// The answer comes after 20 ms, and the first try gives up before.
const TWICE: &str = "network: {default: {latency: 10ms}}\npolicies: {p: {timeout: 15ms, retry: {attempts: 2}}}";

#[test]
fn what_is_worked_on_for_too_long_comes_again() {
    let ran = cloud("sqs", "1s", "", "q: {visibilityTimeout: 1s, waitTime: 20s}", &consumer("pair", 1500, ""), "");
    assert_eq!(ran.deliveries("w")[..3], ["pair-0 0: 1000-2500 200", "pair-1 0: 2000-3500 200", "pair-0 0: 3000-4500 200"]);
    assert_eq!(ran.queue("b.q").acked, 0, "each deletes with a receipt that has expired");
    let ran = cloud("sqs", "1s", "", "q: {visibilityTimeout: 1s, waitTime: 20s}", &consumer("pair", 1500, ", idempotent: true"), "");
    assert_eq!(ran.deliveries("w")[2..], ["pair-0 0: 3000-3000 200"]);
    assert_eq!(
        ran.counts("b.q"),
        "published 1, delivered 3, redelivered 2, acked 1, duplicates 1",
        "both had it in hand; the third skips it"
    );
    let ran = cloud("serviceBus", "1s", "", "q: {lockDuration: 1s}", &consumer("pair", 1500, ", renewFor: 0s"), "");
    assert_eq!(ran.counts("b.q"), "published 1, delivered 10, redelivered 9, limit 1, dead 1, duplicates 10");
    let ran = cloud("serviceBus", "1s", "", "q: {lockDuration: 1s}", &consumer("pair", 1500, ""), "");
    assert_eq!(ran.counts("b.q"), "published 1, delivered 1, acked 1", "its client renews the lock");
}

#[test]
fn what_fails_is_delivered_as_often_as_it_may_be() {
    for most in [1, 3, 7] {
        let queues = format!("q: {{visibilityTimeout: 2s, waitTime: 20s, maxReceiveCount: {most}, deadLetter: dead}}, dead: {{}}");
        let ran = cloud("sqs", "1s", "", &queues, &format!("{FAILING}}}"), "");
        let told: Vec<String> = (0..most).map(|n| format!("0: {}-{} 500", 1000 + 2000 * n, 1100 + 2000 * n)).collect();
        assert_eq!((ran.deliveries("w"), ran.counts("b.dead")), (told, "published 1, ready 1".into()));
        let ran = cloud(
            "serviceBus",
            "1s",
            "",
            &format!("q: {{maxDeliveryCount: {most}, deadLetter: dead}}, dead: {{}}"),
            &format!("{FAILING}}}"),
            "",
        );
        let told: Vec<String> = (0..most).map(|n| format!("0: {}-{} 500", 1000 + 100 * n, 1100 + 100 * n)).collect();
        assert_eq!((ran.deliveries("w"), ran.counts("b.dead")), (told, "published 1, ready 1".into()));
    }
    let ran = cloud(
        "sqs",
        "1s",
        "",
        "q: {waitTime: 20s, maxReceiveCount: 3, deadLetter: dead}, dead: {}",
        &format!("{FAILING}, onError: {{back: {{after: 5s}}}}}}"),
        "",
    );
    assert_eq!(ran.deliveries("w"), ["0: 1000-1100 500", "0: 6100-6200 500", "0: 11200-11300 500"]);
    let ran = cloud("serviceBus", "1s", "", "q: {}", &format!("{FAILING}, onError: {{deadLetter: {{}}}}}}"), "");
    assert_eq!(ran.counts("b.q"), "published 1, delivered 1, rejected 1, dead 1", "it keeps its own dead");
}

#[test]
fn messages_are_delayed_and_expire() {
    let delivered =
        |kind: &str, publish: &str, queues: &str| cloud(kind, "1s", publish, queues, &consumer("worker", 100, ""), "").deliveries("w");
    assert_eq!(delivered("sqs", ", delay: 3s", "q: {waitTime: 20s}"), ["0: 4000-4100 200"]);
    assert_eq!(delivered("sqs", "", "q: {waitTime: 20s, delay: 4s}"), ["0: 5000-5100 200"]);
    assert_eq!(delivered("serviceBus", ", delay: 3s", "q: {}"), ["0: 4000-4100 200"]);
    for (more, counts) in [("", "published 1, expired 1, dropped 1"), (", deadLetterOnExpiration: true", "published 1, expired 1, dead 1")]
    {
        assert_eq!(cloud("serviceBus", "1s", "", &format!("q: {{messageTtl: 5s{more}}}"), "", "").counts("b.q"), counts);
    }
    let ran = cloud("serviceBus", "3x1s", ", payload: 100B", "q: {maxBytes: 250B}", "", "");
    assert_eq!((ran.outcomes("c"), ran.counts("b.q")), ("200: 2, 503: 1".into(), "published 2, refused 1, ready 2".into()));
}

#[test]
fn short_polls_come_late_and_long_ones_wait_for_the_message() {
    let delivered =
        |queues: &str| cloud("sqs", "1300ms+43s", "", queues, &consumer("worker", 100, ", pollInterval: 1s"), "").deliveries("w");
    assert_eq!(delivered("q: {}")[0], "0: 2000-2100 200");
    assert_eq!(delivered("q: {waitTime: 20s}"), ["0: 1300-1400 200", "1: 43000-43100 200"]);
}

#[test]
fn a_batch_is_done_before_the_next_is_received() {
    let ran = cloud("sqs", "5x1s", "", "q: {waitTime: 20s}", &consumer("worker", 100, ", prefetch: 3"), "");
    assert_eq!(ran.deliveries("w"), ["0: 1000-1100 200", "1: 1100-1200 200", "2: 1100-1300 200", "3: 1100-1400 200", "4: 1400-1500 200"]);
}

/// Of one group or session no two are worked on at once, and none before those that came before it.
#[test]
fn groups_and_sessions_keep_their_order() {
    for (kind, queues) in [("sqs", "q: {fifo: true, waitTime: 20s}"), ("serviceBus", "q: {sessions: true}")] {
        for keys in [1, 2] {
            let publish = format!(", keys: \"uniform({keys})\"");
            let ran = cloud(kind, "12x1s", &publish, queues, &consumer("trio", 100, ", concurrency: 2"), "");
            assert_eq!(ran.queue("b.q").acked, 12);
            let mut at_once = std::collections::BTreeMap::new();
            for told in ran.deliveries("w") {
                *at_once.entry(told.split(' ').nth(2).unwrap().to_owned()).or_insert(0) += 1;
            }
            assert!(at_once.values().all(|n| *n <= keys), "{kind}, {keys}: {at_once:?}");
            if keys == 1 {
                let order: Vec<u32> =
                    ran.deliveries("w").iter().map(|told| told.split([' ', ':']).nth(1).unwrap().parse().unwrap()).collect();
                assert!(order.is_sorted() && order.len() == 12, "{kind}: {order:?}");
            }
        }
    }
}

#[test]
fn publishers_that_try_again_are_known_where_duplicates_are_detected() {
    for (kind, queues, counts) in [
        ("sqs", "q: {waitTime: 20s}", "published 2, delivered 2, acked 2"),
        ("sqs", "q: {fifo: true, waitTime: 20s}", "published 1, known 1, delivered 1, acked 1"),
        ("serviceBus", "q: {}", "published 2, delivered 2, acked 2"),
        ("serviceBus", "q: {duplicateDetection: 1m}", "published 1, known 1, delivered 1, acked 1"),
    ] {
        let ran = cloud(kind, "1s", ", policy: p", queues, &consumer("worker", 100, ""), TWICE);
        assert_eq!(ran.counts("b.q"), counts, "{kind}: {queues}");
    }
}

#[test]
fn a_crash_hides_messages_until_their_time_is_over_and_loses_what_was_deleted_when_it_was_received() {
    let crash = "faults: {down: {at: 1750ms, for: 1s, crash: {service: worker}}}";
    for (kind, queues, again) in [
        ("sqs", "q: {visibilityTimeout: 3s, waitTime: 20s}", "1: 4500-5000 200"),
        ("serviceBus", "q: {lockDuration: 5s}", "1: 6500-7000 200"),
    ] {
        let ran = cloud(kind, "2x1s", "", queues, &consumer("worker", 500, ""), crash);
        assert_eq!(ran.deliveries("w"), ["0: 1000-1500 200", "1: 1500-1750 503 UC", again], "{kind}");
        assert_eq!(ran.counts("b.q"), "published 2, delivered 3, redelivered 1, acked 2", "{kind}");
    }
    let ran = cloud("serviceBus", "2x1s", "", "q: {}", &consumer("worker", 1000, ", autoAck: true, concurrency: 2"), crash);
    assert_eq!(ran.counts("b.q"), "published 2, delivered 2, lost 2");
}

#[test]
fn labels_choose_subscriptions() {
    for kind in ["sqs", "serviceBus"] {
        let ran = run(&shop(
            "1s",
            "[{publish: {to: b, key: k, confirm: true}}]",
            &format!("brokers: {{b: {{kind: {kind}, queues: {{q: {{bind: [k]}}, r: {{bind: [z]}}, s: {{deadLetter: d}}, d: {{}}}}}}}}"),
        ));
        assert_eq!(["b.q", "b.r", "b.s", "b.d"].map(|queue| ran.queue(queue).published), [1, 0, 1, 0], "{kind}");
    }
}
