//! The grammar of distributions: text to [`DistSpec`] and back, with the ranges of the parameters.

use super::grammar::{Args, Term, quoted_file};
use super::{DistSpec, Duration, Scalar, ScalarError, Share, number};
use crate::base::diagnostic::nearest;
use std::fmt;

const NAMES: [&str; 12] =
    ["exp", "uniform", "normal", "lognormal", "gamma", "erlang", "hyperexponential", "pareto", "weibull", "piecewise", "mix", "empirical"];

impl Scalar for DistSpec {
    const FORMAT: &'static str = "dist";
    const MEANING: &'static str = "A distribution of durations: a plain duration such as `5ms` (constant), exp(MEAN), uniform(LO, HI), normal(MEAN, SD), \
        lognormal(p50: D, p99: D) or lognormal(mean: D, cv: N), gamma(mean: D, cv: N), erlang(k: N, mean: D), hyperexponential(mean: D, cv: N) or \
        hyperexponential(90%: D, 10%: D), pareto(scale: D, alpha: N) or pareto(lo: D, hi: D, alpha: N), weibull(shape: N, scale: D), \
        piecewise(0%: D, 50%: D, 100%: D), mix(90%: DIST, 10%: DIST), empirical(FILE.csv)";
    const EXAMPLES: &'static [&'static str] = &["exp(2ms)", "5ms", "lognormal(p50: 4ms, p99: 30ms)"];

    fn parse(text: &str) -> Result<DistSpec, ScalarError> {
        from_term(Term::parse(text)?)
    }
}

fn from_term(term: Term) -> Result<DistSpec, ScalarError> {
    if term.args.is_none() {
        return constant(term);
    }
    let (name, at, len) = (term.word, term.at, term.text.len());
    let args = term.arguments()?;
    let spec = match name {
        "exp" => exponential(args),
        "uniform" => uniform(args),
        "normal" => args.values(["mean", "sd"]).and_then(|[mean, sd]| Ok(DistSpec::Normal { mean: duration(&mean)?, sd: duration(&sd)? })),
        "lognormal" => lognormal(args),
        "gamma" => {
            args.values(["mean", "cv"]).and_then(|[mean, cv]| Ok(DistSpec::Gamma { mean: above_zero(&mean)?, cv: positive(&cv, "`cv`")? }))
        }
        "erlang" => erlang(args),
        "hyperexponential" => hyperexponential(args),
        "pareto" => pareto(args),
        "weibull" => args
            .values(["shape", "scale"])
            .and_then(|[shape, scale]| Ok(DistSpec::Weibull { shape: positive(&shape, "`shape`")?, scale: above_zero(&scale)? })),
        "piecewise" => piecewise(args),
        "mix" => mix(args),
        "empirical" => args.values(["file"]).and_then(|[file]| Ok(DistSpec::Empirical { file: file.file()? })),
        "constant" => args.values(["value"]).and_then(|[value]| Ok(DistSpec::Constant(duration(&value)?))),
        _ => Err(unknown(name, at)),
    };
    // Errors about the whole call point at the call, not past the text.
    spec.map_err(|error| if error.len == 0 && error.at == at { ScalarError { len, ..error } } else { error })
}

fn unknown(name: &str, at: usize) -> ScalarError {
    let advice = match nearest(name, NAMES) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the distributions are {}", NAMES.join(", ")),
    };
    ScalarError::new(format!("there is no distribution `{name}`: {advice}"), at, name.len())
}

fn constant(term: Term) -> Result<DistSpec, ScalarError> {
    if NAMES.contains(&term.word) {
        return Err(term.arguments().err().expect("a word has no arguments"));
    }
    // A word that does not look like a duration was meant as a name.
    if term.word.starts_with(|c: char| c.is_alphabetic()) {
        return Err(unknown(term.word, term.at));
    }
    Ok(DistSpec::Constant(duration(&term)?))
}

fn duration(term: &Term) -> Result<Duration, ScalarError> {
    term.scalar(Duration::parse)
}

fn above_zero(term: &Term) -> Result<Duration, ScalarError> {
    match duration(term)? {
        Duration::ZERO => Err(ScalarError::new("this has to be above 0", term.at, term.text.len())),
        duration => Ok(duration),
    }
}

fn positive(term: &Term, what: &str) -> Result<f64, ScalarError> {
    term.scalar(|text| number::positive(text, what))
}

