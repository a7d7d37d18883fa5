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
