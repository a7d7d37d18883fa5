//! Where the boxes of the replay stand: callers left of what they call, as few crossings as a little sorting can reach.

use std::collections::BTreeMap;

/// Size of a box, and the space between boxes, in pixels.
pub const WIDTH: i32 = 176;
pub const HEIGHT: i32 = 66;
const GAP_X: i32 = 68;
const GAP_Y: i32 = 26;
/// Sorting passes; more change nothing in graphs that a person can read.
const PASSES: usize = 6;

/// The upper left corner of each of `count` boxes. `edges` are pairs of boxes.
pub fn places(count: usize, edges: &[(usize, usize)]) -> Vec<(i32, i32)> {
    let layers = layers(count, edges);
    let mut columns: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (node, layer) in layers.iter().enumerate() {
        columns.entry(*layer).or_default().push(node);
    }
    let mut rows = vec![0.0; count];
    for column in columns.values() {
        spread(column, &mut rows);
    }
    for pass in 0..PASSES {
        let mut sweep: Vec<usize> = columns.keys().copied().collect();
        if pass % 2 == 1 {
            sweep.reverse();
        }
        for layer in sweep {
            let column = columns.get_mut(&layer).expect("every key has its column");
            let wish: Vec<f64> = (0..count).map(|node| centre(node, edges, &rows)).collect();
            column.sort_by(|a, b| wish[*a].total_cmp(&wish[*b]));
            spread(column, &mut rows);
        }
    }
    let top = rows.iter().copied().fold(0.0, f64::min);
    let y = |row: f64| ((row - top) * f64::from(HEIGHT + GAP_Y)).round() as i32;
    (0..count).map(|node| (layers[node] as i32 * (WIDTH + GAP_X), y(rows[node]))).collect()
}

/// Rows of a column, around the middle.
fn spread(column: &[usize], rows: &mut [f64]) {
    for (i, node) in column.iter().enumerate() {
        rows[*node] = i as f64 - (column.len() - 1) as f64 / 2.0;
    }
}

/// The mean row of a box's neighbours.
fn centre(node: usize, edges: &[(usize, usize)], rows: &[f64]) -> f64 {
    let near: Vec<f64> =
        edges.iter().filter_map(|(from, to)| if *from == node { Some(rows[*to]) } else { (*to == node).then(|| rows[*from]) }).collect();
    if near.is_empty() { rows[node] } else { near.iter().sum::<f64>() / near.len() as f64 }
}

/// The longest way to each box; an edge that leads back on that way does not count.
fn layers(count: usize, edges: &[(usize, usize)]) -> Vec<usize> {
    let mut layers = vec![0; count];
    let mut forward: Vec<(usize, usize)> = Vec::new();
    for edge in edges {
        if edge.0 != edge.1 && !reaches(edge.1, edge.0, count, &forward) {
            forward.push(*edge);
        }
    }
    for _ in 0..count {
        let mut moved = false;
        for (from, to) in &forward {
            if layers[*to] <= layers[*from] {
                layers[*to] = layers[*from] + 1;
                moved = true;
            }
        }
        if !moved {
            break;
        }
    }
    layers
}

fn reaches(from: usize, to: usize, count: usize, edges: &[(usize, usize)]) -> bool {
    let (mut seen, mut open) = (vec![false; count], vec![from]);
    while let Some(node) = open.pop() {
        if node == to {
            return true;
        }
        if !std::mem::replace(&mut seen[node], true) {
            open.extend(edges.iter().filter(|(a, _)| *a == node).map(|(_, b)| *b));
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_stand_left_of_what_they_call_even_in_a_circle() {
        let places = places(5, &[(0, 1), (1, 2), (1, 3), (3, 1), (3, 3), (2, 4)]);
        assert!(places[0].0 < places[1].0 && places[1].0 < places[2].0 && places[2].0 < places[4].0);
        assert_eq!(places[2].0, places[3].0);
        let mut distinct = places.clone();
        distinct.sort();
        distinct.dedup();
        assert_eq!(distinct.len(), 5, "no two boxes at one place");
        assert!(places.iter().all(|(x, y)| *x >= 0 && *y >= 0));
    }
}
