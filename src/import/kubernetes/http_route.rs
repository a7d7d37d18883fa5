//! HTTPRoute and Gateway of the Gateway API, as Istio converts them (istio `pilot/pkg/config/kube/gateway/conversion.go`).
//!
//! Every match becomes a rule of its own, and the rules are tried by how specific they are, not in the order of the text.

mod filters;

use crate::base::time::Nanos;
use crate::import::cursor::{At, Fields};
use crate::import::istio::matches::check_regex;
use crate::import::names::qualified;
use crate::import::notes::Notes;
use crate::import::scalars::go_duration;
use crate::model::mesh::{
    Action, Destination, DirectAnswer, ExportTo, Gateway, GatewayRef, GatewayServer, Host, HttpMatch, HttpRoute, Labels, Meta, Retries,
    RetryCondition, RetryOn, StringMatch, VirtualService, WeightedDestination, Written,
};
use crate::model::tree::{Origin, Value};

/// A route attached to gateways, and one per service that it is attached to.
pub(in crate::import) fn read(notes: &mut Notes, meta: Meta, spec: &At) -> Vec<VirtualService> {
    let mut fields = spec.fields(notes);
    let parents = fields.list(notes, "parentRefs");
    let names = fields.get(notes, "hostnames").map_or_else(Vec::new, |at| at.texts(notes));
    let rules_at = fields.list(notes, "rules");
    let mut rules: Vec<(Rank, HttpRoute)> = Vec::new();
    for at in &rules_at {
        rules.extend(filters::rule(notes, at, &meta.namespace));
    }
    rules.sort_by_key(|(rank, _)| std::cmp::Reverse(*rank));
    let http: Vec<HttpRoute> = rules.into_iter().map(|(_, rule)| rule).collect();
    let of = |hosts, gateways| VirtualService {
        meta: meta.clone(),
        hosts,
        gateways,
        export_to: Vec::<ExportTo>::new(),
        http: http.clone(),
        tcp: None,
        tls: None,
        gateway_api: true,
    };
    let mut gateways = Vec::new();
    let mut routes = Vec::new();
    for at in &parents {
        match parent(notes, at, &meta.namespace) {
            Some(Parent::Gateway(gateway)) => gateways.push(at.written(gateway)),
            Some(Parent::Service(host)) => routes.push(of(vec![at.written(host)], vec![Written::default(GatewayRef::Mesh)])),
            None => {}
        }
    }
    if !gateways.is_empty() {
        let every = vec![Written::default(Host("*".to_owned()))];
        let hosts: Vec<_> = names.iter().map(|(at, name)| at.written(Host((*name).to_owned()))).collect();
        routes.insert(0, of(if hosts.is_empty() { every } else { hosts }, gateways));
    }
    routes
}

enum Parent {
    Gateway(GatewayRef),
    Service(Host),
}

fn parent(notes: &mut Notes, at: &At, namespace: &str) -> Option<Parent> {
    let mut fields = at.fields(notes);
    let kind = fields.word(notes, "kind").unwrap_or_else(|| "Gateway".to_owned());
    let name = fields.word(notes, "name").unwrap_or_default();
    let namespace = fields.word(notes, "namespace").unwrap_or_else(|| namespace.to_owned());
    match kind.as_str() {
        "Gateway" => Some(Parent::Gateway(GatewayRef::Gateway { namespace, name })),
        "Service" => Some(Parent::Service(qualified(&name, &namespace))),
        _ => {
            let message = format!("routes attached to a {kind} are not read");
            notes.note_once(
                "skipped-kind",
                format!("parent {kind}"),
                &at.origin(),
                &at.path,
                message,
                "attach it to a Gateway or a Service",
            );
            None
        }
    }
}

/// How specific a match is: exact paths, then longer prefixes, then expressions; a method, more headers, more parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    path: (u8, usize),
    method: bool,
    headers: usize,
    query: usize,
}

impl Rank {
    fn of(read: &HttpMatch) -> Rank {
        let path = match read.uri.as_ref().map(|uri| &uri.value) {
            Some(StringMatch::Exact(path)) => (3, path.len()),
            Some(StringMatch::Prefix(path)) => (2, path.len()),
            Some(StringMatch::Regex(path)) => (1, path.len()),
            Some(StringMatch::Present) | None => (0, 0),
        };
        Rank { path, method: read.method.is_some(), headers: read.headers.len(), query: read.query.len() }
    }
}

fn one_match(notes: &mut Notes, at: &At) -> HttpMatch {
    let mut fields = at.fields(notes);
    let uri = fields.get(notes, "path").map(|at| {
        let (kind, value) = typed(notes, &at, "PathPrefix");
        match kind.as_str() {
            "Exact" => at.written(StringMatch::Exact(value)),
            "RegularExpression" => regex(notes, &at, value),
            _ => at.written(StringMatch::Prefix(if value.is_empty() { "/".to_owned() } else { value })),
        }
    });
    let method = fields.get(notes, "method").and_then(|at| Some(at.written(StringMatch::Exact(at.text(notes)?.to_owned()))));
    let headers = named(notes, &mut fields, "headers").into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
    let query = named(notes, &mut fields, "queryParams");
    HttpMatch { uri, method, headers, query, ..HttpMatch::default() }
}

