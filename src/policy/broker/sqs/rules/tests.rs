//! Defaults and ranges of the attributes.

use super::*;

fn of(room: u32, batch: u32) -> Polling {
    Polling { room, batch, refill: Refill::AsSoonAsRoom, wait: None, poll_interval: Nanos::from_secs(1) }
}

#[test]
fn defaults_and_ranges_are_the_services() {
    let rules = Rules::default();
    assert_eq!((rules.visibility, rules.retention), (Nanos::from_secs(30), Nanos::from_secs(4 * 24 * 3600)));
    assert_eq!((rules.delay, rules.receive_wait, rules.max_receives), (Nanos::ZERO, Nanos::ZERO, None));
    let with = |change: fn(&mut Rules)| {
        let mut rules = Rules::default();
        change(&mut rules);
        rules.validated().map(|_| ()).map_err(|error| error.field)
    };
    type Change = fn(&mut Rules);
    let cases: [(Change, Result<(), &str>); 14] = [
        (|r| r.visibility = Nanos::from_secs(43_200), Ok(())),
        (|r| r.visibility = Nanos::from_secs(43_201), Err("visibilityTimeout")),
        (|r| r.retention = Nanos::from_secs(60), Ok(())),
        (|r| r.retention = Nanos::from_secs(59), Err("messageRetentionPeriod")),
        (|r| r.retention = Nanos::from_secs(1_209_600), Ok(())),
        (|r| r.retention = Nanos::from_secs(1_209_601), Err("messageRetentionPeriod")),
        (|r| r.delay = Nanos::from_secs(900), Ok(())),
        (|r| r.delay = Nanos::from_secs(901), Err("delaySeconds")),
        (|r| r.receive_wait = Nanos::from_secs(20), Ok(())),
        (|r| r.receive_wait = Nanos::from_secs(21), Err("receiveMessageWaitTimeSeconds")),
        (|r| r.max_receives = Some(1000), Ok(())),
        (|r| r.max_receives = Some(0), Err("maxReceiveCount")),
        (|r| r.max_receives = Some(1001), Err("maxReceiveCount")),
        (|r| r.in_flight_limit = 0, Err("inFlightLimit")),
    ];
    for (number, (change, result)) in cases.into_iter().enumerate() {
        assert_eq!(with(change), result, "case {number}");
    }
    for (polling, field) in [
        (of(0, 1), "room"),
        (of(1, 0), "maxNumberOfMessages"),
        (of(1, 11), "maxNumberOfMessages"),
        (Polling { wait: Some(Nanos::from_secs(21)), ..of(1, 1) }, "waitTimeSeconds"),
        (Polling { poll_interval: Nanos::ZERO, ..of(1, 1) }, "pollInterval"),
    ] {
        assert_eq!(polling.validated().unwrap_err().field, field);
    }
    assert_eq!(of(1, 10).validated(), Ok(of(1, 10)));
}
