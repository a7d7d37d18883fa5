//! What the documentation says, sentence by sentence.

use super::super::rules::Refill;
use super::*;

mod fifo;

/// A queue of numbered messages, and what it has answered.
struct Bench {
    rules: Rules,
    queue: Queue<u32>,
    now: Instant,
    answers: Vec<Answer<u32>>,
}

const LONG: Polling =
    Polling { room: 1, batch: 1, refill: Refill::AsSoonAsRoom, wait: Some(Nanos::from_secs(20)), poll_interval: Nanos::from_secs(1) };
const SHORT: Polling = Polling { wait: None, ..LONG };
const FIFO: Kind = Kind::Fifo { batches_groups: false };

fn wide(room: u32, batch: u32) -> Polling {
    Polling { room, batch, ..LONG }
}

impl Bench {
    fn new(rules: Rules) -> Bench {
        Bench { rules: rules.validated().unwrap(), queue: Queue::default(), now: Instant::START, answers: Vec::new() }
    }

    fn of(kind: Kind) -> Bench {
        Bench::new(Rules { kind, ..Rules::default() })
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

    /// Messages of these groups.
    fn publish_grouped(&mut self, messages: &[(u32, u32)]) {
        for &(group, message) in messages {
            assert_eq!(self.send(message, Sending { group, ..Sending::default() }), Published::Taken);
        }
    }

    fn subscribe(&mut self, polling: Polling) -> u32 {
        self.queue.subscribe(&self.rules, polling.validated().unwrap(), self.now, &mut self.answers)
    }

    fn settle(&mut self, tag: u32, how: Settled) -> bool {
        self.queue.settle(&self.rules, tag, how, self.now, &mut self.answers)
    }

    fn change(&mut self, tag: u32, seconds: u64) -> bool {
        self.queue.change_visibility(&self.rules, tag, Nanos::from_secs(seconds), self.now, &mut self.answers)
    }

    fn all(&mut self) -> Vec<Answer<u32>> {
        std::mem::take(&mut self.answers)
    }

    /// What has been delivered since last asked, and nothing else was answered: tag and message.
    fn delivered(&mut self) -> Vec<(u32, u32)> {
        let of = |answer| match answer {
            Answer::Deliver { tag, message, .. } => (tag, message),
            other => panic!("{other:?}"),
        };
        self.all().into_iter().map(of).collect()
    }

    fn messages(&mut self) -> Vec<u32> {
        self.delivered().into_iter().map(|(_, message)| message).collect()
    }

    fn counts(&self) -> (usize, usize, usize) {
        (self.queue.ready(), self.queue.unacked(), self.queue.delayed())
    }
}

#[test]
fn what_is_received_is_hidden_until_its_timeout_and_counted_each_time() {
    let mut bench = Bench::of(Kind::Standard);
    bench.publish([7]);
    bench.subscribe(wide(2, 1));
    assert_eq!(bench.all(), [Answer::Deliver { consumer: 0, tag: 0, message: 7, redelivered: false, nth: 1 }]);
    assert_eq!((bench.counts(), bench.queue.wakes_at()), ((0, 1, 0), Instant::from_secs(30)));
    assert_eq!(bench.at(29).all(), []);
    // From receipt, not from sending.
    assert_eq!(bench.at(30).all(), [Answer::Deliver { consumer: 0, tag: 1, message: 7, redelivered: true, nth: 2 }]);
}

#[test]
fn a_message_deleted_within_its_timeout_is_done_and_one_deleted_later_is_handled_again() {
    for (kind, seconds, done) in [(Kind::Standard, 29, true), (Kind::Standard, 30, false), (FIFO, 29, true), (FIFO, 30, false)] {
        let mut bench = Bench::of(kind);
        bench.publish([1]);
        bench.subscribe(LONG);
        let tag = bench.delivered()[0].0;
        // Another that receives it as soon as it can.
        bench.subscribe(LONG);
        assert_eq!(bench.at(seconds).settle(tag, Settled::Delete), done, "{kind:?} at {seconds}");
        assert_eq!(bench.counts(), (0, usize::from(!done), 0), "{kind:?} at {seconds}");
        assert_eq!(bench.messages(), if done { vec![] } else { vec![1] }, "{kind:?} at {seconds}");
        assert!(!bench.settle(tag, Settled::Delete), "a receipt handle serves once");
    }
}

#[test]
fn the_latest_receipt_handle_still_deletes_what_nobody_has_received_since_but_not_from_a_fifo_queue() {
    for (kind, done) in [(Kind::Standard, true), (FIFO, false)] {
        let mut bench = Bench::of(kind);
        bench.publish([1]);
        bench.subscribe(LONG);
        let tag = bench.delivered()[0].0;
        assert_eq!(bench.at(40).counts(), (1, 0, 0));
        bench.queue.pollers.remove(0);
        assert_eq!(bench.settle(tag, Settled::Delete), done, "{kind:?}");
        assert_eq!(bench.counts(), (usize::from(!done), 0, 0), "{kind:?}");
    }
}

#[test]
fn a_changed_timeout_counts_from_the_change_and_nothing_means_at_once() {
    let mut bench = Bench::of(Kind::Standard);
    bench.publish([1]);
    bench.subscribe(wide(2, 1));
    let first = bench.delivered()[0].0;
    assert!(bench.at(20).change(first, 30));
    assert_eq!(bench.at(49).messages(), [0_u32; 0]);
    let second = bench.at(50).delivered()[0].0;
    assert!(!bench.change(first, 30), "stale");
    assert!(bench.settle(second, Settled::Return { after: Nanos::ZERO }));
    assert_eq!((bench.messages(), bench.counts()), (vec![1], (0, 1, 0)));
}

#[test]
fn no_message_is_hidden_for_more_than_twelve_hours_from_its_receipt() {
    let mut bench = Bench::of(Kind::Standard);
    bench.publish([1]);
    bench.subscribe(LONG);
    let tag = bench.delivered()[0].0;
    bench.at(10);
    assert!(!bench.change(tag, 12 * 3600 - 9));
    assert_eq!(bench.queue.wakes_at(), Instant::from_secs(30), "a change that is refused changes nothing");
    assert!(bench.change(tag, 12 * 3600 - 10));
    assert_eq!(bench.queue.wakes_at(), Instant::from_secs(12 * 3600));
}

#[test]
fn a_failure_that_says_nothing_waits_for_the_timeout_while_its_poller_goes_on() {
    let mut bench = Bench::of(Kind::Standard);
    bench.publish([1, 2]);
    bench.subscribe(LONG);
    let tag = bench.delivered()[0].0;
    assert!(bench.at(5).settle(tag, Settled::Leave));
    let [(second, 2)] = bench.delivered()[..] else { panic!("the poller had room") };
    assert!(bench.settle(second, Settled::Return { after: Nanos::from_secs(7) }));
    assert_eq!(bench.counts(), (0, 2, 0));
    assert_eq!(bench.at(12).messages(), [2]);
    assert_eq!(bench.counts(), (0, 2, 0));
}

#[test]
fn what_a_crashed_consumer_held_comes_back_only_when_it_times_out_and_can_be_settled_until_then() {
    let mut bench = Bench::of(Kind::Standard);
    bench.publish([1, 2]);
    let first = bench.subscribe(wide(2, 2));
    let delivered = bench.delivered();
    bench.at(10).queue.unsubscribe(first);
    assert!(bench.queue.is_gone(first));
    bench.subscribe(LONG);
    assert!(bench.settle(delivered[0].0, Settled::Delete));
    assert_eq!(bench.at(29).messages(), [0_u32; 0]);
    assert_eq!(bench.at(30).messages(), [2]);
    assert_eq!(bench.queue.receipts.len(), 1, "nothing is remembered for who has gone");
}

#[test]
fn a_standard_queues_message_that_comes_back_stands_behind_what_is_visible() {
    let mut bench = Bench::of(Kind::Standard);
    bench.publish([1, 2]);
    let consumer = bench.subscribe(LONG);
    assert_eq!(bench.messages(), [1]);
    bench.queue.unsubscribe(consumer);
    bench.at(30).subscribe(wide(2, 2));
    assert_eq!(bench.messages(), [2, 1]);
}

#[test]
fn a_stale_receipt_is_forgotten_with_its_consumer() {
    let mut bench = Bench::of(Kind::Standard);
    bench.publish([1]);
    let consumer = bench.subscribe(LONG);
    let tag = bench.delivered()[0].0;
    bench.at(30).queue.unsubscribe(consumer);
    assert!(!bench.settle(tag, Settled::Delete));
    assert_eq!(bench.counts(), (1, 0, 0));
}

#[test]
fn after_an_outage_all_is_there_and_what_was_in_flight_times_out() {
    let mut bench = Bench::of(Kind::Standard);
    bench.publish([1, 2]);
    bench.subscribe(LONG);
    assert_eq!(bench.messages(), [1]);
    bench.at(10).queue.restart();
    assert_eq!(bench.counts(), (1, 1, 0));
    assert_eq!(bench.subscribe(wide(5, 5)), 0);
    assert_eq!(bench.messages(), [2]);
    assert_eq!(bench.at(30).messages(), [1]);
}

#[test]
fn a_message_is_delivered_as_often_as_it_may_be_and_moved_at_the_next_receive() {
    let mut bench = Bench::new(Rules { max_receives: Some(3), ..Rules::default() });
    bench.publish([1]);
    for seconds in [0, 30, 60] {
        // A consumer that crashes each time, and is started again.
        let consumer = bench.subscribe(LONG);
        assert_eq!(bench.at(seconds).messages(), [1], "at {seconds}");
        bench.queue.unsubscribe(consumer);
    }
    // Nobody receives: nothing moves.
    assert_eq!(bench.at(95).all(), []);
    bench.publish([2]);
    bench.subscribe(LONG);
    let moved = Answer::Dead { message: 1, reason: Reason::MaxReceives, sent: Instant::START };
    let [answer, Answer::Deliver { message: 2, .. }] = bench.all()[..] else { panic!("the receive goes on") };
    assert_eq!((answer, Reason::MaxReceives.is_redriven(), Reason::Expired.is_redriven()), (moved, true, false));
}

#[test]
fn three_crashes_thirty_seconds_apart_move_a_message_at_ninety() {
    let mut bench = Bench::new(Rules { max_receives: Some(3), ..Rules::default() });
    bench.publish([1]);
    bench.subscribe(wide(9, 1));
    let mut story = Vec::new();
    for seconds in 0..=120 {
        story.extend(bench.at(seconds).all().into_iter().map(|answer| (seconds, matches!(answer, Answer::Dead { .. }))));
    }
    assert_eq!(story, [(0, false), (30, false), (60, false), (90, true)]);
}

#[test]
fn messages_older_than_the_retention_period_go_wherever_they_stand() {
    let mut bench = Bench::new(Rules { retention: Nanos::from_secs(60), max_receives: Some(9), ..Rules::default() });
    bench.publish([1]);
    bench.subscribe(LONG);
    assert_eq!(bench.messages(), [1]);
    bench.at(10).publish([2]);
    bench.queue.unsubscribe(0);
    // The first is visible again at 30, behind the second, and goes before it.
    let gone = |message, seconds| Answer::Dead { message, reason: Reason::Expired, sent: Instant::from_secs(seconds) };
    assert_eq!(bench.at(59).all(), []);
    assert_eq!(bench.at(60).all(), [gone(1, 0)]);
    assert_eq!(bench.at(70).all(), [gone(2, 10)]);
    assert_eq!(bench.counts(), (0, 0, 0));
}

#[test]
fn what_is_in_flight_beyond_the_retention_period_can_be_deleted_and_does_not_come_back() {
    for delete in [true, false] {
        let mut bench = Bench::new(Rules { retention: Nanos::from_secs(60), visibility: Nanos::from_secs(90), ..Rules::default() });
        bench.publish([1]);
        bench.subscribe(wide(2, 1));
        let tag = bench.delivered()[0].0;
        assert_eq!(bench.at(80).counts(), (0, 1, 0));
        let gone = Answer::Dead { message: 1, reason: Reason::Expired, sent: Instant::START };
        assert!(!delete || bench.settle(tag, Settled::Delete));
        assert_eq!(bench.at(90).all(), if delete { vec![] } else { vec![gone] });
    }
}

#[test]
fn a_moved_message_keeps_the_age_it_had() {
    let mut bench = Bench::new(Rules { retention: Nanos::from_secs(60), ..Rules::default() });
    bench.at(50).send(1, Sending { since: Some(Instant::from_secs(20)), ..Sending::default() });
    assert_eq!(bench.at(79).counts(), (1, 0, 0));
    assert_eq!(bench.at(80).counts(), (0, 0, 0));
}

#[test]
fn a_delay_hides_what_is_new_and_a_standard_queues_message_may_have_its_own() {
    let own = |seconds| Sending { delay: Some(Nanos::from_secs(seconds)), ..Sending::default() };
    let mut bench = Bench::new(Rules { delay: Nanos::from_secs(10), ..Rules::default() });
    bench.subscribe(wide(9, 1));
    bench.publish([1]);
    bench.send(2, own(3));
    bench.send(3, own(0));
    assert_eq!((bench.messages(), bench.counts()), (vec![3], (0, 1, 2)));
    assert_eq!(bench.at(9).messages(), [2]);
    assert_eq!(bench.at(10).messages(), [1]);
    assert_eq!(bench.send(4, own(901)), Published::Refused);

    let mut fifo = Bench::new(Rules { kind: FIFO, delay: Nanos::from_secs(10), ..Rules::default() });
    assert_eq!(fifo.send(1, own(3)), Published::Refused);
    fifo.publish([2]);
    assert_eq!(fifo.counts(), (0, 0, 1));
}

#[test]
fn a_receive_brings_at_most_its_batch_and_the_next_comes_when_the_poller_may() {
    for (refill, after_one, after_all) in [(Refill::AsSoonAsRoom, vec![4], vec![5, 6]), (Refill::WhenAllDone, vec![], vec![4, 5, 6])] {
        let mut bench = Bench::of(Kind::Standard);
        bench.publish(1..=10);
        bench.subscribe(Polling { refill, ..wide(3, 10) });
        let delivered = bench.delivered();
        assert_eq!(delivered.iter().map(|d| d.1).collect::<Vec<_>>(), [1, 2, 3], "{refill:?}");
        bench.settle(delivered[0].0, Settled::Delete);
        assert_eq!(bench.messages(), after_one, "{refill:?}");
        bench.settle(delivered[1].0, Settled::Delete);
        bench.settle(delivered[2].0, Settled::Delete);
        assert_eq!(bench.messages(), after_all, "{refill:?}");
    }
}

#[test]
fn receives_are_answered_in_turn() {
    let mut bench = Bench::of(Kind::Standard);
    bench.subscribe(wide(4, 2));
    bench.subscribe(wide(4, 2));
    bench.publish(1..=4);
    let takers: Vec<u32> = bench.all().iter().map(|a| if let Answer::Deliver { consumer, .. } = a { *consumer } else { 9 }).collect();
    // Each message answers a receive by itself, for long polling does not wait for more.
    assert_eq!(takers, [0, 1, 0, 1]);
}

#[test]
fn a_long_poll_is_answered_as_soon_as_something_is_visible_and_a_short_one_asks_again() {
    for (polling, seconds) in [(LONG, 2), (SHORT, 3)] {
        let mut bench = Bench::of(Kind::Standard);
        bench.subscribe(polling);
        // Polls that find nothing wake nobody.
        assert_eq!(bench.queue.wakes_at(), Instant::NEVER);
        bench.now = Instant(2_000_000_001);
        bench.publish([1]);
        assert_eq!(bench.messages(), if seconds == 2 { vec![1] } else { vec![] }, "{polling:?}");
        bench.at(seconds);
        assert_eq!(bench.counts(), (0, 1, 0), "{polling:?}");
    }
}

#[test]
fn the_queues_wait_holds_for_receives_that_have_none_of_their_own() {
    for (queue, own, at_once) in [(0, None, false), (20, None, true), (20, Some(0), false), (0, Some(1), true)] {
        let mut bench = Bench::new(Rules { receive_wait: Nanos::from_secs(queue), ..Rules::default() });
        bench.subscribe(Polling { wait: own.map(Nanos::from_secs), ..SHORT });
        bench.now = Instant(1);
        bench.publish([1]);
        assert_eq!(bench.messages().len(), usize::from(at_once), "{queue} {own:?}");
    }
}

#[test]
fn a_full_flight_fails_receives_of_a_standard_queue_and_leaves_those_of_a_fifo_queue_empty() {
    for (kind, answers, waits) in [(Kind::Standard, vec![Answer::OverLimit { consumer: 0 }], true), (FIFO, vec![], false)] {
        let mut bench = Bench::new(Rules { kind, in_flight_limit: 2, ..Rules::default() });
        bench.publish_grouped(&[(1, 1), (2, 2), (3, 3)]);
        bench.subscribe(wide(5, 10));
        let all = bench.all();
        assert_eq!(all[2..], answers, "{kind:?}");
        let Answer::Deliver { tag, .. } = all[0] else { panic!("{all:?}") };
        bench.settle(tag, Settled::Delete);
        // A receive that has failed is made again after the pause; a long poll that was not answered is still there.
        assert_eq!(bench.messages(), if waits { vec![] } else { vec![3] }, "{kind:?}");
        assert_eq!(bench.at(1).messages(), if waits { vec![3] } else { vec![] }, "{kind:?}");
    }
}

#[test]
fn a_timeout_of_nothing_hides_nothing() {
    let mut bench = Bench::new(Rules { visibility: Nanos::ZERO, ..Rules::default() });
    bench.publish([1]);
    bench.subscribe(wide(3, 1));
    assert_eq!(bench.at(0).messages(), [1, 1, 1]);
}

#[test]
fn a_waiting_message_takes_no_more_than_64_bytes() {
    assert!(size_of::<(Place, Kept<Body<[u64; 4]>>)>() <= 64);
}
