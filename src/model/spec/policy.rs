//! Policies: what an application's library does on a call.

use super::RateLimit;
use crate::model::scalar::{Bound, Duration, EndpointRef, FailureFilter, Scope, Share};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What an application's library does on a call. Nothing is on by default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Policy {
    /// Whose policy this is, in words. Default: none.
    pub description: String,
    /// How long one attempt may take; its late answer is discarded. Default: none, for ever.
    pub timeout: Option<Duration>,
    /// How long the whole call may take, retries and their backoff included. Default: none.
    pub deadline: Option<Deadline>,
    /// Further attempts after a failure. Default: none.
    pub retry: Option<Retry>,
    /// Stops calling what keeps failing. Default: none.
    pub circuit_breaker: Option<CircuitBreaker>,
    /// Bounds the calls in flight. Default: none.
    pub bulkhead: Option<Bulkhead>,
    /// Bounds the calls per time; one too many is answered 429. Default: none.
    pub rate_limit: Option<RateLimit>,
    /// Answers in place of a failure; counted as degraded. Default: none.
    pub fallback: Option<Fallback>,
    /// Statuses that are answers, not failures, to every part of the policy. Default: none.
    #[schemars(inner(range(min = 100, max = 599)))]
    pub not_on: Vec<u16>,
    /// Who shares the state of the policy. Default: service.
    pub scope: Scope,
    /// The parts, outermost first; a part that is configured has to be listed.
    /// Default: fallback, deadline, retry, circuitBreaker, bulkhead, rateLimit, timeout.
    pub order: Vec<PolicyPart>,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            description: String::new(),
            timeout: None,
            deadline: None,
            retry: None,
            circuit_breaker: None,
            bulkhead: None,
            rate_limit: None,
            fallback: None,
            not_on: Vec::new(),
            scope: Scope::Service,
            order: PolicyPart::ORDER.to_vec(),
        }
    }
}

/// A part of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum PolicyPart {
    Fallback,
    Deadline,
    Retry,
    CircuitBreaker,
    Bulkhead,
    RateLimit,
    Timeout,
}

impl PolicyPart {
    /// The default order, outermost first.
    pub const ORDER: [PolicyPart; 7] = [
        PolicyPart::Fallback,
        PolicyPart::Deadline,
        PolicyPart::Retry,
        PolicyPart::CircuitBreaker,
        PolicyPart::Bulkhead,
        PolicyPart::RateLimit,
        PolicyPart::Timeout,
    ];

    /// The key under which a policy configures this part.
    pub fn key(self) -> &'static str {
        match self {
            PolicyPart::Fallback => "fallback",
            PolicyPart::Deadline => "deadline",
            PolicyPart::Retry => "retry",
            PolicyPart::CircuitBreaker => "circuitBreaker",
            PolicyPart::Bulkhead => "bulkhead",
            PolicyPart::RateLimit => "rateLimit",
            PolicyPart::Timeout => "timeout",
        }
    }
}

impl Policy {
    /// The parts that are configured, outermost first.
    pub fn parts(&self) -> Vec<PolicyPart> {
        self.order.iter().copied().filter(|part| self.has(*part)).collect()
    }

    pub fn has(&self, part: PolicyPart) -> bool {
        match part {
            PolicyPart::Fallback => self.fallback.is_some(),
            PolicyPart::Deadline => self.deadline.is_some(),
            PolicyPart::Retry => self.retry.is_some(),
            PolicyPart::CircuitBreaker => self.circuit_breaker.is_some(),
            PolicyPart::Bulkhead => self.bulkhead.is_some(),
            PolicyPart::RateLimit => self.rate_limit.is_some(),
            PolicyPart::Timeout => self.timeout.is_some(),
        }
    }
}

/// How long a whole call may take.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "DeadlineForm", rename_all = "camelCase")]
pub struct Deadline {
    pub after: Duration,
    pub propagate: Option<bool>,
}

/// A deadline as written: `5s`, or `{after: 5s, propagate: true}`.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum DeadlineForm {
    /// After so long; callees learn of it over gRPC.
    Short(Duration),
    Long(LongDeadline),
}

