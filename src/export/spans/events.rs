//! What happened within a span: refusals, time-outs, and what the run's timeline says of its caller and its edge meanwhile.

use super::attributes::error_type;
use super::told::{Tale, Told};
use crate::analysis::names;
use crate::base::id::*;
use crate::base::outcome::{Class, Flag, Outcome};
use crate::base::time::Instant;
use crate::observe::recording::{Happening, Recording};
use crate::observe::span::{SpanKind, Trace};
use crate::policy::app::circuit_breaker::Mode;
use crate::topology::Topology;
use crate::topology::labels::Value;
use std::collections::BTreeMap;

/// A point of a span's time.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub at: Instant,
    pub name: &'static str,
    pub attributes: Vec<(&'static str, Value)>,
}

/// Breakers' changes and ejections, by whose they are, in order of time.
pub struct Marks(BTreeMap<(EdgeId, u32), Vec<(Instant, Happening)>>);

impl Marks {
    pub fn of(recording: &Recording) -> Marks {
        let mut marks: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for mark in &recording.timeline {
            if let Happening::Breaker { edge, caller, .. } | Happening::Ejection { edge, caller, .. } = mark.what {
                marks.entry((edge, caller)).or_default().push((mark.at, mark.what));
            }
        }
        Marks(marks)
    }

    /// Those of a caller and an edge from one instant to another, both included.
    fn within(&self, edge: EdgeId, caller: u32, from: Instant, until: Instant) -> &[(Instant, Happening)] {
        let all = self.0.get(&(edge, caller)).map_or(&[][..], Vec::as_slice);
        let first = all.partition_point(|(at, _)| *at < from);
        let end = all.partition_point(|(at, _)| *at <= until);
        &all[first..end.max(first)]
    }
}

/// The events of a span that is told itself.
pub(super) fn of(topology: &Topology, marks: &Marks, trace: &Trace, tale: &Tale, place: u32) -> Vec<Event> {
    let span = &trace.spans[place as usize];
    let mut events = Vec::new();
    if let SpanKind::Call { edge, caller } = span.what {
        for attempt in &tale.attempts[place as usize] {
            if let (Told::Event(_), SpanKind::Attempt { number, .. }) = (tale.told[*attempt as usize], trace.spans[*attempt as usize].what)
            {
                let attempt = &trace.spans[*attempt as usize];
                events.extend(attempt.ended.map(|(at, outcome)| refused(at, outcome, number)));
            }
        }
        if let Some(sent) = tale.sent_as(trace, place).filter(|sent| sent.began > span.began) {
            events.push(Event { at: sent.began, name: "sent", attributes: Vec::new() });
        }
        let until = span.ended.map_or(Instant(u64::MAX), |(at, _)| at);
        events.extend(marks.within(edge, caller, span.began, until).iter().filter_map(|(at, what)| marked(topology, *at, *what)));
    }
    if let (SpanKind::Call { .. } | SpanKind::Attempt { .. }, Some((at, outcome))) = (span.what, span.ended) {
        let name = match outcome.class {
            Class::Timeout => Some("timeout"),
            Class::Deadline => Some("deadline_exceeded"),
            _ => None,
        };
        events.extend(name.map(|name| Event { at, name, attributes: Vec::new() }));
    }
    events.sort_by_key(|event| event.at);
    events
}

/// An attempt that was never sent.
fn refused(at: Instant, outcome: Outcome, number: u16) -> Event {
    let name = match outcome.class {
        Class::BreakerOpen => "circuit_breaker.rejected",
        Class::BulkheadFull => "bulkhead.rejected",
        Class::RateLimited => "rate_limit.rejected",
        Class::Timeout | Class::Deadline => "given_up_while_waiting",
        _ if outcome.flags.contains(Flag::UH) => "no_healthy_upstream",
        _ if outcome.flags.contains(Flag::UO) => "circuit_breaker.rejected",
        _ if outcome.flags.contains(Flag::FI) => "fault_injected",
        _ => "not_sent",
    };
    let mut attributes = vec![("brownout.attempt", Value::Whole(number.into())), ("error.type", Value::Text(error_type(outcome)))];
    if !outcome.flags.is_none() {
        attributes.push(("response_flags", Value::Text(outcome.flags.to_string())));
    }
    Event { at, name, attributes }
}

