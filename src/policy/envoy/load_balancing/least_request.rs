//! Least request: the emptiest of N random hosts (Mitzenmacher 2001; Envoy's least_request_lb.cc), counting the attempts of
//! this proxy alone.
//!
//! A host that fails fast is always empty and therefore attracts traffic, unless outlier detection takes it out.

use super::SlowStart;
use super::slow_start;
use crate::base::math::pow;
use crate::base::stream::Source;
use crate::policy::error::{PolicyError, require};

#[derive(Clone, Copy, PartialEq, Debug)]
pub struct LeastRequest {
    pub selection: Selection,
    /// Where weights differ: the weight is divided by (attempts in progress + 1) to this power. 0 does not look at them.
    pub bias: f64,
    pub slow_start: Option<SlowStart>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Selection {
    /// Drawn with replacement; the first drawn wins a tie.
    Choices(u32),
    /// The emptiest of all, any of those that tie.
    FullScan,
}

/// Two choices and a bias of 1.
impl Default for LeastRequest {
    fn default() -> LeastRequest {
        LeastRequest { selection: Selection::Choices(2), bias: 1.0, slow_start: None }
    }
}

impl LeastRequest {
    pub(super) fn check(&self) -> Result<(), PolicyError> {
        if let Selection::Choices(choices) = self.selection {
            require((2..=100).contains(&choices), "choiceCount", || format!("must be between 2 and 100, not {choices}"))?;
        }
        require(self.bias >= 0.0 && self.bias.is_finite(), "activeRequestBias", || format!("must be 0 or more, not {}", self.bias))?;
        self.slow_start.map_or(Ok(()), |slow_start| slow_start.check())
    }

    /// A place among `hosts` (at least 1); `active` tells how many attempts are in progress at a place.
    #[inline]
    pub fn pick(&self, hosts: u32, active: impl Fn(u32) -> u32, random: &mut impl Source) -> u32 {
        match self.selection {
            Selection::Choices(choices) => {
                let mut draw = || (random.word() % u64::from(hosts)) as u32;
                let mut best = draw();
                let mut fewest = active(best);
                for _ in 1..choices {
                    let other = draw();
                    let load = active(other);
                    if load < fewest {
                        (best, fewest) = (other, load);
                    }
                }
                best
            }
            Selection::FullScan => full_scan(hosts, active, random),
        }
    }

    /// What an EDF schedule weighs a host with at this moment.
    #[inline]
    pub fn weight(&self, weight: f64, rq_active: u32) -> f64 {
        let occupied = f64::from(rq_active) + 1.0;
        if self.bias == 1.0 {
            weight / occupied
        } else if self.bias == 0.0 || rq_active == 0 {
            weight
        } else {
            (weight / pow(occupied, self.bias)).max(slow_start::LEAST_WEIGHT)
        }
    }
}

/// Reservoir sampling: the k-th of those that tie replaces the one kept with probability 1/k.
fn full_scan(hosts: u32, active: impl Fn(u32) -> u32, random: &mut impl Source) -> u32 {
    let (mut best, mut fewest, mut tied) = (0, active(0), 1);
    for other in 1..hosts {
        let load = active(other);
        if load < fewest {
            (best, fewest, tied) = (other, load, 1);
        } else if load == fewest {
            tied += 1;
            if random.word().is_multiple_of(tied) {
                best = other;
            }
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::stream::Streams;

    /// Words that were chosen.
    struct Chosen(Vec<u64>);
    impl Source for Chosen {
        fn word(&mut self) -> u64 {
            self.0.remove(0)
        }
    }

    #[test]
    fn the_emptiest_of_the_drawn_wins_and_the_first_a_tie() {
        let loads = [5, 1, 1, 0];
        for (draws, pick) in [([0, 1], 1), ([1, 0], 1), ([1, 2], 1), ([2, 1], 2), ([0, 0], 0), ([0, 3], 3), ([4, 7], 3)] {
            let mut random = Chosen(draws.to_vec());
            assert_eq!(LeastRequest::default().pick(4, |place| loads[place as usize], &mut random), pick, "{draws:?}");
            assert!(random.0.is_empty(), "as many draws as choices");
        }
    }

    #[test]
    fn a_full_scan_takes_any_of_the_emptiest() {
        let loads = [3, 1, 2, 1, 1];
        let policy = LeastRequest { selection: Selection::FullScan, ..LeastRequest::default() };
        let mut random = Streams::new(1).sequence("proxy", "pick");
        let mut counts = [0; 5];
        (0..30_000).for_each(|_| counts[policy.pick(5, |place| loads[place as usize], &mut random) as usize] += 1);
        assert_eq!((counts[0], counts[2]), (0, 0));
        // Standard deviation 82.
        assert!([1, 3, 4].iter().all(|place| (9_650..10_350).contains(&counts[*place])), "{counts:?}");
    }

    #[test]
    fn bias_divides_the_weight() {
        let with = |bias| LeastRequest { bias, ..LeastRequest::default() };
        for (bias, active, weight) in [(1.0, 3, 2.0), (0.0, 3, 8.0), (2.0, 3, 0.5), (2.0, 0, 8.0), (0.5, 3, 4.0)] {
            assert_eq!(with(bias).weight(8.0, active), weight, "bias {bias}, {active} active");
        }
        assert!(with(f64::MAX).weight(1.0, 9) > 0.0, "a schedule needs weights above 0");
    }

    #[test]
    fn nonsense_is_refused_in_words() {
        let choices = |n| LeastRequest { selection: Selection::Choices(n), ..LeastRequest::default() }.check();
        assert_eq!(choices(1).unwrap_err().to_string(), "`choiceCount` must be between 2 and 100, not 1");
        let bias = LeastRequest { bias: -1.0, ..LeastRequest::default() };
        assert_eq!(bias.check().unwrap_err().to_string(), "`activeRequestBias` must be 0 or more, not -1");
    }
}
