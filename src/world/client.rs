//! Clients: open arrivals whatever the system does, and closed users who wait, think and ask again.

use super::World;
use super::event::Kind;
use super::keys::{below, root_path};
use super::state::{NOBODY, hold};
use crate::base::id::*;
use crate::base::math;
use crate::base::outcome::Outcome;
use crate::base::stream::{Sequence, Source};
use crate::base::time::Instant;
use crate::observe::episode::{Cause, Place, Trouble};
use crate::topology::labels::request_number;
use crate::topology::site::Caller;
use crate::topology::{Arrivals, Load, RatePlan};

/// What changes of a client.
pub(super) struct ClientState {
    /// Requests so far; open clients number them thus.
    requests: u64,
    process: Option<Process>,
    users: Vec<User>,
    /// Spikes in progress; the latest is why it offers more.
    pub spikes: Vec<(u32, Cause)>,
    path: u32,
    /// The site of all its requests, if they have one only; else nobody.
    only_site: u32,
    /// Those of an open client.
    instances: u32,
}

#[derive(Clone, Copy, Default)]
struct User {
    turns: u32,
    ok: u64,
}

/// An arrival process in progress.
struct Process {
    arrivals: Arrivals,
    plan: RatePlan,
    gaps: Sequence,
    states: Sequence,
    /// Seconds since the start, exact to far below a nanosecond over the longest run.
    at: f64,
    segment: usize,
    /// MMPP: the state, and when it ends. Trace: the next entry.
    state: usize,
    state_ends: f64,
    /// While the rate is constant: its inverse, and until when; both 0 otherwise.
    gap: f64,
    steady_until: f64,
}

impl Process {
    fn new(arrivals: Arrivals, plan: RatePlan, gaps: Sequence, states: Sequence) -> Process {
        let mut process =
            Process { arrivals, plan, gaps, states, at: 0.0, segment: 0, state: 0, state_ends: f64::INFINITY, gap: 0.0, steady_until: 0.0 };
        if let Arrivals::Mmpp(states) = &process.arrivals {
            process.state_ends = states[0].1.as_secs_f64() * process.states.exponential();
        }
        process
    }

    /// The next arrival, by the rescaling of time: a unit of the standard process is a unit of the integrated rate.
    fn next(&mut self) -> Instant {
        let need = match &self.arrivals {
            Arrivals::Trace(instants) => {
                self.state += 1;
                return instants.get(self.state - 1).copied().unwrap_or(Instant::NEVER);
            }
            Arrivals::Constant => 1.0,
            Arrivals::Poisson | Arrivals::Mmpp(_) => self.gaps.exponential(),
        };
        if self.steady_until > 0.0 {
            let at = self.at + need * self.gap;
            if at < self.steady_until {
                self.at = at;
                return Instant((at * 1e9 + 0.5) as u64);
            }
        }
        let at = self.next_by_area(need);
        self.look_ahead();
        at
    }

    /// Remembers how long the rate stays as it is, and what it is.
    fn look_ahead(&mut self) {
        let segment = self.plan.segments[self.segment];
        let ends = self.plan.segments.get(self.segment + 1).map_or(f64::INFINITY, |next| next.from.as_secs_f64());
        let factor = match &self.arrivals {
            Arrivals::Mmpp(states) => states[self.state].0,
            _ => 1.0,
        };
        let rate = factor * segment.start;
        let steady = segment.start == segment.end && rate > 0.0;
        (self.gap, self.steady_until) = if steady { (1.0 / rate, ends.min(self.state_ends)) } else { (0.0, 0.0) };
    }

    /// Goes along the rate until the area under it is `need`.
    fn next_by_area(&mut self, mut need: f64) -> Instant {
        loop {
            let segment = self.plan.segments[self.segment];
            let segment_ends = self.plan.segments.get(self.segment + 1).map_or(f64::INFINITY, |next| next.from.as_secs_f64());
            let factor = match &self.arrivals {
                Arrivals::Mmpp(states) => states[self.state].0,
                _ => 1.0,
            };
            let until = segment_ends.min(self.state_ends);
            let slope = if segment.start == segment.end {
                0.0
            } else {
                factor * (segment.end - segment.start) / (segment_ends - segment.from.as_secs_f64())
            };
            let rate = factor * segment.start + slope * (self.at - segment.from.as_secs_f64());
            let area = if until.is_infinite() { f64::INFINITY } else { (rate + 0.5 * slope * (until - self.at)) * (until - self.at) };
            if need <= area && (rate > 0.0 || slope > 0.0) {
                // The root of slope/2 x² + rate x = need that is stable for a slope near 0.
                self.at += 2.0 * need / (rate + math::sqrt(rate * rate + 2.0 * slope * need));
                return Instant((self.at * 1e9 + 0.5) as u64);
            }
            if until.is_infinite() {
                return Instant::NEVER;
            }
            need -= area;
            self.at = until;
            if until == segment_ends {
                self.segment += 1;
            }
            if until == self.state_ends {
                self.change_state();
            }
        }
    }

