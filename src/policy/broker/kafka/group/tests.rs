//! What becomes of members and their places.

use super::*;
use crate::policy::broker::kafka::Thrown;
use crate::policy::broker::kafka::bench::{Bench, earnest, plain};
use crate::policy::broker::kafka::rules::{Assignor, Protocol, Reset, TopicRules};

fn four() -> TopicRules {
    TopicRules { partitions: 4, ..plain() }
}

fn cooperative() -> GroupRules {
    GroupRules { protocol: Protocol::Cooperative, assignor: Assignor::Sticky, ..earnest() }
}

fn broker_driven() -> GroupRules {
    GroupRules { protocol: Protocol::Consumer, assignor: Assignor::Sticky, ..earnest() }
}

/// Owners as digits, `-` for none.
fn picture(bench: &Bench) -> String {
    bench.owners().iter().map(|owner| owner.map_or('-', |member| char::from_digit(member, 10).unwrap_or('?'))).collect()
}

fn phase(bench: &Bench) -> Phase {
    bench.topic.group(0).phase()
}

fn thrown(bench: &Bench) -> Vec<(u32, Thrown)> {
    let thrown = bench.told.iter().filter_map(|answer| match answer {
        Answer::ThrownOut { member, why, .. } => Some((*member, *why)),
        _ => None,
    });
    thrown.collect()
}

#[test]
fn an_empty_group_waits_for_members_and_a_little_longer_if_they_come() {
    for (second, third, stable_at) in [(None, None, 3_000), (Some(1_000), None, 6_000), (Some(1_000), Some(5_000), 9_000)] {
        let rules = GroupRules { initial_delay: Nanos::from_secs(3), ..earnest() };
        let mut bench = Bench::with(four(), rules);
        bench.join();
        for time in [second, third].into_iter().flatten() {
            bench.at(time).join();
        }
        assert_eq!(phase(bench.at(stable_at - 1)), Phase::PreparingRebalance, "{second:?} {third:?}");
        assert_eq!(phase(bench.at(stable_at)), Phase::Stable, "{second:?} {third:?}");
        assert_eq!(bench.topic.group(0).generation(), 1);
    }
    // But never longer than a rebalance may take.
    let rules = GroupRules { initial_delay: Nanos::from_secs(3), max_poll_interval: Nanos::from_secs(4), ..earnest() };
    let mut bench = Bench::with(four(), rules);
    bench.join();
    bench.at(1_000).join();
    assert_eq!(phase(bench.at(3_999)), Phase::PreparingRebalance);
    assert_eq!(phase(bench.at(4_000)), Phase::Stable);
}

#[test]
fn each_partition_has_one_reader_and_members_beyond_the_partitions_idle() {
    for (protocol, assignor) in [(Protocol::Eager, Assignor::Range), (Protocol::Cooperative, Assignor::Sticky)] {
        let mut bench = Bench::with(plain(), GroupRules { protocol, assignor, ..earnest() });
        (0..3).for_each(|_| _ = bench.join());
        bench.at(10_000).send(0, 0..10);
        bench.send(1, 10..20);
        assert_eq!(picture(&bench), "01");
        assert_eq!((bench.holds(0), bench.holds(1), bench.holds(2)), (Some(0), Some(10), None));
    }
}

#[test]
fn in_an_eager_rebalance_all_stop_until_all_are_back() {
    let mut bench = Bench::with(four(), earnest());
    bench.join();
    bench.at(100).join();
    bench.at(3_000);
    assert_eq!((picture(&bench), phase(&bench)), ("0011".into(), Phase::Stable));
    bench.send(0, [1, 2]);
    // Member 1 is idle, and learns of the rebalance by its heartbeat; member 0 is busy, and comes when its poll is handled.
    bench.at(4_000).join();
    assert_eq!(phase(bench.at(6_099)), Phase::PreparingRebalance);
    assert_eq!(picture(&bench), "0011");
    assert_eq!(picture(bench.at(6_100)), "00--");
    bench.send(3, [7]);
    assert_eq!(bench.delivered.len(), 1, "nobody reads what has no owner");
    assert_eq!(bench.drain(0), [1, 2]);
    assert_eq!((picture(&bench), phase(&bench)), ("0012".into(), Phase::Stable));
    assert_eq!(bench.holds(2), Some(7));
}

