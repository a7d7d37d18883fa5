//! What becomes of records when nodes go and come.

use super::*;
use crate::base::time::Nanos;
use crate::policy::broker::kafka::bench::{Bench, millis};

/// One partition on three nodes; followers copy within 10 ms, are out of sync after 1 s, catch up in 200 ms; an election takes 500 ms.
fn replicated() -> TopicRules {
    TopicRules {
        partitions: 1,
        replication: 3,
        min_insync: 2,
        replication_delay: millis(10),
        replica_lag_max: millis(1_000),
        catch_up: millis(200),
        election: millis(500),
        ..TopicRules::default()
    }
}

fn send(message: u32, acks: Acks) -> Send<u32> {
    Send { message, bytes: 10, acks, sequence: None }
}

fn numbered(message: u32, number: u64) -> Send<u32> {
    Send { sequence: Some(Sequence { producer: 7, number }), ..send(message, Acks::All) }
}

fn at(time: u64) -> Instant {
    Instant::START + millis(time)
}

fn in_sync(bench: &Bench) -> Vec<u32> {
    bench.topic.partition(0).in_sync().collect()
}

fn lost(bench: &Bench) -> Vec<u32> {
    let lost = bench.told.iter().filter_map(|answer| match answer {
        Answer::Lost { message, .. } => Some(*message),
        _ => None,
    });
    lost.collect()
}

#[test]
fn acks_say_what_a_producer_waits_for() {
    for (acks, confirmed) in [(Acks::None, 0), (Acks::Leader, 0), (Acks::All, 10)] {
        let mut bench = Bench::new(replicated());
        assert_eq!(bench.try_send(0, send(1, acks)), Appended::At { offset: 0, epoch: 0, confirmed: at(confirmed) }, "{acks:?}");
        assert_eq!(bench.topic.confirmation(0, 0, 0, bench.now), Confirmation::At(at(10)));
    }
}

#[test]
fn readers_see_what_all_in_sync_have() {
    let mut bench = Bench::new(replicated());
    for (time, high) in [(0, 0), (5, 0), (9, 0), (10, 1), (14, 1), (15, 2)] {
        bench.at(time);
        if time == 0 || time == 5 {
            bench.send(0, [time as u32]);
        }
        assert_eq!(bench.topic.partition(0).high(), high, "at {time} ms");
    }
}

#[test]
fn a_follower_that_is_away_holds_writes_back_until_it_is_out_of_sync() {
    let mut bench = Bench::new(replicated());
    bench.at(100).node_down(2);
    let Appended::At { confirmed, .. } = bench.try_send(0, send(1, Acks::All)) else { panic!("it is written") };
    assert_eq!(confirmed, at(1_100));
    bench.at(1_099);
    assert_eq!((bench.topic.partition(0).high(), in_sync(&bench)), (0, vec![0, 1, 2]));
    bench.at(1_100);
    assert_eq!((bench.topic.partition(0).high(), in_sync(&bench)), (1, vec![0, 1]));
    assert_eq!(bench.topic.confirmation(0, 0, 0, bench.now), Confirmation::At(at(1_100)));
    bench.at(2_000).node_up(2);
    assert_eq!(in_sync(bench.at(2_199)), [0, 1]);
    assert_eq!(in_sync(bench.at(2_200)), [0, 1, 2], "it has caught up");
}

#[test]
fn a_follower_that_is_back_in_time_never_leaves() {
    let mut bench = Bench::new(replicated());
    bench.at(100).node_down(1);
    bench.send(0, [1]);
    bench.at(800).node_up(1);
    assert_eq!(bench.topic.confirmation(0, 0, 0, bench.now), Confirmation::At(at(1_000)));
    bench.at(1_000);
    assert_eq!((bench.topic.partition(0).high(), in_sync(&bench)), (1, vec![0, 1, 2]));
}

#[test]
fn too_few_in_sync_refuse_acks_all_and_nothing_else() {
    let mut bench = Bench::new(replicated());
    bench.node_down(1);
    bench.node_down(2);
    bench.send(0, [1]);
    bench.at(1_000);
    assert_eq!(in_sync(&bench), [0]);
    assert_eq!(bench.topic.confirmation(0, 0, 0, bench.now), Confirmation::NotEnoughReplicas, "after it was written");
    assert_eq!(bench.try_send(0, send(2, Acks::All)), Appended::NotEnoughReplicas);
    assert_eq!(bench.try_send(0, send(3, Acks::Leader)), Appended::At { offset: 1, epoch: 0, confirmed: bench.now });
    assert_eq!(bench.topic.partition(0).high(), 2, "the leader alone is all in sync");
}

#[test]
fn without_its_leader_a_partition_is_away_for_the_election_and_then_goes_on() {
    let mut bench = Bench::new(replicated());
    bench.send(0, [1]);
    bench.at(100).node_down(0);
    assert_eq!(bench.topic.partition(0).leader(), None);
    assert_eq!(bench.try_send(0, send(2, Acks::Leader)), Appended::NoLeader);
    assert_eq!(bench.at(599).topic.partition(0).leader(), None);
    assert_eq!(bench.at(600).topic.partition(0).leader(), Some(1));
    assert_eq!(in_sync(&bench), [1, 2]);
    assert_eq!(bench.told, [Answer::Elected { partition: 0, node: 1 }]);
    assert_eq!(bench.try_send(0, send(2, Acks::All)), Appended::At { offset: 1, epoch: 1, confirmed: at(610) });
    assert_eq!(bench.topic.confirmation(0, 0, 0, bench.now), Confirmation::LeaderGone);
}

