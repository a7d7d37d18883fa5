//! The system as the replay shows it: the picture of `brownout graph`, with room in it for what changes.
//!
//! A screen has room for so many boxes. Of a larger system those are shown that a fault strikes, then
//! those that the story is about, then those with the most to do.

use super::data::{Bar, Edge, Graph, Node, Written};
use super::figures;
use super::series::Lens;
use crate::analysis::course::{self, Course, horizon};
use crate::analysis::summary::Summary;
use crate::base::id::*;
use crate::observe::recording::Recording;
use crate::report::graph::svg::way;
use crate::report::graph::{self, Line, Look, Picture, Room};
use crate::topology::Topology;
use crate::topology::diagram::{self, Diagram, End, Of};
use crate::topology::site::Caller;
use std::collections::BTreeSet;

/// Boxes and arrows that are shown at most, and arrows with words on them.
pub const MOST_NODES: usize = 60;
const MOST_EDGES: usize = 160;
const MOST_LABELLED: usize = 60;

/// For the state and the figures of a box, what waits in a queue, and the rate on an arrow with what is wrong with it.
const ROOM: Room = Room { narrowest: 156, in_box: 38, in_queue: 15, on_arrow: Some((88, 29)) };

/// What stands in a box.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    Client(usize),
    Service(usize),
}

/// The picture's boxes and arrows.
pub struct Plan {
    pub shown: Vec<Who>,
    pub left_out: usize,
    picture: Picture,
}

impl Plan {
    pub fn of(topology: &Topology, recording: &Recording, summary: &Summary) -> Plan {
        let all: Vec<Who> = (0..topology.clients.len()).map(Who::Client).chain((0..topology.services.len()).map(Who::Service)).collect();
        let mut ranked = all.clone();
        let (struck, told) = (struck(topology, recording), told(topology, summary));
        // In a cascade that reaches everybody the story alone would leave out where it began. Stable: of equally busy ones the
        // model's order decides.
        ranked.sort_by_key(|who| std::cmp::Reverse((struck.contains(who), told.contains(who), arrivals(recording, *who))));
        ranked.truncate(MOST_NODES);
        ranked.sort();
        let diagram = part_of(diagram::diagram(topology), &ranked, recording);
        let room = Room { on_arrow: ROOM.on_arrow.filter(|_| diagram.arrows.len() <= MOST_LABELLED), ..ROOM };
        Plan { left_out: all.len() - ranked.len(), shown: ranked, picture: graph::with_room(diagram, room) }
    }

    pub fn place(&self, who: Who) -> Option<usize> {
        self.shown.binary_search(&who).ok()
    }

    pub fn arrows(&self) -> usize {
        self.picture.diagram.arrows.len()
    }

    /// The arrow that a call is part of, and the boxes at its ends.
    pub fn arrow(&self, edge: usize) -> Option<(usize, [usize; 2])> {
        let arrows = &self.picture.diagram.arrows;
        let at = arrows.iter().position(|arrow| arrow.edges.contains(&EdgeId::new(edge)))?;
        Some((at, [arrows[at].from.part, arrows[at].to.part]))
    }

    pub fn graph(&self, topology: &Topology, recording: &Recording, lens: Lens) -> Graph {
        Graph {
            width: self.picture.placed.width,
            height: self.picture.placed.height,
            nodes: (0..self.shown.len()).map(|at| self.node(at, topology, recording, lens)).collect(),
            edges: (0..self.arrows()).map(|at| self.edge(at, topology, recording, lens)).collect(),
            left_out: self.left_out,
        }
    }

    fn node(&self, at: usize, topology: &Topology, recording: &Recording, lens: Lens) -> Node {
        let Picture { diagram, placed, texts, below, bars, .. } = &self.picture;
        let (part, rect) = (&diagram.parts[at], placed.boxes[at]);
        let bar = |(queue, (top, height, lines)): (&diagram::Queue, &(i32, i32, Vec<Line>))| Bar {
            name: queue.name.clone(),
            queue: Some(queue.number as usize),
            top: *top,
            height: *height,
            lines: written(lines, &queue.faults, diagram),
        };
        let own = match part.of {
            Of::Client(client) => client_node(topology, recording, lens, client),
            Of::Service(service) => service_node(topology, recording, lens, service),
        };
        Node {
            name: part.name.clone(),
            kind: part.kind.word(),
            x: rect.x,
            y: rect.y,
            width: rect.width,
            height: rect.height,
            below: below[at],
            lines: written(&texts[at], &part.faults, diagram),
            bars: part.queues.iter().zip(&bars[at]).map(bar).collect(),
            ..own
        }
    }

