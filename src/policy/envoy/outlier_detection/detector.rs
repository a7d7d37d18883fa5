//! The detector: what one proxy counts of each host of one cluster, whom it ejects, and who comes back at a sweep
//! (DetectorImpl of Envoy's outlier_detection_impl.cc).

use super::rates::Tally;
use super::report::Charge;
use super::{Event, OutlierDetection, Report, Rule};
use crate::base::stream::Source;
use crate::base::time::{Instant, Nanos};

/// The state of one proxy's detector of one cluster. Hosts are slots that the world numbers; sweeps go through them in that order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Detector {
    hosts: Vec<Host>,
    present: u32,
    ejected: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Host {
    present: bool,
    ejected: bool,
    consecutive_gateway: u32,
    consecutive_5xx: u32,
    consecutive_local: u32,
    /// What the base ejection time was last multiplied by; sweeps let it fall again.
    multiplier: u32,
    /// While ejected, from when on a sweep brings it back; otherwise since when it is back. None was never ejected.
    moment: Option<Instant>,
    answers: Tally,
    local: Tally,
}

/// What a report or a sweep goes by.
struct Turn<'a, S> {
    policy: &'a OutlierDetection,
    now: Instant,
    random: &'a mut S,
    events: &'a mut Vec<Event>,
}

/// Where an error came from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    External,
    Local,
}

impl Detector {
    /// A detector of the hosts 0..hosts. The first sweep is one interval later.
    pub fn new(hosts: u32) -> Detector {
        let host = Host { present: true, ..Host::default() };
        Detector { hosts: vec![host; hosts as usize], present: hosts, ejected: 0 }
    }

    pub fn is_ejected(&self, host: u32) -> bool {
        self.hosts.get(host as usize).is_some_and(|host| host.ejected)
    }

    pub fn ejected_now(&self) -> u32 {
        self.ejected
    }

    pub fn hosts_present(&self) -> u32 {
        self.present
    }

    /// What the host's next ejection would multiply the base with, were it not for the longest time: 1 at first.
    pub fn multiplier(&self, host: u32) -> u32 {
        self.hosts[host as usize].multiplier
    }

    /// A host joined the cluster (or took a free slot): nothing is known of it. A pod that restarted under a new address is one.
    pub fn add(&mut self, host: u32) {
        self.remove(host);
        let slot = host as usize;
        if slot >= self.hosts.len() {
            self.hosts.resize(slot + 1, Host::default());
        }
        self.hosts[slot] = Host { present: true, ..Host::default() };
        self.present += 1;
    }

    /// A host left the cluster; if it was ejected, it no longer counts as that. What is still reported of it is ignored.
    pub fn remove(&mut self, host: u32) {
        let Some(gone) = self.hosts.get_mut(host as usize).filter(|host| host.present) else { return };
        self.present -= 1;
        self.ejected -= u32::from(gone.ejected);
        *gone = Host::default();
    }

    /// Charges the host with what an attempt brought, and pushes what follows from it.
    pub fn report(
        &mut self,
        policy: &OutlierDetection,
        host: u32,
        report: Report,
        now: Instant,
        random: &mut impl Source,
        events: &mut Vec<Event>,
    ) {
        let Some(counts) = self.hosts.get_mut(host as usize).filter(|host| host.present) else { return };
        let mut turn = Turn { policy, now, random, events };
        match report.charge(policy.split_local_origin, &policy.error_codes) {
            Charge::Code(status @ 500..=599) => self.on_error(host, status, &mut turn),
            Charge::Code(_) => {
                counts.answers.count(true);
                counts.consecutive_gateway = 0;
                counts.consecutive_5xx = 0;
            }
            Charge::LocalFailure => {
                counts.local.count(false);
                counts.consecutive_local += 1;
                if counts.consecutive_local == policy.consecutive_local_origin.count {
                    self.fire(host, Rule::ConsecutiveLocalOrigin, &mut turn);
                }
            }
            Charge::LocalSuccess => {
                counts.local.count(true);
                counts.consecutive_local = 0;
            }
            Charge::Nothing => {}
        }
    }

    /// A 5xx, which may be a gateway error as well: both rules are asked, the narrower one first.
    fn on_error(&mut self, host: u32, status: u16, turn: &mut Turn<impl Source>) {
        let slot = host as usize;
        self.hosts[slot].answers.count(false);
        if matches!(status, 502..=504) {
            self.hosts[slot].consecutive_gateway += 1;
            if self.hosts[slot].consecutive_gateway == turn.policy.consecutive_gateway.count {
                self.fire(host, Rule::ConsecutiveGateway, turn);
            }
        } else {
            self.hosts[slot].consecutive_gateway = 0;
        }
        self.hosts[slot].consecutive_5xx += 1;
        if self.hosts[slot].consecutive_5xx == turn.policy.consecutive_5xx.count {
            self.fire(host, Rule::Consecutive5xx, turn);
        }
    }

    /// A counter has just reached its threshold.
    fn fire(&mut self, host: u32, rule: Rule, turn: &mut Turn<impl Source>) {
        // Answers of an ejected host still come in. Its counter stays above the threshold, and cannot reach it again.
        if self.hosts[host as usize].ejected {
            return;
        }
        self.try_eject(host, rule, turn);
        // Also when the ejection was refused: the next one takes as many errors again.
        let counts = &mut self.hosts[host as usize];
        match rule {
            Rule::Consecutive5xx => counts.consecutive_5xx = 0,
            Rule::ConsecutiveGateway => counts.consecutive_gateway = 0,
            Rule::ConsecutiveLocalOrigin => counts.consecutive_local = 0,
            Rule::SuccessRate | Rule::SuccessRateLocalOrigin | Rule::FailurePercentage | Rule::FailurePercentageLocalOrigin => {
                unreachable!("rates are judged by sweeps")
            }
        }
    }

