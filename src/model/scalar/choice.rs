//! Small choices with a parameter: `unlimited`, `quorum(2)`, `after(5s)`, `key(tenant)`, `5xx`.

use super::grammar::Term;
use super::{DistSpec, Scalar, ScalarError, TextOrNumber, number};
use crate::base::diagnostic::nearest;
use crate::base::outcome::{Class, OutcomeSet};
use std::fmt;

/// A number, or no bound at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    Finite(u32),
    Unlimited,
}

impl Bound {
    pub fn finite(self) -> Option<u32> {
        match self {
            Bound::Finite(bound) => Some(bound),
            Bound::Unlimited => None,
        }
    }
}

impl Scalar for Bound {
    const FORMAT: &'static str = "bound";
    const MEANING: &'static str = "A whole number, or `unlimited`";
    const EXAMPLES: &'static [&'static str] = &["3", "unlimited"];

    fn parse(text: &str) -> Result<Bound, ScalarError> {
        if text == "unlimited" {
            return Ok(Bound::Unlimited);
        }
        if text.starts_with('-') {
            return Err(ScalarError::whole("a number of things cannot be negative", text));
        }
        if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() {
            let bound = text.parse().map_err(|_| ScalarError::whole(format!("`{text}` is too large: write `unlimited`"), text))?;
            return Ok(Bound::Finite(bound));
        }
        Err(ScalarError::whole(format!("`{text}` is neither a whole number nor `unlimited`"), text))
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bound::Finite(bound) => bound.fmt(f),
            Bound::Unlimited => f.write_str("unlimited"),
        }
    }
}

/// When a `parallel` step goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// When every branch has ended; the first failure is the step's.
    All,
    /// When one branch has succeeded.
    Any,
    /// When so many branches have succeeded.
    Quorum(u32),
}

impl Scalar for Join {
    const FORMAT: &'static str = "join";
    const MEANING: &'static str = "When a parallel step goes on: all, any, or quorum(N)";
    const EXAMPLES: &'static [&'static str] = &["all", "any", "quorum(2)"];

    fn parse(text: &str) -> Result<Join, ScalarError> {
        let term = Term::parse(text)?;
        match (term.word, term.args.is_some()) {
            ("all", false) => Ok(Join::All),
            ("any", false) => Ok(Join::Any),
            ("quorum", _) => {
                let [n] = term.arguments()?.values(["n"])?;
                let count = n.scalar(|text| number::count(text, "a quorum"))?;
                u32::try_from(count).map(Join::Quorum).map_err(|_| ScalarError::new("this is too large", n.at, n.text.len()))
            }
            _ => Err(ScalarError::whole(format!("`{text}` is not a way to join: use all, any or quorum(N)"), text)),
        }
    }
}

impl fmt::Display for Join {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Join::All => f.write_str("all"),
            Join::Any => f.write_str("any"),
            Join::Quorum(count) => write!(f, "quorum({count})"),
        }
    }
}

/// Whether a crashed replica comes back.
#[derive(Clone, Debug, PartialEq)]
pub enum Restart {
    Never,
    /// So long after its crash, drawn for each replica.
    After(DistSpec),
}

impl Scalar for Restart {
    const FORMAT: &'static str = "restart";
    const MEANING: &'static str = "Whether a crashed replica comes back: never, or after(DIST), counted from its crash";
    const EXAMPLES: &'static [&'static str] = &["never", "after(10s)"];

    fn parse(text: &str) -> Result<Restart, ScalarError> {
        let term = Term::parse(text)?;
        match (term.word, term.args.is_some()) {
            ("never", false) => Ok(Restart::Never),
            ("after", _) => {
                let [delay] = term.arguments()?.values(["delay"])?;
                Ok(Restart::After(delay.scalar(DistSpec::parse)?))
            }
            _ => Err(ScalarError::whole(format!("`{text}` is not a restart: use never or after(DIST), as in `after(10s)`"), text)),
        }
    }
}

impl fmt::Display for Restart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Restart::Never => f.write_str("never"),
            Restart::After(delay) => write!(f, "after({delay})"),
        }
    }
}

/// Who shares the state of a policy (its breaker, budget, bulkhead, rate limit).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One per calling replica and called service.
    Service,
    /// One per calling replica and called endpoint.
    Endpoint,
    /// One per calling replica and called replica.
    Replica,
    /// One per calling replica, called service and value of a request's attribute.
    Key(String),
    /// One per calling replica, shared by all calls that use the policy.
    Policy,
}

const SCOPES: [&str; 5] = ["service", "endpoint", "replica", "key(ATTRIBUTE)", "policy"];

impl Scalar for Scope {
    const FORMAT: &'static str = "scope";
    const MEANING: &'static str = "Who shares a policy's state, per calling replica: service, endpoint, replica, key(ATTRIBUTE) or policy";
    const EXAMPLES: &'static [&'static str] = &["service", "endpoint", "key(tenant)"];

    fn parse(text: &str) -> Result<Scope, ScalarError> {
        let term = Term::parse(text)?;
        match (term.word, term.args.is_some()) {
            ("service", false) => Ok(Scope::Service),
            ("endpoint", false) => Ok(Scope::Endpoint),
            ("replica", false) => Ok(Scope::Replica),
            ("policy", false) => Ok(Scope::Policy),
            ("key", _) => {
                let [attribute] = term.arguments()?.values(["attribute"])?;
                Ok(Scope::Key(attribute.text.to_owned()))
            }
            _ => Err(ScalarError::whole(format!("`{text}` is not a scope: use {}", SCOPES.join(", ")), text)),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scope::Service => f.write_str("service"),
            Scope::Endpoint => f.write_str("endpoint"),
            Scope::Replica => f.write_str("replica"),
            Scope::Key(attribute) => write!(f, "key({attribute})"),
            Scope::Policy => f.write_str("policy"),
        }
    }
}

