//! A cluster: who is behind a destination, and how a DestinationRule has them called.

use super::{ENVOY, From, Hop, ISTIO, LIMITS, Teller, Told, counted};
use crate::model::mesh::{
    Blocks, ConnectionPool, DestinationRule, H2Upgrade, HashKey, HashTable, LoadBalancer, OutlierDetection, SimpleBalancer, TlsMode,
};
use crate::policy::envoy::connection_pool::Protocol;
use crate::policy::envoy::release::Release;
use crate::topology::mesh::{Cluster, Tls};
use crate::topology::rules;

impl Teller<'_> {
    pub(super) fn cluster(&self, cluster: &Cluster) -> Hop {
        let all = &self.model.imported.destination_rules;
        let found: Vec<&DestinationRule> = cluster.source.rules.iter().map(|number| &all[*number]).collect();
        let source = &cluster.source;
        let effective = rules::effective(&found, source.subset.as_deref(), source.port).unwrap_or_default();
        let mut lines = Vec::new();
        let subset = found.iter().flat_map(|rule| &rule.subsets).find(|subset| Some(&subset.name.value) == source.subset.as_ref());
        if let Some(subset) = subset {
            let labels = subset.labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(", ");
            lines.push(Told::new("labels", labels, "", From::Origin(subset.labels_origin.clone())));
        }
        lines.push(Told::new("hosts", self.behind(cluster), "", From::Nothing));
        let callers = match cluster.callers.len() {
            1 => "in the one calling proxy, over all of these hosts".to_string(),
            n => format!("in each of {n} calling proxies by itself, over all of these hosts"),
        };
        lines.push(Told::new(LIMITS, "", callers, From::Nothing));
        let protocol = match cluster.pool.protocol {
            Protocol::Http1 => "HTTP/1.1, one request at a time on a connection",
            Protocol::Http2 { .. } => "HTTP/2, many requests at a time on a connection",
        };
        lines.push(Told::new("speaks", protocol, "", From::Nothing));
        lines.extend(block_lines(&effective.blocks, true, self.release));
        if let Some(detection) = &cluster.outlier {
            let hosts = cluster.hosts.len() as u32;
            let most = detection.most_ejected(hosts);
            let meaning = if most == 0 { "the limit never lets one go" } else { "may be ejected at one time, as each proxy sees it" };
            lines.push(
                Told::new("ejected at most", format!("{most} of {}", counted(hosts as usize, "host")), meaning, From::Nothing).deeper(1),
            );
        }
        lines.extend(self.tls(cluster, &effective.blocks));
        let title = match found.first() {
            Some(rule) => format!("cluster {}, by {}", cluster.name, rule.meta.path()),
            None => format!("cluster {}, without a DestinationRule", cluster.name),
        };
        let from = found.first().map_or(ISTIO, |rule| From::Origin(rule.meta.origin.clone()));
        Hop { title, from, lines }
    }

    /// `1 of orders, 3 of orders/v2`
    fn behind(&self, cluster: &Cluster) -> String {
        let mut services: Vec<(u32, usize)> = Vec::new();
        for host in &cluster.hosts {
            let service = self.topology.replicas[host.index()].service.0;
            match services.iter_mut().find(|(known, _)| *known == service) {
                Some((_, count)) => *count += 1,
                None => services.push((service, 1)),
            }
        }
        let of = services.iter().map(|(service, count)| format!("{count} of {}", self.topology.services[*service as usize].name));
        let of = of.collect::<Vec<_>>().join(", ");
        if of.is_empty() { "none, every request is answered 503 UH".into() } else { of }
    }

    fn tls(&self, cluster: &Cluster, blocks: &Blocks) -> Option<Told> {
        let from = blocks.tls.as_ref().map_or(ISTIO, |tls| From::Origin(tls.mode.origin.clone()));
        let mode = blocks.tls.as_ref().map_or("automatic", |tls| mode(tls.mode.value));
        let meaning = match &cluster.tls {
            Tls::Plain => "plain text".to_string(),
            Tls::Mutual { .. } => {
                let handshake = self.model.mesh.as_ref().map_or("0s".into(), |mesh| mesh.mtls.handshake.to_string());
                format!("a handshake of a round trip and {handshake} on each new connection")
            }
            Tls::Refused => "refused: one side speaks TLS and the other does not".to_string(),
        };
        Some(Told::new("tls.mode", mode, meaning, from))
    }
}

