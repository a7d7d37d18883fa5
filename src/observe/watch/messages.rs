//! Messages of followed requests: published, delivered, settled.

use super::*;

impl Watch {
    /// A broker takes a message of a request; `path` tells it from others of the request.
    pub fn publishes(&mut self, job: u32, path: u32) {
        let here = at(&mut self.jobs, job, JobEntry::NONE).here();
        if here.span != NOWHERE
            && let Some(followed) = self.followed(here)
        {
            followed.published.push((path, here.span));
        }
    }

    /// A message is sent to a consumer, by this job of the broker.
    pub fn delivers(&mut self, job: u32, (request, path): (u64, u32), queue: u32, consumer: u32, redelivered: bool, now: Instant) {
        let trace = self.trace_of(request);
        let mut entry = JobEntry::NONE;
        if !trace.is_none() {
            let published = self.followed[trace.trace as usize].published.iter().rev().find(|(of, _)| *of == path).map(|(_, span)| *span);
            let place = self.push(trace, NOWHERE, now, SpanKind::Delivery { queue, consumer, published, redelivered });
            (entry.attempt, entry.served) = (place, place.span);
        }
        *at(&mut self.jobs, job, JobEntry::NONE) = entry;
    }

    /// A job of a broker does something of its own accord; for a request, if that is known.
    pub fn carries(&mut self, job: u32, request: Option<u64>) {
        let attempt = request.map_or(Place::NONE, |request| self.trace_of(request));
        *at(&mut self.jobs, job, JobEntry::NONE) = JobEntry { attempt, ..JobEntry::NONE };
    }

    /// A delivery is settled, or lost; or is tried again in place, and then settled later.
    pub fn settles(&mut self, job: u32, now: Instant, outcome: Outcome) {
        let here = at(&mut self.jobs, job, JobEntry::NONE).here();
        if let Some(span) = self.span(here) {
            span.ended = Some((now, outcome));
        }
    }
}
