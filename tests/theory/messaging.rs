//! Queues of messages: prefetch, backlogs, retries until the dead-letter queue, and what stands behind a bad record.

use crate::common::{run_yaml, topology};
use crate::replicate::{absolute, mean, relative, replicate, share};
use brownout::observe::watch::Wish;
use brownout::world::{self, Control};

/// A consumer behind a link of `delay` each way, works `work` ms, holds `prefetch` messages, and has always more of them.
fn behind_a_link(delay: u32, work: u32, prefetch: u32, window: u32) -> String {
    format!(
        "
duration: 6s
window: {window}ms
network: {{default: {{latency: 0s}}, links: {{far: {{from: b, to: worker, latency: {delay}ms}}}}}}
clients: {{users: {{target: shop.order, arrivals: constant(1000/s)}}}}
services: {{shop: {{endpoints: {{order: [{{publish: {{to: b.q}}}}]}}}}, worker: {{endpoints: {{}}}}}}
brokers: {{b: {{kind: rabbitmq, queues: {{q: {{}}}}}}}}
consumers: {{w: {{service: worker, from: b.q, prefetch: {prefetch}, steps: [{{work: {work}ms}}]}}}}"
    )
}

promises! {
    /// H01: min(1, n p / (2 d + p)), exactly: a round of `prefetch` messages takes the longer of n p and 2 d + p.
    fn prefetch_has_to_cover_the_way_there_and_back() {
        for (delay, work, prefetch, utilization) in [(50, 4, 1, 0.038_461_538), (50, 4, 26, 1.0), (100, 4, 26, 0.509_803_922), (100, 4, 51, 1.0), (50, 40, 26, 1.0)] {
            let round = (prefetch * work).max(2 * delay + work);
            let (_, recording, _) = run_yaml(&behind_a_link(delay, work, prefetch, round), 1);
            let rounds = 5_500 / round as usize;
            for window in &recording.queues[0].windows[2..rounds] {
                assert_eq!(window.acked, prefetch, "each round of {round} ms");
            }
            absolute("utilization", f64::from(prefetch * work) / f64::from(round), utilization, 1e-9);
        }
    }

    /// H01: what is more than that waits at the consumer, n p - (2 d + p) each, to the nanosecond.
    fn more_prefetch_than_that_waits_at_the_consumer() {
        for (delay, work, prefetch, wait) in [(50, 4, 26, 0), (50, 4, 51, 100), (50, 40, 26, 900), (50, 40, 51, 1900)] {
            let topology = topology(&behind_a_link(delay, work, prefetch, 1000));
            let recording = world::run(&topology, 1, Control { wish: Some(&Wish::first(10_000)), ..Control::default() }).expect("no limit is reached");
            let delivers = |edge: &brownout::base::id::EdgeId| topology.edges[edge.index()].name.contains(" for w");
            let attempts = recording.sampled.iter().flat_map(|request| request.attempts()).filter(|(edge, _)| delivers(edge));
            let spans: Vec<u64> = attempts.filter_map(|(_, attempt)| Some(attempt.ended?.0.since(attempt.began).0)).collect();
            for span in &spans[2 * prefetch as usize..3 * prefetch as usize] {
                assert_eq!(*span, u64::from(2 * delay + work + wait) * 1_000_000, "{prefetch} of {work} ms");
            }
        }
    }

    /// H02: T rho / (1 - rho) after an outage of T; then the oldest has waited for T.
    fn a_backlog_is_worked_off_in_the_time_that_the_load_leaves() {
        for (outage, load, drain) in [(60, 0.5, 60.0), (60, 0.8, 240.0), (60, 0.9, 540.0), (30, 0.95, 570.0)] {
            let (topology, recording, summary) = run_yaml(
                &format!(
                    "
duration: 800s
window: 100ms
clients: {{users: {{target: shop.order, arrivals: constant(20/s)}}}}
services: {{shop: {{endpoints: {{order: [{{publish: {{to: b.q}}}}]}}}}, worker: {{endpoints: {{}}}}}}
brokers: {{b: {{kind: rabbitmq, queues: {{q: {{}}}}}}}}
consumers: {{w: {{service: worker, from: b.q, prefetch: 1, steps: [{{work: {}us}}]}}}}
faults: {{down: {{at: 100s, for: {outage}s, crash: {{service: worker}}}}}}
expect: {{drains: \"drains(b.q, within: 700s, after: down)\"}}",
                    (load * 50_000.0_f64).round()
                ),
                1,
            );
            let verdict = brownout::analysis::expectations::evaluate(&topology, &recording, &summary);
            let observed = verdict.get("drains").unwrap().observed.expect("it drains");
            relative("drain", observed, drain, 0.02);
            relative("age at recovery", recording.queues[0].oldest_max.as_secs_f64(), f64::from(outage), 0.02);
        }
    }

    /// H03: p^n end in the dead-letter queue, after (1 - p^n) / (1 - p) deliveries of each message.
    fn what_fails_now_and_then_is_delivered_until_it_may_not_be_any_more() {
        for (failure, most, dead, deliveries) in [(0.1, 3, 0.001, 1.11), (0.5, 5, 0.031_25, 1.9375), (0.9, 5, 0.590_49, 4.0951)] {
            for (kind, rules) in [
                ("rabbitmq", format!("type: quorum, deliveryLimit: {}", most - 1)),
                ("sqs", format!("visibilityTimeout: 1s, waitTime: 20s, maxReceiveCount: {most}")),
                ("serviceBus", format!("maxDeliveryCount: {most}")),
            ] {
                let runs = replicate(
                    500.0,
                    &format!(
                        "
clients: {{users: {{target: shop.order, arrivals: poisson(50/s)}}}}
services: {{shop: {{endpoints: {{order: [{{publish: {{to: b.q}}}}]}}}}, worker: {{endpoints: {{}}}}}}
brokers: {{b: {{kind: {kind}, queues: {{q: {{{rules}, deadLetter: dead}}, dead: {{}}}}}}}}
consumers: {{w: {{service: worker, from: b.q, concurrency: 100, steps: [{{work: 1ms}}, {{fail: {{share: {}%}}}}]}}}}",
                        failure * 100.0
                    ),
                );
                let queue = |figure: fn(&brownout::analysis::summary::QueueSummary) -> u64| runs.mean(|summary| figure(summary.brokers.get("b.q").unwrap()) as f64);
                let published = queue(|queue| queue.published);
                share(&format!("dead of {kind}"), queue(|queue| queue.dead_lettered) / published, dead);
                mean(&format!("deliveries of {kind}"), queue(|queue| queue.delivered) / published, deliveries);
            }
        }
    }

    /// H04: behind a record that fails n times with a pause b after each, its partition stands still for n (p + b).
    fn a_bad_record_stops_what_is_behind_it() {
        let (tries, work, pause) = (10, 100, 1000);
        let yaml = format!(
            "
duration: 60s
window: 1s
clients: {{users: {{target: shop.order, arrivals: constant(1/s)}}}}
services: {{shop: {{endpoints: {{order: [{{publish: {{to: b.t}}}}]}}}}, worker: {{endpoints: {{}}}}}}
brokers: {{b: {{kind: kafka, topics: {{t: {{}}}}}}}}
consumers: {{w: {{service: worker, from: b.t, steps: [{{work: {work}ms}}, {{fail: {{}}}}], onError: {{retry: {{attempts: {}, backoff: {{initial: {pause}ms, factor: 1}}}}}}}}}}",
            tries + 1
        );
        let topology = topology(&yaml);
        let recording = world::run(&topology, 1, Control { wish: Some(&Wish::first(3)), ..Control::default() }).expect("no limit is reached");
        let first = |request: usize| recording.sampled[request].attempts().find(|(edge, _)| topology.edges[edge.index()].name.contains(" for w")).unwrap().1.began;
        let stall = first(1).since(first(0)).0 / 1_000_000 - work;
        assert_eq!(stall, tries * (work + pause));
        assert_eq!(stall, 11_000);
    }
}
