//! For tests: a small order shop whose database turns slow, and a recording of it written by hand, so that what is told of
//! it does not change when the world does.

pub mod record;
pub mod shipping;

use crate::base::dist::Dist;
use crate::base::id::*;
use crate::base::outcome::OutcomeSet;
use crate::base::time::Nanos;
use crate::policy::app::*;
use crate::topology::expectation::{During, Expectation, Metric, Op, Subject};
use crate::topology::site::Caller;
use crate::topology::*;
use petgraph::graph::DiGraph;

/// `shoppers -> gateway.checkout -> orders.place -> orders-db.insert`; orders retries thrice, the gateway has a breaker.
pub fn shop(attempts: u32) -> Topology {
    let services = [("gateway", 3, 128), ("orders", 3, 32), ("orders-db", 1, 20)];
    let ends = [("checkout", 2), ("place", 4), ("insert", 20)];
    let edges =
        ["shoppers -> gateway.checkout", "gateway.checkout -> orders.place", "orders.place -> orders-db.insert"].map(String::from).to_vec();
    let callers = [7..8, 0..3, 3..6];
    Topology {
        name: "order-shop".into(),
        description: String::new(),
        seed: 42,
        duration: Nanos::from_secs(180),
        warm_up: Nanos::from_secs(20),
        drain: Nanos::from_secs(60),
        window: Nanos::from_secs(1),
        clients: vec![shoppers()],
        services: services.iter().enumerate().map(|(i, of)| service(i, *of)).collect(),
        replicas: [0, 0, 0, 1, 1, 1, 2].map(|s| Replica { service: ServiceId(s), zone: ZoneId::NONE }).to_vec(),
        endpoints: ends.iter().enumerate().map(|(i, (name, _))| endpoint(i, services[i].0, name)).collect(),
        steps: steps(&ends.map(|(_, millis)| millis)),
        step_names: ["gateway.checkout/work#0", "", "", "orders.place/work#0", "", "", "orders-db.insert/work#0", ""]
            .map(String::from)
            .to_vec(),
        sites: callers.iter().enumerate().map(|(i, callers)| site(i, callers.clone())).collect(),
        edges: edges
            .into_iter()
            .enumerate()
            .map(|(i, name)| Edge { name, caller: caller(i), callee: EndpointId::new(i), sites: vec![SiteId::new(i)] })
            .collect(),
        policies: policies(attempts),
        cells: 7,
        callers: 8,
        balancers: 7,
        actives: 15,
        caches: vec![],
        pools: vec![],
        links: vec![Link {
            name: "default".into(),
            latency: Dist::constant(Nanos::from_micros(250)),
            loss: 0.0,
            bandwidth: None,
            lines: [0, 1],
        }],
        zones: vec![],
        zone_links: vec![],
        attributes: vec![],
        faults: vec![slow_db()],
        expectations: expectations(),
        mesh: Default::default(),
        brokers: Default::default(),
        wire: Default::default(),
        labels: Default::default(),
        graph: DiGraph::new(),
    }
}

fn shoppers() -> Client {
    Client {
        name: "shoppers".into(),
        load: Load::Open { arrivals: Arrivals::Poisson, plan: RatePlan::constant(200.0) },
        targets: vec![(1.0, SiteId(0))],
        callers: 7..8,
        zone: ZoneId::NONE,
        attributes: vec![],
    }
}

fn service(i: usize, (name, replicas, workers): (&str, u32, u32)) -> Service {
    let first = [0, 3, 6][i];
    Service {
        name: name.into(),
        replicas: first..first + replicas,
        workers,
        queue_capacity: if i == 1 { 256 } else { u32::MAX },
        discipline: Discipline::Fifo,
        max_wait: None,
        cancellation: Cancellation::None,
        rate_limit: None,
        balancing: LoadBalancing::RoundRobin,
        owner: None,
        endpoints: vec![EndpointId::new(i)],
    }
}

fn endpoint(i: usize, service: &str, name: &str) -> Endpoint {
    let entry = StepId([0, 3, 6][i]);
    Endpoint { service: ServiceId::new(i), name: name.into(), full_name: format!("{service}.{name}"), entry }
}

