//! Names, kinds and attributes of spans, by what a hop speaks.
//!
//! Two choices of our own. The route of a call is `/` and the endpoint's name, its method GET, unless the model says how the call
//! looks (`request`). What OpenTelemetry has no word for begins with `brownout.`; only Envoy's flags bear the name that Envoy's own
//! spans give them, `response_flags`.

use super::told::{Speaks, Tale, speaks};
use super::{Attributes, Kind};
use crate::analysis::names;
use crate::base::grpc;
use crate::base::id::*;
use crate::base::outcome::{Class, Outcome};
use crate::base::time::Nanos;
use crate::observe::span::{SpanKind, Trace};
use crate::topology::Topology;
use crate::topology::broker::Rules;
use crate::topology::labels::Value;
use std::borrow::Cow;

fn text<'t>(key: &'static str, text: impl Into<String>) -> (Cow<'t, str>, Value) {
    (key.into(), Value::Text(text.into()))
}

/// Name, kind and attributes, those of the outcome excepted.
pub(super) fn of<'t>(topology: &'t Topology, trace: &Trace, tale: &Tale, place: u32) -> (Cow<'t, str>, Kind, Attributes<'t>) {
    let span = &trace.spans[place as usize];
    match span.what {
        SpanKind::Call { edge, .. } if tale.sent_as(trace, place).is_none() => call(topology, edge),
        SpanKind::Call { edge, .. } | SpanKind::Attempt { edge, .. } => attempt(topology, trace, tale, place, edge),
        SpanKind::Served { endpoint, .. } => served(topology, trace, tale, place, endpoint),
        SpanKind::Backoff { .. } => ("back-off".into(), Kind::Internal, Vec::new()),
        SpanKind::Permit { pool, got } => {
            let name = &topology.pools[pool.index()].name;
            let waited = got.or(span.ended.map(|(at, _)| at)).map(|until| until.since(span.began));
            let mut attributes = vec![text("brownout.pool", name)];
            attributes.extend(waited.map(|waited| ("brownout.pool.wait".into(), seconds(waited))));
            (format!("permit of {name}").into(), Kind::Internal, attributes)
        }
        SpanKind::Delivery { queue, redelivered, .. } => delivery(topology, queue, redelivered),
    }
}

fn seconds(time: Nanos) -> Value {
    Value::Number(time.as_secs_f64())
}

/// A call as its caller's library sees it, with several attempts or none.
fn call(topology: &Topology, edge: EdgeId) -> (Cow<'_, str>, Kind, Attributes<'_>) {
    let name = match speaks(topology, edge) {
        Speaks::Messages(broker) => format!("{} {}", operation(topology, broker), destination(topology, edge).0),
        _ => format!("call {}", names::callee_of(topology, edge)),
    };
    (name.into(), Kind::Internal, vec![text("brownout.call", &topology.edges[edge.index()].name)])
}

/// What is sent, by the caller or its proxy.
fn attempt<'t>(topology: &'t Topology, trace: &Trace, tale: &Tale, place: u32, edge: EdgeId) -> (Cow<'t, str>, Kind, Attributes<'t>) {
    let Some(SpanKind::Attempt { replica, number, by_mesh, .. }) = tale.sent_as(trace, place).map(|span| span.what) else {
        return call(topology, edge);
    };
    let endpoint = &topology.endpoints[topology.edges[edge.index()].callee.index()];
    let service = &topology.services[endpoint.service.index()].name;
    let hop = tale.speaks(topology, trace, place);
    let (name, kind, mut attributes) = match hop {
        Speaks::Http => {
            let (name, attributes) = http(topology, edge, &endpoint.name, "url.template");
            (name.into(), Kind::Client, attributes)
        }
        Speaks::Grpc => (format!("{service}/{}", endpoint.name).into(), Kind::Client, rpc(service, &endpoint.name)),
        Speaks::Messages(broker) => {
            let name = format!("{} {}", operation(topology, broker), destination(topology, edge).0);
            (name.into(), Kind::Producer, published(topology, broker, edge))
        }
        Speaks::Nothing => (format!("attempt {number}").into(), Kind::Internal, Vec::new()),
    };
    attributes.push(text("server.address", service));
    attributes.extend(replica.map(|replica| text("brownout.replica", names::replica(topology, replica))));
    if number > 1 && hop == Speaks::Http {
        attributes.push(("http.request.resend_count".into(), Value::Whole(i64::from(number) - 1)));
    }
    attributes.push(("brownout.attempt".into(), Value::Whole(number.into())));
    if by_mesh {
        attributes.push(text("brownout.attempt.by", "proxy"));
    }
    (name, kind, attributes)
}

