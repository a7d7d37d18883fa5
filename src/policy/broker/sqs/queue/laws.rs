//! What holds whatever happens, tried on stories drawn by a small generator of numbers.

use super::super::rules::Refill;
use super::*;
use crate::policy::broker::draws::Draws;

/// What a message is: its group, and its number.
type Message = (u32, u32);

#[derive(Default)]
struct Story {
    queue: Queue<Message>,
    now: Instant,
    answers: Vec<Answer<Message>>,
    published: usize,
    done: usize,
    dead: usize,
    /// What pollers have in hand: poller, tag, message.
    hands: Vec<(u32, u32, Message)>,
    /// Deliveries that can still be settled: by message, the tag.
    flying: BTreeMap<Message, u32>,
    /// Of each group, the message that was deleted last.
    last_done: BTreeMap<u32, u32>,
}

impl Story {
    fn rules(draws: &mut Draws) -> Rules {
        let kind = draws.one_of(&[Kind::Standard, Kind::Fifo { batches_groups: false }, Kind::Fifo { batches_groups: true }]);
        Rules {
            kind,
            visibility: Nanos::from_secs(draws.below(20)),
            retention: Nanos::from_secs(60 + draws.below(60)),
            delay: Nanos::from_secs(if draws.one_in(2) { draws.below(10) } else { 0 }),
            receive_wait: Nanos::from_secs(draws.below(2)),
            max_receives: draws.one_in(2).then(|| 1 + draws.below(4) as u32),
            in_flight_limit: 1 + draws.below(12) as u32,
        }
    }

    fn polling(draws: &mut Draws) -> Polling {
        let refill = draws.one_of(&[Refill::AsSoonAsRoom, Refill::WhenAllDone]);
        let (room, batch) = (1 + draws.below(6) as u32, 1 + draws.below(10) as u32);
        Polling { room, batch, refill, wait: None, poll_interval: Nanos::from_secs(1 + draws.below(4)) }
    }

    fn publish(&mut self, rules: &Rules, draws: &mut Draws, number: u32) {
        let message = (draws.below(4) as u32, number);
        let delay = draws.one_in(4).then(|| Nanos::from_secs(draws.below(10))).filter(|_| !rules.is_fifo());
        let how = Sending { delay, group: message.0, ..Sending::default() };
        assert_eq!(self.queue.publish(rules, message, how, self.now, &mut self.answers), Published::Taken);
        self.published += 1;
    }

    fn settle(&mut self, rules: &Rules, draws: &mut Draws) {
        if self.hands.is_empty() {
            return;
        }
        let (_, tag, message) = self.hands.swap_remove(draws.below(self.hands.len() as u64) as usize);
        let after = Nanos::from_secs(draws.below(5));
        let how = draws.one_of(&[Settled::Delete, Settled::Delete, Settled::Leave, Settled::Return { after }]);
        let held = self.queue.settle(rules, tag, how, self.now, &mut self.answers);
        if held && how == Settled::Delete {
            self.done += 1;
            self.flying.remove(&message);
            let before = self.last_done.insert(message.0, message.1);
            // Those of one receive are the consumer's to order, and it settles them here as it likes.
            let in_order = rules.kind == Kind::Fifo { batches_groups: false };
            assert!(!in_order || before < Some(message.1), "{before:?} was done before {message:?}");
        }
    }

    /// Takes answers in, and checks what a delivery must obey.
    fn read(&mut self, rules: &Rules) {
        for answer in std::mem::take(&mut self.answers) {
            match answer {
                Answer::Deliver { consumer, tag, message, redelivered, nth } => {
                    assert_eq!(redelivered, nth > 1);
                    assert!(rules.max_receives.is_none_or(|most| nth <= most));
                    self.hands.push((consumer, tag, message));
                    self.flying.insert(message, tag);
                    let receipts = &self.queue.receipts;
                    self.flying.retain(|_, tag| receipts.get(tag).is_some_and(|receipt| receipt.kept.is_some()));
                    let group: Vec<u32> = self.flying.keys().filter(|other| other.0 == message.0).map(|other| other.1).collect();
                    match rules.kind {
                        Kind::Standard => {}
                        Kind::Fifo { batches_groups: true } => assert_eq!(group.last(), Some(&message.1), "out of order"),
                        Kind::Fifo { batches_groups: false } => assert!(group.len() <= 1, "{group:?} at a time"),
                    }
                }
                Answer::Dead { message, reason, .. } => {
                    self.dead += 1;
                    self.flying.remove(&message);
                    assert!(reason == Reason::Expired || rules.max_receives.is_some());
                }
                Answer::OverLimit { .. } => assert!(!rules.is_fifo()),
            }
        }
    }

    fn check(&self, rules: &Rules, pollers: &[Polling]) {
        let queue = &self.queue;
        assert_eq!(self.published, self.done + self.dead + queue.ready() + queue.unacked() + queue.delayed());
        assert!(queue.unacked() <= rules.in_flight_limit as usize);
        assert!(queue.wakes_at() >= self.now);
        assert_eq!(queue.unacked(), queue.receipts.values().filter(|receipt| receipt.kept.is_some()).count());
        for (number, polling) in pollers.iter().enumerate() {
            assert!(self.hands.iter().filter(|hand| hand.0 == number as u32).count() as u32 <= polling.room);
        }
        for (number, group) in &queue.groups {
            assert!(group.in_flight == 0 || group.listed.is_none(), "group {number} is blocked and visible");
        }
    }
}

#[test]
fn nothing_is_lost_nothing_is_twice_and_groups_keep_their_order() {
    let mut all = (0, 0);
    for seed in 0..400 {
        let mut draws = Draws(seed);
        let rules = Story::rules(&mut draws).validated().unwrap();
        let (mut story, mut pollers) = (Story::default(), Vec::new());
        for number in 0..250 {
            match draws.below(9) {
                0..3 => story.publish(&rules, &mut draws, number),
                3..6 => story.settle(&rules, &mut draws),
                6 if pollers.len() < 5 => {
                    pollers.push(Story::polling(&mut draws));
                    let polling = pollers[pollers.len() - 1];
                    story.queue.subscribe(&rules, polling, story.now, &mut story.answers);
                }
                7 if !pollers.is_empty() && draws.one_in(6) => {
                    let consumer = draws.below(pollers.len() as u64) as u32;
                    story.queue.unsubscribe(consumer);
                    story.hands.retain(|hand| hand.0 != consumer);
                }
                _ => {
                    // Sometimes late: a world that oversleeps loses nothing.
                    story.now = if draws.one_in(2) { story.queue.wakes_at().min(story.now + Nanos::from_secs(9)) } else { story.now };
                    story.now = if draws.one_in(4) { story.now + Nanos(draws.below(9_000_000_000)) } else { story.now };
                    story.queue.wake(&rules, story.now, &mut story.answers);
                }
            }
            story.read(&rules);
            story.check(&rules, &pollers);
        }
        all = (all.0 + story.done, all.1 + story.dead);
    }
    assert!(all.0 > 5_000 && all.1 > 1_000, "too little has happened: {all:?}");
}
