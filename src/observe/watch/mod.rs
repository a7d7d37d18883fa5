//! Follows requests span by span and meters what proxies would report, for whoever asked for it.
//!
//! The world says which slot of its tables is what; a slot's entry here says which span it stands for. Nothing here changes what
//! happens, and a run that nobody watches asks one flag. Files: `replica` and `messages` (more of what is followed), [`sampling`] (which requests are
//! kept), [`meters`] (telemetry) and [`readings`] (its gauges).

mod messages;
pub mod meters;
pub mod readings;
mod replica;
pub mod sampling;

use super::span::{Kept, Span, SpanKind, Trace};
use crate::base::id::*;
use crate::base::outcome::Outcome;
use crate::base::time::{Instant, Nanos};
use meters::Meters;
use sampling::{Sampler, Sampling, Shape, Verdict};
use std::collections::BTreeMap;

/// No place.
const NOWHERE: u32 = u32::MAX;

/// Spans of all kept requests together; what goes beyond is counted and not kept. One takes 64 bytes.
pub const MOST_SPANS: usize = 4_000_000;

/// A span of a trace; or, without a span, the trace alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    trace: u32,
    /// Of the trace's place, which another one may have taken since.
    generation: u32,
    span: u32,
}

impl Place {
    const NONE: Place = Place { trace: NOWHERE, generation: 0, span: NOWHERE };

    /// Of nothing that is followed.
    #[inline(always)]
    pub fn is_none(self) -> bool {
        self.trace == NOWHERE
    }
}

/// What a call's slot stands for.
#[derive(Clone, Copy, Debug)]
struct CallEntry {
    place: Place,
    attempts: u16,
    /// The latest pause between attempts.
    backoff: u32,
    /// When it came to its caller's proxy, and where that has sent it last.
    entered: Instant,
    to: ServiceId,
}

/// What a job's slot stands for: an attempt and what its replica does of it; of a body, what it is part of.
#[derive(Clone, Copy, Debug)]
struct JobEntry {
    attempt: Place,
    /// In the same trace.
    served: u32,
    edge: EdgeId,
    /// The service, or the version of it, that it goes to.
    to: ServiceId,
    sent: Instant,
    /// `NEVER` until it has come to the door.
    arrived: Instant,
    /// Permit of a pool that it waits for or holds.
    permit: u32,
    /// Its caller waits for it.
    awaited: bool,
}

impl JobEntry {
    const NONE: JobEntry = JobEntry {
        attempt: Place::NONE,
        served: NOWHERE,
        edge: EdgeId::NONE,
        to: ServiceId::NONE,
        sent: Instant::START,
        arrived: Instant::NEVER,
        permit: NOWHERE,
        awaited: false,
    };

    /// What is begun here is begun for this.
    fn here(&self) -> Place {
        Place { span: self.served, ..self.attempt }
    }
}

/// A request that is being followed, or a place for one.
#[derive(Debug)]
struct Followed {
    generation: u32,
    request: u64,
    trace: Trace,
    /// Messages it has published: what identifies them, and the span that put them into the broker.
    published: Vec<(u32, u32)>,
}

/// What whoever runs a simulation wants to have watched.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wish {
    pub sampling: Sampling,
    /// Read the meters so often.
    pub scrape: Option<Nanos>,
}

impl Wish {
    /// The first requests of the measured interval, and no meters.
    pub fn first(requests: u32) -> Wish {
        Wish { sampling: Sampling::First(requests), scrape: None }
    }
}

/// Follows and meters.
#[derive(Debug, Default)]
pub struct Watch {
    on: bool,
    sampler: Option<Sampler>,
    followed: Vec<Followed>,
    free: Vec<u32>,
    /// Where requests that are followed, or kept, are.
    by_request: BTreeMap<u64, u32>,
    spans: usize,
    left_out: u64,
    calls: Vec<CallEntry>,
    jobs: Vec<JobEntry>,
    pub meters: Option<Meters>,
}