/// An outcome that a policy acts on: a class of failures, or a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureFilter {
    Class(Class),
    Status(u16),
}

impl FailureFilter {
    /// `on`'s default.
    pub const RETRIABLE: [FailureFilter; 4] = [
        FailureFilter::Class(Class::ServerError),
        FailureFilter::Class(Class::Timeout),
        FailureFilter::Class(Class::ConnectFailure),
        FailureFilter::Class(Class::Reset),
    ];

    /// The set of outcomes that a list of filters stands for.
    pub fn set(filters: &[FailureFilter]) -> OutcomeSet {
        let classes: Vec<Class> = filters.iter().filter_map(|filter| filter.class()).collect();
        let statuses: Vec<u16> = filters.iter().filter_map(|filter| filter.status()).collect();
        OutcomeSet::of(&classes).with_statuses(&statuses)
    }

    fn class(self) -> Option<Class> {
        match self {
            FailureFilter::Class(class) => Some(class),
            FailureFilter::Status(_) => None,
        }
    }

    fn status(self) -> Option<u16> {
        match self {
            FailureFilter::Class(_) => None,
            FailureFilter::Status(status) => Some(status),
        }
    }
}

impl Scalar for FailureFilter {
    const FORMAT: &'static str = "failure";
    const MEANING: &'static str =
        "A failure class (5xx, timeout, connectFailure, reset, rateLimited, breakerOpen, bulkheadFull, deadline) or a status such as 404";
    const EXAMPLES: &'static [&'static str] = &["5xx", "timeout", "404"];

    fn parse(text: &str) -> Result<FailureFilter, ScalarError> {
        if let Some(class) = Class::ALL[1..].iter().find(|class| class.word() == text) {
            return Ok(FailureFilter::Class(*class));
        }
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return match text.parse() {
                Ok(status @ 100..=599) => Ok(FailureFilter::Status(status)),
                _ => Err(ScalarError::whole(format!("`{text}` is not a status: they go from 100 to 599"), text)),
            };
        }
        let words = Class::ALL[1..].iter().map(|class| class.word());
        let advice = match nearest(text, words.clone()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the classes are {}, and a number names a status", words.collect::<Vec<_>>().join(", ")),
        };
        Err(ScalarError::whole(format!("there is no failure class `{text}`: {advice}"), text))
    }
}

impl fmt::Display for FailureFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FailureFilter::Class(class) => f.write_str(class.word()),
            FailureFilter::Status(status) => status.fmt(f),
        }
    }
}

// Numbers stay numbers in files: `attempts: 3`, `on: [404]`.
macro_rules! number_or_text {
    ($($name:ty, $number:pat => $value:expr),* $(,)?) => {$(
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $number => serializer.serialize_u64(u64::from(*$value)),
                    other => serializer.collect_str(other),
                }
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(TextOrNumber(std::marker::PhantomData))
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": ["integer", "string"],
                    "format": <$name>::FORMAT,
                    "description": <$name>::MEANING,
                    "examples": <$name>::EXAMPLES,
                })
            }
        }
    )*};
}

number_or_text!(Bound, Bound::Finite(bound) => bound, FailureFilter, FailureFilter::Status(status) => status);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_read_and_print_back() {
        fn round<T: Scalar + std::fmt::Debug>(texts: &[&str]) {
            for text in texts {
                assert_eq!(T::parse(text).unwrap().to_string(), *text);
            }
        }
        round::<Bound>(&["0", "32", "unlimited"]);
        round::<Join>(&["all", "any", "quorum(2)"]);
        round::<Restart>(&["never", "after(10s)", "after(exp(10s))"]);
        round::<Scope>(&["service", "endpoint", "replica", "key(tenant)", "policy"]);
        round::<FailureFilter>(&[
            "5xx",
            "timeout",
            "connectFailure",
            "reset",
            "rateLimited",
            "breakerOpen",
            "bulkheadFull",
            "deadline",
            "404",
        ]);
    }

    #[test]
    fn nonsense_is_refused_with_a_way_out() {
        assert_eq!(Bound::parse("-1").unwrap_err().message, "a number of things cannot be negative");
        assert_eq!(Bound::parse("many").unwrap_err().message, "`many` is neither a whole number nor `unlimited`");
        assert_eq!(FailureFilter::parse("timeouts").unwrap_err().message, "there is no failure class `timeouts`: did you mean `timeout`?");
        assert_eq!(FailureFilter::parse("700").unwrap_err().message, "`700` is not a status: they go from 100 to 599");
        assert_eq!(Join::parse("quorum").unwrap_err().message, "`quorum` needs its parameters in parentheses: `quorum(…)`");
        assert!(Join::parse("all(3)").is_err());
    }

    #[test]
    fn a_list_of_filters_is_a_set_of_outcomes() {
        use crate::base::outcome::Outcome;
        let set = FailureFilter::set(&[FailureFilter::Class(Class::Timeout), FailureFilter::Status(404)]);
        assert!(set.contains(Outcome::TIMEOUT) && set.contains(Outcome::answered(404)) && !set.contains(Outcome::answered(500)));
    }
}
