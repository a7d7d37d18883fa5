//! Promises of the charts as a whole, on made-up runs: same bytes, names as text, no panic, sane sizes.

use super::*;
use crate::base::cases::cases;
use crate::base::id::*;
use crate::base::time::{Instant, Nanos, SECOND};
use crate::observe::recording::*;
use crate::topology::{self, Cancellation, Discipline, Load, RatePlan, Topology};
use proptest::prelude::*;

/// A model of services in a chain, with one client and one fault that slows the last of them.
pub(super) fn chain(services: &[&str], seconds: u64) -> Topology {
    Topology {
        name: "checkout-retry-storm".to_owned(),
        description: String::new(),
        seed: 7,
        duration: Nanos::from_secs(seconds),
        warm_up: Nanos::from_secs(10),
        drain: Nanos::from_secs(10),
        window: Nanos::from_secs(1),
        clients: vec![client("shoppers")],
        services: services.iter().enumerate().map(|(i, name)| service(name, i as u32)).collect(),
        replicas: Vec::new(),
        endpoints: Vec::new(),
        steps: Vec::new(),
        step_names: Vec::new(),
        sites: Vec::new(),
        edges: services.windows(2).map(|pair| edge(pair[0], pair[1])).collect(),
        policies: Vec::new(),
        cells: 0,
        callers: 0,
        balancers: 0,
        actives: 0,
        caches: Vec::new(),
        pools: Vec::new(),
        links: Vec::new(),
        zones: Vec::new(),
        zone_links: Vec::new(),
        attributes: Vec::new(),
        faults: vec![slow_db(services.len())],
        expectations: Vec::new(),
        mesh: Default::default(),
        brokers: Default::default(),
        wire: Default::default(),
        labels: Default::default(),
        graph: Default::default(),
    }
}

fn client(name: &str) -> topology::Client {
    topology::Client {
        name: name.to_owned(),
        load: Load::Open { arrivals: topology::Arrivals::Poisson, plan: RatePlan::constant(120.0) },
        targets: Vec::new(),
        callers: 0..1,
        zone: ZoneId::NONE,
        attributes: Vec::new(),
    }
}

fn service(name: &str, replica: u32) -> topology::Service {
    topology::Service {
        name: name.to_owned(),
        replicas: replica..replica + 1,
        workers: 8,
        queue_capacity: u32::MAX,
        discipline: Discipline::Fifo,
        max_wait: None,
        cancellation: Cancellation::None,
        rate_limit: None,
        balancing: crate::policy::app::LoadBalancing::RoundRobin,
        owner: None,
        endpoints: Vec::new(),
    }
}

fn edge(from: &str, to: &str) -> topology::Edge {
    let caller = topology::site::Caller::Client(ClientId(0));
    topology::Edge { name: format!("{from}.place -> {to}.place"), caller, callee: EndpointId(0), sites: Vec::new() }
}

fn slow_db(services: usize) -> topology::Fault {
    topology::Fault {
        name: "slow-db".to_owned(),
        at: Nanos::from_secs(60),
        lasts: topology::Lasts::Forever,
        every: None,
        action: topology::FaultAction::Slow { replicas: Vec::new(), factor: 10.0 },
        meets: None,
        services: services.checked_sub(1).map(ServiceId::new).into_iter().collect(),
        clients: Vec::new(),
        summary: String::new(),
    }
}

/// Numbers that look random, in 0..1.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as f64 / (1u64 << 31) as f64
    }

    /// Around `mean`, give or take its share `by`.
    fn around(&mut self, mean: f64, by: f64) -> f64 {
        mean * (1.0 + by * (self.next() + self.next() + self.next() - 1.5))
    }
}

/// How badly a made-up system does at a second: the database is slow from 60 to 90 s, and recovers at once, slowly or never.
fn harm(second: f64, recovery: f64) -> f64 {
    match second {
        s if s < 60.0 => 0.0,
        s if s < 90.0 => ((s - 60.0) / 6.0).min(1.0),
        s => (1.0 - (s - 90.0) * recovery).max(0.0),
    }
}

