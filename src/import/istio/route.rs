//! One rule of a VirtualService: what it does with a request (istio `validateHTTPRoute`).

use super::fault::http_status;
use super::target::{destination, nowhere, percentage, whole_percent};
use super::{cors, fault, headers, matches, retry};
use crate::base::time::Nanos;
use crate::import::cursor::{At, Fields};
use crate::import::notes::Notes;
use crate::import::scalars::go_duration;
use crate::model::mesh::{
    Action, DelegateRef, DirectAnswer, HttpRoute, Mirror, Percentage, Redirect, Rewrite, WeightedDestination, Written,
};
use crate::model::tree::{Origin, Value};

/// What the rule is read within.
#[derive(Clone, Copy)]
pub(in crate::import) struct Around<'a> {
    pub namespace: &'a str,
    /// The VirtualService has no hosts: others delegate to it.
    pub delegate: bool,
    /// Converted from the Gateway API: a destination may lead nowhere.
    pub converted: bool,
}

/// The fields that exclude each other.
struct Parts<'n> {
    at: At<'n>,
    route: Option<At<'n>>,
    redirect: Option<At<'n>>,
    answer: Option<At<'n>>,
    delegate: Option<At<'n>>,
    rewrite: Option<At<'n>>,
    fault: Option<At<'n>>,
}

pub(in crate::import) fn read(notes: &mut Notes, at: &At, around: Around) -> HttpRoute {
    let mut fields = at.fields(notes);
    let name = fields.word(notes, "name").unwrap_or_default();
    let entries = fields.list(notes, "match");
    let found: Vec<_> = entries.iter().map(|at| matches::read(notes, at, around.namespace)).collect();
    let parts = Parts {
        at: at.clone(),
        route: fields.get(notes, "route"),
        redirect: fields.get(notes, "redirect"),
        answer: fields.get(notes, "directResponse"),
        delegate: fields.get(notes, "delegate"),
        rewrite: fields.get(notes, "rewrite"),
        fault: fields.get(notes, "fault"),
    };
    let headers_at = fields.get(notes, "headers");
    let cors_at = fields.get(notes, "corsPolicy");
    let route = HttpRoute {
        origin: at.origin(),
        name,
        matches: found,
        action: action(notes, &parts, around, &entries),
        rewrite: parts.rewrite.as_ref().map(|at| rewrite(notes, at)),
        timeout: fields.get(notes, "timeout").and_then(|at| timeout(notes, &at)),
        retries: fields.get(notes, "retries").map(|at| retry::read(notes, &at)),
        fault: fault::read(notes, parts.fault.clone()),
        mirrors: mirrors(notes, &mut fields, around),
        headers: headers::read(notes, headers_at.clone()),
        cors: cors::read(notes, cors_at),
    };
    one_authority(notes, headers_at.as_ref().unwrap_or(at), &route);
    fields.finish(notes);
    route
}

/// `0s` is refused by Istio's webhook, met in the wild, and read by Envoy as none.
fn timeout(notes: &mut Notes, at: &At) -> Option<Written<Nanos>> {
    if let Value::String(text) = &at.node.value
        && go_duration(text) == Some(0)
    {
        let message = "a `timeout` of 0s is none at all to Envoy, and refused by Istio's webhook";
        notes.warning("zero-timeout", at, message, "leave the timeout out to have none");
        return None;
    }
    at.duration(notes)
}

fn action(notes: &mut Notes, parts: &Parts, around: Around, entries: &[At]) -> Action {
    let destinations = parts.route.as_ref().map_or_else(Vec::new, |at| at.list(notes));
    conflicts(notes, parts, around, destinations.is_empty());
    let forward = weighted(notes, &destinations, around, parts.route.as_ref());
    match (parts.delegate.as_ref().filter(|_| !around.delegate), &parts.redirect, &parts.answer) {
        (Some(at), ..) => Action::Delegate(delegate(notes, at, around)),
        (_, Some(at), _) => Action::Redirect(redirect(notes, at, entries)),
        (_, _, Some(at)) => Action::Answer(answer(notes, at)),
        _ => Action::Forward(forward),
    }
}

