//! Charts: what a run, or several side by side, looked like over time. A [`Chart`] is plain data; [`svg`] and [`png()`] draw it.
//!
//! [`of_run`] and [`of_comparison`] decide what is worth a chart; `layout` and `panel` place it as lines and text, `draw`
//! hands these to plotters. The bytes depend on the chart only: text is measured and set in the one font of `font`.

mod across;
mod axis;
mod choice;
mod comparison;
mod differences;
mod draw;
mod faults;
pub(super) mod font;
mod forest;
mod header;
mod heat;
mod layout;
mod palette;
mod panel;
mod queues;
mod run;
mod scene;
mod services;
mod spans;
mod spread;
#[cfg(test)]
mod tests;
mod totals;
mod windows;

pub use across::Across;
pub use axis::Unit;
pub use choice::Choice;
pub use comparison::{Variant, of_comparison};
pub use differences::of_differences;
pub use draw::{png, svg};
pub use forest::Forest;
pub use palette::Style;
pub use run::of_run;

/// Panels that share a time axis, with what disturbed the system marked in each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chart {
    /// Name of its file without the extension: `services-queue`.
    pub file_stem: String,
    pub title: String,
    /// Lines below: which run it is, what was left out or merged.
    pub caption: Vec<String>,
    pub time: TimeAxis,
    /// What the horizontal axis is; `time` says how far it goes in any case.
    pub across: Across,
    pub spans: Vec<Span>,
    /// Row by row.
    pub panels: Vec<Panel>,
    pub columns: usize,
    /// Height of a panel's plot in pixels.
    pub plot_height: u32,
    /// Drawn in place of panels.
    pub forest: Option<Forest>,
}

/// The common time axis, in seconds since the start of the run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TimeAxis {
    pub until: f64,
    /// Shown as not measured; 0: no warm-up.
    pub warm_up: f64,
    /// No new requests after this; a line is drawn if it lies before `until`.
    pub load_ends: f64,
}

/// A fault while it lasted, in seconds; without extent if it happened at an instant. Occurrences too close to be told apart
/// are one span.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    pub name: String,
    pub from: f64,
    pub until: f64,
    pub times: usize,
}

/// One plot.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    pub title: String,
    /// A figure worth reading off, at the right of the title: `peak 132`.
    pub note: String,
    pub unit: Unit,
    pub range: Range,
    pub series: Vec<Series>,
}

/// Which values the vertical axis covers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Range {
    /// From zero to the largest value.
    FromZero,
    /// From zero to this, or to the largest value if that is more.
    AtLeast(f64),
    /// All of 0..=1; only its upper end if nothing falls below that.
    Share,
    /// From zero, or logarithmic if the values differ by more than a factor of 50.
    LogIfWide,
    /// Logarithmic from the least to the largest value.
    Log,
}

/// A line, a band, or both. Values that are not finite are gaps.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    pub label: String,
    pub style: Style,
    /// Seconds between values.
    pub step: f64,
    /// One value per step; the first covers `[0, step)`. Empty: no line.
    pub line: Vec<f64>,
    /// Filled between these; empty: no band.
    pub low: Vec<f64>,
    pub high: Vec<f64>,
    /// Where the values of `line` lie across, as single marks; empty: one after the other, joined by a line.
    pub at: Vec<f64>,
    /// Values hold for their whole step instead of being joined by straight lines.
    pub stepped: bool,
    /// Filled rectangles; empty: none.
    pub cells: Vec<Cell>,
}

/// A rectangle from one step to another, and from one value to another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cell {
    pub from: usize,
    pub until: usize,
    pub low: f64,
    pub high: f64,
}

impl Series {
    fn line(label: &str, style: Style, step: f64, line: Vec<f64>) -> Series {
        let (low, high, at, cells) = Default::default();
        Series { label: label.to_owned(), style, step, line, low, high, at, stepped: false, cells }
    }

    /// All finite values, the band's included.
    fn values(&self) -> impl Iterator<Item = f64> {
        let cells = self.cells.iter().flat_map(|cell| [cell.low, cell.high]);
        [&self.line, &self.low, &self.high].into_iter().flatten().copied().chain(cells).filter(|v| v.is_finite())
    }
}

impl Panel {
    fn values(&self) -> impl Iterator<Item = f64> {
        self.series.iter().flat_map(Series::values)
    }
}
