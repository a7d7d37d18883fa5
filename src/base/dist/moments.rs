//! Exact mean, variance and bound: what closed forms, static findings and the tests ask of a distribution.

use super::{Dist, LONGEST_DRAW, Shape};
use crate::base::math;
use crate::base::time::Nanos;

impl Dist {
    /// The value, if there is only one.
    pub fn only_value(&self) -> Option<Nanos> {
        if let Shape::Constant(value) = self.0 { Some(value) } else { None }
    }

    /// The mean in seconds; infinite for a Pareto distribution with alpha up to 1. Rounding and [`LONGEST_DRAW`] aside.
    pub fn mean(&self) -> f64 {
        self.0.moments().0 / 1e9
    }

    /// The variance in seconds²; infinite for a Pareto distribution with alpha up to 2. Rounding and [`LONGEST_DRAW`] aside.
    pub fn variance(&self) -> f64 {
        self.0.moments().1 / 1e18
    }

    /// The longest duration that can be drawn, where the distribution has one below [`LONGEST_DRAW`].
    pub fn max_bound(&self) -> Option<Nanos> {
        let bound = match &self.0 {
            Shape::Constant(value) => *value,
            Shape::Uniform { lo, width } => Nanos((lo + width) as u64),
            Shape::BoundedPareto(pareto) => Nanos(pareto.hi() as u64),
            Shape::Piecewise(points) => Nanos(points.last()?.value as u64),
            Shape::Empirical(values) => *values.last()?,
            Shape::Mix(parts) => parts.iter().try_fold(Nanos::ZERO, |most, part| Some(most.max(part.dist.max_bound()?)))?,
            Shape::Exponential { .. }
            | Shape::Normal { .. }
            | Shape::Lognormal { .. }
            | Shape::Pareto { .. }
            | Shape::Weibull { .. }
            | Shape::Erlang { .. }
            | Shape::Gamma(_)
            | Shape::Hyperexponential(_) => return None,
        };
        Some(bound.min(LONGEST_DRAW))
    }

    /// Whether every draw is 0.
    pub fn is_zero(&self) -> bool {
        self.max_bound() == Some(Nanos::ZERO)
    }
}

impl Shape {
    /// Mean and variance in nanoseconds.
    fn moments(&self) -> (f64, f64) {
        match self {
            Shape::Constant(value) => (value.0 as f64, 0.0),
            Shape::Exponential { mean } => (*mean, mean * mean),
            Shape::Uniform { lo, width } => (lo + width / 2.0, width * width / 12.0),
            Shape::Normal { mean, sd } => cut_normal(*mean, *sd),
            Shape::Lognormal { mu, sigma } => {
                let mean = math::exp(mu + sigma * sigma / 2.0);
                (mean, mean * mean * math::exp_m1(sigma * sigma))
            }
            Shape::Pareto { scale, inverse_alpha } => pareto(*scale, 1.0 / inverse_alpha),
            Shape::Weibull { scale, inverse_shape } => {
                let first = math::gamma(1.0 + inverse_shape);
                (scale * first, scale * scale * (math::gamma(1.0 + 2.0 * inverse_shape) - first * first))
            }
            Shape::Erlang { stages, stage_mean } => (*stages as f64 * stage_mean, *stages as f64 * stage_mean * stage_mean),
            Shape::Gamma(gamma) => (gamma.shape * gamma.scale, gamma.shape * gamma.scale * gamma.scale),
            Shape::Hyperexponential(phases) => mixed(phases.iter().map(|phase| (phase.probability, (phase.mean, phase.mean * phase.mean)))),
            Shape::BoundedPareto(pareto) => pareto.moments(),
            Shape::Piecewise(points) => mixed(points.windows(2).map(|pair| {
                let width = pair[1].value - pair[0].value;
                (pair[1].probability - pair[0].probability, (pair[0].value + width / 2.0, width * width / 12.0))
            })),
            Shape::Empirical(values) => mixed(values.iter().map(|value| (1.0 / values.len() as f64, (value.0 as f64, 0.0)))),
            Shape::Mix(parts) => mixed(parts.iter().map(|part| (part.probability, part.dist.0.moments()))),
        }
    }
}

/// A normal variable whose negative values became 0; written so that nothing cancels where hardly anything is cut.
fn cut_normal(mean: f64, sd: f64) -> (f64, f64) {
    let a = mean / sd;
    let (density, below) = (math::normal_density(a), math::normal_tail(a));
    let variance = 1.0 + a * a * below * (1.0 - below) - below - a * density * (1.0 - 2.0 * below) - density * density;
    (mean * (1.0 - below) + sd * density, sd * sd * variance)
}

fn pareto(scale: f64, alpha: f64) -> (f64, f64) {
    let mean = if alpha > 1.0 { scale * alpha / (alpha - 1.0) } else { f64::INFINITY };
    let variance = if alpha > 2.0 { mean * mean / (alpha * (alpha - 2.0)) } else { f64::INFINITY };
    (mean, variance)
}

/// Mean and variance of a mix of (probability, (mean, variance)).
fn mixed(parts: impl Iterator<Item = (f64, (f64, f64))> + Clone) -> (f64, f64) {
    let mean: f64 = parts.clone().map(|(probability, (mean, _))| probability * mean).sum();
    if mean.is_infinite() {
        return (mean, f64::INFINITY);
    }
    let spread = |(probability, (part, variance)): (f64, (f64, f64))| probability * (variance + (part - mean) * (part - mean));
    (mean, parts.map(spread).sum())
}
