//! `traces.otlp.json`: spans as OpenTelemetry's protocol has them in JSON: one ExportTraceServiceRequest.
//!
//! After opentelemetry.io/docs/specs/otlp, "JSON Protobuf Encoding": ids in hexadecimal, keys in camelCase, 64-bit integers as
//! strings, enumerations as numbers. Spans go out in batches, as an SDK's batch processor sends them, each sorted by resource; so a
//! file of any length is written without being held.

use super::epoch::Epoch;
use super::spans::{Attributes, Exported, ExportedTrace, Maker, Teller};
use crate::observe::recording::Recording;
use crate::observe::span_id::TraceId;
use crate::topology::Topology;
use crate::topology::labels::Value;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io;

/// Spans of a batch; the default of OpenTelemetry's batch processors.
const BATCH: usize = 512;

pub fn write(topology: &Topology, recording: &Recording, epoch: Epoch, mut to: impl io::Write) -> io::Result<()> {
    to.write_all(b"{\"resourceSpans\":[")?;
    let teller = Teller::new(topology, recording);
    let (mut batch, mut spans, mut is_first) = (Vec::new(), 0, true);
    let mut traces = teller.traces().peekable();
    while let Some(trace) = traces.next() {
        spans += trace.spans.len();
        batch.push(trace);
        if spans >= BATCH || traces.peek().is_none() {
            write_batch(topology, epoch, &batch, &mut is_first, &mut to)?;
            batch.clear();
            spans = 0;
        }
    }
    to.write_all(b"\n]}\n")
}

fn write_batch(
    topology: &Topology,
    epoch: Epoch,
    batch: &[ExportedTrace<'_>],
    is_first: &mut bool,
    to: &mut impl io::Write,
) -> io::Result<()> {
    let mut by_maker: BTreeMap<Maker, Vec<Span<'_>>> = BTreeMap::new();
    for trace in batch {
        for span in &trace.spans {
            by_maker.entry(span.maker).or_default().push(written(epoch, trace.id, span));
        }
    }
    for (maker, spans) in by_maker {
        to.write_all(if *is_first { b"\n" } else { b",\n" })?;
        *is_first = false;
        let resource = maker.resource(topology);
        let scope = Scope { name: "brownout", version: env!("CARGO_PKG_VERSION") };
        let scope_spans = [ScopeSpans { scope, spans }];
        serde_json::to_writer(&mut *to, &ResourceSpans { resource: Resource { attributes: pairs(&resource) }, scope_spans })?;
    }
    Ok(())
}

fn written<'a>(epoch: Epoch, trace: TraceId, span: &'a Exported<'_>) -> Span<'a> {
    let events = span.events.iter().map(|event| Event {
        time_unix_nano: epoch.nanos(event.at).to_string(),
        name: event.name,
        attributes: event.attributes.iter().map(|(key, value)| KeyValue { key, value: any(value) }).collect(),
    });
    Span {
        trace_id: trace.to_string(),
        span_id: span.id.to_string(),
        parent_span_id: span.parent.map(|parent| parent.to_string()),
        name: &span.name,
        kind: span.kind as u8,
        start_time_unix_nano: epoch.nanos(span.began).to_string(),
        end_time_unix_nano: epoch.nanos(span.ended).to_string(),
        attributes: pairs(&span.attributes),
        events: events.collect(),
        links: span.link.iter().map(|link| Link { trace_id: trace.to_string(), span_id: link.to_string() }).collect(),
        status: span.error.as_deref().map(|message| Status { message, code: 2 }),
    }
}

fn pairs<'a>(attributes: &'a Attributes<'_>) -> Vec<KeyValue<'a>> {
    attributes.iter().map(|(key, value)| KeyValue { key, value: any(value) }).collect()
}

fn any(value: &Value) -> AnyValue<'_> {
    match value {
        Value::Flag(flag) => AnyValue::Bool(*flag),
        Value::Whole(number) => AnyValue::Int(number.to_string()),
        Value::Number(number) => AnyValue::Double(*number),
        Value::Text(text) => AnyValue::Text(text),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResourceSpans<'a> {
    resource: Resource<'a>,
    scope_spans: [ScopeSpans<'a>; 1],
}

#[derive(Serialize)]
struct Resource<'a> {
    attributes: Vec<KeyValue<'a>>,
}

#[derive(Serialize)]
struct ScopeSpans<'a> {
    scope: Scope,
    spans: Vec<Span<'a>>,
}

#[derive(Serialize)]
struct Scope {
    name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Span<'a> {
    trace_id: String,
    span_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_span_id: Option<String>,
    name: &'a str,
    kind: u8,
    start_time_unix_nano: String,
    end_time_unix_nano: String,
    attributes: Vec<KeyValue<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    events: Vec<Event<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    links: Vec<Link>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    time_unix_nano: String,
    name: &'a str,
    attributes: Vec<KeyValue<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Link {
    trace_id: String,
    span_id: String,
}

#[derive(Serialize)]
struct Status<'a> {
    message: &'a str,
    code: u8,
}

#[derive(Serialize)]
struct KeyValue<'a> {
    key: &'a str,
    value: AnyValue<'a>,
}

#[derive(Serialize)]
enum AnyValue<'a> {
    #[serde(rename = "boolValue")]
    Bool(bool),
    #[serde(rename = "intValue")]
    Int(String),
    #[serde(rename = "doubleValue")]
    Double(f64),
    #[serde(rename = "stringValue")]
    Text(&'a str),
}
