//! Poisson probabilities, and what is reckoned with them: Erlang distributions and first passages by uniformization.

use crate::base::math;

/// P(N = n) for a Poisson variable.
pub(super) fn probability(n: usize, mean: f64) -> f64 {
    if mean == 0.0 {
        return if n == 0 { 1.0 } else { 0.0 };
    }
    let n = n as f64;
    math::exp(n * math::ln(mean) - mean - math::ln_gamma(n + 1.0))
}

/// P(N >= n); accurate relative to itself however small it is. Also P(Erlang(n, rate) <= t) with mean = rate · t.
pub(super) fn at_least(n: usize, mean: f64) -> f64 {
    if (n as f64) <= mean {
        return 1.0 - (0..n).map(|k| probability(k, mean)).sum::<f64>();
    }
    let mut term = probability(n, mean);
    let mut sum = 0.0;
    for k in n + 1.. {
        sum += term;
        term *= mean / k as f64;
        if term <= sum * 1e-17 {
            break;
        }
    }
    sum
}

/// P(not absorbed by the time of which `jumps` is the mean number of jumps), for a chain that jumps as a Poisson process
/// (uniformization: Jensen 1953). `survival` answers, call by call, the probability to have survived 0, 1, 2 … jumps.
pub(super) fn survival(jumps: f64, mut survival: impl FnMut() -> f64) -> f64 {
    let mut sum = 0.0;
    for n in 0.. {
        let survived = survival();
        let term = probability(n, jumps) * survived;
        sum += term;
        // Beyond the mean the terms fall at least geometrically; the sum of the rest is within a few of them.
        if n as f64 > jumps + 10.0 && term <= sum * 1e-17 {
            break;
        }
    }
    sum
}
