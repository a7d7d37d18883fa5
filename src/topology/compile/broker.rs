//! Brokers become services: publishing is a call to one of its endpoints, a delivery is a call by it to an endpoint of the
//! consumers' service, under a pool that bounds how many messages a replica works on.

use super::{Compiler, Group};
use super::names::quoted;
use crate::base::diagnostic::Diagnostics;
use crate::base::id::*;
use crate::model::scalar::{Bound, DistSpec, EndpointRef};
use crate::model::spec::{self, Model};
use crate::policy::broker::rabbitmq::exchange::{Binding, Condition, route};
use crate::policy::broker::rabbitmq::queue::{Overflow, QueueKind, QueueRules, Settled};
use crate::policy::broker::rabbitmq::topic::TopicPattern;
use crate::policy::app::Backoff;
use crate::topology::broker::{Broker, Consumer, OnError, Publication, Queue};
use crate::topology::site::Caller;
use crate::topology::{Step, Topology};
use std::borrow::Cow;

/// What RabbitMQ allows a message of a quorum queue to come back, if nothing else is said (since 4.0).
const DELIVERY_LIMIT: u32 = 20;
/// Nodes that keep a quorum queue.
const MEMBERS: u32 = 3;

/// The endpoints of a broker that consumers connect to, and send replies to.
const CONNECT: &str = "connect";
const REPLIES: &str = "replies";

/// The model with its brokers and consumers as services and endpoints. What names what is not there is left out; it is noted
/// later.
pub(super) fn with_brokers(model: &Model) -> Cow<'_, Model> {
    if model.brokers.is_empty() && model.consumers.is_empty() {
        return Cow::Borrowed(model);
    }
    let mut all = model.clone();
    for (name, broker) in &model.brokers {
        let mut service = spec::Service::plain();
        service.zones = broker.zones.clone();
        service.replicas = broker.nodes;
        service.workers = broker.workers;
        service.sidecar = Some(false);
        service.endpoints.insert(CONNECT.to_string(), vec![work(&broker.connect)]);
        all.services.insert(name.clone(), service);
    }
    for (name, consumer) in &model.consumers {
        let Some((broker, queue)) = split(&consumer.from) else { continue };
        if !model.services.contains_key(&consumer.service) || !model.brokers.contains_key(broker) {
            continue;
        }
        let handled = EndpointRef { service: consumer.service.clone(), endpoint: name.clone() };
        let delivery = spec::Step::Call(spec::CallStep { call: handled, policy: None, request: None, protocol: None, payload: None, response: None });
        let endpoint = delivering(queue, name);
        all.services.entry(broker.to_string()).and_modify(|service| {
            service.endpoints.insert(endpoint, vec![delivery]);
        });
        let acquire = spec::Acquire { pool: pool(name), steps: consumer.steps.clone() };
        all.services.entry(consumer.service.clone()).and_modify(|service| {
            service.pools.insert(pool(name), spec::Pool { size: consumer.concurrency, max_wait: None });
            service.endpoints.insert(name.clone(), vec![spec::Step::Acquire(spec::AcquireStep { acquire })]);
        });
    }
    for publish in publications(model) {
        let name = broker_of(&publish.to);
        let Some(broker) = model.brokers.get(name) else { continue };
        if let Some(service) = all.services.get_mut(name) {
            service.endpoints.insert(endpoint_of(publish), Vec::new());
            if publish.await_reply.is_some() {
                service.endpoints.insert(REPLIES.to_string(), vec![work(&broker.work)]);
            }
        }
    }
    Cow::Owned(all)
}

fn work(dist: &DistSpec) -> spec::Step {
    spec::Step::Work(spec::WorkStep { work: dist.clone() })
}

/// Puts problems of a consumer's steps where these are written.
pub(super) fn with_places(model: &Model, problems: Diagnostics) -> Diagnostics {
    let written = |path: String| written(model, &path).unwrap_or(path);
    problems.with_paths(written)
}

/// As the path of an endpoint's step, the path of a consumer's.
fn written(model: &Model, path: &str) -> Option<String> {
    model.consumers.iter().find_map(|(name, consumer)| {
        let laid = format!("services.{}.endpoints.{}[0].acquire.steps", quoted(&consumer.service), quoted(name));
        path.strip_prefix(&laid).map(|rest| format!("consumers.{}.steps{rest}", quoted(name)))
    })
}

