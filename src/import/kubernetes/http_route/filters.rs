//! One rule of an HTTPRoute: its matches, its filters, its backends.

use super::{Rank, backend, backends, duration, one_match, retries};
use crate::import::cursor::{At, Fields};
use crate::import::notes::Notes;
use crate::model::mesh::{
    Action, FaultInjection, HeaderChange, HeaderOps, HttpMatch, HttpRoute, Mirror, Percentage, Redirect, Rewrite, Written,
};

/// What the filters of a rule say.
#[derive(Default)]
struct Filters {
    headers: HeaderOps,
    redirect: Option<Redirect>,
    rewrite: Option<Rewrite>,
    mirrors: Vec<Mirror>,
}

/// A rule for each of its matches.
pub(super) fn rule(notes: &mut Notes, at: &At, namespace: &str) -> Vec<(Rank, HttpRoute)> {
    let mut fields = at.fields(notes);
    let matches_at = fields.list(notes, "matches");
    let mut matches: Vec<HttpMatch> = matches_at.iter().map(|at| one_match(notes, at)).collect();
    if matches.is_empty() {
        matches.push(HttpMatch::default());
    }
    let filters = filters(notes, &mut fields, namespace);
    let (mut request, mut backend_request) = (None, None);
    if let Some(at) = fields.get(notes, "timeouts") {
        let mut inner = at.fields(notes);
        let [of_request, of_backend] = ["request", "backendRequest"].map(|key| inner.get(notes, key));
        request = duration(notes, of_request);
        backend_request = duration(notes, of_backend);
    }
    let retry_at = fields.get(notes, "retry");
    // Without retries the one try is the whole request.
    let timeout = if retry_at.is_some() { request } else { backend_request.clone().or(request) };
    let retries = retries(notes, retry_at, backend_request);
    let name = fields.word(notes, "name").unwrap_or_default();
    let action = match filters.redirect {
        Some(redirect) => Action::Redirect(redirect),
        None => backends(notes, &mut fields, namespace),
    };
    let route = HttpRoute {
        origin: at.origin(),
        name,
        matches: Vec::new(),
        action,
        rewrite: filters.rewrite,
        timeout,
        retries,
        fault: FaultInjection::default(),
        mirrors: filters.mirrors,
        headers: filters.headers,
        cors: None,
    };
    let every = |one: &HttpMatch| *one == HttpMatch::default();
    matches
        .into_iter()
        .map(|one| (Rank::of(&one), HttpRoute { matches: if every(&one) { Vec::new() } else { vec![one] }, ..route.clone() }))
        .collect()
}

fn filters(notes: &mut Notes, fields: &mut Fields, namespace: &str) -> Filters {
    let mut read = Filters::default();
    for at in fields.list(notes, "filters") {
        let mut inner = at.fields(notes);
        if let Some(at) = inner.get(notes, "requestHeaderModifier") {
            read.headers.request = change(notes, &at);
        }
        if let Some(at) = inner.get(notes, "responseHeaderModifier") {
            read.headers.response = change(notes, &at);
        }
        if let Some(at) = inner.get(notes, "requestRedirect") {
            read.redirect = Some(redirect(notes, &at));
        }
        if let Some(at) = inner.get(notes, "urlRewrite") {
            let mut inner = at.fields(notes);
            let authority = inner.word(notes, "hostname");
            let uri = inner.get(notes, "path").and_then(|at| replaced(notes, &at));
            read.rewrite = Some(Rewrite { origin: at.origin(), uri, authority, regex: None });
        }
        if let Some(at) = inner.get(notes, "requestMirror") {
            read.mirrors.extend(mirror(notes, &at, namespace));
        }
        if let Some(at) = inner.get(notes, "extensionRef").or(inner.get(notes, "cors")) {
            let thing = format!("the filter {}", at.name());
            notes.not_simulated(&thing, &at.origin(), &at.path, "it is not one that sends requests elsewhere");
        }
    }
    read
}

/// The headers that a backend changes for itself.
pub(super) fn headers(notes: &mut Notes, fields: &mut Fields) -> HeaderOps {
    filters(notes, fields, "").headers
}

fn change(notes: &mut Notes, at: &At) -> HeaderChange {
    let mut fields = at.fields(notes);
    let mut pairs = |key: &'static str| {
        let list = fields.list(notes, key);
        let pair = |at: &At| {
            let mut inner = at.fields(notes);
            Some((inner.word(notes, "name")?.to_ascii_lowercase(), inner.word(notes, "value").unwrap_or_default()))
        };
        list.iter().filter_map(pair).collect()
    };
    let (set, add) = (pairs("set"), pairs("add"));
    let remove = fields.get(notes, "remove").map_or_else(Vec::new, |at| at.texts(notes));
    HeaderChange { set, add, remove: remove.into_iter().map(|(_, name)| name.to_ascii_lowercase()).collect() }
}

fn redirect(notes: &mut Notes, at: &At) -> Redirect {
    let mut fields = at.fields(notes);
    let authority = fields.word(notes, "hostname");
    let uri = fields.get(notes, "path").and_then(|at| replaced(notes, &at));
    let code = fields.get(notes, "statusCode").and_then(|at| at.int_in(notes, 300, 399)).unwrap_or(302);
    Redirect { origin: at.origin(), code: code as u16, uri, authority }
}

fn replaced(notes: &mut Notes, at: &At) -> Option<String> {
    let mut fields = at.fields(notes);
    fields.word(notes, "replaceFullPath").or(fields.word(notes, "replacePrefixMatch"))
}

fn mirror(notes: &mut Notes, at: &At, namespace: &str) -> Option<Mirror> {
    let mut fields = at.fields(notes);
    let share = fields.get(notes, "percent").map(|at| crate::import::istio::target::whole_percent(notes, &at));
    let fraction = fields.get(notes, "fraction").map(|at| {
        let mut inner = at.fields(notes);
        let numerator = inner.get(notes, "numerator").and_then(|at| at.count(notes)).unwrap_or(0);
        let denominator = inner.get(notes, "denominator").and_then(|at| at.count(notes)).filter(|n| *n > 0).unwrap_or(100);
        let millionths = u64::from(numerator.min(denominator)) * 1_000_000 / u64::from(denominator);
        at.written(Percentage { numerator: millionths as u32, denominator: 1_000_000 })
    });
    let backend_at = fields.get(notes, "backendRef")?;
    let destination = backend(notes, &backend_at, namespace)?;
    Some(Mirror { destination, share: share.or(fraction).unwrap_or_else(|| Written::default(Percentage::ALL)) })
}
