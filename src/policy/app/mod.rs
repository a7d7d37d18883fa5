//! What an application's own library does around a call, in the caller's process.
//!
//! | policy | decides | after |
//! |---|---|---|
//! | [`fallback`] | whether a made-up answer stands in for a failure | Hystrix, Polly |
//! | [`deadline`] | until when the whole call may take | gRPC deadlines |
//! | [`retry`], [`backoff`] | whether to try again, and when | Resilience4j Retry; Brooker, "Exponential Backoff And Jitter" (2015) |
//! | [`retry_budget`] | whether another retry can be afforded | Envoy retry budgets, AWS SDK retry quota, gRPC retry throttling (A6) |
//! | [`circuit_breaker`] | whether to call at all | Nygard, "Release It!"; Resilience4j; Python circuitbreaker |
//! | [`bulkhead`] | how many calls at once | Resilience4j Bulkhead (semaphore) |
//! | [`token_bucket`] | how many calls per second | Envoy's local rate limit |
//! | [`order`] | which of them is outside which | Resilience4j's and Polly's pipelines |
//! | [`load_balancing`] | which replica gets the attempt | Envoy; Mitzenmacher (2001) |
//!
//! Each file holds validated parameters, a small state (made by `start`, where there is one), answers and a table of
//! tests. Time comes in as an argument, randomness as a uniform number or a closure. Whose state it is (one per service,
//! replica, key …) is the [`Scope`], and keeping the states is the world's business.

pub mod backoff;
pub mod bulkhead;
pub mod circuit_breaker;
pub mod deadline;
pub mod fallback;
pub mod load_balancing;
pub mod order;
pub mod retry;
pub mod retry_budget;
pub mod token_bucket;

pub use backoff::{Backoff, Jitter, Shape};
pub use bulkhead::{Admission, Bulkhead, BulkheadState};
pub use circuit_breaker::{BreakerState, CircuitBreaker, Consecutive, Counted, Mode, Permit, SlidingWindow, Transition, Trip, WindowKind};
pub use deadline::Deadline;
pub use fallback::{Fallback, FallbackAction};
pub use load_balancing::LoadBalancing;
pub use order::Layer;
pub use retry::Retry;
pub use retry_budget::{DepositOn, RetryBudget, RetryBudgetState, Throttle, TokenBudget};
pub use token_bucket::{TokenBucket, TokenBucketState};

use crate::base::id::AttributeId;
use crate::base::time::Nanos;

/// Everything that one named policy of a model does on a call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CallPolicy {
    /// Outermost first, and only those that are configured.
    pub layers: Vec<Layer>,
    /// Of one attempt.
    pub timeout: Option<Nanos>,
    pub deadline: Option<Deadline>,
    pub retry: Option<Retry>,
    pub breaker: Option<CircuitBreaker>,
    pub bulkhead: Option<Bulkhead>,
    pub rate_limit: Option<TokenBucket>,
    pub fallback: Option<Fallback>,
    pub scope: Scope,
}

impl CallPolicy {
    /// The layers that have parameters, in the default order.
    pub fn configured(&self) -> Vec<Layer> {
        order::DEFAULT.into_iter().filter(|layer| self.has(*layer)).collect()
    }

    fn has(&self, layer: Layer) -> bool {
        match layer {
            Layer::Fallback => self.fallback.is_some(),
            Layer::Deadline => self.deadline.is_some(),
            Layer::Retry => self.retry.is_some(),
            Layer::CircuitBreaker => self.breaker.is_some(),
            Layer::Bulkhead => self.bulkhead.is_some(),
            Layer::RateLimit => self.rate_limit.is_some(),
            Layer::Timeout => self.timeout.is_some(),
        }
    }
}

/// Whose state a policy keeps: calls that share a scope share a breaker, a budget, a bulkhead. Always per calling replica.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Scope {
    /// One per called service.
    #[default]
    Service,
    /// One per called endpoint.
    Endpoint,
    /// One per called replica.
    Replica,
    /// One per value of an attribute of the request.
    Key(AttributeId),
    /// One for all of a caller's calls that use the policy.
    Policy,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configured_layers_come_in_the_default_order() {
        let policy = CallPolicy {
            timeout: Some(Nanos::from_secs(1)),
            bulkhead: Some(Bulkhead::new(20, Nanos::ZERO).unwrap()),
            deadline: Some(Deadline::new(Nanos::from_secs(5), None).unwrap()),
            ..CallPolicy::default()
        };
        assert_eq!(policy.configured(), [Layer::Deadline, Layer::Bulkhead, Layer::Timeout]);
        assert_eq!(CallPolicy::default().configured(), []);
    }
}
