//! Outlier detection against the tables and timelines that were worked out from Envoy's source.

use super::*;
use crate::base::stream::{Sequence, Streams};
use proptest::prelude::*;

const H: u32 = 0;

/// A detector with everything that it is given, so that a case reads as a story.
struct Story {
    policy: OutlierDetection,
    detector: Detector,
    random: Sequence,
    events: Vec<Event>,
}

impl Story {
    fn new(policy: OutlierDetection, hosts: u32) -> Story {
        let random = Streams::new(7).sequence("proxy", "ejection");
        Story { policy: policy.validated().unwrap(), detector: Detector::new(hosts), random, events: Vec::new() }
    }

    fn report(&mut self, host: u32, report: Report, now: Instant) -> Vec<Event> {
        self.detector.report(&self.policy, host, report, now, &mut self.random, &mut self.events);
        std::mem::take(&mut self.events)
    }

    fn answers(&mut self, host: u32, statuses: &[u16]) -> Vec<Event> {
        statuses.iter().flat_map(|status| self.report(host, Report::Answered { status: *status }, Instant::START)).collect()
    }

    fn sweep(&mut self, now: Instant) -> Vec<Event> {
        self.detector.sweep(&self.policy, now, &mut self.random, &mut self.events);
        std::mem::take(&mut self.events)
    }

    /// Second by second: sweeps every 10 s, a request to H every second at half past, while it is eligible. What was heard of H.
    fn half_past_every_second(&mut self, until: u64, fails: impl Fn(u64) -> bool) -> Vec<(f64, &'static str, u32)> {
        let mut heard = Vec::new();
        for second in 0..until {
            let mut events = if second > 0 && second % 10 == 0 { self.sweep(Instant::from_secs(second)) } else { Vec::new() };
            heard.extend(events.drain(..).map(|event| told(event, second as f64)));
            if !self.detector.is_ejected(H) {
                let now = Instant::from_secs(second) + Nanos::from_millis(500);
                let status = if fails(second) { 500 } else { 200 };
                let events = self.report(H, Report::Answered { status }, now);
                heard.extend(events.into_iter().map(|event| told(event, second as f64 + 0.5)));
            }
        }
        heard
    }
}

fn told(event: Event, at: f64) -> (f64, &'static str, u32) {
    match event {
        Event::Ejected { multiplier, .. } => (at, "ejected", multiplier),
        Event::Unejected { .. } => (at, "back", 0),
        Event::Overflow { .. } => (at, "overflow", 0),
        Event::NotEnforced { .. } => (at, "not enforced", 0),
    }
}

fn three_errors() -> OutlierDetection {
    OutlierDetection { consecutive_5xx: Consecutive::enforced(3), max_ejection_percent: 100, ..OutlierDetection::istio() }
}

#[test]
fn a_host_that_always_fails_is_out_longer_each_time_up_to_300_s() {
    let heard = Story::new(three_errors(), 2).half_past_every_second(700, |_| true);
    let timeline = [
        (2.5, "ejected", 1),
        (40.0, "back", 0),
        (42.5, "ejected", 2),
        (110.0, "back", 0),
        (112.5, "ejected", 3),
        (210.0, "back", 0),
        (212.5, "ejected", 4),
        (340.0, "back", 0),
        (342.5, "ejected", 5),
        (500.0, "back", 0),
        (502.5, "ejected", 6),
        (690.0, "back", 0),
        (692.5, "ejected", 7),
    ];
    assert_eq!(heard, timeline);
}

#[test]
fn the_multiplier_stops_one_above_the_longest_time() {
    let mut story = Story::new(three_errors(), 2);
    story.half_past_every_second(9000, |_| true);
    assert_eq!(story.detector.multiplier(H), 11, "10 x 30 s is below 300 s + 30 s, 11 x 30 s is not");
}