pub(super) fn recording(topology: &Topology, seed: u64, recovery: f64) -> Recording {
    let mut noise = Noise(seed);
    let windows = topology.duration.0 / topology.window.0;
    let width = topology.window.as_secs_f64();
    let harms: Vec<f64> = (0..windows).map(|w| harm(w as f64 * width, recovery)).collect();
    let client = |noise: &mut Noise| ClientRecord {
        offered: 20_400,
        ok: 15_100,
        failed: 5_300,
        windows: harms.iter().map(|h| client_window(noise, *h, width)).collect(),
        ..ClientRecord::default()
    };
    let count = topology.services.len();
    let service = |(i, noise): (usize, &mut Noise)| ServiceRecord {
        requests: 20_000,
        windows: harms.iter().map(|h| service_window(noise, h * (i + 1) as f64 / count as f64, width)).collect(),
        ..ServiceRecord::default()
    };
    let edge = |noise: &mut Noise| EdgeRecord {
        retries: 9_000,
        breaker_opened: if recovery > 0.0 { 4 } else { 0 },
        windows: harms.iter().map(|h| edge_window(noise, *h, recovery > 0.0)).collect(),
        ..EdgeRecord::default()
    };
    Recording {
        seed,
        fingerprint: 0x9e37_79b9_7f4a_7c15 ^ seed,
        ended: Instant(topology.duration.0),
        window: topology.window,
        clients: vec![client(&mut noise)],
        services: (0..count).map(|i| service((i, &mut noise))).collect(),
        edges: topology.edges.iter().map(|_| edge(&mut noise)).collect(),
        faults: vec![FaultSpan { fault: FaultId(0), began: Instant::from_secs(60), ended: Some(Instant::from_secs(90)) }],
        ..Recording::default()
    }
}

fn client_window(noise: &mut Noise, harm: f64, width: f64) -> ClientWindow {
    let offered = noise.around(120.0, 0.15) * width;
    let failed = offered * harm * noise.around(0.8, 0.1).min(1.0);
    let p50 = noise.around(0.018 + 0.6 * harm, 0.08);
    let nanos = |seconds: f64| (seconds * SECOND as f64) as u64;
    ClientWindow {
        offered: offered as u32,
        ok: (offered - failed) as u32,
        degraded: 0,
        failed: failed as u32,
        p50: nanos(p50),
        p95: nanos(p50 * noise.around(2.4, 0.2)),
        p99: nanos(p50 * noise.around(3.8, 0.5)),
    }
}

fn service_window(noise: &mut Noise, harm: f64, width: f64) -> ServiceWindow {
    let seen = client_window(noise, harm, width);
    let busy = (noise.around(3.2, 0.2) + 6.0 * harm).min(8.0);
    let queue = noise.around(0.4 + 140.0 * harm * harm, 0.2).max(0.0);
    let ClientWindow { offered, ok, failed, p50, p95, p99, .. } = seen;
    ServiceWindow {
        arrived: offered,
        ok,
        failed,
        queue,
        busy,
        present: busy + queue,
        workers: 8.0,
        up: 1,
        p50,
        p95,
        p99,
        ..Default::default()
    }
}

fn edge_window(noise: &mut Noise, harm: f64, breaker: bool) -> EdgeWindow {
    let calls = noise.around(120.0, 0.15);
    let retries = calls * 2.0 * harm * noise.around(0.9, 0.1);
    let state = noise.next();
    let (open, half_open) = match breaker && harm > 0.4 {
        true if state < 0.75 => (3, u32::from(state < 0.3)),
        true => (1, 2),
        false => (0, 0),
    };
    EdgeWindow { calls: calls as u32, attempts: (calls + retries) as u32, retries: retries as u32, open, half_open, ..Default::default() }
}

