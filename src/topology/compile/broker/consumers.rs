//! Consumers: how they receive, what they do with a message and with one that they cannot handle.

use super::{CONNECT, REPLIES, delivering, quoted, split};
use crate::base::id::*;
use crate::base::time::Nanos;
use crate::model::scalar::EndpointRef;
use crate::model::spec::{self, BrokerKind};
use crate::policy::app::Backoff;
use crate::policy::broker::{servicebus, sqs};
use crate::topology::Step;
use crate::topology::broker::{Consumer, OnError, Receives, Rules, Settle};
use crate::topology::compile::{Compiler, Group};
use crate::topology::site::Caller;

/// As often a member of a group of Kafka tries a record that it cannot handle, if nothing is said: as Spring's error handler does.
const KAFKA_TRIES: u32 = 10;

impl Compiler<'_> {
    /// The consumers, once the programs that they run are there.
    pub(in crate::topology::compile) fn consumers(&mut self) {
        let model = self.model;
        for (name, consumer) in &model.consumers {
            self.consumer(name, consumer, &format!("consumers.{}", quoted(name)));
        }
        self.replies();
    }

    fn consumer(&mut self, name: &str, consumer: &spec::Consumer, path: &str) {
        let model = self.model;
        let Some(service) = self.names.service(&consumer.service).filter(|_| !model.brokers.contains_key(&consumer.service)) else {
            let known = self.names.services.iter().copied().filter(|known| !model.brokers.contains_key(*known)).collect();
            return self.unknown("service", "unknown-service", &consumer.service, format!("{path}.service"), known);
        };
        let Some((broker_name, queue_name)) = split(&consumer.from) else {
            let help = "write it like `order-events.billing`";
            return self.error("no-queue", "a consumer takes from a queue, written BROKER.QUEUE", format!("{path}.from"), help);
        };
        let Some(broker) = model.brokers.get(broker_name) else {
            let known = model.brokers.keys().map(String::as_str).collect();
            return self.unknown("broker", "unknown-broker", broker_name, format!("{path}.from"), known);
        };
        let group = consumer.group.as_deref().unwrap_or(name);
        let full = if broker.kind == BrokerKind::Kafka { format!("{}/{group}", consumer.from) } else { consumer.from.clone() };
        let Some(queue) = self.topology.brokers.queues.iter().position(|known| known.name == full) else {
            let known = broker.queues.keys().chain(broker.topics.keys()).map(String::as_str).collect();
            let kind = if broker.kind == BrokerKind::Kafka { "topic" } else { "queue" };
            return self.unknown(kind, "unknown-queue", queue_name, format!("{path}.from"), known);
        };
        let delivering = EndpointRef { service: broker_name.to_string(), endpoint: delivering(queue_name, name) };
        let Some(endpoint) = self.names.endpoint(&delivering) else {
            let message = format!("`{}` has an endpoint `{name}`: a consumer's handler is an endpoint of its name", consumer.service);
            return self.error("name-taken", message, path, "rename one of them");
        };
        let entry = self.topology.endpoints[endpoint.index()].entry;
        let Some(&Step::Call(site)) = self.topology.steps.get(entry.index()) else { return };
        self.consumer_fits(consumer, broker.kind, path);
        let Some(receives) = self.receives(consumer, broker.kind, path) else { return };
        let number = self.topology.brokers.consumers.len() as u32;
        let handler = self.topology.sites[site.index()].callee;
        self.lay_handler(number, handler);
        let connect = self.call_to_broker(handler, broker_name, CONNECT, path);
        let reply = self.call_to_broker(handler, broker_name, REPLIES, path);
        let reconnect = self.dist(&consumer.reconnect, &format!("{path}.reconnect"));
        if reconnect.is_zero() {
            let message = "a consumer that connects again at once would do so for ever while the broker is down";
            self.error("no-pause", message, format!("{path}.reconnect"), "give it a time above 0s");
        }
        let (retry, on_error) = self.on_error(consumer, broker.kind, broker_name, path);
        self.topology.brokers.consumers.push(Consumer {
            name: name.to_string(),
            service,
            queue: queue as u32,
            receives,
            connections: if broker.kind == BrokerKind::Kafka { consumer.concurrency } else { 1 },
            entry,
            site,
            reply,
            connect,
            auto_ack: consumer.auto_ack,
            idempotent: consumer.idempotent,
            reconnect,
            retry,
            on_error,
        });
    }

    /// Notes what another kind of broker has.
    fn consumer_fits(&mut self, consumer: &spec::Consumer, kind: BrokerKind, path: &str) {
        use BrokerKind::{Kafka, Rabbitmq, ServiceBus, Sqs};
        let kafka = &[Kafka][..];
        let keys = [
            ("prefetch", consumer.prefetch.is_some(), &[Rabbitmq, Sqs, ServiceBus][..]),
            ("priority", consumer.priority != 0, &[Rabbitmq]),
            ("autoAck", consumer.auto_ack, &[Rabbitmq, ServiceBus]),
            ("pollInterval", consumer.poll_interval.is_some(), &[Sqs]),
            ("renewFor", consumer.renew_for.is_some(), &[ServiceBus]),
            ("maxSessions", consumer.max_sessions.is_some(), &[ServiceBus]),
            ("group", consumer.group.is_some(), kafka),
            ("maxPollRecords", consumer.max_poll_records.is_some(), kafka),
            ("maxPollInterval", consumer.max_poll_interval.is_some(), kafka),
            ("sessionTimeout", consumer.session_timeout.is_some(), kafka),
            ("heartbeat", consumer.heartbeat.is_some(), kafka),
            ("commit", consumer.commit.is_some(), kafka),
            ("autoCommitInterval", consumer.auto_commit_interval.is_some(), kafka),
            ("rebalance", consumer.rebalance.is_some(), kafka),
            ("staticMembership", consumer.static_membership, kafka),
            ("offsetReset", consumer.offset_reset.is_some(), kafka),
        ];
        self.fits_kind(&keys, kind, path, "remove it");
        if consumer.auto_ack && consumer.on_error.is_some() {
            let message = "what is acknowledged when it is sent cannot be given back";
            self.error("acked-already", message, format!("{path}.onError"), "take `onError` out, or `autoAck`");
        }
    }

    fn receives(&mut self, consumer: &spec::Consumer, kind: BrokerKind, path: &str) -> Option<Receives> {
        let at_once = consumer.prefetch.unwrap_or(consumer.concurrency).max(1);
        Some(match kind {
            // What is acknowledged when it is sent is not held back.
            BrokerKind::Rabbitmq => {
                let prefetch = if consumer.auto_ack { 0 } else { consumer.prefetch.unwrap_or(0) };
                Receives::Rabbitmq { prefetch, priority: consumer.priority }
            }
            BrokerKind::Sqs => {
                // One receive brings a batch, and the next follows when all of it is done; or each worker receives for itself.
                let batch = consumer.prefetch.unwrap_or(1);
                let refill = if batch > 1 { sqs::rules::Refill::WhenAllDone } else { sqs::rules::Refill::AsSoonAsRoom };
                let polling = sqs::rules::Polling {
                    room: batch.max(consumer.concurrency),
                    batch,
                    refill,
                    wait: None,
                    poll_interval: consumer.poll_interval.map_or(Nanos::from_secs(1), |time| time.nanos()),
                };
                Receives::Sqs(self.checked(polling.validated(), &format!("{path}.prefetch"))?)
            }
            BrokerKind::ServiceBus => {
                let plain = servicebus::rules::Receiving::default();
                let mode = if consumer.auto_ack { servicebus::rules::Mode::ReceiveAndDelete } else { servicebus::rules::Mode::PeekLock };
                let receiving = servicebus::rules::Receiving {
                    room: at_once,
                    mode,
                    renew_for: consumer.renew_for.map_or(plain.renew_for, |time| time.nanos()),
                    sessions: consumer.max_sessions.unwrap_or(plain.sessions),
                    ..plain
                };
                Receives::ServiceBus(self.checked(receiving.validated(), &format!("{path}.maxSessions"))?)
            }
            BrokerKind::Kafka => Receives::Kafka { is_static: consumer.static_membership },
        })
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

    pub(in crate::topology::compile) fn is_broker(&self, service: ServiceId) -> bool {
        self.topology.brokers.has(service)
    }

    /// A queue by its full name.
    pub(in crate::topology::compile) fn queue(&mut self, name: &str, path: &str) -> Option<u32> {
        let taken = |queue: &crate::topology::broker::Queue| !matches!(queue.rules, Rules::Group { .. });
        let found = self.topology.brokers.queues.iter().position(|queue| queue.name == name && taken(queue));
        if found.is_none() {
            let all: Vec<String> =
                self.topology.brokers.queues.iter().filter(|queue| taken(queue)).map(|queue| queue.name.clone()).collect();
            self.unknown("queue", "unknown-queue", name, path, all.iter().map(String::as_str).collect());
        }
        found.map(|place| place as u32)
    }

    fn on_error(&mut self, consumer: &spec::Consumer, kind: BrokerKind, broker: &str, path: &str) -> (Option<(u32, Backoff)>, OnError) {
        let path = format!("{path}.onError");
        match &consumer.on_error {
            None => {
                let retry = (kind == BrokerKind::Kafka).then_some((KAFKA_TRIES, Backoff::NONE));
                (retry, OnError::Settle(by_itself(kind)))
            }
            Some(spec::OnError::Retry(retry)) => {
                let backoff = self.backoff(retry.backoff, &format!("{path}.retry.backoff"));
                let then = match retry.then.as_deref() {
                    None => OnError::Settle(by_itself(kind)),
                    Some(then) => self.settled(then, kind, broker, &format!("{path}.retry.then")),
                };
                (backoff.map(|backoff| (retry.attempts, backoff)), then)
            }
            Some(written) => (None, self.settled(written, kind, broker, &path)),
        }
    }

    fn settled(&mut self, written: &spec::OnError, kind: BrokerKind, broker: &str, path: &str) -> OnError {
        use BrokerKind::{Rabbitmq, ServiceBus, Sqs};
        let (key, of, how) = match written {
            spec::OnError::Nack(spec::Requeue { requeue }) => ("nack", Rabbitmq, Settle::Nack { requeue: *requeue }),
            spec::OnError::Reject(spec::Requeue { requeue }) => ("reject", Rabbitmq, Settle::Reject { requeue: *requeue }),
            spec::OnError::Leave(_) => ("leave", Sqs, Settle::Leave),
            spec::OnError::Back(spec::Back { after }) => ("back", Sqs, Settle::Back { after: after.nanos() }),
            spec::OnError::Abandon(_) => ("abandon", ServiceBus, Settle::Nack { requeue: true }),
            spec::OnError::DeadLetter(_) => ("deadLetter", ServiceBus, Settle::Nack { requeue: false }),
            spec::OnError::Ack(_) => return OnError::Settle(Settle::Ack),
            spec::OnError::Publish(spec::Elsewhere { to }) => {
                if super::broker_of(to) != broker {
                    let message = format!("`{to}` is no queue of `{broker}`, where the message came from");
                    self.error("other-broker", message, format!("{path}.publish.to"), "a step `publish` sends to other brokers");
                    return OnError::Settle(Settle::Ack);
                }
                return self.queue(to, &format!("{path}.publish.to")).map_or(OnError::Settle(Settle::Ack), OnError::Publish);
            }
            spec::OnError::Retry(_) => {
                self.error("retry-twice", "a retry after a retry", path, "give the first one more `attempts`");
                return OnError::Settle(Settle::Ack);
            }
        };
        if of != kind {
            let help = match kind {
                BrokerKind::Kafka => "write `retry`, `publish` or `ack`",
                Rabbitmq => "write `nack`, `reject`, `retry`, `publish` or `ack`",
                Sqs => "write `leave`, `back`, `retry`, `publish` or `ack`",
                ServiceBus => "write `abandon`, `deadLetter`, `retry`, `publish` or `ack`",
            };
            self.wrong_kind(key, kind, &[of], format!("{path}.{key}"), help);
        }
        OnError::Settle(how)
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

/// What becomes of a message that could not be handled if nobody says.
fn by_itself(kind: BrokerKind) -> Settle {
    match kind {
        BrokerKind::Rabbitmq | BrokerKind::ServiceBus => Settle::Nack { requeue: true },
        BrokerKind::Sqs => Settle::Leave,
        BrokerKind::Kafka => Settle::Ack,
    }
}
