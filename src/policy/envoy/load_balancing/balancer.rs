//! The balancer: what one proxy keeps to balance one cluster, and the order in which a pick is decided (Envoy's
//! load_balancer_impl.cc `chooseHost`, and thread_aware_lb_impl.cc for consistent hashing).

use super::edf::Edf;
use super::locality_weighted::{effective_weight, weight_of};
use super::priorities::{self, Count, Level};
use super::tables::{self, Table, TableCache};
use super::zone_aware::{Callers, Split};
use super::{HostView, LoadBalancing, LocalityRule, LocalityWeight, Policy, SlowStart};
use super::{random, round_robin};
use crate::base::stream::Source;
use crate::base::time::Instant;
use std::sync::Arc;

/// The state of one proxy's balancer of one cluster. Made when the proxy first needs it; until it is rebuilt it has no hosts.
#[derive(Clone, Debug)]
pub struct Balancer {
    /// Where turns begin, so that proxies are not in step.
    seed: u64,
    /// When the healthy host that joined last did: slow start is over when it is over for this one.
    newest: Instant,
    levels: Vec<Level>,
    /// By priority, as the levels.
    routes: Vec<Route>,
    /// Whose turn it is in each set that there ever was: it goes on when the set is back with other members.
    turns: Vec<(Key, u64)>,
}

/// Which set of hosts a turn belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Key {
    priority: u8,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// In panic.
    All,
    Healthy,
    HealthyOf(u16),
}

/// How hosts of one priority are reached.
#[derive(Clone, Debug)]
enum Route {
    /// Any of the set.
    Set(Set),
    /// Localities take turns by these weights.
    Weighted {
        turns: Edf,
        weights: Vec<f64>,
        sets: Vec<Set>,
    },
    Zones {
        split: Split,
        sets: Vec<Set>,
    },
    Hashed(Arc<Table>),
}

#[derive(Clone, Debug)]
struct Set {
    members: Members,
    /// Its place in the balancer's turns.
    turn: usize,
    /// If weights differ, or somebody is in slow start.
    schedule: Option<Box<Edf>>,
}

#[derive(Clone, Debug)]
enum Members {
    /// All of the list, which is the common case and takes no room.
    UpTo(u32),
    Some(Vec<u32>),
}

/// What a rebuild goes by, beside the hosts.
#[derive(Debug)]
pub struct Around<'a> {
    pub now: Instant,
    pub callers: Callers<'a>,
    /// The cluster's, shared by its callers.
    pub tables: &'a mut TableCache,
}

/// What is asked for one attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Ask {
    pub now: Instant,
    /// Of the request's key, for consistent hashing; without one it is random.
    pub hash: Option<u64>,
    /// How often a host that was tried before is put back (`host_selection_retry_max_attempts`). The last one drawn is taken.
    pub reselections: u32,
    /// The priorities that a retry with `previous_priorities` leaves out, bit by priority.
    pub priorities_tried: u32,
}

impl Balancer {
    pub fn new(seed: u64) -> Balancer {
        Balancer { seed, newest: Instant::START, levels: Vec::new(), routes: Vec::new(), turns: Vec::new() }
    }

    #[cfg(test)]
    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    /// How the traffic is shared among priorities, and which of them are in panic.
    pub fn levels(&self) -> &[Level] {
        &self.levels
    }

    /// Takes in which hosts there are and who is healthy, after either changed.
    pub fn rebuild(&mut self, policy: &LoadBalancing, hosts: &[HostView], around: Around<'_>) {
        let weights = match &policy.locality {
            LocalityRule::Weighted(weights) => Some(&weights[..]),
            LocalityRule::None | LocalityRule::ZoneAware(_) => None,
        };
        // Istio takes the endpoints of localities without a weight out of the cluster.
        let counts = |host: &HostView| host.is_present() && weights.is_none_or(|weights| weight_of(weights, host.locality) > 0);
        self.count(hosts, counts);
        priorities::settle(&mut self.levels, policy.overprovisioning, policy.panic_threshold);
        let joined = hosts.iter().filter(|host| host.is_healthy()).map(|host| host.since);
        self.newest = joined.max().unwrap_or(Instant::START);
        self.routes.clear();
        for priority in 0..self.levels.len() {
            let all = self.levels[priority].in_panic;
            let eligible = |host: &HostView| usize::from(host.priority) == priority && counts(host) && (all || host.is_healthy());
            let members: Vec<u32> = (0..hosts.len() as u32).filter(|host| eligible(&hosts[*host as usize])).collect();
            let entries = || tables::entries(&members, hosts, weights);
            let route = match &policy.policy {
                Policy::RingHash(ring) => Route::Hashed(around.tables.get(entries(), |entries| Table::Ring(ring.build(entries)))),
                Policy::Maglev(maglev) => Route::Hashed(around.tables.get(entries(), |entries| Table::Maglev(maglev.build(entries)))),
                Policy::RoundRobin(_) | Policy::LeastRequest(_) | Policy::Random => {
                    let priority = priority as u8;
                    Build { balancer: self, policy, hosts, now: around.now, priority }.route(members, around.callers)
                }
            };
            self.routes.push(route);
        }
    }

