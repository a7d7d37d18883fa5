//! Where the boxes of a graph stand and which way its arrows go: layers from left to right, after Sugiyama, Tagawa and Toda (1981).
//!
//! It knows sizes and numbers, no system: what a box is, and how it looks, is the business of whoever asks. All coordinates are integers, and
//! every step is ordered by them or by the input's order, so that one graph has one picture. Arrows go through no box but their own.

mod layers;
mod order;
mod places;
mod routes;
#[cfg(test)]
mod tests;

/// A graph to be drawn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drawing {
    pub boxes: Vec<Shape>,
    pub arrows: Vec<Arrow>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    pub width: i32,
    pub height: i32,
    pub side: Side,
    /// Bars across it that arrows may begin and end at, as (top inside the box, height).
    pub bars: Vec<(i32, i32)>,
}

/// Where a box wants to stand, whatever its arrows say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Side {
    /// In the first layer.
    First,
    #[default]
    Between,
    /// In the last layer.
    Last,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrow {
    pub from: End,
    pub to: End,
    /// Width and height of what is written on it.
    pub label: Option<(i32, i32)>,
}

/// A box, or one of its bars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    pub at: usize,
    pub bar: Option<usize>,
}

/// The picture. Boxes and arrows stand in the order in which they were given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placed {
    pub width: i32,
    pub height: i32,
    pub boxes: Vec<Rect>,
    /// The layer of each box, counted within its part of the graph.
    pub layers: Vec<usize>,
    pub routes: Vec<Route>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rect {
    pub x: i32,
    pub y: i32,
    pub width: i32,
    pub height: i32,
}

/// An arrow's way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Route {
    /// From the side of one box to the side of another. Between two points at different heights a curve looks best that leaves and arrives
    /// level; pieces at one height are straight. Loops are drawn with corners.
    pub points: Vec<(i32, i32)>,
    /// It goes back, from right to left.
    pub backwards: bool,
    /// It stays at its box.
    pub is_loop: bool,
    pub label: Option<Rect>,
}

/// Between two boxes in a layer, and between two parts of a graph.
const APART: i32 = 22;
const PARTS_APART: i32 = 36;

/// How many times wider than high a picture of many small parts becomes.
const WIDER: i64 = 2;

/// Lays a graph out: its unconnected parts each by itself, then beside each other.
pub fn layout(drawing: &Drawing) -> Placed {
    let parts: Vec<Part> = parts(drawing).into_iter().map(|boxes| part(drawing, boxes)).collect();
    let mut placed = Placed {
        boxes: vec![Rect::default(); drawing.boxes.len()],
        layers: vec![0; drawing.boxes.len()],
        routes: vec![Route::default(); drawing.arrows.len()],
        ..Placed::default()
    };
    let area: i64 = parts.iter().map(|p| i64::from(p.width + PARTS_APART) * i64::from(p.height + PARTS_APART)).sum();
    let widest = parts.iter().map(|p| p.width).max().unwrap_or(0);
    let room = widest.max(i32::try_from((area * WIDER).max(0).isqrt()).unwrap_or(i32::MAX));
    let (mut x, mut y, mut row) = (0, 0, 0);
    for part in &parts {
        if x > 0 && x + part.width > room {
            (x, y, row) = (0, y + row + PARTS_APART, 0);
        }
        part.put(&mut placed, x, y);
        placed.width = placed.width.max(x + part.width);
        row = row.max(part.height);
        placed.height = placed.height.max(y + row);
        x += part.width + PARTS_APART;
    }
    placed
}

/// A connected part of the picture, from its own upper left corner.
struct Part {
    width: i32,
    height: i32,
    /// Box and layer of each.
    boxes: Vec<(usize, usize, Rect)>,
    routes: Vec<(usize, Route)>,
}

impl Part {
    fn put(&self, placed: &mut Placed, x: i32, y: i32) {
        let moved = |r: Rect| Rect { x: r.x + x, y: r.y + y, ..r };
        for (at, layer, rect) in &self.boxes {
            placed.boxes[*at] = moved(*rect);
            placed.layers[*at] = *layer;
        }
        for (at, route) in &self.routes {
            let points = route.points.iter().map(|p| (p.0 + x, p.1 + y)).collect();
            placed.routes[*at] = Route { points, label: route.label.map(moved), ..route.clone() };
        }
    }
}

/// Boxes that hang together, each part in the order of its boxes, parts by their first box.
fn parts(drawing: &Drawing) -> Vec<Vec<usize>> {
    let mut beside: Vec<Vec<usize>> = vec![Vec::new(); drawing.boxes.len()];
    for arrow in &drawing.arrows {
        beside[arrow.from.at].push(arrow.to.at);
        beside[arrow.to.at].push(arrow.from.at);
    }
    let mut seen = vec![false; drawing.boxes.len()];
    let mut parts = Vec::new();
    for first in 0..drawing.boxes.len() {
        if std::mem::replace(&mut seen[first], true) {
            continue;
        }
        let (mut part, mut next) = (vec![first], 0);
        while let Some(&at) = part.get(next) {
            part.extend(beside[at].iter().filter(|&&other| !std::mem::replace(&mut seen[other], true)));
            next += 1;
        }
        part.sort_unstable();
        parts.push(part);
    }
    parts
}

fn part(drawing: &Drawing, boxes: Vec<usize>) -> Part {
    let ranked = layers::rank(drawing, &boxes);
    let mut ladder = order::Ladder::new(drawing, &boxes, &ranked);
    ladder.untangle();
    places::place(&mut ladder);
    routes::draw(drawing, &ranked, &ladder)
}