fn regex(notes: &mut Notes, at: &At, value: String) -> Written<StringMatch> {
    check_regex(notes, at, &value);
    at.written(StringMatch::Regex(value))
}

/// `type` and `value` of a match.
fn typed(notes: &mut Notes, at: &At, default: &str) -> (String, String) {
    let mut fields = at.fields(notes);
    let kind = fields.word(notes, "type").unwrap_or_else(|| default.to_owned());
    (kind, fields.word(notes, "value").unwrap_or_default())
}

fn named(notes: &mut Notes, fields: &mut Fields, list: &'static str) -> Vec<(String, Written<StringMatch>)> {
    let mut all = Vec::new();
    for at in fields.list(notes, list) {
        let name = at.fields(notes).word(notes, "name").unwrap_or_default();
        let (kind, value) = typed(notes, &at, "Exact");
        let value = if kind == "RegularExpression" { regex(notes, &at, value) } else { at.written(StringMatch::Exact(value)) };
        all.push((name, value));
    }
    all
}

/// Backends by weight. Without one that may get something, every request is answered 500.
fn backends(notes: &mut Notes, fields: &mut Fields, namespace: &str) -> Action {
    let mut all = Vec::new();
    for at in fields.list(notes, "backendRefs") {
        let mut inner = at.fields(notes);
        let weight = inner.get(notes, "weight").and_then(|at| at.count(notes).map(|weight| at.written(weight)));
        let weight = weight.unwrap_or_else(|| Written::default(1));
        let headers = filters::headers(notes, &mut inner);
        if let Some(destination) = backend(notes, &at, namespace).filter(|_| weight.value > 0) {
            all.push(WeightedDestination { destination, weight, headers });
        }
    }
    if all.is_empty() { Action::Answer(DirectAnswer { status: Written::default(500), body_bytes: 0 }) } else { Action::Forward(all) }
}

fn backend(notes: &mut Notes, at: &At, namespace: &str) -> Option<Destination> {
    let mut fields = at.fields(notes);
    let kind = fields.word(notes, "kind").unwrap_or_else(|| "Service".to_owned());
    let name_at = fields.get(notes, "name");
    let name = name_at.as_ref()?.text(notes)?;
    let namespace = fields.word(notes, "namespace").unwrap_or_else(|| namespace.to_owned());
    let port = fields.get(notes, "port").and_then(|at| at.count(notes).map(|port| at.written(port)));
    let host = match kind.as_str() {
        "Service" => qualified(name, &namespace),
        "Hostname" => Host(name.to_owned()),
        _ => {
            let message = format!("a backend of the kind {kind} is unknown: its share is answered 500");
            notes.warning("unknown-backend", at, message, "name a Service");
            return None;
        }
    };
    Some(Destination { host: name_at.as_ref().unwrap_or(at).written(host), subset: None, port })
}

/// `0s` is none, for both.
fn duration(notes: &mut Notes, at: Option<At>) -> Option<Written<Nanos>> {
    let at = at?;
    match &at.node.value {
        Value::String(text) if go_duration(text) == Some(0) => None,
        _ => at.duration(notes),
    }
}

/// `retry: {codes, attempts, backoff}`: Istio adds the codes to its own conditions.
fn retries(notes: &mut Notes, at: Option<At>, per_try: Option<Written<Nanos>>) -> Option<Retries> {
    let at = at?;
    let mut fields = at.fields(notes);
    let codes_at = fields.list(notes, "codes");
    let statuses: Vec<u16> = codes_at.iter().filter_map(|at| at.int_in(notes, 400, 599).map(|code| code as u16)).collect();
    let attempts = fields.get(notes, "attempts").and_then(|at| at.count(notes).map(|count| at.written(count)));
    let backoff_at = fields.get(notes, "backoff");
    let backoff = duration(notes, backoff_at);
    let mut conditions =
        vec![RetryCondition::ConnectFailure, RetryCondition::RefusedStream, RetryCondition::GrpcUnavailable, RetryCondition::GrpcCancelled];
    conditions.extend((!statuses.is_empty()).then_some(RetryCondition::RetriableStatusCodes));
    Some(Retries {
        origin: at.origin(),
        attempts: attempts.unwrap_or_else(|| Written::new(2, Origin::Default)),
        per_try_timeout: per_try,
        retry_on: Some(at.written(RetryOn { conditions, statuses })),
        backoff,
        remote_localities: false,
        ignore_previous_hosts: None,
    })
}

/// The Gateway of the Gateway API: a server per listener.
pub(in crate::import) fn gateway(notes: &mut Notes, meta: Meta, spec: &At) -> Gateway {
    let mut servers = Vec::new();
    for at in spec.fields(notes).list(notes, "listeners") {
        let mut fields = at.fields(notes);
        let port = fields.get(notes, "port").and_then(|at| at.count(notes)).unwrap_or(0);
        let protocol = fields.word(notes, "protocol").unwrap_or_default();
        let hosts = fields.text(notes, "hostname").into_iter().collect();
        servers.push(GatewayServer { port, protocol, hosts });
    }
    Gateway { meta, selector: Labels::new(), servers }
}
