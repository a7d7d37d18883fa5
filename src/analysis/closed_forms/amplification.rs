//! Retry amplification: how many attempts reach the bottom of a chain for one request at its top ("Addressing cascading
//! failures", Site Reliability Engineering ch. 22: 3 layers of 4 attempts are 64).

use crate::base::math;

/// Attempts per call if each fails independently with probability p and there are at most r: (1 - p^r) / (1 - p).
pub fn attempts(failure: f64, most: u32) -> f64 {
    if failure >= 1.0 {
        return f64::from(most);
    }
    (1.0 - math::pow(failure, f64::from(most))) / (1.0 - failure)
}

/// P(all r attempts fail) = p^r.
pub fn failure_after(failure: f64, most: u32) -> f64 {
    math::pow(failure, f64::from(most))
}

/// Attempts at the bottom per request at the top, where the bottom fails independently with probability p and each layer,
/// innermost first, makes at most so many: Π (1 - q^r) / (1 - q), q being what the layer below lets through.
pub fn layered(failure: f64, layers: &[u32]) -> f64 {
    let mut failure = failure;
    let mut product = 1.0;
    for most in layers {
        product *= attempts(failure, *most);
        failure = failure_after(failure, *most);
    }
    product
}

/// The same if everything fails: the product of the layers.
pub fn worst_case(layers: &[u32]) -> u64 {
    layers.iter().fold(1, |product: u64, most| product.saturating_mul(u64::from(*most)))
}