#[test]
fn what_the_next_leader_had_not_copied_is_lost_and_its_producer_may_send_it_again() {
    let mut bench = Bench::new(replicated());
    for (time, number) in [(0, 0), (5, 1), (6, 2)] {
        bench.at(time);
        assert!(matches!(bench.try_send(0, numbered(number as u32, number)), Appended::At { .. }));
    }
    bench.at(15).node_down(0);
    assert!(lost(&bench).is_empty(), "it is lost by the election, not before");
    bench.at(515);
    assert_eq!(lost(&bench), [2]);
    assert_eq!((bench.topic.partition(0).log().end(), bench.topic.partition(0).high()), (2, 2));
    assert!(matches!(bench.try_send(0, numbered(1, 1)), Appended::Duplicate { offset: 1, .. }));
    assert_eq!(bench.try_send(0, numbered(3, 3)), Appended::OutOfOrder);
    assert!(matches!(bench.try_send(0, numbered(2, 2)), Appended::At { offset: 2, .. }));
}

#[test]
fn a_leader_that_is_back_before_the_election_is_passed_over_unless_it_is_the_only_one() {
    let mut bench = Bench::new(replicated());
    bench.send(0, [1]);
    bench.node_down(0);
    bench.at(100).node_up(0);
    bench.at(500);
    assert_eq!((bench.topic.partition(0).leader(), lost(&bench)), (Some(1), vec![1]));
    assert_eq!(in_sync(&bench), [1, 2]);
    assert_eq!(in_sync(bench.at(700)), [0, 1, 2]);

    let mut alone = Bench::new(TopicRules { replication: 1, min_insync: 1, ..replicated() });
    alone.send(0, [1]);
    alone.node_down(0);
    alone.at(100).node_up(0);
    alone.at(500);
    assert_eq!((alone.topic.partition(0).leader(), lost(&alone)), (Some(0), vec![]), "nothing was copied, and nothing is lost");
}

#[test]
fn who_comes_into_sync_has_all_that_readers_may_see() {
    let mut bench = Bench::new(TopicRules { replication: 2, min_insync: 1, ..replicated() });
    bench.node_down(1);
    bench.at(1_000).node_up(1);
    // Alone in sync, the leader confirms at once; 5 ms later the follower has caught up, and 1 ms after that it must lead.
    bench.at(1_195);
    assert_eq!(bench.try_send(0, send(1, Acks::All)), Appended::At { offset: 0, epoch: 0, confirmed: at(1_195) });
    assert_eq!(in_sync(bench.at(1_200)), [0, 1]);
    bench.at(1_201).node_down(0);
    bench.at(2_000);
    assert_eq!((bench.topic.partition(0).leader(), lost(&bench)), (Some(1), vec![]));
}

/// The leader is alone in sync when it goes; node 1, which lacks a record, is there.
fn only_an_outdated_replica(unclean: bool) -> Bench {
    let mut bench = Bench::new(TopicRules { unclean, min_insync: 1, ..replicated() });
    bench.send(0, [1]);
    bench.at(100).node_down(1);
    bench.node_down(2);
    bench.send(0, [2]);
    bench.at(1_200).node_down(0);
    bench.node_up(1);
    bench
}

#[test]
fn without_any_replica_in_sync_a_partition_waits_for_one() {
    let mut bench = only_an_outdated_replica(false);
    assert_eq!(bench.at(5_000).topic.partition(0).leader(), None);
    bench.node_up(0);
    assert_eq!((bench.topic.partition(0).leader(), lost(&bench)), (Some(0), vec![]), "at once: it was waited for");
    assert_eq!(in_sync(bench.at(5_200)), [0, 1]);
}

#[test]
fn an_unclean_election_would_rather_lose_what_was_confirmed() {
    let mut bench = only_an_outdated_replica(true);
    assert_eq!(bench.topic.partition(0).high(), 2);
    bench.at(1_700);
    assert_eq!((bench.topic.partition(0).leader(), lost(&bench)), (Some(1), vec![2]));
    assert_eq!((bench.topic.partition(0).high(), in_sync(&bench)), (1, vec![1]));
}

#[test]
fn leaders_are_spread_over_the_nodes() {
    let bench = Bench::new(TopicRules { partitions: 4, ..replicated() });
    let leaders: Vec<_> = (0..4).map(|partition| bench.topic.partition(partition).leader()).collect();
    assert_eq!(leaders, [Some(0), Some(1), Some(2), Some(0)]);
}

#[test]
fn a_partition_that_waits_for_nothing_does_not_wake() {
    let bench = Bench::new(TopicRules { retention_age: None, ..replicated() });
    assert_eq!(bench.topic.wakes_at(), Instant::NEVER);
    let mut bench = Bench::new(TopicRules { retention_age: Some(Nanos::from_secs(1_000)), ..replicated() });
    bench.send(0, [1]);
    assert_eq!(bench.topic.wakes_at(), at(10));
    bench.at(10);
    assert_eq!(bench.topic.wakes_at(), Instant::from_secs(1_200), "the first check of retention after it is too old");
}
