//! Brokers at work: messages go into queues, deliveries are calls by the broker, and what comes of them settles the messages.
//!
//! A delivery is a job of the broker that nobody waits for: it makes the call that hands the message to a replica of the
//! consumers' service, and its end is the acknowledgement, or the lack of one. Such jobs *carry* something, at their slot in
//! [`Brokers::carried`]. Files: [`engine`] (queues of every kind), [`log`] (Kafka), [`publish`], [`deliver`], [`reply`] (requests whose answer is a message), [`outage`] (brokers and
//! consumers go and come, connections), [`trouble`] (faults of messaging), [`outbox`] (events and the
//! writes that they tell of).

mod deliver;
mod engine;
mod log;
mod outage;
mod outbox;
mod publish;
mod reply;
mod trouble;

use super::World;
use super::event::Kind;
use super::state::*;
use crate::base::id::StepId;
use crate::base::outcome::Outcome;
use crate::base::time::Instant;
use crate::engine::{AlarmId, Calendar};
use crate::observe::episode::Cause;
use crate::observe::watch::readings::Readings;
use crate::policy::broker::rabbitmq::deaths::Deaths;
use crate::policy::broker::rabbitmq::queue::Entry;
use crate::topology::Topology;
use crate::topology::broker::{Publication, Rules};
use deliver::Delivery;
use engine::{Answer, Engine};
use log::Logs;
use outage::Connection;
use outbox::Announced;
use reply::Waiter;
use std::collections::{BTreeMap, BTreeSet};
use trouble::Troubles;

pub(super) use publish::Taken;

/// A message in a queue or in a consumer's hands. As many of them may wait as memory holds, so what few have is kept elsewhere.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message {
    /// Of the request that published it.
    pub request: u64,
    pub published: Instant,
    pub path: u32,
    /// What few messages have, in `Brokers::extras`; nobody if it has nothing of it.
    pub extra: u32,
    pub cause: Cause,
    pub persistent: bool,
    /// No consumer can handle it.
    pub poison: bool,
}

/// What a message that waits costs: a million of them are 64 MB.
const _: () = assert!(size_of::<Entry<Message>>() <= 64);

/// What few messages have.
#[derive(Clone, Debug, Default)]
struct Extra {
    deaths: Deaths<u32>,
    /// Who waits for a reply; see [`reply`].
    reply: Option<u32>,
}

/// What a job on behalf of a broker or its users carries.
#[derive(Clone, Copy, Debug)]
enum Carried {
    Delivery(Delivery),
    /// Publishes a message whose reply this one waits for.
    Asks(u32),
    /// Brings the reply to this one to the broker.
    Replies(u32),
    /// Publishes the first row of this outbox.
    Relays(u32),
    /// Opens this connection.
    Connects(u32),
}

/// What changes of all brokers.
pub(super) struct Brokers {
    /// Some broker is there.
    on: bool,
    queues: Vec<QueueState>,
    /// Lists of answers for their room; one answer may ask for others.
    spare: Vec<Vec<Answer>>,
    logs: Logs,
    announced: Vec<Announced>,
    /// Per consumer that does so: what it has handled, and does not handle again.
    handled: Vec<BTreeSet<(u64, u32)>>,
    /// What they have begun with, by their job's slot: the broker may be gone when they are done.
    opened: BTreeMap<u32, (u64, u32)>,
    /// By the job's slot; shorter or empty where nothing is carried.
    carried: Vec<Option<Carried>>,
    extras: Vec<Extra>,
    free_extras: Vec<u32>,
    /// Consumers' replicas, consumer by consumer.
    connections: Vec<Connection>,
    waiters: BTreeMap<u32, Waiter>,
    next_waiter: u32,
    troubles: Troubles,
}

/// When something of a queue or a topic is due, and the alarm for it.
struct DueAlarm {
    id: AlarmId,
    rings: Instant,
}

impl DueAlarm {
    const NONE: DueAlarm = DueAlarm { id: AlarmId::NONE, rings: Instant::NEVER };

    /// Sets it for this time, or now if that is past: what comes back from a consumer may be too old already.
    fn set(&mut self, wakes: Instant, queue: u32, calendar: &mut Calendar) {
        if wakes == self.rings {
            return;
        }
        if self.id != AlarmId::NONE {
            calendar.call_off(self.id);
        }
        (self.rings, self.id) = (wakes, AlarmId::NONE);
        if wakes != Instant::NEVER {
            self.id = calendar.set_alarm(wakes.max(calendar.now()), Kind::QueueWakes as u8, queue);
        }
    }
}

