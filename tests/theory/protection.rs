//! What keeps load out: token buckets and bulkheads.

use crate::replicate::{absolute, mean, replicate, share};
use brownout::analysis::closed_forms::erlang::erlang_b;
use brownout::analysis::closed_forms::rate_limit::accepted;

promises! {
    /// A46.
    fn a_token_bucket_accepts_the_known_share_of_poisson_arrivals() {
        for (arrivals, burst, literal) in [(1.2, 10, 0.829_089), (0.8, 5, 0.964_710)] {
            let at_the_service = replicate(
                500_000.0,
                &format!(
                    "
clients: {{users: {{target: server.get, arrivals: poisson({arrivals}/s)}}}}
services: {{server: {{rateLimit: {{rate: 1/s, burst: {burst}}}, endpoints: {{get: []}}}}}}"
                ),
            );
            let at_the_caller = replicate(
                500_000.0,
                &format!(
                    "
clients: {{users: {{target: server.get, arrivals: poisson({arrivals}/s), policy: limited}}}}
policies: {{limited: {{rateLimit: {{rate: 1/s, burst: {burst}}}}}}}
services: {{server: {{endpoints: {{get: []}}}}}}"
                ),
            );
            for runs in [at_the_service, at_the_caller] {
                let passed = runs.client("users", |c| c.success_rate);
                share("accepted", passed, accepted(arrivals, 1.0, burst));
                share("accepted, restated", passed, literal);
            }
        }
    }

    /// A60: one pool of 40 threads for two kinds of calls, one of which gets slow, and two bulkheads of 20.
    fn a_bulkhead_keeps_a_slow_dependency_from_taking_every_thread() {
        for (slow, shared, fast_alone, slow_alone) in
            [(0.1, 1e-10, 3.7e-6, 3.7e-6), (1.0, 0.413_908, 3.7e-6, 0.674_447), (5.0, 0.869_768, 3.7e-6, 0.933_570)]
        {
            let clients = "
clients:
  a: {target: gateway.a, arrivals: poisson(60/s)}
  b: {target: gateway.b, arrivals: poisson(60/s)}";
            let callees = format!(
                "
  fast: {{endpoints: {{get: [{{work: exp(100ms)}}]}}}}
  slow: {{endpoints: {{get: [{{work: exp({slow}s)}}]}}}}"
            );
            let pool = replicate(
                3_000.0,
                &format!(
                    "{clients}
services:
  gateway: {{workers: 40, queue: {{capacity: 0}}, endpoints: {{a: [{{call: fast.get}}], b: [{{call: slow.get}}]}}}}{callees}"
                ),
            );
            for client in ["a", "b"] {
                let rejected = 1.0 - pool.client(client, |c| c.success_rate);
                share("rejected by the pool", rejected, erlang_b(40, 6.0 + 60.0 * slow));
                share("rejected by the pool, restated", rejected, shared);
            }
            let apart = replicate(
                3_000.0,
                &format!(
                    "{clients}
policies: {{compartment: {{bulkhead: {{maxConcurrent: 20}}}}}}
services:
  gateway:
    endpoints: {{a: [{{call: fast.get, policy: compartment}}], b: [{{call: slow.get, policy: compartment}}]}}{callees}"
                ),
            );
            // What is spared is spared almost entirely: one of 270 000 calls, hundredths of a percent would be a leak.
            absolute("rejected by the spared bulkhead", 1.0 - apart.client("a", |c| c.success_rate), fast_alone, 1e-4);
            for (client, offered, literal) in [("a", 6.0, fast_alone), ("b", 60.0 * slow, slow_alone)] {
                let rejected = 1.0 - apart.client(client, |c| c.success_rate);
                share("rejected by a bulkhead", rejected, erlang_b(20, offered));
                share("rejected by a bulkhead, restated", rejected, literal);
            }
        }
    }

    /// A bulkhead whose calls wait for a permit is a queue before as many servers.
    fn calls_that_wait_for_a_permit_wait_as_in_m_m_c() {
        let runs = replicate(
            100_000.0,
            "
clients: {users: {target: server.get, arrivals: poisson(8/s), policy: patient}}
policies: {patient: {bulkhead: {maxConcurrent: 10, maxWait: 1000s}}}
services: {server: {endpoints: {get: [{work: exp(1s)}]}}}",
        );
        mean("mean response", runs.client("users", |c| c.latency.mean), 1.204_590);
        mean("in use", runs.service("server", |s| s.in_flight.mean), 8.0);
    }

    /// As many connections as a pool has are as many servers.
    fn a_pool_of_connections_is_a_queue_before_as_many_servers() {
        let runs = replicate(
            100_000.0,
            "
clients: {users: {target: server.get, arrivals: poisson(8/s)}}
services:
  server:
    pools: {connections: {size: 10}}
    endpoints: {get: [{acquire: {pool: connections, steps: [{work: exp(1s)}]}}]}",
        );
        mean("mean response", runs.client("users", |c| c.latency.mean), 1.204_590);
    }
}
