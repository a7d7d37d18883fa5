//! `brownout graph`: what a model is drawn as, in every format, and that names stay text.

mod common;

use brownout::export;
use brownout::report::graph::{self, svg};
use brownout::topology::diagram::{Arrow, Diagram, End, Kind, Mark, Of, Part, Queue, Relation, diagram};
use std::path::Path;

const SHOP: &str = "
name: shop
duration: 60s
network: {zones: {}}
clients:
  shoppers: {target: gateway.buy, arrivals: poisson(20/s), policy: patient}
services:
  gateway:
    replicas: 2
    endpoints:
      buy: [{call: orders.place, policy: guarded}, {call: orders.list}]
  orders:
    workers: 8
    queue: {capacity: 20}
    endpoints:
      place: [{call: orders-db.write, policy: tried}, {publish: {to: events.bills}}]
      list: [{call: orders-db.read}]
      cheap: [{work: 1ms}]
  orders-db:
    owner: orders
    endpoints: {read: [{work: 1ms}], write: [{work: 2ms}]}
  billing:
    endpoints: {}
brokers:
  events:
    kind: rabbitmq
    queues:
      bills: {deadLetter: dead}
      dead: {}
consumers:
  bill: {from: events.bills, service: billing, steps: [{work: 5ms}]}
policies:
  patient: {timeout: 10s}
  tried: {timeout: 1s, retry: {attempts: 3}}
  guarded:
    timeout: 2s
    circuitBreaker: {consecutiveFailures: 5, openFor: 30s}
    bulkhead: {maxConcurrent: 20}
    fallback: {call: orders.cheap}
faults:
  slow-db: {at: 20s, for: 10s, slow: {service: orders-db, factor: 10}}
  cut: {at: 40s, for: 5s, partition: {from: gateway, to: orders}}
";

fn shop() -> Diagram {
    diagram(&common::topology(SHOP))
}

fn arrow<'d>(diagram: &'d Diagram, from: &str, to: &str, relation: Relation) -> &'d Arrow {
    let name = |end: End| match end.queue {
        Some(queue) => diagram.parts[end.part].queues[queue].name.clone(),
        None => diagram.parts[end.part].name.clone(),
    };
    let found: Vec<&Arrow> = diagram.arrows.iter().filter(|a| name(a.from) == from && name(a.to) == to && a.relation == relation).collect();
    assert_eq!(found.len(), 1, "{from} -> {to}: {:#?}", diagram.arrows);
    found[0]
}

#[test]
fn parts_are_clients_services_databases_and_brokers_with_what_bounds_them() {
    let diagram = shop();
    let part = |name: &str| diagram.parts.iter().find(|part| part.name == name).unwrap();
    let kinds = ["shoppers", "gateway", "orders-db", "events"].map(|name| part(name).kind);
    assert_eq!(kinds, [Kind::Client, Kind::Service, Kind::Database, Kind::Broker]);
    assert_eq!(part("orders").facts[0], "1 replica × 8 workers");
    assert_eq!(part("orders").facts[1], "queue 20");
    assert_eq!(part("shoppers").facts[0], "20/s");
    assert!(part("orders-db").facts.contains(&"of orders".to_string()));
    assert_eq!(part("events").queues.iter().map(|q| q.name.as_str()).collect::<Vec<_>>(), ["events.bills", "events.dead"]);
}

#[test]
fn arrows_are_folded_by_pair_and_kind_and_carry_the_policies_in_words() {
    let diagram = shop();
    assert_eq!(arrow(&diagram, "gateway", "orders", Relation::Call).policies, ["timeout 2s · bulkhead 20 · breaker 5 → 30s · fallback"]);
    assert_eq!(arrow(&diagram, "gateway", "orders", Relation::Fallback).policies, [""; 0]);
    assert_eq!(arrow(&diagram, "orders", "orders-db", Relation::Call).policies, ["timeout 1s · 3 attempts"]);
    assert_eq!(arrow(&diagram, "orders", "orders-db", Relation::Call).edges.len(), 2);
    assert_eq!(arrow(&diagram, "shoppers", "gateway", Relation::Call).lines(), ["timeout 10s"]);
    arrow(&diagram, "orders", "events.bills", Relation::Publish);
    arrow(&diagram, "events.bills", "billing", Relation::Deliver);
    arrow(&diagram, "events.bills", "events.dead", Relation::DeadLetter);
    assert_eq!(diagram.arrows.len(), 7, "{:#?}", diagram.arrows);
}

