//! One server, any independent gaps between arrivals, exponential service: GI/M/1 (Kendall 1953). Everything follows from
//! σ, the probability that an arrival waits: the root below 1 of σ = A*(µ (1 - σ)), A* the transform of the gaps.

use super::quantile::root;
use crate::base::math;

/// GI/M/1, FIFO.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct GiM1 {
    sigma: f64,
    service_rate: f64,
}

/// Loads nearer to 1 than this are told apart no more.
const CLOSEST: f64 = 1e-12;

impl GiM1 {
    /// Arrivals in lockstep: A*(s) = e^{-s/λ}.
    pub fn constant(arrival_rate: f64, service_rate: f64) -> GiM1 {
        GiM1::new(arrival_rate, service_rate, |s| math::exp(-s / arrival_rate))
    }

    /// Gaps of k exponential phases: A*(s) = (kλ / (kλ + s))^k. Also what each of k servers sees of Poisson arrivals of rate
    /// kλ that are dealt out in turn.
    pub fn erlang(phases: u32, arrival_rate: f64, service_rate: f64) -> GiM1 {
        let phase_rate = f64::from(phases) * arrival_rate;
        GiM1::new(arrival_rate, service_rate, |s| math::pow(phase_rate / (phase_rate + s), f64::from(phases)))
    }

    /// Any gaps of mean 1/λ, by their Laplace transform.
    pub fn new(arrival_rate: f64, service_rate: f64, transform: impl Fn(f64) -> f64) -> GiM1 {
        let sigma = if arrival_rate >= service_rate {
            1.0
        } else {
            root(|sigma| transform(service_rate * (1.0 - sigma)) - sigma, 0.0, 1.0 - CLOSEST)
        };
        GiM1 { sigma, service_rate }
    }

    /// σ.
    pub fn waiting_share(self) -> f64 {
        self.sigma
    }

    /// σ / (µ (1 - σ)).
    pub fn mean_wait(self) -> f64 {
        self.sigma * self.mean_response()
    }

    /// 1 / (µ (1 - σ)): the response is exponential.
    pub fn mean_response(self) -> f64 {
        1.0 / (self.service_rate * (1.0 - self.sigma))
    }

    /// -ln(1 - q) / (µ (1 - σ)).
    pub fn response_quantile(self, q: f64) -> f64 {
        -math::ln_1p(-q) * self.mean_response()
    }
}
