//! Retry budget: whether one more retry can be afforded. A limit of attempts bounds a call; only a budget bounds the sum.
//!
//! - `Percent`: Envoy's `retry_budget` (`resource_manager_impl.h`): retries in progress < max(min, floor(share · active)).
//!   Envoy counts upstream requests as active; here a call is active from its start to its end, its back-offs included.
//! - `Bucket`: the AWS SDKs' retry quota: a retry takes `cost` tokens and is allowed only while there are as many. Deposits
//!   on success are the SDKs' (500, 5, +1; they also give back a successful retry's cost, which is left out here), deposits
//!   on each request are Brooker's adaptive strategy (`retry_sim`) and Finagle's.
//! - `Throttle`: gRPC's retry throttling (proposal A6): failures drain, successes refill, retries only above half.

use crate::policy::error::{PolicyError, require};

/// What a token is divided into, so that sums are exact. gRPC's tokenRatio has three decimals too.
const MILLI: f64 = 1000.0;

/// Largest bucket, in tokens.
const MOST_TOKENS: f64 = 1e9;

/// When a bucket gets its deposit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DepositOn {
    /// A call that succeeded.
    Success,
    /// A call that started.
    Request,
}

/// A bucket of tokens that retries spend; all figures in thousandths of a token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TokenBudget {
    pub size: u64,
    pub cost: u64,
    pub deposit: u64,
    pub on: DepositOn,
}

/// gRPC's `retryThrottling`; figures in thousandths of a token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Throttle {
    pub max_tokens: u64,
    /// What a success gives back; a failure always takes one token.
    pub token_ratio: u64,
}

/// What retries may add to the load.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum RetryBudget {
    /// A share (0..=1) of the calls in progress, and never fewer than `min_concurrent` retries at once.
    Percent {
        share: f64,
        min_concurrent: u32,
    },
    Bucket(TokenBudget),
    Throttle(Throttle),
}

/// What a budget has seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RetryBudgetState {
    pub active_calls: u32,
    /// Retries in progress, from the decision to their outcome, back-off included.
    pub active_retries: u32,
    /// Thousandths of a token.
    pub tokens: u64,
}

impl RetryBudget {
    pub fn percent(share: f64, min_concurrent: u32) -> Result<RetryBudget, PolicyError> {
        require((0.0..=1.0).contains(&share), "percent", || format!("must be between 0% and 100%, not {}%", share * 100.0))?;
        Ok(RetryBudget::Percent { share, min_concurrent })
    }

    /// Figures in tokens; kept to a thousandth.
    pub fn bucket(size: f64, cost: f64, deposit: f64, on: DepositOn) -> Result<RetryBudget, PolicyError> {
        let size = tokens("size", size)?;
        let cost = tokens("cost", cost)?;
        require(cost > 0, "cost", || "must be more than 0: a retry that costs nothing needs no budget".into())?;
        require(size >= cost, "size", || "is smaller than the cost of one retry, so that none could ever be made".into())?;
        Ok(RetryBudget::Bucket(TokenBudget { size, cost, deposit: tokens("deposit", deposit)?, on }))
    }

    /// Figures in tokens; kept to a thousandth.
    pub fn throttle(max_tokens: f64, token_ratio: f64) -> Result<RetryBudget, PolicyError> {
        let throttle = Throttle { max_tokens: tokens("maxTokens", max_tokens)?, token_ratio: tokens("tokenRatio", token_ratio)? };
        require(throttle.max_tokens > 0, "maxTokens", || "must be more than 0".into())?;
        Ok(RetryBudget::Throttle(throttle))
    }

    /// A bucket starts full.
    pub fn start(&self) -> RetryBudgetState {
        let tokens = match self {
            RetryBudget::Percent { .. } => 0,
            RetryBudget::Bucket(bucket) => bucket.size,
            RetryBudget::Throttle(throttle) => throttle.max_tokens,
        };
        RetryBudgetState { active_calls: 0, active_retries: 0, tokens }
    }

    pub fn call_started(&self, state: &mut RetryBudgetState) {
        state.active_calls += 1;
        if let RetryBudget::Bucket(TokenBudget { size, deposit, on: DepositOn::Request, .. }) = *self {
            state.tokens = size.min(state.tokens + deposit);
        }
    }

    pub fn call_ended(&self, state: &mut RetryBudgetState) {
        debug_assert!(state.active_calls > 0, "a call ends once");
        state.active_calls -= 1;
    }

    /// Takes what a retry needs, if it is there. A retry that was allowed must be ended with `retry_ended`.
    pub fn try_retry(&self, state: &mut RetryBudgetState) -> bool {
        let allowed = match *self {
            RetryBudget::Percent { share, min_concurrent } => {
                state.active_retries < min_concurrent.max(whole_part(share, state.active_calls))
            }
            RetryBudget::Bucket(bucket) => state.tokens >= bucket.cost,
            RetryBudget::Throttle(throttle) => 2 * state.tokens > throttle.max_tokens,
        };
        if allowed {
            state.active_retries += 1;
            if let RetryBudget::Bucket(bucket) = self {
                state.tokens -= bucket.cost;
            }
        }
        allowed
    }

    pub fn retry_ended(&self, state: &mut RetryBudgetState) {
        debug_assert!(state.active_retries > 0, "a retry ends once");
        state.active_retries -= 1;
    }

