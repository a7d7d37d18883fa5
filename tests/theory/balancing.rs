//! How callers spread over replicas: random, in turn, the emptier of two, or one queue for all.

use crate::EFFORT;
use crate::replicate::{mean, replicate, tail};
use brownout::analysis::closed_forms::choices::Supermarket;
use brownout::analysis::closed_forms::general_arrivals::GiM1;
use brownout::analysis::closed_forms::many_servers::Mmc;

fn balanced(load: f64, replicas: u32, balancing: &str) -> String {
    let arrivals = load * f64::from(replicas);
    format!(
        "
clients: {{users: {{target: server.get, arrivals: poisson({arrivals}/s)}}}}
services: {{server: {{replicas: {replicas}, loadBalancing: {balancing}, workers: 1, endpoints: {{get: [{{work: exp(1s)}}]}}}}}}"
    )
}

promises! {
    /// A53, 500 replicas for infinitely many: 0.4 % above.
    fn the_emptier_of_two_is_almost_as_good_as_the_emptiest() {
        let exact = Supermarket { utilization: 0.9, choices: 2 };
        let runs = replicate(2_000.0, &balanced(0.9, 500, "leastRequest"));
        mean("mean response", runs.client("users", |c| c.latency.mean), 1.004 * exact.mean_response());
        mean("mean response, restated", runs.client("users", |c| c.latency.mean), 1.004 * 2.614_057);
        // P(at least 2) is what is missing of P(at least 1) where one waits: the mean number in queues.
        let waiting: f64 = (2..10).map(|k| exact.at_least(k)).sum();
        mean("waiting per replica", runs.service("server", |s| s.queue_length.mean.map(|q| q / 500.0)), waiting);
    }

    /// A56.
    fn dealing_out_in_turn_beats_chance_and_one_queue_beats_both() {
        for load in if EFFORT.requests > 1.0 { vec![0.8, 0.9] } else { vec![0.8] } {
            let seconds = 1_000_000.0 / (10.0 * load);
            let random = replicate(seconds, &balanced(load, 10, "random"));
            mean("random", random.client("users", |c| c.latency.mean), 1.0 / (1.0 - load));
            let in_turn = replicate(seconds, &balanced(load, 10, "roundRobin"));
            let exact = GiM1::erlang(10, load, 1.0);
            mean("round robin", in_turn.client("users", |c| c.latency.mean), exact.mean_response());
            tail("round robin p99", in_turn.client("users", |c| c.latency.p99), exact.response_quantile(0.99));
            let arrivals = 10.0 * load;
            let central = replicate(
                seconds,
                &format!(
                    "
clients: {{users: {{target: server.get, arrivals: poisson({arrivals}/s)}}}}
services: {{server: {{workers: 10, endpoints: {{get: [{{work: exp(1s)}}]}}}}}}"
                ),
            );
            let exact = Mmc { arrival_rate: arrivals, service_rate: 1.0, servers: 10 };
            mean("one queue", central.client("users", |c| c.latency.mean), exact.mean_response());
        }
    }
}
