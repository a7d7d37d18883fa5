//! What the models of messaging show.

use super::{assert_near, observed, passed, run, success};
use brownout::analysis::summary::{QueueSummary, Summary};

fn queue<'s>(summary: &'s Summary, name: &str) -> &'s QueueSummary {
    summary.brokers.get(name).unwrap_or_else(|| panic!("no queue {name}"))
}

fn broken(summary: &Summary) -> Vec<&str> {
    summary.expectations.iter().filter(|(_, verdict)| !verdict.passed).map(|(name, _)| name).collect()
}

#[test]
fn the_guides_order_events_lose_nothing_with_confirms_and_something_without() {
    let summary = run("order-events", None);
    assert!(broken(&summary).is_empty(), "{:?}", summary.expectations);
    assert_near("drained", observed(&summary, "drains"), 14.0, 4.0);
    let (with, without) = (queue(&summary, "order-events.billing"), run("order-events", Some("asWritten")));
    assert_eq!(queue(&summary, "order-events.unbilled").left, with.dead_lettered);
    // Two seconds of 40 orders, and one message in a hundred.
    assert_near("lost", observed(&without, "keepsEvents"), 80.0, 25.0);
    assert_near("dropped", queue(&without, "order-events.billing").dropped as f64, 72.0, 25.0);
    assert_eq!(without.brokers.get("order-events.unbilled").expect("it is there").published, 0);
    assert_eq!(success(&without, "shoppers"), 1.0, "and nobody notices");
}

#[test]
fn what_is_done_about_a_slow_consumer_moves_the_trouble() {
    assert!(observed(&run("order-events", Some("moreConsumers")), "drains") <= 2.0);
    let hidden = run("order-events", Some("prefetch20"));
    assert_near("drained with the round trip hidden", observed(&hidden, "drains"), 10.0, 3.0);
    let refused = run("order-events", Some("refuseWhenFull"));
    assert!(!passed(&refused, "served") && !passed(&refused, "fast"), "{:?}", refused.expectations);
    let mails = queue(&refused, "order-events.mails").published;
    assert!(mails > queue(&refused, "order-events.billing").published + 1000, "each try is another mail: {mails}");
    let dropped = run("order-events", Some("dropWhenFull"));
    assert_eq!(broken(&dropped), ["setAside"]);
}

/// T·ρ/(1 − ρ): the variance of 20 s of arrivals and of what comes while it drains is a part of it.
#[test]
fn a_backlog_takes_as_long_as_arithmetic_says() {
    for (variant, seconds, tolerance) in
        [(Some("half"), 20.0, 4.0), (None, 80.0, 15.0), (Some("ninety"), 180.0, 45.0), (Some("twoConsumers"), 13.0, 3.0)]
    {
        assert_near(&format!("{variant:?}"), observed(&run("backlog", variant), "drains"), seconds, tolerance);
    }
    assert!(!passed(&run("backlog", Some("full")), "drains"));
    for (variant, fresh) in [(None, false), (Some("ttl"), true), (Some("dropOldest"), true), (Some("refuseNewest"), false)] {
        assert_eq!(passed(&run("backlog", variant), "fresh"), fresh, "{variant:?}");
    }
    let refused = run("backlog", Some("refuseNewest"));
    assert_eq!(queue(&refused, "jobs.work").refused, refused.clients.get("producers").expect("they are there").failed);
}

#[test]
fn a_poison_message_is_a_loop_a_dead_letter_or_a_round() {
    let hot = run("poison-message", None);
    assert!(!passed(&hot, "moves"));
    assert!(queue(&hot, "orders.work").redelivered > 10_000, "they do nothing else");
    assert_eq!(broken(&run("poison-message", Some("deadLetter"))), ["setsAsideTheBad"]);
    for variant in ["deliveryLimit", "retryInPlace"] {
        let summary = run("poison-message", Some(variant));
        assert!(broken(&summary).is_empty(), "{variant}: {:?}", summary.expectations);
        assert_eq!(queue(&summary, "orders.dead").left, 3, "{variant}");
    }
    let round = run("poison-message", Some("delayedRetry"));
    assert!(passed(&round, "moves"));
    let (dead, back) = (queue(&round, "orders.dead").published, queue(&round, "orders.dead").expired);
    assert!(back > 0 && dead > back, "some go round to the end: {dead} {back}");
}

