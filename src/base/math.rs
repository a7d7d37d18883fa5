//! The one implementation of logarithms, exponentials and their kin: the same bits on every machine.
//!
//! The standard library asks the platform, and platforms differ in the last bit, even between processors of one kind.
//! The `libm` crate is plain arithmetic (a port of musl's), and its version is pinned: a new one is a new format of results.
//! Errors are below one unit in the last place unless a function says otherwise.

/// Natural logarithm; `-inf` at 0, NaN below.
#[inline]
pub fn ln(x: f64) -> f64 {
    libm::log(x)
}

/// `ln(1 + x)`, exact also where `x` is tiny.
#[inline]
pub fn ln_1p(x: f64) -> f64 {
    libm::log1p(x)
}

/// Decimal logarithm.
#[inline]
pub fn log10(x: f64) -> f64 {
    libm::log10(x)
}

/// `e` to the power of `x`.
#[inline]
pub fn exp(x: f64) -> f64 {
    libm::exp(x)
}

/// `exp(x) - 1`, exact also where `x` is tiny.
#[inline]
pub fn exp_m1(x: f64) -> f64 {
    libm::expm1(x)
}

/// `base` to the power of `exponent`. Four times as slow as [`exp`]: keep it out of hot loops.
#[inline]
pub fn pow(base: f64, exponent: f64) -> f64 {
    libm::pow(base, exponent)
}

/// Square root. IEEE 754 defines its every bit; it stands here only for company.
#[inline]
pub fn sqrt(x: f64) -> f64 {
    x.sqrt()
}

/// The gamma function, `(x - 1)!` for whole `x`; infinite above 171.6. Relative error below 1e-14.
pub fn gamma(x: f64) -> f64 {
    libm::tgamma(x)
}

/// `ln |gamma(x)|`.
pub fn ln_gamma(x: f64) -> f64 {
    libm::lgamma(x)
}

/// Density of the standard normal distribution.
pub fn normal_density(x: f64) -> f64 {
    const INVERSE_SQRT_TAU: f64 = 0.398_942_280_401_432_7;
    INVERSE_SQRT_TAU * exp(-0.5 * x * x)
}

/// The standard normal distribution above `x`: P(N > x). Relative error below 1e-13 also in the far tail, where
/// `1 - P(N <= x)` would be zero.
pub fn normal_tail(x: f64) -> f64 {
    0.5 * libm::erfc(x * std::f64::consts::FRAC_1_SQRT_2)
}

/// The value that a standard normal variable stays below with probability `p`: `-inf` at 0, `inf` at 1, NaN outside.
///
/// Wichura's AS 241 (PPND16, Applied Statistics 37, 1988); relative error about 1e-16.
pub fn normal_quantile(p: f64) -> f64 {
    if !(0.0..=1.0).contains(&p) {
        return f64::NAN;
    }
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180625 - q * q;
        return q * polynomial(&CENTRE_OVER, r) / polynomial(&CENTRE_UNDER, r);
    }
    let tail = if q < 0.0 { p } else { 1.0 - p };
    if tail == 0.0 {
        return f64::INFINITY.copysign(q);
    }
    let r = sqrt(-ln(tail));
    let x = if r <= 5.0 {
        polynomial(&MIDDLE_OVER, r - 1.6) / polynomial(&MIDDLE_UNDER, r - 1.6)
    } else {
        polynomial(&FAR_OVER, r - 5.0) / polynomial(&FAR_UNDER, r - 5.0)
    };
    x.copysign(q)
}

/// Horner's rule, the constant term first in the table.
fn polynomial(coefficients: &[f64; 8], x: f64) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, c| sum * x + c)
}

