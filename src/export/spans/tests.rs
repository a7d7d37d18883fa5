//! What spans a request is told as, and how all formats write them.

use super::*;
use crate::base::outcome::Outcome;
use crate::export::epoch::Epoch;
use crate::export::{jaeger, logs, otlp, perfetto, requests};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

fn text(write: impl FnOnce(&mut Vec<u8>) -> std::io::Result<()>) -> String {
    let mut bytes = Vec::new();
    write(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

/// Every file of the sample.
fn files(topology: &Topology, recording: &Recording) -> BTreeMap<&'static str, String> {
    let epoch = Epoch::default();
    [
        ("otlp", text(|to| otlp::write(topology, recording, epoch, to))),
        ("jaeger", text(|to| jaeger::write(topology, recording, epoch, to))),
        ("perfetto", text(|to| perfetto::write(topology, recording, to))),
        ("logs", text(|to| logs::write(topology, recording, epoch, to))),
        ("requests", text(|to| requests::write(topology, recording, to))),
    ]
    .into()
}

fn told(topology: &Topology, recording: &Recording) -> Vec<String> {
    let teller = Teller::new(topology, recording);
    let trace = teller.tell(&recording.sampled[0]);
    let name = |id| trace.spans.iter().find(|span| Some(span.id) == id).map_or("-", |span| &span.name);
    let line = |span: &Exported<'_>| {
        let maker = span.maker.instance(topology).unwrap_or_default();
        let (from, until) = (span.began.0 / 1_000_000 - 5000, span.ended.0 / 1_000_000 - 5000);
        let attributes: Vec<String> = span.attributes.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let events: Vec<String> = span.events.iter().map(|event| format!("{}@{}", event.name, event.at.0 / 1_000_000 - 5000)).collect();
        let link = if span.link.is_some() { format!(" => {}", name(span.link)) } else { String::new() };
        let error = span.error.as_ref().map_or(String::new(), |error| format!(" ERROR {error}"));
        format!(
            "{from}..{until} {:?} {} by {maker} below {}{link}{error}\n    {}\n    {}",
            span.kind,
            span.name,
            name(span.parent),
            attributes.join(", "),
            events.join(", ")
        )
    };
    trace.spans.iter().map(line).collect()
}

#[test]
fn a_request_is_told_by_the_conventions_of_opentelemetry() {
    let topology = sample::topology();
    insta::assert_snapshot!(told(&topology, &sample::recording(&topology)).join("\n"));
}

#[test]
fn every_format_writes_the_same_request() {
    let topology = sample::topology();
    let files = files(&topology, &sample::recording(&topology));
    let pretty = |name: &str| serde_json::to_string_pretty(&serde_json::from_str::<Json>(&files[name]).unwrap()).unwrap();
    insta::assert_snapshot!("otlp", pretty("otlp"));
    insta::assert_snapshot!("jaeger", pretty("jaeger"));
    insta::assert_snapshot!("perfetto", files["perfetto"]);
    insta::assert_snapshot!("logs", files["logs"]);
    insta::assert_snapshot!("requests", files["requests"]);
    assert_eq!(files, self::files(&topology, &sample::recording(&topology)), "the same bytes each time");
}

#[test]
fn parents_are_there_and_begin_first_and_what_is_waited_for_ends_first() {
    let topology = sample::topology();
    let recording = sample::recording(&topology);
    let teller = Teller::new(&topology, &recording);
    let mut all = BTreeSet::new();
    for trace in teller.traces() {
        assert!(all.insert(format!("{}", trace.id)));
        for span in &trace.spans {
            assert!(all.insert(format!("{}", span.id)), "{} has an id of its own", span.name);
            assert!(span.ended >= span.began);
            let Some(parent) = span.parent else { continue };
            let parent = trace.spans.iter().find(|other| other.id == parent).expect("the parent is told");
            assert!(parent.began <= span.began, "{} begins before {}", span.name, parent.name);
            let outlasts =
                span.link.is_some() || span.attributes.iter().any(|(key, _)| key == "brownout.in_vain" || key == "brownout.unfinished");
            assert!(outlasts || span.ended <= parent.ended, "{} outlasts {}", span.name, parent.name);
        }
    }
}

