//! Outlier detection: what a host is charged with for an attempt (Envoy's router.cc, and DetectorHostMonitorImpl's `putResult`).
//!
//! What never reached a host (overflow, no host, an injected fault) is no report. An answer that will be retried is one.

/// How an attempt went, as far as the host is concerned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Report {
    /// Response headers came, whoever made them; a gRPC status in them counts as its [`http_equivalent`].
    Answered { status: u16 },
    /// No connection, or lost before the response headers.
    Reset,
    /// The per-try or the whole timeout fired while headers were awaited.
    TimedOut,
    /// A connection was obtained.
    Connected,
}

/// What a detector counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Charge {
    Code(u16),
    LocalFailure,
    LocalSuccess,
    Nothing,
}

impl Report {
    pub(super) fn charge(self, split_local_origin: bool, error_codes: &[u16]) -> Charge {
        match self {
            Report::Answered { status } if error_codes.is_empty() => Charge::Code(status),
            // A matcher decides what is an error; which error it was is no longer told.
            Report::Answered { status } => Charge::Code(if error_codes.contains(&status) { 500 } else { 200 }),
            Report::Reset | Report::TimedOut if split_local_origin => Charge::LocalFailure,
            Report::Reset => Charge::Code(503),
            Report::TimedOut => Charge::Code(504),
            Report::Connected if split_local_origin => Charge::LocalSuccess,
            Report::Connected => Charge::Nothing,
        }
    }
}

/// The HTTP status that a gRPC status counts as.
pub fn http_equivalent(grpc_status: u32) -> u16 {
    match grpc_status {
        0 => 200,
        1 => 499,
        3 | 9 | 11 => 400,
        4 => 504,
        5 => 404,
        6 | 10 => 409,
        7 => 403,
        8 => 429,
        12 => 501,
        14 => 503,
        16 => 401,
        _ => 500,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_charged_as_the_router_does() {
        for (report, together, split) in [
            (Report::Answered { status: 200 }, Charge::Code(200), Charge::Code(200)),
            (Report::Answered { status: 503 }, Charge::Code(503), Charge::Code(503)),
            (Report::Reset, Charge::Code(503), Charge::LocalFailure),
            (Report::TimedOut, Charge::Code(504), Charge::LocalFailure),
            (Report::Connected, Charge::Nothing, Charge::LocalSuccess),
        ] {
            assert_eq!(report.charge(false, &[]), together, "{report:?}");
            assert_eq!(report.charge(true, &[]), split, "{report:?}, split");
        }
    }

    #[test]
    fn listed_codes_are_the_only_errors() {
        let charge = |status| Report::Answered { status }.charge(false, &[429, 503]);
        assert_eq!([charge(429), charge(503), charge(500)], [Charge::Code(500), Charge::Code(500), Charge::Code(200)]);
    }

    #[test]
    fn grpc_statuses_count_as_http_statuses() {
        let counted: Vec<u16> = (0..18).map(http_equivalent).collect();
        let table = [200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401, 500];
        assert_eq!(counted, table);
    }
}