/// The entry of a slot, made if it is not there.
#[inline(always)]
fn at<T: Copy>(entries: &mut Vec<T>, slot: u32, none: T) -> &mut T {
    #[cold]
    fn grow<T: Copy>(entries: &mut Vec<T>, slot: u32, none: T) {
        entries.resize(slot as usize + 1, none);
    }
    if entries.len() <= slot as usize {
        grow(entries, slot, none);
    }
    &mut entries[slot as usize]
}

const NO_CALL: CallEntry = CallEntry { place: Place::NONE, attempts: 0, backoff: NOWHERE, entered: Instant::START, to: ServiceId::NONE };

impl Watch {
    pub fn new(sampling: &Sampling, shape: Shape, meters: Option<Meters>) -> Watch {
        let sampler = Sampler::new(sampling, shape);
        Watch { on: sampler.is_some() || meters.is_some(), sampler, meters, ..Watch::default() }
    }

    /// Whether anything is followed or metered.
    #[inline(always)]
    pub fn is_on(&self) -> bool {
        self.on
    }

    /// Whether a call is followed. Of most calls there is nothing else to be told, and this is all that they cost.
    #[inline(always)]
    pub fn follows_call(&self, call: u32) -> bool {
        self.calls.get(call as usize).is_some_and(|entry| !entry.place.is_none())
    }

    /// Whether a job is followed.
    #[inline(always)]
    pub fn follows_job(&self, job: u32) -> bool {
        self.jobs.get(job as usize).is_some_and(|entry| !entry.attempt.is_none())
    }

    /// When the meters are read next.
    pub fn next_scrape(&self) -> Instant {
        self.meters.as_ref().map_or(Instant::NEVER, Meters::next)
    }

    // -- spans -------------------------------------------------------------------------------------------------------

    /// The request of a place, if it is followed still.
    fn followed(&mut self, place: Place) -> Option<&mut Followed> {
        self.followed.get_mut(place.trace as usize).filter(|followed| followed.generation == place.generation)
    }

    fn push(&mut self, place: Place, parent: u32, began: Instant, what: SpanKind) -> Place {
        let is_full = self.spans >= MOST_SPANS;
        let Some(followed) = self.followed(place) else { return Place::NONE };
        if is_full {
            self.left_out += 1;
            return Place::NONE;
        }
        let span = followed.trace.spans.len() as u32;
        let parent = (parent != NOWHERE).then_some(parent);
        followed.trace.spans.push(Span { parent, began, ended: None, what });
        self.spans += 1;
        Place { span, ..place }
    }

    fn span(&mut self, place: Place) -> Option<&mut Span> {
        self.followed(place)?.trace.spans.get_mut(place.span as usize)
    }

    fn end(&mut self, place: Place, now: Instant, outcome: Outcome) {
        if let Some(span) = self.span(place)
            && span.ended.is_none()
        {
            span.ended = Some((now, outcome));
        }
    }

    /// The place of a request's trace, without a span.
    fn trace_of(&self, request: u64) -> Place {
        let of = |trace: &u32| Place { trace: *trace, generation: self.followed[*trace as usize].generation, span: NOWHERE };
        self.by_request.get(&request).map_or(Place::NONE, of)
    }

    // -- requests ----------------------------------------------------------------------------------------------------

    /// A client's request begins; it may be followed, from what is returned on. Most are not: they cost no look-up.
    /// `measured`: within the interval that figures are of.
    #[inline(always)]
    pub fn request_begins(&mut self, client: ClientId, request: u64, measured: bool, now: Instant) -> Place {
        match self.sampler.as_mut().and_then(|sampler| sampler.follows(request, measured, now)) {
            Some(kept) => self.follow(client, request, kept, now),
            None => Place::NONE,
        }
    }

    #[inline(never)]
    fn follow(&mut self, client: ClientId, request: u64, kept: Kept, now: Instant) -> Place {
        // The lower bits of a request's number count its client's requests.
        let number = request & ((1 << 40) - 1);
        if self.spans >= MOST_SPANS {
            self.left_out += 1;
            return Place::NONE;
        }
        let trace = Trace { client, number, offered: now, ended: None, kept, spans: Vec::new() };
        let place = match self.free.pop() {
            Some(place) => {
                let entry = &mut self.followed[place as usize];
                let spans = std::mem::take(&mut entry.trace.spans);
                (entry.request, entry.trace) = (request, Trace { spans, ..trace });
                place
            }
            None => {
                self.followed.push(Followed { generation: 0, request, trace, published: Vec::new() });
                self.followed.len() as u32 - 1
            }
        };
        self.by_request.insert(request, place);
        Place { trace: place, generation: self.followed[place as usize].generation, span: NOWHERE }
    }

