//! A token bucket under Poisson arrivals, no queue. The missing tokens are the workload of an M/D/1 queue whose arrivals
//! balk above B - 1, so Crommelin's sum answers.

use super::crommelin;

/// The share of calls that find a token: U / (1 + a U), U = U(B - 1) at the load a = λ / r.
pub fn accepted(arrival_rate: f64, token_rate: f64, burst: u32) -> f64 {
    let load = arrival_rate / token_rate;
    let sum = crommelin::sum(load, f64::from(burst) - 1.0);
    if sum.is_infinite() { 1.0 / load } else { sum / (1.0 + load * sum) }
}
