//! What is wrong with a policy's parameters, in words that the person who wrote them understands.

use thiserror::Error;

/// A parameter that makes no sense. `field` is the word of the model language, so that a diagnostic can point at it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{field}` {problem}")]
pub struct PolicyError {
    pub field: &'static str,
    /// Continues the sentence that `field` begins: "must be at least 1".
    pub problem: String,
}

impl PolicyError {
    pub fn new(field: &'static str, problem: impl Into<String>) -> PolicyError {
        PolicyError { field, problem: problem.into() }
    }
}

/// Refuses a parameter unless it holds.
pub(crate) fn require(holds: bool, field: &'static str, problem: impl FnOnce() -> String) -> Result<(), PolicyError> {
    if holds { Ok(()) } else { Err(PolicyError::new(field, problem())) }
}
