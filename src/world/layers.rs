//! A call's way through the layers of its policy: down to an attempt, and up again with its outcome.
//!
//! Going down, a layer lets the call pass, keeps it waiting, or refuses it; a refusal goes up again from there, by an event
//! at the same instant, so that a loop of refusals is seen as one. Going up, a layer lets the outcome pass, changes it, or
//! sends the call down once more. What a layer holds it gives back on the way up, or when the call is given up.

use super::event::Kind;
use super::keys::{Purpose, below};
use super::state::*;
use super::{BreakerNews, World};
use crate::base::id::*;
use crate::base::outcome::Outcome;
use crate::base::stream::Source;
use crate::base::time::Nanos;
use crate::engine::{AlarmId, LaneId, TimerId};
use crate::observe::episode::{Cause, Place, Trouble};
use crate::policy::app::{Backoff, CallPolicy, FallbackAction, Layer};

/// What a layer says to an outcome on its way up.
pub(super) enum Up {
    Pass(Outcome),
    /// The layer took the call over; it will go on by itself.
    Taken,
}

impl<'t> World<'t> {
    pub(super) fn rules(&self, call: u32) -> Option<(&'t CallPolicy, PolicyId)> {
        let policy = self.sites[self.calls[call].site as usize].policy;
        policy.is_some().then(|| (&self.topology.policies[policy.index()].rules, policy))
    }

    /// Takes the call down through the layers from `from` on, and sends an attempt if all let it pass.
    pub(super) fn descend(&mut self, call: u32, from: usize) {
        let Some((rules, policy)) = self.rules(call) else {
            if self.with_deadlines && !self.inherit_deadline(call) {
                return;
            }
            return self.send_attempt(call);
        };
        if from == 0 && self.with_extras {
            if self.with_deadlines && rules.deadline.is_none() && !self.inherit_deadline(call) {
                return;
            }
            self.find_cell(call, rules.scope);
        }
        for (layer, place) in rules.layers[from..].iter().zip(from..) {
            let passes = match layer {
                Layer::Fallback => true,
                Layer::Deadline => self.set_deadline(call, rules, place),
                Layer::Retry => self.enter_retry(call, rules),
                Layer::CircuitBreaker => self.enter_breaker(call, rules, place),
                Layer::Bulkhead => self.enter_bulkhead(call, rules, place),
                Layer::RateLimit => self.enter_rate_limit(call, rules, place),
                Layer::Timeout => self.arm_timeout(call, policy),
            };
            if !passes {
                return;
            }
        }
        self.send_attempt(call);
    }

    /// Takes an outcome up through the layers above place `below_place`.
    pub(super) fn ascend(&mut self, call: u32, below_place: usize, outcome: Outcome) {
        let mut outcome = outcome;
        if let Some((rules, policy)) = self.rules(call) {
            for place in (0..below_place).rev() {
                let up = match rules.layers[place] {
                    Layer::Timeout => self.leave_timeout(call, policy, outcome),
                    Layer::RateLimit => Up::Pass(outcome),
                    Layer::Bulkhead => self.leave_bulkhead(call, rules, outcome),
                    Layer::CircuitBreaker => self.leave_breaker(call, rules, outcome),
                    Layer::Retry => self.leave_retry(call, rules, place, outcome),
                    Layer::Deadline => self.leave_deadline(call, outcome),
                    Layer::Fallback => self.leave_fallback(call, rules, place, outcome),
                };
                match up {
                    Up::Pass(changed) => outcome = changed,
                    Up::Taken => return,
                }
            }
        }
        self.end_call(call, outcome);
    }

    /// A try was refused at a layer: it goes up from there within this instant.
    pub(super) fn refuse(&mut self, call: u32, place: usize, outcome: Outcome) {
        let Call { site, started, .. } = self.calls[call];
        let edge = self.topology.sites[site as usize].edge;
        self.recorder.short_circuited(edge, started);
        if self.recorder.watch.is_on() {
            self.watch_refused(call, outcome);
            self.meter_refused(call, outcome);
        }
        let state = &mut self.calls[call];
        (state.state, state.current, state.last) = (CallState::Settling, place as u32, outcome);
        self.calendar.schedule_in(Nanos::ZERO, Kind::Settles as u8, call);
    }

    pub(super) fn settles(&mut self, call: u32) {
        if self.calls[call].state == CallState::Gone {
            return self.free_call(call);
        }
        let Call { current, last, .. } = self.calls[call];
        self.calls[call].state = CallState::Deciding;
        self.ascend(call, current as usize, last);
    }

    // -- timeout -----------------------------------------------------------------------------------------------------

    #[inline(always)]
    pub(super) fn timeout_lane(&self, policy: PolicyId) -> LaneId {
        self.timeout_lanes[policy.index()].expect("a timeout layer has a lane")
    }

