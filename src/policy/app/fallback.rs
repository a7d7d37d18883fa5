//! Fallback: what stands in for an outcome that is a failure (Hystrix, Polly). The answer counts as degraded.

use crate::base::id::CacheId;
use crate::base::outcome::{Outcome, OutcomeSet};

/// Where the answer comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FallbackAction {
    /// A constant: empty list, default price.
    Value,
    /// What a cache holds for the request's key, stale entries included.
    Cached(CacheId),
    /// Another call, which the call's site names.
    Call,
}

/// A second-best answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fallback {
    pub action: FallbackAction,
    /// What is answered for.
    pub on: OutcomeSet,
}

impl Fallback {
    pub fn new(action: FallbackAction, on: OutcomeSet) -> Fallback {
        Fallback { action, on }
    }

    #[inline]
    pub fn wants(&self, outcome: Outcome) -> bool {
        self.on.contains(outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_answered_for_and_answers_are_not() {
        let fallback = Fallback::new(FallbackAction::Value, OutcomeSet::failures());
        for (outcome, wanted) in [
            (Outcome::OK, false),
            (Outcome::answered(404), false),
            (Outcome::DEGRADED, false),
            (Outcome::answered(500), true),
            (Outcome::BREAKER_OPEN, true),
            (Outcome::DEADLINE, true),
        ] {
            assert_eq!(fallback.wants(outcome), wanted, "{outcome:?}");
        }
    }
}
