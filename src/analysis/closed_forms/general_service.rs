//! One server, Poisson arrivals, any service time: M/G/1 (Pollaczek 1930, Khinchine 1932) and M/D/1 (Crommelin 1932).

use super::crommelin;
use super::quantile::quantile;

/// M/G/1, by the first three moments of the service time.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Mg1 {
    pub arrival_rate: f64,
    /// E\[S\], E\[S²\], E\[S³\].
    pub moments: [f64; 3],
}

impl Mg1 {
    /// Service that always takes as long.
    pub fn constant(arrival_rate: f64, service_time: f64) -> Mg1 {
        let square = service_time * service_time;
        Mg1 { arrival_rate, moments: [service_time, square, square * service_time] }
    }

    /// Lognormal service with a squared coefficient of variation: E\[S^k\] = m^k (1 + scv)^{k(k-1)/2}.
    pub fn lognormal(arrival_rate: f64, mean: f64, scv: f64) -> Mg1 {
        let spread = 1.0 + scv;
        Mg1 { arrival_rate, moments: [mean, mean * mean * spread, mean * mean * mean * spread * spread * spread] }
    }

    /// ρ = λ E\[S\].
    pub fn utilization(self) -> f64 {
        self.arrival_rate * self.moments[0]
    }

    fn idle(self) -> f64 {
        (1.0 - self.utilization()).max(0.0)
    }

    /// λ E\[S²\] / (2 (1 - ρ)), FIFO.
    pub fn mean_wait(self) -> f64 {
        self.arrival_rate * self.moments[1] / (2.0 * self.idle())
    }

    /// Wait and service, FIFO.
    pub fn mean_response(self) -> f64 {
        self.mean_wait() + self.moments[0]
    }

    /// From E\[W²\] = 2 E\[W\]² + λ E\[S³\] / (3 (1 - ρ)), FIFO (Takács).
    pub fn wait_deviation(self) -> f64 {
        (self.mean_wait() * self.mean_wait() + self.arrival_rate * self.moments[2] / (3.0 * self.idle())).sqrt()
    }

    /// E\[S\] / (1 - ρ) for processor sharing, whatever the distribution.
    pub fn sharing_mean_response(self) -> f64 {
        self.moments[0] / self.idle()
    }
}

/// M/D/1, FIFO.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Md1 {
    pub arrival_rate: f64,
    pub service_time: f64,
}

impl Md1 {
    /// P(wait > t) = 1 - (1 - ρ) U(t / D); see `crommelin`.
    pub fn wait_tail(self, t: f64) -> f64 {
        let load = self.arrival_rate * self.service_time;
        if load >= 1.0 { 1.0 } else { 1.0 - (1.0 - load) * crommelin::sum(load, t / self.service_time) }
    }

    /// The root of [`Md1::wait_tail`]; infinite without a steady state.
    pub fn wait_quantile(self, q: f64) -> f64 {
        if self.arrival_rate * self.service_time >= 1.0 {
            return f64::INFINITY;
        }
        quantile(|t| self.wait_tail(t), q, self.service_time)
    }

    /// A wait and one service.
    pub fn response_quantile(self, q: f64) -> f64 {
        self.wait_quantile(q) + self.service_time
    }
}
