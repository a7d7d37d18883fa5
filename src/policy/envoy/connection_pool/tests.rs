//! What a pool does in Envoy's own words, fact by fact: the Istio documentation's circuit breaking task, cold starts, limits.

use super::*;
use crate::policy::envoy::resources::{Defaults, WrittenLimits};

/// A pool with one proxy's hands on it.
struct Bench {
    pools: ConnectionPools,
    pool: ConnectionPoolId,
    settings: PoolSettings,
    now: Instant,
}

const NO_LIMITS: WrittenLimits = WrittenLimits { max_connections: 0, max_pending_requests: 0, max_requests: 0, max_retries: 0 };
const HTTP2: Protocol = Protocol::Http2 { max_concurrent_streams: 2 };

fn bench(protocol: Protocol, limits: WrittenLimits) -> Bench {
    let mut pools = ConnectionPools::default();
    let pool = pools.open();
    let settings = PoolSettings::istio(protocol, Thresholds::new(limits, Defaults::Istio, None)).checked().unwrap();
    Bench { pools, pool, settings, now: Instant::START }
}

/// Answers in a line: `attach 1 to #0, overflow 2`.
fn told(answers: Answers) -> String {
    let words = answers.iter().map(|answer| match *answer {
        Answer::Attach { stream, connection } => format!("attach {stream} to #{}", connection.0),
        Answer::Overflow { stream, limit } => format!("overflow {stream} ({limit:?})"),
        Answer::Connect { host, connection, .. } => format!("connect #{} to host {host}", connection.0),
        Answer::Failed { stream } => format!("failed {stream}"),
        Answer::Lost { stream, .. } => format!("lost {stream}"),
        Answer::Close { connection } => format!("close #{}", connection.0),
    });
    words.collect::<Vec<_>>().join(", ")
}

impl Bench {
    fn after(&mut self, act: impl FnOnce(&mut ConnectionPools, &PoolSettings, &mut Answers)) -> String {
        let mut answers = Answers::new();
        act(&mut self.pools, &self.settings, &mut answers);
        told(answers)
    }

    fn request(&mut self, host: u32, stream: u32) -> String {
        let pool = self.pool;
        self.after(|pools, settings, answers| pools.request(settings, pool, host, stream, answers))
    }

    fn connected(&mut self, connection: u32) -> String {
        let now = self.now;
        self.after(|pools, settings, answers| pools.connected(settings, ConnectionId(connection), now, answers))
    }

    fn failed(&mut self, connection: u32) -> String {
        self.after(|pools, _, answers| pools.connect_failed(ConnectionId(connection), answers))
    }

    fn finish(&mut self, stream: u32, ending: Ending) -> String {
        let now = self.now;
        self.after(|pools, settings, answers| pools.finish(settings, stream, ending, now, answers))
    }

    fn cancel(&mut self, stream: u32) -> String {
        let now = self.now;
        self.after(|pools, settings, answers| pools.cancel(settings, stream, now, answers))
    }

    fn close(&mut self, connection: u32) -> String {
        self.after(|pools, settings, answers| pools.close(settings, ConnectionId(connection), answers))
    }

    fn drain(&mut self, connection: u32) -> String {
        self.after(|pools, settings, answers| pools.drain(settings, ConnectionId(connection), answers))
    }

    /// Connections, waiting, under way.
    fn counts(&self) -> (u32, u32, u32) {
        let counters = self.pools.counters(self.pool);
        (counters.connections, counters.pending, counters.requests)
    }
}

#[test]
fn cold_pool_of_one_and_one_serves_one_of_three() {
    let mut bench = bench(Protocol::Http1, WrittenLimits { max_connections: 1, max_pending_requests: 1, ..NO_LIMITS });
    assert_eq!(bench.request(0, 1), "connect #0 to host 0");
    assert_eq!(bench.request(0, 2), "overflow 2 (Pending)");
    assert_eq!(bench.request(0, 3), "overflow 3 (Pending)");
    assert_eq!(bench.connected(0), "attach 1 to #0");
    assert_eq!(bench.counts(), (1, 0, 1));
}