#[test]
fn hostile_names_are_text_in_every_format() {
    let mut topology = sample::topology();
    let hostile = "</script><script>alert(\"1\")</script>\n\u{2028},'`\\ü🦀";
    for service in &mut topology.services {
        service.name = format!("{}{hostile}", service.name);
    }
    topology.clients[0].name = hostile.into();
    topology.endpoints.iter_mut().for_each(|endpoint| endpoint.name = hostile.into());
    topology.faults[0].name = hostile.into();
    let mut recording = sample::recording(&sample::topology());
    recording.seed = 1;
    let files = files(&topology, &recording);
    for name in ["otlp", "jaeger", "perfetto"] {
        let json: Json = serde_json::from_str(&files[name]).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(json.is_object());
    }
    for line in files["logs"].lines() {
        assert!(serde_json::from_str::<Json>(line).unwrap().is_object(), "{line}");
    }
    let otlp: Json = serde_json::from_str(&files["otlp"]).unwrap();
    let names = otlp["resourceSpans"].as_array().unwrap().iter().map(|of| &of["resource"]["attributes"][0]["value"]["stringValue"]);
    assert!(names.into_iter().any(|name| *name == hostile), "the client's name comes through as it is");
    let mut rows = ::csv::Reader::from_reader(files["requests"].as_bytes());
    let clients: Vec<String> = rows.records().map(|row| row.unwrap()[0].to_string()).collect();
    assert_eq!(clients, [hostile, hostile]);
}

#[test]
fn nothing_followed_gives_files_that_are_valid_and_empty() {
    let topology = sample::topology();
    let recording = Recording { sampled: Vec::new(), ..sample::recording(&topology) };
    let files = files(&topology, &recording);
    assert_eq!(serde_json::from_str::<Json>(&files["otlp"]).unwrap(), serde_json::json!({"resourceSpans": []}));
    assert_eq!(serde_json::from_str::<Json>(&files["jaeger"]).unwrap()["data"], serde_json::json!([]));
    assert_eq!(files["requests"].lines().count(), 1);
    assert_eq!(files["logs"].lines().count(), 3, "the timeline still logs");
}

