//! Outlier detection (istio `validateOutlierDetection`).

use crate::import::cursor::{At, Fields, MOST};
use crate::import::notes::Notes;
use crate::model::mesh::{OutlierDetection, Written};

pub(in crate::import) fn read(notes: &mut Notes, at: &At) -> OutlierDetection {
    let mut fields = at.fields(notes);
    // As a field of `http` it was there in 2018 only.
    if let Some(nested) = fields.get(notes, "http") {
        let help = "write its fields straight under `outlierDetection`: now only the defaults hold";
        notes.warning("unknown-field", &nested, "`outlierDetection` has no field `http` any more: all of it is dropped", help);
    }
    if let Some(old) = fields.get(notes, "consecutiveErrors").filter(|at| at.int(notes) != Some(0)) {
        let message = "`consecutiveErrors` is ignored since Istio 1.7: five consecutive 5xx eject, the default";
        notes.warning("deprecated-field", &old, message, "write `consecutive5xxErrors` or `consecutiveGatewayErrors`");
    }
    let split = fields.bool(notes, "splitExternalLocalOriginErrors").unwrap_or(false);
    let local = wrapped(notes, &mut fields, "consecutiveLocalOriginFailures");
    if !split
        && let Some(at) = fields.get(notes, "consecutiveLocalOriginFailures")
        && local.as_ref().is_some_and(|written| written.value > 0)
    {
        let message = "failures of local origin are not counted by themselves without `splitExternalLocalOriginErrors`";
        notes.error("bad-outlier", &at, message, "write `splitExternalLocalOriginErrors: true`, or remove this");
    }
    let read = OutlierDetection {
        origin: at.origin(),
        consecutive_5xx: wrapped(notes, &mut fields, "consecutive5xxErrors"),
        consecutive_gateway: wrapped(notes, &mut fields, "consecutiveGatewayErrors"),
        split_local_origin: split,
        consecutive_local_origin: local,
        interval: fields.get(notes, "interval").and_then(|at| at.duration(notes)),
        base_ejection_time: fields.get(notes, "baseEjectionTime").and_then(|at| at.duration(notes)),
        max_ejection_percent: percent(notes, &mut fields, "maxEjectionPercent"),
        min_health_percent: percent(notes, &mut fields, "minHealthPercent"),
        http_error_codes: codes(notes, &mut fields),
    };
    fields.finish(notes);
    read
}

/// A wrapper type: an explicit 0 differs from nothing.
fn wrapped(notes: &mut Notes, fields: &mut Fields, name: &'static str) -> Option<Written<u32>> {
    let at = fields.get(notes, name)?;
    at.int_in(notes, 0, MOST).map(|count| at.written(count as u32))
}

/// 0 is nothing.
fn percent(notes: &mut Notes, fields: &mut Fields, name: &'static str) -> Option<Written<u32>> {
    let at = fields.get(notes, name)?;
    let number = at.int(notes)?;
    if !(0..=100).contains(&number) {
        notes.error("bad-percentage", &at, format!("{} is from 0 to 100, not {number}", at.name()), "write a number from 0 to 100");
    }
    Some(at.written(number.clamp(0, 100) as u32)).filter(|written| written.value > 0)
}

fn codes(notes: &mut Notes, fields: &mut Fields) -> Vec<u16> {
    let list = fields.list(notes, "outlierDetectionHttpErrorCodes");
    list.iter().filter_map(|at| at.int_in(notes, 100, 599).map(|code| code as u16)).collect()
}
