//! Stationary probabilities of a birth-death process: π(n) ∝ Π birth(i-1) / death(i).

use crate::base::math;

/// How far below the likeliest state, in natural logarithms, an unbounded process is cut: e^-60 < 1e-26.
const NEGLIGIBLE: f64 = 60.0;

/// π(0), π(1) … up to `last`, or, without one, as far as it matters: then births must fall behind deaths in the end. Sums of
/// logarithms, so that neither long queues nor heavy load overflow.
pub(super) fn stationary(last: Option<usize>, birth: impl Fn(usize) -> f64, death: impl Fn(usize) -> f64) -> Vec<f64> {
    let mut logs = vec![0.0_f64];
    let mut log = 0.0_f64;
    let mut highest = 0.0_f64;
    for n in 1.. {
        match last {
            Some(last) if n > last => break,
            None if log.is_nan() || log < highest - NEGLIGIBLE => break,
            Some(_) | None => {}
        }
        log += math::ln(birth(n - 1) / death(n));
        highest = highest.max(log);
        logs.push(log);
    }
    let weights: Vec<f64> = logs.iter().map(|log| math::exp(log - highest)).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|weight| weight / sum).collect()
}