    #[inline(always)]
    pub(super) fn arm_timeout(&mut self, call: u32, policy: PolicyId) -> bool {
        let timer = self.calendar.arm(self.timeout_lane(policy), call);
        let state = &mut self.calls[call];
        state.timer = timer;
        state.holds |= hold::TIMER;
        true
    }

    #[inline(always)]
    pub(super) fn disarm_timeout(&mut self, call: u32, policy: PolicyId) {
        let state = &mut self.calls[call];
        // Also if it has fired in a pause: then it no longer concerns the call.
        let timer = std::mem::replace(&mut state.timer, TimerId::NONE);
        if state.holds & hold::TIMER != 0 {
            state.holds &= !hold::TIMER;
            self.calendar.disarm(self.timeout_lane(policy), timer);
        }
    }

    fn leave_timeout(&mut self, call: u32, policy: PolicyId, outcome: Outcome) -> Up {
        self.disarm_timeout(call, policy);
        Up::Pass(outcome)
    }

    pub(super) fn timeout_fires(&mut self, call: u32) {
        if self.is_paused(call) {
            return self.hold_back(call, Kind::TimeoutFires, call);
        }
        self.calls[call].holds &= !hold::TIMER;
        let edge = self.topology.sites[self.calls[call].site as usize].edge;
        self.recorder.attempt_timed_out(edge);
        self.cut(call, Layer::Timeout, Outcome::TIMEOUT);
    }

    /// Ends what goes on below a layer, and goes up from it with this outcome.
    pub(super) fn cut(&mut self, call: u32, layer: Layer, outcome: Outcome) {
        let (rules, _) = self.rules(call).expect("a layer belongs to a policy");
        let place = rules.layers.iter().position(|l| *l == layer).expect("the layer is there");
        self.take_blame_from_below(call);
        self.trace_cut(call, outcome);
        self.give_back_below(call, place + 1);
        self.blame(call, outcome);
        if self.calls[call].state == CallState::Settling {
            // A refusal is on its way up within this instant: it goes on from here, as this.
            (self.calls[call].current, self.calls[call].last) = (place as u32, outcome);
            return;
        }
        self.ascend(call, place, outcome);
    }

    // -- retry -------------------------------------------------------------------------------------------------------

    fn enter_retry(&mut self, call: u32, rules: &CallPolicy) -> bool {
        if let Some(budget) = rules.retry.as_ref().and_then(|retry| retry.budget.as_ref())
            && self.calls[call].holds & hold::BUDGET == 0
        {
            self.calls[call].holds |= hold::BUDGET;
            let cell = self.extras[call as usize].cell as usize;
            budget.call_started(self.budgets[cell].get_or_insert_with(|| budget.start()));
        }
        true
    }

    /// The call (and its retry, if this try was one) no longer counts for the budget.
    pub(super) fn leave_budget(&mut self, call: u32, rules: &CallPolicy, whole_call: bool) {
        let Some(budget) = rules.retry.as_ref().and_then(|retry| retry.budget.as_ref()) else { return };
        let cell = self.extras[call as usize].cell as usize;
        let Some(state) = &mut self.budgets[cell] else { return };
        if self.calls[call].holds & hold::RETRY != 0 {
            self.calls[call].holds &= !hold::RETRY;
            budget.retry_ended(state);
        }
        if whole_call && self.calls[call].holds & hold::BUDGET != 0 {
            self.calls[call].holds &= !hold::BUDGET;
            budget.call_ended(state);
        }
    }

    fn leave_retry(&mut self, call: u32, rules: &CallPolicy, place: usize, outcome: Outcome) -> Up {
        let retry = rules.retry.as_ref().expect("a retry layer has a retry");
        let wants = retry.wants(u32::from(self.calls[call].attempts), outcome);
        let allowed = match &retry.budget {
            None => wants,
            Some(budget) => {
                self.leave_budget(call, rules, false);
                let cell = self.extras[call as usize].cell as usize;
                let state = self.budgets[cell].get_or_insert_with(|| budget.start());
                if outcome.is_failure() {
                    budget.failed(state)
                } else {
                    budget.succeeded(state)
                }
                let allowed = wants && budget.try_retry(state);
                if allowed {
                    self.calls[call].holds |= hold::RETRY;
                }
                allowed
            }
        };
        if !allowed {
            if retry.budget.is_some() {
                self.leave_budget(call, rules, true);
            }
            if self.recorder.watch.is_on() {
                self.meter_retried(call, retry, outcome);
            }
            return Up::Pass(outcome);
        }
        self.retry(call, &retry.backoff, place);
        Up::Taken
    }

