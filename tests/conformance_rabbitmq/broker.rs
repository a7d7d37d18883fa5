//! A broker made of the pure policies, in virtual time: it takes a scenario's steps and tells what was seen, in the words of the records.
//!
//! It does here what the simulator's world does there: it hands dead letters to exchanges, and rings when messages expire. A step takes
//! no time, but a wait does.

use brownout::base::time::{Instant, Nanos};
use brownout::policy::broker::rabbitmq::deaths::{Deaths, Reason};
use brownout::policy::broker::rabbitmq::exchange::{Binding, Condition, route};
use brownout::policy::broker::rabbitmq::queue::{Answer, Overflow, Published, Queue, QueueKind, QueueRules, Settled};
use brownout::policy::broker::rabbitmq::topic::TopicPattern;
use serde_json::{Map, Value, json};

/// A message, or one queue's copy of it.
#[derive(Clone)]
struct Message {
    name: String,
    key: String,
    headers: Vec<(String, String)>,
    persistent: bool,
    bytes: u32,
    deaths: Deaths<usize>,
}

struct Exchange {
    name: String,
    kind: String,
    bindings: Vec<Binding<usize>>,
}

struct Declared {
    name: String,
    /// False if it went with the broker.
    exists: bool,
    durable: bool,
    rules: QueueRules,
    dead_letters_to: Option<String>,
    dead_letter_key: Option<String>,
    queue: Queue<usize>,
    /// Names of consumers, by the queue's numbers of them.
    consumers: Vec<String>,
}

/// A delivery that is not settled.
struct InHand {
    consumer: String,
    queue: usize,
    tag: u32,
    message: String,
}

pub struct Broker {
    version: (u32, u32),
    now: Instant,
    exchanges: Vec<Exchange>,
    queues: Vec<Declared>,
    messages: Vec<Message>,
    in_hand: Vec<InHand>,
    /// Of this step: by consumer, what has come.
    delivered: Vec<(String, Vec<Value>)>,
}

/// How a consumer goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Farewell {
    /// It wants no more, and keeps what it has.
    Cancel,
    /// It closes its channel.
    Close,
    /// Its connection breaks.
    Lose,
}

const DRAIN: &str = "drain";

impl Broker {
    /// As a version of RabbitMQ has it.
    pub fn new(version: &str) -> Broker {
        let mut numbers = version.split('.').map(|number| number.parse().expect("a version has numbers"));
        let version = (numbers.next().expect("a major number"), numbers.next().expect("a minor number"));
        Broker {
            version,
            now: Instant::START,
            exchanges: Vec::new(),
            queues: Vec::new(),
            messages: Vec::new(),
            in_hand: Vec::new(),
            delivered: Vec::new(),
        }
    }

    /// Takes a step, and tells what was seen.
    pub fn take(&mut self, step: &Value) -> Value {
        self.delivered.clear();
        let mut seen = Map::new();
        let word = |word: &str| step.get(word).is_some();
        match () {
            () if word("exchange") => self.declare_exchange(step),
            () if word("publish") => self.publish(step, &mut seen),
            () if word("subscribe") => self.subscribe(text(&step["subscribe"]), step),
            () if word("settle") => self.settle(step),
            () if word("cancel") => self.leave(text(&step["cancel"]), Farewell::Cancel),
            () if word("close") => self.leave(text(&step["close"]), Farewell::Close),
            () if word("lose") => self.leave(text(&step["lose"]), Farewell::Lose),
            () if word("bind") => self.bind(step),
            () if word("wait") => self.wait(Nanos::from_millis(number(&step["wait"]))),
            () if word("restart") => self.restart(),
            () if word("drain") => self.drain(step, &mut seen),
            () if word("count") => self.count(step, &mut seen),
            () if word("queue") => self.declare_queue(step),
            () => panic!("nobody knows what {step} is"),
        }
        if !self.delivered.is_empty() {
            let delivered = self.delivered.drain(..).map(|(consumer, deliveries)| (consumer, deliveries.into()));
            seen.insert("delivered".into(), delivered.collect::<Map<_, _>>().into());
        }
        seen.into()
    }

    // -- declaring ---------------------------------------------------------------------------------------------------

    fn declare_exchange(&mut self, step: &Value) {
        let (name, kind) = (text(&step["exchange"]).to_string(), text(&step["type"]).to_string());
        self.exchanges.push(Exchange { name, kind, bindings: Vec::new() });
    }

