//! Brokers and consumers go and come, and the connections between them.

use super::{Carried, Message};
use crate::base::outcome::Outcome;
use crate::base::time::{Instant, Nanos};
use crate::observe::episode::Cause;
use crate::topology::Topology;
use crate::topology::broker::{Receives, Rules};
use crate::world::World;
use crate::world::event::Kind;
use crate::world::keys::below;
use crate::world::state::*;

/// A consumer's replica, as its broker's client.
#[derive(Clone, Copy, Debug)]
pub(super) struct Connection {
    pub consumer: u32,
    pub replica: u32,
    /// What the queue calls its subscription; nobody without one.
    pub subscription: u32,
    /// How often it has been lost, or could not be opened.
    losses: u32,
    /// It waits before it tries again, or is trying.
    opening: bool,
    /// Of Kafka: its heartbeats do not come.
    pub silent: bool,
    /// When the latest of what was sent to it arrives.
    pub last_arrival: Instant,
}

/// All connections, consumer by consumer.
pub(super) fn connections(topology: &Topology) -> Vec<Connection> {
    let mut all = Vec::new();
    for (number, consumer) in topology.brokers.consumers.iter().enumerate() {
        let replicas = topology.services[consumer.service.index()].replicas.clone();
        let each = |replica| Connection {
            consumer: number as u32,
            replica,
            subscription: NOBODY,
            losses: 0,
            opening: false,
            silent: false,
            last_arrival: Instant::START,
        };
        all.extend(replicas.flat_map(|replica| std::iter::repeat_n(each(replica), consumer.connections as usize)));
    }
    all
}

