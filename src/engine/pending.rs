//! The pending events. While they are few, one sorted row. When they are many, only those of the next moment are kept in
//! order; the others lie in buckets by time, unsorted until their moment comes, and what is beyond the last bucket in a heap.
//!
//! A calendar queue (Brown 1988) whose buckets are poured into a small ordered front, as in a ladder queue (Tang, Goh & Thng
//! 2005): a push is an addition to a bucket, a pop is the end of a row. The width of the buckets follows how densely events
//! have happened; where it is wrong, the front is a heap, and no operation costs more than a heap's. The order is that of the
//! keys, however they are kept.

use super::heap::{FEW, Heap, Smallest};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Where a key's time begins: its upper 56 bits are nanoseconds.
pub(super) const TIME_AT: u32 = 72;
const TIME_BITS: u32 = 128 - TIME_AT;
/// Where its number begins: keys are numbered in the order in which they are made.
pub(super) const SEQUENCE_AT: u32 = 34;

/// Where `near` ends while it holds all.
const ALL: u64 = u64::MAX;

const BUCKETS: usize = 1024;
const WORDS: usize = BUCKETS / 64;
/// As many events a bucket should hold at most: its width is rounded down to a power of two.
const PER_BUCKET: u64 = 8;
/// Whether the width still fits is asked whenever so many events have been poured.
const NOW_AND_THEN: u64 = 4096;
/// It may be wrong by so many bits.
const TOLERATED: u32 = 1;
/// Buckets may be so many bits wider than would fit all that is made.
const SOON: u32 = 2;
/// Events taken from a heap at the front, while one bucket is in turn, after which buckets are made narrower.
const TOO_MANY: u32 = 1024;
/// By so many bits.
const NARROWER: u32 = 3;

#[derive(Clone, Debug)]
pub(super) struct Pending {
    near: Heap,
    /// What is earlier is in `near`; all is while they are few.
    near_ends: u64,
    /// Time in units of 2^`width` nanoseconds is cut into buckets; those up to `current` are in `near`, the next `BUCKETS` - 1
    /// here, each at its number modulo `BUCKETS`.
    buckets: Box<[Vec<Smallest>; BUCKETS]>,
    current: u64,
    width: u32,
    /// Which buckets hold something.
    filled: [u64; WORDS],
    /// What is, or was, beyond the last bucket.
    far: BinaryHeap<Smallest>,
    /// How many are in buckets or far.
    ahead: usize,
    /// Where `current` was when the width was last looked at, the number of a key of that time, and how many keys have been
    /// poured since.
    looked_at: u64,
    sequence: u64,
    poured: u64,
    from_heap: u32,
}

impl Default for Pending {
    fn default() -> Pending {
        Pending {
            near: Heap::default(),
            near_ends: ALL,
            buckets: Box::new([const { Vec::new() }; BUCKETS]),
            current: 0,
            width: 0,
            filled: [0; WORDS],
            far: BinaryHeap::new(),
            ahead: 0,
            looked_at: 0,
            sequence: 0,
            poured: 0,
            from_heap: 0,
        }
    }
}

#[inline(always)]
fn sequence(key: u128) -> u64 {
    (key >> SEQUENCE_AT) as u64 & ((1 << (TIME_AT - SEQUENCE_AT)) - 1)
}

#[inline(always)]
fn time(key: u128) -> u64 {
    (key >> TIME_AT) as u64
}

impl Pending {
    /// No key is zero.
    pub const NONE: u128 = 0;

    #[inline(always)]
    pub fn push(&mut self, key: u128) {
        if time(key) >= self.near_ends {
            self.push_ahead(key);
        } else if !self.near.push_in_row(key) {
            self.push_in_full_row(key);
        }
    }

    #[cold]
    #[inline(never)]
    fn push_in_full_row(&mut self, key: u128) {
        if self.near_ends == ALL { self.become_many(key) } else { self.near.push(key) }
    }

    #[inline(never)]
    fn push_ahead(&mut self, key: u128) {
        self.ahead += 1;
        let bucket = time(key) >> self.width;
        if bucket - self.current >= BUCKETS as u64 {
            return self.far.push(Reverse(key));
        }
        self.put(bucket, key);
    }

