//! What a rule matches (istio `validateHTTPRouteMatchRequest`).

use super::virtual_service::gateways;
use crate::import::cursor::At;
use crate::import::names::{PSEUDO_HEADERS, check_labels, is_dns_label, is_header};
use crate::import::notes::Notes;
use crate::model::mesh::{HttpMatch, StringMatch, Written};
use regex::Regex;

/// What Istio refuses beyond this; Envoy's own limit is on the compiled program.
const LONGEST_REGEX: usize = 1024;

/// One entry of `match`; null stands for an entry that matches everything.
pub(in crate::import) fn read(notes: &mut Notes, at: &At, namespace: &str) -> HttpMatch {
    if at.is_null() {
        return HttpMatch::default();
    }
    let mut fields = at.fields(notes);
    let uri = fields.get(notes, "uri");
    let scheme = fields.get(notes, "scheme");
    let method = fields.get(notes, "method");
    let authority = fields.get(notes, "authority");
    let headers = fields.get(notes, "headers");
    let without = fields.get(notes, "withoutHeaders");
    let query = fields.get(notes, "queryParams");
    let labels = fields.get(notes, "sourceLabels");
    let source = fields.text(notes, "sourceNamespace");
    let gateway_list = fields.get(notes, "gateways");
    let port_at = fields.get(notes, "port");
    let read = HttpMatch {
        name: fields.word(notes, "name").unwrap_or_default(),
        uri: uri.map(|at| one(notes, &at, Empty::Allowed)),
        ignore_uri_case: fields.bool(notes, "ignoreUriCase").unwrap_or(false),
        scheme: scheme.map(|at| one(notes, &at, Empty::Refused).value),
        method: method.map(|at| one(notes, &at, Empty::Refused)),
        authority: authority.map(|at| one(notes, &at, Empty::Refused).value),
        headers: headers.map_or_else(Vec::new, |at| named(notes, &at, Named::Header)),
        without_headers: without.map_or_else(Vec::new, |at| named(notes, &at, Named::WithoutHeader)),
        query: query.map_or_else(Vec::new, |at| named(notes, &at, Named::Query)),
        port: port(notes, port_at),
        source_labels: labels.as_ref().map_or_else(Default::default, |at| at.labels(notes)),
        source_namespace: source.as_ref().map(|text| text.value.clone()).filter(|text| !text.is_empty()),
        gateways: gateway_list.map_or_else(Vec::new, |at| gateways(notes, &at, namespace).into_iter().map(|w| w.value).collect()),
    };
    if let Some(at) = &labels {
        check_labels(notes, at, &read.source_labels);
    }
    if let Some(source) = read.source_namespace.as_ref().filter(|name| !is_dns_label(name)) {
        notes.error("bad-name", at, format!("`{source}` is no name of a namespace"), "letters, digits and `-`");
    }
    fields.ignores(&["statPrefix"]);
    fields.finish(notes);
    read
}

fn port(notes: &mut Notes, at: Option<At>) -> Option<Written<u32>> {
    let at = at?;
    let number = at.count(notes).filter(|number| *number > 0)?;
    check_port(notes, &at, number);
    Some(at.written(number))
}

/// Ports are from 1 to 65,535.
pub(in crate::import) fn check_port(notes: &mut Notes, at: &At, number: u32) {
    if !(1..=65_535).contains(&number) {
        notes.error("bad-port", at, format!("{number} is no port"), "ports are from 1 to 65535");
    }
}

/// Whether an empty prefix is one: Envoy takes it for a path, and for nothing else.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Empty {
    Allowed,
    Refused,
}

fn one(notes: &mut Notes, at: &At, empty: Empty) -> Written<StringMatch> {
    let mut fields = at.fields(notes);
    let kinds: Vec<(&'static str, At)> =
        ["exact", "prefix", "regex"].into_iter().filter_map(|kind| fields.get(notes, kind).map(|at| (kind, at))).collect();
    fields.finish(notes);
    if let [(first, _), (second, second_at), ..] = &kinds[..] {
        notes.error("route-conflict", second_at, format!("`{first}` and `{second}` exclude each other"), "remove one of them");
    }
    let Some((kind, inner)) = kinds.into_iter().next() else { return at.written(StringMatch::Present) };
    let text = inner.text(notes).unwrap_or_default().to_owned();
    if text.is_empty() && (kind == "regex" || kind == "prefix" && empty == Empty::Refused) {
        notes.error("bad-match", &inner, format!("`{kind}` cannot be empty"), "`{}` matches what is there, whatever its value");
        return inner.written(StringMatch::Present);
    }
    inner.written(match kind {
        "exact" => StringMatch::Exact(text),
        "prefix" => StringMatch::Prefix(text),
        _ => {
            check_regex(notes, &inner, &text);
            StringMatch::Regex(text)
        }
    })
}

/// RE2 has what Rust's engine has: no look-around and no back-references.
pub(in crate::import) fn check_regex(notes: &mut Notes, at: &At, text: &str) {
    if text.len() > LONGEST_REGEX {
        notes.error("bad-regex", at, format!("a regular expression has at most {LONGEST_REGEX} characters"), "shorten it");
    } else if let Err(error) = Regex::new(text) {
        let told = error.to_string();
        let why = told.lines().last().unwrap_or("").trim_start_matches("error: ");
        notes.error("bad-regex", at, format!("`{text}` is no regular expression: {why}"), "Envoy takes RE2, and matches the whole value");
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Named {
    Header,
    WithoutHeader,
    Query,
}

fn named(notes: &mut Notes, at: &At, what: Named) -> Vec<(String, Written<StringMatch>)> {
    let mut all = Vec::new();
    for (name, entry) in at.entries(notes) {
        if what != Named::Query {
            check_name(notes, &entry, name);
        }
        if entry.is_null() {
            if what != Named::WithoutHeader {
                notes.error("bad-match", &entry, format!("the match of `{name}` cannot be null"), "`{}` matches what is there");
            }
            continue;
        }
        let is_star = entry.node.get("regex").is_some_and(|node| node.value == crate::model::tree::Value::String("*".into()));
        // Not RE2, but what Istio takes for "it is there".
        let value =
            if is_star && what == Named::WithoutHeader { entry.written(StringMatch::Present) } else { one(notes, &entry, Empty::Refused) };
        let name = if what == Named::Query { name.to_owned() } else { name.to_ascii_lowercase() };
        all.push((name, value));
    }
    all
}

/// Headers, pseudo headers, and claims of a token (`@request.auth.claims.…`).
fn check_name(notes: &mut Notes, at: &At, name: &str) {
    if name.starts_with("@request.auth.claims") {
        notes.not_simulated("a match on claims of a token", &at.origin(), &at.path, "requests carry no tokens");
    } else if name.is_empty() {
        notes.error("bad-header", at, "the name of a header cannot be empty", "name it, or remove the entry");
    } else if !PSEUDO_HEADERS.contains(&name) && !is_header(name) {
        notes.error("bad-header", at, format!("`{name}` is no name of a header"), "letters, digits and `-`");
    }
}