    fn retry(&mut self, call: u32, backoff: &Backoff, place: usize) {
        let Call { site, request, path, attempts, cause, .. } = self.calls[call];
        let now = self.now();
        let edge = self.topology.sites[site as usize].edge;
        let retries = self.recorder.trouble(Place::Edge(edge), Trouble::Retries, now, cause);
        self.calls[call].cause = retries;
        let uniform = self.keys.call(site, request, below(path, u32::from(attempts)), Purpose::Backoff).uniform();
        let previous = self.extras.get(call as usize).map_or(Nanos::ZERO, |extra| extra.previous);
        let previous = if attempts == 1 || previous == Nanos::ZERO { backoff.initial } else { previous };
        let wait = backoff.wait(u32::from(attempts), previous, uniform);
        if let Some(extra) = self.extras.get_mut(call as usize) {
            extra.previous = wait;
        }
        if self.recorder.watch.is_on() {
            self.watch_backoff(call, wait);
        }
        let state = &mut self.calls[call];
        state.attempts = attempts.saturating_add(1);
        state.state = CallState::BackingOff;
        // The layer to go on from is found again by its kind when the wait is over.
        debug_assert!(place < 8);
        let alarm = self.calendar.set_alarm(now + wait, Kind::BackoffOver as u8, call);
        self.calls[call].current = alarm.0;
    }

    pub(super) fn backoff_over(&mut self, call: u32) {
        if self.is_paused(call) {
            self.calls[call].current = AlarmId::NONE.0;
            return self.hold_back(call, Kind::BackoffOver, call);
        }
        let (rules, _) = self.rules(call).expect("only a policy retries");
        let place = rules.layers.iter().position(|l| *l == Layer::Retry).expect("it has a retry layer");
        let Call { site, started, .. } = self.calls[call];
        // Counted when it goes out: a call that is given up in its back-off has not been tried again.
        self.recorder.retried(self.topology.sites[site as usize].edge, started);
        self.calls[call].state = CallState::Deciding;
        // A layer outside the retry that was asked for one replica's state stays with that replica.
        let bound = self.calls[call].holds & (hold::BREAKER | hold::BULKHEAD) != 0;
        if let Some(extra) = self.extras.get_mut(call as usize).filter(|_| !bound) {
            extra.replica = NOBODY;
            if rules.scope == crate::policy::app::Scope::Replica {
                self.find_cell(call, rules.scope);
            }
        }
        self.descend(call, place + 1);
    }

    // -- circuit breaker ---------------------------------------------------------------------------------------------

    fn enter_breaker(&mut self, call: u32, rules: &CallPolicy, place: usize) -> bool {
        let breaker = rules.breaker.as_ref().expect("a breaker layer has a breaker");
        let now = self.now();
        let extra = &mut self.extras[call as usize];
        let cell = extra.cell as usize;
        let state = self.breakers[cell].get_or_insert_with(|| breaker.start());
        let permit = breaker.admit(state, now);
        (extra.permit, extra.entered) = (permit, now);
        if state.has_untold() {
            self.tell_breaker(call, cell);
        }
        if permit.is_none() {
            self.calls[call].cause = self.breaker_news[cell].cause.or(self.calls[call].cause);
            self.refuse(call, place, Outcome::BREAKER_OPEN);
            return false;
        }
        self.calls[call].holds |= hold::BREAKER;
        true
    }

    fn leave_breaker(&mut self, call: u32, rules: &CallPolicy, outcome: Outcome) -> Up {
        let held = &mut self.calls[call].holds;
        if *held & hold::BREAKER != 0 {
            *held &= !hold::BREAKER;
            let breaker = rules.breaker.as_ref().expect("a breaker layer has a breaker");
            let now = self.now();
            let CallExtra { cell, permit, entered, .. } = self.extras[call as usize];
            if let (Some(state), Some(permit)) = (&mut self.breakers[cell as usize], permit) {
                breaker.record(state, now, permit, outcome, now.since(entered));
                if state.has_untold() {
                    self.tell_breaker(call, cell as usize);
                }
            }
        }
        Up::Pass(outcome)
    }

    pub(super) fn cancel_permit(&mut self, call: u32, rules: &CallPolicy) {
        if self.calls[call].holds & hold::BREAKER != 0 {
            self.calls[call].holds &= !hold::BREAKER;
            let now = self.now();
            let CallExtra { cell, permit, .. } = self.extras[call as usize];
            if let (Some(breaker), Some(state), Some(permit)) = (&rules.breaker, &mut self.breakers[cell as usize], permit) {
                breaker.cancel(state, now, permit);
                self.tell_breaker(call, cell as usize);
            }
        }
    }

