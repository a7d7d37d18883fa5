//! The calling proxy: which VirtualService holds, which of its routes a call can match, and what each does with it.

use super::{ENVOY, From, Hop, ISTIO, Teller, Told, percent};
use crate::base::id::ClusterId;
use crate::model::mesh::{
    AbortAnswer, Action as Written, Destination, GatewayRef, HttpMatch, HttpRoute, Percentage, StringMatch, VirtualService,
    WeightedDestination,
};
use crate::model::scalar::Via;
use crate::policy::envoy::release::Release;
use crate::policy::envoy::retry::RetryPolicy;
use crate::topology::Site;
use crate::topology::compile::mesh::{timeouts, written_retries};
use crate::topology::mesh::{Action, Rule};
use crate::topology::site::Caller;

impl Teller<'_> {
    /// The proxy that a call leaves through, and its routes.
    pub(super) fn proxy(&self, site: &Site, rules: &[Rule]) -> Vec<Hop> {
        let (title, from) = match site.caller {
            Caller::Client(client) => {
                let name = &self.topology.clients[client.index()].name;
                let from = From::Path(format!("clients.{}.via", crate::model::name::quoted(name)));
                match &self.model.clients[name.as_str()].via {
                    Via::Gateway { namespace, name } => (format!("the gateway `{namespace}/{name}`"), from),
                    Via::None | Via::Sidecar => (format!("the sidecar of `{name}`"), from),
                }
            }
            Caller::Endpoint(endpoint) => {
                let service = self.topology.endpoints[endpoint.index()].service;
                let name = &self.topology.services[service.index()].name;
                (format!("the sidecar of `{name}`"), From::Path(format!("{}.sidecar", self.spec(name).1)))
            }
        };
        let mut hops = vec![Hop { title, from, lines: self.latency() }];
        if let [only] = rules
            && only.source.is_none()
        {
            let lines = self.unruled(only);
            hops.push(Hop { title: "no VirtualService is for this host".into(), from: ISTIO, lines });
            return hops;
        }
        let mut services: Vec<usize> = Vec::new();
        for source in rules.iter().filter_map(|rule| rule.source.as_ref()) {
            if !services.contains(&source.service) {
                services.push(source.service);
            }
        }
        hops.extend(services.into_iter().map(|number| self.service_routes(number, rules)));
        if rules.is_empty() {
            let meaning = "no route matches it: the proxy answers 404";
            let lines = vec![Told::new("routes", "none", meaning, From::Nothing)];
            hops.push(Hop { title: "a VirtualService whose routes are for other requests".into(), from: From::Nothing, lines });
        }
        hops
    }

    /// Without a VirtualService everything goes to the host, with the retries of the mesh.
    fn unruled(&self, rule: &Rule) -> Vec<Told> {
        let mut lines = unruled_lines(rule.retry.as_ref());
        if let Action::Forward { targets, .. } = &rule.action {
            lines.extend(targets.iter().map(|target| Told::new("to", self.cluster_name(target.cluster.ok()), "", From::Nothing)));
        }
        lines
    }

    fn cluster_name(&self, cluster: Option<ClusterId>) -> String {
        cluster.map_or("nobody".into(), |id| format!("cluster {}", self.topology.mesh.clusters[id.index()].name))
    }

    fn service_routes(&self, number: usize, rules: &[Rule]) -> Hop {
        let service = &self.model.imported.virtual_services[number];
        let of = |rule: &&Rule| rule.source.as_ref().is_some_and(|source| source.service == number);
        let met: Vec<(usize, &Rule)> = rules.iter().filter(of).filter_map(|rule| Some((rule.source.as_ref()?.route, rule))).collect();
        let mut lines = Vec::new();
        for (place, route) in service.http.iter().enumerate() {
            match met.iter().find(|(known, _)| *known == place) {
                Some((_, rule)) => lines.extend(route_lines(route, place, rule.when.is_empty(), rule.retry.as_ref())),
                None if matches!(route.action, Written::Delegate(_)) => {}
                None => {
                    let meaning = "for none of these calls: it wants other requests, or an earlier route takes them";
                    lines.push(Told::new(title(route, place), "", meaning, From::Origin(route.origin.clone())));
                }
            }
        }
        Hop { title: format!("routes of {}, tried in order", service.meta.path()), from: From::Origin(service.meta.origin.clone()), lines }
    }
}

