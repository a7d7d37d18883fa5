//! Sessions: who holds one, for how long, and in what order its messages are handled.

use super::*;

#[test]
fn a_session_belongs_to_one_receiver_and_is_handled_in_order() {
    let mut bench = Bench::with_sessions();
    bench.subscribe(room(5));
    bench.subscribe(room(5));
    bench.publish_in(&[(1, 11), (1, 12), (2, 21), (1, 13), (3, 31)]);
    let delivered = bench.delivered();
    // One session each, and one of its messages at a time; the third waits.
    assert_eq!(delivered.iter().map(|d| (d.0, d.2)).collect::<Vec<_>>(), [(0, 11), (1, 21)]);
    bench.settle(delivered[1].1, Settled::Complete);
    assert_eq!(bench.taken(), []);
    bench.settle(delivered[0].1, Settled::Abandon);
    let [(0, again, 11)] = bench.delivered()[..] else { panic!("what comes back goes first, to who has the session") };
    bench.settle(again, Settled::Complete);
    assert_eq!(bench.taken(), [(0, 12)]);
    // The second gives its session up when nothing has come for 10 s.
    assert_eq!(bench.at(9).taken(), []);
    assert_eq!(bench.at(10).taken(), [(1, 31)]);
}

#[test]
fn a_message_for_an_idle_session_goes_to_who_holds_it_and_ends_its_idling() {
    let mut bench = Bench::with_sessions();
    bench.subscribe(room(5));
    bench.publish_in(&[(1, 11)]);
    bench.subscribe(room(5));
    let tag = bench.delivered()[0].1;
    bench.settle(tag, Settled::Complete);
    bench.at(9).publish_in(&[(1, 12)]);
    assert_eq!(bench.taken(), [(0, 12)]);
    bench.at(11).publish_in(&[(1, 13)]);
    assert_eq!((bench.taken(), bench.counts()), (vec![], (1, 1)));
}

#[test]
fn a_receiver_may_hold_several_sessions() {
    for (sessions, taken) in [(1, vec![(0, 11)]), (2, vec![(0, 11), (0, 21)]), (8, vec![(0, 11), (0, 21), (0, 31)])] {
        let mut bench = Bench::with_sessions();
        bench.publish_in(&[(1, 11), (2, 21), (1, 12), (3, 31)]);
        bench.subscribe(Receiving { sessions, ..room(9) });
        assert_eq!(bench.taken(), taken, "{sessions}");
    }
}

#[test]
fn a_session_whose_lock_ends_is_free_for_others_and_so_is_a_closed_receivers() {
    for (close, seconds) in [(false, 60), (true, 5)] {
        let mut bench = Bench::with_sessions();
        let first = bench.subscribe(ONE);
        bench.publish_in(&[(1, 11), (1, 12)]);
        bench.subscribe(ONE);
        let tag = bench.delivered()[0].1;
        bench.at(seconds);
        if close {
            bench.unsubscribe(first);
        }
        let [(1, again, 11)] = bench.delivered()[..] else { panic!("{close}") };
        assert!(!bench.settle(tag, Settled::Complete));
        // The stale settlement has not touched the session of the other.
        assert_eq!(bench.taken(), []);
        assert!(bench.settle(again, Settled::Complete));
        assert_eq!(bench.taken(), [(1, 12)]);
    }
}

#[test]
fn a_lost_receivers_idle_session_is_free_after_a_lock_duration() {
    let mut bench = Bench::with_sessions();
    let first = bench.subscribe(Receiving { session_idle: Nanos::from_secs(1000), ..ONE });
    bench.publish_in(&[(1, 11)]);
    let tag = bench.delivered()[0].1;
    bench.settle(tag, Settled::Complete);
    bench.queue.lose(&bench.rules, first, bench.now, &mut bench.answers);
    bench.at(1).publish_in(&[(1, 12)]);
    bench.subscribe(ONE);
    assert_eq!(bench.at(59).taken(), []);
    assert_eq!(bench.at(60).taken(), [(1, 12)]);
}

#[test]
fn what_is_set_aside_in_a_session_is_for_who_holds_it() {
    let mut bench = Bench::with_sessions();
    let (first, second) = (bench.subscribe(ONE), bench.subscribe(ONE));
    bench.publish_in(&[(1, 11)]);
    let tag = bench.delivered()[0].1;
    bench.settle(tag, Settled::Defer);
    assert!(!bench.receive_deferred(second, 1));
    assert!(bench.receive_deferred(first, 1));
    assert_eq!(bench.taken(), [(0, 11)]);
}

#[test]
fn a_session_with_something_for_a_busy_holder_is_not_idle() {
    let mut bench = Bench::with_sessions();
    bench.subscribe(Receiving { sessions: 2, ..ONE });
    bench.publish_in(&[(1, 11), (2, 21)]);
    let tag = bench.delivered()[0].1;
    bench.settle(tag, Settled::Complete);
    assert_eq!(bench.taken(), [(0, 21)]);
    // It is busy with the second session until its lock ends; the first has something again, before its ten seconds are over.
    bench.at(9).publish_in(&[(1, 12)]);
    bench.subscribe(ONE);
    assert_eq!(bench.at(59).taken(), []);
}

#[test]
fn a_session_that_a_lost_receiver_still_settles_is_free() {
    let mut bench = Bench::with_sessions();
    let first = bench.subscribe(ONE);
    bench.subscribe(ONE);
    bench.publish_in(&[(1, 11), (1, 12)]);
    let tag = bench.delivered()[0].1;
    bench.queue.lose(&bench.rules, first, bench.now, &mut bench.answers);
    assert!(bench.settle(tag, Settled::Complete));
    assert_eq!(bench.taken(), [(1, 12)]);
}

#[test]
fn a_session_that_a_lost_receiver_deletes_from_is_free() {
    let mut bench = Bench::with_sessions();
    let first = bench.subscribe(Receiving { mode: Mode::ReceiveAndDelete, ..ONE });
    bench.subscribe(ONE);
    bench.publish_in(&[(1, 11), (1, 12)]);
    assert_eq!(bench.taken(), [(0, 11)]);
    bench.queue.lose(&bench.rules, first, bench.now, &mut bench.answers);
    assert_eq!(bench.taken(), [(1, 12)]);
}
