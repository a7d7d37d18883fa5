//! Sizes of messages: `2KiB`, or drawn for each call: `exp(2KiB)`, `lognormal(p50: 2KiB, p99: 64KiB)`.

use super::grammar::Term;
use super::{Bytes, Scalar, ScalarError, number};
use crate::base::diagnostic::nearest;
use std::fmt;

/// How large messages are. Nothing here draws; compilation turns it into a sampler.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SizeSpec {
    /// `2KiB`: always the same.
    Constant(Bytes),
    /// `exp(mean)`
    Exponential { mean: Bytes },
    /// `uniform(lo, hi)`
    Uniform { lo: Bytes, hi: Bytes },
    /// `lognormal(p50:, p99:)`
    Lognormal { p50: Bytes, p99: Bytes },
    /// `pareto(lo:, hi:, alpha:)`: P(X > x) falls as x^-alpha, within [lo, hi].
    Pareto { lo: Bytes, hi: Bytes, alpha: f64 },
}

const NAMES: [&str; 4] = ["exp", "uniform", "lognormal", "pareto"];

/// No protocol here sends more as one message.
pub const LARGEST: Bytes = Bytes(1 << 30);

impl SizeSpec {
    pub const ZERO: SizeSpec = SizeSpec::Constant(Bytes(0));

    /// A size to reckon with where none is drawn, in bytes: the mean, or the median if that is what is written.
    pub fn typical(&self) -> u64 {
        match self {
            SizeSpec::Constant(size) | SizeSpec::Exponential { mean: size } | SizeSpec::Lognormal { p50: size, .. } => size.0,
            SizeSpec::Uniform { lo, hi } => (lo.0 + hi.0) / 2,
            SizeSpec::Pareto { lo, .. } => lo.0,
        }
    }
}

impl Scalar for SizeSpec {
    const FORMAT: &'static str = "size";
    const MEANING: &'static str = "A size in B, KiB, MiB, kB or MB, at most 1GiB, or a distribution of sizes that each call draws one of: exp(MEAN), \
        uniform(LO, HI), lognormal(p50: SIZE, p99: SIZE), pareto(lo: SIZE, hi: SIZE, alpha: N)";
    const EXAMPLES: &'static [&'static str] = &["2KiB", "exp(2KiB)", "lognormal(p50: 2KiB, p99: 64KiB)"];

    fn parse(text: &str) -> Result<SizeSpec, ScalarError> {
        let term = Term::parse(text)?;
        if term.args.is_none() {
            if term.word.starts_with(|c: char| c.is_alphabetic()) {
                return Err(unknown(term.word, term.at));
            }
            return size(&term).map(SizeSpec::Constant);
        }
        let (name, at, len) = (term.word, term.at, term.text.len());
        let args = term.arguments()?;
        let spec = match name {
            "exp" => args.values(["mean"]).and_then(|[mean]| Ok(SizeSpec::Exponential { mean: size(&mean)? })),
            "uniform" => args.values(["lo", "hi"]).and_then(|[lo, hi]| {
                let (lo, hi) = rising(&lo, &hi, "the upper end is below the lower end")?;
                Ok(SizeSpec::Uniform { lo, hi })
            }),
            "lognormal" => args.named(["p50", "p99"]).and_then(|[p50, p99]| {
                let (p50, p99) = rising(&p50, &p99, "`p99` is below `p50`")?;
                Ok(SizeSpec::Lognormal { p50, p99 })
            }),
            "pareto" => args.named(["lo", "hi", "alpha"]).and_then(|[lo, hi, alpha]| {
                let alpha = alpha.scalar(|text| number::positive(text, "`alpha`"))?;
                let (lo, hi) = rising(&lo, &hi, "`hi` is below `lo`")?;
                Ok(SizeSpec::Pareto { lo, hi, alpha })
            }),
            _ => Err(unknown(name, at)),
        };
        spec.map_err(|error| if error.len == 0 && error.at == at { ScalarError { len, ..error } } else { error })
    }
}

fn unknown(name: &str, at: usize) -> ScalarError {
    let advice = match nearest(name, NAMES) {
        Some(near) => format!("did you mean `{near}(…)`?"),
        None => "write a size such as `2KiB`, or exp, uniform, lognormal or pareto of sizes".to_owned(),
    };
    ScalarError::new(format!("there is no distribution of sizes `{name}`: {advice}"), at, name.len())
}

fn size(term: &Term<'_>) -> Result<Bytes, ScalarError> {
    let bytes = term.scalar(Bytes::parse)?;
    if bytes > LARGEST {
        let message = format!("`{}` is more than {LARGEST}, the largest message: send it as several calls", term.text);
        return Err(ScalarError::new(message, term.at, term.text.len()));
    }
    Ok(bytes)
}

fn rising(low: &Term<'_>, high: &Term<'_>, otherwise: &str) -> Result<(Bytes, Bytes), ScalarError> {
    let (lo, hi) = (size(low)?, size(high)?);
    if lo.0 == 0 {
        return Err(ScalarError::new("this has to be above 0B", low.at, low.text.len()));
    }
    if hi <= lo {
        return Err(ScalarError::new(format!("{otherwise}, {lo}, or is the same"), high.at, high.text.len()));
    }
    Ok((lo, hi))
}

impl fmt::Display for SizeSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SizeSpec::Constant(size) => size.fmt(f),
            SizeSpec::Exponential { mean } => write!(f, "exp({mean})"),
            SizeSpec::Uniform { lo, hi } => write!(f, "uniform({lo}, {hi})"),
            SizeSpec::Lognormal { p50, p99 } => write!(f, "lognormal(p50: {p50}, p99: {p99})"),
            SizeSpec::Pareto { lo, hi, alpha } => write!(f, "pareto(lo: {lo}, hi: {hi}, alpha: {alpha})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::cases::cases;
    use proptest::prelude::*;

    #[test]
    fn every_form_of_the_language_reads_and_prints_back() {
        for text in
            ["2KiB", "0B", "exp(2KiB)", "uniform(1KiB, 4KiB)", "lognormal(p50: 2KiB, p99: 64KiB)", "pareto(lo: 1KiB, hi: 1MiB, alpha: 1.2)"]
        {
            assert_eq!(SizeSpec::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn nonsense_is_refused_with_a_place_and_a_way_out() {
        for (text, message, at) in [
            ("2", "`2` has no unit: write `2B` or `2KiB`", 0),
            ("2ms", "`ms` is not a unit of data: use B, KiB, MiB, GiB, TiB, kB, MB or GB", 1),
            ("2GiB", "`2GiB` is more than 1GiB, the largest message: send it as several calls", 0),
            ("exp(9TiB)", "`9TiB` is more than 1GiB, the largest message: send it as several calls", 4),
            ("expo(2KiB)", "there is no distribution of sizes `expo`: did you mean `exp(…)`?", 0),
            (
                "gamma(2KiB)",
                "there is no distribution of sizes `gamma`: write a size such as `2KiB`, or exp, uniform, lognormal or pareto of sizes",
                0,
            ),
            ("uniform(4KiB, 1KiB)", "the upper end is below the lower end, 4KiB, or is the same", 14),
            ("lognormal(p50: 0B, p99: 1KiB)", "this has to be above 0B", 15),
        ] {
            let error = SizeSpec::parse(text).unwrap_err();
            assert_eq!((error.message.as_str(), error.at), (message, at), "{text}");
        }
    }

    proptest! {
        #![proptest_config(cases(256))]

        #[test]
        fn no_text_panics(text in "[a-zKMB0-9(),: ]{0,40}") {
            let _ = SizeSpec::parse(&text);
        }
    }
}