#[test]
fn faults_are_marked_at_what_they_touch() {
    let diagram = shop();
    let names = |faults: &[usize]| faults.iter().map(|f| diagram.faults[*f].name.clone()).collect::<Vec<_>>();
    let hit: Vec<_> = diagram.parts.iter().filter(|p| names(&p.faults).contains(&"slow-db".into())).map(|p| p.name.as_str()).collect();
    assert_eq!(hit, ["orders-db"]);
    assert_eq!(names(&arrow(&diagram, "gateway", "orders", Relation::Call).faults), ["cut"]);
    assert!(arrow(&diagram, "orders", "orders-db", Relation::Call).faults.is_empty());
}

#[test]
fn a_mesh_leads_to_every_version_with_the_policies_of_its_proxy() {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/order-mesh.yaml");
    let output = assert_cmd::Command::cargo_bin("brownout").unwrap().arg("graph").arg(model).output().unwrap();
    let dot = String::from_utf8(output.stdout).unwrap();
    let of_pool = "2s per try · 3 retries · ejection after 5 errors for 30s · ≤ 10 % ejected · ≤ 100 connections · ≤ 50 pending";
    let lines = |wanted: &str| dot.lines().filter(|line| line.contains(wanted)).collect::<Vec<_>>();
    let [to_v1] = lines(&format!("10 % · timeout 5s · {of_pool}"))[..] else { panic!("one version gets a tenth: {dot}") };
    let [to_v2] = lines(&format!("90 % · timeout 5s · {of_pool}"))[..] else { panic!("the other gets the rest: {dot}") };
    assert!(to_v2.contains("proxy: some requests · timeout 10s · 3s per try · 3 retries") && to_v2.contains("\\nproxy: 90 %"), "{to_v2}");
    assert!(!to_v1.contains("timeout 10s"), "the other route does not lead there: {to_v1}");
}

const BOUNDED: &str = "
name: bounded
duration: 60s
network: {zones: {}}
clients:
  users: {target: a.e, users: 30, thinkTime: 1s}
  bursts: {target: a.e, arrivals: poisson(20/s), policy: windowed}
services:
  a:
    replicas: 2
    zones: [eu-a, eu-b]
    workers: 4
    queue: {discipline: lifo, maxWait: 500ms}
    pools: {connections: {size: 3}}
    endpoints: {e: [{acquire: {pool: connections, steps: [{call: b.e}]}}, {publish: {to: log.orders}}, {publish: {to: jobs.quick}}, {publish: {to: jobs.sure}}]}
  b: {endpoints: {e: [{work: 1ms}]}}
brokers:
  log: {kind: kafka, topics: {orders: {partitions: 12}}}
  jobs: {kind: rabbitmq, queues: {quick: {messageTtl: 5s}, sure: {type: quorum}}}
consumers:
  bill: {service: b, from: log.orders, steps: [{work: 1ms}]}
  work: {service: b, from: jobs.sure, concurrency: 5, steps: [{work: 1ms}]}
policies:
  windowed:
    rateLimit: {rate: 5/s, burst: 5}
    retry: {attempts: 2, budget: {percent: 20%, minConcurrent: 3}}
    circuitBreaker: {slidingWindow: {size: 10, minimumNumberOfCalls: 5, failureRateThreshold: 50%, waitDurationInOpenState: 10s}}
faults:
  far: {at: 1s, for: 1s, link: {from: a, to: b, latency: 5ms}}
  poison: {at: 2s, for: 1s, poisonMessage: {queue: jobs.sure, count: 3}}
";

#[test]
fn boxes_and_arrows_say_what_bounds_and_what_strikes_them() {
    let diagram = diagram(&common::topology(BOUNDED));
    let part = |name: &str| diagram.parts.iter().find(|part| part.name == name).unwrap();
    assert_eq!(part("users").facts, ["30 users"]);
    assert_eq!(
        part("a").facts,
        ["2 replicas × 4 workers", "last in, first out · waits ≤ 500ms", "pool connections: 3", "zones eu-a, eu-b"]
    );
    assert_eq!(part("b").facts, ["1 replica", "bill: 1 message at a time", "work: 5 messages at a time"]);
    let queues = |name: &str| part(name).queues.iter().map(|queue| (queue.name.clone(), queue.facts.join(" "))).collect::<Vec<_>>();
    let told = |name: &str, fact: &str| (name.to_string(), fact.to_string());
    assert_eq!(queues("log"), [told("log.orders", "topic, 12 partitions"), told("log.orders/bill", "group")]);
    assert_eq!(queues("jobs"), [told("jobs.quick", "queue · ttl 5s"), told("jobs.sure", "quorum queue · delivery limit 20")]);
    let policies = &arrow(&diagram, "bursts", "a", Relation::Call).policies;
    assert_eq!(policies, &["≤ 5/s · breaker 50 % of 10 → 10s · 2 attempts, budget 20 %"]);
    arrow(&diagram, "log.orders", "log.orders/bill", Relation::Read);
    arrow(&diagram, "log.orders/bill", "b", Relation::Deliver);
    let names = |faults: &[usize]| faults.iter().map(|f| diagram.faults[*f].name.as_str()).collect::<Vec<_>>().join(" ");
    assert_eq!(names(&arrow(&diagram, "a", "b", Relation::Call).faults), "far");
    let struck: Vec<String> = part("jobs").queues.iter().map(|queue| names(&queue.faults)).collect();
    assert_eq!(struck, ["", "poison"]);
}

