//! RabbitMQ: queues, acknowledgements, dead letters, routing.

use crate::support::*;

fn rabbit(times: &str, publish: &str, queues: &str, consumers: &str, rest: &str) -> Ran {
    let steps = format!("[{{publish: {{to: {publish}}}}}]");
    run(&shop(times, &steps, &format!("brokers: {{b: {{kind: rabbitmq, queues: {{{queues}}}}}}}\nconsumers: {{{consumers}}}\n{rest}")))
}

/// A consumer on this service with these keys.
fn consumer(service: &str, more: &str) -> String {
    format!("w: {{service: {service}, from: b.q, steps: [{{work: 100ms}}]{more}}}")
}

/// One that fails after its work.
fn failing(more: &str) -> String {
    format!("w: {{service: worker, from: b.q, steps: [{{work: 100ms}}, {{fail: {{}}}}]{more}}}")
}

#[test]
fn prefetch_bounds_what_a_consumer_holds() {
    for (prefetch, ready, held) in [(0, 0, 10), (1, 9, 1), (3, 7, 3), (20, 0, 10)] {
        let ran = rabbit("50s", "b.q", "q: {preload: 10}", &consumer("worker", &format!(", prefetch: {prefetch}")), "");
        assert_eq!(ran.depth("b.q", 100), (ready, held), "prefetch {prefetch}");
    }
}

#[test]
fn without_prefetch_the_first_consumer_gets_all_that_waits_and_with_it_both_work() {
    let last =
        |more: &str| rabbit("50s", "b.q", "q: {preload: 10}", &consumer("pair", more), "").queue("b.q").latency.max().unwrap() / 1_000_000;
    assert_eq!([last(""), last(", prefetch: 1")], [1000, 500]);
}

#[test]
fn consumers_take_turns() {
    let ran = rabbit("4x0s", "b.q", "q: {}", &consumer("pair", ", prefetch: 1"), "");
    assert_eq!(ran.deliveries("w"), ["pair-0 0: 0-100 200", "pair-1 1: 0-100 200", "pair-0 2: 100-200 200", "pair-1 3: 100-200 200"]);
}

#[test]
fn what_nobody_can_handle_comes_back_for_ever_or_is_given_up() {
    let poison = "network: {default: {latency: 500us}}\nfaults: {bad: {at: 0s, poisonMessage: {queue: b.q}}}";
    let ran = rabbit("1s", "b.q", "q: {}", &consumer("worker", ""), poison);
    // Each time there and back is 1 ms, until the run ends at 70 s.
    assert_eq!(ran.counts("b.q"), "published 1, delivered 69000, redelivered 68999, unacked 1");
    for settled in ["nack", "reject"] {
        let give_up = format!(", onError: {{{settled}: {{requeue: false}}}}");
        let ran = rabbit("1s", "b.q", "q: {}", &failing(&give_up), "");
        assert_eq!(ran.counts("b.q"), "published 1, delivered 1, rejected 1, dropped 1", "{settled}");
        let ran = rabbit("1s", "b.q", "q: {deadLetter: dead}, dead: {}", &failing(&give_up), "");
        assert_eq!(ran.counts("b.q"), "published 1, delivered 1, rejected 1, dead 1", "{settled}");
        assert_eq!(ran.counts("b.dead"), "published 1, ready 1", "{settled}");
    }
}

#[test]
fn messages_die_of_age_of_length_and_of_coming_back_too_often() {
    let ran = rabbit("1s+2s", "b.q", "q: {messageTtl: 5s, deadLetter: dead}, dead: {}", "", "");
    assert_eq!([ran.counts("b.q"), ran.counts("b.dead")], ["published 2, expired 2, dead 2", "published 2, ready 2"]);
    assert_eq!(ran.depth("b.q", 6100), (1, 0), "the first is too old at 6 s");
    let ran = rabbit("1s+2s+3s", "b.q", "q: {maxLength: 2, deadLetter: dead}, dead: {}", "", "");
    assert_eq!([ran.counts("b.q"), ran.counts("b.dead")], ["published 3, maxlen 1, dead 1, ready 2", "published 1, ready 1"]);
    let ran = rabbit("1s", "b.q", "q: {type: quorum, deliveryLimit: 2, deadLetter: dead}, dead: {}", &failing(""), "");
    assert_eq!(
        [ran.counts("b.q"), ran.counts("b.dead")],
        ["published 1, delivered 3, redelivered 2, limit 1, dead 1", "published 1, ready 1"]
    );
    let ran = rabbit("1s", "b.q", "q: {type: quorum}", &failing(""), "");
    assert_eq!(ran.counts("b.q"), "published 1, delivered 21, redelivered 20, limit 1, dropped 1", "20 times by itself");
}

#[test]
fn what_is_too_old_waits_behind_what_is_not() {
    let ran = rabbit("1s+2s", "b.q, ttl: 3s", "q: {preload: 1, deadLetter: dead}, dead: {}", "", "");
    assert_eq!(ran.counts("b.q"), "published 3, ready 3");
    let ran = rabbit("1s+2s", "b.q, ttl: 3s", "q: {deadLetter: dead}, dead: {}", "", "");
    assert_eq!(ran.counts("b.q"), "published 2, expired 2, dead 2");
}

