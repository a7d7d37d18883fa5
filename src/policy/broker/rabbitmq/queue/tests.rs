//! What a queue answers, case by case, and that it loses and invents nothing.

use super::*;
use crate::base::cases::cases;
use proptest::prelude::*;

mod returns;

/// A queue of numbered messages, and what it has answered.
struct Bench {
    rules: QueueRules,
    queue: Queue<u32>,
    now: Instant,
    answers: Vec<Answer<u32>>,
}

impl Bench {
    fn new(rules: QueueRules) -> Bench {
        Bench { rules: rules.validated().unwrap(), queue: Queue::default(), now: Instant::START, answers: Vec::new() }
    }

    fn at(&mut self, millis: u64) -> &mut Bench {
        self.now = Instant::START + Nanos::from_millis(millis);
        self.queue.expire(self.now, &mut self.answers);
        self
    }

    fn publish(&mut self, messages: impl IntoIterator<Item = u32>) -> Vec<Published> {
        messages.into_iter().map(|m| self.queue.publish(&self.rules, m, 10, None, self.now, &mut self.answers)).collect()
    }

    fn publish_for(&mut self, message: u32, millis: u64) {
        self.queue.publish(&self.rules, message, 10, Some(Nanos::from_millis(millis)), self.now, &mut self.answers);
    }

    fn subscribe(&mut self, prefetch: u32) -> u32 {
        self.subscribe_with_priority(prefetch, 0)
    }

    fn subscribe_with_priority(&mut self, prefetch: u32, priority: i32) -> u32 {
        self.queue.subscribe(&self.rules, prefetch, priority, self.now, &mut self.answers)
    }

    fn settle(&mut self, tag: u32, how: Settled) {
        self.queue.settle(&self.rules, tag, how, self.now, &mut self.answers);
    }

    /// What was delivered since last asked: consumer, tag, message, redelivered.
    fn delivered(&mut self) -> Vec<(u32, u32, u32, bool)> {
        let deliveries = self.answers.iter().filter_map(|answer| match *answer {
            Answer::Deliver { consumer, tag, message, redelivered, .. } => Some((consumer, tag, message, redelivered)),
            Answer::Dead { .. } => None,
        });
        let deliveries = deliveries.collect();
        self.answers.retain(|answer| matches!(answer, Answer::Dead { .. }));
        deliveries
    }

    fn dead(&mut self) -> Vec<(u32, Reason)> {
        let dead = self.answers.iter().filter_map(|answer| match *answer {
            Answer::Dead { message, reason } => Some((message, reason)),
            Answer::Deliver { .. } => None,
        });
        let dead = dead.collect();
        self.answers.retain(|answer| matches!(answer, Answer::Deliver { .. }));
        dead
    }
}

const QUORUM: QueueRules = QueueRules {
    kind: QueueKind::Quorum,
    message_ttl: None,
    max_length: None,
    max_bytes: None,
    overflow: Overflow::DropHead,
    delivery_limit: None,
    nack_counts: true,
    single_active: false,
    next_by_priority: true,
};
const REQUEUE: Settled = Settled::Nack { requeue: true };

#[test]
fn deliveries_go_round_consumers_with_room_in_their_prefetch() {
    let mut bench = Bench::new(QueueRules::default());
    bench.subscribe(1);
    bench.subscribe(2);
    bench.publish(1..=5);
    let delivered = bench.delivered();
    assert_eq!(delivered.iter().map(|d| (d.0, d.2)).collect::<Vec<_>>(), [(0, 1), (1, 2), (1, 3)]);
    assert_eq!((bench.queue.ready(), bench.queue.unacked()), (2, 3));
    bench.settle(delivered[1].1, Settled::Ack);
    bench.settle(delivered[0].1, Settled::Ack);
    assert_eq!(bench.delivered().iter().map(|d| (d.0, d.2)).collect::<Vec<_>>(), [(1, 4), (0, 5)]);
}

#[test]
fn a_prefetch_of_zero_is_no_limit() {
    let mut bench = Bench::new(QueueRules::default());
    bench.subscribe(0);
    bench.publish(1..=1000);
    assert_eq!(bench.delivered().len(), 1000);
}

#[test]
fn consumers_of_higher_priority_are_served_first_until_they_are_full() {
    let mut bench = Bench::new(QueueRules::default());
    bench.subscribe_with_priority(0, 0);
    bench.subscribe_with_priority(2, 10);
    bench.publish(1..=4);
    assert_eq!(bench.delivered().iter().map(|d| d.0).collect::<Vec<_>>(), [1, 1, 0, 0]);
}

