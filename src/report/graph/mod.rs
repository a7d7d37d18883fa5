//! The system as a picture: the topology's diagram, measured and laid out.
//!
//! `Picture` is plain data for whoever draws it: part `i` of the diagram has box `i`, its queue `q` is bar `q` of that box, and arrow `j` goes the
//! way of route `j`.

pub mod svg;

use super::charts::font::{self, Face};
use super::layout::{self, Arrow, Drawing, Placed, Shape, Side};
use crate::topology::Topology;
use crate::topology::diagram::{self, Diagram, End, Kind};

pub struct Picture {
    pub diagram: Diagram,
    pub placed: Placed,
    /// By part: the lines in its box, the name first, cut to the room they have.
    pub texts: Vec<Vec<Line>>,
    /// By part: where below these lines, inside its box, the room for figures begins.
    pub below: Vec<i32>,
    /// By part and queue: where its bar is inside the box (top and height), and its lines.
    pub bars: Vec<Vec<(i32, i32, Vec<Line>)>>,
    /// By arrow: what is written on it.
    pub labels: Vec<Vec<Line>>,
}

/// Room that is kept free for figures that change while the picture is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// How wide a box is at least.
    pub narrowest: i32,
    /// Height below the lines of a box, and of a queue in it.
    pub in_box: i32,
    pub in_queue: i32,
    /// Width and height below what is written on an arrow.
    pub on_arrow: Option<(i32, i32)>,
}

/// A line of text with its look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub text: String,
    pub look: Look,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    Name,
    Fact,
    Fault,
}

impl Look {
    fn face(self) -> Face {
        match self {
            Look::Name => NAME,
            Look::Fact | Look::Fault => FACT,
        }
    }

    /// From one line to the next.
    fn height(self) -> i32 {
        if self == Look::Name { 18 } else { 14 }
    }
}

const NAME: Face = Face { em: 26, bold: true };
const FACT: Face = Face { em: 21, bold: false };

/// Inside a box and around a label.
pub const PADDING: i32 = 9;
const NARROWEST: i32 = 84;
const WIDEST: i32 = 230;
const WIDEST_LABEL: i32 = 176;

/// Lays out the diagram of a topology.
pub fn picture(topology: &Topology) -> Picture {
    of(diagram::diagram(topology))
}

/// Lays out a diagram.
pub fn of(diagram: Diagram) -> Picture {
    with_room(diagram, Room::default())
}

/// Lays out a diagram with room for more than it says.
pub fn with_room(diagram: Diagram, room: Room) -> Picture {
    let fault = |number: &usize| Line { text: diagram.faults[*number].sign(), look: Look::Fault };
    let lines = |name: &str, facts: &[String], faults: &[usize]| -> Vec<Line> {
        let name = Line { text: name.to_string(), look: Look::Name };
        let facts = facts.iter().flat_map(|fact| phrases(fact, WIDEST - 2 * PADDING)).map(|text| Line { text, look: Look::Fact });
        let all = [name].into_iter().chain(facts).chain(faults.iter().map(fault));
        all.map(|line| Line { text: font::fitted(&line.text, line.look.face(), 2 * (WIDEST - 2 * PADDING)), ..line }).collect()
    };
    let (mut bars, mut below) = (Vec::new(), Vec::new());
    let mut drawing = Drawing::default();
    let texts: Vec<Vec<Line>> = diagram.parts.iter().map(|part| lines(&part.name, &part.facts, &part.faults)).collect();
    for (part, text) in diagram.parts.iter().zip(&texts) {
        let mut bottom = PADDING + height(text);
        below.push(bottom);
        bottom += room.in_box;
        let own = part.queues.iter().map(|queue| {
            let mut text = lines(&queue.name, &queue.facts, &queue.faults);
            // Inside its broker a queue needs no name of it.
            if let Some((_, name)) = queue.name.split_once('.') {
                text[0].text = font::fitted(name, Look::Fact.face(), 2 * (WIDEST - 4 * PADDING));
            }
            let high = height(&text) + 8 + room.in_queue;
            bottom += high + 6;
            (bottom - high, high, text)
        });
        let own: Vec<(i32, i32, Vec<Line>)> = own.collect();
        let inner = own.iter().map(|(_, _, text)| width(text) + 2 * PADDING).max().unwrap_or(0);
        let wide = (width(text).max(inner) + 2 * PADDING).max(NARROWEST).max(room.narrowest);
        let side = match part.kind {
            Kind::Client => Side::First,
            Kind::Database => Side::Last,
            Kind::Service | Kind::Broker => Side::Between,
        };
        let spans = own.iter().map(|(top, high, _)| (*top, *high)).collect();
        drawing.boxes.push(Shape { width: wide, height: bottom + PADDING - 2, side, bars: spans });
        bars.push(own);
    }
    let end = |end: End| layout::End { at: end.part, bar: end.queue };
    let labels: Vec<Vec<Line>> = diagram
        .arrows
        .iter()
        .map(|arrow| {
            let lines = arrow.lines();
            let told = lines.iter().flat_map(|line| phrases(line, WIDEST_LABEL)).map(|text| Line { text, look: Look::Fact });
            told.chain(arrow.faults.iter().map(fault)).collect()
        })
        .collect();
    for (arrow, label) in diagram.arrows.iter().zip(&labels) {
        // Where a queue's dead go and what a group reads is plain from where the arrow leads.
        let is_plain = arrow.from.part == arrow.to.part && arrow.from != arrow.to;
        let own = (!label.is_empty()).then(|| (width(label) + 2 * 4, height(label) + 6));
        let size = match (own, room.on_arrow) {
            _ if is_plain => None,
            (Some(own), Some(more)) => Some((own.0.max(more.0), own.1 + more.1)),
            (own, more) => own.or(more),
        };
        drawing.arrows.push(Arrow { from: end(arrow.from), to: end(arrow.to), label: size });
    }
    let placed = layout::layout(&drawing);
    Picture { diagram, placed, texts, below, bars, labels }
}

fn width(lines: &[Line]) -> i32 {
    lines.iter().map(|line| font::width(&line.text, line.look.face()).div_euclid(2) + 1).max().unwrap_or(0)
}

/// Of lines below each other.
pub fn height(lines: &[Line]) -> i32 {
    lines.iter().map(|line| line.look.height()).sum()
}

/// A line broken where its phrases end, so that it fits a width.
fn phrases(text: &str, room: i32) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for phrase in font::clean(text).split(" · ") {
        let longer = lines.last().map(|line| format!("{line} · {phrase}")).filter(|l| font::width(l, FACT) <= 2 * room);
        match (longer, lines.last_mut()) {
            (Some(longer), Some(line)) => *line = longer,
            _ => lines.extend(font::wrapped(phrase, FACT, 2 * room)),
        }
    }
    lines
}