#[test]
fn warm_pool_of_one_and_one_serves_two_of_three() {
    let mut bench = bench(Protocol::Http1, WrittenLimits { max_connections: 1, max_pending_requests: 1, ..NO_LIMITS });
    bench.request(0, 0);
    bench.connected(0);
    bench.finish(0, Ending::Complete);
    assert_eq!(bench.request(0, 1), "attach 1 to #0");
    assert_eq!(bench.request(0, 2), "", "waits");
    assert_eq!(bench.request(0, 3), "overflow 3 (Pending)");
    assert_eq!(bench.counts(), (1, 1, 1));
    assert_eq!(bench.finish(1, Ending::Complete), "attach 2 to #0");
    assert_eq!(bench.finish(2, Ending::Complete), "");
    assert_eq!(bench.counts(), (1, 0, 0));
}

#[test]
fn fact_1_each_host_gets_one_connection_whatever_the_limit() {
    let mut bench = bench(Protocol::Http1, WrittenLimits { max_connections: 1, ..NO_LIMITS });
    assert_eq!(bench.request(0, 1), "connect #0 to host 0");
    assert_eq!(bench.request(1, 2), "connect #1 to host 1");
    assert_eq!(bench.request(2, 3), "connect #2 to host 2");
    assert_eq!(bench.request(2, 4), "", "a second one is not opened beyond the limit");
    assert_eq!(bench.counts(), (3, 4, 0));
}

#[test]
fn fact_2_the_first_request_on_a_cold_host_needs_room_in_the_queue() {
    let mut bench = bench(Protocol::Http1, WrittenLimits { max_pending_requests: 1, ..NO_LIMITS });
    assert_eq!(bench.request(0, 1), "connect #0 to host 0");
    assert_eq!(bench.request(1, 2), "overflow 2 (Pending)", "the other host has nothing to do");
    bench.connected(0);
    assert_eq!(bench.request(1, 3), "connect #1 to host 1");
}

#[test]
fn fact_3_of_three_at_once_one_is_served_one_waits_one_is_refused() {
    let mut bench = bench(Protocol::Http1, WrittenLimits { max_connections: 1, max_pending_requests: 1, ..NO_LIMITS });
    bench.request(0, 1);
    bench.connected(0);
    assert_eq!([bench.request(0, 2), bench.request(0, 3)], ["", "overflow 3 (Pending)"]);
}

#[test]
fn fact_4_a_slow_host_that_holds_all_requests_starves_the_others() {
    let mut bench = bench(HTTP2, WrittenLimits { max_requests: 2, ..NO_LIMITS });
    bench.request(1, 0);
    bench.connected(0);
    bench.finish(0, Ending::Complete);
    bench.request(0, 1);
    bench.request(0, 2);
    assert_eq!(bench.connected(1), "attach 1 to #1, attach 2 to #1");
    assert_eq!(bench.request(1, 3), "overflow 3 (Requests)");
    bench.finish(1, Ending::Complete);
    assert_eq!(bench.request(1, 4), "attach 4 to #0");
}

#[test]
fn fact_4_who_waited_is_refused_as_well_when_too_many_requests_are_under_way() {
    let mut bench = bench(Protocol::Http1, WrittenLimits { max_requests: 1, ..NO_LIMITS });
    for stream in 1..=3 {
        bench.request(0, stream);
    }
    assert_eq!(bench.connected(0), "attach 1 to #0");
    assert_eq!(bench.connected(1), "overflow 2 (Requests), overflow 3 (Requests)", "one connection refuses all who wait");
    assert_eq!(bench.counts(), (3, 0, 1));
}

#[test]
fn fact_5_an_overflow_leaves_nothing_behind() {
    let mut bench = bench(Protocol::Http1, WrittenLimits { max_pending_requests: 1, ..NO_LIMITS });
    bench.request(0, 1);
    bench.request(0, 2);
    assert_eq!(bench.pools.place(2), Place::Nowhere);
    assert_eq!(bench.cancel(2), "", "and may be given up without harm");
    assert_eq!(bench.counts(), (1, 1, 0));
    bench.connected(0);
    assert_eq!(bench.request(0, 2), "connect #1 to host 0", "its number can be used again");
}

