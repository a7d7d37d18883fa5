//! Changes of headers on a route or a destination (istio `ValidateHTTPHeader…`).

use crate::import::cursor::At;
use crate::import::notes::Notes;
use crate::model::mesh::{HeaderChange, HeaderOps, Labels};

/// `headers: {request: {set, add, remove}, response: {…}}`.
pub(in crate::import) fn read(notes: &mut Notes, at: Option<At>) -> HeaderOps {
    let Some(at) = at else { return HeaderOps::default() };
    let mut fields = at.fields(notes);
    let request = fields.get(notes, "request");
    let response = fields.get(notes, "response");
    fields.finish(notes);
    HeaderOps { request: change(notes, request, true), response: change(notes, response, false) }
}

fn change(notes: &mut Notes, at: Option<At>, of_request: bool) -> HeaderChange {
    let Some(at) = at else { return HeaderChange::default() };
    let mut fields = at.fields(notes);
    let set = fields.get(notes, "set");
    let add = fields.get(notes, "add");
    let remove = fields.list(notes, "remove");
    fields.finish(notes);
    let mut removed = Vec::new();
    for at in remove {
        let Some(name) = at.text(notes) else { continue };
        check_name(notes, &at, name, false);
        removed.push(name.to_ascii_lowercase());
    }
    HeaderChange { set: values(notes, set, of_request), add: values(notes, add, of_request), remove: removed }
}

fn values(notes: &mut Notes, at: Option<At>, of_request: bool) -> Labels {
    let Some(at) = at else { return Labels::new() };
    let mut values = Labels::new();
    for (name, value) in at.entries(notes) {
        check_name(notes, &value, name, of_request);
        let Some(text) = value.text(notes) else { continue };
        check_value(notes, &value, text);
        values.insert(name.to_ascii_lowercase(), text.to_owned());
    }
    values
}

/// The authority may be set on the way there, and is no header otherwise.
fn check_name(notes: &mut Notes, at: &At, name: &str, may_be_authority: bool) {
    let authority = is_authority(name);
    if name.is_empty() {
        notes.error("bad-header", at, "the name of a header cannot be empty", "name it, or remove the entry");
    } else if authority && !may_be_authority {
        notes.error("bad-header", at, format!("`{name}` cannot be changed here"), "only `request.set` and `request.add` change the host");
    } else if name.starts_with(':') && !authority {
        notes.error("bad-header", at, format!("`{name}` is no header that a route can change"), "only `:authority` may begin with `:`");
    }
}

pub(super) fn is_authority(name: &str) -> bool {
    name.eq_ignore_ascii_case(":authority") || name.eq_ignore_ascii_case("host")
}

fn check_value(notes: &mut Notes, at: &At, value: &str) {
    if value.chars().any(|c| c.is_ascii_control() && c != '\t') {
        notes.error("bad-header", at, "the value of a header has a control character", "remove it");
    }
    if !is_format(value) {
        let message = format!("`{value}` has a `%` that begins no variable of Envoy");
        notes.error("bad-header", at, message, "write `%%` for a per cent sign, `%NAME%` for a variable");
    }
}

/// `%%` is a per cent sign, `%NAME%` and `%NAME(…)%` are variables; no other `%` may be there.
fn is_format(value: &str) -> bool {
    let mut rest = value;
    while let Some(percent) = rest.find('%') {
        rest = &rest[percent + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            rest = after;
            continue;
        }
        let name = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let mut end = name;
        if rest[end..].starts_with('(') {
            match rest[end..].find(')') {
                Some(close) => end += close + 1,
                None => return false,
            }
        }
        // `%NAME(…):LENGTH%`
        if let Some(length) = rest[end..].strip_prefix(':') {
            end += 1 + length.find(|c: char| !c.is_ascii_digit()).unwrap_or(length.len());
        }
        match rest[end..].strip_prefix('%') {
            Some(after) if name > 0 => rest = after,
            _ => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::is_format;

    #[test]
    fn a_percent_sign_begins_a_variable_or_is_doubled() {
        for good in ["foo", "%HOSTNAME%", "100%%", "a %HOSTNAME% b", "%REQ(x-a)%", "%START_TIME(%s)%", "100%% and more"] {
            assert!(is_format(good), "{good}");
        }
        for bad in ["abc%123", "abcd%oijasodifj", "%START_TIME%%", "%", "%REQ(a"] {
            assert!(!is_format(bad), "{bad}");
        }
    }
}
