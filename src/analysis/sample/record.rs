//! What the shop left behind, written by hand: calm, a slow database from 60 s to 90 s, and then health or collapse.

use crate::base::histogram::Histogram;
use crate::base::id::*;
use crate::base::outcome::{Class, Flag, Outcome};
use crate::base::time::{Instant, Nanos};
use crate::observe::episode::{Cause, Episode, Place, Trouble};
use crate::observe::probe::Probe;
use crate::observe::recording::*;
use crate::policy::app::circuit_breaker::Mode;

const SECONDS: u64 = 180;
const OFFERED: u32 = 200;

/// The database is slow from 60 s to 90 s; goodput is back at `back`, or never.
pub fn slow_db(back: Option<u64>) -> Recording {
    let until = back.unwrap_or(SECONDS);
    let ill = |second: u64| (61..until).contains(&second);
    let sick = until - 61;
    Recording {
        seed: 42,
        events: 1_234_567,
        fingerprint: 0x0123_4567_89ab_cdef,
        ended: Instant::from_secs(183),
        measured: Nanos::from_secs(160),
        window: Nanos::from_secs(1),
        clients: vec![client(sick, ill)],
        services: vec![gateway(sick, ill), orders(sick, ill), database(ill)],
        edges: vec![
            edge(sick, ill, 1, 0),
            EdgeRecord { breaker_opened: 6, ..edge(sick, ill, 1, 150) },
            EdgeRecord { retries: 160 * 50 + sick * 390, ..edge(sick, ill, 4, 0) },
        ],
        faults: vec![FaultSpan { fault: FaultId(0), began: Instant::from_secs(60), ended: Some(Instant::from_secs(90)) }],
        probes: probes(),
        episodes: episodes(until),
        timeline: timeline(),
        ..Recording::default()
    }
}

/// Nothing went wrong, and no fault was planned for.
pub fn calm() -> Recording {
    let mut recording = slow_db(Some(61));
    (recording.faults, recording.episodes, recording.timeline) = Default::default();
    recording
}

fn windows<W>(of: impl Fn(u64) -> W) -> Vec<W> {
    (0..SECONDS).map(of).collect()
}

fn latencies(fast: u64, slow: u64) -> Histogram {
    let mut histogram = Histogram::new();
    (0..fast).for_each(|i| histogram.record(20_000_000 + i % 100 * 500_000));
    (0..slow).for_each(|i| histogram.record(2_000_000_000 + i % 100 * 5_000_000));
    histogram
}

fn client(sick: u64, ill: impl Fn(u64) -> bool) -> ClientRecord {
    let (ok, failed) = (160 * 200 - sick * 190 - 12, sick * 190);
    let refused = failed - failed / 4;
    ClientRecord {
        offered: 160 * 200,
        ok,
        failed,
        latency: latencies(ok, failed),
        latency_ok: latencies(ok, 0),
        outcomes: vec![
            (Outcome::OK, ok),
            (Outcome::new(503, Class::ServerError, Flag::None), refused),
            (Outcome::TIMEOUT, failed / 4 - failed / 40),
            (Outcome::DEADLINE, failed / 40),
        ],
        completed_in_interval: ok + failed,
        useful_in_interval: ok,
        windows: windows(|second| match ill(second) {
            true => ClientWindow {
                offered: OFFERED,
                ok: 10,
                failed: 190,
                p50: 2_000_000_000,
                p95: 2_400_000_000,
                p99: 2_500_000_000,
                ..Default::default()
            },
            false => {
                ClientWindow { offered: OFFERED, ok: OFFERED, p50: 45_000_000, p95: 67_000_000, p99: 69_500_000, ..Default::default() }
            }
        }),
        ..ClientRecord::default()
    }
}

fn service(sick: u64, workers: u64, busy: f64) -> ServiceRecord {
    let (ok, failed) = (160 * 200 - sick * 190, sick * 190);
    ServiceRecord {
        requests: ok + failed,
        ok,
        failed,
        latency: latencies(ok, failed),
        wait: latencies(0, failed),
        waited: failed,
        busy: (busy * (workers * 160) as f64 * 1e9) as u128,
        alive: u128::from(workers) * 160_000_000_000,
        present: 700_000_000_000,
        present_max: 800,
        completed_in_interval: ok + failed,
        replicas_min: 3,
        replicas_max: 3,
        ..ServiceRecord::default()
    }
}

fn gateway(sick: u64, ill: impl Fn(u64) -> bool) -> ServiceRecord {
    let window = |second| match ill(second) {
        true => ServiceWindow { arrived: OFFERED, ok: 10, failed: 190, busy: 300.0, workers: 384.0, up: 3, ..Default::default() },
        false => ServiceWindow { arrived: OFFERED, ok: OFFERED, busy: 9.0, workers: 384.0, up: 3, ..Default::default() },
    };
    ServiceRecord { windows: windows(window), ..service(sick, 384, 0.34) }
}