    /// A client's request is over for it.
    fn request_ends(&mut self, place: Place, now: Instant, outcome: Outcome) {
        let Some(sampler) = &mut self.sampler else { return };
        let trace = &mut self.followed[place.trace as usize].trace;
        trace.ended = Some((now, outcome));
        let Verdict { kept, dropped } = sampler.decide(trace, place.trace);
        trace.kept = kept.unwrap_or(trace.kept);
        if let Some(dropped) = dropped {
            self.forget(dropped);
        }
    }

    fn forget(&mut self, trace: u32) {
        let entry = &mut self.followed[trace as usize];
        self.spans -= entry.trace.spans.len();
        entry.trace.spans.clear();
        entry.published.clear();
        entry.generation += 1;
        self.by_request.remove(&entry.request);
        self.free.push(trace);
    }

    // -- calls -------------------------------------------------------------------------------------------------------

    /// What a job's calls begin from.
    #[inline(always)]
    pub fn of_job(&mut self, job: u32) -> Place {
        at(&mut self.jobs, job, JobEntry::NONE).here()
    }

    /// What the fallback of a call begins from.
    #[inline(always)]
    pub fn of_call(&mut self, call: u32) -> Place {
        at(&mut self.calls, call, NO_CALL).place
    }

    /// A call begins of which nobody follows what it is part of.
    #[inline(always)]
    pub fn call_begins_unseen(&mut self, call: u32) {
        at(&mut self.calls, call, NO_CALL).place = Place::NONE;
    }

    /// A call begins, as part of what stands above it.
    pub fn call_begins(&mut self, call: u32, above: Place, edge: EdgeId, caller: u32, now: Instant) {
        let place = self.push(above, above.span, now, SpanKind::Call { edge, caller });
        *at(&mut self.calls, call, NO_CALL) = CallEntry { place, ..NO_CALL };
    }

    /// A call has its outcome, or is given up.
    pub fn call_ends(&mut self, call: u32, now: Instant, outcome: Outcome) {
        let CallEntry { place, backoff, .. } = *at(&mut self.calls, call, NO_CALL);
        if place.is_none() {
            return;
        }
        if let Some(pause) = self.span(Place { span: backoff, ..place })
            && pause.ended.is_some_and(|(until, _)| until > now)
        {
            pause.ended = Some((now, outcome));
        }
        self.end(place, now, outcome);
        if self.span(place).is_some_and(|span| span.parent.is_none()) && place.span == 0 {
            self.request_ends(place, now, outcome);
        }
        self.calls[call as usize].place = Place::NONE;
    }

    /// The pause before a call's next attempt.
    pub fn backs_off(&mut self, call: u32, edge: EdgeId, now: Instant, until: Instant) {
        let place = at(&mut self.calls, call, NO_CALL).place;
        if place.is_none() {
            return;
        }
        let pause = self.push(place, place.span, now, SpanKind::Backoff { edge });
        self.end(pause, until, Outcome::OK);
        self.calls[call as usize].backoff = pause.span;
    }

    /// A call comes to its caller's proxy.
    pub fn enters_proxy(&mut self, call: u32, now: Instant) {
        let entry = at(&mut self.calls, call, NO_CALL);
        (entry.entered, entry.to) = (now, ServiceId::NONE);
    }

    /// A proxy is done with a call: this is what its access log says.
    pub fn leaves_proxy(&mut self, call: u32, edge: EdgeId, now: Instant, outcome: Outcome) {
        let CallEntry { entered, to, .. } = *at(&mut self.calls, call, NO_CALL);
        if let Some(meters) = &mut self.meters {
            meters.source((edge, to), now, outcome, now.since(entered));
        }
    }

    // -- attempts ----------------------------------------------------------------------------------------------------

