//! What none of the usual components tells, under our own name: what clients saw, queues within services, and calls with their retries.

use super::{Exposition, Kind, Labels, Scene};
use crate::observe::recording::{ClientWindow, EdgeWindow, QueueWindow, ServiceWindow};
use std::io;

type Figure<W> = (&'static str, Kind, &'static str, fn(&W) -> f64);

const CLIENTS: [Figure<ClientWindow>; 5] = [
    ("brownout_client_requests_offered", Kind::Counter, "Requests that the client made.", |w| f64::from(w.offered)),
    ("brownout_client_requests_ok", Kind::Counter, "Requests answered in full.", |w| f64::from(w.ok)),
    ("brownout_client_requests_degraded", Kind::Counter, "Requests answered by a fallback.", |w| f64::from(w.degraded)),
    ("brownout_client_requests_failed", Kind::Counter, "Requests that failed.", |w| f64::from(w.failed)),
    ("brownout_client_latency_p99_seconds", Kind::Gauge, "99th percentile of the latest window.", |w| w.p99 as f64 / 1e9),
];

const SERVICES: [Figure<ServiceWindow>; 6] = [
    ("brownout_service_queue_length", Kind::Gauge, "Requests that wait for a worker, mean of the latest window.", |w| w.queue),
    ("brownout_service_workers_busy", Kind::Gauge, "Workers that are held, mean of the latest window.", |w| w.busy),
    ("brownout_service_workers", Kind::Gauge, "Workers alive; 0 if they are unlimited.", |w| w.workers),
    ("brownout_service_requests_in_flight", Kind::Gauge, "Requests waiting or in progress.", |w| w.present),
    ("brownout_service_requests_rejected", Kind::Counter, "Requests refused at the door.", |w| f64::from(w.rejected)),
    ("brownout_service_requests_abandoned", Kind::Counter, "Requests dropped because their caller had gone.", |w| f64::from(w.abandoned)),
];

const CALLS: [Figure<EdgeWindow>; 7] = [
    ("brownout_calls", Kind::Counter, "Calls, each with all its attempts.", |w| f64::from(w.calls)),
    ("brownout_call_attempts", Kind::Counter, "Attempts that were sent.", |w| f64::from(w.attempts)),
    ("brownout_call_retries", Kind::Counter, "Attempts after the first.", |w| f64::from(w.retries)),
    ("brownout_call_failures", Kind::Counter, "Calls that failed after all attempts.", |w| f64::from(w.failed)),
    ("brownout_call_timeouts", Kind::Counter, "Attempts that timed out.", |w| f64::from(w.timeouts)),
    ("brownout_call_short_circuits", Kind::Counter, "Attempts that were refused before they were sent.", |w| f64::from(w.short_circuited)),
    ("brownout_call_fallbacks", Kind::Counter, "Calls answered by their fallback.", |w| f64::from(w.fallbacks)),
];

const QUEUES: [Figure<QueueWindow>; 6] = [
    ("brownout_queue_ready", Kind::Gauge, "Messages that wait.", |w| w.ready as f64),
    ("brownout_queue_unacked", Kind::Gauge, "Messages in consumers' hands.", |w| w.unacked as f64),
    ("brownout_queue_oldest_seconds", Kind::Gauge, "Age of the oldest message that waits.", |w| w.oldest.as_secs_f64()),
    ("brownout_queue_published", Kind::Counter, "Messages that came into the queue.", |w| f64::from(w.published)),
    ("brownout_queue_delivered", Kind::Counter, "Messages delivered.", |w| f64::from(w.delivered)),
    ("brownout_queue_acked", Kind::Counter, "Messages acknowledged.", |w| f64::from(w.acked)),
];

pub fn write<W: io::Write>(scene: &Scene, text: &mut Exposition<W>) -> io::Result<()> {
    let (topology, recording) = (scene.topology, scene.recording);
    let clients = topology.clients.iter().zip(&recording.clients);
    figures(scene, text, &CLIENTS, "client", clients.map(|(client, record)| (&client.name[..], &record.windows[..])).collect())?;
    let services = topology.services.iter().zip(&recording.services);
    figures(scene, text, &SERVICES, "service", services.map(|(service, record)| (&service.name[..], &record.windows[..])).collect())?;
    let edges = topology.edges.iter().zip(&recording.edges);
    figures(scene, text, &CALLS, "call", edges.map(|(edge, record)| (&edge.name[..], &record.windows[..])).collect())?;
    let queues = topology.brokers.queues.iter().zip(&recording.queues);
    figures(scene, text, &QUEUES, "queue", queues.map(|(queue, record)| (&queue.name[..], &record.windows[..])).collect())
}

fn figures<T, W: io::Write>(
    scene: &Scene,
    text: &mut Exposition<W>,
    figures: &[Figure<T>],
    label: &str,
    all: Vec<(&str, &[T])>,
) -> io::Result<()> {
    for (name, kind, help, figure) in figures.iter().filter(|_| !all.is_empty()) {
        text.family(name, *kind, help)?;
        for (owner, windows) in &all {
            let labels = Labels::new(&[(label, owner)]);
            match kind {
                Kind::Counter => text.series(&format!("{name}_total"), &labels, &scene.times, scene.times.sums(windows, figure))?,
                _ => text.series(name, &labels, &scene.times, scene.times.latest(windows, figure))?,
            }
        }
    }
    Ok(())
}