#[test]
fn fact_6_who_gives_up_while_waiting_leaves_the_queue_from_any_place() {
    for gone in 1..=3 {
        let mut bench = bench(Protocol::Http1, WrittenLimits { max_connections: 1, ..NO_LIMITS });
        for stream in 0..=3 {
            bench.request(0, stream);
        }
        bench.connected(0);
        assert_eq!(bench.cancel(gone), "");
        assert_eq!(bench.counts(), (1, 2, 1));
        let mut last = 0;
        for stream in (1..=3).filter(|stream| *stream != gone) {
            assert_eq!(bench.finish(last, Ending::Complete), format!("attach {stream} to #0"), "without {gone}");
            last = stream;
        }
        assert_eq!(bench.finish(last, Ending::Complete), "");
    }
}

#[test]
fn fact_6_the_connection_of_one_who_gave_up_is_kept() {
    let mut bench = bench(Protocol::Http1, NO_LIMITS);
    bench.request(0, 1);
    bench.cancel(1);
    assert_eq!(bench.connected(0), "");
    assert_eq!(bench.request(0, 2), "attach 2 to #0");
}

#[test]
fn fact_7_requests_that_wait_are_not_active_at_their_host() {
    let mut bench = bench(Protocol::Http1, WrittenLimits { max_connections: 1, ..NO_LIMITS });
    let load = |bench: &Bench| (bench.pools.active(bench.pool, 5), bench.pools.queued(bench.pool, 5));
    assert_eq!(load(&bench), (0, 0), "a host that nobody used yet");
    for stream in 0..3 {
        bench.request(5, stream);
    }
    assert_eq!(load(&bench), (0, 3));
    bench.connected(0);
    assert_eq!(load(&bench), (1, 2));
    bench.finish(0, Ending::Complete);
    assert_eq!(load(&bench), (1, 1));
}

#[test]
fn as_many_connections_are_opened_as_the_queue_needs() {
    let mut http1 = bench(Protocol::Http1, NO_LIMITS);
    assert_eq!([http1.request(0, 1), http1.request(0, 2)], ["connect #0 to host 0", "connect #1 to host 0"]);
    let mut http2 = bench(HTTP2, NO_LIMITS);
    assert_eq!([http2.request(0, 1), http2.request(0, 2), http2.request(0, 3)], ["connect #0 to host 0", "", "connect #1 to host 0"]);
    let mut short = bench(HTTP2, NO_LIMITS);
    short.settings = short.settings.with_max_requests_per_connection(1);
    assert_eq!([short.request(0, 1), short.request(0, 2)], ["connect #0 to host 0", "connect #1 to host 0"]);
}

#[test]
fn a_failed_connection_fails_everyone_who_waits_for_its_host() {
    let mut bench = bench(Protocol::Http1, NO_LIMITS);
    bench.request(1, 9);
    for stream in 1..=3 {
        bench.request(0, stream);
    }
    assert_eq!(bench.failed(2), "failed 1, failed 2, failed 3, close #2");
    assert_eq!(bench.counts(), (3, 1, 0), "the other host's stream waits on, the other connections are still set up");
    assert_eq!(bench.connected(1), "");
    assert_eq!(bench.request(0, 4), "attach 4 to #1");
    assert_eq!(bench.failed(3), "close #3", "a failure that nobody waited for");
}

#[test]
fn http1_closes_what_was_cut_and_who_waits_needs_a_new_connection() {
    let mut bench = bench(Protocol::Http1, WrittenLimits { max_connections: 1, ..NO_LIMITS });
    bench.request(0, 1);
    bench.connected(0);
    bench.request(0, 2);
    assert_eq!(bench.finish(1, Ending::Reset), "close #0, connect #0 to host 0");
    assert_eq!(bench.connected(0), "attach 2 to #0");
    assert_eq!(bench.cancel(2), "close #0");
    assert_eq!(bench.counts(), (0, 0, 0));
}

#[test]
fn http2_resets_the_stream_alone() {
    let mut bench = bench(HTTP2, WrittenLimits { max_connections: 1, ..NO_LIMITS });
    for stream in 1..=3 {
        bench.request(0, stream);
    }
    assert_eq!(bench.connected(0), "attach 1 to #0, attach 2 to #0");
    assert_eq!(bench.finish(1, Ending::Reset), "attach 3 to #0");
    assert_eq!(bench.counts(), (1, 0, 2));
}

