//! Requests followed attempt by attempt: where each try went, when, and how it ended, layer by layer of what it met.
//!
//! Only the first requests of the measured interval are followed, as many as were asked for. Nothing here changes what
//! happens; without a wish to trace, nothing is looked at.

use crate::base::id::*;
use crate::base::outcome::Outcome;
use crate::base::time::Instant;
use std::collections::BTreeMap;

/// A client's request, followed to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TracedRequest {
    pub client: ClientId,
    /// The how-manieth of its client's requests.
    pub number: u64,
    pub offered: Instant,
    /// `None`: still in flight when the run ended.
    pub ended: Option<(Instant, Outcome)>,
    /// In the order in which they began.
    pub attempts: Vec<TracedAttempt>,
}

/// One try of one call below a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TracedAttempt {
    pub edge: EdgeId,
    /// Where it went; `None`: it was refused before it was sent.
    pub replica: Option<ReplicaId>,
    pub sent: Instant,
    pub ended: Option<(Instant, Outcome)>,
    /// Which of the tree of calls it is; unique within the request.
    path: u32,
}

/// Follows requests while the world runs.
#[derive(Clone, Debug, Default)]
pub struct Tracer {
    /// How many more are to be followed.
    wanted: u32,
    on: bool,
    followed: BTreeMap<u64, usize>,
    pub requests: Vec<TracedRequest>,
}

impl Tracer {
    /// Follows so many requests.
    pub fn new(wanted: u32) -> Tracer {
        Tracer { wanted, on: wanted > 0, ..Tracer::default() }
    }

    /// Whether anything is, or will be, followed.
    #[inline(always)]
    pub fn is_on(&self) -> bool {
        self.on
    }

    /// A request of the measured interval begins.
    pub fn begin(&mut self, client: ClientId, request: u64, now: Instant) {
        if self.wanted == 0 {
            return;
        }
        self.wanted -= 1;
        self.followed.insert(request, self.requests.len());
        // The lower bits of a request's number count its client's requests.
        let number = request & ((1 << 40) - 1);
        self.requests.push(TracedRequest { client, number, offered: now, ended: None, attempts: Vec::new() });
    }

    fn request(&mut self, request: u64) -> Option<&mut TracedRequest> {
        self.followed.get(&request).map(|place| &mut self.requests[*place])
    }

    pub fn end(&mut self, request: u64, now: Instant, outcome: Outcome) {
        if let Some(traced) = self.request(request) {
            traced.ended = Some((now, outcome));
        }
    }

    /// An attempt is sent to a replica.
    pub fn sent(&mut self, request: u64, path: u32, edge: EdgeId, replica: ReplicaId, now: Instant) {
        if let Some(traced) = self.request(request) {
            traced.attempts.push(TracedAttempt { edge, replica: Some(replica), sent: now, ended: None, path });
        }
    }

    /// A try is refused before it is sent.
    pub fn refused(&mut self, request: u64, edge: EdgeId, now: Instant, outcome: Outcome) {
        if let Some(traced) = self.request(request) {
            traced.attempts.push(TracedAttempt { edge, replica: None, sent: now, ended: Some((now, outcome)), path: 0 });
        }
    }

    /// An attempt is over for its caller; what comes later of it is not.
    pub fn over(&mut self, request: u64, path: u32, now: Instant, outcome: Outcome) {
        let attempts = self.request(request).map(|traced| &mut traced.attempts);
        let attempt = attempts.and_then(|all| all.iter_mut().rev().find(|a| a.path == path && a.replica.is_some()));
        if let Some(attempt) = attempt
            && attempt.ended.is_none()
        {
            attempt.ended = Some((now, outcome));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_requests_are_followed_and_an_attempt_ends_once() {
        let mut tracer = Tracer::new(1);
        tracer.begin(ClientId(0), 1 << 40 | 7, Instant(5));
        tracer.begin(ClientId(0), 1 << 40 | 8, Instant(6));
        assert!(tracer.is_on());
        tracer.sent(1 << 40 | 7, 11, EdgeId(0), ReplicaId(3), Instant(7));
        tracer.sent(1 << 40 | 8, 11, EdgeId(0), ReplicaId(3), Instant(7));
        tracer.over(1 << 40 | 7, 11, Instant(9), Outcome::TIMEOUT);
        tracer.over(1 << 40 | 7, 11, Instant(10), Outcome::OK);
        tracer.end(1 << 40 | 7, Instant(12), Outcome::TIMEOUT);
        let [traced] = &tracer.requests[..] else { panic!("one was wanted") };
        assert_eq!((traced.number, traced.ended), (7, Some((Instant(12), Outcome::TIMEOUT))));
        assert_eq!(traced.attempts[0].ended, Some((Instant(9), Outcome::TIMEOUT)));
    }
}
