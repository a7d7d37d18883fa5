//! The system as a flowchart in Mermaid's words, for pages and issues that draw it: one node for each part (a broker is a subgraph) and
//! queue, one link for each arrow of the diagram.

use crate::topology::diagram::{Arrow, Diagram, End, Kind, Part, Relation};
use std::io;

pub fn write(diagram: &Diagram, mut to: impl io::Write) -> io::Result<()> {
    writeln!(to, "flowchart LR")?;
    for (number, part) in diagram.parts.iter().enumerate() {
        write_part(diagram, number, part, &mut to)?;
    }
    for arrow in &diagram.arrows {
        write_arrow(diagram, arrow, &mut to)?;
    }
    writeln!(to, "  classDef fault stroke:#D55E00,stroke-width:3px")?;
    for (number, part) in diagram.parts.iter().enumerate() {
        if !part.faults.is_empty() {
            writeln!(to, "  class {} fault", End { part: number, queue: None })?;
        }
        for (place, _) in part.queues.iter().enumerate().filter(|(_, queue)| !queue.faults.is_empty()) {
            writeln!(to, "  class {} fault", End { part: number, queue: Some(place) })?;
        }
    }
    for (number, _) in diagram.arrows.iter().enumerate().filter(|(_, arrow)| !arrow.faults.is_empty()) {
        writeln!(to, "  linkStyle {number} stroke:#D55E00,stroke-width:3px")?;
    }
    Ok(())
}

fn write_part(diagram: &Diagram, number: usize, part: &Part, to: &mut impl io::Write) -> io::Result<()> {
    let own = End { part: number, queue: None };
    let label = text(&diagram.label(&part.name, &part.facts, &part.faults));
    match part.kind {
        Kind::Client => writeln!(to, "  {own}([\"{label}\"])"),
        Kind::Database => writeln!(to, "  {own}[(\"{label}\")]"),
        // A subgraph without anything inside would not be drawn.
        Kind::Broker if !part.queues.is_empty() => {
            writeln!(to, "  subgraph {own}[\"{label}\"]")?;
            for (place, queue) in part.queues.iter().enumerate() {
                let inner = End { part: number, queue: Some(place) };
                writeln!(to, "    {inner}[[\"{}\"]]", text(&diagram.label(&queue.name, &queue.facts, &queue.faults)))?;
            }
            writeln!(to, "  end")
        }
        Kind::Service | Kind::Broker => writeln!(to, "  {own}[\"{label}\"]"),
    }
}

fn write_arrow(diagram: &Diagram, arrow: &Arrow, to: &mut impl io::Write) -> io::Result<()> {
    let lines = diagram.with_faults(arrow.lines(), &arrow.faults);
    let line = match arrow.relation {
        Relation::Call => "-->",
        Relation::Fallback | Relation::Mirror | Relation::DeadLetter => "-.->",
        Relation::Publish | Relation::Deliver | Relation::Reply | Relation::Read => "==>",
    };
    let label = if lines.is_empty() { String::new() } else { format!("|\"{}\"|", text(&lines)) };
    writeln!(to, "  {} {line}{label} {}", arrow.from, arrow.to)
}

fn text(lines: &[String]) -> String {
    lines.iter().map(|line| escaped(line)).collect::<Vec<_>>().join("<br/>")
}

/// Within double quotes: whatever could mean something to Mermaid, to Markdown or to HTML is written as the number of its character.
fn escaped(text: &str) -> String {
    let mut all = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if c.is_alphanumeric() => all.push(c),
            ' ' | '-' | '.' | ',' | ':' | '/' | '%' | '·' | '×' | '≤' | '→' | '–' | '⚡' => all.push(c),
            c if c.is_control() => all.push(' '),
            c => all.push_str(&format!("#{};", u32::from(c))),
        }
    }
    all
}
