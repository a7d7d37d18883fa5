//! Locality weights: localities take turns by weight, and one that has lost hosts takes fewer (Istio's `distribute`; Envoy's
//! locality_wrr.cc). The host inside the locality is the policy's choice.

use super::priorities::Count;

/// A locality without a weight gets nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LocalityWeight {
    pub locality: u16,
    pub weight: u32,
}

pub(super) fn weight_of(weights: &[LocalityWeight], locality: u16) -> u32 {
    weights.iter().find(|entry| entry.locality == locality).map_or(0, |entry| entry.weight)
}

/// What a locality's turns go by: its whole weight while so many of its hosts are healthy that overprovisioning makes up for
/// the others.
pub fn effective_weight(weight: u32, hosts: Count, overprovisioning: u32) -> f64 {
    if hosts.total == 0 {
        return 0.0;
    }
    let available = f64::from(hosts.healthy) / f64::from(hosts.total);
    f64::from(weight) * (f64::from(overprovisioning) / 100.0 * available).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locality_keeps_its_weight_until_overprovisioning_is_used_up() {
        for (healthy, total, effective) in [(10, 10, 80.0), (8, 10, 80.0), (5, 10, 56.0), (1, 10, 11.2), (0, 10, 0.0), (0, 0, 0.0)] {
            let weight = effective_weight(80, Count { healthy, total }, 140);
            assert!((weight - effective).abs() < 1e-9, "{healthy} of {total}: {weight}");
        }
    }
}
