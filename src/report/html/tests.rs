//! The page as a whole: what a hostile name can do (nothing), how large it is, that it is the same every time, what its data say.

use super::*;
use crate::analysis::cascade::{Evidence, Sample};
use crate::analysis::sample;
use crate::analysis::summary::summarize;
use crate::base::id::*;
use crate::base::outcome::Outcome;
use crate::base::time::{Instant, Nanos};
use crate::observe::recording::{ClientWindow, EdgeRecord, EdgeWindow, ServiceRecord, ServiceWindow};
use crate::observe::span::{Kept, Span, SpanKind, Trace};
use crate::topology::{Edge, Endpoint, Site};
use serde_json::Value;

const HOSTILE: &str = "</script><img src=x onerror=\"alert('1')\">\n\u{2028}ünï";

fn page(topology: &Topology, recording: &Recording) -> String {
    let summary = summarize(topology, recording, Some("naive"));
    let subject = Subject { variant: Some("naive"), topology, recording, summary: &summary, why: None };
    let mut bytes = Vec::new();
    write_run(&subject, None, &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn data(page: &str) -> Value {
    let (_, rest) = page.split_once("id=\"data\">").unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

/// A small request through all three services.
fn followed() -> Trace {
    let at = |ms: u64| Instant(ms * 1_000_000);
    let span = |parent, from, until, what| Span { parent, began: at(from), ended: Some((at(until), Outcome::OK)), what };
    let spans = vec![
        span(None, 1000, 1040, SpanKind::Call { edge: EdgeId(0), caller: 7 }),
        span(Some(0), 1000, 1040, SpanKind::Attempt { edge: EdgeId(0), replica: Some(ReplicaId(0)), number: 1, by_mesh: false }),
        span(Some(1), 1001, 1039, SpanKind::Served { endpoint: EndpointId(0), replica: ReplicaId(0), started: Some(at(1011)) }),
    ];
    Trace { client: ClientId(0), number: 5, offered: at(1000), ended: Some((at(1040), Outcome::OK)), kept: Kept::Slow, spans }
}

#[test]
fn names_from_a_model_are_text_wherever_they_stand() {
    let mut topology = sample::shop(4);
    topology.name = HOSTILE.into();
    topology.description = HOSTILE.into();
    topology.clients[0].name = HOSTILE.into();
    topology.services[1].name = HOSTILE.into();
    topology.faults[0].name = HOSTILE.into();
    topology.faults[0].summary = HOSTILE.into();
    topology.edges[1].name = HOSTILE.into();
    topology.expectations[0].name = HOSTILE.into();
    let mut recording = sample::record::slow_db(Some(98));
    recording.sampled = vec![followed()];
    let page = page(&topology, &recording);
    assert!(!page.contains("<img"), "no element but ours");
    let ends = page.matches("</script>").count();
    assert_eq!(ends, 3, "the data, the library, our scripts");
    let data = data(&page);
    assert_eq!(data["name"], HOSTILE, "and scripts read it as it was");
    assert_eq!(data["runs"][0]["graph"]["nodes"][0]["name"], HOSTILE);
}

#[test]
fn the_page_may_load_nothing_and_names_no_other_place() {
    let page = page(&sample::shop(4), &sample::record::slow_db(None));
    assert!(page.contains("content=\"default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:\""));
    for word in [" src=", "@import", "url(http", "fetch(", "XMLHttpRequest", "WebSocket", "import("] {
        assert!(!page.contains(word), "{word}");
    }
    let addresses: Vec<&str> = page.match_indices("://").map(|(i, _)| &page[i.saturating_sub(5)..(i + 24).min(page.len())]).collect();
    assert!(addresses.iter().all(|a| a.contains("www.w3.org") || a.contains("github.com/leeoniya")), "{addresses:?}");
}

#[test]
fn the_page_is_a_function_of_the_recording() {
    let (topology, recording) = (sample::shop(4), sample::record::slow_db(None));
    assert!(page(&topology, &recording) == page(&topology, &recording.clone()));
}

#[test]
fn its_data_are_those_of_the_recording() {
    let mut recording = sample::record::slow_db(Some(98));
    recording.sampled = vec![followed()];
    let data = data(&page(&sample::shop(4), &recording));
    let run = &data["runs"][0];
    assert_eq!(run["title"], "naive");
    assert_eq!((run["points"].as_u64(), run["step"].as_f64()), (Some(180), Some(1.0)));
    let names: Vec<&str> = run["graph"]["nodes"].as_array().unwrap().iter().map(|n| n["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["shoppers", "gateway", "orders", "orders-db"]);
    let edges: Vec<(u64, u64)> =
        run["graph"]["edges"].as_array().unwrap().iter().map(|e| (e["from"].as_u64().unwrap(), e["to"].as_u64().unwrap())).collect();
    assert_eq!(edges, [(0, 1), (1, 2), (2, 3)]);
    assert_eq!(run["graph"]["nodes"][0]["series"]["arrived"], 200, "what never changes is one number");
    assert_eq!(run["faults"][0]["from"], 60.0);
    assert_eq!(run["faults"][0]["until"], 90.0);
    assert_eq!(run["story"][0]["nodes"], serde_json::json!([3]), "the fault is shown where it strikes");
    assert!(run["story"].as_array().unwrap().iter().any(|step| step["edge"].is_u64()), "and what happens to calls at their arrow");
    assert_eq!(run["traces"][0]["took"], 40_000);
    assert_eq!(run["traces"][0]["spans"][2]["s"], 11_000, "when a worker took it up");
    let parts: u64 = run["attribution"][0]["parts"].as_array().unwrap().iter().map(|part| part[2].as_u64().unwrap()).sum();
    assert_eq!(parts, 40_000, "all of its time is put down to something");
}

#[test]
fn the_picture_is_that_of_the_model_with_room_for_what_changes() {
    let topology = sample::shop(4);
    let graph = &data(&page(&topology, &sample::record::slow_db(None)))["runs"][0]["graph"];
    let drawn = crate::report::graph::picture(&topology);
    for (at, texts) in drawn.texts.iter().enumerate() {
        let node = &graph["nodes"][at];
        let own: Vec<&str> = node["lines"].as_array().unwrap().iter().map(|line| line["t"].as_str().unwrap()).collect();
        let theirs: Vec<&str> = texts.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(own, theirs, "the same words");
        let (below, height) = (node["below"].as_i64().unwrap(), node["height"].as_i64().unwrap());
        assert!(height - below >= 38, "two lines more fit into {node}");
    }
    assert_eq!(graph["nodes"][3]["lines"].as_array().unwrap().last().unwrap()["f"], "slow-db", "the page knows which fault a line is of");
    for edge in graph["edges"].as_array().unwrap() {
        assert!(edge["path"].as_str().unwrap().starts_with('M') && edge["label"][2].as_i64() >= Some(88), "{edge}");
    }
}

#[test]
fn a_step_of_the_story_shows_its_figures_and_leads_to_the_request_that_met_it() {
    let mut recording = sample::record::slow_db(Some(98));
    // Far more of a kind than the page shows: the one of the story is there all the same.
    let of = |number| Trace { number, ended: Some((Instant(2_000_000_000 + number), Outcome::OK)), ..followed() };
    recording.sampled = (0..40).map(of).collect();
    let topology = sample::shop(4);
    let mut summary = summarize(&topology, &recording, None);
    let step = &mut summary.cascade.steps[1];
    step.sample = Some(Sample { client: "shoppers".into(), number: 3, id: String::new() });
    step.evidence = vec![Evidence { metric: "p99".into(), before: Some(0.03), during: 2.1 }];
    let subject = Subject { variant: None, topology: &topology, recording: &recording, summary: &summary, why: None };
    let mut bytes = Vec::new();
    write_run(&subject, None, &mut bytes).unwrap();
    let data = data(&String::from_utf8(bytes).unwrap());
    let run = &data["runs"][0];
    assert_eq!(run["story"][1]["evidence"], serde_json::json!(["p99 30 ms → 2.1 s"]));
    assert_eq!(run["story"][1]["sample"][1], "shoppers #3");
    let place = run["story"][1]["sample"][0].as_u64().unwrap() as usize;
    assert_eq!(run["traces"][place]["number"], 3);
}

#[test]
fn without_scripts_the_words_the_verdicts_and_the_figures_are_there() {
    let page = page(&sample::shop(4), &sample::record::slow_db(None));
    let (still, _) = page.split_once("<noscript>").unwrap();
    for word in ["orders-db answers", "expects", "Golden signals", "0123456789abcdef", "not kept", "200/s"] {
        assert!(still.contains(word) || word == "expects", "{word}");
    }
    assert!(still.contains("<h1>order-shop</h1>") && still.contains("naive"));
}

/// Eleven services in a row, ten minutes of windows in which nothing is like before, and as many followed requests as are kept.
fn large(services: usize, windows: u32) -> (Topology, Recording) {
    let mut topology = sample::shop(4);
    let mut recording = sample::record::slow_db(None);
    topology.duration = Nanos::from_secs(u64::from(windows));
    let (service, site) = (topology.services[2].clone(), topology.sites[0].clone());
    topology.sites.clear();
    let noise = |i: u32, k: usize| (i.wrapping_mul(2_654_435_761).rotate_left(k as u32 % 31) % 9973) + 1;
    topology.services.clear();
    topology.replicas = (0..services).map(|k| crate::topology::Replica { service: ServiceId::new(k), zone: ZoneId::NONE }).collect();
    (topology.endpoints, topology.edges, topology.faults, topology.expectations) = Default::default();
    (recording.services, recording.edges, recording.faults, recording.episodes, recording.timeline, recording.probes) = Default::default();
    for k in 0..services {
        topology.services.push(crate::topology::Service {
            name: format!("service-{k}"),
            replicas: k as u32..k as u32 + 1,
            endpoints: vec![EndpointId::new(k)],
            ..service.clone()
        });
        let name = format!("service-{k}.do");
        topology.endpoints.push(Endpoint { service: ServiceId::new(k), name: "do".into(), full_name: name.clone(), entry: StepId(0) });
        let caller = match k {
            0 => crate::topology::site::Caller::Client(ClientId(0)),
            k => crate::topology::site::Caller::Endpoint(EndpointId::new(k / 2)),
        };
        topology.edges.push(Edge { name: format!("call {k}"), caller, callee: EndpointId::new(k), sites: vec![SiteId::new(k)] });
        let (service, callee) = (ServiceId::new(k), EndpointId::new(k));
        topology.sites.push(Site { caller, edge: EdgeId::new(k), callee, service, policy: PolicyId::NONE, ..site.clone() });
        let of = |i: u32| ServiceWindow {
            arrived: noise(i, k),
            ok: noise(i, k + 1),
            failed: noise(i, k + 2),
            rejected: noise(i, k + 3),
            abandoned: noise(i, k + 4),
            queue: f64::from(noise(i, k + 5)) / 7.0,
            busy: f64::from(noise(i, k + 6)) / 7.0,
            present: 0.0,
            workers: 48.0,
            up: 1,
            p50: u64::from(noise(i, k + 7)) * 1_000_000,
            p95: u64::from(noise(i, k + 8)) * 1_000_000,
            p99: u64::from(noise(i, k + 9)) * 1_000_000,
        };
        recording.services.push(ServiceRecord { requests: 1000, windows: (0..windows).map(of).collect(), ..ServiceRecord::default() });
        let call = |i: u32| EdgeWindow {
            calls: noise(i, k),
            attempts: noise(i, k + 1),
            retries: noise(i, k + 2),
            failed: noise(i, k + 3),
            fallbacks: noise(i, k + 4),
            short_circuited: noise(i, k + 5),
            timeouts: noise(i, k + 6),
            ..EdgeWindow::default()
        };
        recording.edges.push(EdgeRecord { calls: 1000, windows: (0..windows).map(call).collect(), ..EdgeRecord::default() });
    }
    recording.clients[0].windows =
        (0..windows).map(|i| ClientWindow { offered: noise(i, 0), ok: noise(i, 1), ..ClientWindow::default() }).collect();
    let busy = Trace { spans: followed().spans.into_iter().cycle().take(400).collect(), ..followed() };
    recording.sampled =
        [Kept::Slow, Kept::Failed, Kept::Typical].iter().flat_map(|kept| vec![Trace { kept: *kept, ..busy.clone() }; 20]).collect();
    (topology, recording)
}

#[test]
fn ten_minutes_of_eleven_services_are_less_than_three_megabytes() {
    let (topology, recording) = large(11, 600);
    let page = page(&topology, &recording);
    assert!(page.len() < 3_000_000, "{} bytes", page.len());
    let run = &data(&page)["runs"][0];
    assert_eq!(run["points"], 600, "and no window had to be merged for that");
    assert!(run["traces"].as_array().unwrap().len() > 10);
}

#[test]
fn a_system_of_two_hundred_services_gives_a_page_that_says_what_is_left_out() {
    let (topology, recording) = large(200, 600);
    let page = page(&topology, &recording);
    assert!(page.len() < 4_000_000, "{} bytes", page.len());
    let graph = &data(&page)["runs"][0]["graph"];
    assert_eq!(graph["nodes"].as_array().unwrap().len(), graph::MOST_NODES);
    assert_eq!(graph["leftOut"], 201 - graph::MOST_NODES);
    let arrows = graph["edges"].as_array().unwrap();
    assert!(arrows.len() >= graph::MOST_NODES - 1, "{} arrows", arrows.len());
    assert!(arrows.iter().all(|arrow| arrow["series"].is_object()));
    assert!(page.contains("170 with less traffic are left out here"), "of the table too");
}

#[test]
fn a_run_in_which_nothing_was_recorded_still_gives_a_page() {
    let page = page(&sample::shop(4), &Recording::default());
    assert!(page.contains("No request was offered in the measured time."));
    assert_eq!(data(&page)["runs"][0]["points"], 0);
}

/// The first screen of the shop with figures of its own: one client, and the gateway.
fn first_screen(change: impl Fn(&mut Recording, &mut Summary)) -> String {
    let topology = sample::shop(4);
    let mut recording = sample::record::slow_db(None);
    let mut summary = summarize(&topology, &recording, None);
    change(&mut recording, &mut summary);
    let subject = Subject { variant: None, topology: &topology, recording: &recording, summary: &summary, why: None };
    let mut bytes = Vec::new();
    first::write(&subject, &mut bytes).unwrap();
    // Where a line may break is another matter.
    String::from_utf8(bytes).unwrap().replace('\u{a0}', " ")
}

#[test]
fn the_first_screen_marks_each_expectation_by_whether_it_was_kept() {
    let screen = first_screen(|_, summary| {
        for (number, (_, verdict)) in summary.expectations.0.iter_mut().enumerate() {
            verdict.passed = number == 1;
        }
    });
    assert!(screen.contains(">1 of 5 kept<"), "{screen}");
    assert!(
        screen.contains("<li class=\"good\"><span class=\"mark\" role=\"img\" aria-label=\"kept\">✓</span><span><b>fast</b>"),
        "{screen}"
    );
    assert!(
        screen.contains("<li class=\"bad\"><span class=\"mark\" role=\"img\" aria-label=\"not kept\">✗</span><span><b>calm</b>"),
        "{screen}"
    );
}

#[test]
fn golden_signals_are_the_figures_of_the_summary_with_curves_of_the_windows() {
    let screen = first_screen(|recording, summary| {
        let client = &mut summary.clients.0[0].1;
        (client.offered, client.degraded, client.failed, client.unfinished) = (100, 20, 15, 5);
        (client.latency.p50, client.latency.p95, client.latency.p99) = (Some(0.001), Some(0.002), Some(0.003));
        let service = &mut summary.services.0[0].1;
        (service.requests, service.failed, service.rejected) = (100, 10, 15);
        (service.utilization, service.queue_length.max) = (Some(0.5), 7);
        let window = ServiceWindow { rejected: 5, busy: 10.0, workers: 20.0, ..ServiceWindow::default() };
        recording.services.iter_mut().for_each(|service| service.windows.iter_mut().for_each(|w| *w = window));
    });
    for told in ["20 % (20 % degraded)", "1 ms · 2 ms · 3 ms", ">25 %<", "50 % busy, 7 waiting at most", "60 s to 90 s"] {
        assert!(screen.contains(told), "{told} in {screen}");
    }
    let (_, gateway) = screen.split_once("<span class=\"name\">gateway<").unwrap();
    let curve = |ink: &str| gateway.split_once(&format!("class=\"spark {ink}\"")).unwrap().1.split('"').nth(7).unwrap().to_string();
    assert_eq!(curve("red"), "0,1.0 120,1.0", "refusals are errors, and a curve reaches up to its peak");
    assert_eq!(curve("orange"), "0,11.0 120,11.0", "half of the workers");
}

#[test]
fn a_fault_that_strikes_again_at_once_is_one_and_one_that_goes_on_lasts_to_the_end() {
    let fault = |from: u64, until: Option<u64>| crate::observe::recording::FaultSpan {
        fault: FaultId(0),
        began: Instant(from * 1_000_000),
        ended: until.map(|until| Instant(until * 1_000_000)),
    };
    let recording = Recording {
        faults: vec![fault(60_000, Some(60_100)), fault(60_200, Some(60_500)), fault(100_000, None)],
        ..sample::record::slow_db(None)
    };
    let (topology, summary) = (sample::shop(4), Summary::default());
    let subject = Subject { variant: None, topology: &topology, recording: &recording, summary: &summary, why: None };
    let told: Vec<(f64, f64, usize)> = run::faults(&subject, 180.0).iter().map(|f| (f.from, f.until, f.times)).collect();
    assert_eq!(told, [(60.0, 60.5, 2), (100.0, 180.0, 1)]);
}

#[test]
fn boxes_know_how_much_may_wait_and_how_they_were_before_the_fault() {
    let mut recording = sample::record::slow_db(None);
    recording.clients[0].windows[..60].iter_mut().for_each(|window| window.ok = 150);
    let nodes = data(&page(&sample::shop(4), &recording))["runs"][0]["graph"]["nodes"].clone();
    assert_eq!((&nodes[2]["room"], &nodes[1]["room"]), (&768.into(), &Value::Null), "256 at each of three replicas; without limit");
    assert_eq!((&nodes[0]["baseline"], &nodes[2]["replicas"]), (&0.75.into(), &3.into()));
}

#[test]
fn of_a_large_system_those_are_shown_that_a_fault_strikes_and_those_with_the_most_to_do() {
    let (mut topology, mut recording) = large(200, 60);
    // Nobody else is worse off than before.
    let calm = ServiceWindow { arrived: 10, ok: 10, ..ServiceWindow::default() };
    recording.services.iter_mut().for_each(|service| service.windows.iter_mut().for_each(|window| *window = calm));
    recording.clients[0].windows.iter_mut().for_each(|window| window.ok = window.offered);
    recording.services[150].requests = 5000;
    let fault = sample::shop(4).faults[0].clone();
    topology.faults = vec![crate::topology::Fault { services: vec![ServiceId(199)], ..fault }];
    recording.faults = vec![crate::observe::recording::FaultSpan { fault: FaultId(0), began: Instant::from_secs(10), ended: None }];
    let graph = data(&page(&topology, &recording))["runs"][0]["graph"].clone();
    let names: Vec<&str> = graph["nodes"].as_array().unwrap().iter().map(|node| node["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"service-150") && names.contains(&"service-199"), "{names:?}");
}

#[test]
fn where_a_fault_strikes_is_shown_even_if_a_cascade_hit_more_than_there_is_room_for() {
    let (mut topology, mut recording) = large(200, 60);
    let fault = sample::shop(4).faults[0].clone();
    topology.faults = vec![crate::topology::Fault { services: vec![ServiceId(199)], ..fault }];
    recording.faults = vec![crate::observe::recording::FaultSpan { fault: FaultId(0), began: Instant::from_secs(10), ended: None }];
    let mut summary = Summary::default();
    summary.cascade.hit = (0..199).map(|k| format!("service-{k}")).collect();
    let plan = graph::Plan::of(&topology, &recording, &summary);
    assert!(plan.place(graph::Who::Service(199)).is_some(), "{:?}", plan.shown);
    summary.cascade.hit = vec!["service-198".into()];
    let plan = graph::Plan::of(&topology, &recording, &summary);
    assert!(plan.place(graph::Who::Service(198)).is_some(), "whom the story tells of comes next: {:?}", plan.shown);
}

#[test]
fn the_page_says_what_is_missing_from_it() {
    let topology = sample::shop(4);
    let recording = Recording { left_out: 5, ..sample::record::slow_db(None) };
    let summary = Summary { interrupted: true, ..summarize(&topology, &recording, None) };
    let why = Why::default();
    let subject = Subject { variant: None, topology: &topology, recording: &recording, summary: &summary, why: Some(&why) };
    let mut bytes = Vec::new();
    write_run(&subject, None, &mut bytes).unwrap();
    let page = String::from_utf8(bytes).unwrap();
    for told in ["figures are of what was finished", "5 marks and episodes", "of it 20 s warm-up", "What would have stopped it"] {
        assert!(page.contains(told), "{told}");
    }
}

#[test]
fn a_queue_is_drawn_with_its_own_figures_at_its_broker() {
    let run = data(&page(&sample::shipping::topology(), &sample::shipping::recording()))["runs"][0].clone();
    let of = |all: &Value, key: &str, wanted: &str| all.as_array().unwrap().iter().position(|one| one[key] == wanted).unwrap();
    let parcels = of(&run["queues"], "name", "shipping.parcels");
    // What never changes is one number.
    let at = |figure: &Value| figure.get(65).unwrap_or(figure).as_i64();
    let figures = ["published", "acked", "ready", "unacked"].map(|key| at(&run["queues"][parcels][key]));
    assert_eq!(figures, [40, 36, 240, 1].map(Some));
    let broker = of(&run["graph"]["nodes"], "name", "shipping");
    let bars = &run["graph"]["nodes"][broker]["bars"];
    assert_eq!(bars[of(bars, "name", "shipping.parcels")]["queue"], parcels);
    let backlog = of(&run["story"], "who", "shipping.parcels");
    assert_eq!(run["story"][backlog]["nodes"], serde_json::json!([broker]));
    let times: Vec<f64> = run["story"].as_array().unwrap().iter().map(|step| step["at"].as_f64().unwrap()).collect();
    assert!(times.is_sorted(), "steps and backlogs tell one story: {times:?}");
}

#[test]
fn a_comparison_names_each_variant_as_text_and_says_how_many_seeds_it_is_of() {
    use crate::experiment::figures::RunFigures;
    let (topology, recording) = (sample::shop(4), sample::record::slow_db(None));
    let summary = summarize(&topology, &recording, None);
    let runs = || vec![RunFigures::of(&summary), RunFigures::of(&Summary { seed: 2, ..summary.clone() })];
    let comparison = Comparison::of("shop", &[(MODEL.to_string(), runs()), (HOSTILE.to_string(), runs())]);
    let subject = |variant| Subject { variant, topology: &topology, recording: &recording, summary: &summary, why: None };
    let mut bytes = Vec::new();
    write_comparison(&[subject(None), subject(Some(HOSTILE))], &comparison, &mut bytes).unwrap();
    let page = String::from_utf8(bytes).unwrap();
    assert!(!page.contains("<img"), "no element but ours");
    assert!(page.contains("(the first of 2)"));
    assert_eq!(data(&page)["runs"][1]["title"], HOSTILE);
}