    fn edge(&self, at: usize, topology: &Topology, recording: &Recording, lens: Lens) -> Edge {
        let Picture { diagram, placed, labels, .. } = &self.picture;
        let (arrow, route) = (&diagram.arrows[at], &placed.routes[at]);
        let edges: Vec<usize> = arrow.edges.iter().map(|edge| edge.index()).collect();
        let label = route.label.map(|rect| (rect.x, rect.y, rect.width, rect.height));
        Edge {
            from: arrow.from.part,
            to: arrow.to.part,
            relation: arrow.relation.word(),
            path: way(route),
            label,
            below: 3 + graph::height(&labels[at]),
            lines: if label.is_some() { written(&labels[at], &arrow.faults, diagram) } else { Vec::new() },
            calls: arrow.edges.iter().map(|edge| topology.edges[edge.index()].name.clone()).collect(),
            series: (!edges.is_empty()).then(|| figures::calls_of(recording, &edges, lens)),
        }
    }
}

/// Those parts, and the arrows between them; of too many the ones with the most calls, and of many without their words.
fn part_of(whole: Diagram, shown: &[Who], recording: &Recording) -> Diagram {
    let who = |of: Of| match of {
        Of::Client(client) => Who::Client(client.index()),
        Of::Service(service) => Who::Service(service.index()),
    };
    let places: Vec<Option<usize>> = whole.parts.iter().map(|part| shown.binary_search(&who(part.of)).ok()).collect();
    let calls = |edges: &[EdgeId]| edges.iter().filter_map(|edge| recording.edges.get(edge.index())).map(|edge| edge.calls).sum::<u64>();
    let mut arrows: Vec<(usize, diagram::Arrow)> = Vec::new();
    for (number, arrow) in whole.arrows.into_iter().enumerate() {
        if let (Some(from), Some(to)) = (places[arrow.from.part], places[arrow.to.part]) {
            let end = |part: usize, old: End| End { part, ..old };
            arrows.push((number, diagram::Arrow { from: end(from, arrow.from), to: end(to, arrow.to), ..arrow }));
        }
    }
    arrows.sort_by_key(|(_, arrow)| std::cmp::Reverse(calls(&arrow.edges)));
    arrows.truncate(MOST_EDGES);
    arrows.sort_by_key(|(number, _)| *number);
    let mut arrows: Vec<diagram::Arrow> = arrows.into_iter().map(|(_, arrow)| arrow).collect();
    if arrows.len() > MOST_LABELLED {
        arrows.iter_mut().for_each(|arrow| arrow.policies.clear());
    }
    let parts = whole.parts.into_iter().zip(&places).filter(|(_, place)| place.is_some()).map(|(part, _)| part).collect();
    Diagram { parts, arrows, ..whole }
}

/// Lines with what they are; those of faults with the fault's name, by which the page knows when it lasts.
fn written(lines: &[Line], faults: &[usize], diagram: &Diagram) -> Vec<Written> {
    let mut faults = faults.iter().map(|fault| diagram.faults[*fault].name.clone());
    let mut fault_of = |look: Look| if look == Look::Fault { faults.next() } else { None };
    lines.iter().map(|line| Written { text: line.text.clone(), is_name: line.look == Look::Name, fault: fault_of(line.look) }).collect()
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

/// The targets of the faults that happened.
fn struck(topology: &Topology, recording: &Recording) -> BTreeSet<Who> {
    let mut struck = BTreeSet::new();
    for span in course::faults(topology, recording) {
        let fault = &topology.faults[span.fault.index()];
        struck.extend(fault.services.iter().map(|s| Who::Service(s.index())));
        struck.extend(fault.clients.iter().map(|c| Who::Client(c.index())));
    }
    struck
}

/// Whom the story is about: those that were hit, and where its steps happened.
fn told(topology: &Topology, summary: &Summary) -> BTreeSet<Who> {
    let mut told = BTreeSet::new();
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

/// Useful ÷ offered before the first fault; 1 if that is unknown.
fn before(topology: &Topology, recording: &Recording, course: Course) -> f64 {
    let began = course::faults(topology, recording).map(|span| span.began).min();
    began.and_then(|began| Some(course.before(began)?.ratio.min(1.0))).unwrap_or(1.0)
}

fn client_node(topology: &Topology, recording: &Recording, lens: Lens, id: ClientId) -> Node {
    let course = Course::of_client(recording, id, horizon(topology, recording));
    Node {
        baseline: before(topology, recording, course),
        replicas: topology.clients[id.index()].callers.len() as u32,
        series: figures::client(recording.clients.get(id.index()).map_or(&[], |c| &c.windows), lens),
        ..Node::default()
    }
}

fn service_node(topology: &Topology, recording: &Recording, lens: Lens, id: ServiceId) -> Node {
    let service = &topology.services[id.index()];
    let replicas = service.replicas.len() as u32;
    let course = Course::of_service(recording, id, horizon(topology, recording));
    Node {
        baseline: before(topology, recording, course),
        replicas,
        room: (service.queue_capacity != u32::MAX).then(|| u64::from(service.queue_capacity) * u64::from(replicas)),
        series: figures::service(recording.services.get(id.index()).map_or(&[], |s| &s.windows), lens),
        ..Node::default()
    }
}
