//! For tests: a shop with every kind of span, and one request of it that goes through all of them.

use crate::base::id::*;
use crate::base::outcome::Outcome;
use crate::base::time::{Instant, Nanos};
use crate::model;
use crate::observe::recording::{FaultSpan, Happening, Mark, QueueRecord, QueueWindow, Recording, ServiceRecord, ServiceWindow};
use crate::observe::span::{Kept, Span, SpanKind, Trace};
use crate::policy::app::circuit_breaker::Mode;
use crate::topology::Topology;
use crate::topology::compile::compile;

const SHOP: &str = r#"
name: shop
duration: 20s
clients:
  shoppers:
    target: gateway.checkout
    arrivals: poisson(5/s)
    policy: patience
    attributes: {basket: "uniform(n: 9)"}
    request: {method: POST, path: "/shop/checkout?coupon=1", headers: {customer-tier: {gold: 30%, basic: 70%}}}
services:
  gateway:
    replicas: 2
    zones: [eu-a, eu-b]
    endpoints:
      checkout:
        - span:
            name: process_order_request
            attributes: {order.id: "{request}", http.method: GET, order.total: 99.99, order.vip: true, customer.tier: "{customer-tier}", label: "no. {request} in {{{basket}}"}
        - work: 1ms
        - {call: orders.place, policy: insistent}
  orders:
    replicas: 2
    workers: 2
    protocol: grpc
    pools: {connections: {size: 1}}
    endpoints:
      place:
        - acquire: {pool: connections, steps: [{call: orders-db.select}]}
        - publish: {to: events, key: order.created, confirm: true}
  orders-db:
    endpoints: {select: [{span: {name: database_query, attributes: {db.operation: select, db.table: orders}}}, {work: 2ms}]}
  billing: {endpoints: {}}
brokers:
  events: {kind: rabbitmq, exchange: topic, queues: {bills: {bind: [order.created]}}}
consumers:
  bill: {service: billing, from: events.bills, steps: [{span: {attributes: {order.id: "{request}"}}}, {work: 3ms}]}
policies:
  patience: {timeout: 1s}
  insistent: {timeout: 50ms, retry: {attempts: 3}, circuitBreaker: {consecutiveFailures: 1, openFor: 10ms}}
faults:
  slow-db: {slow: {service: orders, factor: 3}, at: 5s, for: 5s}
"#;

pub(crate) fn topology() -> Topology {
    let loader = |_: &str| Ok(SHOP.as_bytes().to_vec());
    let loaded = model::read("shop.yaml", &loader, &[], None).unwrap_or_else(|refused| panic!("{:#?}", refused.problems));
    compile(&loaded.model, &|name: &str| Err(name.to_string())).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

/// Milliseconds after the request was offered, at 5 s.
fn at(millis: u64) -> Instant {
    Instant(5_000_000_000 + millis * 1_000_000)
}

fn edge(topology: &Topology, name: &str) -> EdgeId {
    let found = topology.edges.iter().position(|edge| edge.name.contains(name));
    EdgeId::new(found.unwrap_or_else(|| panic!("{name} among {:?}", topology.edges.iter().map(|edge| &edge.name).collect::<Vec<_>>())))
}

struct Builder<'t> {
    topology: &'t Topology,
    spans: Vec<Span>,
}

impl Builder<'_> {
    fn add(&mut self, parent: Option<u32>, from: u64, ended: Option<(u64, Outcome)>, what: SpanKind) -> u32 {
        self.spans.push(Span { parent, began: at(from), ended: ended.map(|(millis, outcome)| (at(millis), outcome)), what });
        self.spans.len() as u32 - 1
    }

    fn call(&mut self, parent: Option<u32>, name: &str, caller: u32, from: u64, until: u64) -> u32 {
        let edge = edge(self.topology, name);
        self.add(parent, from, Some((until, Outcome::OK)), SpanKind::Call { edge, caller })
    }

    /// An attempt at the `nth` replica of the callee, and what it did of it: from the door, taken up, until.
    fn served(&mut self, call: u32, (nth, number): (u32, u16), attempt: (u64, u64, Outcome), served: (u64, u64, Option<u64>)) -> u32 {
        let SpanKind::Call { edge, .. } = self.spans[call as usize].what else { panic!("a call") };
        let endpoint = self.topology.edges[edge.index()].callee;
        let service = &self.topology.services[self.topology.endpoints[endpoint.index()].service.index()];
        let replica = ReplicaId(service.replicas.start + nth);
        let (from, until, outcome) = attempt;
        let what = SpanKind::Attempt { edge, replica: Some(replica), number, by_mesh: false };
        let attempt = self.add(Some(call), from, Some((until, outcome)), what);
        let (door, started, ended) = served;
        let what = SpanKind::Served { endpoint, replica, started: Some(at(started)) };
        self.add(Some(attempt), door, ended.map(|ended| (ended, Outcome::OK)), what)
    }
}

