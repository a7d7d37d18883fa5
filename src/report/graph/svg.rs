//! The picture as an SVG document that needs nothing but itself: text as text, colours that colour-blind readers can tell apart, and nothing
//! that colour says alone (a fault has its sign, a fallback its dashes).

use super::{Line, Look, PADDING, Picture};
use crate::report::charts::font;
use crate::report::layout::{Rect, Route};
use crate::topology::diagram::{Arrow, Kind, Relation};
use std::fmt::Write;

/// Around the picture, and the height of a line of the legend.
const MARGIN: i32 = 20;
const LEGEND_LINE: i32 = 17;
const TITLE: i32 = 34;
const NARROWEST: i32 = 480;

const STYLE: &str = "text{font-family:'DejaVu Sans',Verdana,sans-serif;font-size:10.5px;fill:#444}\
.t{font-size:16px;font-weight:bold;fill:#222}.n{font-size:13px;font-weight:bold;fill:#222}.f{fill:#8F3D00;font-weight:bold}\
.box{fill:#fff;stroke:#5C5C5C;stroke-width:1.2}.client{fill:#EEF6FB;stroke:#0072B2}.database{fill:#F4F4F4}.broker{fill:#FBF6EA;stroke:#8A6D1F}\
.queue{fill:#fff;stroke:#8A6D1F}.hit{stroke:#D55E00;stroke-width:2.4}\
path{fill:none;stroke:#6E6E6E;stroke-width:1.3}path.hit{stroke:#D55E00;stroke-width:2.4}\
.fallback,.mirror,.dead{stroke-dasharray:5 3}.message{stroke:#8A6D1F;stroke-width:2}.label{fill:#fff}";

/// The document, with a line below its title such as `variant naive`.
pub fn text(picture: &Picture, subtitle: &str) -> String {
    let legend = legend(picture);
    let width = (picture.placed.width + 2 * MARGIN).max(NARROWEST);
    let height = picture.placed.height + 2 * MARGIN + TITLE + LEGEND_LINE * legend.len() as i32;
    let name = escaped(&picture.diagram.name);
    let heading = if subtitle.is_empty() { name.clone() } else { format!("{name} · {}", escaped(subtitle)) };
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\">\n\
         <title>{heading}</title>\n<style>{STYLE}</style>\n\
         <defs><marker id=\"head\" viewBox=\"0 0 8 8\" refX=\"7.5\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" \
         markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path d=\"M0 0.5 8 4 0 7.5z\" style=\"fill:context-stroke;stroke:none\"/></marker></defs>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n\
         <text class=\"t\" x=\"{MARGIN}\" y=\"{}\">{heading}</text>\n<g transform=\"translate({MARGIN} {})\">\n",
        MARGIN + 12,
        MARGIN + TITLE,
    );
    for (arrow, route) in picture.diagram.arrows.iter().zip(&picture.placed.routes) {
        let _ = writeln!(svg, "<path class=\"{}\" d=\"{}\" marker-end=\"url(#head)\"/>", classes(arrow), way(route));
    }
    for (part, own) in picture.diagram.parts.iter().enumerate() {
        draw_part(&mut svg, picture, part, own.kind);
    }
    for (label, route) in picture.labels.iter().zip(&picture.placed.routes) {
        let Some(rect) = route.label else { continue };
        let _ = writeln!(svg, "<rect class=\"label\" {}/>", attributes(rect));
        lines(&mut svg, label, rect.x + 4, rect.y + 2);
    }
    svg.push_str("</g>\n");
    let top = picture.placed.height + 2 * MARGIN + TITLE;
    for (place, line) in legend.iter().enumerate() {
        let class = if line.look == Look::Fault { "f" } else { "" };
        let y = top + LEGEND_LINE * place as i32;
        let fitted = font::fitted(&line.text, Look::Fact.face(), 2 * (width - 2 * MARGIN));
        let _ = writeln!(svg, "<text class=\"{class}\" x=\"{MARGIN}\" y=\"{y}\">{}</text>", escaped(&fitted));
    }
    svg.push_str("</svg>\n");
    svg
}