    #[inline(always)]
    fn put(&mut self, bucket: u64, key: u128) {
        let place = bucket as usize % BUCKETS;
        self.buckets[place].push(Reverse(key));
        self.filled[place / 64] |= 1 << (place % 64);
    }

    /// The next key; [`NONE`](Self::NONE) if nothing is pending.
    #[inline(always)]
    pub fn pop(&mut self) -> u128 {
        match self.near.pop_from_row() {
            Some(key) => key,
            None => self.pop_elsewhere(),
        }
    }

    #[inline(never)]
    fn pop_elsewhere(&mut self) -> u128 {
        loop {
            if let Some(key) = self.near.pop_from_heap() {
                self.from_heap += 1;
                if self.from_heap > TOO_MANY && self.width > 0 && self.near_ends != ALL {
                    self.lay_out_narrower();
                }
                return key;
            }
            if let Some(key) = self.near.pop_from_row() {
                return key;
            }
            if self.ahead <= FEW && !self.become_few() {
                return Pending::NONE;
            }
            self.pour();
        }
    }

    /// Puts the next bucket's events in order; some are ahead.
    #[inline(always)]
    fn pour(&mut self) {
        self.fetch_far();
        let Some(place) = self.next_filled() else { return };
        self.filled[place / 64] &= !(1 << (place % 64));
        let from = (self.current + 1) as usize % BUCKETS;
        self.current += 1 + (place.wrapping_sub(from) % BUCKETS) as u64;
        self.near_ends = begin_of(self.current + 1, self.width);
        let bucket = &mut self.buckets[place];
        self.ahead -= bucket.len();
        let latest = bucket.last().map_or(0, |key| sequence(key.0));
        self.poured += bucket.len() as u64 + u64::from(std::mem::take(&mut self.from_heap));
        self.near.fill(bucket);
        if self.poured > NOW_AND_THEN {
            self.look_at_width(latest);
        }
    }

    /// The place of the first bucket after the present one that holds something.
    #[inline(always)]
    fn next_filled(&self) -> Option<usize> {
        let from = (self.current + 1) as usize % BUCKETS;
        let first = self.filled[from / 64] & (u64::MAX << (from % 64));
        if first != 0 {
            return Some(from / 64 * 64 + first.trailing_zeros() as usize);
        }
        // All around, to the part of the first word that was left out.
        let word = (1..=WORDS).map(|ahead| (from / 64 + ahead) % WORDS).find(|word| self.filled[*word] != 0)?;
        Some(word * 64 + self.filled[word].trailing_zeros() as usize)
    }

    /// Takes what the buckets have come to reach; if all are empty, they go on to where something is.
    #[inline(always)]
    fn fetch_far(&mut self) {
        let Some(&Reverse(next)) = self.far.peek() else { return };
        if self.far.len() == self.ahead {
            self.go_on_to(time(next));
        }
        if (time(next) >> self.width) - self.current < BUCKETS as u64 {
            self.take_from_far();
        }
    }

    /// All is far: the buckets begin anew where the next event is, and fit how densely the others lie if there are many.
    #[cold]
    #[inline(never)]
    fn go_on_to(&mut self, next: u64) {
        if let Some(width) = self.width_for_far() {
            (self.width, self.looked_at, self.poured) = (width, next, 0);
        }
        self.current = (next >> self.width).saturating_sub(1);
    }

    /// The width that fits how densely lies what is far; none if it is little.
    fn width_for_far(&self) -> Option<u32> {
        let first = time(self.far.peek().filter(|_| self.far.len() > BUCKETS)?.0);
        // A few may be much farther than the others: the nearer quarter of a sample tells.
        let mut sample: Vec<u64> = self.far.iter().step_by(self.far.len() / 64).map(|key| time(key.0)).collect();
        sample.sort_unstable();
        let quarter = sample[sample.len() / 4];
        Some(((quarter - first) / (self.far.len() as u64 / 4) * PER_BUCKET).max(1).ilog2())
    }

    #[inline(never)]
    fn take_from_far(&mut self) {
        while let Some(&Reverse(key)) = self.far.peek() {
            let bucket = time(key) >> self.width;
            if bucket - self.current >= BUCKETS as u64 {
                return;
            }
            self.far.pop();
            self.put(bucket, key);
        }
    }