fn mode(mode: TlsMode) -> &'static str {
    match mode {
        TlsMode::Disable => "DISABLE",
        TlsMode::Simple => "SIMPLE",
        TlsMode::Mutual => "MUTUAL",
        TlsMode::IstioMutual => "ISTIO_MUTUAL",
    }
}

/// Everything that the blocks of a policy say; with what holds where one is missing if that is wanted.
pub(super) fn block_lines(blocks: &Blocks, missing_too: bool, release: Release) -> Vec<Told> {
    let mut lines = Vec::new();
    if missing_too || blocks.load_balancer.is_some() {
        lines.extend(balancer(blocks.load_balancer.as_ref(), release));
    }
    if missing_too || blocks.connection_pool.is_some() {
        lines.extend(pool(blocks));
    }
    match &blocks.outlier_detection {
        Some(detection) => lines.extend(outlier(detection)),
        None if missing_too => {
            lines.push(Told::new("outlierDetection", "none", "no host is ever ejected", ISTIO));
            lines.push(Told::new("panic threshold", "50%", "with fewer healthy hosts all are used", ENVOY).deeper(1));
        }
        None => {}
    }
    if let Some(tls) = blocks.tls.as_ref().filter(|_| !missing_too) {
        lines.push(Told::new("tls.mode", mode(tls.mode.value), "", From::Origin(tls.mode.origin.clone())));
    }
    lines
}

fn balancer(written: Option<&LoadBalancer>, release: Release) -> Vec<Told> {
    let simple = written.and_then(|balancer| balancer.simple.as_ref());
    let default = if release < Release(14) { "ROUND_ROBIN" } else { "LEAST_REQUEST" };
    let mut lines = Vec::new();
    if let Some(hash) = written.and_then(|balancer| balancer.consistent_hash.as_ref()) {
        let key = match &hash.key {
            HashKey::Header(name) => format!("header {name}"),
            HashKey::Cookie { name, .. } => format!("cookie {name}"),
            HashKey::SourceIp => "the caller's address".into(),
            HashKey::Query(name) => format!("parameter {name}"),
        };
        let table = match hash.table {
            HashTable::Ring { minimum } => format!("on a ring of at least {minimum} points"),
            HashTable::Maglev { size } => format!("in a Maglev table of {size}"),
        };
        lines.push(Told::new("loadBalancer.consistentHash", key, table, From::Origin(hash.origin.clone())));
    } else {
        let word = simple.map_or(default, |simple| match simple.value {
            SimpleBalancer::RoundRobin => "ROUND_ROBIN",
            SimpleBalancer::LeastRequest => "LEAST_REQUEST",
            SimpleBalancer::Random => "RANDOM",
            SimpleBalancer::Passthrough => "PASSTHROUGH",
        });
        let meaning = if word == "LEAST_REQUEST" { "of two hosts the one with fewer requests of this proxy" } else { "" };
        lines.push(Told::new("loadBalancer.simple", word, meaning, simple.map_or(ISTIO, |simple| From::Origin(simple.origin.clone()))));
    }
    let Some(written) = written else { return lines };
    if let Some(warmup) = &written.warmup {
        let meaning = format!("a new host begins with {} % of its share", warmup.minimum_percent);
        lines.push(Told::new("loadBalancer.warmup", warmup.duration, meaning, From::Origin(warmup.origin.clone())));
    }
    if let Some(locality) = &written.locality {
        let enabled = locality.enabled.unwrap_or(true);
        let meaning = match (locality.distribute.is_empty(), locality.failover.is_empty()) {
            (false, _) => "shares by locality",
            (true, false) => "failover between localities",
            (true, true) => "",
        };
        let word = if enabled { "enabled" } else { "disabled" };
        lines.push(Told::new("loadBalancer.localityLbSetting", word, meaning, From::Origin(locality.origin.clone())));
    }
    if let Some(zone) = written.zone_aware.as_ref().filter(|zone| zone.enabled) {
        let meaning = format!("from {} hosts on", zone.min_cluster_size);
        lines.push(Told::new("loadBalancer.zoneAware", "enabled", meaning, From::Origin(zone.origin.clone())));
    }
    lines
}

