//! What is expected of brokers and their queues.

use crate::analysis::course;
use crate::base::id::FaultId;
use crate::base::time::Instant;
use crate::observe::recording::{QueueRecord, QueueWindow, Recording};
use crate::topology::Topology;
use crate::topology::expectation::{QueueMetric, Subject};
use crate::topology::site::Caller;
use std::ops::Range;

/// A metric of a broker or a queue, over these windows where it is of a span.
pub(super) fn observe(
    topology: &Topology,
    recording: &Recording,
    subject: Subject,
    metric: QueueMetric,
    windows: Option<Range<usize>>,
) -> Option<f64> {
    let queues = match subject {
        Subject::Broker(broker) => topology.brokers.brokers.get(broker as usize)?.queues.clone(),
        Subject::Queue(queue) => queue..queue + 1,
        _ => return None,
    };
    let records = recording.queues.get(queues.start as usize..queues.end as usize)?;
    let sum = |count: fn(&QueueRecord) -> u64| records.iter().map(count).sum::<u64>() as f64;
    match metric {
        QueueMetric::Lost => Some(sum(|queue| queue.lost) + unsent(topology, recording, subject) + untold(recording, subject)),
        QueueMetric::Phantoms => match subject {
            Subject::Broker(broker) => recording.brokers.get(broker as usize).map(|broker| broker.events_phantom as f64),
            _ => None,
        },
        QueueMetric::Duplicates => Some(sum(|queue| queue.duplicates)),
        QueueMetric::Dropped => Some(sum(|queue| queue.dropped)),
        QueueMetric::DeadLettered => Some(sum(|queue| queue.dead_lettered)),
        QueueMetric::Lag => most(records, windows?, |window| window.ready_max as f64),
        QueueMetric::Age => most(records, windows?, |window| window.oldest.as_secs_f64()),
        QueueMetric::Drains { after, .. } => drained(topology, recording, records, after),
    }
}

/// Writes whose message never came to the broker.
fn untold(recording: &Recording, subject: Subject) -> f64 {
    let Subject::Broker(broker) = subject else { return 0.0 };
    recording.brokers.get(broker as usize).map_or(0.0, |broker| broker.events_lost as f64)
}

/// Messages that were sent to a broker and forgotten, and did not get there.
fn unsent(topology: &Topology, recording: &Recording, subject: Subject) -> f64 {
    let Subject::Broker(broker) = subject else { return 0.0 };
    let service = topology.brokers.brokers[broker as usize].service;
    let forgotten = |edge: &crate::topology::Edge| {
        let callee = &topology.endpoints[edge.callee.index()];
        matches!(edge.caller, Caller::Endpoint(_))
            && callee.service == service
            && edge.sites.iter().any(|site| topology.brokers.forgotten.contains(site))
    };
    let edges = topology.edges.iter().zip(&recording.edges).filter(|(edge, _)| forgotten(edge));
    edges.map(|(_, record)| record.outcomes.iter().filter(|(outcome, _)| outcome.is_failure()).map(|(_, n)| *n).sum::<u64>()).sum::<u64>()
        as f64
}

/// The greatest of the queues' windows.
fn most(records: &[QueueRecord], range: Range<usize>, of: impl Fn(&QueueWindow) -> f64) -> Option<f64> {
    let windows =
        records.iter().flat_map(|record| record.windows.get(range.start.min(record.windows.len())..range.end.min(record.windows.len())));
    windows.flatten().map(of).reduce(f64::max)
}

/// Seconds from the end of the fault's last occurrence until no more messages waited than when it began.
fn drained(topology: &Topology, recording: &Recording, records: &[QueueRecord], after: FaultId) -> Option<f64> {
    let span = course::faults(topology, recording).rfind(|span| span.fault == after)?;
    let (ended, width) = (span.ended?, recording.window.0.max(1));
    let waiting = |window: usize| records.iter().map(|record| record.windows.get(window).map_or(0, |w| w.ready)).sum::<u64>();
    let before = (span.began.0 / width) as usize;
    let allowed = (before.saturating_sub(BASELINE)..before).map(waiting).max().unwrap_or(0);
    let last = records.iter().map(|record| record.windows.len()).max()?;
    let back = ((ended.0 / width) as usize..last).find(|window| waiting(*window) <= allowed)?;
    let at = Instant((back as u64 + 1) * width);
    Some(at.since(ended).as_secs_f64())
}

/// Windows before a fault that say how many messages wait without it.
const BASELINE: usize = 30;
