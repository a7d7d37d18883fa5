//! What comes back from consumers: where it stands, and how often it may.

use super::*;

#[test]
fn what_comes_back_to_a_classic_queue_stands_where_it_stood() {
    let mut bench = Bench::new(QueueRules::default());
    let consumer = bench.subscribe(3);
    bench.publish(1..=5);
    let delivered = bench.delivered();
    // Two of three go back, in any order: the older is delivered first, again.
    bench.settle(delivered[2].1, REQUEUE);
    assert_eq!(bench.delivered().iter().map(|d| (d.2, d.3)).collect::<Vec<_>>(), [(3, true)]);
    bench.queue.unsubscribe(&bench.rules, consumer, bench.now, &mut bench.answers);
    bench.subscribe(0);
    let again = bench.delivered();
    assert_eq!(again.iter().map(|d| (d.2, d.3)).collect::<Vec<_>>(), [(1, true), (2, true), (3, true), (4, false), (5, false)]);
}

#[test]
fn what_comes_back_to_a_quorum_queue_is_delivered_before_what_is_ready() {
    let mut bench = Bench::new(QueueRules { kind: QueueKind::Quorum, delivery_limit: Some(9), ..QueueRules::default() });
    bench.subscribe(2);
    bench.publish(1..=4);
    let delivered = bench.delivered();
    bench.settle(delivered[1].1, REQUEUE);
    bench.settle(delivered[0].1, REQUEUE);
    assert_eq!(bench.delivered().iter().map(|d| d.2).collect::<Vec<_>>(), [2, 1]);
}

#[test]
fn what_consumers_give_back_to_a_quorum_queue_without_a_limit_stands_behind_what_is_ready() {
    let mut bench = Bench::new(QUORUM);
    let consumer = bench.subscribe(2);
    bench.publish(1..=4);
    let delivered = bench.delivered();
    bench.settle(delivered[1].1, REQUEUE);
    assert_eq!(bench.delivered().iter().map(|d| d.2).collect::<Vec<_>>(), [3]);
    // What it loses stands before it.
    bench.queue.unsubscribe(&bench.rules, consumer, bench.now, &mut bench.answers);
    bench.subscribe(0);
    assert_eq!(bench.delivered().iter().map(|d| (d.2, d.3)).collect::<Vec<_>>(), [(1, true), (3, true), (4, false), (2, true)]);
}

#[test]
fn what_a_lost_consumer_held_comes_back_to_a_quorum_queue_in_the_order_of_its_deliveries() {
    let mut bench = Bench::new(QueueRules { delivery_limit: Some(9), ..QUORUM });
    let consumer = bench.subscribe(3);
    bench.publish(1..=4);
    let delivered = bench.delivered();
    bench.settle(delivered[0].1, REQUEUE);
    bench.queue.unsubscribe(&bench.rules, consumer, bench.now, &mut bench.answers);
    bench.answers.clear();
    bench.subscribe(0);
    let again = bench.delivered();
    assert_eq!(again.iter().map(|d| d.2).collect::<Vec<_>>(), [2, 3, 1, 4]);
    assert_eq!(again.iter().map(|d| bench.queue.in_hand(d.1).unwrap().returns).collect::<Vec<_>>(), [1, 1, 2, 0]);
}

#[test]
fn what_survives_a_restart_is_back_and_in_a_quorum_queue_has_come_back_once_more() {
    for kind in [QueueKind::Classic, QueueKind::Quorum] {
        let mut bench = Bench::new(QueueRules { kind, ..QueueRules::default() });
        bench.subscribe(2);
        bench.publish(1..=4);
        let lost = bench.queue.restart(&bench.rules, |message| *message != 4, &mut bench.answers);
        bench.answers.clear();
        assert_eq!((lost, bench.queue.ready(), bench.queue.unacked()), (1, 3, 0));
        bench.subscribe(0);
        let again = bench.delivered();
        assert_eq!(again.iter().map(|d| (d.2, d.3)).collect::<Vec<_>>(), [(1, true), (2, true), (3, false)], "{kind:?}");
        if kind == QueueKind::Quorum {
            let counted: Vec<u32> = again.iter().map(|d| bench.queue.in_hand(d.1).unwrap().returns).collect();
            assert_eq!(counted, [1, 1, 0]);
        }
    }
}

#[test]
fn what_comes_back_too_old_expires_though_nobody_would_take_it() {
    let mut bench = Bench::new(QueueRules::default());
    let consumer = bench.subscribe(1);
    bench.publish_for(1, 20);
    let tag = bench.delivered()[0].1;
    bench.queue.cancel(&bench.rules, consumer, bench.now, &mut bench.answers);
    bench.at(50).settle(tag, REQUEUE);
    assert_eq!((bench.dead(), bench.queue.ready()), (vec![(1, Reason::Expired)], 0));
}

#[test]
fn a_message_that_comes_back_too_often_is_dead() {
    let rules = QueueRules { kind: QueueKind::Quorum, delivery_limit: Some(2), ..QueueRules::default() };
    let mut bench = Bench::new(rules);
    bench.subscribe(1);
    bench.publish([1]);
    for round in 0..3 {
        let [(_, tag, 1, redelivered)] = bench.delivered()[..] else { panic!("round {round}") };
        assert_eq!(redelivered, round > 0);
        bench.settle(tag, REQUEUE);
    }
    // Delivered three times: the limit, and once.
    assert_eq!((bench.delivered(), bench.dead()), (vec![], vec![(1, Reason::DeliveryLimit)]));
}

#[test]
fn since_4_3_only_rejects_and_lost_consumers_count_for_the_limit() {
    let rules = QueueRules { kind: QueueKind::Quorum, delivery_limit: Some(0), nack_counts: false, ..QueueRules::default() };
    let mut bench = Bench::new(rules);
    bench.subscribe(1);
    bench.publish([1]);
    for _ in 0..5 {
        let tag = bench.delivered()[0].1;
        bench.settle(tag, REQUEUE);
    }
    let tag = bench.delivered()[0].1;
    bench.settle(tag, Settled::Reject { requeue: true });
    assert_eq!(bench.dead(), [(1, Reason::DeliveryLimit)]);
}