/// A deadline with all that it has.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LongDeadline {
    /// How long the whole call may take. Required.
    after: Duration,
    /// Whether callees learn of it and pass it on to their own calls. Default: none given; then those whose protocol is grpc do.
    #[serde(default)]
    propagate: Option<bool>,
}

impl From<DeadlineForm> for Deadline {
    fn from(form: DeadlineForm) -> Deadline {
        match form {
            DeadlineForm::Short(after) => Deadline { after, propagate: None },
            DeadlineForm::Long(LongDeadline { after, propagate }) => Deadline { after, propagate },
        }
    }
}

/// Further attempts after a failure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Retry {
    /// All attempts of a call, the first included; `unlimited` is legal. Required.
    #[schemars(extend("minimum" = 1))]
    pub attempts: Bound,
    /// The wait before a further attempt.
    #[serde(default)]
    pub backoff: Backoff,
    /// Failures that are retried. Default: 5xx, timeout, connectFailure, reset.
    #[serde(default = "retriable")]
    pub on: Vec<FailureFilter>,
    /// Bounds retries as a share of all calls. Default: none.
    #[serde(default)]
    pub budget: Option<Budget>,
}

/// The wait before a further attempt: `initial` × `factor`^(retries before), at most `max`, then jitter. A factor of 1 waits the same each time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Backoff {
    /// Before the first retry. Default: 0s, at once.
    pub initial: Duration,
    /// How much longer each wait is than the one before. Default: 2.
    #[schemars(range(min = 1, max = 1000))]
    pub factor: f64,
    /// The longest wait. Default: none.
    pub max: Option<Duration>,
    /// How a wait is drawn. Default: none.
    pub jitter: Jitter,
}

impl Default for Backoff {
    fn default() -> Backoff {
        Backoff { initial: Duration::ZERO, factor: 2.0, max: None, jitter: Jitter::None }
    }
}

/// How a wait of `w` is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Jitter {
    /// Always w.
    #[default]
    None,
    /// Anything from 0 to w.
    Full,
    /// Anything from w/2 to w.
    Equal,
    /// Anything from `initial` to 3 × the wait before, at most `max`; `factor` is not used.
    Decorrelated,
}

/// Bounds retries.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Budget {
    Share(ShareBudget),
    Bucket(BucketBudget),
}

/// Envoy's budget: retries in flight, as a share of requests in flight.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ShareBudget {
    /// Retries in flight, at most this share of requests in flight. Required.
    pub percent: Share,
    /// So many retries in flight are always allowed. Default: 3.
    #[serde(default = "default_min_concurrent")]
    pub min_concurrent: u32,
}

/// A budget of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BucketBudget {
    /// The bucket. Required.
    pub bucket: Bucket,
}

/// A bucket of tokens, full at first, that retries take from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Bucket {
    /// Tokens that fit in. Default: 500.
    #[schemars(range(min = 1, max = 1e9))]
    pub size: f64,
    /// Tokens that a retry takes; without them it does not happen. Default: 5.
    #[schemars(range(min = 0, max = 1e9))]
    pub cost: f64,
    /// Tokens that come back. Default: 1.
    #[schemars(range(min = 0, max = 1e9))]
    pub deposit: f64,
    /// What brings them back. Default: success.
    pub on: Deposit,
}

impl Default for Bucket {
    fn default() -> Bucket {
        Bucket { size: 500.0, cost: 5.0, deposit: 1.0, on: Deposit::Success }
    }
}

/// What brings tokens back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Deposit {
    /// Every attempt that ends well.
    Success,
    /// Every call, when it is made.
    Call,
}

/// Stops calling what keeps failing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum CircuitBreaker {
    Consecutive(ConsecutiveBreaker),
    Sliding(SlidingBreaker),
}