    /// An attempt, first or later, was answered well.
    pub fn succeeded(&self, state: &mut RetryBudgetState) {
        match *self {
            RetryBudget::Bucket(TokenBudget { size, deposit, on: DepositOn::Success, .. }) => {
                state.tokens = size.min(state.tokens + deposit)
            }
            RetryBudget::Throttle(throttle) => state.tokens = throttle.max_tokens.min(state.tokens + throttle.token_ratio),
            RetryBudget::Bucket(TokenBudget { on: DepositOn::Request, .. }) | RetryBudget::Percent { .. } => {}
        }
    }

    /// An attempt, first or later, ended with an outcome that is tried again. Only gRPC's throttle minds.
    pub fn failed(&self, state: &mut RetryBudgetState) {
        match self {
            RetryBudget::Throttle(_) => state.tokens = state.tokens.saturating_sub(MILLI as u64),
            RetryBudget::Percent { .. } | RetryBudget::Bucket(_) => {}
        }
    }
}

/// The whole part of a share of a count. The share was written in decimals: 29 % of 100 is 29, whatever binary makes of it.
fn whole_part(share: f64, count: u32) -> u32 {
    (share * f64::from(count) + 1e-9) as u32
}

fn tokens(field: &'static str, tokens: f64) -> Result<u64, PolicyError> {
    require((0.0..=MOST_TOKENS).contains(&tokens), field, || format!("must be a number from 0 to {MOST_TOKENS}, not {tokens}"))?;
    Ok((tokens * MILLI + 0.5) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(budget: &RetryBudget, state: &mut RetryBudgetState, tries: u32) -> u32 {
        (0..tries).map(|_| u32::from(budget.try_retry(state))).sum()
    }

    #[test]
    fn a_share_of_the_calls_in_progress_may_be_retries() {
        for (share, min_concurrent, active, expected) in
            [(0.2, 3, 0, 3), (0.2, 3, 15, 3), (0.2, 3, 19, 3), (0.2, 3, 20, 4), (0.2, 0, 4, 0), (0.29, 0, 100, 29), (1.0, 0, 7, 7)]
        {
            let budget = RetryBudget::percent(share, min_concurrent).unwrap();
            let mut state = budget.start();
            (0..active).for_each(|_| budget.call_started(&mut state));
            assert_eq!(allowed(&budget, &mut state, 200), expected, "{share} of {active}");
            if expected > 0 {
                budget.retry_ended(&mut state);
                assert_eq!(allowed(&budget, &mut state, 200), 1, "an ended retry makes room for one");
            }
        }
    }

    #[test]
    fn a_share_shrinks_with_the_load() {
        let budget = RetryBudget::percent(0.5, 0).unwrap();
        let mut state = budget.start();
        (0..4).for_each(|_| budget.call_started(&mut state));
        assert_eq!(allowed(&budget, &mut state, 9), 2);
        (0..4).for_each(|_| budget.call_ended(&mut state));
        budget.retry_ended(&mut state);
        assert!(!budget.try_retry(&mut state), "one retry is left over of two, and nothing is active");
    }

    #[test]
    fn the_aws_quota_allows_a_burst_and_then_a_trickle() {
        let budget = RetryBudget::bucket(500.0, 5.0, 1.0, DepositOn::Success).unwrap();
        let mut state = budget.start();
        assert_eq!(allowed(&budget, &mut state, 1000), 100);
        for successes in 1..=10 {
            budget.succeeded(&mut state);
            assert_eq!(allowed(&budget, &mut state, 9), u32::from(successes % 5 == 0), "every fifth success pays a retry");
        }
        (0..1000).for_each(|_| budget.succeeded(&mut state));
        assert_eq!(state.tokens, 500_000, "never more than the bucket holds");
    }

    #[test]
    fn a_bucket_filled_by_requests_bounds_retries_to_their_share() {
        // Brooker's adaptive strategy: 0.1 token a request, 5 at first.
        let budget = RetryBudget::bucket(5.0, 1.0, 0.1, DepositOn::Request).unwrap();
        let mut state = budget.start();
        let mut retries = 0;
        for _ in 0..1001 {
            budget.call_started(&mut state);
            retries += allowed(&budget, &mut state, 9);
            budget.succeeded(&mut state);
        }
        assert_eq!(retries, 105, "5 + 1000 / 10 without a rounding error: the first deposit finds the bucket full");
    }

    #[test]
    fn grpc_stops_retrying_at_half_its_tokens() {
        let budget = RetryBudget::throttle(10.0, 0.1).unwrap();
        let mut state = budget.start();
        for _ in 0..5 {
            assert!(budget.try_retry(&mut state));
            budget.failed(&mut state);
        }
        assert!(!budget.try_retry(&mut state), "5 tokens are not more than half of 10");
        budget.succeeded(&mut state);
        assert_eq!(state.tokens, 5_100);
        assert!(budget.try_retry(&mut state));
        (0..99).for_each(|_| budget.failed(&mut state));
        assert_eq!(state.tokens, 0, "never in debt");
    }

    #[test]
    fn nonsense_is_refused_in_words() {
        for (budget, message) in [
            (RetryBudget::percent(1.5, 0), "`percent` must be between 0% and 100%, not 150%"),
            (
                RetryBudget::bucket(5.0, 0.0, 1.0, DepositOn::Success),
                "`cost` must be more than 0: a retry that costs nothing needs no budget",
            ),
            (
                RetryBudget::bucket(4.0, 5.0, 1.0, DepositOn::Success),
                "`size` is smaller than the cost of one retry, so that none could ever be made",
            ),
            (RetryBudget::bucket(5.0, 1.0, -1.0, DepositOn::Success), "`deposit` must be a number from 0 to 1000000000, not -1"),
        ] {
            assert_eq!(budget.unwrap_err().to_string(), message);
        }
    }
}
