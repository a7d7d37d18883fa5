//! What arithmetic says of brokers, their queues and consumers.
//!
//! | code | said when |
//! |---|---|
//! | `overloaded-consumer` | more messages come on average than the consumers of a queue can handle |
//! | `unread-queue` | messages are published to a queue that has neither a consumer nor a bound |
//! | `hot-loop` | a consumer gives back at once, without a limit, what it may never be able to handle |
//! | `unlimited-prefetch` | a consumer is sent all that waits, however much that is |
//! | `unconfirmed-publish` | nobody learns that a message, which is to survive, did not come |
//! | `at-most-once` | a message counts as handled before it is |
//! | `handled-twice` | a message comes again while it is still being handled |
//! | `idle-members` | a group of Kafka has more members than its topic has partitions |
//! | `poll-too-long` | a member of a group takes longer over a poll than it may |
//! | `all-may-be-one` | a publisher waits for all copies in sync, and one is enough for that |

use super::load::{at_once, capacity, flow, seconds_held};
use super::walk::Visit;
use super::{Finding, Weight, caller_name};
use crate::base::id::*;
use crate::base::time::{Instant, Nanos};
use crate::model::name::quoted;
use crate::policy::broker::kafka::rules::Commit;
use crate::policy::broker::rabbitmq::queue::QueueRules;
use crate::policy::broker::servicebus::rules::Mode;
use crate::topology::broker::{Acks, Consumer, OnError, Publication, Queue, Receives, Rules, Settle};
use crate::topology::site::Caller;
use crate::topology::{FaultAction, Step, Topology};

pub(super) fn find(topology: &Topology, visits: &[Visit]) -> Vec<Finding> {
    let mut held = vec![None; topology.endpoints.len()];
    let mut findings = overloaded(topology, visits, &mut held);
    findings.extend(unread(topology));
    findings.extend(unconfirmed(topology));
    for consumer in &topology.brokers.consumers {
        let handler = topology.sites[consumer.site.index()].callee;
        let seconds = seconds_held(topology, visits, handler, &mut held);
        findings.extend(of_rabbitmq(topology, &visits[handler.index()], consumer));
        findings.extend(at_most_once(topology, consumer));
        findings.extend(handled_twice(topology, consumer, seconds));
        findings.extend(poll_too_long(topology, consumer, seconds));
    }
    findings.extend(idle_members(topology));
    findings.extend(all_may_be_one(topology));
    findings
}

fn warning(code: &'static str, message: String, path: String, help: impl Into<String>) -> Finding {
    Finding { weight: Weight::Warning, code, message, path, help: help.into() }
}

/// Where a consumer is written.
fn path_of(consumer: &Consumer) -> String {
    format!("consumers.{}", quoted(&consumer.name))
}

/// Where a queue or topic is written: `brokers.B.queues.Q`.
fn place_of(topology: &Topology, queue: &Queue) -> String {
    let broker = &topology.brokers.brokers[queue.broker as usize].name;
    let name = queue.name.strip_prefix(broker.as_str()).and_then(|rest| rest.strip_prefix('.')).unwrap_or(&queue.name);
    let list = if queue.rules.is_log() { "topics" } else { "queues" };
    format!("brokers.{}.{list}.{}", quoted(broker), quoted(name))
}

fn queue_of<'t>(topology: &'t Topology, consumer: &Consumer) -> &'t Queue {
    &topology.brokers.queues[consumer.queue as usize]
}

fn span(seconds: f64) -> Nanos {
    Nanos((seconds * 1e9).round() as u64)
}

// -- load ------------------------------------------------------------------------------------------------------------

/// A queue is there for peaks, so it is the mean of the run that counts.
fn overloaded(topology: &Topology, visits: &[Visit], held: &mut Vec<Option<f64>>) -> Vec<Finding> {
    let end = Instant::START + topology.duration;
    let Some(flow) = flow(topology, visits, |plan| plan.mean(end)) else { return Vec::new() };
    let mut findings = Vec::new();
    for (number, queue) in topology.brokers.queues.iter().enumerate() {
        let consumers: Vec<&Consumer> = topology.brokers.consumers.iter().filter(|consumer| consumer.queue as usize == number).collect();
        let Some(first) = consumers.first() else { continue };
        let can: f64 = consumers.iter().map(|consumer| capacity(topology, visits, consumer, held)).sum();
        let comes = flow.messages[number];
        if comes <= can {
            continue;
        }
        findings.push(warning(
            "overloaded-consumer",
            format!(
                "`{}` gets {comes:.0} messages a second on average, and its consumers handle {can:.0}: what waits grows all the time",
                queue.name
            ),
            path_of(first),
            "give the consumer's service more `replicas`, the consumer more `concurrency` (or `prefetch`), or publish less",
        ));
    }
    findings
}

