//! Validated constructors: what parameters each distribution takes, and which mean and variance they give.

use super::composite::{Component, Phase};
use super::parametric::{BoundedPareto, Gamma};
use super::tabulated::Point;
use super::{Dist, DistError, LONGEST_DRAW, Shape};
use crate::base::math;
use crate::base::time::Nanos;

/// Below this a spread is less than a nanosecond per second: the distribution is its mean.
const LEAST_CV: f64 = 1e-9;
/// Above this nearly every draw is 0 and the mean hangs on draws that no run is long enough to see.
const GREATEST_CV: f64 = 1000.0;
/// Up to this many stages an Erlang draw is their sum; beyond, a gamma draw is cheaper.
const MOST_STAGES_SUMMED: u32 = 8;

impl Dist {
    /// Always `value` (at most [`LONGEST_DRAW`]).
    pub fn constant(value: Nanos) -> Dist {
        Dist(Shape::Constant(value.min(LONGEST_DRAW)))
    }

    /// Exponential. Variance m².
    pub fn exponential(mean: Nanos) -> Result<Dist, DistError> {
        Ok(Dist(Shape::Exponential { mean: positive("mean", mean)? }))
    }

    /// Uniform between `lo` and `hi`. Mean (lo + hi) / 2, variance (hi - lo)² / 12.
    pub fn uniform(lo: Nanos, hi: Nanos) -> Result<Dist, DistError> {
        if hi < lo {
            return Err(DistError::Below { upper: "max", upper_value: hi, lower: "min", lower_value: lo });
        }
        if lo == hi {
            return Ok(Dist::constant(lo));
        }
        Ok(Dist(Shape::Uniform { lo: lo.0 as f64, width: (hi.0 - lo.0) as f64 }))
    }

    /// Normal, cut at 0: a negative draw becomes 0, so one draw is one normal variable whatever the parameters.
    ///
    /// The cut raises the mean to mean·Φ(a) + sd·φ(a), with a = mean / sd (by 0.04 % of sd at a = 3), and lowers the
    /// variance to sd²·(1 + a²·Q·(1-Q) - Q - a·φ·(1-2Q) - φ²), with φ = φ(a) and Q = 1 - Φ(a).
    pub fn normal(mean: Nanos, sd: Nanos) -> Result<Dist, DistError> {
        if sd == Nanos::ZERO {
            return Ok(Dist::constant(mean));
        }
        Ok(Dist(Shape::Normal { mean: mean.0 as f64, sd: sd.0 as f64 }))
    }

    /// Lognormal from its median and its 99th percentile, as dashboards show them.
    /// Mean p50·exp(s²/2), variance m²·(exp(s²) - 1), with s = ln(p99 / p50) / 2.3263.
    pub fn lognormal_quantiles(p50: Nanos, p99: Nanos) -> Result<Dist, DistError> {
        let median = positive("p50", p50)?;
        if p99 <= p50 {
            return Err(DistError::NotAbove { upper: "p99", upper_value: p99, lower: "p50", lower_value: p50 });
        }
        let sigma = math::ln(p99.0 as f64 / median) / math::normal_quantile(0.99);
        Ok(Dist(Shape::Lognormal { mu: math::ln(median), sigma }))
    }

    /// Lognormal with this mean. Variance (m·cv)².
    pub fn lognormal_moments(mean: Nanos, cv: f64) -> Result<Dist, DistError> {
        let nanos = positive("mean", mean)?;
        if within("cv", cv, 0.0, GREATEST_CV)? < LEAST_CV {
            return Ok(Dist::constant(mean));
        }
        let variance = math::ln_1p(cv * cv);
        Ok(Dist(Shape::Lognormal { mu: math::ln(nanos) - variance / 2.0, sigma: math::sqrt(variance) }))
    }

    /// Gamma with this mean. Variance (m·cv)².
    pub fn gamma(mean: Nanos, cv: f64) -> Result<Dist, DistError> {
        let nanos = positive("mean", mean)?;
        if within("cv", cv, 0.0, GREATEST_CV)? < LEAST_CV {
            return Ok(Dist::constant(mean));
        }
        if cv == 1.0 {
            return Dist::exponential(mean);
        }
        Ok(Dist(Shape::Gamma(Box::new(Gamma::new(1.0 / (cv * cv), nanos)))))
    }

    /// Erlang: the sum of `stages` exponential stages, which together take `mean`. Variance m² / stages.
    pub fn erlang(stages: u32, mean: Nanos) -> Result<Dist, DistError> {
        let nanos = positive("mean", mean)?;
        match stages {
            0 => Err(DistError::NotPositive { name: "k" }),
            1 => Dist::exponential(mean),
            2..=MOST_STAGES_SUMMED => Ok(Dist(Shape::Erlang { stages, stage_mean: nanos / stages as f64 })),
            _ => Ok(Dist(Shape::Gamma(Box::new(Gamma::new(stages as f64, nanos))))),
        }
    }

    /// Hyperexponential: with each probability, exponential with its mean. Mean Σp·mᵢ, variance 2·Σp·mᵢ² - m².
    /// The probabilities sum to 1 (within 10⁻⁶).
    pub fn hyperexponential(branches: &[(f64, Nanos)]) -> Result<Dist, DistError> {
        if branches.is_empty() {
            return Err(DistError::TooFew { what: "a hyperexponential distribution", least: "one branch" });
        }
        for &(probability, mean) in branches {
            within("probability", probability, 0.0, 1.0)?;
            positive("mean", mean)?;
        }
        let sum = branches.iter().map(|branch| branch.0).sum::<f64>();
        if (sum - 1.0).abs() > 1e-6 {
            return Err(DistError::Probabilities { sum });
        }
        let phases = branches.iter().map(|&(probability, mean)| (probability / sum, mean.0 as f64));
        Ok(Dist(Shape::Hyperexponential(Phase::table(phases))))
    }

