//! Erlang's formulas (1917) for c servers and offered load a = λ · E\[S\].

/// Erlang B: the share of arrivals that find all `servers` busy and are lost. Any distribution of service (M/G/c/c); with
/// several classes of calls, `offered` is the sum of their loads and all lose the same share.
///
/// B(0) = 1, B(n) = a B(n-1) / (n + a B(n-1)).
pub fn erlang_b(servers: u32, offered: f64) -> f64 {
    (1..=servers).fold(1.0, |lost, n| offered * lost / (f64::from(n) + offered * lost))
}

/// Erlang C: the share of arrivals that wait in M/M/c; all of them if the load reaches the servers.
///
/// C = B / (1 - ρ (1 - B)), ρ = a / c.
pub fn erlang_c(servers: u32, offered: f64) -> f64 {
    let utilization = offered / f64::from(servers);
    if utilization >= 1.0 {
        return 1.0;
    }
    let lost = erlang_b(servers, offered);
    lost / (1.0 - utilization * (1.0 - lost))
}
