//! Who there is: clients with their load, services with what bounds them, brokers with their queues.

use super::{Kind, Of, Part, Queue, counted};
use crate::base::id::*;
use crate::policy::broker::rabbitmq::queue::QueueKind;
use crate::topology::broker::Rules;
use crate::topology::{Arrivals, Client, Discipline, Load, Pool, RatePlan, Service, Topology};

pub(super) fn parts(topology: &Topology) -> Vec<Part> {
    let clients = topology.clients.iter().enumerate().map(|(i, client)| Part {
        kind: Kind::Client,
        of: Of::Client(ClientId::new(i)),
        name: client.name.clone(),
        facts: client_facts(topology, client),
        queues: Vec::new(),
        faults: Vec::new(),
    });
    let services = topology.services.iter().enumerate().map(|(i, service)| {
        let queues = queues(topology, ServiceId::new(i));
        let kind = match (topology.brokers.has(ServiceId::new(i)), service.owner) {
            (true, _) => Kind::Broker,
            (false, Some(_)) => Kind::Database,
            (false, None) => Kind::Service,
        };
        let of = Of::Service(ServiceId::new(i));
        Part { kind, of, name: service.name.clone(), facts: service_facts(topology, service, kind), queues, faults: Vec::new() }
    });
    clients.chain(services).collect()
}

fn client_facts(topology: &Topology, client: &Client) -> Vec<String> {
    let mut facts = vec![match &client.load {
        Load::Open { arrivals: Arrivals::Trace(times), .. } => format!("{} at given times", counted(times.len(), "request")),
        Load::Open { plan, .. } => rates(plan),
        Load::Closed { users, .. } => counted(*users as usize, "user"),
    }];
    if client.callers.len() > 1 {
        facts.push(counted(client.callers.len(), "instance"));
    }
    facts.extend(zones(topology, [client.zone].into_iter()));
    facts
}

/// `200/s`, `50 to 400/s`
fn rates(plan: &RatePlan) -> String {
    let all = || plan.segments.iter().flat_map(|s| [s.start, s.end]);
    let (least, most) = (all().fold(f64::INFINITY, f64::min), all().fold(0.0, f64::max));
    if least < most { format!("{}–{}/s", short(least), short(most)) } else { format!("{}/s", short(most)) }
}

/// A number with at most two decimals.
pub(super) fn short(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

fn service_facts(topology: &Topology, service: &Service, kind: Kind) -> Vec<String> {
    let word = if kind == Kind::Broker { "node" } else { "replica" };
    let workers = match service.workers {
        u32::MAX => String::new(),
        n => format!(" × {}", counted(n as usize, "worker")),
    };
    let mut facts = vec![format!("{}{workers}", counted(service.replicas.len(), word))];
    let mut bounds = Vec::new();
    if service.queue_capacity != u32::MAX && service.workers != u32::MAX {
        bounds.push(format!("queue {}", service.queue_capacity));
    }
    if service.discipline == Discipline::Lifo {
        bounds.push("last in, first out".to_string());
    }
    bounds.extend(service.max_wait.map(|wait| format!("waits ≤ {wait}")));
    bounds.extend(service.rate_limit.map(|limit| format!("≤ {}/s each", short(limit.rate()))));
    facts.extend(joined(bounds));
    facts.extend(service.owner.map(|owner| format!("of {}", topology.services[owner.index()].name)));
    let own = |id: ServiceId| std::ptr::eq(&topology.services[id.index()], service);
    // What bounds a consumer's messages is a pool that has this name.
    let pool = |pool: &Pool| match pool.name.strip_prefix("messages of ") {
        Some(consumer) => format!("{consumer}: {} at a time", counted(pool.size as usize, "message")),
        None => format!("pool {}: {}", pool.name, pool.size),
    };
    facts.extend(topology.pools.iter().filter(|pool| own(pool.service)).map(pool));
    facts.extend(zones(topology, service.replicas.clone().map(|r| topology.replicas[r as usize].zone)));
    facts
}

/// `zones a, b`; nothing where there are none.
fn zones(topology: &Topology, of: impl Iterator<Item = ZoneId>) -> Option<String> {
    let mut all: Vec<ZoneId> = of.filter(|zone| zone.is_some()).collect();
    all.sort();
    all.dedup();
    let names: Vec<&str> = all.iter().map(|zone| topology.zones[zone.index()].as_str()).collect();
    match names.len() {
        0 => None,
        1 => Some(format!("zone {}", names[0])),
        _ => Some(format!("zones {}", names.join(", "))),
    }
}

fn queues(topology: &Topology, service: ServiceId) -> Vec<Queue> {
    let Some(broker) = topology.brokers.brokers.iter().find(|broker| broker.service == service) else { return Vec::new() };
    let queue = |number: u32| {
        let queue = &topology.brokers.queues[number as usize];
        Queue {
            number,
            name: queue.name.clone(),
            facts: joined(queue_facts(&queue.rules, queue.durable)).into_iter().collect(),
            faults: Vec::new(),
        }
    };
    broker.queues.clone().map(queue).collect()
}

fn queue_facts(rules: &Rules, durable: bool) -> Vec<String> {
    let mut facts = Vec::new();
    match rules {
        Rules::Rabbitmq(rules) => {
            facts.push(if rules.kind == QueueKind::Quorum { "quorum queue".to_string() } else { "queue".to_string() });
            facts.extend(rules.max_length.map(|most| format!("≤ {most} messages")));
            facts.extend(rules.message_ttl.map(|ttl| format!("ttl {ttl}")));
            facts.extend(rules.delivery_limit.map(|limit| format!("delivery limit {limit}")));
        }
        Rules::Sqs(_) => facts.push("SQS queue".into()),
        Rules::ServiceBus(_) => facts.push("Service Bus queue".into()),
        Rules::Topic(rules) => facts.push(format!("topic, {}", counted(rules.partitions as usize, "partition"))),
        Rules::Group { .. } => facts.push("group".into()),
    }
    if !durable {
        facts.push("not durable".into());
    }
    facts
}

fn joined(facts: Vec<String>) -> Option<String> {
    (!facts.is_empty()).then(|| facts.join(" · "))
}
