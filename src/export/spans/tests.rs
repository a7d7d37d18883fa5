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

/// Levels, loggers and messages of a log.
fn said(topology: &Topology, recording: &Recording) -> Vec<String> {
    let lines = text(|to| logs::write(topology, recording, Epoch::default(), to));
    let told = lines.lines().map(|line| {
        let line: Json = serde_json::from_str(line).unwrap();
        ["level", "logger", "message"].map(|key| line[key].as_str().unwrap().to_string()).join(" ")
    });
    told.collect()
}

#[test]
fn a_message_that_was_not_handled_is_an_error_of_its_consumer() {
    let topology = sample::topology();
    let mut recording = sample::recording(&topology);
    let delivery = recording.sampled[0].spans.iter_mut().find(|span| matches!(span.what, SpanKind::Delivery { .. })).unwrap();
    let of_message = |recording: &Recording| said(&topology, recording).into_iter().find(|line| line.contains(" message of ")).unwrap();
    delivery.ended = delivery.ended.map(|(at, _)| (at, Outcome::QUEUE_FULL));
    assert_eq!(of_message(&recording), "ERROR bill message of events.bills not handled after 25 ms");
    assert_eq!(of_message(&sample::recording(&topology)), "INFO bill message of events.bills handled after 25 ms");
}

#[test]
fn what_was_not_sent_is_logged_by_who_refused_it() {
    let topology = sample::topology();
    let refused = |outcome: Outcome| {
        let mut recording = sample::recording(&topology);
        let unsent = |span: &&mut crate::observe::span::Span| matches!(span.what, SpanKind::Attempt { number: 2, replica: None, .. });
        let span = recording.sampled[0].spans.iter_mut().find(unsent).unwrap();
        span.ended = Some((span.began, outcome));
        let of_orders = |line: &String| line.contains("call to orders.place not sent");
        said(&topology, &recording).into_iter().find(of_orders).unwrap()
    };
    let told = |logger: &str, why: &str| format!("WARNING {logger} call to orders.place not sent: {why}");
    assert_eq!(refused(Outcome::BREAKER_OPEN), told("circuit_breaker", "the breaker is open"));
    assert_eq!(refused(Outcome::BULKHEAD_FULL), told("bulkhead", "the bulkhead is full"));
    assert_eq!(refused(Outcome::RATE_LIMITED), told("rate_limit", "the rate limit is reached"));
}

#[test]
fn an_attempt_tells_how_often_it_was_sent_before_and_that_a_proxy_sent_it() {
    let told = |number, by_mesh| {
        let (topology, mut recording) = served_with(Outcome::OK);
        let SpanKind::Attempt { number: n, by_mesh: by, .. } = &mut recording.sampled[0].spans[1].what else { panic!("an attempt") };
        (*n, *by) = (number, by_mesh);
        let trace = Teller::new(&topology, &recording).tell(&recording.sampled[0]);
        let of = |key: &str| trace.spans[0].attributes.iter().find(|(other, _)| other == key).map(|(_, value)| value.to_string());
        ["http.request.resend_count", "brownout.attempt.by"].map(of)
    };
    assert_eq!(told(1, false), [None, None]);
    assert_eq!(told(3, true), [Some("2".to_string()), Some("proxy".to_string())]);
}

#[test]
fn why_a_request_was_kept_has_a_word_of_its_own() {
    let all = [Kept::Share, Kept::Failed, Kept::Degraded, Kept::Slow, Kept::Typical, Kept::AroundFault];
    assert_eq!(all.map(kept), ["share", "failed", "degraded", "slow", "typical", "around-fault"]);
}

#[test]
fn a_client_is_told_with_its_zone() {
    let mut topology = sample::topology();
    let zone = |topology: &Topology| {
        let resource = Maker::Client(topology.clients[0].callers.start).resource(topology);
        resource.iter().find(|(key, _)| key == "cloud.availability_zone").map(|(_, value)| value.to_string())
    };
    assert_eq!(zone(&topology), None);
    topology.clients[0].zone = topology.replicas.iter().map(|replica| replica.zone).rfind(|zone| zone.is_some()).unwrap();
    assert_eq!(zone(&topology).as_deref(), Some("eu-b"));
}

#[test]
fn a_call_that_goes_on_after_its_only_attempt_is_told_beside_it() {
    let (topology, mut recording) = served_with(Outcome::OK);
    let names = |recording: &Recording| {
        let trace = Teller::new(&topology, recording).tell(&recording.sampled[0]);
        trace.spans.iter().filter(|span| span.part == Part::Itself).map(|span| span.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(&recording), ["POST /checkout", "process_order_request"]);
    let call = &mut recording.sampled[0].spans[0];
    call.ended = call.ended.map(|(at, _)| (Instant(at.0 + 1), Outcome::TIMEOUT));
    assert_eq!(names(&recording), ["call gateway.checkout", "POST /checkout", "process_order_request"]);
}

#[test]
fn what_no_worker_took_up_is_on_no_worker_and_no_arrow_leads_to_what_took_no_time() {
    let drawn = |started: Option<u64>| {
        let (topology, mut recording) = served_with(Outcome::OK);
        let served = &mut recording.sampled[0].spans[2];
        let SpanKind::Served { started: taken_up, .. } = &mut served.what else { panic!("what is served") };
        *taken_up = started.map(|before| Instant(served.ended.unwrap().0.0 - before));
        let events: Json = serde_json::from_str(&text(|to| perfetto::write(&topology, &recording, to))).unwrap();
        let of = |kind: &str| events["traceEvents"].as_array().unwrap().iter().filter(|event| event["ph"] == kind).count();
        (of("X"), of("s"))
    };
    assert_eq!(drawn(Some(5)), (2, 1), "the client's call, the worker's work and an arrow");
    assert_eq!(drawn(Some(0)), (2, 0));
    assert_eq!(drawn(None), (1, 0));
}
