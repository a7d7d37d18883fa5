//! The events that happen next: a sorted row while they are few, else a binary min-heap, of 16-byte keys.
//!
//! Of a dozen keys, a sorted row costs less than half as much as the standard library's heap, which with small keys needs the
//! fewest instructions of all heaps that were measured (4-ary, radix, pairing). Keys are all different, so the order is the
//! same in both.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The longest row. A power of two: a place that is cut to it needs no check.
pub(super) const ROW: usize = 16;
/// A heap that has shrunk to this becomes a row again; so much shorter that the two do not alternate.
pub(super) const FEW: usize = 6;

#[derive(Clone, Debug)]
pub(super) struct Heap {
    /// The first `in_row` of these, the next to happen last; none while there is a heap.
    row: [u128; ROW],
    in_row: usize,
    /// How long the row may get: not at all while there is a heap.
    room: usize,
    keys: BinaryHeap<Smallest>,
}

/// The smallest first.
pub(super) type Smallest = Reverse<u128>;

// What is moved up and down the heap at every step; performance hangs on its size more than on the kind of heap.
const _: () = assert!(size_of::<Smallest>() == 16);

impl Default for Heap {
    fn default() -> Heap {
        Heap { row: [0; ROW], in_row: 0, room: ROW, keys: BinaryHeap::new() }
    }
}

impl Heap {
    /// Puts the key in the row; false, and nothing done, if there is none or it is full.
    #[inline(always)]
    pub fn push_in_row(&mut self, key: u128) -> bool {
        if self.in_row >= self.room {
            return false;
        }
        let mut place = self.in_row.min(ROW - 1);
        self.in_row += 1;
        while place > 0 && self.row[place - 1] < key {
            self.row[place] = self.row[place - 1];
            place -= 1;
        }
        self.row[place] = key;
        true
    }

    /// Puts the key in, whatever there is.
    pub fn push(&mut self, key: u128) {
        if !self.push_in_row(key) {
            if self.keys.is_empty() {
                let row = &self.row[..std::mem::take(&mut self.in_row)];
                self.keys.extend(row.iter().copied().map(Reverse));
                self.room = 0;
            }
            self.keys.push(Reverse(key));
        }
    }

    /// Takes the next of the row; none if there is no row, or nothing in it.
    #[inline(always)]
    pub fn pop_from_row(&mut self) -> Option<u128> {
        if self.in_row == 0 {
            return None;
        }
        self.in_row -= 1;
        Some(self.row[self.in_row % ROW])
    }

    /// Takes the next of the heap, which becomes a row when it has shrunk; none if there is no heap.
    #[inline]
    pub fn pop_from_heap(&mut self) -> Option<u128> {
        let key = self.keys.pop()?.0;
        if self.keys.len() == FEW {
            self.become_row();
        }
        Some(key)
    }

    #[cold]
    #[inline(never)]
    fn become_row(&mut self) {
        self.room = ROW;
        while let Some(Reverse(key)) = self.keys.pop() {
            self.in_row += 1;
            self.row[FEW - self.in_row] = key;
        }
    }

    /// Takes over a bucket's keys, while it is itself empty: a few into the row, many as they lie.
    #[inline(always)]
    pub fn fill(&mut self, bucket: &mut Vec<Smallest>) {
        debug_assert!(self.len() == 0);
        if bucket.len() > ROW {
            self.room = 0;
            self.keys = std::mem::take(bucket).into();
            return;
        }
        for Reverse(key) in bucket.drain(..) {
            self.push_in_row(key);
        }
    }

    /// Gives all away; the larger of the two heaps stays where it is in memory.
    pub fn empty_into(&mut self, other: &mut BinaryHeap<Smallest>) {
        other.append(&mut self.keys);
        other.extend(self.row().iter().copied().map(Reverse));
        (self.in_row, self.room) = (0, ROW);
    }

    /// The row, the next to happen last.
    pub fn row(&self) -> &[u128] {
        &self.row[..self.in_row]
    }

    pub fn len(&self) -> usize {
        self.in_row + self.keys.len()
    }
}
