//! Intervals: how far a mean or a share over so many runs may be off, at 95 % confidence.
//!
//! Means take Student's t, shares Wilson's score interval (which stays within 0..=1 and is honest at 0 of n). The quantile of
//! t is computed here, from tabulated roots and an expansion in plain arithmetic, so that reports are equal to the byte on
//! every machine; a platform's logarithms are not.

use serde::{Deserialize, Serialize};

/// The two-sided 95 % quantile of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// A mean (or share) with its 95 % interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Over so many runs; fewer than all where a figure has no value in some.
    pub n: usize,
    pub mean: Option<f64>,
    /// `null`: one run says nothing about the spread.
    pub lo: Option<f64>,
    pub hi: Option<f64>,
}

impl Estimate {
    /// Whether zero is outside of the interval: of a difference, whether it is significant.
    pub fn excludes_zero(&self) -> bool {
        matches!((self.lo, self.hi), (Some(lo), Some(hi)) if lo > 0.0 || hi < 0.0)
    }

    /// Half of the interval's width.
    pub fn margin(&self) -> Option<f64> {
        Some((self.hi? - self.lo?) / 2.0)
    }
}

/// The mean of independent values, with Student's interval. Sums in the order given.
pub fn mean(values: &[f64]) -> Estimate {
    let n = values.len();
    if n == 0 {
        return Estimate::default();
    }
    let mean = values.iter().sum::<f64>() / n as f64;
    if n == 1 {
        return Estimate { n, mean: Some(mean), lo: None, hi: None };
    }
    let squares: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
    let margin = student_t(n as u64 - 1) * (squares / (n - 1) as f64 / n as f64).sqrt();
    Estimate { n, mean: Some(mean), lo: Some(mean - margin), hi: Some(mean + margin) }
}

/// `b - a` on the same seeds: common random numbers cancel, so that few runs tell small differences.
pub fn paired(a: &[Option<f64>], b: &[Option<f64>]) -> Estimate {
    let differences: Vec<f64> = a.iter().zip(b).filter_map(|(a, b)| Some((*b)? - (*a)?)).collect();
    mean(&differences)
}

/// The share of `n` runs in which something held, with Wilson's score interval.
pub fn share(held: usize, n: usize) -> Estimate {
    if n == 0 {
        return Estimate::default();
    }
    let (count, p) = (n as f64, held as f64 / n as f64);
    let scale = 1.0 + Z * Z / count;
    let centre = (p + Z * Z / (2.0 * count)) / scale;
    let margin = Z / scale * (p * (1.0 - p) / count + Z * Z / (4.0 * count * count)).sqrt();
    // At 0 and n of n the bound is exactly the share; rounding would leave it beside.
    let lo = if held == 0 { 0.0 } else { centre - margin };
    let hi = if held == n { 1.0 } else { centre + margin };
    Estimate { n, mean: Some(p), lo: Some(lo), hi: Some(hi) }
}

/// The two-sided 95 % quantile of Student's t.
fn student_t(degrees: u64) -> f64 {
    match T_TABLE.get(degrees as usize - 1) {
        Some(t) => *t,
        None => expansion(degrees as f64),
    }
}

/// Cornish and Fisher's expansion around the normal quantile (Abramowitz and Stegun 26.7.5); off by less than 1e-8 from 30 on.
fn expansion(degrees: f64) -> f64 {
    let (z2, n) = (Z * Z, degrees);
    let g1 = (z2 + 1.0) / 4.0;
    let g2 = ((5.0 * z2 + 16.0) * z2 + 3.0) / 96.0;
    let g3 = (((3.0 * z2 + 19.0) * z2 + 17.0) * z2 - 15.0) / 384.0;
    let g4 = ((((79.0 * z2 + 776.0) * z2 + 1482.0) * z2 - 1920.0) * z2 - 945.0) / 92160.0;
    Z * (1.0 + (g1 + (g2 + (g3 + g4 / n) / n) / n) / n)
}

/// For 1 to 30 degrees of freedom.
const T_TABLE: [f64; 30] = [
    12.706_204_736_174_7,
    4.302_652_729_749_464,
    3.182_446_305_283_71,
    2.776_445_105_197_794,
    2.570_581_835_636_316,
    2.446_911_851_144_97,
    2.364_624_251_592_785,
    2.306_004_135_204_167,
    2.262_157_162_798_206,
    2.228_138_851_986_275,
    2.200_985_160_091_64,
    2.178_812_829_667_229,
    2.160_368_656_462_793,
    2.144_786_687_917_804,
    2.131_449_545_559_776,
    2.119_905_299_221_255,
    2.109_815_577_833_317,
    2.100_922_040_241_038,
    2.093_024_054_408_31,
    2.085_963_447_265_865,
    2.079_613_844_727_68,
    2.073_873_067_904_026,
    2.068_657_610_419_049,
    2.063_898_561_628_026,
    2.059_538_552_753_298,
    2.055_529_438_642_873,
    2.051_830_516_480_286,
    2.048_407_141_795_245,
    2.045_229_642_132_704,
    2.042_272_456_301_238,
];

#[cfg(test)]
mod tests {
    use super::*;
    use statrs::distribution::{ContinuousCDF, StudentsT};

    #[test]
    fn quantiles_of_t_are_those_of_statrs() {
        for degrees in (1..200).chain([300, 1000]) {
            let oracle = StudentsT::new(0.0, 1.0, degrees as f64).unwrap().inverse_cdf(0.975);
            let t = student_t(degrees);
            assert!((t - oracle).abs() < 2e-7 * oracle, "{degrees} degrees: {t} instead of {oracle}");
        }
    }

    #[test]
    fn a_mean_has_the_textbook_interval() {
        // Mean 5, standard deviation 2.138…, eight values: t(7) = 2.3646.
        let estimate = mean(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]);
        assert_eq!(estimate.mean, Some(5.0));
        assert!((estimate.margin().unwrap() - 1.787_48).abs() < 1e-4, "{estimate:?}");
        assert_eq!(mean(&[3.0]), Estimate { n: 1, mean: Some(3.0), lo: None, hi: None });
        assert_eq!(mean(&[]), Estimate::default());
        assert_eq!(mean(&[0.1; 4]).margin(), Some(0.0));
    }

    #[test]
    fn wilson_is_honest_at_the_edges() {
        for (held, n, lo, hi) in [(0, 10, 0.0, 0.277_53), (10, 10, 0.722_47, 1.0), (5, 10, 0.236_59, 0.763_41), (1, 20, 0.008_88, 0.236_13)]
        {
            let share = share(held, n);
            let (found_lo, found_hi) = (share.lo.unwrap(), share.hi.unwrap());
            assert!((found_lo - lo).abs() < 1e-4 && (found_hi - hi).abs() < 1e-4, "{held} of {n}: {found_lo} … {found_hi}");
        }
    }

    #[test]
    fn pairs_cancel_what_the_seeds_share() {
        let base = [Some(10.0), Some(20.0), None, Some(30.0)];
        let variant = [Some(11.0), Some(21.0), Some(5.0), Some(31.0)];
        let difference = paired(&base, &variant);
        assert_eq!((difference.n, difference.mean, difference.margin()), (3, Some(1.0), Some(0.0)));
        assert!(difference.excludes_zero());
        assert!(!mean(&[-1.0, 1.0]).excludes_zero());
    }
}