/// Whether something keeps a queue from growing for ever.
fn is_bound(topology: &Topology, number: u32, queue: &Queue) -> bool {
    let mut into = topology.brokers.publications.iter().filter(|publication| publication.queues.contains(&number));
    let expires = into.all(|publication| publication.ttl.is_some());
    match &queue.rules {
        Rules::Rabbitmq(QueueRules { message_ttl, max_length, max_bytes, .. }) => {
            expires || message_ttl.is_some() || max_length.is_some() || max_bytes.is_some()
        }
        Rules::ServiceBus(rules) => expires || rules.ttl.is_some() || rules.max_bytes.is_some(),
        // They keep nothing for ever.
        Rules::Sqs(_) | Rules::Topic(_) | Rules::Group { .. } => true,
    }
}

fn unread(topology: &Topology) -> Vec<Finding> {
    let brokers = &topology.brokers;
    let mut findings = Vec::new();
    for (number, queue) in brokers.queues.iter().enumerate() {
        let number = number as u32;
        let published = brokers.publications.iter().any(|publication| publication.queues.contains(&number));
        let read = brokers.consumers.iter().any(|consumer| consumer.queue == number);
        // Who looks after dead letters is no part of a model.
        let takes_dead = brokers.queues.iter().any(|other| other.dead_letter == Some(number));
        if !published || read || takes_dead || is_bound(topology, number, queue) {
            continue;
        }
        let message = format!("messages are published to `{}`, which nobody consumes and nothing bounds: it grows for ever", queue.name);
        findings.push(warning("unread-queue", message, place_of(topology, queue), "add a consumer, or a bound such as `messageTtl`"));
    }
    findings
}

// -- publishers ------------------------------------------------------------------------------------------------------

/// What the endpoint of a broker publishes.
fn publication(topology: &Topology, endpoint: EndpointId) -> Option<&Publication> {
    let entry = topology.endpoints[endpoint.index()].entry;
    match topology.steps.get(entry.index() + 1) {
        Some(Step::Enqueue(number)) => topology.brokers.publications.get(*number as usize),
        _ => None,
    }
}

/// Whether a call is a broker's own, or one that its caller does not wait for, or not without an end.
pub(super) fn nobody_waits(topology: &Topology, site: SiteId) -> bool {
    let brokers = &topology.brokers;
    let place = &topology.sites[site.index()];
    let by_broker = matches!(place.caller, Caller::Endpoint(endpoint) if brokers.has(topology.endpoints[endpoint.index()].service));
    let relays = |step: StepId| matches!(topology.steps[step.index()], Step::Call(call) if call == site);
    let relayed = || brokers.announcements.iter().filter_map(|a| a.outbox.as_ref()).any(|relay| relays(relay.body));
    let asked = || topology.steps.iter().any(|step| matches!(step, Step::Ask { site: asked, .. } if *asked == site));
    let to_broker = brokers.has(place.service);
    by_broker
        || (to_broker && (publication(topology, place.callee).is_none() || brokers.unconfirmed.contains(&site) || relayed() || asked()))
}

/// Publications whose outcome nobody waits for, to queues that are made to keep what they get.
fn unconfirmed(topology: &Topology) -> Vec<Finding> {
    let mut findings = Vec::new();
    for site in &topology.brokers.unconfirmed {
        let site = &topology.sites[site.index()];
        let Some(publication) = publication(topology, site.callee) else { continue };
        let kept = |queue: &&u32| topology.brokers.queues[**queue as usize].durable;
        let Some(queue) = publication.queues.iter().find(kept).filter(|_| publication.persistent) else { continue };
        let (who, queue) = (caller_name(topology, site.caller), &topology.brokers.queues[*queue as usize].name);
        let message = format!("`{who}` publishes to `{queue}` without a confirm: what is lost on the way is lost without a word");
        let help = "add `confirm: true` and a policy that tries again; or `persistent: false` of RabbitMQ, if it may be lost";
        findings.push(warning("unconfirmed-publish", message, site.path_in_model.clone(), help));
    }
    findings
}

fn all_may_be_one(topology: &Topology) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, queue) in topology.brokers.queues.iter().enumerate() {
        let Rules::Topic(rules) = &queue.rules else { continue };
        let waits = |publication: &Publication| publication.acks == Acks::All && publication.queues.contains(&(number as u32));
        if rules.min_insync > 1 || rules.replication < 2 || !topology.brokers.publications.iter().any(waits) {
            continue;
        }
        let message = format!(
            "publishers wait for all copies of `{}` that are in sync, and the leader's alone is enough for that: what it then takes is lost with it",
            queue.name
        );
        findings.push(warning("all-may-be-one", message, place_of(topology, queue), "set `minInSyncReplicas: 2`"));
    }
    findings
}

// -- consumers -------------------------------------------------------------------------------------------------------

