//! When requests arrive: `poisson(200/s)`, `constant(200/s)`, `mmpp(100/s for 10s, 500/s for 2s)`, `trace(file.csv)`.

use super::grammar::{Arg, Term, quoted_file};
use super::{Duration, Rate, Scalar, ScalarError};
use std::fmt;

/// A process of arrivals, the total over all instances of a client.
#[derive(Clone, Debug, PartialEq)]
pub enum ArrivalsSpec {
    /// `constant(RATE)`: evenly spaced.
    Constant(Rate),
    /// `poisson(RATE)`: independent of each other; gaps are exponential.
    Poisson(Rate),
    /// `mmpp(RATE for MEAN, RATE for MEAN, …)`: Markov-modulated Poisson. Poisson arrivals at the rate of the current state; the states
    /// follow each other in the order written, round and round, each for an exponential time with the mean after `for`.
    Modulated(Vec<ModulatedState>),
    /// `trace(FILE.csv)`: at the recorded times.
    Trace { file: String },
}

/// One state of a Markov-modulated process: its rate, and for how long it lasts on average.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ModulatedState {
    pub rate: Rate,
    pub mean: Duration,
}

/// States of one modulated process.
const MOST_STATES: usize = 64;

impl Scalar for ArrivalsSpec {
    const FORMAT: &'static str = "arrivals";
    const MEANING: &'static str = "When requests arrive: constant(RATE), poisson(RATE), mmpp(RATE for MEAN, …) (Poisson arrivals whose rate changes: states in the \
        order written, round and round, each for an exponential time with the mean after `for`), or trace(FILE.csv)";
    const EXAMPLES: &'static [&'static str] = &["poisson(200/s)", "constant(200/s)", "mmpp(100/s for 10s, 500/s for 2s)"];

    fn parse(text: &str) -> Result<ArrivalsSpec, ScalarError> {
        let term = Term::parse(text)?;
        match term.word {
            "constant" => one_rate(term).map(ArrivalsSpec::Constant),
            "poisson" => one_rate(term).map(ArrivalsSpec::Poisson),
            "mmpp" => modulated(term),
            "trace" => {
                let [file] = term.arguments()?.values(["file"])?;
                Ok(ArrivalsSpec::Trace { file: file.file()? })
            }
            word => {
                let known = "`poisson(200/s)`, `constant(200/s)`, `mmpp(…)` or `trace(FILE.csv)`";
                let message = match Rate::parse(text) {
                    Ok(rate) => format!("a rate alone does not say how requests are spaced: write `poisson({rate})` or `constant({rate})`"),
                    Err(_) => format!("there is no arrival process `{word}`: write {known}"),
                };
                Err(ScalarError::new(message, term.at, term.text.len()))
            }
        }
    }
}

fn one_rate(term: Term) -> Result<Rate, ScalarError> {
    let [rate] = term.arguments()?.values(["rate"])?;
    rate.scalar(Rate::parse)
}

fn modulated(term: Term) -> Result<ArrivalsSpec, ScalarError> {
    let args = term.arguments()?;
    if args.list.len() < 2 || args.list.len() > MOST_STATES {
        let message = format!("`mmpp` takes 2 to {MOST_STATES} states, as in `mmpp(100/s for 10s, 500/s for 2s)`");
        return Err(ScalarError::new(message, args.at, args.len));
    }
    let states = args.list.iter().map(state).collect::<Result<Vec<_>, _>>()?;
    Ok(ArrivalsSpec::Modulated(states))
}

fn state(arg: &Arg) -> Result<ModulatedState, ScalarError> {
    let term = &arg.value;
    let malformed = || ScalarError::new("a state is written `100/s for 10s`", term.at, term.text.len());
    let (rate, mean) = term.text.split_once(" for ").filter(|_| arg.key.is_none()).ok_or_else(malformed)?;
    let mean_at = term.at + rate.len() + " for ".len();
    let state = ModulatedState {
        rate: Rate::parse(rate.trim()).map_err(|error| error.shifted(term.at))?,
        mean: Duration::parse(mean.trim()).map_err(|error| error.shifted(mean_at))?,
    };
    if state.mean == Duration::ZERO {
        return Err(ScalarError::new("a state has to last longer than 0", mean_at, mean.len()));
    }
    Ok(state)
}

impl fmt::Display for ArrivalsSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ArrivalsSpec::Constant(rate) => write!(f, "constant({rate})"),
            ArrivalsSpec::Poisson(rate) => write!(f, "poisson({rate})"),
            ArrivalsSpec::Modulated(states) => {
                let states = states.iter().map(|state| format!("{} for {}", state.rate, state.mean));
                write!(f, "mmpp({})", states.collect::<Vec<_>>().join(", "))
            }
            ArrivalsSpec::Trace { file } => write!(f, "trace({})", quoted_file(file)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::cases::cases;
    use proptest::prelude::*;

    #[test]
    fn processes_read_and_print_back() {
        for text in ["constant(200/s)", "poisson(0.5/m)", "mmpp(100/s for 10s, 500/s for 2s)", "trace(arrivals.csv)"] {
            assert_eq!(ArrivalsSpec::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn nonsense_is_refused_with_a_place_and_a_way_out() {
        for (text, message, at) in [
            ("200/s", "a rate alone does not say how requests are spaced: write `poisson(200/s)` or `constant(200/s)`", 0),
            ("poisson(200)", "`200` has no unit: write `200/s` or `200/m`", 8),
            ("poisson(-200/s)", "a rate cannot be negative", 8),
            (
                "poison(5/s)",
                "there is no arrival process `poison`: write `poisson(200/s)`, `constant(200/s)`, `mmpp(…)` or `trace(FILE.csv)`",
                0,
            ),
            ("mmpp(1/s for 1s)", "`mmpp` takes 2 to 64 states, as in `mmpp(100/s for 10s, 500/s for 2s)`", 0),
            ("mmpp(1/s, 2/s)", "a state is written `100/s for 10s`", 5),
            ("mmpp(1/s for 1s, 2/s for 0s)", "a state has to last longer than 0", 25),
        ] {
            let error = ArrivalsSpec::parse(text).unwrap_err();
            assert_eq!((error.message.as_str(), error.at), (message, at), "{text}");
        }
    }

    proptest! {
        #![proptest_config(cases(256))]

        #[test]
        fn what_is_printed_reads_back(rates in prop::collection::vec((0.0..1e6f64, 1u64..1_000_000_000_000), 2..6)) {
            let state = |(rate, mean)| ModulatedState { rate: Rate::per_second(rate), mean: Duration(crate::base::time::Nanos(mean)) };
            let arrivals = ArrivalsSpec::Modulated(rates.into_iter().map(state).collect());
            prop_assert_eq!(ArrivalsSpec::parse(&arrivals.to_string()), Ok(arrivals));
        }
    }
}
