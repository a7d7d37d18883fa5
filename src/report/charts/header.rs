//! Above the panels: the title and the legend. The legend has a place of its own, so that it cannot cover data.

use super::font::{HEADING, LABEL, TITLE, clean, fitted, width};
use super::palette::{FAULT, Ink, MUTED, Marker, Style, TEXT, WARM_UP, WARM_UP_HATCH};
use super::panel::marker;
use super::scene::{Anchor, Scene, px};
use super::{Chart, Series};

/// What a key of the legend shows before its label.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Sample {
    Line(Style),
    Mark(Style),
    Fill(Ink, Ink),
}

const SAMPLE: i32 = px(26);
const GAP: i32 = px(18);
const ROW: i32 = px(18);

/// Draws title and legend within `[left, right)`, and returns where the panels may begin.
pub fn draw(scene: &mut Scene, chart: &Chart, left: i32, right: i32) -> i32 {
    let mut y = px(26);
    scene.text((left, y), Anchor::Start, TITLE, TEXT, fitted(&chart.title, TITLE, right - left));
    let keys = keys(chart);
    if keys.is_empty() {
        return y + px(10);
    }
    y += px(22);
    let mut x = left;
    for (sample, label) in keys {
        let label = fitted(&label, LABEL, (right - left) / 2);
        let wide = SAMPLE + px(6) + width(&label, LABEL);
        if x > left && x + wide > right {
            (x, y) = (left, y + ROW);
        }
        show(scene, sample, x, y - px(4));
        scene.text((x + SAMPLE + px(6), y), Anchor::Start, LABEL, TEXT, label);
        x += wide + GAP;
    }
    y + px(8)
}

/// Each look once, in the order of appearance.
fn keys(chart: &Chart) -> Vec<(Sample, String)> {
    let mut keys: Vec<(Sample, String)> = Vec::new();
    for series in chart.panels.iter().flat_map(|p| &p.series) {
        let key = (sample(series), series.label.clone());
        if !key.1.is_empty() && !keys.contains(&key) {
            keys.push(key);
        }
    }
    if let Some(forest) = &chart.forest {
        keys.extend(forest.looks().map(|(style, label)| (Sample::Mark(style), label.to_owned())));
    }
    if chart.time.warm_up > 0.0 {
        keys.push((Sample::Fill(WARM_UP, WARM_UP_HATCH), "warm-up".to_owned()));
    }
    if !chart.spans.is_empty() {
        keys.push((Sample::Fill(FAULT.faint(0.13), FAULT.faint(0.6)), "fault".to_owned()));
    }
    keys
}

fn sample(series: &Series) -> Sample {
    if !series.at.is_empty() {
        return Sample::Mark(series.style);
    }
    if series.line.is_empty() { Sample::Fill(series.style.ink, series.style.ink) } else { Sample::Line(series.style) }
}

fn show(scene: &mut Scene, sample: Sample, x: i32, y: i32) {
    match sample {
        Sample::Line(style) => {
            scene.path(vec![(x, y), (x + SAMPLE, y)], style.width, style.ink);
            if let Some(shape) = style.marker {
                marker(scene, shape, (x + SAMPLE / 2, y), style.ink);
            }
        }
        Sample::Mark(style) => marker(scene, style.marker.unwrap_or(Marker::Circle), (x + SAMPLE / 2, y), style.ink),
        Sample::Fill(fill, edge) => {
            let (from, to) = ((x + px(4), y - px(5)), (x + SAMPLE, y + px(5)));
            scene.rect(from, to, fill);
            let corners = [from, (to.0, from.1), to, (from.0, to.1), from];
            scene.path(corners.to_vec(), 1, edge);
        }
    }
}

/// A panel's title and, at the right, its figure: the first of the notes that fits beside the title, or else the last.
pub fn of_panel(scene: &mut Scene, title: &str, notes: &[String], (left, right): (i32, i32), y: i32) {
    let room = right - left - px(12);
    let beside = room - width(&clean(title), HEADING);
    let fits = notes.iter().find(|n| width(&clean(n), LABEL) <= beside).or(notes.last());
    let note = fits.map(|n| fitted(n, LABEL, beside.max(room / 2))).unwrap_or_default();
    scene.text((left, y), Anchor::Start, HEADING, TEXT, fitted(title, HEADING, room - width(&note, LABEL)));
    scene.text((right, y), Anchor::End, LABEL, MUTED, note);
}
