//! Queues that callers leave: after a fixed time (M/M/1+D) or an exponential one (M/M/c+M, Erlang-A: Palm 1957). Who has
//! been taken into service stays.

use super::birth_death;
use crate::base::math;

/// M/M/1+D: whoever would wait longer than `patience` leaves the queue then.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ImpatientMm1 {
    pub arrival_rate: f64,
    pub service_rate: f64,
    /// Longest wait; service time does not count.
    pub patience: f64,
}

impl ImpatientMm1 {
    /// P(server idle). The virtual wait has density P0 λ e^{-(µ - λ) x} below D; above D nobody joins and it falls with e^{-µx}.
    fn idle(self) -> f64 {
        let ImpatientMm1 { arrival_rate, service_rate, patience } = self;
        let slack = service_rate - arrival_rate;
        let below = if (slack * patience).abs() < 1e-12 { patience } else { -math::exp_m1(-slack * patience) / slack };
        1.0 / (1.0 + arrival_rate * below + self.above())
    }

    /// P(virtual wait > D) / P0 = (λ / µ) e^{-(µ - λ) D}.
    fn above(self) -> f64 {
        self.arrival_rate / self.service_rate * math::exp(-(self.service_rate - self.arrival_rate) * self.patience)
    }

    /// The share that leaves without service.
    pub fn abandoned(self) -> f64 {
        self.idle() * self.above()
    }

    /// 1 - P0.
    pub fn utilization(self) -> f64 {
        1.0 - self.idle()
    }

    /// µ (1 - P0) = λ (1 - P(abandon)).
    pub fn throughput(self) -> f64 {
        self.service_rate * self.utilization()
    }
}

/// Erlang-A: c servers, and each waiting caller leaves at rate θ.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ErlangA {
    pub arrival_rate: f64,
    /// Of one server.
    pub service_rate: f64,
    /// θ > 0, of one waiting caller.
    pub abandonment_rate: f64,
    pub servers: u32,
}

impl ErlangA {
    fn probabilities(self) -> Vec<f64> {
        assert!(self.abandonment_rate > 0.0, "without abandonment it is M/M/c");
        let servers = self.servers as usize;
        let leave = |n: usize| n.min(servers) as f64 * self.service_rate + n.saturating_sub(servers) as f64 * self.abandonment_rate;
        birth_death::stationary(None, |_| self.arrival_rate, leave)
    }

    /// P(all servers busy).
    pub fn waiting_share(self) -> f64 {
        self.probabilities().iter().skip(self.servers as usize).sum()
    }

    /// Lq.
    pub fn mean_queue(self) -> f64 {
        self.probabilities().iter().skip(self.servers as usize).enumerate().map(|(waiting, probability)| waiting as f64 * probability).sum()
    }

    /// θ Lq / λ.
    pub fn abandoned(self) -> f64 {
        self.abandonment_rate * self.mean_wait()
    }

    /// Lq / λ, of the served and the lost alike (Little).
    pub fn mean_wait(self) -> f64 {
        self.mean_queue() / self.arrival_rate
    }

    /// λ - θ Lq.
    pub fn throughput(self) -> f64 {
        self.arrival_rate - self.abandonment_rate * self.mean_queue()
    }
}