/// A breaker that opens after so many failures in a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConsecutiveBreaker {
    /// Failures in a row that open it. Required.
    #[schemars(range(min = 1))]
    pub consecutive_failures: u32,
    /// How long it stays open before it lets calls through on trial. Default: 60s.
    #[serde(default = "default_open_for")]
    pub open_for: Duration,
    /// Calls on trial at one time while half open. Default: 1.
    #[serde(default = "super::one")]
    #[schemars(range(min = 1))]
    pub half_open_calls: u32,
    /// Successes on trial that close it; a failure opens it again. Default: 1.
    #[serde(default = "super::one")]
    #[schemars(range(min = 1))]
    pub successes_to_close: u32,
    /// What counts as a failure. Default: none listed; then every failure class and every status of 400 and above does, but those of `notOn`.
    #[serde(default)]
    pub on: Option<Vec<FailureFilter>>,
}

/// A breaker that opens on a rate of failures or of slow calls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SlidingBreaker {
    /// The window and its thresholds, in Resilience4j's words. Required; `{}` takes Resilience4j's defaults.
    pub sliding_window: SlidingWindow,
    /// What counts as a failure. Default: none listed; then every failure class and every status of 400 and above does, but those of `notOn`.
    #[serde(default)]
    pub on: Option<Vec<FailureFilter>>,
}

/// Resilience4j's circuit breaker, with its names and defaults.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct SlidingWindow {
    /// Whether the window holds calls or seconds. Default: count.
    #[serde(rename = "type")]
    pub kind: WindowType,
    /// So many calls, or seconds. Default: 100.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub size: u32,
    /// Rates mean something only after so many calls. Default: 100.
    #[schemars(range(min = 1))]
    pub minimum_number_of_calls: u32,
    /// Share of failures that opens it. Default: 50%.
    pub failure_rate_threshold: Share,
    /// Share of slow calls that opens it. Default: 100%.
    pub slow_call_rate_threshold: Share,
    /// A call that takes longer is slow. Default: 60s.
    pub slow_call_duration_threshold: Duration,
    /// Calls on trial while half open; their rates decide. Default: 10.
    #[schemars(range(min = 1))]
    pub permitted_number_of_calls_in_half_open_state: u32,
    /// How long it stays open. Default: 60s.
    pub wait_duration_in_open_state: Duration,
    /// How long it stays half open at most, before it opens again. Default: 0s, until the calls on trial have ended.
    pub max_wait_duration_in_half_open_state: Duration,
    /// Whether it turns half open by itself; if not, the next call does it. Default: false.
    pub automatic_transition_from_open_to_half_open_enabled: bool,
}

impl Default for SlidingWindow {
    fn default() -> SlidingWindow {
        SlidingWindow {
            kind: WindowType::Count,
            size: 100,
            minimum_number_of_calls: 100,
            failure_rate_threshold: Share::percent(50.0),
            slow_call_rate_threshold: Share::ALL,
            slow_call_duration_threshold: Duration::from_secs(60),
            permitted_number_of_calls_in_half_open_state: 10,
            wait_duration_in_open_state: Duration::from_secs(60),
            max_wait_duration_in_half_open_state: Duration::ZERO,
            automatic_transition_from_open_to_half_open_enabled: false,
        }
    }
}

/// What a sliding window holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum WindowType {
    /// The last so many calls.
    Count,
    /// The calls of the last so many seconds.
    Time,
}

/// Bounds the calls in flight.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Bulkhead {
    /// Calls in flight at one time. Required.
    #[schemars(range(min = 1))]
    pub max_concurrent: u32,
    /// How long a call waits for its turn before it fails. Default: 0s.
    #[serde(default)]
    pub max_wait: Duration,
}

/// What answers in place of a failure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Fallback {
    /// A fixed value; the word is for people.
    Value(String),
    /// What this cache holds for the request's key; a miss stays a failure.
    Cached(String),
    /// The answer of another endpoint, called once without a policy.
    Call(EndpointRef),
}

fn retriable() -> Vec<FailureFilter> {
    FailureFilter::RETRIABLE.to_vec()
}

fn default_min_concurrent() -> u32 {
    3
}

fn default_open_for() -> Duration {
    Duration::from_secs(60)
}