fn of_rabbitmq(topology: &Topology, visit: &Visit, consumer: &Consumer) -> Vec<Finding> {
    let queue = queue_of(topology, consumer);
    let (Rules::Rabbitmq(rules), Receives::Rabbitmq { prefetch, .. }) = (&queue.rules, &consumer.receives) else { return Vec::new() };
    let mut findings = Vec::new();
    let poisoned = |fault: &crate::topology::Fault| matches!(fault.action, FaultAction::Poison { queue, .. } if queue == consumer.queue);
    let may_fail = visit.to_the_end < 1.0 || !visit.calls.is_empty() || topology.faults.iter().any(poisoned);
    let back = matches!(consumer.on_error, OnError::Settle(Settle::Nack { requeue: true } | Settle::Reject { requeue: true }));
    if back && may_fail && !consumer.auto_ack && consumer.retry.is_none() && rules.delivery_limit.is_none() {
        findings.push(warning(
            "hot-loop",
            format!("`{}` gives back at once what it cannot handle, and gets it again at once, for ever", consumer.name),
            path_of(consumer),
            "write `onError: {nack: {requeue: false}}` with a `deadLetter` queue, or make the queue `type: quorum`, which has a limit",
        ));
    }
    if *prefetch == 0 && !consumer.auto_ack {
        findings.push(Finding {
            weight: Weight::Note,
            ..warning(
                "unlimited-prefetch",
                format!(
                    "`{}` has no `prefetch`: all that waits is sent to those who are there, and none of it to who comes later",
                    consumer.name
                ),
                path_of(consumer),
                format!("set `prefetch`, for example to {}: twice what a replica works on at once", 2 * at_once(topology, consumer)),
            )
        });
    }
    findings
}

fn at_most_once(topology: &Topology, consumer: &Consumer) -> Option<Finding> {
    let deletes = matches!(&consumer.receives, Receives::ServiceBus(receiving) if receiving.mode == Mode::ReceiveAndDelete);
    let first = matches!(&queue_of(topology, consumer).rules, Rules::Group { rules, .. } if rules.commit == Commit::BeforeHandling);
    if !(consumer.auto_ack || deletes || first) {
        return None;
    }
    let message = format!("what `{}` has been sent counts as handled: if it dies or fails, that is lost", consumer.name);
    let help = if first { "write `commit: perPoll` or `perRecord`" } else { "take `autoAck` out" };
    Some(Finding { weight: Weight::Note, ..warning("at-most-once", message, path_of(consumer), help) })
}

/// How long a message is a consumer's, against how long that takes on average with all that came with it.
fn handled_twice(topology: &Topology, consumer: &Consumer, seconds: f64) -> Option<Finding> {
    let (what, key, lasts, room) = match (&queue_of(topology, consumer).rules, &consumer.receives) {
        (Rules::Sqs(rules), Receives::Sqs(polling)) => ("visible again", "visibilityTimeout", rules.visibility, polling.batch),
        (Rules::ServiceBus(rules), Receives::ServiceBus(receiving)) if receiving.mode == Mode::PeekLock => {
            ("unlocked", "lockDuration` or `renewFor", rules.lock.max(receiving.renew_for), receiving.room)
        }
        _ => return None,
    };
    let turns = room.div_ceil(at_once(topology, consumer)).max(1);
    let takes = span(seconds * f64::from(turns));
    if takes <= lasts {
        return None;
    }
    let message =
        format!("`{}` takes {takes} on average to be done with what it gets at once, which is {what} after {lasts}", consumer.name);
    let help = format!("raise `{key}` well above the longest time that a message takes, or take fewer at once");
    Some(warning("handled-twice", message, path_of(consumer), help))
}

fn poll_too_long(topology: &Topology, consumer: &Consumer, seconds: f64) -> Option<Finding> {
    let Rules::Group { rules, .. } = &queue_of(topology, consumer).rules else { return None };
    let takes = span(seconds * f64::from(rules.max_poll_records));
    if takes <= rules.max_poll_interval {
        return None;
    }
    let message = format!(
        "a full poll of `{}`, {} records, takes {takes} on average, and who takes longer than {} loses its partitions",
        consumer.name, rules.max_poll_records, rules.max_poll_interval
    );
    Some(warning("poll-too-long", message, path_of(consumer), "lower `maxPollRecords`, or raise `maxPollInterval`"))
}

fn idle_members(topology: &Topology) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, queue) in topology.brokers.queues.iter().enumerate() {
        let Rules::Group { topic, .. } = queue.rules else { continue };
        let partitions = topology.brokers.queues[topic as usize].rules.partitions() as usize;
        let of_group: Vec<&Consumer> = topology.brokers.consumers.iter().filter(|consumer| consumer.queue as usize == number).collect();
        let members_of = |consumer: &&Consumer| consumer.connections as usize * topology.services[consumer.service.index()].replicas.len();
        let members: usize = of_group.iter().map(members_of).sum();
        let Some(first) = of_group.first().filter(|_| members > partitions) else { continue };
        let message =
            format!("`{}` has {members} members for {partitions} partitions: {} of them do nothing", queue.name, members - partitions);
        findings.push(warning("idle-members", message, path_of(first), "give the topic more `partitions`, or the group fewer members"));
    }
    findings
}
