//! Distributions of durations as written: `exp(2ms)`, `lognormal(p50: 4ms, p99: 30ms)`, `5ms`.

use super::{Duration, Share};

/// A distribution of a span of time. Nothing here draws; compilation turns it into a sampler.
#[derive(Clone, Debug, PartialEq)]
pub enum DistSpec {
    /// `5ms`: always the same. Variance 0.
    Constant(Duration),
    /// `exp(mean)`: variance mean².
    Exponential { mean: Duration },
    /// `uniform(lo, hi)`: mean (lo + hi) / 2, variance (hi − lo)² / 12.
    Uniform { lo: Duration, hi: Duration },
    /// `normal(mean, sd)`, cut at 0: what would be negative becomes 0, so mean and variance hold while mean ≫ sd.
    Normal { mean: Duration, sd: Duration },
    /// `lognormal(p50:, p99:)`: by median and 99th percentile; σ = ln(p99 / p50) / 2.326, mean p50·e^(σ²/2).
    LognormalQuantiles { p50: Duration, p99: Duration },
    /// `lognormal(mean:, cv:)`: by mean and coefficient of variation; variance (cv·mean)².
    LognormalMoments { mean: Duration, cv: f64 },
    /// `gamma(mean:, cv:)`: shape 1 / cv²; variance (cv·mean)².
    Gamma { mean: Duration, cv: f64 },
    /// `erlang(k:, mean:)`: the sum of k exponential stages; variance mean² / k.
    Erlang { k: u32, mean: Duration },
    /// `hyperexponential(90%: 1ms, 10%: 20ms)`: one exponential of several, by share; mean Σ p·m, second moment 2·Σ p·m².
    Hyperexponential { branches: Vec<(Share, Duration)> },
    /// `hyperexponential(mean:, cv:)`: two branches with balanced means, cv ≥ 1; variance (cv·mean)².
    HyperexponentialMoments { mean: Duration, cv: f64 },
    /// `pareto(scale:, alpha:)`: P(X > x) = (scale / x)^alpha; mean alpha·scale / (alpha − 1) for alpha > 1, variance finite for alpha > 2.
    Pareto { scale: Duration, alpha: f64 },
    /// `pareto(lo:, hi:, alpha:)`: the same, cut to [lo, hi] (all moments finite).
    ParetoBounded { lo: Duration, hi: Duration, alpha: f64 },
    /// `weibull(shape:, scale:)`: mean scale·Γ(1 + 1/shape).
    Weibull { shape: f64, scale: Duration },
    /// `piecewise(0%: 1ms, 50%: 2ms, 100%: 9ms)`: straight lines between quantiles.
    Piecewise { quantiles: Vec<(Share, Duration)> },
    /// `mix(90%: exp(1ms), 10%: exp(10ms))`: one of several distributions, by share.
    Mix { parts: Vec<(Share, DistSpec)> },
    /// `empirical(file.csv)`: one of the measured values, each as likely as the others.
    Empirical { file: String },
}

impl DistSpec {
    /// Always nothing.
    pub const ZERO: DistSpec = DistSpec::Constant(Duration::ZERO);

    /// Files that compilation has to be given.
    pub fn files(&self) -> Vec<&str> {
        match self {
            DistSpec::Empirical { file } => vec![file],
            DistSpec::Mix { parts } => parts.iter().flat_map(|(_, part)| part.files()).collect(),
            _ => Vec::new(),
        }
    }
}

impl From<Duration> for DistSpec {
    fn from(duration: Duration) -> DistSpec {
        DistSpec::Constant(duration)
    }
}
