//! Receivers and the sessions that they hold: who gets the next message (Azure Service Bus documentation, "Message sessions").
//!
//! A session belongs to one receiver at a time, and one of its messages is out at a time (`MaxConcurrentCallsPerSession` 1). An entity
//! without sessions is one session that belongs to nobody.

use super::rules::{Receiving, Rules};
use crate::base::time::Instant;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

#[derive(Clone, Debug)]
pub(super) struct Receiver {
    pub receiving: Receiving,
    /// Messages it holds, those too whose lock is lost.
    held: u32,
    pub gone: bool,
    /// Sessions it holds.
    sessions: BTreeSet<u32>,
    /// First messages of its sessions that have none out: sequence number and session.
    due: BTreeSet<(u64, u32)>,
}

#[derive(Clone, Debug, Default)]
struct Session {
    holder: Option<u32>,
    out: bool,
    /// Its first message as it is listed: with its holder, or, if it has none, as open.
    listed: Option<(u64, Option<u32>)>,
    /// When its holder gives it up, if nothing comes.
    idle_until: Option<Instant>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Receivers {
    all: Vec<Receiver>,
    /// Receivers with room, in the order of their turns.
    turns: VecDeque<u32>,
    sessions: BTreeMap<u32, Session>,
    /// First messages of sessions that nobody holds: sequence number and session.
    open: BTreeSet<(u64, u32)>,
    /// When sessions are given up, that have nothing for their holder.
    idle: BTreeSet<(Instant, u32)>,
}

impl Receivers {
    pub fn add(&mut self, receiving: Receiving) -> u32 {
        let number = self.all.len() as u32;
        self.all.push(Receiver { receiving, held: 0, gone: false, sessions: BTreeSet::new(), due: BTreeSet::new() });
        self.turns.push_back(number);
        number
    }

    pub fn of(&self, consumer: u32) -> &Receiver {
        &self.all[consumer as usize]
    }

    pub fn count(&self) -> u32 {
        self.all.len() as u32
    }

    /// It gets nothing any more; its sessions are still its own.
    pub fn close(&mut self, consumer: u32) {
        self.all[consumer as usize].gone = true;
        self.turns.retain(|waiting| *waiting != consumer);
    }

    /// Forgets receivers, all of which are closed and hold no session.
    pub fn forget_all(&mut self) {
        self.all.clear();
        self.turns.clear();
    }

    /// The sessions that a receiver holds.
    pub fn sessions_of(&self, consumer: u32) -> Vec<u32> {
        self.all[consumer as usize].sessions.iter().copied().collect()
    }

    pub fn holds(&self, consumer: u32, session: u32) -> bool {
        self.all[consumer as usize].sessions.contains(&session)
    }

    // -- messages ----------------------------------------------------------------------------------------------------

    /// Who gets the next message, and which: of its own sessions first, then of one that nobody holds.
    pub fn next(&self) -> Option<(u32, (u64, u32))> {
        let with = |consumer: &u32| Some((*consumer, self.next_for(*consumer)?));
        self.turns.iter().find_map(with)
    }

    fn next_for(&self, consumer: u32) -> Option<(u64, u32)> {
        let receiver = &self.all[consumer as usize];
        let may_take_another = (receiver.sessions.len() as u32) < receiver.receiving.sessions;
        receiver.due.first().or_else(|| self.open.first().filter(|_| may_take_another)).copied()
    }

    /// A receiver holds one message more, and its turn is over.
    pub fn take_in_hand(&mut self, consumer: u32) {
        let receiver = &mut self.all[consumer as usize];
        receiver.held += 1;
        let has_room = !receiver.gone && receiver.held < receiver.receiving.room;
        self.turns.retain(|waiting| *waiting != consumer);
        if has_room {
            self.turns.push_back(consumer);
        }
    }

    /// A receiver holds one message less.
    pub fn let_go(&mut self, consumer: u32) {
        let receiver = &mut self.all[consumer as usize];
        let was_full = receiver.held >= receiver.receiving.room;
        receiver.held -= 1;
        if was_full && !receiver.gone && receiver.held < receiver.receiving.room {
            self.turns.push_back(consumer);
        }
    }

    // -- sessions ----------------------------------------------------------------------------------------------------

    /// A message of a session goes out to this receiver, which holds the session from now on.
    pub fn session_out(&mut self, rules: &Rules, number: u32, consumer: u32, head: Option<u64>) {
        if rules.sessions {
            let session = self.sessions.entry(number).or_default();
            session.holder = Some(consumer);
            session.out = true;
            self.all[consumer as usize].sessions.insert(number);
        }
        self.list(number, head);
    }

    /// The message of a session that was out has been settled: the next may go, or the session is idle.
    pub fn session_in(&mut self, number: u32, head: Option<u64>, now: Instant) {
        let Some(session) = self.sessions.get_mut(&number) else { return };
        session.out = false;
        if let Some(holder) = session.holder.filter(|_| head.is_none()) {
            let until = now + self.all[holder as usize].receiving.session_idle;
            session.idle_until = Some(until);
            self.idle.insert((until, number));
        }
        self.list(number, head);
    }

    /// Nobody holds this session any more.
    pub fn release(&mut self, number: u32, head: Option<u64>) {
        self.stop_idling(number);
        let Some(session) = self.sessions.get_mut(&number) else { return };
        session.out = false;
        if let Some(holder) = session.holder.take() {
            self.all[holder as usize].sessions.remove(&number);
        }
        self.list(number, head);
    }

    /// An idle session is given up at the latest then.
    pub fn idle_no_longer_than(&mut self, number: u32, until: Instant) {
        let Some(session) = self.sessions.get_mut(&number) else { return };
        if session.out {
            return;
        }
        let earlier = session.idle_until.map_or(until, |idle| idle.min(until));
        self.stop_idling(number);
        if let Some(session) = self.sessions.get_mut(&number) {
            session.idle_until = Some(earlier);
            self.idle.insert((earlier, number));
        }
    }

    /// The next session to be given up, and when.
    pub fn next_idle(&self) -> Option<(Instant, u32)> {
        self.idle.first().copied()
    }

    fn stop_idling(&mut self, number: u32) {
        let until = self.sessions.get_mut(&number).and_then(|session| session.idle_until.take());
        until.map(|until| self.idle.remove(&(until, number)));
    }

    /// Lists a session's first message where it can be had. A session that has something for its holder is not idle.
    pub fn list(&mut self, number: u32, head: Option<u64>) {
        let session = self.sessions.entry(number).or_default();
        let (old, new) = (session.listed, head.filter(|_| !session.out).map(|sequence| (sequence, session.holder)));
        let over = head.is_none() && session.holder.is_none();
        if old != new {
            session.listed = new;
            old.map(|(sequence, holder)| self.shelf(holder).remove(&(sequence, number)));
            new.map(|(sequence, holder)| self.shelf(holder).insert((sequence, number)));
        }
        if over {
            self.sessions.remove(&number);
        } else if new.is_some_and(|(_, holder)| holder.is_some_and(|holder| !self.all[holder as usize].gone)) {
            self.stop_idling(number);
        }
    }

    fn shelf(&mut self, holder: Option<u32>) -> &mut BTreeSet<(u64, u32)> {
        match holder {
            Some(consumer) => &mut self.all[consumer as usize].due,
            None => &mut self.open,
        }
    }
}