fn pool(blocks: &Blocks) -> Vec<Told> {
    let pool = blocks.connection_pool.as_ref();
    let mut lines = vec![Told::new("connectionPool", "", "", pool.map_or(ISTIO, |pool| From::Origin(pool.origin.clone())))];
    let mut count = |name: &str, field: fn(&ConnectionPool) -> &Option<crate::model::mesh::Written<u32>>, meaning: &str| {
        let written = pool.and_then(|pool| field(pool).as_ref());
        lines.push(Told::or(name, written, "unlimited", meaning, ISTIO).deeper(1));
    };
    count("tcp.maxConnections", |pool| &pool.max_connections, "");
    count(
        "http.http1MaxPendingRequests",
        |pool| &pool.max_pending_requests,
        "wait for a connection, of HTTP/2 too; one more is answered 503 UO",
    );
    count("http.http2MaxRequests", |pool| &pool.max_requests, "at once, of HTTP/1.1 too");
    count("http.maxRequestsPerConnection", |pool| &pool.max_requests_per_connection, "");
    match &blocks.retry_budget {
        None => count("http.maxRetries", |pool| &pool.max_retries, "retries at once"),
        Some(budget) => {
            let value = format!("{}%, at least {}", budget.percent(), budget.min_retry_concurrency());
            let meaning = "of what is under way may be retries";
            lines.push(Told::new("retryBudget", value, meaning, From::Origin(budget.origin.clone())).deeper(1));
        }
    }
    let connect = pool.and_then(|pool| pool.connect_timeout.as_ref());
    lines.push(Told::or("tcp.connectTimeout", connect, "10s", "of TCP and TLS together", ISTIO).deeper(1));
    let idle = pool.and_then(|pool| pool.http_idle_timeout.as_ref().or(pool.tcp_idle_timeout.as_ref()));
    lines.push(Told::or("idleTimeout", idle, "1h", "of a connection without a request", ENVOY).deeper(1));
    let age = pool.and_then(|pool| pool.max_connection_duration.as_ref());
    lines.push(Told::or("tcp.maxConnectionDuration", age, "none", "", ENVOY).deeper(1));
    if let Some(upgrade) = pool.and_then(|pool| pool.h2_upgrade.as_ref()) {
        let word = if upgrade.value == H2Upgrade::Upgrade { "UPGRADE" } else { "DO_NOT_UPGRADE" };
        lines.push(Told::new("http.h2UpgradePolicy", word, "", From::Origin(upgrade.origin.clone())).deeper(1));
    }
    lines
}

fn outlier(written: &OutlierDetection) -> Vec<Told> {
    let mut lines = vec![Told::new("outlierDetection", "", "host by host", From::Origin(written.origin.clone()))];
    let mut add = |told: Told| lines.push(told.deeper(1));
    let off = |told: Told| if told.value == "0" { Told { value: "off".into(), ..told } } else { told };
    add(off(Told::or("consecutive5xxErrors", written.consecutive_5xx.as_ref(), "5", "answers of 5xx in a row eject", ENVOY)));
    add(off(Told::or("consecutiveGatewayErrors", written.consecutive_gateway.as_ref(), "off", "of 502, 503 and 504", ISTIO)));
    if written.split_local_origin {
        let meaning = "failures before an answer, counted apart";
        add(off(Told::or("consecutiveLocalOriginFailures", written.consecutive_local_origin.as_ref(), "5", meaning, ENVOY)));
    }
    if !written.http_error_codes.is_empty() {
        let codes = written.http_error_codes.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
        add(Told::new("outlierDetectionHttpErrorCodes", codes, "only these count", From::Origin(written.origin.clone())));
    }
    add(Told::or("interval", written.interval.as_ref(), "10s", "between two sweeps, which let hosts back in", ENVOY));
    add(Told::or("baseEjectionTime", written.base_ejection_time.as_ref(), "30s", "times how often it was ejected", ENVOY));
    add(Told::or("maxEjectionPercent", written.max_ejection_percent.as_ref(), "10", "of the hosts", ENVOY));
    add(Told::or("minHealthPercent", written.min_health_percent.as_ref(), "0", "with fewer healthy hosts all are used (panic)", ISTIO));
    lines
}
