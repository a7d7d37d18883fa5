//! What is watched in the models of the gallery: spans and meters tell the same as the record that is kept in any case, and change
//! nothing of it.

use super::{compiled, gallery};
use brownout::base::time::{Instant, Nanos};
use brownout::observe::recording::Recording;
use brownout::observe::span::{Kept, Span, SpanKind, Trace};
use brownout::observe::watch::Wish;
use brownout::observe::watch::meters::Reporter;
use brownout::observe::watch::sampling::Sampling;
use brownout::topology::Topology;
use brownout::world;

fn watched(topology: &Topology, sampling: Sampling) -> Recording {
    let wish = Wish { sampling, scrape: Some(Nanos::from_secs(15)) };
    let control = world::Control { wish: Some(&wish), ..world::Control::default() };
    world::run(topology, topology.seed, control).expect("no limit is reached")
}

#[test]
fn every_span_hangs_together_and_every_attempt_is_there() {
    for name in gallery() {
        let (topology, _) = compiled(&name, None, &[]);
        let plain = world::run(&topology, topology.seed, world::Control::default()).expect("no limit is reached");
        let recording = watched(&topology, Sampling::All);
        assert_eq!(plain.fingerprint, recording.fingerprint, "{name}: watching changes nothing");
        for trace in &recording.sampled {
            check(&name, &topology, trace);
        }
        if recording.spans_left_out > 0 {
            continue;
        }
        let offered: u64 = recording.clients.iter().flat_map(|c| &c.windows).map(|w| u64::from(w.offered)).sum();
        assert_eq!(recording.sampled.len() as u64, offered, "{name}: every request is there");
        let sent = |edge: usize| {
            let all = recording.sampled.iter().flat_map(|trace| &trace.spans);
            all.filter(|s| matches!(s.what, SpanKind::Attempt { edge: of, replica: Some(_), .. } if of.index() == edge)).count() as u64
        };
        for (edge, record) in recording.edges.iter().enumerate() {
            let attempts: u64 = record.windows.iter().map(|w| u64::from(w.attempts)).sum();
            // What brokers do of their own accord belongs to no request: replication, connecting, what was there from the start.
            let of_broker = |service: brownout::base::id::ServiceId| topology.brokers.has(service);
            let callee = topology.endpoints[topology.edges[edge].callee.index()].service;
            let caller = match topology.edges[edge].caller {
                brownout::topology::site::Caller::Endpoint(e) => Some(topology.endpoints[e.index()].service),
                brownout::topology::site::Caller::Client(_) => None,
            };
            if of_broker(callee) || caller.is_some_and(of_broker) {
                assert!(sent(edge) <= attempts, "{name}: {}", topology.edges[edge].name);
                continue;
            }
            // Of consumers, only what requests have published: what was in the queues before is nobody's.
            let preloaded = topology.brokers.queues.iter().any(|queue| queue.preload > 0);
            assert!(
                sent(edge) == attempts || (preloaded && sent(edge) <= attempts),
                "{name}: {}: {} of {attempts}",
                topology.edges[edge].name,
                sent(edge)
            );
        }
    }
}

fn check(name: &str, topology: &Topology, trace: &Trace) {
    let told = || format!("{name}: {} #{}: {:#?}", topology.clients[trace.client.index()].name, trace.number, trace.spans);
    assert!(matches!(trace.spans[0], Span { parent: None, what: SpanKind::Call { .. }, .. }), "{}", told());
    for span in &trace.spans {
        if let Some((ended, _)) = span.ended {
            assert!(ended >= span.began, "{}", told());
        }
        let parent = span.parent.map(|parent| trace.spans[parent as usize]);
        if let Some(parent) = parent {
            assert!(parent.began <= span.began, "{}", told());
        }
        let fits = match (span.what, parent.map(|parent| parent.what)) {
            (SpanKind::Call { .. }, None | Some(SpanKind::Served { .. } | SpanKind::Delivery { .. } | SpanKind::Call { .. })) => true,
            (SpanKind::Attempt { edge, .. } | SpanKind::Backoff { edge }, Some(SpanKind::Call { edge: of, .. })) => edge == of,
            (SpanKind::Served { replica, started, .. }, Some(SpanKind::Attempt { replica: to, .. })) => {
                to == Some(replica) && started.is_none_or(|started| started >= span.began)
            }
            (SpanKind::Permit { .. }, Some(SpanKind::Served { .. } | SpanKind::Delivery { .. })) => true,
            (SpanKind::Delivery { .. }, None) => true,
            _ => false,
        };
        assert!(fits, "{span:#?} in {}", told());
    }
}

#[test]
fn meters_count_what_was_sent_and_what_was_answered() {
    for name in gallery() {
        let (topology, _) = compiled(&name, None, &[]);
        let recording = watched(&topology, Sampling::Nothing);
        let telemetry = recording.telemetry.as_ref().expect("it was asked for");
        let counted = |edge: usize, reporter: Reporter| -> u64 {
            let of = telemetry.counters.iter().filter(|c| c.edge.index() == edge && c.reporter == reporter);
            of.map(|c| c.scrapes.last().map_or(0, |s| s.requests)).sum()
        };
        for counters in &telemetry.counters {
            assert!(counters.scrapes.is_sorted_by(|a, b| a.number < b.number && a.requests < b.requests), "{name}: counters grow");
            assert!(counters.scrapes.iter().all(|s| s.buckets.iter().sum::<u64>() == s.requests), "{name}: each is in one bucket");
        }
        for (edge, record) in recording.edges.iter().enumerate() {
            let attempts: u64 = record.windows.iter().map(|w| u64::from(w.attempts)).sum();
            let (source, destination) = (counted(edge, Reporter::Source), counted(edge, Reporter::Destination));
            let edge = &topology.edges[edge].name;
            // A proxy's retries are no requests of its application's; but it also counts what it refuses.
            if topology.mesh.clusters.is_empty() {
                let over = recording.ended < Instant::START + topology.duration + topology.drain;
                assert!(source == attempts || (!over && source < attempts), "{name}: {edge}: {source} of {attempts}");
            }
            assert!(destination <= attempts, "{name}: {edge}: {destination} of {attempts}");
        }
    }
}

#[test]
fn the_tail_of_the_order_system_is_small_and_has_of_everything() {
    let (topology, _) = compiled("order-system", Some("naive"), &[]);
    let recording = watched(&topology, Sampling::Tail);
    let kept = |what| recording.sampled.iter().filter(|trace| trace.kept == what).count();
    assert!((100..2000).contains(&recording.sampled.len()), "{}", recording.sampled.len());
    assert!(kept(Kept::Slow) > 50 && kept(Kept::Failed) > 5 && kept(Kept::Typical) > 20);
    assert!(recording.sampled.is_sorted_by_key(|trace| trace.offered));
}