fn marked(topology: &Topology, at: Instant, what: Happening) -> Option<Event> {
    match what {
        Happening::Breaker { from, to, .. } => {
            let name = match to {
                Mode::Open => "circuit_breaker.open",
                Mode::HalfOpen => "circuit_breaker.half_open",
                Mode::Closed => "circuit_breaker.closed",
            };
            let from = match from {
                Mode::Open => "open",
                Mode::HalfOpen => "half-open",
                Mode::Closed => "closed",
            };
            Some(Event { at, name, attributes: vec![("brownout.from", Value::Text(from.into()))] })
        }
        Happening::Ejection { replica, ejected, .. } => {
            let name = if ejected { "outlier_detection.ejected" } else { "outlier_detection.returned" };
            Some(Event { at, name, attributes: vec![("brownout.replica", Value::Text(names::replica(topology, replica)))] })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::sample;
    use crate::base::outcome::Flag;

    #[test]
    fn what_was_not_sent_is_told_by_who_refused_it() {
        let of = |class, flag| refused(Instant(5), Outcome::new(503, class, flag), 2).name;
        assert_eq!(of(Class::BreakerOpen, Flag::None), "circuit_breaker.rejected");
        assert_eq!(of(Class::BulkheadFull, Flag::None), "bulkhead.rejected");
        assert_eq!(of(Class::RateLimited, Flag::None), "rate_limit.rejected");
        assert_eq!(of(Class::Timeout, Flag::None), "given_up_while_waiting");
        assert_eq!(of(Class::ServerError, Flag::UH), "no_healthy_upstream");
        assert_eq!(of(Class::ServerError, Flag::UO), "circuit_breaker.rejected");
        assert_eq!(of(Class::ServerError, Flag::FI), "fault_injected");
        assert_eq!(of(Class::ServerError, Flag::None), "not_sent");
    }

    #[test]
    fn a_call_tells_what_its_breaker_and_its_pool_went_through_meanwhile() {
        let topology = sample::shop(4);
        let edge = EdgeId(1);
        let breaker = |to| Happening::Breaker { edge, caller: 0, from: Mode::Open, to };
        let ejection = |ejected| Happening::Ejection { edge, caller: 0, replica: ReplicaId(3), ejected };
        let marks = [
            (9, breaker(Mode::Open)),
            (10, breaker(Mode::HalfOpen)),
            (11, breaker(Mode::Closed)),
            (12, ejection(true)),
            (20, ejection(false)),
            (21, breaker(Mode::Open)),
        ];
        let timeline = marks.map(|(at, what)| crate::observe::recording::Mark { at: Instant(at), what }).to_vec();
        let marks = Marks::of(&Recording { timeline, ..Recording::default() });
        let span = |parent, began, what| crate::observe::span::Span {
            parent,
            began: Instant(began),
            ended: Some((Instant(20), Outcome::DEADLINE)),
            what,
        };
        let spans = vec![
            span(None, 10, SpanKind::Call { edge, caller: 0 }),
            span(Some(0), 13, SpanKind::Attempt { edge, replica: Some(ReplicaId(3)), number: 1, by_mesh: false }),
        ];
        let kept = crate::observe::span::Kept::Slow;
        let trace = Trace { client: ClientId(0), number: 0, offered: Instant(10), ended: None, kept, spans };
        let told: Vec<(u64, &str)> = of(&topology, &marks, &trace, &Tale::of(&trace), 0).iter().map(|e| (e.at.0, e.name)).collect();
        let expected = [
            (10, "circuit_breaker.half_open"),
            (11, "circuit_breaker.closed"),
            (12, "outlier_detection.ejected"),
            (13, "sent"),
            (20, "outlier_detection.returned"),
            (20, "deadline_exceeded"),
        ];
        assert_eq!(told, expected, "both ends of the call are within it");
    }
}
