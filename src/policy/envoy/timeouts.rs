//! Timeouts: how long a request and each of its attempts may take (Envoy `router.cc` `FilterUtility::finalTimeout`; Istio
//! writes "no timeout" where a route has none).
//!
//! The global timeout runs from the moment the router has the whole request (after an injected delay) over queues,
//! connections, attempts and back-offs. The per-try timeout runs while an attempt is on a connection and ends with the
//! response headers.

use crate::base::time::Nanos;

/// The timeouts that are in force; none is for ever.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Timeouts {
    pub global: Option<Nanos>,
    pub per_try: Option<Nanos>,
}

impl Timeouts {
    /// A route's timeouts as written, where 0 is none.
    pub fn new(route: Option<Nanos>, per_try: Option<Nanos>) -> Timeouts {
        Timeouts { global: positive(route), per_try: positive(per_try) }.effective()
    }

    /// The timeouts of a gRPC request with this `grpc-timeout`: the shorter one holds.
    pub fn with_grpc_timeout(route: Option<Nanos>, per_try: Option<Nanos>, grpc_timeout: Option<Nanos>) -> Timeouts {
        let global = [positive(route), positive(grpc_timeout)].into_iter().flatten().min();
        Timeouts { global, per_try: positive(per_try) }.effective()
    }

    /// A per-try timeout that is not below the global one is ignored.
    fn effective(self) -> Timeouts {
        let per_try = self.per_try.filter(|per_try| self.global.is_none_or(|global| *per_try < global));
        Timeouts { per_try, ..self }
    }
}

fn positive(written: Option<Nanos>) -> Option<Nanos> {
    written.filter(|span| *span > Nanos::ZERO)
}

/// Reads gRPC's `grpc-timeout` header: up to eight digits and a unit, such as `250m` (milliseconds) or `5S`.
pub fn parse_grpc_timeout(text: &str) -> Option<Nanos> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let unit: u64 = match unit {
        "H" => 3_600_000_000_000,
        "M" => 60_000_000_000,
        "S" => 1_000_000_000,
        "m" => 1_000_000,
        "u" => 1_000,
        "n" => 1,
        _ => return None,
    };
    Some(Nanos(digits.parse::<u64>().ok()?.saturating_mul(unit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Nanos = Nanos::from_millis;

    #[test]
    fn a_per_try_timeout_holds_only_below_the_global_one() {
        for (route, per_try, global, each) in [
            (None, None, None, None),
            (Some(MS(2000)), None, Some(MS(2000)), None),
            (Some(MS(2000)), Some(MS(500)), Some(MS(2000)), Some(MS(500))),
            (Some(MS(2000)), Some(MS(2000)), Some(MS(2000)), None),
            (Some(MS(2000)), Some(MS(3000)), Some(MS(2000)), None),
            (None, Some(MS(3000)), None, Some(MS(3000))),
            (Some(MS(0)), Some(MS(3000)), None, Some(MS(3000))),
            (Some(MS(2000)), Some(MS(0)), Some(MS(2000)), None),
        ] {
            assert_eq!(Timeouts::new(route, per_try), Timeouts { global, per_try: each }, "{route:?} {per_try:?}");
        }
    }

    #[test]
    fn the_shorter_of_the_callers_and_the_routes_timeout_holds() {
        for (route, grpc, global, each) in [
            (None, None, None, Some(MS(500))),
            (None, Some(MS(100)), Some(MS(100)), None),
            (Some(MS(900)), Some(MS(1000)), Some(MS(900)), Some(MS(500))),
            (Some(MS(900)), Some(MS(600)), Some(MS(600)), Some(MS(500))),
            (Some(MS(0)), Some(MS(600)), Some(MS(600)), Some(MS(500))),
            (Some(MS(900)), Some(MS(0)), Some(MS(900)), Some(MS(500))),
        ] {
            let found = Timeouts::with_grpc_timeout(route, Some(MS(500)), grpc);
            assert_eq!(found, Timeouts { global, per_try: each }, "{route:?} {grpc:?}");
        }
    }

    #[test]
    fn grpc_timeouts_are_digits_and_a_unit() {
        for (text, span) in [
            ("250m", Some(MS(250))),
            ("5S", Some(MS(5000))),
            ("1M", Some(MS(60_000))),
            ("2H", Some(MS(7_200_000))),
            ("7u", Some(Nanos(7000))),
            ("99999999n", Some(Nanos(99_999_999))),
            ("99999999H", Some(Nanos::MAX)),
            ("100000000n", None),
            ("", None),
            ("S", None),
            ("1", None),
            ("+1S", None),
            ("1s", None),
            ("1µ", None),
        ] {
            assert_eq!(parse_grpc_timeout(text), span, "{text}");
        }
    }
}
