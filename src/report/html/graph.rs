//! The system as the replay shows it: a box for each client, service and broker, an arrow for all calls between two of them.
//!
//! A screen has room for so many boxes. Of a larger system those are shown that the story is about, then those with the most to do.

use super::data::{Edge, EdgeSeries, Graph, Node, NodeSeries};
use super::layering;
use super::series::Lens;
use crate::analysis::course::{self, Course, horizon};
use crate::analysis::summary::Summary;
use crate::base::id::*;
use crate::observe::recording::{ClientWindow, EdgeWindow, Recording, ServiceWindow};
use crate::topology::Topology;
use crate::topology::site::Caller;
use std::collections::{BTreeMap, BTreeSet};

/// Boxes and arrows that are shown at most.
pub const MOST_NODES: usize = 60;
const MOST_EDGES: usize = 160;

/// What stands in a box.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    Client(usize),
    Service(usize),
}

/// Which boxes there are, and which arrows between them with the calls that each stands for.
pub struct Plan {
    pub shown: Vec<Who>,
    pub left_out: usize,
    pub edges: BTreeMap<(usize, usize), Vec<usize>>,
}

impl Plan {
    pub fn of(topology: &Topology, recording: &Recording, summary: &Summary) -> Plan {
        let all: Vec<Who> = (0..topology.clients.len()).map(Who::Client).chain((0..topology.services.len()).map(Who::Service)).collect();
        let mut ranked = all.clone();
        let told = told(topology, recording, summary);
        // Stable: of equally busy ones the model's order decides.
        ranked.sort_by_key(|who| std::cmp::Reverse((told.contains(who), arrivals(recording, *who))));
        ranked.truncate(MOST_NODES);
        ranked.sort();
        let mut calls: BTreeMap<(usize, usize), Vec<usize>> = BTreeMap::new();
        for (i, edge) in topology.edges.iter().enumerate() {
            let place = |who: Who| ranked.binary_search(&who).ok();
            let used = recording.edges.get(i).is_some_and(|record| record.calls > 0 || record.windows.iter().any(|w| w.calls > 0));
            if let (true, Some(from), Some(to)) = (used, place(caller(topology, edge.caller)), place(callee(topology, edge.callee))) {
                calls.entry((from, to)).or_default().push(i);
            }
        }
        let sum = |edges: &[usize]| edges.iter().map(|i| recording.edges[*i].calls).sum::<u64>();
        let mut order: Vec<((usize, usize), Vec<usize>)> = calls.into_iter().collect();
        order.sort_by_key(|(_, edges)| std::cmp::Reverse(sum(edges)));
        order.truncate(MOST_EDGES);
        Plan { left_out: all.len() - ranked.len(), shown: ranked, edges: order.into_iter().collect() }
    }

    pub fn place(&self, who: Who) -> Option<usize> {
        self.shown.binary_search(&who).ok()
    }

    /// The arrow that a call is part of.
    pub fn arrow(&self, edge: usize) -> Option<usize> {
        self.edges.values().position(|edges| edges.contains(&edge))
    }

    pub fn graph(&self, topology: &Topology, recording: &Recording, lens: Lens) -> Graph {
        let pairs: Vec<(usize, usize)> = self.edges.keys().copied().collect();
        let places = layering::places(self.shown.len(), &pairs);
        let edge = |(&(from, to), edges): (&(usize, usize), &Vec<usize>)| {
            let calls = edges.iter().map(|i| topology.edges[*i].name.clone()).collect();
            Edge { from, to, calls, series: calls_of(recording, edges, lens) }
        };
        Graph {
            width: places.iter().map(|(x, _)| x + layering::WIDTH).max().unwrap_or(0),
            height: places.iter().map(|(_, y)| y + layering::HEIGHT).max().unwrap_or(0),
            node: (layering::WIDTH, layering::HEIGHT),
            nodes: self.shown.iter().zip(places).map(|(who, place)| node(topology, recording, lens, *who, place)).collect(),
            edges: self.edges.iter().map(edge).collect(),
            left_out: self.left_out,
        }
    }
}

fn caller(topology: &Topology, caller: Caller) -> Who {
    match caller {
        Caller::Client(client) => Who::Client(client.index()),
        Caller::Endpoint(endpoint) => callee(topology, endpoint),
    }
}

fn callee(topology: &Topology, endpoint: EndpointId) -> Who {
    Who::Service(topology.endpoints[endpoint.index()].service.index())
}

/// Whom the story is about: the targets of faults, those that were hit, and where its steps happened.
fn told(topology: &Topology, recording: &Recording, summary: &Summary) -> BTreeSet<Who> {
    let mut told = BTreeSet::new();
    for span in course::faults(topology, recording) {
        let fault = &topology.faults[span.fault.index()];
        told.extend(fault.services.iter().map(|s| Who::Service(s.index())));
        told.extend(fault.clients.iter().map(|c| Who::Client(c.index())));
    }
    let names: BTreeSet<&str> =
        summary.cascade.steps.iter().map(|s| s.who.as_str()).chain(summary.cascade.hit.iter().map(String::as_str)).collect();
    told.extend(topology.clients.iter().enumerate().filter(|(_, c)| names.contains(c.name.as_str())).map(|(i, _)| Who::Client(i)));
    told.extend(topology.services.iter().enumerate().filter(|(_, s)| names.contains(s.name.as_str())).map(|(i, _)| Who::Service(i)));
    for edge in topology.edges.iter().filter(|e| names.contains(e.name.as_str())) {
        told.extend([caller(topology, edge.caller), callee(topology, edge.callee)]);
    }
    told
}