/// What holds for the requests of a host without a VirtualService.
pub(super) fn unruled_lines(retry: Option<&RetryPolicy>) -> Vec<Told> {
    let limit = Told::new("timeout", "none", "it may take for ever", ISTIO);
    std::iter::once(limit).chain(retry.into_iter().flat_map(default_retries)).collect()
}

/// The retries of a route as its words make them; those of the mesh where it has none.
pub(super) fn policy_of(route: &HttpRoute, release: Release) -> Option<RetryPolicy> {
    RetryPolicy::of(route.retries.as_ref().map(written_retries).as_ref(), release, false)
}

/// `route 2`, or with the name of the route
fn title(route: &HttpRoute, place: usize) -> String {
    if route.name.is_empty() { format!("route {}", place + 1) } else { format!("route {} `{}`", place + 1, route.name) }
}

/// A route with everything that it does.
pub(super) fn route_lines(route: &HttpRoute, place: usize, always: bool, retry: Option<&RetryPolicy>) -> Vec<Told> {
    let when = match (always && !route.matches.is_empty(), conditions(&route.matches)) {
        (_, None) => "every request".to_string(),
        (true, Some(when)) => format!("{when}, as these calls always are"),
        (false, Some(when)) => when,
    };
    let mut lines = vec![Told::new(title(route, place), when, "", From::Origin(route.origin.clone()))];
    let mut inner = faults(route);
    match &route.action {
        Written::Redirect(redirect) => {
            inner.push(Told::new("redirect", redirect.code, "the proxy answers by itself", From::Origin(redirect.origin.clone())));
        }
        Written::Answer(answer) => {
            let from = From::Origin(answer.status.origin.clone());
            inner.push(Told::new("directResponse", answer.status.value, "the proxy answers by itself", from));
        }
        Written::Delegate(to) => {
            let name = format!("VirtualService/{}/{}", to.namespace, to.name);
            inner.push(Told::new("delegate", name, "its routes stand in for this one", From::Origin(to.origin.clone())));
        }
        Written::Forward(destinations) => {
            inner.extend(times(route));
            inner.extend(retries(route, retry));
            inner.extend(weighted(destinations));
        }
    }
    for mirror in &route.mirrors {
        let meaning = format!("a copy of {} of the requests, whose answer nobody waits for", share(mirror.share.value));
        inner.push(Told::new("mirror", named(&mirror.destination), meaning, From::Origin(mirror.destination.host.origin.clone())));
    }
    lines.extend(inner.into_iter().map(|line| line.deeper(1)));
    lines
}

fn faults(route: &HttpRoute) -> Vec<Told> {
    let mut lines = Vec::new();
    if let Some(delay) = &route.fault.delay {
        let meaning = format!("for {} of the requests, outside of the timeout", share(delay.share.value));
        lines.push(Told::new("fault.delay", delay.fixed.value, meaning, From::Origin(delay.fixed.origin.clone())));
    }
    if let Some(abort) = &route.fault.abort {
        let answer = match abort.answer.value {
            AbortAnswer::Http(status) => status.to_string(),
            AbortAnswer::Grpc(code) => format!("grpc-status {code}"),
        };
        let meaning = format!("in place of {} of the requests, which no retry sees", share(abort.share.value));
        lines.push(Told::new("fault.abort", answer, meaning, From::Origin(abort.answer.origin.clone())));
    }
    lines
}

fn share(percentage: Percentage) -> String {
    percent(f64::from(percentage.numerator) / f64::from(percentage.denominator))
}

fn times(route: &HttpRoute) -> Vec<Told> {
    let limit = Told::or("timeout", route.timeout.as_ref(), "none", "of the whole request, its retries included", ISTIO);
    vec![if route.timeout.is_none() { Told { meaning: "it may take for ever".into(), ..limit } } else { limit }]
}