    fn change_state(&mut self) {
        if let Arrivals::Mmpp(states) = &self.arrivals {
            self.state = (self.state + 1) % states.len();
            self.state_ends += states[self.state].1.as_secs_f64() * self.states.exponential();
        }
    }
}

impl ClientState {
    /// What its requests' numbers begin with.
    pub fn signature(&self) -> u32 {
        self.path >> 8
    }

    /// One per client; spikes are already in the plans.
    pub fn all(
        world_plans: Vec<Option<(Arrivals, RatePlan)>>,
        topology: &crate::topology::Topology,
        gaps: &[Sequence],
        states: Vec<Sequence>,
    ) -> Vec<ClientState> {
        let state = |i: usize, process: Option<Process>| ClientState {
            requests: 0,
            process,
            users: match topology.clients[i].load {
                Load::Closed { users, .. } => vec![User::default(); users as usize],
                Load::Open { .. } => Vec::new(),
            },
            spikes: Vec::new(),
            path: root_path(topology, Caller::Client(ClientId::new(i))),
            only_site: match topology.clients[i].targets.as_slice() {
                [(_, only)] => only.0,
                _ => NOBODY,
            },
            instances: topology.clients[i].callers.len() as u32,
        };
        let streams = gaps.iter().zip(states);
        let processes = world_plans
            .into_iter()
            .zip(streams)
            .map(|(plan, (gaps, states))| plan.map(|(arrivals, plan)| Process::new(arrivals, plan, gaps.clone(), states)));
        processes.enumerate().map(|(i, process)| state(i, process)).collect()
    }
}

