//! Zipf's law over keys 1..=n: key k has probability proportional to 1 / k^s.
//!
//! Rejection-inversion (Hörmann & Derflinger, ACM TOMACS 6, 1996): no table, so a billion keys cost as much as ten.

use super::DistError;
use crate::base::math;
use crate::base::stream::Source;

/// Above this the first key takes all but one draw in 10^15.
const GREATEST_EXPONENT: f64 = 50.0;
/// More keys than a float counts exactly would be drawn unevenly.
const MOST_KEYS: u64 = 1 << 50;
/// So many terms of a harmonic number are summed one by one.
const TERMS_SUMMED: u64 = 128;

/// A Zipf distribution over keys.
#[derive(Clone, Debug, PartialEq)]
pub struct Zipf {
    s: f64,
    n: u64,
    /// The integral of the density's hat at its two ends.
    hat_first: f64,
    hat_last: f64,
    /// A point no further than this from its key needs no test.
    sure: f64,
    /// Σ 1 / k^s over all keys.
    total: f64,
}

impl Zipf {
    /// Keys 1..=`n` with exponent `s`: 0 is uniform, 1 is typical of caches. `s` up to 50, `n` up to 2^50.
    pub fn new(s: f64, n: u64) -> Result<Zipf, DistError> {
        if !(0.0..=GREATEST_EXPONENT).contains(&s) {
            return Err(DistError::OutOfRange { name: "s", value: s, lo: 0.0, hi: GREATEST_EXPONENT });
        }
        if !(1..=MOST_KEYS).contains(&n) {
            return Err(DistError::OutOfRange { name: "n", value: n as f64, lo: 1.0, hi: MOST_KEYS as f64 });
        }
        let hat_first = hat_integral(s, 1.5) - 1.0;
        let hat_last = hat_integral(s, n as f64 + 0.5);
        let sure = 2.0 - hat_integral_inverse(s, hat_integral(s, 2.5) - weight(s, 2.0));
        Ok(Zipf { s, n, hat_first, hat_last, sure, total: harmonic(s, n) })
    }

    /// How many keys there are.
    pub fn keys(&self) -> u64 {
        self.n
    }

    /// A key in 1..=n.
    pub fn sample<S: Source + ?Sized>(&self, source: &mut S) -> u64 {
        loop {
            let area = self.hat_last + source.uniform() * (self.hat_first - self.hat_last);
            let x = hat_integral_inverse(self.s, area);
            let key = ((x + 0.5) as u64).clamp(1, self.n);
            let k = key as f64;
            if k - x <= self.sure || area >= hat_integral(self.s, k + 0.5) - weight(self.s, k) {
                return key;
            }
        }
    }

    /// The probability of key `k`; 0 outside 1..=n. Relative error below 1e-13.
    pub fn probability(&self, k: u64) -> f64 {
        if (1..=self.n).contains(&k) { weight(self.s, k as f64) / self.total } else { 0.0 }
    }

    /// The probability of the `k` most popular keys together: the greatest hit ratio of a cache that holds k of n.
    pub fn mass_of_top(&self, k: u64) -> f64 {
        if k >= self.n { 1.0 } else { harmonic(self.s, k) / self.total }
    }
}

/// x^-s.
fn weight(s: f64, x: f64) -> f64 {
    math::exp(-s * math::ln(x))
}

/// The integral of t^-s from 1 to x: (x^(1-s) - 1) / (1 - s), and ln x at s = 1.
fn hat_integral(s: f64, x: f64) -> f64 {
    let log = math::ln(x);
    let power = (1.0 - s) * log;
    // The quotient's series where both are too small to divide.
    let ratio = if power.abs() > 1e-8 { math::exp_m1(power) / power } else { 1.0 + power / 2.0 };
    ratio * log
}

/// The x for which [`hat_integral`] is `area`.
fn hat_integral_inverse(s: f64, area: f64) -> f64 {
    // Rounding may lead below the greatest integral that exists for s > 1.
    let power = (area * (1.0 - s)).max(-1.0);
    let ratio = if power.abs() > 1e-8 { math::ln_1p(power) / power } else { 1.0 - power / 2.0 };
    math::exp(ratio * area)
}

/// Σ k^-s for k in 1..=n: the first terms one by one, the rest by Euler and Maclaurin's formula.
fn harmonic(s: f64, n: u64) -> f64 {
    let summed: f64 = (1..=n.min(TERMS_SUMMED)).rev().map(|k| weight(s, k as f64)).sum();
    if n <= TERMS_SUMMED {
        return summed;
    }
    let (a, b) = (TERMS_SUMMED as f64, n as f64);
    let (at_a, at_b) = (weight(s, a), weight(s, b));
    let integral = hat_integral(s, b) - hat_integral(s, a);
    let ends = (at_b - at_a) / 2.0;
    let first = s / 12.0 * (at_a / a - at_b / b);
    let third = s * (s + 1.0) * (s + 2.0) / 720.0 * (at_a / (a * a * a) - at_b / (b * b * b));
    summed + integral + ends + first - third
}
