//! `timeline.csv`: what a person would tell of a run, in order of time: at, kind, who, what.
//!
//! Faults beginning and ending, replicas going and coming, breakers changing with whose they are, the steps of the cascade,
//! messages that piled up, and the recovery.

use super::csv::Rows;
use crate::analysis::summary::Summary;
use crate::analysis::{names, words};
use crate::observe::recording::{Happening, Pushed, Recording};
use crate::policy::app::circuit_breaker::Mode;
use crate::topology::Topology;
use std::io;

/// A row of the timeline.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Seconds.
    pub at: f64,
    pub kind: &'static str,
    pub who: String,
    pub what: String,
}

pub fn write(topology: &Topology, recording: &Recording, summary: &Summary, to: impl io::Write) -> io::Result<()> {
    let mut rows = Rows::new(to, &["at", "kind", "who", "what"])?;
    for event in events(topology, recording, summary) {
        rows.row([event.at.to_string().as_str(), event.kind, &event.who, &event.what])?;
    }
    rows.end()
}

/// All events in order of time; of one instant, marks come before what followed from them.
pub fn events(topology: &Topology, recording: &Recording, summary: &Summary) -> Vec<Event> {
    let mut events: Vec<Event> = recording.timeline.iter().map(|mark| marked(topology, mark.at.as_secs_f64(), mark.what)).collect();
    // The fault itself is marked where it begins.
    let steps = summary.cascade.steps.iter().filter(|step| summary.faults.get(&step.who).is_none());
    events.extend(steps.map(|step| {
        let what = with_cause(&step.what, step.because.as_deref());
        Event { at: step.at, kind: "cascade", who: step.who.clone(), what }
    }));
    events.extend(summary.cascade.backlogs.iter().map(|backlog| {
        let what = with_cause(&backlog.what, backlog.because.as_deref());
        Event { at: backlog.at, kind: "backlog", who: backlog.queue.clone(), what }
    }));
    for (name, fault) in summary.faults.iter() {
        if let (Some(ended), Some(recovered)) = (fault.ended, fault.recovered) {
            let what = format!("goodput is at its baseline, {} after the end", words::span(recovered));
            events.push(Event { at: ended + recovered, kind: "recovery", who: name.to_string(), what });
        }
    }
    events.sort_by(|a, b| a.at.total_cmp(&b.at));
    events
}

fn with_cause(what: &str, because: Option<&str>) -> String {
    because.map_or_else(|| what.to_string(), |because| format!("{what}, because {because}"))
}

fn marked(topology: &Topology, at: f64, what: Happening) -> Event {
    let (kind, who, what) = match what {
        Happening::FaultBegan(fault) => {
            let fault = &topology.faults[fault.index()];
            ("fault", fault.name.clone(), format!("began: {}", fault.summary))
        }
        Happening::FaultEnded(fault) => ("fault", topology.faults[fault.index()].name.clone(), "ended".to_string()),
        Happening::ReplicaDown(replica) => ("replica", names::replica(topology, replica), "down".to_string()),
        Happening::ReplicaUp(replica) => ("replica", names::replica(topology, replica), "up".to_string()),
        Happening::Breaker { edge, caller, from, to } => {
            let callee = names::callee_of(topology, edge);
            ("breaker", names::caller(topology, caller), format!("to {callee}: {} -> {}", mode(from), mode(to)))
        }
        Happening::Ejection { edge, caller, replica, ejected } => {
            let what = if ejected { "ejects" } else { "takes back" };
            let callee = names::callee_of(topology, edge);
            ("ejection", names::caller(topology, caller), format!("{what} {} for calls to {callee}", names::replica(topology, replica)))
        }
        Happening::Pushed { what, last } => {
            let who = if last { "the last proxy" } else { "the first proxy" };
            match what {
                Pushed::Endpoint { replica, listed } => {
                    let does = if listed { "lists it again" } else { "no longer lists it" };
                    ("endpoint", names::replica(topology, replica), format!("{who} {does}"))
                }
                Pushed::Config { fault, ended } => {
                    let does = if ended { "is back to the configuration before" } else { "goes by the new configuration" };
                    ("config", topology.faults[fault.index()].name.clone(), format!("{who} {does}"))
                }
            }
        }
        Happening::CacheFlushed(cache) => ("cache", topology.caches[cache.index()].name.clone(), "flushed".to_string()),
    };
    Event { at, kind, who, what }
}

fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Closed => "closed",
        Mode::Open => "open",
        Mode::HalfOpen => "half-open",
    }
}
