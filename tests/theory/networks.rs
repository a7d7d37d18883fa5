//! Several services: tandems (Jackson, Burke), branches that all have to answer.

use crate::replicate::{mean, replicate, share, tail};
use brownout::analysis::closed_forms::networks::{ForkJoin, Tandem};

promises! {
    /// A47: a call chain whose callers have workers enough is a tandem.
    fn a_chain_of_services_has_the_response_times_of_a_tandem() {
        let exact = Tandem { arrival_rate: 0.8, service_rates: vec![1.0, 1.25, 2.0] };
        let runs = replicate(
            1_250_000.0,
            "
clients: {users: {target: gateway.get, arrivals: poisson(0.8/s)}}
services:
  gateway: {endpoints: {get: [{call: first.get}, {call: second.get}, {call: third.get}]}}
  first: {workers: 1, endpoints: {get: [{work: exp(1s)}]}}
  second: {workers: 1, endpoints: {get: [{work: exp(800ms)}]}}
  third: {workers: 1, endpoints: {get: [{work: exp(500ms)}]}}",
        );
        mean("mean response", runs.client("users", |c| c.latency.mean), exact.mean_response());
        mean("mean response, restated", runs.client("users", |c| c.latency.mean), 8.055_556);
        mean("response p50", runs.client("users", |c| c.latency.p50), 6.733_591);
        tail("response p95", runs.client("users", |c| c.latency.p95), 18.802_195);
        tail("response p99", runs.client("users", |c| c.latency.p99), 26.872_809);
        for (service, load) in [("first", 0.8), ("second", 0.64), ("third", 0.4)] {
            share("utilization", runs.service(service, |s| s.utilization), load);
            mean("mean number", runs.service(service, |s| s.in_flight.mean), load / (1.0 - load));
        }
    }

    /// Half of the requests come a second time: 0.4 + 0.2 visits a second.
    fn visits_add_up_to_the_load_of_a_service() {
        let runs = replicate(
            500_000.0,
            "
clients: {users: {target: gateway.get, arrivals: poisson(0.4/s)}}
services:
  gateway:
    endpoints:
      get: [{call: server.get}, {choose: {done: {weight: 1, steps: []}, again: {weight: 1, steps: [{call: server.get}]}}}]
  server: {workers: 1, endpoints: {get: [{work: exp(1s)}]}}",
        );
        share("utilization", runs.service("server", |s| s.utilization), 0.6);
        share("visits", runs.service("server", |s| s.rate), 0.6);
    }

    /// A50.
    fn two_branches_that_both_have_to_answer_are_a_fork_and_join() {
        for (load, literal) in [(0.5, 2.875), (0.8, 7.0)] {
            let exact = ForkJoin { arrival_rate: load, service_rate: 1.0, branches: 2 };
            let runs = replicate(
                1_000_000.0 / load,
                &format!(
                    "
clients: {{users: {{target: gateway.get, arrivals: poisson({load}/s)}}}}
services:
  gateway: {{endpoints: {{get: [{{parallel: {{branches: [[{{call: left.get}}], [{{call: right.get}}]]}}}}]}}}}
  left: {{workers: 1, endpoints: {{get: [{{work: exp(1s)}}]}}}}
  right: {{workers: 1, endpoints: {{get: [{{work: exp(1s)}}]}}}}"
                ),
            );
            mean("mean response", runs.client("users", |c| c.latency.mean), exact.mean_response());
            mean("mean response, restated", runs.client("users", |c| c.latency.mean), literal);
        }
    }

    /// Without queueing: the slowest of n exponentials is H(n), the fastest 1/n, the third of five 1/5 + 1/4 + 1/3.
    fn branches_draw_their_work_independently() {
        for (join, times, exact) in [("all", 10, 2.928_968), ("any", 10, 0.1), ("quorum(3)", 5, 0.783_333)] {
            let runs = replicate(
                200_000.0,
                &format!(
                    "
clients: {{users: {{target: gateway.get, arrivals: poisson(1/s)}}}}
services:
  gateway: {{endpoints: {{get: [{{parallel: {{join: {join}, times: {times}, branches: [[{{call: shard.get}}]]}}}}]}}}}
  shard: {{endpoints: {{get: [{{work: exp(1s)}}]}}}}"
                ),
            );
            mean(&format!("{join} of {times}"), runs.client("users", |c| c.latency.mean), exact);
        }
    }
}
