//! Fault injection (istio `validateHTTPFaultInjection`).

use super::target::{of_none, percentage, whole_percent};
use crate::base::grpc;
use crate::import::cursor::At;
use crate::import::notes::Notes;
use crate::model::mesh::{Abort, AbortAnswer, Delay, FaultInjection, Written};

const SMALLEST: f64 = 0.0001;

pub(in crate::import) fn read(notes: &mut Notes, at: Option<At>) -> FaultInjection {
    let Some(at) = at else { return FaultInjection::default() };
    let mut fields = at.fields(notes);
    let delay_at = fields.get(notes, "delay");
    let abort_at = fields.get(notes, "abort");
    fields.finish(notes);
    if delay_at.is_none() && abort_at.is_none() {
        notes.error("empty-block", &at, "`fault` has neither `delay` nor `abort`", "give it one, or remove it");
    }
    FaultInjection { delay: delay_at.and_then(|at| delay(notes, &at)), abort: abort_at.and_then(|at| abort(notes, &at)) }
}

fn delay(notes: &mut Notes, at: &At) -> Option<Delay> {
    let mut fields = at.fields(notes);
    let fixed = fields.get(notes, "fixedDelay").and_then(|at| at.duration(notes));
    let exact = fields.get(notes, "percentage");
    let old = fields.get(notes, "percent");
    if let Some(at) = fields.get(notes, "exponentialDelay") {
        notes.error("bad-fault", &at, "`exponentialDelay` is not implemented by Istio", "use `fixedDelay`");
    }
    fields.finish(notes);
    let share = match (exact, old) {
        (Some(at), _) => percentage(notes, &at, SMALLEST),
        (None, Some(at)) => {
            notes.warning("deprecated-field", &at, "`percent` is deprecated", "write `percentage: {value: …}`");
            whole_percent(notes, &at)
        }
        (None, None) => nobody(notes, at, "delayed"),
    };
    fixed.map(|fixed| Delay { fixed, share })
}

fn abort(notes: &mut Notes, at: &At) -> Option<Abort> {
    let mut fields = at.fields(notes);
    let status = fields.get(notes, "httpStatus");
    let grpc = fields.get(notes, "grpcStatus");
    let http2 = fields.get(notes, "http2Error");
    let exact = fields.get(notes, "percentage");
    if let Some(old) = fields.get(notes, "percent") {
        let help = "write `percentage: {value: …}`: without it nothing is aborted";
        notes.warning("unknown-field", &old, "`percent` of an abort is no field any more: it is dropped", help);
    }
    fields.finish(notes);
    if let Some(at) = &http2 {
        notes.error("bad-fault", at, "`http2Error` is not implemented by Istio", "use `httpStatus` or `grpcStatus`");
    }
    if let (Some(_), Some(second)) = (&status, &grpc) {
        notes.error("route-conflict", second, "`httpStatus` and `grpcStatus` exclude each other", "remove one of them");
    }
    let share = match exact {
        Some(at) => percentage(notes, &at, SMALLEST),
        None => nobody(notes, at, "aborted"),
    };
    let answer = match (status, grpc) {
        (Some(at), _) => http_status(notes, &at).map(|status| at.written(AbortAnswer::Http(status))),
        (None, Some(at)) => grpc_status(notes, &at),
        (None, None) if http2.is_some() => None,
        (None, None) => {
            notes.warning("empty-block", at, "`abort` has neither `httpStatus` nor `grpcStatus`: nothing is aborted", "give it one");
            None
        }
    };
    answer.map(|answer| Abort { answer, share })
}

/// The trap of both: a share that is not written is none at all.
fn nobody(notes: &mut Notes, at: &At, what: &str) -> Written<crate::model::mesh::Percentage> {
    let message = format!("{} has no `percentage`: no request is {what}", at.name());
    notes.warning("no-percentage", at, message, "write `percentage: {value: 100}` for every request");
    of_none()
}

/// The statuses that a proxy may answer with (istio `validateHTTPStatus`).
pub(in crate::import) fn http_status(notes: &mut Notes, at: &At) -> Option<u16> {
    let status = at.int(notes)?;
    if !(200..=600).contains(&status) {
        notes.error("bad-status", at, format!("{status} is no HTTP status that can be answered"), "statuses are from 200 to 599");
        return None;
    }
    Some(status as u16)
}

fn grpc_status(notes: &mut Notes, at: &At) -> Option<Written<AbortAnswer>> {
    let name = at.text(notes)?;
    let code = grpc::code(name);
    if code.is_none() {
        let near = crate::base::diagnostic::nearest(name, grpc::CODES);
        let help = near.map_or("write a code of gRPC, such as `UNAVAILABLE`".to_owned(), |near| format!("did you mean `{near}`?"));
        notes.error("bad-status", at, format!("`{name}` is no status of gRPC"), help);
    }
    code.map(|code| at.written(AbortAnswer::Grpc(code)))
}
