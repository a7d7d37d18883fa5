//! The arrows' ways: out of the side of a box, level across every layer, and in curves between layers, so that they touch no box in passing.
//!
//! Arrows that share a side leave it one below the other, in the order in which they go apart. What calls itself loops below its box; what
//! leads from one bar of a box to another loops at its right.

use super::layers::Ranked;
use super::order::{Item, Kind, Ladder};
use super::{Drawing, End, Part, Rect, Route};

/// Between two layers: at least, and more for every so many arrows there, but not for ever.
const GAP: i32 = 26;
const WIDEST_GAP: i32 = 90;

/// How far a loop reaches out, and by how much the next one more.
const LOOP: i32 = 16;
const NEXT_LOOP: i32 = 9;

/// The room that the loops below a box take.
pub(super) fn below(drawing: &Drawing, ranked: &Ranked, at: usize) -> i32 {
    below_it(drawing, ranked, at).map(|a| LOOP + drawing.arrows[a].label.map_or(0, |(_, height)| height + 2)).sum()
}

fn below_it(drawing: &Drawing, ranked: &Ranked, at: usize) -> impl Iterator<Item = usize> {
    let own = ranked.loops.iter().copied().filter(move |&a| drawing.arrows[a].from.at == at);
    own.filter(move |&a| drawing.arrows[a].from.bar == drawing.arrows[a].to.bar)
}

fn beside_it(drawing: &Drawing, ranked: &Ranked, at: usize) -> impl Iterator<Item = usize> {
    let own = ranked.loops.iter().copied().filter(move |&a| drawing.arrows[a].from.at == at);
    own.filter(move |&a| drawing.arrows[a].from.bar != drawing.arrows[a].to.bar)
}

pub(super) fn draw(drawing: &Drawing, ranked: &Ranked, ladder: &Ladder) -> Part {
    let columns = columns(drawing, ranked, ladder);
    let rect = |item: &Item, height: i32| {
        let (left, width) = columns[item.layer];
        Rect { x: left + (width - item.width) / 2, y: item.top, width: item.width, height }
    };
    let mut part = Part { width: 0, height: 0, boxes: Vec::new(), routes: Vec::new() };
    let mut rects = vec![Rect::default(); drawing.boxes.len()];
    for item in &ladder.items {
        if let Kind::Box(at) = item.kind {
            rects[at] = rect(item, drawing.boxes[at].height);
            part.boxes.push((at, ranked.layer[at], rects[at]));
        }
    }
    let ports = ports(drawing, ranked, ladder);
    for (number, &(at, turned)) in ranked.arrows.iter().enumerate() {
        let mut points = Vec::new();
        let mut label = None;
        for (place, &item) in ladder.chains[number].iter().enumerate() {
            let item = &ladder.items[item];
            let (left, width) = columns[item.layer];
            match item.kind {
                Kind::Box(at) if place == 0 => {
                    let y = ports[number].0;
                    points.extend([(rects[at].x + rects[at].width, y), (left + width, y)]);
                }
                Kind::Box(at) => points.extend([(left, ports[number].1), (rects[at].x, ports[number].1)]),
                Kind::Bend => points.extend([(left, item.top), (left + width, item.top)]),
                Kind::Label => {
                    // The text begins where its column does, so that labels can be read as a list.
                    label = Some(Rect { x: left, y: item.top, width: item.width, height: item.height });
                    points.extend([(left, item.top + item.height / 2), (left + width, item.top + item.height / 2)]);
                }
            }
        }
        points.dedup();
        if turned {
            points.reverse();
        }
        part.routes.push((at, Route { points, backwards: turned, is_loop: false, label }));
    }
    for &(at, ..) in &part.boxes {
        part.routes.extend(loops_below(drawing, ranked, at, rects[at]));
        part.routes.extend(loops_beside(drawing, ranked, at, rects[at]));
    }
    let rights = part.boxes.iter().map(|(_, _, r)| r.x + r.width);
    let drawn = part.routes.iter().flat_map(|(_, r)| r.points.iter().map(|p| p.0).chain(r.label.map(|l| l.x + l.width)));
    part.width = rights.chain(drawn).max().unwrap_or(0);
    part.height = ladder.items.iter().map(|i| i.top + i.height).max().unwrap_or(0);
    part
}

