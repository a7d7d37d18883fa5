//! Users who wait for their answer, and what measuring with them hides.

use crate::replicate::{mean, relative, replicate, share, tail};
use brownout::analysis::closed_forms::closed_loop::{machine_repair, mean_value_analysis};
use brownout::analysis::closed_forms::single_server::Mm1;

fn closed(users: u32, think: &str, work: &str) -> String {
    format!(
        "
clients: {{users: {{target: server.get, users: {users}, thinkTime: {think}}}}}
services: {{server: {{workers: 1, endpoints: {{get: [{{work: \"{work}\"}}]}}}}}}"
    )
}

const BIMODAL: &str = "mix(99.9%: exp(100ms), 0.1%: exp(10s))";

promises! {
    /// A52.
    fn a_fixed_number_of_users_has_the_throughput_of_mean_value_analysis() {
        let exact = mean_value_analysis(50, 10.0, &[0.25]);
        let runs = replicate(250_000.0, &closed(50, "exp(10s)", "exp(250ms)"));
        mean("throughput", runs.client("users", |c| c.rate), exact.throughput);
        mean("throughput, restated", runs.client("users", |c| c.rate), 3.925_237);
        mean("response", runs.client("users", |c| c.latency.mean), exact.mean_response);
        mean("response, restated", runs.client("users", |c| c.latency.mean), 2.738_083);
        share("utilization", runs.service("server", |s| s.utilization), exact.utilizations[0]);
    }

    /// Only the mean of the think time counts; several workers: the repair-man's model.
    fn users_of_several_workers_are_machines_and_repairmen() {
        let exact = machine_repair(20, 5.0, 3, 1.0);
        for think in ["exp(5s)", "5s"] {
            let runs = replicate(
                200_000.0,
                &format!(
                    "
clients: {{users: {{target: server.get, users: 20, thinkTime: {think}}}}}
services: {{server: {{workers: 3, endpoints: {{get: [{{work: exp(1s)}}]}}}}}}"
                ),
            );
            mean("throughput", runs.client("users", |c| c.rate), exact.throughput);
            mean("response", runs.client("users", |c| c.latency.mean), exact.mean_response);
        }
    }

    /// At the same load of 0.8 the open client sees 5 times the tail that the only user of a closed loop sees.
    fn a_closed_loop_hides_the_tail_that_open_arrivals_meet() {
        let open = replicate(
            100_000.0,
            "
clients: {users: {target: server.get, arrivals: poisson(8/s)}}
services: {server: {workers: 1, endpoints: {get: [{work: exp(100ms)}]}}}",
        );
        let exact = Mm1 { arrival_rate: 8.0, service_rate: 10.0 };
        mean("open mean", open.client("users", |c| c.latency.mean), exact.mean_response());
        tail("open p99", open.client("users", |c| c.latency.p99), 4.605_170 / 2.0);
        let one = replicate(25_000.0, &closed(1, "exp(20ms)", "exp(100ms)"));
        tail("closed p99", one.client("users", |c| c.latency.p99), 0.4605);
        share("closed utilization", one.service("server", |s| s.utilization), 0.833_333);
        let ten = replicate(50_000.0, &closed(10, "exp(1145ms)", "exp(100ms)"));
        mean("closed mean of ten", ten.client("users", |c| c.latency.mean), 0.241_963);
        share("closed utilization of ten", ten.service("server", |s| s.utilization), 0.7210);
    }

    /// One request of a thousand is slow (A24). With a squared coefficient of variation of 17 the mean of 10^6 open requests
    /// is good to 10 %, its tail to 15 %; what is hidden is a factor of 97.
    fn a_closed_loop_hides_slow_requests_almost_entirely() {
        let open = replicate(
            550_000.0,
            &format!(
                "
clients: {{users: {{target: server.get, arrivals: poisson(7.279345/s)}}}}
services: {{server: {{workers: 1, endpoints: {{get: [{{work: \"{BIMODAL}\"}}]}}}}}}"
            ),
        );
        let looser = crate::EFFORT.mean / 0.03;
        relative("open mean", open.client("users", |c| c.latency.mean), 4.1132, 0.10 * looser);
        relative("open p90", open.client("users", |c| c.latency.p90), 14.1615, 0.15 * looser);
        relative("open p99", open.client("users", |c| c.latency.p99), 45.7975, 0.15 * looser);
        let one = replicate(50_000.0, &closed(1, "exp(20ms)", BIMODAL));
        tail("closed p99", one.client("users", |c| c.latency.p99), 0.4704);
    }
}