/// From the door of a replica to its answer.
fn served<'t>(
    topology: &'t Topology,
    trace: &Trace,
    tale: &Tale,
    place: u32,
    endpoint: EndpointId,
) -> (Cow<'t, str>, Kind, Attributes<'t>) {
    let Some(of) = topology.endpoints.get(endpoint.index()) else { return ("serve".into(), Kind::Internal, Vec::new()) };
    let edge = Tale::edge_to(trace, place);
    let own_name = topology.labels.spans.get(&endpoint).and_then(|label| label.name.as_deref());
    let (name, kind, mut attributes): (Cow<'t, str>, _, _) = match (tale.speaks(topology, trace, place), edge) {
        (Speaks::Grpc, _) => {
            let service = &topology.services[of.service.index()].name;
            (format!("{service}/{}", of.name).into(), Kind::Server, rpc(service, &of.name))
        }
        (Speaks::Messages(broker), Some(edge)) => {
            let name = format!("take {}", destination(topology, edge).0);
            (name.into(), Kind::Server, published(topology, broker, edge))
        }
        (Speaks::Http, Some(edge)) => {
            let (name, attributes) = http(topology, edge, &of.name, "http.route");
            (name.into(), Kind::Server, attributes)
        }
        _ => (Cow::Borrowed(of.name.as_str()), Kind::Internal, Vec::new()),
    };
    let span = &trace.spans[place as usize];
    if let SpanKind::Served { started: Some(started), .. } = span.what
        && started > span.began
    {
        attributes.push(("brownout.queue.wait".into(), seconds(started.since(span.began))));
    }
    (own_name.map_or(name, Cow::Borrowed), kind, attributes)
}

/// A message in the hands of a consumer.
fn delivery(topology: &Topology, queue: u32, redelivered: bool) -> (Cow<'_, str>, Kind, Attributes<'_>) {
    let queue = &topology.brokers.queues[queue as usize];
    let (source, group) = match &queue.rules {
        Rules::Group { topic, .. } => {
            let topic = topology.brokers.queues[*topic as usize].name.as_str();
            (topic, queue.name.strip_prefix(topic).and_then(|rest| rest.strip_prefix('/')))
        }
        _ => (queue.name.as_str(), None),
    };
    let broker = &topology.brokers.brokers[queue.broker as usize].name;
    let source = source.strip_prefix(broker.as_str()).and_then(|rest| rest.strip_prefix('.')).unwrap_or(source);
    let mut attributes = vec![
        text("messaging.system", system(topology, queue.broker)),
        text("messaging.operation.type", "process"),
        text("messaging.operation.name", "process"),
        text("messaging.destination.name", source),
        text("server.address", broker),
    ];
    attributes.extend(group.map(|group| text("messaging.consumer.group.name", group)));
    if redelivered {
        attributes.push(("brownout.redelivered".into(), Value::Flag(true)));
    }
    (format!("process {source}").into(), Kind::Consumer, attributes)
}

struct Asked {
    method: String,
    path: Option<String>,
}

/// What the calls of an edge look like.
fn asked(topology: &Topology, edge: EdgeId) -> Asked {
    let written = topology.edges[edge.index()].sites.iter().find_map(|site| topology.labels.requests.get(site));
    match written {
        Some(asked) => Asked { method: asked.method.clone(), path: Some(asked.path.clone()).filter(|path| path != "/") },
        None => Asked { method: "GET".into(), path: None },
    }
}

