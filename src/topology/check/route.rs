//! Tries, their timeouts and the route's: what of a route's retries can never happen.

use super::{Finding, Weight};
use crate::base::time::Nanos;
use crate::policy::envoy::retry::{AttemptResult, RetryPolicy};
use crate::policy::envoy::timeouts::Timeouts;

/// What is to be said of a route, by the words that name it and its path in the manifests.
pub(super) fn find(name: &str, path: &str, retry: &RetryPolicy, timeouts: Timeouts) -> Vec<Finding> {
    let mut findings = Vec::new();
    // Without a timeout of its own a try may take all of the route's: there is nothing to compare.
    let Some(per_try) = retry.per_try_timeout else { return findings };
    let path = format!("{path}.retries.perTryTimeout");
    let mut say = |code, message: String, help: &str| {
        findings.push(Finding { weight: Weight::Warning, code, message, path: path.clone(), help: help.into() });
    };
    if timeouts.per_try.is_some() && !retry.on.wants(AttemptResult::PerTryTimeout) {
        let message = format!("{name}: a try is cut after {per_try}, and `retryOn` does not retry that");
        say("per-try-not-retried", message, "add `reset` or `5xx` to `retryOn`, or leave `perTryTimeout` to `timeout`");
    }
    let tries = retry.num_retries + 1;
    let needed = Nanos(per_try.0.saturating_mul(u64::from(tries)));
    match timeouts.global {
        Some(timeout) if timeout <= per_try => {
            let message = format!("{name}: a try may take {per_try}, and the route's timeout ends everything after {timeout}");
            say(
                "retries-beyond-timeout",
                message,
                "make `perTryTimeout` shorter than `timeout` divided by the tries, or give the route more time",
            );
        }
        Some(timeout) if timeout < needed => {
            let message = format!("{name}: {tries} tries of {per_try} take {needed}, and the route's timeout is {timeout}");
            say("retries-beyond-timeout", message, "give the route more time, or its tries less");
        }
        Some(_) | None => {}
    }
    findings
}
