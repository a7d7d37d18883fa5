//! The system as a graph in Graphviz's DOT: one node for each part and queue, one edge for each arrow of the diagram.

use crate::topology::diagram::{Diagram, End, Kind, Part, Relation};
use std::io;

pub fn write(diagram: &Diagram, mut to: impl io::Write) -> io::Result<()> {
    writeln!(to, "digraph \"{}\" {{", escaped(&diagram.name))?;
    writeln!(to, "  rankdir=LR; fontname=\"DejaVu Sans\";")?;
    writeln!(to, "  node [shape=box, style=rounded, fontname=\"DejaVu Sans\", fontsize=11];")?;
    writeln!(to, "  edge [fontname=\"DejaVu Sans\", fontsize=9];")?;
    for (number, part) in diagram.parts.iter().enumerate() {
        write_part(diagram, number, part, &mut to)?;
    }
    for arrow in &diagram.arrows {
        let lines = diagram.with_faults(arrow.lines(), &arrow.faults);
        let mut marks = vec![format!("label=\"{}\"", text(&lines))];
        marks.extend(match arrow.relation {
            Relation::Call => None,
            Relation::Fallback | Relation::Mirror | Relation::DeadLetter => Some("style=dashed".to_string()),
            Relation::Publish | Relation::Deliver | Relation::Reply | Relation::Read => Some("style=bold".to_string()),
        });
        if !arrow.faults.is_empty() {
            marks.push(FAULT.to_string());
        }
        writeln!(to, "  {} -> {} [{}];", arrow.from, arrow.to, marks.join(", "))?;
    }
    writeln!(to, "}}")
}

/// What a fault touches.
const FAULT: &str = "color=\"#D55E00\", penwidth=2";

fn write_part(diagram: &Diagram, number: usize, part: &Part, to: &mut impl io::Write) -> io::Result<()> {
    let own = End { part: number, queue: None };
    let lines = diagram.label(&part.name, &part.facts, &part.faults);
    let look = match part.kind {
        Kind::Client => ", shape=oval",
        Kind::Database => ", shape=cylinder, style=solid",
        Kind::Service | Kind::Broker => "",
    };
    let fault = if part.faults.is_empty() { String::new() } else { format!(", {FAULT}") };
    if part.kind != Kind::Broker {
        return writeln!(to, "  {} [label=\"{}\"{look}{fault}];", own, text(&lines));
    }
    writeln!(to, "  subgraph cluster_{own} {{")?;
    writeln!(to, "    style=rounded; label=\"\";")?;
    writeln!(to, "    {} [label=\"{}\", shape=plaintext{fault}];", own, text(&lines))?;
    for (place, queue) in part.queues.iter().enumerate() {
        let lines = diagram.label(&queue.name, &queue.facts, &queue.faults);
        let fault = if queue.faults.is_empty() { String::new() } else { format!(", {FAULT}") };
        writeln!(to, "    {} [label=\"{}\", style=solid{fault}];", End { queue: Some(place), ..own }, text(&lines))?;
    }
    writeln!(to, "  }}")
}

fn text(lines: &[String]) -> String {
    lines.iter().map(|line| escaped(line)).collect::<Vec<_>>().join("\\n")
}

/// Within double quotes, where a label's backslashes begin escapes and its ampersands begin entities of HTML.
fn escaped(text: &str) -> String {
    let mut all = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => all.push_str("\\\""),
            '\\' => all.push_str("\\\\"),
            '&' => all.push_str("&amp;"),
            '<' => all.push_str("&lt;"),
            '>' => all.push_str("&gt;"),
            c if c.is_control() => all.push(' '),
            c => all.push(c),
        }
    }
    all
}
