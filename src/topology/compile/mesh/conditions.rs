//! What of a match can be decided when the mesh is compiled, and what is left: conditions on headers that are drawn.

use super::{Caller, Weaver};
use crate::base::id::*;
use crate::model::mesh::{GatewayRef, HttpMatch, StringMatch};
use crate::model::spec::{self, HeaderValue};
use crate::policy::envoy::route_match::QueryCondition;
use crate::policy::envoy::string_match::{self, ValueMatch};
use crate::topology::mesh::HeaderCondition;
use crate::topology::site::Caller as SiteCaller;

/// A call as the rules of its proxy see it.
pub(super) struct Asked {
    pub method: String,
    pub path: String,
    /// What follows the question mark.
    pub query: String,
    pub authority: String,
    /// Set by the calling step.
    headers: Vec<(String, String)>,
    pub port: u32,
}

impl Asked {
    pub fn of(weaver: &Weaver<'_, '_>, site: SiteId, host: usize) -> Asked {
        let callable = &weaver.hosts.all[host];
        let place = &weaver.compiler.topology.sites[site.index()];
        let (method, path, headers) = match place.caller {
            SiteCaller::Client(client) => {
                let name = &weaver.compiler.topology.clients[client.index()].name;
                let request = weaver.model().clients[name.as_str()].request.clone().unwrap_or_default();
                (request.method, request.path, Vec::new())
            }
            SiteCaller::Endpoint(_) => {
                let request = weaver.compiler.requests.get(&site).cloned().unwrap_or_default();
                let headers = request.headers.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect();
                (request.method, request.path, headers)
            }
        };
        let (path, query) = path.split_once('?').map_or((path.clone(), ""), |(path, query)| (path.to_string(), query));
        let query = query.to_string();
        Asked { method, query, path, authority: callable.host.0.clone(), headers, port: callable.port }
    }
}

/// A match, or one of a rule and one of its delegate: all have to hold.
pub(super) type Entry<'m> = Vec<&'m HttpMatch>;

impl<'m> Weaver<'_, 'm> {
    /// Whether a match concerns this proxy at all.
    pub(super) fn concerns(entry: &HttpMatch, caller: &Caller<'_>, port: u32) -> bool {
        let here = |gateways: &[GatewayRef]| match &caller.gateway {
            Some(gateway) => gateways.contains(gateway),
            None => gateways.contains(&GatewayRef::Mesh),
        };
        if entry.port.as_ref().is_some_and(|written| written.value != port) {
            return false;
        }
        if !entry.gateways.is_empty() {
            // Istio looks no further: labels and namespace of the same match are not tested.
            return here(&entry.gateways);
        }
        let labels = entry.source_labels.iter().all(|(key, value)| caller.labels.get(key) == Some(value));
        labels && entry.source_namespace.as_ref().is_none_or(|namespace| namespace == caller.namespace)
    }

    /// What is left of an entry for a call: nothing if it cannot hold, no conditions if it always does.
    pub(super) fn conditions(&self, entry: &Entry<'_>, asked: &Asked, by_segment: bool) -> Option<Vec<HeaderCondition>> {
        let mut left = Vec::new();
        for part in entry {
            if !fixed_part_holds(part, asked, by_segment) {
                return None;
            }
            let wanted = part.headers.iter().map(|(name, pattern)| (name, &pattern.value, true));
            let unwanted = part.without_headers.iter().map(|(name, pattern)| (name, &pattern.value, false));
            for (name, pattern, positive) in wanted.chain(unwanted) {
                let condition = self.header(name, pattern, positive, asked);
                let always = condition.absent && condition.values.iter().all(|(_, holds)| holds.iter().all(|held| *held));
                let never = !condition.absent && condition.values.iter().all(|(_, holds)| holds.iter().all(|held| !held));
                if never {
                    return None;
                }
                if !always {
                    left.push(condition);
                }
            }
        }
        Some(left)
    }

    /// Whether the header's pattern holds (or does not, if it is to be without), by what each client sends.
    fn header(&self, name: &str, pattern: &StringMatch, positive: bool, asked: &Asked) -> HeaderCondition {
        let holds = |value: Option<&str>| accepts(pattern, value, false) == positive;
        if let Some((_, value)) = asked.headers.iter().find(|(header, _)| header == name) {
            return HeaderCondition { values: Vec::new(), absent: holds(Some(value)) };
        }
        let attribute_name = header_attribute(name);
        let attributes = self.compiler.topology.attributes.iter().enumerate().filter(|(_, a)| a.name == attribute_name);
        let of_client = |(place, attribute): (usize, &crate::topology::Attribute)| {
            let client = &self.compiler.topology.clients[attribute.client.index()].name;
            let values = header_values(&self.model().clients[client.as_str()], name);
            (AttributeId::new(place), values.iter().map(|(value, _)| holds(Some(value))).collect())
        };
        HeaderCondition { values: attributes.map(of_client).collect(), absent: holds(None) }
    }
}

/// Name of the attribute that stands for a header.
pub(in crate::topology::compile) fn header_attribute(name: &str) -> String {
    format!("header {}", name.to_lowercase())
}

/// The values of a client's header with their shares, in a fixed order.
pub(in crate::topology::compile) fn header_values(client: &spec::Client, name: &str) -> Vec<(String, f64)> {
    let headers = client.request.iter().flat_map(|request| &request.headers);
    let found = headers.into_iter().find(|(header, _)| header.to_lowercase() == name.to_lowercase());
    match found {
        None => Vec::new(),
        Some((_, HeaderValue::One(value))) => vec![(value.clone(), 1.0)],
        Some((_, HeaderValue::Mix(values))) => values.iter().map(|(value, share)| (value.clone(), share.fraction())).collect(),
    }
}

/// Whether all that does not depend on headers holds.
fn fixed_part_holds(part: &HttpMatch, asked: &Asked, by_segment: bool) -> bool {
    let fits = |pattern: Option<&StringMatch>, value: &str| pattern.is_none_or(|written| accepts(written, Some(value), false));
    let uri = part.uri.as_ref().is_none_or(|written| match pattern(&written.value, by_segment) {
        Some(ValueMatch::Is(pattern)) => pattern.matches_case(&asked.path, part.ignore_uri_case),
        Some(ValueMatch::Present) => true,
        None => false,
    });
    let query = part.query.iter().all(|(name, written)| {
        let Some(value) = pattern(&written.value, false) else { return false };
        QueryCondition { name: name.clone(), value }.holds(&asked.query)
    });
    let method = fits(part.method.as_ref().map(|written| &written.value), &asked.method);
    uri && method && query && fits(part.scheme.as_ref(), "http") && fits(part.authority.as_ref(), &asked.authority)
}

fn accepts(written: &StringMatch, value: Option<&str>, by_segment: bool) -> bool {
    pattern(written, by_segment).is_some_and(|pattern| pattern.accepts(value))
}

/// The written pattern, ready to match; reading it has made sure that its expression can be compiled.
fn pattern(written: &StringMatch, by_segment: bool) -> Option<ValueMatch> {
    Some(match written {
        StringMatch::Present => ValueMatch::Present,
        StringMatch::Exact(text) => ValueMatch::Is(string_match::StringMatch::Exact(text.clone())),
        StringMatch::Prefix(text) if by_segment => ValueMatch::Is(string_match::StringMatch::path_prefix(text)),
        StringMatch::Prefix(text) => ValueMatch::Is(string_match::StringMatch::Prefix(text.clone())),
        StringMatch::Regex(text) => ValueMatch::Is(string_match::StringMatch::regex(text).ok()?),
    })
}
