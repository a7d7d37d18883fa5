//! Weighted clusters: to which of a route's destinations a request goes, with all of its retries (Istio `route.go`, Envoy
//! `config_impl.cc` `pickWeightedCluster`).

use crate::policy::error::{PolicyError, require};

/// The destinations that get traffic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeightedClusters {
    /// Sum of the weights up to and including this one, and its place among the destinations as written.
    until: Vec<(u64, u32)>,
}

impl WeightedClusters {
    /// Weights as written, where 0 is absent too. A single destination gets everything whatever its weight; of several, those
    /// without a weight get nothing.
    pub fn new(weights: &[u32]) -> Result<WeightedClusters, PolicyError> {
        require(!weights.is_empty(), "route", || "has no destination".into())?;
        if weights.len() == 1 {
            return Ok(WeightedClusters { until: vec![(1, 0)] });
        }
        let mut total = 0;
        let mut until = Vec::new();
        for (place, weight) in weights.iter().enumerate().filter(|(_, weight)| **weight > 0) {
            total += u64::from(*weight);
            until.push((total, place as u32));
        }
        require(total > 0, "weight", || format!("is 0 for all of the {} destinations", weights.len()))?;
        require(total <= u64::from(u32::MAX), "weight", || format!("adds up to {total}, more than the {} that Envoy takes", u32::MAX))?;
        Ok(WeightedClusters { until })
    }

    /// The destination of the request that drew this word; drawn once per request, not per attempt.
    #[inline]
    pub fn choose(&self, random: u64) -> u32 {
        let drawn = random % self.total();
        let chosen = self.until.iter().find(|(until, _)| drawn < *until);
        chosen.map_or(0, |(_, place)| *place)
    }

    /// The destinations that get traffic, each with its share from 0 to 1.
    pub fn shares(&self) -> impl Iterator<Item = (u32, f64)> + '_ {
        let mut before = 0;
        self.until.iter().map(move |(until, place)| {
            let weight = until - std::mem::replace(&mut before, *until);
            (*place, weight as f64 / self.total() as f64)
        })
    }

    fn total(&self) -> u64 {
        self.until.last().map_or(1, |(until, _)| *until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_shared_out_by_weight_in_the_order_as_written() {
        for (weights, chosen) in [
            (&[90, 10][..], &[(0, 0), (89, 0), (90, 1), (99, 1), (100, 0), (190, 1)][..]),
            (&[1, 3], &[(0, 0), (1, 1), (3, 1), (4, 0)]),
            (&[0, 5, 5], &[(0, 1), (4, 1), (5, 2), (9, 2), (10, 1)]),
            (&[5, 0, 5], &[(4, 0), (5, 2)]),
            (&[0, 7], &[(0, 1), (u64::MAX, 1)]),
            (&[0], &[(0, 0), (u64::MAX, 0)]),
            (&[30], &[(0, 0), (29, 0), (99, 0)]),
        ] {
            let clusters = WeightedClusters::new(weights).unwrap();
            for (random, place) in chosen {
                assert_eq!(clusters.choose(*random), *place, "{weights:?}, {random}");
            }
        }
    }

    #[test]
    fn shares_are_weights_over_their_sum() {
        let shares: Vec<(u32, f64)> = WeightedClusters::new(&[3, 0, 1]).unwrap().shares().collect();
        assert_eq!(shares, [(0, 0.75), (2, 0.25)]);
        assert_eq!(WeightedClusters::new(&[0]).unwrap().shares().collect::<Vec<_>>(), [(0, 1.0)]);
    }

    #[test]
    fn nonsense_is_refused_in_words() {
        for (weights, message) in [
            (&[][..], "`route` has no destination"),
            (&[0, 0], "`weight` is 0 for all of the 2 destinations"),
            (&[u32::MAX, 1], "`weight` adds up to 4294967296, more than the 4294967295 that Envoy takes"),
        ] {
            assert_eq!(WeightedClusters::new(weights).unwrap_err().to_string(), message);
        }
    }
}
