//! `traces.jaeger.json`: what Jaeger's page "Upload" reads, which is what its HTTP API answers.
//!
//! Its format knows microseconds only; OpenTelemetry's kinds, errors and links become the tags and references that Jaeger itself
//! makes of them (jaegertracing/jaeger, `internal/jptrace` and the fixtures of `internal/uimodel`).

use super::epoch::Epoch;
use super::spans::{Attributes, Exported, ExportedTrace, Kind, Maker, Teller, json};
use crate::base::time::Instant;
use crate::observe::recording::Recording;
use crate::observe::span_id::{SpanId, TraceId};
use crate::topology::Topology;
use crate::topology::labels::Value;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io;

pub fn write(topology: &Topology, recording: &Recording, epoch: Epoch, mut to: impl io::Write) -> io::Result<()> {
    to.write_all(b"{\"data\":[")?;
    let teller = Teller::new(topology, recording);
    for (number, trace) in teller.traces().enumerate() {
        to.write_all(if number == 0 { b"\n" } else { b",\n" })?;
        serde_json::to_writer(&mut to, &written(topology, epoch, &trace))?;
    }
    to.write_all(b"\n],\"total\":0,\"limit\":0,\"offset\":0,\"errors\":null}\n")
}

fn written<'a>(topology: &'a Topology, epoch: Epoch, trace: &'a ExportedTrace<'_>) -> JaegerTrace<'a> {
    let mut makers: BTreeMap<Maker, String> = BTreeMap::new();
    for span in &trace.spans {
        let next = format!("p{}", makers.len() + 1);
        makers.entry(span.maker).or_insert(next);
    }
    let processes = makers.iter().map(|(maker, id)| {
        let resource: Attributes<'_> = maker.resource(topology).into_iter().filter(|(key, _)| key != "service.name").collect();
        let tags = resource.iter().map(|(key, value)| tag(key, value)).collect();
        (id.clone(), Process { service_name: maker.service(topology), tags })
    });
    JaegerTrace {
        trace_id: trace.id.to_string(),
        spans: trace.spans.iter().map(|span| self::span(epoch, trace.id, span, makers[&span.maker].clone())).collect(),
        processes: processes.collect(),
        warnings: (),
    }
}

fn span<'a>(epoch: Epoch, trace: TraceId, span: &'a Exported<'_>, process_id: String) -> JaegerSpan<'a> {
    let micros = |at: Instant| epoch.nanos(at) / 1000;
    let reference = |ref_type, to: SpanId| Reference { ref_type, trace_id: trace.to_string(), span_id: to.to_string() };
    let parent = span.parent.map(|parent| reference("CHILD_OF", parent));
    let link = span.link.filter(|link| Some(*link) != span.parent).map(|link| reference("FOLLOWS_FROM", link));
    let mut tags: Vec<Tag> = span.attributes.iter().map(|(key, value)| tag(key, value)).collect();
    tags.push(text("span.kind", kind(span.kind)));
    tags.push(text("otel.scope.name", "brownout"));
    if let Some(message) = &span.error {
        tags.push(Tag { key: "error".into(), kind: "bool", value: true.into() });
        tags.push(text("otel.status_code", "ERROR"));
        tags.push(text("otel.status_description", message));
    }
    let logs = span.events.iter().map(|event| {
        let fields = [text("event", event.name)].into_iter();
        Log { timestamp: micros(event.at), fields: fields.chain(event.attributes.iter().map(|(key, value)| tag(key, value))).collect() }
    });
    JaegerSpan {
        trace_id: trace.to_string(),
        span_id: span.id.to_string(),
        operation_name: &span.name,
        references: parent.into_iter().chain(link).collect(),
        start_time: micros(span.began),
        duration: micros(span.ended) - micros(span.began),
        tags,
        logs: logs.collect(),
        process_id,
        warnings: (),
    }
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Internal => "internal",
        Kind::Server => "server",
        Kind::Client => "client",
        Kind::Producer => "producer",
        Kind::Consumer => "consumer",
    }
}

fn text(key: &str, value: &str) -> Tag {
    Tag { key: key.into(), kind: "string", value: value.into() }
}

fn tag(key: &str, value: &Value) -> Tag {
    let kind = match value {
        Value::Flag(_) => "bool",
        Value::Whole(_) => "int64",
        Value::Number(_) => "float64",
        Value::Text(_) => "string",
    };
    Tag { key: key.into(), kind, value: json(value) }
}

#[derive(Serialize)]
struct JaegerTrace<'a> {
    #[serde(rename = "traceID")]
    trace_id: String,
    spans: Vec<JaegerSpan<'a>>,
    processes: BTreeMap<String, Process<'a>>,
    warnings: (),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JaegerSpan<'a> {
    #[serde(rename = "traceID")]
    trace_id: String,
    #[serde(rename = "spanID")]
    span_id: String,
    operation_name: &'a str,
    references: Vec<Reference>,
    start_time: u64,
    duration: u64,
    tags: Vec<Tag>,
    logs: Vec<Log>,
    #[serde(rename = "processID")]
    process_id: String,
    warnings: (),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Reference {
    ref_type: &'static str,
    #[serde(rename = "traceID")]
    trace_id: String,
    #[serde(rename = "spanID")]
    span_id: String,
}

#[derive(Serialize)]
struct Log {
    timestamp: u64,
    fields: Vec<Tag>,
}

#[derive(Serialize)]
struct Tag {
    key: String,
    #[serde(rename = "type")]
    kind: &'static str,
    value: serde_json::Value,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Process<'a> {
    service_name: &'a str,
    tags: Vec<Tag>,
}
