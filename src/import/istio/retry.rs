//! Retries of a route (istio `validateHTTPRetry`; the conditions of Envoy's `x-envoy-retry-on`).

use crate::base::diagnostic::nearest;
use crate::import::cursor::{At, MOST};
use crate::import::notes::Notes;
use crate::model::mesh::{Retries, RetryCondition, RetryOn, Written};
use crate::model::tree::Origin;

const CONDITIONS: [(&str, RetryCondition); 16] = [
    ("5xx", RetryCondition::ServerError),
    ("gateway-error", RetryCondition::GatewayError),
    ("reset", RetryCondition::Reset),
    ("reset-before-request", RetryCondition::ResetBeforeRequest),
    ("connect-failure", RetryCondition::ConnectFailure),
    ("envoy-ratelimited", RetryCondition::EnvoyRateLimited),
    ("retriable-4xx", RetryCondition::Retriable4xx),
    ("refused-stream", RetryCondition::RefusedStream),
    ("retriable-status-codes", RetryCondition::RetriableStatusCodes),
    ("retriable-headers", RetryCondition::RetriableHeaders),
    ("http3-post-connect-failure", RetryCondition::Http3PostConnectFailure),
    ("cancelled", RetryCondition::GrpcCancelled),
    ("deadline-exceeded", RetryCondition::GrpcDeadlineExceeded),
    ("internal", RetryCondition::GrpcInternal),
    ("resource-exhausted", RetryCondition::GrpcResourceExhausted),
    ("unavailable", RetryCondition::GrpcUnavailable),
];

pub(in crate::import) fn read(notes: &mut Notes, at: &At) -> Retries {
    let mut fields = at.fields(notes);
    let attempts_at = fields.get(notes, "attempts");
    let per_try = fields.get(notes, "perTryTimeout");
    let retry_on = fields.get(notes, "retryOn");
    let backoff = fields.get(notes, "backoff");
    let remote = fields.get(notes, "retryRemoteLocalities");
    let ignore = fields.get(notes, "retryIgnorePreviousHosts");
    fields.finish(notes);
    let attempts = attempts_at.as_ref().and_then(|at| at.int_in(notes, 0, MOST)).unwrap_or(0) as u32;
    let written = retry_on.as_ref().is_some_and(|at| at.text(notes).is_some_and(|text| !text.is_empty()));
    let negative = attempts_at.as_ref().is_some_and(|at| at.node.value == crate::model::tree::Value::Number("-1".into()));
    if attempts == 0 && !negative && (per_try.is_some() || written || remote.is_some()) {
        let message = "these retries are switched off: `attempts` is 0 or missing, and the other fields mean nothing";
        let at = attempts_at.as_ref().unwrap_or(at);
        notes.error("bad-retry", at, message, "write how many `attempts`, or only `attempts: 0`");
    }
    let origin = attempts_at.as_ref().map_or(Origin::Default, At::origin);
    Retries {
        origin: at.origin(),
        attempts: Written::new(attempts, origin),
        per_try_timeout: per_try.and_then(|at| at.duration(notes)),
        retry_on: retry_on.filter(|_| written).map(|at| conditions(notes, &at)),
        backoff: backoff.and_then(|at| at.duration(notes)),
        remote_localities: remote.and_then(|at| at.bool(notes)).unwrap_or(false),
        ignore_previous_hosts: ignore.and_then(|at| at.bool(notes).map(|value| at.written(value))),
    }
}

/// `5xx,connect-failure,503`: what is written replaces the default.
fn conditions(notes: &mut Notes, at: &At) -> Written<RetryOn> {
    let text = at.text(notes).unwrap_or_default();
    let mut read = RetryOn::default();
    for word in text.split(',') {
        let trimmed = word.trim();
        if trimmed != word && !trimmed.is_empty() {
            let message = format!("`{text}` has a blank beside a comma: Istio's webhook refuses it, its translation takes it");
            notes.warning("blank-in-retry-on", at, message, "remove the blank");
        }
        condition(notes, at, trimmed, &mut read);
    }
    if !read.statuses.is_empty() && !read.conditions.contains(&RetryCondition::RetriableStatusCodes) {
        read.conditions.push(RetryCondition::RetriableStatusCodes);
    }
    at.written(read)
}

fn condition(notes: &mut Notes, at: &At, word: &str, read: &mut RetryOn) {
    if let Some((_, known)) = CONDITIONS.iter().find(|(name, _)| *name == word) {
        if !read.conditions.contains(known) {
            read.conditions.push(*known);
        }
        return;
    }
    match word.parse::<u16>() {
        Ok(status) if is_status(status) => read.statuses.push(status),
        _ => {
            let near = nearest(word, CONDITIONS.iter().map(|(name, _)| *name));
            let help = near.map_or("write conditions of Envoy, or statuses".to_owned(), |near| format!("did you mean `{near}`?"));
            notes.error("bad-retry", at, format!("`{word}` is no condition to retry on"), help);
        }
    }
}

/// The statuses that have a name (Go's `http.StatusText`).
fn is_status(status: u16) -> bool {
    matches!(status, 100..=103 | 200..=208 | 226 | 300..=305 | 307..=308 | 400..=418 | 421..=426 | 428..=429 | 431 | 451 | 500..=508 | 510..=511)
}
