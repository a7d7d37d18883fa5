//! Brokers become services: publishing is a call to one of its endpoints, a delivery is a call by it to an endpoint of the
//! consumers' service, under a pool that bounds how many messages a replica works on. Files: [`queues`] (what each kind of broker
//! has), [`publishing`], [`consumers`].

mod consumers;
mod publishing;
mod queues;

use super::Compiler;
use super::names::quoted;
use crate::base::diagnostic::Diagnostics;
use crate::model::scalar::{DistSpec, EndpointRef};
use crate::model::spec::{self, BrokerKind, Model};
use crate::topology::Topology;
use std::borrow::Cow;

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
        // What has the name of a service is refused where queues are compiled.
        if model.services.contains_key(name) {
            continue;
        }
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
        let handlers = model.services.get(&consumer.service);
        if handlers.is_none_or(|service| service.endpoints.contains_key(name)) || !model.brokers.contains_key(broker) {
            continue;
        }
        let handled = EndpointRef { service: consumer.service.clone(), endpoint: name.clone() };
        let delivery =
            spec::Step::Call(spec::CallStep { call: handled, policy: None, request: None, protocol: None, payload: None, response: None });
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
fn endpoint_of(publish: &spec::Publish) -> String {
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
    if let Some(keys) = &publish.keys {
        name.push_str(&format!(", by {keys}"));
    }
    if let Some(delay) = publish.delay {
        name.push_str(&format!(", after {}", delay.nanos()));
    }
    if let Some(write) = &publish.announces {
        name.push_str(&format!(", of {}.{}", write.service, write.endpoint));
    }
    match publish.acks {
        Some(spec::Acks::None) => name.push_str(", acks 0"),
        Some(spec::Acks::Leader) => name.push_str(", acks 1"),
        Some(spec::Acks::All) | None => {}
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
    /// Notes a key that a broker of this kind does not know.
    fn wrong_kind(&mut self, key: &str, kind: BrokerKind, of: &[BrokerKind], path: String, help: &str) {
        let names: Vec<&str> = of.iter().map(|kind| kind.name()).collect();
        let message = format!("`{key}` means nothing to {}: it is of {}", kind.name(), names.join(" and "));
        self.error("wrong-kind", message, path, help);
    }

    /// Notes those of these keys that are there and of other kinds.
    fn fits_kind(&mut self, keys: &[(&str, bool, &[BrokerKind])], kind: BrokerKind, path: &str, help: &str) {
        for (key, is_there, of) in keys {
            if *is_there && !of.contains(&kind) {
                self.wrong_kind(key, kind, of, format!("{path}.{key}"), help);
            }
        }
    }
}
