//! Priorities: how much traffic each group of hosts gets, and which group gets the attempt (Envoy's load_balancer_impl.cc,
//! `recalculatePerPriorityState` and `choosePriority`).
//!
//! All of it is integer arithmetic in percent, with its rounding. The second priority gets traffic only when 140 % of the
//! first one's healthy share falls below 100 %, that is, when less than 71.4 % of it is healthy.

use super::panic;

/// The hosts of one priority.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Count {
    pub healthy: u32,
    pub total: u32,
}

/// One priority: its hosts, and what follows from them and from the other priorities.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Level {
    pub count: Count,
    /// In percent of what the whole traffic takes, at most 100.
    pub health: u32,
    /// Percent of the traffic.
    pub load: u32,
    /// All its hosts are used, healthy or not.
    pub in_panic: bool,
}

/// Fills in health, load and panic from the counts. The loads sum to 100.
pub fn settle(levels: &mut [Level], overprovisioning: u32, panic_threshold: u32) {
    for level in levels.iter_mut() {
        (level.health, level.load) = (health(level.count, overprovisioning), 0);
    }
    let total = total_health(levels.iter().map(|level| level.health));
    if total > 0 {
        distribute(levels, total);
    } else if let Some(first) = levels.first_mut() {
        // Nobody is healthy. Who gets the traffic does not matter unless there is a panic.
        first.load = 100;
    }
    panic::settle(levels, total, panic_threshold);
}

fn health(count: Count, overprovisioning: u32) -> u32 {
    if count.total == 0 {
        return 0;
    }
    let percent = u64::from(overprovisioning) * u64::from(count.healthy) / u64::from(count.total);
    percent.min(100) as u32
}

fn total_health(health: impl Iterator<Item = u32>) -> u32 {
    health.sum::<u32>().min(100)
}

/// Gives each priority as much as it can take, in order, and the first what rounding left over.
fn distribute(levels: &mut [Level], total: u32) {
    let mut remaining = 100;
    for level in levels.iter_mut() {
        level.load = remaining.min(level.health * 100 / total);
        remaining -= level.load;
    }
    if let Some(first) = levels.iter_mut().find(|level| level.health > 0) {
        first.load += remaining;
    }
}

/// The priority of an attempt; `percent` is uniform among 1..=100.
#[inline]
pub fn choose(levels: &[Level], percent: u32) -> usize {
    let mut below = 0;
    for (priority, level) in levels.iter().enumerate() {
        below += level.load;
        if percent <= below {
            return priority;
        }
    }
    0
}

/// The priority of a retry that leaves out those in the set `tried` (bit by priority). If no healthy one is left, all are
/// open again, as if nothing had been tried (Envoy's previous_priorities.cc).
pub fn choose_another(levels: &[Level], tried: u32, percent: u32) -> usize {
    let left = || levels.iter().enumerate().filter(|(priority, _)| !is_in(tried, *priority));
    let total = total_health(left().map(|(_, level)| level.health));
    if total == 0 {
        return choose(levels, percent);
    }
    // The same rule as `distribute`, without writing the loads down.
    let share = |level: &Level, remaining: u32| remaining.min(level.health * 100 / total);
    let mut spare = left().fold(100, |remaining, (_, level)| remaining - share(level, remaining));
    let (mut remaining, mut below) = (100, 0);
    for (priority, level) in left() {
        let load = share(level, remaining);
        remaining -= load;
        below += load;
        if level.health > 0 {
            below += std::mem::take(&mut spare);
        }
        if percent <= below {
            return priority;
        }
    }
    0
}

