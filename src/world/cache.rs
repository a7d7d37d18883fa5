//! Caches: keys drawn once per request and cache, least recently used out first, entries that expire.
//!
//! Keys are small integers, so a copy finds its entries through an array: nothing is hashed.

use super::World;
use super::state::Job;
use crate::base::id::*;
use crate::base::time::{Instant, Nanos};
use crate::observe::episode::Cause;
use crate::topology::{CacheScope, Keys};

const NOWHERE: u32 = u32::MAX;

/// All copies of one cache, by caller or replica; a shared one has one.
pub(super) struct CacheState {
    copies: Vec<Option<Box<Lru>>>,
    /// Why it is cold: the fault that emptied it, until it is as full as it was.
    cold: Cause,
    full_again_at: usize,
}

struct Lru {
    /// Per key (from 1): its entry.
    places: Vec<u32>,
    entries: Vec<Entry>,
    newest: u32,
    oldest: u32,
    capacity: usize,
}

#[derive(Clone, Copy)]
struct Entry {
    key: u32,
    newer: u32,
    older: u32,
    filled: Instant,
}

impl Lru {
    fn new(keys: u64, capacity: u64) -> Lru {
        let capacity = capacity.min(keys) as usize;
        Lru { places: vec![NOWHERE; keys as usize + 1], entries: Vec::new(), newest: NOWHERE, oldest: NOWHERE, capacity }
    }

    fn unlink(&mut self, place: u32) {
        let Entry { newer, older, .. } = self.entries[place as usize];
        if newer == NOWHERE {
            self.newest = older
        } else {
            self.entries[newer as usize].older = older
        }
        if older == NOWHERE { self.oldest = newer } else { self.entries[older as usize].newer = newer }
    }

    fn link_newest(&mut self, place: u32) {
        let before = self.newest;
        let entry = &mut self.entries[place as usize];
        (entry.newer, entry.older) = (NOWHERE, before);
        if before == NOWHERE {
            self.oldest = place
        } else {
            self.entries[before as usize].newer = place
        }
        self.newest = place;
    }

    /// When the key's entry was filled, if there is one; it is the newest now.
    fn touch(&mut self, key: u32) -> Option<Instant> {
        let place = self.places[key as usize];
        if place == NOWHERE {
            return None;
        }
        if self.newest != place {
            self.unlink(place);
            self.link_newest(place);
        }
        Some(self.entries[place as usize].filled)
    }

    fn fill(&mut self, key: u32, now: Instant) {
        if self.touch(key).is_some() {
            let place = self.places[key as usize];
            self.entries[place as usize].filled = now;
            return;
        }
        let entry = Entry { key, newer: NOWHERE, older: NOWHERE, filled: now };
        let place = if self.entries.len() < self.capacity {
            self.entries.push(entry);
            self.entries.len() as u32 - 1
        } else if self.oldest != NOWHERE {
            let oldest = self.oldest;
            self.unlink(oldest);
            self.places[self.entries[oldest as usize].key as usize] = NOWHERE;
            self.entries[oldest as usize] = entry;
            oldest
        } else {
            return;
        };
        self.places[key as usize] = place;
        self.link_newest(place);
    }

    fn clear(&mut self) {
        for entry in &self.entries {
            self.places[entry.key as usize] = NOWHERE;
        }
        self.entries.clear();
        (self.newest, self.oldest) = (NOWHERE, NOWHERE);
    }
}

impl CacheState {
    pub fn all(topology: &crate::topology::Topology) -> Vec<CacheState> {
        let copies = |scope| if scope == CacheScope::Shared { 1 } else { topology.callers as usize };
        topology
            .caches
            .iter()
            .map(|cache| CacheState { copies: (0..copies(cache.scope)).map(|_| None).collect(), cold: Cause::NONE, full_again_at: 0 })
            .collect()
    }
}

