//! Load balancing without a mesh: which replica gets an attempt. Least request is the emptiest of N random replicas
//! (Mitzenmacher 2001), drawn as Envoy does: with replacement, and the first drawn wins a tie.

use crate::policy::error::{PolicyError, require};

/// How a caller picks among the replicas of a service.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LoadBalancing {
    /// In turn; each caller keeps its own place.
    RoundRobin,
    Random,
    /// The one with the fewest calls of this caller in progress, out of so many draws.
    LeastRequest {
        choices: u32,
    },
}

impl LoadBalancing {
    pub fn least_request(choices: u32) -> Result<LoadBalancing, PolicyError> {
        require((1..=100).contains(&choices), "choices", || format!("must be between 1 and 100, not {choices}"))?;
        Ok(LoadBalancing::LeastRequest { choices })
    }

    /// An index below `replicas` (at least 1). `next` is the caller's place in the round; `active` tells how many calls of
    /// this caller a replica has in progress; `below(n)` draws from 0..n.
    pub fn pick(&self, next: &mut u32, replicas: u32, active: impl Fn(u32) -> u32, mut below: impl FnMut(u32) -> u32) -> u32 {
        debug_assert!(replicas > 0, "whether there is a replica at all is decided before");
        match *self {
            LoadBalancing::RoundRobin => {
                let pick = *next % replicas;
                *next = pick + 1;
                pick
            }
            LoadBalancing::Random => below(replicas),
            LoadBalancing::LeastRequest { choices } => {
                let mut best = below(replicas);
                let mut fewest = active(best);
                for _ in 1..choices {
                    let other = below(replicas);
                    let load = active(other);
                    if load < fewest {
                        (best, fewest) = (other, load);
                    }
                }
                best
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_robin_goes_round_and_survives_a_change_of_size() {
        let mut next = 0;
        let mut pick = |replicas| LoadBalancing::RoundRobin.pick(&mut next, replicas, |_| 0, |_| unreachable!());
        let picks: Vec<u32> = [3, 3, 3, 3, 3, 2, 2, 4, 4].map(&mut pick).into();
        assert_eq!(picks, [0, 1, 2, 0, 1, 0, 1, 2, 3]);
    }

    #[test]
    fn the_emptiest_of_the_drawn_wins_and_the_first_a_tie() {
        let loads = [5, 1, 1, 0];
        for (draws, pick) in [([0, 1], 1), ([1, 0], 1), ([1, 2], 1), ([2, 1], 2), ([0, 0], 0), ([0, 3], 3)] {
            let mut draws_left = draws.into_iter();
            let balancing = LoadBalancing::least_request(2).unwrap();
            let picked = balancing.pick(&mut 0, 4, |replica| loads[replica as usize], |_| draws_left.next().unwrap());
            assert_eq!(picked, pick, "{draws:?}");
            assert_eq!(draws_left.next(), None, "always as many draws as choices, or streams would shift");
        }
    }

    #[test]
    fn random_takes_what_is_drawn() {
        assert_eq!(LoadBalancing::Random.pick(&mut 0, 7, |_| unreachable!(), |n| n - 1), 6);
        assert!(LoadBalancing::least_request(0).is_err());
    }
}
