//! What comes too late to happen: a fault after the last request, an expectation of a time that nobody measures.

use super::{Finding, Weight};
use crate::base::time::Nanos;
use crate::model::name::quoted;
use crate::topology::Topology;
use crate::topology::expectation::During;

pub fn find(topology: &Topology) -> Vec<Finding> {
    let duration = topology.duration;
    let finding = |message: String, path: String, help: &str| Finding {
        weight: Weight::Warning,
        code: "too-late",
        message: format!("{message}, and no request is offered after {duration}"),
        path,
        help: help.into(),
    };
    let faults = topology.faults.iter().filter(|fault| fault.at >= duration).map(|fault| {
        let message = format!("`{}` begins at {}", fault.name, fault.at);
        finding(message, format!("faults.{}.at", quoted(&fault.name)), "let it begin earlier, or make `duration` longer")
    });
    let late = |range: During| match range {
        During::Span { from, until } if until > duration => Some((from, until)),
        _ => None,
    };
    let expectations = topology.expectations.iter().filter_map(|expectation| {
        let (from, until): (Nanos, Nanos) = late(expectation.range)?;
        let message = format!("`{}` asks about {from}..{until}", expectation.name);
        let path = format!("expect.{}", quoted(&expectation.name));
        Some(finding(message, path, "ask about an earlier time, or make `duration` longer"))
    });
    faults.chain(expectations).collect()
}