fn exponential(args: Args) -> Result<DistSpec, ScalarError> {
    let [mean] = args.values(["mean"])?;
    Ok(DistSpec::Exponential { mean: duration(&mean)? })
}

fn uniform(args: Args) -> Result<DistSpec, ScalarError> {
    let [lo, hi] = args.values(["lo", "hi"])?;
    let (low, high) = (duration(&lo)?, duration(&hi)?);
    if low > high {
        return Err(ScalarError::new(format!("the upper end is below the lower end, {low}"), hi.at, hi.text.len()));
    }
    Ok(DistSpec::Uniform { lo: low, hi: high })
}

fn lognormal(args: Args) -> Result<DistSpec, ScalarError> {
    if args.has("mean") || args.has("cv") {
        let [mean, cv] = args.named(["mean", "cv"])?;
        return Ok(DistSpec::LognormalMoments { mean: above_zero(&mean)?, cv: positive(&cv, "`cv`")? });
    }
    if args.are_positional() {
        let message = "name the values: `lognormal(p50: 4ms, p99: 30ms)` or `lognormal(mean: 5ms, cv: 1.5)`";
        return Err(ScalarError::new(message, args.at, args.len));
    }
    let [p50, p99] = args.named(["p50", "p99"])?;
    let (median, tail) = (above_zero(&p50)?, above_zero(&p99)?);
    if tail < median {
        return Err(ScalarError::new(format!("`p99` is below `p50`, {median}"), p99.at, p99.text.len()));
    }
    Ok(DistSpec::LognormalQuantiles { p50: median, p99: tail })
}

fn erlang(args: Args) -> Result<DistSpec, ScalarError> {
    let [k, mean] = args.values(["k", "mean"])?;
    let stages = k.scalar(|text| number::count(text, "`k`"))?;
    let stages = u32::try_from(stages).ok().filter(|stages| *stages <= MOST_STAGES);
    let stages = stages.ok_or_else(|| ScalarError::new(format!("`k` is at most {MOST_STAGES}"), k.at, k.text.len()))?;
    Ok(DistSpec::Erlang { k: stages, mean: duration(&mean)? })
}

/// Stages of an Erlang distribution; with so many it is all but constant.
const MOST_STAGES: u32 = 10_000;

fn hyperexponential(args: Args) -> Result<DistSpec, ScalarError> {
    if args.has("mean") || args.has("cv") || args.are_positional() {
        let [mean, cv] = args.values(["mean", "cv"])?;
        let variation = positive(&cv, "`cv`")?;
        if variation < 1.0 {
            let message = "`cv` of a hyperexponential is at least 1; for less use gamma or erlang";
            return Err(ScalarError::new(message, cv.at, cv.text.len()));
        }
        return Ok(DistSpec::HyperexponentialMoments { mean: above_zero(&mean)?, cv: variation });
    }
    let (at, len) = (args.at, args.len);
    let branches = shares(args, duration)?;
    adds_up(branches.iter().map(|(share, _)| *share), at, len)?;
    Ok(DistSpec::Hyperexponential { branches })
}

fn pareto(args: Args) -> Result<DistSpec, ScalarError> {
    if args.has("lo") || args.has("hi") {
        let [lo, hi, alpha] = args.named(["lo", "hi", "alpha"])?;
        let (low, high) = (above_zero(&lo)?, above_zero(&hi)?);
        if low >= high {
            return Err(ScalarError::new(format!("`hi` has to be above `lo`, {low}"), hi.at, hi.text.len()));
        }
        return Ok(DistSpec::ParetoBounded { lo: low, hi: high, alpha: positive(&alpha, "`alpha`")? });
    }
    let [scale, alpha] = args.values(["scale", "alpha"])?;
    Ok(DistSpec::Pareto { scale: above_zero(&scale)?, alpha: positive(&alpha, "`alpha`")? })
}

fn piecewise(args: Args) -> Result<DistSpec, ScalarError> {
    let (at, len) = (args.at, args.len);
    let quantiles = shares(args, duration)?;
    let rising = quantiles.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1);
    let whole = quantiles.first().is_some_and(|first| first.0 == Share::NONE) && quantiles.last().is_some_and(|last| last.0 == Share::ALL);
    if !rising || !whole {
        return Err(ScalarError::new("`piecewise` goes from 0% to 100%, with shares and durations rising", at, len));
    }
    Ok(DistSpec::Piecewise { quantiles })
}

