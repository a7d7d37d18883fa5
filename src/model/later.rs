//! What the language has and this release has not: refused by name, never ignored and never taken for a typing error.

/// A key of the language, by the type of the schema that will have it one day.
const KEYS: &[(&str, &[&str])] = &[
    ("Document", &["brokers", "consumers", "mesh", "manifests", "rollouts", "sweep", "hunt"]),
    ("Client", &["request", "via", "priority", "sidecar"]),
    (
        "Service",
        &[
            "cores",
            "memory",
            "startup",
            "readiness",
            "liveness",
            "protocol",
            "versions",
            "labels",
            "sidecar",
            "priority",
            "autoscaling",
            "autoscaler",
        ],
    ),
    ("Queue", &["priorities", "weights"]),
    ("Step", &["publish", "awaitReply"]),
    ("CallStep", &["payload", "response", "priority", "request", "headers", "awaitReply", "protocol"]),
    ("CacheUse", &["key"]),
    ("Policy", &["hedge"]),
    ("Network", &["mtls"]),
    ("Link", &["bandwidth"]),
    ("ZoneLink", &["bandwidth"]),
    ("LinkBetween", &["bandwidth"]),
    ("LinkFault", &["bandwidth"]),
    (
        "Fault",
        &[
            "afterRequests",
            "cpuSteal",
            "memoryLeak",
            "connectionLeak",
            "brokerDown",
            "consumerStuck",
            "poisonMessage",
            "configPush",
            "certificateExpiry",
            "mtbf",
            "mttr",
            "group",
        ],
    ),
];

/// A value of the language, by the type of the schema that will have it one day. Some take parameters: `codel(…)`.
const VALUES: &[(&str, &[&str])] = &[
    ("Discipline", &["adaptiveLifo", "codel", "priority", "fair"]),
    (
        "LoadBalancing",
        &[
            "leastConnection",
            "peakEwma",
            "consistentHash",
            "ringHash",
            "maglev",
            "weighted",
            "weightedRoundRobin",
            "passthrough",
            "locality",
        ],
    ),
    ("Eviction", &["lfu", "fifo", "random"]),
    ("PolicyPart", &["hedge"]),
];

/// Whether this key belongs to the language, but not to this release.
pub fn is_later_key(owner: &str, key: &str) -> bool {
    has(KEYS, owner, key)
}

/// Whether this value belongs to the language, but not to this release.
pub fn is_later_value(owner: &str, value: &str) -> bool {
    has(VALUES, owner, value.split('(').next().unwrap_or(value))
}

fn has(table: &[(&str, &[&str])], owner: &str, word: &str) -> bool {
    table.iter().any(|(name, words)| *name == owner && words.contains(&word))
}
