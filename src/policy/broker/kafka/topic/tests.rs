//! What a group gets of a topic: order, polls, commits, retries, retention; and the laws that hold whatever happens.

use super::*;
use crate::base::time::Nanos;
use crate::policy::broker::kafka::Missed;
use crate::policy::broker::kafka::bench::{Bench, earnest, millis, plain};
use crate::policy::broker::kafka::partition::Acks;
use crate::policy::broker::kafka::rules::{Commit, Reset};

mod laws;

fn one() -> TopicRules {
    TopicRules { partitions: 1, ..plain() }
}

fn seconds(seconds: u64) -> Nanos {
    Nanos::from_secs(seconds)
}

/// A member of a group with this commit policy, with messages 1 to 4 in its only partition, polled two by two.
fn reader(commit: Commit) -> Bench {
    let mut bench = Bench::with(one(), GroupRules { commit, max_poll_records: 2, ..earnest() });
    bench.send(0, 1..=4);
    bench.join();
    bench
}

#[test]
fn order_holds_inside_a_partition() {
    let mut bench = Bench::with(plain(), earnest());
    for message in 0..20 {
        bench.send(message % 2, [message]);
    }
    bench.join();
    let all = bench.drain(0);
    for partition in 0..2 {
        let of: Vec<u32> = all.iter().copied().filter(|message| message % 2 == partition).collect();
        assert_eq!(of, (0..20).filter(|message| message % 2 == partition).collect::<Vec<_>>());
    }
}

#[test]
fn a_poll_returns_up_to_so_many_records_and_polls_begin_with_each_partition_in_turn() {
    let mut bench = Bench::with(plain(), GroupRules { max_poll_records: 3, ..earnest() });
    bench.send(0, 0..4);
    bench.send(1, 10..14);
    bench.join();
    bench.drain(0);
    let polls: Vec<(u32, bool)> = bench.delivered.iter().map(|delivery| (delivery.message, delivery.first_of_poll)).collect();
    assert_eq!(
        polls,
        [(0, true), (1, false), (2, false), (10, true), (11, false), (12, false), (3, true), (13, false)],
        "records are handed over one by one"
    );
}

#[test]
fn each_group_reads_all_at_its_own_pace() {
    let mut bench = Bench::with(one(), earnest());
    bench.topic.add_group(earnest());
    let (now, mut answers) = (bench.now, Vec::new());
    bench.topic.join(1, None, now, &mut answers);
    bench.join();
    bench.send(0, 1..=3);
    assert_eq!(bench.drain(0), [1, 2, 3]);
    bench.handled_in(1, 0, Handled::Done);
    let lag = |group| bench.topic.figures(group, None).lag;
    assert_eq!((lag(0), lag(1)), (0, 2));
}

#[test]
fn figures_tell_committed_in_hand_and_unread_apart() {
    let mut bench = reader(Commit::PerPoll);
    bench.done(0);
    let figures = Figures { end: 4, committed: 0, position: 2, in_hand: 1, lag: 4, unread: 2 };
    assert_eq!(bench.topic.figures(0, None), figures);
    assert_eq!(bench.topic.figures(0, Some(0)), figures);
    bench.done(0);
    assert_eq!(bench.topic.figures(0, None), Figures { end: 4, committed: 2, position: 4, in_hand: 2, lag: 2, unread: 0 });
}

#[test]
fn a_commit_is_the_next_offset_to_read_and_each_policy_has_its_time_for_it() {
    // What is committed before anything is handled, and after each of three records.
    for (commit, committed) in [
        (Commit::PerRecord, [0, 1, 2, 3]),
        (Commit::PerPoll, [0, 0, 2, 2]),
        (Commit::BeforeHandling, [2, 2, 4, 4]),
        // Inside the second poll, as the interval is over.
        (Commit::Auto { interval: Nanos::from_millis(1_500) }, [0, 0, 2, 2]),
        (Commit::Auto { interval: Nanos::from_millis(2_500) }, [0, 0, 0, 0]),
    ] {
        let mut bench = reader(commit);
        let mut seen = vec![bench.committed(0)];
        for second in 1..=3 {
            bench.at(second * 1_000).done(0);
            seen.push(bench.committed(0));
        }
        assert_eq!(seen, committed, "{commit:?}");
    }
}

