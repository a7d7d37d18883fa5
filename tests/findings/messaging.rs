//! What is said of brokers, their queues and consumers.

use super::{Weight, fires, silent};

/// 100/s into a queue of a broker, and who takes them out.
fn model(kind: &str, queue: &str, consumer: &str) -> String {
    sent("confirm: true, policy: once", kind, queue, consumer)
}

fn sent(publish: &str, kind: &str, queue: &str, consumer: &str) -> String {
    let places = if kind == "kafka" { "nodes: 3, topics" } else { "queues" };
    format!(
        "clients: {{c: {{target: a.get, arrivals: poisson(100/s)}}}}\n\
         services: {{a: {{endpoints: {{get: [{{publish: {{to: b.q, {publish}}}}}]}}}}, w: {{replicas: 2, endpoints: {{}}}}}}\n\
         brokers: {{b: {{kind: {kind}, {places}: {{q: {{{queue}}}}}}}}}\n\
         policies: {{once: {{timeout: 1s}}, twice: {{retry: {{attempts: 2}}}}}}\n\
         network: {{default: {{latency: 1ms}}}}\n\
         {}",
        if consumer.is_empty() { String::new() } else { format!("consumers: {{k: {{service: w, from: b.q, {consumer}}}}}\n") }
    )
}

#[test]
fn a_broker_and_a_consumer_that_keep_up_are_no_finding() {
    for (kind, consumer) in [
        ("rabbitmq", "prefetch: 10, steps: [{work: 1ms}]"),
        ("kafka", "concurrency: 1, steps: [{work: 1ms}]"),
        ("sqs", "concurrency: 4, steps: [{work: 1ms}]"),
        ("serviceBus", "concurrency: 4, steps: [{work: 1ms}]"),
    ] {
        let partitions = if kind == "kafka" { "partitions: 2" } else { "" };
        let found = super::findings(&model(kind, partitions, consumer).replace(", twice: {retry: {attempts: 2}}", ""));
        assert_eq!(found, [], "{kind}");
    }
}

#[test]
fn consumers_that_handle_less_than_comes_are_told_by_the_mean_of_the_run() {
    let code = "overloaded-consumer";
    // With a prefetch of 1: 20 ms and a round trip of 2 ms for each, on two replicas.
    let says = "`b.q` gets 100 messages a second on average, and its consumers handle 91: what waits grows all the time";
    fires(code, &model("rabbitmq", "", "prefetch: 1, steps: [{work: 20ms}]"), Weight::Warning, says, "consumers.k");
    silent(code, &model("rabbitmq", "", "prefetch: 2, steps: [{work: 19900us}]"));
    silent(code, &model("rabbitmq", "", "prefetch: 2, concurrency: 2, steps: [{work: 20ms}]"));
    // A peak is what a queue is there for.
    let peak = model("rabbitmq", "", "prefetch: 2, steps: [{work: 19900us}]")
        .replace("arrivals: poisson(100/s)", "arrivals: poisson(50/s), profile: [{at: 10s, rate: 300/s}, {at: 20s, rate: 50/s}]");
    silent(code, &peak);
    // One of the two stands by.
    let says = "`b.q` gets 100 messages a second on average, and its consumers handle 67: what waits grows all the time";
    let one = model("rabbitmq", "singleActiveConsumer: true", "prefetch: 2, steps: [{work: 15ms}]");
    fires(code, &one, Weight::Warning, says, "consumers.k");
    // One partition is read by one member.
    let one = |partitions: u32| model("kafka", &format!("partitions: {partitions}"), "steps: [{work: 15ms}]");
    fires(code, &one(1), Weight::Warning, says.replace("b.q", "b.q/k").as_str(), "consumers.k");
    silent(code, &one(2));
}

/// What comes faster than it is handled waits in the queue, and not at whom the consumer calls.
#[test]
fn messages_count_as_load_of_whom_their_handlers_call_and_no_more_than_is_handled() {
    let with = |work: &str, db: &str| {
        model("rabbitmq", "", &format!("prefetch: 4, concurrency: 2, steps: [{{work: {work}}}, {{call: db.put, policy: once}}]"))
            .replace("services: {", &format!("services: {{db: {{workers: 1, endpoints: {{put: [{{work: {db}}}]}}}}, "))
    };
    let says = "`db` is offered 100/s at its peak, which keeps 1.2 workers busy, and has 1 (120 % utilization)";
    fires("overloaded", &with("1ms", "12ms"), Weight::Warning, says, "services.db");
    // Four at a time, each 86 + 12 + 2 ms: 40/s come through.
    silent("overloaded", &with("86ms", "12ms"));
    // A broker with few workers is not busy with waiting for its consumers.
    silent(
        "overloaded",
        &model("rabbitmq", "", "prefetch: 9, concurrency: 9, steps: [{work: 100ms}]").replace("kind:", "workers: 1, kind:"),
    );
}

