//! Requests attempt by attempt, with names and in seconds: what `--trace` asks for.

use super::names;
use super::summary::Summary;
use crate::base::time::Instant;
use crate::observe::recording::{Happening, Mark, Recording};
use crate::observe::span::{SpanKind, Trace};
use crate::topology::Topology;
use serde::{Deserialize, Serialize};

/// One request of a client.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RequestTrace {
    pub client: String,
    /// The how-manieth of its client's requests, from 0.
    pub number: u64,
    pub offered: f64,
    /// Both `null`: still in flight when the run ended.
    pub ended: Option<f64>,
    pub outcome: Option<String>,
    /// In the order in which they began.
    pub attempts: Vec<AttemptTrace>,
}

/// One try of one call below the request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AttemptTrace {
    /// `orders.place -> inventory.reserve`
    pub call: String,
    /// The replica; `null`: refused before it was sent.
    pub host: Option<String>,
    pub sent: f64,
    pub ended: Option<f64>,
    /// Status and flags; `499 DC`: nobody waited for it any more.
    pub outcome: Option<String>,
}

/// A summary with the requests that were followed.
#[derive(Clone, Debug, Serialize)]
pub struct Traced<'a> {
    #[serde(flatten)]
    pub summary: &'a Summary,
    pub traces: &'a [RequestTrace],
    pub ejections: &'a [EjectionTrace],
}

/// A host that the proxy of a caller ejected, or took back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EjectionTrace {
    pub at: f64,
    pub caller: String,
    pub host: String,
    pub ejected: bool,
}

/// All ejections of the run, in order of time.
pub fn ejections(topology: &Topology, recording: &Recording) -> Vec<EjectionTrace> {
    let ejection = |mark: &Mark| match mark.what {
        Happening::Ejection { caller, replica, ejected, .. } => {
            let (caller, host) = (names::caller(topology, caller), names::replica(topology, replica));
            Some(EjectionTrace { at: mark.at.as_secs_f64(), caller, host, ejected })
        }
        _ => None,
    };
    recording.timeline.iter().filter_map(ejection).collect()
}

/// All that was followed.
pub fn traces(topology: &Topology, recording: &Recording) -> Vec<RequestTrace> {
    recording.sampled.iter().map(|traced| request(topology, traced)).collect()
}

fn request(topology: &Topology, traced: &Trace) -> RequestTrace {
    let seconds = |at: Instant| at.as_secs_f64();
    let attempts = traced.spans.iter().filter_map(|span| {
        let SpanKind::Attempt { edge, replica, .. } = span.what else { return None };
        Some(AttemptTrace {
            call: topology.edges[edge.index()].name.clone(),
            host: replica.map(|replica| names::replica(topology, replica)),
            sent: seconds(span.began),
            ended: span.ended.map(|(at, _)| seconds(at)),
            outcome: span.ended.map(|(_, outcome)| outcome.to_string()),
        })
    });
    RequestTrace {
        client: topology.clients[traced.client.index()].name.clone(),
        number: traced.number,
        offered: seconds(traced.offered),
        ended: traced.ended.map(|(at, _)| seconds(at)),
        outcome: traced.ended.map(|(_, outcome)| outcome.to_string()),
        attempts: attempts.collect(),
    }
}
