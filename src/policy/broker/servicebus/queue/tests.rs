//! What the documentation says, sentence by sentence.

use super::super::rules::DUPLICATE_WINDOW;
use super::*;

mod sessions;

/// A queue of numbered messages, and what it has answered.
struct Bench {
    rules: Rules,
    queue: Queue<u32>,
    now: Instant,
    answers: Vec<Answer<u32>>,
}

/// One message at a time, and no renewal.
const ONE: Receiving = Receiving { room: 1, mode: Mode::PeekLock, renew_for: Nanos::ZERO, sessions: 1, session_idle: Nanos::from_secs(10) };

fn room(room: u32) -> Receiving {
    Receiving { room, ..ONE }
}

impl Bench {
    fn new(rules: Rules) -> Bench {
        Bench { rules: rules.validated().unwrap(), queue: Queue::default(), now: Instant::START, answers: Vec::new() }
    }

    fn with_sessions() -> Bench {
        Bench::new(Rules { sessions: true, ..Rules::default() })
    }

    /// Goes on to this second, waking the queue whenever it asks for it.
    fn at(&mut self, seconds: u64) -> &mut Bench {
        let end = Instant::from_secs(seconds);
        while self.queue.wakes_at() <= end {
            assert!(self.queue.wakes_at() >= self.now, "asks to be woken in the past");
            self.now = self.queue.wakes_at();
            self.queue.wake(&self.rules, self.now, &mut self.answers);
        }
        self.now = end;
        self
    }

    fn send(&mut self, message: u32, how: Sending) -> Published {
        self.queue.publish(&self.rules, message, how, self.now, &mut self.answers)
    }

    fn publish(&mut self, messages: impl IntoIterator<Item = u32>) {
        messages.into_iter().for_each(|message| assert_eq!(self.send(message, Sending::default()), Published::Taken));
    }

    /// Messages of these sessions.
    fn publish_in(&mut self, messages: &[(u32, u32)]) {
        for &(session, message) in messages {
            assert_eq!(self.send(message, Sending { session, ..Sending::default() }), Published::Taken);
        }
    }

    fn subscribe(&mut self, receiving: Receiving) -> u32 {
        self.queue.subscribe(&self.rules, receiving.validated().unwrap(), self.now, &mut self.answers)
    }

    fn unsubscribe(&mut self, consumer: u32) {
        self.queue.unsubscribe(&self.rules, consumer, self.now, &mut self.answers);
    }

    fn settle(&mut self, tag: u32, how: Settled) -> bool {
        self.queue.settle(&self.rules, tag, how, self.now, &mut self.answers)
    }

    fn receive_deferred(&mut self, consumer: u32, sequence: u64) -> bool {
        self.queue.receive_deferred(&self.rules, consumer, sequence, self.now, &mut self.answers)
    }

    fn all(&mut self) -> Vec<Answer<u32>> {
        std::mem::take(&mut self.answers)
    }

    /// What has been delivered since last asked, and nothing else was answered: consumer, tag, message.
    fn delivered(&mut self) -> Vec<(u32, u32, u32)> {
        let of = |answer| match answer {
            Answer::Deliver { consumer, tag, message, .. } => (consumer, tag, message),
            other => panic!("{other:?}"),
        };
        self.all().into_iter().map(of).collect()
    }

    /// Consumers and messages of the same.
    fn taken(&mut self) -> Vec<(u32, u32)> {
        self.delivered().into_iter().map(|(consumer, _, message)| (consumer, message)).collect()
    }

    fn counts(&self) -> (usize, usize) {
        (self.queue.ready(), self.queue.unacked())
    }
}

#[test]
fn a_delivery_locks_and_each_settlement_does_what_it_says() {
    let dead = Answer::Dead { message: 1, reason: Reason::DeadLettered };
    let again = Answer::Deliver { consumer: 0, tag: 1, message: 1, redelivered: true, nth: 2, sequence: 1 };
    for (how, answers, bytes, deferred) in [
        (Settled::Complete, vec![], 0, 0),
        // Available at once.
        (Settled::Abandon, vec![again], 40, 0),
        (Settled::DeadLetter, vec![dead], 0, 0),
        (Settled::Defer, vec![], 40, 1),
    ] {
        let mut bench = Bench::new(Rules::default());
        bench.subscribe(ONE);
        bench.send(1, Sending { bytes: 40, ..Sending::default() });
        let first = Answer::Deliver { consumer: 0, tag: 0, message: 1, redelivered: false, nth: 1, sequence: 1 };
        assert_eq!((bench.all(), bench.counts(), bench.queue.bytes()), (vec![first], (0, 1), 40));
        assert!(bench.settle(0, how), "{how:?}");
        assert_eq!((bench.all(), bench.queue.bytes(), bench.queue.deferred()), (answers, bytes, deferred), "{how:?}");
        assert!(!bench.settle(0, how), "a lock token serves once");
    }
}

