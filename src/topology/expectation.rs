//! Expectations with names resolved: what is measured, over which requests or span, and against what.

use crate::base::id::*;
use crate::base::time::Nanos;

#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    pub name: String,
    /// As written.
    pub text: String,
    pub metric: Metric,
    pub subject: Subject,
    pub range: During,
    pub op: Op,
    /// In the metric's unit: shares in 0..=1, seconds, requests per second, counts.
    pub value: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Metric {
    SuccessRate,
    ErrorRate,
    /// A latency quantile in `0..=1`.
    Quantile(f64),
    Mean,
    Max,
    /// Requests completed per second.
    Rate,
    /// Useful answers per second.
    Goodput,
    Utilization,
    /// Mean queue length.
    QueueLength,
    /// Attempts per call.
    Amplification,
    /// Share of offered requests that were answered by a fallback.
    Degraded,
    BlastRadius,
    /// Restarts of a service's replicas.
    Restarts,
    /// Within so long after the end of the fault; holds as 1 or 0.
    Recovers {
        within: Nanos,
        after: FaultId,
    },
    /// Of a broker or a queue.
    OfQueues(QueueMetric),
}

/// What is measured of a broker or one of its queues.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum QueueMetric {
    /// Messages of a broker or queue that vanished: of a broker, those that its publishers could not bring there and were not told of, too.
    Lost,
    Duplicates,
    /// Messages that announce a write that never was.
    Phantoms,
    DeadLettered,
    /// Given up, and no other queue took them.
    Dropped,
    /// Messages that wait, at most.
    Lag,
    /// Of the oldest that waits, at most.
    Age,
    /// As few wait as when the fault began, within so long after its end; holds as 1 or 0.
    Drains {
        within: Nanos,
        after: FaultId,
    },
}

/// Whose metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    Client(ClientId),
    Service(ServiceId),
    Edge(EdgeId),
    /// Of [`Brokers::brokers`](super::broker::Brokers).
    Broker(u32),
    /// Of [`Brokers::queues`](super::broker::Brokers).
    Queue(u32),
    /// The whole run (`blastRadius`).
    Run,
}

/// Which requests count, by the time they were offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum During {
    /// `[warmUp, duration)`
    Measured,
    /// Literally, warm-up included.
    Span { from: Nanos, until: Nanos },
    /// From the end of the fault's last occurrence on.
    After(FaultId),
    /// While the fault lasts.
    While(FaultId),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
}

impl Op {
    pub fn holds(self, observed: f64, value: f64) -> bool {
        match self {
            Op::Less => observed < value,
            Op::LessOrEqual => observed <= value,
            Op::Greater => observed > value,
            Op::GreaterOrEqual => observed >= value,
            Op::Equal => observed == value,
            Op::NotEqual => observed != value,
        }
    }
}
