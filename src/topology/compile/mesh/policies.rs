//! What a route's words become: faults, timeouts and retries, with the defaults of the release.

use super::Weaver;
use crate::base::id::*;
use crate::model::mesh::{AbortAnswer, FaultInjection, HttpRoute, Percentage as WrittenShare, Retries};
use crate::policy::envoy::fault_injection::{Abort, AbortWith, Delay, Fault};
use crate::policy::envoy::percentage::Percentage;
use crate::policy::envoy::retry::{BackOff, Retry, RetryOn};
use crate::policy::envoy::timeouts::Timeouts;
use crate::topology::mesh::HashKey;

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

    pub(super) fn timeouts(&self, route: &HttpRoute) -> Timeouts {
        let per_try = route.retries.as_ref().filter(|retries| retries.attempts.value > 0).and_then(|retries| retries.per_try_timeout.as_ref());
        Timeouts::new(route.timeout.as_ref().map(|written| written.value), per_try.map(|written| written.value))
    }

    /// The policy of a route; without one, the mesh's.
    pub(super) fn retry(&mut self, route: &HttpRoute, only_cluster: Option<ClusterId>, path: &str) -> Option<Retry> {
        let Some(Retries { attempts, retry_on, backoff, ignore_previous_hosts, .. }) = &route.retries else {
            return self.default_retry(only_cluster);
        };
        if attempts.value == 0 {
            return None;
        }
        let on = match retry_on {
            None => RetryOn::istio(self.release.retries_503_by_default()),
            Some(written) => self.retry_on(&written.value, path),
        };
        let back_off = match backoff {
            None => BackOff::default(),
            Some(written) => self.compiler.checked(BackOff::new(written.value, None), path).unwrap_or_default(),
        };
        let others = ignore_previous_hosts.as_ref().is_none_or(|written| written.value);
        let retry = Retry::new(attempts.value, on, back_off, others);
        self.compiler.checked(retry, path)
    }

    fn retry_on(&mut self, written: &crate::model::mesh::RetryOn, path: &str) -> RetryOn {
        let words = written.conditions.iter().map(|condition| condition.word().to_string());
        let codes = written.statuses.iter().map(u16::to_string);
        let text = words.chain(codes).collect::<Vec<_>>().join(",");
        let read = self.compiler.checked(RetryOn::parse(&text), path);
        read.map_or_else(|| RetryOn::istio(false), |read| read.on)
    }

    /// Twice, on what has certainly not been processed; elsewhere, unless the only destination is chosen by a hash.
    pub(super) fn default_retry(&mut self, only_cluster: Option<ClusterId>) -> Option<Retry> {
        let hashed = |id: ClusterId| matches!(self.mesh.clusters[id.index()].hash, Some(HashKey::Attributes(_) | HashKey::Caller));
        let others = !only_cluster.is_some_and(hashed);
        Retry::new(2, RetryOn::istio(self.release.retries_503_by_default()), BackOff::default(), others).ok()
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