    fn declare_queue(&mut self, step: &Value) {
        let arguments = &step["arguments"];
        let written = |name: &str| arguments.get(name).map(|value| text(value).to_string());
        let rules = self.rules(arguments);
        self.queues.push(Declared {
            name: text(&step["queue"]).to_string(),
            exists: true,
            durable: step["durable"].as_bool().unwrap_or(true),
            rules: rules.validated().expect("the broker took these arguments"),
            dead_letters_to: written("x-dead-letter-exchange"),
            dead_letter_key: written("x-dead-letter-routing-key"),
            queue: Queue::default(),
            consumers: Vec::new(),
        });
    }

    fn rules(&self, arguments: &Value) -> QueueRules {
        let count = |name: &str| arguments.get(name).map(number);
        let kind = match arguments["x-queue-type"].as_str() {
            Some("quorum") => QueueKind::Quorum,
            None | Some("classic") => QueueKind::Classic,
            Some(other) => panic!("no kind of queue: {other}"),
        };
        // Since 4.0 there is a limit unless one says otherwise.
        let usual_limit = (kind == QueueKind::Quorum && self.version >= (4, 0)).then_some(20);
        QueueRules {
            kind,
            message_ttl: count("x-message-ttl").map(Nanos::from_millis),
            max_length: count("x-max-length"),
            max_bytes: count("x-max-length-bytes"),
            overflow: match arguments["x-overflow"].as_str() {
                None | Some("drop-head") => Overflow::DropHead,
                Some("reject-publish") => Overflow::RejectPublish,
                Some("reject-publish-dlx") => Overflow::RejectPublishDlx,
                Some(other) => panic!("no way to overflow: {other}"),
            },
            delivery_limit: count("x-delivery-limit").map(|limit| limit as u32).or(usual_limit),
            nack_counts: self.version < (4, 3),
            next_by_priority: self.version >= (4, 0),
            single_active: arguments["x-single-active-consumer"].as_bool().unwrap_or(false),
        }
    }

    fn bind(&mut self, step: &Value) {
        let queue = self.queue(text(&step["bind"]));
        let key = step.get("key").map_or("", text);
        let exchange = self.exchanges.iter_mut().find(|exchange| exchange.name == text(&step["to"])).expect("a declared exchange");
        let condition = match exchange.kind.as_str() {
            "direct" => Condition::Key(key.to_string()),
            "topic" => Condition::Topic(TopicPattern::new(key).expect("the broker took this pattern")),
            "fanout" => Condition::Always,
            "headers" => {
                let arguments = pairs(&step["arguments"]);
                let all = arguments.iter().all(|argument| *argument != ("x-match".to_string(), "any".to_string()));
                Condition::Headers { headers: arguments.into_iter().filter(|argument| argument.0 != "x-match").collect(), all }
            }
            other => panic!("no kind of exchange: {other}"),
        };
        exchange.bindings.push(Binding { queue, condition });
    }

    fn queue(&self, name: &str) -> usize {
        self.queues.iter().position(|queue| queue.name == name && queue.exists).unwrap_or_else(|| panic!("no queue {name}"))
    }

    // -- publishing --------------------------------------------------------------------------------------------------

    fn publish(&mut self, step: &Value, seen: &mut Map<String, Value>) {
        let (mut confirms, mut returned) = (Vec::new(), Vec::new());
        for name in texts(&step["publish"]) {
            let message = Message {
                name: name.to_string(),
                key: step.get("key").map_or("", text).to_string(),
                headers: pairs(&step["headers"]),
                persistent: step["persistent"].as_bool().unwrap_or(false),
                bytes: step.get("bytes").map_or(1, number) as u32,
                deaths: Deaths::default(),
            };
            let ttl = step.get("ttl").map(|millis| Nanos::from_millis(number(millis)));
            let targets = self.route(step.get("to").map_or("", text), &message);
            if targets.is_empty() && step["mandatory"].as_bool().unwrap_or(false) {
                returned.push(name);
            }
            let mut taken = true;
            for queue in targets {
                taken &= self.enqueue(queue, message.clone(), ttl) == Published::Taken;
            }
            confirms.push(if taken { "ack" } else { "nack" });
        }
        seen.insert("confirms".into(), json!(confirms));
        if !returned.is_empty() {
            seen.insert("returned".into(), json!(returned));
        }
    }