#[test]
fn a_lock_that_ends_is_an_abandon_and_its_token_is_stale() {
    let mut bench = Bench::new(Rules::default());
    bench.subscribe(ONE);
    bench.subscribe(ONE);
    bench.publish([1]);
    let [(0, tag, 1)] = bench.delivered()[..] else { panic!("nobody has it") };
    assert_eq!(bench.at(59).taken(), []);
    assert_eq!(bench.at(60).taken(), [(1, 1)]);
    // The first still has it in hand: it gets nothing until it has done with it.
    bench.publish([2]);
    assert_eq!(bench.taken(), []);
    assert!(!bench.settle(tag, Settled::Complete));
    assert_eq!((bench.taken(), bench.counts()), (vec![(0, 2)], (0, 2)));
}

#[test]
fn a_lock_is_longer_when_it_is_renewed_by_the_client_or_by_hand() {
    for (renew_for, by_hand, ends) in
        [(0, None, 60), (30, None, 60), (300, None, 300), (0, Some(50), 110), (300, Some(50), 300), (0, Some(60), 60)]
    {
        let mut bench = Bench::new(Rules::default());
        bench.subscribe(Receiving { renew_for: Nanos::from_secs(renew_for), ..ONE });
        bench.publish([1]);
        let tag = bench.delivered()[0].1;
        if let Some(seconds) = by_hand {
            let (rules, now) = (bench.rules.clone(), Instant::from_secs(seconds));
            assert_eq!(bench.queue.renew(&rules, tag, now), seconds < 60);
        }
        assert_eq!(bench.queue.wakes_at(), Instant::from_secs(ends), "{renew_for} {by_hand:?}");
    }
}

#[derive(Clone, Copy, Debug)]
enum Failure {
    Abandon,
    Expiry,
    Close,
    Loss,
}

#[test]
fn each_delivery_that_comes_to_nothing_counts_and_the_last_that_may_is_dead_lettered() {
    for (failure, count) in
        [(Failure::Abandon, 10), (Failure::Expiry, 10), (Failure::Close, 10), (Failure::Loss, 10), (Failure::Abandon, 1)]
    {
        let mut bench = Bench::new(Rules { max_delivery_count: count, ..Rules::default() });
        bench.publish([1]);
        for nth in 1..=count {
            let consumer = bench.subscribe(ONE);
            let [Answer::Deliver { tag, nth: counted, .. }] = bench.all()[..] else { panic!("{failure:?} {nth}") };
            assert_eq!(counted, nth);
            match failure {
                Failure::Abandon => assert!({
                    bench.queue.receivers.close(consumer);
                    bench.settle(tag, Settled::Abandon)
                }),
                Failure::Close => bench.unsubscribe(consumer),
                Failure::Expiry => {
                    bench.at(60 * u64::from(nth));
                }
                Failure::Loss => {
                    bench.queue.lose(&bench.rules, consumer, bench.now, &mut bench.answers);
                    assert_eq!(bench.answers, []);
                    bench.at(60 * u64::from(nth));
                }
            }
        }
        let dead = Answer::Dead { message: 1, reason: Reason::MaxDeliveryCountExceeded };
        assert_eq!((bench.all(), bench.counts()), (vec![dead], (0, 0)), "{failure:?} {count}");
    }
}

#[test]
fn a_deferral_and_a_dead_lettering_are_no_failed_deliveries() {
    let mut bench = Bench::new(Rules { max_delivery_count: 1, ..Rules::default() });
    let consumer = bench.subscribe(ONE);
    bench.publish([1]);
    for _ in 0..3 {
        let [Answer::Deliver { tag, sequence, .. }] = bench.all()[..] else { panic!("not delivered") };
        assert!(bench.settle(tag, Settled::Defer));
        assert!(bench.receive_deferred(consumer, sequence));
    }
    assert_eq!(bench.counts(), (0, 1));
}

