//! Messages that wait, in the order of their places, each group for itself; and which of them becomes too old first.
//!
//! It decides nothing: brokers that return messages to where they stood, and that let them expire wherever they stand, keep them here.
//! Everything is O(log n) in the messages that wait.

use crate::base::time::Instant;
use std::collections::{BTreeMap, BTreeSet};

/// Where a message stands: its group, and its position there. No two messages stand in one place.
pub type Place = (u32, u64);

/// A message that is kept, and when it will be too old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept<B> {
    pub expires: Instant,
    pub body: B,
}

#[derive(Clone, Debug)]
pub struct Waiting<B> {
    entries: BTreeMap<Place, Kept<B>>,
    /// Of those that become too old at all.
    ages: BTreeSet<(Instant, Place)>,
}

impl<B> Default for Waiting<B> {
    fn default() -> Waiting<B> {
        Waiting { entries: BTreeMap::new(), ages: BTreeSet::new() }
    }
}

impl<B> Waiting<B> {
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn put(&mut self, place: Place, kept: Kept<B>) {
        if kept.expires != Instant::NEVER {
            self.ages.insert((kept.expires, place));
        }
        let other = self.entries.insert(place, kept);
        assert!(other.is_none(), "no two messages stand in one place");
    }

    pub fn take(&mut self, place: Place) -> Option<Kept<B>> {
        let kept = self.entries.remove(&place)?;
        self.ages.remove(&(kept.expires, place));
        Some(kept)
    }

    /// What stands at a place.
    pub fn at(&self, place: Place) -> Option<&Kept<B>> {
        self.entries.get(&place)
    }

    /// The first message of the first group.
    pub fn first(&self) -> Option<&Kept<B>> {
        self.entries.first_key_value().map(|(_, kept)| kept)
    }

    /// The position of a group's first message.
    pub fn head(&self, group: u32) -> Option<u64> {
        self.entries.range((group, 0)..=(group, u64::MAX)).next().map(|(place, _)| place.1)
    }

    /// When the next of them will be too old.
    pub fn expires_at(&self) -> Instant {
        self.ages.first().map_or(Instant::NEVER, |age| age.0)
    }

    /// Takes one that is too old by now, the oldest first.
    pub fn take_expired(&mut self, now: Instant) -> Option<(Place, Kept<B>)> {
        let (_, place) = *self.ages.first().filter(|age| age.0 <= now)?;
        Some((place, self.take(place)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(seconds: Option<u64>, body: u32) -> Kept<u32> {
        Kept { expires: seconds.map_or(Instant::NEVER, Instant::from_secs), body }
    }

    #[test]
    fn each_group_has_its_own_head_and_what_is_taken_is_gone() {
        let mut waiting = Waiting::default();
        for (place, body) in [((1, 5), 15), ((1, 3), 13), ((2, 4), 24), ((u32::MAX, u64::MAX), 99)] {
            waiting.put(place, kept(None, body));
        }
        for (group, head) in [(0, None), (1, Some(3)), (2, Some(4)), (3, None), (u32::MAX, Some(u64::MAX))] {
            assert_eq!(waiting.head(group), head, "{group}");
        }
        assert_eq!(waiting.take((1, 3)).map(|kept| kept.body), Some(13));
        assert_eq!((waiting.take((1, 3)), waiting.head(1), waiting.len()), (None, Some(5), 3));
    }

    #[test]
    fn the_oldest_expires_first_wherever_it_stands() {
        let mut waiting = Waiting::default();
        for (place, seconds) in [((1, 1), Some(9)), ((1, 2), Some(4)), ((2, 3), Some(6)), ((2, 4), None)] {
            waiting.put(place, kept(seconds, 0));
        }
        assert_eq!((waiting.expires_at(), waiting.take_expired(Instant::from_secs(3))), (Instant::from_secs(4), None));
        let gone: Vec<Place> = std::iter::from_fn(|| waiting.take_expired(Instant::from_secs(9))).map(|(place, _)| place).collect();
        assert_eq!(gone, [(1, 2), (2, 3), (1, 1)]);
        assert_eq!((waiting.expires_at(), waiting.len()), (Instant::NEVER, 1));
    }
}