impl World<'_> {
    /// The value of an attribute for a request of its client.
    pub(super) fn attribute(&self, attribute: AttributeId, request: u64) -> u64 {
        self.topology.attributes[attribute.index()].values.draw(&mut self.keys.attributes[attribute.index()].draw(request, 0))
    }

    /// The attribute of this name that the request's client has; the given one if it has none.
    pub(super) fn own_attribute(&self, attribute: AttributeId, request: u64) -> AttributeId {
        let names = &self.keys.attribute_names;
        let is_own = |a: usize| self.clients[self.topology.attributes[a].client.index()].signature() == (request >> 40) as u32;
        let own = (0..names.len()).find(|a| names[*a] == names[attribute.index()] && is_own(*a));
        own.map_or(attribute, AttributeId::new)
    }

    /// The value, or nothing if the request is not of the attribute's client.
    pub(super) fn attribute_of(&self, attribute: AttributeId, request: u64) -> Option<u64> {
        let client = self.topology.attributes[attribute.index()].client;
        ((request >> 40) as u32 == self.clients[client.index()].signature()).then(|| self.attribute(attribute, request))
    }

    fn key(&self, cache: CacheId, request: u64) -> u32 {
        self.topology.caches[cache.index()].keys.draw(&mut self.keys.caches[cache.index()].draw(request, 0)) as u32
    }

    fn copy(&mut self, cache: CacheId, caller: u32) -> &mut Lru {
        let spec = &self.topology.caches[cache.index()];
        let place = if spec.scope == CacheScope::Shared { 0 } else { caller as usize };
        let keys = match &spec.keys {
            Keys::Zipf(zipf) => zipf.keys(),
            Keys::Uniform(n) => *n,
            Keys::Weighted(shares) => shares.len() as u64,
        };
        self.caches[cache.index()].copies[place].get_or_insert_with(|| Box::new(Lru::new(keys, spec.capacity)))
    }

    /// What a hit costs, or nothing on a miss. A miss in a cache that a fault has emptied carries that fault on.
    pub(super) fn look_up(&mut self, cache: CacheId, job: u32) -> Option<Nanos> {
        let Job { request, replica, path, .. } = self.jobs[job];
        let spec = &self.topology.caches[cache.index()];
        let (key, now) = (self.key(cache, request), self.now());
        let filled = self.copy(cache, replica).touch(key);
        if filled.is_some_and(|filled| now.since(filled) < spec.ttl) {
            return Some(spec.hit.sample(&mut self.keys.caches[cache.index()].draw(request, path | 1)));
        }
        let cold = self.caches[cache.index()].cold;
        self.jobs[job].cause = cold.or(self.jobs[job].cause);
        None
    }

    /// Whether a copy holds the request's key at all, expired or not.
    pub(super) fn has_even_stale(&mut self, cache: CacheId, caller: u32, request: u64) -> bool {
        let key = self.key(cache, request);
        self.copy(cache, caller).touch(key).is_some()
    }

    pub(super) fn fill_cache(&mut self, cache: CacheId, caller: u32, request: u64) {
        let (key, now) = (self.key(cache, request), self.now());
        self.copy(cache, caller).fill(key, now);
        if self.caches[cache.index()].cold.is_some() && self.entries_of(cache) >= self.caches[cache.index()].full_again_at {
            self.caches[cache.index()].cold = Cause::NONE;
        }
    }

    fn entries_of(&self, cache: CacheId) -> usize {
        self.caches[cache.index()].copies.iter().flatten().map(|copy| copy.entries.len()).sum()
    }

    pub(super) fn flush(&mut self, cache: CacheId, cause: Cause) {
        self.remember_cold(cache, cause);
        self.caches[cache.index()].copies.iter_mut().flatten().for_each(|copy| copy.clear());
    }

    /// A process that dies loses its own copies.
    pub(super) fn clear_own_caches(&mut self, replica: u32, cause: Cause) {
        for cache in 0..self.caches.len() {
            if self.topology.caches[cache].scope == CacheScope::PerReplica && self.caches[cache].copies[replica as usize].is_some() {
                self.remember_cold(CacheId::new(cache), cause);
                if let Some(copy) = &mut self.caches[cache].copies[replica as usize] {
                    copy.clear();
                }
            }
        }
    }

    /// Nine tenths of what it held is called full again: the last keys of a long tail may never come back.
    fn remember_cold(&mut self, cache: CacheId, cause: Cause) {
        let before = self.entries_of(cache);
        let state = &mut self.caches[cache.index()];
        (state.cold, state.full_again_at) = (cause, before * 9 / 10);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_entry_goes_first() {
        let mut lru = Lru::new(10, 3);
        for key in [1, 2, 3] {
            lru.fill(key, Instant(key as u64));
        }
        assert!(lru.touch(1).is_some());
        lru.fill(4, Instant(4));
        assert!(lru.touch(2).is_none(), "2 was used least recently");
        assert_eq!([1, 3, 4].map(|key| lru.touch(key).is_some()), [true; 3]);
    }

    #[test]
    fn a_cleared_copy_is_empty_and_can_be_filled_again() {
        let mut lru = Lru::new(10, 2);
        lru.fill(1, Instant(1));
        lru.clear();
        assert!(lru.touch(1).is_none());
        for key in 1..=5 {
            lru.fill(key, Instant(2));
        }
        assert_eq!((1..=5).filter(|key| lru.touch(*key).is_some()).count(), 2);
    }
}
