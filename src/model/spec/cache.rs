//! Caches that steps ask before they do the costly thing.

use crate::model::scalar::{DistSpec, Duration, KeysSpec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A cache. Its key is drawn once per request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Cache {
    /// How keys are drawn. Required.
    pub keys: KeysSpec,
    /// Entries that fit in. Required.
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub capacity: u64,
    /// Who goes when it is full. Default: lru.
    #[serde(default)]
    pub eviction: Eviction,
    /// How long an entry is good. Default: none, for ever.
    #[serde(default)]
    pub ttl: Option<Duration>,
    /// What a hit costs.
    #[serde(default)]
    pub hit: Hit,
    /// Whether each replica has its own. Default: perReplica.
    #[serde(default)]
    pub scope: CacheScope,
}

/// Who leaves a full cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Eviction {
    /// The entry that was not asked for the longest.
    #[default]
    Lru,
}

/// What a hit costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Hit {
    /// Time that the answer of the cache takes. Default: 0s.
    pub wait: DistSpec,
}

impl Default for Hit {
    fn default() -> Hit {
        Hit { wait: DistSpec::ZERO }
    }
}

/// Whose cache it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum CacheScope {
    /// Each replica has its own, empty when the replica starts.
    #[default]
    PerReplica,
    /// One for all.
    Shared,
}
