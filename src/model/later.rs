//! What the language has and this release has not: refused by name with what to do instead, never ignored and never taken
//! for a typing error.

/// A word of the language: the type of the schema that will have it one day, the word, why not yet, and what to do instead.
type Later = (&'static str, &'static str, &'static str, &'static str);

const NO_MESH: &str = "it has no service mesh";
const NO_CPU: &str = "it has no contention for the CPU";
const NO_PRIORITY: &str = "it serves requests without priorities";
const NO_PROBES: &str = "replicas are ready as soon as they run";

const INSTEAD_OF_MESH: &str = "remove it, and give the call a `policy` that does what the sidecar would";
const REMOVE: &str = "remove it";

const KEYS: &[Later] = &[
    ("Document", "rollouts", "services do not change while it runs", "remove it, and compare the versions as `variants`"),
    ("Document", "sweep", "it has no `brownout sweep`", "remove it; write the values as `variants`, or run once per value with `--set`"),
    ("Document", "hunt", "it has no `brownout hunt`", "remove it, and write the faults to try as `variants`"),
    ("Client", "sidecar", NO_MESH, INSTEAD_OF_MESH),
    ("Client", "priority", NO_PRIORITY, REMOVE),
    ("Service", "cores", NO_CPU, "remove it; `workers` bounds how many requests are worked on at once"),
    ("Service", "memory", "memory is unlimited", "remove it; a fault can `crash` replicas at a time that you choose"),
    ("Service", "startup", NO_PROBES, "remove it; `restart: after(DIST)` of a crash says how long a replica is away"),
    ("Service", "readiness", NO_PROBES, REMOVE),
    ("Service", "liveness", NO_PROBES, "remove it; `restart: after(DIST)` of a crash says when a replica is back"),
    ("Service", "priority", NO_PRIORITY, REMOVE),
    ("Service", "autoscaling", "the number of replicas is fixed", "remove it, and set `replicas`"),
    ("Service", "autoscaler", "the number of replicas is fixed", "remove it, and set `replicas`"),
    ("Queue", "priorities", NO_PRIORITY, REMOVE),
    ("Queue", "weights", NO_PRIORITY, REMOVE),
    ("CallStep", "headers", NO_MESH, REMOVE),
    ("CallStep", "priority", NO_PRIORITY, REMOVE),
    ("CallStep", "awaitReply", "a call waits for its answer", "remove it; `publish` has `awaitReply`"),
    ("CacheUse", "key", "the key is drawn once per request and cache", "remove it, and describe the keys under the cache's `keys`"),
    ("Policy", "hedge", "it sends no hedged attempts", "remove it; a `retry` after a short `timeout` comes nearest"),
    ("Network", "mtls", NO_MESH, "write `connections: {tls: true}` at the called services"),
    ("Fault", "afterRequests", "faults begin at a time", "use `at`"),
    ("Fault", "cpuSteal", NO_CPU, "use `slow`"),
    ("Fault", "memoryLeak", "memory is unlimited", "use `slow`, and then `crash`"),
    ("Fault", "connectionLeak", "connections do not leak", "set the pool's `size` lower in a variant, or use `hang`"),
    ("Fault", "certificateExpiry", NO_MESH, "use `partition` between the services that would stop to trust each other"),
    ("Fault", "mtbf", "faults begin at a time", "use `every: exp(…)` with `for: exp(…)`"),
    ("Fault", "mttr", "faults begin at a time", "use `every: exp(…)` with `for: exp(…)`"),
    ("Fault", "group", "faults do not depend on each other", "give the faults the same `at`"),
    ("Crash", "afterRequests", "faults begin at a time", "use `at` of the fault"),
];

/// Values, some of which take parameters: `codel(…)`.
const VALUES: &[Later] = &[
    ("Discipline", "adaptiveLifo", "it has no such queue", "use `fifo` or `lifo`"),
    ("Discipline", "codel", "it has no such queue", "use `fifo`, and `maxWait` to drop what waited too long"),
    ("Discipline", "priority", NO_PRIORITY, "use `fifo` or `lifo`"),
    ("Discipline", "fair", "it has no such queue", "use `fifo` or `lifo`"),
    ("LoadBalancing", "leastConnection", "it has no such balancer", "use `leastRequest`"),
    ("LoadBalancing", "peakEwma", "it has no such balancer", "use `leastRequest`"),
    ("LoadBalancing", "consistentHash", "it has no such balancer", "use `roundRobin`, `random` or `leastRequest`"),
    ("LoadBalancing", "ringHash", "it has no such balancer", "use `roundRobin`, `random` or `leastRequest`"),
    ("LoadBalancing", "maglev", "it has no such balancer", "use `roundRobin`, `random` or `leastRequest`"),
    ("LoadBalancing", "weighted", "replicas weigh the same", "use `roundRobin`, `random` or `leastRequest`"),
    ("LoadBalancing", "weightedRoundRobin", "replicas weigh the same", "use `roundRobin`"),
    ("LoadBalancing", "passthrough", NO_MESH, "use `roundRobin`, `random` or `leastRequest`"),
    ("LoadBalancing", "locality", "it has no such balancer", "use `roundRobin`, `random` or `leastRequest`"),
    ("Eviction", "lfu", "it has no such cache", "use `lru`"),
    ("Eviction", "fifo", "it has no such cache", "use `lru`"),
    ("Eviction", "random", "it has no such cache", "use `lru`"),
    ("PolicyPart", "hedge", "it sends no hedged attempts", "remove it from the order"),
];

/// Words of the command line that a later release has: subcommands and flags, with what to do instead.
pub const COMMAND_WORDS: &[(&str, &str)] = &[
    ("sweep", "write the values as `variants` and use `brownout compare`, or run once per value with `--set`"),
    ("merge", "it joins the shards of `brownout sweep`, which this release has not"),
    ("hunt", "write the faults to try as `variants` and use `brownout compare`"),
    ("import", "write the model by hand: `brownout schema` gives editors its keys"),
    ("--vary", "run once per value with `--set`"),
    ("--shard", "use `--seed` and `--seeds` to split an ensemble"),
];

/// What a word of a later release lacks today, and what to do instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advice {
    pub why: &'static str,
    pub instead: &'static str,
}

/// Whether this key belongs to the language, but not to this release.
pub fn key(owner: &str, key: &str) -> Option<Advice> {
    look_up(KEYS, owner, key)
}

/// Whether this value belongs to the language, but not to this release.
pub fn value(owner: &str, value: &str) -> Option<Advice> {
    look_up(VALUES, owner, value.split('(').next().unwrap_or(value))
}

fn look_up(table: &[Later], owner: &str, word: &str) -> Option<Advice> {
    let found = table.iter().find(|(name, known, ..)| *name == owner && *known == word);
    found.map(|(_, _, why, instead)| Advice { why, instead })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::schema::schema;

    #[test]
    fn what_is_there_is_not_said_to_be_missing() {
        for (owner, word, ..) in KEYS {
            let there = if *owner == "Document" { schema() } else { &schema()["$defs"][owner] };
            assert!(there.is_object(), "no type {owner}");
            assert!(there["properties"][word].is_null(), "{owner}.{word} is there");
        }
        for (owner, word, ..) in VALUES {
            assert!(!schema()["$defs"][owner].to_string().contains(&format!("\"{word}\"")), "{owner}: {word} is there");
        }
    }
}
