//! `series.csv` and `series.parquet`: what every component did in every window, one number per row (tidy): time, kind, name, metric, value.
//!
//! `time` is the window's beginning in seconds. Counts are per window, latencies in seconds. A metric without a value in a
//! window (a latency of nothing, a share of nothing, the utilization of unlimited workers) has no row there.

use super::csv::{Rows, cell};
use super::parquet::{self, Cell, Type};
use crate::base::time::{Instant, Nanos};
use crate::observe::recording::{ClientWindow, EdgeWindow, QueueWindow, Recording, ServiceWindow};
use crate::topology::Topology;
use std::io;

/// One number: when its window began, of what, and how much.
struct Point<'a> {
    time: f64,
    kind: &'static str,
    name: &'a str,
    metric: &'static str,
    value: f64,
}

/// Writes the windows of clients, services, calls and queues, in this order and in time.
pub fn write(topology: &Topology, recording: &Recording, to: impl io::Write) -> io::Result<()> {
    let mut rows = Rows::new(to, &["time", "kind", "name", "metric", "value"])?;
    // Many rows are of the same time.
    let (mut written, mut of) = (String::new(), f64::NAN);
    points(topology, recording, &mut |Point { time, kind, name, metric, value }| {
        if of != time {
            (written, of) = (time.to_string(), time);
        }
        rows.row([written.as_str(), kind, name, metric, &cell(Some(value))])
    })?;
    rows.end()
}

/// The same as Parquet.
pub fn write_parquet(topology: &Topology, recording: &Recording, to: impl io::Write + Send) -> io::Result<()> {
    let columns = [("time", Type::Number), ("kind", Type::Text), ("name", Type::Text), ("metric", Type::Text), ("value", Type::Number)];
    let mut rows = parquet::Rows::new(to, &columns)?;
    points(topology, recording, &mut |Point { time, kind, name, metric, value }| {
        rows.row([Cell::Number(time), Cell::Text(kind), Cell::Text(name), Cell::Text(metric), Cell::Number(value)])
    })?;
    rows.end()
}

/// What takes a point.
type Sink<'a> = dyn FnMut(Point<'_>) -> io::Result<()> + 'a;

fn points(topology: &Topology, recording: &Recording, sink: &mut Sink<'_>) -> io::Result<()> {
    let window = recording.window;
    for (client, record) in topology.clients.iter().zip(&recording.clients) {
        component(sink, "client", &client.name, window, record.windows.iter().map(of_client))?;
    }
    for (service, record) in topology.services.iter().zip(&recording.services) {
        component(sink, "service", &service.name, window, record.windows.iter().map(of_service))?;
    }
    for (edge, record) in topology.edges.iter().zip(&recording.edges) {
        component(sink, "call", &edge.name, window, record.windows.iter().map(of_edge))?;
        if topology.wire.is_on() {
            component(sink, "call", &edge.name, window, record.windows.iter().map(sent))?;
        }
    }
    for (queue, record) in topology.brokers.queues.iter().zip(&recording.queues) {
        component(sink, "queue", &queue.name, window, record.windows.iter().map(of_queue))?;
    }
    Ok(())
}

type Metrics<const N: usize> = [(&'static str, Option<f64>); N];

fn component<const N: usize>(
    sink: &mut Sink<'_>,
    kind: &'static str,
    name: &str,
    window: Nanos,
    windows: impl Iterator<Item = Metrics<N>>,
) -> io::Result<()> {
    for (i, metrics) in windows.enumerate() {
        let time = Instant(window.0 * i as u64).as_secs_f64();
        for (metric, value) in metrics {
            if let Some(value) = value {
                sink(Point { time, kind, name, metric, value })?;
            }
        }
    }
    Ok(())
}

fn of_client(w: &ClientWindow) -> Metrics<7> {
    [
        ("offered", count(w.offered)),
        ("ok", count(w.ok)),
        ("degraded", count(w.degraded)),
        ("failed", count(w.failed)),
        ("p50", seconds(w.p50)),
        ("p95", seconds(w.p95)),
        ("p99", seconds(w.p99)),
    ]
}

fn of_service(w: &ServiceWindow) -> Metrics<14> {
    let workers = (w.workers > 0.0).then_some(w.workers);
    [
        ("arrived", count(w.arrived)),
        ("ok", count(w.ok)),
        ("failed", count(w.failed)),
        ("rejected", count(w.rejected)),
        ("abandoned", count(w.abandoned)),
        ("queueLength", Some(w.queue)),
        ("inFlight", Some(w.present)),
        ("busyWorkers", Some(w.busy)),
        ("workers", workers),
        ("utilization", workers.map(|workers| w.busy / workers)),
        ("replicas", count(w.up)),
        ("p50", seconds(w.p50)),
        ("p95", seconds(w.p95)),
        ("p99", seconds(w.p99)),
    ]
}

fn of_edge(w: &EdgeWindow) -> Metrics<10> {
    let amplification = (w.calls > 0).then(|| f64::from(w.attempts) / f64::from(w.calls));
    [
        ("calls", count(w.calls)),
        ("attempts", count(w.attempts)),
        ("amplification", amplification),
        ("retries", count(w.retries)),
        ("failed", count(w.failed)),
        ("timeouts", count(w.timeouts)),
        ("fallbacks", count(w.fallbacks)),
        ("shortCircuited", count(w.short_circuited)),
        ("breakersOpen", count(w.open)),
        ("breakersHalfOpen", count(w.half_open)),
    ]
}

fn sent(w: &EdgeWindow) -> Metrics<2> {
    let [request, response] = w.bytes;
    [("requestBytes", Some(request as f64)), ("responseBytes", Some(response as f64))]
}

/// Depths are those at the end of the window; nothing that waits has no age.
fn of_queue(w: &QueueWindow) -> Metrics<6> {
    [
        ("published", count(w.published)),
        ("delivered", count(w.delivered)),
        ("acked", count(w.acked)),
        ("ready", Some(w.ready as f64)),
        ("unacked", Some(w.unacked as f64)),
        ("oldest", seconds(w.oldest.0)),
    ]
}

fn count(n: u32) -> Option<f64> {
    Some(n.into())
}

/// A window's latency is 0 where nothing was answered, the age of the oldest where nothing waits.
fn seconds(nanos: u64) -> Option<f64> {
    (nanos > 0).then(|| Nanos(nanos).as_secs_f64())
}
