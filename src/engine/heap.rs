//! The pending events: a sorted row while they are few, else a binary min-heap, of 16-byte keys.
//!
//! The standard library's heap, since with small keys it needs the fewest instructions of all that were measured (4-ary,
//! radix, pairing, calendar queues) up to some thousand pending events, and pending events are few: timeouts wait in
//! lanes of their own. Of a dozen, a sorted row costs less than half as much. Keys are all different, so the order is the
//! same in both.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The longest row. A power of two: a place that is cut to it needs no check.
const ROW: usize = 16;
/// A heap that has shrunk to this becomes a row again; so much shorter that the two do not alternate.
const FEW: usize = 6;

#[derive(Clone, Debug, Default)]
pub struct Heap {
    /// The first `in_row` of these, the next to happen last; none while there is a heap.
    row: [u128; ROW],
    in_row: usize,
    keys: BinaryHeap<Event>,
}

/// The smallest first.
type Event = Reverse<u128>;

// What is moved up and down the heap at every step; performance hangs on its size more than on the kind of heap.
const _: () = assert!(size_of::<Event>() == 16);

impl Heap {
    #[inline]
    pub fn push(&mut self, key: u128) {
        if !self.keys.is_empty() {
            return self.keys.push(Reverse(key));
        }
        if self.in_row == ROW {
            return self.become_heap(key);
        }
        let mut place = self.in_row;
        self.in_row += 1;
        while place > 0 && self.row[(place - 1) % ROW] < key {
            self.row[place % ROW] = self.row[(place - 1) % ROW];
            place -= 1;
        }
        self.row[place % ROW] = key;
    }

    #[cold]
    #[inline(never)]
    fn become_heap(&mut self, key: u128) {
        let row = &self.row[..std::mem::take(&mut self.in_row)];
        self.keys.extend(row.iter().copied().map(Reverse));
        self.keys.push(Reverse(key));
    }

    #[inline]
    pub fn pop(&mut self) -> Option<u128> {
        if self.in_row > 0 {
            self.in_row -= 1;
            return Some(self.row[self.in_row % ROW]);
        }
        let key = self.keys.pop()?.0;
        if self.keys.len() == FEW {
            self.become_row();
        }
        Some(key)
    }

    #[cold]
    #[inline(never)]
    fn become_row(&mut self) {
        while let Some(Reverse(key)) = self.keys.pop() {
            self.in_row += 1;
            self.row[FEW - self.in_row] = key;
        }
    }

    pub fn len(&self) -> usize {
        self.in_row + self.keys.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_and_heap_hand_over_to_each_other_in_order() {
        let mut heap = Heap::default();
        let mut sorted: Vec<u128> = Vec::new();
        let mut word = 1u64;
        for round in 0..2000 {
            word = word.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            // It grows to a hundred and shrinks to nothing, again and again.
            if (round / 150) % 2 == 0 && word >> 62 != 0 {
                heap.push(u128::from(word));
                sorted.push(u128::from(word));
                sorted.sort_unstable();
            } else {
                let next = if sorted.is_empty() { None } else { Some(sorted.remove(0)) };
                assert_eq!(heap.pop(), next);
            }
            assert_eq!(heap.len(), sorted.len());
        }
    }
}
