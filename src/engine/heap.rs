//! The pending events: a binary min-heap of 16-byte keys.
//!
//! The standard library's heap, since with small keys it needs the fewest instructions of all that were measured (4-ary,
//! radix, pairing, calendar queues) up to some thousand pending events, and pending events are few: timeouts wait in
//! lanes of their own.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

#[derive(Clone, Debug, Default)]
pub struct Heap {
    keys: BinaryHeap<Event>,
}

/// The smallest first.
type Event = Reverse<u128>;

// What is moved up and down the heap at every step; performance hangs on its size more than on the kind of heap.
const _: () = assert!(size_of::<Event>() == 16);

impl Heap {
    #[inline]
    pub fn push(&mut self, key: u128) {
        self.keys.push(Reverse(key));
    }

    #[inline]
    pub fn pop(&mut self) -> Option<u128> {
        self.keys.pop().map(|key| key.0)
    }

    pub fn len(&self) -> usize {
        self.keys.len()
    }
}
