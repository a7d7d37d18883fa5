//! VirtualService (istio/api `networking/v1alpha3/virtual_service.proto`), and HTTPRoute in the same shape.

use super::{ExportTo, Host, Labels, Meta, Retries, Written};
use crate::base::time::Nanos;
use crate::model::tree::Origin;

/// Rules for requests to some hosts.
#[derive(Clone, Debug, PartialEq)]
pub struct VirtualService {
    pub meta: Meta,
    /// Empty in a delegate, which others refer to by its name.
    pub hosts: Vec<Written<Host>>,
    /// Never empty: `[mesh]` where nothing is written.
    pub gateways: Vec<Written<GatewayRef>>,
    pub export_to: Vec<ExportTo>,
    /// In the order in which they are tried; the first that matches wins.
    pub http: Vec<HttpRoute>,
    /// Where rules below HTTP are written: kept, not simulated.
    pub tcp: Option<Origin>,
    pub tls: Option<Origin>,
    /// Converted from an HTTPRoute: prefixes match whole path segments, and a missing cluster answers 500 and not 503.
    pub gateway_api: bool,
}

/// What proxies a rule is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GatewayRef {
    /// Every sidecar.
    Mesh,
    Gateway {
        namespace: String,
        name: String,
    },
}

/// One rule.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpRoute {
    pub origin: Origin,
    pub name: String,
    /// One of them has to hold; empty means that every request matches.
    pub matches: Vec<HttpMatch>,
    pub action: Action,
    pub rewrite: Option<Rewrite>,
    /// `None` is no timeout: Istio writes 0 where nothing is written, not Envoy's 15 s.
    pub timeout: Option<Written<Nanos>>,
    /// `None` is the mesh's default policy; a block without `attempts` is a policy of no retries.
    pub retries: Option<Retries>,
    pub fault: FaultInjection,
    /// Each is drawn on its own.
    pub mirrors: Vec<Mirror>,
    pub headers: HeaderOps,
    /// Kept, not simulated.
    pub cors: Option<Origin>,
}

/// All that is written has to hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HttpMatch {
    pub name: String,
    /// On the path without its query.
    pub uri: Option<Written<StringMatch>>,
    /// For `Exact` and `Prefix` of `uri`.
    pub ignore_uri_case: bool,
    pub scheme: Option<StringMatch>,
    pub method: Option<Written<StringMatch>>,
    pub authority: Option<StringMatch>,
    /// Names in lower case.
    pub headers: Vec<(String, Written<StringMatch>)>,
    pub without_headers: Vec<(String, Written<StringMatch>)>,
    pub query: Vec<(String, Written<StringMatch>)>,
    pub port: Option<Written<u32>>,
    /// Tested when a proxy's configuration is made, against the calling pod.
    pub source_labels: Labels,
    pub source_namespace: Option<String>,
    /// Empty: those of the VirtualService. Where there are some, `source_labels` and `source_namespace` are not looked at.
    pub gateways: Vec<GatewayRef>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StringMatch {
    /// `{}` or the regex `*`: the name only has to be there.
    Present,
    Exact(String),
    Prefix(String),
    /// RE2; it has to match the whole value.
    Regex(String),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Never empty.
    Forward(Vec<WeightedDestination>),
    Redirect(Redirect),
    Answer(DirectAnswer),
    Delegate(DelegateRef),
}

#[derive(Clone, Debug, PartialEq)]
pub struct WeightedDestination {
    pub destination: Destination,
    /// As written; absent is 0. The share is this of the sum of all, but a single destination gets everything.
    pub weight: Written<u32>,
    pub headers: HeaderOps,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Destination {
    pub host: Written<Host>,
    pub subset: Option<Written<String>>,
    /// `None`: the only port of the service, or the one that the client addressed.
    pub port: Option<Written<u32>>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Redirect {
    pub origin: Origin,
    /// 301 where nothing is written.
    pub code: u16,
    pub uri: Option<String>,
    pub authority: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct DirectAnswer {
    pub status: Written<u16>,
    pub body_bytes: u64,
}

/// The VirtualService whose rules stand in for this one.
#[derive(Clone, Debug, PartialEq)]
pub struct DelegateRef {
    pub origin: Origin,
    pub name: String,
    pub namespace: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Rewrite {
    pub origin: Origin,
    pub uri: Option<String>,
    pub authority: Option<String>,
    /// Pattern and substitution.
    pub regex: Option<(String, String)>,
}

/// Happens in the calling proxy before its router: outside of the timeout, and once per request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FaultInjection {
    pub delay: Option<Delay>,
    pub abort: Option<Abort>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Delay {
    pub fixed: Written<Nanos>,
    /// Where nothing is written, of no request.
    pub share: Written<Percentage>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Abort {
    pub answer: Written<AbortAnswer>,
    /// Where nothing is written, of no request.
    pub share: Written<Percentage>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AbortAnswer {
    Http(u16),
    /// HTTP 200 with this `grpc-status`.
    Grpc(u8),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Mirror {
    pub destination: Destination,
    /// Where nothing is written, of every request.
    pub share: Written<Percentage>,
}

/// Envoy's fractional percent: a request is hit if `random % denominator < numerator`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Percentage {
    pub numerator: u32,
    /// 1,000,000 for doubles (cut off, not rounded), 100 for the old integers.
    pub denominator: u32,
}

impl Percentage {
    pub const NONE: Percentage = Percentage { numerator: 0, denominator: 1_000_000 };
    pub const ALL: Percentage = Percentage { numerator: 1_000_000, denominator: 1_000_000 };
}

/// What is done to headers on the way to the destination and back.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HeaderOps {
    pub request: HeaderChange,
    pub response: HeaderChange,
}

/// Names in lower case.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HeaderChange {
    pub set: Labels,
    pub add: Labels,
    pub remove: Vec<String>,
}

impl VirtualService {
    /// Whether it is for sidecars, and not for gateways alone.
    pub fn is_for_mesh(&self) -> bool {
        self.gateways.iter().any(|gateway| gateway.value == GatewayRef::Mesh)
    }

    /// Every destination that a rule names, mirrors included.
    pub fn destinations(&self) -> impl Iterator<Item = &Destination> {
        self.http.iter().flat_map(|rule| {
            let routes = match &rule.action {
                Action::Forward(list) => list.as_slice(),
                Action::Redirect(_) | Action::Answer(_) | Action::Delegate(_) => &[],
            };
            routes.iter().map(|one| &one.destination).chain(rule.mirrors.iter().map(|mirror| &mirror.destination))
        })
    }

    pub fn destinations_mut(&mut self) -> impl Iterator<Item = &mut Destination> {
        self.http.iter_mut().flat_map(|rule| {
            let routes = match &mut rule.action {
                Action::Forward(list) => list.as_mut_slice(),
                Action::Redirect(_) | Action::Answer(_) | Action::Delegate(_) => &mut [],
            };
            routes.iter_mut().map(|one| &mut one.destination).chain(rule.mirrors.iter_mut().map(|mirror| &mut mirror.destination))
        })
    }
}
