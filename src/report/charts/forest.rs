//! A forest plot: one row for each variant, one column for each figure, a mark with its interval at the difference it made
//! (Lewis and Clarke 2001 tell where the form comes from). Columns have axes of their own and share their rows.

use super::axis::Axis;
use super::font::{HEADING, LABEL, SMALL, fitted, width};
use super::palette::{AXIS, BETTER, GRID, MUTED, NEITHER, ROW, Style, TEXT, WORSE};
use super::panel::marker;
use super::scene::{Anchor, Scene, px};
use super::{Unit, header};

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Forest {
    pub blocks: Vec<Block>,
}

/// The rows of one client.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// Empty: there is only one.
    pub title: String,
    pub rows: Vec<String>,
    pub columns: Vec<Column>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    pub title: String,
    /// What the differences are from: `model: 9.98 %`.
    pub note: String,
    pub unit: Unit,
    /// One for each row.
    pub marks: Vec<Mark>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// Not a number: no mark.
    pub mean: f64,
    pub interval: Option<(f64, f64)>,
    pub verdict: Verdict,
    /// The figure beside it: `+12.1 ±0.8`.
    pub told: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Better,
    Worse,
    Neither,
}

impl Verdict {
    const ALL: [Verdict; 3] = [Verdict::Better, Verdict::Worse, Verdict::Neither];

    fn look(self) -> (Style, &'static str) {
        match self {
            Verdict::Better => (BETTER, "better"),
            Verdict::Worse => (WORSE, "worse"),
            Verdict::Neither => (NEITHER, "not told from chance, or of another load"),
        }
    }
}

const ROW_HEIGHT: i32 = px(20);
const WIDEST_NAME: i32 = px(180);
const GUTTER: i32 = px(18);
/// From one tick to the next, at least.
const TICK: i32 = px(52);

impl Forest {
    /// What the legend tells: each look that there is.
    pub(super) fn looks(&self) -> impl Iterator<Item = (Style, &'static str)> {
        let is_there = |verdict: &Verdict| self.marks().any(|mark| mark.verdict == *verdict && mark.mean.is_finite());
        Verdict::ALL.into_iter().filter(is_there).map(Verdict::look).collect::<Vec<_>>().into_iter()
    }

    fn marks(&self) -> impl Iterator<Item = &Mark> {
        self.blocks.iter().flat_map(|block| &block.columns).flat_map(|column| &column.marks)
    }
}

/// Draws it from `top` down and returns where it ends.
pub fn draw(scene: &mut Scene, forest: &Forest, top: i32, (left, right): (i32, i32)) -> i32 {
    let names = forest.blocks.iter().flat_map(|block| &block.rows);
    let names = names.map(|name| width(name, LABEL)).max().unwrap_or(0).min(WIDEST_NAME) + px(10);
    let told = forest.marks().map(|mark| width(&mark.told, SMALL)).max().unwrap_or(0) + px(6);
    let mut y = top;
    for block in &forest.blocks {
        if !block.title.is_empty() {
            y += px(18);
            scene.text((left, y), Anchor::Start, HEADING, TEXT, fitted(&block.title, HEADING, right - left));
        }
        y += px(24);
        let rows_top = y + px(6);
        let bottom = rows_top + ROW_HEIGHT * block.rows.len() as i32;
        for (place, name) in block.rows.iter().enumerate() {
            let row = rows_top + ROW_HEIGHT * place as i32;
            if place % 2 == 0 {
                scene.rect((left, row), (right, row + ROW_HEIGHT), ROW);
            }
            scene.text((left + px(3), row + px(14)), Anchor::Start, LABEL, TEXT, fitted(name, LABEL, WIDEST_NAME));
        }
        let columns = block.columns.len().max(1) as i32;
        let wide = (right - left - names - (columns - 1) * GUTTER) / columns;
        for (place, column) in block.columns.iter().enumerate() {
            let x = left + names + place as i32 * (wide + GUTTER);
            header::of_panel(scene, &column.title, std::slice::from_ref(&column.note), (x, x + wide), y);
            column_of(scene, column, (x, x + wide - told), (rows_top, bottom), x + wide);
        }
        y = bottom + px(22);
    }
    y
}

fn column_of(scene: &mut Scene, column: &Column, (left, right): (i32, i32), (top, bottom): (i32, i32), told: i32) {
    let room = ((right - left) / TICK).max(2) as usize;
    let axis = Axis::of_differences(extent(column), column.unit, room);
    let x = |value: f64| left + (axis.place(value) * f64::from(right - left)).round() as i32;
    for tick in &axis.ticks {
        scene.path(vec![(x(tick.at), top), (x(tick.at), bottom)], 1, GRID);
        scene.text((x(tick.at), bottom + px(13)), Anchor::Middle, SMALL, MUTED, tick.label.as_str());
    }
    scene.path(vec![(x(0.0), top), (x(0.0), bottom + px(3))], 2, AXIS);
    for (place, mark) in column.marks.iter().enumerate() {
        let middle = top + ROW_HEIGHT * place as i32 + ROW_HEIGHT / 2;
        let (style, _) = mark.verdict.look();
        scene.text((told, middle + px(4)), Anchor::End, SMALL, MUTED, mark.told.as_str());
        if let Some((low, high)) = mark.interval {
            scene.path(vec![(x(low), middle), (x(high), middle)], 3, style.ink);
            for end in [low, high] {
                scene.path(vec![(x(end), middle - px(3)), (x(end), middle + px(3))], 2, style.ink);
            }
        }
        if let (true, Some(shape)) = (mark.mean.is_finite(), style.marker) {
            marker(scene, shape, (x(mark.mean), middle), style.ink);
        }
    }
}

/// The least and the largest value of any mark or interval.
fn extent(column: &Column) -> (f64, f64) {
    let ends = column.marks.iter().flat_map(|mark| {
        let (low, high) = mark.interval.unwrap_or((mark.mean, mark.mean));
        [mark.mean, low, high]
    });
    ends.filter(|end| end.is_finite()).fold((0.0, 0.0), |(low, high), end| (f64::min(low, end), f64::max(high, end)))
}
