//! The supermarket model: many M/M/1 servers, each arrival takes the emptiest of d drawn at random (Vvedenskaya, Dobrushin
//! and Karpelevich 1996; Mitzenmacher 2001). Exact for infinitely many servers; 500 are within half a percent.

use crate::base::math;

/// Power of d choices.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Supermarket {
    /// Arrivals per server, per unit of service: ρ.
    pub utilization: f64,
    pub choices: u32,
}

impl Supermarket {
    /// P(a server has at least k calls) = ρ^{(d^k - 1) / (d - 1)}.
    pub fn at_least(self, k: u32) -> f64 {
        math::pow(self.utilization, self.exponent(k))
    }

    /// (d^k - 1) / (d - 1) = 1 + d + … + d^{k-1}.
    fn exponent(self, k: u32) -> f64 {
        (0..k).fold(0.0, |sum, _| 1.0 + f64::from(self.choices) * sum)
    }

    /// In units of the mean service time: Σ_{k>=1} P(at least k) / ρ = Σ_{k>=1} ρ^{(d^k - d) / (d - 1)}.
    pub fn mean_response(self) -> f64 {
        if self.utilization >= 1.0 {
            return f64::INFINITY;
        }
        if self.choices < 2 {
            return 1.0 / (1.0 - self.utilization);
        }
        let mut sum = 0.0;
        for k in 1.. {
            let term = math::pow(self.utilization, self.exponent(k) - 1.0);
            sum += term;
            if term <= sum * 1e-17 {
                break;
            }
        }
        sum
    }
}
