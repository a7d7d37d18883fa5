//! What a route's words become: faults, timeouts and retries, with the defaults of the release.

use super::Weaver;
use crate::base::id::*;
use crate::model::mesh::{self, AbortAnswer, FaultInjection, HttpRoute, Percentage as WrittenShare, RetryCondition};
use crate::policy::envoy::fault_injection::{Abort, AbortWith, Delay, Fault};
use crate::policy::envoy::percentage::Percentage;
use crate::policy::envoy::retry::{BackOff, RetryOn, RetryPolicy, Token, Tokens, WrittenRetries};
use crate::policy::envoy::timeouts::Timeouts;

impl Weaver<'_, '_> {
    pub(super) fn fault(&mut self, written: &FaultInjection, path: &str) -> Fault {
        let delay = written.delay.as_ref().and_then(|delay| {
            let made = Delay::new(delay.fixed.value, percentage(delay.share.value));
            self.compiler.checked(made, path)
        });
        let abort = written.abort.as_ref().and_then(|abort| {
            let with = match abort.answer.value {
                AbortAnswer::Http(status) => AbortWith::HttpStatus(status),
                AbortAnswer::Grpc(code) => AbortWith::GrpcStatus(code),
            };
            self.compiler.checked(Abort::new(with, percentage(abort.share.value)), path)
        });
        Fault { delay, abort }
    }

    /// The policy of a route; without one, the mesh's.
    pub(super) fn retry(&mut self, route: &HttpRoute, only_cluster: Option<ClusterId>, path: &str) -> Option<RetryPolicy> {
        let Some(written) = &route.retries else { return self.default_retry(only_cluster) };
        let back_off = written.backoff.as_ref().and_then(|base| self.compiler.checked(BackOff::new(base.value, None), path));
        let retries = WrittenRetries { back_off, ..written_retries(written) };
        RetryPolicy::of(Some(&retries), self.release, self.is_hashed(only_cluster))
    }

    /// Twice, on what has certainly not been processed.
    pub(super) fn default_retry(&mut self, only_cluster: Option<ClusterId>) -> Option<RetryPolicy> {
        RetryPolicy::of(None, self.release, self.is_hashed(only_cluster))
    }

    /// Whether a request has but one destination, where a hash chooses the host.
    fn is_hashed(&self, only_cluster: Option<ClusterId>) -> bool {
        only_cluster.is_some_and(|id| self.mesh.clusters[id.index()].hash.is_some())
    }
}

/// How long a route's requests and their tries may take.
pub(in crate::topology) fn timeouts(route: &HttpRoute) -> Timeouts {
    let per_try = route.retries.as_ref().filter(|retries| retries.attempts.value > 0).and_then(|retries| retries.per_try_timeout.as_ref());
    Timeouts::new(route.timeout.as_ref().map(|written| written.value), per_try.map(|written| written.value))
}

/// What a route says of retries, in the words of Envoy.
pub(in crate::topology) fn written_retries(written: &mesh::Retries) -> WrittenRetries {
    WrittenRetries {
        attempts: written.attempts.value,
        per_try_timeout: written.per_try_timeout.as_ref().map(|written| written.value),
        retry_on: written.retry_on.as_ref().map(|on| retry_on(&on.value)),
        retry_remote_localities: written.remote_localities,
        retry_ignore_previous_hosts: written.ignore_previous_hosts.as_ref().map(|written| written.value),
        back_off: written.backoff.as_ref().and_then(|base| BackOff::new(base.value, None).ok()),
    }
}

fn retry_on(written: &mesh::RetryOn) -> RetryOn {
    let mut tokens: Vec<Token> = written.conditions.iter().map(|condition| token(*condition)).collect();
    if !written.statuses.is_empty() {
        tokens.push(Token::RetriableStatusCodes);
    }
    RetryOn { tokens: Tokens::of(&tokens), codes: written.statuses.clone() }
}

fn token(condition: RetryCondition) -> Token {
    match condition {
        RetryCondition::ServerError => Token::FiveXx,
        RetryCondition::GatewayError => Token::GatewayError,
        RetryCondition::Reset => Token::Reset,
        RetryCondition::ResetBeforeRequest => Token::ResetBeforeRequest,
        RetryCondition::ConnectFailure => Token::ConnectFailure,
        RetryCondition::EnvoyRateLimited => Token::EnvoyRatelimited,
        RetryCondition::Retriable4xx => Token::Retriable4xx,
        RetryCondition::RefusedStream => Token::RefusedStream,
        RetryCondition::RetriableStatusCodes => Token::RetriableStatusCodes,
        RetryCondition::RetriableHeaders => Token::RetriableHeaders,
        RetryCondition::Http3PostConnectFailure => Token::Http3PostConnectFailure,
        RetryCondition::GrpcCancelled => Token::Cancelled,
        RetryCondition::GrpcDeadlineExceeded => Token::DeadlineExceeded,
        RetryCondition::GrpcInternal => Token::Internal,
        RetryCondition::GrpcResourceExhausted => Token::ResourceExhausted,
        RetryCondition::GrpcUnavailable => Token::Unavailable,
    }
}

fn percentage(written: WrittenShare) -> Percentage {
    let WrittenShare { numerator, denominator } = written;
    let made = match denominator {
        100 => Percentage::of_whole("percent", numerator),
        _ => Percentage::of_value("value", f64::from(numerator) / 10_000.0),
    };
    made.unwrap_or(Percentage::NEVER)
}
