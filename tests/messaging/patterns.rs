//! What is built of messages: requests with replies, outboxes, idempotent consumers.

use crate::support::*;

fn ask(rest: &str) -> Ran {
    let steps = "[{publish: {to: b.q, awaitReply: {timeout: 500ms}}}]";
    run(&shop(
        "1s",
        steps,
        &format!("network: {{default: {{latency: 10ms}}}}\nbrokers: {{b: {{kind: rabbitmq, queues: {{q: {{}}}}}}}}\n{rest}"),
    ))
}

#[test]
fn a_request_waits_for_its_reply_as_long_as_it_may() {
    let answer = |ms: u32| format!("consumers: {{w: {{service: worker, from: b.q, steps: [{{work: {ms}ms}}]}}}}\n");
    // Six times 10 ms on the way: to the shop, the broker, the worker, and back.
    let ran = ask(&answer(100));
    assert_eq!((ran.told(), ran.broker().unclaimed_replies), (vec!["1000+160 200".into()], 0));
    let ran = ask(&answer(600));
    assert_eq!((ran.told(), ran.broker().unclaimed_replies), (vec!["1000+520 504".into()], 1));
    let ran = ask(&format!("{}faults: {{down: {{at: 1050ms, for: 1s, crash: {{service: shop}}}}}}", answer(100)));
    assert_eq!((ran.told(), ran.broker().unclaimed_replies), (vec!["1000+60 503 UC".into()], 1));
    assert_eq!(ask("").told(), ["1000+520 504"], "nobody is there to answer");
}

/// A shop that writes at 1, 2 and 3 s, and tells of it; the write takes 10 ms of work behind 10 ms of its own.
fn orders(publish: &str, event_first: bool, fault: &str) -> Ran {
    let (write, tell) = ("{call: db.insert}", format!("{{publish: {{to: b, key: k, announces: db.insert{publish}}}}}"));
    let steps = if event_first {
        format!("[{{work: 10ms}}, {tell}, {write}, {{work: 10ms}}]")
    } else {
        format!("[{{work: 10ms}}, {write}, {tell}, {{work: 10ms}}]")
    };
    let rest = format!(
        "  db: {{endpoints: {{insert: [{{work: 10ms}}]}}}}
network: {{default: {{latency: 1ms}}}}
brokers: {{b: {{kind: rabbitmq, queues: {{q: {{bind: [k]}}}}}}}}
consumers: {{w: {{service: worker, from: b.q, steps: [{{work: 10ms}}]}}}}
faults: {{fault: {fault}}}
expect: {{keeps: lost(b) == 0, true: phantoms(b) == 0}}"
    );
    run(&shop("1s+2s+3s", &steps, &rest))
}

#[test]
fn writes_and_their_events_part_unless_an_outbox_keeps_them_together() {
    let broker = "{at: 1500ms, for: 1s, brokerDown: {broker: b}}";
    // The shop dies when the second order is written and its event is not sent.
    let shop = "{at: 2023ms, for: 500ms, crash: {service: shop}}";
    let db = "{at: 1900ms, for: 500ms, crash: {service: db}}";
    let outbox = ", outbox: {poll: 200ms}";
    // Written, lost, phantoms.
    for (publish, event_first, fault, counts) in [
        ("", false, broker, [3, 1, 0]),
        (", confirm: true", false, broker, [3, 1, 0]),
        (outbox, false, broker, [3, 0, 0]),
        ("", false, shop, [3, 1, 0]),
        (outbox, false, shop, [3, 0, 0]),
        (", confirm: true", false, db, [2, 0, 0]),
        (", confirm: true", true, db, [2, 0, 1]),
        (outbox, false, db, [2, 0, 0]),
    ] {
        let ran = orders(publish, event_first, fault);
        let broker = ran.broker();
        assert_eq!(
            [broker.events_written, broker.events_lost, broker.events_phantom],
            counts,
            "{publish}, event first: {event_first}, {fault}"
        );
        let observed: Vec<Option<f64>> = ran.verdicts().iter().map(|(_, verdict)| verdict.observed).collect();
        assert!(observed.contains(&Some(counts[1] as f64)) && observed.contains(&Some(counts[2] as f64)), "{observed:?}");
    }
    assert_eq!(
        orders(outbox, false, shop).deliveries("w"),
        ["0: 1201-1213 200", "1: 2601-2613 200", "2: 3201-3213 200"],
        "the relay polls every 200 ms"
    );
}

#[test]
fn what_has_piled_up_in_an_outbox_is_published_once_and_in_the_order_of_writing() {
    // The first two orders are written while the broker is away.
    let ran = orders(", outbox: {poll: 200ms}", false, "{at: 900ms, for: 1500ms, brokerDown: {broker: b}}");
    let broker = ran.broker();
    assert_eq!([broker.published, broker.events_written, broker.events_lost], [3, 3, 0]);
    let who: Vec<String> = ran.deliveries("w").iter().map(|told| told.split(':').next().unwrap_or_default().to_owned()).collect();
    assert_eq!(who, ["0", "1", "2"], "each once, the oldest first");
}

#[test]
fn what_an_idempotent_consumer_has_handled_while_the_broker_was_gone_it_does_not_handle_again() {
    let down = "faults: {down: {at: 1200ms, for: 1s, brokerDown: {broker: b}}}";
    let again = |idempotent: bool| {
        let rest = format!(
            "brokers: {{b: {{kind: rabbitmq, queues: {{q: {{}}}}}}}}\nconsumers: {{w: {{service: worker, from: b.q, idempotent: {idempotent}, steps: [{{work: 500ms}}]}}}}\n{down}"
        );
        run(&shop("1s", "[{publish: {to: b.q}}]", &rest)).deliveries("w")[1].clone()
    };
    assert_eq!([again(false), again(true)], ["0: 6200-6700 200", "0: 6200-6200 200"]);
}