fn arrivals(recording: &Recording, who: Who) -> u64 {
    match who {
        Who::Client(i) => recording.clients.get(i).map_or(0, |c| c.offered),
        Who::Service(i) => recording.services.get(i).map_or(0, |s| s.requests),
    }
}

fn node(topology: &Topology, recording: &Recording, lens: Lens, who: Who, (x, y): (i32, i32)) -> Node {
    let until = horizon(topology, recording);
    let before = |course: Course| {
        let began = course::faults(topology, recording).map(|span| span.began).min()?;
        Some(course.before(began)?.ratio.min(1.0))
    };
    match who {
        Who::Client(i) => Node {
            name: topology.clients[i].name.clone(),
            kind: "client",
            x,
            y,
            baseline: before(Course::of_client(recording, ClientId::new(i), until)).unwrap_or(1.0),
            replicas: topology.clients[i].callers.len() as u32,
            room: None,
            queues: Vec::new(),
            series: client(recording.clients.get(i).map_or(&[], |c| &c.windows), lens),
        },
        Who::Service(i) => {
            let service = &topology.services[i];
            let broker = topology.brokers.brokers.iter().find(|broker| broker.service.index() == i);
            let replicas = service.replicas.len() as u32;
            Node {
                name: service.name.clone(),
                kind: if broker.is_some() { "broker" } else { "service" },
                x,
                y,
                baseline: before(Course::of_service(recording, ServiceId::new(i), until)).unwrap_or(1.0),
                replicas,
                room: (service.queue_capacity != u32::MAX).then(|| u64::from(service.queue_capacity) * u64::from(replicas)),
                queues: broker.map_or(Vec::new(), |broker| (broker.queues.start as usize..broker.queues.end as usize).collect()),
                series: self::service(recording.services.get(i).map_or(&[], |s| &s.windows), lens),
            }
        }
    }
}

fn client(w: &[ClientWindow], lens: Lens) -> NodeSeries {
    NodeSeries {
        arrived: Some(lens.sum(w, |w| w.offered)),
        ok: Some(lens.sum(w, |w| w.ok)),
        degraded: Some(lens.sum(w, |w| w.degraded)),
        failed: Some(lens.sum(w, |w| w.failed)),
        p50: Some(lens.latency(w, |w| w.p50)),
        p95: Some(lens.latency(w, |w| w.p95)),
        p99: Some(lens.latency(w, |w| w.p99)),
        ..NodeSeries::default()
    }
}

fn service(w: &[ServiceWindow], lens: Lens) -> NodeSeries {
    NodeSeries {
        arrived: Some(lens.sum(w, |w| w.arrived)),
        ok: Some(lens.sum(w, |w| w.ok)),
        degraded: None,
        failed: Some(lens.sum(w, |w| w.failed)),
        refused: Some(lens.sum(w, |w| w.rejected)),
        abandoned: Some(lens.sum(w, |w| w.abandoned)),
        queue: Some(lens.tenths(w, |w| w.queue)),
        busy: Some(lens.tenths(w, |w| w.busy)),
        workers: Some(lens.tenths(w, |w| w.workers)),
        up: Some(lens.highest(w, |w| w.up.into())),
        p50: Some(lens.latency(w, |w| w.p50)),
        p95: Some(lens.latency(w, |w| w.p95)),
        p99: Some(lens.latency(w, |w| w.p99)),
    }
}

/// All calls of an arrow together, window by window.
fn calls_of(recording: &Recording, edges: &[usize], lens: Lens) -> EdgeSeries {
    let mut sum: Vec<EdgeWindow> = Vec::new();
    for windows in edges.iter().map(|i| &recording.edges[*i].windows) {
        sum.resize(sum.len().max(windows.len()), EdgeWindow::default());
        for (sum, w) in sum.iter_mut().zip(windows) {
            for (all, one) in [
                (&mut sum.calls, w.calls),
                (&mut sum.attempts, w.attempts),
                (&mut sum.retries, w.retries),
                (&mut sum.failed, w.failed),
                (&mut sum.timeouts, w.timeouts),
                (&mut sum.fallbacks, w.fallbacks),
                (&mut sum.short_circuited, w.short_circuited),
                (&mut sum.open, w.open),
                (&mut sum.half_open, w.half_open),
            ] {
                *all = all.saturating_add(one);
            }
        }
    }
    EdgeSeries {
        calls: lens.sum(&sum, |w| w.calls),
        attempts: lens.sum(&sum, |w| w.attempts),
        retries: lens.sum(&sum, |w| w.retries),
        failed: lens.sum(&sum, |w| w.failed),
        timeouts: lens.sum(&sum, |w| w.timeouts),
        fallbacks: lens.sum(&sum, |w| w.fallbacks),
        cut: lens.sum(&sum, |w| w.short_circuited),
        open: lens.highest(&sum, |w| w.open.into()),
        half_open: lens.highest(&sum, |w| w.half_open.into()),
    }
}
