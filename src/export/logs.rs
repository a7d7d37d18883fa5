//! `logs.jsonl`: what the services of a run would have logged, one JSON object a line, in order of time.
//!
//! The fields are those of the guide's formatter: timestamp, level, service, message, logger, then the ids of the trace and the span,
//! the same as in the traces, and what the model attaches to the endpoint (`order.id` as `order_id`). Followed requests log what
//! they were answered, what went wrong and what was tried again; the timeline logs without ids, since it is no request's.

use super::epoch::Epoch;
use super::spans::{Exported, ExportedTrace, Maker, Teller, json};
use crate::analysis::{names, words};
use crate::base::outcome::{Class, Outcome};
use crate::base::time::Instant;
use crate::observe::recording::{Happening, Mark, Recording};
use crate::observe::span::{SpanKind, Trace};
use crate::observe::span_id::Part;
use crate::policy::app::circuit_breaker::Mode;
use crate::topology::Topology;
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;
use std::io;

/// Python's names, which the guide's formatter prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Info,
    Warning,
    Error,
}

/// What a line says beside who and when.
struct Said {
    level: Level,
    logger: String,
    message: String,
}

/// Something that a span logs.
#[derive(Clone, Copy)]
enum Source {
    Ended,
    /// Another attempt begins.
    Again,
    Event(usize),
}

pub fn write(topology: &Topology, recording: &Recording, epoch: Epoch, to: impl io::Write) -> io::Result<()> {
    let teller = Teller::new(topology, recording);
    let mut pending = Pending { lines: BTreeMap::new(), number: 0, epoch, to };
    let mut marks = recording.timeline.iter().peekable();
    for trace in &recording.sampled {
        while let Some(mark) = marks.next_if(|mark| mark.at <= trace.offered) {
            pending.mark(topology, mark)?;
        }
        // Nothing of this request or a later one is before this.
        pending.flush(trace.offered)?;
        pending.request(topology, recording, trace, &teller.tell(trace))?;
    }
    marks.try_for_each(|mark| pending.mark(topology, mark))?;
    pending.flush(Instant(u64::MAX))
}

/// Lines that wait for what may yet come before them: those of the requests in flight.
struct Pending<W> {
    /// Of what happens at once, what was noted first comes first.
    lines: BTreeMap<(Instant, u64), Vec<u8>>,
    number: u64,
    epoch: Epoch,
    to: W,
}

impl<W: io::Write> Pending<W> {
    fn add(&mut self, at: Instant, fields: &Map<String, Json>) -> io::Result<()> {
        let mut line = serde_json::to_vec(fields)?;
        line.push(b'\n');
        self.lines.insert((at, self.number), line);
        self.number += 1;
        Ok(())
    }

    fn flush(&mut self, before: Instant) -> io::Result<()> {
        let later = self.lines.split_off(&(before, 0));
        let due = std::mem::replace(&mut self.lines, later);
        due.values().try_for_each(|line| self.to.write_all(line))
    }

    fn mark(&mut self, topology: &Topology, mark: &Mark) -> io::Result<()> {
        let (maker, said) = marked(topology, mark);
        self.add(mark.at, &fields(topology, self.epoch.rfc3339(mark.at), maker, said))
    }

    fn request(&mut self, topology: &Topology, recording: &Recording, trace: &Trace, told: &ExportedTrace<'_>) -> io::Result<()> {
        let mut sources = Vec::new();
        for (index, span) in told.spans.iter().enumerate().filter(|(_, span)| span.part == Part::Itself) {
            gather(trace, index, span, &mut sources);
        }
        for (at, index, source) in sources {
            let span = &told.spans[index];
            let said = match source {
                Source::Event(event) => of_event(topology, trace, span, event),
                Source::Again => again(topology, trace, span),
                Source::Ended => ended(topology, trace, span),
            };
            let Some(said) = said else { continue };
            let mut fields = fields(topology, self.epoch.rfc3339(at), Some(span.maker), said);
            fields.insert("trace_id".into(), told.id.to_string().into());
            fields.insert("span_id".into(), span.id.to_string().into());
            attach(topology, recording, trace, span, &mut fields);
            self.add(at, &fields)?;
        }
        Ok(())
    }
}