/// The retries of a route, or those of the mesh where it says nothing.
fn retries(route: &HttpRoute, policy: Option<&RetryPolicy>) -> Vec<Told> {
    let Some(written) = &route.retries else {
        return policy.map_or_else(Vec::new, default_retries);
    };
    let origin = |origin: &crate::model::tree::Origin| From::Origin(origin.clone());
    let Some(policy) = policy else {
        return vec![Told::new("retries.attempts", 0, "one try, no retries", origin(&written.origin))];
    };
    let times = timeouts(route);
    let meaning = format!("after the first try: {} tries in all", policy.num_retries + 1);
    let mut lines = vec![Told::new("retries.attempts", policy.num_retries, meaning, origin(&written.attempts.origin))];
    let per_try = match (times.per_try, policy.per_try_timeout) {
        (None, Some(_)) => "has no effect: it is not below the timeout",
        (None, None) => "the timeout of the route alone bounds a try",
        (Some(_), _) => "of one try",
    };
    lines.push(Told::or("retries.perTryTimeout", written.per_try_timeout.as_ref(), "none", per_try, ISTIO));
    let on = written.retry_on.as_ref().map_or(ISTIO, |on| origin(&on.origin));
    lines.push(Told::new("retries.retryOn", conditions_of(policy), not_retried(policy, times.per_try.is_some()), on));
    let backoff = written.backoff.as_ref().map_or(ENVOY, |base| origin(&base.origin));
    lines.push(Told::new("retries.backoff", backoff_of(policy), "drawn from 0 to a bound that doubles", backoff));
    let ignore = written.ignore_previous_hosts.as_ref().map_or(ISTIO, |written| origin(&written.origin));
    let hosts = if policy.avoids_previous_hosts { "a retry looks for another host, five times" } else { "" };
    lines.push(Told::new("retries.retryIgnorePreviousHosts", policy.avoids_previous_hosts, hosts, ignore));
    if written.remote_localities {
        lines.push(Told::new("retries.retryRemoteLocalities", true, "other localities are tried after two", origin(&written.origin)));
    }
    if policy.hedges {
        let meaning = "a try whose own timeout is over goes on beside the next one";
        lines.push(Told::new("hedge_on_per_try_timeout", true, meaning, From::Default("EnvoyFilter")));
    }
    lines
}

fn default_retries(policy: &RetryPolicy) -> Vec<Told> {
    vec![
        Told::new("retries.attempts", policy.num_retries, format!("after the first try: {} tries in all", policy.num_retries + 1), ISTIO),
        Told::new("retries.retryOn", conditions_of(policy), not_retried(policy, false), ISTIO),
        Told::new("retries.backoff", backoff_of(policy), "drawn from 0 to a bound that doubles", ENVOY),
    ]
}

fn conditions_of(policy: &RetryPolicy) -> String {
    let words = format!("{:?}", policy.on.tokens);
    let codes = policy.on.codes.iter().map(u16::to_string).collect::<Vec<_>>().join(",");
    let words = if codes.is_empty() { words.replace(",retriable-status-codes", "") } else { format!("{words} ({codes})") };
    words.replace(',', ", ")
}

/// What people expect to be retried, and is not.
fn not_retried(policy: &RetryPolicy, has_per_try: bool) -> String {
    use crate::policy::envoy::retry::{AttemptResult, Response};
    let answers = !policy.on.wants(AttemptResult::Response(Response::status(500)));
    let slow = has_per_try && !policy.on.wants(AttemptResult::PerTryTimeout);
    match (answers, slow) {
        (true, true) => "neither answers of 500 nor tries that were cut are retried".into(),
        (true, false) => "answers of 500 are not retried".into(),
        (false, true) => "tries that were cut are not retried".into(),
        (false, false) => String::new(),
    }
}

fn backoff_of(policy: &RetryPolicy) -> String {
    format!("{} to {}", policy.back_off.bound(0), policy.back_off.bound(63))
}