fn steps(millis: &[u64; 3]) -> Vec<Step> {
    let work = |i: usize| Step::Work(Dist::exponential(Nanos::from_millis(millis[i])).unwrap());
    vec![work(0), Step::Call(SiteId(1)), Step::End, work(1), Step::Call(SiteId(2)), Step::End, work(2), Step::End]
}

fn caller(i: usize) -> Caller {
    if i == 0 { Caller::Client(ClientId(0)) } else { Caller::Endpoint(EndpointId::new(i - 1)) }
}

fn site(i: usize, callers: std::ops::Range<u32>) -> Site {
    let first = [0, 1, 4][i];
    Site {
        caller: caller(i),
        edge: EdgeId::new(i),
        callee: EndpointId::new(i),
        service: ServiceId::new(i),
        policy: PolicyId::new(i),
        fallback: SiteId::NONE,
        callers,
        cells: first,
        stride: 1,
        balancer: first,
        active: [0, 3, 12][i],
        link: LinkId(0),
        by_zone: false,
        grpc: false,
        path: i as u32 + 1,
        path_in_model: String::new(),
    }
}

fn policies(attempts: u32) -> Vec<Policy> {
    let backoff = Backoff::new(Shape::Exponential, Nanos::from_millis(50), 2.0, Nanos::from_secs(1), Jitter::Full).unwrap();
    let retry = Retry::new(attempts, backoff, OutcomeSet::retriable(), None).unwrap();
    let breaker =
        CircuitBreaker::consecutive(Consecutive { open_for: Nanos::from_secs(10), ..Consecutive::default() }, OutcomeSet::errors());
    let timeout = |millis| Some(Nanos::from_millis(millis));
    let rules = [
        ("patience", CallPolicy { timeout: timeout(5000), ..CallPolicy::default() }),
        ("guarded", CallPolicy { timeout: timeout(2000), breaker: Some(breaker.unwrap()), ..CallPolicy::default() }),
        ("insistent", CallPolicy { timeout: timeout(500), retry: Some(retry), ..CallPolicy::default() }),
    ];
    rules.map(|(name, rules)| Policy { name: name.into(), rules: CallPolicy { layers: rules.configured(), ..rules } }).to_vec()
}

fn slow_db() -> Fault {
    Fault {
        name: "slow-db".into(),
        at: Nanos::from_secs(60),
        lasts: Lasts::For(Dist::constant(Nanos::from_secs(30))),
        every: None,
        action: FaultAction::Slow { replicas: vec![ReplicaId(6)], factor: 10.0 },
        meets: None,
        services: vec![ServiceId(2)],
        clients: vec![],
        summary: "orders-db answers 10 times slower".into(),
    }
}

fn expectations() -> Vec<Expectation> {
    let shoppers = Subject::Client(ClientId(0));
    let of = |name: &str, text: &str, metric, range, op, value| Expectation {
        name: name.into(),
        text: text.into(),
        metric,
        subject: shoppers,
        range,
        op,
        value,
    };
    let calm = During::Span { from: Nanos::ZERO, until: Nanos::from_secs(60) };
    let recovers = Metric::Recovers { within: Nanos::from_secs(30), after: FaultId(0) };
    vec![
        of("calm", "successRate(shoppers) >= 99% during 0s..60s", Metric::SuccessRate, calm, Op::GreaterOrEqual, 0.99),
        of("fast", "p99(shoppers) < 800ms", Metric::Quantile(0.99), During::Measured, Op::Less, 0.8),
        of("comesBack", "recovers(shoppers, within: 30s, after: slow-db)", recovers, During::Measured, Op::Equal, 1.0),
        of("flow", "goodput(shoppers) > 150/s while slow-db", Metric::Goodput, During::While(FaultId(0)), Op::Greater, 150.0),
        Expectation {
            subject: Subject::Edge(EdgeId(2)),
            ..of("retries", "amplification(orders.place -> orders-db.insert) < 1.5", Metric::Amplification, During::Measured, Op::Less, 1.5)
        },
    ]
}