pub(super) const SHOP: [&str; 3] = ["gateway", "orders", "orders-db"];

#[test]
fn a_run_has_a_chart_for_each_question() {
    let topology = chain(&SHOP, 180);
    let charts = of_run(&topology, &recording(&topology, 7, 0.05), None);
    let stems: Vec<&str> = charts.iter().map(|c| c.file_stem.as_str()).collect();
    let all = [
        "latency",
        "latency-bands",
        "traffic",
        "load-goodput",
        "blast-radius",
        "services-queue",
        "services-utilization",
        "services-latency",
        "breakers",
        "retries",
        "amplification",
    ];
    assert_eq!(stems, all);
}

#[test]
fn the_same_run_gives_the_same_bytes() {
    let draw = || {
        let topology = chain(&SHOP, 180);
        let charts = of_run(&topology, &recording(&topology, 7, 0.05), Some("with retries"));
        charts.iter().map(|c| (svg(c), png(c))).collect::<Vec<_>>()
    };
    assert_eq!(draw(), draw());
}

fn queues(topology: &Topology) -> Chart {
    let charts = of_run(topology, &recording(topology, 7, 0.0), None);
    charts.into_iter().find(|chart| chart.file_stem == "services-queue").expect("there is one")
}

#[test]
fn a_small_chart_is_drawn_to_the_letter() {
    let topology = chain(&["db"], 8);
    insta::assert_snapshot!(svg(&queues(&topology)));
}

/// The pixels are plotters', the font's and the encoder's business: a new version of one of them is noticed here.
#[test]
fn pictures_do_not_change_unnoticed() {
    let topology = chain(&["db"], 8);
    let picture = png(&queues(&topology));
    let fnv = picture.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    assert_eq!(format!("{fnv:016x}"), "fcbc6dfef91144f0");
}

#[test]
fn names_are_text_whatever_is_in_them() {
    let mut topology = chain(&["<script>alert(1)</script>", "a & \"b\"", "\u{0}\u{1b}[31m\n"], 30);
    topology.faults[0].name = "</svg><script>".to_owned();
    topology.name = "<!-- ]]> ".to_owned();
    for chart in of_run(&topology, &recording(&topology, 7, 0.05), Some("<b>")) {
        let drawn = svg(&chart);
        assert!(!drawn.contains("<script") && !drawn.contains("<b>") && !drawn.contains("<!--"), "{}", chart.file_stem);
        assert!(drawn.chars().all(|c| c == '\n' || !c.is_control()), "{}", chart.file_stem);
        let (open, close) = (drawn.matches("<text").count(), drawn.matches("</text>").count());
        assert_eq!((open, drawn.matches("</svg>").count()), (close, 1));
    }
}

#[test]
fn text_is_set_in_the_font_that_is_compiled_in() {
    let topology = chain(&SHOP, 180);
    for chart in of_run(&topology, &recording(&topology, 7, 0.05), None) {
        let drawn = svg(&chart);
        assert_eq!(drawn.matches("<text").count(), drawn.matches("font-family=\"DejaVu Sans, Verdana, sans-serif\"").count());
    }
}

