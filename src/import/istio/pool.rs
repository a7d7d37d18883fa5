//! Connection pools and retry budgets (istio `validateConnectionPool`).

use crate::base::time::Nanos;
use crate::import::cursor::{At, Fields};
use crate::import::notes::Notes;
use crate::model::mesh::{ConnectionPool, H2Upgrade, RetryBudget, Written};

const UPGRADES: [(&str, i64, Option<H2Upgrade>); 3] =
    [("DEFAULT", 0, None), ("DO_NOT_UPGRADE", 1, Some(H2Upgrade::DoNotUpgrade)), ("UPGRADE", 2, Some(H2Upgrade::Upgrade))];

pub(in crate::import) fn read(notes: &mut Notes, at: &At) -> ConnectionPool {
    let mut fields = at.fields(notes);
    let tcp_at = fields.get(notes, "tcp");
    let http_at = fields.get(notes, "http");
    fields.finish(notes);
    if tcp_at.is_none() && http_at.is_none() {
        notes.error("empty-block", at, "a connection pool has to say something", "give it `tcp` or `http`, or remove it");
    }
    let mut pool = empty(at);
    tcp_at.inspect(|at| tcp(notes, at, &mut pool));
    http_at.inspect(|at| http(notes, at, &mut pool));
    pool
}

fn empty(at: &At) -> ConnectionPool {
    ConnectionPool {
        origin: at.origin(),
        max_connections: None,
        connect_timeout: None,
        max_connection_duration: None,
        tcp_idle_timeout: None,
        tcp_keepalive: None,
        max_pending_requests: None,
        max_requests: None,
        max_requests_per_connection: None,
        max_retries: None,
        http_idle_timeout: None,
        h2_upgrade: None,
        use_client_protocol: false,
        max_concurrent_streams: None,
        http2_keepalive: None,
    }
}

fn tcp(notes: &mut Notes, at: &At, pool: &mut ConnectionPool) {
    let mut fields = at.fields(notes);
    pool.max_connections = fields.count(notes, "maxConnections");
    pool.connect_timeout = duration(notes, &mut fields, "connectTimeout");
    pool.max_connection_duration = duration(notes, &mut fields, "maxConnectionDuration");
    pool.tcp_idle_timeout = fields.get(notes, "idleTimeout").and_then(|at| idle(notes, &at));
    if let Some(at) = fields.get(notes, "tcpKeepalive") {
        let mut inner = at.fields(notes);
        inner.count(notes, "probes");
        duration(notes, &mut inner, "time");
        duration(notes, &mut inner, "interval");
        inner.finish(notes);
        notes.not_simulated("`tcpKeepalive`", &at.origin(), &at.path, "connections do not die unnoticed");
        pool.tcp_keepalive = Some(at.origin());
    }
    fields.finish(notes);
}

fn http(notes: &mut Notes, at: &At, pool: &mut ConnectionPool) {
    let mut fields = at.fields(notes);
    pool.max_pending_requests = fields.count(notes, "http1MaxPendingRequests");
    pool.max_requests = fields.count(notes, "http2MaxRequests");
    pool.max_requests_per_connection = fields.count(notes, "maxRequestsPerConnection");
    pool.max_retries = fields.count(notes, "maxRetries");
    pool.max_concurrent_streams = fields.count(notes, "maxConcurrentStreams");
    pool.http_idle_timeout = duration(notes, &mut fields, "idleTimeout");
    pool.h2_upgrade = fields.get(notes, "h2UpgradePolicy").and_then(|at| at.word(notes, &UPGRADES)?.map(|upgrade| at.written(upgrade)));
    let client_protocol = fields.get(notes, "useClientProtocol");
    pool.use_client_protocol = client_protocol.as_ref().and_then(|at| at.bool(notes)).unwrap_or(false);
    let upgrades = pool.h2_upgrade.as_ref().is_some_and(|upgrade| upgrade.value == H2Upgrade::Upgrade);
    if let Some(at) = client_protocol.filter(|_| upgrades && pool.use_client_protocol) {
        notes.error("bad-pool", &at, "`useClientProtocol` and an upgrade to HTTP/2 exclude each other", "remove one of them");
    }
    if let Some(at) = fields.get(notes, "http2KeepAlive") {
        let mut inner = at.fields(notes);
        duration(notes, &mut inner, "interval");
        let timeout = inner.get(notes, "timeout");
        timeout.as_ref().and_then(|at| at.duration(notes));
        inner.finish(notes);
        if timeout.is_none() {
            notes.error("missing-field", &at, "`http2KeepAlive` needs a `timeout`", "say how long an answer to a ping may take");
        }
        notes.not_simulated("`http2KeepAlive`", &at.origin(), &at.path, "connections do not die unnoticed");
        pool.http2_keepalive = Some(at.origin());
    }
    fields.finish(notes);
}

fn duration(notes: &mut Notes, fields: &mut Fields, name: &'static str) -> Option<Written<Nanos>> {
    fields.get(notes, name)?.duration(notes)
}

/// Less than a millisecond switches it off.
fn idle(notes: &mut Notes, at: &At) -> Option<Written<Nanos>> {
    match at.go_duration(notes)? {
        nanos if nanos / 1_000_000 == 0 => Some(at.written(Nanos::ZERO)),
        _ => at.duration(notes),
    }
}

/// `retryBudget: {percent, minRetryConcurrency, budgetInterval}`.
pub(in crate::import) fn budget(notes: &mut Notes, at: &At) -> RetryBudget {
    let mut fields = at.fields(notes);
    let percent_at = fields.get(notes, "percent");
    let percent = percent_at.as_ref().and_then(|at| at.float(notes).map(|percent| at.written(percent)));
    if let Some(at) = percent_at.filter(|_| percent.as_ref().is_some_and(|written| !(0.0..=100.0).contains(&written.value))) {
        notes.error("bad-percentage", &at, "a retry budget is from 0 to 100 per cent", "write a number from 0 to 100");
    }
    let least = fields.get(notes, "minRetryConcurrency");
    let budget = RetryBudget {
        origin: at.origin(),
        percent,
        min_retry_concurrency: least.and_then(|at| at.count(notes).map(|count| at.written(count))),
        interval: duration(notes, &mut fields, "budgetInterval"),
    };
    fields.finish(notes);
    budget
}