impl World<'_> {
    pub(super) fn subscribe(&mut self, connection: u32) {
        let now = self.now();
        let entry = &mut self.brokers.connections[connection as usize];
        let spec = &self.topology.brokers.consumers[entry.consumer as usize];
        entry.opening = false;
        let state = &mut self.brokers.queues[spec.queue as usize];
        if state.leader == NOBODY || entry.subscription != NOBODY || !self.replicas[entry.replica as usize].up {
            return;
        }
        let rules = &self.topology.brokers.queues[spec.queue as usize].rules;
        if let Receives::Kafka { .. } = spec.receives {
            let queue = spec.queue;
            entry.silent = false;
            if let Some(member) = self.join_group(queue, connection) {
                self.brokers.connections[connection as usize].subscription = member;
                self.heed_member(connection);
            }
            return;
        }
        let mut answers = self.brokers.answers();
        let state = &mut self.brokers.queues[spec.queue as usize];
        state.subscribers.push(connection);
        let subscription = state.subscribers.len() as u32 - 1;
        self.brokers.connections[connection as usize].subscription = subscription;
        let number = state.engine.subscribe(rules, &spec.receives, now, &mut answers);
        debug_assert_eq!(number, subscription);
        self.heed_queue(spec.queue, answers);
    }

    /// The broker finds that a consumer's connection is gone: all that it held goes back, and it connects again after a while.
    pub(super) fn lose_connection(&mut self, connection: u32) {
        self.disconnect(connection);
        self.reconnect(connection);
    }

    fn disconnect(&mut self, connection: u32) {
        let now = self.now();
        self.brokers.drop_deliveries(connection);
        let entry = &mut self.brokers.connections[connection as usize];
        let subscription = std::mem::replace(&mut entry.subscription, NOBODY);
        if subscription == NOBODY {
            return;
        }
        let queue = self.topology.brokers.consumers[entry.consumer as usize].queue;
        let rules = &self.topology.brokers.queues[queue as usize].rules;
        if rules.is_log() {
            return self.member_is_heard(queue, subscription, false, true);
        }
        let mut answers = self.brokers.answers();
        self.brokers.queues[queue as usize].engine.lose(rules, subscription, now, &mut answers);
        self.heed_queue(queue, answers);
    }

    /// Connects again after a while, if the replica is there to do it.
    fn reconnect(&mut self, connection: u32) {
        let entry = &mut self.brokers.connections[connection as usize];
        if entry.opening || !self.replicas[entry.replica as usize].up {
            return;
        }
        entry.opening = true;
        entry.losses += 1;
        let spec = &self.topology.brokers.consumers[entry.consumer as usize];
        let draw = u64::from(entry.replica) << 32 | u64::from(entry.losses);
        let wait = spec.reconnect.sample(&mut self.keys.consumers[entry.consumer as usize].draw(draw, 0));
        self.calendar.schedule_in(wait, Kind::ConsumerConnects as u8, connection);
    }

    pub(in crate::world) fn consumer_connects(&mut self, connection: u32) {
        let Connection { consumer, replica, losses, .. } = self.brokers.connections[connection as usize];
        if !self.replicas[replica as usize].up {
            self.brokers.connections[connection as usize].opening = false;
            return;
        }
        let spec = &self.topology.brokers.consumers[consumer as usize];
        let own = self.keys.consumer_paths[consumer as usize];
        let request = u64::from(own) << 32 | u64::from(replica);
        let job = self.new_carrier(replica, spec.connect, (request, below(own, losses)), Cause::NONE, Carried::Connects(connection));
        if self.recorder.watch.is_on() {
            self.recorder.watch.carries(job, None);
        }
        self.run_job(job);
    }

    pub(super) fn connection_ended(&mut self, job: u32, connection: u32, outcome: Outcome) {
        self.free_carrier(job);
        let entry = &mut self.brokers.connections[connection as usize];
        entry.opening = false;
        let queue = self.topology.brokers.consumers[entry.consumer as usize].queue;
        if outcome.is_failure() || self.brokers.queues[queue as usize].leader == NOBODY {
            return self.reconnect(connection);
        }
        self.subscribe(connection);
    }

    // -- down and up -------------------------------------------------------------------------------------------------

    /// A replica has died: what it consumed goes back, and if it is a node of a broker, what it did not keep is lost.
    pub(in crate::world) fn messaging_goes_down(&mut self, replica: u32) {
        if !self.brokers.on {
            return;
        }
        self.relays_go(replica);
        for connection in 0..self.brokers.connections.len() as u32 {
            if self.brokers.connections[connection as usize].replica == replica {
                self.disconnect(connection);
                self.brokers.connections[connection as usize].opening = false;
            }
        }
        for queue in 0..self.brokers.queues.len() as u32 {
            if self.topology.brokers.queues[queue as usize].nodes.contains(&replica) {
                self.node_goes(queue, replica);
            }
        }
    }

    /// A node of a queue is gone.
    fn node_goes(&mut self, queue: u32, node: u32) {
        let spec = &self.topology.brokers.queues[queue as usize];
        if spec.rules.is_log() {
            return self.log_node_changes(queue, node, false);
        }
        let led = self.brokers.queues[queue as usize].leader == node;
        let leader = self.leader_of(queue);
        if !led && leader != NOBODY {
            return;
        }
        // Whoever was connected to it is cut off.
        for connection in 0..self.brokers.connections.len() as u32 {
            let Connection { consumer, subscription, .. } = self.brokers.connections[connection as usize];
            if subscription != NOBODY && self.topology.brokers.consumers[consumer as usize].queue == queue {
                self.brokers.connections[connection as usize].subscription = NOBODY;
                self.brokers.drop_deliveries(connection);
                self.reconnect(connection);
            }
        }
        let quorum = spec.rules.is_quorum();
        let durable = spec.durable;
        let now = self.now();
        let mut answers = self.brokers.answers();
        let state = &mut self.brokers.queues[queue as usize];
        let survives = |message: &Message| quorum || (durable && message.persistent);
        let lost = state.engine.restart(&spec.rules, survives, now, &mut answers);
        state.subscribers.clear();
        state.leader = leader;
        self.recorder.messages_lost(queue, lost as u64);
        self.heed_queue(queue, answers);
    }

    /// The node that leads a queue now; nobody if too few are up.
    fn leader_of(&self, queue: u32) -> u32 {
        let nodes = &self.topology.brokers.queues[queue as usize].nodes;
        let up = |node: &&u32| self.replicas[**node as usize].up;
        if nodes.iter().filter(up).count() <= nodes.len() / 2 {
            return NOBODY;
        }
        nodes.iter().find(up).copied().unwrap_or(NOBODY)
    }

    /// A replica is back: it consumes again; a broker's consumers come back to it.
    pub(in crate::world) fn messaging_comes_up(&mut self, replica: u32) {
        if !self.brokers.on {
            return;
        }
        for queue in 0..self.brokers.queues.len() as u32 {
            let spec = &self.topology.brokers.queues[queue as usize];
            if matches!(spec.rules, Rules::Topic(_)) && spec.nodes.contains(&replica) {
                self.log_node_changes(queue, replica, true);
                continue;
            }
            let unled = self.brokers.queues[queue as usize].leader == NOBODY;
            if unled && self.topology.brokers.queues[queue as usize].nodes.contains(&replica) {
                self.brokers.queues[queue as usize].leader = self.leader_of(queue);
            }
        }
        for connection in 0..self.brokers.connections.len() as u32 {
            let entry = &mut self.brokers.connections[connection as usize];
            if entry.replica == replica && !entry.opening {
                entry.opening = true;
                self.calendar.schedule_in(Nanos::ZERO, Kind::ConsumerConnects as u8, connection);
            }
        }
    }
}
