//! What can be wrong with a distribution's parameters, in words for the person who wrote them.

use crate::base::time::Nanos;
use thiserror::Error;

/// Why parameters make no distribution.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum DistError {
    #[error("{name} must be above 0")]
    NotPositive { name: &'static str },
    #[error("{name} must be from {lo} to {hi}, not {value}")]
    OutOfRange { name: &'static str, value: f64, lo: f64, hi: f64 },
    #[error("{upper} ({upper_value}) must be above {lower} ({lower_value})")]
    NotAbove { upper: &'static str, upper_value: Nanos, lower: &'static str, lower_value: Nanos },
    #[error("{upper} ({upper_value}) must not be below {lower} ({lower_value})")]
    Below { upper: &'static str, upper_value: Nanos, lower: &'static str, lower_value: Nanos },
    #[error("{what} needs at least {least}")]
    TooFew { what: &'static str, least: &'static str },
    #[error("the probabilities must sum to 1, not {sum}")]
    Probabilities { sum: f64 },
    #[error("a weight must be 0 or more, not {value}")]
    Weight { value: f64 },
    #[error("one weight must be above 0")]
    NoWeight,
    #[error("the first point must have probability 0 and the last 1, not {first} and {last}")]
    Ends { first: f64, last: f64 },
    #[error("the probabilities of the points must rise: {next} does not follow {previous}")]
    PointOrder { previous: f64, next: f64 },
    #[error("the values of the points must not fall: {next} does not follow {previous}")]
    ValueOrder { previous: Nanos, next: Nanos },
}
