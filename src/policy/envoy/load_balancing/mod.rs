//! Load balancing: which host gets the attempt (Envoy's load_balancer_impl.cc, thread_aware_lb_impl.cc and their policies).
//!
//! The order of decisions: [`priorities`], then whether the priority is in [`panic`](mod@panic), then the locality ([`locality_weighted`],
//! [`zone_aware`]), then the host by the policy: [`random`], [`round_robin`], [`least_request`], [`ring_hash`], [`maglev`].
//! Where weights differ or hosts are in [`slow_start`], round robin and least request become an [`edf`] schedule.
//! [`failover`] and [`distribute`] are Istio's part: they turn localities into priorities and weights before anything runs.
//!
//! [`LoadBalancing`] holds the parameters, [`Balancer`] what one proxy keeps for one cluster: it is rebuilt when members or
//! their health change, and asked for each attempt.

mod balancer;
pub mod distribute;
pub mod edf;
pub mod failover;
pub mod least_request;
pub mod locality_weighted;
pub mod maglev;
pub mod panic;
pub mod priorities;
pub mod random;
pub mod ring_hash;
pub mod round_robin;
pub mod slow_start;
pub mod tables;
pub mod zone_aware;

#[cfg(test)]
mod tests;

pub use balancer::{Around, Ask, Balancer};
pub use least_request::{LeastRequest, Selection};
pub use locality_weighted::LocalityWeight;
pub use maglev::Maglev;
pub use ring_hash::RingHash;
pub use slow_start::SlowStart;
pub use tables::TableCache;
pub use zone_aware::{Callers, ZoneAware};

use crate::base::time::Instant;
use crate::policy::error::{PolicyError, require};
use std::fmt;

/// The parameters of one cluster, as one proxy sees it.
#[derive(Clone, PartialEq, Debug)]
pub struct LoadBalancing {
    pub policy: Policy,
    /// Percent of a priority's hosts; with fewer healthy ones, all are used. Istio's `minHealthPercent`.
    pub panic_threshold: u32,
    /// Percent of what a priority's healthy hosts are trusted with: 140 lets 29 % of them fail before others help.
    pub overprovisioning: u32,
    pub locality: LocalityRule,
}

#[derive(Clone, PartialEq, Debug)]
pub enum Policy {
    RoundRobin(Option<SlowStart>),
    LeastRequest(LeastRequest),
    Random,
    RingHash(RingHash),
    Maglev(Maglev),
}

/// How the hosts of a priority that is not in panic are narrowed to those of one locality.
#[derive(Clone, PartialEq, Debug, Default)]
pub enum LocalityRule {
    #[default]
    None,
    /// By these weights; a locality without one gets nothing.
    Weighted(Vec<LocalityWeight>),
    /// By where the callers are.
    ZoneAware(ZoneAware),
}

/// What a balancer sees of a host. Hosts are numbered by their place in the list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HostView {
    pub health: Health,
    /// 0 is the first to be used.
    pub priority: u8,
    pub locality: u16,
    /// 0 counts as 1.
    pub weight: u32,
    /// Attempts of this proxy that are in progress on the host.
    pub rq_active: u32,
    /// When the host joined the cluster (slow start counts from here; an ejection does not begin it anew).
    pub since: Instant,
    /// What consistent hashing places the host by.
    pub address: Address,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Health {
    Healthy,
    /// Ejected, or its endpoint says so.
    Unhealthy,
    /// A free place in the list: in no count.
    Absent,
}

/// An IPv4 address and a port: `10.0.3.7:8080`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Address {
    pub ip: u32,
    pub port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d] = self.ip.to_be_bytes();
        write!(f, "{a}.{b}.{c}.{d}:{}", self.port)
    }
}

impl HostView {
    /// A healthy host of weight 1 in the first priority, there from the beginning.
    pub fn healthy(address: Address) -> HostView {
        let (health, since) = (Health::Healthy, Instant::START);
        HostView { health, priority: 0, locality: 0, weight: 1, rq_active: 0, since, address }
    }

    pub fn is_healthy(&self) -> bool {
        self.health == Health::Healthy
    }

    pub fn is_present(&self) -> bool {
        self.health != Health::Absent
    }

    fn weight(&self) -> f64 {
        f64::from(self.weight.max(1))
    }
}

impl LoadBalancing {
    /// Istio's defaults since 1.14, without outlier detection (which sets the panic threshold to `minHealthPercent`, 0).
    pub fn istio() -> LoadBalancing {
        LoadBalancing::of(Policy::LeastRequest(LeastRequest::default()))
    }

    /// The policy, with Envoy's defaults around it.
    pub fn of(policy: Policy) -> LoadBalancing {
        LoadBalancing { policy, panic_threshold: 50, overprovisioning: 140, locality: LocalityRule::None }
    }

    pub fn validated(self) -> Result<LoadBalancing, PolicyError> {
        let percent = self.panic_threshold;
        require(percent <= 100, "minHealthPercent", || format!("must be between 0 and 100, not {percent}"))?;
        require((1..=100_000).contains(&self.overprovisioning), "overprovisioningFactor", || {
            format!("must be between 1 and 100000, not {}", self.overprovisioning)
        })?;
        match &self.policy {
            Policy::RoundRobin(slow_start) => slow_start.map_or(Ok(()), |slow_start| slow_start.check())?,
            Policy::LeastRequest(least_request) => least_request.check()?,
            Policy::RingHash(ring) => ring.check()?,
            Policy::Maglev(maglev) => maglev.check()?,
            Policy::Random => {}
        }
        Ok(self)
    }

    fn slow_start(&self) -> Option<SlowStart> {
        match &self.policy {
            Policy::RoundRobin(slow_start) => *slow_start,
            Policy::LeastRequest(least_request) => least_request.slow_start,
            Policy::Random | Policy::RingHash(_) | Policy::Maglev(_) => None,
        }
    }
}
