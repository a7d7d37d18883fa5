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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::cases::cases;
    use crate::base::stream::{Sequence, Streams, mix};
    use proptest::prelude::*;

    const EXPONENTS: [f64; 8] = [0.0, 0.3, 0.8, 0.999_999_999, 1.0, 1.2, 2.0, 7.5];

    fn source() -> Sequence {
        Streams::new(7).sequence("test", "zipf")
    }

    #[test]
    fn probabilities_are_those_of_a_direct_sum() {
        for s in EXPONENTS {
            for n in [1, 2, 127, 128, 129, 1000, 300_000] {
                let zipf = Zipf::new(s, n).unwrap();
                // Smallest first, so that the sum is good to the last digits.
                let direct: f64 = (1..=n).rev().map(|k| weight(s, k as f64)).sum();
                assert!((zipf.total / direct - 1.0).abs() < 1e-13, "s {s}, n {n}: {} against {direct}", zipf.total);
                let top: f64 = (1..=n / 3).rev().map(|k| zipf.probability(k)).sum();
                assert!((zipf.mass_of_top(n / 3) - top).abs() < 1e-11, "s {s}, n {n}");
                assert_eq!((zipf.mass_of_top(n), zipf.mass_of_top(0), zipf.probability(0), zipf.probability(n + 1)), (1.0, 0.0, 0.0, 0.0));
            }
        }
    }

    #[test]
    fn draws_have_the_exact_probabilities() {
        const DRAWS: u64 = 400_000;
        for s in EXPONENTS {
            for n in [1, 2, 20, 1_000_000_000] {
                let zipf = Zipf::new(s, n).unwrap();
                let mut source = source();
                // Each of the first keys by itself, the others in ranges.
                let mut edges: Vec<u64> = (1..=20.min(n)).collect();
                edges.extend([50, 1000, 30_000, 1_000_000, 100_000_000, 1_000_000_000].into_iter().filter(|edge| *edge <= n));
                edges.dedup();
                let mut counts = vec![0u64; edges.len()];
                for _ in 0..DRAWS {
                    let key = zipf.sample(&mut source);
                    counts[edges.partition_point(|edge| *edge < key)] += 1;
                }
                let mut below = 0.0;
                for (edge, count) in edges.into_iter().zip(counts) {
                    let share = zipf.mass_of_top(edge) - below;
                    below += share;
                    let (found, error) = (count as f64 / DRAWS as f64, math::sqrt(share * (1.0 - share) / DRAWS as f64));
                    // The last term stands for cells that expect less than a few draws.
                    let allowed = 5.0 * error + 5.0 / DRAWS as f64;
                    assert!((found - share).abs() < allowed, "s {s}, n {n}, up to {edge}: {found}, not {share}");
                }
            }
        }
    }

    #[test]
    fn draws_are_those_of_the_first_release() {
        let folded = EXPONENTS.map(|s| {
            let mut source = source();
            let zipf = Zipf::new(s, 1_000_000).unwrap();
            (0..2000).fold(0, |hash, _| mix(hash, zipf.sample(&mut source)))
        });
        let golden = [
            13456342926687989108,
            503093623513295885,
            294930346482865294,
            9119070098360452706,
            6028204043192995312,
            3143398721850430686,
            320483967727872028,
            2461423435387095460,
        ];
        assert_eq!(folded, golden);
    }

    proptest! {
        #![proptest_config(cases(256))]

        #[test]
        fn any_valid_parameters_draw_a_key(s in prop_oneof![0.0..3.0f64, 0.0..=50.0f64], bits in 0u32..=50, seed in any::<u64>()) {
            let n = (seed >> (64 - bits.max(1))).clamp(1, MOST_KEYS);
            let zipf = Zipf::new(s, n).unwrap();
            let mut source = Streams::new(seed).sequence("test", "zipf");
            for _ in 0..50 {
                prop_assert!((1..=n).contains(&zipf.sample(&mut source)));
            }
            prop_assert!((0.0..=1.0 + 1e-12).contains(&zipf.mass_of_top(n / 2)));
        }
    }
}
