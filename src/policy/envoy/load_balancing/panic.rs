//! Panic: when too few hosts are healthy, all are used, because the few would not bear the traffic (Envoy's load_balancer_impl.cc,
//! `recalculatePerPriorityPanic`). With a threshold of 0, which is Istio's with outlier detection, there is none: nobody
//! healthy is 503 UH.

use super::priorities::Level;

/// Decides for each priority whether it is in panic; if all are, hosts get the traffic by their numbers alone.
///
/// `total` is the health of all priorities together: where that is 100, one weak priority is no reason.
pub fn settle(levels: &mut [Level], total: u32, threshold: u32) {
    for level in levels.iter_mut() {
        level.in_panic = total < 100 && healthy_percent(level) < f64::from(threshold.min(100));
    }
    if threshold > 0 && levels.iter().all(|level| level.in_panic) {
        share_by_hosts(levels);
    }
}

fn healthy_percent(level: &Level) -> f64 {
    if level.count.total == 0 { 0.0 } else { 100.0 * f64::from(level.count.healthy) / f64::from(level.count.total) }
}

/// Total panic: each priority by its hosts, and the first that has any what rounding leaves over.
fn share_by_hosts(levels: &mut [Level]) {
    let hosts: u64 = levels.iter().map(|level| u64::from(level.count.total)).sum();
    let Some(first) = levels.iter().position(|level| level.count.total > 0) else {
        // No host at all: the traffic has to go somewhere to find nobody.
        levels.iter_mut().enumerate().for_each(|(priority, level)| level.load = if priority == 0 { 100 } else { 0 });
        return;
    };
    let mut left = 100;
    for level in levels.iter_mut() {
        level.load = (100 * u64::from(level.count.total) / hosts) as u32;
        left -= level.load;
    }
    levels[first].load += left;
}

#[cfg(test)]
mod tests {
    use super::super::priorities::tests::{levels, loads};

    #[test]
    fn a_single_priority_panics_below_the_threshold() {
        for (healthy, threshold, in_panic) in [(4, 50, true), (4, 0, false), (4, 40, false), (4, 41, true), (0, 0, false), (0, 1, true)] {
            assert_eq!(levels(&[(healthy, 10)], threshold)[0].in_panic, in_panic, "{healthy} of 10, threshold {threshold}");
        }
        // 8 of 10 are 100 % with overprovisioning: enough for the whole traffic, whatever the threshold.
        assert!(!levels(&[(8, 10)], 100)[0].in_panic);
        assert!(levels(&[(7, 10)], 100)[0].in_panic);
    }

    #[test]
    fn a_weak_priority_does_not_panic_while_others_bear_the_traffic() {
        assert!(!levels(&[(1, 10), (10, 10)], 50).iter().any(|level| level.in_panic));
        let panics: Vec<bool> = levels(&[(5, 10), (2, 10)], 50).iter().map(|level| level.in_panic).collect();
        assert_eq!(panics, [false, true], "98 % in all: the second is below 50 %");
    }

    #[test]
    fn in_total_panic_hosts_share_the_traffic_by_numbers() {
        let total = levels(&[(0, 3), (0, 7), (0, 0)], 50);
        assert!(total.iter().all(|level| level.in_panic));
        assert_eq!(loads(&total), [30, 70, 0]);
        assert_eq!(loads(&levels(&[(0, 0), (1, 3), (0, 3)], 50)), [0, 50, 50]);
        assert_eq!(loads(&levels(&[(1, 3), (1, 3), (0, 3)], 50)), [34, 33, 33]);
        assert_eq!(loads(&levels(&[(0, 0), (0, 0)], 50)), [100, 0]);
    }
}
