//! Failover: how far away an endpoint is, as a priority (Istio's pilot/pkg/networking/core/loadbalancer, `applyLocalityFailover`
//! and `applyFailoverPriorities`). It applies only to clusters with outlier detection; without it all are priority 0.

/// Where a pod is. What is unknown is empty.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Locality {
    pub region: String,
    pub zone: String,
    pub sub_zone: String,
}

impl Locality {
    pub fn new(region: &str, zone: &str, sub_zone: &str) -> Locality {
        Locality { region: region.to_string(), zone: zone.to_string(), sub_zone: sub_zone.to_string() }
    }
}

/// `{from: region, to: region}`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failover {
    pub from: String,
    pub to: String,
}

/// 0 for the same sub-zone, then the same zone, the same region, another region; 4 for a region that is not the one that the
/// caller's region fails over to.
pub fn by_locality(caller: &Locality, endpoint: &Locality, failover: &[Failover]) -> u8 {
    if caller.region != endpoint.region {
        let elsewhere = failover.iter().find(|entry| entry.from == caller.region).is_some_and(|entry| entry.to != endpoint.region);
        return if elsewhere { 4 } else { 3 };
    }
    match (caller.zone == endpoint.zone, caller.sub_zone == endpoint.sub_zone) {
        (true, true) => 0,
        (true, false) => 1,
        (false, _) => 2,
    }
}

/// By `failoverPriority`: an endpoint that shares all labels with the caller is 0, and the earlier the first label that it does
/// not share, the farther it is. `label=value` asks for that value instead of the caller's. A label that both lack is shared.
pub fn by_labels<'a>(labels: &[&'a str], caller: impl Fn(&'a str) -> Option<&'a str>, endpoint: impl Fn(&'a str) -> Option<&'a str>) -> u8 {
    let differs = |label: &&'a str| match label.split_once('=') {
        Some((label, value)) => endpoint(label).unwrap_or("") != value,
        None => endpoint(label).unwrap_or("") != caller(label).unwrap_or(""),
    };
    let shared = labels.iter().position(differs).unwrap_or(labels.len());
    (labels.len() - shared) as u8
}

/// Numbers the priorities that occur from 0, in their order.
pub fn renumber(priorities: &mut [u8]) {
    let mut occur = priorities.to_vec();
    occur.sort_unstable();
    occur.dedup();
    for priority in priorities.iter_mut() {
        *priority = occur.partition_point(|other| *other < *priority) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_farther_the_later() {
        let caller = Locality::new("west", "a", "1");
        let entry = [Failover { from: "west".to_string(), to: "east".to_string() }];
        for (region, zone, sub_zone, without, with) in [
            ("west", "a", "1", 0, 0),
            ("west", "a", "2", 1, 1),
            ("west", "b", "1", 2, 2),
            ("east", "a", "1", 3, 3),
            ("north", "a", "1", 3, 4),
        ] {
            let endpoint = Locality::new(region, zone, sub_zone);
            assert_eq!(by_locality(&caller, &endpoint, &[]), without, "{endpoint:?}");
            assert_eq!(by_locality(&caller, &endpoint, &entry), with, "{endpoint:?} with a failover entry");
        }
        let stranger = Locality::new("south", "", "");
        assert_eq!(by_locality(&stranger, &caller, &entry), 3, "the entry is about another region");
    }

    #[test]
    fn labels_are_shared_up_to_the_first_that_differs() {
        let caller = |label| [("net", "n1"), ("region", "west")].into_iter().find(|(l, _)| *l == label).map(|(_, v)| v);
        let labels = ["net", "region", "version=v1"];
        for (net, region, version, priority) in [
            ("n1", "west", Some("v1"), 0),
            ("n1", "west", Some("v2"), 1),
            ("n1", "west", None, 1),
            ("n1", "east", Some("v1"), 2),
            ("n2", "west", Some("v1"), 3),
        ] {
            let endpoint = |label| match label {
                "net" => Some(net),
                "region" => Some(region),
                _ => version,
            };
            assert_eq!(by_labels(&labels, caller, endpoint), priority, "{net} {region} {version:?}");
        }
        assert_eq!(by_labels(&["rack"], caller, |_| None), 0, "a label that both lack");
    }

    #[test]
    fn priorities_that_do_not_occur_are_left_out() {
        let mut priorities = [3, 1, 1, 4, 3];
        renumber(&mut priorities);
        assert_eq!(priorities, [1, 0, 0, 2, 1]);
        renumber(&mut []);
    }
}
