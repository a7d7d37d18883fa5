//! What comes in goes out, or is still there.

use crate::common;
use crate::sketch::{ANYTHING, Allow, Sketch, models};
use crate::{cases, run};
use brownout::base::time::{Instant, Nanos};
use brownout::observe::recording::{Happening, Recording};
use brownout::policy::app::Scope;
use brownout::policy::app::circuit_breaker::Mode;
use brownout::topology::{FaultAction, Topology};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Nothing was in flight any more when the run ended.
fn ended_idle(topology: &Topology, recording: &Recording) -> bool {
    !recording.interrupted && recording.ended < Instant::START + topology.duration + topology.drain
}

/// A breaker of its own for every caller of the edge: no other call shares it.
fn has_breakers_of_its_own(topology: &Topology, edge: usize) -> bool {
    let [site] = topology.edges[edge].sites[..] else { return false };
    let policy = topology.sites[site.index()].policy;
    let uses = topology.sites.iter().filter(|site| site.policy == policy).count();
    policy.is_some() && uses == 1 && matches!(topology.policies[policy.index()].rules.scope, Scope::Service | Scope::Endpoint)
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn what_comes_in_goes_out_or_is_still_there(Sketch(text) in models(ANYTHING), seed in 0..4u64) {
        let topology = common::topology(&text);
        let recording = run(&topology, seed);
        let idle = ended_idle(&topology, &recording);
        prop_assert!(recording.ended <= Instant::START + topology.duration + topology.drain, "the run did not end");

        for (client, record) in topology.clients.iter().zip(&recording.clients) {
            let completed = record.ok + record.degraded + record.failed;
            prop_assert!(completed <= record.offered, "{}: more answers than requests", client.name);
            prop_assert!(!idle || completed == record.offered, "{}: {completed} of {} answered, none in flight", client.name, record.offered);
            prop_assert_eq!(record.outcomes.iter().map(|(_, n)| n).sum::<u64>(), completed);
            prop_assert_eq!(record.latency.count(), completed);
            prop_assert_eq!(record.latency_ok.count(), record.ok + record.degraded);
        }
        for (service, record) in topology.services.iter().zip(&recording.services) {
            let gone = record.ok + record.failed + record.rejected + record.abandoned;
            prop_assert!(gone <= record.requests, "{}: {gone} ends of {} requests", service.name, record.requests);
            prop_assert!(!idle || gone == record.requests, "{}: {gone} ends of {} requests, none in flight", service.name, record.requests);
            prop_assert_eq!(record.latency.count(), record.ok + record.failed);
            prop_assert_eq!(record.busy, record.present - record.queued, "{}: present is waiting or at work", &service.name);
            prop_assert!(record.alive == 0 || record.busy <= record.alive, "{}: more work than workers", service.name);
            prop_assert!(record.queue_max <= u64::from(service.queue_capacity) * service.replicas.len() as u64);
        }
        for (edge, record) in topology.edges.iter().zip(&recording.edges) {
            let (tries, told) = (record.calls + record.retries, record.attempts + record.short_circuited);
            prop_assert!(told <= tries, "{}: {record:?}", edge.name);
            prop_assert!(!idle || told == tries, "{}: {} calls + {} retries, {} attempts + {} short-circuited", edge.name, record.calls, record.retries, record.attempts, record.short_circuited);
            let ended: u64 = record.outcomes.iter().map(|(_, n)| n).sum();
            prop_assert!(ended <= record.calls && (!idle || ended == record.calls), "{}: {ended} ends of {} calls", edge.name, record.calls);
        }
    }

    #[test]
    fn the_timeline_is_in_order_and_breakers_change_only_as_they_may(Sketch(text) in models(ANYTHING), seed in 0..4u64) {
        let topology = common::topology(&text);
        let recording = run(&topology, seed);
        let mut modes: BTreeMap<(usize, u32), Mode> = BTreeMap::new();
        let mut before = Instant::START;
        for mark in &recording.timeline {
            prop_assert!(before <= mark.at && mark.at <= recording.ended);
            before = mark.at;
            // A process that dies takes its breakers with it; replicas are the first of all callers.
            if let Happening::ReplicaDown(replica) = mark.what {
                modes.retain(|(_, caller), _| *caller as usize != replica.index());
            }
            let Happening::Breaker { edge, caller, from, to } = mark.what else { continue };
            let legal = [(Mode::Closed, Mode::Open), (Mode::Open, Mode::HalfOpen), (Mode::HalfOpen, Mode::Open), (Mode::HalfOpen, Mode::Closed)];
            prop_assert!(legal.contains(&(from, to)), "from {from:?} to {to:?}");
            if has_breakers_of_its_own(&topology, edge.index()) {
                let mode = modes.insert((edge.index(), caller), to).unwrap_or(Mode::Closed);
                prop_assert_eq!(mode, from, "a breaker of {}", &topology.edges[edge.index()].name);
            }
        }
        for span in &recording.faults {
            prop_assert!(span.ended.is_none_or(|ended| span.began <= ended));
        }
        let breakers = topology.cells;
        for (edge, record) in topology.edges.iter().zip(&recording.edges) {
            for window in &record.windows {
                prop_assert!(window.open <= breakers && window.half_open <= breakers, "{}: {} open, {} half open of {breakers}", edge.name, window.open, window.half_open);
            }
        }
    }

    #[test]
    fn windows_add_up_to_the_whole(Sketch(text) in models(Allow { warm_up: false, ..ANYTHING }), seed in 0..4u64) {
        let topology = common::topology(&text);
        let recording = run(&topology, seed);
        // Without a warm-up every request of an open or closed client is of the cohort; calls and requests to services go on
        // after `duration`, which windows count and cohorts do not.
        for (record, client) in recording.clients.iter().zip(&topology.clients) {
            let sum = |figure: fn(&brownout::observe::recording::ClientWindow) -> u32| record.windows.iter().map(|w| u64::from(figure(w))).sum::<u64>();
            prop_assert_eq!(sum(|w| w.offered), record.offered, "{}", &client.name);
            prop_assert_eq!(sum(|w| w.ok), record.ok);
            prop_assert_eq!(sum(|w| w.degraded), record.degraded);
            prop_assert_eq!(sum(|w| w.failed), record.failed);
        }
        for (record, service) in recording.services.iter().zip(&topology.services) {
            let sum = |figure: fn(&brownout::observe::recording::ServiceWindow) -> u32| record.windows.iter().map(|w| u64::from(figure(w))).sum::<u64>();
            let gone = sum(|w| w.ok) + sum(|w| w.failed) + sum(|w| w.rejected) + sum(|w| w.abandoned);
            prop_assert!(sum(|w| w.arrived) >= record.requests && gone <= sum(|w| w.arrived), "{}", service.name);
        }
        for (record, edge) in recording.edges.iter().zip(&topology.edges) {
            let sum = |figure: fn(&brownout::observe::recording::EdgeWindow) -> u32| record.windows.iter().map(|w| u64::from(figure(w))).sum::<u64>();
            prop_assert!(sum(|w| w.attempts) + sum(|w| w.short_circuited) <= sum(|w| w.calls) + sum(|w| w.retries), "{}", edge.name);
            prop_assert!(sum(|w| w.calls) >= record.calls);
        }
    }

    /// Little's law without any error: if all that came has gone within the measured interval, the integral of what was
    /// present is the sum of the stays, to the nanosecond.
    #[test]
    fn what_was_present_is_the_sum_of_the_stays(Sketch(text) in models(Allow { closed: false, warm_up: false, quiet_end: true, ..ANYTHING }), seed in 0..4u64) {
        let topology = common::topology(&text);
        let recording = run(&topology, seed);
        // What comes to a replica that stands still waits outside, at the door of its process.
        let paused = topology.faults.iter().any(|fault| matches!(fault.action, FaultAction::Pause { .. }));
        let within = !paused && recording.measured == topology.duration && recording.clients.iter().all(|c| c.completed_in_interval == c.offered);
        for (service, record) in topology.services.iter().zip(&recording.services) {
            let all_gone = within && record.completed_in_interval == record.requests - record.rejected && record.abandoned == 0;
            if all_gone && service.max_wait.is_none() {
                prop_assert_eq!(record.present, record.latency.sum(), "{}: stays", &service.name);
                prop_assert_eq!(record.queued, record.wait.sum(), "{}: waits", &service.name);
            }
            // Whatever happens, who was answered in the interval was present for as long as the answer took.
            if !paused && record.completed_in_interval == record.latency.count() {
                prop_assert!(record.present >= record.latency.sum(), "{}: present", service.name);
            }
            prop_assert!(record.present_max >= record.queue_max);
            prop_assert!(record.present <= u128::from(record.present_max) * u128::from(recording.measured.0.max(Nanos(1).0)));
        }
    }
}
