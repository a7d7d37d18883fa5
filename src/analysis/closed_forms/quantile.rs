//! Quantiles and roots by halving: slow, and right for any monotone function.

/// The least t >= 0 with P(T > t) <= 1 - q, for a continuous tail. `scale` is a first guess.
pub(super) fn quantile(tail: impl Fn(f64) -> f64, q: f64, scale: f64) -> f64 {
    debug_assert!((0.0..1.0).contains(&q) && scale > 0.0 && scale.is_finite());
    let excess = |t| tail(t) - (1.0 - q);
    if excess(0.0) <= 0.0 {
        return 0.0;
    }
    let mut high = scale;
    while excess(high) > 0.0 {
        high *= 2.0;
    }
    root(excess, 0.0, high)
}

/// Where a function that is positive at `low` and not at `high` changes its sign.
pub(super) fn root(f: impl Fn(f64) -> f64, mut low: f64, mut high: f64) -> f64 {
    loop {
        let middle = low + (high - low) / 2.0;
        if middle <= low || middle >= high || high - low <= 1e-15 * high {
            return middle;
        }
        if f(middle) > 0.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
}
