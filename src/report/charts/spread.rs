//! Charts of how trouble spreads: over the requests of a client, over services and clients, and down the depth of calls.

use super::run::Sheet;
use super::services::MOST_PANELS;
use super::windows::{Lens, highest};
use super::{Panel, Range, Series, Unit, palette};
use crate::analysis::course::{Course, Disturbance, horizon};
use crate::base::id::*;
use crate::topology::Topology;
use crate::topology::site::Caller;

/// What the bands are made of.
pub const BANDS: &str = "Bands between the quantiles of each window: half of its requests end below p50, one in a hundred above p99. ";

pub const BLAST: &str = "For each who fell below 95 % of what it did before the first fault: the share of useful answers that is missing. ";

/// What a row says where there are several faults.
pub const BY_FAULT: &str = "Each fault has the most that was missing from it to the next. ";

pub const AMPLIFICATION: &str = "Attempts for each call, multiplied down the ways that requests take: what one call by a client becomes. A depth at which nothing is tried again has no line.";

/// A client's latency as bands between its quantiles.
pub fn bands(sheet: &Sheet, client: usize, lens: Lens) -> Panel {
    let windows = &sheet.recording.clients[client].windows;
    let [p50, p95, p99] = [lens.latency(windows, |w| w.p50), lens.latency(windows, |w| w.p95), lens.latency(windows, |w| w.p99)];
    let note = super::run::worst_latency(&p99);
    let band = |label: &str, style, low: Vec<f64>, high: Vec<f64>| Series {
        low,
        high,
        stepped: true,
        ..Series::line(label, style, lens.step(), Vec::new())
    };
    let series = vec![
        band("p95 to p99", palette::P50, p95.clone(), p99),
        band("p50 to p95", palette::P95, p50.clone(), p95),
        Series { stepped: true, ..Series::line("p50", palette::P99, lens.step(), p50) },
    ];
    Panel { title: sheet.topology.clients[client].name.clone(), note, unit: Unit::Seconds, range: Range::LogIfWide, series }
}

/// One row for each service and client that was hit, those hit first on top; and what is not shown.
pub fn hit(sheet: &Sheet) -> (Vec<Panel>, String) {
    let (topology, recording) = (sheet.topology, sheet.recording);
    let Some(by) = Disturbance::by_faults(topology, recording) else { return (Vec::new(), String::new()) };
    let until = horizon(topology, recording);
    let services = (0..topology.services.len()).map(ServiceId::new).map(|s| {
        let own = if by.services.contains(&s) { ", the fault's target" } else { "" };
        (format!("{}{own}", topology.services[s.index()].name), Course::of_service(recording, s, until))
    });
    let clients = (0..topology.clients.len()).map(ClientId::new).map(|c| {
        let own = if by.clients.contains(&c) { ", the fault's target" } else { "" };
        (format!("{} (client{own})", topology.clients[c.index()].name), Course::of_client(recording, c, until))
    });
    let fallen = services.chain(clients).filter(|(_, course)| course.hit(by.began));
    let mut rows: Vec<(usize, Panel)> =
        fallen.filter_map(|(name, course)| row(sheet, name, &course.missing(by.began)?, by.began)).collect();
    rows.sort_by_key(|(first, _)| *first);
    let left_out = super::run::left_out_of(rows.len(), "services and clients, hit later");
    rows.truncate(MOST_PANELS);
    (rows.into_iter().map(|(_, panel)| panel).collect(), left_out)
}

/// The row, with the window in which it was first below normal.
fn row(sheet: &Sheet, name: String, missing: &[f64], began: crate::base::time::Instant) -> Option<(usize, Panel)> {
    let window = sheet.recording.window.0.max(1);
    let start = (began.0 / window) as usize;
    let first = missing.iter().enumerate().skip(start).find(|(_, share)| **share > 1.0 - crate::analysis::course::NORMAL)?.0;
    let lens = sheet.wide;
    let worst = lens.each(missing, |part| highest(part).min(1.0));
    let at = super::windows::seconds(first as u64 * window);
    let told = by_fault(sheet, missing).unwrap_or_else(|| format!("up to {} missing", Unit::Share.written(highest(&worst))));
    let note = format!("first at {}, {told}", Unit::Seconds.written(at));
    let none = vec![0.0; worst.len()];
    let series = Series { low: none, high: worst, stepped: true, ..Series::line("missing", palette::FAILED, lens.step(), Vec::new()) };
    Some((first, Panel { title: name, note, unit: Unit::Share, range: Range::AtLeast(1.0), series: vec![series] }))
}

