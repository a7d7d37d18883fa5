//! Load balancing (istio `validateLoadBalancer`, `ValidateLocalityLbSetting`).

use crate::base::time::Nanos;
use crate::import::cursor::{At, Fields};
use crate::import::notes::Notes;
use crate::model::mesh::{
    ConsistentHash, Distribute, Failover, HashKey, HashTable, LoadBalancer, Locality, LocalityShare, SimpleBalancer, Warmup, ZoneAware,
};

const SIMPLE: [(&str, i64, Option<SimpleBalancer>); 6] = [
    ("UNSPECIFIED", 0, None),
    ("LEAST_CONN", 1, Some(SimpleBalancer::LeastRequest)),
    ("RANDOM", 2, Some(SimpleBalancer::Random)),
    ("PASSTHROUGH", 3, Some(SimpleBalancer::Passthrough)),
    ("ROUND_ROBIN", 4, Some(SimpleBalancer::RoundRobin)),
    ("LEAST_REQUEST", 5, Some(SimpleBalancer::LeastRequest)),
];

/// Envoy's limit of a Maglev table.
const LARGEST_TABLE: u64 = 5_000_011;

pub(in crate::import) fn read(notes: &mut Notes, at: &At, has_outlier_detection: bool) -> LoadBalancer {
    let mut fields = at.fields(notes);
    let simple_at = fields.get(notes, "simple");
    let hash_at = fields.get(notes, "consistentHash");
    let locality_at = fields.get(notes, "localityLbSetting");
    let zone_at = fields.get(notes, "zoneAwareLbSetting");
    let warmup_at = fields.get(notes, "warmup");
    let seconds_at = fields.get(notes, "warmupDurationSecs");
    fields.finish(notes);
    if let (Some(_), Some(at)) = (&simple_at, &hash_at) {
        notes.error("bad-balancer", at, "`simple` and `consistentHash` exclude each other", "remove one of them");
    }
    if let (Some(_), Some(at)) = (&locality_at, &zone_at) {
        notes.error("bad-balancer", at, "`localityLbSetting` and `zoneAwareLbSetting` exclude each other", "remove one of them");
    }
    if let Some(at) = seconds_at.as_ref() {
        notes.warning("deprecated-field", at, "`warmupDurationSecs` is deprecated", "write `warmup: {duration: …}`");
    }
    if let Some(at) = simple_at.as_ref().filter(|at| at.node.value == crate::model::tree::Value::String("LEAST_CONN".into())) {
        notes.warning("deprecated-field", at, "`LEAST_CONN` is deprecated", "write `LEAST_REQUEST`, which it means");
    }
    let old_warmup = seconds_at.and_then(|at| plain_warmup(notes, &at));
    LoadBalancer {
        origin: at.origin(),
        simple: simple_at.and_then(|at| at.word(notes, &SIMPLE)?.map(|simple| at.written(simple))),
        consistent_hash: hash_at.and_then(|at| hash(notes, &at)),
        locality: locality_at.map(|at| locality(notes, &at, has_outlier_detection)),
        warmup: warmup_at.and_then(|at| warmup(notes, &at)).or(old_warmup),
        zone_aware: zone_at.map(|at| zone_aware(notes, &at)),
    }
}

fn hash(notes: &mut Notes, at: &At) -> Option<ConsistentHash> {
    let mut fields = at.fields(notes);
    let keys: Vec<(HashKey, At)> = keys(notes, &mut fields);
    let table = table(notes, &mut fields);
    fields.finish(notes);
    if let [_, (_, second), ..] = &keys[..] {
        notes.error("bad-balancer", second, "a request is hashed by one thing", "remove the others");
    }
    keys.into_iter().next().map(|(key, _)| ConsistentHash { origin: at.origin(), key, table })
}

fn keys<'n>(notes: &mut Notes, fields: &mut Fields<'n>) -> Vec<(HashKey, At<'n>)> {
    let mut keys = Vec::new();
    if let Some(at) = fields.get(notes, "httpHeaderName")
        && let Some(name) = at.text(notes)
    {
        keys.push((HashKey::Header(name.to_ascii_lowercase()), at));
    }
    if let Some(at) = fields.get(notes, "httpCookie") {
        keys.push((cookie(notes, &at), at));
    }
    if let Some(at) = fields.get(notes, "useSourceIp")
        && at.bool(notes).is_some()
    {
        keys.push((HashKey::SourceIp, at));
    }
    if let Some(at) = fields.get(notes, "httpQueryParameterName")
        && let Some(name) = at.text(notes)
    {
        keys.push((HashKey::Query(name.to_owned()), at));
    }
    keys
}

