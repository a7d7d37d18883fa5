//! Maglev: a table that the hosts fill in turn, each in an order of its own (Eisenbud et al. 2016; Envoy's maglev_lb.cc). Shares
//! are more even than a ring's, and a look-up is one step.

use super::tables::Entry;
use crate::policy::error::{PolicyError, require};
use xxhash_rust::xxh64::xxh64;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Maglev {
    /// A prime, so that every order of a host reaches every place.
    pub table_size: u32,
}

impl Default for Maglev {
    fn default() -> Maglev {
        Maglev { table_size: 65_537 }
    }
}

/// How far a host has come in filling the table.
struct Filling {
    host: u32,
    share: f64,
    offset: u64,
    skip: u64,
    next: u64,
    target: f64,
}

/// Nobody's place yet.
const FREE: u32 = u32::MAX;

impl Maglev {
    pub(super) fn check(&self) -> Result<(), PolicyError> {
        let size = self.table_size;
        require((2..=5_000_011).contains(&size), "tableSize", || format!("must be between 2 and 5000011, not {size}"))?;
        require(is_prime(size), "tableSize", || format!("must be a prime number, not {size}"))
    }

    pub(super) fn build(&self, entries: &[Entry]) -> MaglevTable {
        if entries.is_empty() {
            return MaglevTable { hosts: Vec::new() };
        }
        let size = u64::from(self.table_size);
        let largest = entries.iter().fold(0.0, |most: f64, entry| most.max(entry.share));
        let mut fillings = fillings(entries, size);
        let mut hosts = vec![FREE; self.table_size as usize];
        let mut left = hosts.len();
        let mut round = 1.0;
        while left > 0 {
            for filling in &mut fillings {
                // The heaviest host takes a place in every round, one of a third of its weight in every third.
                if left == 0 || round * filling.share < filling.target {
                    continue;
                }
                filling.target += largest;
                while hosts[filling.place(size)] != FREE {
                    filling.next += 1;
                }
                hosts[filling.place(size)] = filling.host;
                filling.next += 1;
                left -= 1;
            }
            round += 1.0;
        }
        MaglevTable { hosts }
    }
}

/// Hosts fill the table in the order of their names as texts, so that the list's order does not matter.
fn fillings(entries: &[Entry], size: u64) -> Vec<Filling> {
    let mut named: Vec<(String, &Entry)> = entries.iter().map(|entry| (entry.address.to_string(), entry)).collect();
    named.sort_by(|a, b| a.0.cmp(&b.0));
    let filling = |(name, entry): &(String, &Entry)| {
        let offset = xxh64(name.as_bytes(), 0) % size;
        let skip = xxh64(name.as_bytes(), 1) % (size - 1) + 1;
        Filling { host: entry.host, share: entry.share, offset, skip, next: 0, target: 0.0 }
    };
    named.iter().map(filling).collect()
}

impl Filling {
    fn place(&self, size: u64) -> usize {
        ((self.offset + self.skip * self.next) % size) as usize
    }
}

/// The host of each place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MaglevTable {
    hosts: Vec<u32>,
}

impl MaglevTable {
    /// The host of a key. A further attempt (after a host that was refused) looks elsewhere.
    #[inline]
    pub fn choose(&self, hash: u64, attempt: u32) -> Option<u32> {
        if self.hosts.is_empty() {
            return None;
        }
        let hash = if attempt > 0 { hash ^ u64::from(attempt).wrapping_neg() } else { hash };
        Some(self.hosts[(hash % self.hosts.len() as u64) as usize])
    }
}

fn is_prime(n: u32) -> bool {
    n >= 2 && (2..).take_while(|d| u64::from(*d) * u64::from(*d) <= u64::from(n)).all(|d| !n.is_multiple_of(d))
}

#[cfg(test)]
mod tests {
    use super::super::Address;
    use super::super::tables::tests::{entries, moved};
    use super::*;

    fn owned(table: &MaglevTable, hosts: u32) -> Vec<usize> {
        (0..hosts).map(|host| table.hosts.iter().filter(|owner| **owner == host).count()).collect()
    }

    #[test]
    fn places_are_shared_by_weight_to_a_place() {
        for (weights, hosts) in [(vec![1; 5], 5), (vec![1, 2, 4], 3), (vec![7, 3], 2)] {
            let table = Maglev::default().build(&entries(&weights));
            let sum: u32 = weights.iter().sum();
            for (owned, weight) in owned(&table, hosts).into_iter().zip(&weights) {
                let share = 65_537.0 * f64::from(*weight) / f64::from(sum);
                assert!((owned as f64 - share).abs() < 3.0, "{owned} of {share} for {weights:?}");
            }
        }
        assert_eq!(Maglev::default().build(&[]).choose(3, 0), None);
    }

    /// Six hosts 127.0.0.1:90 … 95 in a table of 7, and two with weights 1 and 2 in one of 17: Envoy's maglev_lb_test.cc.
    #[test]
    fn hosts_are_placed_as_envoy_places_them() {
        let at = |host: u32, share| Entry { host, address: Address { ip: 0x7f00_0001, port: 90 + host as u16 }, share };
        let six: Vec<Entry> = (0..6).map(|host| at(host, 1.0 / 6.0)).collect();
        assert_eq!(Maglev { table_size: 7 }.build(&six).hosts, [2, 4, 0, 1, 5, 0, 3]);
        let weighted = Maglev { table_size: 17 }.build(&[at(0, 1.0 / 3.0), at(1, 2.0 / 3.0)]);
        assert_eq!((&weighted.hosts[..3], owned(&weighted, 2)), (&[1, 0, 0][..], vec![6, 11]));
    }

    #[test]
    fn the_order_of_the_list_does_not_matter() {
        let straight = entries(&[1, 2, 3]);
        let reversed: Vec<Entry> = straight.iter().rev().copied().collect();
        let small = Maglev { table_size: 251 };
        assert_eq!(small.build(&straight), small.build(&reversed));
    }

    #[test]
    fn a_further_attempt_looks_elsewhere() {
        let table = Maglev::default().build(&entries(&[1; 8]));
        let keys = (0..1000u64).map(|n| xxh64(&n.to_le_bytes(), 0));
        let elsewhere = keys.filter(|key| table.choose(*key, 0) != table.choose(*key, 1)).count();
        // By chance it would be seven in eight (standard deviation 10). It is more: modulo 65537, all bits flipped is the
        // opposite place, and few hosts own pairs of opposite places.
        assert!(elsewhere > 840, "{elsewhere}");
        // ~0 - 1 + 1: all bits.
        assert_eq!(table.choose(5, 1), table.choose(!5, 0));
        assert_eq!(table.choose(5, 3), table.choose(5 ^ (u64::MAX - 2), 0));
    }

    #[test]
    fn a_host_less_moves_few_keys_of_the_others() {
        let whole = Maglev::default().build(&entries(&[1; 10]));
        let less = Maglev::default().build(&entries(&[1; 10])[..9]);
        let moved = moved(|key| whole.choose(key, 0).unwrap(), |key| less.choose(key, 0).unwrap(), 9);
        assert!(moved < 0.12, "{moved} of the keys that need not move");
    }

    #[test]
    fn tables_have_prime_sizes() {
        let check = |table_size| Maglev { table_size }.check().map_err(|error| error.to_string());
        assert_eq!(check(65_537), Ok(()));
        assert_eq!(check(65_536).unwrap_err(), "`tableSize` must be a prime number, not 65536");
        assert_eq!(check(1).unwrap_err(), "`tableSize` must be between 2 and 5000011, not 1");
    }
}
