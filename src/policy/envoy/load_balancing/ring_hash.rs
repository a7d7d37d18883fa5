//! Ring hash: the host that owns the first point at or after the key's hash (ketama; Envoy's ring_hash_lb.cc).
//!
//! How many points a host has depends on how many hosts there are, so one host less moves some keys of the others as well.

use super::tables::Entry;
use crate::policy::error::{PolicyError, require};
use std::fmt::Write;
use xxhash_rust::xxh64::xxh64;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RingHash {
    pub min_size: u64,
    pub max_size: u64,
}

/// Envoy's bound, and its default.
const LARGEST: u64 = 8_388_608;

impl Default for RingHash {
    fn default() -> RingHash {
        RingHash { min_size: 1024, max_size: LARGEST }
    }
}

impl RingHash {
    pub(super) fn check(&self) -> Result<(), PolicyError> {
        require(self.min_size <= self.max_size && self.max_size <= LARGEST, "minimumRingSize", || {
            format!("of {} must not be above the maximum of {}", self.min_size, self.max_size.min(LARGEST))
        })
    }

    /// The points by their hashes, with the places of their hosts in `entries`.
    pub(super) fn build(&self, entries: &[Entry]) -> Ring {
        let smallest = entries.iter().fold(1.0, |least: f64, entry| least.min(entry.share));
        // The lightest host gets a whole number of points; the others what their share of the circle comes to.
        let scale = ((smallest * self.min_size as f64).ceil() / smallest).min(self.max_size as f64);
        let mut ring = Ring { points: Vec::with_capacity(scale.ceil() as usize) };
        let (mut placed, mut due) = (0.0, 0.0);
        let mut key = String::new();
        for entry in entries {
            key.clear();
            write!(key, "{}_", entry.address).expect("a text takes all that is written to it");
            let stem = key.len();
            due += scale * entry.share;
            let mut point = 0;
            while placed < due {
                key.truncate(stem);
                write!(key, "{point}").expect("a text takes all that is written to it");
                ring.points.push((xxh64(key.as_bytes(), 0), entry.host));
                point += 1;
                placed += 1.0;
            }
        }
        ring.points.sort_unstable();
        ring
    }
}

/// Hashes with their hosts, in order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ring {
    points: Vec<(u64, u32)>,
}

impl Ring {
    /// The host of a key. Each further attempt (after a host that was refused) goes one point on, often to another host.
    pub fn choose(&self, hash: u64, attempt: u32) -> Option<u32> {
        let points = self.points.len();
        if points == 0 {
            return None;
        }
        let first = self.points.partition_point(|(point, _)| *point < hash) % points;
        Some(self.points[(first + attempt as usize) % points].1)
    }

    /// So many points.
    pub fn size(&self) -> usize {
        self.points.len()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tables::tests::{entries, moved};
    use super::*;

    #[test]
    fn the_hash_is_xxh64() {
        // From the reference implementation's documentation and its test suite's known sums.
        for (text, seed, hash) in [
            ("", 0, 0xef46_db37_51d8_e999),
            ("a", 0, 0xd24e_c4f1_a98c_6e5b),
            ("abc", 0, 0x44bc_2cf5_ad77_0999),
            ("Nobody inspects the spammish repetition", 0, 0xfbce_a83c_8a37_8bf1),
        ] {
            assert_eq!(xxh64(text.as_bytes(), seed), hash, "{text}");
        }
    }

    #[test]
    fn points_are_shared_by_weight() {
        for (weights, points) in
            [(vec![1; 4], vec![256; 4]), (vec![1; 3], vec![342; 3]), (vec![1, 3], vec![256, 768]), (vec![1], vec![1024])]
        {
            let ring = RingHash::default().build(&entries(&weights));
            let owned: Vec<usize> =
                (0..weights.len()).map(|host| ring.points.iter().filter(|point| point.1 == host as u32).count()).collect();
            assert_eq!(owned, points, "{weights:?}");
        }
        let small = RingHash { min_size: 1, max_size: 6 }.build(&entries(&[1; 4]));
        assert_eq!(small.size(), 4);
        assert_eq!(RingHash::default().build(&[]).choose(1, 0), None);
    }

    #[test]
    fn a_key_belongs_to_the_next_point_and_attempts_go_on() {
        let ring = Ring { points: vec![(10, 0), (20, 1), (30, 0), (40, 2)] };
        for (hash, attempt, host) in
            [(0, 0, 0), (10, 0, 0), (11, 0, 1), (40, 0, 2), (41, 0, 0), (11, 1, 0), (11, 2, 2), (11, 3, 0), (11, 4, 1)]
        {
            assert_eq!(ring.choose(hash, attempt), Some(host), "{hash}, attempt {attempt}");
        }
    }

    #[test]
    fn a_host_less_moves_few_keys_of_the_others() {
        let whole = RingHash::default().build(&entries(&[1; 10]));
        let less = RingHash::default().build(&entries(&[1; 10])[..9]);
        let moved = moved(|key| whole.choose(key, 0).unwrap(), |key| less.choose(key, 0).unwrap(), 9);
        assert!(moved < 0.12, "{moved} of the keys that need not move");
    }

    #[test]
    fn nonsense_is_refused_in_words() {
        let ring = RingHash { min_size: 2000, max_size: 1000 };
        assert_eq!(ring.check().unwrap_err().to_string(), "`minimumRingSize` of 2000 must not be above the maximum of 1000");
    }
}
