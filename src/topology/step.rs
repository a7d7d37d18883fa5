//! What an endpoint does, as a flat program: each step either takes time, asks somebody, or says where to go next.
//!
//! Constructs with a scope (branches, loop bodies, what runs while a permit is held) have a *body*: steps elsewhere in
//! the table, run by a child of the job and ended by [`Step::End`].

use crate::base::dist::Dist;
use crate::base::id::*;
use crate::base::time::Nanos;

#[derive(Clone, Debug)]
pub enum Step {
    /// Computes for so long; stretched while a fault slows the replica.
    Work(Dist),
    /// Waits for something outside the model for so long; no fault stretches it.
    Wait(Dist),
    /// Calls and waits for the answer; a failure ends the endpoint with the answer's status.
    Call(SiteId),
    /// Runs the bodies side by side.
    Parallel { bodies: Box<[StepId]>, join: Join, cancel_losers: bool },
    /// Goes on at one of the targets: cumulative shares in `0..=1`, the last is 1.
    Choose(Box<[(f64, StepId)]>),
    /// Runs the body so many times, one after the other.
    Repeat { times: u32, body: StepId },
    /// Looks the request's key up: a hit costs the cache's hit time and goes on at `hit`; a miss goes on at the next step.
    Cache { cache: CacheId, hit: StepId },
    /// Puts the request's key into the cache.
    Fill(CacheId),
    /// Runs the body while holding a permit of the pool.
    Acquire { pool: PoolId, body: StepId },
    /// Puts a message into the queues of a publication; one that refuses it ends the endpoint with 503.
    Enqueue(u32),
    /// What a message tells of is written.
    Written(u32),
    /// A consumer begins with a message.
    Open(u32),
    /// A consumer has handled a message.
    Handled(u32),
    /// Runs the body, which publishes by the call at this site, and waits so long for the reply to it.
    Ask { body: StepId, site: SiteId, timeout: Nanos },
    /// A broker hands a reply on to whoever waits for it.
    PassReply(u32),
    /// Ends the endpoint with this status, with this probability.
    Fail { status: u16, share: f64 },
    /// Runs the body on its own; the endpoint does not wait for it.
    Spawn(StepId),
    /// Goes on elsewhere.
    Jump(StepId),
    /// The endpoint (or body) is done.
    End,
}

/// When a parallel step is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// All bodies have ended; fails if one failed.
    All,
    /// The first success; fails if all failed.
    Any,
    /// So many successes; fails as soon as they cannot be reached.
    Quorum(u32),
}
