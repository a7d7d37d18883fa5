//! The heat of a window: how the latencies of what ended in it are spread, for runs that somebody watches.

use crate::support::compiled;
use brownout::base::id::ClientId;
use brownout::base::outcome::Outcome;
use brownout::base::time::Instant;
use brownout::observe::recorder::Recorder;
use brownout::observe::watch::Watch;
use brownout::observe::watch::sampling::{Sampling, Shape};

#[test]
fn the_heat_of_a_window_counts_what_ended_in_it_failures_included() {
    let topology =
        compiled("{duration: 10s, clients: {c: {target: a.e, arrivals: constant(1/s)}}, services: {a: {endpoints: {e: [{work: 1ms}]}}}}");
    let filled = |watched: bool| {
        let mut recorder = Recorder::new(&topology, 1, Vec::new());
        if watched {
            recorder.watch = Watch::new(&Sampling::All, Shape { clients: 1, ..Shape::default() }, None);
        }
        let mut end = |at_millis: u64, took_millis: u64, outcome| {
            let now = Instant(at_millis * 1_000_000);
            recorder.pass(now);
            recorder.request_completed(ClientId::new(0), Instant((at_millis - took_millis) * 1_000_000), now, outcome);
        };
        end(400, 2, Outcome::OK);
        end(500, 300, Outcome::TIMEOUT);
        end(2_500, 2, Outcome::OK);
        let recording = recorder.finish(Instant::from_secs(3), 0, 0, false);
        let of = |heat: [u32; 30]| heat.into_iter().enumerate().filter(|(_, count)| *count > 0).collect::<Vec<_>>();
        recording.clients[0].heat.iter().map(|heat| of(*heat)).collect::<Vec<_>>()
    };
    assert_eq!(filled(true), [vec![(6, 1), (17, 1)], vec![], vec![(6, 1)]]);
    assert!(filled(false).is_empty(), "nobody looks at it");
}
