//! Texts with units and small grammars: `250ms`, `200/s`, `5%`, `lognormal(p50: 4ms, p99: 30ms)`.
//!
//! Each is a type that parses from text and prints back to it. A bare number where a unit is due is an error that names
//! the unit; every error carries the place inside the text.

mod arrivals;
mod attribute;
mod bandwidth;
mod bytes;
mod choice;
mod dist;
mod dist_text;
mod duration;
mod endpoint;
mod grammar;
mod keys;
mod number;
mod rate;
mod release;
mod share;
mod size;

pub use arrivals::{ArrivalsSpec, ModulatedState};
pub use attribute::AttributeValue;
pub use bandwidth::Bandwidth;
pub use bytes::Bytes;
pub use choice::{Bound, FailureFilter, Join, Restart, Scope};
pub use dist::DistSpec;
pub use duration::Duration;
pub use endpoint::EndpointRef;
pub use keys::KeysSpec;
pub use number::decimal;
pub use rate::{Per, Rate};
pub use release::{Release, Via};
pub use share::Share;
pub use size::SizeSpec;

use std::fmt;

/// Why a text is not the scalar that was due, and where in the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ScalarError {
    pub message: String,
    /// Byte offset of the fault inside the text.
    pub at: usize,
    /// Bytes at fault; zero for "here".
    pub len: usize,
}

impl ScalarError {
    pub fn new(message: impl Into<String>, at: usize, len: usize) -> ScalarError {
        ScalarError { message: message.into(), at, len }
    }

    /// The whole text is at fault.
    pub fn whole(message: impl Into<String>, text: &str) -> ScalarError {
        ScalarError::new(message, 0, text.len())
    }

    /// The same error, seen from a text in which this one starts at `offset`.
    pub fn shifted(self, offset: usize) -> ScalarError {
        ScalarError { at: self.at + offset, ..self }
    }
}

/// A text with a grammar of its own.
pub trait Scalar: Sized + fmt::Display {
    /// The schema's `format`, by which a reader finds the parser.
    const FORMAT: &'static str;
    /// What the scalar is, for the schema.
    const MEANING: &'static str;
    /// Texts that parse, for editors and messages.
    const EXAMPLES: &'static [&'static str];

    fn parse(text: &str) -> Result<Self, ScalarError>;
}

/// Checks a text against the scalar of this format; `None` for a format that is not ours.
pub fn check(format: &str, text: &str) -> Option<Result<(), ScalarError>> {
    fn run<T: Scalar>(text: &str) -> Result<(), ScalarError> {
        T::parse(text).map(|_| ())
    }
    Some(match format {
        Duration::FORMAT => run::<Duration>(text),
        Rate::FORMAT => run::<Rate>(text),
        Share::FORMAT => run::<Share>(text),
        Bytes::FORMAT => run::<Bytes>(text),
        Bandwidth::FORMAT => run::<Bandwidth>(text),
        SizeSpec::FORMAT => run::<SizeSpec>(text),
        DistSpec::FORMAT => run::<DistSpec>(text),
        AttributeValue::FORMAT => run::<AttributeValue>(text),
        KeysSpec::FORMAT => run::<KeysSpec>(text),
        ArrivalsSpec::FORMAT => run::<ArrivalsSpec>(text),
        EndpointRef::FORMAT => run::<EndpointRef>(text),
        Bound::FORMAT => run::<Bound>(text),
        Join::FORMAT => run::<Join>(text),
        Restart::FORMAT => run::<Restart>(text),
        Scope::FORMAT => run::<Scope>(text),
        FailureFilter::FORMAT => run::<FailureFilter>(text),
        Release::FORMAT => run::<Release>(text),
        Via::FORMAT => run::<Via>(text),
        crate::model::expectation::Expectation::FORMAT => run::<crate::model::expectation::Expectation>(text),
        _ => return None,
    })
}

/// Serde, schema and `FromStr` of a [`Scalar`]: a string in files, checked by its parser.
macro_rules! scalar_text {
    ($($name:ty),* $(,)?) => {$(
        impl std::str::FromStr for $name {
            type Err = $crate::model::scalar::ScalarError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                <$name as $crate::model::scalar::Scalar>::parse(text)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any($crate::model::scalar::TextOrNumber(std::marker::PhantomData))
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                use $crate::model::scalar::Scalar;
                schemars::json_schema!({
                    "type": "string",
                    "format": <$name>::FORMAT,
                    "description": <$name>::MEANING,
                    "examples": <$name>::EXAMPLES,
                })
            }
        }
    )*};
}
pub(crate) use scalar_text;

scalar_text!(
    Duration,
    Rate,
    Share,
    Bytes,
    Bandwidth,
    SizeSpec,
    DistSpec,
    KeysSpec,
    AttributeValue,
    ArrivalsSpec,
    EndpointRef,
    Join,
    Restart,
    Scope,
    Release,
    Via
);

/// Hands strings to a scalar's parser, and numbers as the text they were: the parser knows what a bare number lacks.
pub(crate) struct TextOrNumber<T>(pub std::marker::PhantomData<T>);

impl<T: Scalar> serde::de::Visitor<'_> for TextOrNumber<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} such as `{}`", T::MEANING, T::EXAMPLES[0])
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        T::parse(text).map_err(E::custom)
    }

    fn visit_bool<E: serde::de::Error>(self, truth: bool) -> Result<T, E> {
        self.visit_str(&truth.to_string())
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }
}
