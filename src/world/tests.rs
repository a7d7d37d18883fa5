//! The world on hand-built topologies: nothing of the model language stands between a test and what it tests.

use super::*;
use crate::base::dist::Dist;
use crate::base::time::Nanos;
use crate::policy::app::{CallPolicy, LoadBalancing};
use crate::topology::site::Caller;
use crate::topology::*;
use petgraph::graph::DiGraph;

/// One client, one service of one replica, one endpoint that works exponentially, links of no latency.
fn single(rate: f64, work: Nanos, workers: u32, timeout: Option<Nanos>, seconds: u64) -> Topology {
    let rules = CallPolicy { timeout, ..CallPolicy::default() };
    let rules = CallPolicy { layers: rules.configured(), ..rules };
    Topology {
        name: "single".into(),
        description: String::new(),
        seed: 1,
        duration: Nanos::from_secs(seconds),
        warm_up: Nanos::ZERO,
        drain: Nanos::from_secs(60),
        window: Nanos::from_secs(1000),
        clients: vec![Client {
            name: "users".into(),
            load: Load::Open { arrivals: Arrivals::Poisson, plan: RatePlan::constant(rate) },
            targets: vec![(1.0, SiteId(0))],
            callers: 1..2,
            zone: ZoneId::NONE,
            attributes: vec![],
        }],
        services: vec![Service {
            name: "server".into(),
            replicas: 0..1,
            workers,
            queue_capacity: u32::MAX,
            discipline: Discipline::Fifo,
            max_wait: None,
            cancellation: Cancellation::None,
            rate_limit: None,
            balancing: LoadBalancing::RoundRobin,
            owner: None,
            endpoints: vec![EndpointId(0)],
        }],
        replicas: vec![Replica { service: ServiceId(0), zone: ZoneId::NONE }],
        endpoints: vec![Endpoint { service: ServiceId(0), name: "get".into(), full_name: "server.get".into(), entry: StepId(0) }],
        steps: vec![Step::Work(Dist::exponential(work).unwrap()), Step::End],
        step_names: vec!["server.get/work#0".into(), String::new()],
        sites: vec![Site {
            caller: Caller::Client(ClientId(0)),
            edge: EdgeId(0),
            callee: EndpointId(0),
            service: ServiceId(0),
            policy: if timeout.is_some() { PolicyId(0) } else { PolicyId::NONE },
            fallback: SiteId::NONE,
            callers: 1..2,
            cells: 0,
            stride: 1,
            balancer: 0,
            active: 0,
            link: LinkId(0),
            by_zone: false,
            grpc: false,
            path: 1,
            path_in_model: String::new(),
        }],
        edges: vec![Edge {
            name: "users -> server.get".into(),
            caller: Caller::Client(ClientId(0)),
            callee: EndpointId(0),
            sites: vec![SiteId(0)],
        }],
        policies: vec![Policy { name: "p".into(), rules }],
        cells: 1,
        callers: 2,
        balancers: 1,
        actives: 1,
        caches: vec![],
        pools: vec![],
        links: vec![Link {
            name: "users -> server".into(),
            latency: Dist::constant(Nanos::ZERO),
            loss: 0.0,
            bandwidth: None,
            lines: [0, 1],
        }],
        zones: vec![],
        zone_links: vec![],
        attributes: vec![],
        faults: vec![],
        expectations: vec![],
        mesh: Default::default(),
        brokers: Default::default(),
        wire: Default::default(),
        labels: Default::default(),
        graph: DiGraph::new(),
    }
}

#[test]
fn m_m_1_has_its_mean_response_time_and_utilization() {
    let recording = run(&single(800.0, Nanos::from_millis(1), 1, None, 2000), 1, Control::default()).unwrap();
    let client = &recording.clients[0];
    let mean = client.latency.mean().unwrap();
    assert!((mean / 0.005 - 1.0).abs() < 0.03, "mean response {mean} s, 5 ms expected");
    let busy = recording.services[0].busy as f64 / recording.services[0].alive as f64;
    assert!((busy - 0.8).abs() < 0.005, "{busy}");
    assert_eq!(client.offered, client.ok);
}

#[test]
fn a_timeout_without_cancellation_fails_the_call_and_keeps_the_server_busy() {
    // Response of M/M/1 at 0.9 is exponential with mean 10: e^-1 of the requests take longer than 10 (theory A44).
    let recording = run(&single(900.0, Nanos::from_millis(1), 1, Some(Nanos::from_millis(10)), 4000), 1, Control::default()).unwrap();
    let client = &recording.clients[0];
    let late = client.failed as f64 / client.offered as f64;
    assert!((late - 0.367_879).abs() < 0.01, "{late}");
    let busy = recording.services[0].busy as f64 / recording.services[0].alive as f64;
    assert!((busy - 0.9).abs() < 0.005, "{busy}");
}
