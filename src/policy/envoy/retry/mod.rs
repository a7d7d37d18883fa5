//! Retry: whether a proxy tries a request again, when, and at which host, and what its caller finally sees (Envoy
//! `retry_state_impl.cc`, `router.cc`; Istio `route/retry/retry.go`).

mod back_off;
mod conditions;

#[cfg(test)]
mod tests;

pub use back_off::BackOff;
pub use conditions::{AttemptResult, Read, ResetBy, Response, RetryOn, Token, Tokens};

use crate::base::outcome::{Flag, Outcome};
use crate::base::time::Nanos;
use crate::policy::envoy::release::Release;
use crate::policy::envoy::resources::{Counters, Thresholds};

/// `retries` of a route, as written and read.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct WrittenRetries {
    /// Absent is 0, and 0 is no retries at all.
    pub attempts: u32,
    pub per_try_timeout: Option<Nanos>,
    pub retry_on: Option<RetryOn>,
    pub retry_remote_localities: bool,
    pub retry_ignore_previous_hosts: Option<bool>,
    pub back_off: Option<BackOff>,
}

/// How a route retries.
#[derive(Clone, Debug, PartialEq)]
pub struct RetryPolicy {
    /// Attempts beside the first.
    pub num_retries: u32,
    pub on: RetryOn,
    pub back_off: BackOff,
    pub per_try_timeout: Option<Nanos>,
    /// Whether hosts that were tried are avoided.
    pub avoids_previous_hosts: bool,
    /// How often the load balancer is asked again for a host that was not tried.
    pub host_selection_retries: u32,
    /// After so many attempts the priorities that were tried are left out.
    pub previous_priorities: Option<u32>,
    /// A try whose own timeout is over goes on beside the next one (`hedge_on_per_try_timeout`).
    pub hedges: bool,
}

impl RetryPolicy {
    /// The priorities that a retry leaves out, bit by priority, after tries at these: all those up to the latest whole number of
    /// updates (Envoy `previous_priorities.cc`).
    pub fn priorities_left_out(&self, tried: impl ExactSizeIterator<Item = u8>) -> u32 {
        let Some(often) = self.previous_priorities else { return 0 };
        let counted = tried.len() / often.max(1) as usize * often.max(1) as usize;
        tried.take(counted).filter(|priority| *priority < 32).fold(0, |set, priority| set | 1 << priority)
    }

    /// What a proxy does where nothing is written. With consistent hashing, a retry goes where the request belongs.
    pub fn istio(release: Release, consistent_hash: bool) -> RetryPolicy {
        RetryPolicy {
            num_retries: 2,
            on: RetryOn::istio(release.retries_503_by_default()),
            back_off: BackOff::default(),
            per_try_timeout: None,
            avoids_previous_hosts: !consistent_hash,
            host_selection_retries: 5,
            previous_priorities: None,
            hedges: false,
        }
    }

    /// What a route's `retries` come to, or the mesh's if the route has none; none if they are switched off. What is
    /// written replaces the default field by field, but for `attempts`, which is 0 when absent.
    pub fn of(written: Option<&WrittenRetries>, release: Release, consistent_hash: bool) -> Option<RetryPolicy> {
        let default = RetryPolicy::istio(release, consistent_hash);
        let Some(written) = written else { return Some(default) };
        (written.attempts > 0).then(|| RetryPolicy {
            num_retries: written.attempts,
            on: written.retry_on.clone().unwrap_or(default.on),
            back_off: written.back_off.unwrap_or(default.back_off),
            per_try_timeout: written.per_try_timeout,
            avoids_previous_hosts: written.retry_ignore_previous_hosts.unwrap_or(default.avoids_previous_hosts),
            previous_priorities: written.retry_remote_localities.then_some(2),
            ..default
        })
    }

    /// What a server's sidecar does towards its application: it repairs connections that the application had closed.
    pub fn inbound(release: Release, is_grpc: bool) -> Option<RetryPolicy> {
        (release.retries_inbound() && !is_grpc).then(|| RetryPolicy {
            on: RetryOn { tokens: Tokens::of(&[Token::ResetBeforeRequest]), codes: Vec::new() },
            host_selection_retries: 0,
            ..RetryPolicy::istio(release, true)
        })
    }
}

/// What to do after an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// The caller gets this.
    Final(Outcome),
    /// Try again after so long; a slot of the cluster's retries is held from now on.
    Retry { after: Nanos },
}

/// Where a request's retries stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RetryState {
    remaining: u32,
    /// Retries so far.
    made: u32,
    /// Holds a slot of the cluster's retries: from the decision to the outcome of the retried attempt.
    holds_slot: bool,
}

impl RetryState {
    pub fn start(policy: Option<&RetryPolicy>) -> RetryState {
        RetryState { remaining: policy.map_or(0, |policy| policy.num_retries), made: 0, holds_slot: false }
    }

    /// Retries that were decided upon.
    pub fn made(&self) -> u32 {
        self.made
    }

    /// An attempt has ended, well or badly. `random` is for the back-off.
    pub fn attempt_ended(
        &mut self,
        policy: Option<&RetryPolicy>,
        result: AttemptResult,
        thresholds: &Thresholds,
        counters: &mut Counters,
        random: u64,
    ) -> Verdict {
        // The slot of the retry that has just ended is free before another is asked for, as in Envoy.
        self.end(counters);
        let outcome = result.outcome();
        match policy.filter(|policy| policy.on.wants(result)) {
            Some(policy) => self.again(policy, outcome, thresholds, counters, random),
            None => Verdict::Final(outcome),
        }
    }

    /// A try has taken too long and goes on: whether another one begins beside it, whatever `retryOn` says. Final is then what
    /// is noted of it, and the end of nothing (`shouldHedgeRetryPerTryTimeout`).
    pub fn hedge(&mut self, policy: &RetryPolicy, thresholds: &Thresholds, counters: &mut Counters, random: u64) -> Verdict {
        self.end(counters);
        self.again(policy, AttemptResult::PerTryTimeout.outcome(), thresholds, counters, random)
    }

    fn again(&mut self, policy: &RetryPolicy, outcome: Outcome, thresholds: &Thresholds, counters: &mut Counters, random: u64) -> Verdict {
        if self.remaining == 0 {
            return Verdict::Final(outcome.with(Flag::URX));
        }
        self.remaining -= 1;
        if !thresholds.admits_retry(counters) {
            return Verdict::Final(outcome.with(Flag::UO));
        }
        counters.retries += 1;
        self.holds_slot = true;
        let after = policy.back_off.wait(self.made, random);
        self.made += 1;
        Verdict::Retry { after }
    }

    /// The request is over by other means than the end of an attempt: its timeout, or its caller, has ended it. Gives back
    /// what it holds, once.
    pub fn end(&mut self, counters: &mut Counters) {
        if self.holds_slot {
            debug_assert!(counters.retries > 0, "a slot is given back once");
            counters.retries -= 1;
            self.holds_slot = false;
        }
    }
}

/// Chooses a host for an attempt. A first attempt takes the first pick; a retry that avoids the hosts already tried asks
/// again, so many times, and takes the last pick if all were tried. `pick` is the load balancer, which moves on with each.
pub fn choose_host(policy: Option<&RetryPolicy>, tried: &[u32], mut pick: impl FnMut() -> Option<u32>) -> Option<u32> {
    let again = policy.filter(|policy| policy.avoids_previous_hosts && !tried.is_empty()).map_or(0, |policy| policy.host_selection_retries);
    let mut host = pick()?;
    for _ in 0..again {
        if !tried.contains(&host) {
            break;
        }
        host = pick()?;
    }
    Some(host)
}