#[test]
fn a_group_stands_still_until_the_dead_are_known_to_be() {
    // From 30 s to the end of the last one's session, 105 + 45 s.
    assert_near("eager", observed(&run("rebalance-storm", None), "fresh"), 120.0, 15.0);
    let aged = |variant: &str| observed(&run("rebalance-storm", Some(variant)), "fresh");
    assert!(aged("cooperative") > 40.0 && aged("broker") > 40.0);
    assert_near("static", aged("staticMembership"), 5.0, 1.0);
    assert!(aged("shortSession") < 10.0);
    assert!(!passed(&run("rebalance-storm", Some("autoCommit")), "few"));
}

#[test]
fn a_queue_takes_a_burst_that_calls_do_not() {
    for calls in [None, Some("retries"), Some("longQueue")] {
        assert!(success(&run("load-levelling", calls), "shops") < 0.9, "{calls:?}");
    }
    assert!(broken(&run("load-levelling", Some("fourTimesTheWorkers"))).is_empty());
    let levelled = run("load-levelling", Some("queue"));
    assert!(broken(&levelled).is_empty(), "{:?}", levelled.expectations);
    assert_near("drained", observed(&levelled, "drains"), 60.0, 5.0);
    assert_near("the last one", queue(&levelled, "jobs.work").age.max, 30.0, 2.0);
    let bounded = run("load-levelling", Some("boundedQueue"));
    assert!(!passed(&bounded, "served") && passed(&bounded, "quick"));
    assert_near("ten seconds", queue(&bounded, "jobs.work").age.max, 10.0, 1.0);
}

#[test]
fn only_an_outbox_neither_loses_nor_invents() {
    for (variant, misses) in [
        (None, &["nothingLost"][..]),
        (Some("confirmed"), &["nothingLost"]),
        (Some("eventFirst"), &["nothingInvented"]),
        (Some("outbox"), &[]),
    ] {
        assert_eq!(broken(&run("outbox", variant)), misses, "{variant:?}");
    }
}

#[test]
fn who_cannot_do_its_part_says_so_and_what_was_done_is_undone() {
    let saga = run("saga", None);
    assert_eq!(broken(&saga), [""; 0]);
    let (refunded, done) = (queue(&saga, "saga.refund").acked, queue(&saga, "saga.done").acked);
    assert!(refunded > 0 && done == queue(&saga, "saga.pay").acked, "{refunded} refunds, {done} settled");
    let silent = run("saga", Some("noCompensation"));
    assert_eq!(broken(&silent), ["everyOrderIsSettled"]);
    assert_eq!(queue(&silent, "saga.reserve").dropped, refunded, "the same orders, on the same random numbers");
    assert_eq!(queue(&run("saga", Some("retryFirst")), "saga.refund").acked, 0);
}

#[test]
fn a_log_loses_what_was_not_copied_and_forgets_what_was_not_read() {
    assert_eq!(broken(&run("event-log", None)), ["quick", "readOnce"]);
    let leader = run("event-log", Some("acksLeader"));
    assert!(passed(&leader, "quick") && !passed(&leader, "keeps"), "{:?}", leader.expectations);
    assert!(passed(&run("event-log", Some("commitEach")), "readOnce"));
    let first = run("event-log", Some("commitFirst"));
    assert!(passed(&first, "readOnce") && !passed(&first, "keeps"), "{:?}", first.expectations);
    let forgotten = run("event-log", Some("shortRetention"));
    assert!(queue(&forgotten, "events.orders/reports").lost > 1000);
    assert_eq!(queue(&forgotten, "events.orders/billing").lost, 0);
}

#[test]
fn what_is_hidden_or_locked_comes_back_in_its_time() {
    let summary = run("cloud-queues", None);
    assert!(broken(&summary).is_empty(), "{:?}", summary.expectations);
    let short = run("cloud-queues", Some("shortTimeouts"));
    assert_eq!(broken(&short), ["billedOnce"]);
    let bills = queue(&short, "topic.bills");
    // P(lognormal(p50 200 ms, p99 2 s) > 1 s) is 5.2 %.
    assert_near("worked on twice", bills.duplicates as f64 / bills.published as f64, 0.052, 0.01);
    assert!(!passed(&run("cloud-queues", Some("sessions")), "parcelsMove"));
    assert!(passed(&run("cloud-queues", Some("moreSessions")), "parcelsMove"));
    assert_eq!(queue(&run("cloud-queues", Some("noLimit")), "topic.bills").left, 5);
}
