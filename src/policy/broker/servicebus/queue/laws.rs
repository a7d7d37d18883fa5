//! What holds whatever happens, tried on stories drawn by a small generator of numbers.

use super::*;
use crate::policy::broker::draws::Draws;

/// What a message is: its session, and its number.
type Message = (u32, u32);

/// What a receiver has in hand.
#[derive(Clone, Copy)]
struct Hand {
    consumer: u32,
    tag: u32,
    message: Message,
    sequence: u64,
}

#[derive(Default)]
struct Story {
    queue: Queue<Message>,
    now: Instant,
    answers: Vec<Answer<Message>>,
    modes: Vec<Receiving>,
    published: usize,
    /// Completed, or received and deleted.
    done: usize,
    dead: usize,
    expired: usize,
    hands: Vec<Hand>,
    /// Sequence numbers of what was set aside once, with the session.
    aside: Vec<(u64, u32)>,
    /// Of each session, the message that was handled last, and by whom.
    last_done: BTreeMap<u32, u32>,
}

fn any_rules(draws: &mut Draws) -> Rules {
    Rules {
        lock: Nanos::from_secs(1 + draws.below(20)),
        max_delivery_count: 1 + draws.below(4) as u32,
        ttl: draws.one_in(2).then(|| Nanos::from_secs(5 + draws.below(60))),
        dead_letter_on_expiry: draws.one_in(2),
        duplicate_window: None,
        sessions: draws.one_in(2),
        max_bytes: draws.one_in(3).then(|| draws.below(200)),
    }
}

fn any_receiving(draws: &mut Draws) -> Receiving {
    Receiving {
        room: 1 + draws.below(5) as u32,
        mode: draws.one_of(&[Mode::PeekLock, Mode::PeekLock, Mode::ReceiveAndDelete]),
        renew_for: Nanos::from_secs(draws.below(40)),
        sessions: 1 + draws.below(3) as u32,
        session_idle: Nanos::from_secs(draws.below(10)),
    }
}

impl Story {
    fn publish(&mut self, rules: &Rules, draws: &mut Draws, number: u32) {
        let message = (draws.below(4) as u32, number);
        let ttl = draws.one_in(4).then(|| Nanos::from_secs(1 + draws.below(20)));
        // Scheduled messages take their place late: only where no order is asked for.
        let enqueue_at = draws.one_in(4).then(|| self.now + Nanos::from_secs(draws.below(10))).filter(|_| !rules.sessions);
        let how = Sending { bytes: 10, ttl, session: message.0, id: None, enqueue_at };
        match self.queue.publish(rules, message, how, self.now, &mut self.answers) {
            Published::Taken => self.published += 1,
            Published::QuotaExceeded => assert!(rules.max_bytes.is_some_and(|most| self.queue.bytes() + 10 > most)),
            Published::Duplicate => panic!("it has no id"),
        }
    }

    fn settle(&mut self, rules: &Rules, draws: &mut Draws) {
        if self.hands.is_empty() {
            return;
        }
        let hand = self.hands.swap_remove(draws.below(self.hands.len() as u64) as usize);
        let how = draws.one_of(&[Settled::Complete, Settled::Complete, Settled::Abandon, Settled::DeadLetter, Settled::Defer]);
        let held = self.queue.settle(rules, hand.tag, how, self.now, &mut self.answers);
        let deletes = self.modes[hand.consumer as usize].mode == Mode::ReceiveAndDelete;
        assert!(held || !deletes);
        match how {
            _ if deletes || !held => {}
            Settled::Complete => self.done += 1,
            Settled::Defer => self.aside.push((hand.sequence, hand.message.0)),
            Settled::Abandon | Settled::DeadLetter => {}
        }
        let was_aside = self.aside.iter().any(|aside| aside.0 == hand.sequence);
        if rules.sessions && (deletes || held) && how == Settled::Complete && !was_aside {
            let before = self.last_done.insert(hand.message.0, hand.message.1);
            assert!(before < Some(hand.message.1), "{before:?} was handled before {:?}", hand.message);
        }
    }

    fn part(&mut self, rules: &Rules, draws: &mut Draws) {
        let consumer = draws.below(self.modes.len() as u64) as u32;
        if draws.one_in(2) {
            self.queue.unsubscribe(rules, consumer, self.now, &mut self.answers);
        } else {
            self.queue.lose(rules, consumer, self.now, &mut self.answers);
        }
        self.hands.retain(|hand| hand.consumer != consumer);
    }