#[test]
fn ten_minutes_of_eleven_services_stay_below_a_megabyte() {
    let names: Vec<String> = (0..11).map(|i| format!("service-{i}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let topology = chain(&names, 600);
    for chart in of_run(&topology, &recording(&topology, 7, 0.05), None) {
        let size = svg(&chart).len();
        assert!(size < 1 << 20, "{}: {size}", chart.file_stem);
    }
}

#[test]
fn many_windows_are_merged_and_the_caption_says_so() {
    let mut topology = chain(&SHOP, 3600);
    topology.window = Nanos::from_millis(100);
    let charts = of_run(&topology, &recording(&topology, 7, 0.05), None);
    assert!(charts[0].panels[0].series[0].line.len() <= 1200);
    assert!(charts[0].caption[0].contains("each point is 30 windows of 100 ms"), "{:?}", charts[0].caption);
    assert!(svg(&charts[0]).len() < 1 << 18);
}

#[test]
fn of_two_hundred_services_twelve_are_shown_and_the_troubled_are_among_them() {
    let names: Vec<String> = (0..200).map(|i| format!("service-{i}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let topology = chain(&names, 30);
    let charts = of_run(&topology, &recording(&topology, 7, 0.05), None);
    let queue = charts.iter().find(|c| c.file_stem == "services-queue").expect("services have queues");
    assert_eq!((queue.panels.len(), queue.panels[11].title.as_str()), (12, "service-199"));
    assert!(queue.caption.iter().any(|line| line.contains("188 more services")), "{:?}", queue.caption);
    for chart in &charts {
        assert!(!svg(chart).is_empty());
    }
}

#[test]
fn nothing_at_all_is_drawn_without_panic() {
    let topology = chain(&[], 0);
    for record in [Recording::default(), recording(&topology, 7, 0.0)] {
        for chart in of_run(&topology, &record, None) {
            assert!(svg(&chart).contains("no data") && !png(&chart).is_empty());
        }
        let recordings = [record];
        let variants = [
            Variant { name: "", topology: &topology, recordings: &recordings },
            Variant { name: "x", topology: &topology, recordings: &[] },
        ];
        for chart in of_comparison(&variants) {
            assert!(!svg(&chart).is_empty());
        }
    }
    assert_eq!(of_comparison(&[]), []);
    assert!(svg(&Chart::default()).contains("nothing to show"));
}

#[test]
fn a_comparison_has_a_line_per_variant_and_a_band_over_seeds() {
    let topology = chain(&SHOP, 180);
    let runs: Vec<Recording> = (1..4).map(|seed| recording(&topology, seed, 0.05)).collect();
    let charts = of_comparison(&[
        Variant { name: "none", topology: &topology, recordings: &runs },
        Variant { name: "retries", topology: &topology, recordings: &runs[..1] },
    ]);
    assert_eq!(charts.len(), 5);
    let series = &charts[0].panels[0].series;
    assert_eq!((series.len(), series[0].low.len(), series[1].low.len()), (2, 180, 0));
    assert!((series[0].low[100]..=series[0].high[100]).contains(&series[0].line[100]));
    assert_eq!(charts[0].spans.len(), 1, "the fault that both have is marked once");
}

fn any_value() -> impl Strategy<Value = f64> {
    prop_oneof![any::<f64>(), 0.0..1.0f64, Just(0.0), Just(f64::NAN), Just(f64::MAX), Just(f64::MIN_POSITIVE), 1e3..1e18f64]
}

fn any_range() -> impl Strategy<Value = Range> {
    prop_oneof![Just(Range::FromZero), Just(Range::Share), Just(Range::LogIfWide), Just(Range::Log), any_value().prop_map(Range::AtLeast)]
}

proptest! {
    #![proptest_config(cases(64))]
    #[test]
    fn any_chart_can_be_drawn(
        values in prop::collection::vec(any_value(), 0..40),
        range in any_range(),
        unit in prop::sample::select(vec![Unit::Seconds, Unit::PerSecond, Unit::Share, Unit::Count, Unit::Times]),
        (step, until, from) in (any_value(), any_value(), any_value()),
        (stepped, columns, plot_height) in (any::<bool>(), 0..9usize, 0..400u32),
        text in ".{0,60}",
    ) {
        let line = Series { label: text.clone(), stepped, step, ..Series::line("", palette::nth(plot_height as usize), 1.0, values.clone()) };
        let band = Series { low: values.iter().map(|v| v / 2.0).collect(), high: values, line: Vec::new(), ..line.clone() };
        let panel = Panel { title: text.clone(), note: text.clone(), unit, range, series: vec![line, band] };
        let spans = vec![Span { name: text.clone(), from, until, times: 1 }; 5];
        let time = TimeAxis { until, warm_up: from, load_ends: step };
        let chart = Chart { file_stem: String::new(), title: text.clone(), caption: vec![text], time, across: Across::Time, spans, panels: vec![panel; 3], columns, plot_height, forest: None };
        prop_assert!(svg(&chart).ends_with("</svg>\n"));
    }
}

/// `cargo test gallery -- --ignored` writes all charts of a made-up run and comparison, to be looked at.
#[test]
#[ignore = "writes pictures for people"]
fn gallery() {
    let folder = std::env::temp_dir().join("brownout-charts");
    std::fs::create_dir_all(&folder).expect("the temporary folder can be written");
    let topology = chain(&SHOP, 180);
    let mut charts = of_run(&topology, &recording(&topology, 7, 0.03), Some("retries-and-breaker"));
    let kinds = [("none", 0.2), ("retries", 0.0), ("retries-and-budget", 0.03), ("breaker", 0.09)];
    let runs: Vec<Vec<Recording>> = kinds.iter().map(|k| (1..6).map(|seed| recording(&topology, seed, k.1)).collect()).collect();
    let variants: Vec<Variant> =
        kinds.iter().zip(&runs).map(|(k, runs)| Variant { name: k.0, topology: &topology, recordings: runs }).collect();
    charts.extend(of_comparison(&variants));
    let names: Vec<String> = (0..40).map(|i| format!("service-with-a-rather-long-name-{i}")).collect();
    let mut many = chain(&names.iter().map(String::as_str).collect::<Vec<_>>(), 600);
    let mut record = recording(&many, 7, 0.01);
    for (i, name) in ["cache-flush", "partition between zones a and b", "spike"].into_iter().enumerate() {
        many.faults.push(topology::Fault { name: name.to_owned(), ..slow_db(1) });
        let fault = FaultId::new(i + 1);
        let began = |n: u64| Instant::from_secs(62 + 10 * i as u64 + 45 * n);
        let times = if i == 0 { 12 } else { 1 };
        let lasts = Nanos::from_secs(60 * i as u64);
        record.faults.extend((0..times).map(|n| FaultSpan { fault, began: began(n), ended: Some(began(n) + lasts) }));
    }
    for mut chart in of_run(&many, &record, None) {
        chart.file_stem = format!("many-{}", chart.file_stem);
        charts.push(chart);
    }
    for chart in charts {
        std::fs::write(folder.join(format!("{}.svg", chart.file_stem)), svg(&chart)).expect("the folder can be written");
        std::fs::write(folder.join(format!("{}.png", chart.file_stem)), png(&chart)).expect("the folder can be written");
    }
}

#[test]
fn messages_in_queues_have_a_chart_where_there_is_a_broker() {
    let (topology, recording) = (crate::analysis::sample::shipping::topology(), crate::analysis::sample::shipping::recording());
    let charts = of_run(&topology, &recording, None);
    let chart = charts.iter().find(|chart| chart.file_stem == "messages-waiting").unwrap();
    let [panel] = &chart.panels[..] else { panic!("one broker") };
    let lines: Vec<(&str, f64)> = panel.series.iter().map(|series| (series.label.as_str(), series.line[69])).collect();
    assert_eq!((panel.title.as_str(), &lines[..]), ("shipping", &[("parcels", 400.0), ("failed", 280.0)][..]));
    let recordings = [recording];
    let compared = |recordings: &[Recording]| {
        let charts = of_comparison(&[Variant { name: "model", topology: &topology, recordings }]);
        charts.into_iter().find(|chart| chart.file_stem == "compare-messages").map(|chart| chart.panels[0].series[0].line[69])
    };
    assert_eq!(compared(&recordings), Some(400.0), "nobody consumes the other queue");
    let without = [Recording { queues: Vec::new(), ..recordings[0].clone() }];
    assert_eq!(compared(&without), None);
}
