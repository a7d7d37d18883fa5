//! Retry: whether an outcome is worth another attempt (Resilience4j Retry: `attempts` is its maxAttempts, all tries counted).
//! When the next attempt starts is the backoff's answer, whether it can be afforded the budget's.

use crate::base::outcome::{Outcome, OutcomeSet};
use crate::policy::app::backoff::Backoff;
use crate::policy::app::retry_budget::RetryBudget;
use crate::policy::error::{PolicyError, require};

/// Retries of one call.
#[derive(Clone, Debug, PartialEq)]
pub struct Retry {
    /// All tries, the first included; [`Retry::UNLIMITED`] for no limit.
    pub attempts: u32,
    pub backoff: Backoff,
    /// What is tried again.
    pub on: OutcomeSet,
    pub budget: Option<RetryBudget>,
}

impl Retry {
    pub const UNLIMITED: u32 = u32::MAX;

    pub fn new(attempts: u32, backoff: Backoff, on: OutcomeSet, budget: Option<RetryBudget>) -> Result<Retry, PolicyError> {
        require(attempts >= 1, "attempts", || "counts all tries, the first included, so it must be at least 1".into())?;
        Ok(Retry { attempts, backoff, on, budget })
    }

    /// Whether another attempt is wanted after so many made, the last of which ended thus. The budget is asked separately.
    #[inline]
    pub fn wants(&self, attempts_made: u32, outcome: Outcome) -> bool {
        (attempts_made < self.attempts || self.attempts == Retry::UNLIMITED) && self.on.contains(outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retry(attempts: u32) -> Retry {
        Retry::new(attempts, Backoff::NONE, OutcomeSet::retriable(), None).unwrap()
    }

    #[test]
    fn attempts_count_the_first_try() {
        for (attempts, made, wanted) in
            [(1, 1, false), (3, 1, true), (3, 2, true), (3, 3, false), (3, 4, false), (Retry::UNLIMITED, u32::MAX, true)]
        {
            assert_eq!(retry(attempts).wants(made, Outcome::TIMEOUT), wanted, "{made} of {attempts}");
        }
    }

    #[test]
    fn only_listed_outcomes_are_tried_again() {
        for (outcome, wanted) in [
            (Outcome::OK, false),
            (Outcome::answered(404), false),
            (Outcome::answered(503), true),
            (Outcome::TIMEOUT, true),
            (Outcome::CONNECT_FAILURE, true),
            (Outcome::RESET, true),
            (Outcome::RATE_LIMITED, false),
            (Outcome::BREAKER_OPEN, false),
            (Outcome::BULKHEAD_FULL, false),
            (Outcome::DEADLINE, false),
        ] {
            assert_eq!(retry(3).wants(1, outcome), wanted, "{outcome:?}");
        }
    }

    #[test]
    fn no_attempt_at_all_is_refused() {
        let refused = Retry::new(0, Backoff::NONE, OutcomeSet::retriable(), None).unwrap_err();
        assert_eq!(refused.to_string(), "`attempts` counts all tries, the first included, so it must be at least 1");
    }
}