#[test]
fn a_connection_is_closed_after_its_last_request() {
    let mut bench = bench(Protocol::Http1, NO_LIMITS);
    bench.settings = bench.settings.with_max_requests_per_connection(2);
    bench.request(0, 1);
    bench.connected(0);
    assert_eq!(bench.finish(1, Ending::Complete), "");
    assert_eq!(bench.request(0, 2), "attach 2 to #0");
    assert_eq!(bench.pools.state(ConnectionId(0)), ConnectionState::Draining);
    assert_eq!(bench.finish(2, Ending::Complete), "close #0");
    let mut once = super::tests::bench(Protocol::Http1, WrittenLimits { max_connections: 1, ..NO_LIMITS });
    once.settings = once.settings.with_max_requests_per_connection(1);
    once.request(0, 1);
    once.connected(0);
    once.request(0, 2);
    assert_eq!(once.finish(1, Ending::Complete), "close #0, connect #0 to host 0", "no keep-alive");
}

#[test]
fn the_connection_used_last_is_used_first_so_that_the_others_can_become_idle() {
    let mut bench = bench(Protocol::Http1, NO_LIMITS);
    for stream in 0..3 {
        bench.request(0, stream);
    }
    for connection in 0..3 {
        bench.connected(connection);
    }
    for stream in [1, 2, 0] {
        bench.finish(stream, Ending::Complete);
    }
    assert_eq!([bench.request(0, 7), bench.request(0, 8)], ["attach 7 to #0", "attach 8 to #2"]);
}

#[test]
fn idle_connections_are_closed_a_timeout_after_their_last_request() {
    let mut bench = bench(Protocol::Http1, NO_LIMITS);
    let at = |seconds: u64| Instant::from_secs(3600 + seconds);
    let look = |bench: &mut Bench, now| {
        let mut answers = Answers::new();
        let next = bench.pools.check_idle(&bench.settings, ConnectionId(0), now, &mut answers);
        (next, told(answers))
    };
    bench.request(0, 1);
    bench.connected(0);
    assert_eq!(look(&mut bench, at(0)), (Some(at(3600)), String::new()), "a request is under way");
    bench.now = at(100);
    bench.finish(1, Ending::Complete);
    assert_eq!(look(&mut bench, at(3600)), (Some(at(3700)), String::new()));
    assert_eq!(look(&mut bench, at(3700)), (None, "close #0".into()));
    bench.settings.idle_timeout = None;
    bench.request(0, 1);
    bench.connected(0);
    assert_eq!(look(&mut bench, Instant::NEVER), (None, String::new()), "0s disables the timeout");
}

#[test]
fn a_lost_connection_loses_its_streams_and_the_queue_gets_another() {
    let mut bench = bench(HTTP2, WrittenLimits { max_connections: 1, ..NO_LIMITS });
    for stream in 1..=3 {
        bench.request(0, stream);
    }
    bench.connected(0);
    assert_eq!(bench.close(0), "lost 2, lost 1, close #0, connect #0 to host 0");
    assert_eq!(bench.counts(), (1, 1, 0));
    assert_eq!(bench.close(0), "failed 3, close #0", "one that was not there yet has failed to connect");
}

#[test]
fn a_host_that_dies_takes_its_connections_and_nobody_elses() {
    let mut bench = bench(Protocol::Http1, NO_LIMITS);
    bench.request(1, 0);
    bench.connected(0);
    for stream in 1..=3 {
        bench.request(0, stream);
    }
    bench.connected(1);
    bench.connected(2);
    bench.cancel(3);
    bench.finish(1, Ending::Complete);
    let pool = bench.pool;
    let close_host =
        |pools: &mut ConnectionPools, settings: &PoolSettings, answers: &mut Answers| pools.close_host(settings, pool, 0, answers);
    assert_eq!(bench.after(close_host), "close #1, lost 2, close #2, close #3");
    bench.request(0, 1);
    assert_eq!(bench.after(close_host), "failed 1, close #3");
    assert_eq!(bench.counts(), (1, 0, 1));
    assert_eq!(bench.after(|pools, settings, answers| pools.close_host(settings, pool, 7, answers)), "", "a host that nobody used");
}

