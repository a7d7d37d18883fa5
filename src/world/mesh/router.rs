//! The router of the caller's proxy: which rule a request matches, what is injected, where it goes, whether it is tried
//! again, and what the application gets (Envoy `fault_filter.cc`, `router.cc`).

use super::super::World;
use super::super::event::Kind;
use super::super::keys::{Purpose, below};
use super::super::state::*;
use super::{CallOff, Stream};
use crate::base::id::*;
use crate::base::outcome::{Class, Flag, Flags, Outcome, class_of_status};
use crate::base::stream::Source;
use crate::engine::AlarmId;
use crate::observe::episode::{Cause, Place, Trouble};
use crate::policy::envoy::retry::{AttemptResult, RetryState, Verdict};
use crate::topology::mesh::{Action, HeaderCondition, Rule, Target};

/// No rule of the host matches.
const NO_ROUTE: Outcome = Outcome::new(404, Class::Answer, Flag::NR);

impl<'t> World<'t> {
    /// A try of the application's library enters its proxy instead of being sent.
    #[inline(never)]
    pub(in crate::world) fn enter_proxy(&mut self, call: u32) {
        let Call { site, request, path, attempts, .. } = self.calls[call];
        let caller = self.caller_of(call);
        let table = self.table_of(site, caller);
        let Some(rule) = self.matching_rule(table, request) else {
            return self.refuse(call, self.layers_of(call), NO_ROUTE);
        };
        let stream = Stream { call, caller, path: below(path, u32::from(attempts)), ..self.new_stream(site, (table, rule), request) };
        let stream = self.proxies.streams.insert(stream).expect("the limit on what is in flight is below the slab's");
        (self.calls[call].state, self.calls[call].current) = (CallState::InProxy, stream);
        if self.recorder.watch.is_on() {
            let now = self.now();
            self.recorder.watch.enters_proxy(call, now);
        }
        self.inject(stream);
    }

    fn new_stream(&self, site: u32, (table, rule): (RouteTableId, u32), request: u64) -> Stream {
        Stream {
            call: NOBODY,
            caller: NOBODY,
            site,
            table,
            rule,
            target: 0,
            request,
            path: 0,
            cause: Cause::NONE,
            timeout: AlarmId::NONE,
            wait: AlarmId::NONE,
            retry: RetryState::default(),
            tried: Vec::new(),
            tries: 0,
            counted: false,
            delayed: false,
            noted: Flags::NONE,
            upstream: NOBODY,
            next_free: NOBODY,
        }
    }

    fn layers_of(&self, call: u32) -> usize {
        self.rules(call).map_or(0, |(rules, _)| rules.layers.len())
    }

    /// The first rule whose conditions hold.
    fn matching_rule(&self, table: RouteTableId, request: u64) -> Option<u32> {
        let rules = &self.table(table).rules;
        let holds = |when: &Vec<HeaderCondition>| when.iter().all(|condition| self.holds(condition, request));
        rules.iter().position(|rule| rule.when.is_empty() || rule.when.iter().any(holds)).map(|place| place as u32)
    }

    fn holds(&self, condition: &HeaderCondition, request: u64) -> bool {
        let sent = condition.values.iter().find_map(|(attribute, holds)| Some((self.attribute_of(*attribute, request)?, holds)));
        sent.map_or(condition.absent, |(value, holds)| holds[value as usize - 1])
    }