/// What cannot go together (istio `validateHTTPRouteConflict`).
fn conflicts(notes: &mut Notes, parts: &Parts, around: Around, nowhere: bool) {
    let mut pairs: Vec<(&str, &Option<At>)> = Vec::new();
    let is_root = parts.delegate.is_some() && !around.delegate;
    if is_root {
        pairs.extend([("delegate", &parts.route), ("delegate", &parts.redirect)]);
    } else if parts.redirect.is_some() {
        pairs.extend([("redirect", &parts.fault), ("redirect", &parts.rewrite), ("redirect", &parts.answer)]);
        pairs.extend((!nowhere).then_some(("redirect", &parts.route)));
    } else if parts.answer.is_some() {
        pairs.extend([("directResponse", &parts.fault), ("directResponse", &parts.rewrite)]);
        pairs.extend((!nowhere).then_some(("directResponse", &parts.route)));
    } else if nowhere {
        let help = "give it a `route`, a `redirect`, a `directResponse` or a `delegate`";
        notes.error("missing-field", &parts.at, "this rule does not say where its requests go", help);
    }
    for (first, second) in pairs {
        if let Some(at) = second {
            let message = format!("`{first}` and {} exclude each other", at.name());
            notes.error("route-conflict", at, message, "remove one of them");
        }
    }
    if let Some(at) = parts.delegate.as_ref().filter(|_| around.delegate) {
        let message = "a VirtualService without `hosts` is itself delegated to, and cannot delegate further";
        notes.error("route-conflict", at, message, "write its routes here");
    }
}

fn weighted(notes: &mut Notes, list: &[At], around: Around, route: Option<&At>) -> Vec<WeightedDestination> {
    let mut all = Vec::new();
    for at in list {
        let mut fields = at.fields(notes);
        let place = fields.get(notes, "destination");
        if place.is_none() {
            notes.error("missing-field", at, "a route needs a `destination`", "write `destination: {host: …}`");
        }
        let lost = |at: &At| around.converted && at.node.get("host").is_none();
        let destination = place.filter(|at| !lost(at)).map_or_else(nowhere, |at| destination(notes, &at, around.namespace));
        let weight = weight(notes, &mut fields);
        let headers_at = fields.get(notes, "headers");
        let headers = headers::read(notes, headers_at);
        fields.finish(notes);
        all.push(WeightedDestination { destination, weight, headers });
    }
    no_weight(notes, &all, route);
    all
}

pub(in crate::import) fn weight(notes: &mut Notes, fields: &mut Fields) -> Written<u32> {
    let Some(at) = fields.get(notes, "weight") else { return Written::default(0) };
    let number = at.int(notes).unwrap_or(0);
    if !(0..=i64::from(i32::MAX)).contains(&number) {
        notes.error("bad-weight", &at, format!("a weight cannot be {number}"), "write a share of the sum of all weights");
    }
    at.written(number.clamp(0, i64::from(i32::MAX)) as u32)
}

/// Several destinations have to have some weight among them.
pub(in crate::import) fn no_weight(notes: &mut Notes, all: &[WeightedDestination], route: Option<&At>) {
    if let Some(at) = route.filter(|_| all.len() > 1 && all.iter().all(|one| one.weight.value == 0)) {
        notes.error("bad-weight", at, "no destination of this route has a weight: nothing can be chosen", "give each a `weight`");
    }
}