#[test]
fn a_full_queue_gives_its_oldest_up_or_refuses_the_new() {
    let full = |publish: &str, overflow: &str| {
        let queues = format!("q: {{maxLength: 2, overflow: {overflow}, deadLetter: dead}}, dead: {{}}");
        rabbit("1s+2s+3s", publish, &queues, "", "expect: {keeps: lost(b) == 0}")
    };
    let ran = full("b.q, confirm: true", "dropHead");
    assert_eq!((ran.outcomes("c"), ran.depth("b.q", 3100)), ("200: 3".into(), (2, 0)));
    assert_eq!(ran.queue("b.q").windows[30].oldest.0, 1_100_000_000, "that of 2 s is the oldest");
    let ran = full("b.q, confirm: true", "rejectPublish");
    assert_eq!(ran.told(), ["1000+0 200", "2000+0 200", "3000+0 503"]);
    assert_eq!([ran.counts("b.q"), ran.counts("b.dead")], ["published 2, refused 1, ready 2", ""]);
    let ran = full("b.q", "rejectPublish");
    assert_eq!(ran.outcomes("c"), "200: 3", "who forgets does not learn of it");
    assert_eq!(ran.verdicts()[0].1.observed, Some(1.0));
    let ran = full("b.q, confirm: true", "rejectPublishDlx");
    assert_eq!(ran.outcomes("c"), "200: 2, 503: 1");
    assert_eq!([ran.counts("b.q"), ran.counts("b.dead")], ["published 3, refused 1, maxlen 1, dead 1, ready 2", "published 1, ready 1"]);
}

#[test]
fn a_waiting_queue_makes_a_delayed_retry() {
    let ran = rabbit(
        "1s",
        "b.q",
        "q: {deadLetter: wait}, wait: {messageTtl: 5s, deadLetter: q}",
        &failing(", onError: {reject: {requeue: false}}"),
        "",
    );
    assert_eq!(ran.deliveries("w")[..3], ["0: 1000-1100 500", "0: 6100-6200 500", "0: 11200-11300 500"]);
    assert_eq!(ran.counts("b.wait"), "published 13, expired 12, dead 12, ready 1");
    let ran = rabbit("1s", "b.q", "q: {messageTtl: 5s, deadLetter: r}, r: {messageTtl: 5s, deadLetter: q}", "", "");
    assert_eq!(ran.counts("b.r"), "published 1, expired 1, dropped 1", "what goes round by itself is dropped");
}

#[test]
fn a_retry_in_place_holds_the_message() {
    let ran = rabbit(
        "1s",
        "b.q",
        "q: {deadLetter: dead}, dead: {}",
        &failing(", onError: {retry: {attempts: 3, backoff: {initial: 1s}, then: {reject: {requeue: false}}}}"),
        "",
    );
    assert_eq!(ran.deliveries("w"), ["0: 1000-1100 500", "0: 2100-2200 500", "0: 4200-4300 500"]);
    assert_eq!(ran.counts("b.q"), "published 1, delivered 1, rejected 1, dead 1");
    let ran = rabbit("1s", "b.q", "q: {}, other: {}", &failing(", onError: {publish: {to: b.other}}"), "");
    assert_eq!([ran.counts("b.q"), ran.counts("b.other")], ["published 1, delivered 1, moved 1", "published 1, ready 1"]);
}

#[test]
fn the_higher_priority_is_served_while_it_has_room() {
    let both = "hi: {service: worker, from: b.q, priority: 5, prefetch: 1, steps: [{work: 100ms}]}, lo: {service: pair, from: b.q, prefetch: 1, steps: [{work: 100ms}]}";
    let ran = rabbit("1s+2s+2s+2s", "b.q", "q: {}", both, "");
    assert_eq!(ran.deliveries("hi"), ["0: 1000-1100 200", "1: 2000-2100 200"]);
    assert_eq!(ran.deliveries("lo"), ["pair-0 2: 2000-2100 200", "pair-1 3: 2000-2100 200"]);
}

#[test]
fn when_the_single_active_consumer_dies_the_next_one_takes_over_for_good() {
    let crash = "faults: {down: {at: 2050ms, for: 5s, crash: {service: pair, replica: [0]}}}";
    let ran = rabbit("1s+1050ms+2s+3s+12s", "b.q", "q: {singleActiveConsumer: true}", &consumer("pair", ", prefetch: 1"), crash);
    assert_eq!(
        ran.deliveries("w"),
        [
            "pair-0 0: 1000-1100 200",
            "pair-0 1: 1100-1200 200",
            "pair-0 2: 2000-2050 503 UC",
            "pair-1 2: 2050-2150 200",
            "pair-1 3: 3000-3100 200",
            "pair-1 4: 12000-12100 200"
        ]
    );
}

