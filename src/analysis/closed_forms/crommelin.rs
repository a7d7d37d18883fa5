//! Crommelin's sum (1932) for deterministic service: U(x) = Σ_{k=0..⌊x⌋} (a(k-x))^k / k! · e^{-a(k-x)}, with the load a and
//! x in service times. (1 - a) · U(x) is the distribution of the wait in M/D/1; other figures need U for loads above 1.
//!
//! The sum alternates and loses all its digits soon. Franx's equivalent (2001) has positive terms only: with k - 1 <= x < k,
//! U(x) = Σ_{j<k} Poisson(j; a(k-x)) · Q(k-1-j), where Q(j) = Σ_{i<=j+1} w(i) and w are the weights, w(0) = 1, of the number
//! in an M/D/1 system. These come from level crossings, again with positive terms only.

use super::poisson;
use crate::base::math;

/// Above this the sum is called infinite.
const OVERFLOW: f64 = 1e280;

/// What changes a sum in no digit.
const NEGLIGIBLE: f64 = 1e-20;

/// U(x); infinite where it is too large for a number. The effort grows with x only until the weights have died out.
pub(super) fn sum(load: f64, x: f64) -> f64 {
    if x < 0.0 {
        return 0.0;
    }
    let k = x as usize + 1;
    let cumulated = cumulated_weights(load, k + 1);
    let last = cumulated.len() - 1;
    if cumulated[last] > OVERFLOW {
        return f64::INFINITY;
    }
    let mean = load * (k as f64 - x);
    let mut sum = 0.0;
    for j in 0..k {
        let term = poisson::probability(j, mean) * cumulated[(k - j).min(last)];
        sum += term;
        if j as f64 > mean && term <= sum * NEGLIGIBLE {
            break;
        }
    }
    sum
}

/// Σ_{i<=n} w(i) for n below `count`; fewer if they overflow, or grow no more.
fn cumulated_weights(load: f64, count: usize) -> Vec<f64> {
    // P(more than k arrivals in one service time), as far as it matters.
    let mut more = vec![poisson::at_least(1, load)];
    while more[more.len() - 1] > NEGLIGIBLE {
        more.push(poisson::at_least(more.len() + 1, load));
    }
    let none = math::exp(-load);
    let mut weights = vec![1.0];
    let mut cumulated = vec![1.0];
    for n in 0..count - 1 {
        // As often down from n + 1 as up over it: out of the empty system, or out of j.
        let empty = more.get(n).copied().unwrap_or(0.0);
        let up: f64 = ((n + 2).saturating_sub(more.len()).max(1)..=n).map(|j| weights[j] * more[n + 1 - j]).sum();
        weights.push((empty + up) / none);
        cumulated.push(cumulated[n] + weights[n + 1]);
        if cumulated[n + 1] > OVERFLOW || weights[n + 1] <= NEGLIGIBLE {
            break;
        }
    }
    cumulated
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positive_terms_give_crommelins_alternating_sum() {
        for load in [0.3, 0.8, 1.0, 1.7] {
            for x in [0.0, 0.5, 1.0, 2.25, 5.75] {
                let mut alternating = 0.0;
                let mut factorial = 1.0;
                for k in 0..=x as i32 {
                    factorial *= f64::from(k.max(1));
                    let y = load * (f64::from(k) - x);
                    alternating += (0..k).fold(1.0, |power, _| power * y) / factorial * math::exp(-y);
                }
                let positive = sum(load, x);
                assert!((positive / alternating - 1.0).abs() < 1e-10, "load {load}, x {x}: {positive}, not {alternating}");
            }
        }
    }
}