    fn try_eject(&mut self, host: u32, rule: Rule, turn: &mut Turn<impl Source>) {
        let policy = turn.policy;
        let enforcing = policy.enforcing(rule);
        // Envoy counts what a rule that is switched off would have done. It changes nothing, so it is no event.
        if enforcing == 0 {
            return;
        }
        if !policy.may_eject(self.ejected, self.present) {
            return turn.events.push(Event::Overflow { host, rule });
        }
        // Where there is no doubt, none is drawn.
        if enforcing < 100 && turn.random.word() % 100 >= u64::from(enforcing) {
            return turn.events.push(Event::NotEnforced { host, rule });
        }
        let (base, longest) = (policy.base_ejection_time, policy.max_ejection_time);
        let state = &mut self.hosts[host as usize];
        if times(base, state.multiplier) < longest + base {
            state.multiplier += 1;
        }
        let due = turn.now + times(base, state.multiplier).min(longest) + jitter(policy.max_ejection_time_jitter, turn.random);
        state.ejected = true;
        state.moment = Some(due);
        self.ejected += 1;
        debug_assert!(self.ejected <= self.present, "only hosts of the cluster are ejected");
        turn.events.push(Event::Ejected { host, rule, due, multiplier: state.multiplier });
    }

    /// What happens every interval: hosts come back, rates are judged, multipliers fall.
    pub fn sweep(&mut self, policy: &OutlierDetection, now: Instant, random: &mut impl Source, events: &mut Vec<Event>) {
        for (slot, host) in self.hosts.iter_mut().enumerate() {
            if host.ejected && host.moment.is_some_and(|due| due <= now) {
                // Only what is counted in a row begins anew: a host that is back must not go again for one old error more.
                let fresh = Host { consecutive_gateway: 0, consecutive_5xx: 0, consecutive_local: 0, ..*host };
                *host = Host { ejected: false, moment: Some(now), ..fresh };
                self.ejected -= 1;
                events.push(Event::Unejected { host: slot as u32 });
            }
        }
        let mut turn = Turn { policy, now, random, events };
        self.judge_rates(Origin::External, &mut turn);
        self.judge_rates(Origin::Local, &mut turn);
        for host in &mut self.hosts {
            host.answers = Tally::default();
            host.local = Tally::default();
            if !host.ejected && host.moment.is_some_and(|back| now.since(back) >= policy.interval) {
                host.multiplier = host.multiplier.saturating_sub(1);
            }
        }
    }

    /// Judges the hosts by what they did since the last sweep. Whom one rule ejects, the other leaves alone.
    fn judge_rates(&mut self, origin: Origin, turn: &mut Turn<impl Source>) {
        let (by_rate, by_percentage) = match origin {
            Origin::External => (Rule::SuccessRate, Rule::FailurePercentage),
            Origin::Local => (Rule::SuccessRateLocalOrigin, Rule::FailurePercentageLocalOrigin),
        };
        let (rate, percentage) = (&turn.policy.success_rate, &turn.policy.failure_percentage);
        // Both rules choose whom they compare before either ejects anyone.
        let judges_rate = turn.policy.enforcing(by_rate) > 0;
        let threshold = if judges_rate { rate.threshold(self.rates(origin, rate.request_volume)) } else { None };
        let judges_percentage =
            turn.policy.enforcing(by_percentage) > 0 && percentage.judges(self.rates(origin, percentage.request_volume).count());
        if let Some(threshold) = threshold {
            self.eject_where(origin, rate.request_volume, |rate| rate < threshold, by_rate, turn);
        }
        if judges_percentage {
            self.eject_where(origin, percentage.request_volume, |rate| percentage.is_outlier(rate), by_percentage, turn);
        }
    }

    fn eject_where(&mut self, origin: Origin, volume: u32, is_outlier: impl Fn(f64) -> bool, rule: Rule, turn: &mut Turn<impl Source>) {
        for slot in 0..self.hosts.len() {
            if self.hosts[slot].rate(origin, volume).is_some_and(&is_outlier) {
                self.try_eject(slot as u32, rule, turn);
            }
        }
    }

    /// The success rates of the hosts that can be judged: in the cluster, not ejected, with so many requests at least.
    fn rates(&self, origin: Origin, volume: u32) -> impl Iterator<Item = f64> + Clone {
        self.hosts.iter().filter_map(move |host| host.rate(origin, volume))
    }
}

impl Host {
    fn rate(&self, origin: Origin, volume: u32) -> Option<f64> {
        let tally = match origin {
            Origin::External => &self.answers,
            Origin::Local => &self.local,
        };
        if self.ejected || tally.total < volume {
            return None;
        }
        tally.rate()
    }
}

/// Whole milliseconds, up to and including the longest.
fn jitter(longest: Nanos, random: &mut impl Source) -> Nanos {
    let millis = longest.0 / 1_000_000;
    if millis == 0 { Nanos::ZERO } else { Nanos::from_millis(random.word() % (millis + 1)) }
}

fn times(span: Nanos, factor: u32) -> Nanos {
    Nanos(span.0.saturating_mul(u64::from(factor)))
}