    fn count(&mut self, hosts: &[HostView], counts: impl Fn(&HostView) -> bool) {
        self.levels.clear();
        self.levels.push(Level::default());
        for host in hosts.iter().filter(|host| counts(host)) {
            let priority = usize::from(host.priority);
            if priority >= self.levels.len() {
                self.levels.resize(priority + 1, Level::default());
            }
            let count = &mut self.levels[priority].count;
            *count = Count { healthy: count.healthy + u32::from(host.is_healthy()), total: count.total + 1 };
        }
    }

    /// The host for an attempt; none is 503 UH. `hosts` are those of the last rebuild with what changes since: `rq_active`.
    /// `tried` tells whether a retry would rather not have this one.
    #[inline]
    pub fn pick(
        &mut self,
        policy: &LoadBalancing,
        hosts: &[HostView],
        ask: Ask,
        random: &mut impl Source,
        tried: impl Fn(u32) -> bool,
    ) -> Option<u32> {
        match self.routes.first()? {
            Route::Hashed(_) => self.pick_by_hash(ask, random, tried),
            Route::Set(_) | Route::Weighted { .. } | Route::Zones { .. } => {
                again(ask.reselections, &tried, |_| self.pick_once(policy, hosts, ask, random))
            }
        }
    }

    /// A key always goes through the same priorities and the same table: its hash decides both.
    fn pick_by_hash(&self, ask: Ask, random: &mut impl Source, tried: impl Fn(u32) -> bool) -> Option<u32> {
        let hash = ask.hash.unwrap_or_else(|| random.word());
        let priority = priorities::choose(&self.levels, (hash % 100) as u32 + 1);
        let Route::Hashed(table) = &self.routes[priority] else { return None };
        again(ask.reselections, &tried, |attempt| table.choose(hash, attempt))
    }

    #[inline]
    fn pick_once(&mut self, policy: &LoadBalancing, hosts: &[HostView], ask: Ask, random: &mut impl Source) -> Option<u32> {
        let priority = if self.levels.len() == 1 { 0 } else { self.choose_priority(ask.priorities_tried, random) };
        let set = match &mut self.routes[priority] {
            Route::Set(set) => set,
            Route::Weighted { turns, weights, sets } => &mut sets[turns.pick(|place| weights[place as usize])? as usize],
            Route::Zones { split, sets } => &mut sets[split.choose(|| random.word())],
            Route::Hashed(_) => unreachable!("all priorities are reached in one way"),
        };
        let members = set.members.len();
        if members == 0 {
            return None;
        }
        if let Some(schedule) = &mut set.schedule {
            let slow_start = policy.slow_start().filter(|slow_start| slow_start.lasts(self.newest, ask.now));
            let weight = |place| weight(policy, slow_start, &hosts[set.members.nth(place) as usize], ask.now);
            return schedule.pick(weight).map(|place| set.members.nth(place));
        }
        let place = match &policy.policy {
            Policy::RoundRobin(_) => round_robin::pick(&mut self.turns[set.turn].1, members),
            Policy::LeastRequest(least_request) => {
                least_request.pick(members, |place| hosts[set.members.nth(place) as usize].rq_active, random)
            }
            Policy::Random => random::pick(members, random.word()),
            Policy::RingHash(_) | Policy::Maglev(_) => unreachable!("a table has no sets"),
        };
        Some(set.members.nth(place))
    }

    fn choose_priority(&self, tried: u32, random: &mut impl Source) -> usize {
        let percent = (random.word() % 100) as u32 + 1;
        if tried == 0 { priorities::choose(&self.levels, percent) } else { priorities::choose_another(&self.levels, tried, percent) }
    }
}

/// Picks until a host is not refused; the last one is taken as it is.
#[inline]
fn again(reselections: u32, tried: &impl Fn(u32) -> bool, mut pick: impl FnMut(u32) -> Option<u32>) -> Option<u32> {
    let mut attempt = 0;
    loop {
        let host = pick(attempt)?;
        if attempt == reselections || !tried(host) {
            return Some(host);
        }
        attempt += 1;
    }
}

/// What a schedule weighs a host with at this moment.
fn weight(policy: &LoadBalancing, slow_start: Option<SlowStart>, host: &HostView, now: Instant) -> f64 {
    let weight = match &policy.policy {
        Policy::LeastRequest(least_request) => least_request.weight(host.weight(), host.rq_active),
        Policy::RoundRobin(_) | Policy::Random | Policy::RingHash(_) | Policy::Maglev(_) => host.weight(),
    };
    match slow_start {
        Some(slow_start) if host.is_healthy() => weight * slow_start.factor(host.since, now),
        Some(_) | None => weight,
    }
}

