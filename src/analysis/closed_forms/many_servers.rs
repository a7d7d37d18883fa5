//! c servers and one queue: M/M/c, unbounded or with room for K.

use super::birth_death;
use super::erlang::erlang_c;
use super::poisson;
use super::quantile::quantile;
use crate::base::math;

/// M/M/c, FIFO.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Mmc {
    pub arrival_rate: f64,
    /// Of one server.
    pub service_rate: f64,
    pub servers: u32,
}

impl Mmc {
    /// ρ = λ / (c µ).
    pub fn utilization(self) -> f64 {
        self.arrival_rate / self.capacity()
    }

    fn capacity(self) -> f64 {
        f64::from(self.servers) * self.service_rate
    }

    fn slack(self) -> f64 {
        (self.capacity() - self.arrival_rate).max(0.0)
    }

    /// P(wait > 0): Erlang C.
    pub fn waiting_share(self) -> f64 {
        erlang_c(self.servers, self.arrival_rate / self.service_rate)
    }

    /// C / (c µ - λ).
    pub fn mean_wait(self) -> f64 {
        self.waiting_share() / self.slack()
    }

    /// Wait and service.
    pub fn mean_response(self) -> f64 {
        self.mean_wait() + 1.0 / self.service_rate
    }

    /// λ · mean wait (Little), those in service excluded.
    pub fn mean_queue(self) -> f64 {
        self.arrival_rate * self.mean_wait()
    }

    /// P(wait > t) = C e^{-(c µ - λ) t}.
    pub fn wait_tail(self, t: f64) -> f64 {
        self.waiting_share() * math::exp(-self.slack() * t)
    }

    /// max(0, ln(C / (1 - q)) / (c µ - λ)).
    pub fn wait_quantile(self, q: f64) -> f64 {
        (math::ln(self.waiting_share() / (1.0 - q)) / self.slack()).max(0.0)
    }

    /// P(response > t): an exponential service after a wait that is exponential with probability C,
    /// e^{-µt} (1 + C µ (1 - e^{-(θ - µ) t}) / (θ - µ)), θ = c µ - λ.
    pub fn response_tail(self, t: f64) -> f64 {
        let apart = self.slack() - self.service_rate;
        let both = if (apart * t).abs() < 1e-12 { t } else { -math::exp_m1(-apart * t) / apart };
        math::exp(-self.service_rate * t) * (1.0 + self.waiting_share() * self.service_rate * both)
    }

    /// The root of [`Mmc::response_tail`]; infinite without a steady state.
    pub fn response_quantile(self, q: f64) -> f64 {
        if self.slack() == 0.0 {
            return f64::INFINITY;
        }
        quantile(|t| self.response_tail(t), q, 1.0 / self.service_rate)
    }
}

/// M/M/c/K: at most `room` calls in the system, those in service included; the others are rejected.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Mmck {
    pub arrival_rate: f64,
    /// Of one server.
    pub service_rate: f64,
    pub servers: u32,
    /// K >= c.
    pub room: u32,
}

impl Mmck {
    fn probabilities(self) -> Vec<f64> {
        debug_assert!(self.room >= self.servers);
        let servers = self.servers as usize;
        birth_death::stationary(Some(self.room as usize), |_| self.arrival_rate, |n| n.min(servers) as f64 * self.service_rate)
    }

    /// π(K): arrivals see time averages.
    pub fn blocking(self) -> f64 {
        self.probabilities()[self.room as usize]
    }

    /// λ (1 - π(K)).
    pub fn throughput(self) -> f64 {
        self.arrival_rate * (1.0 - self.blocking())
    }

    /// Throughput / (c µ).
    pub fn utilization(self) -> f64 {
        self.throughput() / (f64::from(self.servers) * self.service_rate)
    }

    /// Σ n π(n).
    pub fn mean_number(self) -> f64 {
        self.probabilities().iter().enumerate().map(|(n, probability)| n as f64 * probability).sum()
    }

    /// Of the accepted: mean number / throughput (Little).
    pub fn mean_response(self) -> f64 {
        self.mean_number() / self.throughput()
    }

    /// Of the accepted: Σ_{c <= n < K} π(n) / (1 - π(K)).
    pub fn waiting_share(self) -> f64 {
        let probabilities = self.probabilities();
        let accepted = &probabilities[..self.room as usize];
        accepted[self.servers as usize..].iter().sum::<f64>() / accepted.iter().sum::<f64>()
    }

    /// For one server, FIFO, no cancellation: λ Σ_{n<K} π(n) P(Erlang(n + 1, µ) <= D), answers in time per unit of time.
    /// What long queues cost in overload.
    pub fn goodput_within(self, deadline: f64) -> f64 {
        debug_assert_eq!(self.servers, 1, "the response is a sum of services only with one server");
        let in_time = |n: usize| poisson::at_least(n + 1, self.service_rate * deadline);
        let probabilities = self.probabilities();
        let accepted = &probabilities[..self.room as usize];
        self.arrival_rate * accepted.iter().enumerate().map(|(n, probability)| probability * in_time(n)).sum::<f64>()
    }
}
