//! Who asks a queue, and when: long polls wait for an answer, short polls ask from time to time (Amazon SQS Developer Guide, "Short and
//! long polling").
//!
//! Polls that find nothing are not kept: while nothing is visible, a short poll's next instant is worked out only when it matters.

use super::rules::{Polling, Refill, Rules};
use crate::base::time::{Instant, Nanos};
use std::collections::{BTreeSet, VecDeque};

#[derive(Clone, Debug)]
struct Poller {
    polling: Polling,
    /// Messages in hand, those too whose receipt has expired.
    held: u32,
    /// It has a receive under way, or pauses before the next.
    asks: bool,
    gone: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Pollers {
    all: Vec<Poller>,
    /// Receives under way, in the order in which they are answered.
    turns: VecDeque<u32>,
    /// When who asks again.
    pauses: BTreeSet<(Instant, u32)>,
}

impl Pollers {
    pub fn add(&mut self, polling: Polling) -> u32 {
        let number = self.all.len() as u32;
        self.all.push(Poller { polling, held: 0, asks: false, gone: false });
        self.ask_if_ready(number);
        number
    }

    pub fn is_gone(&self, consumer: u32) -> bool {
        self.all[consumer as usize].gone
    }

    pub fn remove(&mut self, consumer: u32) {
        self.all[consumer as usize].gone = true;
        self.turns.retain(|waiting| *waiting != consumer);
        self.pauses.retain(|pause| pause.1 != consumer);
    }

    pub fn clear(&mut self) {
        *self = Pollers::default();
    }

    /// The next instant at which a poller asks that does not ask now.
    pub fn asks_at(&self) -> Instant {
        self.pauses.first().map_or(Instant::NEVER, |pause| pause.0)
    }

    /// The receive that is answered next.
    pub fn first(&self) -> Option<u32> {
        self.turns.front().copied()
    }

    /// How many messages a receive of this poller can bring.
    pub fn most(&self, consumer: u32) -> u32 {
        let poller = &self.all[consumer as usize];
        poller.polling.batch.min(poller.polling.room - poller.held)
    }

    pub fn take_in_hand(&mut self, consumer: u32) {
        self.all[consumer as usize].held += 1;
    }

    /// One message less in hand.
    pub fn let_go(&mut self, consumer: u32) {
        self.all[consumer as usize].held -= 1;
        self.ask_if_ready(consumer);
    }

    /// The first receive has brought something: its poller asks again as soon as it may.
    pub fn answered(&mut self) {
        let Some(consumer) = self.turns.pop_front() else { return };
        self.all[consumer as usize].asks = false;
        self.ask_if_ready(consumer);
    }

    /// The first receive has failed: its poller pauses.
    pub fn failed(&mut self, now: Instant) {
        let Some(consumer) = self.turns.pop_front() else { return };
        self.pause(consumer, now);
    }

    /// Nothing is left for those that ask: short polls have brought nothing, long polls go on.
    pub fn rest(&mut self, rules: &Rules, now: Instant) {
        let asking = std::mem::take(&mut self.turns);
        for consumer in asking {
            if self.is_long(rules, consumer) {
                self.turns.push_back(consumer);
            } else {
                self.pause(consumer, now);
            }
        }
    }

    /// Something can be had: whose pause is over asks now, unless it has asked in vain before and pauses again.
    pub fn resume(&mut self, rules: &Rules, now: Instant) {
        while let Some((due, consumer)) = self.pauses.first().copied().filter(|pause| pause.0 <= now) {
            self.pauses.pop_first();
            let interval = self.all[consumer as usize].polling.poll_interval;
            let since = Nanos(now.since(due).0 % interval.0);
            if self.is_long(rules, consumer) || since == Nanos::ZERO {
                self.turns.push_back(consumer);
            } else {
                self.pauses.insert((now + (interval - since), consumer));
            }
        }
    }

    fn pause(&mut self, consumer: u32, now: Instant) {
        let interval = self.all[consumer as usize].polling.poll_interval;
        self.pauses.insert((now + interval, consumer));
    }

    fn is_long(&self, rules: &Rules, consumer: u32) -> bool {
        self.all[consumer as usize].polling.wait.unwrap_or(rules.receive_wait) > Nanos::ZERO
    }

    fn ask_if_ready(&mut self, consumer: u32) {
        let poller = &mut self.all[consumer as usize];
        let ready = match poller.polling.refill {
            Refill::AsSoonAsRoom => poller.held < poller.polling.room,
            Refill::WhenAllDone => poller.held == 0,
        };
        if ready && !poller.asks && !poller.gone {
            poller.asks = true;
            self.turns.push_back(consumer);
        }
    }
}
