//! In which order things stand in their layers, so that arrows cross seldom: by the mean of their neighbours' places, swept to and fro
//! (Sugiyama's barycentre), then neighbours exchanged while that helps (Gansner et al. 1993). The order with the fewest crossings wins.
//!
//! Arrows over more than one layer go by bends, one for each layer, so that all links are between neighbouring layers. Between two layers of
//! boxes there is always one of labels.

use super::layers::{Ranked, ends};
use super::{Arrow, Drawing};

/// Boxes, bends and labels in layers, with what links them.
pub(super) struct Ladder {
    pub items: Vec<Item>,
    /// Items of each layer from top to bottom; those of even number have boxes, the others labels.
    pub layers: Vec<Vec<usize>>,
    pub links: Vec<Link>,
    /// Links that lead to an item, and from it.
    pub before: Vec<Vec<usize>>,
    pub after: Vec<Vec<usize>>,
    /// By arrow of [`Ranked::arrows`]: its items from left to right.
    pub chains: Vec<Vec<usize>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Box(usize),
    Bend,
    Label,
}

#[derive(Clone, Debug)]
pub(super) struct Item {
    pub kind: Kind,
    pub layer: usize,
    /// Its number in its layer, from the top.
    pub place: usize,
    pub width: i32,
    /// With the loops below it.
    pub height: i32,
    pub top: i32,
}

/// From an item to one in the next layer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    pub from: usize,
    pub to: usize,
    /// Where it leaves and arrives: distances from the items' tops.
    pub leaves: i32,
    pub arrives: i32,
}

/// Sweeps to and fro.
const SWEEPS: usize = 10;

/// Rounds of exchanging neighbours.
const EXCHANGES: usize = 6;

impl Ladder {
    pub fn new(drawing: &Drawing, boxes: &[usize], ranked: &Ranked) -> Ladder {
        let mut ladder = Ladder {
            items: Vec::new(),
            layers: vec![Vec::new(); 2 * ranked.layers - 1],
            links: Vec::new(),
            before: Vec::new(),
            after: Vec::new(),
            chains: Vec::new(),
        };
        let mut item_of = vec![usize::MAX; drawing.boxes.len()];
        for &at in boxes {
            let own = &drawing.boxes[at];
            let height = own.height + super::routes::below(drawing, ranked, at);
            item_of[at] = ladder.add(Kind::Box(at), 2 * ranked.layer[at], own.width, height);
        }
        for &(at, turned) in &ranked.arrows {
            ladder.add_chain(drawing, &item_of, at, turned);
        }
        ladder
    }

    fn add(&mut self, kind: Kind, layer: usize, width: i32, height: i32) -> usize {
        let place = self.layers[layer].len();
        self.items.push(Item { kind, layer, place, width, height, top: 0 });
        self.before.push(Vec::new());
        self.after.push(Vec::new());
        self.layers[layer].push(self.items.len() - 1);
        self.items.len() - 1
    }

    fn add_chain(&mut self, drawing: &Drawing, item_of: &[usize], at: usize, turned: bool) {
        let arrow = &drawing.arrows[at];
        let (from, to) = ends(drawing, at, turned);
        let (from, to) = (item_of[from], item_of[to]);
        let (first, last) = (self.items[from].layer + 1, self.items[to].layer);
        // What is written on an arrow stands beside who makes the call.
        let labelled = if turned { last - 1 } else { first };
        let mut chain = vec![from];
        for layer in first..last {
            chain.push(match arrow.label {
                Some((width, height)) if layer == labelled => self.add(Kind::Label, layer, width, height),
                _ => self.add(Kind::Bend, layer, 0, 0),
            });
        }
        chain.push(to);
        for pair in chain.windows(2) {
            let leaves = self.port(drawing, arrow, pair[0], !turned);
            let arrives = self.port(drawing, arrow, pair[1], turned);
            self.before[pair[1]].push(self.links.len());
            self.after[pair[0]].push(self.links.len());
            self.links.push(Link { from: pair[0], to: pair[1], leaves, arrives });
        }
        self.chains.push(chain);
    }

    /// The middle of where an arrow meets an item, as far as it is known before anything has a place.
    fn port(&self, drawing: &Drawing, arrow: &Arrow, item: usize, begins: bool) -> i32 {
        let Kind::Box(at) = self.items[item].kind else { return self.items[item].height / 2 };
        let bar = if begins { arrow.from.bar } else { arrow.to.bar };
        bar.map_or(drawing.boxes[at].height / 2, |bar| {
            let (top, height) = drawing.boxes[at].bars[bar];
            top + height / 2
        })
    }

