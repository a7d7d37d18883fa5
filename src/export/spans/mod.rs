//! Followed requests as spans in the sense of OpenTelemetry: what all formats of traces and logs have in common.
//!
//! What a span is called, who made it and what is attached to it is decided here, once, after the semantic conventions of
//! OpenTelemetry (opentelemetry.io/docs/specs/semconv, HTTP and messaging as of 1.38; RPC as it was before its stabilisation);
//! the writers of the formats only write. Files: [`told`] (which spans of the simulation are told, and below which), [`attributes`]
//! (names, kinds, attributes), [`events`] (what happened within a span).

mod attributes;
mod events;
#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;
mod told;

pub use events::{Event, Marks};

use crate::analysis::names;
use crate::base::id::*;
use crate::base::time::Instant;
use crate::observe::recording::Recording;
use crate::observe::span::{Kept, SpanKind, Trace};
use crate::observe::span_id::{Ids, Part, SpanId, TraceId};
use crate::topology::Topology;
use crate::topology::labels::Value;
use std::borrow::Cow;
use told::{Tale, Told};

/// OpenTelemetry's kinds, with their numbers in OTLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    Internal = 1,
    Server = 2,
    Client = 3,
    Producer = 4,
    Consumer = 5,
}

/// Who made a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Maker {
    Replica(ReplicaId),
    /// An instance of a client, by its number among the callers.
    Client(u32),
    /// A service, where no replica of it has been reached.
    Service(ServiceId),
}

pub type Attributes<'t> = Vec<(Cow<'t, str>, Value)>;

/// A span as it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Exported<'t> {
    pub id: SpanId,
    pub parent: Option<SpanId>,
    /// The producer's span, for what a message set off.
    pub link: Option<SpanId>,
    pub name: Cow<'t, str>,
    pub kind: Kind,
    pub maker: Maker,
    pub began: Instant,
    pub ended: Instant,
    pub attributes: Attributes<'t>,
    /// In order of time.
    pub events: Vec<Event>,
    /// What went wrong, by OpenTelemetry's rules for its kind.
    pub error: Option<String>,
    /// Its place in [`Trace::spans`].
    pub place: u32,
    pub part: Part,
}

/// A request as it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct ExportedTrace<'t> {
    pub id: TraceId,
    /// Parents before children.
    pub spans: Vec<Exported<'t>>,
}

/// Tells the requests of a run.
pub struct Teller<'t> {
    topology: &'t Topology,
    recording: &'t Recording,
    /// By client.
    ids: Vec<Ids>,
    marks: Marks,
}

impl<'t> Teller<'t> {
    pub fn new(topology: &'t Topology, recording: &'t Recording) -> Teller<'t> {
        let ids = topology.clients.iter().map(|client| Ids::new(recording.seed, &client.name)).collect();
        Teller { topology, recording, ids, marks: Marks::of(recording) }
    }

    /// The id that a request bears in all artefacts.
    pub fn trace_id(&self, trace: &Trace) -> TraceId {
        self.ids[trace.client.index()].trace(trace.number)
    }

    /// All requests that were followed, one at a time.
    pub fn traces(&self) -> impl Iterator<Item = ExportedTrace<'t>> + '_ {
        self.recording.sampled.iter().map(|trace| self.tell(trace))
    }

    pub fn tell(&self, trace: &Trace) -> ExportedTrace<'t> {
        let tale = Tale::of(trace);
        let mut spans = Vec::with_capacity(trace.spans.len());
        for place in 0..trace.spans.len() as u32 {
            if tale.told[place as usize] == Told::Itself {
                spans.push(self.span(trace, &tale, place));
                spans.extend(self.queue(trace, &tale, place));
            }
        }
        ExportedTrace { id: self.trace_id(trace), spans }
    }

    fn id(&self, trace: &Trace, place: u32, part: Part) -> SpanId {
        self.ids[trace.client.index()].span(trace.number, place, part)
    }

    fn span(&self, trace: &Trace, tale: &Tale, place: u32) -> Exported<'t> {
        let span = &trace.spans[place as usize];
        let (name, kind, mut attributes) = attributes::of(self.topology, trace, tale, place);
        let outcome = span.ended.map(|(_, outcome)| outcome);
        attributes::of_outcome(&mut attributes, tale.speaks(self.topology, trace, place), kind, outcome);
        if tale.is_in_vain(trace, place) {
            attributes.push(("brownout.in_vain".into(), Value::Flag(true)));
        }
        if place == 0 {
            self.of_request(trace, &mut attributes);
        }
        if let SpanKind::Served { endpoint, .. } = span.what {
            let own = self.topology.span_attributes(endpoint, trace.client, self.recording.seed, trace.number);
            // What the model says of its own is said instead of ours.
            attributes.retain(|(key, _)| own.iter().all(|(other, _)| other != key));
            attributes.extend(own.into_iter().map(|(key, value)| (Cow::Borrowed(key), value)));
        }
        let producer = tale.producer(trace, place);
        Exported {
            id: self.id(trace, place, Part::Itself),
            parent: tale.parent(trace, place).or(producer).map(|parent| self.id(trace, parent, Part::Itself)),
            link: producer.map(|producer| self.id(trace, producer, Part::Itself)),
            name,
            kind,
            maker: tale.maker(self.topology, trace, place),
            began: span.began,
            ended: self.end(span.began, span.ended.map(|(at, _)| at)),
            attributes,
            events: events::of(self.topology, &self.marks, trace, tale, place),
            error: outcome.and_then(|outcome| attributes::error(kind, outcome)),
            place,
            part: Part::Itself,
        }
    }

    /// The time that a request waited for a worker, as a span below what served it.
    fn queue(&self, trace: &Trace, tale: &Tale, place: u32) -> Option<Exported<'t>> {
        let span = &trace.spans[place as usize];
        let SpanKind::Served { started, .. } = span.what else { return None };
        let until = self.end(span.began, started.or(span.ended.map(|(at, _)| at)));
        (until > span.began).then(|| Exported {
            id: self.id(trace, place, Part::Queue),
            parent: Some(self.id(trace, place, Part::Itself)),
            link: None,
            name: "queue".into(),
            kind: Kind::Internal,
            maker: tale.maker(self.topology, trace, place),
            began: span.began,
            ended: until,
            attributes: Vec::new(),
            events: Vec::new(),
            error: None,
            place,
            part: Part::Queue,
        })
    }

    /// What has not ended, has not ended by the end of the run.
    fn end(&self, began: Instant, ended: Option<Instant>) -> Instant {
        ended.unwrap_or(self.recording.ended).max(began)
    }

    /// Which request it is, why it was kept, and what was drawn for it.
    fn of_request(&self, trace: &Trace, attributes: &mut Attributes<'t>) {
        let client = &self.topology.clients[trace.client.index()];
        attributes.push(("brownout.client".into(), Value::Text(client.name.clone())));
        attributes.push(("brownout.request".into(), Value::Whole(trace.number as i64)));
        attributes.push(("brownout.kept".into(), Value::Text(kept(trace.kept).into())));
        for attribute in &client.attributes {
            let name = &self.topology.attributes[attribute.index()].name;
            let value = self.topology.attribute_value(*attribute, self.recording.seed, trace.number);
            attributes.push((format!("brownout.drawn.{}", name.replace(' ', ".")).into(), value));
        }
    }
}