#[test]
fn after_a_crash_reading_resumes_at_the_last_commit() {
    // Three records are handled, the fourth is in hand: what is read again.
    for (commit, again) in [
        (Commit::PerRecord, vec![(4, true)]),
        (Commit::PerPoll, vec![(3, true), (4, true)]),
        (Commit::Auto { interval: Nanos::from_secs(5) }, vec![(1, true), (2, true), (3, true), (4, true)]),
        // At most once: what was in hand is never handled.
        (Commit::BeforeHandling, vec![]),
    ] {
        let mut bench = reader(commit);
        (0..3).for_each(|_| _ = bench.done(0));
        bench.unreachable(0);
        bench.at(60_000).delivered.clear();
        bench.held.clear();
        bench.join();
        bench.drain(1);
        let read: Vec<_> = bench.delivered.iter().map(|delivery| (delivery.message, delivery.redelivered)).collect();
        assert_eq!(read, again, "{commit:?}");
    }
}

#[test]
fn a_record_that_fails_blocks_its_partition_until_it_is_handled_or_skipped() {
    let mut bench = Bench::with(plain(), earnest());
    bench.send(0, [1, 2]);
    bench.send(1, [11, 12]);
    bench.join();
    let retry = Handled::Retry { after: seconds(2) };
    assert_eq!(bench.handled_in(0, 0, retry), Heard::Counted);
    assert_eq!(bench.drain(0), [11, 12], "the other partition goes on");
    assert_eq!(bench.at(1_999).holds(0), None);
    for nth in 2..=4 {
        let tried = bench.at(2_000 * (nth - 1)).held[&(0, 0)];
        assert_eq!((tried.message, tried.redelivered, u64::from(tried.nth)), (1, true, nth));
        assert_eq!(bench.committed(0), 0);
        bench.handled_in(0, 0, if nth == 4 { Handled::Skip } else { retry });
    }
    assert_eq!((bench.holds(0), bench.committed(0)), (Some(2), 1));
    assert_eq!(bench.held[&(0, 0)].nth, 1);
}

#[test]
fn at_most_once_a_record_that_fails_is_passed_over() {
    let mut bench = reader(Commit::BeforeHandling);
    assert_eq!(bench.handled_in(0, 0, Handled::Retry { after: seconds(1) }), Heard::Counted);
    assert_eq!(bench.drain(0), [2, 3, 4]);
}

#[test]
fn a_tag_counts_once_and_only_for_its_member() {
    let mut bench = reader(Commit::PerRecord);
    let tag = bench.held[&(0, 0)].tag;
    let (now, mut answers) = (bench.now, Vec::new());
    assert_eq!(bench.topic.handled(0, 0, tag + 1, Handled::Done, now, &mut answers), Heard::Stale);
    assert_eq!(bench.done(0), Heard::Counted);
    assert_eq!(bench.topic.handled(0, 0, tag, Handled::Done, now, &mut answers), Heard::Stale);
    assert!(answers.is_empty());
    assert_eq!(bench.committed(0), 1);
}

#[test]
fn who_begins_at_the_latest_misses_what_came_before_its_assignment() {
    let rules = GroupRules { reset: Reset::Latest, initial_delay: seconds(3), ..earnest() };
    let mut bench = Bench::new(one());
    bench.send(0, [1]);
    bench.topic.add_group(rules);
    bench.join();
    bench.at(1_000).send(0, [2]);
    bench.at(3_000).send(0, [3]);
    assert_eq!(bench.drain(0), [3]);
    let missed = Answer::Missed { group: 0, partition: 0, offset: 1, message: 2, redelivered: false, why: Missed::Reset };
    let all: Vec<_> = bench.told.iter().filter(|answer| matches!(answer, Answer::Missed { .. })).collect();
    assert_eq!(all, [&missed], "what was there before the group is none of its business");
}

/// Segments of three records of 10 bytes; what is older than a minute goes at the next full minute.
fn forgetful() -> TopicRules {
    TopicRules { segment_bytes: 30, retention_age: Some(seconds(60)), retention_check: seconds(60), ..one() }
}

fn missed(bench: &Bench) -> Vec<(u32, bool, Missed)> {
    let missed = bench.told.iter().filter_map(|answer| match answer {
        Answer::Missed { message, redelivered, why, .. } => Some((*message, *redelivered, *why)),
        _ => None,
    });
    missed.collect()
}