fn orders(sick: u64, ill: impl Fn(u64) -> bool) -> ServiceRecord {
    let window = |second| match ill(second) {
        true => ServiceWindow {
            arrived: 150,
            ok: 10,
            failed: 60,
            rejected: 80,
            queue: 760.0,
            busy: 96.0,
            workers: 96.0,
            up: 3,
            ..Default::default()
        },
        false => ServiceWindow { arrived: OFFERED, ok: OFFERED, busy: 9.0, workers: 96.0, up: 3, ..Default::default() },
    };
    let rejected = sick * 80;
    ServiceRecord { windows: windows(window), rejected, queued: 9_000_000_000_000, queue_max: 768, ..service(sick, 96, 0.41) }
}

fn database(ill: impl Fn(u64) -> bool) -> ServiceRecord {
    let window = |second| match ill(second) {
        true => ServiceWindow { arrived: 400, ok: 100, busy: 20.0, workers: 20.0, queue: 2310.4, up: 1, ..Default::default() },
        false => ServiceWindow { arrived: OFFERED, ok: OFFERED, busy: 4.0, workers: 20.0, up: 1, ..Default::default() },
    };
    ServiceRecord {
        windows: windows(window),
        queued: 70_000_000_000_000,
        queue_max: 2311,
        replicas_min: 1,
        replicas_max: 1,
        ..service(0, 20, 0.5)
    }
}

fn edge(sick: u64, ill: impl Fn(u64) -> bool, amplified: u32, cut: u32) -> EdgeRecord {
    let (ok, failed) = (160 * 200 - sick * 190, sick * 190);
    EdgeRecord {
        calls: ok + failed,
        attempts: ok + failed * u64::from(amplified),
        short_circuited: sick * u64::from(cut),
        latency: latencies(ok, failed),
        outcomes: vec![(Outcome::OK, ok), (Outcome::TIMEOUT, failed)],
        windows: windows(|second| match ill(second) {
            true => EdgeWindow {
                calls: 100,
                attempts: 100 * amplified - 10,
                retries: 100 * (amplified - 1),
                failed: 95,
                timeouts: 95,
                short_circuited: cut,
                open: if cut > 0 { 3 } else { 0 },
                ..Default::default()
            },
            false => EdgeWindow { calls: OFFERED, attempts: OFFERED, ..Default::default() },
        }),
        ..EdgeRecord::default()
    }
}

fn probes() -> Vec<Probe> {
    let spans = [(0, 60), (20, 180), (20, 180), (60, 90), (20, 180)];
    let probe = |(from, until)| Probe {
        from: Instant::from_secs(from),
        until: Instant::from_secs(until),
        offered: 12_000,
        ok: 11_997,
        failed: 3,
        latency: latencies(11_997, 3),
        attempts: 12_100,
        degraded: 0,
    };
    spans.map(probe).to_vec()
}

fn episodes(until: u64) -> Vec<Episode> {
    let (db, orders, gateway) = (Place::Service(ServiceId(2)), Place::Service(ServiceId(1)), Place::Service(ServiceId(0)));
    let edge = |i| Place::Edge(EdgeId(i));
    let sick = until.saturating_sub(61);
    let told = [
        (Place::Fault(FaultId(0)), Trouble::Fault, 60_000, 60_000, 1, 0),
        (db, Trouble::WorkersExhausted, 60_350, until * 1000, sick * 400, 1),
        (edge(2), Trouble::Timeouts, 60_812, until * 1000, sick * 390, 2),
        (edge(2), Trouble::Retries, 60_850, until * 1000, sick * 290, 3),
        (orders, Trouble::WorkersExhausted, 61_420, until * 1000, sick * 150, 3),
        (orders, Trouble::QueueFull, 63_100, until * 1000, sick * 80, 5),
        (orders, Trouble::Failing, 62_500, until * 1000, sick * 60, 3),
        (edge(1), Trouble::ErrorAnswers, 62_501, until * 1000, sick * 12, 7),
        (edge(1), Trouble::BreakerOpened, 62_600, 142_000, 6, 8),
        (gateway, Trouble::Failing, 62_601, until * 1000, sick * 190, 9),
        (edge(0), Trouble::ErrorAnswers, 62_602, until * 1000, sick * 190, 10),
        (Place::Client(ClientId(0)), Trouble::RequestsFail, 62_602, until * 1000, sick * 190, 11),
        (edge(0), Trouble::Resets, 70_000, 70_000, 2, 1),
    ];
    let episode = |(place, trouble, began, last, count, because): (Place, Trouble, u64, u64, u64, u16)| Episode {
        place,
        trouble,
        began: Instant(began * 1_000_000),
        last: Instant(last * 1_000_000),
        count,
        because: Cause(because),
        mainly: Cause(because),
        lead: count,
        root: Cause(1),
        load: Cause::NONE,
    };
    told.map(episode).to_vec()
}

fn timeline() -> Vec<Mark> {
    let breaker = |caller, from, to| Happening::Breaker { edge: EdgeId(1), caller, from, to };
    let marks = [
        (60_000, Happening::FaultBegan(FaultId(0))),
        (62_600, breaker(0, Mode::Closed, Mode::Open)),
        (62_710, breaker(2, Mode::Closed, Mode::Open)),
        (72_600, breaker(0, Mode::Open, Mode::HalfOpen)),
        (80_000, Happening::ReplicaDown(ReplicaId(4))),
        (90_000, Happening::FaultEnded(FaultId(0))),
    ];
    marks.map(|(at, what)| Mark { at: Instant(at * 1_000_000), what }).to_vec()
}