    fn receive_deferred(&mut self, rules: &Rules, draws: &mut Draws) {
        let (sequence, session) = draws.one_of(&self.aside);
        let consumer = draws.below(self.modes.len() as u64) as u32;
        let there = self.queue.deferred.contains_key(&sequence);
        let done = self.queue.receive_deferred(rules, consumer, sequence, self.now, &mut self.answers);
        assert!(!done || there);
        assert!(!done || !rules.sessions || self.queue.receivers.holds(consumer, session));
    }

    /// Takes answers in.
    fn read(&mut self, rules: &Rules) {
        for answer in std::mem::take(&mut self.answers) {
            match answer {
                Answer::Deliver { consumer, tag, message, redelivered, nth, sequence } => {
                    assert_eq!(redelivered, nth > 1);
                    self.hands.push(Hand { consumer, tag, message, sequence });
                    self.done += usize::from(self.modes[consumer as usize].mode == Mode::ReceiveAndDelete);
                }
                Answer::Dead { .. } => self.dead += 1,
                Answer::Expired { .. } => {
                    assert!(!rules.dead_letter_on_expiry);
                    self.expired += 1;
                }
            }
        }
    }

    fn check(&self, rules: &Rules) {
        let queue = &self.queue;
        let here = queue.ready() + queue.unacked() + queue.scheduled() + queue.deferred();
        assert_eq!(self.published, self.done + self.dead + self.expired + here);
        assert_eq!(queue.bytes(), 10 * here as u64);
        assert!(queue.wakes_at() > self.now);
        let mut out = BTreeMap::new();
        for delivery in queue.deliveries.values().filter(|delivery| !delivery.deferred && !matches!(delivery.state, State::Lost)) {
            *out.entry(delivery.place.0).or_insert(0) += 1;
        }
        assert!(!rules.sessions || out.values().all(|count| *count == 1), "two of a session at a time");
        let mut holders: Vec<u32> = (0..queue.receivers.count()).flat_map(|consumer| queue.receivers.sessions_of(consumer)).collect();
        let all = holders.len();
        holders.sort_unstable();
        holders.dedup();
        assert_eq!(holders.len(), all, "two hold one session");
        for (number, receiving) in self.modes.iter().enumerate() {
            let holds = self.queue.receivers.sessions_of(number as u32).len() as u32;
            assert!(holds <= receiving.sessions);
        }
        assert!(queue.receivers.next().is_none(), "somebody could take something");
    }
}

#[test]
fn nothing_is_lost_nothing_is_twice_and_sessions_keep_their_order() {
    let mut all = (0, 0, 0, 0);
    for seed in 0..600 {
        let mut draws = Draws(seed);
        let rules = any_rules(&mut draws).validated().unwrap();
        let mut story = Story::default();
        for number in 0..250 {
            match draws.below(10) {
                0..3 => story.publish(&rules, &mut draws, number),
                3..6 => story.settle(&rules, &mut draws),
                6 if story.modes.len() < 6 => {
                    story.modes.push(any_receiving(&mut draws).validated().unwrap());
                    let receiving = story.modes[story.modes.len() - 1];
                    story.queue.subscribe(&rules, receiving, story.now, &mut story.answers);
                }
                7 if !story.modes.is_empty() && draws.one_in(6) => story.part(&rules, &mut draws),
                8 if !story.aside.is_empty() => story.receive_deferred(&rules, &mut draws),
                _ => {
                    // Sometimes late: a world that oversleeps loses nothing.
                    story.now = if draws.one_in(2) { story.queue.wakes_at().min(story.now + Nanos::from_secs(9)) } else { story.now };
                    story.now = if draws.one_in(4) { story.now + Nanos(draws.below(9_000_000_000)) } else { story.now };
                    story.queue.wake(&rules, story.now, &mut story.answers);
                }
            }
            story.read(&rules);
            story.check(&rules);
        }
        all = (all.0 + story.done, all.1 + story.dead, all.2 + story.expired, all.3 + story.aside.len());
    }
    assert!(all.0 > 5_000 && all.1 > 2_000 && all.2 > 1_000 && all.3 > 1_000, "too little has happened: {all:?}");
}
