//! Episodes: what went wrong where, since when, how often, and *because of what*.
//!
//! Causes are recorded, not guessed. A fault is an episode. Whatever it touches carries it on: a request slowed by it, a
//! request that waited behind that one, the caller whose call timed out. When one of those fails, the failure becomes an
//! episode whose cause is the one carried, and its effects carry the new one. The chain from any effect leads back to a
//! fault, or to none, by these links alone.

use crate::base::id::*;
use crate::base::time::{Instant, Nanos};

/// An episode, or nothing: what a request, call or replica carries. Two bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Cause(pub u16);

impl Cause {
    pub const NONE: Cause = Cause(0);

    /// Its place in [`Recording::episodes`](crate::observe::recording::Recording::episodes).
    pub fn episode(self) -> Option<usize> {
        (self.0 as usize).checked_sub(1)
    }

    #[inline(always)]
    pub fn is_some(self) -> bool {
        self.0 != 0
    }

    /// The newer harm wins; having met none changes nothing.
    #[inline(always)]
    pub fn or(self, earlier: Cause) -> Cause {
        if self.0 != 0 { self } else { earlier }
    }
}

/// Where an episode happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    Fault(FaultId),
    Service(ServiceId),
    Edge(EdgeId),
    Client(ClientId),
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Trouble {
    /// A fault of the model.
    Fault = 0,
    /// At a service: requests wait for a worker held up by the cause.
    WorkersExhausted = 1,
    /// At a service: requests are refused because the queue is full.
    QueueFull = 2,
    /// At a service: requests waited longer than `maxWait`.
    QueueExpired = 3,
    /// At a service: requests exceed its rate limit.
    RateLimited = 4,
    /// At a service: the endpoint ends with an error because of what it called.
    Failing = 5,
    /// On an edge: attempts time out.
    Timeouts = 6,
    /// On an edge: calls run into their deadline.
    Deadlines = 7,
    /// On an edge: nobody accepts.
    ConnectFailures = 8,
    /// On an edge: connections are lost.
    Resets = 9,
    /// On an edge: the callee answers with errors.
    ErrorAnswers = 10,
    /// On an edge: failed attempts are sent again.
    Retries = 11,
    /// On an edge: a breaker opened.
    BreakerOpened = 12,
    /// On an edge: the bulkhead refuses.
    BulkheadFull = 13,
    /// On an edge: a fallback answers.
    Fallbacks = 14,
    /// Of a client: its requests fail.
    RequestsFail = 15,
    /// On an edge: proxies eject hosts.
    HostsEjected = 16,
    /// On an edge: proxies have no host to send to.
    NoHost = 17,
    /// On an edge: a limit of the proxies' connection pools is reached.
    PoolOverflow = 18,
}

impl Trouble {
    pub const COUNT: usize = 19;
}

/// One thing going wrong at one place because of one cause's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Episode {
    pub place: Place,
    pub trouble: Trouble,
    pub began: Instant,
    /// The latest occurrence.
    pub last: Instant,
    /// Occurrences.
    pub count: u64,
    /// What the first occurrence was caused by.
    pub because: Cause,
    /// What most occurrences were caused by, by majority vote (Boyer and Moore 1981); if there is no majority, one of those.
    pub mainly: Cause,
    /// The vote's count.
    pub lead: u64,
    /// The episode at the beginning of the chain (itself, if nothing caused it).
    pub root: Cause,
    /// The nearest episode in the chain (itself included) that makes additional requests, if one does.
    pub load: Cause,
}

impl Episode {
    /// It has happened again, because of this.
    pub fn again(&mut self, at: Instant, because: Cause) {
        self.last = at;
        self.count += 1;
        if because == self.mainly {
            self.lead += 1;
        } else if self.lead == 0 {
            (self.mainly, self.lead) = (because, 1);
        } else {
            self.lead -= 1;
        }
    }
}

/// An episode that has been quiet for so long is over; what comes later is a new one.
pub const QUIET: Nanos = Nanos::from_secs(15);

/// No more episodes than this are told apart; later ones are counted as left out.
pub const MOST_EPISODES: usize = 60_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_of_most_occurrences_wins_whatever_came_first() {
        let place = Place::Service(ServiceId(0));
        let (began, first) = (Instant::START, Cause(1));
        let mut episode = Episode {
            place,
            trouble: Trouble::Failing,
            began,
            last: began,
            count: 1,
            because: first,
            mainly: first,
            lead: 1,
            root: first,
            load: Cause::NONE,
        };
        for (i, cause) in [1, 2, 2, 3, 2, 2, 1, 2].into_iter().enumerate() {
            episode.again(Instant(i as u64), Cause(cause));
        }
        assert_eq!((episode.because, episode.mainly, episode.count, episode.last), (first, Cause(2), 9, Instant(7)));
    }
}
