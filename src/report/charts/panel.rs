//! One plot: what disturbed the system in the background, the grid, then the series.

use super::axis::Axis;
use super::font::{LABEL, SMALL};
use super::palette::{AXIS, FAULT, GRID, Ink, MUTED, Marker, PAPER, WARM_UP, WARM_UP_HATCH};
use super::scene::{Anchor, At, Scene, px};
use super::{Chart, Panel, Series};

/// The rectangle of a plot.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    pub left: i32,
    pub top: i32,
    pub width: i32,
    pub height: i32,
}

impl Frame {
    fn x(self, share: f64) -> i32 {
        self.left + (share * f64::from(self.width)).round() as i32
    }

    fn y(self, share: f64) -> i32 {
        self.bottom() - (share * f64::from(self.height)).round() as i32
    }

    fn right(self) -> i32 {
        self.left + self.width
    }

    fn bottom(self) -> i32 {
        self.top + self.height
    }
}

pub fn draw(scene: &mut Scene, panel: &Panel, frame: Frame, axis: &Axis, time: &Axis, chart: &Chart) {
    background(scene, frame, time, chart);
    for tick in &axis.ticks {
        let y = frame.y(axis.place(tick.at));
        scene.path(vec![(frame.left, y), (frame.right(), y)], 1, GRID);
        scene.text((frame.left - px(5), y + px(3)), Anchor::End, SMALL, MUTED, tick.label.as_str());
    }
    for tick in &time.ticks {
        let x = frame.x(time.place(tick.at));
        scene.path(vec![(x, frame.bottom()), (x, frame.bottom() + px(3))], 2, AXIS);
    }
    let plot = Plot { frame, axis, time };
    for series in &panel.series {
        plot.cells(scene, series);
        plot.band(scene, series);
    }
    if panel.series.iter().any(|series| !series.cells.is_empty()) {
        // A heat map covers the shade of faults.
        edges_of_faults(scene, frame, time, chart);
    }
    for (order, series) in panel.series.iter().enumerate() {
        plot.line(scene, series, order, panel.series.len());
    }
    scene.path(vec![(frame.left, frame.top), (frame.left, frame.bottom()), (frame.right(), frame.bottom())], 2, AXIS);
    if panel.values().next().is_none() {
        let middle = (frame.left + frame.width / 2, frame.top + frame.height / 2);
        scene.text(middle, Anchor::Middle, LABEL, MUTED, "no data");
    }
}

/// The labels of the time axis below a plot.
pub fn time_labels(scene: &mut Scene, frame: Frame, time: &Axis) {
    for tick in &time.ticks {
        let x = frame.x(time.place(tick.at));
        // The outermost labels may not stand out over the plots beside.
        let anchor = if x > frame.right() - px(14) { Anchor::End } else { Anchor::Middle };
        scene.text(
            (if anchor == Anchor::End { frame.right() } else { x }, frame.bottom() + px(14)),
            anchor,
            SMALL,
            MUTED,
            tick.label.as_str(),
        );
    }
}

/// Warm-up, faults and the end of the load.
fn background(scene: &mut Scene, frame: Frame, time: &Axis, chart: &Chart) {
    let warm = frame.x(time.place(chart.time.warm_up));
    if warm > frame.left {
        scene.rect((frame.left, frame.top), (warm, frame.bottom()), WARM_UP);
        hatch(scene, frame, warm);
    }
    for span in &chart.spans {
        let (from, until) = (frame.x(time.place(span.from)), frame.x(time.place(span.until)));
        scene.rect((from, frame.top), (until, frame.bottom()), FAULT.faint(0.13));
    }
    edges_of_faults(scene, frame, time, chart);
    if chart.time.load_ends > 0.0 && chart.time.load_ends < chart.time.until {
        let x = frame.x(time.place(chart.time.load_ends));
        scene.path(vec![(x, frame.top), (x, frame.bottom())], 1, AXIS);
    }
}

fn edges_of_faults(scene: &mut Scene, frame: Frame, time: &Axis, chart: &Chart) {
    for span in &chart.spans {
        let (from, until) = (frame.x(time.place(span.from)), frame.x(time.place(span.until)));
        for x in if from == until { vec![from] } else { vec![from, until] } {
            scene.path(vec![(x, frame.top), (x, frame.bottom())], 1, FAULT.faint(0.6));
        }
    }
}

/// Slanted lines over `[frame.left, right)`.
fn hatch(scene: &mut Scene, frame: Frame, right: i32) {
    const APART: i32 = px(9);
    let mut start = frame.left - frame.height + APART;
    while start < right {
        // From the bottom at `start` up to the right, cut at the edges.
        let (from, to) = (start.max(frame.left), (start + frame.height).min(right));
        scene.path(vec![(from, frame.bottom() - (from - start)), (to, frame.bottom() - (to - start))], 1, WARM_UP_HATCH);
        start += APART;
    }
}

/// From values to places.
struct Plot<'a> {
    frame: Frame,
    axis: &'a Axis,
    time: &'a Axis,
}

