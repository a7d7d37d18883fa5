//! `requests.csv` and `requests.parquet`: one row for each followed request: when, how it ended, why it was kept, its trace's id, and what was drawn for it.

use super::csv::{Rows, cell};
use super::parquet::{self, Cell, Type};
use super::spans::{Teller, kept};
use crate::base::id::AttributeId;
use crate::observe::recording::Recording;
use crate::observe::span::{SpanKind, Trace};
use crate::topology::Topology;
use std::collections::BTreeSet;
use std::io;

const HEAD: [(&str, Type); 12] = [
    ("client", Type::Text),
    ("number", Type::Count),
    ("offered", Type::Number),
    ("ended", Type::Number),
    ("latency", Type::Number),
    ("outcome", Type::Text),
    ("status", Type::Count),
    ("class", Type::Text),
    ("kept", Type::Text),
    ("attempts", Type::Count),
    ("spans", Type::Count),
    ("traceId", Type::Text),
];

/// Requests in the order in which they were offered. Times in seconds; what had not ended has no end. `attempts` are all that were
/// sent, at any depth. A column `drawn.NAME` for each attribute of any client follows; it is empty where the client has none of that
/// name.
pub fn write(topology: &Topology, recording: &Recording, to: impl io::Write) -> io::Result<()> {
    let names = names(topology);
    let drawn = drawn_columns(&names);
    let head: Vec<&str> = HEAD.iter().map(|(name, _)| *name).chain(drawn.iter().map(String::as_str)).collect();
    let mut rows = Rows::new(to, &head)?;
    each(topology, recording, &names, |cells| rows.row(cells))?;
    rows.end()
}

/// The same as Parquet.
pub fn write_parquet(topology: &Topology, recording: &Recording, to: impl io::Write + Send) -> io::Result<()> {
    let names = names(topology);
    let drawn = drawn_columns(&names);
    let columns: Vec<(&str, Type)> = HEAD.into_iter().chain(drawn.iter().map(|name| (name.as_str(), Type::Text))).collect();
    let mut rows = parquet::Rows::new(to, &columns)?;
    each(topology, recording, &names, |cells| rows.row(columns.iter().zip(cells).map(|((_, kind), text)| Cell::read(*kind, text))))?;
    rows.end()
}

/// Of all attributes of all clients.
fn names(topology: &Topology) -> BTreeSet<&str> {
    topology.attributes.iter().map(|attribute| attribute.name.as_str()).collect()
}

fn drawn_columns(names: &BTreeSet<&str>) -> Vec<String> {
    names.iter().map(|name| format!("drawn.{}", name.replace(' ', "."))).collect()
}

fn each(
    topology: &Topology,
    recording: &Recording,
    names: &BTreeSet<&str>,
    mut row: impl FnMut(&[String]) -> io::Result<()>,
) -> io::Result<()> {
    let teller = Teller::new(topology, recording);
    recording.sampled.iter().try_for_each(|trace| {
        let drawn = names.iter().map(|name| drawn(topology, recording, trace, name));
        let cells: Vec<String> = figures(topology, &teller, trace).into_iter().chain(drawn).collect();
        row(&cells)
    })
}

fn figures(topology: &Topology, teller: &Teller<'_>, trace: &Trace) -> [String; 12] {
    let outcome = trace.ended.map(|(_, outcome)| outcome);
    let ended = trace.ended.map(|(at, _)| at);
    let attempts = trace.spans.iter().filter(|span| matches!(span.what, SpanKind::Attempt { replica: Some(_), .. })).count();
    [
        topology.clients[trace.client.index()].name.clone(),
        trace.number.to_string(),
        trace.offered.as_secs_f64().to_string(),
        cell(ended.map(|at| at.as_secs_f64())),
        cell(ended.map(|at| at.since(trace.offered).as_secs_f64())),
        outcome.map_or(String::new(), |outcome| outcome.to_string()),
        outcome.map_or(String::new(), |outcome| outcome.status.to_string()),
        outcome.map_or(String::new(), |outcome| outcome.class.word().to_string()),
        kept(trace.kept).to_string(),
        attempts.to_string(),
        trace.spans.len().to_string(),
        teller.trace_id(trace).to_string(),
    ]
}

fn drawn(topology: &Topology, recording: &Recording, trace: &Trace, name: &str) -> String {
    let own = &topology.clients[trace.client.index()].attributes;
    let named = |attribute: &&AttributeId| topology.attributes[attribute.index()].name == name;
    own.iter().find(named).map_or(String::new(), |own| topology.attribute_value(*own, recording.seed, trace.number).to_string())
}
