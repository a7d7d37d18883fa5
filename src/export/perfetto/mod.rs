//! `traces.perfetto.json`: the followed requests, the queues and the faults as Perfetto (ui.perfetto.dev) and chrome://tracing show
//! them, in the trace event format of Chrome.
//!
//! A replica is a process and its workers are threads, so one sees what a worker is busy with and what it waits for; arrows lead from
//! an attempt to what serves it and from who publishes a message to who handles it. Times are those of the simulation, from its
//! beginning: a date in microseconds would leave no digits for nanoseconds. Files: [`lanes`] (what lies on which thread),
//! [`around`] (counters, faults, the timeline).

mod around;
mod lanes;

use super::spans::{self, Exported, ExportedTrace, Kind, Maker, Teller};
use crate::base::time::{Instant, Nanos};
use crate::observe::recording::Recording;
use crate::observe::span::{SpanKind, Trace};
use crate::observe::span_id::Part;
use crate::topology::Topology;
use lanes::{Lanes, Slice};
use serde_json::{Map, Value as Json, json};
use std::io;

pub fn write(topology: &Topology, recording: &Recording, mut to: impl io::Write) -> io::Result<()> {
    let teller = Teller::new(topology, recording);
    let lanes = Lanes::of(recording.sampled.iter().map(|trace| (trace, teller.tell(trace))));
    to.write_all(b"{\"displayTimeUnit\":\"ms\",\"traceEvents\":[")?;
    let mut stage = Stage { topology, recording, lanes, to, is_first: true };
    stage.processes()?;
    stage.faults()?;
    stage.timeline()?;
    stage.counters()?;
    for (number, trace) in recording.sampled.iter().enumerate() {
        let told = teller.tell(trace);
        stage.spans(number as u32, &told)?;
        stage.arrows(number as u32, trace, &told)?;
    }
    stage.to.write_all(b"\n]}\n")
}

/// Where trace events go, one a line.
struct Stage<'t, W> {
    topology: &'t Topology,
    recording: &'t Recording,
    lanes: Lanes,
    to: W,
    is_first: bool,
}

/// The place of an event: a process and one of its threads.
type Place = (u64, u32);

/// The process of the faults; clients follow.
const FAULTS: u64 = 1;

/// Nanoseconds as microseconds with their three decimals: exact, which a printed float need not be.
struct Micros(u64);

impl std::fmt::Display for Micros {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1000, self.0 % 1000)
    }
}

impl<W: io::Write> Stage<'_, W> {
    /// An event of a kind (`ph`), with what else it says.
    fn push(&mut self, kind: &str, at: Instant, place: Place, more: Json) -> io::Result<()> {
        self.begin(kind, at, place)?;
        self.end(more)
    }

    /// A slice of a thread.
    fn slice(&mut self, from: Instant, dur: Nanos, place: Place, more: Json) -> io::Result<()> {
        self.begin("X", from, place)?;
        write!(self.to, ",\"dur\":{}", Micros(dur.0))?;
        self.end(more)
    }

    fn begin(&mut self, kind: &str, at: Instant, (process, thread): Place) -> io::Result<()> {
        self.to.write_all(if self.is_first { b"\n" } else { b",\n" })?;
        self.is_first = false;
        write!(self.to, "{{\"ph\":\"{kind}\",\"ts\":{},\"pid\":{process},\"tid\":{thread}", Micros(at.0))
    }

    fn end(&mut self, more: Json) -> io::Result<()> {
        for (key, value) in more.as_object().into_iter().flatten() {
            write!(self.to, ",\"{key}\":")?;
            serde_json::to_writer(&mut self.to, value)?;
        }
        self.to.write_all(b"}")
    }

    /// The number of a process: the faults, the clients, then each service before its replicas, one after the other.
    fn process(&self, maker: Maker) -> u64 {
        let topology = self.topology;
        let replicas = topology.replicas.len() as u64;
        let services = FAULTS + 1 + u64::from(topology.callers) - replicas;
        match maker {
            Maker::Client(caller) => FAULTS + 1 + u64::from(caller) - replicas,
            Maker::Service(id) => services + id.index() as u64 + u64::from(topology.services[id.index()].replicas.start),
            Maker::Replica(id) => services + topology.replicas[id.index()].service.index() as u64 + 1 + u64::from(id.0),
        }
    }

    fn place(&self, slice: &Slice) -> Place {
        (self.process(slice.maker), self.lanes.thread(slice))
    }

    fn spans(&mut self, number: u32, told: &ExportedTrace<'_>) -> io::Result<()> {
        for span in &told.spans {
            if span.part == Part::Queue {
                self.waiting(told, span)?;
            } else if let Some(slice) = self.lanes.slice(number, span.place) {
                let place = self.place(&slice);
                let more = json!({"cat": "request", "name": span.name, "args": args(told, span)});
                self.slice(slice.from, slice.until.since(slice.from), place, more)?;
                for event in &span.events {
                    self.push("i", event.at, place, json!({"cat": "event", "name": event.name, "s": "t"}))?;
                }
            }
        }
        Ok(())
    }

    /// Who waits for a worker is on no thread: a track of its own.
    fn waiting(&mut self, told: &ExportedTrace<'_>, span: &Exported<'_>) -> io::Result<()> {
        let place = (self.process(span.maker), 0);
        let id = json!({"local": format!("0x{}", span.id)});
        self.push("b", span.began, place, json!({"cat": "queue", "name": "queue", "id2": id, "args": args(told, span)}))?;
        self.push("e", span.ended, place, json!({"cat": "queue", "name": "queue", "id2": id}))
    }

    /// From each attempt to what serves it, from each publication to each delivery.
    fn arrows(&mut self, number: u32, trace: &Trace, told: &ExportedTrace<'_>) -> io::Result<()> {
        for span in told.spans.iter().filter(|span| span.part == Part::Itself) {
            let above = match trace.spans[span.place as usize].what {
                SpanKind::Served { .. } => told.spans.iter().find(|other| Some(other.id) == span.parent),
                SpanKind::Delivery { .. } => told.spans.iter().find(|other| Some(other.id) == span.link),
                _ => None,
            };
            let Some(above) = above.filter(|above| above.maker != span.maker || above.kind == Kind::Producer) else { continue };
            let (Some(from), Some(to)) = (self.lanes.slice(number, above.place), self.lanes.slice(number, span.place)) else { continue };
            // An arrow begins and ends within slices that take time, or it has no ends.
            if from.until > from.from && to.until > to.from {
                let id = format!("0x{}", span.id);
                let cat = if let Kind::Consumer = span.kind { "message" } else { "call" };
                self.push("s", from.from, self.place(&from), json!({"cat": cat, "name": cat, "id": id}))?;
                let end = json!({"cat": cat, "name": cat, "id": id, "bp": "e"});
                self.push("f", to.from, self.place(&to), end)?;
            }
        }
        Ok(())
    }
}

/// What a click on a slice shows.
fn args(told: &ExportedTrace<'_>, span: &Exported<'_>) -> Json {
    let mut args = Map::new();
    args.insert("trace_id".into(), told.id.to_string().into());
    args.insert("span_id".into(), span.id.to_string().into());
    for (key, value) in &span.attributes {
        args.insert(key.to_string(), spans::json(value));
    }
    args.extend(span.error.as_ref().map(|error| ("error".to_string(), error.as_str().into())));
    Json::Object(args)
}
