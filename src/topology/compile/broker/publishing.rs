//! What is published, and which queues get it.

use super::{CONNECT, REPLIES, broker_of, endpoint_of, quoted, split};
use crate::base::id::*;
use crate::model::scalar::EndpointRef;
use crate::model::spec::{self, BrokerKind};
use crate::policy::broker::rabbitmq::exchange::{Binding, Condition, route};
use crate::policy::broker::rabbitmq::topic::TopicPattern;
use crate::policy::broker::servicebus::filter::{Correlation, Filter, takes};
use crate::topology::Step;
use crate::topology::broker::{Acks, Announcement, Publication};
use crate::topology::compile::Compiler;

impl Compiler<'_> {
    /// What a publish step's endpoint does; nothing if the broker or its queue is not there, which is noted at `path`.
    pub(in crate::topology::compile) fn publication(&mut self, publish: &spec::Publish, path: &str) -> Option<EndpointRef> {
        let name = broker_of(&publish.to);
        let model = self.model;
        let Some(broker) = model.brokers.get(name) else {
            let known = model.brokers.keys().map(String::as_str).collect();
            self.unknown("broker", "unknown-broker", name, format!("{path}.publish.to"), known);
            return None;
        };
        // Not there if it has the name of a service, which is noted.
        let place = self.topology.brokers.brokers.iter().position(|known| known.name == name)?;
        self.publish_fits(publish, broker.kind, path);
        if [CONNECT, REPLIES].contains(&publish.key.as_str()) {
            let message = format!("the key `{}` is taken: brokers have an endpoint of that name of their own", publish.key);
            self.error("name-taken", message, format!("{path}.publish.key"), "choose another key");
        }
        let queues = match split(&publish.to) {
            Some(_) => {
                let range = self.topology.brokers.brokers[place].queues.clone();
                let found = range.clone().find(|queue| self.topology.brokers.queues[*queue as usize].name == publish.to);
                let Some(queue) = found else {
                    let wanted = &publish.to[name.len() + 1..];
                    let known = broker.queues.keys().chain(broker.topics.keys()).map(String::as_str).collect();
                    let kind = if broker.kind == BrokerKind::Kafka { "topic" } else { "queue" };
                    self.unknown(kind, "unknown-queue", wanted, format!("{path}.publish.to"), known);
                    return None;
                };
                vec![queue]
            }
            None => {
                let first = self.topology.brokers.brokers[place].queues.start;
                self.routed(broker, name, publish, path).into_iter().map(|queue| first + queue).collect()
            }
        };
        let endpoint_name = EndpointRef { service: name.to_string(), endpoint: endpoint_of(publish) };
        let endpoint = self.names.endpoint(&endpoint_name).expect("a publication has an endpoint");
        // Laid out by the first that publishes so.
        if self.topology.endpoints[endpoint.index()].entry == StepId::NONE {
            let publication = Publication {
                broker: place as u32,
                queues,
                persistent: publish.persistent,
                mandatory: publish.mandatory,
                ttl: publish.ttl.map(|ttl| ttl.nanos()),
                delay: publish.delay.map(|delay| delay.nanos()),
                acks: match publish.acks {
                    Some(spec::Acks::None) => Acks::None,
                    Some(spec::Acks::Leader) => Acks::Leader,
                    Some(spec::Acks::All) | None => Acks::All,
                },
                keys: publish.keys.as_ref().map(|keys| self.keys(keys, &format!("{path}.publish.keys"))),
                bytes: publish.payload.map_or(0, |size| size.typical().min(u64::from(u32::MAX)) as u32),
                announcement: self.announcement(publish, place as u32, path),
            };
            self.lay_publication(endpoint, &endpoint_name, publication);
        }
        Some(endpoint_name)
    }

    /// The write that a message tells of, which notes that it is done.
    fn announcement(&mut self, publish: &spec::Publish, broker: u32, path: &str) -> Option<u32> {
        let Some(write) = &publish.announces else {
            if publish.outbox.is_some() {
                let message = "an outbox is written with something: without `announces` it is not known with what";
                self.error(
                    "no-write",
                    message,
                    format!("{path}.publish.outbox"),
                    "write `announces: SERVICE.ENDPOINT`, the call that writes",
                );
            }
            return None;
        };
        let endpoint = self.endpoint(write, &format!("{path}.publish.announces"))?;
        let number = self.topology.brokers.announcements.len() as u32;
        self.topology.brokers.announcements.push(Announcement { broker, outbox: None });
        self.writes.push((number, endpoint));
        Some(number)
    }

    /// Lets the endpoints that write note it at their end, once their programs are there.
    pub(in crate::topology::compile) fn writes(&mut self) {
        for (number, endpoint) in std::mem::take(&mut self.writes) {
            let entry = self.topology.endpoints[endpoint.index()].entry;
            if entry == StepId::NONE {
                continue;
            }
            // Bodies end in programs of their own, so the first end behind the entry is the endpoint's.
            let steps = &self.topology.steps[entry.index()..];
            let Some(end) = steps.iter().position(|step| matches!(step, Step::End)) else { continue };
            let target = self.append_absolute(vec![(Step::Written(number), String::new()), (Step::End, String::new())]);
            self.topology.steps[entry.index() + end] = Step::Jump(target);
        }
    }

    /// Notes what another kind of broker has.
    fn publish_fits(&mut self, publish: &spec::Publish, kind: BrokerKind, path: &str) {
        use BrokerKind::{Kafka, Rabbitmq, ServiceBus, Sqs};
        let keys = [
            ("headers", !publish.headers.is_empty(), &[Rabbitmq, ServiceBus][..]),
            ("mandatory", publish.mandatory, &[Rabbitmq]),
            ("persistent", !publish.persistent, &[Rabbitmq]),
            ("ttl", publish.ttl.is_some(), &[Rabbitmq, ServiceBus]),
            ("keys", publish.keys.is_some(), &[Kafka, Sqs, ServiceBus]),
            ("acks", publish.acks.is_some(), &[Kafka]),
            ("delay", publish.delay.is_some(), &[Sqs, ServiceBus]),
        ];
        self.fits_kind(&keys, kind, &format!("{path}.publish"), "remove it");
    }

    /// The queues that get a copy, by their place in the broker.
    fn routed(&mut self, broker: &spec::Broker, name: &str, publish: &spec::Publish, path: &str) -> Vec<u32> {
        let headers: Vec<(String, String)> = publish.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        match broker.kind {
            BrokerKind::Rabbitmq => self.bound(broker, name, publish, &headers),
            BrokerKind::Kafka => {
                let message = "a record goes to a topic";
                self.error("no-topic", message, format!("{path}.publish.to"), format!("write `{name}.TOPIC`"));
                Vec::new()
            }
            BrokerKind::Sqs | BrokerKind::ServiceBus => {
                let filter = |label: &String| Filter::Correlation(Correlation { label: Some(label.clone()), properties: Vec::new() });
                let gets = |(place, queue): (usize, &spec::BrokerQueue)| {
                    let filters: Vec<Filter> = match queue.bind.as_slice() {
                        [] => vec![Filter::All],
                        labels => labels.iter().map(filter).collect(),
                    };
                    takes(&filters, &publish.key, &headers).then_some(place as u32)
                };
                // What takes others' dead letters is no subscription.
                let takes_dead = |name: &String| broker.queues.values().any(|queue| queue.dead_letter.as_ref() == Some(name));
                let queues = broker.queues.iter().enumerate().filter(|(_, (name, queue))| !(queue.bind.is_empty() && takes_dead(name)));
                queues.filter_map(|(place, (_, queue))| gets((place, queue))).collect()
            }
        }
    }

    fn bound(&mut self, broker: &spec::Broker, name: &str, publish: &spec::Publish, headers: &[(String, String)]) -> Vec<u32> {
        let mut bindings = Vec::new();
        for (place, (queue, spec)) in broker.queues.iter().enumerate() {
            for (number, bound) in spec.bind.iter().enumerate() {
                let condition = match broker.exchange.unwrap_or_default() {
                    spec::Exchange::Direct => Ok(Condition::Key(bound.clone())),
                    spec::Exchange::Fanout => Ok(Condition::Always),
                    spec::Exchange::Headers => headers_wanted(bound).map_err(|part| {
                        let help = "write it like `format=pdf, type=report`, or `any: format=pdf, type=report`";
                        (format!("`{part}` is no header: a headers exchange compares values"), help)
                    }),
                    spec::Exchange::Topic => {
                        TopicPattern::new(bound).map(Condition::Topic).map_err(|wrong| (wrong.to_string(), "shorten it"))
                    }
                };
                match condition {
                    Ok(condition) => bindings.push(Binding { queue: place as u32, condition }),
                    Err((message, help)) => {
                        let path = format!("brokers.{}.queues.{}.bind[{number}]", quoted(name), quoted(queue));
                        self.error("bad-binding", message, path, help);
                    }
                }
            }
        }
        route(&bindings, &publish.key, headers)
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
}

/// `format=pdf, type=report`, with `any:` in front where one of them is enough.
fn headers_wanted(text: &str) -> Result<Condition, &str> {
    let (all, list) = match text.trim().strip_prefix("any:") {
        Some(rest) => (false, rest),
        None => (true, text),
    };
    let header = |pair: &'_ str| pair.split_once('=').map(|(name, value)| (name.trim().to_string(), value.trim().to_string()));
    let headers = list.split(',').map(|pair| header(pair).ok_or(pair.trim())).collect::<Result<_, _>>()?;
    Ok(Condition::Headers { headers, all })
}
