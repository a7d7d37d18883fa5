//! How high things stand: each as near as the order allows to where its arrows come from and go to.
//!
//! One layer at a time, given its neighbours: the places that have the least squared distance from those wanted, among all that keep the order
//! and the distances. That is an isotonic regression, which pooling adjacent violators solves exactly.

use super::APART;
use super::order::{Kind, Ladder};

/// Rounds of left, right and both.
const ROUNDS: usize = 8;

/// Bends of one arrow pull at each other so much more than boxes do: long arrows become straight.
const STRAIGHT: i64 = 8;

#[derive(Clone, Copy, PartialEq)]
enum Seen {
    Before,
    After,
    Both,
}

pub(super) fn place(ladder: &mut Ladder) {
    for at in 0..ladder.layers.len() {
        let mut top = 0;
        for pair in 0..ladder.layers[at].len() {
            let item = ladder.layers[at][pair];
            if pair > 0 {
                top += distance(ladder, ladder.layers[at][pair - 1], item);
            }
            ladder.items[item].top = top;
        }
    }
    let count = ladder.layers.len();
    for round in 0..ROUNDS {
        let seen = if round + 2 < ROUNDS { (Seen::Before, Seen::After) } else { (Seen::Both, Seen::Both) };
        (1..count).for_each(|at| settle(ladder, at, seen.0));
        (0..count.saturating_sub(1)).rev().for_each(|at| settle(ladder, at, seen.1));
    }
    let highest = ladder.items.iter().map(|i| i.top).min().unwrap_or(0);
    ladder.items.iter_mut().for_each(|i| i.top -= highest);
}

/// From the top of one to the top of the next below, at least.
fn distance(ladder: &Ladder, upper: usize, lower: usize) -> i32 {
    let bend = |item: usize| ladder.items[item].kind == Kind::Bend;
    let label = |item: usize| ladder.items[item].kind == Kind::Label;
    let apart = match (bend(upper), bend(lower)) {
        (true, true) => APART / 2,
        (true, false) | (false, true) => APART * 2 / 3,
        _ if label(upper) && label(lower) => APART / 2,
        _ => APART,
    };
    ladder.items[upper].height + apart
}

/// Things that touch each other and so move together.
struct Pool {
    count: usize,
    weight: i64,
    /// Sum of what they want, weighted.
    sum: i64,
}

impl Pool {
    fn at(&self) -> i64 {
        self.sum.div_euclid(self.weight)
    }
}

fn settle(ladder: &mut Ladder, at: usize, seen: Seen) {
    let mut below = 0;
    let mut offsets = Vec::with_capacity(ladder.layers[at].len());
    let mut pools: Vec<Pool> = Vec::new();
    for place in 0..ladder.layers[at].len() {
        let item = ladder.layers[at][place];
        if place > 0 {
            below += i64::from(distance(ladder, ladder.layers[at][place - 1], item));
        }
        offsets.push(below);
        let (weight, wanted) = wanted(ladder, item, seen);
        let mut pool = Pool { count: 1, weight, sum: wanted - weight * below };
        while let Some(last) = pools.last()
            && i128::from(last.sum) * i128::from(pool.weight) > i128::from(pool.sum) * i128::from(last.weight)
        {
            pool = Pool { count: pool.count + last.count, weight: pool.weight + last.weight, sum: pool.sum + last.sum };
            pools.pop();
        }
        pools.push(pool);
    }
    let tops = pools.iter().flat_map(|pool| std::iter::repeat_n(pool.at(), pool.count));
    for (place, top) in tops.enumerate() {
        ladder.items[ladder.layers[at][place]].top = i32::try_from(top + offsets[place]).unwrap_or(i32::MAX / 2);
    }
}

/// How strongly an item is drawn, and the weighted sum of the tops it is drawn to.
fn wanted(ladder: &Ladder, item: usize, seen: Seen) -> (i64, i64) {
    let (mut weight, mut sum) = (0, 0);
    let boxed = |item: usize| matches!(ladder.items[item].kind, Kind::Box(_));
    if seen != Seen::After {
        for &link in &ladder.before[item] {
            let link = ladder.links[link];
            let pull = if boxed(link.from) || boxed(item) { 1 } else { STRAIGHT };
            weight += pull;
            sum += pull * i64::from(ladder.items[link.from].top + link.leaves - link.arrives);
        }
    }
    if seen != Seen::Before {
        for &link in &ladder.after[item] {
            let link = ladder.links[link];
            let pull = if boxed(link.to) || boxed(item) { 1 } else { STRAIGHT };
            weight += pull;
            sum += pull * i64::from(ladder.items[link.to].top + link.arrives - link.leaves);
        }
    }
    if weight == 0 { (1, i64::from(ladder.items[item].top)) } else { (weight, sum) }
}