/// Why a request was kept, in a word.
pub fn kept(kept: Kept) -> &'static str {
    match kept {
        Kept::Share => "share",
        Kept::Failed => "failed",
        Kept::Degraded => "degraded",
        Kept::Slow => "slow",
        Kept::Typical => "typical",
        Kept::AroundFault => "around-fault",
    }
}

/// A value as JSON has it.
pub fn json(value: &Value) -> serde_json::Value {
    match value {
        Value::Flag(flag) => (*flag).into(),
        Value::Whole(number) => (*number).into(),
        Value::Number(number) => (*number).into(),
        Value::Text(text) => text.as_str().into(),
    }
}

impl Maker {
    /// Of a caller's number: replicas come first, then the clients' instances.
    pub fn of_caller(topology: &Topology, caller: u32) -> Maker {
        if (caller as usize) < topology.replicas.len() { Maker::Replica(ReplicaId(caller)) } else { Maker::Client(caller) }
    }

    /// The name of the service, or of the client.
    pub fn service(self, topology: &Topology) -> &str {
        let of = |service: ServiceId| topology.services[service.index()].name.as_str();
        match self {
            Maker::Replica(replica) => of(topology.replicas[replica.index()].service),
            Maker::Service(service) => of(service),
            Maker::Client(caller) => {
                topology.clients.iter().find(|client| client.callers.contains(&caller)).map_or("clients", |client| client.name.as_str())
            }
        }
    }

    /// `orders-1`; nothing for a whole service.
    pub fn instance(self, topology: &Topology) -> Option<String> {
        match self {
            Maker::Replica(replica) => Some(names::replica(topology, replica)),
            Maker::Client(caller) => Some(names::caller(topology, caller)),
            Maker::Service(_) => None,
        }
    }

    fn zone(self, topology: &Topology) -> Option<&str> {
        let zone = match self {
            Maker::Replica(replica) => topology.replicas[replica.index()].zone,
            Maker::Client(caller) => topology.clients.iter().find(|client| client.callers.contains(&caller))?.zone,
            Maker::Service(_) => return None,
        };
        zone.is_some().then(|| topology.zones[zone.index()].as_str())
    }

    /// OpenTelemetry's resource. That it is simulated stands in the name of the environment.
    pub fn resource(self, topology: &Topology) -> Attributes<'_> {
        let text = |text: &str| Value::Text(text.to_string());
        let mut resource: Attributes<'_> = vec![
            ("service.name".into(), text(self.service(topology))),
            ("service.namespace".into(), text(&topology.name)),
            ("deployment.environment.name".into(), text("simulation")),
        ];
        if let Some(instance) = self.instance(topology) {
            if let Maker::Replica(_) = self {
                resource.push(("k8s.pod.name".into(), text(&instance)));
            }
            resource.push(("service.instance.id".into(), Value::Text(instance)));
        }
        resource.extend(self.zone(topology).map(|zone| ("cloud.availability_zone".into(), text(zone))));
        resource
    }
}