fn gather(trace: &Trace, index: usize, span: &Exported<'_>, sources: &mut Vec<(Instant, usize, Source)>) {
    let of = &trace.spans[span.place as usize];
    if let SpanKind::Attempt { number: 2.., .. } = of.what {
        sources.push((span.began, index, Source::Again));
    }
    sources.extend(span.events.iter().enumerate().map(|(event, told)| (told.at, index, Source::Event(event))));
    sources.extend(of.ended.map(|(at, _)| (at, index, Source::Ended)));
}

/// What the model attaches to the endpoint. Names that are fields of every line are taken.
fn attach(topology: &Topology, recording: &Recording, trace: &Trace, span: &Exported<'_>, fields: &mut Map<String, Json>) {
    let SpanKind::Served { endpoint, .. } = trace.spans[span.place as usize].what else { return };
    for (key, value) in topology.span_attributes(endpoint, trace.client, recording.seed, trace.number) {
        fields.entry(key.replace('.', "_")).or_insert_with(|| json(&value));
    }
}

fn fields(topology: &Topology, timestamp: String, maker: Option<Maker>, said: Said) -> Map<String, Json> {
    let level = match said.level {
        Level::Info => "INFO",
        Level::Warning => "WARNING",
        Level::Error => "ERROR",
    };
    let mut fields = Map::new();
    fields.insert("timestamp".into(), timestamp.into());
    fields.insert("level".into(), level.into());
    fields.insert("service".into(), maker.map_or("brownout", |maker| maker.service(topology)).into());
    fields.insert("message".into(), said.message.into());
    fields.insert("logger".into(), said.logger.into());
    fields.extend(maker.and_then(|maker| maker.instance(topology)).map(|instance| ("instance".into(), instance.into())));
    fields
}

/// A span that ended, where somebody would log it: who serves, who asked first, and who failed.
fn ended(topology: &Topology, trace: &Trace, span: &Exported<'_>) -> Option<Said> {
    let of = &trace.spans[span.place as usize];
    let (at, outcome) = of.ended?;
    let took = words::span(at.since(of.began).as_secs_f64());
    match of.what {
        SpanKind::Served { endpoint, .. } => {
            let level = match outcome {
                _ if is_left(outcome) => Level::Warning,
                _ if outcome.status >= 500 => Level::Error,
                _ if outcome.is_ok() => Level::Info,
                _ => Level::Warning,
            };
            let does = if is_left(outcome) { "left off, its caller has gone:" } else { "answered" };
            let message = format!("{} {does} {outcome} in {took}", span.name);
            Some(Said { level, logger: topology.endpoints.get(endpoint.index()).map_or("serve", |of| &of.full_name).into(), message })
        }
        SpanKind::Call { edge, .. } if span.place == 0 => {
            let level = level_of(outcome);
            Some(Said { level, logger: "client".into(), message: format!("{} got {outcome} in {took}", names::callee_of(topology, edge)) })
        }
        SpanKind::Call { edge, .. } if !outcome.is_ok() => {
            let message = format!("call to {} {} after {took}", names::callee_of(topology, edge), failed(outcome));
            Some(Said { level: level_of(outcome), logger: "client".into(), message })
        }
        SpanKind::Attempt { edge, number, .. } if outcome.is_failure() => {
            let message = format!("attempt {number} at {} {} after {took}", names::callee_of(topology, edge), failed(outcome));
            Some(Said { level: Level::Warning, logger: "client".into(), message })
        }
        SpanKind::Delivery { queue, consumer, .. } => {
            let name = &topology.brokers.queues[queue as usize].name;
            let message = format!("message of {name} {} after {took}", if outcome.is_ok() { "handled" } else { "not handled" });
            let level = if outcome.is_ok() { Level::Info } else { Level::Error };
            Some(Said { level, logger: topology.brokers.consumers[consumer as usize].name.clone(), message })
        }
        _ => None,
    }
}

fn is_left(outcome: Outcome) -> bool {
    outcome.status == Outcome::GIVEN_UP.status
}

fn level_of(outcome: Outcome) -> Level {
    match outcome.class {
        Class::Answer => Level::Info,
        Class::Degraded => Level::Warning,
        _ => Level::Error,
    }
}

