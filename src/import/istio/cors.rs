//! Cross-origin policies: checked as Istio does (`validateCORSPolicy`), and not simulated.

use super::matches::check_regex;
use crate::import::cursor::At;
use crate::import::names::is_header;
use crate::import::notes::Notes;
use crate::model::tree::Origin;

const METHODS: [&str; 10] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE", "*"];

pub(in crate::import) fn read(notes: &mut Notes, at: Option<At>) -> Option<Origin> {
    let at = at?;
    let mut fields = at.fields(notes);
    for origin in fields.list(notes, "allowOrigins") {
        allowed_origin(notes, &origin);
    }
    for method in fields.list(notes, "allowMethods") {
        if let Some(name) = method.text(notes).filter(|name| !METHODS.contains(name)) {
            notes.error("bad-cors", &method, format!("`{name}` is no method of HTTP"), "write it in capitals, as in `GET`");
        }
    }
    for name in fields.list(notes, "allowHeaders").into_iter().chain(fields.list(notes, "exposeHeaders")) {
        if let Some(text) = name.text(notes).filter(|text| *text != "*" && !is_header(text)) {
            notes.error("bad-header", &name, format!("`{text}` is no name of a header"), "letters, digits and `-`");
        }
    }
    if let Some(age) = fields.get(notes, "maxAge")
        && let Some(written) = age.duration(notes)
        && written.value.0 % 1_000_000_000 != 0
    {
        notes.error("bad-duration", &age, "`maxAge` has to be a whole number of seconds", "round it");
    }
    fields.ignores(&["allowCredentials", "allowOrigin", "unmatchedPreflights"]);
    fields.finish(notes);
    notes.not_simulated("`corsPolicy`", &at.origin(), &at.path, "no request is a preflight");
    Some(at.origin())
}

fn allowed_origin(notes: &mut Notes, at: &At) {
    let mut fields = at.fields(notes);
    let exact = fields.word(notes, "exact");
    let prefix = fields.word(notes, "prefix");
    let regex = fields.get(notes, "regex");
    let text = regex.as_ref().and_then(|at| at.text(notes)).filter(|text| !text.is_empty());
    fields.finish(notes);
    match (exact.or(prefix), text) {
        (None, None) => notes.error("bad-cors", at, "an allowed origin matches nothing", "give it `exact`, `prefix` or `regex`"),
        (_, Some(text)) => check_regex(notes, regex.as_ref().unwrap_or(at), text),
        _ => {}
    }
}