impl Plot<'_> {
    /// The place of a series' `i`-th value; `within` its step, from 0 to 1.
    fn at(&self, series: &Series, (i, within): (usize, f64), value: f64) -> At {
        (self.frame.x(self.time.place((i as f64 + within) * series.step)), self.frame.y(self.axis.place(value)))
    }

    fn points(&self, series: &Series, values: &[f64], range: &std::ops::Range<usize>) -> Vec<At> {
        let mut points: Vec<At> = Vec::new();
        for i in range.clone() {
            if series.stepped {
                points.extend([self.at(series, (i, 0.0), values[i]), self.at(series, (i, 1.0), values[i])]);
            } else {
                points.push(self.at(series, (i, 0.5), values[i]));
            }
        }
        points.dedup();
        straightened(points)
    }

    fn cells(&self, scene: &mut Scene, series: &Series) {
        let x = |step: usize| self.frame.x(self.time.place(step as f64 * series.step));
        for cell in &series.cells {
            let (top, bottom) = (self.frame.y(self.axis.place(cell.high)), self.frame.y(self.axis.place(cell.low)));
            scene.rect((x(cell.from), top), (x(cell.until), bottom), series.style.ink);
        }
    }

    fn band(&self, scene: &mut Scene, series: &Series) {
        let length = series.low.len().min(series.high.len());
        let solid = series.line.is_empty();
        let ink = if solid { series.style.ink.faint(0.85) } else { series.style.ink.faint(0.14) };
        for run in runs(length, |i| series.low[i].is_finite() && series.high[i].is_finite()) {
            let mut outline = self.points(series, &series.high, &run);
            outline.extend(self.points(series, &series.low, &run).into_iter().rev());
            // Nothing between the two: nothing to fill.
            if outline.iter().any(|p| p.1 != outline[0].1) {
                scene.area(outline, ink);
            }
        }
    }

    fn line(&self, scene: &mut Scene, series: &Series, order: usize, of: usize) {
        let style = series.style;
        if !series.at.is_empty() {
            return self.marks(scene, series);
        }
        for run in runs(series.line.len(), |i| series.line[i].is_finite()) {
            let points = self.points(series, &series.line, &run);
            match points[..] {
                [alone] => scene.dot(alone, style.width as i32 + 1, style.ink),
                _ => scene.path(points, self.stroke(style.width), style.ink),
            }
        }
        if let Some(shape) = style.marker {
            self.markers(scene, series, shape, (order, of));
        }
    }

    /// Values by themselves. The look of a mark tells series apart, since there is no line.
    fn marks(&self, scene: &mut Scene, series: &Series) {
        for (x, y) in series.at.iter().zip(&series.line).filter(|(x, y)| x.is_finite() && y.is_finite()) {
            let at = (self.frame.x(self.time.place(*x)), self.frame.y(self.axis.place(*y)));
            marker(scene, series.style.marker.unwrap_or(Marker::Circle), at, series.style.ink);
        }
    }

    /// Lines are thinner in small plots.
    fn stroke(&self, width: u32) -> u32 {
        if self.frame.width < px(400) { width.min(2) } else { width }
    }

    /// A marker now and then, those of each series at other times.
    fn markers(&self, scene: &mut Scene, series: &Series, shape: Marker, (order, of): (usize, usize)) {
        let apart = (px(28) * of as i32).max(px(90));
        let mut due = self.frame.left + apart * (2 * order as i32 + 1) / (2 * of as i32);
        for (i, value) in series.line.iter().enumerate().filter(|(_, v)| v.is_finite()) {
            let at = self.at(series, (i, 0.5), *value);
            if at.0 >= due {
                marker(scene, shape, at, series.style.ink);
                due += apart * ((at.0 - due) / apart + 1);
            }
        }
    }
}

/// The maximal ranges of indices below `length` of which `good` holds.
fn runs(length: usize, good: impl Fn(usize) -> bool) -> Vec<std::ops::Range<usize>> {
    let mut runs: Vec<std::ops::Range<usize>> = Vec::new();
    for i in (0..length).filter(|i| good(*i)) {
        match runs.last_mut() {
            Some(run) if run.end == i => run.end = i + 1,
            _ => runs.push(i..i + 1),
        }
    }
    runs
}

/// The same line without points in the middle of level stretches.
fn straightened(points: Vec<At>) -> Vec<At> {
    let mut kept: Vec<At> = Vec::with_capacity(points.len());
    for point in points {
        if let [.., a, b] = kept[..]
            && a.1 == b.1
            && b.1 == point.1
        {
            kept.pop();
        }
        kept.push(point);
    }
    kept
}

/// A marker with a thin white edge, so that it stands off from lines below.
pub fn marker(scene: &mut Scene, shape: Marker, at: At, ink: Ink) {
    shape_of(scene, shape, at, px(4) + 1, PAPER);
    shape_of(scene, shape, at, px(3) + 1, ink);
}

fn shape_of(scene: &mut Scene, shape: Marker, (x, y): At, r: i32, ink: Ink) {
    match shape {
        Marker::Circle => scene.dot((x, y), r, ink),
        Marker::Square => {
            let r = r - 1;
            scene.rect((x - r, y - r), (x + r, y + r), ink);
        }
        Marker::Triangle => scene.area(vec![(x, y - r - 1), (x + r + 1, y + r), (x - r - 1, y + r)], ink),
        Marker::Diamond => scene.area(vec![(x, y - r - 2), (x + r + 2, y), (x, y + r + 2), (x - r - 2, y)], ink),
        Marker::Cross => {
            let width = if ink == PAPER { 6 } else { 4 };
            scene.path(vec![(x - r, y - r), (x + r, y + r)], width, ink);
            scene.path(vec![(x - r, y + r), (x + r, y - r)], width, ink);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_split_a_line_into_runs() {
        assert_eq!(runs(6, |i| i != 2 && i != 5), [0..2, 3..5]);
        assert!(runs(0, |_| true).is_empty());
    }

    #[test]
    fn level_stretches_keep_their_ends() {
        assert_eq!(straightened(vec![(0, 1), (1, 1), (2, 1), (3, 2), (4, 2)]), [(0, 1), (2, 1), (3, 2), (4, 2)]);
    }
}
