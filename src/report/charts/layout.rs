//! Where everything goes: header, a grid of panels with aligned edges, caption. Chart in, scene out.

use super::axis::Axis;
use super::faults;
use super::font::{LABEL, SMALL, width, wrapped};
use super::palette::MUTED;
use super::panel::{self, Frame};
use super::scene::{Anchor, Scene, px};
use super::{Chart, Panel, forest, header};

const WIDTH: i32 = px(960);
const MARGIN: i32 = px(16);
/// Between columns; the labels of the right one's axis come on top.
const GUTTER: i32 = px(16);
const HEADING: i32 = px(22);
/// Above the heading of a row.
const ROW_GAP: i32 = px(8);
const TIME_LABELS: i32 = px(18);
/// Least distances of ticks.
const TIME_TICK: i32 = px(72);
const TIME_TICK_OF_SMALL: i32 = px(50);
const VALUE_TICK: i32 = px(26);

/// The chart as a drawing.
pub fn scene(chart: &Chart) -> Scene {
    let mut scene = Scene { width: WIDTH, height: 0, shapes: Vec::new() };
    let (left, right) = (MARGIN, WIDTH - MARGIN);
    let top = header::draw(&mut scene, chart, left, right);
    let bottom = match &chart.forest {
        Some(forest) => forest::draw(&mut scene, forest, top, (left, right)),
        None => grid(&mut scene, chart, top),
    };
    scene.height = caption(&mut scene, &chart.caption, bottom + px(20));
    scene
}

/// Draws the panels and returns where the last one ends.
fn grid(scene: &mut Scene, chart: &Chart, top: i32) -> i32 {
    let columns = chart.columns.clamp(1, 4).min(chart.panels.len().max(1));
    let plot_height = px(chart.plot_height.clamp(20, 2000) as i32);
    let room = (plot_height / VALUE_TICK).max(1) as usize;
    let axes: Vec<Axis> = chart.panels.iter().map(|p| Axis::of_values(p, room)).collect();
    let labels = label_widths(&axes, columns);
    let wide = (WIDTH - 2 * MARGIN - (columns as i32 - 1) * GUTTER - labels.iter().sum::<i32>()) / columns as i32;
    let time = chart.across.axis(chart.time.until, (wide / if columns == 1 { TIME_TICK } else { TIME_TICK_OF_SMALL }).max(1) as usize);
    let names = faults::labels(&chart.spans, wide, |s| time.place(s));
    let mut y = top - ROW_GAP;
    for (row, panels) in chart.panels.chunks(columns).enumerate() {
        let lanes = if row == 0 { faults::height(&names) } else { 0 };
        y += ROW_GAP;
        let plot_top = y + HEADING + lanes;
        let mut x = MARGIN;
        for (column, panel) in panels.iter().enumerate() {
            x += labels[column];
            let frame = Frame { left: x, top: plot_top, width: wide, height: plot_height };
            let index = row * columns + column;
            heading(scene, panel, &axes[index], frame, y + px(15));
            panel::draw(scene, panel, frame, &axes[index], &time, chart);
            if row == 0 {
                faults::draw(scene, &names, x, plot_top);
            }
            if index + columns >= chart.panels.len() {
                panel::time_labels(scene, frame, &time);
            }
            x += wide + GUTTER;
        }
        let hanging = row + 2 == chart.panels.len().div_ceil(columns) && !chart.panels.len().is_multiple_of(columns);
        y = plot_top + plot_height + if hanging { TIME_LABELS } else { 0 };
    }
    if chart.panels.is_empty() {
        scene.text((MARGIN, top + px(16)), Anchor::Start, LABEL, MUTED, "nothing to show");
        return top + px(16);
    }
    y + TIME_LABELS
}

/// Per column, the room for the labels of its axes.
fn label_widths(axes: &[Axis], columns: usize) -> Vec<i32> {
    let widest = |axis: &Axis| axis.ticks.iter().map(|t| width(&t.label, SMALL)).max().unwrap_or(0);
    (0..columns).map(|column| axes.iter().skip(column).step_by(columns).map(widest).max().unwrap_or(0) + px(7)).collect()
}

fn heading(scene: &mut Scene, panel: &Panel, axis: &Axis, frame: Frame, y: i32) {
    const LOG: &str = "log scale";
    let note = panel.note.clone();
    let notes = match (axis.log, note.is_empty()) {
        (true, true) => vec![LOG.to_owned()],
        (true, false) => vec![format!("{note}, {LOG}"), note],
        (false, _) => vec![note],
    };
    header::of_panel(scene, &panel.title, &notes, (frame.left, frame.left + frame.width), y);
}

/// Draws the caption from `y` down and returns the height of the whole.
fn caption(scene: &mut Scene, lines: &[String], mut y: i32) -> i32 {
    for line in lines.iter().flat_map(|l| wrapped(l, SMALL, WIDTH - 2 * MARGIN)) {
        scene.text((MARGIN, y), Anchor::Start, SMALL, MUTED, line);
        y += px(14);
    }
    // Whole pixels, for the half-size picture.
    y & !1
}
