//! Open networks of M/M/1 servers: Jackson (1957), tandems whose response times are known in full (Burke 1956, Reich 1957),
//! and fork-join of parallel branches (Flatto and Hahn 1984; Nelson and Tantawi 1988).

use super::poisson;
use super::quantile::quantile;

/// A Jackson network: `arrivals[i]` from outside, `routing[i][j]` the probability to go from i to j, else out.
#[derive(Clone, PartialEq, Debug)]
pub struct Jackson {
    pub arrivals: Vec<f64>,
    pub service_rates: Vec<f64>,
    pub routing: Vec<Vec<f64>>,
}

impl Jackson {
    /// λ(j) = arrivals(j) + Σ λ(i) routing(i, j), by elimination. None if some station is never left for good.
    pub fn flows(&self) -> Option<Vec<f64>> {
        let n = self.arrivals.len();
        // Rows of (I - routing transposed | arrivals).
        let mut rows: Vec<Vec<f64>> =
            (0..n).map(|j| (0..n).map(|i| f64::from(u8::from(i == j)) - self.routing[i][j]).chain([self.arrivals[j]]).collect()).collect();
        for column in 0..n {
            let pivot = (column..n).max_by(|a, b| rows[*a][column].abs().total_cmp(&rows[*b][column].abs()))?;
            rows.swap(column, pivot);
            let pivot = rows[column].clone();
            if pivot[column].abs() < 1e-12 {
                return None;
            }
            for (_, row) in rows.iter_mut().enumerate().filter(|(at, _)| *at != column) {
                let share = row[column] / pivot[column];
                row.iter_mut().zip(&pivot).for_each(|(x, y)| *x -= share * y);
            }
        }
        Some(rows.iter().enumerate().map(|(j, row)| row[n] / row[j]).collect())
    }

    /// ρ(i) = λ(i) / µ(i).
    pub fn utilizations(&self) -> Option<Vec<f64>> {
        Some(self.flows()?.iter().zip(&self.service_rates).map(|(flow, rate)| flow / rate).collect())
    }

    /// Σ ρ / (1 - ρ) / Σ arrivals: from the entrance to the exit, all visits together.
    pub fn mean_response(&self) -> Option<f64> {
        let number: f64 = self.utilizations()?.iter().map(|load| if *load < 1.0 { load / (1.0 - load) } else { f64::INFINITY }).sum();
        Some(number / self.arrivals.iter().sum::<f64>())
    }
}

/// M/M/1 servers one after the other, FIFO.
#[derive(Clone, PartialEq, Debug)]
pub struct Tandem {
    pub arrival_rate: f64,
    pub service_rates: Vec<f64>,
}

impl Tandem {
    /// Σ 1 / (µ(i) - λ).
    pub fn mean_response(&self) -> f64 {
        self.slacks().iter().map(|slack| 1.0 / slack).sum()
    }

    /// The responses are independent exponentials of rates µ(i) - λ: a hypoexponential sum.
    pub fn response_quantile(&self, q: f64) -> f64 {
        let slacks = self.slacks();
        if slacks.contains(&0.0) {
            return f64::INFINITY;
        }
        quantile(|t| hypoexponential_tail(&slacks, t), q, self.mean_response())
    }

    fn slacks(&self) -> Vec<f64> {
        self.service_rates.iter().map(|rate| (rate - self.arrival_rate).max(0.0)).collect()
    }
}

/// P(sum of exponentials > t). By uniformization at the fastest rate, since the usual sum over products of differences fails
/// for equal rates.
pub fn hypoexponential_tail(rates: &[f64], t: f64) -> f64 {
    let fastest = rates.iter().copied().fold(0.0, f64::max);
    let mut phases = vec![0.0; rates.len()];
    let mut first = true;
    poisson::survival(fastest * t, || {
        if std::mem::take(&mut first) {
            phases.iter_mut().take(1).for_each(|phase| *phase = 1.0);
        } else {
            let mut entering = 0.0;
            for (phase, rate) in phases.iter_mut().zip(rates) {
                let leaving = *phase * rate / fastest;
                *phase += entering - leaving;
                entering = leaving;
            }
        }
        phases.iter().sum()
    })
}

/// A request that forks into one call to each of n M/M/1 servers and waits for all.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ForkJoin {
    pub arrival_rate: f64,
    pub service_rate: f64,
    pub branches: u32,
}

impl ForkJoin {
    /// Exact for one and two branches, (12 - ρ) / 8 / (µ - λ) for two; Nelson and Tantawi's approximation beyond (about
    /// 5 %): \[H(n)/H(2) + (1 - H(n)/H(2)) 4ρ/11\] times that of two.
    pub fn mean_response(self) -> f64 {
        let load = self.arrival_rate / self.service_rate;
        let alone = 1.0 / (self.service_rate - self.arrival_rate).max(0.0);
        if self.branches < 2 {
            return alone;
        }
        let share = harmonic(self.branches) / harmonic(2);
        (share + (1.0 - share) * 4.0 * load / 11.0) * (12.0 - load) / 8.0 * alone
    }

    /// H(n) / (µ - λ): as if the branches were independent.
    pub fn mean_response_at_most(self) -> f64 {
        harmonic(self.branches) / (self.service_rate - self.arrival_rate).max(0.0)
    }

    /// H(n) / µ: as if nothing queued.
    pub fn mean_response_at_least(self) -> f64 {
        harmonic(self.branches) / self.service_rate
    }
}

/// 1 + 1/2 + … + 1/n.
fn harmonic(n: u32) -> f64 {
    (1..=n).map(|k| 1.0 / f64::from(k)).sum()
}
