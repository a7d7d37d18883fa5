//! Which layer each box stands in: arrows that close a cycle are turned round, then every arrow goes at least one layer ahead.
//!
//! Layers are those of the longest path from the left; a box with more arrows out than in then moves as far right as it can, which makes
//! arrows short. Who asks to be first or last is.

use super::{Drawing, Side};

/// The layers of one connected part.
pub(super) struct Ranked {
    /// Layer by box (of the whole drawing); meaningless outside the part.
    pub layer: Vec<usize>,
    pub layers: usize,
    /// Arrows of the part between two boxes: the arrow, and whether it is turned round.
    pub arrows: Vec<(usize, bool)>,
    /// Arrows that begin and end at one box.
    pub loops: Vec<usize>,
}

pub(super) fn rank(drawing: &Drawing, boxes: &[usize]) -> Ranked {
    let mut inside = vec![false; drawing.boxes.len()];
    boxes.iter().for_each(|&b| inside[b] = true);
    let own = drawing.arrows.iter().enumerate().filter(|(_, a)| inside[a.from.at]);
    let (loops, between): (Vec<_>, Vec<_>) = own.map(|(i, _)| i).partition(|&i| drawing.arrows[i].from.at == drawing.arrows[i].to.at);
    let turned = turned(drawing, boxes, &between);
    let arrows: Vec<(usize, bool)> = between.iter().map(|&a| (a, turned[a])).collect();
    let ends: Vec<(usize, usize)> = arrows.iter().map(|&(a, back)| ends(drawing, a, back)).collect();
    let sorted = sorted(drawing.boxes.len(), boxes, &ends);
    let mut layer = longest_paths(drawing.boxes.len(), &sorted, &ends);
    shorten(drawing, &sorted, &ends, &mut layer);
    let last = boxes.iter().map(|&b| layer[b]).max().unwrap_or(0);
    for &b in boxes {
        let leaves = ends.iter().any(|e| e.0 == b);
        if drawing.boxes[b].side == Side::Last && !leaves {
            layer[b] = last;
        }
    }
    Ranked { layer, layers: last + 1, arrows, loops }
}

/// The boxes of an arrow in the direction of the layers.
pub(super) fn ends(drawing: &Drawing, arrow: usize, turned: bool) -> (usize, usize) {
    let arrow = &drawing.arrows[arrow];
    if turned { (arrow.to.at, arrow.from.at) } else { (arrow.from.at, arrow.to.at) }
}

/// Which arrows close a cycle when the graph is walked depth first, from those who want to be first, then from those that nobody
/// points at, then from the rest.
fn turned(drawing: &Drawing, boxes: &[usize], arrows: &[usize]) -> Vec<bool> {
    #[derive(Clone, Copy, PartialEq)]
    enum Seen {
        Not,
        OnTheWay,
        Done,
    }
    let mut out: Vec<Vec<usize>> = vec![Vec::new(); drawing.boxes.len()];
    let mut pointed_at = vec![false; drawing.boxes.len()];
    for &a in arrows {
        out[drawing.arrows[a].from.at].push(a);
        pointed_at[drawing.arrows[a].to.at] = true;
    }
    let mut starts = boxes.to_vec();
    starts.sort_by_key(|&b| (drawing.boxes[b].side != Side::First, pointed_at[b], drawing.boxes[b].side == Side::Last, b));
    let mut seen = vec![Seen::Not; drawing.boxes.len()];
    let mut turned = vec![false; drawing.arrows.len()];
    for start in starts {
        if seen[start] != Seen::Not {
            continue;
        }
        seen[start] = Seen::OnTheWay;
        let mut way = vec![(start, 0)];
        while let Some((at, next)) = way.last_mut() {
            let Some(&arrow) = out[*at].get(*next) else {
                seen[*at] = Seen::Done;
                way.pop();
                continue;
            };
            *next += 1;
            let to = drawing.arrows[arrow].to.at;
            let is_first = |b: usize| drawing.boxes[b].side == Side::First;
            match seen[to] {
                // Nobody else stands before who wants to be first.
                _ if is_first(to) && !is_first(drawing.arrows[arrow].from.at) => turned[arrow] = true,
                Seen::OnTheWay => turned[arrow] = true,
                Seen::Done => {}
                Seen::Not => {
                    seen[to] = Seen::OnTheWay;
                    way.push((to, 0));
                }
            }
        }
    }
    turned
}

/// Boxes so that every arrow goes ahead.
fn sorted(count: usize, boxes: &[usize], ends: &[(usize, usize)]) -> Vec<usize> {
    let mut missing = vec![0_usize; count];
    let mut out: Vec<Vec<usize>> = vec![Vec::new(); count];
    for &(from, to) in ends {
        missing[to] += 1;
        out[from].push(to);
    }
    let mut sorted: Vec<usize> = boxes.iter().copied().filter(|&b| missing[b] == 0).collect();
    let mut next = 0;
    while let Some(&at) = sorted.get(next) {
        for &to in &out[at] {
            missing[to] -= 1;
            if missing[to] == 0 {
                sorted.push(to);
            }
        }
        next += 1;
    }
    debug_assert_eq!(sorted.len(), boxes.len(), "cycles have been broken");
    sorted
}

fn longest_paths(count: usize, sorted: &[usize], ends: &[(usize, usize)]) -> Vec<usize> {
    let mut out: Vec<Vec<usize>> = vec![Vec::new(); count];
    ends.iter().for_each(|&(from, to)| out[from].push(to));
    let mut layer = vec![0; count];
    for &at in sorted {
        for &to in &out[at] {
            layer[to] = layer[to].max(layer[at] + 1);
        }
    }
    layer
}

/// Moves boxes right where that makes more arrows shorter than longer.
fn shorten(drawing: &Drawing, sorted: &[usize], ends: &[(usize, usize)], layer: &mut [usize]) {
    let mut into = vec![0_usize; drawing.boxes.len()];
    let mut out: Vec<Vec<usize>> = vec![Vec::new(); drawing.boxes.len()];
    for &(from, to) in ends {
        into[to] += 1;
        out[from].push(to);
    }
    for &at in sorted.iter().rev() {
        if drawing.boxes[at].side == Side::First || out[at].len() <= into[at] {
            continue;
        }
        if let Some(nearest) = out[at].iter().map(|&to| layer[to]).min() {
            layer[at] = layer[at].max(nearest - 1);
        }
    }
}