    /// Puts a breaker's change of mode into the record.
    #[cold]
    fn tell_breaker(&mut self, call: u32, cell: usize) {
        // A mode that ended by itself is noticed only now: there may be several changes to tell.
        while let Some(changed) = self.breakers[cell].as_mut().and_then(|state| state.take_transition()) {
            self.tell_transition(call, cell, changed);
        }
    }

    #[cold]
    fn tell_transition(&mut self, call: u32, cell: usize, changed: crate::policy::app::Transition) {
        let caller = self.caller_of(call);
        let Call { site, cause, .. } = self.calls[call];
        let edge = self.topology.sites[site as usize].edge;
        let now = self.now();
        // Calls of several edges may share the breaker: each change is counted where it is noticed.
        let before = self.breaker_news[cell];
        let counted_at = if before.edge.is_some() { before.edge } else { edge };
        self.recorder.breaker_changed((counted_at, edge), caller, changed.at, changed.from, changed.to);
        let mut news = BreakerNews { edge, mode: changed.to, cause: before.cause };
        if changed.to == crate::policy::app::Mode::Open {
            news.cause = self.recorder.trouble(Place::Edge(edge), Trouble::BreakerOpened, now, cause);
            self.calls[call].cause = news.cause;
        }
        self.breaker_news[cell] = news;
    }

    // -- rate limit --------------------------------------------------------------------------------------------------

    fn enter_rate_limit(&mut self, call: u32, rules: &CallPolicy, place: usize) -> bool {
        let bucket = rules.rate_limit.as_ref().expect("a rate limit layer has a rate limit");
        let now = self.now();
        let cell = self.extras[call as usize].cell as usize;
        if bucket.take(self.buckets[cell].get_or_insert_with(|| bucket.start(now)), now) {
            return true;
        }
        self.blame(call, Outcome::RATE_LIMITED);
        self.refuse(call, place, Outcome::RATE_LIMITED);
        false
    }

    // -- fallback ----------------------------------------------------------------------------------------------------

    fn leave_fallback(&mut self, call: u32, rules: &CallPolicy, place: usize, outcome: Outcome) -> Up {
        let fallback = rules.fallback.as_ref().expect("a fallback layer has a fallback");
        if let FallbackAction::Cached(cache) = fallback.action
            && outcome.is_ok()
        {
            // What was answered in full is what a later failure falls back on.
            let (caller, request) = (self.caller_of(call), self.calls[call].request);
            self.fill_cache(cache, caller, request);
        }
        if !fallback.wants(outcome) {
            return Up::Pass(outcome);
        }
        match fallback.action {
            FallbackAction::Value => {
                self.fell_back(call);
                Up::Pass(Outcome::DEGRADED)
            }
            FallbackAction::Cached(cache) => {
                let (caller, request) = (self.caller_of(call), self.calls[call].request);
                if !self.has_even_stale(cache, caller, request) {
                    return Up::Pass(outcome);
                }
                self.fell_back(call);
                Up::Pass(Outcome::DEGRADED)
            }
            FallbackAction::Call => {
                self.call_instead(call, place);
                Up::Taken
            }
        }
    }

    /// Tells of a fallback. It is the cause of what it asks for, and of nothing else: who gets its answer is late because of
    /// what failed before.
    fn fell_back(&mut self, call: u32) -> Cause {
        let Call { site, started, cause, .. } = self.calls[call];
        let (edge, now) = (self.topology.sites[site as usize].edge, self.now());
        self.recorder.fell_back(edge, started);
        self.recorder.trouble(Place::Edge(edge), Trouble::Fallbacks, now, cause)
    }

    /// Makes the fallback's call; its outcome comes back by `fallback_returns`.
    fn call_instead(&mut self, call: u32, place: usize) {
        let cause = self.fell_back(call);
        let Call { site, request, path, .. } = self.calls[call];
        let fallback = self.topology.sites[site as usize].fallback;
        debug_assert!(fallback.is_some() && place < 8);
        self.calls[call].state = CallState::InFallback;
        let below_path = below(path, self.topology.sites[fallback.index()].path);
        let instead = self.start_call(fallback.0, hold::OF_CALL, call, request, below_path, cause);
        self.calls[call].current = instead;
    }

    pub(super) fn fallback_returns(&mut self, call: u32, outcome: Outcome, cause: Cause) {
        let (rules, _) = self.rules(call).expect("only a policy falls back");
        let place = rules.layers.iter().position(|l| *l == Layer::Fallback).expect("it has a fallback layer");
        self.calls[call].state = CallState::Deciding;
        if !outcome.is_failure() {
            return self.ascend(call, place, Outcome::DEGRADED);
        }
        self.calls[call].cause = cause.or(self.calls[call].cause);
        self.ascend(call, place, outcome);
    }
}