fn draw_part(svg: &mut String, picture: &Picture, part: usize, kind: Kind) {
    let rect = picture.placed.boxes[part];
    let own = &picture.diagram.parts[part];
    let hit = if own.faults.is_empty() { "" } else { " hit" };
    let round = match kind {
        Kind::Client => rect.height / 2,
        Kind::Service | Kind::Broker => 5,
        Kind::Database => 0,
    };
    let _ = writeln!(svg, "<g><rect class=\"box {}{hit}\" rx=\"{}\" {}/>", kind.word(), round.min(18), attributes(rect));
    if kind == Kind::Database {
        // Two strokes across the top, as a stack of disks has.
        let y = rect.y + 4;
        let _ = writeln!(svg, "<path d=\"M{} {y}H{}\"/>", rect.x, rect.x + rect.width);
    }
    lines(svg, &picture.texts[part], rect.x + PADDING, rect.y + PADDING - 2);
    for ((top, height, text), queue) in picture.bars[part].iter().zip(&own.queues) {
        let bar = Rect { x: rect.x + PADDING, y: rect.y + top, width: rect.width - 2 * PADDING, height: *height };
        let hit = if queue.faults.is_empty() { "" } else { " hit" };
        // Arrows end at the broker's side; a line leads on to the queue.
        let middle = bar.y + bar.height / 2;
        for (from, to) in [(rect.x, bar.x), (bar.x + bar.width, rect.x + rect.width)] {
            let _ = writeln!(svg, "<path class=\"message\" d=\"M{from} {middle}H{to}\" stroke-opacity=\".35\"/>");
        }
        let _ = writeln!(svg, "<rect class=\"box queue{hit}\" {}/>", attributes(bar));
        lines(svg, text, bar.x + PADDING, bar.y + 2);
    }
    svg.push_str("</g>\n");
}

fn lines(svg: &mut String, lines: &[Line], x: i32, top: i32) {
    let mut y = top;
    for line in lines {
        let class = match line.look {
            Look::Name => "n",
            Look::Fact => "",
            Look::Fault => "f",
        };
        let baseline = y + if line.look == Look::Name { 14 } else { 11 };
        let _ = writeln!(svg, "<text class=\"{class}\" x=\"{x}\" y=\"{baseline}\">{}</text>", escaped(&line.text));
        y += line.look.height();
    }
}

fn attributes(rect: Rect) -> String {
    format!("x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"", rect.x, rect.y, rect.width, rect.height)
}

/// What kind of arrow it is, for its look.
fn classes(arrow: &Arrow) -> String {
    let kind = match arrow.relation {
        Relation::Call => "call",
        Relation::Fallback => "fallback",
        Relation::Mirror => "mirror",
        Relation::DeadLetter => "message dead",
        Relation::Publish | Relation::Reply | Relation::Deliver | Relation::Read => "message",
    };
    if arrow.faults.is_empty() { kind.to_string() } else { format!("{kind} hit") }
}

/// Straight where the height stays, curved between heights; loops with corners.
pub fn way(route: &Route) -> String {
    let mut d = String::new();
    for (place, &(x, y)) in route.points.iter().enumerate() {
        let Some(&(before, above)) = place.checked_sub(1).map(|i| &route.points[i]) else {
            let _ = write!(d, "M{x} {y}");
            continue;
        };
        if route.is_loop || above == y {
            let _ = write!(d, "L{x} {y}");
        } else {
            let middle = (before + x) / 2;
            let _ = write!(d, "C{middle} {above} {middle} {y} {x} {y}");
        }
    }
    d
}

/// What the lines mean, of those that there are, and the faults with their words.
fn legend(picture: &Picture) -> Vec<Line> {
    let has = |relations: &[Relation]| picture.diagram.arrows.iter().any(|arrow| relations.contains(&arrow.relation));
    let mut told = vec!["Arrows: calls, with what the caller does about failures"];
    if has(&[Relation::Fallback, Relation::Mirror]) {
        told.push("dashed: in place of a call that failed, or a copy");
    }
    if has(&[Relation::Publish, Relation::Deliver]) {
        told.push("thick: messages, dashed to where they go when they die");
    }
    let mut lines = vec![Line { text: told.join(" · "), look: Look::Fact }];
    let fault = |mark: &crate::topology::diagram::Mark| Line { text: format!("{} {}", mark.sign(), mark.text), look: Look::Fault };
    lines.extend(picture.diagram.faults.iter().map(fault));
    lines
}

fn escaped(text: &str) -> String {
    font::clean(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