#[test]
fn a_host_that_recovers_gets_its_multiplier_back_sweep_by_sweep() {
    let mut story = Story::new(three_errors(), 2);
    let heard = story.half_past_every_second(211, |second| second < 200);
    assert_eq!(heard.last(), Some(&(210.0, "back", 0)));
    let mut multipliers = vec![story.detector.multiplier(H)];
    for sweep in [220, 230, 240, 250] {
        story.sweep(Instant::from_secs(sweep));
        multipliers.push(story.detector.multiplier(H));
    }
    assert_eq!(multipliers, [3, 2, 1, 0, 0]);
}

#[test]
fn so_many_hosts_can_be_ejected_together() {
    let percent = [10, 33, 50, 100];
    for (hosts, most) in [
        (1, [0, 0, 0, 1]),
        (2, [0, 0, 1, 2]),
        (3, [0, 0, 1, 3]),
        (4, [0, 1, 2, 4]),
        (9, [0, 2, 4, 9]),
        (10, [1, 3, 5, 10]),
        (19, [1, 6, 9, 19]),
        (20, [2, 6, 10, 20]),
    ] {
        for (percent, most) in percent.into_iter().zip(most) {
            let policy = OutlierDetection { max_ejection_percent: percent, ..OutlierDetection::istio() };
            assert_eq!(policy.most_ejected(hosts), most, "{hosts} hosts, {percent} %");
            let mut story = Story::new(policy, hosts);
            for host in 0..hosts {
                story.answers(host, &[500; 5]);
            }
            assert_eq!(story.detector.ejected_now(), most, "{hosts} hosts that all fail, {percent} %");
        }
    }
}

#[test]
fn at_ten_percent_three_hosts_lose_none_and_before_envoy_1_28_one() {
    let mut story = Story::new(OutlierDetection::istio(), 3);
    assert_eq!(story.answers(0, &[500; 5]), [Event::Overflow { host: 0, rule: Rule::Consecutive5xx }]);
    let legacy = OutlierDetection { limit_rule: LimitRule::FirstIsFree, ..OutlierDetection::istio() };
    assert_eq!(legacy.most_ejected(3), 1);
    // The older rule looks at the share before: 33.3 % < 50 % lets a second host go.
    assert_eq!(OutlierDetection { max_ejection_percent: 50, ..legacy }.most_ejected(3), 2);
    assert_eq!(OutlierDetection { always_eject_one_host: true, ..OutlierDetection::istio() }.most_ejected(3), 1);
}

#[test]
fn a_refused_ejection_takes_as_many_errors_again() {
    let mut story = Story::new(OutlierDetection { max_ejection_percent: 50, ..OutlierDetection::istio() }, 3);
    assert!(matches!(story.answers(0, &[500; 5])[..], [Event::Ejected { host: 0, multiplier: 1, .. }]));
    let refused = Event::Overflow { host: 1, rule: Rule::Consecutive5xx };
    assert_eq!(story.answers(1, &[500; 5]), [refused]);
    assert_eq!(story.answers(1, &[500; 4]), []);
    assert_eq!(story.answers(1, &[500; 1]), [refused]);
}

#[test]
fn all_hosts_can_be_out_if_the_limit_is_100_percent() {
    let mut story = Story::new(three_errors(), 2);
    story.answers(0, &[500; 3]);
    story.answers(1, &[503; 3]);
    assert_eq!(story.detector.ejected_now(), 2);
    assert_eq!(story.sweep(Instant::from_secs(20)), []);
    assert_eq!(story.sweep(Instant::from_secs(30)), [Event::Unejected { host: 0 }, Event::Unejected { host: 1 }]);
}

#[test]
fn detectors_are_independent() {
    let gateway =
        OutlierDetection { consecutive_gateway: Consecutive::enforced(10), max_ejection_percent: 100, ..OutlierDetection::istio() };
    let by_5xx = |events: &[Event]| matches!(events, [Event::Ejected { rule: Rule::Consecutive5xx, .. }]);
    assert!(by_5xx(&Story::new(gateway.clone(), 2).answers(0, &[503; 5])));
    let mut story = Story::new(gateway.clone(), 2);
    assert_eq!(story.answers(0, &[503, 503, 503, 503]), []);
    assert!(by_5xx(&story.answers(0, &[500])), "a 500 counts on where 503s have counted");
    let only_gateway = OutlierDetection { consecutive_5xx: Consecutive::OFF, ..gateway };
    let mut story = Story::new(only_gateway, 2);
    assert_eq!(story.answers(0, &[503, 502, 504, 503, 502, 504, 503, 502, 504]), []);
    assert_eq!(story.answers(0, &[500]), [], "a 500 is no gateway error and begins the row anew");
    assert_eq!(story.answers(0, &[503; 9]), []);
    assert!(matches!(story.answers(0, &[503])[..], [Event::Ejected { rule: Rule::ConsecutiveGateway, .. }]));
}

