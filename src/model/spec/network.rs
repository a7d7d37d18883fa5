//! Latency and loss of the network, from the general to the particular: default, pairs of zones, links.

use super::Named;
use crate::model::scalar::{DistSpec, Share};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Latency and loss between callers and callees. A link beats a pair of zones, a pair of zones beats the default.
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
}

/// A path of the network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Link {
    /// Time of one way, drawn for each message. Default: 0s.
    pub latency: DistSpec,
    /// Share of messages that are lost. Default: 0%.
    pub loss: Share,
}

impl Default for Link {
    fn default() -> Link {
        Link { latency: DistSpec::ZERO, loss: Share::NONE }
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
}
