//! The text keeps to OpenMetrics, whatever names a model has, and tells what was metered.

use super::*;
use crate::analysis::names;
use crate::base::id::{EdgeId, ServiceId};
use crate::base::outcome::Outcome;
use crate::observe::watch::meters::Meters;
use crate::topology::Topology;
use std::collections::BTreeSet;

/// A run of the shop with a few requests metered.
fn text(topology: &Topology) -> String {
    let mut recording = crate::analysis::sample::record::slow_db(Some(98));
    let mut meters = Meters::new(topology.edges.len(), Nanos::from_secs(15));
    let place = (EdgeId(0), ServiceId(0));
    meters.source(place, Instant::from_secs(20), Outcome::OK, Nanos::from_millis(3));
    meters.source(place, Instant::from_secs(50), Outcome::TIMEOUT, Nanos::from_secs(2));
    meters.destination(place, Instant::from_secs(50), Outcome::OK, Nanos::from_millis(2));
    recording.telemetry = Some(meters.finish(Instant::from_secs(70)));
    let mut bytes = Vec::new();
    write(topology, &recording, Epoch::default(), &mut bytes).expect("memory takes all");
    String::from_utf8(bytes).expect("it is text")
}

fn shop() -> Topology {
    crate::analysis::sample::shop(4)
}

#[test]
fn families_and_series_are_each_in_one_piece_and_scrapes_in_order() {
    let text = text(&shop());
    let (mut families, mut series) = (BTreeSet::new(), BTreeSet::new());
    let (mut family, mut last, mut stamp) = (String::new(), String::new(), 0.0);
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            family = rest.split(' ').next().expect("a name").to_string();
            assert!(families.insert(family.clone()), "{family} comes twice");
        } else if !line.starts_with('#') {
            let (name, rest) = line.split_once('{').expect("labels");
            assert!(name.starts_with(&family), "{name} in {family}");
            let (labels, value) = rest.rsplit_once("} ").expect("a value");
            let (_, at) = value.split_once(' ').expect("a time");
            // Parts of a histogram at one scrape go together.
            let own = match family.contains("milliseconds") || family.contains("calls_seconds") {
                true => format!("{family} {}", labels.split(",le=").next().expect("labels")),
                false => format!("{name} {labels}"),
            };
            let at: f64 = at.parse().expect("a time");
            if own == last {
                assert!(at >= stamp, "{line}");
            } else {
                assert!(series.insert(own.clone()), "{own} comes in pieces");
            }
            (last, stamp) = (own, at);
        }
    }
    assert!(text.ends_with("# EOF\n") && families.contains("istio_requests"));
}

#[test]
fn a_series_begins_when_it_is_first_seen_and_then_never_falls() {
    let text = text(&shop());
    let ok: Vec<&str> =
        text.lines().filter(|l| l.starts_with("istio_requests_total{reporter=\"source\"") && l.contains("code=\"200\"")).collect();
    let values: Vec<&str> = ok.iter().map(|line| line.rsplit("} ").next().expect("a value")).collect();
    assert_eq!(values, ["1 1767225630.000", "1 1767225645.000", "1 1767225660.000"]);
    assert!(text.contains("response_code=\"0\",grpc_response_status=\"\",response_flags=\"DC\""), "given up by the application");
}

#[test]
fn buckets_are_cumulative_and_alike_in_all_series() {
    let text = text(&shop());
    let bounds = |reporter: &str| -> Vec<String> {
        let prefix = format!("istio_request_duration_milliseconds_bucket{{reporter=\"{reporter}\"");
        let last = text.lines().filter(|l| l.starts_with(&prefix) && l.ends_with("1767225660.000"));
        let mut bounds: Vec<String> = last.map(|l| l.split("le=\"").nth(1).unwrap().split('"').next().unwrap().to_string()).collect();
        bounds.dedup();
        bounds
    };
    let all = ["0.5", "1", "5", "10", "25", "50", "100", "250", "500", "1000", "2500", "+Inf"];
    assert_eq!(bounds("destination"), all, "2 s was the longest at the source");
    assert_eq!(bounds("source")[..12], all);
}

#[test]
fn hostile_names_stay_within_their_quotes() {
    let mut topology = shop();
    topology.services[0].name = "a\"} 1\n# EOF\n\\".to_string();
    let text = text(&topology);
    assert_eq!(text.matches("\n# EOF\n").count(), 1);
    assert!(text.contains(r#"a\"} 1\n# EOF\n\\"#));
}

/// The other gauges tell of the window that ended with the scrape, so a pod that dies just then is there for all of them.
#[test]
fn what_happens_at_the_instant_of_a_scrape_is_seen_by_the_next() {
    use crate::base::id::ReplicaId;
    use crate::observe::recording::{Happening, Mark};
    let topology = shop();
    let mut recording = crate::analysis::sample::record::slow_db(Some(98));
    let mut meters = Meters::new(topology.edges.len(), Nanos::from_secs(15));
    meters.source((EdgeId(0), ServiceId(0)), Instant::from_secs(1), Outcome::OK, Nanos::from_millis(3));
    let mark = |secs: u64, what| Mark { at: Instant::from_secs(secs), what };
    recording.timeline = vec![mark(30, Happening::ReplicaDown(ReplicaId(0))), mark(45, Happening::ReplicaUp(ReplicaId(0)))];
    recording.telemetry = Some(meters.finish(Instant::from_secs(70)));
    let mut bytes = Vec::new();
    write(&topology, &recording, Epoch::default(), &mut bytes).expect("memory takes all");
    let text = String::from_utf8(bytes).expect("it is text");
    let pod = names::replica(&topology, ReplicaId(0)).replace('/', "-");
    let values = |name: &str| -> Vec<String> {
        let own = text.lines().filter(|line| line.starts_with(&format!("{name}{{")) && line.contains(&format!("pod=\"{pod}\"")));
        own.map(|line| line.rsplit(' ').nth(1).expect("a value").to_string()).collect()
    };
    assert_eq!(values("up"), ["1", "1", "1", "0", "1"], "at 0, 15, 30, 45 and 60 s");
    assert_eq!(values("kube_pod_container_status_restarts_total"), ["0", "0", "0", "0", "1"]);
}

#[test]
fn without_meters_there_is_nothing_but_the_end() {
    let mut bytes = Vec::new();
    write(&shop(), &Recording::default(), Epoch::default(), &mut bytes).expect("memory takes all");
    assert_eq!(bytes, b"# EOF\n");
}