#[test]
fn who_does_not_rejoin_in_time_is_out_and_its_record_is_somebody_elses_again() {
    let rules = GroupRules { max_poll_interval: Nanos::from_secs(20), ..earnest() };
    let mut bench = Bench::with(plain(), rules);
    bench.join();
    bench.at(1_000).send(0, [1]);
    // It stays within its poll interval, but the rebalance begins and ends before.
    bench.at(1_500).join();
    bench.at(20_999);
    assert_eq!(phase(&bench), Phase::PreparingRebalance);
    bench.at(21_000);
    assert_eq!((thrown(&bench), picture(&bench)), (vec![(0, Thrown::Poll)], "11".into()));
    let again = bench.held[&(0, 1)];
    assert_eq!((again.message, again.redelivered, again.nth), (1, true, 1));
    assert_eq!(bench.done(0), Heard::Stale, "it is told too late");
    assert_eq!(bench.committed(0), 0);
    assert_eq!(bench.done(1), Heard::Counted);
    assert_eq!(bench.committed(0), 1);
    // Having polled, it is a member again.
    bench.at(30_000);
    assert_eq!(picture(&bench), "01");
}

#[test]
fn who_polled_late_in_a_rebalance_is_out_by_its_end() {
    let rules = GroupRules { max_poll_interval: Nanos::from_secs(20), ..earnest() };
    let mut bench = Bench::with(plain(), rules);
    bench.join();
    bench.at(1_000).join();
    // It has not heard of the rebalance yet.
    bench.at(2_000).send(0, [1]);
    bench.at(21_000);
    assert_eq!((thrown(&bench), phase(&bench), picture(&bench)), (vec![(0, Thrown::Rebalance)], Phase::Stable, "11".into()));
}

#[test]
fn a_member_that_is_thrown_out_goes_through_what_it_has_polled_in_vain() {
    let rules = GroupRules { max_poll_interval: Nanos::from_secs(10), ..earnest() };
    let mut bench = Bench::with(TopicRules { partitions: 1, ..plain() }, rules);
    bench.send(0, [1, 2, 3]);
    bench.join();
    assert_eq!(bench.done(0), Heard::Counted);
    bench.at(10_000);
    assert_eq!((thrown(&bench), phase(&bench)), (vec![(0, Thrown::Poll)], Phase::Empty));
    assert_eq!((bench.done(0), bench.holds(0)), (Heard::Stale, Some(3)));
    assert_eq!(bench.done(0), Heard::Stale);
    // It polls, joins, and gets what it has not committed.
    assert_eq!(bench.drain(0), [2, 3]);
    assert_eq!(bench.committed(0), 3);
}

#[test]
fn a_member_that_sends_no_heartbeats_is_out_when_its_session_ends() {
    for rules in [earnest(), cooperative(), broker_driven()] {
        let mut bench = Bench::with(plain(), rules.clone());
        bench.join();
        bench.join();
        bench.at(10_000).send(0, [1]);
        // The last heartbeat was at 9 s.
        bench.unreachable(0);
        assert!(thrown(bench.at(53_999)).is_empty());
        assert_eq!(thrown(bench.at(54_000)), [(0, Thrown::Session)]);
        bench.at(60_000);
        assert_eq!((picture(&bench), bench.holds(1)), ("11".into(), Some(1)), "{:?}", rules.protocol);
        // It was only the network: it finds itself out, and joins.
        bench.at(70_000).reachable(0);
        assert_eq!(bench.done(0), Heard::Stale);
        bench.drain(1);
        bench.at(80_000);
        assert!(picture(&bench).contains('0'), "{:?}", rules.protocol);
    }
}