// AS 241's coefficients, as printed; the digits beyond f64's precision are kept to be comparable with the paper.
#[allow(clippy::excessive_precision)]
mod as_241 {
    pub const CENTRE_OVER: [f64; 8] = [
        3.3871328727963666080e0,
        1.3314166789178437745e2,
        1.9715909503065514427e3,
        1.3731693765509461125e4,
        4.5921953931549871457e4,
        6.7265770927008700853e4,
        3.3430575583588128105e4,
        2.5090809287301226727e3,
    ];
    pub const CENTRE_UNDER: [f64; 8] = [
        1.0,
        4.2313330701600911252e1,
        6.8718700749205790830e2,
        5.3941960214247511077e3,
        2.1213794301586595867e4,
        3.9307895800092710610e4,
        2.8729085735721942674e4,
        5.2264952788528545610e3,
    ];
    pub const MIDDLE_OVER: [f64; 8] = [
        1.42343711074968357734e0,
        4.63033784615654529590e0,
        5.76949722146069140550e0,
        3.64784832476320460504e0,
        1.27045825245236838258e0,
        2.41780725177450611770e-1,
        2.27238449892691845833e-2,
        7.74545014278341407640e-4,
    ];
    pub const MIDDLE_UNDER: [f64; 8] = [
        1.0,
        2.05319162663775882187e0,
        1.67638483018380384940e0,
        6.89767334985100004550e-1,
        1.48103976427480074590e-1,
        1.51986665636164571966e-2,
        5.47593808499534494600e-4,
        1.05075007164441684324e-9,
    ];
    pub const FAR_OVER: [f64; 8] = [
        6.65790464350110377720e0,
        5.46378491116411436990e0,
        1.78482653991729133580e0,
        2.96560571828504891230e-1,
        2.65321895265761230930e-2,
        1.24266094738807843860e-3,
        2.71155556874348757815e-5,
        2.01033439929228813265e-7,
    ];
    pub const FAR_UNDER: [f64; 8] = [
        1.0,
        5.99832206555887937690e-1,
        1.36929880922735805310e-1,
        1.48753612908506148525e-2,
        7.86869131145613259100e-4,
        1.84631831751005468180e-5,
        1.42151175831644588870e-7,
        2.04426310338993978564e-15,
    ];
}
use as_241::*;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_those_of_the_first_release() {
        let found = [
            ("ln", ln(2.5)),
            ("ln_1p", ln_1p(1e-9)),
            ("log10", log10(7.0)),
            ("exp", exp(-3.7)),
            ("exp_m1", exp_m1(1e-9)),
            ("pow", pow(1.7, -0.4)),
            ("sqrt", sqrt(2.0)),
            ("gamma", gamma(1.4)),
            ("ln_gamma", ln_gamma(25.5)),
            ("normal_density", normal_density(1.25)),
            ("normal_tail", normal_tail(4.5)),
            ("normal_quantile", normal_quantile(0.99)),
            ("normal_quantile, far", normal_quantile(1e-30)),
        ];
        let golden: [u64; 13] = [
            0x3fed5240f0e0e078,
            0x3e112e0be801f1d9,
            0x3feb0b0b0b78cc3f,
            0x3f99511fc6871044,
            0x3e112e0be84bbb51,
            0x3fe9e15fa67aeba9,
            0x3ff6a09e667f3bcd,
            0x3fec647716e331bc,
            0x404c31d03ecf3822,
            0x3fc7610b9431f0c8,
            0x3ecc80728dd3b026,
            0x40029c5c4630ff0c,
            0xc026ed94a4dacdc9,
        ];
        for ((name, value), bits) in found.into_iter().zip(golden) {
            assert_eq!(value.to_bits(), bits, "{name}: {value} is 0x{:016x}", value.to_bits());
        }
    }

    #[test]
    fn normal_quantile_inverts_the_distribution() {
        // The values that every statistical table has, to the precision of a float.
        for (p, x) in [
            (0.5, 0.0),
            (0.975, 1.959_963_984_540_054),
            (0.99, 2.326_347_874_040_841),
            (0.999, 3.090_232_306_167_813_5),
            (1e-10, -6.361_340_902_404_056),
        ] {
            assert!((normal_quantile(p) - x).abs() < 1e-14 * (1.0 + x.abs()), "{p}: {}", normal_quantile(p));
        }
        for i in 1..2000 {
            let p = i as f64 / 2000.0;
            assert!((normal_tail(-normal_quantile(p)) - p).abs() < 4e-16, "{p}");
            let p = exp(-i as f64 / 10.0);
            assert!((normal_tail(-normal_quantile(p)) / p - 1.0).abs() < 1e-12, "{p}");
        }
    }

    #[test]
    fn normal_quantile_knows_its_limits() {
        assert_eq!(normal_quantile(0.0), f64::NEG_INFINITY);
        assert_eq!(normal_quantile(1.0), f64::INFINITY);
        assert!(normal_quantile(-0.1).is_nan() && normal_quantile(1.1).is_nan() && normal_quantile(f64::NAN).is_nan());
    }

    #[test]
    fn gamma_is_a_factorial() {
        let mut factorial = 1.0;
        for n in 1..30 {
            assert!((gamma(n as f64) / factorial - 1.0).abs() < 1e-14, "{n}");
            assert!((exp(ln_gamma(n as f64)) / factorial - 1.0).abs() < 1e-12, "{n}");
            factorial *= n as f64;
        }
    }
}
