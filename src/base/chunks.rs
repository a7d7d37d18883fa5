//! A queue of very many small things. It is kept in chunks: nothing is moved when it grows, and what it has room for beyond what it
//! holds is less than two chunks, where a `VecDeque` may hold twice what it must, and three times while it grows.

use std::collections::VecDeque;

/// Things in a chunk.
const CHUNK: usize = 256;

#[derive(Clone, Debug)]
pub struct Chunks<T> {
    /// None is empty but perhaps the last, and none but a sorted insertion's is longer than a chunk.
    chunks: VecDeque<VecDeque<T>>,
    len: usize,
}

impl<T> Default for Chunks<T> {
    fn default() -> Chunks<T> {
        Chunks { chunks: VecDeque::new(), len: 0 }
    }
}

impl<T> Chunks<T> {
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn front(&self) -> Option<&T> {
        self.chunks.front()?.front()
    }

    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flatten()
    }

    pub fn push_back(&mut self, thing: T) {
        self.len += 1;
        match self.chunks.back_mut().filter(|chunk| chunk.len() < CHUNK) {
            Some(chunk) => chunk.push_back(thing),
            None => {
                let mut chunk = VecDeque::with_capacity(CHUNK);
                chunk.push_back(thing);
                self.chunks.push_back(chunk);
            }
        }
    }

    pub fn pop_front(&mut self) -> Option<T> {
        let first = self.chunks.front_mut()?;
        let thing = first.pop_front()?;
        self.len -= 1;
        // The last chunk stays: a short queue would ask for another one all the time.
        if first.is_empty() && self.chunks.len() > 1 {
            self.chunks.pop_front();
        }
        Some(thing)
    }

    /// Before the first thing of which this does not hold; it holds of none behind such a one.
    pub fn insert_behind(&mut self, holds: impl Fn(&T) -> bool, thing: T) {
        let place = self.chunks.partition_point(|chunk| chunk.back().is_some_and(&holds));
        if place == self.chunks.len() {
            return self.push_back(thing);
        }
        self.len += 1;
        let chunk = &mut self.chunks[place];
        let inside = chunk.partition_point(holds);
        chunk.insert(inside, thing);
        if chunk.len() > 2 * CHUNK {
            let behind = chunk.split_off(CHUNK);
            self.chunks.insert(place + 1, behind);
        }
    }

    pub fn retain(&mut self, keep: impl Fn(&T) -> bool) {
        self.chunks.iter_mut().for_each(|chunk| chunk.retain(&keep));
        self.chunks.retain(|chunk| !chunk.is_empty());
        self.len = self.chunks.iter().map(VecDeque::len).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::cases::cases;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Act {
        Push(u16),
        Pop,
        Insert(u16),
        Keep(u16),
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![4 => any::<u16>().prop_map(Act::Push), 3 => Just(Act::Pop), 2 => any::<u16>().prop_map(Act::Insert), 1 => (1u16..9).prop_map(Act::Keep)]
    }

    proptest! {
        #![proptest_config(cases(64))]

        #[test]
        fn it_is_a_queue(acts in prop::collection::vec(act(), 0..3_000)) {
            let (mut chunks, mut plain) = (Chunks::default(), VecDeque::new());
            let mut next = 0u32;
            for act in acts {
                match act {
                    // In rising order, as a sorted insertion wants it.
                    Act::Push(step) => {
                        next += u32::from(step);
                        chunks.push_back(next);
                        plain.push_back(next);
                    }
                    Act::Pop => prop_assert_eq!(chunks.pop_front(), plain.pop_front()),
                    Act::Insert(value) => {
                        let value = u32::from(value) * 1_000;
                        chunks.insert_behind(|other| *other < value, value);
                        plain.insert(plain.partition_point(|other| *other < value), value);
                        next = next.max(value);
                    }
                    Act::Keep(every) => {
                        chunks.retain(|value| value % 9 >= u32::from(every) - 1);
                        plain.retain(|value| value % 9 >= u32::from(every) - 1);
                    }
                }
                prop_assert_eq!((chunks.len(), chunks.front(), chunks.is_empty()), (plain.len(), plain.front(), plain.is_empty()));
            }
            prop_assert!(chunks.iter().eq(plain.iter()));
        }
    }

    #[test]
    fn room_beyond_what_is_held_is_less_than_two_chunks() {
        let mut chunks = Chunks::default();
        (0..100_000).for_each(|number| chunks.push_back(number));
        assert!((0..777).all(|number| chunks.pop_front() == Some(number)));
        let room: usize = chunks.chunks.iter().map(VecDeque::capacity).sum();
        assert!(room < chunks.len() + 2 * CHUNK, "{room} for {}", chunks.len());
    }
}
