//! Charts with one small panel per service: queue, utilization, latency.

use super::run::Sheet;
use super::windows::{Lens, highest};
use super::{Panel, Range, Series, Unit, palette};
use crate::observe::recording::{ServiceRecord, ServiceWindow};
use crate::topology::Topology;

/// No chart has more panels.
pub const MOST_PANELS: usize = 12;

/// The services that have most to tell, in the model's order, and how many are left out.
pub fn interesting(sheet: &Sheet) -> (Vec<usize>, usize) {
    let records = &sheet.recording.services;
    let scores: Vec<f64> = records.iter().enumerate().map(|(i, record)| score(sheet.topology, records, i, record)).collect();
    let mut ranked: Vec<usize> = (0..records.len()).collect();
    ranked.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]).then(a.cmp(b)));
    let left_out = ranked.len().saturating_sub(MOST_PANELS);
    ranked.truncate(MOST_PANELS);
    ranked.sort_unstable();
    (ranked, left_out)
}

/// Between 0 and 4: hit by a fault, requests that went wrong, work in hand, queue.
fn score(topology: &Topology, all: &[ServiceRecord], index: usize, record: &ServiceRecord) -> f64 {
    let hit = topology.faults.iter().any(|f| f.services.iter().any(|s| s.index() == index));
    let wrong = (record.failed + record.rejected + record.abandoned) as f64 / record.requests.max(1) as f64;
    let busy = record.windows.iter().map(utilization).filter(|u| u.is_finite()).fold(0.0, f64::max);
    let longest = all.iter().map(longest_queue).fold(0.0, f64::max);
    let queue = if longest > 0.0 { longest_queue(record) / longest } else { 0.0 };
    f64::from(u8::from(hit)) + wrong.min(1.0) + busy.min(1.0) + queue
}

fn longest_queue(record: &ServiceRecord) -> f64 {
    record.windows.iter().map(|w| w.queue).filter(|q| q.is_finite()).fold(0.0, f64::max)
}

/// Not a number if workers are unlimited.
fn utilization(window: &ServiceWindow) -> f64 {
    if window.workers > 0.0 { window.busy / window.workers } else { f64::NAN }
}

pub fn queue(sheet: &Sheet, service: usize, lens: Lens) -> Panel {
    let windows = &sheet.recording.services[service].windows;
    let line = lens.mean(windows, |w| w.queue);
    let note = format!("up to {}", Unit::Count.written(highest(&line)));
    let series = vec![Series::line("requests waiting, all replicas", palette::QUEUE, lens.step(), line)];
    sheet.panel_of_service(service, note, (Unit::Count, Range::AtLeast(1.0)), series)
}

/// Has a number of workers, of which some share can be in use.
pub fn is_limited(record: &ServiceRecord) -> bool {
    record.windows.is_empty() || record.windows.iter().any(|w| w.workers > 0.0)
}

pub fn utilized(sheet: &Sheet, service: usize, lens: Lens) -> Panel {
    let windows = &sheet.recording.services[service].windows;
    let line = lens.each(windows, |part| {
        let (busy, workers) = part.iter().fold((0.0, 0.0), |(b, w), window| (b + window.busy, w + window.workers));
        if workers > 0.0 { busy / workers } else { f64::NAN }
    });
    let note = format!("up to {}", Unit::Share.written(highest(&line)));
    let series = vec![Series::line("share of workers in use", palette::UTILIZATION, lens.step(), line)];
    sheet.panel_of_service(service, note, (Unit::Share, Range::AtLeast(1.0)), series)
}

pub fn latency(sheet: &Sheet, service: usize, lens: Lens) -> Panel {
    let windows = &sheet.recording.services[service].windows;
    let p99 = lens.latency(windows, |w| w.p99);
    let note = super::run::worst_latency(&p99);
    let series = vec![
        Series::line("p50", palette::P50, lens.step(), lens.latency(windows, |w| w.p50)),
        Series::line("p95", palette::P95, lens.step(), lens.latency(windows, |w| w.p95)),
        Series::line("p99", palette::P99, lens.step(), p99),
    ];
    sheet.panel_of_service(service, note, (Unit::Seconds, Range::LogIfWide), series)
}