const VERSIONS: &str = "
name: versions
duration: 60s
mesh: {}
clients: {caller: {target: echo.get, arrivals: constant(10/s), via: sidecar, request: {method: POST, path: /orders/1, headers: {tier: {gold: 20%, basic: 80%}}}}}
services:
  echo:
    sidecar: false
    labels: {version: v1}
    endpoints: {get: [{work: 1ms}]}
    versions:
      v2: {labels: {version: v2}, endpoints: {get: [{work: 2ms}]}}
      v3: {labels: {version: v3}, endpoints: {get: [{work: 3ms}]}}
";

const ROUTES: &str = "
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: echo}
spec: {host: echo, subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}, {name: v3, labels: {version: v3}}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: echo}
spec:
  hosts: [echo]
  http:
    - match: [{headers: {tier: {exact: gold}}}]
      fault: {delay: {fixedDelay: 500ms, percentage: {value: 10}}, abort: {httpStatus: 418, percentage: {value: 10}}}
      route: [{destination: {host: echo, subset: v2}}]
    - route: [{destination: {host: echo, subset: v1}, weight: 75}, {destination: {host: echo, subset: v2}, weight: 25}]
      mirror: {host: echo, subset: v3}
";

#[test]
fn a_proxys_routes_are_told_with_their_share_their_faults_and_whom_they_mirror_to() {
    let mut loaded = common::read(VERSIONS);
    let file = loaded.sources.add("istio.yaml", ROUTES.as_bytes().to_vec()).unwrap_or_else(|problems| panic!("{problems:#?}"));
    let problems = brownout::import::adopt(&mut loaded, &[file]);
    assert!(!problems.has_errors(), "{problems:#?}");
    let no_files = |name: &str| Err(name.to_string());
    let topology = brownout::topology::compile::compile(&loaded.model, &no_files).unwrap_or_else(|problems| panic!("{problems:#?}"));
    let diagram = diagram(&topology);
    assert_eq!(arrow(&diagram, "caller", "echo", Relation::Call).policies, ["proxy: 75 % · 2 retries"]);
    let to_v2 = ["proxy: some requests · 2 retries · injected delay 500ms · injected 418", "proxy: 25 % · 2 retries"];
    assert_eq!(arrow(&diagram, "caller", "echo/v2", Relation::Call).policies, to_v2);
    arrow(&diagram, "caller", "echo/v3", Relation::Mirror);
    assert_eq!(diagram.arrows.len(), 3, "the copies are no calls: {:#?}", diagram.arrows);
}

/// Every kind of part and arrow, with names that mean something to each of the formats.
fn hostile() -> Diagram {
    let names = [
        "<script>alert(1)</script>",
        "quo\"te's",
        "back\\slash\\n\\N",
        "new\nline\r\u{0}",
        "end",
        "&amp;#35;{}[]()|",
        "1. list",
        "- grün 服务 \u{202e}x",
        "%%{init}%%",
        "`md` **b**",
    ];
    let kinds = [Kind::Client, Kind::Service, Kind::Database, Kind::Broker];
    let queue = |name: &str| Queue { number: 0, name: name.into(), facts: vec![name.into()], faults: vec![0] };
    let parts: Vec<Part> = names
        .iter()
        .enumerate()
        .map(|(i, name)| Part {
            kind: kinds[i % 4],
            of: Of::Client(brownout::base::id::ClientId::new(i)),
            name: name.to_string(),
            facts: vec![format!("fact {name}")],
            queues: if i == 3 { names.iter().map(|name| queue(name)).collect() } else { Vec::new() },
            faults: if i % 2 == 0 { vec![0] } else { Vec::new() },
        })
        .collect();
    let end = |part: usize| End { part, queue: None };
    let relations = [
        Relation::Call,
        Relation::Fallback,
        Relation::Mirror,
        Relation::Publish,
        Relation::Reply,
        Relation::Deliver,
        Relation::DeadLetter,
        Relation::Read,
    ];
    let arrows = (0..names.len() * 2).map(|i| Arrow {
        from: end(i % names.len()),
        to: if i % 5 == 0 { End { part: 3, queue: Some(i % names.len()) } } else { end((i * 3) % names.len()) },
        relation: relations[i % relations.len()],
        policies: vec![names[i % names.len()].to_string()],
        edges: Vec::new(),
        faults: if i % 3 == 0 { vec![0] } else { Vec::new() },
    });
    let fault = Mark { name: names[0].into(), text: names.join(" ") };
    Diagram { name: names.join(" "), parts, arrows: arrows.collect(), faults: vec![fault] }
}