/// A request that is tried three times, once in vain and once not sent, asks a database, and leaves a message behind.
pub(crate) fn trace(topology: &Topology) -> Trace {
    let mut b = Builder { topology, spans: Vec::new() };
    let (client, ok) = (topology.clients[0].callers.start, Outcome::OK);
    let service = |name: &str| topology.services.iter().find(|service| service.name == name).expect(name).replicas.start;
    let root = b.call(None, "shoppers -> ", client, 0, 110);
    let gateway = b.served(root, (0, 1), (0, 110, ok), (1, 3, Some(109)));
    let place = b.call(Some(gateway), "-> orders.place", service("gateway"), 4, 108);
    b.served(place, (0, 1), (4, 54, Outcome::TIMEOUT), (5, 5, Some(80)));
    let to_orders = edge(topology, "-> orders.place");
    b.add(Some(place), 54, Some((64, ok)), SpanKind::Backoff { edge: to_orders });
    let refused = SpanKind::Attempt { edge: to_orders, replica: None, number: 2, by_mesh: false };
    b.add(Some(place), 64, Some((64, Outcome::BREAKER_OPEN)), refused);
    b.add(Some(place), 64, Some((74, ok)), SpanKind::Backoff { edge: to_orders });
    let orders = b.served(place, (1, 3), (74, 107, ok), (75, 75, Some(106)));
    b.add(Some(orders), 75, Some((90, ok)), SpanKind::Permit { pool: PoolId(pool(topology, "connections")), got: Some(at(76)) });
    let query = b.call(Some(orders), "-> orders-db.select", service("orders") + 1, 76, 90);
    b.served(query, (0, 1), (76, 90, ok), (77, 77, Some(89)));
    let publish = b.call(Some(orders), "-> events.order.created", service("orders") + 1, 91, 105);
    let taken = b.served(publish, (0, 1), (91, 105, ok), (92, 92, Some(94)));
    let what = SpanKind::Delivery { queue: 0, consumer: 0, published: Some(taken), redelivered: true };
    let delivery = b.add(None, 95, Some((120, ok)), what);
    let carried = b.call(Some(delivery), "-> billing.bill", service("events"), 95, 119);
    b.served(carried, (0, 1), (95, 119, ok), (96, 97, None));
    Trace { client: ClientId(0), number: 7, offered: at(0), ended: Some((at(110), ok)), kept: Kept::Slow, spans: b.spans }
}

fn pool(topology: &Topology, name: &str) -> u32 {
    topology.pools.iter().position(|pool| pool.name == name).expect("the pool") as u32
}

/// The request above and one that failed at once, with two windows, a fault and a breaker around them.
pub(crate) fn recording(topology: &Topology) -> Recording {
    let slow = trace(topology);
    let client = topology.clients[0].callers.start;
    let refused = Outcome::CONNECT_FAILURE;
    let what = SpanKind::Call { edge: edge(topology, "shoppers -> "), caller: client };
    let mut failed = Builder { topology, spans: Vec::new() };
    let root = failed.add(None, 50, Some((51, refused)), what);
    let edge = edge(topology, "shoppers -> ");
    failed.add(Some(root), 50, Some((51, refused)), SpanKind::Attempt { edge, replica: None, number: 1, by_mesh: false });
    let failed =
        Trace { client: ClientId(0), number: 8, offered: at(50), ended: Some((at(51), refused)), kept: Kept::Failed, spans: failed.spans };
    let window = |queue| ServiceWindow { queue, present: queue + 1.0, busy: 1.0, workers: 2.0, ..ServiceWindow::default() };
    let services = topology.services.iter().map(|_| ServiceRecord { windows: vec![window(0.5), window(2.0)], ..ServiceRecord::default() });
    let queue = QueueRecord { windows: vec![QueueWindow { ready: 3, unacked: 1, ..QueueWindow::default() }; 2], ..QueueRecord::default() };
    let to_orders = self::edge(topology, "-> orders.place");
    let gateway = topology.services.iter().find(|service| service.name == "gateway").expect("a gateway").replicas.start;
    let opened = Happening::Breaker { edge: to_orders, caller: gateway, from: Mode::Closed, to: Mode::Open };
    Recording {
        seed: 42,
        ended: Instant::from_secs(30),
        window: Nanos::from_secs(1),
        services: services.collect(),
        queues: vec![queue; topology.brokers.queues.len()],
        faults: vec![FaultSpan { fault: FaultId(0), began: Instant::from_secs(5), ended: None }],
        timeline: vec![
            Mark { at: Instant::from_secs(5), what: Happening::FaultBegan(FaultId(0)) },
            Mark { at: at(54), what: opened },
            Mark { at: at(200), what: Happening::ReplicaDown(ReplicaId(0)) },
        ],
        sampled: vec![slow, failed],
        ..Recording::default()
    }
}
