//! Distribute: from `localityLbSetting.distribute` to the weights of the localities of one cluster, as one caller has them
//! (Istio's pilot/pkg/networking/core/loadbalancer, `applyLocalityWeight`).

use super::LocalityWeight;
use super::failover::Locality;

/// `{from: "region/zone/*", to: {"region/zone": weight}}`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Distribute {
    pub from: String,
    /// In the order in which they are matched: a locality belongs to the first that it fits.
    pub to: Vec<(String, u32)>,
}

/// The weights for a caller there; none if no entry is about it. `endpoints` are the cluster's localities with their hosts.
pub fn weights(distribute: &[Distribute], caller: &Locality, endpoints: &[(u16, Locality, u32)]) -> Option<Vec<LocalityWeight>> {
    let entry = distribute.iter().find(|entry| matches(&entry.from, caller))?;
    let mut taken = vec![false; endpoints.len()];
    let mut weights = Vec::new();
    for (pattern, weight) in &entry.to {
        let fits = |(place, endpoint): &(usize, &(u16, Locality, u32))| !taken[*place] && matches(pattern, &endpoint.1);
        let places: Vec<usize> = endpoints.iter().enumerate().filter(fits).map(|(place, _)| place).collect();
        let hosts: u64 = places.iter().map(|place| u64::from(endpoints[*place].2)).sum();
        for place in places {
            taken[place] = true;
            let (locality, _, own_hosts) = endpoints[place];
            // A pattern that fits several localities shares its weight among them by hosts, rounded up.
            let share = (u64::from(*weight) * u64::from(own_hosts)).div_ceil(hosts.max(1));
            if share > 0 {
                weights.push(LocalityWeight { locality, weight: share as u32 });
            }
        }
    }
    Some(weights)
}

/// Whether `region/zone/sub-zone` fits: `*` and what is left out fit anything.
fn matches(pattern: &str, locality: &Locality) -> bool {
    let mut parts = pattern.split('/');
    let mut fits = |actual: &str| parts.next().is_none_or(|part| part.is_empty() || part == "*" || part == actual);
    fits(&locality.region) && fits(&locality.zone) && fits(&locality.sub_zone)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoints() -> Vec<(u16, Locality, u32)> {
        vec![
            (0, Locality::new("west", "a", ""), 2),
            (1, Locality::new("west", "b", ""), 1),
            (2, Locality::new("east", "c", ""), 3),
            (3, Locality::new("north", "d", ""), 3),
        ]
    }

    fn told(distribute: &[Distribute], caller: &Locality) -> Option<Vec<(u16, u32)>> {
        let weights = weights(distribute, caller, &endpoints())?;
        Some(weights.into_iter().map(|entry| (entry.locality, entry.weight)).collect())
    }

    #[test]
    fn weights_are_for_callers_of_a_locality() {
        let to = vec![("west/a".to_string(), 70), ("east/*".to_string(), 30)];
        let distribute = [Distribute { from: "west/a/*".to_string(), to }];
        assert_eq!(told(&distribute, &Locality::new("west", "a", "")), Some(vec![(0, 70), (2, 30)]));
        assert_eq!(told(&distribute, &Locality::new("west", "b", "")), None);
    }

    #[test]
    fn a_pattern_that_fits_several_shares_by_hosts() {
        let to = vec![("west/*".to_string(), 80), ("*".to_string(), 20)];
        let distribute = [Distribute { from: "*".to_string(), to }];
        // 80 for 2 and 1 hosts, rounded up; 20 for 3 and 3.
        assert_eq!(told(&distribute, &Locality::new("x", "", "")), Some(vec![(0, 54), (1, 27), (2, 10), (3, 10)]));
    }
}