fn dot(diagram: &Diagram) -> String {
    let mut bytes = Vec::new();
    export::dot::write(diagram, &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn mermaid(diagram: &Diagram) -> String {
    let mut bytes = Vec::new();
    export::mermaid::write(diagram, &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

/// The judges of `conformance/observability/graphs.py` read the same files. `BLESS=1` writes them anew.
#[test]
fn hostile_names_are_drawn_as_the_judges_have_read_them() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/observability/hostile");
    let picture = svg::text(&graph::of(hostile()), "variant <b>");
    for (file, text) in [("names.dot", dot(&hostile())), ("names.mmd", mermaid(&hostile())), ("names.svg", picture)] {
        if std::env::var_os("BLESS").is_some() {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join(file), &text).unwrap();
        }
        assert_eq!(text, std::fs::read_to_string(folder.join(file)).unwrap(), "{file}; `BLESS=1 cargo test --test graph` writes it anew");
    }
}

#[test]
fn names_cannot_leave_their_quotes() {
    let (dot, mermaid, svg) = (dot(&hostile()), mermaid(&hostile()), svg::text(&graph::of(hostile()), "<b>"));
    for text in [&dot, &mermaid, &svg] {
        assert!(!text.contains("<script") && !text.contains("quo\"te") && !text.contains('\u{0}'), "{text}");
    }
    // Quotes that are not escaped come in pairs on every line.
    for line in dot.replace("\\\\", "").replace("\\\"", "").lines() {
        assert_eq!(line.matches('"').count() % 2, 0, "{line}");
    }
    for label in mermaid.lines().filter_map(|line| Some(&line[line.find('"')? + 1..line.rfind('"')?])) {
        assert!(!label.replace("<br/>", "").contains(['<', '>', '"', '`', '[', '{', '\\', '*', '&']), "{label}");
    }
}

#[test]
fn every_model_of_the_gallery_has_all_its_parts_and_arrows_in_every_format() {
    let (mut dots, mut models) = (0, 0);
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("models")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "yaml") {
            continue;
        }
        let load = |file: &str| std::fs::read(file).map_err(|error| error.to_string());
        let model = brownout::model::read(path.to_str().unwrap(), &load, &[], None).unwrap_or_else(|r| panic!("{:#?}", r.problems)).model;
        let beside = |file: &str| std::fs::read_to_string(path.parent().unwrap().join(file)).map_err(|error| error.to_string());
        let topology = brownout::topology::compile::compile(&model, &beside).unwrap_or_else(|p| panic!("{p:#?}"));
        let drawn = diagram(&topology);
        let called = drawn.arrows.iter().flat_map(|a| &a.edges).collect::<std::collections::BTreeSet<_>>().len();
        let connects = topology.brokers.consumers.iter().filter(|c| c.connect.is_some()).count();
        assert!(called + connects >= topology.edges.len(), "{}: a call is missing", path.display());
        assert_eq!(dot(&drawn).matches(" -> ").count(), drawn.arrows.len());
        let picture = svg::text(&graph::picture(&topology), "");
        assert_eq!(picture.matches("marker-end=").count(), drawn.arrows.len());
        assert_eq!(picture, svg::text(&graph::picture(&topology), ""));
        dots += drawn.parts.len();
        models += 1;
    }
    assert!(models > 15 && dots > models);
}

#[test]
fn the_command_writes_to_standard_output_or_to_a_file_by_its_ending() {
    let directory = tempfile::TempDir::new().unwrap();
    std::fs::write(directory.path().join("shop.yaml"), SHOP).unwrap();
    let run = |arguments: &[&str]| {
        let output = assert_cmd::Command::cargo_bin("brownout")
            .unwrap()
            .current_dir(directory.path())
            .arg("graph")
            .args(arguments)
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    assert!(run(&["shop.yaml"]).1.starts_with("digraph \"shop\" {"));
    assert!(run(&["shop.yaml", "--format", "mermaid"]).1.starts_with("flowchart LR\n"));
    let (code, out, _) = run(&["shop.yaml", "-o", "shop.svg", "--set", "services.gateway.replicas=7"]);
    assert_eq!((code, out.as_str()), (Some(0), ""));
    let picture = std::fs::read_to_string(directory.path().join("shop.svg")).unwrap();
    assert!(picture.starts_with("<svg ") && picture.contains("7 replicas"), "{picture}");
    let (code, _, err) = run(&["shop.yaml", "-o", "nowhere/shop.svg"]);
    assert!(code == Some(2) && err.contains("cannot write") && err.contains("help: "), "{err}");
    assert_eq!(run(&["shop.yaml", "--variant", "none"]).0, Some(2));
}