/// A request's name and what it says; `route`: the key of its route, which clients and servers call differently.
fn http<'t>(topology: &Topology, edge: EdgeId, endpoint: &str, route: &'static str) -> (String, Attributes<'t>) {
    let Asked { method, path } = asked(topology, edge);
    let of_endpoint = format!("/{endpoint}");
    let attributes = vec![
        text("http.request.method", &method),
        text("url.scheme", "http"),
        text("url.path", path.unwrap_or_else(|| of_endpoint.clone())),
        text(route, &of_endpoint),
    ];
    (format!("{method} {of_endpoint}"), attributes)
}

fn rpc<'t>(service: &str, method: &str) -> Attributes<'t> {
    vec![text("rpc.system", "grpc"), text("rpc.service", service), text("rpc.method", method)]
}

fn published<'t>(topology: &Topology, broker: u32, edge: EdgeId) -> Attributes<'t> {
    let (destination, key) = destination(topology, edge);
    let mut attributes = vec![
        text("messaging.system", system(topology, broker)),
        text("messaging.operation.type", "send"),
        text("messaging.operation.name", operation(topology, broker)),
        text("messaging.destination.name", destination),
    ];
    attributes.extend(key.map(|key| text("messaging.rabbitmq.destination.routing_key", key)));
    attributes
}

/// Where messages of this edge go, and by which routing key. The endpoint of a broker is named after the key, or after the queue
/// that it goes to, with what else tells publications apart behind a comma.
fn destination(topology: &Topology, edge: EdgeId) -> (String, Option<String>) {
    let endpoint = &topology.endpoints[topology.edges[edge.index()].callee.index()];
    let name = endpoint.name.split_once(", ").map_or(endpoint.name.as_str(), |(name, _)| name);
    let broker = &topology.services[endpoint.service.index()].name;
    match name.strip_prefix("to ") {
        Some(queue) => (queue.into(), None),
        // The conventions' own form: exchange and routing key.
        None if name != "publish" => (format!("{broker}:{name}"), Some(name.into())),
        None => (broker.clone(), None),
    }
}

fn system(topology: &Topology, broker: u32) -> &'static str {
    let queues = topology.brokers.brokers[broker as usize].queues.clone();
    match topology.brokers.queues.get(queues.start as usize).filter(|_| !queues.is_empty()).map(|queue| &queue.rules) {
        Some(Rules::Sqs(_)) => "aws_sqs",
        Some(Rules::ServiceBus(_)) => "servicebus",
        Some(Rules::Topic(_) | Rules::Group { .. }) => "kafka",
        Some(Rules::Rabbitmq(_)) | None => "rabbitmq",
    }
}

fn operation(topology: &Topology, broker: u32) -> &'static str {
    if system(topology, broker) == "rabbitmq" { "publish" } else { "send" }
}

/// How it ended: status, type of the error, Envoy's flags.
pub(super) fn of_outcome(attributes: &mut Attributes<'_>, hop: Speaks, kind: Kind, outcome: Option<Outcome>) {
    let Some(outcome) = outcome else {
        attributes.push(("brownout.unfinished".into(), Value::Flag(true)));
        return;
    };
    match hop {
        Speaks::Http if was_answered(outcome) => attributes.push(("http.response.status_code".into(), Value::Whole(outcome.status.into()))),
        Speaks::Grpc => attributes.push(("rpc.grpc.status_code".into(), Value::Whole(grpc::of_http(outcome.status).into()))),
        _ => {}
    }
    if error(kind, outcome).is_some() {
        attributes.push(text("error.type", error_type(outcome)));
    }
    if !outcome.flags.is_none() {
        attributes.push(text("response_flags", outcome.flags.to_string()));
    }
    if outcome.is_degraded() {
        attributes.push(("brownout.degraded".into(), Value::Flag(true)));
    }
}

/// Whether there was a response, as opposed to the caller's word for there being none.
fn was_answered(outcome: Outcome) -> bool {
    matches!(outcome.class, Class::Answer | Class::ServerError | Class::RateLimited | Class::Degraded)
}

/// A status where there was one, else who decided.
pub(super) fn error_type(outcome: Outcome) -> String {
    if was_answered(outcome) { outcome.status.to_string() } else { outcome.class.word().to_string() }
}