    /// The queues that an exchange sends a message to; none if there is no such exchange.
    fn route(&self, exchange: &str, message: &Message) -> Vec<usize> {
        if exchange.is_empty() {
            let named = |(_, queue): &(usize, &Declared)| queue.exists && queue.name == message.key;
            return self.queues.iter().enumerate().filter(named).map(|(queue, _)| queue).collect();
        }
        let bindings = self.exchanges.iter().find(|other| other.name == exchange).map_or(&[][..], |exchange| &exchange.bindings);
        route(bindings, &message.key, &message.headers)
    }

    fn enqueue(&mut self, queue: usize, message: Message, ttl: Option<Nanos>) -> Published {
        let (number, bytes) = (self.messages.len(), message.bytes);
        self.messages.push(message);
        let mut answers = Vec::new();
        let state = &mut self.queues[queue];
        let published = state.queue.publish(&state.rules, number, bytes, ttl, self.now, &mut answers);
        self.heed(queue, answers);
        published
    }

    fn heed(&mut self, queue: usize, answers: Vec<Answer<usize>>) {
        for answer in answers {
            match answer {
                Answer::Deliver { consumer, tag, message, redelivered, .. } => self.arrives(queue, consumer, tag, message, redelivered),
                Answer::Dead { message, reason } => self.dies(queue, message, reason),
            }
        }
    }

    fn arrives(&mut self, queue: usize, consumer: u32, tag: u32, message: usize, redelivered: bool) {
        let state = &self.queues[queue];
        let consumer = state.consumers[consumer as usize].clone();
        let returns = state.queue.in_hand(tag).expect("it has just been delivered").returns;
        let Message { name, deaths, .. } = &self.messages[message];
        let mut told = Map::from_iter([("message".to_string(), json!(name))]);
        if redelivered {
            told.insert("redelivered".into(), json!(true));
        }
        if !deaths.entries().is_empty() {
            let words = deaths.entries().iter().map(|(queue, reason, count)| json!([self.queues[*queue].name, reason.word(), count]));
            told.insert("deaths".into(), words.collect());
        }
        if returns > 0 && state.rules.kind == QueueKind::Quorum {
            told.insert("returns".into(), json!(returns));
        }
        self.in_hand.push(InHand { consumer: consumer.clone(), queue, tag, message: name.clone() });
        match self.delivered.iter_mut().find(|(name, _)| *name == consumer) {
            Some((_, deliveries)) => deliveries.push(told.into()),
            None => self.delivered.push((consumer, vec![told.into()])),
        }
    }

    /// To the queue's dead-letter exchange, without its own time to live; what only goes round is dropped, and nobody is told if a full
    /// queue refuses it.
    fn dies(&mut self, queue: usize, message: usize, reason: Reason) {
        let state = &self.queues[queue];
        let Some(exchange) = state.dead_letters_to.clone() else { return };
        let mut letter = self.messages[message].clone();
        letter.deaths.die(queue, reason);
        if let Some(key) = &state.dead_letter_key {
            letter.key = key.clone();
        }
        for target in self.route(&exchange, &letter) {
            if !letter.deaths.would_cycle(target) {
                self.enqueue(target, letter.clone(), None);
            }
        }
    }

    // -- consumers ---------------------------------------------------------------------------------------------------

    fn subscribe(&mut self, name: &str, step: &Value) {
        let queue = self.queue(step.get("queue").map_or_else(|| text(&step[DRAIN]), text));
        let prefetch = step.get("prefetch").map_or(0, number) as u32;
        let priority = step["priority"].as_i64().unwrap_or(0) as i32;
        let mut answers = Vec::new();
        let state = &mut self.queues[queue];
        state.consumers.push(name.to_string());
        let number = state.queue.subscribe(&state.rules, prefetch, priority, self.now, &mut answers);
        assert_eq!(number as usize + 1, state.consumers.len());
        self.heed(queue, answers);
    }

    fn settle(&mut self, step: &Value) {
        let requeue = || step["requeue"].as_bool().expect("says whether it is wanted back");
        let how = match text(&step["with"]) {
            "ack" => Settled::Ack,
            "nack" => Settled::Nack { requeue: requeue() },
            "reject" => Settled::Reject { requeue: requeue() },
            other => panic!("no way to settle: {other}"),
        };
        for name in texts(&step["settle"]) {
            let is_it = |held: &InHand| held.message == name && step.get("by").is_none_or(|by| held.consumer == text(by));
            let place = self.in_hand.iter().position(is_it).unwrap_or_else(|| panic!("{step}: nobody has {name}"));
            let InHand { queue, tag, .. } = self.in_hand.remove(place);
            self.settle_one(queue, tag, how);
        }
    }

