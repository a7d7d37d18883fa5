//! Destinations and percentages, which routes, mirrors and faults share.

use super::matches::check_port;
use crate::import::cursor::At;
use crate::import::names::{domain_problem, is_dns_label, qualified};
use crate::import::notes::Notes;
use crate::model::mesh::{Destination, Host, Percentage, Written};
use crate::model::tree::Origin;

/// `destination: {host, subset, port: {number}}` (istio `validateDestination`).
pub(in crate::import) fn destination(notes: &mut Notes, at: &At, namespace: &str) -> Destination {
    let mut fields = at.fields(notes);
    let host = fields.get(notes, "host");
    let subset = fields.text(notes, "subset").filter(|name| !name.value.is_empty());
    let port = fields.get(notes, "port");
    let wanted = host.as_ref().and_then(|at| at.text(notes));
    let problem = match wanted {
        None if host.is_some() => None,
        Some("*") => Some("a destination is one host, not `*`".to_owned()),
        text => domain_problem(text.unwrap_or("")),
    };
    if let Some(problem) = problem {
        let at = host.as_ref().unwrap_or(at);
        notes.error("bad-host", at, problem, "name a service: `orders`, or `orders.NAMESPACE.svc.cluster.local`");
    }
    if let Some(name) = subset.as_ref().filter(|name| !is_dns_label(&name.value)) {
        let message = format!("`{}` is no name of a subset", name.value);
        notes.error("bad-subset", at, message, "letters, digits and `-`");
    }
    let port = port.and_then(|at| selector(notes, &at));
    fields.finish(notes);
    let host = Written::new(qualified(wanted.unwrap_or(""), namespace), host.as_ref().unwrap_or(at).origin());
    Destination { host, subset, port }
}

/// `port: {number: 80}`.
pub(in crate::import) fn selector(notes: &mut Notes, at: &At) -> Option<Written<u32>> {
    let mut fields = at.fields(notes);
    let number = fields.get(notes, "number");
    let value = number.as_ref().map_or(Some(0), |at| at.count(notes));
    let at = number.as_ref().unwrap_or(at);
    if let Some(value) = value {
        check_port(notes, at, value);
    }
    fields.finish(notes);
    value.map(|value| at.written(value))
}

/// Where a destination is missing; never part of what is valid.
pub(in crate::import) fn nowhere() -> Destination {
    Destination { host: Written::default(Host(String::new())), subset: None, port: None }
}

/// `percentage: {value: 12.5}`, cut off to millionths as Istio does, not rounded.
pub(in crate::import) fn percentage(notes: &mut Notes, at: &At, smallest: f64) -> Written<Percentage> {
    let mut fields = at.fields(notes);
    let value = fields.get(notes, "value");
    fields.finish(notes);
    let Some(inner) = value else { return at.written(Percentage::NONE) };
    let percent = inner.float(notes).unwrap_or(0.0);
    if !(0.0..=100.0).contains(&percent) || percent > 0.0 && percent < smallest {
        let message = format!("a percentage is from 0 to 100, not {percent}");
        let help = if smallest > 0.0 { "write 0, or a number from 0.0001 to 100" } else { "write a number from 0 to 100" };
        notes.error("bad-percentage", &inner, message, help);
    }
    let numerator = (percent.clamp(0.0, 100.0) * 10_000.0) as u32;
    inner.written(Percentage { numerator, denominator: 1_000_000 })
}

/// The old integers: `percent: 50`.
pub(in crate::import) fn whole_percent(notes: &mut Notes, at: &At) -> Written<Percentage> {
    let percent = at.int(notes).unwrap_or(0);
    if !(0..=100).contains(&percent) {
        notes.error("bad-percentage", at, format!("a percentage is from 0 to 100, not {percent}"), "write a number from 0 to 100");
    }
    at.written(Percentage { numerator: percent.clamp(0, 100) as u32, denominator: 100 })
}

pub(in crate::import) fn of_none() -> Written<Percentage> {
    Written::new(Percentage::NONE, Origin::Default)
}