#[test]
fn a_single_active_consumer_gets_all_until_it_goes() {
    let mut bench = Bench::new(QueueRules { single_active: true, ..QueueRules::default() });
    let first = bench.subscribe(2);
    bench.subscribe(2);
    bench.publish(1..=4);
    assert_eq!(bench.delivered().iter().map(|d| (d.0, d.2)).collect::<Vec<_>>(), [(0, 1), (0, 2)]);
    bench.queue.unsubscribe(&bench.rules, first, bench.now, &mut bench.answers);
    assert_eq!(bench.delivered().iter().map(|d| (d.0, d.2, d.3)).collect::<Vec<_>>(), [(1, 1, true), (1, 2, true)]);
}

#[test]
fn a_consumer_that_has_room_again_before_it_is_asked_keeps_its_turn_in_a_classic_queue() {
    for (kind, next) in [(QueueKind::Classic, 0), (QueueKind::Quorum, 1)] {
        let mut bench = Bench::new(QueueRules { kind, ..QueueRules::default() });
        bench.subscribe(1);
        bench.subscribe(1);
        bench.publish(1..=2);
        let delivered = bench.delivered();
        bench.settle(delivered[1].1, Settled::Ack);
        bench.settle(delivered[0].1, Settled::Ack);
        bench.publish([3]);
        assert_eq!(bench.delivered()[0].0, next, "{kind:?}");
    }
}

#[test]
fn a_consumer_that_cancels_keeps_what_it_has() {
    let mut bench = Bench::new(QueueRules { single_active: true, ..QUORUM });
    let first = bench.subscribe(1);
    bench.subscribe(1);
    bench.publish(1..=3);
    let held = bench.delivered()[0].1;
    bench.queue.cancel(&bench.rules, first, bench.now, &mut bench.answers);
    assert_eq!(bench.delivered().iter().map(|d| (d.0, d.2)).collect::<Vec<_>>(), [(1, 2)]);
    bench.settle(held, Settled::Ack);
    assert_eq!((bench.delivered(), bench.queue.ready(), bench.queue.unacked()), (vec![], 1, 1));
}

#[test]
fn the_next_active_consumer_is_the_one_of_the_highest_priority_but_before_4_0_in_quorum_queues() {
    for (kind, next_by_priority, next) in
        [(QueueKind::Classic, false, 2), (QueueKind::Classic, true, 2), (QueueKind::Quorum, true, 2), (QueueKind::Quorum, false, 1)]
    {
        let mut bench = Bench::new(QueueRules { kind, single_active: true, next_by_priority, ..QueueRules::default() });
        let first = bench.subscribe_with_priority(0, 9);
        bench.subscribe_with_priority(0, 1);
        bench.subscribe_with_priority(0, 5);
        bench.queue.unsubscribe(&bench.rules, first, bench.now, &mut bench.answers);
        bench.publish([1]);
        assert_eq!(bench.delivered()[0].0, next, "{kind:?} {next_by_priority}");
    }
}

#[test]
fn what_is_refused_for_good_is_dead() {
    let mut bench = Bench::new(QueueRules::default());
    bench.subscribe(2);
    bench.publish(1..=2);
    let delivered = bench.delivered();
    bench.settle(delivered[0].1, Settled::Nack { requeue: false });
    bench.settle(delivered[1].1, Settled::Reject { requeue: false });
    assert_eq!(bench.dead(), [(1, Reason::Rejected), (2, Reason::Rejected)]);
    assert_eq!((bench.queue.ready(), bench.queue.unacked()), (0, 0));
}

#[test]
fn a_full_queue_drops_its_oldest_or_refuses_the_newest() {
    for (overflow, published, dead, ready) in [
        (Overflow::DropHead, vec![Published::Taken; 7], vec![(1, Reason::MaxLen), (2, Reason::MaxLen)], vec![3, 4, 5, 6, 7]),
        (Overflow::RejectPublish, [vec![Published::Taken; 5], vec![Published::Refused; 2]].concat(), vec![], vec![1, 2, 3, 4, 5]),
        (
            Overflow::RejectPublishDlx,
            [vec![Published::Taken; 5], vec![Published::Refused; 2]].concat(),
            vec![(6, Reason::MaxLen), (7, Reason::MaxLen)],
            vec![1, 2, 3, 4, 5],
        ),
    ] {
        let mut bench = Bench::new(QueueRules { max_length: Some(5), overflow, ..QueueRules::default() });
        assert_eq!(bench.publish(1..=7), published, "{overflow:?}");
        assert_eq!(bench.dead(), dead, "{overflow:?}");
        bench.subscribe(0);
        assert_eq!(bench.delivered().iter().map(|d| d.2).collect::<Vec<_>>(), ready, "{overflow:?}");
    }
}

