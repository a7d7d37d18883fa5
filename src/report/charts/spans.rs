//! Faults as spans of a chart.

use super::windows::seconds;
use super::{Span, TimeAxis};
use crate::observe::recording::Recording;
use crate::topology::Topology;

/// Occurrences of one fault that are closer than this share of the chart are one span.
const CLOSE: f64 = 1.0 / 200.0;

/// Every occurrence of every fault.
pub fn of_run(topology: &Topology, recording: &Recording, time: TimeAxis) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for occurrence in &recording.faults {
        let name = &topology.faults[occurrence.fault.index()].name;
        let from = seconds(occurrence.began.0);
        let until = occurrence.ended.map_or(time.until, |e| seconds(e.0)).max(from);
        match spans.iter_mut().rfind(|s| s.name == *name) {
            Some(last) if from - last.until < time.until * CLOSE => {
                last.until = last.until.max(until);
                last.times += 1;
            }
            _ => spans.push(Span { name: name.clone(), from, until, times: 1 }),
        }
    }
    spans
}