/// The most that was missing from each fault to the next, if there are a few of them and none comes again: `slow-db 97 %, restart 12 %`.
fn by_fault(sheet: &Sheet, missing: &[f64]) -> Option<String> {
    const MOST: usize = 4;
    let faults = super::faults::by_name(&sheet.spans);
    if !(2..=MOST).contains(&faults.len()) || faults.iter().any(|(_, times, _)| *times > 1) {
        return None;
    }
    let window = super::windows::seconds(sheet.recording.window.0.max(1));
    let told = faults.iter().map(|(name, _, span)| {
        let next = faults.iter().map(|(_, _, other)| other.from).filter(|from| *from > span.from).fold(f64::INFINITY, f64::min);
        let within = missing.iter().enumerate().filter(|(i, _)| (span.from..next).contains(&((*i as f64 + 0.5) * window)));
        let most = highest(&within.map(|(_, share)| share.min(1.0)).collect::<Vec<f64>>());
        format!("{name} {}", Unit::Share.written(most))
    });
    Some(told.collect::<Vec<_>>().join(", "))
}

/// One line for each depth of calls, if anything was tried again.
pub fn amplification(sheet: &Sheet) -> Option<Panel> {
    let records = &sheet.recording.edges;
    if records.iter().all(|e| e.retries == 0) {
        return None;
    }
    let lens = sheet.wide;
    let depths = depths(sheet.topology);
    let deepest = depths.iter().flatten().copied().max()?;
    let mut product: Vec<f64> = Vec::new();
    let mut series = Vec::new();
    for depth in 1..=deepest.min(7) {
        let own = || records.iter().zip(&depths).filter(|(_, d)| **d == Some(depth)).map(|(e, _)| e);
        let mut sums: Vec<(f64, f64)> = Vec::new();
        for record in own() {
            let (attempts, calls) = (lens.rate(&record.windows, |w| w.attempts), lens.rate(&record.windows, |w| w.calls));
            sums.resize(sums.len().max(calls.len()), (0.0, 0.0));
            sums.iter_mut().zip(attempts.into_iter().zip(calls)).for_each(|(sum, (a, c))| *sum = (sum.0 + a, sum.1 + c));
        }
        // Where nothing is called at this depth there is nothing to multiply.
        let ratios: Vec<f64> = sums.iter().map(|(attempts, calls)| if *calls > 0.0 { attempts / calls } else { f64::NAN }).collect();
        product.resize(product.len().max(ratios.len()), 1.0);
        let line: Vec<f64> = product.iter().zip(ratios.iter().chain(std::iter::repeat(&f64::NAN))).map(|(p, r)| p * r).collect();
        product = line.iter().zip(&product).map(|(new, old)| if new.is_finite() { *new } else { *old }).collect();
        // Without retries the line would be the one before.
        if own().any(|record| record.retries > 0) {
            series.push(Series::line(&format!("down to depth {depth}"), palette::nth(depth - 1), lens.step(), line));
        }
    }
    let most = series.iter().map(|s| highest(&s.line)).fold(0.0, f64::max);
    let note = format!("up to {}", Unit::Times.written(most));
    let title = "attempts for each call by a client".to_owned();
    Some(Panel { title, note, unit: Unit::Times, range: Range::AtLeast(2.0), series })
}

