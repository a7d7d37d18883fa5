//! Earliest deadline first: weighted turns (Envoy's edf_scheduler.h). Each entry is due 1/weight after its last turn, and its
//! weight is asked anew whenever it has had one.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// A schedule of the entries 0..n.
#[derive(Clone, Debug, Default)]
pub struct Edf {
    queue: BinaryHeap<Turn>,
    /// Instead of a clock: the deadline of the last that had its turn.
    now: f64,
    /// Turns that were ever given out: among equal deadlines the earliest given comes first.
    given: u64,
}

#[derive(Clone, Copy, Debug)]
struct Turn {
    deadline: f64,
    order: u64,
    entry: u32,
}

/// Envoy's bound on the turns that a new schedule starts with.
const MOST_TURNS: u64 = 429_496_729;

/// Added to the weights that a new schedule starts with: it keeps entries whose weights are multiples of each other from
/// meeting at deadlines that differ by rounding alone.
const APART: f64 = 1e-13;

impl Edf {
    /// The schedule in which `turns` turns have been had already, so that many schedules are not in step. Weights are above 0.
    pub fn after(weights: &[f64], turns: u64) -> Edf {
        debug_assert!(weights.iter().all(|weight| *weight > 0.0), "who has no weight is not in the schedule");
        let turns = (turns as u32 as u64 % MOST_TURNS) as f64;
        let sum = weights.iter().fold(0.0, |sum, weight| sum + (weight + APART));
        let mut schedule = Edf { given: weights.len() as u64, ..Edf::default() };
        let mut left = turns;
        let mut queue = Vec::with_capacity(weights.len());
        // Of so many turns an entry has had at least the whole part of its share; the few that are left are gone through.
        for (entry, weight) in weights.iter().enumerate() {
            let weight = weight + APART;
            let mut had = (weight * turns / sum).floor();
            // Rounding must not give a turn that was not due yet.
            if had > 0.0 && had / weight >= turns / sum {
                had -= 1.0;
            }
            schedule.now = schedule.now.max(had / weight);
            left -= had;
            queue.push(Turn { deadline: (had + 1.0) / weight, order: entry as u64, entry: entry as u32 });
        }
        schedule.queue = BinaryHeap::from(queue);
        while left > 0.0 && !weights.is_empty() {
            schedule.pick(|entry| weights[entry as usize]);
            left -= 1.0;
        }
        schedule
    }

    /// Whose turn it is; none if there are no entries. `weight` is what it waits by for its next one.
    #[inline]
    pub fn pick(&mut self, weight: impl FnOnce(u32) -> f64) -> Option<u32> {
        let mut first = self.queue.peek_mut()?;
        debug_assert!(first.deadline >= self.now, "turns are had in the order of their deadlines");
        self.now = first.deadline;
        let entry = first.entry;
        let deadline = self.now + 1.0 / weight(entry);
        *first = Turn { deadline, order: self.given, entry };
        self.given += 1;
        Some(entry)
    }
}

/// The heap's greatest is the turn that comes first.
impl Ord for Turn {
    fn cmp(&self, other: &Turn) -> Ordering {
        other.deadline.total_cmp(&self.deadline).then(other.order.cmp(&self.order))
    }
}

impl PartialOrd for Turn {
    fn partial_cmp(&self, other: &Turn) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Turn {
    fn eq(&self, other: &Turn) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Turn {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn picks(schedule: &mut Edf, weights: &[f64], n: usize) -> Vec<u32> {
        (0..n).map(|_| schedule.pick(|entry| weights[entry as usize]).unwrap()).collect()
    }

    #[test]
    fn turns_come_by_weight_and_the_earlier_given_first() {
        let weights = [1.0, 3.0, 2.0];
        // Deadlines 1/3, 1/2, 2/3, then all three at 1: given out as the 0th, 4th and 5th.
        assert_eq!(picks(&mut Edf::after(&weights, 0), &weights, 6), [1, 2, 1, 0, 2, 1]);
        assert_eq!(picks(&mut Edf::after(&[1.0; 3], 0), &[1.0; 3], 7), [0, 1, 2, 0, 1, 2, 0]);
        assert_eq!(Edf::after(&[], 5).pick(|_| 1.0), None);
    }

    #[test]
    fn a_weight_that_changes_counts_from_the_next_turn() {
        let mut schedule = Edf::after(&[1.0, 1.0], 0);
        assert_eq!(picks(&mut schedule, &[4.0, 1.0], 2), [0, 1]);
        // 0 waits a quarter from its turn at 1 on: 1.25, 1.5, 1.75, 2; then 1, which was given earlier, at 2.
        assert_eq!(picks(&mut schedule, &[4.0, 1.0], 6), [0, 0, 0, 1, 0, 0]);
    }

    #[test]
    fn a_schedule_that_starts_later_goes_on_as_the_one_that_was_there() {
        for weights in [vec![25.0, 75.0], vec![1.0, 2.0, 3.0, 4.0], vec![0.3, 0.7, 0.9]] {
            for turns in [0, 1, 7, 23, 100, 1001] {
                let mut old = Edf::after(&weights, 0);
                picks(&mut old, &weights, turns);
                let mut counts = vec![[0i32; 2]; weights.len()];
                picks(&mut old, &weights, 50).iter().for_each(|entry| counts[*entry as usize][0] += 1);
                let mut new = Edf::after(&weights, turns as u64);
                picks(&mut new, &weights, 50).iter().for_each(|entry| counts[*entry as usize][1] += 1);
                // Ties may be broken otherwise, which moves a turn over the end of what is counted.
                assert!(counts.iter().all(|[old, new]| (old - new).abs() <= 1), "{weights:?} after {turns}: {counts:?}");
            }
        }
    }

    proptest! {
        #![proptest_config(crate::base::cases::cases(128))]

        #[test]
        fn turns_are_had_in_proportion_to_weights(weights in prop::collection::vec(1u32..100, 1..12), turns: u64) {
            let weights: Vec<f64> = weights.into_iter().map(f64::from).collect();
            let sum = weights.iter().sum::<f64>();
            let mut schedule = Edf::after(&weights, turns);
            let rounds = 20_000;
            let mut had = vec![0.0; weights.len()];
            for entry in picks(&mut schedule, &weights, rounds) {
                had[entry as usize] += 1.0;
            }
            for (weight, had) in weights.iter().zip(had) {
                // An entry is at most one turn of its own, and one of each other entry, from its share.
                let share = rounds as f64 * weight / sum;
                prop_assert!((had - share).abs() <= 2.0 + weights.len() as f64, "{had} of {share}");
            }
        }
    }
}