struct QueueState {
    engine: Engine,
    /// Who has subscribed, by the queue's number of the subscription: a connection.
    subscribers: Vec<u32>,
    alarm: DueAlarm,
    /// Acknowledged when they were sent, and not yet handled.
    sent_on: u32,
    /// The node that leads; nobody while the queue cannot be used.
    leader: u32,
}

impl Brokers {
    pub fn new(topology: &Topology) -> Brokers {
        let all = &topology.brokers;
        let state = |queue: &crate::topology::broker::Queue| QueueState {
            engine: Engine::new(&queue.rules),
            subscribers: Vec::new(),
            alarm: DueAlarm::NONE,
            sent_on: 0,
            leader: queue.nodes[0],
        };
        let connections = outage::connections(topology);
        Brokers {
            on: !all.brokers.is_empty(),
            queues: all.queues.iter().map(state).collect(),
            spare: Vec::new(),
            logs: Logs::new(topology),
            announced: Announced::all(topology),
            handled: vec![BTreeSet::new(); all.consumers.len()],
            opened: BTreeMap::new(),
            carried: Vec::new(),
            extras: Vec::new(),
            free_extras: Vec::new(),
            connections,
            waiters: BTreeMap::new(),
            next_waiter: 0,
            troubles: Troubles::default(),
        }
    }

    /// What a scraper reads as it stands.
    pub fn read(&self, readings: &mut Readings) {
        self.logs.read(readings);
    }

    /// Nothing waits for a consumer that is there or may come back.
    pub fn is_idle(&self, topology: &Topology) -> bool {
        let rests = |consumer: &crate::topology::broker::Consumer| {
            let engine = &self.queues[consumer.queue as usize].engine;
            engine.ready() == 0 && engine.unacked() == 0
        };
        !self.on || (self.logs.is_idle() && self.announced.iter().all(Announced::is_idle) && topology.brokers.consumers.iter().all(rests))
    }

    fn answers(&mut self) -> Vec<Answer> {
        self.spare.pop().unwrap_or_default()
    }

    fn carry(&mut self, job: u32, what: Carried) {
        if self.carried.len() <= job as usize {
            self.carried.resize(job as usize + 1, None);
        }
        self.carried[job as usize] = Some(what);
    }

    /// What is on its way over this connection is in nobody's hands any more.
    fn drop_deliveries(&mut self, connection: u32) {
        for carried in self.carried.iter_mut().flatten() {
            if let Carried::Delivery(delivery) = carried
                && delivery.connection == connection
            {
                delivery.stale = true;
            }
        }
    }

    fn extra(&mut self, extra: Extra) -> u32 {
        match self.free_extras.pop() {
            Some(free) => {
                self.extras[free as usize] = extra;
                free
            }
            None => {
                self.extras.push(extra);
                self.extras.len() as u32 - 1
            }
        }
    }

    /// A message is no more.
    fn forget(&mut self, message: Message) {
        if message.extra != NOBODY {
            self.free_extras.push(message.extra);
        }
    }

    /// How often a message has died: in other queues, or in this one before it came back.
    fn deaths_of(&self, message: Message) -> u32 {
        if message.extra == NOBODY {
            return 0;
        }
        self.extras[message.extra as usize].deaths.entries().iter().map(|(_, _, times)| *times).sum()
    }

    fn reply_of(&self, message: Message) -> Option<u32> {
        if message.extra == NOBODY { None } else { self.extras[message.extra as usize].reply }
    }
}

