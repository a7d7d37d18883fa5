//! Deadlines: until when a call may go on, its own or inherited from the job that makes it, and what passing one ends.

use super::World;
use super::event::Kind;
use super::layers::Up;
use super::state::*;
use crate::base::outcome::Outcome;
use crate::base::time::Instant;
use crate::engine::AlarmId;
use crate::policy::app::{CallPolicy, Layer};

impl World<'_> {
    pub(super) fn set_deadline(&mut self, call: u32, rules: &CallPolicy, place: usize) -> bool {
        let inherited = self.inherited_deadline(call);
        let deadline = rules.deadline.as_ref().expect("a deadline layer has a deadline");
        let until = deadline.until(self.now(), (inherited != Instant::NEVER).then_some(inherited));
        self.start_deadline(call, until, place)
    }

    /// A call whose deadline has passed already is refused at this layer: it is not sent.
    fn start_deadline(&mut self, call: u32, until: Instant, place: usize) -> bool {
        if until <= self.now() {
            self.blame(call, Outcome::DEADLINE);
            self.refuse(call, place, Outcome::DEADLINE);
            return false;
        }
        let alarm = self.calendar.set_alarm(until, Kind::DeadlinePasses as u8, call);
        let extra = &mut self.extras[call as usize];
        (extra.deadline, extra.deadline_alarm) = (until, alarm);
        self.calls[call].holds |= hold::DEADLINE;
        true
    }

    /// The deadline that the job which makes this call has inherited.
    fn inherited_deadline(&self, call: u32) -> Instant {
        let Call { holds, parent, .. } = self.calls[call];
        match holds & hold::PARENT {
            hold::OF_JOB if self.with_deadlines => self.deadlines[parent as usize],
            hold::OF_CALL => self.extras[parent as usize].deadline.min(self.inherited_deadline(parent)),
            _ => Instant::NEVER,
        }
    }

    /// A call without a deadline of its own is bound by the one its job has inherited.
    pub(super) fn inherit_deadline(&mut self, call: u32) -> bool {
        let inherited = self.inherited_deadline(call);
        inherited == Instant::NEVER || self.start_deadline(call, inherited, 0)
    }

    /// The callee's job learns of the deadline if it propagates, or was itself inherited.
    pub(super) fn pass_deadline_on(&mut self, call: u32, job: u32) {
        self.deadlines[job as usize] = self.deadline_for_callee(call);
    }

    /// The deadline that the callee of a call learns of.
    pub(super) fn deadline_for_callee(&self, call: u32) -> Instant {
        let Call { holds, parent, .. } = self.calls[call];
        if holds & hold::PARENT == hold::OF_UPSTREAM {
            return self.deadline_through_proxy(parent);
        }
        if self.tells_deadline(call) { self.extras[call as usize].deadline } else { self.told_deadline(call) }
    }

    /// Whether callees learn of the deadline that binds this call.
    fn tells_deadline(&self, call: u32) -> bool {
        let Call { holds, parent, site, .. } = self.calls[call];
        match self.rules(call).and_then(|(rules, _)| rules.deadline.as_ref()) {
            Some(deadline) => deadline.propagate.unwrap_or(self.topology.sites[site as usize].grpc),
            None if holds & hold::PARENT == hold::OF_CALL => self.tells_deadline(parent),
            None => true,
        }
    }

    /// The deadline that the job at the root of this call was told.
    fn told_deadline(&self, call: u32) -> Instant {
        let Call { holds, parent, .. } = self.calls[call];
        match holds & hold::PARENT {
            hold::OF_JOB => self.deadlines[parent as usize],
            hold::OF_CALL => self.told_deadline(parent),
            _ => Instant::NEVER,
        }
    }

    pub(super) fn call_deadline_off(&mut self, call: u32) {
        self.calls[call].holds &= !hold::DEADLINE;
        let extra = &mut self.extras[call as usize];
        self.calendar.call_off(extra.deadline_alarm);
        (extra.deadline, extra.deadline_alarm) = (Instant::NEVER, AlarmId::NONE);
    }

    pub(super) fn leave_deadline(&mut self, call: u32, outcome: Outcome) -> Up {
        self.drop_deadline(call);
        Up::Pass(outcome)
    }

    /// The call is no longer bound, even if its deadline has passed in a pause.
    pub(super) fn drop_deadline(&mut self, call: u32) {
        if self.calls[call].holds & hold::DEADLINE != 0 {
            self.call_deadline_off(call);
        } else {
            self.extras[call as usize].deadline = Instant::NEVER;
        }
    }

    pub(super) fn deadline_passes(&mut self, call: u32) {
        self.calls[call].holds &= !hold::DEADLINE;
        if self.is_paused(call) {
            return self.hold_back(call, Kind::DeadlinePasses, call);
        }
        self.extras[call as usize].deadline = Instant::NEVER;
        if self.rules(call).is_some_and(|(rules, _)| rules.deadline.is_some()) {
            return self.cut(call, Layer::Deadline, Outcome::DEADLINE);
        }
        // Inherited: it bounds the whole call.
        self.take_blame_from_below(call);
        self.trace_cut(call, Outcome::DEADLINE);
        self.give_back_below(call, 0);
        self.blame(call, Outcome::DEADLINE);
        if self.calls[call].state == CallState::Settling {
            (self.calls[call].current, self.calls[call].last) = (0, Outcome::DEADLINE);
            return;
        }
        self.end_call(call, Outcome::DEADLINE);
    }
}