fn is_in(set: u32, priority: usize) -> bool {
    priority < 32 && set >> priority & 1 == 1
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub fn levels(counts: &[(u32, u32)], panic_threshold: u32) -> Vec<Level> {
        let count = |(healthy, total): &(u32, u32)| Count { healthy: *healthy, total: *total };
        let mut levels: Vec<Level> = counts.iter().map(|pair| Level { count: count(pair), ..Level::default() }).collect();
        settle(&mut levels, 140, panic_threshold);
        levels
    }

    pub fn loads(levels: &[Level]) -> Vec<u32> {
        levels.iter().map(|level| level.load).collect()
    }

    #[test]
    fn traffic_spills_over_when_less_than_five_sevenths_are_healthy() {
        for (healthy, health, load) in [
            ([10, 10], [100, 100], [100, 0]),
            ([8, 3], [100, 42], [100, 0]),
            ([7, 10], [98, 100], [98, 2]),
            ([5, 10], [70, 100], [70, 30]),
            ([5, 2], [70, 28], [72, 28]),
            ([3, 0], [42, 0], [100, 0]),
            ([0, 10], [0, 100], [0, 100]),
        ] {
            let levels = levels(&[(healthy[0], 10), (healthy[1], 10)], 0);
            assert_eq!(levels.iter().map(|level| level.health).collect::<Vec<_>>(), health, "{healthy:?}");
            assert_eq!(loads(&levels), load, "{healthy:?}");
        }
    }

    #[test]
    fn a_priority_without_hosts_has_no_health() {
        assert_eq!(loads(&levels(&[(0, 0), (1, 1)], 0)), [0, 100]);
        assert_eq!(loads(&levels(&[(0, 3)], 0)), [100]);
        assert_eq!(loads(&levels(&[(0, 0), (0, 0)], 0)), [100, 0]);
    }

    #[test]
    fn the_hundredths_are_shared_out_in_order() {
        let levels = levels(&[(5, 10), (10, 10)], 0);
        assert_eq!([1, 70, 71, 100].map(|percent| choose(&levels, percent)), [0, 0, 1, 1]);
    }

    #[test]
    fn a_retry_leaves_out_the_priorities_that_were_tried() {
        let three = levels(&[(10, 10), (2, 10), (10, 10)], 0);
        assert_eq!(loads(&three), [100, 0, 0]);
        // Without the first: health 28 and 100.
        assert_eq!([1, 28, 29, 100].map(|percent| choose_another(&three, 0b001, percent)), [1, 1, 2, 2]);
        assert_eq!(choose_another(&three, 0b101, 77), 1);
        assert_eq!(choose_another(&three, 0b111, 77), 0, "all tried: as if none was");
        let weak = levels(&[(10, 10), (2, 10), (1, 10)], 0);
        // Without the first: 28 of 42 and 14 of 42 are 66 and 33 %, and the one left over is the first one's.
        assert_eq!([67, 68].map(|percent| choose_another(&weak, 0b001, percent)), [1, 2]);
        let dead = levels(&[(10, 10), (0, 10)], 0);
        assert_eq!(choose_another(&dead, 0b01, 50), 0, "nobody else is healthy");
    }

    proptest! {
        #![proptest_config(crate::base::cases::cases(256))]

        #[test]
        fn loads_sum_to_100(
            counts in prop::collection::vec((0u32..50, 0u32..50), 1..8),
            overprovisioning in 100u32..200,
            threshold in 0u32..=100,
            tried: u8,
        ) {
            let mut levels: Vec<Level> = counts
                .iter()
                .map(|(a, b)| Level { count: Count { healthy: *a.min(b), total: *b }, ..Level::default() })
                .collect();
            settle(&mut levels, overprovisioning, threshold);
            prop_assert_eq!(levels.iter().map(|level| level.load).sum::<u32>(), 100);
            let health = |level: &Level| level.health;
            let healthy_left = levels.iter().enumerate().any(|(p, level)| tried >> p & 1 == 0 && health(level) > 0);
            for percent in 1..=100 {
                let chosen = choose_another(&levels, u32::from(tried), percent);
                prop_assert!(!healthy_left || (tried >> chosen & 1 == 0 && levels[chosen].health > 0));
            }
        }

        #[test]
        fn without_anything_tried_a_retry_chooses_alike(counts in prop::collection::vec((0u32..9, 0u32..9), 1..5)) {
            let counts: Vec<(u32, u32)> = counts.into_iter().map(|(a, b)| (a.min(b), b)).collect();
            let levels = levels(&counts, 0);
            for percent in 1..=100 {
                prop_assert_eq!(choose(&levels, percent), choose_another(&levels, 0, percent));
            }
        }
    }
}
