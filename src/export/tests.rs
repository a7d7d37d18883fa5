//! The bytes of the artefacts, and that they are the same each time.

use super::*;
use crate::analysis::sample;
use crate::analysis::summary::{Summary, summarize};
use crate::experiment::figures::RunFigures;
use crate::topology::Topology;

fn collapsed() -> (Topology, crate::observe::recording::Recording, Summary) {
    let (topology, recording) = (sample::shop(4), sample::record::slow_db(None));
    let summary = summarize(&topology, &recording, Some("naive"));
    (topology, recording, summary)
}

fn text(write: impl FnOnce(&mut Vec<u8>) -> std::io::Result<()>) -> String {
    let mut bytes = Vec::new();
    write(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn summary_json_is_as_documented_and_reads_back() {
    let (.., summary) = collapsed();
    let json = json::text(&summary);
    assert_eq!(serde_json::from_str::<Summary>(&json).unwrap(), summary);
    insta::assert_snapshot!(json);
}

#[test]
fn nothing_offered_gives_null_and_never_nan() {
    let topology = sample::shop(4);
    let summary = summarize(&topology, &Default::default(), None);
    let json = json::text(&summary);
    assert!(!json.contains("NaN") && !json.contains("inf"));
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert!(value["clients"]["shoppers"]["successRate"].is_null());
    assert!(value["services"]["orders"]["utilization"].is_null());
    assert!(value["faults"]["slow-db"]["began"].is_null());
    assert_eq!(value["expectations"]["fast"]["passed"], false, "what measures nothing does not hold");
}

#[test]
fn the_timeline_tells_faults_breakers_steps_and_recovery() {
    let (topology, _, _) = collapsed();
    let recording = sample::record::slow_db(Some(98));
    let summary = summarize(&topology, &recording, None);
    insta::assert_snapshot!(text(|to| timeline::write(&topology, &recording, &summary, to)));
}

#[test]
fn series_are_tidy_and_leave_out_what_has_no_value() {
    let (topology, recording, _) = collapsed();
    let series = text(|to| series::write(&topology, &recording, to));
    let second = |at: &str| series.lines().filter(|line| line.starts_with(&format!("{at},"))).collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(format!("{}\n{}", series.lines().next().unwrap(), second("61")));
    assert!(!series.contains("service,gateway,p50"), "no latency was recorded there");
}

#[test]
fn figures_of_a_run_as_csv() {
    let (.., summary) = collapsed();
    let rows = text(|to| csv::summary(&summary, to));
    let paths: Vec<&str> = rows.lines().skip(1).filter(|row| row.contains("shoppers") || row.contains("cascade")).collect();
    insta::assert_snapshot!(paths.join("\n"));
    assert_eq!(RunFigures::of(&summary).figures.len() + RunFigures::of(&summary).expectations.len() + 1, rows.lines().count());
}

#[test]
fn queues_have_series_and_their_backlogs_a_place_in_the_timeline() {
    let (topology, recording) = (sample::shipping::topology(), sample::shipping::recording());
    let series = text(|to| series::write(&topology, &recording, to));
    let of =
        |at: &str| series.lines().filter(|line| line.starts_with(&format!("{at},queue,shipping.parcels,"))).collect::<Vec<_>>().join(" ");
    let told = |metric: &str, value: &str| format!("65,queue,shipping.parcels,{metric},{value}");
    let all = [("published", "40"), ("delivered", "36"), ("acked", "36"), ("ready", "240"), ("unacked", "1"), ("oldest", "6")];
    assert_eq!(of("65"), all.map(|(metric, value)| told(metric, value)).join(" "));
    assert!(!of("5").contains("oldest"), "nothing waits");
    let summary = summarize(&topology, &recording, None);
    let rows = text(|to| timeline::write(&topology, &recording, &summary, to));
    let row = rows.lines().find(|row| row.contains(",backlog,")).unwrap();
    assert!(row.starts_with("60,backlog,shipping.parcels,\"messages pile up, 400 at 70 s; over at 80 s, because "), "{row}");
    assert_eq!(serde_json::from_str::<Summary>(&json::text(&summary)).unwrap(), summary);
}

/// Everything that a timeline can hold, of the shop and of one service that its breaker and its pool take out and back.
fn marks() -> (Topology, crate::observe::recording::Recording) {
    use crate::base::id::*;
    use crate::base::time::Instant;
    use crate::observe::recording::{FaultSpan, Happening, Mark, Pushed, Recording};
    use crate::policy::app::circuit_breaker::Mode;
    let breaker = |from, to| Happening::Breaker { edge: EdgeId(1), caller: 0, from, to };
    let ejection = |ejected| Happening::Ejection { edge: EdgeId(1), caller: 0, replica: ReplicaId(3), ejected };
    let pushed = |what, last| Happening::Pushed { what, last };
    let endpoint = |listed| Pushed::Endpoint { replica: ReplicaId(3), listed };
    let config = |ended| Pushed::Config { fault: FaultId(0), ended };
    let all = [
        Happening::FaultBegan(FaultId(0)),
        Happening::ReplicaDown(ReplicaId(3)),
        pushed(endpoint(false), false),
        pushed(endpoint(false), true),
        Happening::ReplicaUp(ReplicaId(3)),
        pushed(endpoint(true), true),
        breaker(Mode::Closed, Mode::Open),
        breaker(Mode::Open, Mode::HalfOpen),
        breaker(Mode::HalfOpen, Mode::Closed),
        ejection(true),
        ejection(false),
        pushed(config(false), false),
        pushed(config(true), true),
        Happening::FaultEnded(FaultId(0)),
    ];
    let at = |second: usize| Instant::from_secs(second as u64);
    let timeline = all.into_iter().enumerate().map(|(second, what)| Mark { at: at(second), what }).collect();
    let faults = vec![FaultSpan { fault: FaultId(0), began: at(0), ended: Some(at(13)) }];
    let window = crate::base::time::Nanos::from_secs(1);
    (sample::shop(4), Recording { timeline, faults, window, ended: at(30), ..Recording::default() })
}

#[test]
fn every_mark_of_the_timeline_is_told_as_what_it_is() {
    let (topology, recording) = marks();
    let told: Vec<String> = timeline::events(&topology, &recording, &Summary::default())
        .into_iter()
        .map(|event| format!("{} {} {}: {}", event.at, event.kind, event.who, event.what))
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn every_mark_of_the_timeline_is_logged_as_what_it_is() {
    let (topology, recording) = marks();
    let lines = text(|to| logs::write(&topology, &recording, epoch::Epoch::default(), to));
    let told = lines.lines().map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        ["level", "service", "logger", "message"].map(|key| line[key].as_str().unwrap().to_string()).join(" ")
    });
    insta::assert_snapshot!(told.collect::<Vec<_>>().join("\n"));
}

#[test]
fn a_track_of_perfetto_tells_a_fault_until_its_end_and_every_change_of_a_replica_and_its_callers() {
    let (topology, recording) = marks();
    let events: serde_json::Value = serde_json::from_str(&text(|to| perfetto::write(&topology, &recording, to))).unwrap();
    let of = |kind: &str| events["traceEvents"].as_array().unwrap().iter().filter(|event| event["ph"] == kind).cloned().collect::<Vec<_>>();
    let ends: Vec<f64> = of("e").iter().map(|event| event["ts"].as_f64().unwrap()).collect();
    assert_eq!(ends, [13e6], "not at the end of the run");
    let names: Vec<String> = of("i").iter().map(|event| event["name"].as_str().unwrap().to_string()).collect();
    let expected = [
        "down",
        "up",
        "breaker to orders.place open",
        "breaker to orders.place half-open",
        "breaker to orders.place closed",
        "ejects orders-0",
        "takes back orders-0",
    ];
    assert_eq!(names, expected);
}
