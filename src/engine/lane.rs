//! Timers that all run for the same span, such as the timeout of a policy: most are disarmed before they fire.
//!
//! With one span, timers expire in the order in which they were armed, so a plain queue *is* an exact priority queue:
//! arming and disarming cost a few instructions, and only the head of each lane (its sentinel) stands in the heap.

use crate::base::time::Nanos;

/// A lane of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneId(pub u32);

/// A timer of a lane; whoever holds it knows whether it is armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimerId(pub u32);

impl TimerId {
    /// Stands where none was ever armed.
    pub const NONE: TimerId = TimerId(0);
}

/// A key that no event has: a timer that was disarmed.
const DISARMED: u128 = 0;

#[derive(Clone, Debug)]
pub(super) struct Lane {
    pub(super) span: Nanos,
    pub(super) tag: u8,
    /// A ring: keys as in the heap, or [`DISARMED`]. Its length is a power of two; a timer's number, cut to it, is its place.
    timers: Vec<u128>,
    /// The number of the first timer, and of the next to come; both wrap.
    front: u32,
    back: u32,
    /// The key of the sentinel in the heap, if one is there.
    pub(super) sentinel: Option<u128>,
}

impl Lane {
    pub(super) fn new(span: Nanos, tag: u8) -> Lane {
        Lane { span, tag, timers: vec![DISARMED; 64], front: 0, back: 0, sentinel: None }
    }

    #[inline]
    pub(super) fn arm(&mut self, key: u128) -> TimerId {
        if self.len() == self.timers.len() {
            self.grow();
        }
        let number = self.back;
        let place = self.place(number);
        self.timers[place] = key;
        self.back = number.wrapping_add(1);
        TimerId(number)
    }

    #[inline]
    fn place(&self, number: u32) -> usize {
        number as usize & (self.timers.len() - 1)
    }

    /// Twice as long; every timer keeps its number.
    #[cold]
    fn grow(&mut self) {
        let mut longer = vec![DISARMED; 2 * self.timers.len()];
        for offset in 0..self.len() as u32 {
            let number = self.front.wrapping_add(offset);
            longer[number as usize & (2 * self.timers.len() - 1)] = self.timers[self.place(number)];
        }
        self.timers = longer;
    }

    #[inline]
    pub(super) fn disarm(&mut self, timer: TimerId) {
        let place = self.place(timer.0);
        debug_assert!(self.timers[place] != DISARMED, "disarmed twice");
        self.timers[place] = DISARMED;
        self.trim();
    }

    /// Drops disarmed timers from the front, so that the ring is about as full as there are armed timers.
    #[inline]
    fn trim(&mut self) {
        while self.front != self.back && self.timers[self.place(self.front)] == DISARMED {
            self.front = self.front.wrapping_add(1);
        }
    }

    /// The next timer to fire.
    #[inline]
    pub(super) fn head(&self) -> Option<u128> {
        (self.front != self.back).then(|| self.timers[self.place(self.front)])
    }

    /// Takes the head, which fires now.
    pub(super) fn fire(&mut self) {
        let place = self.place(self.front);
        self.timers[place] = DISARMED;
        self.trim();
    }

    pub(super) fn len(&self) -> usize {
        self.back.wrapping_sub(self.front) as usize
    }
}