fn redirect(notes: &mut Notes, at: &At, entries: &[At]) -> Redirect {
    let mut fields = at.fields(notes);
    let uri = fields.word(notes, "uri");
    let authority = fields.word(notes, "authority");
    let prefix = fields.get(notes, "prefixRewrite");
    let scheme = fields.get(notes, "scheme");
    let port = fields.get(notes, "port");
    let derived = fields.get(notes, "derivePort");
    let code_at = fields.get(notes, "redirectCode");
    fields.finish(notes);
    let code = code_at.as_ref().and_then(|at| at.int(notes)).filter(|code| *code != 0).unwrap_or(301);
    if !(300..=399).contains(&code) {
        let at = code_at.as_ref().unwrap_or(at);
        notes.error("bad-redirect", at, format!("{code} is no status of a redirect"), "write 301, 302, 303, 307 or 308");
    }
    let text = scheme.as_ref().and_then(|at| at.text(notes).map(|text| (at, text))).filter(|(_, text)| !text.is_empty());
    if let Some((at, text)) = text.filter(|(_, text)| !matches!(*text, "http" | "https")) {
        notes.error("bad-redirect", at, format!("`{text}` is no scheme of a redirect"), "write `http` or `https`");
    }
    if let Some(at) = &port
        && let Some(number) = at.count(notes).filter(|number| *number > 0)
    {
        matches::check_port(notes, at, number);
    }
    let derived = derived.filter(|at| at.text(notes).is_some());
    if uri.is_none() && authority.is_none() && prefix.is_none() && text.is_none() && port.is_none() && derived.is_none() {
        notes.error("bad-redirect", at, "a redirect has to change something", "give it `uri`, `authority`, `scheme` or `port`");
    }
    if let Some(at) = &prefix {
        prefix_rewrite(notes, at, uri.is_some(), entries);
    }
    Redirect { origin: at.origin(), code: code as u16, uri, authority }
}

/// A prefix can only be replaced where a prefix was matched.
fn prefix_rewrite(notes: &mut Notes, at: &At, has_uri: bool, entries: &[At]) {
    if has_uri {
        notes.error("bad-redirect", at, "`uri` and `prefixRewrite` exclude each other", "remove one of them");
    }
    let by_regex = entries.iter().any(|entry| entry.node.get("uri").is_some_and(|uri| uri.get("regex").is_some()));
    if by_regex {
        let message = "`prefixRewrite` replaces what `uri.prefix` matched, and this rule matches a regular expression";
        notes.error("bad-redirect", at, message, "match `uri.prefix`, or write the whole `uri`");
    }
}

fn answer(notes: &mut Notes, at: &At) -> DirectAnswer {
    const KILOBYTE: u64 = 1024;
    let mut fields = at.fields(notes);
    let status_at = fields.get(notes, "status");
    let body = fields.get(notes, "body");
    fields.finish(notes);
    let status = match &status_at {
        Some(at) => http_status(notes, at),
        None => {
            notes.error("missing-field", at, "`directResponse` needs a `status`", "write for example `status: 503`");
            None
        }
    };
    let body_bytes = body.map_or(0, |at| {
        let mut fields = at.fields(notes);
        let text = fields.word(notes, "string").or(fields.word(notes, "bytes"));
        fields.finish(notes);
        let size = text.map_or(0, |text| text.len() as u64);
        if size > KILOBYTE * KILOBYTE {
            notes.error("bad-answer", &at, "the body of a direct response is at most 1 MiB", "answer from a service");
        } else if size > 100 * KILOBYTE {
            notes.warning("large-answer", &at, "a body of more than 100 KiB is kept by every proxy", "answer from a service");
        }
        size
    });
    DirectAnswer { status: status_at.as_ref().unwrap_or(at).written(status.unwrap_or(200)), body_bytes }
}

fn delegate(notes: &mut Notes, at: &At, around: Around) -> DelegateRef {
    let mut fields = at.fields(notes);
    let name = fields.word(notes, "name").unwrap_or_default();
    let namespace = fields.word(notes, "namespace").unwrap_or_else(|| around.namespace.to_owned());
    fields.finish(notes);
    DelegateRef { origin: at.origin(), name, namespace }
}