#[test]
fn what_is_set_aside_is_received_by_its_number_only_and_comes_back_there() {
    let mut bench = Bench::new(Rules::default());
    let consumer = bench.subscribe(room(5));
    bench.publish([1, 2]);
    let tag = bench.delivered()[0].1;
    bench.settle(tag, Settled::Defer);
    let other = bench.subscribe(ONE);
    assert_eq!((bench.taken(), bench.queue.deferred()), (vec![], 1));
    assert!(!bench.receive_deferred(other, 7), "there is no such number");
    assert!(bench.receive_deferred(other, 1));
    assert!(!bench.receive_deferred(consumer, 1), "it is locked");
    let [(1, again, 1)] = bench.delivered()[..] else { panic!("it was asked for") };
    assert!(bench.settle(again, Settled::Abandon));
    assert_eq!((bench.taken(), bench.queue.deferred()), (vec![], 1));
    bench.unsubscribe(other);
    assert!(!bench.receive_deferred(other, 1), "it has gone");
    assert_eq!(bench.queue.deferred(), 1);
}

#[test]
fn what_comes_back_stands_where_it_stood() {
    let mut bench = Bench::new(Rules::default());
    let consumer = bench.subscribe(room(2));
    bench.publish(1..=3);
    bench.unsubscribe(consumer);
    assert!(bench.queue.is_gone(consumer));
    bench.all();
    bench.subscribe(room(9));
    assert_eq!(bench.taken(), [(1, 1), (1, 2), (1, 3)]);
}

#[test]
fn a_lost_receiver_renews_no_more_and_a_closed_one_gives_back_at_once() {
    // Its client would have renewed for 5 minutes; the lock that holds at 70 ends at 120.
    for (closed, seconds) in [(true, 70), (false, 120)] {
        let mut bench = Bench::new(Rules::default());
        let consumer = bench.subscribe(Receiving { renew_for: Nanos::from_secs(300), ..ONE });
        bench.publish([1]);
        bench.at(10).subscribe(ONE);
        bench.at(70).all();
        if closed {
            bench.unsubscribe(consumer);
        } else {
            bench.queue.lose(&bench.rules, consumer, bench.now, &mut bench.answers);
        }
        assert_eq!(bench.at(seconds - 1).taken().len(), usize::from(closed));
        assert_eq!(bench.at(seconds).taken().len(), usize::from(!closed));
        assert_eq!(bench.queue.deliveries.len(), 1, "nothing is remembered for who has gone");
    }
}

#[test]
fn a_lock_renewed_by_hand_outlives_its_receiver() {
    let mut bench = Bench::new(Rules::default());
    let consumer = bench.subscribe(ONE);
    bench.publish([1]);
    let tag = bench.delivered()[0].1;
    bench.at(50);
    assert!(bench.queue.renew(&bench.rules, tag, bench.now));
    bench.at(55);
    bench.queue.lose(&bench.rules, consumer, bench.now, &mut bench.answers);
    assert_eq!(bench.queue.wakes_at(), Instant::from_secs(110));
}

#[test]
fn receive_and_delete_is_at_most_once() {
    let mut bench = Bench::new(Rules::default());
    let consumer = bench.subscribe(Receiving { mode: Mode::ReceiveAndDelete, room: 2, ..ONE });
    bench.send(1, Sending { bytes: 9, ..Sending::default() });
    bench.publish([2, 3]);
    let delivered = bench.delivered();
    assert_eq!(delivered.len(), 2, "what it has in hand takes room");
    assert_eq!((bench.counts(), bench.queue.bytes(), bench.queue.wakes_at()), ((1, 0), 0, Instant::NEVER));
    assert!(bench.settle(delivered[0].1, Settled::Abandon), "there is nothing to settle, and room");
    assert_eq!(bench.taken(), [(0, 3)]);
    bench.unsubscribe(consumer);
    bench.subscribe(room(9));
    assert_eq!(bench.all(), []);
}

#[test]
fn the_locks_of_what_a_client_has_prefetched_tick_too() {
    let mut bench = Bench::new(Rules { max_delivery_count: 2, ..Rules::default() });
    // One at a time, which takes 25 s, and three more in the buffer.
    bench.subscribe(room(4));
    bench.publish(1..=4);
    let delivered = bench.delivered();
    let done: Vec<bool> = (0u64..4).map(|n| bench.at(25 * (n + 1)).settle(delivered[n as usize].1, Settled::Complete)).collect();
    assert_eq!(done, [true, true, false, false]);
}

#[test]
fn the_smaller_time_to_live_holds_and_what_is_too_old_goes_from_anywhere() {
    let own = |seconds| Sending { ttl: Some(Nanos::from_secs(seconds)), ..Sending::default() };
    for dead_letter in [false, true] {
        let mut bench = Bench::new(Rules { ttl: Some(Nanos::from_secs(50)), dead_letter_on_expiry: dead_letter, ..Rules::default() });
        bench.send(1, own(100));
        bench.send(2, own(20));
        let gone = |message| match dead_letter {
            true => Answer::Dead { message, reason: Reason::Expired },
            false => Answer::Expired { message },
        };
        assert_eq!(bench.at(19).all(), []);
        assert_eq!(bench.at(20).all(), [gone(2)]);
        assert_eq!(bench.at(50).all(), [gone(1)]);
        assert_eq!((bench.counts(), bench.queue.bytes()), ((0, 0), 0));
    }
}

