//! A queue of whatever kind of broker, as the world sees it: one way to publish, to subscribe and to settle.
//!
//! Kafka is another thing, with offsets in place of settled messages; see [`super::log`].

use super::Message;
use crate::base::time::{Instant, Nanos};
use crate::policy::broker::rabbitmq::deaths::Reason;
use crate::policy::broker::rabbitmq::queue as rabbitmq;
use crate::policy::broker::servicebus::queue as servicebus;
use crate::policy::broker::servicebus::rules as servicebus_rules;
use crate::policy::broker::sqs::queue as sqs;
use crate::policy::broker::sqs::rules as sqs_rules;
use crate::topology::broker::{Receives, Rules, Settle};

pub(super) enum Engine {
    Rabbitmq(rabbitmq::Queue<Message>, Vec<rabbitmq::Answer<Message>>),
    Sqs(sqs::Queue<Message>),
    ServiceBus(servicebus::Queue<Message>),
    /// A topic, or a group that reads one: what they hold is in [`super::log`].
    Kafka,
}

/// What is to be done.
pub(super) enum Answer {
    Deliver {
        consumer: u32,
        tag: u32,
        message: Message,
        redelivered: bool,
        nth: u32,
    },
    /// Given up; to whoever takes the dead, unless `for_good`.
    Dead {
        message: Message,
        reason: Reason,
        for_good: bool,
    },
}

/// How a message comes.
#[derive(Clone, Copy, Default)]
pub(super) struct Sent {
    pub bytes: u32,
    pub ttl: Option<Nanos>,
    pub delay: Option<Nanos>,
    /// Of what orders messages among each other.
    pub group: u32,
    /// What makes two of them one.
    pub id: Option<u64>,
    /// When it was sent first, if another queue has given it up to this one.
    pub since: Option<Instant>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Published {
    Taken,
    Refused,
    /// The same has come already: the publisher hears that it was taken.
    Duplicate,
}

impl Engine {
    pub fn new(rules: &Rules) -> Engine {
        match rules {
            Rules::Rabbitmq(_) => Engine::Rabbitmq(rabbitmq::Queue::default(), Vec::new()),
            Rules::Sqs(_) => Engine::Sqs(sqs::Queue::default()),
            Rules::ServiceBus(_) => Engine::ServiceBus(servicebus::Queue::default()),
            Rules::Topic(_) | Rules::Group { .. } => Engine::Kafka,
        }
    }

    pub fn ready(&self) -> usize {
        match self {
            Engine::Rabbitmq(queue, _) => queue.ready(),
            Engine::Sqs(queue) => queue.ready() + queue.delayed(),
            Engine::ServiceBus(queue) => queue.ready() + queue.scheduled() + queue.deferred(),
            Engine::Kafka => 0,
        }
    }

    pub fn unacked(&self) -> usize {
        match self {
            Engine::Rabbitmq(queue, _) => queue.unacked(),
            Engine::Sqs(queue) => queue.unacked(),
            Engine::ServiceBus(queue) => queue.unacked(),
            Engine::Kafka => 0,
        }
    }

    /// When the message that is next was published.
    pub fn oldest(&self) -> Option<Instant> {
        match self {
            Engine::Rabbitmq(queue, _) => queue.head().map(|head| head.message.published),
            Engine::Sqs(queue) => queue.next().map(|message| message.published),
            Engine::ServiceBus(queue) => queue.next().map(|message| message.published),
            Engine::Kafka => None,
        }
    }

    pub fn wakes_at(&self) -> Instant {
        match self {
            Engine::Rabbitmq(queue, _) => queue.expires_at(),
            Engine::Sqs(queue) => queue.wakes_at(),
            Engine::ServiceBus(queue) => queue.wakes_at(),
            Engine::Kafka => Instant::NEVER,
        }
    }

    pub fn wake(&mut self, rules: &Rules, now: Instant, answers: &mut Vec<Answer>) {
        match (self, rules) {
            (Engine::Rabbitmq(queue, own), Rules::Rabbitmq(_)) => of_rabbitmq(own, answers, |answers| queue.expire(now, answers)),
            (Engine::Sqs(queue), Rules::Sqs(rules)) => of_sqs(answers, |answers| queue.wake(rules, now, answers)),
            (Engine::ServiceBus(queue), Rules::ServiceBus(rules)) => of_service_bus(answers, |answers| queue.wake(rules, now, answers)),
            _ => {}
        }
    }

