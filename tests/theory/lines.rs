//! Lines: messages that arrive at random and leave by one line are a queue with one server.

use crate::replicate::{mean, replicate, share, tail};
use brownout::analysis::closed_forms::general_service::{Md1, Mg1};
use brownout::analysis::closed_forms::single_server::Mm1;

/// Messages of mean 1 s on their line; without a protocol they are their payload alone, and the answer is empty.
fn line(load: f64, payload: &str) -> String {
    format!(
        "
clients: {{users: {{target: server.get, arrivals: poisson({load}/s), payload: {payload}}}}}
services: {{server: {{endpoints: {{get: [{{work: 0s}}]}}}}}}
network: {{default: {{bandwidth: 8Mbps}}}}"
    )
}

promises! {
    /// 1 MB at 8 Mbps. A latency is a response time: a message's own time on the line included.
    fn messages_of_one_size_wait_as_in_m_d_1() {
        for load in [0.5, 0.8] {
            let runs = replicate(1_000_000.0 / load, &line(load, "1MB"));
            let (all, tails) = (Mg1::constant(load, 1.0), Md1 { arrival_rate: load, service_time: 1.0 });
            mean("mean response", runs.client("users", |c| c.latency.mean), all.mean_response());
            mean("mean wait", runs.client("users", |c| c.latency.mean) - 1.0, all.mean_wait());
            tail("response p95", runs.client("users", |c| c.latency.p95), tails.response_quantile(0.95));
            tail("response p99", runs.client("users", |c| c.latency.p99), tails.response_quantile(0.99));
            let busy = |summary: &brownout::analysis::summary::Summary| {
                let bytes = summary.calls.values().next().and_then(|call| call.bytes).expect("messages have sizes");
                bytes.request as f64 * 8.0 / 8e6 / (summary.duration - summary.warm_up)
            };
            share("share of the bandwidth", runs.mean(busy), load);
        }
    }

    fn messages_of_exponential_size_wait_as_in_m_m_1() {
        let exact = Mm1 { arrival_rate: 0.8, service_rate: 1.0 };
        let runs = replicate(1_250_000.0, &line(0.8, "exp(1MB)"));
        mean("mean response", runs.client("users", |c| c.latency.mean), exact.mean_response());
        mean("response p50", runs.client("users", |c| c.latency.p50), exact.response_quantile(0.5));
        tail("response p95", runs.client("users", |c| c.latency.p95), exact.response_quantile(0.95));
        tail("response p99", runs.client("users", |c| c.latency.p99), exact.response_quantile(0.99));
    }

    /// The way back is a line of its own: two M/M/1 in a row, by Burke's theorem independent.
    fn answers_wait_on_their_own_line() {
        let exact = Mm1 { arrival_rate: 0.7, service_rate: 1.0 };
        let model = line(0.7, "exp(1MB), response: exp(1MB)");
        let runs = replicate(1_400_000.0, &model);
        mean("mean response", runs.client("users", |c| c.latency.mean), 2.0 * exact.mean_response());
    }
}
