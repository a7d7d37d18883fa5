//! What the page's scripts know: one object, made of the recording, in the shortest form that still reads as JSON.
//!
//! Times of series are points of a `Lens`; counts are per point, levels in tenths, latencies in microseconds.

use super::series::Numbers;
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Data {
    pub name: String,
    /// One per variant; of an ensemble the first seed's.
    pub runs: Vec<Run>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// The variant's name, or that of the model as written.
    pub title: String,
    pub duration: f64,
    pub warm_up: f64,
    /// Seconds between points.
    pub step: f64,
    pub points: usize,
    pub graph: Graph,
    pub queues: Vec<Queue>,
    pub faults: Vec<Fault>,
    pub story: Vec<Step>,
    pub states: Vec<States>,
    pub attribution: Vec<Attributed>,
    pub traces: Vec<Followed>,
    /// How many requests were followed; those in `traces` are some of them.
    pub followed: usize,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Graph {
    pub width: i32,
    pub height: i32,
    pub nodes: Vec<Node>,
    pub edges: Vec<Edge>,
    /// Boxes that did not fit.
    pub left_out: usize,
}

/// A line of the picture.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Written {
    #[serde(rename = "t")]
    pub text: String,
    #[serde(rename = "n", skip_serializing_if = "std::ops::Not::not")]
    pub is_name: bool,
    /// The fault that it names.
    #[serde(rename = "f", skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Node {
    pub name: String,
    /// `client`, `service`, `database` or `broker`.
    pub kind: &'static str,
    pub x: i32,
    pub y: i32,
    pub width: i32,
    pub height: i32,
    /// Where, below its lines, its state is written.
    pub below: i32,
    pub lines: Vec<Written>,
    /// Useful ÷ offered before the first fault; 1 if that is unknown.
    pub baseline: f64,
    pub replicas: u32,
    /// Requests that may wait, over all replicas; `null`: without limit.
    pub room: Option<u64>,
    /// Queues of a broker.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bars: Vec<Bar>,
    pub series: NodeSeries,
}

/// A queue inside of its broker's box.
#[derive(Serialize)]
pub struct Bar {
    pub name: String,
    /// Its place in [`Run::queues`]; `null`: it is not among those with the most messages.
    pub queue: Option<usize>,
    pub top: i32,
    pub height: i32,
    pub lines: Vec<Written>,
}

/// What a component has no figure for is not there.
#[derive(Default, Serialize)]
pub struct NodeSeries {
    pub arrived: Option<Numbers>,
    pub ok: Option<Numbers>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub degraded: Option<Numbers>,
    pub failed: Option<Numbers>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<Numbers>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub abandoned: Option<Numbers>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<Numbers>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub busy: Option<Numbers>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workers: Option<Numbers>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub up: Option<Numbers>,
    pub p50: Option<Numbers>,
    pub p95: Option<Numbers>,
    pub p99: Option<Numbers>,
}

/// All calls of one kind from one box to another.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Edge {
    pub from: usize,
    pub to: usize,
    /// `calls`, `fallback`, `publish`, …
    pub relation: &'static str,
    /// Its way, as SVG writes it.
    pub path: String,
    /// Where its words stand: corner, width, height. `null`: it has none.
    pub label: Option<(i32, i32, i32, i32)>,
    /// Where, below its lines, its rate is written.
    pub below: i32,
    pub lines: Vec<Written>,
    /// `gateway.checkout -> orders.place`
    pub calls: Vec<String>,
    /// `null`: what goes this way is not counted.
    pub series: Option<EdgeSeries>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EdgeSeries {
    pub calls: Numbers,
    pub attempts: Numbers,
    pub retries: Numbers,
    pub failed: Numbers,
    pub timeouts: Numbers,
    pub fallbacks: Numbers,
    pub cut: Numbers,
    pub open: Numbers,
    pub half_open: Numbers,
}

#[derive(Serialize)]
pub struct Queue {
    pub name: String,
    pub published: Numbers,
    pub acked: Numbers,
    pub ready: Numbers,
    pub unacked: Numbers,
}

#[derive(Serialize)]
pub struct Fault {
    pub name: String,
    pub what: String,
    pub from: f64,
    pub until: f64,
    pub times: usize,
}

/// Something that the story tells, and where in the graph it happened.
#[derive(Serialize)]
pub struct Step {
    pub at: f64,
    pub who: String,
    pub what: String,
    pub because: Option<String>,
    /// `p99 30 ms → 2.1 s`
    pub evidence: Vec<String>,
    /// A followed request that met it: its place in [`Run::traces`], and what it is called.
    pub sample: Option<(usize, String)>,
    pub nodes: Vec<usize>,
    pub edge: Option<usize>,
}

/// The states that a breaker of one caller, or a host for one caller, was in.
#[derive(Debug, PartialEq, Serialize)]
pub struct States {
    pub kind: &'static str,
    pub who: String,
    pub to: String,
    /// From, until, and the state: `open`, `half-open` or `ejected`.
    pub spans: Vec<(f64, f64, &'static str)>,
}

#[derive(Serialize)]
pub struct Attributed {
    pub client: String,
    pub kept: &'static str,
    pub requests: u64,
    /// Mean microseconds.
    pub total: u64,
    /// Part, place, mean microseconds.
    pub parts: Vec<(&'static str, String, u64)>,
}

/// A followed request; times are microseconds from its beginning.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Followed {
    pub client: String,
    pub number: u64,
    /// Seconds of the run.
    pub at: f64,
    pub took: Option<u64>,
    pub outcome: Option<String>,
    pub kept: &'static str,
    pub spans: Vec<SpanBar>,
    /// Spans that did not fit.
    pub left_out: usize,
}

#[derive(Serialize)]
pub struct SpanBar {
    /// The span it belongs to.
    #[serde(rename = "p", skip_serializing_if = "Option::is_none")]
    pub parent: Option<usize>,
    #[serde(rename = "b")]
    pub began: u64,
    #[serde(rename = "e")]
    pub ended: Option<u64>,
    #[serde(rename = "k")]
    pub kind: &'static str,
    #[serde(rename = "n")]
    pub name: String,
    #[serde(rename = "o", skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// When a worker took it up, or the permit was got.
    #[serde(rename = "s", skip_serializing_if = "Option::is_none")]
    pub started: Option<u64>,
}
