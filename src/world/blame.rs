//! Why: what a call, a job or those in a queue are held up by, and what a failure is put down to.
//!
//! Most causes travel with what they touch. Who waits has met none itself: it asks whoever has what it waits for (a worker, a
//! permit, a place in a pool), and that one asks on, down to what a fault touches. Nothing here changes what happens.

use super::World;
use super::state::*;
use crate::base::outcome::{Class, Outcome};
use crate::observe::episode::{Cause, Place, Trouble};
use crate::topology::Step;

/// Chains of those who wait for each other are followed so far down.
const DEEPEST_WAIT: usize = 64;

/// Who is asked next.
enum Next {
    Job(u32),
    Call(u32),
    Known(Cause),
}

impl World<'_> {
    /// Notes a failed attempt as an episode of its edge; the call carries it on.
    pub(super) fn blame(&mut self, call: u32, outcome: Outcome) {
        let trouble = match outcome.class {
            Class::Timeout => Trouble::Timeouts,
            Class::ConnectFailure => Trouble::ConnectFailures,
            Class::Reset => Trouble::Resets,
            Class::BreakerOpen => Trouble::BreakerOpened,
            Class::BulkheadFull => Trouble::BulkheadFull,
            Class::Deadline => Trouble::Deadlines,
            Class::ServerError | Class::RateLimited => Trouble::ErrorAnswers,
            Class::Answer | Class::Degraded => return,
        };
        let Call { site, cause, .. } = self.calls[call];
        let edge = self.topology.sites[site as usize].edge;
        let now = self.now();
        self.calls[call].cause = self.recorder.trouble(Place::Edge(edge), trouble, now, cause);
    }

    /// Before an attempt is given up: what it has met so far is why.
    pub(super) fn take_blame_from_below(&mut self, call: u32) {
        let Call { state, current, cause, .. } = self.calls[call];
        if state == CallState::InFlight {
            self.calls[call].cause = self.met_by(current).or(cause);
        }
        if state == CallState::InProxy
            && let Some(job) = self.job_in_proxy(call)
        {
            self.calls[call].cause = self.met_by(job).or(cause);
        }
    }

    /// A bulkhead is full of calls that are slow to be answered: whatever holds them up is why.
    pub(super) fn blame_full_bulkhead(&mut self, call: u32) {
        let edge = self.topology.sites[self.calls[call].site as usize].edge;
        let cell = self.extras[call as usize].cell;
        let met = self.follow(self.behind_bulkhead(cell)).or(self.met_at_callee(call));
        let met = self.recorder.elsewhere(Place::Edge(edge), met);
        self.calls[call].cause = met.or(self.calls[call].cause);
        self.blame(call, Outcome::BULKHEAD_FULL);
    }

    /// A job waited too long for a pool: whatever holds up who is in it is why.
    pub(super) fn blame_full_pool(&mut self, job: u32) {
        self.jobs[job].cause = self.follow(self.behind_pool(job)).or(self.jobs[job].cause);
    }

    /// What holds up those who wait for a worker of a replica: what the latest to leave had met, or what holds the others there.
    #[inline(always)]
    pub(super) fn held_up_by(&self, replica: u32) -> Cause {
        let known = self.replicas[replica as usize].cause;
        if known.is_some() || !self.faulted { known } else { self.met_by_workers(replica) }
    }

    #[cold]
    #[inline(never)]
    fn met_by_workers(&self, replica: u32) -> Cause {
        let last = self.behind_workers(replica);
        let Next::Job(job) = last else { return self.follow(last) };
        // Who is only busy may have to do what others did before proxies ejected them.
        self.follow(last).or(self.sent_for_want_of_others(job))
    }

    /// Why the proxy that sent this job had fewer hosts to choose from, if it had.
    fn sent_for_want_of_others(&self, job: u32) -> Cause {
        let call = self.jobs[job].call;
        let is_of_proxy = self.proxies.on && call != NOBODY && self.calls[call].holds & hold::PARENT == hold::OF_UPSTREAM;
        if is_of_proxy { self.ejections_of_upstream(self.calls[call].parent) } else { Cause::NONE }
    }

    /// What holds an attempt up: what it has met itself, or whoever it waits for.
    pub(super) fn met_by(&self, job: u32) -> Cause {
        self.follow(Next::Job(job))
    }

    /// What has lately held up those who were answered by the callee of this call.
    fn met_at_callee(&self, call: u32) -> Cause {
        let service = self.topology.sites[self.calls[call].site as usize].service;
        let replicas = self.topology.services[service.index()].replicas.clone();
        replicas.map(|r| self.replicas[r as usize].cause).find(|cause| cause.is_some()).unwrap_or(Cause::NONE)
    }

    fn follow(&self, from: Next) -> Cause {
        let mut at = from;
        for _ in 0..DEEPEST_WAIT {
            at = match at {
                Next::Known(cause) => return cause,
                Next::Job(job) => self.behind_job(job),
                Next::Call(call) => self.behind_call(call),
            };
        }
        Cause::NONE
    }

    fn behind_job(&self, job: u32) -> Next {
        let Job { state, cause, pending, next, replica, .. } = self.jobs.entries()[job as usize];
        // Asked in the middle of an event, a job may be on its way out.
        if state == JobState::Free {
            return Next::Known(Cause::NONE);
        }
        if cause.is_some() {
            return Next::Known(cause);
        }
        let here = self.replicas[replica as usize].cause;
        match state {
            JobState::Calling if self.is_call_of(pending, job) => Next::Call(pending),
            JobState::Calling => Next::Known(Cause::NONE),
            JobState::WithBodies if next != NOBODY => Next::Job(next),
            JobState::Travelling | JobState::Answering => Next::Known(Cause::NONE),
            JobState::Queued if here == Cause::NONE => self.behind_workers(replica),
            JobState::AwaitingPool if here == Cause::NONE => self.behind_pool(job),
            _ => Next::Known(here),
        }
    }

    fn behind_call(&self, call: u32) -> Next {
        let Call { state, current, cause, .. } = self.calls.entries()[call as usize];
        match state {
            CallState::Free => Next::Known(Cause::NONE),
            CallState::InFlight => Next::Job(current),
            CallState::InFallback => Next::Call(current),
            CallState::InProxy => self.job_in_proxy(call).map_or(Next::Known(cause), Next::Job),
            CallState::AwaitingPermit if cause == Cause::NONE => self.behind_bulkhead(self.extras[call as usize].cell),
            _ => Next::Known(cause),
        }
    }

    /// Whether the job waits for this call: in the middle of an event it may already be over.
    fn is_call_of(&self, call: u32, job: u32) -> bool {
        let Call { state, holds, parent, .. } = self.calls.entries()[call as usize];
        state != CallState::Free && holds & hold::PARENT == hold::OF_JOB && parent == job
    }

    /// The job that was the last to get a worker of a replica, if it still has it.
    fn behind_workers(&self, replica: u32) -> Next {
        let last = self.replicas[replica as usize].last_in;
        let has_worker = |job: &&Job| job.state != JobState::Free && job.replica == replica && job.marks & mark::WORKER != 0;
        self.jobs.entries().get(last as usize).filter(has_worker).map_or(Next::Known(Cause::NONE), |_| Next::Job(last))
    }

    /// The call that was the last to get a permit of a bulkhead, if it still has it.
    fn behind_bulkhead(&self, cell: u32) -> Next {
        let last = self.last_in_bulkheads[cell as usize];
        let has_permit = |call: &&Call| call.state != CallState::Free && call.holds & hold::BULKHEAD != 0;
        let is_here = self.calls.entries().get(last as usize).filter(has_permit).is_some() && self.extras[last as usize].cell == cell;
        if is_here { Next::Call(last) } else { Next::Known(Cause::NONE) }
    }

    /// The job that was the last to enter the pool that this one waits for, if it is still in it.
    fn behind_pool(&self, job: u32) -> Next {
        let Job { step, replica, .. } = self.jobs[job];
        let Step::Acquire { pool, .. } = self.topology.steps[step as usize] else { return Next::Known(Cause::NONE) };
        let last = self.pools[self.pool_place(pool, replica)].last_in;
        let in_pool = |at: &&Job| {
            let is_in = |step: &Step| matches!(step, Step::Acquire { pool: its, .. } if *its == pool);
            at.state == JobState::WithBodies && at.replica == replica && is_in(&self.topology.steps[at.step as usize])
        };
        self.jobs.entries().get(last as usize).filter(in_pool).map_or(Next::Known(Cause::NONE), |_| Next::Job(last))
    }
}