    pub fn publish(&mut self, rules: &Rules, message: Message, sent: Sent, now: Instant, answers: &mut Vec<Answer>) -> Published {
        match (self, rules) {
            (Engine::Rabbitmq(queue, own), Rules::Rabbitmq(rules)) => {
                let published = of_rabbitmq(own, answers, |answers| queue.publish(rules, message, sent.bytes, sent.ttl, now, answers));
                if published == rabbitmq::Published::Taken { Published::Taken } else { Published::Refused }
            }
            (Engine::Sqs(queue), Rules::Sqs(rules)) => {
                let how = sqs_rules::Sending { delay: sent.delay, group: sent.group, deduplication: sent.id, since: sent.since };
                match of_sqs(answers, |answers| queue.publish(rules, message, how, now, answers)) {
                    sqs_rules::Published::Taken => Published::Taken,
                    sqs_rules::Published::Duplicate => Published::Duplicate,
                    sqs_rules::Published::Refused => Published::Refused,
                }
            }
            (Engine::ServiceBus(queue), Rules::ServiceBus(rules)) => {
                let enqueue_at = sent.delay.map(|delay| now + delay);
                let how = servicebus_rules::Sending { bytes: sent.bytes, ttl: sent.ttl, session: sent.group, id: sent.id, enqueue_at };
                match of_service_bus(answers, |answers| queue.publish(rules, message, how, now, answers)) {
                    servicebus_rules::Published::Taken => Published::Taken,
                    servicebus_rules::Published::Duplicate => Published::Duplicate,
                    servicebus_rules::Published::QuotaExceeded => Published::Refused,
                }
            }
            _ => Published::Refused,
        }
    }

    pub fn subscribe(&mut self, rules: &Rules, how: &Receives, now: Instant, answers: &mut Vec<Answer>) -> u32 {
        match (self, rules, how) {
            (Engine::Rabbitmq(queue, own), Rules::Rabbitmq(rules), Receives::Rabbitmq { prefetch, priority }) => {
                of_rabbitmq(own, answers, |answers| queue.subscribe(rules, *prefetch, *priority, now, answers))
            }
            (Engine::Sqs(queue), Rules::Sqs(rules), Receives::Sqs(polling)) => {
                of_sqs(answers, |answers| queue.subscribe(rules, *polling, now, answers))
            }
            (Engine::ServiceBus(queue), Rules::ServiceBus(rules), Receives::ServiceBus(receiving)) => {
                of_service_bus(answers, |answers| queue.subscribe(rules, *receiving, now, answers))
            }
            _ => unreachable!("a consumer receives as its queue's kind has it"),
        }
    }

    /// A consumer has gone without a word.
    pub fn lose(&mut self, rules: &Rules, consumer: u32, now: Instant, answers: &mut Vec<Answer>) {
        match (self, rules) {
            (Engine::Rabbitmq(queue, own), Rules::Rabbitmq(rules)) => {
                of_rabbitmq(own, answers, |answers| queue.unsubscribe(rules, consumer, now, answers));
            }
            (Engine::Sqs(queue), Rules::Sqs(_)) => queue.unsubscribe(consumer),
            (Engine::ServiceBus(queue), Rules::ServiceBus(rules)) => {
                of_service_bus(answers, |answers| queue.lose(rules, consumer, now, answers));
            }
            _ => {}
        }
    }

    /// The broker, or the node that led the queue, has gone: consumers too. What is lost with it is counted.
    pub fn restart(&mut self, rules: &Rules, survives: impl Fn(&Message) -> bool, now: Instant, answers: &mut Vec<Answer>) -> usize {
        match (self, rules) {
            (Engine::Rabbitmq(queue, own), Rules::Rabbitmq(rules)) => {
                return of_rabbitmq(own, answers, |answers| queue.restart(rules, survives, answers));
            }
            (Engine::Sqs(queue), _) => queue.restart(),
            (Engine::ServiceBus(queue), Rules::ServiceBus(rules)) => {
                of_service_bus(answers, |answers| queue.restart(rules, now, answers));
            }
            _ => {}
        }
        0
    }