#[test]
fn a_crash_loses_what_was_acknowledged_when_it_was_sent_and_nothing_else() {
    let crash = "faults: {down: {at: 1150ms, for: 1s, crash: {service: worker}}}";
    let ran = rabbit("3x1s", "b.q", "q: {}", &consumer("worker", ", autoAck: true"), crash);
    assert_eq!(ran.counts("b.q"), "published 3, delivered 3, acked 1, lost 2");
    let ran = rabbit("3x1s", "b.q", "q: {}", &consumer("worker", ""), crash);
    assert_eq!(ran.counts("b.q"), "published 3, delivered 5, redelivered 2, acked 3");
    assert_eq!(ran.deliveries("w")[3..], ["1: 2150-2250 200", "2: 2150-2350 200"]);
    // It dies when the acknowledgement is on its way, which comes; and before it is sent.
    for (at, counts) in [
        (1135, "published 1, delivered 2, redelivered 1, acked 1, duplicates 1"),
        (1125, "published 1, delivered 2, redelivered 1, acked 1"),
    ] {
        let crash =
            format!("network: {{default: {{latency: 10ms}}}}\nfaults: {{down: {{at: {at}ms, for: 1s, crash: {{service: worker}}}}}}");
        assert_eq!(rabbit("1s", "b.q", "q: {}", &consumer("worker", ""), &crash).counts("b.q"), counts, "{at}");
    }
}

#[test]
fn only_persistent_messages_in_durable_queues_survive_the_broker() {
    for (durable, persistent, counts) in [
        (true, true, "published 1, ready 1"),
        (true, false, "published 1, lost 1"),
        (false, true, "published 1, lost 1"),
        (false, false, "published 1, lost 1"),
    ] {
        let publish = format!("[{{publish: {{to: b.q, confirm: true, persistent: {persistent}}}}}]");
        let broker = format!("brokers: {{b: {{kind: rabbitmq, durable: {durable}, queues: {{q: {{}}}}}}}}");
        let ran = run(&shop("1s", &publish, &format!("{broker}\nfaults: {{down: {{at: 2s, for: 1s, brokerDown: {{broker: b}}}}}}")));
        assert_eq!(ran.counts("b.q"), counts, "durable {durable}, persistent {persistent}");
    }
}

#[test]
fn a_quorum_queue_goes_on_without_one_of_three_nodes_and_refuses_without_two() {
    let rest = "brokers: {b: {kind: rabbitmq, nodes: 3, queues: {q: {type: quorum}}}}\nconsumers: {w: {service: worker, from: b.q, steps: [{work: 100ms}]}}\nfaults: {one: {at: 2s, for: 6s, brokerDown: {broker: b, node: [0]}}, two: {at: 4s, for: 4s, brokerDown: {broker: b, node: [1]}}}";
    let ran = run(&shop("1s+3s+5s+9s+11s", "[{publish: {to: b.q, confirm: true, persistent: false}}]", rest));
    assert_eq!(ran.told(), ["1000+0 200", "3000+0 200", "5000+0 503", "9000+0 200", "11000+0 200"]);
    assert_eq!(ran.counts("b.q"), "published 4, refused 1, delivered 4, acked 4");
}

#[test]
fn what_no_queue_wants_is_dropped_unless_it_is_mandatory() {
    let publish = |more: &str| {
        run(&shop(
            "1s",
            &format!("[{{publish: {{to: b, key: nobody, confirm: true{more}}}}}, {{work: 5ms}}]"),
            "brokers: {b: {kind: rabbitmq, queues: {q: {bind: [some]}}}}",
        ))
    };
    assert_eq!((publish("").told(), publish("").broker().unroutable), (vec!["1000+5 200".into()], 1));
    assert_eq!(publish(", mandatory: true").told(), ["1000+0 404"]);
}

#[test]
fn exchanges_choose_queues() {
    for (exchange, publish, queues, got) in [
        ("direct", "key: a", "q: {bind: [a]}, r: {bind: [b, a]}, s: {bind: [c]}, t: {}", [1, 1, 0, 0]),
        ("fanout", "key: a", "q: {bind: [a]}, r: {bind: [z]}, s: {}, t: {}", [1, 1, 0, 0]),
        (
            "topic",
            "key: order.eu.created",
            "q: {bind: [\"order.*.created\"]}, r: {bind: [\"order.#\", \"#\"]}, s: {bind: [\"*.created\"]}, t: {bind: [\"#.created\"]}",
            [1, 1, 0, 1],
        ),
        (
            "headers",
            "headers: {a: x, b: y}",
            "q: {bind: [\"a=x, b=y\"]}, r: {bind: [\"a=x, b=z\"]}, s: {bind: [\"any: a=x, b=z\"]}, t: {bind: [\"c=1\"]}",
            [1, 0, 1, 0],
        ),
    ] {
        let steps = format!("[{{publish: {{to: b, confirm: true, {publish}}}}}]");
        let ran = run(&shop("1s", &steps, &format!("brokers: {{b: {{kind: rabbitmq, exchange: {exchange}, queues: {{{queues}}}}}}}")));
        assert_eq!(["b.q", "b.r", "b.s", "b.t"].map(|queue| ran.queue(queue).published), got, "{exchange}");
    }
}