#[test]
fn the_deprecated_count_leaves_the_default_of_five() {
    // `consecutiveErrors: 1` is ignored since Istio 1.7: what is left is the empty block with its other values.
    let policy = OutlierDetection { interval: Nanos::from_secs(1), max_ejection_percent: 100, ..OutlierDetection::istio() };
    let mut story = Story::new(policy.with_base_ejection_time(Nanos::from_secs(180)), 2);
    assert_eq!(story.answers(0, &[500; 4]), []);
    let due = Instant::from_secs(180);
    assert_eq!(story.answers(0, &[500]), [Event::Ejected { host: 0, rule: Rule::Consecutive5xx, due, multiplier: 1 }]);
}

#[test]
fn a_success_between_errors_begins_the_row_anew() {
    let mut story = Story::new(three_errors(), 2);
    assert_eq!(story.answers(0, &[500, 500, 200, 500, 500, 404, 500, 500]), []);
    assert!(matches!(story.answers(0, &[500])[..], [Event::Ejected { .. }]));
}

#[test]
fn answers_of_an_ejected_host_do_not_eject_it_again() {
    let mut story = Story::new(three_errors(), 2);
    story.answers(0, &[500; 3]);
    assert_eq!(story.answers(0, &[500; 10]), []);
    story.sweep(Instant::from_secs(30));
    assert_eq!(story.answers(0, &[500; 2]), [], "its row began anew when it came back");
    assert!(matches!(story.answers(0, &[500])[..], [Event::Ejected { multiplier: 2, .. }]));
}

#[test]
fn a_count_of_zero_switches_a_detector_off() {
    let off = OutlierDetection { consecutive_5xx: Consecutive::OFF, max_ejection_percent: 100, ..OutlierDetection::istio() };
    assert_eq!(Story::new(off, 2).answers(0, &[503; 50]), []);
}

#[test]
fn local_failures_are_503_and_504_unless_they_are_counted_apart() {
    let together = OutlierDetection { max_ejection_percent: 100, ..OutlierDetection::istio() };
    let split = OutlierDetection { split_local_origin: true, ..together.clone() };
    for (policy, rule) in [(together, Rule::Consecutive5xx), (split.clone(), Rule::ConsecutiveLocalOrigin)] {
        let mut story = Story::new(policy, 2);
        let failures = [Report::Reset, Report::TimedOut, Report::Reset, Report::Reset, Report::TimedOut];
        let events: Vec<Event> = failures.iter().flat_map(|report| story.report(0, *report, Instant::START)).collect();
        assert!(matches!(events[..], [Event::Ejected { rule: found, .. }] if found == rule), "{events:?}");
    }
    let mut story = Story::new(split, 2);
    for report in [Report::Reset, Report::Reset, Report::Connected, Report::Reset, Report::Reset, Report::Reset] {
        assert_eq!(story.report(0, report, Instant::START), [], "a connection begins the row anew");
    }
    assert_eq!(story.answers(0, &[500; 4]), [], "answers are counted apart");
    assert_eq!(story.report(0, Report::Reset, Instant::START), []);
    assert_eq!(story.report(0, Report::Reset, Instant::START).len(), 1);
}

