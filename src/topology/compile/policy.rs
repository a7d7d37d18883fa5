//! Written policies become rules, and the places where their state lives are counted.

use super::names::quoted;
use super::{Compiler, Group, MOST_CELLS};
use crate::base::id::*;
use crate::base::outcome::OutcomeSet;
use crate::base::time::Nanos;
use crate::model::scalar::{self, FailureFilter};
use crate::model::spec;
use crate::policy::app::*;
use crate::policy::error::PolicyError;
use crate::topology::{Keys, Policy};

impl Compiler<'_> {
    pub(super) fn policies(&mut self) {
        for (name, policy) in &self.model.policies {
            let path = format!("policies.{}", quoted(name));
            let rules = self.rules(policy, &path);
            self.topology.policies.push(Policy { name: name.clone(), rules });
        }
    }

    fn rules(&mut self, policy: &spec::Policy, path: &str) -> CallPolicy {
        let not_on = &policy.not_on;
        let mut rules = CallPolicy { timeout: policy.timeout.map(|t| t.nanos()), scope: self.scope(policy, path), ..CallPolicy::default() };
        if rules.timeout == Some(Nanos::ZERO) {
            self.error(
                "impossible-policy",
                "a timeout of 0s would fail every attempt",
                format!("{path}.timeout"),
                "leave it out for no timeout",
            );
        }
        rules.deadline =
            policy.deadline.and_then(|d| self.checked(Deadline::new(d.after.nanos(), d.propagate), &format!("{path}.deadline")));
        rules.retry = policy.retry.as_ref().and_then(|r| self.retry(r, not_on, &format!("{path}.retry")));
        rules.breaker = policy.circuit_breaker.as_ref().and_then(|b| self.breaker(b, not_on, &format!("{path}.circuitBreaker")));
        rules.bulkhead =
            policy.bulkhead.and_then(|b| self.checked(Bulkhead::new(b.max_concurrent, b.max_wait.nanos()), &format!("{path}.bulkhead")));
        rules.rate_limit = policy.rate_limit.as_ref().and_then(|limit| self.token_bucket(limit, &format!("{path}.rateLimit")));
        rules.fallback = policy.fallback.as_ref().and_then(|f| self.fallback(f, not_on, &format!("{path}.fallback")));
        rules.layers = self.layers(policy, &rules, path);
        if rules.scope == Scope::Replica && rules.retry.as_ref().is_some_and(|r| r.budget.is_some()) {
            let message = "a retry `budget` cannot be kept per replica of the callee: a retry may go to another";
            self.error("impossible-policy", message, format!("{path}.scope"), "use `scope: service`, or leave the budget out");
        }
        rules
    }

    fn scope(&mut self, policy: &spec::Policy, path: &str) -> Scope {
        match &policy.scope {
            scalar::Scope::Service => Scope::Service,
            scalar::Scope::Endpoint => Scope::Endpoint,
            scalar::Scope::Replica => Scope::Replica,
            scalar::Scope::Policy => Scope::Policy,
            scalar::Scope::Key(name) => {
                let known: Vec<String> = self.topology.attributes.iter().map(|a| a.name.clone()).collect();
                match known.iter().position(|k| k == name) {
                    Some(place) => Scope::Key(AttributeId::new(place)),
                    None => {
                        let known = known.iter().map(String::as_str).collect();
                        self.unknown("attribute", "unknown-attribute", name, format!("{path}.scope"), known);
                        Scope::Service
                    }
                }
            }
        }
    }

    pub(super) fn checked<T>(&mut self, result: Result<T, PolicyError>, path: &str) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(problem) => {
                self.error("impossible-policy", problem.to_string(), path, "see `brownout schema` for what each policy takes");
                None
            }
        }
    }

    pub(super) fn backoff(&mut self, backoff: spec::Backoff, path: &str) -> Option<Backoff> {
        let spec::Backoff { initial, factor, max, jitter } = backoff;
        let (shape, jitter) = match jitter {
            spec::Jitter::Decorrelated => (Shape::Decorrelated, Jitter::None),
            spec::Jitter::None => (Shape::Exponential, Jitter::None),
            spec::Jitter::Full => (Shape::Exponential, Jitter::Full),
            spec::Jitter::Equal => (Shape::Exponential, Jitter::Equal),
        };
        let shape = if factor == 1.0 && shape == Shape::Exponential { Shape::Fixed } else { shape };
        let max = max.map_or(Nanos::MAX, |max| max.nanos());
        self.checked(Backoff::new(shape, initial.nanos(), factor, max, jitter), path)
    }

    fn retry(&mut self, retry: &spec::Retry, not_on: &[u16], path: &str) -> Option<Retry> {
        let backoff = self.backoff(retry.backoff, &format!("{path}.backoff"))?;
        let budget = match retry.budget {
            None => None,
            Some(spec::Budget::Share(budget)) => {
                Some(self.checked(RetryBudget::percent(budget.percent.fraction(), budget.min_concurrent), &format!("{path}.budget"))?)
            }
            Some(spec::Budget::Bucket(spec::BucketBudget { bucket })) => {
                let on = match bucket.on {
                    spec::Deposit::Success => DepositOn::Success,
                    spec::Deposit::Call => DepositOn::Request,
                };
                Some(self.checked(RetryBudget::bucket(bucket.size, bucket.cost, bucket.deposit, on), &format!("{path}.budget.bucket"))?)
            }
        };
        let attempts = retry.attempts.finite().unwrap_or(Retry::UNLIMITED);
        if attempts != Retry::UNLIMITED && attempts > u32::from(u16::MAX) {
            let message = format!("{attempts} attempts are more than the limit of {}", u16::MAX);
            self.error("impossible-policy", message, format!("{path}.attempts"), "write `unlimited`");
        }
        self.checked(Retry::new(attempts, backoff, FailureFilter::set(&retry.on).except(not_on), budget), path)
    }

    fn breaker(&mut self, breaker: &spec::CircuitBreaker, not_on: &[u16], path: &str) -> Option<CircuitBreaker> {
        let counts =
            |on: &Option<Vec<FailureFilter>>| on.as_ref().map_or_else(OutcomeSet::errors, |on| FailureFilter::set(on)).except(not_on);
        match breaker {
            spec::CircuitBreaker::Consecutive(breaker) => {
                let trip = Consecutive {
                    failures: breaker.consecutive_failures,
                    open_for: breaker.open_for.nanos(),
                    half_open_calls: breaker.half_open_calls,
                    successes_to_close: breaker.successes_to_close,
                };
                self.checked(CircuitBreaker::consecutive(trip, counts(&breaker.on)), path)
            }
            spec::CircuitBreaker::Sliding(spec::SlidingBreaker { sliding_window: window, on }) => {
                let trip = SlidingWindow {
                    kind: match window.kind {
                        spec::WindowType::Count => WindowKind::Count,
                        spec::WindowType::Time => WindowKind::Time,
                    },
                    size: window.size,
                    minimum_calls: window.minimum_number_of_calls,
                    failure_rate_threshold: 100.0 * window.failure_rate_threshold.fraction(),
                    slow_call_rate_threshold: 100.0 * window.slow_call_rate_threshold.fraction(),
                    slow_call_duration: window.slow_call_duration_threshold.nanos(),
                    permitted_half_open_calls: window.permitted_number_of_calls_in_half_open_state,
                    open_for: window.wait_duration_in_open_state.nanos(),
                    max_wait_half_open: window.max_wait_duration_in_half_open_state.nanos(),
                    automatic_transition: window.automatic_transition_from_open_to_half_open_enabled,
                };
                self.checked(CircuitBreaker::window(trip, counts(on)), &format!("{path}.slidingWindow"))
            }
        }
    }

    pub(super) fn token_bucket(&mut self, limit: &spec::RateLimit, path: &str) -> Option<TokenBucket> {
        self.checked(TokenBucket::per_second(limit.rate.hertz(), limit.burst), path)
    }

    fn fallback(&mut self, fallback: &spec::Fallback, not_on: &[u16], path: &str) -> Option<Fallback> {
        let action = match fallback {
            spec::Fallback::Value(_) => FallbackAction::Value,
            spec::Fallback::Cached(name) => match self.names.cache(name) {
                Some(cache) => FallbackAction::Cached(cache),
                None => {
                    self.unknown("cache", "unknown-cache", name, format!("{path}.cached"), self.names.caches.clone());
                    return None;
                }
            },
            spec::Fallback::Call(callee) => {
                self.endpoint(callee, &format!("{path}.call"))?;
                FallbackAction::Call
            }
        };
        Some(Fallback::new(action, OutcomeSet::failures().except(not_on)))
    }

    fn layers(&mut self, policy: &spec::Policy, rules: &CallPolicy, path: &str) -> Vec<Layer> {
        let words: Vec<&str> = policy.order.iter().map(|part| part.key()).collect();
        match order::parse(&words, &rules.configured()) {
            Ok(layers) => layers,
            Err(problems) => {
                for problem in problems {
                    self.error(
                        "impossible-order",
                        problem.to_string(),
                        format!("{path}.order"),
                        "name each part of the policy once, outermost first",
                    );
                }
                Vec::new()
            }
        }
    }

    /// Where the state of a policy lives for one group of callers and one callee: its first cell, and cells per caller.
    pub(super) fn cells(&mut self, policy: PolicyId, group: Group, callee: EndpointId, path: &str) -> (u32, u32) {
        if policy.is_none() {
            return (0, 0);
        }
        let service = self.topology.endpoints[callee.index()].service;
        let replicas = self.topology.services[service.index()].replicas.len() as u64;
        let (group, within, stride) = match self.topology.policies[policy.index()].rules.scope {
            Scope::Service => (group, service.0, 1),
            // Endpoints are told from services by the top bit.
            Scope::Endpoint => (group, callee.0 | 1 << 31, 1),
            Scope::Replica => (group, service.0, replicas),
            Scope::Key(attribute) => {
                // Several clients may have an attribute of this name: there is room for the values of each.
                let name = &self.topology.attributes[attribute.index()].name;
                let values = self.topology.attributes.iter().filter(|a| a.name == *name).map(|a| match &a.values {
                    Keys::Zipf(zipf) => zipf.keys(),
                    Keys::Uniform(n) => *n,
                    Keys::Weighted(shares) => shares.len() as u64,
                });
                (group, service.0, values.max().unwrap_or(1))
            }
            Scope::Policy => (group, u32::MAX, 1),
        };
        if let Some(known) = self.cells.get(&(policy, group, within)) {
            return *known;
        }
        let callers = self.callers_of(group);
        let end = u64::from(self.topology.cells) + callers * stride;
        if end > MOST_CELLS {
            let message = format!("the state of the policies would take more than {MOST_CELLS} cells (callers × replicas or keys)");
            self.error("too-much-state", message, path, "use `scope: service`, or fewer replicas, instances or keys");
            return (0, 1);
        }
        let place = (self.topology.cells, stride as u32);
        self.topology.cells = end as u32;
        self.cells.insert((policy, group, within), place);
        place
    }
}
