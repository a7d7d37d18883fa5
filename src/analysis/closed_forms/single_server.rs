//! One server, Poisson arrivals, exponential service: M/M/1 (Kleinrock 1975), in several disciplines.

use super::poisson;
use super::quantile::quantile;
use crate::base::math;

/// M/M/1.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Mm1 {
    pub arrival_rate: f64,
    pub service_rate: f64,
}

impl Mm1 {
    /// ρ = λ / µ; above 1 the queue grows without end.
    pub fn utilization(self) -> f64 {
        self.arrival_rate / self.service_rate
    }

    /// µ - λ, the rate of the exponential response time; zero if there is no steady state.
    fn slack(self) -> f64 {
        (self.service_rate - self.arrival_rate).max(0.0)
    }

    fn if_steady(self, figure: f64) -> f64 {
        if self.slack() > 0.0 { figure } else { f64::INFINITY }
    }

    /// ρ / (1 - ρ), those in service included.
    pub fn mean_number(self) -> f64 {
        self.arrival_rate / self.slack()
    }

    /// ρ / (µ - λ); the same for FIFO and LIFO.
    pub fn mean_wait(self) -> f64 {
        self.utilization() / self.slack()
    }

    /// 1 / (µ - λ); the same for FIFO, LIFO and processor sharing.
    pub fn mean_response(self) -> f64 {
        1.0 / self.slack()
    }

    /// 1 / (µ - λ)²: the response is exponential (FIFO).
    pub fn response_variance(self) -> f64 {
        self.mean_response() * self.mean_response()
    }

    /// sqrt(2ρ - ρ²) / (µ - λ), FIFO.
    pub fn wait_deviation(self) -> f64 {
        self.if_steady((self.mean_square_wait() - self.mean_wait() * self.mean_wait()).sqrt())
    }

    /// 2ρ / (µ - λ)², FIFO.
    fn mean_square_wait(self) -> f64 {
        2.0 * self.utilization() / (self.slack() * self.slack())
    }

    /// -ln(1 - q) / (µ - λ), FIFO.
    pub fn response_quantile(self, q: f64) -> f64 {
        self.if_steady(-math::ln_1p(-q) / self.slack())
    }

    /// max(0, ln(ρ / (1 - q)) / (µ - λ)), FIFO.
    pub fn wait_quantile(self, q: f64) -> f64 {
        self.if_steady((math::ln(self.utilization() / (1.0 - q)) / self.slack()).max(0.0))
    }

    /// e^{-(µ - λ) τ}: the share of callers who wait in vain when they hang up after τ and the server, FIFO, does not notice.
    pub fn timed_out(self, timeout: f64) -> f64 {
        math::exp(-self.slack() * timeout)
    }

    /// λ (1 - e^{-(µ - λ) τ}): answers in time per unit of time, no cancellation.
    pub fn goodput_within(self, timeout: f64) -> f64 {
        -self.arrival_rate * math::exp_m1(-self.slack() * timeout)
    }

    /// sqrt((2 + ρ) / (2 - ρ)) / (µ - λ) for processor sharing (Coffman, Muntz and Trotter 1970).
    pub fn sharing_response_deviation(self) -> f64 {
        let utilization = self.utilization();
        self.if_steady(((2.0 + utilization) / (2.0 - utilization)).sqrt() / self.slack())
    }

    /// For LIFO, service not interrupted: E\[W²\] is that of FIFO / (1 - ρ) (Takács).
    pub fn lifo_wait_deviation(self) -> f64 {
        let mean_square = self.mean_square_wait() * self.service_rate / self.slack();
        self.if_steady((mean_square - self.mean_wait() * self.mean_wait()).sqrt())
    }

    /// For LIFO: no wait with probability 1 - ρ, else a busy period.
    pub fn lifo_wait_quantile(self, q: f64) -> f64 {
        if self.slack() == 0.0 {
            return f64::INFINITY;
        }
        quantile(|t| self.utilization() * self.busy_period_tail(t, false), q, self.mean_response())
    }

    /// λ P(wait + service <= D) for LIFO in the long run, in overload too: whoever is buried by later arrivals stays there,
    /// and the server always works on the freshest.
    pub fn lifo_goodput_within(self, deadline: f64) -> f64 {
        let busy = self.utilization().min(1.0);
        let late = (1.0 - busy) * math::exp(-self.service_rate * deadline) + busy * self.busy_period_tail(deadline, true);
        self.arrival_rate * (1.0 - late)
    }

    /// P(a busy period, and one service more if asked, lasts longer than t). Uniformized at λ + µ, instead of the integral
    /// of a Bessel function.
    fn busy_period_tail(self, t: f64, and_service: bool) -> f64 {
        let jump_rate = self.arrival_rate + self.service_rate;
        let (up, down) = (self.arrival_rate / jump_rate, self.service_rate / jump_rate);
        // levels[0]: in the service that follows; levels[n]: n calls before it. Before the first jump there is one.
        let mut levels = vec![0.0, 1.0];
        let mut first = true;
        poisson::survival(jump_rate * t, || {
            if !std::mem::take(&mut first) {
                let mut next = vec![0.0; levels.len() + 1];
                next[0] = if and_service { levels[0] * up + levels[1] * down } else { 0.0 };
                for (n, probability) in levels.iter().enumerate().skip(1) {
                    next[n + 1] += probability * up;
                    if n > 1 {
                        next[n - 1] += probability * down;
                    }
                }
                levels = next;
            }
            levels.iter().sum()
        })
    }
}