#[test]
fn a_queue_that_nobody_reads_and_nothing_bounds_is_told() {
    let says = "messages are published to `b.q`, which nobody consumes and nothing bounds: it grows for ever";
    for kind in ["rabbitmq", "serviceBus"] {
        fires("unread-queue", &model(kind, "", ""), Weight::Warning, says, "brokers.b.queues.q");
        silent("unread-queue", &model(kind, "messageTtl: 1m", ""));
        silent("unread-queue", &model(kind, "maxBytes: 1MiB", ""));
        silent("unread-queue", &model(kind, "", "steps: [{work: 1ms}]"));
        silent("unread-queue", &sent("ttl: 5s", kind, "", ""));
    }
    silent("unread-queue", &model("rabbitmq", "maxLength: 10", ""));
    // Dead letters are for people; what keeps nothing for ever does not grow for ever.
    silent("unread-queue", &model("rabbitmq", "}, r: {deadLetter: q", "").replace("consumers: {}", ""));
    silent("unread-queue", &model("sqs", "", ""));
    silent("unread-queue", &model("kafka", "", ""));
}

#[test]
fn giving_back_at_once_and_without_a_limit_is_a_loop() {
    let says = "`k` gives back at once what it cannot handle, and gets it again at once, for ever";
    let fails = "prefetch: 1, steps: [{fail: {share: 1%}}]";
    for back in ["", ", onError: {nack: {requeue: true}}", ", onError: {reject: {}}"] {
        fires("hot-loop", &model("rabbitmq", "", &format!("{fails}{back}")), Weight::Warning, says, "consumers.k");
        silent("hot-loop", &model("rabbitmq", "type: quorum", &format!("{fails}{back}")));
    }
    fires("hot-loop", &model("rabbitmq", "", "prefetch: 1, steps: [{call: a.get, policy: once}]"), Weight::Warning, says, "consumers.k");
    let poison = "faults: {f: {at: 1s, for: 1s, poisonMessage: {queue: b.q}}}\n";
    fires("hot-loop", &(model("rabbitmq", "", "prefetch: 1, steps: [{work: 1ms}]") + poison), Weight::Warning, says, "consumers.k");
    for well in [
        "prefetch: 1, steps: [{work: 1ms}]",
        "prefetch: 1, steps: [{fail: {share: 1%}}], onError: {nack: {requeue: false}}",
        "prefetch: 1, steps: [{fail: {share: 1%}}], onError: {retry: {attempts: 2, backoff: {initial: 1s}}}",
        "autoAck: true, steps: [{fail: {share: 1%}}]",
    ] {
        silent("hot-loop", &model("rabbitmq", "", well));
    }
    silent("hot-loop", &model("serviceBus", "", "steps: [{fail: {share: 1%}}]"));
}

#[test]
fn a_consumer_without_a_prefetch_is_told() {
    let says = "`k` has no `prefetch`: all that waits is sent to those who are there, and none of it to who comes later";
    fires("unlimited-prefetch", &model("rabbitmq", "", "steps: [{work: 1ms}]"), Weight::Note, says, "consumers.k");
    silent("unlimited-prefetch", &model("rabbitmq", "", "prefetch: 1, steps: [{work: 1ms}]"));
    silent("unlimited-prefetch", &model("sqs", "", "steps: [{work: 1ms}]"));
}

