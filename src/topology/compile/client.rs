//! Clients: what they call, and when.

use super::names::quoted;
use super::{Compiler, Group};
use crate::base::diagnostic::Diagnostic;
use crate::base::id::*;
use crate::base::time::{Instant, Nanos};
use crate::model::scalar::ArrivalsSpec;
use crate::model::spec;
use crate::topology::rate::RateSegment;
use crate::topology::site::Caller;
use crate::topology::{Arrivals, Load, RatePlan};

impl Compiler<'_> {
    pub(super) fn clients(&mut self) {
        for (place, (name, client)) in self.model.clients.iter().enumerate() {
            let id = ClientId::new(place);
            let path = format!("clients.{}", quoted(name));
            self.targets(id, client, &path);
            let load = match (&client.arrivals, client.users) {
                (Some(arrivals), None) => self.open(client, arrivals, &path),
                (None, Some(users)) => Some(self.closed(client, users, &path)),
                (None, None) => {
                    let help = "write `arrivals: poisson(100/s)` for an open client, or `users: 20` for a closed one";
                    self.error("no-load", format!("the client `{name}` has neither `arrivals` nor `users`"), path, help);
                    None
                }
                (Some(_), Some(_)) => {
                    let help = "keep `arrivals` if requests come whatever the system does, `users` if each waits for its answer";
                    let message = format!("the client `{name}` has both `arrivals` and `users`");
                    let problem = Diagnostic::error("two-loads", message).at(format!("{path}.users")).part("users");
                    self.problems.push(problem.help(help));
                    None
                }
            };
            if let Some(load) = load {
                self.topology.clients[place].load = load;
            }
        }
    }

    fn targets(&mut self, id: ClientId, client: &spec::Client, path: &str) {
        let shares = client.target.shares();
        let total: f64 = shares.iter().map(|(_, share)| share).sum();
        let several = matches!(client.target, spec::Target::Mix(_));
        if (total - 1.0).abs() > 1e-9 {
            let message = format!("the shares of `target` add up to {} %, not 100 %", (total * 1e8).round() / 1e6);
            self.error("shares", message, format!("{path}.target"), "make them add up to 100 %");
        }
        let mut sum = 0.0;
        for (endpoint, share) in shares {
            sum += share;
            let (place, key) = if several {
                (format!("{path}.target"), quoted(&endpoint.to_string()).to_string())
            } else {
                (path.to_string(), "target".into())
            };
            let policy = client.policy.as_deref();
            // The policy is the client's, and is noted there if it is unknown.
            if let Some(name) = policy.filter(|name| self.names.policy(name).is_none()) {
                self.unknown("policy", "unknown-policy", name, format!("{path}.policy"), self.names.policies.clone());
                return;
            }
            if let Some(site) = self.site(Caller::Client(id), Group::Client(id), endpoint, policy, &place, &key) {
                self.topology.clients[id.index()].targets.push((sum, site));
                let spec::Client { protocol, payload, response, .. } = *client;
                self.messages.insert(site, super::wire::Written { protocol, payload, response, path: path.to_string() });
            }
        }
    }

    fn closed(&mut self, client: &spec::Client, users: u32, path: &str) -> Load {
        if !client.profile.is_empty() {
            self.error(
                "closed-profile",
                "a closed client has no rate for a `profile` to change",
                format!("{path}.profile"),
                "use `arrivals` instead of `users`",
            );
        }
        let think = self.dist(&client.think_time, &format!("{path}.thinkTime"));
        let scaled = (f64::from(users) * client.load).round() as u32;
        if scaled == 0 && client.load > 0.0 {
            let message = format!("a `load` of {} leaves none of {users} `users`: half a user and more counts as one", client.load);
            let help = "raise `users` or `load`; a `load` of 0 switches the client off";
            self.error("no-users", message, format!("{path}.load"), help);
        }
        let users = scaled;
        Load::Closed { users, think, stop_ok: client.stop.map(|stop| stop.ok) }
    }

    fn open(&mut self, client: &spec::Client, arrivals: &ArrivalsSpec, path: &str) -> Option<Load> {
        if client.stop.is_some() {
            self.error("open-stop", "`stop` is for clients with `users`", format!("{path}.stop"), "take it out, or shorten `duration`");
        }
        if !self.dist(&client.think_time, &format!("{path}.thinkTime")).is_zero() {
            let help = "take it out, or write `users` instead of `arrivals`";
            self.error("open-think-time", "`thinkTime` is for clients with `users`", format!("{path}.thinkTime"), help);
        }
        let (arrivals, rate) = match arrivals {
            ArrivalsSpec::Constant(rate) => (Arrivals::Constant, rate.hertz()),
            ArrivalsSpec::Poisson(rate) => (Arrivals::Poisson, rate.hertz()),
            ArrivalsSpec::Modulated(states) => {
                if !client.profile.is_empty() {
                    let message = "`mmpp` brings its own rates; a `profile` cannot set them";
                    self.error(
                        "modulated-profile",
                        message,
                        format!("{path}.profile"),
                        "use `poisson(…)` with a profile, or `mmpp(…)` without",
                    );
                }
                let states = states.iter().map(|state| (state.rate.hertz(), state.mean.nanos())).collect();
                (Arrivals::Mmpp(states), 1.0)
            }
            ArrivalsSpec::Trace { file } => {
                let instants = self.trace(client, file, path)?;
                (Arrivals::Trace(instants), 0.0)
            }
        };
        let plan = self.plan(client, rate, path);
        Some(Load::Open { arrivals, plan })
    }

    fn trace(&mut self, client: &spec::Client, file: &str, path: &str) -> Option<Vec<Instant>> {
        if client.load != 1.0 || !client.profile.is_empty() {
            let message = "a trace says exactly when requests arrive: `load` and `profile` cannot change it";
            self.error("trace-profile", message, format!("{path}.arrivals"), "take them out, or use `poisson(…)`");
        }
        match self.durations(file) {
            Ok(values) => {
                let mut instants: Vec<Instant> = values.into_iter().map(|v| Instant(v.0)).collect();
                instants.sort();
                Some(instants)
            }
            Err(message) => {
                self.error("trace", message, format!("{path}.arrivals"), "one arrival to a row, its time in the first column");
                None
            }
        }
    }

    /// The rate over time: the arrivals' own until the first point of the profile, then step by step; all times `load`.
    fn plan(&mut self, client: &spec::Client, rate: f64, path: &str) -> RatePlan {
        let mut segments = vec![RateSegment { from: Instant::START, start: rate, end: rate }];
        let mut last_end = Nanos::ZERO;
        for (index, point) in client.profile.iter().enumerate() {
            let (at, ramp, to) = (point.at.nanos(), point.ramp.nanos(), point.rate.hertz());
            if at < last_end {
                let message = format!("this point begins at {at}, before the one above it has ended ({last_end})");
                self.error("profile-order", message, format!("{path}.profile[{index}]"), "order the points by time, ramps included");
            }
            last_end = at + ramp;
            let before = segments.last().map_or(rate, |s| s.end);
            if ramp > Nanos::ZERO {
                segments.push(RateSegment { from: Instant(at.0), start: before, end: to });
            }
            segments.push(RateSegment { from: Instant(last_end.0), start: to, end: to });
        }
        // A point at 0 takes the place of the arrivals' own rate.
        if segments.len() > 1 && segments[1].from == Instant::START {
            segments.remove(0);
        }
        for segment in &mut segments {
            segment.start *= client.load;
            segment.end *= client.load;
        }
        RatePlan { segments }
    }
}
