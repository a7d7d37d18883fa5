//! Written distributions become samplers.

use super::Compiler;
use crate::base::dist::{Dist, DistError, Zipf};
use crate::base::time::Nanos;
use crate::model::scalar::{DistSpec, KeysSpec, Scalar};
use crate::topology::Keys;

impl Compiler<'_> {
    /// The sampler of a written distribution; constant zero if it is impossible, which is noted.
    pub(super) fn dist(&mut self, spec: &DistSpec, path: &str) -> Dist {
        match self.try_dist(spec) {
            Ok(dist) => dist,
            Err(message) => {
                self.error("impossible-distribution", message, path, "see `brownout schema` for what each distribution takes");
                Dist::constant(Nanos::ZERO)
            }
        }
    }

    fn try_dist(&self, spec: &DistSpec) -> Result<Dist, String> {
        let told = |result: Result<Dist, DistError>| result.map_err(|e| e.to_string());
        match spec {
            DistSpec::Constant(value) => Ok(Dist::constant(value.nanos())),
            DistSpec::Exponential { mean } => told(Dist::exponential(mean.nanos())),
            DistSpec::Uniform { lo, hi } => told(Dist::uniform(lo.nanos(), hi.nanos())),
            DistSpec::Normal { mean, sd } => told(Dist::normal(mean.nanos(), sd.nanos())),
            DistSpec::LognormalQuantiles { p50, p99 } => told(Dist::lognormal_quantiles(p50.nanos(), p99.nanos())),
            DistSpec::LognormalMoments { mean, cv } => told(Dist::lognormal_moments(mean.nanos(), *cv)),
            DistSpec::Gamma { mean, cv } => told(Dist::gamma(mean.nanos(), *cv)),
            DistSpec::Erlang { k, mean } => told(Dist::erlang(*k, mean.nanos())),
            DistSpec::Hyperexponential { branches } => {
                let branches: Vec<(f64, Nanos)> = branches.iter().map(|(share, mean)| (share.fraction(), mean.nanos())).collect();
                told(Dist::hyperexponential(&branches))
            }
            DistSpec::HyperexponentialMoments { mean, cv } => told(Dist::hyperexponential_balanced(mean.nanos(), *cv)),
            DistSpec::Pareto { scale, alpha } => told(Dist::pareto(scale.nanos(), *alpha)),
            DistSpec::ParetoBounded { lo, hi, alpha } => told(Dist::pareto_bounded(lo.nanos(), hi.nanos(), *alpha)),
            DistSpec::Weibull { shape, scale } => told(Dist::weibull(*shape, scale.nanos())),
            DistSpec::Piecewise { quantiles } => {
                let points: Vec<(f64, Nanos)> = quantiles.iter().map(|(share, value)| (share.fraction(), value.nanos())).collect();
                told(Dist::piecewise(&points))
            }
            DistSpec::Mix { parts } => {
                let parts = parts.iter().map(|(share, part)| Ok((share.fraction(), self.try_dist(part)?)));
                told(Dist::mix(parts.collect::<Result<_, String>>()?))
            }
            DistSpec::Empirical { file } => told(Dist::empirical(self.durations(file)?)),
        }
    }

    /// The first column of a CSV file as durations: texts with units, or seconds. A first row that is neither is a header.
    pub(super) fn durations(&self, file: &str) -> Result<Vec<Nanos>, String> {
        let text = (self.files)(file)?;
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).trim(csv::Trim::All).from_reader(text.as_bytes());
        let mut values = Vec::new();
        for (row, record) in reader.records().enumerate() {
            let record = record.map_err(|e| format!("`{file}`, row {}: {e}", row + 1))?;
            let Some(field) = record.get(0).filter(|f| !f.is_empty()) else { continue };
            match seconds(field) {
                Some(value) => values.push(value),
                None if row == 0 => {}
                None => {
                    return Err(format!(
                        "`{file}`, row {}: `{field}` is neither a duration such as `250ms` nor a number of seconds",
                        row + 1
                    ));
                }
            }
        }
        if values.is_empty() { Err(format!("`{file}` has no values in its first column")) } else { Ok(values) }
    }

    pub(super) fn keys(&mut self, spec: &KeysSpec, path: &str) -> Keys {
        match *spec {
            KeysSpec::Uniform { n } => Keys::Uniform(n.max(1)),
            KeysSpec::Zipf { s, n } => match Zipf::new(s, n) {
                Ok(zipf) => Keys::Zipf(zipf),
                Err(problem) => {
                    self.error("impossible-distribution", problem.to_string(), path, "such as `zipf(s: 1.0, n: 1000)`");
                    Keys::Uniform(1)
                }
            },
        }
    }
}

fn seconds(field: &str) -> Option<Nanos> {
    if let Ok(number) = field.parse::<f64>() {
        return (number >= 0.0 && number.is_finite()).then(|| Nanos::from_secs_f64(number));
    }
    crate::model::scalar::Duration::parse(field).ok().map(|duration| duration.nanos())
}