    fn settle_one(&mut self, queue: usize, tag: u32, how: Settled) {
        let mut answers = Vec::new();
        let state = &mut self.queues[queue];
        state.queue.settle(&state.rules, tag, how, self.now, &mut answers);
        self.heed(queue, answers);
    }

    fn leave(&mut self, name: &str, how: Farewell) {
        let is_it = |(queue, state): (usize, &Declared)| Some((queue, state.consumers.iter().position(|other| other == name)?));
        let (queue, consumer) = self.queues.iter().enumerate().find_map(is_it).unwrap_or_else(|| panic!("no consumer {name}"));
        let mut answers = Vec::new();
        let state = &mut self.queues[queue];
        // Of a channel that is closed, a quorum queue first hears that its consumers cancel.
        if how == Farewell::Cancel || how == Farewell::Close && state.rules.kind == QueueKind::Quorum {
            state.queue.cancel(&state.rules, consumer as u32, self.now, &mut answers);
        }
        if how != Farewell::Cancel {
            self.in_hand.retain(|held| held.consumer != name);
            state.queue.unsubscribe(&state.rules, consumer as u32, self.now, &mut answers);
        }
        self.heed(queue, answers);
    }

    /// Takes everything that a queue has, and acknowledges it.
    fn drain(&mut self, step: &Value, seen: &mut Map<String, Value>) {
        self.subscribe(DRAIN, step);
        let place = self.delivered.iter().position(|(consumer, _)| consumer == DRAIN);
        let drained = place.map_or_else(Vec::new, |place| self.delivered.remove(place).1);
        let (taken, kept): (Vec<_>, Vec<_>) = self.in_hand.drain(..).partition(|held| held.consumer == DRAIN);
        self.in_hand = kept;
        for InHand { queue, tag, .. } in taken {
            self.settle_one(queue, tag, Settled::Ack);
        }
        self.leave(DRAIN, Farewell::Close);
        let queue = self.queue(text(&step[DRAIN]));
        // Its name may be used again.
        self.queues[queue].consumers.last_mut().expect("it has just been there").clear();
        seen.insert("drained".into(), drained.into());
    }

    fn count(&self, step: &Value, seen: &mut Map<String, Value>) {
        let of = |what: &dyn Fn(&Queue<usize>) -> usize| {
            let counts = texts(&step["count"]).map(|name| (name.to_string(), json!(what(&self.queues[self.queue(name)].queue))));
            Value::from(counts.collect::<Map<_, _>>())
        };
        seen.insert("ready".into(), of(&Queue::ready));
        seen.insert("unacked".into(), of(&Queue::unacked));
    }

    // -- time --------------------------------------------------------------------------------------------------------

    fn wait(&mut self, span: Nanos) {
        let until = self.now + span;
        while let Some((queue, expires)) = self.next_expiry().filter(|(_, expires)| *expires <= until) {
            self.now = self.now.max(expires);
            let mut answers = Vec::new();
            self.queues[queue].queue.expire(self.now, &mut answers);
            self.heed(queue, answers);
        }
        self.now = until;
    }

    fn next_expiry(&self) -> Option<(usize, Instant)> {
        let expiries = self.queues.iter().enumerate().filter(|(_, queue)| queue.exists).map(|(q, queue)| (q, queue.queue.expires_at()));
        expiries.min_by_key(|(_, expires)| *expires)
    }

    fn restart(&mut self) {
        self.in_hand.clear();
        let mut answers = Vec::new();
        for state in &mut self.queues {
            state.exists &= state.durable;
            let (keeps_all, messages) = (state.rules.kind == QueueKind::Quorum, &self.messages);
            state.queue.restart(&state.rules, |message| keeps_all || messages[*message].persistent, &mut answers);
            state.consumers.clear();
        }
        assert!(answers.is_empty(), "no scenario lets a message die of a restart");
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

fn texts(value: &Value) -> impl Iterator<Item = &str> {
    value.as_array().unwrap_or_else(|| panic!("{value} is no list")).iter().map(text)
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no number"))
}

fn pairs(value: &Value) -> Vec<(String, String)> {
    let fields = value.as_object().map(|fields| fields.iter().map(|(name, value)| (name.clone(), text(value).to_string())));
    fields.map_or_else(Vec::new, Iterator::collect)
}