#[test]
fn logs_are_in_order_of_time_and_bear_the_ids_of_the_traces() {
    let topology = sample::topology();
    let recording = sample::recording(&topology);
    let files = files(&topology, &recording);
    let lines: Vec<Json> = files["logs"].lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let times: Vec<&str> = lines.iter().map(|line| line["timestamp"].as_str().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
    for line in lines.iter().filter(|line| line.get("trace_id").is_some()) {
        assert!(files["otlp"].contains(&format!("\"traceId\":{}", line["trace_id"])), "{line}");
        assert!(files["otlp"].contains(&format!("\"spanId\":{}", line["span_id"])), "{line}");
    }
    let served = lines.iter().find(|line| line["message"].as_str().unwrap().starts_with("process_order_request")).unwrap();
    assert_eq!((&served["order_id"], &served["level"]), (&7.into(), &"INFO".into()));
}

#[test]
fn slices_of_a_thread_are_disjoint_or_nested_and_every_arrow_has_two_ends() {
    let topology = sample::topology();
    let recording = sample::recording(&topology);
    let events: Json = serde_json::from_str(&files(&topology, &recording)["perfetto"]).unwrap();
    let events = events["traceEvents"].as_array().unwrap();
    let of = |kind: &str| events.iter().filter(|event| event["ph"] == kind).collect::<Vec<_>>();
    let mut threads: BTreeMap<(u64, u64), Vec<(f64, f64)>> = BTreeMap::new();
    for slice in of("X") {
        let from = slice["ts"].as_f64().unwrap();
        let key = (slice["pid"].as_u64().unwrap(), slice["tid"].as_u64().unwrap());
        threads.entry(key).or_default().push((from, from + slice["dur"].as_f64().unwrap()));
    }
    for (thread, slices) in &threads {
        for (a, b) in slices.iter().flat_map(|a| slices.iter().map(move |b| (a, b))) {
            let crosses = a.0 < b.0 && b.0 < a.1 && a.1 < b.1;
            assert!(!crosses, "{thread:?}: {a:?} {b:?}");
        }
    }
    let ids = |kind: &str| of(kind).iter().map(|event| event["id"].to_string()).collect::<BTreeSet<_>>();
    assert_eq!(ids("s"), ids("f"));
    assert_eq!(ids("s").len(), 6, "five attempts that were taken up, and a message");
    assert_eq!(of("b").len(), of("e").len());
}

#[test]
fn many_requests_go_out_in_batches_and_each_span_once() {
    let topology = sample::topology();
    let mut recording = sample::recording(&topology);
    let one = recording.sampled[0].clone();
    recording.sampled = (0..200).map(|number| Trace { number, ..one.clone() }).collect();
    let told: usize = Teller::new(&topology, &recording).traces().map(|trace| trace.spans.len()).sum();
    assert!(told > 2 * 512, "several batches, {told} spans");
    let otlp: Json = serde_json::from_str(&text(|to| otlp::write(&topology, &recording, Epoch::default(), to))).unwrap();
    let resources = otlp["resourceSpans"].as_array().unwrap().iter();
    let spans = resources.flat_map(|of| of["scopeSpans"][0]["spans"].as_array().unwrap());
    let ids: Vec<String> = spans.map(|span| span["spanId"].to_string()).collect();
    assert_eq!((ids.len(), ids.iter().collect::<BTreeSet<_>>().len()), (told, told));
}

/// The first call of the sample with an outcome and an end of its own, and what is served for it.
fn served_with(outcome: Outcome) -> (Topology, Recording) {
    let topology = sample::topology();
    let mut recording = sample::recording(&topology);
    recording.timeline.clear();
    recording.sampled.truncate(1);
    let trace = &mut recording.sampled[0];
    trace.spans.truncate(3);
    for span in &mut trace.spans {
        span.ended = span.ended.map(|(at, _)| (Instant(at.0 + 7), outcome));
    }
    (topology, recording)
}

#[test]
fn a_line_of_the_log_is_as_bad_as_what_it_tells() {
    use crate::base::outcome::{Class, Flag};
    let logged = |outcome: Outcome| {
        let (topology, recording) = served_with(outcome);
        let lines = text(|to| logs::write(&topology, &recording, Epoch::default(), to));
        let told = lines.lines().map(|line| {
            let line: Json = serde_json::from_str(line).unwrap();
            let left = line["message"].as_str().unwrap().contains("left off, its caller has gone:");
            format!("{} {}{}", line["level"].as_str().unwrap(), line["logger"].as_str().unwrap(), if left { " left" } else { "" })
        });
        told.collect::<Vec<_>>()
    };
    assert_eq!(logged(Outcome::OK), ["INFO gateway.checkout", "INFO client"]);
    assert_eq!(logged(Outcome::DEGRADED).last().unwrap(), "WARNING client");
    let not_found = Outcome::new(404, Class::Answer, Flag::None);
    assert!(!logged(not_found).iter().any(|line| line.starts_with("ERROR")), "{:?}", logged(not_found));
    assert!(logged(Outcome::QUEUE_FULL).contains(&"ERROR gateway.checkout".to_string()), "{:?}", logged(Outcome::QUEUE_FULL));
    assert!(logged(Outcome::GIVEN_UP).contains(&"WARNING gateway.checkout left".to_string()), "{:?}", logged(Outcome::GIVEN_UP));
}

#[test]
fn what_a_model_attaches_takes_no_field_of_a_line_and_replaces_our_own_attribute() {
    let (mut topology, recording) = served_with(Outcome::OK);
    for label in topology.labels.spans.values_mut() {
        for (key, _) in &mut label.attributes {
            *key = match key.as_str() {
                "order.id" => "level".into(),
                "label" => "url.path".into(),
                _ => std::mem::take(key),
            };
        }
    }
    let lines = text(|to| logs::write(&topology, &recording, Epoch::default(), to));
    assert!(lines.lines().all(|line| serde_json::from_str::<Json>(line).unwrap()["level"] == "INFO"), "{lines}");
    let trace = Teller::new(&topology, &recording).tell(&recording.sampled[0]);
    let served = trace.spans.iter().find(|span| span.kind == Kind::Server).unwrap();
    let paths: Vec<String> = served.attributes.iter().filter(|(key, _)| key == "url.path").map(|(_, value)| value.to_string()).collect();
    assert_eq!(paths, ["no. 7 in {4}"], "once, as the model says");
}

#[test]
fn perfetto_keeps_every_nanosecond() {
    let (topology, recording) = served_with(Outcome::OK);
    let written = text(|to| perfetto::write(&topology, &recording, to));
    assert!(written.contains("\"dur\":110000.007,"), "{written}");
}
