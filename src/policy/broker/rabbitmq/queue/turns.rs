//! Whose turn it is: which consumer gets the next message (RabbitMQ, "Consumer Prefetch", "Consumer Priorities", "Single Active
//! Consumer"; the finer points as observed, see `conformance/rabbitmq`).

use super::{QueueKind, QueueRules};
use std::collections::VecDeque;

#[derive(Clone, Debug)]
struct Consumer {
    /// Deliveries it may hold; 0: any number.
    prefetch: u32,
    priority: i32,
    held: u32,
    gone: bool,
}

/// A queue's consumers, by number.
#[derive(Clone, Debug, Default)]
pub(super) struct Consumers {
    all: Vec<Consumer>,
    /// In the order of their turns: by priority, then who has waited longest. Who is missing has no room.
    turns: VecDeque<u32>,
    /// Of a queue with a single active consumer.
    active: Option<u32>,
}

impl Consumers {
    /// Adds a consumer, and returns its number.
    pub fn add(&mut self, prefetch: u32, priority: i32) -> u32 {
        let number = self.all.len() as u32;
        self.all.push(Consumer { prefetch, priority, held: 0, gone: false });
        self.await_turn(number);
        self.active = self.active.or(Some(number));
        number
    }

    /// A consumer wants no more.
    pub fn leave(&mut self, rules: &QueueRules, consumer: u32) {
        self.all[consumer as usize].gone = true;
        self.turns.retain(|waiting| *waiting != consumer);
        if self.active == Some(consumer) {
            self.active = self.next_active(rules);
        }
    }

    /// Who takes over: the one that has been there longest, perhaps of those of the highest priority.
    fn next_active(&self, rules: &QueueRules) -> Option<u32> {
        let by_priority = rules.next_by_priority || rules.kind == QueueKind::Classic;
        let there = (0..self.all.len() as u32).filter(|consumer| !self.has_gone(*consumer));
        there.min_by_key(|consumer| if by_priority { -i64::from(self.all[*consumer as usize].priority) } else { 0 })
    }

    pub fn has_gone(&self, consumer: u32) -> bool {
        self.all[consumer as usize].gone
    }

    fn has_room(&self, consumer: u32) -> bool {
        let Consumer { prefetch, held, gone, .. } = self.all[consumer as usize];
        !gone && (prefetch == 0 || held < prefetch)
    }

    /// Who gets the next message.
    ///
    /// A classic queue finds out that a consumer is full when it has a message for it; until then a consumer keeps its turn, and if it
    /// has room again by then, it has lost nothing.
    pub fn next(&mut self, rules: &QueueRules) -> Option<u32> {
        if rules.single_active {
            return self.active.filter(|active| self.has_room(*active));
        }
        while let Some(&first) = self.turns.front() {
            if self.has_room(first) {
                return Some(first);
            }
            self.turns.pop_front();
        }
        None
    }

    /// A consumer gets a message, and its next turn comes after those of the others. A quorum queue passes over it once it is full.
    pub fn take(&mut self, rules: &QueueRules, consumer: u32) {
        self.all[consumer as usize].held += 1;
        self.turns.retain(|waiting| *waiting != consumer);
        if rules.kind == QueueKind::Classic || self.has_room(consumer) {
            self.await_turn(consumer);
        }
    }

    /// A consumer holds one less.
    pub fn release(&mut self, consumer: u32) {
        self.all[consumer as usize].held -= 1;
        if self.has_room(consumer) && !self.turns.contains(&consumer) {
            self.await_turn(consumer);
        }
    }

    /// Puts a consumer behind those of its priority that wait already.
    fn await_turn(&mut self, consumer: u32) {
        let priority = self.all[consumer as usize].priority;
        let place = self.turns.partition_point(|other| self.all[*other as usize].priority >= priority);
        self.turns.insert(place, consumer);
    }
}