    /// Makes the buckets wider or narrower if they hold too few or too many.
    #[cold]
    #[inline(never)]
    fn look_at_width(&mut self, latest: u64) {
        let now = self.current << self.width;
        // All of it may lie in the bucket in which the last look was: its beginning is before that.
        let passed = now.saturating_sub(self.looked_at);
        let fitting = |events: u64| (passed * PER_BUCKET / events.max(1)).max(1).ilog2();
        // Much of what is made happens so soon that it is never in a bucket. The wider the buckets, the more: without a bound by
        // what is made they would grow for ever where nearly all is so.
        let made = latest.saturating_sub(self.sequence);
        let fitting = fitting(self.poured).min(fitting(made) + SOON);
        (self.looked_at, self.sequence, self.poured) = (now, latest, 0);
        // Very many in one bucket stay where they are: as a heap they are in order, and taken from it they make buckets narrower.
        if fitting.abs_diff(self.width) > TOLERATED && self.near.len() < BUCKETS {
            self.lay_out(fitting);
        }
    }

    /// The row is full: from now on they are many.
    #[cold]
    #[inline(never)]
    fn become_many(&mut self, key: u128) {
        let row = self.near.row();
        // The first quarter tells how densely they lie: others may be far away.
        let quarter = row.len() / 4;
        let (first, after) = (time(row[row.len() - 1]), time(row[row.len() - 1 - quarter]));
        self.near.push(key);
        (self.looked_at, self.sequence, self.poured) = (first, sequence(key), 0);
        self.lay_out(((after - first) * PER_BUCKET / quarter as u64).max(1).ilog2());
    }

    /// They are few again: all into the row; false if there are none.
    #[cold]
    #[inline(never)]
    fn become_few(&mut self) -> bool {
        let some = self.ahead > 0;
        self.empty_buckets();
        self.far.drain().for_each(|Reverse(key)| self.near.push(key));
        (self.ahead, self.near_ends) = (0, ALL);
        some
    }

    fn empty_buckets(&mut self) {
        for (word, filled) in self.filled.iter_mut().enumerate() {
            while *filled != 0 {
                let place = word * 64 + filled.trailing_zeros() as usize;
                // The longer of the two stays where it is in memory.
                self.far.append(&mut std::mem::take(&mut self.buckets[place]).into());
                *filled &= *filled - 1;
            }
        }
    }

    /// Too much falls into one bucket.
    #[cold]
    #[inline(never)]
    fn lay_out_narrower(&mut self) {
        self.empty_buckets();
        self.near.empty_into(&mut self.far);
        let narrower = self.width.saturating_sub(NARROWER);
        self.lay_out(self.width_for_far().map_or(narrower, |width| width.min(narrower)));
    }

    /// Cuts time into buckets of another width, from the next event on.
    #[cold]
    #[inline(never)]
    fn lay_out(&mut self, width: u32) {
        self.empty_buckets();
        self.near.empty_into(&mut self.far);
        (self.width, self.from_heap) = (width, 0);
        let Some(&Reverse(next)) = self.far.peek() else { return };
        self.current = time(next) >> width;
        self.near_ends = begin_of(self.current + 1, width);
        while let Some(&Reverse(key)) = self.far.peek()
            && time(key) < self.near_ends
        {
            self.far.pop();
            self.near.push(key);
        }
        self.ahead = self.far.len();
        self.take_from_far();
    }

    pub fn len(&self) -> usize {
        self.near.len() + self.ahead
    }
}

