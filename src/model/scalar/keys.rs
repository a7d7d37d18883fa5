//! How keys are drawn: `zipf(s: 1.0, n: 100000)`, `uniform(n: 1000)`.

use super::grammar::Term;
use super::{Scalar, ScalarError, number};
use std::fmt;

/// A distribution of whole numbers 1..=n: the keys of a cache, the values of an attribute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum KeysSpec {
    /// Key k is drawn with a probability in proportion to 1 / k^s.
    Zipf { s: f64, n: u64 },
    /// Every key is as likely as the others.
    Uniform { n: u64 },
}

/// Keys of one distribution.
const MOST_KEYS: u64 = 1_000_000_000_000;
/// Above this exponent every key but the first is as good as never drawn.
const STEEPEST: f64 = 100.0;

impl Scalar for KeysSpec {
    const FORMAT: &'static str = "keys";
    const MEANING: &'static str = "How keys 1..=n are drawn: zipf(s: EXPONENT, n: COUNT) or uniform(n: COUNT)";
    const EXAMPLES: &'static [&'static str] = &["zipf(s: 1, n: 100000)", "uniform(n: 1000)"];

    fn parse(text: &str) -> Result<KeysSpec, ScalarError> {
        let term = Term::parse(text)?;
        match term.word {
            "zipf" => {
                let [s, n] = term.arguments()?.values(["s", "n"])?;
                let exponent = s.scalar(|text| number::decimal(text, "`s`"))?;
                if exponent > STEEPEST {
                    return Err(ScalarError::new(format!("`s` is at most {STEEPEST}"), s.at, s.text.len()));
                }
                Ok(KeysSpec::Zipf { s: exponent, n: key_count(&n)? })
            }
            "uniform" => {
                let [n] = term.arguments()?.values(["n"])?;
                Ok(KeysSpec::Uniform { n: key_count(&n)? })
            }
            word => {
                let message = format!("there is no distribution of keys `{word}`: write `zipf(s: 1, n: 100000)` or `uniform(n: 1000)`");
                Err(ScalarError::new(message, term.at, word.len()))
            }
        }
    }
}

fn key_count(term: &Term) -> Result<u64, ScalarError> {
    match term.scalar(|text| number::count(text, "`n`"))? {
        n if n <= MOST_KEYS => Ok(n),
        _ => Err(ScalarError::new(format!("`n` is at most {MOST_KEYS}"), term.at, term.text.len())),
    }
}

impl fmt::Display for KeysSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeysSpec::Zipf { s, n } => write!(f, "zipf(s: {s}, n: {n})"),
            KeysSpec::Uniform { n } => write!(f, "uniform(n: {n})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::cases::cases;
    use proptest::prelude::*;

    #[test]
    fn keys_read_with_names_and_without() {
        assert_eq!(KeysSpec::parse("zipf(s: 1.0, n: 100000)"), Ok(KeysSpec::Zipf { s: 1.0, n: 100_000 }));
        assert_eq!(KeysSpec::parse("uniform(1000)"), Ok(KeysSpec::Uniform { n: 1000 }));
        for text in ["zipf(s: 1)", "zipf(s: 1, n: 0)", "zipf(s: -1, n: 5)", "zipf(s: 1, n: 1e3)", "pareto(n: 5)", "uniform", "5"] {
            assert!(KeysSpec::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #![proptest_config(cases(256))]

        #[test]
        fn what_is_printed_reads_back(s in 0.0..100.0f64, n in 1..=MOST_KEYS, flat: bool) {
            let keys = if flat { KeysSpec::Uniform { n } } else { KeysSpec::Zipf { s, n } };
            prop_assert_eq!(KeysSpec::parse(&keys.to_string()), Ok(keys));
        }
    }
}