    pub(super) fn rule(&self, stream: u32) -> &'t Rule {
        let Stream { table, rule, .. } = self.proxies.streams[stream];
        &self.table(table).rules[rule as usize]
    }

    /// Whether there is no proxy, but a caller that keeps connections itself.
    pub(super) fn is_plain(&self, stream: u32) -> bool {
        let mesh = &self.topology.mesh;
        mesh.tables[mesh.table(SiteId(self.proxies.streams[stream].site)).index()].plain
    }

    /// Where a stream goes.
    pub(super) fn target(&self, stream: u32) -> &'t Target {
        let (rule, Stream { call, target, .. }) = (self.rule(stream), &self.proxies.streams[stream]);
        match &rule.action {
            _ if *call == NOBODY => &rule.mirrors[*target as usize].1,
            Action::Forward { targets, .. } => &targets[*target as usize],
            Action::Answer(_) => unreachable!("what the proxy answers itself goes nowhere"),
        }
    }

    // -- on the way in -----------------------------------------------------------------------------------------------

    fn inject(&mut self, stream: u32) {
        let injected = self.injected(stream);
        let Some(delay) = injected.0 else { return self.after_injection(stream) };
        self.proxies.streams[stream].delayed = true;
        self.proxies.streams[stream].wait = self.calendar.set_alarm(self.now() + delay, Kind::InjectedDelayOver as u8, stream);
    }

    /// Two draws of the stream's own: whoever asks twice is told the same.
    fn injected(&self, stream: u32) -> (Option<crate::base::time::Nanos>, Option<Outcome>) {
        let Stream { site, request, path, .. } = self.proxies.streams[stream];
        let mut words = self.keys.call(site, request, path, Purpose::Inject);
        let (of_delay, of_abort) = (words.word(), words.word());
        let injected = self.rule(stream).fault.inject(of_delay, of_abort);
        (injected.delay, injected.abort)
    }

    pub(in crate::world) fn injected_delay_over(&mut self, stream: u32) {
        self.proxies.streams[stream].wait = AlarmId::NONE;
        self.after_injection(stream);
    }

    fn after_injection(&mut self, stream: u32) {
        match self.injected(stream).1 {
            Some(outcome) => self.reply(stream, outcome, false),
            None => self.route(stream),
        }
    }

    fn route(&mut self, stream: u32) {
        let rule = self.rule(stream);
        let Stream { site, request, path, .. } = self.proxies.streams[stream];
        let mut words = self.keys.call(site, request, path, Purpose::Route);
        let of_cluster = words.word();
        for (place, (mirror, _)) in rule.mirrors.iter().enumerate() {
            if mirror.copies(words.word()) {
                self.send_copy(stream, place as u32);
            }
        }
        match &rule.action {
            Action::Answer(outcome) => self.reply(stream, *outcome, false),
            Action::Forward { weights, .. } => {
                self.proxies.streams[stream].target = weights.choose(of_cluster);
                self.forward(stream);
            }
        }
    }

    /// A copy goes to a mirror; nobody waits for it, and it is not tried again.
    fn send_copy(&mut self, stream: u32, mirror: u32) {
        let Stream { caller, site, table, rule, request, path, .. } = self.proxies.streams[stream];
        let copy =
            Stream { caller, target: mirror, path: below(path, 0x6d69_7200 + mirror), ..self.new_stream(site, (table, rule), request) };
        let copy = self.proxies.streams.insert(copy).expect("the limit on what is in flight is below the slab's");
        self.forward(copy);
    }

    fn forward(&mut self, stream: u32) {
        if let Err(outcome) = self.target(stream).cluster {
            return self.reply(stream, outcome, false);
        }
        let rule = self.rule(stream);
        if let Some(timeout) = rule.timeouts.global {
            self.proxies.streams[stream].timeout = self.calendar.set_alarm(self.now() + timeout, Kind::RouteTimeoutFires as u8, stream);
        }
        self.proxies.streams[stream].retry = RetryState::start(rule.retry.as_ref());
        self.start_try(stream);
    }

    // -- after a try -------------------------------------------------------------------------------------------------

    /// A try has ended so: another one, or the end.
    pub(super) fn decide(&mut self, stream: u32, result: AttemptResult, outcome: Outcome, at_once: bool) {
        let verdict = self.verdict(stream, result, outcome);
        if let Verdict::Final(outcome) = verdict
            && self.has_others(stream)
        {
            return self.note(stream, outcome);
        }
        self.obey(stream, verdict, at_once);
    }

    /// Whether other tries of a stream are under way, or about to be.
    pub(super) fn has_others(&self, stream: u32) -> bool {
        let Stream { upstream, wait, .. } = self.proxies.streams[stream];
        upstream != NOBODY || wait != AlarmId::NONE
    }

    /// A try that ends so ends nothing, since others go on; what is told of it is kept.
    pub(super) fn note(&mut self, stream: u32, outcome: Outcome) {
        let entry = &mut self.proxies.streams[stream];
        for flag in [Flag::URX, Flag::UO].into_iter().filter(|flag| outcome.flags.contains(*flag)) {
            entry.noted = entry.noted.with(flag);
        }
    }

    /// What becomes of a stream whose try has ended with this outcome.
    pub(super) fn verdict(&mut self, stream: u32, result: AttemptResult, outcome: Outcome) -> Verdict {
        let Stream { call, site, request, path, tries, .. } = self.proxies.streams[stream];
        if call == NOBODY || self.is_plain(stream) {
            return Verdict::Final(outcome);
        }
        let word = self.keys.call(site, request, below(path, tries), Purpose::Backoff).word();
        match self.ask_to_retry(stream, result, word) {
            // The answer is the replica's; what the proxy adds are its flags.
            Verdict::Final(told) => Verdict::Final(Outcome { flags: told.flags, ..outcome }),
            again => again,
        }
    }

    pub(super) fn obey(&mut self, stream: u32, verdict: Verdict, at_once: bool) {
        match verdict {
            Verdict::Final(outcome) => {
                self.drop_upstreams(stream, None);
                self.reply(stream, outcome, at_once);
            }
            Verdict::Retry { after } => {
                if self.recorder.watch.is_on() {
                    self.meter_retry(stream);
                }
                // Of two that wait the later one takes the place of the earlier.
                let mut earlier = self.proxies.streams[stream].wait;
                CallOff::call_off(&mut self.calendar, &mut earlier);
                self.proxies.streams[stream].wait = self.calendar.set_alarm(self.now() + after, Kind::ProxyBackoffOver as u8, stream);
            }
        }
    }

    pub(in crate::world) fn proxy_backoff_over(&mut self, stream: u32) {
        self.proxies.streams[stream].wait = AlarmId::NONE;
        let Stream { call, site, cause, .. } = self.proxies.streams[stream];
        let (edge, now) = (self.topology.sites[site as usize].edge, self.now());
        self.recorder.retried_by_mesh(edge, self.calls[call].started);
        let because = cause.or(self.calls[call].cause);
        self.proxies.streams[stream].cause = self.recorder.trouble(Place::Edge(edge), Trouble::Retries, now, because);
        self.proxies.streams[stream].counted = false;
        self.start_try(stream);
    }

    /// The route's timeout: everything ends, and the application is told.
    pub(in crate::world) fn route_timeout_fires(&mut self, stream: u32) {
        self.proxies.streams[stream].timeout = AlarmId::NONE;
        let call = self.proxies.streams[stream].call;
        self.take_blame_from_upstreams(stream);
        self.drop_upstreams(stream, Some(Outcome::TIMEOUT));
        if call != NOBODY {
            self.blame_in_proxy(stream, Outcome::TIMEOUT);
        }
        self.reply(stream, AttemptResult::GlobalTimeout.outcome(), true);
    }

    /// Notes a failure of the proxy's own as an episode of the edge; the stream carries it on.
    pub(super) fn blame_in_proxy(&mut self, stream: u32, outcome: Outcome) {
        let Stream { call, cause, site, .. } = self.proxies.streams[stream];
        if call == NOBODY {
            return;
        }
        let trouble = match outcome.class {
            _ if outcome.flags.contains(Flag::UH) => Trouble::NoHost,
            Class::BulkheadFull => Trouble::PoolOverflow,
            Class::Timeout => Trouble::Timeouts,
            Class::ConnectFailure => Trouble::ConnectFailures,
            Class::Reset => Trouble::Resets,
            _ => Trouble::ErrorAnswers,
        };
        let (edge, now) = (self.topology.sites[site as usize].edge, self.now());
        let because = cause.or(self.calls[call].cause).or(self.pushed_by(stream));
        self.proxies.streams[stream].cause = self.recorder.trouble(Place::Edge(edge), trouble, now, because);
    }

    /// The stream is over, and this is what the application gets. What a proxy answers without having heard of anybody takes
    /// an event of its own, so that a loop of refusals is seen as one; so does what comes up in the middle of a pool's work.
    pub(super) fn reply(&mut self, stream: u32, outcome: Outcome, at_once: bool) {
        let Stream { call, cause, delayed, counted, noted, .. } = self.proxies.streams[stream];
        let cause = if outcome.is_failure() { cause.or(self.pushed_by(stream)) } else { cause };
        let plain = self.is_plain(stream);
        let with = |outcome: Outcome, (flag, told): (Flag, bool)| if told { outcome.with(flag) } else { outcome };
        let told = [(Flag::DI, delayed), (Flag::URX, noted.contains(Flag::URX)), (Flag::UO, noted.contains(Flag::UO))];
        let outcome = if plain { outcome } else { to_application(told.into_iter().fold(outcome, with)) };
        if self.recorder.watch.is_on() {
            self.watch_reply(stream, outcome);
        }
        self.end_stream(stream);
        if call == NOBODY {
            return;
        }
        self.calls[call].cause = cause.or(self.calls[call].cause);
        let layers = self.layers_of(call);
        if !counted {
            return self.refuse(call, layers, outcome);
        }
        if at_once && !self.is_paused(call) {
            self.calls[call].state = CallState::Deciding;
            return self.attempt_ended(call, outcome);
        }
        let state = &mut self.calls[call];
        (state.state, state.current, state.last) = (CallState::Settling, layers as u32, outcome);
        if self.is_paused(call) {
            return self.hold_back(call, Kind::Settles, call);
        }
        self.calendar.schedule_in(crate::base::time::Nanos::ZERO, Kind::Settles as u8, call);
    }

    /// The application no longer waits (or its process is gone): so does nobody here.
    pub(in crate::world) fn leave_proxy(&mut self, call: u32, stream: u32) {
        let Stream { site, counted, .. } = self.proxies.streams[stream];
        self.drop_upstreams(stream, None);
        if self.recorder.watch.is_on() {
            self.watch_leaves_proxy(call, Outcome::GIVEN_UP);
        }
        if !counted {
            self.recorder.short_circuited(self.topology.sites[site as usize].edge, self.calls[call].started);
        }
        self.end_stream(stream);
    }

    /// A copy that nobody asks about any more.
    pub(super) fn end_copy(&mut self, copy: u32) {
        self.drop_upstreams(copy, None);
        self.end_stream(copy);
    }

    fn end_stream(&mut self, stream: u32) {
        debug_assert_eq!(self.proxies.streams[stream].upstream, NOBODY, "its tries end before it");
        let Stream { mut timeout, mut wait, .. } = self.proxies.streams[stream];
        CallOff::call_off(&mut self.calendar, &mut timeout);
        CallOff::call_off(&mut self.calendar, &mut wait);
        self.give_retry_back(stream);
        self.proxies.streams.remove(stream);
    }
}

/// To the application its proxy is the peer: whatever the proxy says is an answer.
fn to_application(outcome: Outcome) -> Outcome {
    match outcome.class {
        Class::Answer | Class::Degraded | Class::ServerError => outcome,
        _ => Outcome { class: class_of_status(outcome.status), ..outcome },
    }
}
