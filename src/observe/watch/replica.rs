//! What a replica does of an attempt: it comes to the door, is taken up, asks for permits, and is answered or stopped.

use super::*;

impl Watch {
    /// An attempt comes to a replica's door: whether it is followed, so that more is to be told of it.
    #[inline(always)]
    pub fn arrives(&mut self, job: u32, now: Instant) -> bool {
        let entry = at(&mut self.jobs, job, JobEntry::NONE);
        entry.arrived = now;
        !entry.attempt.is_none()
    }

    /// A followed attempt has come; `starts`: a worker takes it up at once.
    pub fn is_served(&mut self, job: u32, endpoint: EndpointId, replica: ReplicaId, starts: bool, now: Instant) {
        let attempt = at(&mut self.jobs, job, JobEntry::NONE).attempt;
        let started = starts.then_some(now);
        let served = self.push(attempt, attempt.span, now, SpanKind::Served { endpoint, replica, started });
        self.jobs[job as usize].served = served.span;
    }

    /// A worker takes it up.
    pub fn starts(&mut self, job: u32, now: Instant) {
        let here = at(&mut self.jobs, job, JobEntry::NONE).here();
        if let Some(Span { what: SpanKind::Served { started, .. }, .. }) = self.span(here) {
            *started = Some(now);
        }
    }

    /// The replica is done with it: its answer leaves, or nobody wants one.
    #[inline(always)]
    pub fn answers(&mut self, job: u32, now: Instant, outcome: Outcome) {
        let entry = at(&mut self.jobs, job, JobEntry::NONE);
        let JobEntry { attempt, served, edge, to, arrived, awaited, .. } = *entry;
        // The callee's proxy has counted it, whatever becomes of the answer on its way.
        entry.arrived = Instant::NEVER;
        if served != NOWHERE {
            self.end(Place { span: served, ..attempt }, now, outcome);
        }
        if let Some(meters) = &mut self.meters
            && awaited
            && arrived != Instant::NEVER
            && edge.is_some()
        {
            meters.destination((edge, to), now, outcome, now.since(arrived));
        }
    }

    /// The replica stops it, or dies.
    pub fn stops(&mut self, job: u32, now: Instant, outcome: Outcome) {
        let here = at(&mut self.jobs, job, JobEntry::NONE).here();
        self.leaves_permit(job, now, outcome);
        if matches!(self.span(here), Some(Span { what: SpanKind::Served { .. }, .. })) && self.jobs[job as usize].edge.is_some() {
            self.end(here, now, outcome);
        }
    }

    /// A body begins for a job, and is part of it.
    pub fn part_of(&mut self, body: u32, job: u32) {
        let JobEntry { attempt, served, .. } = *at(&mut self.jobs, job, JobEntry::NONE);
        *at(&mut self.jobs, body, JobEntry::NONE) = JobEntry { attempt, served, ..JobEntry::NONE };
    }

    /// A job asks for a pool's permit; `got`: it has it at once.
    pub fn asks_permit(&mut self, job: u32, pool: PoolId, got: bool, now: Instant) {
        let here = at(&mut self.jobs, job, JobEntry::NONE).here();
        if here.is_none() {
            return;
        }
        let permit = self.push(here, here.span, now, SpanKind::Permit { pool, got: got.then_some(now) });
        self.jobs[job as usize].permit = permit.span;
    }

    pub fn gets_permit(&mut self, job: u32, now: Instant) {
        let JobEntry { attempt, permit, .. } = *at(&mut self.jobs, job, JobEntry::NONE);
        if let Some(Span { what: SpanKind::Permit { got, .. }, .. }) = self.span(Place { span: permit, ..attempt }) {
            *got = Some(now);
        }
    }

    pub fn leaves_permit(&mut self, job: u32, now: Instant, outcome: Outcome) {
        let JobEntry { attempt, permit, .. } = *at(&mut self.jobs, job, JobEntry::NONE);
        if permit != NOWHERE {
            self.end(Place { span: permit, ..attempt }, now, outcome);
            self.jobs[job as usize].permit = NOWHERE;
        }
    }
}
