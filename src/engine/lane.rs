//! Timers that all run for the same span, such as the timeout of a policy: most are disarmed before they fire.
//!
//! With one span, timers expire in the order in which they were armed, so a plain queue *is* an exact priority queue:
//! arming and disarming cost a few instructions, and only the head of each lane (its sentinel) stands in the heap.

use crate::base::time::Nanos;
use std::collections::VecDeque;

/// A lane of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneId(pub u32);

/// An armed timer of a lane; `TimerId::NONE` where none is armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimerId(pub u32);

impl TimerId {
    pub const NONE: TimerId = TimerId(u32::MAX);
}

/// A key that no event has: a timer that was disarmed.
const DISARMED: u128 = 0;

#[derive(Clone, Debug)]
pub(super) struct Lane {
    pub(super) span: Nanos,
    pub(super) tag: u8,
    /// Keys as in the heap, or [`DISARMED`].
    timers: VecDeque<u128>,
    /// The number of the timer at the front; numbers wrap below `u32::MAX`.
    front: u32,
    /// The key of the sentinel in the heap, if one is there.
    pub(super) sentinel: Option<u128>,
}

/// Timer numbers count modulo this, so that none is `TimerId::NONE`.
const NUMBERS: u32 = u32::MAX;

impl Lane {
    pub(super) fn new(span: Nanos, tag: u8) -> Lane {
        Lane { span, tag, timers: VecDeque::new(), front: 0, sentinel: None }
    }

    #[inline]
    pub(super) fn arm(&mut self, key: u128) -> TimerId {
        let number = (self.front as u64 + self.timers.len() as u64) % NUMBERS as u64;
        self.timers.push_back(key);
        TimerId(number as u32)
    }

    #[inline]
    pub(super) fn disarm(&mut self, timer: TimerId) {
        let place = if timer.0 >= self.front { timer.0 - self.front } else { timer.0 + (NUMBERS - self.front) } as usize;
        debug_assert!(self.timers[place] != DISARMED, "disarmed twice");
        self.timers[place] = DISARMED;
        self.trim();
    }

    /// Drops disarmed timers from the front, so that the queue stays about as long as there are armed timers.
    #[inline]
    fn trim(&mut self) {
        while self.timers.front() == Some(&DISARMED) {
            self.drop_front();
        }
    }

    #[inline]
    fn drop_front(&mut self) {
        self.timers.pop_front();
        self.front = (self.front + 1) % NUMBERS;
    }

    /// The next timer to fire.
    #[inline]
    pub(super) fn head(&self) -> Option<u128> {
        self.timers.front().copied()
    }

    /// Takes the head, which fires now.
    pub(super) fn fire(&mut self) {
        self.drop_front();
        self.trim();
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.timers.len()
    }
}