#[test]
fn a_drained_connection_ends_what_it_has_begun_and_begins_nothing() {
    let mut bench = bench(HTTP2, NO_LIMITS);
    bench.request(0, 1);
    bench.connected(0);
    assert_eq!(bench.drain(0), "");
    assert_eq!(bench.request(0, 2), "connect #1 to host 0");
    assert_eq!(bench.finish(1, Ending::Complete), "close #0");
    bench.connected(1);
    bench.finish(2, Ending::Complete);
    assert_eq!(bench.drain(1), "close #1", "an idle one goes at once");
}

#[test]
fn a_drained_host_keeps_what_is_under_way() {
    let mut bench = bench(Protocol::Http1, NO_LIMITS);
    for stream in 0..3 {
        bench.request(0, stream);
    }
    bench.connected(0);
    bench.connected(1);
    bench.cancel(2);
    bench.finish(1, Ending::Complete);
    let pool = bench.pool;
    let drain_host =
        |pools: &mut ConnectionPools, settings: &PoolSettings, answers: &mut Answers| pools.drain_host(settings, pool, 0, answers);
    assert_eq!(bench.after(drain_host), "close #1");
    assert_eq!(bench.connected(2), "", "what was being set up is kept");
    assert_eq!(bench.finish(0, Ending::Complete), "close #0");
    assert_eq!([bench.request(0, 3), bench.request(0, 4)], ["attach 3 to #2", "connect #0 to host 0"]);
    assert_eq!(bench.after(drain_host), "");
    assert_eq!(bench.connected(0), "attach 4 to #0", "who waited is served");
}

#[test]
fn no_more_than_three_connections_are_opened_upon_one_event() {
    let mut bench = bench(Protocol::Http1, WrittenLimits { max_connections: 1, ..NO_LIMITS });
    for stream in 0..9 {
        bench.request(0, stream);
    }
    bench.connected(0);
    bench.settings.thresholds.max_connections = 9;
    assert_eq!(bench.close(0), "lost 0, close #0, connect #0 to host 0, connect #1 to host 0, connect #2 to host 0");
}

#[test]
fn pools_of_other_clusters_have_limits_of_their_own() {
    let mut bench = bench(Protocol::Http1, WrittenLimits { max_pending_requests: 1, ..NO_LIMITS });
    bench.request(0, 1);
    bench.pool = bench.pools.open();
    assert_eq!(bench.request(0, 2), "connect #1 to host 0");
    assert_eq!(bench.pools.owner(ConnectionId(1)), (bench.pool, 0));
    assert_eq!(bench.pools.connections(), 2);
}

#[test]
fn settings_that_could_serve_nobody_are_refused() {
    let fine = PoolSettings::istio(HTTP2, Thresholds::new(NO_LIMITS, Defaults::Istio, None));
    for (settings, message) in [
        (PoolSettings { protocol: Protocol::Http2 { max_concurrent_streams: 0 }, ..fine }, "`maxConcurrentStreams` must be at least 1"),
        (PoolSettings { max_requests_per_connection: 0, ..fine }, "`maxRequestsPerConnection` must be at least 1"),
        (PoolSettings { connect_timeout: Nanos::ZERO, ..fine }, "`connectTimeout` must be more than 0s"),
    ] {
        assert_eq!(settings.checked().unwrap_err().to_string(), message);
    }
    assert_eq!(fine.with_max_requests_per_connection(0).max_requests_per_connection, u32::MAX);
}

#[test]
#[should_panic(expected = "stream 1 is requested while it is in a pool")]
fn a_stream_cannot_be_in_two_places() {
    let mut bench = bench(Protocol::Http1, NO_LIMITS);
    bench.request(0, 1);
    bench.request(1, 1);
}

#[test]
fn entries_are_small() {
    assert!(size_of::<Pool>() <= 40 && size_of::<Host>() <= 28 && size_of::<Connection>() <= 48 && size_of::<Stream>() <= 20);
    assert!(size_of::<Answer>() <= 16);
}
