//! Zone-aware routing: as much traffic as possible stays in the caller's zone, and no zone gets more than its share
//! (Istio's `zoneAwareLbSetting`; Envoy's load_balancer_impl.cc, `regenerateLocalityRoutingStructures`).
//!
//! A zone with a larger share of the callers than of the hosts cannot serve its own; the rest goes where hosts are left over.

/// In priority 0 only, and only with so many healthy hosts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ZoneAware {
    pub min_cluster_size: u32,
}

impl Default for ZoneAware {
    fn default() -> ZoneAware {
        ZoneAware { min_cluster_size: 6 }
    }
}

/// Where a proxy is, and how many like it are where. The default knows of nobody, which switches zone-aware routing off.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Callers<'a> {
    pub own: Option<u16>,
    /// Each locality once.
    pub by_locality: &'a [(u16, u32)],
}

/// How one proxy splits its traffic among the localities of a priority, which are numbered by their place in a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Split {
    /// All stays in this one.
    Direct(usize),
    Residual {
        own: Option<usize>,
        /// Ten thousandths that stay.
        stays: u64,
        /// What each locality can take beyond its own, summed up to it.
        capacity_up_to: Vec<u64>,
    },
}

impl ZoneAware {
    /// The split for a priority whose localities have so many healthy hosts; none if all hosts are to be used alike.
    pub fn split(&self, callers: Callers<'_>, healthy: &[(u16, u32)]) -> Option<Split> {
        let in_zone = |zone: u16| callers.by_locality.iter().find(|(id, _)| *id == zone).map_or(0, |(_, n)| u64::from(*n));
        let all_callers: u64 = callers.by_locality.iter().map(|(_, n)| u64::from(*n)).sum();
        let all_hosts: u64 = healthy.iter().map(|(_, n)| u64::from(*n)).sum();
        let own_zone = callers.own.filter(|own| in_zone(*own) > 0)?;
        if healthy.len() < 2 || callers.by_locality.len() < 2 || all_hosts < u64::from(self.min_cluster_size) || all_hosts == 0 {
            return None;
        }
        // In ten thousandths, rounded down. Where no host is, it does not matter how many callers are.
        let shares = |(zone, hosts): &(u16, u32)| match hosts {
            0 => (0, 0),
            _ => (10_000 * in_zone(*zone) / all_callers, 10_000 * u64::from(*hosts) / all_hosts),
        };
        let own = healthy.iter().position(|(zone, _)| *zone == own_zone);
        let (of_callers, of_hosts) = own.map_or((0, 0), |own| shares(&healthy[own]));
        if let Some(own) = own.filter(|_| of_hosts > 0 && of_hosts >= of_callers) {
            return Some(Split::Direct(own));
        }
        let stays = (of_hosts * 10_000).checked_div(of_callers).unwrap_or(0);
        let capacity = healthy.iter().enumerate().scan(0, |sum, (place, zone)| {
            let (of_callers, of_hosts) = shares(zone);
            *sum += if Some(place) == own { 0 } else { u64::saturating_sub(of_hosts, of_callers) };
            Some(*sum)
        });
        Some(Split::Residual { own, stays, capacity_up_to: capacity.collect() })
    }
}

impl Split {
    /// The place of the locality for one attempt.
    pub fn choose(&self, mut word: impl FnMut() -> u64) -> usize {
        match self {
            Split::Direct(own) => *own,
            Split::Residual { own, stays, capacity_up_to } => {
                if word() % 10_000 < *stays {
                    return own.expect("only one's own locality keeps anything");
                }
                let all = capacity_up_to.last().copied().unwrap_or(0);
                if all == 0 {
                    // Rounding can leave no capacity anywhere.
                    return (word() % capacity_up_to.len() as u64) as usize;
                }
                let place = word() % all;
                capacity_up_to.partition_point(|sum| *sum <= place)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::stream::{Source, Streams};

    fn callers(by_locality: &[(u16, u32)]) -> Callers<'_> {
        Callers { own: Some(0), by_locality }
    }

    #[test]
    fn a_zone_that_can_serve_its_own_keeps_everything() {
        let split = ZoneAware::default().split(callers(&[(0, 5), (1, 5)]), &[(0, 3), (1, 3)]);
        assert_eq!(split, Some(Split::Direct(0)));
    }

    #[test]
    fn a_zone_that_cannot_sends_the_rest_where_hosts_are_left_over() {
        // The example of the source: callers 40, 40, 20 %; hosts 25, 50, 25 %.
        let split = ZoneAware::default().split(callers(&[(0, 4), (1, 4), (2, 2)]), &[(0, 5), (1, 10), (2, 5)]).unwrap();
        assert_eq!(split, Split::Residual { own: Some(0), stays: 6250, capacity_up_to: vec![0, 1000, 1500] });
        let mut random = Streams::new(3).sequence("proxy", "zone");
        let mut counts = [0; 3];
        (0..40_000).for_each(|_| counts[split.choose(|| random.word())] += 1);
        for (count, expected) in counts.into_iter().zip([25_000, 10_000, 5_000]) {
            // Standard deviations 97, 87 and 66.
            assert!((expected - 400..expected + 400).contains(&count), "{counts:?}");
        }
    }

    #[test]
    fn without_hosts_of_its_own_a_zone_keeps_nothing() {
        let split = ZoneAware::default().split(callers(&[(0, 5), (1, 5)]), &[(1, 3), (2, 3)]).unwrap();
        assert_eq!(split, Split::Residual { own: None, stays: 0, capacity_up_to: vec![0, 5000] });
        let emptied = ZoneAware::default().split(callers(&[(0, 5), (1, 5)]), &[(0, 0), (1, 3), (2, 3)]).unwrap();
        assert_eq!(emptied, Split::Residual { own: Some(0), stays: 0, capacity_up_to: vec![0, 0, 5000] });
    }

    #[test]
    fn small_or_unknown_clusters_are_not_split() {
        let split = |callers: Callers<'_>, healthy: &[(u16, u32)]| ZoneAware::default().split(callers, healthy);
        let two = [(0, 5), (1, 5)];
        assert_eq!(split(callers(&two), &[(0, 2), (1, 3)]), None, "fewer than six healthy hosts");
        assert_eq!(split(callers(&two), &[(0, 9)]), None, "one locality of hosts");
        assert_eq!(split(callers(&[(0, 5)]), &[(0, 3), (1, 3)]), None, "one locality of callers");
        assert_eq!(split(callers(&[(1, 5), (2, 5)]), &[(0, 3), (1, 3)]), None, "the callers do not know of this one");
        assert_eq!(split(Callers::default(), &[(0, 3), (1, 3)]), None);
    }
}