#[test]
fn a_short_silence_changes_nothing() {
    let mut bench = Bench::with(plain(), GroupRules { commit: Commit::PerPoll, ..earnest() });
    bench.join();
    bench.send(0, [1]);
    bench.at(1_000).unreachable(0);
    assert_eq!(bench.done(0), Heard::Counted);
    bench.send(0, [2]);
    assert_eq!((bench.holds(0), bench.committed(0)), (None, 0), "it can neither commit nor read");
    bench.at(40_000).reachable(0);
    assert_eq!((bench.holds(0), bench.committed(0)), (Some(2), 1));
    assert!(thrown(bench.at(200_000)).is_empty());
}

#[test]
fn in_a_cooperative_rebalance_only_what_moves_stops() {
    let mut bench = Bench::with(four(), cooperative());
    bench.join();
    assert_eq!(picture(&bench), "0000");
    bench.at(1_000).join();
    bench.at(2_999).send(0, [1]);
    // Reading goes on while the rebalance is prepared.
    assert_eq!((phase(&bench), bench.holds(0)), (Phase::PreparingRebalance, Some(1)));
    bench.at(3_500);
    assert_eq!((bench.drain(0), picture(&bench)), (vec![1], "00--".into()), "it has let go of what moves");
    bench.send(0, [2]);
    bench.send(3, [3]);
    assert_eq!((bench.holds(0), bench.holds(1)), (Some(2), None));
    // The second rebalance gives it out, once both have joined it: member 1 by its heartbeat.
    bench.at(4_000);
    assert_eq!((picture(&bench), bench.holds(1)), ("0011".into(), Some(3)));
    assert_eq!(bench.topic.group(0).generation(), 3);
}

#[test]
fn a_broker_driven_group_moves_each_partition_as_soon_as_its_owner_lets_go() {
    let mut bench = Bench::with(four(), broker_driven());
    bench.join();
    assert_eq!(picture(&bench), "0000", "at once");
    bench.send(2, [1]);
    bench.at(1_000).join();
    assert_eq!((phase(&bench), picture(&bench)), (Phase::Reconciling, "0000".into()));
    // By its heartbeat at 3 s member 0 knows; it lets go at its next poll; member 1 hears of that by its own heartbeat.
    assert_eq!(picture(bench.at(3_500)), "0000");
    assert_eq!(bench.drain(0), [1]);
    assert_eq!(picture(&bench), "00--");
    assert_eq!(picture(bench.at(3_999)), "00--");
    assert_eq!((picture(bench.at(4_000)), phase(&bench)), ("0011".into(), Phase::Stable));
    // What does not move never stops.
    bench.leave(0);
    bench.send(3, [9]);
    assert_eq!(bench.holds(1), Some(9));
    bench.drain(1);
    assert_eq!(picture(bench.at(7_000)), "1111");
}

#[test]
fn a_member_that_closes_gives_its_partitions_free_at_once() {
    let mut bench = Bench::with(plain(), GroupRules { commit: Commit::Auto { interval: Nanos::from_secs(5) }, ..earnest() });
    bench.join();
    bench.send(0, [1, 2]);
    assert_eq!(bench.done(0), Heard::Counted);
    assert_eq!(bench.committed(0), 0);
    bench.leave(0);
    assert_eq!((bench.committed(0), phase(&bench)), (1, Phase::Empty), "what it has handled is committed, what it was at is not");
    assert_eq!(bench.done(0), Heard::Stale);
    bench.at(1_000).join();
    assert_eq!(bench.drain(1), [2]);
}

#[test]
fn who_commits_by_itself_does_so_before_its_partitions_move() {
    for rules in [earnest(), cooperative(), broker_driven()] {
        let protocol = rules.protocol;
        let mut bench = Bench::with(plain(), GroupRules { commit: Commit::Auto { interval: Nanos::from_secs(60) }, ..rules });
        bench.join();
        bench.send(0, [1]);
        bench.send(1, [2]);
        assert_eq!(bench.drain(0), [1, 2]);
        bench.at(1_000).join();
        assert_eq!((bench.committed(0), bench.committed(1)), (0, 0));
        bench.at(10_000);
        assert_eq!((picture(&bench).as_str(), bench.committed(1)), ("01", 1), "{protocol:?}");
        assert_eq!(bench.holds(1), None, "{protocol:?}: nothing is read again");
    }
}

