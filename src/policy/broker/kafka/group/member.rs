//! A member of a group: one thread that polls, handles what it got record by record, and polls again.

use crate::base::time::{Instant, Nanos};
use std::collections::VecDeque;

#[derive(Clone, Debug)]
pub(super) struct Member {
    /// `group.instance.id` of a static member.
    pub instance: Option<u32>,
    pub standing: Standing,
    /// It has joined the rebalance that is being prepared.
    pub rejoined: bool,
    /// The heartbeat by which it learns that something has changed.
    pub learns: Instant,
    /// It has learnt so, and sees to it at its next poll.
    pub knows: bool,
    /// Partitions that it may have from its next poll on.
    pub assigned: Option<Vec<u32>>,
    pub reachable: bool,
    /// When it is given up for not being heard of.
    pub session_ends: Instant,
    /// When it must have polled again.
    pub poll_by: Instant,
    /// What the last poll returned and is not yet handed over.
    pub batch: VecDeque<Span>,
    pub in_hand: Option<InHand>,
    /// The next record opens a poll.
    pub fresh: bool,
    pub commit_due: Instant,
    /// Where the next poll looks first.
    pub turn: u32,
    /// Since when it sends heartbeats.
    beats_from: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    In,
    /// Thrown out, though it may not know: it joins again at its next poll.
    Out,
    /// It comes back no more.
    Gone,
}

/// Neighbouring records of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub partition: u32,
    pub next: u64,
    pub end: u64,
}

/// The record that the thread is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InHand {
    pub tag: u64,
    pub partition: u32,
    pub offset: u64,
}

impl Member {
    pub fn new(instance: Option<u32>, now: Instant) -> Member {
        Member {
            instance,
            standing: Standing::Out,
            rejoined: false,
            learns: Instant::NEVER,
            knows: false,
            assigned: None,
            reachable: true,
            session_ends: Instant::NEVER,
            poll_by: Instant::NEVER,
            batch: VecDeque::new(),
            in_hand: None,
            fresh: false,
            commit_due: Instant::NEVER,
            turn: 0,
            beats_from: now,
        }
    }

    pub fn is_in(&self) -> bool {
        self.standing == Standing::In
    }

    /// It waits in its poll.
    pub fn idle(&self) -> bool {
        self.reachable && self.standing != Standing::Gone && self.in_hand.is_none() && self.batch.is_empty()
    }

    pub fn beats_from(&mut self, now: Instant) {
        self.beats_from = now;
    }

    pub fn last_heartbeat(&self, every: Nanos, now: Instant) -> Instant {
        let since = now.since(self.beats_from).0;
        self.beats_from + Nanos(since - since % every.0)
    }

    pub fn next_heartbeat(&self, every: Nanos, now: Instant) -> Instant {
        self.last_heartbeat(every, now) + every
    }

    /// When a deadline of its own passes next.
    pub fn wakes_at(&self) -> Instant {
        self.learns.min(self.session_ends).min(self.poll_by)
    }
}