#[test]
fn the_length_limit_counts_what_is_ready_and_not_what_consumers_hold() {
    let mut bench = Bench::new(QueueRules { max_length: Some(2), overflow: Overflow::RejectPublish, ..QueueRules::default() });
    bench.subscribe(3);
    assert_eq!(bench.publish(1..=6), [vec![Published::Taken; 5], vec![Published::Refused]].concat());
    assert_eq!((bench.queue.ready(), bench.queue.unacked()), (2, 3));
}

#[test]
fn a_classic_queue_that_may_hold_nothing_refuses_even_what_a_consumer_could_take() {
    let mut bench = Bench::new(QueueRules { max_length: Some(0), overflow: Overflow::RejectPublish, ..QueueRules::default() });
    bench.subscribe(0);
    assert_eq!((bench.publish([1]), bench.delivered()), (vec![Published::Refused], vec![]));
}

#[test]
fn a_quorum_queue_refuses_once_it_has_one_too_many_until_a_fifth_is_free() {
    let mut bench = Bench::new(QueueRules { max_length: Some(10), overflow: Overflow::RejectPublish, ..QUORUM });
    assert_eq!(bench.publish(1..=12), [vec![Published::Taken; 11], vec![Published::Refused]].concat());
    // Nine and eight are ready.
    bench.subscribe(2);
    assert_eq!(bench.publish([13]), [Published::Refused]);
    let tag = bench.delivered()[0].1;
    bench.settle(tag, Settled::Ack);
    assert_eq!(bench.publish(14..=17), [vec![Published::Taken; 3], vec![Published::Refused]].concat());
}

#[test]
fn what_a_quorum_queue_drops_at_once_dies_the_last_first() {
    for (kind, dead) in [(QueueKind::Classic, [1, 2, 3]), (QueueKind::Quorum, [3, 2, 1])] {
        let mut bench = Bench::new(QueueRules { kind, max_bytes: Some(35), ..QueueRules::default() });
        bench.publish(1..=3);
        bench.queue.publish(&bench.rules, 4, 35, None, bench.now, &mut bench.answers);
        assert_eq!(bench.dead(), dead.map(|message| (message, Reason::MaxLen)), "{kind:?}");
    }
}

#[test]
fn bytes_are_limited_as_messages_are() {
    let mut bench = Bench::new(QueueRules { max_bytes: Some(35), ..QueueRules::default() });
    bench.publish(1..=5);
    assert_eq!((bench.queue.ready(), bench.dead()), (3, vec![(1, Reason::MaxLen), (2, Reason::MaxLen)]));
}

#[test]
fn messages_expire_at_the_head_only() {
    let mut bench = Bench::new(QueueRules::default());
    bench.publish_for(1, 100);
    bench.publish_for(2, 20);
    // Too old since 20 ms, but behind one that is not.
    assert_eq!(bench.at(50).dead(), []);
    assert_eq!(bench.queue.expires_at(), Instant::START + Nanos::from_millis(100));
    assert_eq!(bench.at(100).dead(), [(1, Reason::Expired), (2, Reason::Expired)]);
}

#[test]
fn the_shorter_of_the_queues_and_the_messages_time_to_live_holds() {
    let mut bench = Bench::new(QueueRules { message_ttl: Some(Nanos::from_millis(30)), ..QueueRules::default() });
    bench.publish_for(1, 10);
    bench.publish_for(2, 100);
    assert_eq!(bench.at(10).dead(), [(1, Reason::Expired)]);
    assert_eq!(bench.at(30).dead(), [(2, Reason::Expired)]);
}

#[test]
fn a_time_to_live_of_nothing_means_now_or_never() {
    let mut bench = Bench::new(QueueRules::default());
    bench.publish_for(1, 0);
    assert_eq!(bench.dead(), [(1, Reason::Expired)]);
    bench.subscribe(0);
    bench.publish_for(2, 0);
    assert_eq!(bench.delivered().iter().map(|d| d.2).collect::<Vec<_>>(), [2]);
}

#[test]
fn arguments_that_the_broker_refuses_are_refused() {
    let limited = QueueRules { delivery_limit: Some(3), ..QueueRules::default() };
    let dlx = QueueRules { kind: QueueKind::Quorum, overflow: Overflow::RejectPublishDlx, ..QueueRules::default() };
    for (rules, problem) in [
        (limited, "`deliveryLimit` is there for quorum queues only"),
        (dlx, "`overflow` `rejectPublishDlx` is there for classic queues only"),
    ] {
        assert_eq!(rules.validated().unwrap_err().to_string(), problem);
    }
}