fn cookie(notes: &mut Notes, at: &At) -> HashKey {
    let mut fields = at.fields(notes);
    let name = fields.word(notes, "name");
    let ttl = fields.get(notes, "ttl").and_then(|at| at.go_duration(notes));
    let mut seen: Vec<String> = Vec::new();
    for attribute in fields.list(notes, "attributes") {
        let mut inner = attribute.fields(notes);
        let name = inner.word(notes, "name").unwrap_or_default();
        inner.ignores(&["value"]);
        inner.finish(notes);
        if name.is_empty() || seen.contains(&name) {
            notes.error("bad-balancer", &attribute, "attributes of a cookie have names of their own", "name it, or remove it");
        }
        seen.push(name);
    }
    fields.ignores(&["path"]);
    fields.finish(notes);
    if name.is_none() {
        notes.error("missing-field", at, "a cookie needs a `name`", "write `name: …`");
    }
    let ttl = ttl.filter(|nanos| *nanos >= 0).map(|nanos| Nanos(nanos as u64));
    HashKey::Cookie { name: name.unwrap_or_default(), ttl }
}

fn table(notes: &mut Notes, fields: &mut Fields) -> HashTable {
    let old = fields.get(notes, "minimumRingSize");
    let ring_at = fields.get(notes, "ringHash");
    let maglev_at = fields.get(notes, "maglev");
    let minimum = old.as_ref().and_then(|at| at.int_in(notes, 0, i64::MAX / 2)).filter(|size| *size > 0).map(|size| size as u64);
    if let Some(at) = old.as_ref().filter(|_| minimum.is_some()) {
        notes.warning("deprecated-field", at, "`minimumRingSize` here is deprecated", "write `ringHash: {minimumRingSize: …}`");
        if ring_at.is_some() || maglev_at.is_some() {
            notes.error("bad-balancer", at, "`minimumRingSize` and a chosen algorithm exclude each other", "remove it");
        }
    }
    if let (Some(_), Some(at)) = (&ring_at, &maglev_at) {
        notes.error("bad-balancer", at, "`ringHash` and `maglev` exclude each other", "remove one of them");
    }
    if let Some(at) = maglev_at {
        return maglev(notes, &at);
    }
    let inner = ring_at.and_then(|at| {
        let mut fields = at.fields(notes);
        let size = fields.get(notes, "minimumRingSize").and_then(|at| at.int_in(notes, 0, i64::MAX / 2));
        fields.finish(notes);
        size.filter(|size| *size > 0).map(|size| size as u64)
    });
    HashTable::Ring { minimum: inner.or(minimum).unwrap_or(1024) }
}

fn maglev(notes: &mut Notes, at: &At) -> HashTable {
    let mut fields = at.fields(notes);
    let size_at = fields.get(notes, "tableSize");
    let size = size_at.as_ref().and_then(|at| at.int_in(notes, 0, i64::MAX / 2)).unwrap_or(0) as u64;
    fields.finish(notes);
    if size >= LARGEST_TABLE || !is_prime(size) {
        let at = size_at.as_ref().unwrap_or(at);
        let message = format!("the size of a Maglev table is a prime below {LARGEST_TABLE}, not {size}");
        notes.error("bad-balancer", at, message, "write for example `tableSize: 65537`");
    }
    HashTable::Maglev { size }
}

fn is_prime(number: u64) -> bool {
    let factor = |divisor: &u64| number.is_multiple_of(*divisor);
    number > 1 && !(2..).take_while(|divisor| divisor * divisor <= number).any(|divisor| factor(&divisor))
}

fn warmup(notes: &mut Notes, at: &At) -> Option<Warmup> {
    let mut fields = at.fields(notes);
    let duration_at = fields.get(notes, "duration");
    let percent_at = fields.get(notes, "minimumPercent");
    let aggression_at = fields.get(notes, "aggression");
    fields.finish(notes);
    if duration_at.is_none() {
        notes.error("missing-field", at, "`warmup` needs a `duration`", "write for example `duration: 60s`");
    }
    let percent = percent_at.as_ref().and_then(|at| at.float(notes)).unwrap_or(10.0);
    if let Some(at) = percent_at.filter(|_| !(0.0..=100.0).contains(&percent)) {
        notes.error("bad-percentage", &at, format!("`minimumPercent` is from 0 to 100, not {percent}"), "write a number from 0 to 100");
    }
    let aggression = aggression_at.as_ref().and_then(|at| at.float(notes)).unwrap_or(1.0);
    if let Some(at) = aggression_at.filter(|_| aggression < 1.0) {
        notes.error("out-of-range", &at, format!("`aggression` is at least 1, not {aggression}"), "write a number from 1 on");
    }
    let duration = duration_at?.duration(notes)?;
    Some(Warmup { origin: at.origin(), duration: duration.value, minimum_percent: percent, aggression })
}

/// In spite of its name a duration.
fn plain_warmup(notes: &mut Notes, at: &At) -> Option<Warmup> {
    let duration = at.duration(notes)?;
    Some(Warmup { origin: at.origin(), duration: duration.value, minimum_percent: 10.0, aggression: 1.0 })
}

fn zone_aware(notes: &mut Notes, at: &At) -> ZoneAware {
    let mut fields = at.fields(notes);
    let enabled = fields.bool(notes, "enabled").unwrap_or(true);
    let size = fields.get(notes, "minClusterSize").and_then(|at| at.int_in(notes, 0, i64::MAX / 2));
    fields.ignores(&["routingEnabled", "failTrafficOnPanic", "forceLocalZone", "forceLocality"]);
    fields.finish(notes);
    ZoneAware { origin: at.origin(), enabled, min_cluster_size: size.map_or(6, |size| size as u64) }
}