/// When a bucket begins; never, beyond the end of time.
#[inline(always)]
fn begin_of(bucket: u64, width: u32) -> u64 {
    let begins = u128::from(bucket) << width;
    if begins >> TIME_BITS == 0 { begins as u64 } else { ALL - 1 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::stream::{Source, Streams};
    use std::collections::BTreeSet;

    /// Pushes and pops by turns so that the number pending follows `wanted`, with delays drawn by `delay`.
    fn follows_a_sorted_set(rounds: usize, wanted: impl Fn(usize) -> usize, delay: impl Fn(usize, &mut dyn FnMut(u32) -> u32) -> u64) {
        let mut words = Streams::new(3).sequence("pending", "test");
        let (mut pending, mut sorted) = (Pending::default(), BTreeSet::new());
        let mut now = 0u64;
        let mut most = 0;
        for round in 0..rounds {
            while sorted.len() <= wanted(round) {
                let at = (now + delay(round, &mut |n| words.below(n))).min((1 << TIME_BITS) - 1);
                let key = u128::from(at) << TIME_AT | (round as u128 + 1) << 34 | sorted.len() as u128;
                sorted.insert(key);
                pending.push(key);
            }
            most = most.max(sorted.len());
            assert_eq!(pending.len(), sorted.len());
            for _ in 0..1 + words.below(3) {
                let next = sorted.pop_first();
                assert_eq!(pending.pop(), next.unwrap_or(Pending::NONE), "round {round}");
                now = next.map_or(now, time);
            }
        }
        while let Some(next) = sorted.pop_first() {
            assert_eq!(pending.pop(), next);
        }
        assert_eq!((pending.pop(), pending.len()), (Pending::NONE, 0));
        assert!(most > 10);
    }

    #[test]
    fn the_order_is_that_of_a_sorted_set_while_they_become_few_and_many() {
        follows_a_sorted_set(30_000, |round| if (round / 700) % 2 == 0 { 300 } else { 0 }, |_, below| u64::from(below(1_000_000)));
    }

    #[test]
    fn the_order_is_that_of_a_sorted_set_of_delays_of_many_sizes() {
        let delay = |_, below: &mut dyn FnMut(u32) -> u32| u64::from(below(1000)) << (4 * below(12));
        follows_a_sorted_set(30_000, |_| 200, delay);
    }

    #[test]
    fn the_order_is_that_of_a_sorted_set_when_much_happens_at_once() {
        let delay = |round: usize, below: &mut dyn FnMut(u32) -> u32| if round % 500 < 200 { 0 } else { 1_000_000 * u64::from(below(2)) };
        follows_a_sorted_set(20_000, |round| 40 + (round / 1000) % 3 * 400, delay);
    }

    #[test]
    fn the_order_is_that_of_a_sorted_set_after_an_idle_time_has_made_buckets_wide() {
        // Long idle, then much in a small part of one bucket: the front becomes a heap, and buckets narrower again.
        let delay = |round: usize, below: &mut dyn FnMut(u32) -> u32| {
            if round < 500 { 10_000_000_000 + u64::from(below(1_000_000)) } else { u64::from(below(1000)) }
        };
        follows_a_sorted_set(20_000, |_| 500, delay);
    }

    #[test]
    fn the_order_is_that_of_a_sorted_set_up_to_the_end_of_time() {
        let delay = |_, below: &mut dyn FnMut(u32) -> u32| u64::from(below(u32::MAX)) << 12;
        follows_a_sorted_set(5_000, |_| 100, delay);
    }

    #[test]
    fn much_that_falls_into_the_bucket_of_the_last_look_is_kept_in_order() {
        let mut pending = Pending::default();
        let key = |at: u64, n: u64| u128::from(at) << TIME_AT | u128::from(n);
        // The first lies behind the beginning of its bucket, and all the others in the same.
        for n in 1..100 {
            pending.push(key(1_300_000_000 + n * 1_000_000_000, n));
        }
        for n in 100..20_000 {
            pending.push(key(2_300_000_001, n));
            if n % 2 == 0 {
                assert!(time(pending.pop()) <= 2_300_000_001);
            }
        }
        assert_eq!(pending.len(), 99 + 19_900 - 9_950);
        let mut last = 0;
        while let next @ 1.. = pending.pop() {
            assert!(next > last);
            last = next;
        }
    }

    #[test]
    fn buckets_are_made_narrower_when_too_much_falls_into_one() {
        let mut pending = Pending::default();
        let key = |at: u64, n: u64| u128::from(at) << TIME_AT | u128::from(n);
        for n in 1..100 {
            pending.push(key(n * 1_000_000_000, n));
        }
        let wide = pending.width;
        assert!(wide > 20, "{wide}");
        for n in 1..10_000 {
            pending.push(key(n * 50, n));
        }
        for n in 1..5_000 {
            assert_eq!(time(pending.pop()), n * 50);
        }
        assert!(pending.width < wide - 5, "{} of {wide}", pending.width);
    }
}
