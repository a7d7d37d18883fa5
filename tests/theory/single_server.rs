//! M/M/1: exponential gaps, exponential service, one worker.

use crate::EFFORT;
use crate::replicate::{mean, relative, replicate, share, tail};
use brownout::analysis::closed_forms::single_server::Mm1;

fn queue(load: f64, queue: &str) -> String {
    format!(
        "
clients: {{users: {{target: server.get, arrivals: poisson({load}/s)}}}}
services: {{server: {{workers: 1, queue: {queue}, endpoints: {{get: [{{work: exp(1s)}}]}}}}}}"
    )
}

promises! {
    /// A01, A02.
    fn one_server_has_the_response_and_waiting_times_of_m_m_1() {
        for (load, literal) in [(0.5, [2.0, 1.386_294, 5.991_465, 9.210_340]), (0.8, [5.0, 3.465_736, 14.978_661, 23.025_851])] {
            let exact = Mm1 { arrival_rate: load, service_rate: 1.0 };
            let runs = replicate(1_000_000.0 / load, &queue(load, "{}"));
            let response = [
                runs.client("users", |c| c.latency.mean),
                runs.client("users", |c| c.latency.p50),
                runs.client("users", |c| c.latency.p95),
                runs.client("users", |c| c.latency.p99),
            ];
            mean("mean response", response[0], exact.mean_response());
            mean("response p50", response[1], exact.response_quantile(0.5));
            tail("response p95", response[2], exact.response_quantile(0.95));
            tail("response p99", response[3], exact.response_quantile(0.99));
            for (observed, literal) in response.into_iter().zip(literal) {
                tail("response, restated", observed, literal);
            }
            mean("mean wait", runs.service("server", |s| s.wait.mean), exact.mean_wait());
            tail("wait p95", runs.service("server", |s| s.wait.p95), exact.wait_quantile(0.95));
            tail("wait p99", runs.service("server", |s| s.wait.p99), exact.wait_quantile(0.99));
            share("P(wait)", runs.service("server", |s| s.wait.share), load);
            share("utilization", runs.service("server", |s| s.utilization), load);
            mean("mean number", runs.service("server", |s| s.in_flight.mean), exact.mean_number());
            mean("mean queue", runs.service("server", |s| s.queue_length.mean), exact.mean_number() - load);
        }
    }

    /// How sharp these tests are: nothing of the above would pass on a server that is 3 % slower.
    fn a_server_that_is_a_little_slower_is_told_apart() {
        let exact = Mm1 { arrival_rate: 0.8, service_rate: 1.0 };
        let runs = replicate(
            1_250_000.0,
            "
clients: {users: {target: server.get, arrivals: poisson(0.8/s)}}
services: {server: {workers: 1, endpoints: {get: [{work: exp(1030ms)}]}}}",
        );
        for (what, observed, exact, tolerance) in [
            ("mean response", runs.client("users", |c| c.latency.mean), exact.mean_response(), EFFORT.mean),
            ("response p50", runs.client("users", |c| c.latency.p50), exact.response_quantile(0.5), EFFORT.mean),
            ("response p99", runs.client("users", |c| c.latency.p99), exact.response_quantile(0.99), EFFORT.tail),
            ("mean wait", runs.service("server", |s| s.wait.mean), exact.mean_wait(), EFFORT.mean),
            ("P(wait)", runs.service("server", |s| s.wait.share), 0.8, EFFORT.share / 0.8),
            ("utilization", runs.service("server", |s| s.utilization), 0.8, EFFORT.share / 0.8),
        ] {
            let error = observed / exact - 1.0;
            assert!(error > 1.5 * tolerance, "{what}: {observed}, {exact} at full speed: hardly off by {tolerance}");
        }
    }

    /// L = λ W, up to who is present at the edges of the measured interval.
    fn what_is_present_is_the_rate_of_arrivals_times_the_time_that_each_stays() {
        let runs = replicate(250_000.0, &queue(0.8, "{}"));
        for (_, recording, summary) in &runs.0 {
            let server = summary.services.get("server").unwrap();
            let rate = server.requests as f64 / recording.measured.as_secs_f64();
            relative("Little: present", server.in_flight.mean.unwrap(), rate * server.latency.mean.unwrap(), 0.005);
            relative("Little: queue", server.queue_length.mean.unwrap(), rate * server.wait.mean.unwrap(), 0.005);
            // U = X S: an exponential service time has no further memory, so its mean over 5e4 is within 1.5 %.
            relative("utilization law", server.utilization.unwrap(), server.rate.unwrap() * 1.0, 0.015);
        }
    }

    /// A33, A34. The deviation and p99 of a LIFO wait hang on few long busy periods, hence more requests.
    fn lifo_has_the_mean_wait_of_fifo_and_its_own_spread() {
        let exact = Mm1 { arrival_rate: 0.8, service_rate: 1.0 };
        let runs = replicate(8_000_000.0, &queue(0.8, "{discipline: lifo}"));
        mean("mean wait", runs.service("server", |s| s.wait.mean), exact.mean_wait());
        mean("wait p50", runs.service("server", |s| s.wait.p50), 0.586_436);
        tail("wait p99", runs.service("server", |s| s.wait.p99), exact.lifo_wait_quantile(0.99));
        tail("wait p99, restated", runs.service("server", |s| s.wait.p99), 61.98);
        tail("deviation", runs.deviation(|r| &r.services[0].wait), exact.lifo_wait_deviation());
        tail("deviation, restated", runs.deviation(|r| &r.services[0].wait), 13.5647);
        let fifo = replicate(1_000_000.0, &queue(0.8, "{discipline: fifo}"));
        tail("FIFO deviation", fifo.deviation(|r| &r.services[0].wait), 4.8990);
        mean("FIFO p50", fifo.service("server", |s| s.wait.p50), 2.350_018);
    }

    /// A35.
    fn in_overload_lifo_keeps_answering_in_time_where_fifo_answers_nobody() {
        for (load, deadline, literal) in [(1.2, 5, 0.784_178), (2.0, 20, 0.999_325)] {
            let model = |discipline: &str| {
                format!(
                    "
drain: 0s
clients: {{users: {{target: server.get, arrivals: poisson({load}/s), policy: patience}}}}
policies: {{patience: {{timeout: {deadline}s}}}}
services: {{server: {{workers: 1, queue: {{discipline: {discipline}}}, endpoints: {{get: [{{work: exp(1s)}}]}}}}}}"
                )
            };
            let goodput = |discipline| replicate(250_000.0, &model(discipline)).client("users", |c| c.goodput);
            let exact = Mm1 { arrival_rate: load, service_rate: 1.0 }.lifo_goodput_within(f64::from(deadline));
            let lifo = goodput("lifo");
            mean("LIFO goodput", lifo, exact);
            mean("LIFO goodput, restated", lifo, literal);
            share("FIFO goodput", goodput("fifo"), 0.0);
        }
    }

    /// A44: at a load of 0.9 and 10 service times of patience as at 0.8 and 5, e^-1 of the callers leave.
    fn callers_who_time_out_unnoticed_keep_the_server_busy_in_vain() {
        for (load, timeout) in [(0.8, 5.0), (0.9, 10.0)] {
            let exact = Mm1 { arrival_rate: load, service_rate: 1.0 };
            let runs = replicate(
                2_000_000.0,
                &format!(
                    "
clients: {{users: {{target: server.get, arrivals: poisson({load}/s), policy: patience}}}}
policies: {{patience: {{timeout: {timeout}s}}}}
services: {{server: {{workers: 1, endpoints: {{get: [{{work: exp(1s)}}]}}}}}}"
                ),
            );
            share("P(timeout)", 1.0 - runs.client("users", |c| c.success_rate), exact.timed_out(timeout));
            share("P(timeout), restated", 1.0 - runs.client("users", |c| c.success_rate), 0.367_879);
            mean("goodput", runs.client("users", |c| c.goodput), exact.goodput_within(timeout));
            share("utilization", runs.service("server", |s| s.utilization), load);
        }
    }
}
