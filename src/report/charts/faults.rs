//! The names of faults above a plot: each at its beginning, in as many lanes as keep them apart.

use super::Span;
use super::font::{SMALL, fitted, width};
use super::palette::{FAULT, FAULT_TEXT};
use super::scene::{Anchor, Scene, px};

/// Of names that begin close together, no more are written; the others are counted.
const MOST_LANES: usize = 3;
const LANE: i32 = px(13);

/// A name and where it goes, relative to the plot's left edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    lane: usize,
    x: i32,
    text: String,
}

/// Faults by name, in order of their first occurrence: the name, how often, and the first occurrence.
pub fn by_name(spans: &[Span]) -> Vec<(&str, usize, &Span)> {
    let mut named: Vec<(&str, usize, &Span)> = Vec::new();
    for span in spans {
        match named.iter_mut().find(|(name, ..)| *name == span.name) {
            Some((_, times, _)) => *times += span.times,
            None => named.push((&span.name, span.times, span)),
        }
    }
    named
}

/// Places the names over a plot of this width; `place` says where a second lies, from 0 to 1.
pub fn labels(spans: &[Span], wide: i32, place: impl Fn(f64) -> f64) -> Vec<Label> {
    let flag = |text: String, from: f64| {
        let text = fitted(&text, SMALL, wide - px(8));
        let begin = (place(from) * f64::from(wide)).round() as i32;
        Label { lane: 0, x: begin.min(wide - width(&text, SMALL) - px(4)).max(0), text }
    };
    let mut kept: Vec<(Label, f64)> = Vec::new();
    let mut left_out = 0;
    for (name, times, first) in by_name(spans) {
        let text = if times > 1 { format!("{name} ({times} times)") } else { name.to_owned() };
        let label = flag(text, first.from);
        if kept.iter().filter(|(other, _)| other.x <= label.end() && label.x <= other.end()).count() < MOST_LANES {
            kept.push((label, first.from));
        } else {
            left_out += 1;
        }
    }
    if let (Some((label, from)), true) = (kept.last_mut(), left_out > 0) {
        *label = flag(format!("{}, {left_out} more", label.text), *from);
    }
    in_lanes(kept.into_iter().map(|(label, _)| label).collect())
}

/// The rightmost goes into the lowest lane, so that no flag crosses a name on its way down to the plot.
fn in_lanes(mut labels: Vec<Label>) -> Vec<Label> {
    labels.sort_by_key(|label| std::cmp::Reverse(label.x));
    let mut starts: Vec<i32> = Vec::new();
    for label in &mut labels {
        label.lane = starts.iter().position(|start| label.end() < *start).unwrap_or(starts.len());
        match starts.get_mut(label.lane) {
            Some(start) => *start = label.x,
            None => starts.push(label.x),
        }
    }
    labels
}

impl Label {
    fn end(&self) -> i32 {
        self.x + width(&self.text, SMALL) + px(10)
    }
}

/// The height that the lanes take.
pub fn height(labels: &[Label]) -> i32 {
    labels.iter().map(|l| (l.lane as i32 + 1) * LANE).max().map_or(0, |lanes| lanes + px(2))
}

/// Draws the names so that lane 0 is the lowest, right above `bottom`.
pub fn draw(scene: &mut Scene, labels: &[Label], left: i32, bottom: i32) {
    for label in labels {
        let base = bottom - px(4) - label.lane as i32 * LANE;
        let x = left + label.x;
        scene.path(vec![(x, base - px(9)), (x, bottom)], 2, FAULT.faint(0.6));
        scene.text((x + px(4), base), Anchor::Start, SMALL, FAULT_TEXT, label.text.as_str());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(name: &str, from: f64) -> Span {
        Span { name: name.to_owned(), from, until: from + 1.0, times: 1 }
    }

    #[test]
    fn of_names_that_would_overlap_the_first_is_on_top() {
        let spans = [span("first", 10.0), span("second", 11.0), span("third", 60.0)];
        let lanes: Vec<(String, usize)> = labels(&spans, 1000, |s| s / 100.0).into_iter().map(|l| (l.text, l.lane)).collect();
        assert_eq!(lanes, [("third".to_owned(), 0), ("second".to_owned(), 0), ("first".to_owned(), 1)]);
    }

    #[test]
    fn a_fault_that_comes_again_is_named_once() {
        let spans: Vec<Span> = (0..40).map(|i| span("flush", f64::from(i))).collect();
        let labels = labels(&spans, 1000, |s| s / 100.0);
        assert_eq!(labels.iter().map(|l| l.text.as_str()).collect::<Vec<_>>(), ["flush (40 times)"]);
    }

    #[test]
    fn too_many_names_are_counted() {
        let spans: Vec<Span> = (0..9).map(|i| span(&format!("fault {i}"), 50.0)).collect();
        let labels = labels(&spans, 1000, |s| s / 100.0);
        let texts: Vec<&str> = labels.iter().map(|l| l.text.as_str()).collect();
        assert_eq!(texts, ["fault 0", "fault 1", "fault 2, 6 more"]);
    }
}