#[test]
fn the_worst_success_rate_is_ejected_at_the_sweep() {
    let policy = OutlierDetection { consecutive_5xx: Consecutive::OFF, max_ejection_percent: 20, ..OutlierDetection::envoy() };
    let mut story = Story::new(policy.clone(), 5);
    for host in 0..5 {
        let statuses: Vec<u16> = (0..100).map(|i| if host == 3 && i % 2 == 0 { 500 } else { 200 }).collect();
        assert_eq!(story.answers(host, &statuses), []);
    }
    let events = story.sweep(Instant::from_secs(10));
    let due = Instant::from_secs(40);
    assert_eq!(events, [Event::Ejected { host: 3, rule: Rule::SuccessRate, due, multiplier: 1 }]);
    assert_eq!(story.sweep(Instant::from_secs(20)), [], "an interval is judged once");
    // With one request less, the fifth host cannot be compared, and four are too few.
    let mut story = Story::new(policy, 5);
    for host in 0..5 {
        let statuses: Vec<u16> = (0..100 - u16::from(host == 4)).map(|i| if host == 3 && i % 2 == 0 { 500 } else { 200 }).collect();
        story.answers(host, &statuses);
    }
    assert_eq!(story.sweep(Instant::from_secs(10)), []);
}

#[test]
fn istio_judges_no_rates() {
    let mut story =
        Story::new(OutlierDetection { max_ejection_percent: 100, consecutive_5xx: Consecutive::OFF, ..OutlierDetection::istio() }, 5);
    (0..5).for_each(|host| assert_eq!(story.answers(host, &[if host == 0 { 500 } else { 200 }; 200]), []));
    assert_eq!(story.sweep(Instant::from_secs(10)), []);
}

#[test]
fn failure_percentages_are_judged_for_answers_and_local_failures_apart() {
    let failure_percentage = FailurePercentage { enforcing: 100, enforcing_local_origin: 100, ..FailurePercentage::envoy() };
    let policy = OutlierDetection {
        failure_percentage,
        consecutive_5xx: Consecutive::OFF,
        consecutive_local_origin: Consecutive::OFF,
        split_local_origin: true,
        max_ejection_percent: 100,
        ..OutlierDetection::istio()
    };
    let mut story = Story::new(policy, 6);
    for host in 0..6 {
        for i in 0..100 {
            let (answer, connection) = match host {
                // 85 % is the threshold, and it is inclusive.
                0 => (if i < 85 { 500 } else { 200 }, Report::Connected),
                1 => (if i < 84 { 500 } else { 200 }, Report::Connected),
                2 => (200, if i < 90 { Report::TimedOut } else { Report::Connected }),
                _ => (200, Report::Connected),
            };
            story.answers(host, &[answer]);
            story.report(host, connection, Instant::START);
        }
    }
    let ejected: Vec<(u32, Rule)> = story
        .sweep(Instant::from_secs(10))
        .into_iter()
        .filter_map(|event| match event {
            Event::Ejected { host, rule, .. } => Some((host, rule)),
            _ => None,
        })
        .collect();
    assert_eq!(ejected, [(0, Rule::FailurePercentage), (2, Rule::FailurePercentageLocalOrigin)]);
}

#[test]
fn chance_enforces_so_many_percent() {
    let policy = OutlierDetection {
        consecutive_5xx: Consecutive { count: 1, enforcing: 30 },
        max_ejection_percent: 100,
        ..OutlierDetection::istio()
    };
    let mut story = Story::new(policy, 10_000);
    for host in 0..10_000 {
        assert_eq!(story.answers(host, &[500]).len(), 1);
    }
    // Standard deviation 46.
    assert!((2_800..3_200).contains(&story.detector.ejected_now()), "{}", story.detector.ejected_now());
}

#[test]
fn jitter_lengthens_an_ejection_by_whole_milliseconds() {
    let policy = OutlierDetection { max_ejection_time_jitter: Nanos::from_millis(4), ..three_errors() };
    let mut story = Story::new(policy, 1000);
    let mut seen = [0; 5];
    for host in 0..1000 {
        let [Event::Ejected { due, .. }] = story.answers(host, &[500; 3])[..] else { panic!("three errors eject") };
        seen[(due.since(Instant::from_secs(30)).0 / 1_000_000) as usize] += 1;
    }
    // Standard deviation 12.6.
    assert!(seen.iter().all(|n| (140..260).contains(n)), "{seen:?}");
}

