//! Charts over a whole run whose horizontal axis is not time: how slow the slowest requests were, and what became of the load.

use super::axis::Unit;
use super::run::Sheet;
use super::windows::seconds;
use super::{Across, Chart, Panel, Range, Series, palette};
use crate::base::histogram::Histogram;
use crate::base::math;

/// As many clients as can be told apart.
const MOST_CLIENTS: usize = 7;

/// Values of a line per nine.
const PER_NINE: usize = 40;
const NINES: usize = 4;

/// The latency that each share of the requests of a client stayed below, its tail drawn out.
pub fn percentiles(sheet: &Sheet) -> Chart {
    let records = &sheet.recording.clients;
    let mut shown: Vec<usize> = (0..records.len()).filter(|c| !records[*c].latency.is_empty()).collect();
    shown.sort_by_key(|c| (std::cmp::Reverse(records[*c].offered), *c));
    shown.truncate(MOST_CLIENTS);
    let series: Vec<Series> = shown
        .iter()
        .enumerate()
        .map(|(order, client)| {
            let name = &sheet.topology.clients[*client].name;
            Series::line(name, palette::nth(order), 1.0 / PER_NINE as f64, tail(&records[*client].latency))
        })
        .collect();
    let title = "latency, upwards, of the share of requests that were no slower".to_owned();
    let panel = Panel { title, note: String::new(), unit: Unit::Seconds, range: Range::LogIfWide, series };
    let panels = if shown.is_empty() { Vec::new() } else { vec![panel] };
    let told =
        "All completed requests of the measured time, failures included; a line ends where less than one request is slower.".to_owned();
    sheet.across(("latency-percentiles", "Percentiles of latency"), (Across::Nines, NINES as f64), panels, told)
}

fn tail(latency: &Histogram) -> Vec<f64> {
    let at = |step: usize| {
        let slower = math::pow(10.0, -(step as f64 + 0.5) / PER_NINE as f64);
        let known = slower * latency.count() as f64 >= 1.0;
        latency.quantile(1.0 - slower).filter(|_| known).map_or(f64::NAN, seconds)
    };
    (0..PER_NINE * NINES).map(at).collect()
}

/// What was useful of what was offered, window by window: before, during and after faults.
pub fn load_and_goodput(sheet: &Sheet) -> Chart {
    let lens = sheet.wide;
    let summed = |of: fn(&crate::observe::recording::ClientWindow) -> u32| {
        let mut sum: Vec<f64> = Vec::new();
        for client in &sheet.recording.clients {
            let rates = lens.rate(&client.windows, of);
            sum.resize(sum.len().max(rates.len()), 0.0);
            sum.iter_mut().zip(rates).for_each(|(sum, rate)| *sum += rate);
        }
        sum
    };
    let (offered, useful) = (summed(|w| w.offered), summed(|w| w.ok.saturating_add(w.degraded)));
    let most = super::windows::highest(&offered).max(super::windows::highest(&useful));
    let faults = || sheet.recording.faults.iter();
    let first = faults().map(|f| f.began.0).min().map_or(f64::INFINITY, seconds);
    let last = faults().map(|f| f.ended.map_or(f64::INFINITY, |ended| seconds(ended.0))).fold(0.0, f64::max);
    let phases = [
        ("before faults", palette::GOODPUT, 0.0, first),
        ("during", palette::FAILED, first, last),
        ("after", palette::DEGRADED, last.max(first), f64::INFINITY),
    ];
    let mut series = vec![Series::line("all that is offered", palette::OFFERED, most.max(1.0) / 50.0, diagonal(most))];
    for (label, style, from, until) in phases {
        let label = if first.is_infinite() { "windows" } else { label };
        let within = |place: &usize| {
            let middle = (*place as f64 + 0.5) * lens.step();
            (from..until).contains(&middle) && middle >= sheet.time.warm_up && middle < sheet.time.load_ends
        };
        let places: Vec<usize> = (0..offered.len()).filter(within).collect();
        let of = |values: &[f64]| places.iter().map(|&p| values[p]).collect();
        if !places.is_empty() {
            series.push(Series { at: of(&offered), ..Series::line(label, style, 1.0, of(&useful)) });
        }
    }
    let panels = match series.len() {
        1 => Vec::new(),
        _ => vec![Panel {
            title: "useful answers, upwards, by offered requests; all clients".to_owned(),
            note: String::new(),
            unit: Unit::PerSecond,
            range: Range::FromZero,
            series,
        }],
    };
    let told = "A mark for each window after the warm-up. Marks on the line: everything is answered; below it, load is lost.".to_owned();
    sheet.across(("load-goodput", "Load and goodput"), (Across::Amount(Unit::PerSecond), most * 1.02), panels, told)
}

/// Values in the middles of fifty steps.
fn diagonal(most: f64) -> Vec<f64> {
    (0..50).map(|step| (f64::from(step) + 0.5) * most.max(1.0) / 50.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn load_and_goodput_has_a_mark_for_each_measured_window_by_when_it_was() {
        use super::super::tests::{SHOP, chain, recording};
        let topology = chain(&SHOP, 180);
        let recording = recording(&topology, 7, 0.05);
        let charts = super::super::of_run(&topology, &recording, None);
        let chart = charts.iter().find(|chart| chart.file_stem == "load-goodput").expect("there was load");
        let [offered, marks @ ..] = &chart.panels[0].series[..] else { panic!("a line and marks") };
        assert!(offered.at.is_empty());
        let counts: Vec<(&str, usize)> = marks.iter().map(|s| (s.label.as_str(), s.at.len())).collect();
        assert_eq!(counts, [("before faults", 50), ("during", 30), ("after", 90)], "the warm-up has none");
        let window = &recording.clients[0].windows[70];
        assert_eq!((marks[1].at[10], marks[1].line[10]), (f64::from(window.offered), f64::from(window.ok)));
    }

    #[test]
    fn a_tail_rises_and_ends_where_nothing_is_slower() {
        let mut latency = Histogram::new();
        (1..=1000_u64).for_each(|ms| latency.record(ms * 1_000_000));
        let tail = tail(&latency);
        let known: Vec<f64> = tail.iter().copied().filter(|v| v.is_finite()).collect();
        assert!(known.windows(2).all(|pair| pair[0] <= pair[1]));
        assert_eq!(known.len(), 3 * PER_NINE, "one of a thousand is three nines");
        assert!((tail[PER_NINE] - 0.9).abs() < 0.02, "{}", tail[PER_NINE]);
    }
}