/// Why the span is in error, if it is. A server is not at fault for 4xx (OpenTelemetry, HTTP spans, "Status").
pub(super) fn error(kind: Kind, outcome: Outcome) -> Option<String> {
    let is_error = match kind {
        Kind::Server => outcome.status >= 500,
        Kind::Client => outcome.is_failure() || outcome.status >= 400,
        _ => outcome.is_failure(),
    };
    is_error.then(|| format!("{} ({})", outcome, outcome.class.word()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(hop: Speaks, kind: Kind, outcome: Option<Outcome>) -> String {
        let mut attributes = Attributes::new();
        of_outcome(&mut attributes, hop, kind, outcome);
        attributes.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_status_is_told_where_there_was_an_answer_and_an_error_by_whose_fault_it_is() {
        use crate::base::outcome::Flag;
        let answer = |status, class| Some(Outcome::new(status, class, Flag::None));
        let http = |kind, outcome| told(Speaks::Http, kind, outcome);
        let status = |n: u16| format!("http.response.status_code={n}");
        assert_eq!(http(Kind::Server, answer(200, Class::Answer)), status(200));
        assert_eq!(http(Kind::Server, answer(404, Class::Answer)), status(404), "a server is not at fault for what was asked of it");
        assert_eq!(http(Kind::Client, answer(404, Class::Answer)), format!("{} error.type=404", status(404)));
        assert_eq!(http(Kind::Server, answer(500, Class::ServerError)), format!("{} error.type=500", status(500)));
        assert_eq!(http(Kind::Client, answer(200, Class::Degraded)), format!("{} brownout.degraded=true", status(200)));
        assert!(!http(Kind::Client, Some(Outcome::TIMEOUT)).contains("http.response"), "nobody has answered");
        assert_eq!(http(Kind::Client, None), "brownout.unfinished=true");
        assert!(told(Speaks::Grpc, Kind::Server, answer(200, Class::Answer)).starts_with("rpc.grpc.status_code=0"));
    }

    #[test]
    fn each_broker_is_told_by_its_systems_name_and_a_group_by_its_topics() {
        const BROKERS: &str = "
name: brokers
duration: 10s
clients: {c: {target: a.e, arrivals: constant(1/s)}}
services:
  a: {endpoints: {e: [{publish: {to: log.orders}}, {publish: {to: jobs.mails}}]}}
  b: {endpoints: {}}
brokers:
  log: {kind: kafka, topics: {orders: {partitions: 2}}}
  jobs: {kind: sqs, queues: {mails: {}}}
consumers:
  bill: {service: b, from: log.orders, group: billing, steps: [{work: 1ms}]}
  mail: {service: b, from: jobs.mails, steps: [{work: 1ms}]}
";
        let loader = |_: &str| Ok(BROKERS.as_bytes().to_vec());
        let loaded = crate::model::read("m.yaml", &loader, &[], None).unwrap_or_else(|refused| panic!("{:#?}", refused.problems));
        let topology =
            crate::topology::compile::compile(&loaded.model, &|name: &str| Err(name.to_string())).unwrap_or_else(|p| panic!("{p:#?}"));
        let deliveries: Vec<String> = topology
            .brokers
            .consumers
            .iter()
            .map(|consumer| {
                let (name, _, attributes) = delivery(&topology, consumer.queue, false);
                let wanted = ["messaging.system", "messaging.destination.name", "messaging.consumer.group.name"];
                let of =
                    |key: &str| attributes.iter().find(|(other, _)| other == key).map_or("-".to_string(), |(_, value)| value.to_string());
                format!("{name}: {}", wanted.map(of).join(" "))
            })
            .collect();
        assert_eq!(deliveries, ["process orders: kafka orders billing", "process mails: aws_sqs mails -"]);
        let edge = topology.edges.iter().position(|edge| edge.name.contains("mails")).expect("a publication");
        assert_eq!(destination(&topology, EdgeId::new(edge)), ("mails".to_string(), None), "a queue is named itself");
    }
}
