//! Tables of consistent hashing: which hosts are in one, with what shares, and that proxies with the same view of a cluster
//! share one (Envoy's thread_aware_lb_impl.cc). A table is large, and it does not depend on whose it is.

use super::maglev::MaglevTable;
use super::ring_hash::Ring;
use super::{Address, HostView, LocalityWeight};
use std::sync::Arc;

/// A host in a table; the shares sum to 1.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Entry {
    pub host: u32,
    pub address: Address,
    pub share: f64,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Table {
    Ring(Ring),
    Maglev(MaglevTable),
}

impl Table {
    #[inline]
    pub fn choose(&self, hash: u64, attempt: u32) -> Option<u32> {
        match self {
            Table::Ring(ring) => ring.choose(hash, attempt),
            Table::Maglev(table) => table.choose(hash, attempt),
        }
    }
}

/// The tables of one cluster and policy that were made last, for proxies that come to see the same hosts.
#[derive(Clone, Debug, Default)]
pub struct TableCache {
    made: Vec<(Vec<Entry>, Arc<Table>)>,
}

/// Views of a cluster that are likely to be met again while proxies learn of a change one after the other.
const KEPT: usize = 8;

impl TableCache {
    /// The table over these hosts; it is made if nobody had it before.
    pub(super) fn get(&mut self, entries: Vec<Entry>, make: impl FnOnce(&[Entry]) -> Table) -> Arc<Table> {
        if let Some((_, table)) = self.made.iter().find(|(known, _)| *known == entries) {
            return Arc::clone(table);
        }
        let table = Arc::new(make(&entries));
        if self.made.len() == KEPT {
            self.made.remove(0);
        }
        self.made.push((entries, Arc::clone(&table)));
        table
    }
}

/// Shares by weight; where localities have weights, first among them (whatever is left of each), then inside.
pub(super) fn entries(members: &[u32], hosts: &[HostView], weights: Option<&[LocalityWeight]>) -> Vec<Entry> {
    let host = |member: u32| &hosts[member as usize];
    let sum = |members: &mut dyn Iterator<Item = u32>| members.map(|member| host(member).weight()).fold(0.0, |sum, weight| sum + weight);
    let whole = sum(&mut members.iter().copied());
    let all: f64 = weights.iter().flat_map(|weights| weights.iter()).fold(0.0, |sum, entry| sum + f64::from(entry.weight));
    // What a weight of 1 comes to in each locality.
    let of_locality = |entry: &LocalityWeight| {
        let mut own = members.iter().copied().filter(|member| host(*member).locality == entry.locality);
        (entry.locality, f64::from(entry.weight) / all / sum(&mut own))
    };
    let by_locality: Option<Vec<(u16, f64)>> = weights.map(|weights| weights.iter().map(of_locality).collect());
    let unit = |locality: u16| match &by_locality {
        None => 1.0 / whole,
        Some(units) => units.iter().find(|(id, _)| *id == locality).map_or(0.0, |(_, unit)| *unit),
    };
    let share = |member: u32| host(member).weight() * unit(host(member).locality);
    let entry = |member: &u32| Entry { host: *member, address: host(*member).address, share: share(*member) };
    members.iter().map(entry).filter(|entry| entry.share > 0.0).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::RingHash;
    use super::*;

    /// Hosts 10.0.0.1, 10.0.0.2, … with these weights.
    pub fn entries(weights: &[u32]) -> Vec<Entry> {
        let sum: u32 = weights.iter().sum();
        let entry = |(host, weight): (usize, &u32)| {
            let address = Address { ip: 0x0a00_0001 + host as u32, port: 8080 };
            Entry { host: host as u32, address, share: f64::from(*weight) / f64::from(sum) }
        };
        weights.iter().enumerate().map(entry).collect()
    }

    /// The share of keys that change hosts although theirs is still there.
    pub fn moved(before: impl Fn(u64) -> u32, after: impl Fn(u64) -> u32, gone: u32) -> f64 {
        let keys: Vec<u64> = (0..20_000u64).map(|n| xxhash_rust::xxh64::xxh64(&n.to_le_bytes(), 0)).collect();
        let stay: Vec<u64> = keys.into_iter().filter(|key| before(*key) != gone).collect();
        stay.iter().filter(|key| before(**key) != after(**key)).count() as f64 / stay.len() as f64
    }

    #[test]
    fn a_table_is_made_once_for_one_view() {
        let mut cache = TableCache::default();
        let make = |entries: &[Entry]| Table::Ring(RingHash::default().build(entries));
        let first = cache.get(entries(&[1, 1]), make);
        assert!(Arc::ptr_eq(&first, &cache.get(entries(&[1, 1]), |_| unreachable!("it is there"))));
        for hosts in 1..20 {
            cache.get(entries(&vec![1; hosts]), make);
        }
        assert_eq!(cache.made.len(), KEPT);
        assert!(first.choose(1, 0).is_some());
    }

    #[test]
    fn localities_share_first_and_then_their_hosts() {
        let host = |n: u32, locality, weight| HostView { locality, weight, ..HostView::healthy(Address { ip: n, port: 1 }) };
        let hosts = [host(1, 0, 1), host(2, 0, 3), host(3, 1, 5), host(4, 2, 1)];
        let weight = |locality, weight| LocalityWeight { locality, weight };
        let weights = [weight(0, 20), weight(1, 80)];
        let shares = |weights| -> Vec<(u32, f64)> {
            super::entries(&[0, 1, 2, 3], &hosts, weights).iter().map(|entry| (entry.host, entry.share)).collect()
        };
        for (shares, expected) in [
            (shares(Some(&weights[..])), vec![(0, 0.05), (1, 0.15), (2, 0.8)]),
            (shares(None), vec![(0, 0.1), (1, 0.3), (2, 0.5), (3, 0.1)]),
        ] {
            let alike = shares.iter().zip(&expected).all(|(a, b)| a.0 == b.0 && (a.1 - b.1).abs() < 1e-12);
            assert!(alike && shares.len() == expected.len(), "{shares:?} instead of {expected:?}");
        }
    }
}