impl World<'_> {
    /// Puts the first arrival of every client, and the end of every user's first thought, into the calendar.
    pub(super) fn start_clients(&mut self) {
        let mut first_user = 0;
        for client in 0..self.clients.len() {
            self.schedule_arrival(client as u32);
            for user in 0..self.clients[client].users.len() as u32 {
                self.schedule_thought(ClientId::new(client), user, first_user);
            }
            first_user += self.clients[client].users.len() as u32;
        }
    }

    #[inline(always)]
    fn schedule_arrival(&mut self, client: u32) {
        let Some(process) = &mut self.clients[client as usize].process else { return };
        let at = process.next();
        if at < Instant::START + self.topology.duration {
            self.calendar.schedule(at.max(self.calendar.now()), Kind::ClientArrival as u8, client);
        }
    }

    pub(super) fn client_arrival(&mut self, client: u32) {
        self.schedule_arrival(client);
        let id = ClientId(client);
        let state = &mut self.clients[client as usize];
        let request = request_number(state.signature(), state.requests);
        state.requests += 1;
        let instances = state.instances;
        let instance = if instances == 1 { 0 } else { self.keys.clients[id.index()].draw(request, 1).below(instances) };
        self.offer(id, request, instance);
    }

    /// The first user of this client, in the numbering over all clients.
    fn first_user(&self, client: ClientId) -> u32 {
        self.clients[..client.index()].iter().map(|c| c.users.len() as u32).sum()
    }

    fn schedule_thought(&mut self, client: ClientId, user: u32, first_user: u32) {
        let Load::Closed { think, .. } = &self.topology.clients[client.index()].load else { return };
        let turns = self.clients[client.index()].users[user as usize].turns;
        let mut words = self.keys.clients[client.index()].draw(self.users_request(client, user, turns), 2);
        let at = self.calendar.now() + think.sample(&mut words);
        if at < Instant::START + self.topology.duration {
            self.calendar.schedule(at, Kind::UserReady as u8, first_user + user);
        }
    }

    /// A closed client's request is numbered by user and turn, whatever the other users do.
    fn users_request(&self, client: ClientId, user: u32, turns: u32) -> u64 {
        let users = self.clients[client.index()].users.len() as u64;
        request_number(self.clients[client.index()].signature(), u64::from(turns) * users + u64::from(user))
    }

    pub(super) fn user_ready(&mut self, slot: u32) {
        let mut user = slot;
        let mut client = 0;
        while user >= self.clients[client].users.len() as u32 {
            user -= self.clients[client].users.len() as u32;
            client += 1;
        }
        let id = ClientId::new(client);
        let turns = self.clients[client].users[user as usize].turns;
        self.clients[client].users[user as usize].turns += 1;
        self.offer(id, self.users_request(id, user, turns), user);
    }

    /// A new request: chooses its target and calls.
    #[inline(always)]
    fn offer(&mut self, client: ClientId, request: u64, parent: u32) {
        self.recorder.request_offered(client, self.calendar.now());
        let state = &self.clients[client.index()];
        let site = match state.only_site {
            NOBODY => {
                let several = &self.topology.clients[client.index()].targets;
                let draw = self.keys.clients[client.index()].draw(request, 0).uniform();
                several[several.partition_point(|(share, _)| *share <= draw).min(several.len() - 1)].1.0
            }
            only => only,
        };
        let cause = state.spikes.last().map_or(Cause::NONE, |(_, cause)| *cause);
        let path = below(state.path, self.sites[site as usize].path);
        self.start_call(site, hold::OF_CLIENT, parent, request, path, cause);
    }

    /// A client's request is over.
    pub(super) fn request_ended(&mut self, site: u32, parent: u32, offered: Instant, outcome: Outcome, cause: Cause) {
        let Caller::Client(client) = self.topology.sites[site as usize].caller else { return };
        let now = self.calendar.now();
        self.recorder.request_completed(client, offered, now, outcome);
        if outcome.is_failure() {
            self.recorder.trouble(Place::Client(client), Trouble::RequestsFail, now, cause);
        }
        if let Load::Closed { stop_ok, .. } = self.topology.clients[client.index()].load {
            let user = &mut self.clients[client.index()].users[parent as usize];
            user.ok += u64::from(outcome.is_ok());
            if stop_ok.is_none_or(|enough| user.ok < enough) {
                self.schedule_thought(client, parent, self.first_user(client));
            }
        }
    }

    /// The caller number of a client's request, for the state of its policies: its instance, or its user's.
    #[inline]
    pub(super) fn clients_caller(&self, client: ClientId, parent: u32) -> u32 {
        let callers = &self.topology.clients[client.index()].callers;
        callers.start + parent % callers.len() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::stream::Streams;
    use crate::base::time::Nanos;
    use crate::topology::rate::RateSegment;

    fn process(arrivals: Arrivals, plan: RatePlan) -> Process {
        let streams = Streams::new(7);
        Process::new(arrivals, plan, streams.sequence("c", "arrivals"), streams.sequence("c", "states"))
    }

    fn count_until(process: &mut Process, seconds: u64) -> usize {
        std::iter::repeat_with(|| process.next()).take_while(|at| *at < Instant::from_secs(seconds)).count()
    }

    #[test]
    fn constant_arrivals_are_evenly_spaced() {
        let mut process = process(Arrivals::Constant, RatePlan::constant(4.0));
        let first: Vec<u64> = (0..4).map(|_| process.next().0).collect();
        assert_eq!(first, [250_000_000, 500_000_000, 750_000_000, 1_000_000_000]);
    }

    #[test]
    fn a_ramp_brings_the_area_under_it() {
        let at = |seconds, start, end| RateSegment { from: Instant::from_secs(seconds), start, end };
        let plan = RatePlan { segments: vec![at(0, 0.0, 100.0), at(10, 100.0, 100.0), at(20, 0.0, 0.0)] };
        let mut process = process(Arrivals::Constant, plan);
        let n = count_until(&mut process, 100);
        assert!((1499..=1500).contains(&n), "500 under the ramp, 1000 after it, up to rounding at the last: {n}");
    }

    #[test]
    fn poisson_arrivals_keep_their_rate() {
        let n = count_until(&mut process(Arrivals::Poisson, RatePlan::constant(100.0)), 1000) as f64;
        assert!((n - 100_000.0).abs() < 4.0 * 316.0, "{n}");
    }

    #[test]
    fn mmpp_arrivals_have_the_mean_rate_of_their_states() {
        let states = vec![(0.2, Nanos::from_secs(3)), (5.0, Nanos::from_secs(1))];
        let n = count_until(&mut process(Arrivals::Mmpp(states), RatePlan::constant(100.0)), 40_000) as f64;
        let expected = 100.0 * (0.2 * 3.0 + 5.0) / 4.0 * 40_000.0;
        assert!((n / expected - 1.0).abs() < 0.03, "{n} of {expected}");
    }

    #[test]
    fn a_rate_of_zero_for_ever_ends_the_arrivals() {
        let at = |seconds, rate| RateSegment { from: Instant::from_secs(seconds), start: rate, end: rate };
        let mut process = process(Arrivals::Poisson, RatePlan { segments: vec![at(0, 10.0), at(5, 0.0)] });
        assert!(count_until(&mut process, 1 << 20) < 100);
        assert_eq!(process.next(), Instant::NEVER);
    }
}