/// The same for the sites of a topology.
pub(super) fn place_sites(model: &Model, topology: &mut Topology) {
    for site in &mut topology.sites {
        if let Some(path) = written(model, &site.path_in_model) {
            site.path_in_model = path;
        }
    }
}

fn split(text: &str) -> Option<(&str, &str)> {
    text.split_once('.')
}

fn broker_of(to: &str) -> &str {
    split(to).map_or(to, |(broker, _)| broker)
}

/// The endpoint of a broker that a delivery is made from.
fn delivering(queue: &str, consumer: &str) -> String {
    format!("{queue} for {consumer}")
}

fn pool(consumer: &str) -> String {
    format!("messages of {consumer}")
}

/// The endpoint of a broker that this is published to: whatever differs has one of its own.
pub(super) fn endpoint_of(publish: &spec::Publish) -> String {
    let mut name = match split(&publish.to) {
        Some((_, queue)) => format!("to {queue}"),
        None if publish.key.is_empty() => "publish".to_string(),
        None => publish.key.clone(),
    };
    if !publish.persistent {
        name.push_str(", transient");
    }
    if let Some(ttl) = publish.ttl {
        name.push_str(&format!(", for {}", ttl.nanos()));
    }
    if publish.mandatory {
        name.push_str(", mandatory");
    }
    for (header, value) in &publish.headers {
        name.push_str(&format!(", {header}={value}"));
    }
    if let Some(size) = &publish.payload {
        name.push_str(&format!(", {size}"));
    }
    name
}

fn publications(model: &Model) -> Vec<&spec::Publish> {
    let mut found = Vec::new();
    let of_services = model.services.values().flat_map(|service| service.endpoints.values());
    for steps in of_services.chain(model.consumers.values().map(|consumer| &consumer.steps)) {
        gather(steps, &mut found);
    }
    found
}

fn gather<'m>(steps: &'m [spec::Step], found: &mut Vec<&'m spec::Publish>) {
    for step in steps {
        if let spec::Step::Publish(spec::PublishStep { publish }) = step {
            found.push(publish);
        }
        for (_, inner) in step.inner() {
            gather(inner, found);
        }
    }
}

