//! Drawing: the everyday shapes inline, the others out of line.

use super::composite::{Component, Phase};
use super::tabulated::Point;
use super::{Dist, LONGEST_DRAW, Shape};
use crate::base::math;
use crate::base::stream::Source;
use crate::base::time::Nanos;

impl Dist {
    /// A draw, in whole nanoseconds up to [`LONGEST_DRAW`].
    #[inline]
    pub fn sample<S: Source + ?Sized>(&self, source: &mut S) -> Nanos {
        match &self.0 {
            Shape::Constant(value) => *value,
            Shape::Exponential { mean } => rounded(mean * source.exponential()),
            shape => sample_other(shape, source),
        }
    }
}

#[inline(never)]
fn sample_other<S: Source + ?Sized>(shape: &Shape, source: &mut S) -> Nanos {
    rounded(match shape {
        Shape::Constant(value) => value.0 as f64,
        Shape::Exponential { mean } => mean * source.exponential(),
        Shape::Uniform { lo, width } => lo + width * source.uniform(),
        Shape::Normal { mean, sd } => mean + sd * source.normal(),
        Shape::Lognormal { mu, sigma } => math::exp(mu + sigma * source.normal()),
        // U^(-1/alpha), where -ln U is an exponential draw: a quarter of the time of a power.
        Shape::Pareto { scale, inverse_alpha } => scale * math::exp(inverse_alpha * source.exponential()),
        Shape::Weibull { scale, inverse_shape } => scale * math::exp(inverse_shape * math::ln(source.exponential())),
        Shape::Erlang { stages, stage_mean } => stage_mean * (0..*stages).map(|_| source.exponential()).sum::<f64>(),
        Shape::Gamma(gamma) => gamma.sample(source),
        Shape::Hyperexponential(phases) => Phase::sample(phases, source),
        Shape::BoundedPareto(pareto) => pareto.sample(source),
        Shape::Piecewise(points) => Point::sample(points, source),
        Shape::Empirical(values) => return values[source.below(values.len() as u32) as usize].min(LONGEST_DRAW),
        Shape::Mix(parts) => return Component::choose(parts, source).sample(source),
    })
}

/// The nearest whole nanosecond, cut to what a draw may be.
#[inline]
fn rounded(nanos: f64) -> Nanos {
    // Added to 2^52, a float has no places after the point: its last bits are the nearest integer.
    const UNIT: f64 = (1u64 << 52) as f64;
    if (0.0..UNIT / 2.0).contains(&nanos) {
        return Nanos((nanos + UNIT).to_bits() - UNIT.to_bits());
    }
    rounded_at_the_edges(nanos)
}

#[cold]
fn rounded_at_the_edges(nanos: f64) -> Nanos {
    // The float below 1/2: with 1/2 itself, odd numbers above 2^52 would round up, and past the bounds.
    const HALF: f64 = 0.499_999_999_999_999_94;
    // The cast saturates, and sends NaN and what is negative to 0.
    Nanos((nanos + HALF) as u64).min(LONGEST_DRAW)
}