fn mix(args: Args) -> Result<DistSpec, ScalarError> {
    let (at, len) = (args.at, args.len);
    let parts = shares(args, |term| from_term(term.clone()))?;
    adds_up(parts.iter().map(|(share, _)| *share), at, len)?;
    Ok(DistSpec::Mix { parts })
}

fn shares<T>(args: Args, value: impl Fn(&Term) -> Result<T, ScalarError>) -> Result<Vec<(Share, T)>, ScalarError> {
    let entry = |((key, at), term): ((&str, usize), Term)| {
        let share = Share::parse(key).map_err(|error| error.shifted(at))?;
        Ok((share, value(&term)?))
    };
    args.pairs()?.into_iter().map(entry).collect()
}

fn adds_up(shares: impl Iterator<Item = Share>, at: usize, len: usize) -> Result<(), ScalarError> {
    let sum: f64 = shares.map(|share| share.percent).sum();
    if (sum - 100.0).abs() > 1e-6 {
        return Err(ScalarError::new(format!("the shares add up to {}, not to 100%", Share { percent: sum }), at, len));
    }
    Ok(())
}

impl fmt::Display for DistSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DistSpec::Constant(value) => value.fmt(f),
            DistSpec::Exponential { mean } => write!(f, "exp({mean})"),
            DistSpec::Uniform { lo, hi } => write!(f, "uniform({lo}, {hi})"),
            DistSpec::Normal { mean, sd } => write!(f, "normal(mean: {mean}, sd: {sd})"),
            DistSpec::LognormalQuantiles { p50, p99 } => write!(f, "lognormal(p50: {p50}, p99: {p99})"),
            DistSpec::LognormalMoments { mean, cv } => write!(f, "lognormal(mean: {mean}, cv: {cv})"),
            DistSpec::Gamma { mean, cv } => write!(f, "gamma(mean: {mean}, cv: {cv})"),
            DistSpec::Erlang { k, mean } => write!(f, "erlang(k: {k}, mean: {mean})"),
            DistSpec::Hyperexponential { branches } => write_pairs(f, "hyperexponential", branches),
            DistSpec::HyperexponentialMoments { mean, cv } => write!(f, "hyperexponential(mean: {mean}, cv: {cv})"),
            DistSpec::Pareto { scale, alpha } => write!(f, "pareto(scale: {scale}, alpha: {alpha})"),
            DistSpec::ParetoBounded { lo, hi, alpha } => write!(f, "pareto(lo: {lo}, hi: {hi}, alpha: {alpha})"),
            DistSpec::Weibull { shape, scale } => write!(f, "weibull(shape: {shape}, scale: {scale})"),
            DistSpec::Piecewise { quantiles } => write_pairs(f, "piecewise", quantiles),
            DistSpec::Mix { parts } => write_pairs(f, "mix", parts),
            DistSpec::Empirical { file } => write!(f, "empirical({})", quoted_file(file)),
        }
    }
}

