//! The bulkhead's layer: so many calls at once, and those that wait for their turn.

use super::World;
use super::event::Kind;
use super::layers::Up;
use super::state::*;
use crate::base::outcome::Outcome;
use crate::engine::AlarmId;
use crate::policy::app::{Admission, CallPolicy, Layer};

impl World<'_> {
    pub(super) fn enter_bulkhead(&mut self, call: u32, rules: &CallPolicy, place: usize) -> bool {
        let bulkhead = rules.bulkhead.as_ref().expect("a bulkhead layer has a bulkhead");
        let cell = self.extras[call as usize].cell;
        match bulkhead.admit(&mut self.bulkheads[cell as usize]) {
            Admission::Enter => {
                self.calls[call].holds |= hold::BULKHEAD;
                self.last_in_bulkheads[cell as usize] = call;
                true
            }
            Admission::Reject => {
                self.blame_full_bulkhead(call);
                self.refuse(call, place, Outcome::BULKHEAD_FULL);
                false
            }
            Admission::Wait => {
                let until = self.now() + bulkhead.max_wait;
                let alarm = self.calendar.set_alarm(until, Kind::PermitWaitOver as u8, call);
                self.extras[call as usize].permit_alarm = alarm;
                self.calls[call].state = CallState::AwaitingPermit;
                self.waiting.entry(cell).or_default().push_back(call);
                false
            }
        }
    }

    pub(super) fn leave_bulkhead(&mut self, call: u32, rules: &CallPolicy, outcome: Outcome) -> Up {
        self.give_permit_back(call, rules);
        Up::Pass(outcome)
    }

    /// Gives the bulkhead's permit back; the first call that waits for it goes on, by an event: whoever gave the permit back
    /// may be about to give that call up too.
    pub(super) fn give_permit_back(&mut self, call: u32, rules: &CallPolicy) {
        if self.calls[call].holds & hold::BULKHEAD == 0 {
            return;
        }
        self.calls[call].holds &= !hold::BULKHEAD;
        let bulkhead = rules.bulkhead.as_ref().expect("the permit is a bulkhead's");
        let cell = self.extras[call as usize].cell;
        if bulkhead.release(&mut self.bulkheads[cell as usize]) {
            let next = self.waiting.get_mut(&cell).and_then(|queue| queue.pop_front()).expect("the bulkhead counts who waits");
            let wait = self.extras[next as usize].permit_alarm;
            if wait != AlarmId::NONE {
                self.calendar.call_off(wait);
            }
            self.calls[next].holds |= hold::BULKHEAD;
            self.last_in_bulkheads[cell as usize] = next;
            self.extras[next as usize].permit_alarm = self.calendar.set_alarm(self.now(), Kind::PermitGiven as u8, next);
        }
    }

    pub(super) fn permit_given(&mut self, call: u32) {
        self.extras[call as usize].permit_alarm = AlarmId::NONE;
        if self.is_paused(call) {
            return self.hold_back(call, Kind::PermitGiven, call);
        }
        self.calls[call].state = CallState::Deciding;
        let (rules, _) = self.rules(call).expect("only a policy has a bulkhead");
        let place = rules.layers.iter().position(|l| *l == Layer::Bulkhead).expect("it has a bulkhead layer");
        self.descend(call, place + 1);
    }

    /// A call no longer waits for a permit.
    pub(super) fn leave_permit_queue(&mut self, call: u32, rules: &CallPolicy) {
        let cell = self.extras[call as usize].cell;
        if let Some(queue) = self.waiting.get_mut(&cell) {
            queue.retain(|waiting| *waiting != call);
        }
        let bulkhead = rules.bulkhead.as_ref().expect("only a bulkhead lets calls wait");
        bulkhead.leave_queue(&mut self.bulkheads[cell as usize]);
    }

    pub(super) fn permit_wait_over(&mut self, call: u32) {
        self.extras[call as usize].permit_alarm = AlarmId::NONE;
        if self.is_paused(call) {
            return self.hold_back(call, Kind::PermitWaitOver, call);
        }
        let (rules, _) = self.rules(call).expect("only a policy has a bulkhead");
        let place = rules.layers.iter().position(|l| *l == Layer::Bulkhead).expect("it has a bulkhead layer");
        self.leave_permit_queue(call, rules);
        self.blame_full_bulkhead(call);
        self.refuse(call, place, Outcome::BULKHEAD_FULL);
    }
}