/// Left side and width of each layer.
fn columns(drawing: &Drawing, ranked: &Ranked, ladder: &Ladder) -> Vec<(i32, i32)> {
    let mut left = 0;
    let mut columns = Vec::with_capacity(ladder.layers.len());
    for layer in &ladder.layers {
        let wide = |item: &usize| {
            let own = &ladder.items[*item];
            let Kind::Box(at) = own.kind else { return own.width };
            // Loops reach out to the right, and the box stands in the middle.
            let beside = beside_it(drawing, ranked, at).count() as i32;
            let below = below_it(drawing, ranked, at).filter_map(|a| drawing.arrows[a].label).map(|(width, _)| width).max();
            let reach = if beside > 0 || below.is_some() { LOOP + NEXT_LOOP * beside } else { 0 };
            own.width.max(below.unwrap_or(0)) + 2 * reach
        };
        let width = layer.iter().map(wide).max().unwrap_or(0);
        columns.push((left, width));
        let links: usize = layer.iter().map(|&item| ladder.after[item].len()).sum();
        left += width + (GAP + links as i32).min(WIDEST_GAP);
    }
    columns
}

/// An arrow at a side of a box: its bar, the height that it is drawn to, its number in the ladder.
type Meeting = (Option<usize>, i32, usize);

/// By arrow of the ladder: the heights at which it leaves its left box and meets its right one.
fn ports(drawing: &Drawing, ranked: &Ranked, ladder: &Ladder) -> Vec<(i32, i32)> {
    let mut ports = vec![(0, 0); ladder.chains.len()];
    // Of each side of each item.
    let mut sides: Vec<[Vec<Meeting>; 2]> = vec![[Vec::new(), Vec::new()]; ladder.items.len()];
    for (number, chain) in ladder.chains.iter().enumerate() {
        let (at, turned) = ranked.arrows[number];
        let arrow = &drawing.arrows[at];
        let (left, right) = if turned { (arrow.to, arrow.from) } else { (arrow.from, arrow.to) };
        let middle = |item: usize| ladder.items[item].top + ladder.items[item].height / 2;
        sides[chain[0]][1].push((left.bar, middle(chain[1]), number));
        sides[chain[chain.len() - 1]][0].push((right.bar, middle(chain[chain.len() - 2]), number));
    }
    for (item, sides) in sides.iter_mut().enumerate() {
        let Kind::Box(at) = ladder.items[item].kind else { continue };
        for (side, ends) in sides.iter_mut().enumerate() {
            ends.sort_unstable();
            for group in ends.chunk_by(|a, b| a.0 == b.0) {
                let (top, height) = span(drawing, End { at, bar: group[0].0 });
                for (place, &(_, _, number)) in group.iter().enumerate() {
                    let y = ladder.items[item].top + top + height * (2 * place as i32 + 1) / (2 * group.len() as i32);
                    if side == 1 { ports[number].0 = y } else { ports[number].1 = y }
                }
            }
        }
    }
    ports
}

/// Where arrows may meet a box, from its top, and how high that is.
fn span(drawing: &Drawing, end: End) -> (i32, i32) {
    match end.bar {
        None => (0, drawing.boxes[end.at].height),
        Some(bar) => drawing.boxes[end.at].bars[bar],
    }
}

fn loops_below(drawing: &Drawing, ranked: &Ranked, at: usize, rect: Rect) -> Vec<(usize, Route)> {
    let mut bottom = rect.y + rect.height;
    let right = rect.x + rect.width;
    let mut routes = Vec::new();
    for (place, arrow) in below_it(drawing, ranked, at).enumerate() {
        let inset = (8 + 6 * place as i32).min(rect.width / 3);
        let y = bottom + LOOP - 4;
        let points =
            vec![(right - inset, rect.y + rect.height), (right - inset, y), (rect.x + inset, y), (rect.x + inset, rect.y + rect.height)];
        let label =
            drawing.arrows[arrow].label.map(|(width, height)| Rect { x: rect.x + (rect.width - width) / 2, y: y + 2, width, height });
        bottom += LOOP + label.map_or(0, |l| l.height + 2);
        routes.push((arrow, Route { points, backwards: false, is_loop: true, label }));
    }
    routes
}

fn loops_beside(drawing: &Drawing, ranked: &Ranked, at: usize, rect: Rect) -> Vec<(usize, Route)> {
    let route = |(place, arrow): (usize, usize)| {
        let height = |end: End, share: i32| {
            let (top, height) = span(drawing, end);
            rect.y + top + height * share / 4
        };
        let (from, to) = (drawing.arrows[arrow].from, drawing.arrows[arrow].to);
        let down = span(drawing, from).0 < span(drawing, to).0;
        let (leaves, arrives) = if down { (height(from, 3), height(to, 1)) } else { (height(from, 1), height(to, 3)) };
        let (right, out) = (rect.x + rect.width, rect.x + rect.width + LOOP + NEXT_LOOP * place as i32);
        let points = vec![(right, leaves), (out, leaves), (out, arrives), (right, arrives)];
        (arrow, Route { points, backwards: false, is_loop: true, label: None })
    };
    beside_it(drawing, ranked, at).enumerate().map(route).collect()
}
