//! The summary of one run: the figures of `summary.json`, named and defined as the reference of outputs says.
//!
//! Seconds and shares are `f64`; whatever has no value (a rate over nothing, a quantile of nothing) is `null`, never NaN.
//! *Cohort* figures are over requests offered in `[warmUp, duration)`, followed to their end; *clock* figures (rate,
//! goodput, utilization, queueLength, inFlight) are integrals over that interval.

pub mod measure;
pub mod named;

pub use measure::summarize;
pub use named::Named;

use crate::analysis::cascade::Cascade;
use crate::analysis::expectations::Verdict;
use serde::{Deserialize, Serialize};

/// What one run came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    pub name: String,
    /// `null`: the model as written.
    pub variant: Option<String>,
    pub seed: u64,
    pub duration: f64,
    pub warm_up: f64,
    pub events: u64,
    /// Sixteen hexadecimal digits, as text: JSON numbers lose bits beyond 2^53.
    pub fingerprint: String,
    /// Present only if the run was stopped from outside: figures are of what was finished.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub interrupted: bool,
    pub clients: Named<ClientSummary>,
    pub services: Named<ServiceSummary>,
    pub calls: Named<CallSummary>,
    /// Queues of brokers, as `broker.queue`; not there without.
    #[serde(default, skip_serializing_if = "Named::is_empty")]
    pub brokers: Named<QueueSummary>,
    pub faults: Named<FaultSummary>,
    pub cascade: Cascade,
    pub expectations: Named<Verdict>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientSummary {
    pub offered: u64,
    pub completed: u64,
    pub ok: u64,
    pub degraded: u64,
    pub failed: u64,
    pub unfinished: u64,
    /// Clock: answers per second.
    pub rate: Option<f64>,
    /// Clock: ok and degraded answers per second.
    pub goodput: Option<f64>,
    /// (ok + degraded) ÷ offered.
    pub success_rate: Option<f64>,
    pub latency: Latency,
    pub latency_ok: Latency,
    /// By status and Envoy flag, as in an access log.
    pub outcomes: Named<u64>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceSummary {
    pub requests: u64,
    pub ok: u64,
    pub failed: u64,
    pub rejected: u64,
    pub abandoned: u64,
    /// Clock: answers per second.
    pub rate: Option<f64>,
    pub latency: Latency,
    pub wait: Wait,
    /// Worker-seconds held ÷ alive; `null` if workers are unlimited.
    pub utilization: Option<f64>,
    pub queue_length: Level,
    pub in_flight: Level,
    pub restarts: u64,
    pub replicas: Extent,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CallSummary {
    pub calls: u64,
    pub attempts: u64,
    pub retries: Retries,
    pub hedges: u64,
    /// Tries that were never sent: breaker open, bulkhead full, rate limited.
    pub short_circuited: u64,
    /// attempts ÷ calls
    pub amplification: Option<f64>,
    /// Start to final outcome, retries and waits included.
    pub latency: Latency,
    pub outcomes: Named<u64>,
    /// Present only where something in the model has a size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<Bytes>,
    pub breaker_opened: u64,
    pub ejections: u64,
    pub fallbacks: u64,
}

/// A queue, or a broker: then of all its queues. Counts are of the whole run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueSummary {
    /// Messages taken, other queues' dead letters included; of a broker: what publishers brought.
    pub published: u64,
    pub refused: u64,
    pub delivered: u64,
    pub redelivered: u64,
    pub acked: u64,
    /// Given up to another queue / to none, for whatever reason.
    pub dead_lettered: u64,
    pub dropped: u64,
    /// Of both: too old.
    pub expired: u64,
    /// Put into another queue by a consumer that could not handle them.
    pub moved: u64,
    /// Gone with a broker that did not keep them, or with a consumer for which they were acknowledged when they were sent.
    pub lost: u64,
    /// Handled by a consumer without the broker's learning of it, so that they come again; of an idempotent consumer what was handled twice
    /// all the same.
    pub duplicates: u64,
    /// Waiting in the queue, over the clock.
    pub lag: Level,
    /// In consumers' hands, over the clock.
    pub unacked: Option<f64>,
    /// Of the oldest message that waits, since it was published: the greatest of the run.
    pub age: Age,
    /// Waiting and in consumers' hands when the run ended.
    pub left: u64,
    /// Published to acknowledged.
    pub latency: Latency,
    /// Of a broker: messages that no queue wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unroutable: Option<u64>,
    /// Of a broker: replies that nobody waited for any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unclaimed_replies: Option<u64>,
    /// Of a broker whose messages announce writes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<Events>,
}

/// Writes and the messages that announce them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Events {
    pub written: u64,
    /// Written, and no message came to the broker.
    pub lost: u64,
    /// A message came, and nothing was written.
    pub phantom: u64,
}

/// Seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Age {
    pub max: f64,
}

/// Clock: bytes on the wire, with headers, framing, setting up of connections and retransmissions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bytes {
    /// Towards the callee.
    pub request: u64,
    /// Back to the caller.
    pub response: u64,
    /// Both ways, ÷ calls.
    pub per_call: Option<f64>,
}

/// Who sent an attempt again: the application's library or its sidecar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retries {
    pub app: u64,
    pub mesh: u64,
}

/// Of the last occurrence of a fault that repeats. All `null` if it never began within the run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FaultSummary {
    pub began: Option<f64>,
    pub ended: Option<f64>,
    /// Seconds from `ended` until all clients together were back at 95 % of their baseline for 10 windows.
    pub recovered: Option<f64>,
}

/// Seconds. Mean and max are exact, quantiles nearest rank with a relative error of at most 1/128.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    pub mean: Option<f64>,
    pub p50: Option<f64>,
    pub p90: Option<f64>,
    pub p95: Option<f64>,
    pub p99: Option<f64>,
    pub p999: Option<f64>,
    pub max: Option<f64>,
}

/// Seconds in the queue, of requests that got a worker; `share`: those that waited at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Wait {
    pub mean: Option<f64>,
    pub p50: Option<f64>,
    pub p95: Option<f64>,
    pub p99: Option<f64>,
    pub share: Option<f64>,
}

/// Something that goes up and down, over the clock and summed over replicas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Level {
    pub mean: Option<f64>,
    pub max: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extent {
    pub min: u32,
    pub max: u32,
}