    /// False if it came too late: the message has been, or will be, given to somebody else.
    pub fn settle(&mut self, rules: &Rules, tag: u32, how: Settle, now: Instant, answers: &mut Vec<Answer>) -> bool {
        match (self, rules) {
            (Engine::Rabbitmq(queue, own), Rules::Rabbitmq(rules)) => {
                let how = match how {
                    Settle::Ack | Settle::Leave => rabbitmq::Settled::Ack,
                    Settle::Nack { requeue } => rabbitmq::Settled::Nack { requeue },
                    Settle::Reject { requeue } => rabbitmq::Settled::Reject { requeue },
                    Settle::Back { .. } => rabbitmq::Settled::Nack { requeue: true },
                };
                of_rabbitmq(own, answers, |answers| queue.settle(rules, tag, how, now, answers));
                true
            }
            (Engine::Sqs(queue), Rules::Sqs(rules)) => {
                let how = match how {
                    Settle::Ack => sqs_rules::Settled::Delete,
                    Settle::Back { after } => sqs_rules::Settled::Return { after },
                    Settle::Leave | Settle::Nack { .. } | Settle::Reject { .. } => sqs_rules::Settled::Leave,
                };
                of_sqs(answers, |answers| queue.settle(rules, tag, how, now, answers))
            }
            (Engine::ServiceBus(queue), Rules::ServiceBus(rules)) => {
                let how = match how {
                    Settle::Ack => servicebus_rules::Settled::Complete,
                    Settle::Nack { requeue: false } | Settle::Reject { requeue: false } => servicebus_rules::Settled::DeadLetter,
                    Settle::Nack { .. } | Settle::Reject { .. } | Settle::Back { .. } | Settle::Leave => servicebus_rules::Settled::Abandon,
                };
                of_service_bus(answers, |answers| queue.settle(rules, tag, how, now, answers))
            }
            _ => false,
        }
    }
}

/// `own` is empty before and after: it is kept for its room.
fn of_rabbitmq<T>(
    own: &mut Vec<rabbitmq::Answer<Message>>,
    answers: &mut Vec<Answer>,
    act: impl FnOnce(&mut Vec<rabbitmq::Answer<Message>>) -> T,
) -> T {
    let result = act(own);
    answers.extend(own.drain(..).map(|answer| match answer {
        rabbitmq::Answer::Deliver { consumer, tag, message, redelivered, nth } => {
            Answer::Deliver { consumer, tag, message, redelivered, nth }
        }
        rabbitmq::Answer::Dead { message, reason } => Answer::Dead { message, reason, for_good: false },
    }));
    result
}

fn of_sqs<T>(answers: &mut Vec<Answer>, act: impl FnOnce(&mut Vec<sqs_rules::Answer<Message>>) -> T) -> T {
    let mut own = Vec::new();
    let result = act(&mut own);
    answers.extend(own.into_iter().filter_map(|answer| match answer {
        sqs_rules::Answer::Deliver { consumer, tag, message, redelivered, nth } => {
            Some(Answer::Deliver { consumer, tag, message, redelivered, nth })
        }
        sqs_rules::Answer::Dead { message, reason, .. } => Some(match reason {
            sqs_rules::Reason::MaxReceives => Answer::Dead { message, reason: Reason::DeliveryLimit, for_good: false },
            sqs_rules::Reason::Expired => Answer::Dead { message, reason: Reason::Expired, for_good: true },
        }),
        sqs_rules::Answer::OverLimit { .. } => None,
    }));
    result
}

fn of_service_bus<T>(answers: &mut Vec<Answer>, act: impl FnOnce(&mut Vec<servicebus_rules::Answer<Message>>) -> T) -> T {
    let mut own = Vec::new();
    let result = act(&mut own);
    answers.extend(own.into_iter().map(|answer| match answer {
        servicebus_rules::Answer::Deliver { consumer, tag, message, redelivered, nth, .. } => {
            Answer::Deliver { consumer, tag, message, redelivered, nth }
        }
        servicebus_rules::Answer::Dead { message, reason } => {
            let reason = match reason {
                servicebus_rules::Reason::MaxDeliveryCountExceeded => Reason::DeliveryLimit,
                servicebus_rules::Reason::Expired => Reason::Expired,
                servicebus_rules::Reason::DeadLettered => Reason::Rejected,
            };
            Answer::Dead { message, reason, for_good: false }
        }
        servicebus_rules::Answer::Expired { message } => Answer::Dead { message, reason: Reason::Expired, for_good: true },
    }));
    result
}