/// By edge: how many calls away from a client it is at least, itself counted; nothing if no client leads there.
fn depths(topology: &Topology) -> Vec<Option<usize>> {
    let mut depths: Vec<Option<usize>> = topology.edges.iter().map(|edge| matches!(edge.caller, Caller::Client(_)).then_some(1)).collect();
    let mut reached = vec![false; topology.endpoints.len()];
    let mut depth = 1;
    loop {
        let ends = topology.edges.iter().zip(&depths).filter(|(_, d)| **d == Some(depth)).map(|(edge, _)| edge.callee);
        let new: Vec<EndpointId> = ends.filter(|callee| reached.get(callee.index()) == Some(&false)).collect();
        new.iter().for_each(|callee| reached[callee.index()] = true);
        depth += 1;
        for (edge, own) in topology.edges.iter().zip(&mut depths) {
            if let Caller::Endpoint(caller) = edge.caller
                && own.is_none()
                && new.contains(&caller)
            {
                *own = Some(depth);
            }
        }
        if new.is_empty() {
            return depths;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{SHOP, chain, recording};
    use super::super::{Chart, of_run};
    use super::*;
    use crate::analysis::sample;
    use crate::base::time::Instant;
    use crate::observe::recording::{EdgeRecord, EdgeWindow, FaultSpan, Recording};

    fn drawn(topology: &Topology, recording: &Recording, stem: &str) -> Option<Chart> {
        of_run(topology, recording, None).into_iter().find(|chart| chart.file_stem == stem)
    }

    #[test]
    fn the_blast_radius_has_a_row_for_each_who_was_hit_and_none_without_a_fault() {
        let topology = chain(&SHOP, 180);
        let mut recording = recording(&topology, 7, 0.05);
        let chart = drawn(&topology, &recording, "blast-radius").expect("there is a fault");
        let titles: Vec<&str> = chart.panels.iter().map(|panel| panel.title.as_str()).collect();
        assert!(titles.contains(&"orders-db, the fault's target") && titles.contains(&"shoppers (client)"), "{titles:?}");
        let series = &chart.panels.iter().find(|panel| panel.title == "shoppers (client)").expect("it was hit").series[0];
        let (calm, ill) = (highest(&series.high[10..60]), highest(&series.high[70..90]));
        assert!(calm < 0.05 && ill > 0.7, "{calm} {ill}");
        recording.faults.clear();
        assert_eq!(drawn(&topology, &recording, "blast-radius"), None);
    }

    #[test]
    fn of_several_faults_each_has_the_most_that_was_missing_until_the_next() {
        let mut topology = chain(&SHOP, 180);
        topology.faults.push(crate::topology::Fault { name: "again".to_owned(), ..topology.faults[0].clone() });
        let mut recording = recording(&topology, 7, 0.05);
        let (began, ended) = (Instant::from_secs(100), Some(Instant::from_secs(105)));
        recording.faults.push(FaultSpan { fault: FaultId(1), began, ended });
        let chart = drawn(&topology, &recording, "blast-radius").expect("there are faults");
        let row = chart.panels.iter().find(|panel| panel.title == "shoppers (client)").expect("it was hit");
        let share = |of: &str| -> f64 {
            let figure = row.note.split(of).nth(1).and_then(|rest| rest.split('%').next()).expect("each is named");
            figure.trim().parse().expect("a figure")
        };
        let (first, second) = (share("slow-db "), share("again "));
        assert!(first > 70.0 && (20.0..60.0).contains(&second), "{}", row.note);
    }

    #[test]
    fn amplification_multiplies_down_the_depth_of_calls_and_leaves_out_depths_without_retries() {
        let mut recording = sample::record::slow_db(None);
        let edge = |calls: u32, attempts: u32| EdgeRecord {
            retries: u64::from(attempts - calls),
            windows: vec![EdgeWindow { calls, attempts, retries: attempts - calls, ..EdgeWindow::default() }; 180],
            ..EdgeRecord::default()
        };
        recording.edges = vec![edge(10, 20), edge(20, 60), edge(60, 60)];
        let lines = |recording: &Recording| {
            let chart = drawn(&sample::shop(3), recording, "amplification")?;
            Some(chart.panels[0].series.iter().map(|s| (s.label.clone(), s.line[100])).collect::<Vec<_>>())
        };
        let expected = [("down to depth 1".to_owned(), 2.0), ("down to depth 2".to_owned(), 6.0)];
        assert_eq!(lines(&recording).expect("there are retries"), expected);
        recording.edges = vec![edge(10, 10); 3];
        assert_eq!(lines(&recording), None);
    }

    #[test]
    fn bands_lie_between_the_quantiles_of_each_window() {
        let topology = chain(&SHOP, 180);
        let recording = recording(&topology, 7, 0.05);
        let chart = drawn(&topology, &recording, "latency-bands").expect("always");
        let [upper, lower, median] = &chart.panels[0].series[..] else { panic!("two bands and a line") };
        for (i, window) in recording.clients[0].windows.iter().enumerate() {
            let [p50, p95, p99] = [window.p50, window.p95, window.p99].map(super::super::windows::seconds);
            assert_eq!((upper.low[i], upper.high[i], lower.low[i], lower.high[i], median.line[i]), (p95, p99, p50, p95, p50));
        }
        assert_eq!((upper.label.as_str(), lower.label.as_str()), ("p95 to p99", "p50 to p95"));
    }
}