fn failed(outcome: Outcome) -> String {
    match outcome.class {
        Class::Degraded => "was answered by a fallback".into(),
        Class::Timeout => format!("timed out ({outcome})"),
        _ => format!("failed with {outcome} ({})", outcome.class.word()),
    }
}

fn again(topology: &Topology, trace: &Trace, span: &Exported<'_>) -> Option<Said> {
    let SpanKind::Attempt { edge, number, by_mesh, .. } = trace.spans[span.place as usize].what else { return None };
    let who = if by_mesh { "the proxy tries" } else { "tries" };
    let message = format!("{who} {} again, attempt {number}", names::callee_of(topology, edge));
    Some(Said { level: Level::Warning, logger: "retry".into(), message })
}

/// What was refused; time-outs are told where they end something, breakers by the timeline.
fn of_event(topology: &Topology, trace: &Trace, span: &Exported<'_>, event: usize) -> Option<Said> {
    let SpanKind::Call { edge, .. } = trace.spans[span.place as usize].what else { return None };
    let event = &span.events[event];
    let (logger, why) = match event.name {
        "circuit_breaker.rejected" => ("circuit_breaker", "the breaker is open"),
        "bulkhead.rejected" => ("bulkhead", "the bulkhead is full"),
        "rate_limit.rejected" => ("rate_limit", "the rate limit is reached"),
        "given_up_while_waiting" => ("client", "its time was up before its turn came"),
        "no_healthy_upstream" => ("client", "no replica is there"),
        "fault_injected" => ("client", "a fault was injected"),
        "not_sent" => ("client", "nobody accepted it"),
        _ => return None,
    };
    let message = format!("call to {} not sent: {why}", names::callee_of(topology, edge));
    Some(Said { level: Level::Warning, logger: logger.into(), message })
}

/// A point of the timeline, with whose log it stands in.
fn marked(topology: &Topology, mark: &Mark) -> (Option<Maker>, Said) {
    let said = |level, logger: &str, message: String| Said { level, logger: logger.into(), message };
    let caller = |caller: u32| Some(Maker::of_caller(topology, caller));
    match mark.what {
        Happening::FaultBegan(fault) => {
            let fault = &topology.faults[fault.index()];
            (None, said(Level::Warning, "fault", format!("{} began: {}", fault.name, fault.summary)))
        }
        Happening::FaultEnded(fault) => (None, said(Level::Info, "fault", format!("{} ended", topology.faults[fault.index()].name))),
        Happening::ReplicaDown(replica) => (Some(Maker::Replica(replica)), said(Level::Error, "process", "down".into())),
        Happening::ReplicaUp(replica) => (Some(Maker::Replica(replica)), said(Level::Info, "process", "up".into())),
        Happening::Breaker { edge, caller: who, to, .. } => {
            let (level, to) = match to {
                Mode::Open => (Level::Warning, "opens"),
                Mode::HalfOpen => (Level::Info, "is half-open"),
                Mode::Closed => (Level::Info, "closes"),
            };
            (caller(who), said(level, "circuit_breaker", format!("the breaker for {} {to}", names::callee_of(topology, edge))))
        }
        Happening::Ejection { caller: who, replica, ejected, .. } => {
            let (level, does) = if ejected { (Level::Warning, "ejects") } else { (Level::Info, "takes back") };
            (caller(who), said(level, "outlier_detection", format!("{does} {}", names::replica(topology, replica))))
        }
        Happening::CacheFlushed(cache) => (None, said(Level::Warning, "cache", format!("{} flushed", topology.caches[cache.index()].name))),
        Happening::Pushed { what, last } => {
            let who = if last { "the last proxy goes by" } else { "the first proxy goes by" };
            let what = match what {
                crate::observe::recording::Pushed::Endpoint { replica, listed } => {
                    format!("{} {}", names::replica(topology, replica), if listed { "listed again" } else { "no longer listed" })
                }
                crate::observe::recording::Pushed::Config { fault, ended } => {
                    let fault = &topology.faults[fault.index()].name;
                    if ended { format!("the configuration before {fault}") } else { format!("the configuration of {fault}") }
                }
            };
            (None, said(Level::Info, "control_plane", format!("{who}: {what}")))
        }
    }
}
