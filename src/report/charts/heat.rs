//! A heat map of latency: time across, latency upwards, the darker the larger the share of the requests that ended then.
//!
//! It shows what quantiles hide: two kinds of requests are two dark rows, timeouts a row of their own. Shares and not numbers, so that the
//! steps are the same in every chart and a drop of the load does not look like one of latency; numbers are in `traffic`.

use super::palette::{self, HEAT};
use super::run::{Sheet, faults_told, grid, worst_latency};
use super::windows::{Lens, seconds};
use super::{Cell, Chart, Panel, Range, Series, Unit};
use crate::observe::heat::{BOUNDS, CELLS, END, Heat};
use crate::observe::recording::ClientRecord;

/// Narrower columns nobody sees.
const MOST_COLUMNS: usize = 300;

/// From which share on, and how the legend says it.
const STEPS: [(f64, &str); HEAT.len()] =
    [(0.0, "below 1 % of the requests"), (0.01, "1 to 5 %"), (0.05, "5 to 20 %"), (0.2, "20 to 50 %"), (0.5, "50 % or more")];

const TOLD: &str = "Each column is what ended in that time, by its latency, failures included; five rows to the decade, from 100 µs and faster to 63 s and slower. ";

/// One panel for each of these clients that anything was answered to.
pub fn chart(sheet: &Sheet, clients: &[usize], left_out: &str) -> Chart {
    let records = &sheet.recording.clients;
    let shown: Vec<usize> = clients.iter().copied().filter(|c| records[*c].heat.iter().flatten().any(|count| *count > 0)).collect();
    let grid = grid(shown.len());
    let lens = Lens::of(sheet.recording, MOST_COLUMNS / grid.0);
    let panels = shown.iter().map(|client| panel(sheet, *client, lens)).collect();
    let mut caption = vec![sheet.origin(&lens.told("column")), faults_told(&sheet.spans), format!("{TOLD}{left_out}")];
    caption.retain(|line| !line.is_empty());
    Chart { caption, ..sheet.laid_out(("latency-heat-map", "Heat map of latency"), panels, String::new(), (grid, lens)) }
}

fn panel(sheet: &Sheet, client: usize, lens: Lens) -> Panel {
    let record = &sheet.recording.clients[client];
    let series = (0..HEAT.len()).map(|step| Series {
        cells: cells(record, lens, step),
        ..Series::line(STEPS[step].1, palette::filled(HEAT[step]), lens.step(), Vec::new())
    });
    let (title, series) = (sheet.topology.clients[client].name.clone(), series.collect());
    let note = worst_latency(&lens.latency(&record.windows, |w| w.p99));
    Panel { title, note, unit: Unit::Seconds, range: Range::Log, series }
}

/// The cells of one step. Neighbours in a row are one rectangle, so that a quiet hour is a few of them.
fn cells(record: &ClientRecord, lens: Lens, step: usize) -> Vec<Cell> {
    let columns: Vec<[Option<usize>; CELLS]> = record.heat.chunks(lens.merged).map(steps).collect();
    let mut cells: Vec<Cell> = Vec::new();
    for row in 0..CELLS {
        let (low, high) = (seconds(BOUNDS[row]), seconds(BOUNDS.get(row + 1).copied().unwrap_or(END)));
        for column in (0..columns.len()).filter(|column| columns[*column][row] == Some(step)) {
            match cells.last_mut() {
                Some(last) if last.low == low && last.until == column => last.until = column + 1,
                _ => cells.push(Cell { from: column, until: column + 1, low, high }),
            }
        }
    }
    cells
}

/// The step of each cell of a column; nothing where nothing ended.
fn steps(windows: &[Heat]) -> [Option<usize>; CELLS] {
    let count = |row: usize| windows.iter().map(|heat| u64::from(heat[row])).sum::<u64>();
    let total = (0..CELLS).map(count).sum::<u64>() as f64;
    std::array::from_fn(|row| match count(row) {
        0 => None,
        count => STEPS.iter().rposition(|(from, _)| count as f64 / total >= *from),
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{SHOP, chain, recording};
    use super::super::{of_run, svg};
    use super::*;

    /// 99 of a hundred requests take 2 ms, one takes 30 ms; from second 60 on all take a minute and more.
    fn heat(second: usize) -> Heat {
        let mut heat = Heat::default();
        if second < 60 {
            (heat[6], heat[12]) = (99, 1)
        } else {
            heat[CELLS - 1] = 7
        }
        heat
    }

    fn drawn() -> Chart {
        let topology = chain(&SHOP, 180);
        let mut recording = recording(&topology, 7, 0.05);
        recording.clients[0].heat = (0..180).map(heat).collect();
        of_run(&topology, &recording, None).into_iter().find(|chart| chart.file_stem == "latency-heat-map").expect("something ended")
    }

    #[test]
    fn requests_are_coloured_by_their_share_and_equal_neighbours_are_one_rectangle() {
        let chart = drawn();
        let series = &chart.panels[0].series;
        let cells = |step: usize| series[step].cells.iter().map(|c| (c.from, c.until, c.low, c.high)).collect::<Vec<_>>();
        assert_eq!(cells(4), [(0, 60, 0.001_584_89, 0.002_511_89), (60, 180, 63.0957, 100.0)]);
        assert_eq!(cells(1), [(0, 60, 0.025_118_9, 0.039_810_7)], "one of a hundred is one per cent");
        assert!([0, 2, 3].iter().all(|step| cells(*step).is_empty()));
        assert!(chart.caption[0].ends_with("windows of 1 s"), "{:?}", chart.caption);
    }

    #[test]
    fn the_legend_has_every_step_and_the_axis_every_decade() {
        let drawn = svg(&drawn());
        for text in STEPS.iter().map(|(_, text)| *text).chain(["10 ms", "100 ms", "10 s", "log scale"]) {
            assert!(drawn.contains(text), "{text}");
        }
        let dark = HEAT[4].rgb;
        assert_eq!(drawn.matches(&format!("#{:02X}{:02X}{:02X}", dark.0, dark.1, dark.2)).count(), 4, "two cells, a key and its edge");
    }

    #[test]
    fn steps_darken_so_that_they_keep_their_order_in_grey() {
        let grey = |ink: palette::Ink| 0.299 * f64::from(ink.rgb.0) + 0.587 * f64::from(ink.rgb.1) + 0.114 * f64::from(ink.rgb.2);
        assert!(HEAT.windows(2).all(|pair| grey(pair[0]) - grey(pair[1]) > 25.0));
        assert!(STEPS.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
