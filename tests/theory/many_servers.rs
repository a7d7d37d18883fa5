//! M/M/c: several workers at one queue; with a bounded queue; with none (Erlang's loss system).

use crate::replicate::{Runs, mean, replicate, share, tail};
use brownout::analysis::closed_forms::erlang::erlang_b;
use brownout::analysis::closed_forms::many_servers::{Mmc, Mmck};

fn pool(arrivals: f64, workers: u32, queue: &str, work: &str) -> String {
    format!(
        "
clients: {{users: {{target: server.get, arrivals: poisson({arrivals}/s)}}}}
services: {{server: {{workers: {workers}, queue: {queue}, endpoints: {{get: [{{work: \"{work}\"}}]}}}}}}"
    )
}

fn rejected(runs: &Runs) -> f64 {
    runs.service("server", |s| Some(s.rejected as f64 / s.requests as f64))
}

promises! {
    /// A05, A06, A07, A09: P(wait) of Erlang C, restated.
    fn several_workers_have_the_waits_of_m_m_c() {
        for (arrivals, workers, waiting) in [(1.6, 2, 0.711_111), (4.0, 5, 0.554_113), (2.5, 5, 0.130_371), (8.0, 10, 0.409_180)] {
            let exact = Mmc { arrival_rate: arrivals, service_rate: 1.0, servers: workers };
            let runs = replicate(1_000_000.0 / arrivals, &pool(arrivals, workers, "{}", "exp(1s)"));
            mean("mean response", runs.client("users", |c| c.latency.mean), exact.mean_response());
            mean("response p50", runs.client("users", |c| c.latency.p50), exact.response_quantile(0.5));
            tail("response p99", runs.client("users", |c| c.latency.p99), exact.response_quantile(0.99));
            share("P(wait)", runs.service("server", |s| s.wait.share), exact.waiting_share());
            share("P(wait), restated", runs.service("server", |s| s.wait.share), waiting);
            share("utilization", runs.service("server", |s| s.utilization), exact.utilization());
            // At half load few wait, so the mean queue hangs on fewer requests: as for quantiles.
            tail("mean queue", runs.service("server", |s| s.queue_length.mean), exact.mean_queue());
        }
    }

    /// A12.
    fn one_pool_of_workers_beats_as_many_queues() {
        for (workers, literal) in [(1, 5.0), (2, 2.777_778), (5, 1.554_113), (10, 1.204_590), (20, 1.064_019)] {
            let arrivals = 0.8 * f64::from(workers);
            let runs = replicate(1_000_000.0 / arrivals, &pool(arrivals, workers, "{}", "exp(1s)"));
            mean("mean response of a pool", runs.client("users", |c| c.latency.mean), literal);
        }
        let apart = replicate(
            1_000_000.0 / 8.0,
            "
clients: {users: {target: server.get, arrivals: poisson(8/s)}}
services: {server: {replicas: 10, loadBalancing: random, workers: 1, endpoints: {get: [{work: exp(1s)}]}}}",
        );
        mean("mean response of ten queues", apart.client("users", |c| c.latency.mean), 5.0);
    }

    /// A14 to A18.
    fn a_bounded_queue_rejects_and_bounds_the_wait() {
        for (arrivals, workers, room, blocking) in
            [(0.8, 1, 5, 0.088_819), (1.2, 1, 10, 0.192_586), (2.0, 1, 10, 0.500_244), (4.0, 4, 20, 0.052_033), (12.0, 10, 30, 0.168_637)]
        {
            let exact = Mmck { arrival_rate: arrivals, service_rate: 1.0, servers: workers, room };
            let capacity = room - workers;
            let runs = replicate(500_000.0 / arrivals, &pool(arrivals, workers, &format!("{{capacity: {capacity}}}"), "exp(1s)"));
            share("P(rejected)", rejected(&runs), exact.blocking());
            share("P(rejected), restated", rejected(&runs), blocking);
            share("utilization", runs.service("server", |s| s.utilization), exact.utilization());
            share("P(wait) of the accepted", runs.service("server", |s| s.wait.share), exact.waiting_share());
            mean("goodput", runs.client("users", |c| c.goodput), exact.throughput());
            mean("mean number", runs.service("server", |s| s.in_flight.mean), exact.mean_number());
            mean("mean response of the accepted", runs.client("users", |c| c.latency_ok.mean), exact.mean_response());
            assert!(runs.0.iter().all(|(_, recording, _)| recording.services[0].queue_max <= u64::from(capacity)));
        }
    }

    /// A13.
    fn without_a_queue_the_loss_depends_on_the_mean_service_time_alone() {
        for (offered, workers, literal) in [(8.0, 10, 0.121_661), (90.0, 100, 0.026_957)] {
            for work in ["1s", "lognormal(mean: 1s, cv: 2)", "exp(1s)"] {
                let runs = replicate(250_000.0 / offered, &pool(offered, workers, "{capacity: 0}", work));
                share(&format!("loss with {work}"), rejected(&runs), erlang_b(workers, offered));
                share(&format!("loss with {work}, restated"), rejected(&runs), literal);
            }
        }
    }
}
