//! Shapes with more constants than fit inline: gamma and bounded Pareto.

use crate::base::math;
use crate::base::stream::Source;

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

/// A Pareto variable given that it lies in [lo, hi], by inversion.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct BoundedPareto {
    lo: f64,
    hi: f64,
    alpha: f64,
    /// P(lo <= X <= hi) of the unbounded variable.
    inside: f64,
}

impl BoundedPareto {
    pub fn new(lo: f64, hi: f64, alpha: f64) -> BoundedPareto {
        BoundedPareto { lo, hi, alpha, inside: -math::exp_m1(-alpha * math::ln(hi / lo)) }
    }

    pub fn hi(&self) -> f64 {
        self.hi
    }

    pub fn sample<S: Source + ?Sized>(&self, source: &mut S) -> f64 {
        let exponential = -math::ln_1p(-source.uniform() * self.inside);
        (self.lo * math::exp(exponential / self.alpha)).min(self.hi)
    }

    /// The mean of X^power.
    pub fn raw_moment(&self, power: f64) -> f64 {
        let log_ratio = math::ln(self.hi / self.lo);
        let p = power - self.alpha;
        let integral = if p == 0.0 { log_ratio } else { math::exp_m1(p * log_ratio) / p };
        let lo_to_power = if power == 2.0 { self.lo * self.lo } else { self.lo };
        self.alpha / self.inside * lo_to_power * integral
    }
}