fn write_pairs<T: fmt::Display>(f: &mut fmt::Formatter<'_>, name: &str, pairs: &[(Share, T)]) -> fmt::Result {
    write!(f, "{name}(")?;
    for (index, (share, value)) in pairs.iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        write!(f, "{comma}{share}: {value}")?;
    }
    f.write_str(")")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::cases::cases;
    use proptest::prelude::*;

    #[test]
    fn every_form_of_the_language_reads_and_prints_back() {
        for text in [
            "5ms",
            "exp(2ms)",
            "uniform(1ms, 2ms)",
            "normal(mean: 5ms, sd: 1ms)",
            "lognormal(p50: 4ms, p99: 30ms)",
            "lognormal(mean: 5ms, cv: 1.5)",
            "gamma(mean: 5ms, cv: 0.5)",
            "erlang(k: 2, mean: 1ms)",
            "hyperexponential(mean: 5ms, cv: 2)",
            "hyperexponential(90%: 1ms, 10%: 20ms)",
            "pareto(scale: 1ms, alpha: 1.5)",
            "pareto(lo: 1ms, hi: 1s, alpha: 1.1)",
            "weibull(shape: 0.7, scale: 2ms)",
            "piecewise(0%: 1ms, 50%: 2ms, 100%: 9ms)",
            "mix(90%: exp(1ms), 10%: mix(50%: 1ms, 50%: uniform(1ms, 2ms)))",
            "empirical(latencies.csv)",
            "empirical(\"of (june), 1.csv\")",
        ] {
            assert_eq!(DistSpec::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(DistSpec::parse("normal(5ms, 1ms)"), DistSpec::parse("normal(mean: 5ms, sd: 1ms)"));
        assert_eq!(DistSpec::parse("exp( mean : 2ms )"), DistSpec::parse("exp(2ms)"));
    }

    #[test]
    fn nonsense_is_refused_with_a_place_and_a_way_out() {
        for (text, message, at) in [
            ("5", "`5` has no unit: write `5s` or `5ms`", 0),
            ("exp(2)", "`2` has no unit: write `2s` or `2ms`", 4),
            ("exp", "`exp` needs its parameters in parentheses: `exp(…)`", 0),
            ("expo(2ms)", "there is no distribution `expo`: did you mean `exp`?", 0),
            ("logmormal", "there is no distribution `logmormal`: did you mean `lognormal`?", 0),
            ("lognormal(4ms, 30ms)", "name the values: `lognormal(p50: 4ms, p99: 30ms)` or `lognormal(mean: 5ms, cv: 1.5)`", 0),
            ("lognormal(p50: 4ms, p99: 3ms)", "`p99` is below `p50`, 4ms", 25),
            ("lognormal(p50: 4ms)", "`lognormal` needs `p99`: it takes `p50`, `p99`", 0),
            ("gamma(mean: 5ms, sd: 1)", "`gamma` has no parameter `sd`: it takes `mean`, `cv`", 17),
            ("exp(1ms, 2ms)", "`exp` takes one value (mean), this is one more", 9),
            ("hyperexponential(mean: 5ms, cv: 0.5)", "`cv` of a hyperexponential is at least 1; for less use gamma or erlang", 32),
            ("mix(90%: exp(1ms), 20%: exp(1ms))", "the shares add up to 110%, not to 100%", 0),
            ("mix(0.9: exp(1ms))", "`0.9` has no unit: write `90%` (or `0.9%` if that was meant)", 4),
            ("mix(exp(1ms))", "write a share before it: `10%: exp(1ms)`", 4),
            ("piecewise(0%: 2ms, 100%: 1ms)", "`piecewise` goes from 0% to 100%, with shares and durations rising", 0),
            ("uniform(2ms, 1ms)", "the upper end is below the lower end, 2ms", 13),
            ("exp(-2ms)", "a duration cannot be negative: `2ms` is the same span forwards", 4),
            ("erlang(k: 0, mean: 1ms)", "`k` has to be at least 1", 10),
        ] {
            let error = DistSpec::parse(text).unwrap_err();
            assert_eq!((error.message.as_str(), error.at), (message, at), "{text}");
        }
    }

    fn durations() -> impl Strategy<Value = Duration> {
        (1u64..1_000_000_000_000).prop_map(|nanos| Duration(crate::base::time::Nanos(nanos)))
    }

    fn simple() -> impl Strategy<Value = DistSpec> {
        prop_oneof![
            durations().prop_map(DistSpec::Constant),
            durations().prop_map(|mean| DistSpec::Exponential { mean }),
            (durations(), durations()).prop_map(|(a, b)| DistSpec::Uniform { lo: a.min(b), hi: a.max(b) }),
            (durations(), durations()).prop_map(|(a, b)| DistSpec::LognormalQuantiles { p50: a.min(b), p99: a.max(b) }),
            (durations(), 1e-3..1e3f64).prop_map(|(mean, cv)| DistSpec::Gamma { mean, cv }),
            (durations(), 1e-3..1e3f64).prop_map(|(scale, shape)| DistSpec::Weibull { shape, scale }),
            (1u32..=MOST_STAGES, durations()).prop_map(|(k, mean)| DistSpec::Erlang { k, mean }),
        ]
    }

    fn any_dist() -> impl Strategy<Value = DistSpec> {
        simple().prop_recursive(3, 12, 2, |inner| {
            (0.0..=100.0f64, inner.clone(), inner)
                .prop_map(|(p, a, b)| DistSpec::Mix { parts: vec![(Share::percent(p), a), (Share::percent(100.0 - p), b)] })
        })
    }

    proptest! {
        #![proptest_config(cases(256))]

        #[test]
        fn what_is_printed_reads_back(dist in any_dist()) {
            prop_assert_eq!(DistSpec::parse(&dist.to_string()), Ok(dist));
        }

        #[test]
        fn no_text_panics(text in "(exp|mix|piecewise|pareto|lognormal)?[a-z(),: 0-9.%µ-]{0,30}") {
            let _ = DistSpec::parse(&text);
        }
    }
}