    /// An attempt of a call is sent to a replica.
    #[inline(always)]
    pub fn sent(&mut self, call: u32, job: u32, (edge, to): (EdgeId, ServiceId), replica: ReplicaId, by_mesh: bool, now: Instant) {
        let entry = at(&mut self.calls, call, NO_CALL);
        entry.to = to;
        let is_followed = !entry.place.is_none();
        let attempt = if is_followed { self.attempt_begins(call, edge, Some(replica), by_mesh, now) } else { Place::NONE };
        *at(&mut self.jobs, job, JobEntry::NONE) = JobEntry { attempt, edge, to, sent: now, awaited: true, ..JobEntry::NONE };
    }

    /// An attempt that nobody follows (a mirrored copy).
    pub fn sent_unseen(&mut self, job: u32, (edge, to): (EdgeId, ServiceId), now: Instant) {
        *at(&mut self.jobs, job, JobEntry::NONE) = JobEntry { edge, to, sent: now, awaited: true, ..JobEntry::NONE };
    }

    /// A try is refused before it is sent.
    pub fn refused(&mut self, call: u32, edge: EdgeId, now: Instant, outcome: Outcome) {
        if self.follows_call(call) {
            let refused = self.attempt_begins(call, edge, None, false, now);
            self.end(refused, now, outcome);
        }
    }

    #[inline(never)]
    fn attempt_begins(&mut self, call: u32, edge: EdgeId, replica: Option<ReplicaId>, by_mesh: bool, now: Instant) -> Place {
        let entry = &mut self.calls[call as usize];
        entry.attempts = entry.attempts.saturating_add(1);
        let (place, number) = (entry.place, entry.attempts);
        self.push(place, place.span, now, SpanKind::Attempt { edge, replica, number, by_mesh })
    }

    /// An attempt is over for its caller. `plain`: no proxy of the caller stands between.
    #[inline(always)]
    pub fn over(&mut self, job: u32, plain: bool, now: Instant, outcome: Outcome) {
        let entry = at(&mut self.jobs, job, JobEntry::NONE);
        if !std::mem::replace(&mut entry.awaited, false) {
            return;
        }
        let JobEntry { attempt, edge, to, sent, arrived, .. } = *entry;
        if !attempt.is_none() {
            self.end(attempt, now, outcome);
        }
        if let Some(meters) = &mut self.meters {
            if plain {
                meters.source((edge, to), now, outcome, now.since(sent));
            }
            if meters::is_left(outcome) && arrived != Instant::NEVER {
                meters.destination((edge, to), now, outcome, now.since(arrived));
            }
        }
    }

    /// The answer of one job travels as another.
    pub fn stands_for(&mut self, notice: u32, job: u32) {
        let entry = *at(&mut self.jobs, job, JobEntry::NONE);
        *at(&mut self.jobs, notice, JobEntry::NONE) = entry;
        self.jobs[job as usize].awaited = false;
    }

    // -- the end -----------------------------------------------------------------------------------------------------

    /// All that was kept, in the order in which it was offered, and how much was not for want of room.
    pub fn finish(&mut self) -> (Vec<Trace>, u64) {
        let Some(sampler) = &mut self.sampler else { return (Vec::new(), 0) };
        let unfinished = |f: &Followed| f.trace.ended.is_none() && !f.trace.spans.is_empty();
        let open: Vec<u32> = (0..self.followed.len() as u32).filter(|place| unfinished(&self.followed[*place as usize])).collect();
        for surplus in sampler.surplus(&open, |place| &self.followed[place as usize].trace) {
            self.forget(surplus);
        }
        for Followed { trace, .. } in &mut self.followed {
            if trace.ended.is_none() && trace.kept != Kept::Share {
                trace.kept = Kept::Failed;
            }
        }
        let mut traces: Vec<Trace> =
            std::mem::take(&mut self.followed).into_iter().map(|f| f.trace).filter(|trace| !trace.spans.is_empty()).collect();
        traces.sort_by_key(|trace| (trace.offered, trace.client, trace.number));
        (traces, self.left_out)
    }
}

#[cfg(test)]
mod tests;