#[test]
fn a_static_member_that_was_slow_and_polls_in_time_stays() {
    let rules = GroupRules { max_poll_interval: Nanos::from_secs(20), ..earnest() };
    let mut bench = Bench::with(plain(), rules);
    bench.join_as(Some(70));
    bench.send(0, [1]);
    bench.at(30_000);
    assert_eq!(bench.done(0), Heard::Counted);
    assert!(thrown(bench.at(200_000)).is_empty());
    assert_eq!(picture(&bench), "00");
}

#[test]
fn who_joins_again_sends_heartbeats_from_then_on() {
    let rules = GroupRules { max_poll_interval: Nanos::from_secs(10), ..earnest() };
    let mut bench = Bench::with(plain(), rules);
    bench.join();
    bench.send(0, [1]);
    bench.at(11_500);
    assert_eq!(bench.done(0), Heard::Stale);
    bench.drain(0);
    // Its heartbeats are at 11.5 s, 14.5 s and so on.
    bench.at(14_400).unreachable(0);
    assert_eq!(thrown(bench.at(56_499)).len(), 1);
    assert_eq!(thrown(bench.at(56_500)), [(0, Thrown::Poll), (0, Thrown::Session)]);
}

#[test]
fn a_static_member_that_restarts_in_time_takes_its_partitions_back_and_nobody_notices() {
    for rules in [earnest(), cooperative(), broker_driven()] {
        let mut bench = Bench::with(plain(), rules);
        bench.join_as(Some(70));
        bench.join_as(Some(71));
        bench.at(10_000).send(0, [1]);
        let generation = bench.topic.group(0).generation();
        bench.leave(0);
        assert_eq!(picture(bench.at(20_000)), "01", "it says nothing when it closes");
        assert_eq!(bench.join_as(Some(70)), 2);
        assert_eq!((picture(&bench), bench.holds(2)), ("21".into(), Some(1)));
        bench.at(200_000);
        assert_eq!(bench.topic.group(0).generation(), generation);
        assert!(thrown(&bench).is_empty());
    }
}

#[test]
fn a_static_member_that_stays_away_is_out_when_its_session_ends() {
    let mut bench = Bench::with(plain(), earnest());
    bench.join_as(Some(70));
    bench.leave(0);
    assert_eq!(thrown(bench.at(45_000)), [(0, Thrown::Session)]);
    // One that is slow falls silent: the poll interval, then the session.
    bench.join_as(Some(71));
    bench.send(0, [1]);
    assert!(thrown(bench.at(45_000 + 300_000 + 44_999)).len() == 1);
    assert_eq!(thrown(bench.at(45_000 + 300_000 + 45_000)), [(0, Thrown::Session), (1, Thrown::Session)]);
}

#[test]
fn a_member_that_comes_while_the_assignment_is_on_its_way_begins_it_anew() {
    let rules = GroupRules { completing: Nanos::from_secs(1), ..earnest() };
    let mut bench = Bench::with(plain(), rules);
    bench.join();
    assert_eq!(phase(bench.at(500)), Phase::CompletingRebalance);
    bench.join();
    assert_eq!(phase(bench.at(1_499)), Phase::CompletingRebalance);
    assert_eq!((phase(bench.at(1_500)), picture(&bench)), (Phase::Stable, "01".into()));
    assert_eq!(bench.topic.group(0).generation(), 2);
}

#[test]
fn without_a_valid_offset_and_a_rule_to_find_one_a_partition_stands_still() {
    let mut bench = Bench::with(plain(), GroupRules { reset: Reset::None, ..earnest() });
    bench.send(0, [1]);
    bench.join();
    let no_offset = |partition| Answer::NoOffset { group: 0, member: 0, partition };
    assert!(bench.told.contains(&no_offset(0)) && bench.told.contains(&no_offset(1)));
    assert!(bench.at(500_000).delivered.is_empty());
}