fn rewrite(notes: &mut Notes, at: &At) -> Rewrite {
    let mut fields = at.fields(notes);
    let uri = fields.word(notes, "uri");
    let authority = fields.word(notes, "authority");
    let regex_at = fields.get(notes, "uriRegexRewrite");
    fields.finish(notes);
    if uri.is_some() && regex_at.is_some() {
        notes.error("bad-rewrite", at, "`uri` and `uriRegexRewrite` exclude each other", "remove one of them");
    }
    if uri.is_none() && authority.is_none() && regex_at.is_none() {
        notes.error("bad-rewrite", at, "a rewrite has to change something", "give it `uri`, `uriRegexRewrite` or `authority`");
    }
    let regex = regex_at.and_then(|at| {
        let mut fields = at.fields(notes);
        let pattern_at = fields.get(notes, "match");
        let pattern = pattern_at.as_ref().and_then(|at| at.text(notes)).filter(|text| !text.is_empty());
        let substitution = fields.word(notes, "rewrite");
        fields.finish(notes);
        match (&pattern_at, pattern, substitution) {
            (Some(at), Some(pattern), Some(substitution)) => {
                matches::check_regex(notes, at, pattern);
                Some((pattern.to_owned(), substitution))
            }
            _ => {
                notes.error("bad-rewrite", &at, "`uriRegexRewrite` needs both `match` and `rewrite`", "add what is missing");
                None
            }
        }
    });
    Rewrite { origin: at.origin(), uri, authority, regex }
}

/// The host is changed in one place (istio `validateAuthorityRewrite`).
fn one_authority(notes: &mut Notes, at: &At, route: &HttpRoute) {
    let request = &route.headers.request;
    let count = request.set.keys().chain(request.add.keys()).filter(|name| headers::is_authority(name)).count();
    let rewritten = route.rewrite.as_ref().is_some_and(|rewrite| rewrite.authority.is_some());
    if count + usize::from(rewritten) > 1 {
        notes.error("bad-header", at, "the host of the request is changed more than once", "change it in one place");
    }
}

/// `mirror` with its percentages, and `mirrors`.
fn mirrors(notes: &mut Notes, fields: &mut Fields, around: Around) -> Vec<Mirror> {
    let single = fields.get(notes, "mirror");
    let list = fields.list(notes, "mirrors");
    if let Some(at) = single.as_ref().filter(|_| !list.is_empty()) {
        notes.error("route-conflict", at, "`mirror` and `mirrors` exclude each other", "put all into `mirrors`");
    }
    let share = mirror_share(notes, fields);
    let mut all: Vec<Mirror> = Vec::new();
    if let Some(at) = single {
        all.push(Mirror { destination: destination(notes, &at, around.namespace), share });
    }
    for at in list {
        let mut fields = at.fields(notes);
        let place = fields.get(notes, "destination");
        let share = fields.get(notes, "percentage").map_or(Written::default(Percentage::ALL), |at| percentage(notes, &at, 0.0));
        fields.finish(notes);
        match place {
            Some(at) => all.push(Mirror { destination: destination(notes, &at, around.namespace), share }),
            None => notes.error("missing-field", &at, "a mirror needs a `destination`", "write `destination: {host: …}`"),
        }
    }
    all
}

fn mirror_share(notes: &mut Notes, fields: &mut Fields) -> Written<Percentage> {
    let exact = fields.get(notes, "mirrorPercentage").map(|at| percentage(notes, &at, 0.0));
    let old = fields.get(notes, "mirrorPercent").map(|at| {
        notes.warning("deprecated-field", &at, "`mirrorPercent` is deprecated", "write `mirrorPercentage: {value: …}`");
        whole_percent(notes, &at)
    });
    exact.or(old).unwrap_or(Written::new(Percentage::ALL, Origin::Default))
}