#[test]
fn a_publisher_that_does_not_learn_what_is_lost_is_told() {
    let says = "`a.get` publishes to `b.q` without a confirm: what is lost on the way is lost without a word";
    let reader = "prefetch: 1, steps: [{work: 1ms}]";
    let code = "unconfirmed-publish";
    fires(code, &sent("key: x", "rabbitmq", "", reader), Weight::Warning, says, "services.a.endpoints.get[0].publish");
    silent(code, &sent("confirm: true, policy: twice", "rabbitmq", "", reader));
    silent(code, &sent("persistent: false", "rabbitmq", "", reader));
    silent(code, &sent("awaitReply: {timeout: 1s}", "rabbitmq", "", reader));
    silent(code, &sent("key: x", "rabbitmq", "", reader).replace("kind:", "durable: false, kind:"));
    // Nobody waits, so there is nothing to bound; who waits for a confirm may wait for ever.
    silent("no-timeout", &sent("key: x", "rabbitmq", "", reader));
    silent("no-timeout", &sent("awaitReply: {timeout: 1s}", "rabbitmq", "", reader));
    let says = "`a.get` waits for `b.to q` without a timeout";
    fires("no-timeout", &sent("confirm: true", "rabbitmq", "", reader), Weight::Warning, says, "services.a.endpoints.get[0].publish");
}

#[test]
fn what_counts_as_handled_before_it_is_is_told() {
    let says = "what `k` has been sent counts as handled: if it dies or fails, that is lost";
    for kind in ["rabbitmq", "serviceBus"] {
        fires("at-most-once", &model(kind, "", "autoAck: true, steps: [{work: 1ms}]"), Weight::Note, says, "consumers.k");
        silent("at-most-once", &model(kind, "", "steps: [{work: 1ms}]"));
    }
    fires("at-most-once", &model("kafka", "", "commit: beforeHandling, steps: [{work: 1ms}]"), Weight::Note, says, "consumers.k");
    silent("at-most-once", &model("kafka", "", "commit: perPoll, steps: [{work: 1ms}]"));
}

#[test]
fn a_message_that_comes_again_while_it_is_handled_is_told() {
    let says = "`k` takes 40s on average to be done with what it gets at once, which is visible again after 30s";
    fires("handled-twice", &model("sqs", "", "steps: [{work: 40s}]"), Weight::Warning, says, "consumers.k");
    silent("handled-twice", &model("sqs", "visibilityTimeout: 40s", "steps: [{work: 40s}]"));
    // A batch of ten, two at a time.
    fires("handled-twice", &model("sqs", "", "prefetch: 10, concurrency: 2, steps: [{work: 8s}]"), Weight::Warning, says, "consumers.k");
    silent("handled-twice", &model("sqs", "", "prefetch: 10, concurrency: 4, steps: [{work: 8s}]"));
    // Its lock is renewed for five minutes.
    let says = "`k` takes 360s on average to be done with what it gets at once, which is unlocked after 300s";
    let says = says.replace("360s", "6m").replace("300s", "5m");
    fires("handled-twice", &model("serviceBus", "", "steps: [{work: 6m}]"), Weight::Warning, &says, "consumers.k");
    silent("handled-twice", &model("serviceBus", "", "renewFor: 10m, steps: [{work: 6m}]"));
}

#[test]
fn members_partitions_and_polls_that_do_not_fit_are_told() {
    let says = "`b.q/k` has 4 members for 3 partitions: 1 of them do nothing";
    let reads = "concurrency: 2, steps: [{work: 1ms}]";
    fires("idle-members", &model("kafka", "partitions: 3", reads), Weight::Warning, says, "consumers.k");
    silent("idle-members", &model("kafka", "partitions: 4", reads));

    let says = "a full poll of `k`, 500 records, takes 10m on average, and who takes longer than 5m loses its partitions";
    fires("poll-too-long", &model("kafka", "partitions: 2", "steps: [{work: 1200ms}]"), Weight::Warning, says, "consumers.k");
    silent("poll-too-long", &model("kafka", "partitions: 2", "maxPollRecords: 250, steps: [{work: 1200ms}]"));
    silent("poll-too-long", &model("kafka", "partitions: 2", "maxPollInterval: 10m, steps: [{work: 1200ms}]"));
}

#[test]
fn waiting_for_all_copies_where_one_is_enough_is_told() {
    let says = "publishers wait for all copies of `b.q` that are in sync, and the leader's alone is enough for that: what it then takes is lost with it";
    let reads = "steps: [{work: 1ms}]";
    fires("all-may-be-one", &model("kafka", "replication: 3", reads), Weight::Warning, says, "brokers.b.topics.q");
    silent("all-may-be-one", &model("kafka", "replication: 3, minInSyncReplicas: 2", reads));
    silent("all-may-be-one", &model("kafka", "replication: 1", reads));
    silent("all-may-be-one", &sent("confirm: true, policy: once, acks: leader", "kafka", "replication: 3", reads));
}
