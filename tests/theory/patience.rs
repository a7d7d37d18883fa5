//! Callers who do not wait for ever: the queue's own limit, timeouts with and without cancellation, bounded queues.

use crate::replicate::{absolute, mean, replicate, share};
use brownout::analysis::closed_forms::many_servers::Mmck;
use brownout::analysis::closed_forms::patience::ImpatientMm1;

promises! {
    /// A40 to A43: M/M/1+D.
    fn who_waited_too_long_leaves_the_queue() {
        for (arrivals, patience, literal) in [(0.8, 2.0, 0.187_832), (1.5, 5.0, 0.345_955), (2.0, 1.0, 0.550_643)] {
            let exact = ImpatientMm1 { arrival_rate: arrivals, service_rate: 1.0, patience };
            let runs = replicate(
                500_000.0 / arrivals,
                &format!(
                    "
clients: {{users: {{target: server.get, arrivals: poisson({arrivals}/s)}}}}
services: {{server: {{workers: 1, queue: {{maxWait: {patience}s}}, endpoints: {{get: [{{work: exp(1s)}}]}}}}}}"
                ),
            );
            let left = runs.service("server", |s| Some(s.rejected as f64 / s.requests as f64));
            share("P(leaves)", left, exact.abandoned());
            share("P(leaves), restated", left, literal);
            share("utilization", runs.service("server", |s| s.utilization), exact.utilization());
            mean("goodput", runs.client("users", |c| c.goodput), exact.throughput());
            // The window of patience is exact to the nanosecond.
            let longest = runs.0.iter().filter_map(|(_, recording, _)| recording.services[0].wait.max()).max();
            assert!(longest <= Some((patience * 1e9) as u64), "{longest:?}");
        }
    }

    /// The same system from the caller's side: who times out in the queue is dropped when its turn comes and costs nothing.
    fn dropping_whoever_timed_out_is_as_good_as_their_leaving() {
        for (arrivals, patience) in [(0.8, 2.0), (1.5, 5.0), (2.0, 1.0)] {
            let exact = ImpatientMm1 { arrival_rate: arrivals, service_rate: 1.0, patience };
            let runs = replicate(
                500_000.0 / arrivals,
                &format!(
                    "
clients: {{users: {{target: server.get, arrivals: poisson({arrivals}/s), policy: patience}}}}
policies: {{patience: {{timeout: {patience}s}}}}
services: {{server: {{workers: 1, cancellation: queued, endpoints: {{get: [{{work: exp(1s)}}]}}}}}}"
                ),
            );
            let dropped = runs.service("server", |s| Some(s.abandoned as f64 / s.requests as f64));
            share("P(dropped)", dropped, exact.abandoned());
            share("utilization", runs.service("server", |s| s.utilization), exact.utilization());
        }
    }

    /// No closed form here, only the order: work that is stopped when its caller leaves is done for somebody who still waits.
    fn stopping_work_in_vain_answers_more_than_dropping_what_waits() {
        let run = |cancellation: &str| {
            replicate(
                200_000.0,
                &format!(
                    "
clients: {{users: {{target: server.get, arrivals: poisson(1.5/s), policy: patience}}}}
policies: {{patience: {{timeout: 5s}}}}
services: {{server: {{workers: 1, cancellation: {cancellation}, endpoints: {{get: [{{work: exp(1s)}}]}}}}}}"
                ),
            )
            .client("users", |c| c.goodput)
        };
        let (none, queued, full) = (run("none"), run("queued"), run("full"));
        assert!(none < 0.01 && none < queued && queued < full && full < 1.0, "{none} {queued} {full}");
    }

    /// A45, the table of what long queues cost: goodput of callers with 10 service times of patience at 1.2 times the capacity.
    fn in_overload_a_longer_queue_answers_fewer_in_time() {
        for (room, literal) in [(5, 0.889_246), (10, 0.774_000), (20, 0.169_694), (50, 0.000_702)] {
            let exact = Mmck { arrival_rate: 1.2, service_rate: 1.0, servers: 1, room }.goodput_within(10.0);
            let capacity = room - 1;
            let runs = replicate(
                500_000.0,
                &format!(
                    "
clients: {{users: {{target: server.get, arrivals: poisson(1.2/s), policy: patience}}}}
policies: {{patience: {{timeout: 10s}}}}
services: {{server: {{workers: 1, queue: {{capacity: {capacity}}}, endpoints: {{get: [{{work: exp(1s)}}]}}}}}}"
                ),
            );
            let goodput = runs.client("users", |c| c.goodput);
            share("goodput", goodput, exact);
            absolute("goodput, restated", goodput, literal, crate::EFFORT.share + 1e-6);
            // A queue of 50 is short enough only after rare lulls, ten or so in all these runs: good to about its own size.
            if room == 50 {
                absolute("goodput, almost none", goodput, literal, 0.2 * crate::EFFORT.share);
            }
        }
    }
}