    /// Finds an order with few crossings.
    pub fn untangle(&mut self) {
        let mut best = (self.crossings(), self.layers.clone());
        for sweep in 0..SWEEPS {
            self.sweep(sweep % 2 == 0);
            let crossings = self.crossings();
            if crossings < best.0 {
                best = (crossings, self.layers.clone());
            }
            if best.0 == 0 {
                break;
            }
        }
        self.layers = best.1;
        self.number();
        for _ in 0..EXCHANGES {
            if !self.exchange() {
                break;
            }
        }
    }

    fn number(&mut self) {
        for layer in &self.layers {
            for (place, &item) in layer.iter().enumerate() {
                self.items[item].place = place;
            }
        }
    }

    /// Where a link ends in the order: by item, then by place within.
    fn height_in_order(&self, link: usize, at_end: bool) -> i64 {
        let link = self.links[link];
        let (item, port) = if at_end { (link.to, link.arrives) } else { (link.from, link.leaves) };
        let item = &self.items[item];
        item.place as i64 * SCALE + i64::from(port) * SCALE / i64::from(item.height.max(1) + 1)
    }

    /// Orders layer after layer by the neighbours that have just been ordered.
    fn sweep(&mut self, rightwards: bool) {
        let count = self.layers.len();
        for step in 1..count {
            let at = if rightwards { step } else { count - 1 - step };
            let mut means: Vec<(i64, usize)> = self.layers[at]
                .iter()
                .map(|&item| {
                    let links = if rightwards { &self.before[item] } else { &self.after[item] };
                    let sum: i64 = links.iter().map(|&l| self.height_in_order(l, !rightwards)).sum();
                    let mean = if links.is_empty() { self.items[item].place as i64 * SCALE } else { sum / links.len() as i64 };
                    (mean, item)
                })
                .collect();
            means.sort_by_key(|(mean, _)| *mean);
            self.layers[at] = means.into_iter().map(|(_, item)| item).collect();
            for (place, &item) in self.layers[at].iter().enumerate() {
                self.items[item].place = place;
            }
        }
    }

    fn crossings(&self) -> usize {
        let between = |layer: &Vec<usize>| {
            let links = layer.iter().flat_map(|&item| &self.after[item]);
            let mut pairs: Vec<(i64, i64)> = links.map(|&l| (self.height_in_order(l, false), self.height_in_order(l, true))).collect();
            pairs.sort_unstable();
            let mut ends: Vec<i64> = pairs.into_iter().map(|(_, end)| end).collect();
            inversions(&mut ends)
        };
        self.layers.iter().map(between).sum()
    }

    /// Exchanges neighbours where that takes crossings away; whether it did.
    fn exchange(&mut self) -> bool {
        let mut better = false;
        for at in 0..self.layers.len() {
            for place in 1..self.layers[at].len() {
                let (upper, lower) = (self.layers[at][place - 1], self.layers[at][place]);
                if self.crossings_of(upper, lower) > self.crossings_of(lower, upper) {
                    self.layers[at].swap(place - 1, place);
                    (self.items[upper].place, self.items[lower].place) = (place, place - 1);
                    better = true;
                }
            }
        }
        better
    }

    /// Crossings among the links of two neighbours, if the first stands above.
    fn crossings_of(&self, upper: usize, lower: usize) -> usize {
        let side = |links: &[Vec<usize>], at_end: bool| {
            let others = |item: usize| links[item].iter().map(move |&l| self.height_in_order(l, at_end));
            others(upper).map(|u| others(lower).filter(|&l| l < u).count()).sum::<usize>()
        };
        side(&self.before, false) + side(&self.after, true)
    }
}

/// One place in a layer, in units of the order's heights.
const SCALE: i64 = 1024;

/// How many pairs stand in the wrong order; sorts them.
fn inversions(numbers: &mut [i64]) -> usize {
    if numbers.len() < 2 {
        return 0;
    }
    let middle = numbers.len() / 2;
    let (left, right) = numbers.split_at_mut(middle);
    let mut count = inversions(left) + inversions(right);
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let (mut l, mut r) = (0, 0);
    while l < left.len() || r < right.len() {
        if r == right.len() || (l < left.len() && left[l] <= right[r]) {
            merged.push(left[l]);
            l += 1;
        } else {
            count += left.len() - l;
            merged.push(right[r]);
            r += 1;
        }
    }
    numbers.copy_from_slice(&merged);
    count
}
