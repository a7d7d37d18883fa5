//! Upstream requests: a host is chosen, a connection carries the request there, and what comes back is charged to the host
//! (Envoy `router.cc`, `upstream_request.cc`).

use super::super::World;
use super::super::event::Kind;
use super::super::keys::{Purpose, below};
use super::super::state::*;
use super::{CallOff, Stream, Upstream};
use crate::base::id::*;
use crate::base::outcome::{Class, Flag, Outcome};
use crate::base::stream::Source;
use crate::base::time::Instant;
use crate::engine::{AlarmId, TimerId};
use crate::observe::episode::Cause;
use crate::policy::envoy::connection_pool::{Answer, Ending, Place as PlaceInPool};
use crate::policy::envoy::load_balancing::Ask;
use crate::policy::envoy::outlier_detection::Report;
use crate::policy::envoy::retry::{AttemptResult, ResetBy, Response, RetryPolicy, Verdict};
use crate::topology::mesh::{Cluster, Tls};

impl<'t> World<'t> {
    /// The cluster a stream goes to, and the state of the caller's proxy about it.
    pub(super) fn cluster_of(&self, stream: u32) -> (ClusterId, u32) {
        let id = self.target(stream).cluster.expect("a stream with tries has a cluster");
        let cluster = &self.topology.mesh.clusters[id.index()];
        (id, cluster.cells + self.proxies.streams[stream].caller - cluster.callers.start)
    }