const TOPOLOGY: [&str; 3] = ["topology.kubernetes.io/region", "topology.kubernetes.io/zone", "topology.istio.io/subzone"];

fn locality(notes: &mut Notes, at: &At, has_outlier_detection: bool) -> Locality {
    let mut fields = at.fields(notes);
    let distribute_at = fields.list(notes, "distribute");
    let failover_at = fields.list(notes, "failover");
    let priority_at = fields.get(notes, "failoverPriority");
    let enabled = fields.bool(notes, "enabled");
    fields.finish(notes);
    if let (false, [first, ..]) = (distribute_at.is_empty(), &failover_at[..]) {
        notes.error("bad-locality", first, "`distribute` and `failover` exclude each other", "remove one of them");
    }
    let labels: Vec<&str> = priority_at.as_ref().map_or_else(Vec::new, |at| at.texts(notes).into_iter().map(|(_, text)| text).collect());
    if let Some(at) = priority_at.as_ref().filter(|_| !failover_at.is_empty() && labels.iter().any(|label| TOPOLOGY.contains(label))) {
        notes.error("bad-locality", at, "`failover` and labels of the topology exclude each other", "remove one of them");
    }
    if let Some(at) = priority_at.as_ref().or(failover_at.first()).filter(|_| !has_outlier_detection) {
        let message = "failover between localities needs `outlierDetection`: without it nothing is seen to fail";
        notes.warning("failover-without-outlier-detection", at, message, "add `outlierDetection` to the same policy");
    }
    let distribute = distribute_at.iter().map(|at| shares(notes, at)).collect::<Vec<_>>();
    let sources: Vec<(&str, &At)> = distribute.iter().map(|one: &Distribute| one.from.as_str()).zip(&distribute_at).collect();
    overlaps(notes, &sources);
    Locality {
        origin: at.origin(),
        enabled,
        distribute,
        failover: failover_at.iter().map(|at| failover(notes, at)).collect(),
        failover_priority: labels.iter().map(|label| priority(label)).collect(),
    }
}

fn priority(label: &str) -> (String, Option<String>) {
    match label.split_once('=') {
        Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
        None => (label.to_owned(), None),
    }
}

fn shares(notes: &mut Notes, at: &At) -> Distribute {
    let mut fields = at.fields(notes);
    let from = fields.word(notes, "from").unwrap_or_default();
    let to_at = fields.get(notes, "to");
    fields.finish(notes);
    let entries = to_at.as_ref().map_or_else(Vec::new, |at| at.entries(notes));
    let mut to = Vec::new();
    let mut sum = 0u64;
    for (locality, at) in &entries {
        let percent = at.count(notes).unwrap_or(0);
        if percent == 0 {
            notes.error("bad-locality", at, "the weight of a locality is from 1 to 100", "leave out what gets nothing");
        }
        sum += u64::from(percent);
        to.push(LocalityShare { locality: (*locality).to_owned(), percent: at.written(percent) });
    }
    if sum != 100 {
        let message = format!("the weights of the localities add up to {sum}, not to 100");
        notes.error("bad-locality", to_at.as_ref().unwrap_or(at), message, "make them 100");
    }
    overlaps(notes, &entries.iter().map(|(name, at)| (*name, at)).collect::<Vec<_>>());
    Distribute { from, to }
}

/// Localities are told apart: `region1/*` and `region1/zone1` are not (istio `validateLocalities`).
fn overlaps(notes: &mut Notes, localities: &[(&str, &At)]) {
    for (index, (locality, at)) in localities.iter().enumerate() {
        let parts: Vec<&str> = locality.split('/').collect();
        let star = parts.iter().position(|part| *part == "*");
        if parts.len() > 3 || parts.iter().any(|part| part.is_empty()) || star.is_some_and(|star| star + 1 < parts.len()) {
            notes.error("bad-locality", at, format!("`{locality}` is no locality"), "write `region/zone/subzone`; `*` ends it");
            continue;
        }
        let covers = |a: &str, b: &str| a.split('/').zip(b.split('/')).all(|(x, y)| x == y || x == "*" || y == "*");
        if let Some((other, _)) = localities[..index].iter().find(|(other, _)| covers(other, locality)) {
            notes.error("bad-locality", at, format!("`{locality}` overlaps with `{other}`"), "name each locality once");
        }
    }
}

fn failover(notes: &mut Notes, at: &At) -> Failover {
    let mut fields = at.fields(notes);
    let from = fields.word(notes, "from").unwrap_or_default();
    let to = fields.word(notes, "to").unwrap_or_default();
    fields.finish(notes);
    if from == to {
        notes.error("bad-locality", at, format!("`{from}` cannot fail over to itself"), "name two regions");
    }
    if [&from, &to].iter().any(|region| region.contains(['/', '*'])) {
        notes.error("bad-locality", at, "failover is between regions", "name regions only, without `/` and `*`");
    }
    Failover { from, to }
}
