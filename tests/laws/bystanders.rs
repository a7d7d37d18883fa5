//! What is none of a component's business changes nothing of it: other services, observers, other runs side by side.

use crate::common;
use crate::sketch::{ANYTHING, Sketch, models};
use crate::{cases, run};
use brownout::analysis::summary::{Summary, summarize};
use brownout::experiment::aggregate::Aggregate;
use brownout::experiment::ensemble::{self, Subject, Watch};
use brownout::export::json;
use brownout::topology::Topology;
use proptest::prelude::*;
use std::sync::atomic::AtomicBool;

fn summary(topology: &Topology, seed: u64) -> (Summary, bool) {
    let recording = run(topology, seed);
    (summarize(topology, &recording, None), recording.interrupted)
}

proptest! {
    #![proptest_config(cases(60))]

    /// Names that sort before and after all others: none of their numbers stays the same, but their streams do.
    #[test]
    fn an_unrelated_service_and_its_client_change_no_figure_of_the_others(Sketch(text) in models(ANYTHING), seed in 0..4u64) {
        let aside = |name: &str| format!("  {name}: {{replicas: 2, workers: 3, endpoints: {{get: [{{work: exp(7ms)}}, {{fail: {{share: 10%}}}}]}}}}\n");
        let caller = |name: &str| format!("  {name}client: {{target: {name}.get, arrivals: poisson(50/s), policy: {name}}}\n");
        let rules = |name: &str| format!("  {name}: {{timeout: 20ms, retry: {{attempts: 3}}, circuitBreaker: {{consecutiveFailures: 2, openFor: 50ms}}}}\n");
        let both = |part: &dyn Fn(&str) -> String| part("aside") + &part("zaside");
        let more = text.replace("\nservices:\n", &format!("\nservices:\n{}", both(&aside)));
        let more = more.replace("\nclients:\n", &format!("\nclients:\n{}", both(&caller)));
        let more = if more.contains("\npolicies:\n") {
            more.replace("\npolicies:\n", &format!("\npolicies:\n{}", both(&rules)))
        } else {
            format!("{more}policies:\n{}", both(&rules))
        };
        let (alone, cut) = summary(&common::topology(&text), seed);
        let (beside, cut_too) = summary(&common::topology(&more), seed);
        // A limit on events is met earlier in company.
        prop_assume!(!cut && !cut_too);
        for (name, client) in alone.clients.iter() {
            prop_assert_eq!(beside.clients.get(name), Some(client), "client {}", name);
        }
        for (name, service) in alone.services.iter() {
            prop_assert_eq!(beside.services.get(name), Some(service), "service {}", name);
        }
        for (name, call) in alone.calls.iter() {
            prop_assert_eq!(beside.calls.get(name), Some(call), "call {}", name);
        }
    }

    #[test]
    fn expectations_and_windows_observe_and_never_touch(Sketch(text) in models(ANYTHING), seed in 0..4u64) {
        let observed = text.replace("window: 1s\n", "window: 90ms\n")
            + "expect: {a: successRate(c0) >= 99% during 0s..1s, b: p99(s0) < 5ms, c: amplification(c0 -> s0.e0) < 1.1, d: utilization(s0) < 50%, e: blastRadius() < 50%}\n";
        let (plain, observed) = (run(&common::topology(&text), seed), run(&common::topology(&observed), seed));
        prop_assert_eq!(plain.fingerprint, observed.fingerprint);
        prop_assert_eq!(plain.events, observed.events);
        prop_assert_eq!(plain.clients[0].latency.sum(), observed.clients[0].latency.sum());
        prop_assert_eq!(plain.services[0].present, observed.services[0].present);
    }

    #[test]
    fn runs_side_by_side_are_the_runs_one_after_the_other(Sketch(text) in models(ANYTHING)) {
        let topology = common::topology(&text);
        let subjects = [Subject { variant: None, topology: &topology }];
        let interrupted = AtomicBool::new(false);
        let with = |jobs| {
            let limits = brownout::base::limit::Limits { events: 50_000, ..Default::default() };
            let outcomes = ensemble::run_all(&subjects, &ensemble::seeds(7, 4), Watch { jobs, limits, wish: None, interrupted: &interrupted, progress: None }).remove(0);
            let summaries: Vec<String> = outcomes.iter().map(|o| json::text(&o.summary)).collect();
            let figures: Vec<_> = outcomes.into_iter().map(|o| o.figures).collect();
            (summaries, json::text(&Aggregate::of(&figures)))
        };
        prop_assert_eq!(with(1), with(2));
    }
}
