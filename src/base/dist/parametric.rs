//! Shapes with more constants than fit inline: gamma and bounded Pareto.

use crate::base::math;
use crate::base::stream::Source;
use crate::base::time::Nanos;

/// Gamma by squeeze and rejection (Marsaglia & Tsang 2000), 1.05 tries at worst; a shape below 1 is drawn one higher and
/// thinned by a power of a uniform variable.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Gamma {
    pub shape: f64,
    /// Nanoseconds per unit.
    pub scale: f64,
    d: f64,
    c: f64,
    /// 1 / shape where the shape is below 1, else 0.
    boost: f64,
}

impl Gamma {
    pub fn new(shape: f64, mean: f64) -> Gamma {
        let boosted = if shape < 1.0 { shape + 1.0 } else { shape };
        let d = boosted - 1.0 / 3.0;
        let boost = if shape < 1.0 { 1.0 / shape } else { 0.0 };
        Gamma { shape, scale: mean / shape, d, c: 1.0 / math::sqrt(9.0 * d), boost }
    }

    pub fn sample<S: Source + ?Sized>(&self, source: &mut S) -> f64 {
        let unit = self.d * self.cube(source);
        // U^(1/shape), where -ln U is an exponential draw.
        let thinned = if self.boost > 0.0 { unit * math::exp(-self.boost * source.exponential()) } else { unit };
        thinned * self.scale
    }

    fn cube<S: Source + ?Sized>(&self, source: &mut S) -> f64 {
        loop {
            let x = source.normal();
            let root = 1.0 + self.c * x;
            if root <= 0.0 {
                continue;
            }
            let cube = root * root * root;
            let u = source.uniform();
            let square = x * x;
            if u < 1.0 - 0.0331 * square * square || math::ln(u) < 0.5 * square + self.d * (1.0 - cube + math::ln(cube)) {
                return cube;
            }
        }
    }
}

/// A Pareto variable given that it lies in [lo, hi]: lo·exp(E / alpha), where E is exponential given that it is below `span`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct BoundedPareto {
    lo: f64,
    hi: f64,
    alpha: f64,
    /// alpha · ln(hi / lo).
    span: f64,
}

impl BoundedPareto {
    /// `lo` is above 0 and below `hi`.
    pub fn new(lo: Nanos, hi: Nanos, alpha: f64) -> BoundedPareto {
        let (low, above) = (lo.0 as f64, (hi.0 - lo.0) as f64);
        BoundedPareto { lo: low, hi: hi.0 as f64, alpha, span: alpha * math::ln_1p(above / low) }
    }

    pub fn hi(&self) -> f64 {
        self.hi
    }

    pub fn sample<S: Source + ?Sized>(&self, source: &mut S) -> f64 {
        // An exponential variable has no memory: beyond the span it begins again, so the remainder has the law that is
        // wanted, without the logarithm of an inversion. (The remainder of floats is exact.)
        let free = source.exponential();
        let within = if free < self.span { free } else { free % self.span };
        (self.lo * math::exp(within / self.alpha)).min(self.hi)
    }

    /// Mean and variance, in nanoseconds.
    pub fn moments(&self) -> (f64, f64) {
        let mean = self.raw_moment(1.0);
        // Where the bounds are neighbours, the difference may round below 0.
        (mean, (self.raw_moment(2.0) - mean * mean).max(0.0))
    }

    /// The mean of X or (`power` 2) of X².
    fn raw_moment(&self, power: f64) -> f64 {
        let log_ratio = self.span / self.alpha;
        let inside = -math::exp_m1(-self.span);
        let p = power - self.alpha;
        let integral = if p == 0.0 { log_ratio } else { math::exp_m1(p * log_ratio) / p };
        let lo_to_power = if power == 2.0 { self.lo * self.lo } else { self.lo };
        self.alpha / inside * lo_to_power * integral
    }
}
