//! The chart of brokers: how many messages wait in their queues.

use super::run::Sheet;
use super::windows::{Lens, highest};
use super::{Panel, Range, Series, Unit, palette};

/// Lines of one panel.
const MOST_LINES: usize = 8;

/// One line per queue of the broker; if there are too many, those in which most waited.
pub fn waiting(sheet: &Sheet, broker: usize, lens: Lens) -> Panel {
    let broker = &sheet.topology.brokers.brokers[broker];
    let series: Vec<Series> = shown(sheet, broker).into_iter().map(|queue| line(sheet, queue, lens)).collect();
    let most = series.iter().map(|series| highest(&series.line)).fold(0.0, f64::max);
    let note = format!("up to {}", Unit::Count.written(most));
    Panel { title: broker.name.clone(), note, unit: Unit::Count, range: Range::LogIfWide, series }
}

/// What the caption has to say.
pub fn left_out(sheet: &Sheet) -> String {
    let brokers = &sheet.topology.brokers.brokers;
    let left_out: usize = brokers.iter().map(|broker| broker.queues.len() - shown(sheet, broker).len()).sum();
    if left_out == 0 { String::new() } else { format!("Not shown: {left_out} more queues, with fewer messages. ") }
}

fn shown(sheet: &Sheet, broker: &crate::topology::broker::Broker) -> Vec<usize> {
    let records = &sheet.recording.queues;
    let mut ranked: Vec<usize> = (broker.queues.start as usize..broker.queues.end as usize).filter(|q| *q < records.len()).collect();
    ranked.sort_by_key(|q| (std::cmp::Reverse(records[*q].ready_max), *q));
    ranked.truncate(MOST_LINES);
    ranked.sort_unstable();
    ranked
}

/// The most that waited: where windows are merged, a short backlog is seen too.
fn line(sheet: &Sheet, queue: usize, lens: Lens) -> Series {
    let windows = &sheet.recording.queues[queue].windows;
    let values = lens.each(windows, |part| part.iter().map(|w| w.ready_max).max().unwrap_or(0) as f64);
    let full = sheet.topology.brokers.queues[queue].name.as_str();
    // The panel bears the name of the broker; with several, the legend could mistake one's queue for another's.
    let alone = sheet.topology.brokers.brokers.len() == 1;
    let label = full.split_once('.').filter(|_| alone).map_or(full, |(_, own)| own);
    Series::line(label, palette::nth(queue), lens.step(), values)
}
