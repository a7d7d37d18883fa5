//! Where things that come and go live: calls in flight, jobs in a queue. An index stays valid until its entry is removed.
//!
//! Free entries are linked through a field of their own, so an entry takes exactly its size and a walk touches nothing else.
//! The entry freed last is used first, since it is still in the cache. There are no generations: who keeps an index beyond
//! its entry's life compares something inside. With debug assertions on, touching a removed entry panics.

use std::ops::{Index, IndexMut};

/// A type whose value, once removed, has room for the index of the next free entry.
pub trait Recycle {
    /// The entry is removed; `next` is the next free one.
    fn set_next_free(&mut self, next: u32);
    fn next_free(&self) -> u32;
}

/// No free entry follows.
const END: u32 = u32::MAX;

/// Entries by index.
#[derive(Clone, Debug)]
pub struct Slab<T> {
    entries: Vec<T>,
    /// The entry freed last.
    free: u32,
    len: u32,
    limit: u32,
    #[cfg(debug_assertions)]
    live: Vec<u64>,
}

impl<T: Recycle> Slab<T> {
    /// Holds up to `limit` entries, fewer than 2^32 - 1; allocates as it fills.
    pub fn new(limit: u32) -> Slab<T> {
        Slab {
            entries: Vec::new(),
            free: END,
            len: 0,
            limit: limit.min(END - 1),
            #[cfg(debug_assertions)]
            live: Vec::new(),
        }
    }

    /// The index that the next new entry will have.
    #[inline(always)]
    pub fn next_index(&self) -> u32 {
        if self.free == END { self.entries.len() as u32 } else { self.free }
    }

    /// The index of the new entry; none if the slab is at its limit.
    #[inline]
    pub fn insert(&mut self, value: T) -> Option<u32> {
        let index = self.free;
        if index == END {
            return self.append(value);
        }
        let entry = &mut self.entries[index as usize];
        self.free = entry.next_free();
        *entry = value;
        self.enter(index);
        Some(index)
    }

    #[cold]
    #[inline(never)]
    fn append(&mut self, value: T) -> Option<u32> {
        let index = self.entries.len() as u32;
        if index >= self.limit {
            return None;
        }
        self.entries.push(value);
        self.enter(index);
        Some(index)
    }

    #[inline(always)]
    fn enter(&mut self, index: u32) {
        self.len += 1;
        self.mark(index, true);
    }

    /// Frees an entry. Its fields stay as they were, but for the link, until it is used again.
    #[inline]
    pub fn remove(&mut self, index: u32) {
        let free = self.free;
        self[index].set_next_free(free);
        self.free = index;
        self.len -= 1;
        self.mark(index, false);
    }

    /// Removes all entries, and keeps the allocation.
    pub fn clear(&mut self) {
        self.entries.clear();
        (self.free, self.len) = (END, 0);
        #[cfg(debug_assertions)]
        self.live.clear();
    }
}

impl<T> Slab<T> {
    /// Entries in use.
    pub fn len(&self) -> u32 {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All entries ever used, removed ones included: whoever walks them must tell by their contents which are live.
    pub fn entries(&self) -> &[T] {
        &self.entries
    }

    /// The most entries that may be in use together.
    pub fn limit(&self) -> u32 {
        self.limit
    }

    #[inline(always)]
    fn mark(&mut self, _index: u32, _live: bool) {
        #[cfg(debug_assertions)]
        {
            let (word, bit) = (_index as usize / 64, 1 << (_index % 64));
            if word >= self.live.len() {
                self.live.resize(word + 1, 0);
            }
            self.live[word] = if _live { self.live[word] | bit } else { self.live[word] & !bit };
        }
    }

    #[inline(always)]
    fn assert_live(&self, _index: u32) {
        #[cfg(debug_assertions)]
        {
            let word = self.live.get(_index as usize / 64).copied().unwrap_or(0);
            assert!(word >> (_index % 64) & 1 == 1, "entry {_index} was removed");
        }
    }
}

impl<T> Index<u32> for Slab<T> {
    type Output = T;
    #[inline(always)]
    fn index(&self, index: u32) -> &T {
        self.assert_live(index);
        &self.entries[index as usize]
    }
}

impl<T> IndexMut<u32> for Slab<T> {
    #[inline(always)]
    fn index_mut(&mut self, index: u32) -> &mut T {
        self.assert_live(index);
        &mut self.entries[index as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::cases::cases;
    use proptest::prelude::*;

    #[derive(Clone, Debug, PartialEq)]
    struct Call {
        number: u64,
        next: u32,
    }

    impl Recycle for Call {
        fn set_next_free(&mut self, next: u32) {
            self.next = next;
        }
        fn next_free(&self) -> u32 {
            self.next
        }
    }

    fn call(number: u64) -> Call {
        Call { number, next: 7 }
    }

    #[test]
    fn entry_freed_last_is_used_first() {
        let mut slab = Slab::new(10);
        let indices: Vec<u32> = (0..4).map(|n| slab.insert(call(n)).unwrap()).collect();
        assert_eq!(indices, [0, 1, 2, 3]);
        slab.remove(1);
        slab.remove(3);
        assert_eq!([slab.insert(call(4)), slab.insert(call(5)), slab.insert(call(6))], [Some(3), Some(1), Some(4)]);
        assert_eq!(slab.len(), 5);
    }

    #[test]
    fn nothing_enters_beyond_the_limit() {
        let mut slab = Slab::new(2);
        assert_eq!([slab.insert(call(0)), slab.insert(call(1)), slab.insert(call(2))], [Some(0), Some(1), None]);
        slab.remove(0);
        assert_eq!(slab.insert(call(3)), Some(0));
        assert_eq!((slab.len(), slab.limit()), (2, 2));
    }

    #[test]
    fn clear_begins_anew() {
        let mut slab = Slab::new(5);
        slab.insert(call(0));
        slab.insert(call(1));
        slab.remove(0);
        slab.clear();
        assert!(slab.is_empty());
        assert_eq!((slab.insert(call(2)), slab.len()), (Some(0), 1));
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "entry 0 was removed")]
    fn touching_a_removed_entry_panics_in_debug_builds() {
        let mut slab = Slab::new(5);
        slab.insert(call(0));
        slab.remove(0);
        slab[0].number = 1;
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "entry 0 was removed")]
    fn removing_twice_panics_in_debug_builds() {
        let mut slab = Slab::new(5);
        slab.insert(call(0));
        slab.remove(0);
        slab.remove(0);
    }

    proptest! {
        #![proptest_config(cases(256))]

        #[test]
        fn it_holds_what_a_map_would(steps in prop::collection::vec((any::<bool>(), any::<prop::sample::Index>()), 0..300)) {
            let mut slab = Slab::new(1000);
            let mut map: Vec<(u32, u64)> = Vec::new();
            for (number, (insert, which)) in steps.into_iter().enumerate() {
                if insert || map.is_empty() {
                    let index = slab.insert(call(number as u64)).unwrap();
                    prop_assert!(map.iter().all(|(used, _)| *used != index), "entry {} is in use", index);
                    map.push((index, number as u64));
                } else {
                    slab.remove(map.swap_remove(which.index(map.len())).0);
                }
                prop_assert_eq!(slab.len() as usize, map.len());
                prop_assert!(map.iter().all(|(index, number)| slab[*index].number == *number));
            }
        }
    }
}