#[test]
fn hosts_come_and_go() {
    let mut story = Story::new(three_errors(), 3);
    story.answers(2, &[500; 3]);
    assert_eq!((story.detector.ejected_now(), story.detector.hosts_present()), (1, 3));
    story.detector.remove(2);
    assert_eq!((story.detector.ejected_now(), story.detector.hosts_present()), (0, 2));
    assert_eq!(story.answers(2, &[500; 10]), [], "late answers of a host that is gone");
    story.detector.add(2);
    assert_eq!(story.answers(2, &[500; 2]), []);
    assert!(matches!(story.answers(2, &[500])[..], [Event::Ejected { multiplier: 1, .. }]), "it is a new host");
    story.detector.add(5);
    assert_eq!(story.detector.hosts_present(), 4);
    assert!(!story.detector.is_ejected(5) && !story.detector.is_ejected(99));
    story.detector.remove(4);
    assert_eq!(story.detector.hosts_present(), 4, "who was not there cannot leave");
}

#[test]
fn nonsense_is_refused_in_words() {
    let istio = OutlierDetection::istio;
    for (policy, message) in [
        (OutlierDetection { interval: Nanos::ZERO, ..istio() }, "`interval` must be more than 0"),
        (OutlierDetection { max_ejection_percent: 101, ..istio() }, "`maxEjectionPercent` must be between 0 and 100, not 101"),
        (
            OutlierDetection { max_ejection_time: Nanos::from_secs(10), ..istio() },
            "`maxEjectionTime` of 10s must not be below the base ejection time of 30s",
        ),
        (OutlierDetection { error_codes: vec![42], ..istio() }, "`outlierDetectionHttpErrorCodes` must be HTTP statuses, not 42"),
    ] {
        assert_eq!(policy.validated().unwrap_err().to_string(), message);
    }
    let long = istio().with_base_ejection_time(Nanos::from_secs(600));
    assert_eq!(long.validated().unwrap().max_ejection_time, Nanos::from_secs(600));
}

proptest! {
    #![proptest_config(crate::base::cases::cases(256))]

    #[test]
    fn as_many_are_ejected_as_say_so_and_never_more_than_allowed(
        seed: u64,
        percent in 0u32..=100,
        legacy: bool,
        always_one: bool,
        split: bool,
        steps in prop::collection::vec((0u32..8, 0u32..10), 1..300),
    ) {
        let policy = OutlierDetection {
            consecutive_5xx: Consecutive { count: 2, enforcing: 80 },
            consecutive_gateway: Consecutive::enforced(3),
            max_ejection_percent: percent,
            always_eject_one_host: always_one,
            limit_rule: if legacy { LimitRule::FirstIsFree } else { LimitRule::WithThisOne },
            split_local_origin: split,
            max_ejection_time_jitter: Nanos::from_secs(3),
            ..OutlierDetection::envoy()
        };
        let mut story = Story::new(policy, 6);
        story.random = Streams::new(seed).sequence("a", "b");
        for (i, (host, what)) in steps.into_iter().enumerate() {
            let now = Instant::from_secs(i as u64);
            let before = story.detector.ejected_now();
            match what {
                0 => { story.sweep(now); }
                1 if i % 3 == 0 => story.detector.add(host),
                2 if i % 3 == 0 => story.detector.remove(host),
                1 | 2 => { story.report(host, Report::Answered { status: 200 }, now); }
                3 => { story.report(host, Report::Connected, now); }
                4 => { story.report(host, Report::TimedOut, now); }
                5 | 6 => { story.report(host, Report::Answered { status: 503 }, now); }
                _ => { story.report(host, Report::Answered { status: 500 }, now); }
            }
            let detector = &story.detector;
            let said = (0..8).filter(|host| detector.is_ejected(*host)).count() as u32;
            prop_assert_eq!(detector.ejected_now(), said);
            if detector.ejected_now() > before {
                prop_assert!(detector.ejected_now() <= story.policy.most_ejected(detector.hosts_present()));
            }
        }
    }
}