#[derive(Clone, Debug)]
enum Action {
    Publish(u64),
    Subscribe(u32),
    Unsubscribe(usize),
    Settle(usize, Settled),
    Wait(u64),
}

fn action() -> impl Strategy<Value = Action> {
    let settled = prop::sample::select(vec![
        Settled::Ack,
        Settled::Nack { requeue: true },
        Settled::Nack { requeue: false },
        Settled::Reject { requeue: true },
        Settled::Reject { requeue: false },
    ]);
    prop_oneof![
        4 => (0u64..100).prop_map(Action::Publish),
        1 => (0u32..4).prop_map(Action::Subscribe),
        1 => (0usize..4).prop_map(Action::Unsubscribe),
        4 => ((0usize..10), settled).prop_map(|(which, how)| Action::Settle(which, how)),
        1 => (0u64..40).prop_map(Action::Wait),
    ]
}

fn any_rules() -> impl Strategy<Value = QueueRules> {
    let overflow = prop::sample::select(vec![Overflow::DropHead, Overflow::RejectPublish]);
    (any::<bool>(), prop::option::of(0u64..6), overflow, prop::option::of(0u32..3), prop::option::of(0u64..50), any::<bool>()).prop_map(
        |(quorum, max_length, overflow, limit, ttl, single_active)| QueueRules {
            kind: if quorum { QueueKind::Quorum } else { QueueKind::Classic },
            message_ttl: ttl.map(Nanos::from_millis),
            max_length,
            overflow,
            delivery_limit: limit.filter(|_| quorum),
            single_active,
            ..QueueRules::default()
        },
    )
}

proptest! {
    #![proptest_config(cases(512))]

    /// Every message taken is acked, dead, ready or held, exactly once; nobody holds more than its prefetch; a queue with a
    /// consumer that has room is empty.
    #[test]
    fn messages_are_conserved(rules in any_rules(), actions in prop::collection::vec(action(), 0..120)) {
        let mut bench = Bench::new(rules.clone());
        let (mut taken, mut acked, mut dead) = (0usize, 0usize, 0usize);
        // Consumer, tag, message of what is held; prefetch of consumers that are there.
        let (mut held, mut consumers) = (Vec::<(u32, u32, u32)>::new(), Vec::<Option<u32>>::new());
        let mut millis = 0;
        for (number, action) in actions.into_iter().enumerate() {
            match action {
                Action::Publish(ttl) => {
                    let ttl = (ttl < 50).then(|| Nanos::from_millis(ttl));
                    let published = bench.queue.publish(&bench.rules, number as u32, 10, ttl, bench.now, &mut bench.answers);
                    taken += usize::from(published == Published::Taken);
                }
                Action::Subscribe(prefetch) => {
                    bench.subscribe(prefetch);
                    consumers.push(Some(prefetch));
                }
                Action::Unsubscribe(which) if consumers.get(which).is_some_and(|c| c.is_some()) => {
                    consumers[which] = None;
                    held.retain(|(consumer, ..)| *consumer != which as u32);
                    bench.queue.unsubscribe(&bench.rules, which as u32, bench.now, &mut bench.answers);
                }
                Action::Settle(which, how) if which < held.len() => {
                    let (_, tag, _) = held.remove(which);
                    acked += usize::from(how == Settled::Ack);
                    bench.settle(tag, how);
                }
                Action::Wait(more) => {
                    millis += more;
                    bench.at(millis);
                }
                _ => {}
            }
            held.extend(bench.delivered().into_iter().map(|(consumer, tag, message, _)| (consumer, tag, message)));
            dead += bench.dead().len();
            prop_assert_eq!(bench.queue.unacked(), held.len());
            prop_assert_eq!(taken, acked + dead + bench.queue.ready() + held.len());
            let mut messages: Vec<u32> = held.iter().map(|h| h.2).collect();
            messages.sort_unstable();
            messages.dedup();
            prop_assert_eq!(messages.len(), held.len(), "a message is held twice");
            for (number, prefetch) in consumers.iter().enumerate().filter_map(|(n, p)| p.map(|p| (n as u32, p))) {
                let holds = held.iter().filter(|h| h.0 == number).count() as u32;
                prop_assert!(prefetch == 0 || holds <= prefetch);
                prop_assert!(rules.single_active || bench.queue.ready() == 0 || (prefetch != 0 && holds == prefetch));
            }
            let dropping = rules.overflow == Overflow::DropHead;
            prop_assert!(!dropping || rules.max_length.is_none_or(|most| bench.queue.ready() as u64 <= most));
        }
    }
}