fn weighted(destinations: &[WeightedDestination]) -> Vec<Told> {
    let sum: u64 = destinations.iter().map(|one| u64::from(one.weight.value)).sum();
    let told = |one: &WeightedDestination| {
        let (part, from) = match (destinations.len(), sum) {
            (1, _) => ("every request".to_string(), one.destination.host.origin.clone()),
            (_, 0) => ("no request: it has no weight".to_string(), one.destination.host.origin.clone()),
            _ => {
                let weight = one.weight.value;
                let part = format!("{} of the requests (weight {weight} of {sum})", percent(f64::from(weight) / sum as f64));
                let origin = if one.weight.origin.spot().is_some() { &one.weight.origin } else { &one.destination.host.origin };
                (part, origin.clone())
            }
        };
        Told::new("to", named(&one.destination), part, From::Origin(from))
    };
    destinations.iter().map(told).collect()
}

/// `orders.shop.svc.cluster.local, subset v2, port 80`
fn named(destination: &Destination) -> String {
    let subset = destination.subset.as_ref().map_or(String::new(), |subset| format!(" subset {}", subset.value));
    let port = destination.port.as_ref().map_or(String::new(), |port| format!(" port {}", port.value));
    format!("{}{subset}{port}", destination.host.value)
}

/// What a request has to be like; `None`: nothing is asked of it.
fn conditions(matches: &[HttpMatch]) -> Option<String> {
    if matches.is_empty() {
        return None;
    }
    let entries: Vec<String> = matches.iter().map(entry).collect();
    Some(format!("if {}", entries.join(", or ")))
}

fn entry(entry: &HttpMatch) -> String {
    let mut parts = Vec::new();
    let mut add = |name: &str, pattern: Option<&StringMatch>| parts.extend(pattern.map(|pattern| format!("{name} {}", words(pattern))));
    add("uri", entry.uri.as_ref().map(|written| &written.value));
    add("scheme", entry.scheme.as_ref());
    add("method", entry.method.as_ref().map(|written| &written.value));
    add("authority", entry.authority.as_ref());
    entry.headers.iter().for_each(|(name, written)| add(&format!("header {name}"), Some(&written.value)));
    entry.query.iter().for_each(|(name, written)| add(&format!("parameter {name}"), Some(&written.value)));
    entry.without_headers.iter().for_each(|(name, written)| add(&format!("no header {name}"), Some(&written.value)));
    parts.extend(entry.port.as_ref().map(|port| format!("port {}", port.value)));
    parts.extend(entry.source_labels.iter().map(|(key, value)| format!("a caller labelled {key}={value}")));
    parts.extend(entry.source_namespace.as_ref().map(|namespace| format!("a caller in {namespace}")));
    let gateways = entry.gateways.iter().map(gateway).collect::<Vec<_>>().join(" or ");
    parts.extend((!gateways.is_empty()).then(|| format!("through {gateways}")));
    if parts.is_empty() { "whatever it is".into() } else { parts.join(" and ") }
}

pub(super) fn gateway(gateway: &GatewayRef) -> String {
    match gateway {
        GatewayRef::Mesh => "mesh (every sidecar)".into(),
        GatewayRef::Gateway { namespace, name } => format!("{namespace}/{name}"),
    }
}

fn words(pattern: &StringMatch) -> String {
    match pattern {
        StringMatch::Present => "is there".into(),
        StringMatch::Exact(text) => format!("is `{text}`"),
        StringMatch::Prefix(text) => format!("begins with `{text}`"),
        StringMatch::Regex(text) => format!("matches `{text}`"),
    }
}

/// Hosts and gateways of a VirtualService.
pub(super) fn bound_to(service: &VirtualService) -> Vec<Told> {
    let hosts = service.hosts.iter().map(|host| Told::new("host", &host.value, "", From::Origin(host.origin.clone())));
    let gateways = service.gateways.iter().map(|written| match written.origin.spot() {
        Some(_) => Told::new("gateway", gateway(&written.value), "", From::Origin(written.origin.clone())),
        None => Told::new("gateway", gateway(&written.value), "", ISTIO),
    });
    hosts.chain(gateways).collect()
}