    fn cluster(&self, id: ClusterId) -> &'t Cluster {
        &self.topology.mesh.clusters[id.index()]
    }

    // -- begins ------------------------------------------------------------------------------------------------------

    /// Chooses a host and asks the pool for a connection to it.
    pub(super) fn start_try(&mut self, stream: u32) {
        let (id, cell) = self.cluster_of(stream);
        self.prepare_cell(stream, id, cell);
        self.proxies.streams[stream].tries += 1;
        let Some(host) = self.pick_host(stream, id, cell) else {
            let outcome = AttemptResult::NoHost.outcome();
            let gone = self.gone_because(id, self.proxies.streams[stream].caller);
            self.proxies.streams[stream].cause = self.proxies.streams[stream].cause.or(self.proxies.ejecting[cell as usize]).or(gone);
            self.blame_in_proxy(stream, outcome);
            self.drop_upstreams(stream, None);
            return self.reply(stream, outcome, false);
        };
        self.proxies.streams[stream].tried.push(host);
        let next = self.proxies.streams[stream].upstream;
        let number = self.proxies.streams[stream].tries;
        let (late, repeated) = (false, false);
        let upstream = Upstream { stream, host, call: NOBODY, number, late, repeated, per_try: AlarmId::NONE, next };
        let upstream = self.proxies.upstreams.insert(upstream).expect("the limit on what is in flight is below the slab's");
        self.proxies.streams[stream].upstream = upstream;
        let pool = self.cell(cell).pool;
        let mut answers = std::mem::take(&mut self.proxies.answers);
        self.proxies.pools.request(&self.cluster(id).pool, pool, host, upstream, &mut answers);
        self.heed(id, cell, answers);
    }

    fn pick_host(&mut self, stream: u32, id: ClusterId, cell: u32) -> Option<u32> {
        let Stream { site, request, path, tries, caller, .. } = self.proxies.streams[stream];
        if self.cluster(id).plain {
            return Some(self.pick_plainly(stream, id));
        }
        let hash = self.hash_of(self.cluster(id), request, caller);
        let mut words = self.keys.call(site, request, below(path, tries), Purpose::Balance);
        let retry = self.rule(stream).retry.as_ref().filter(|retry| retry.avoids_previous_hosts && tries > 1);
        let reselections = retry.map_or(0, |retry| retry.host_selection_retries);
        let now = self.now();
        let tried = std::mem::take(&mut self.proxies.streams[stream].tried);
        let priorities = &self.cluster(id).view(self.zone_of(caller)).priorities;
        let left_out = self.rule(stream).retry.as_ref().filter(|_| tries > 1);
        let priorities_tried = left_out.map_or(0, |retry| retry.priorities_left_out(tried.iter().map(|host| priorities[*host as usize])));
        let ask = Ask { now, hash, reselections, priorities_tried };
        let host = self.choose_host(cell, id, ask, &mut words, |host| tried.contains(&host));
        self.proxies.streams[stream].tried = tried;
        host
    }

    /// Without a proxy the caller chooses as it does without connections.
    fn pick_plainly(&mut self, stream: u32, id: ClusterId) -> u32 {
        let call = self.proxies.streams[stream].call;
        let chosen = if self.with_extras { self.extras[call as usize].replica } else { NOBODY };
        let replica = if chosen == NOBODY { self.pick_replica(call) } else { chosen };
        replica - self.cluster(id).hosts[0].0
    }

    /// How a try that ended so looks to whoever made it.
    fn outcome_of(&self, stream: u32, result: AttemptResult) -> Outcome {
        match result {
            AttemptResult::ConnectFailure if self.is_plain(stream) => Outcome::CONNECT_FAILURE,
            AttemptResult::Reset { .. } if self.is_plain(stream) => Outcome::RESET,
            _ => result.outcome(),
        }
    }

    /// Does what a pool answers.
    pub(super) fn heed(&mut self, id: ClusterId, cell: u32, mut answers: Vec<Answer>) {
        for answer in answers.drain(..) {
            match answer {
                Answer::Attach { stream, .. } => self.attached(stream, id, cell),
                Answer::Overflow { stream, .. } => self.not_sent(stream, AttemptResult::Overflow),
                Answer::Failed { stream } => {
                    self.report(id, cell, self.proxies.upstreams[stream].host, Report::Reset, self.proxies.upstreams[stream].stream);
                    self.not_sent(stream, AttemptResult::ConnectFailure);
                }
                Answer::Lost { stream, .. } => self.lost_with_connection(stream, id, cell),
                Answer::Connect { host, connection, .. } => self.begin_connecting(id, cell, host, connection),
                Answer::Close { connection } => self.connection_closed(connection),
            }
        }
        self.proxies.answers = answers;
    }

    /// The request has a connection: it is sent.
    fn attached(&mut self, upstream: u32, id: ClusterId, cell: u32) {
        let Upstream { stream, host, .. } = self.proxies.upstreams[upstream];
        self.report(id, cell, host, Report::Connected, stream);
        self.note_active(cell, host);
        self.proxies.last_sent[cell as usize] = upstream;
        let first = self.begins_its_connection(upstream);
        if let Some(per_try) = self.rule(stream).timeouts.per_try {
            self.proxies.upstreams[upstream].per_try =
                self.calendar.set_alarm(self.now() + per_try, Kind::PerTryTimeoutFires as u8, upstream);
        }
        if matches!(self.cluster(id).tls, Tls::Refused) {
            return self.be_refused(upstream);
        }
        self.send_upstream(upstream, id, first);
    }

    fn send_upstream(&mut self, upstream: u32, id: ClusterId, first: bool) {
        let now = self.now();
        let Upstream { stream, host, number, .. } = self.proxies.upstreams[upstream];
        let Stream { call, site, request, path, cause, .. } = self.proxies.streams[stream];
        let replica = self.cluster(id).hosts[host as usize];
        let service = self.topology.replicas[replica.index()].service;
        let entry = self.target(stream).entries.iter().find(|(behind, _)| *behind == service);
        let entry = entry.expect("every service behind a cluster has the endpoint").1;
        let (edge, started) = (self.topology.sites[site as usize].edge, if call == NOBODY { now } else { self.calls[call].started });
        let path = below(path, number);
        let child = Call {
            request,
            started,
            parent: upstream,
            site,
            path,
            current: NOBODY,
            timer: TimerId::NONE,
            attempts: 1,
            cause: if call == NOBODY { cause } else { cause.or(self.calls[call].cause) },
            last: Outcome::OK,
            state: CallState::InFlight,
            holds: hold::OF_UPSTREAM,
        };
        let counted = self.cluster(id).plain && self.is_counted(service);
        let child = self.calls.insert(child).expect("the limit on what is in flight is below the slab's");
        if self.with_extras {
            self.prepare_extra(child);
        }
        let job = self.new_job(Job {
            request,
            arrived: Instant::START,
            call: child,
            replica: replica.0,
            step: entry.0,
            path,
            next: site,
            pending: 0,
            outcome: Outcome::OK,
            cause: self.calls[child].cause,
            state: JobState::Travelling,
            marks: if first { mark::FIRST } else { 0 } | if counted { mark::ACTIVE } else { 0 },
        });
        if self.with_deadlines {
            self.pass_deadline_on(child, job);
        }
        self.calls[child].current = job;
        self.proxies.upstreams[upstream].call = child;
        if counted {
            self.count_active(child, replica.0);
        }
        if call != NOBODY {
            self.proxies.streams[stream].counted = true;
            self.recorder.attempt_sent(edge, started);
        }
        if self.recorder.watch.is_on() {
            self.watch_sent_by_proxy(call, job, edge, number);
        }
        self.send_request(job);
    }

    // -- ends --------------------------------------------------------------------------------------------------------

    /// The replica's answer, or the news that there will be none, has come back to the proxy.
    pub(in crate::world) fn upstream_answers(&mut self, child: u32, seen: Outcome) {
        let Call { parent: upstream, cause, .. } = self.calls[child];
        self.free_call(child);
        let Upstream { stream, host, .. } = self.proxies.upstreams[upstream];
        self.proxies.upstreams[upstream].call = NOBODY;
        self.proxies.streams[stream].cause = cause.or(self.proxies.streams[stream].cause);
        let (id, cell) = self.cluster_of(stream);
        let is_reset = matches!(seen.class, Class::Reset | Class::ConnectFailure);
        let (result, report) = if is_reset {
            let by = ResetBy::ConnectionClosed;
            (AttemptResult::Reset { by, request_sent: true }, Report::Reset)
        } else if self.cluster(id).grpc {
            let code = crate::base::grpc::of_http(seen.status);
            let status = crate::policy::envoy::outlier_detection::http_equivalent(u32::from(code));
            (AttemptResult::Response(Response::grpc(code)), Report::Answered { status })
        } else {
            (AttemptResult::Response(Response::status(seen.status)), Report::Answered { status: seen.status })
        };
        self.report(id, cell, host, report, stream);
        let outcome = if is_reset { self.outcome_of(stream, result) } else { seen };
        // Decided while the request still counts as under way, as in Envoy.
        let (verdict, is_bad) = self.judge(upstream, result, outcome);
        let retried = matches!(verdict, Verdict::Retry { .. });
        let is_last = self.proxies.streams[stream].upstream == upstream && self.proxies.upstreams[upstream].next == NOBODY;
        let others = !is_last || self.proxies.streams[stream].wait != AlarmId::NONE;
        let dropped = !retried && (is_reset || is_bad) && others;
        self.finish_upstream(upstream, if is_reset || retried || dropped { Ending::Reset } else { Ending::Complete });
        if let Verdict::Final(outcome) = verdict
            && dropped
        {
            return self.note(stream, outcome);
        }
        self.obey(stream, verdict, true);
    }

    /// What becomes of a stream whose try has been answered so, and whether that is an answer which would have been retried.
    fn judge(&mut self, upstream: u32, result: AttemptResult, outcome: Outcome) -> (Verdict, bool) {
        let Upstream { stream, repeated, .. } = self.proxies.upstreams[upstream];
        if repeated {
            let wanted = self.rule(stream).retry.as_ref().is_some_and(|retry| retry.on.wants(result));
            return (Verdict::Final(outcome), wanted);
        }
        let verdict = self.verdict(stream, result, outcome);
        let is_bad = matches!(verdict, Verdict::Final(told) if told.flags.contains(Flag::URX) || told.flags.contains(Flag::UO));
        (verdict, is_bad)
    }

    /// A try that never came onto a connection.
    fn not_sent(&mut self, upstream: u32, result: AttemptResult) {
        let stream = self.proxies.upstreams[upstream].stream;
        let outcome = self.outcome_of(stream, result);
        self.forget_upstream(upstream);
        if result == AttemptResult::Overflow {
            self.take_blame_from_those_under_way(stream);
        }
        self.blame_in_proxy(stream, outcome);
        let Stream { call, site, .. } = self.proxies.streams[stream];
        if result == AttemptResult::Overflow && !self.has_others(stream) {
            return self.reply(stream, outcome, false);
        }
        if call != NOBODY {
            self.recorder.short_circuited(self.topology.sites[site as usize].edge, self.calls[call].started);
            if self.recorder.watch.is_on() {
                self.watch_refused(call, outcome);
            }
            self.proxies.streams[stream].counted = true;
        }
        self.decide(stream, result, outcome, false);
    }

    /// The connection broke under a request.
    fn lost_with_connection(&mut self, upstream: u32, id: ClusterId, cell: u32) {
        let Upstream { stream, host, call, repeated, .. } = self.proxies.upstreams[upstream];
        self.note_active(cell, host);
        self.report(id, cell, host, Report::Reset, stream);
        let result = AttemptResult::Reset { by: ResetBy::ConnectionClosed, request_sent: true };
        let outcome = self.outcome_of(stream, result);
        if call != NOBODY {
            self.abandon_child(call, outcome);
            self.proxies.upstreams[upstream].call = NOBODY;
        }
        self.forget_upstream(upstream);
        self.blame_in_proxy(stream, outcome);
        match repeated {
            false => self.decide(stream, result, outcome, false),
            // Another one has begun in its place, unless that has ended as badly.
            true if self.has_others(stream) => {}
            true => self.obey(stream, Verdict::Final(outcome), false),
        }
    }

    pub(in crate::world) fn per_try_timeout_fires(&mut self, upstream: u32) {
        self.proxies.upstreams[upstream].per_try = AlarmId::NONE;
        let Upstream { stream, host, .. } = self.proxies.upstreams[upstream];
        let Stream { site, .. } = self.proxies.streams[stream];
        self.recorder.attempt_timed_out(self.topology.sites[site as usize].edge);
        let (id, cell) = self.cluster_of(stream);
        self.take_blame_from_upstreams(stream);
        self.report(id, cell, host, Report::TimedOut, stream);
        let result = AttemptResult::PerTryTimeout;
        if let Some(retry) = self.rule(stream).retry.as_ref().filter(|retry| retry.hedges) {
            return self.hedge(upstream, retry);
        }
        self.drop_upstream(upstream, Outcome::TIMEOUT, None);
        self.blame_in_proxy(stream, result.outcome());
        self.decide(stream, result, result.outcome(), true);
    }

    /// A try has taken too long: it goes on, and another one begins beside it if there may be one.
    fn hedge(&mut self, upstream: u32, retry: &RetryPolicy) {
        let Upstream { stream, number, .. } = self.proxies.upstreams[upstream];
        self.proxies.upstreams[upstream].late = true;
        let Stream { call, site, request, path, .. } = self.proxies.streams[stream];
        if call == NOBODY {
            return;
        }
        let (id, cell) = self.cluster_of(stream);
        let word = self.keys.call(site, request, below(path, number), Purpose::Backoff).word();
        let (thresholds, pool) = (&self.cluster(id).pool.thresholds, self.cell(cell).pool);
        let counters = self.proxies.pools.counters_mut(pool);
        match self.proxies.streams[stream].retry.hedge(retry, thresholds, counters, word) {
            Verdict::Final(noted) => self.note(stream, noted),
            again => {
                self.proxies.upstreams[upstream].repeated = true;
                self.obey(stream, again, true);
            }
        }
    }

    // -- given up ----------------------------------------------------------------------------------------------------

    /// Ends all tries of a stream. With an outcome they have timed out, and their hosts are charged with it.
    pub(super) fn drop_upstreams(&mut self, stream: u32, timed_out: Option<Outcome>) {
        if self.proxies.streams[stream].upstream == NOBODY {
            return;
        }
        let (id, cell) = self.cluster_of(stream);
        while self.proxies.streams[stream].upstream != NOBODY {
            let upstream = self.proxies.streams[stream].upstream;
            let Upstream { host, call, late, .. } = self.proxies.upstreams[upstream];
            // Who was late has been charged with it.
            let charged = timed_out.is_some() && call != NOBODY && !late;
            let report = charged.then_some((id, cell, host));
            self.drop_upstream(upstream, timed_out.unwrap_or(Outcome::GIVEN_UP), report);
        }
    }

    fn drop_upstream(&mut self, upstream: u32, outcome: Outcome, report: Option<(ClusterId, u32, u32)>) {
        let Upstream { stream, call, .. } = self.proxies.upstreams[upstream];
        if let Some((id, cell, host)) = report {
            self.report(id, cell, host, Report::TimedOut, stream);
        }
        if call != NOBODY {
            self.abandon_child(call, outcome);
            self.proxies.upstreams[upstream].call = NOBODY;
        }
        self.finish_upstream(upstream, Ending::Reset);
    }

    /// The replica works on in vain, or stops: that is its business.
    fn abandon_child(&mut self, child: u32, outcome: Outcome) {
        let job = self.calls[child].current;
        self.trace_over(job, outcome);
        self.abandon_attempt(child, job);
        self.free_call(child);
    }

    /// The try leaves its connection or its queue.
    fn finish_upstream(&mut self, upstream: u32, ending: Ending) {
        let Upstream { stream, host, .. } = self.proxies.upstreams[upstream];
        let (id, cell) = self.cluster_of(stream);
        let (settings, now) = (&self.cluster(id).pool, self.now());
        let mut answers = std::mem::take(&mut self.proxies.answers);
        match self.proxies.pools.place(upstream) {
            PlaceInPool::Attached(_) => self.proxies.pools.finish(settings, upstream, ending, now, &mut answers),
            _ => self.proxies.pools.cancel(settings, upstream, now, &mut answers),
        }
        self.forget_upstream(upstream);
        self.note_active(cell, host);
        self.heed(id, cell, answers);
    }

    /// Takes a try that is in no pool out of its stream.
    fn forget_upstream(&mut self, upstream: u32) {
        let Upstream { stream, mut per_try, next, .. } = self.proxies.upstreams[upstream];
        CallOff::call_off(&mut self.calendar, &mut per_try);
        if self.proxies.streams[stream].upstream == upstream {
            self.proxies.streams[stream].upstream = next;
        } else {
            let mut before = self.proxies.streams[stream].upstream;
            while self.proxies.upstreams[before].next != upstream {
                before = self.proxies.upstreams[before].next;
            }
            self.proxies.upstreams[before].next = next;
        }
        self.proxies.upstreams.remove(upstream);
    }

    /// What has held up the tries of a stream is why it fails.
    pub(super) fn take_blame_from_upstreams(&mut self, stream: u32) {
        let first = self.proxies.streams[stream].upstream;
        if first == NOBODY {
            return;
        }
        let child = self.proxies.upstreams[first].call;
        if child != NOBODY {
            let met = self.met_by(self.calls[child].current);
            self.proxies.streams[stream].cause = met.or(self.proxies.streams[stream].cause);
        }
    }

    /// A limit is reached because those under way are slow to be answered: whatever holds up the latest of them is why.
    fn take_blame_from_those_under_way(&mut self, stream: u32) {
        let (_, cell) = self.cluster_of(stream);
        let last = self.proxies.last_sent[cell as usize];
        if !matches!(self.proxies.pools.place(last), PlaceInPool::Attached(_)) {
            return;
        }
        let Upstream { stream: other, call: child, .. } = self.proxies.upstreams[last];
        if child != NOBODY && self.cluster_of(other).1 == cell {
            let met = self.met_by(self.calls[child].current);
            self.proxies.streams[stream].cause = met.or(self.proxies.streams[stream].cause);
        }
    }

    /// Why the proxy that sent this has ejected hosts that it could have sent it to, if it has.
    pub(in crate::world) fn ejections_of_upstream(&self, upstream: u32) -> Cause {
        let (_, cell) = self.cluster_of(self.proxies.upstreams[upstream].stream);
        self.proxies.ejecting[cell as usize]
    }

    /// The place of the call whose try this is.
    pub(in crate::world) fn path_of_upstream(&self, upstream: u32) -> u32 {
        let Stream { call, path, .. } = self.proxies.streams[self.proxies.upstreams[upstream].stream];
        if call == NOBODY { path } else { self.calls[call].path }
    }

    pub(in crate::world) fn caller_of_upstream(&self, upstream: u32) -> u32 {
        self.proxies.streams[self.proxies.upstreams[upstream].stream].caller
    }

    /// The job that a call waits for which is in its caller's proxy, if a request is under way.
    pub(in crate::world) fn job_in_proxy(&self, call: u32) -> Option<u32> {
        let upstream = self.proxies.streams[self.calls[call].current].upstream;
        let child = (upstream != NOBODY).then(|| self.proxies.upstreams[upstream].call)?;
        (child != NOBODY).then(|| self.calls[child].current)
    }

    /// Proxies pass on what the application says of its deadline.
    pub(in crate::world) fn deadline_through_proxy(&self, upstream: u32) -> Instant {
        let call = self.proxies.streams[self.proxies.upstreams[upstream].stream].call;
        if call == NOBODY { Instant::NEVER } else { self.deadline_for_callee(call) }
    }

    // -- retries -----------------------------------------------------------------------------------------------------

    pub(super) fn ask_to_retry(&mut self, stream: u32, result: AttemptResult, word: u64) -> Verdict {
        let (id, cell) = self.cluster_of(stream);
        let policy = self.rule(stream).retry.as_ref();
        let (thresholds, pool) = (&self.cluster(id).pool.thresholds, self.cell(cell).pool);
        let counters = self.proxies.pools.counters_mut(pool);
        self.proxies.streams[stream].retry.attempt_ended(policy, result, thresholds, counters, word)
    }

    /// The slot among the retries that are under way is free again.
    pub(super) fn give_retry_back(&mut self, stream: u32) {
        let is_forwarded = self.proxies.streams[stream].tries > 0;
        if !is_forwarded {
            return;
        }
        let (_, cell) = self.cluster_of(stream);
        let pool = self.cell(cell).pool;
        self.proxies.streams[stream].retry.end(self.proxies.pools.counters_mut(pool));
    }
}
