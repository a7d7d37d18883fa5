//! Defaults and ranges of the properties.

use super::*;

#[test]
fn defaults_and_ranges_are_the_services() {
    let rules = Rules::default();
    assert_eq!((rules.lock, rules.max_delivery_count, rules.ttl), (Nanos::from_secs(60), 10, None));
    assert_eq!((rules.dead_letter_on_expiry, rules.duplicate_window, rules.sessions), (false, None, false));
    assert_eq!(DUPLICATE_WINDOW, Nanos::from_secs(10 * 60));
    type Change = fn(&mut Rules);
    let cases: [(Change, Result<(), &str>); 11] = [
        (|r| r.lock = Nanos::from_secs(300), Ok(())),
        (|r| r.lock = Nanos::from_secs(301), Err("lockDuration")),
        (|r| r.lock = Nanos::ZERO, Err("lockDuration")),
        (|r| r.max_delivery_count = 1, Ok(())),
        (|r| r.max_delivery_count = 0, Err("maxDeliveryCount")),
        (|r| r.max_delivery_count = 65_536, Err("maxDeliveryCount")),
        (|r| r.ttl = Some(Nanos::ZERO), Err("defaultMessageTimeToLive")),
        (|r| r.duplicate_window = Some(Nanos::from_secs(20)), Ok(())),
        (|r| r.duplicate_window = Some(Nanos::from_secs(19)), Err("duplicateDetectionHistoryTimeWindow")),
        (|r| r.duplicate_window = Some(Nanos::from_secs(604_800)), Ok(())),
        (|r| r.duplicate_window = Some(Nanos::from_secs(604_801)), Err("duplicateDetectionHistoryTimeWindow")),
    ];
    for (number, (change, result)) in cases.into_iter().enumerate() {
        let mut rules = Rules::default();
        change(&mut rules);
        assert_eq!(rules.validated().map(|_| ()).map_err(|error| error.field), result, "case {number}");
    }
    for (receiving, field) in [
        (Receiving { room: 0, ..Receiving::default() }, "room"),
        (Receiving { sessions: 0, ..Receiving::default() }, "maxConcurrentSessions"),
    ] {
        assert_eq!(receiving.validated().unwrap_err().field, field);
    }
    assert_eq!(Receiving::default().validated(), Ok(Receiving::default()));
}
