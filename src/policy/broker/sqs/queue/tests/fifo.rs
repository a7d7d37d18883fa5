//! Groups, their order, and deduplication.

use super::*;

const FIFO_BATCHES: Kind = Kind::Fifo { batches_groups: true };

#[test]
fn a_group_with_a_message_in_flight_is_blocked_and_the_others_are_not() {
    let mut bench = Bench::of(FIFO);
    bench.publish_grouped(&[(1, 11), (1, 12), (2, 21), (1, 13)]);
    bench.subscribe(wide(10, 10));
    let delivered = bench.delivered();
    assert_eq!(delivered.iter().map(|d| d.1).collect::<Vec<_>>(), [11, 21]);
    assert_eq!(bench.counts(), (2, 2, 0));
    bench.settle(delivered[1].0, Settled::Delete);
    assert_eq!(bench.messages(), [0_u32; 0]);
    bench.settle(delivered[0].0, Settled::Delete);
    assert_eq!(bench.messages(), [12]);
}

#[test]
fn a_returned_message_of_a_group_goes_first() {
    let mut bench = Bench::of(FIFO);
    bench.publish_grouped(&[(1, 11), (1, 12), (2, 21)]);
    bench.subscribe(wide(1, 1));
    let (tag, _) = bench.delivered()[0];
    bench.settle(tag, Settled::Return { after: Nanos::ZERO });
    // Before what came to other groups later, too.
    let [(again, 11)] = bench.delivered()[..] else { panic!("it stands where it stood") };
    bench.settle(again, Settled::Return { after: Nanos::from_secs(5) });
    // While it is hidden its group is blocked.
    assert_eq!(bench.messages(), [21]);
    bench.subscribe(LONG);
    assert_eq!(bench.at(4).messages(), [0_u32; 0]);
    assert_eq!(bench.at(5).messages(), [11]);
}

#[test]
fn a_receive_may_bring_several_of_a_group_which_then_waits_for_all_of_them() {
    let mut bench = Bench::of(FIFO_BATCHES);
    bench.publish_grouped(&[(1, 11), (2, 21), (1, 12), (1, 13), (1, 14)]);
    bench.subscribe(wide(3, 3));
    let delivered = bench.delivered();
    assert_eq!(delivered.iter().map(|d| d.1).collect::<Vec<_>>(), [11, 12, 13]);
    bench.settle(delivered[0].0, Settled::Delete);
    let [(other, 21)] = bench.delivered()[..] else { panic!("the next group is free") };
    bench.settle(other, Settled::Delete);
    bench.settle(delivered[1].0, Settled::Leave);
    bench.settle(delivered[2].0, Settled::Delete);
    assert_eq!(bench.messages(), [0_u32; 0], "one of the group is still in flight");
    assert_eq!(bench.at(30).messages(), [12, 14]);
}

#[test]
fn a_fifo_queue_takes_a_deduplication_id_once_in_five_minutes() {
    let with_id = |id| Sending { deduplication: Some(id), ..Sending::default() };
    for (kind, second) in [(FIFO, Published::Duplicate), (Kind::Standard, Published::Taken)] {
        let mut bench = Bench::of(kind);
        assert_eq!(bench.send(1, with_id(7)), Published::Taken);
        bench.subscribe(LONG);
        let tag = bench.delivered()[0].0;
        // Deleted or not: the id is known.
        bench.settle(tag, Settled::Delete);
        assert_eq!(bench.at(299).send(1, with_id(7)), second, "{kind:?}");
        assert_eq!(bench.send(2, with_id(8)), Published::Taken);
        assert_eq!(bench.at(300).send(3, with_id(7)), Published::Taken, "{kind:?}");
    }
}