#[test]
fn what_is_locked_or_set_aside_is_not_too_old_until_it_is_back() {
    let mut bench = Bench::new(Rules { ttl: Some(Nanos::from_secs(20)), ..Rules::default() });
    let consumer = bench.subscribe(room(2));
    bench.publish([1, 2]);
    let delivered = bench.delivered();
    bench.settle(delivered[1].1, Settled::Defer);
    assert_eq!(bench.at(40).all(), []);
    bench.settle(delivered[0].1, Settled::Abandon);
    assert_eq!(bench.all(), [Answer::Expired { message: 1 }]);
    assert!(bench.receive_deferred(consumer, 2));
}

#[test]
fn a_scheduled_message_is_enqueued_and_ages_from_its_time_on() {
    let mut bench = Bench::new(Rules { ttl: Some(Nanos::from_secs(30)), ..Rules::default() });
    bench.send(1, Sending { enqueue_at: Some(Instant::from_secs(40)), ..Sending::default() });
    // A time that is over already is now.
    bench.at(5).send(2, Sending { enqueue_at: Some(Instant::START), ..Sending::default() });
    assert_eq!((bench.counts(), bench.queue.scheduled()), ((1, 0), 1));
    assert_eq!(bench.at(34).all(), []);
    assert_eq!(bench.at(35).all(), [Answer::Expired { message: 2 }]);
    assert_eq!(bench.at(69).counts(), (1, 0));
    assert_eq!(bench.at(70).all(), [Answer::Expired { message: 1 }]);
}

#[test]
fn an_id_is_taken_once_in_the_window_if_there_is_one() {
    let with_id = |id| Sending { id: Some(id), ..Sending::default() };
    for (window, second) in [(Some(DUPLICATE_WINDOW), Published::Duplicate), (None, Published::Taken)] {
        let mut bench = Bench::new(Rules { duplicate_window: window, ..Rules::default() });
        assert_eq!(bench.send(1, with_id(7)), Published::Taken);
        assert_eq!(bench.at(599).send(1, with_id(7)), second, "{window:?}");
        assert_eq!(bench.at(600).send(1, with_id(7)), Published::Taken, "{window:?}");
    }
}

#[test]
fn a_full_entity_refuses_and_counts_what_is_locked_set_aside_or_scheduled() {
    let sized = |bytes| Sending { bytes, ..Sending::default() };
    let mut bench = Bench::new(Rules { max_bytes: Some(100), duplicate_window: Some(DUPLICATE_WINDOW), ..Rules::default() });
    bench.subscribe(ONE);
    bench.send(1, sized(40));
    bench.send(2, Sending { enqueue_at: Some(Instant::from_secs(9)), ..sized(40) });
    let tag = bench.delivered()[0].1;
    assert_eq!(bench.send(3, sized(20)), Published::Taken);
    assert_eq!(bench.send(4, Sending { id: Some(4), ..sized(1) }), Published::QuotaExceeded);
    bench.settle(tag, Settled::Complete);
    assert_eq!(bench.send(4, Sending { id: Some(4), ..sized(40) }), Published::Taken, "what was refused is not known");
    assert_eq!(bench.send(5, sized(1)), Published::QuotaExceeded);
}

#[test]
fn after_an_outage_all_is_there_and_receivers_are_not() {
    let mut bench = Bench::with_sessions();
    bench.subscribe(ONE);
    bench.publish_in(&[(1, 11), (1, 12)]);
    bench.all();
    bench.queue.restart(&bench.rules, bench.now, &mut bench.answers);
    assert_eq!((bench.all(), bench.counts()), (vec![], (2, 0)));
    assert_eq!(bench.subscribe(ONE), 0);
    assert_eq!(bench.all(), [Answer::Deliver { consumer: 0, tag: 1, message: 11, redelivered: true, nth: 2, sequence: 1 }]);
}

#[test]
fn deliveries_go_round_receivers_with_room() {
    let mut bench = Bench::new(Rules::default());
    bench.subscribe(room(1));
    bench.subscribe(room(3));
    bench.publish(1..=5);
    assert_eq!(bench.taken(), [(0, 1), (1, 2), (1, 3), (1, 4)]);
}

#[test]
fn a_waiting_message_takes_no_more_than_64_bytes() {
    assert!(size_of::<(Place, Kept<Body<[u64; 4]>>)>() <= 64);
}
