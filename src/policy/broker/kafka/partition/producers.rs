//! What a partition remembers of idempotent producers, so that a retry is no second record and nothing overtakes (Apache Kafka
//! documentation, `enable.idempotence`; as KIP-98 and its successors keep it: the last five batches of each producer).

use crate::base::time::Instant;
use std::collections::{BTreeMap, VecDeque};

/// A record's place among those that its producer has sent to this partition, from 0 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sequence {
    pub producer: u64,
    pub number: u64,
}

/// What a sequence number says about a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judged {
    Next,
    /// It is there already, at this offset at the latest.
    Known {
        offset: u64,
    },
    /// One before it is missing.
    Ahead,
}

/// Records of a producer that came in one go.
#[derive(Clone, Copy, Debug)]
struct Batch {
    first: u64,
    last: u64,
    offset: u64,
    appended: Instant,
}

/// Batches that are remembered of each producer: as many as may be in flight (`max.in.flight.requests.per.connection`).
const REMEMBERED: usize = 5;

#[derive(Clone, Debug, Default)]
pub(super) struct Producers {
    batches: BTreeMap<u64, VecDeque<Batch>>,
}

impl Producers {
    pub fn judge(&self, sequence: Sequence) -> Judged {
        // A producer that nothing is known of is believed.
        let Some(batches) = self.batches.get(&sequence.producer) else { return Judged::Next };
        let Some(newest) = batches.back() else { return Judged::Next };
        if sequence.number > newest.last {
            return if sequence.number == newest.last + 1 { Judged::Next } else { Judged::Ahead };
        }
        let known = batches.iter().find(|batch| (batch.first..=batch.last).contains(&sequence.number));
        let offset = known.map(|batch| batch.offset + (sequence.number - batch.first)).or(batches.front().map(|oldest| oldest.offset));
        Judged::Known { offset: offset.unwrap_or(newest.offset) }
    }

    pub fn appended(&mut self, sequence: Sequence, offset: u64, now: Instant) {
        let batches = self.batches.entry(sequence.producer).or_default();
        match batches.back_mut() {
            Some(batch) if batch.appended == now && batch.offset + (sequence.number - batch.first) == offset => {
                batch.last = sequence.number
            }
            _ => batches.push_back(Batch { first: sequence.number, last: sequence.number, offset, appended: now }),
        }
        if batches.len() > REMEMBERED {
            batches.pop_front();
        }
    }

    /// The log ends here now: what lay behind has never been.
    pub fn truncate(&mut self, end: u64) {
        for batches in self.batches.values_mut() {
            while batches.back().is_some_and(|batch| batch.offset >= end) {
                batches.pop_back();
            }
            if let Some(batch) = batches.back_mut() {
                batch.last = batch.last.min(batch.first + (end - 1 - batch.offset));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequence(number: u64) -> Sequence {
        Sequence { producer: 1, number }
    }

    #[test]
    fn a_retry_is_known_a_gap_is_refused_and_the_next_is_taken() {
        let mut producers = Producers::default();
        assert_eq!(producers.judge(sequence(7)), Judged::Next, "nothing is known of it");
        // Seven batches of two records; another producer writes between them.
        for batch in 0..7 {
            for record in 0..2 {
                producers.appended(sequence(batch * 2 + record), batch * 3 + record, Instant(batch));
            }
            producers.appended(Sequence { producer: 2, number: batch }, batch * 3 + 2, Instant(batch));
        }
        for (number, judged) in [
            (14, Judged::Next),
            (15, Judged::Ahead),
            (13, Judged::Known { offset: 19 }),
            (4, Judged::Known { offset: 6 }),
            // Too long ago to know where: at the oldest that is known, at the latest.
            (3, Judged::Known { offset: 6 }),
        ] {
            assert_eq!(producers.judge(sequence(number)), judged, "{number}");
        }
        assert_eq!(producers.judge(Sequence { producer: 2, number: 6 }), Judged::Known { offset: 20 });
    }

    #[test]
    fn what_was_lost_may_be_sent_again() {
        let mut producers = Producers::default();
        for number in 0..4 {
            producers.appended(sequence(number), number, Instant(number / 2));
        }
        producers.truncate(3);
        assert_eq!(producers.judge(sequence(3)), Judged::Next);
        assert_eq!(producers.judge(sequence(2)), Judged::Known { offset: 2 });
        producers.truncate(2);
        assert_eq!(producers.judge(sequence(2)), Judged::Next);
        producers.truncate(0);
        assert_eq!(producers.judge(sequence(9)), Judged::Next, "nothing is known of it any more");
    }
}
