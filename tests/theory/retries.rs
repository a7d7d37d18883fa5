//! Retry amplification: layers multiply, budgets bound.

use crate::replicate::{absolute, mean, replicate};
use brownout::analysis::closed_forms::amplification;

/// A chain of callers that try so often each (the client included), above a leaf that fails with this probability.
fn chain(layers: u32, attempts: u32, failure: f64) -> String {
    let mut services = String::new();
    for layer in 1..layers {
        services += &format!("\n  layer{layer}: {{endpoints: {{get: [{{call: layer{}.get, policy: stubborn}}]}}}}", layer + 1);
    }
    format!(
        "
clients: {{users: {{target: layer1.get, arrivals: poisson(10/s), policy: stubborn}}}}
policies: {{stubborn: {{retry: {{attempts: {attempts}}}}}}}
services:{services}
  layer{layers}: {{endpoints: {{get: [{{fail: {{share: {}%}}}}]}}}}",
        failure * 100.0
    )
}

promises! {
    /// B01: 3 layers of 4 attempts are 64, 5 of 3 are 243, 4 of 3 are 81. No tolerance.
    fn retries_in_layers_multiply_exactly() {
        for (layers, attempts, exact) in [(3, 4, 64), (5, 3, 243), (4, 3, 81)] {
            assert_eq!(amplification::worst_case(&vec![attempts; layers]), exact);
            let runs = replicate(100.0, &chain(layers as u32, attempts, 1.0));
            for (_, _, summary) in &runs.0 {
                let client = summary.clients.get("users").unwrap();
                let leaf = summary.services.get(&format!("layer{layers}")).unwrap();
                assert_eq!(leaf.requests, exact * client.offered);
                assert_eq!((client.failed, client.unfinished), (client.offered, 0));
                for (name, call) in summary.calls.iter() {
                    assert_eq!((call.amplification, call.retries.app), (Some(f64::from(attempts)), call.calls * u64::from(attempts - 1)), "{name}");
                }
            }
        }
    }

    /// B03: (1 - p^64) / (1 - p) attempts at the leaf if it fails independently.
    fn retries_in_layers_add_up_to_the_known_mean() {
        for (failure, literal) in [(0.1, 1.1111), (0.5, 2.0), (0.9, 9.988)] {
            let runs = replicate(20_000.0, &chain(3, 4, failure));
            let per_request = runs.mean(|s| {
                s.services.get("layer3").unwrap().requests as f64 / s.clients.get("users").unwrap().offered as f64
            });
            mean("attempts at the leaf", per_request, amplification::layered(failure, &[4, 4, 4]));
            mean("attempts at the leaf, restated", per_request, literal);
        }
    }

    /// B-2 ("Fixing retries with token buckets and circuit breakers", Brooker 2022): 100 clients of 10 requests per second.
    fn a_token_bucket_bounds_what_retries_add() {
        // Probability, and success and load: of no retries, of 3, of a bucket of 5 tokens to which each call adds a tenth.
        let table = [
            (0.01, [0.9904, 1.0000], [1.0000, 1.0098], [1.0000, 1.0104]),
            (0.05, [0.9501, 1.0000], [1.0000, 1.0506], [0.9999, 1.0525]),
            (0.1, [0.9001, 1.0000], [0.9998, 1.1102], [0.9851, 1.0940]),
            (0.2, [0.8008, 1.0000], [0.9983, 1.2489], [0.8832, 1.1035]),
            (0.5, [0.4977, 1.0000], [0.9372, 1.8775], [0.5515, 1.1042]),
        ];
        for (failure, none, three, bucket) in table {
            let strategies = [
                ("none", "{timeout: 1000s}", none),
                ("three retries", "{retry: {attempts: 4}}", three),
                ("bucket", "{retry: {attempts: unlimited, budget: {bucket: {size: 5, cost: 1, deposit: 0.1, on: call}}}}", bucket),
            ];
            for (strategy, policy, [succeeds, load]) in strategies {
                let runs = replicate(
                    600.0,
                    &format!(
                        "
clients: {{users: {{target: server.get, arrivals: poisson(1000/s), instances: 100, policy: strategy}}}}
policies: {{strategy: {policy}}}
network: {{default: {{latency: exp(5ms)}}}}
services: {{server: {{endpoints: {{get: [{{fail: {{share: {}%}}}}]}}}}}}",
                        failure * 100.0
                    ),
                );
                let what = format!("{strategy} at {failure}");
                absolute(&format!("success of {what}"), runs.client("users", |c| c.success_rate), succeeds, 0.005);
                absolute(&format!("load of {what}"), runs.call("users -> server.get", |c| c.amplification.unwrap()), load, 0.005);
            }
        }
    }

    /// B07: once the bucket is empty, load is 1.1 and success (1 - p) 1.1 if calls fill it; less if only successes do.
    fn an_empty_bucket_bounds_the_load_exactly() {
        for (failure, on, load, succeeds) in [
            (0.2, "call", 1.1, 0.88),
            (0.5, "call", 1.1, 0.55),
            (0.9, "call", 1.1, 0.11),
            (0.2, "success", 1.086_957, 0.869_565),
            (0.5, "success", 1.052_632, 0.526_316),
            (0.9, "success", 1.010_101, 0.101_010),
        ] {
            let runs = replicate(
                500.0,
                &format!(
                    "
clients: {{users: {{target: server.get, arrivals: poisson(1000/s), policy: strategy}}}}
policies: {{strategy: {{retry: {{attempts: unlimited, budget: {{bucket: {{size: 5, cost: 1, deposit: 0.1, on: {on}}}}}}}}}}}
services: {{server: {{endpoints: {{get: [{{fail: {{share: {}%}}}}]}}}}}}",
                    failure * 100.0
                ),
            );
            absolute("load", runs.call("users -> server.get", |c| c.amplification.unwrap()), load, 0.005);
            absolute("success", runs.client("users", |c| c.success_rate), succeeds, 0.005);
        }
    }
}