/// One priority's rebuild.
struct Build<'a> {
    balancer: &'a mut Balancer,
    policy: &'a LoadBalancing,
    hosts: &'a [HostView],
    now: Instant,
    priority: u8,
}

impl Build<'_> {
    fn route(&mut self, eligible: Vec<u32>, callers: Callers<'_>) -> Route {
        let level = self.balancer.levels[usize::from(self.priority)];
        if level.in_panic {
            return Route::Set(self.set(eligible, Kind::All));
        }
        let narrowed = match &self.policy.locality {
            LocalityRule::None => None,
            LocalityRule::Weighted(weights) => self.weighted(&eligible, weights),
            LocalityRule::ZoneAware(rule) if self.priority == 0 => {
                let localities = self.localities(&eligible);
                let healthy: Vec<(u16, u32)> = localities.iter().map(|(locality, hosts, _)| (*locality, hosts.len() as u32)).collect();
                rule.split(callers, &healthy).map(|split| Route::Zones { split, sets: self.sets_of(localities) })
            }
            LocalityRule::ZoneAware(_) => None,
        };
        narrowed.unwrap_or_else(|| Route::Set(self.set(eligible, Kind::Healthy)))
    }

    /// None if no locality has anything left.
    fn weighted(&mut self, eligible: &[u32], rule: &[LocalityWeight]) -> Option<Route> {
        let mut localities = self.localities(eligible);
        let effective = |(locality, healthy, total): &(u16, Vec<u32>, u32)| {
            let count = Count { healthy: healthy.len() as u32, total: *total };
            effective_weight(weight_of(rule, *locality), count, self.policy.overprovisioning)
        };
        localities.retain(|locality| effective(locality) > 0.0);
        let weights: Vec<f64> = localities.iter().map(effective).collect();
        if weights.is_empty() {
            return None;
        }
        let turns = Edf::after(&weights, self.balancer.seed);
        Some(Route::Weighted { turns, weights, sets: self.sets_of(localities) })
    }

    /// The priority's localities, with their eligible hosts and how many they have in all.
    fn localities(&self, eligible: &[u32]) -> Vec<(u16, Vec<u32>, u32)> {
        let here = || self.hosts.iter().filter(|host| host.is_present() && host.priority == self.priority);
        let mut ids: Vec<u16> = here().map(|host| host.locality).collect();
        ids.sort_unstable();
        ids.dedup();
        let locality = |id: u16| {
            let members = eligible.iter().copied().filter(|host| self.hosts[*host as usize].locality == id).collect();
            (id, members, here().filter(|host| host.locality == id).count() as u32)
        };
        ids.into_iter().map(locality).collect()
    }

    fn sets_of(&mut self, localities: Vec<(u16, Vec<u32>, u32)>) -> Vec<Set> {
        localities.into_iter().map(|(locality, members, _)| self.set(members, Kind::HealthyOf(locality))).collect()
    }

    fn set(&mut self, members: Vec<u32>, kind: Kind) -> Set {
        let (key, seed) = (Key { priority: self.priority, kind }, self.balancer.seed);
        let turns = &mut self.balancer.turns;
        let turn = turns.iter().position(|(known, _)| *known == key).unwrap_or_else(|| {
            turns.push((key, seed));
            turns.len() - 1
        });
        let schedule = self.schedule(&members);
        let all = members.len() == self.hosts.len();
        let members = if all { Members::UpTo(members.len() as u32) } else { Members::Some(members) };
        Set { members, turn, schedule }
    }

    /// A schedule, unless one's turn or one's load alone decides.
    fn schedule(&self, members: &[u32]) -> Option<Box<Edf>> {
        let scheduled = match &self.policy.policy {
            Policy::RoundRobin(_) | Policy::LeastRequest(_) => members.len() > 1,
            Policy::Random | Policy::RingHash(_) | Policy::Maglev(_) => false,
        };
        let host = |member: &u32| &self.hosts[*member as usize];
        let slow_start = self.policy.slow_start().filter(|slow_start| slow_start.lasts(self.balancer.newest, self.now));
        let alike = members.windows(2).all(|pair| host(&pair[0]).weight() == host(&pair[1]).weight());
        if !scheduled || (alike && slow_start.is_none()) {
            return None;
        }
        let weights: Vec<f64> = members.iter().map(|member| weight(self.policy, slow_start, host(member), self.now)).collect();
        Some(Box::new(Edf::after(&weights, self.balancer.seed)))
    }
}

impl Members {
    #[inline]
    fn len(&self) -> u32 {
        match self {
            Members::UpTo(hosts) => *hosts,
            Members::Some(hosts) => hosts.len() as u32,
        }
    }

    #[inline]
    fn nth(&self, place: u32) -> u32 {
        match self {
            Members::UpTo(_) => place,
            Members::Some(hosts) => hosts[place as usize],
        }
    }
}
