//! Latency, bandwidth and loss of the network, from the general to the particular: default, pairs of zones, links.

use super::Named;
use crate::model::scalar::{Bandwidth, Bytes, DistSpec, Share};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Latency, bandwidth and loss between callers and callees. A link beats a pair of zones, a pair of zones beats the default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Network {
    /// Of every path that has nothing of its own.
    #[serde(rename = "default")]
    pub everywhere: Link,
    /// Between two zones, in both directions; the name is `"A-B"`, or `"A-A"` within one. Default: none.
    pub zones: Named<ZoneLink>,
    /// Between two parties, by a name of its own. Default: none.
    pub links: Named<LinkBetween>,
    /// Headers that applications send with each request, beside those of its protocol. Default: none.
    pub headers: Headers,
}

/// Headers that applications send with each request, beside those of its protocol: tokens, cookies, ids.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Headers {
    /// Those that are the same in all requests of a connection (a service's own token). HTTP/2 and gRPC send them once per connection, HTTP/1.1 each time. Default: 0B.
    pub same: Bytes,
    /// Those that differ from request to request (a user's token); sent each time. Default: 0B.
    pub changing: Bytes,
}

impl Default for Headers {
    fn default() -> Headers {
        Headers { same: Bytes(0), changing: Bytes(0) }
    }
}

/// A path of the network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Link {
    /// Time of one way, drawn for each message. Default: 0s.
    pub latency: DistSpec,
    /// Share of messages that are lost. Default: 0%.
    pub loss: Share,
    /// Bits per second of each direction: messages leave one after the other, each after its size ÷ bandwidth, and then travel for the latency. All calls between the same caller (a client, or the replicas of a service together) and the same service share the two directions, answers to calls of the other way included. Default: none, size takes no time.
    pub bandwidth: Option<Bandwidth>,
}

impl Default for Link {
    fn default() -> Link {
        Link { latency: DistSpec::ZERO, loss: Share::NONE, bandwidth: None }
    }
}

/// The path between two zones.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct ZoneLink {
    /// Time of one way, drawn for each message. Default: that of `network.default`.
    pub latency: Option<DistSpec>,
    /// Share of messages that are lost. Default: that of `network.default`.
    pub loss: Option<Share>,
    /// Bits per second of each direction, shared by all calls between the two zones, whoever calls whom. Default: that of `network.default`.
    pub bandwidth: Option<Bandwidth>,
}

/// The path between two parties, in both directions: from a client or service to a service, or between two zones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LinkBetween {
    /// The calling client or service, or a zone. Required.
    pub from: String,
    /// The called service, or another zone. Required.
    pub to: String,
    /// Time of one way, drawn for each message. Default: that of `network.default`.
    #[serde(default)]
    pub latency: Option<DistSpec>,
    /// Share of messages that are lost. Default: that of `network.default`.
    #[serde(default)]
    pub loss: Option<Share>,
    /// Bits per second of each direction, shared by all calls that go this way; calls in the other way have their own. Between zones: shared by both. Default: that of `network.default`.
    #[serde(default)]
    pub bandwidth: Option<Bandwidth>,
}
