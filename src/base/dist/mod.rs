//! Distributions of durations: what a person writes, validated once, then drawn in nanoseconds.
//!
//! A draw is rounded to whole nanoseconds (half up) and cut to 0 ..= [`LONGEST_DRAW`]; mean and variance are those of the
//! distribution before both. Draws use portable mathematics only, so equal words give equal durations on every machine.
//!
//! Constructors say mean and variance; `m` is the mean, `cv` the coefficient of variation (standard deviation / mean).

mod build;
mod composite;
mod error;
mod moments;
mod parametric;
mod sample;
mod tabulated;
mod zipf;

pub use error::DistError;
pub use zipf::Zipf;

use crate::base::limit::LONGEST_RUN;
use crate::base::time::Nanos;
use composite::{Component, Phase};
use parametric::{BoundedPareto, Gamma};
use tabulated::Point;

/// No draw is longer: what would come after the longest run never comes, and the calendar still holds it.
pub const LONGEST_DRAW: Nanos = LONGEST_RUN;

/// A distribution of durations.
#[derive(Clone, Debug, PartialEq)]
pub struct Dist(Shape);

/// Parameters are nanoseconds where they are durations. The everyday shapes lie inline, the others behind a box.
#[derive(Clone, Debug, PartialEq)]
enum Shape {
    Constant(Nanos),
    Exponential {
        mean: f64,
    },
    Uniform {
        lo: f64,
        width: f64,
    },
    Normal {
        mean: f64,
        sd: f64,
    },
    /// Parameters of the logarithm of nanoseconds.
    Lognormal {
        mu: f64,
        sigma: f64,
    },
    Pareto {
        scale: f64,
        inverse_alpha: f64,
    },
    Weibull {
        scale: f64,
        inverse_shape: f64,
    },
    Erlang {
        stages: u32,
        stage_mean: f64,
    },
    Gamma(Box<Gamma>),
    Hyperexponential(Box<[Phase]>),
    BoundedPareto(Box<BoundedPareto>),
    Piecewise(Box<[Point]>),
    /// Sorted, so that a larger word is a longer duration.
    Empirical(Box<[Nanos]>),
    Mix(Box<[Component]>),
}
