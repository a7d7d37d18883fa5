//! One server with other than exponential service times or gaps: Pollaczek–Khinchine, Crommelin, Kendall.

use crate::replicate::{mean, relative, replicate, share, tail};
use brownout::analysis::closed_forms::general_arrivals::GiM1;
use brownout::analysis::closed_forms::general_service::{Md1, Mg1};

fn server(arrivals: &str, work: &str) -> String {
    format!(
        "
clients: {{users: {{target: server.get, arrivals: {arrivals}}}}}
services: {{server: {{workers: 1, endpoints: {{get: [{{work: \"{work}\"}}]}}}}}}"
    )
}

promises! {
    /// A19, A26.
    fn constant_work_waits_half_as_long_as_exponential_work() {
        let runs = replicate(1_250_000.0, &server("poisson(0.8/s)", "1s"));
        let exact = Md1 { arrival_rate: 0.8, service_time: 1.0 };
        mean("mean wait", runs.service("server", |s| s.wait.mean), Mg1::constant(0.8, 1.0).mean_wait());
        mean("mean wait, restated", runs.service("server", |s| s.wait.mean), 2.0);
        mean("wait p50", runs.service("server", |s| s.wait.p50), 1.275_940);
        tail("wait p95", runs.service("server", |s| s.wait.p95), 6.620_325);
        tail("wait p99", runs.service("server", |s| s.wait.p99), 10.355_887);
        tail("response p99", runs.client("users", |c| c.latency.p99), exact.response_quantile(0.99));
        share("P(wait)", runs.service("server", |s| s.wait.share), 0.8);
    }

    /// A20: the wait grows with the variation of the work, 1 + cv², at the same utilization.
    fn the_wait_grows_with_the_variation_of_the_work() {
        // Heavier tails converge more slowly, hence the longer runs.
        for (work, wait, seconds) in [
            ("erlang(k: 2, mean: 1s)", 3.0, 1_250_000.0),
            ("lognormal(mean: 1s, cv: 2)", 10.0, 10_000_000.0),
            ("hyperexponential(mean: 1s, cv: 3)", 20.0, 10_000_000.0),
        ] {
            let runs = replicate(seconds, &server("poisson(0.8/s)", work));
            mean(&format!("mean wait with {work}"), runs.service("server", |s| s.wait.mean), wait);
            share("utilization", runs.service("server", |s| s.utilization), 0.8);
        }
    }

    /// A27: two exponential phases of balanced means. Even the median wait varies like a tail here.
    fn work_of_two_speeds_has_the_waits_of_m_h2_1() {
        let runs = replicate(5_000_000.0, &server("poisson(0.8/s)", "hyperexponential(mean: 1s, cv: 3)"));
        tail("wait p50", runs.service("server", |s| s.wait.p50), 9.082_507);
        tail("wait p95", runs.service("server", |s| s.wait.p95), 76.184_581);
        tail("wait p99", runs.service("server", |s| s.wait.p99), 123.087_039);
    }

    /// A28.
    fn arrivals_in_lockstep_wait_as_in_d_m_1() {
        let runs = replicate(1_250_000.0, &server("constant(0.8/s)", "exp(1s)"));
        let exact = GiM1::constant(0.8, 1.0);
        mean("mean wait", runs.service("server", |s| s.wait.mean), exact.mean_wait());
        mean("mean wait, restated", runs.service("server", |s| s.wait.mean), 1.692_731);
        share("P(wait)", runs.service("server", |s| s.wait.share), exact.waiting_share());
        tail("response p99", runs.client("users", |c| c.latency.p99), exact.response_quantile(0.99));
    }

    fn a_constant_rate_is_exact() {
        let runs = replicate(50_000.0, &server("constant(0.8/s)", "exp(1s)"));
        for (topology, _, summary) in &runs.0 {
            let expected = (topology.duration.as_secs_f64() - topology.warm_up.as_secs_f64()) * 0.8;
            relative("offered", summary.clients.get("users").unwrap().offered as f64, expected, 1.0 / expected);
        }
    }
}