    /// Hyperexponential of two branches with balanced means (each contributes half of the mean). Variance (m·cv)², cv from 1.
    pub fn hyperexponential_balanced(mean: Nanos, cv: f64) -> Result<Dist, DistError> {
        let nanos = positive("mean", mean)?;
        let scv = within("cv", cv, 1.0, GREATEST_CV)? * cv;
        if cv == 1.0 {
            return Dist::exponential(mean);
        }
        let long = (1.0 - math::sqrt((scv - 1.0) / (scv + 1.0))) / 2.0;
        let phases = [(1.0 - long, nanos / (2.0 * (1.0 - long))), (long, nanos / (2.0 * long))];
        Ok(Dist(Shape::Hyperexponential(Phase::table(phases.into_iter()))))
    }

    /// Pareto: P(X > x) = (scale / x)^alpha from `scale` on. Mean scale·a/(a-1), infinite for alpha up to 1; variance
    /// scale²·a / ((a-1)²·(a-2)), infinite for alpha up to 2.
    pub fn pareto(scale: Nanos, alpha: f64) -> Result<Dist, DistError> {
        let scale = positive("scale", scale)?;
        Ok(Dist(Shape::Pareto { scale, inverse_alpha: 1.0 / within("alpha", alpha, 0.01, 1000.0)? }))
    }

    /// Pareto given that it lies between `lo` and `hi`. With E_r = a·loʳ/(1-(lo/hi)ᵃ)·∫₁^(hi/lo) t^(r-a-1) dt:
    /// mean E₁, variance E₂ - E₁², both finite.
    pub fn pareto_bounded(lo: Nanos, hi: Nanos, alpha: f64) -> Result<Dist, DistError> {
        let lower = positive("min", lo)?;
        if hi <= lo {
            return Err(DistError::NotAbove { upper: "max", upper_value: hi, lower: "min", lower_value: lo });
        }
        let alpha = within("alpha", alpha, 0.01, 1000.0)?;
        Ok(Dist(Shape::BoundedPareto(Box::new(BoundedPareto::new(lower, hi.0 as f64, alpha)))))
    }

    /// Weibull: P(X > x) = exp(-(x / scale)^shape). Mean scale·Γ(1 + 1/shape), variance scale²·Γ(1 + 2/shape) - m².
    pub fn weibull(shape: f64, scale: Nanos) -> Result<Dist, DistError> {
        let inverse_shape = 1.0 / within("shape", shape, 0.05, 1000.0)?;
        if shape == 1.0 {
            return Ok(Dist(Shape::Exponential { mean: positive("scale", scale)? }));
        }
        Ok(Dist(Shape::Weibull { scale: positive("scale", scale)?, inverse_shape }))
    }

    /// Straight lines between points (cumulative probability, value), the first at probability 0, the last at 1.
    /// Mean Σ Δp·(v + v')/2, variance Σ Δp·(v² + v·v' + v'²)/3 - m², over neighbours v, v'.
    pub fn piecewise(points: &[(f64, Nanos)]) -> Result<Dist, DistError> {
        let [first, .., last] = points else {
            return Err(DistError::TooFew { what: "a piecewise distribution", least: "two points" });
        };
        if first.0 != 0.0 || last.0 != 1.0 {
            return Err(DistError::Ends { first: first.0, last: last.0 });
        }
        for pair in points.windows(2) {
            let [(previous, low), (next, high)] = [pair[0], pair[1]];
            // Asked this way round, NaN is refused as well.
            let rises = next > previous;
            if !rises {
                return Err(DistError::PointOrder { previous, next });
            }
            if high < low {
                return Err(DistError::ValueOrder { previous: low, next: high });
            }
        }
        Ok(Dist(Shape::Piecewise(Point::table(points))))
    }

    /// One of several distributions, chosen by weight. Mean Σp·mᵢ, variance Σp·(vᵢ + (mᵢ - m)²), with p = weight / Σweight.
    pub fn mix(parts: Vec<(f64, Dist)>) -> Result<Dist, DistError> {
        if parts.is_empty() {
            return Err(DistError::TooFew { what: "a mix", least: "one part" });
        }
        if let Some(&(value, _)) = parts.iter().find(|part| !(part.0 >= 0.0 && part.0 <= f64::MAX)) {
            return Err(DistError::Weight { value });
        }
        let greatest = parts.iter().fold(0.0, |greatest: f64, part| greatest.max(part.0));
        if greatest == 0.0 {
            return Err(DistError::NoWeight);
        }
        Ok(Dist(Shape::Mix(Component::table(parts, greatest))))
    }

    /// One of the observed values, each equally probable. Mean and variance (÷ n) of the values.
    pub fn empirical(mut values: Vec<Nanos>) -> Result<Dist, DistError> {
        if values.is_empty() || u32::try_from(values.len()).is_err() {
            return Err(DistError::TooFew { what: "an empirical distribution", least: "one value (and fewer than 2^32)" });
        }
        values.sort_unstable();
        Ok(Dist(Shape::Empirical(values.into_boxed_slice())))
    }
}

fn positive(name: &'static str, value: Nanos) -> Result<f64, DistError> {
    if value == Nanos::ZERO { Err(DistError::NotPositive { name }) } else { Ok(value.0 as f64) }
}

fn within(name: &'static str, value: f64, lo: f64, hi: f64) -> Result<f64, DistError> {
    if (lo..=hi).contains(&value) { Ok(value) } else { Err(DistError::OutOfRange { name, value, lo, hi }) }
}