impl World<'_> {
    /// What waits at the start is there, then consumers subscribe.
    pub(super) fn start_brokers(&mut self) {
        for (number, queue) in self.topology.brokers.queues.iter().enumerate() {
            let own = self.keys.queues[number];
            for count in 0..u64::from(queue.preload) {
                let message = Message {
                    request: (own & 0xff_ffff) << 40 | count,
                    published: Instant::START,
                    path: own as u32,
                    extra: NOBODY,
                    cause: Cause::NONE,
                    persistent: true,
                    poison: false,
                };
                self.preload(number as u32, message, queue.preload_bytes);
            }
        }
        for connection in 0..self.brokers.connections.len() as u32 {
            self.subscribe(connection);
        }
    }

    /// Does what a queue answers.
    fn heed_queue(&mut self, queue: u32, mut answers: Vec<Answer>) {
        for answer in answers.drain(..) {
            match answer {
                Answer::Deliver { consumer, tag, message, redelivered, nth } => {
                    self.recorder.message_delivered(queue, redelivered);
                    self.deliver(queue, consumer, tag, message, nth);
                }
                Answer::Dead { message, reason, for_good } => self.message_dies(queue, message, reason, for_good),
            }
        }
        if answers.capacity() > 0 {
            self.brokers.spare.push(answers);
        }
        let now = self.now();
        let state = &mut self.brokers.queues[queue as usize];
        let oldest = state.engine.oldest();
        let held = state.engine.unacked() as u64 + u64::from(state.sent_on);
        self.recorder.queue_depth(queue, (state.engine.ready() as u64, held), oldest, now);
        state.alarm.set(state.engine.wakes_at(), queue, &mut self.calendar);
    }

    pub(super) fn queue_wakes(&mut self, queue: u32) {
        let now = self.now();
        let rules = &self.topology.brokers.queues[queue as usize].rules;
        if let Rules::Topic(_) = rules {
            return self.topic_is_due(queue);
        }
        let mut answers = self.brokers.answers();
        let state = &mut self.brokers.queues[queue as usize];
        state.alarm = DueAlarm::NONE;
        state.engine.wake(rules, now, &mut answers);
        self.heed_queue(queue, answers);
    }

    /// What orders a message among others: drawn once per request, the same for all that a broker is sent with such keys.
    fn message_key(&self, publication: &Publication, number: u32, request: u64) -> Option<u64> {
        let keys = publication.keys.as_ref()?;
        Some(keys.draw(&mut self.keys.publications[number as usize].draw(request, 0)))
    }

    /// Tells the record what became of writes and their events, at the end.
    pub(super) fn tell_announced(&mut self) {
        for (number, spec) in self.topology.brokers.announcements.iter().enumerate() {
            let counts = self.brokers.announced[number].counts();
            self.recorder.events_announced(spec.broker, counts);
        }
    }

    /// A job that carries something for a broker has ended.
    pub(super) fn carrier_ended(&mut self, job: u32, outcome: Outcome) {
        match self.brokers.carried[job as usize].expect("a carrier's job carries something") {
            Carried::Delivery(delivery) => self.delivery_ended(job, delivery, outcome),
            Carried::Asks(waiter) => self.question_ended(job, waiter, outcome),
            Carried::Replies(_) => self.free_carrier(job),
            Carried::Relays(announcement) => self.relay_ended(job, announcement, outcome),
            Carried::Connects(connection) => self.connection_ended(job, connection, outcome),
        }
    }

    /// A job that nobody waits for and that carries this, at its first step; it does not run yet.
    fn new_carrier(&mut self, replica: u32, step: StepId, (request, path): (u64, u32), cause: Cause, what: Carried) -> u32 {
        let arrived = self.now();
        let job = self.new_job(Job {
            request,
            arrived,
            call: NOBODY,
            replica,
            step: step.0,
            path,
            next: NOBODY,
            pending: 0,
            outcome: Outcome::OK,
            cause,
            state: JobState::Working,
            marks: mark::SPAWNED | mark::DELIVERY,
        });
        self.brokers.carry(job, what);
        job
    }

    fn free_carrier(&mut self, job: u32) {
        self.brokers.carried[job as usize] = None;
        self.free_job(job);
    }

    /// The job that a body is part of: an endpoint's.
    fn handler_of(&self, job: u32) -> u32 {
        let mut job = job;
        while self.jobs[job].marks & mark::CHILD != 0 && self.jobs[job].call != NOBODY {
            job = self.jobs[job].call;
        }
        job
    }

    /// What the job that made this one's call carries, if it carries something.
    fn carried_to(&self, job: u32) -> Option<(u32, Carried)> {
        let job = self.handler_of(job);
        let call = self.jobs[job].call;
        if call == NOBODY || self.calls[call].holds & hold::OF_JOB == 0 {
            return None;
        }
        let carrier = self.calls[call].parent;
        let carries = self.jobs[carrier].marks & (mark::SPAWNED | mark::DELIVERY) == mark::SPAWNED | mark::DELIVERY;
        if carries { self.brokers.carried[carrier as usize].map(|carried| (carrier, carried)) } else { None }
    }
}