impl Compiler<'_> {
    /// The brokers themselves; before programs, which publish.
    pub(super) fn brokers(&mut self) {
        for (name, broker) in &self.model.brokers {
            let path = format!("brokers.{}", quoted(name));
            let service = self.names.service(name).expect("a broker is a service");
            let nodes = self.topology.services[service.index()].replicas.clone();
            if nodes.is_empty() {
                continue;
            }
            let first = self.topology.brokers.queues.len() as u32;
            let names: Vec<&str> = broker.queues.keys().map(String::as_str).collect();
            for (queue_name, queue) in &broker.queues {
                let path = format!("{path}.queues.{}", quoted(queue_name));
                let dead_letter = queue.dead_letter.as_ref().and_then(|wanted| {
                    let known = names.iter().position(|known| known == wanted);
                    if known.is_none() {
                        self.unknown("queue", "unknown-queue", wanted, format!("{path}.deadLetter"), names.clone());
                    }
                    known.map(|place| first + place as u32)
                });
                let rules = self.queue_rules(queue, &path);
                let number = self.topology.brokers.queues.len() as u32 - first;
                let members = if rules.kind == QueueKind::Quorum { MEMBERS.min(nodes.len() as u32) } else { 1 };
                let place = |member: u32| nodes.start + (number + member) % nodes.len() as u32;
                self.topology.brokers.queues.push(Queue {
                    name: format!("{name}.{queue_name}"),
                    broker: self.topology.brokers.brokers.len() as u32,
                    durable: broker.durable || rules.kind == QueueKind::Quorum,
                    rules,
                    nodes: (0..members).map(place).collect(),
                    dead_letter,
                    preload: queue.preload,
                    preload_bytes: 0,
                });
            }
            let last = self.topology.brokers.queues.len() as u32;
            self.topology.brokers.brokers.push(Broker { name: name.clone(), service, queues: first..last });
        }
    }

    fn queue_rules(&mut self, queue: &spec::BrokerQueue, path: &str) -> QueueRules {
        let quorum = queue.queue_type == spec::QueueType::Quorum;
        let rules = QueueRules {
            kind: if quorum { QueueKind::Quorum } else { QueueKind::Classic },
            message_ttl: queue.message_ttl.map(|ttl| ttl.nanos()),
            max_length: match queue.max_length {
                Bound::Finite(most) => Some(u64::from(most)),
                Bound::Unlimited => None,
            },
            max_bytes: queue.max_bytes.map(|bytes| bytes.0),
            overflow: match queue.overflow {
                spec::Overflow::DropHead => Overflow::DropHead,
                spec::Overflow::RejectPublish => Overflow::RejectPublish,
                spec::Overflow::RejectPublishDlx => Overflow::RejectPublishDlx,
            },
            delivery_limit: queue.delivery_limit.or(quorum.then_some(DELIVERY_LIMIT)),
            nack_counts: true,
            single_active: queue.single_active_consumer,
        };
        match rules.validated() {
            Ok(rules) => rules,
            Err(wrong) => {
                self.error("bad-queue", wrong.to_string(), format!("{path}.{}", wrong.field), "take it out, or change the queue's `type`");
                QueueRules::default()
            }
        }
    }

    /// What a publish step's endpoint does; nothing if the broker or its queue is not there, which is noted at `path`.
    pub(super) fn publication(&mut self, publish: &spec::Publish, path: &str) -> Option<EndpointRef> {
        let broker_name = broker_of(&publish.to);
        let Some(place) = self.model.brokers.keys().position(|known| known == broker_name) else {
            let known = self.model.brokers.keys().map(String::as_str).collect();
            self.unknown("broker", "unknown-broker", broker_name, format!("{path}.publish.to"), known);
            return None;
        };
        let broker = &self.model.brokers[broker_name];
        let first = self.topology.brokers.brokers[place].queues.start;
        let queues = match split(&publish.to) {
            Some((_, wanted)) => match broker.queues.keys().position(|known| known == wanted) {
                Some(queue) => vec![first + queue as u32],
                None => {
                    let known = broker.queues.keys().map(String::as_str).collect();
                    self.unknown("queue", "unknown-queue", wanted, format!("{path}.publish.to"), known);
                    return None;
                }
            },
            None => self.routed(broker, broker_name, publish).into_iter().map(|queue| first + queue).collect(),
        };
        let name = EndpointRef { service: broker_name.to_string(), endpoint: endpoint_of(publish) };
        let endpoint = self.names.endpoint(&name).expect("a publication has an endpoint");
        let entry = self.topology.endpoints[endpoint.index()].entry;
        let publication = Publication {
            broker: place as u32,
            queues,
            persistent: publish.persistent,
            mandatory: publish.mandatory,
            ttl: publish.ttl.map(|ttl| ttl.nanos()),
            keys: None,
            bytes: publish.payload.map_or(0, |size| size.typical().min(u64::from(u32::MAX)) as u32),
        };
        // Laid out by the first that publishes so.
        if entry == StepId::NONE {
            self.lay_publication(endpoint, &name, publication);
        }
        Some(name)
    }

    /// The queues that get a copy, by their place in the broker.
    fn routed(&mut self, broker: &spec::Broker, name: &str, publish: &spec::Publish) -> Vec<u32> {
        let mut bindings = Vec::new();
        for (place, (queue, spec)) in broker.queues.iter().enumerate() {
            for (number, bound) in spec.bind.iter().enumerate() {
                let condition = match broker.exchange {
                    spec::Exchange::Direct => Condition::Key(bound.clone()),
                    spec::Exchange::Fanout => Condition::Always,
                    spec::Exchange::Headers => headers_wanted(bound),
                    spec::Exchange::Topic => match TopicPattern::new(bound) {
                        Ok(pattern) => Condition::Topic(pattern),
                        Err(wrong) => {
                            let path = format!("brokers.{}.queues.{}.bind[{number}]", quoted(name), quoted(queue));
                            self.error("bad-binding", wrong.to_string(), path, "shorten it");
                            continue;
                        }
                    },
                };
                bindings.push(Binding { queue: place as u32, condition });
            }
        }
        let headers: Vec<(String, String)> = publish.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        route(&bindings, &publish.key, &headers)
    }

    fn lay_publication(&mut self, endpoint: EndpointId, name: &EndpointRef, publication: Publication) {
        let broker = &self.model.brokers[&name.service];
        let work = self.dist(&broker.work, &format!("brokers.{}.work", quoted(&name.service)));
        let number = self.topology.brokers.publications.len() as u32;
        self.topology.brokers.publications.push(publication);
        let full_name = &self.topology.endpoints[endpoint.index()].full_name;
        let steps =
            vec![(Step::Work(work), format!("{full_name}/work#0")), (Step::Enqueue(number), String::new()), (Step::End, String::new())];
        let entry = self.append(steps);
        self.topology.endpoints[endpoint.index()].entry = entry;
    }

    /// The consumers, once the programs that they run are there.
    pub(super) fn consumers(&mut self) {
        for (name, consumer) in &self.model.consumers {
            let path = format!("consumers.{}", quoted(name));
            let Some(service) = self.names.service(&consumer.service).filter(|_| !self.model.brokers.contains_key(&consumer.service))
            else {
                let known = self.names.services.iter().copied().filter(|known| !self.model.brokers.contains_key(*known)).collect();
                self.unknown("service", "unknown-service", &consumer.service, format!("{path}.service"), known);
                continue;
            };
            let Some(queue) = self.queue(&consumer.from, &format!("{path}.from")) else { continue };
            let (broker, queue_name) = split(&consumer.from).expect("a queue's name has two parts");
            let delivering = EndpointRef { service: broker.to_string(), endpoint: delivering(queue_name, name) };
            let Some(endpoint) = self.names.endpoint(&delivering) else { continue };
            let entry = self.topology.endpoints[endpoint.index()].entry;
            let Some(Step::Call(site)) = self.topology.steps.get(entry.index()) else { continue };
            let site = *site;
            let number = self.topology.brokers.consumers.len() as u32;
            let handler = self.topology.sites[site.index()].callee;
            self.lay_handler(number, handler);
            let connect = self.call_to_broker(handler, broker, CONNECT, &path);
            let reply = self.call_to_broker(handler, broker, REPLIES, &path);
            let reconnect = self.dist(&consumer.reconnect, &format!("{path}.reconnect"));
            if reconnect.is_zero() {
                let message = "a consumer that connects again at once would do so for ever while the broker is down";
                self.error("no-pause", message, format!("{path}.reconnect"), "give it a time above 0s");
            }
            if consumer.auto_ack && consumer.on_error != spec::OnError::default() {
                let message = "what is acknowledged when it is sent cannot be given back";
                self.error("acked-already", message, format!("{path}.onError"), "take `onError` out, or `autoAck`");
            }
            let (retry, on_error) = self.on_error(&consumer.on_error, broker, &format!("{path}.onError"));
            self.topology.brokers.consumers.push(Consumer {
                name: name.clone(),
                service,
                queue,
                prefetch: consumer.prefetch,
                priority: consumer.priority,
                entry,
                site,
                reply,
                connect,
                auto_ack: consumer.auto_ack,
                idempotent: false,
                reconnect,
                retry,
                on_error,
            });
        }
        self.replies();
    }

    /// A handler tells its broker when it begins and when it is done.
    fn lay_handler(&mut self, consumer: u32, handler: EndpointId) {
        let entry = self.topology.endpoints[handler.index()].entry;
        let Some(&Step::Acquire { pool, body }) = self.topology.steps.get(entry.index()) else { return };
        let name = self.topology.step_names[entry.index()].clone();
        let body = self.append_absolute(vec![(Step::Open(consumer), String::new()), (Step::Jump(body), String::new())]);
        let outer = vec![(Step::Acquire { pool, body }, name), (Step::Handled(consumer), String::new()), (Step::End, String::new())];
        self.topology.endpoints[handler.index()].entry = self.append_absolute(outer);
    }

    /// A body of the handler's service that calls an endpoint of the broker, if the broker has it.
    fn call_to_broker(&mut self, handler: EndpointId, broker: &str, endpoint: &str, path: &str) -> StepId {
        let callee = EndpointRef { service: broker.to_string(), endpoint: endpoint.to_string() };
        if self.names.endpoint(&callee).is_none() {
            return StepId::NONE;
        }
        let group = Group::Service(self.topology.endpoints[handler.index()].service);
        match self.site(Caller::Endpoint(handler), group, &callee, None, path, "from") {
            Some(site) => self.append(vec![(Step::Call(site), String::new()), (Step::End, String::new())]),
            None => StepId::NONE,
        }
    }

    pub(super) fn is_broker(&self, service: ServiceId) -> bool {
        self.topology.brokers.brokers.iter().any(|broker| broker.service == service)
    }

    /// A queue by its full name.
    pub(super) fn queue(&mut self, name: &str, path: &str) -> Option<u32> {
        let found = self.topology.brokers.queues.iter().position(|queue| queue.name == name);
        if found.is_none() {
            let all: Vec<String> = self.topology.brokers.queues.iter().map(|queue| queue.name.clone()).collect();
            self.unknown("queue", "unknown-queue", name, path, all.iter().map(String::as_str).collect());
        }
        found.map(|place| place as u32)
    }

    fn on_error(&mut self, written: &spec::OnError, broker: &str, path: &str) -> (Option<(u32, Backoff)>, OnError) {
        let settle = |how| (None, OnError::Settle(how));
        match written {
            spec::OnError::Nack(spec::Requeue { requeue }) => settle(Settled::Nack { requeue: *requeue }),
            spec::OnError::Reject(spec::Requeue { requeue }) => settle(Settled::Reject { requeue: *requeue }),
            spec::OnError::Ack(_) => settle(Settled::Ack),
            spec::OnError::Publish(spec::Elsewhere { to }) => {
                let queues = &self.topology.brokers.queues;
                let known: Vec<String> = queues.iter().map(|q| q.name.clone()).filter(|q| broker_of(q) == broker).collect();
                match queues.iter().position(|queue| queue.name == *to && broker_of(to) == broker) {
                    Some(queue) => (None, OnError::Publish(queue as u32)),
                    None => {
                        let known = known.iter().map(String::as_str).collect();
                        self.unknown("queue", "unknown-queue", to, format!("{path}.publish.to"), known);
                        settle(Settled::Ack)
                    }
                }
            }
            spec::OnError::Retry(retry) => {
                let backoff = self.backoff(retry.backoff, &format!("{path}.retry.backoff"));
                let (inner, then) = self.on_error(&retry.then, broker, &format!("{path}.retry.then"));
                if inner.is_some() {
                    self.error("retry-twice", "a retry after a retry", format!("{path}.retry.then"), "give the first one more `attempts`");
                }
                (backoff.map(|backoff| (retry.attempts, backoff)), then)
            }
        }
    }

    /// The endpoint that takes replies hands them on.
    fn replies(&mut self) {
        for broker in 0..self.topology.brokers.brokers.len() {
            let name = self.topology.brokers.brokers[broker].name.clone();
            let Some(endpoint) = self.names.endpoint(&EndpointRef { service: name, endpoint: REPLIES.to_string() }) else { continue };
            let entry = self.topology.endpoints[endpoint.index()].entry;
            let Some(work) = self.topology.steps.get(entry.index()).cloned() else { continue };
            let own = self.topology.step_names[entry.index()].clone();
            let steps = vec![(work, own), (Step::PassReply(broker as u32), String::new()), (Step::End, String::new())];
            self.topology.endpoints[endpoint.index()].entry = self.append_absolute(steps);
        }
    }
}

/// `format=pdf, type=report`, with `any:` in front where one of them is enough.
fn headers_wanted(text: &str) -> Condition {
    let (all, list) = match text.trim().strip_prefix("any:") {
        Some(rest) => (false, rest),
        None => (true, text),
    };
    let pairs = list.split(',').filter_map(|pair| pair.split_once('='));
    let headers = pairs.map(|(name, value)| (name.trim().to_string(), value.trim().to_string())).collect();
    Condition::Headers { headers, all }
}