#[test]
fn retention_deletes_whole_old_segments_whether_they_were_read_or_not() {
    let mut bench = Bench::with(forgetful(), GroupRules { max_poll_records: 1, ..earnest() });
    bench.join();
    bench.at(10_000).send(0, 1..=4);
    bench.done(0);
    // Message 2 is in hand, 3 goes with its segment; 4 is in a segment that is younger.
    bench.at(100_000).send(0, [5]);
    assert_eq!(bench.topic.partition(0).log().start(), 0);
    bench.at(120_000);
    assert_eq!((bench.topic.partition(0).log().start(), missed(&bench)), (3, vec![(3, false, Missed::Expired)]));
    assert_eq!(bench.done(0), Heard::Counted);
    assert_eq!(bench.drain(0), [4, 5], "and on from the earliest there is");
    assert_eq!(bench.committed(0), 5);
}

#[test]
fn what_a_poll_has_returned_goes_with_its_segment_unless_it_is_in_hand() {
    let mut bench = Bench::with(forgetful(), earnest());
    bench.at(10_000).send(0, 1..=3);
    bench.join();
    bench.at(120_000);
    assert_eq!(missed(&bench), [(2, false, Missed::Expired), (3, false, Missed::Expired)]);
    assert_eq!(bench.topic.figures(0, None).in_hand, 3);
    assert_eq!(bench.done(0), Heard::Counted);
    assert_eq!(bench.topic.figures(0, None), Figures { end: 3, committed: 3, position: 3, in_hand: 0, lag: 0, unread: 0 });
}

#[test]
fn a_group_whose_offset_has_vanished_goes_on_as_it_is_told_to() {
    for (reset, lost, read) in [
        (Reset::Earliest, vec![(1, true, Missed::Expired), (2, false, Missed::Expired), (3, false, Missed::Expired)], vec![4, 5]),
        (
            Reset::Latest,
            vec![
                (1, true, Missed::Expired),
                (2, false, Missed::Expired),
                (3, false, Missed::Expired),
                (4, false, Missed::Reset),
                (5, false, Missed::Reset),
            ],
            vec![],
        ),
        (Reset::None, vec![(1, false, Missed::Expired), (2, false, Missed::Expired), (3, false, Missed::Expired)], vec![]),
    ] {
        let mut bench = Bench::with(forgetful(), GroupRules { reset, max_poll_records: 1, ..earnest() });
        bench.join();
        bench.at(10_000).send(0, 1..=4);
        bench.at(11_000).leave(0);
        bench.held.clear();
        bench.at(100_000).send(0, [5]);
        bench.at(120_000).join();
        bench.drain(1);
        let told = missed(&bench);
        assert_eq!(told, lost, "{reset:?}");
        let after: Vec<u32> = bench.delivered.iter().filter(|delivery| delivery.member == 1).map(|delivery| delivery.message).collect();
        assert_eq!(after, read, "{reset:?}");
    }
}

#[test]
fn a_retry_of_what_has_been_deleted_is_passed_over() {
    let mut bench = Bench::with(forgetful(), earnest());
    bench.join();
    bench.at(10_000).send(0, 1..=4);
    bench.at(100_000).send(0, [5]);
    bench.at(120_000);
    assert_eq!(bench.holds(0), Some(1));
    assert_eq!(bench.handled_in(0, 0, Handled::Retry { after: seconds(1) }), Heard::Expired);
    assert_eq!(bench.drain(0), [4, 5]);
}

#[test]
fn a_retry_of_a_producer_is_no_second_record() {
    use crate::policy::broker::kafka::partition::Sequence;
    let mut bench = Bench::with(one(), earnest());
    bench.join();
    let send = |number| Send { message: number as u32, bytes: 1, acks: Acks::All, sequence: Some(Sequence { producer: 1, number }) };
    for (number, taken) in [(0, true), (1, true), (0, false), (1, false), (2, true)] {
        assert_eq!(matches!(bench.try_send(0, send(number)), Appended::At { .. }), taken, "{number}");
    }
    assert_eq!(bench.try_send(0, send(4)), Appended::OutOfOrder);
    assert_eq!(bench.drain(0), [0, 1, 2]);
}

#[test]
fn consumers_wait_for_a_leader_and_go_on_with_the_next() {
    let rules = TopicRules { replication: 3, election: millis(500), replication_delay: millis(1), ..one() };
    let mut bench = Bench::with(rules, GroupRules { max_poll_records: 1, ..earnest() });
    bench.join();
    bench.send(0, [1, 2]);
    bench.at(10).node_down(0);
    bench.done(0);
    assert_eq!(bench.at(509).holds(0), None);
    assert_eq!(bench.at(510).holds(0), Some(2));
}
