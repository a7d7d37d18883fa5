//! A fixed number of users who call, wait for the answer and think: exact mean value analysis (Reiser and Lavenberg 1980), and
//! the machine-repair model for one station of several servers (Palm 1947).

use super::birth_death;

/// What users get out of a closed loop.
#[derive(Clone, PartialEq, Debug)]
pub struct ClosedLoop {
    /// Answers per unit of time.
    pub throughput: f64,
    /// Of one request, thinking excluded.
    pub mean_response: f64,
    /// Of each station.
    pub utilizations: Vec<f64>,
}

/// `users` with a mean think time (any distribution), stations of one server each with the mean time a request demands of
/// them in all (exponential FIFO, or processor sharing of any service).
///
/// R(k) = D(k) (1 + Q(k)), X = n / (Z + Σ R), Q(k) = X R(k), for n = 1 … N.
pub fn mean_value_analysis(users: u32, think_time: f64, demands: &[f64]) -> ClosedLoop {
    let mut queues = vec![0.0; demands.len()];
    let mut throughput = 0.0;
    let mut mean_response = demands.iter().sum();
    for n in 1..=users {
        let responses: Vec<f64> = demands.iter().zip(&queues).map(|(demand, queue)| demand * (1.0 + queue)).collect();
        mean_response = responses.iter().sum();
        throughput = f64::from(n) / (think_time + mean_response);
        queues = responses.iter().map(|response| throughput * response).collect();
    }
    ClosedLoop { throughput, mean_response, utilizations: demands.iter().map(|demand| throughput * demand).collect() }
}

/// min(N / (Z + D), 1 / the largest demand): more throughput is not to be had.
pub fn throughput_bound(users: u32, think_time: f64, demands: &[f64]) -> f64 {
    let sum: f64 = demands.iter().sum();
    let largest = demands.iter().copied().fold(0.0, f64::max);
    (f64::from(users) / (think_time + sum)).min(1.0 / largest)
}

/// `users` with exponential think times at one station of `servers`, exponential service: births (N - n) / Z, deaths
/// min(n, c) / S. Utilization is that of a server.
pub fn machine_repair(users: u32, think_time: f64, servers: u32, service_time: f64) -> ClosedLoop {
    let all = users as usize;
    let busy = |n: usize| n.min(servers as usize) as f64;
    let probabilities = birth_death::stationary(Some(all), |n| (all - n) as f64 / think_time, |n| busy(n) / service_time);
    let mean = |figure: &dyn Fn(usize) -> f64| probabilities.iter().enumerate().map(|(n, p)| p * figure(n)).sum::<f64>();
    let throughput = mean(&busy) / service_time;
    ClosedLoop { throughput, mean_response: mean(&|n| n as f64) / throughput, utilizations: vec![mean(&busy) / f64::from(servers)] }
}
