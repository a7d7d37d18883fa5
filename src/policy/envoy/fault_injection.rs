//! Fault injection: which requests a proxy delays or aborts before they reach its router (Envoy `fault_filter.cc`; Istio
//! `route.go` `TranslateFault`). A delay comes before the route's timeout starts, an abort is never retried here.

use crate::base::diagnostic::nearest;
use crate::base::grpc;
use crate::base::outcome::{Class, Flag, Outcome, class_of_status};
use crate::base::time::Nanos;
use crate::policy::envoy::percentage::Percentage;
use crate::policy::error::{PolicyError, require};

/// A fault as written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Fault {
    pub delay: Option<Delay>,
    pub abort: Option<Abort>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Delay {
    pub fixed_delay: Nanos,
    pub percentage: Percentage,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Abort {
    pub with: AbortWith,
    pub percentage: Percentage,
}

/// What an aborted request gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AbortWith {
    HttpStatus(u16),
    /// HTTP 200 with this `grpc-status`.
    GrpcStatus(u8),
}

/// What happens to one request: it waits, then it is aborted or goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Injected {
    /// How long it waits; if at all, whatever becomes of it has the flag `DI`.
    pub delay: Option<Nanos>,
    /// What it gets instead of being routed.
    pub abort: Option<Outcome>,
}

/// The code of a name such as `UNAVAILABLE`.
pub fn grpc_code(name: &str) -> Result<u8, PolicyError> {
    if let Some(code) = grpc::code(name) {
        return Ok(code);
    }
    let advice = nearest(name, grpc::CODES).map_or_else(|| "UNAVAILABLE is one".to_string(), |near| format!("did you mean `{near}`?"));
    Err(PolicyError::new("grpcStatus", format!("is `{name}`, which is no status of gRPC: {advice}")))
}

/// The percentage of a delay or an abort. Absent is the deprecated integer, and that absent is never.
pub fn fault_percentage(value: Option<f64>, percent: Option<u32>) -> Result<Percentage, PolicyError> {
    match (value, percent) {
        (Some(value), _) => {
            require(value == 0.0 || value >= 0.0001, "value", || format!("must be 0 or at least 0.0001, not {value}"))?;
            Percentage::of_value("value", value)
        }
        (None, Some(percent)) => Percentage::of_whole("percent", percent),
        (None, None) => Ok(Percentage::NEVER),
    }
}

impl Delay {
    pub fn new(fixed_delay: Nanos, percentage: Percentage) -> Result<Delay, PolicyError> {
        require(fixed_delay >= Nanos::from_millis(1), "fixedDelay", || format!("must be at least 1ms, not {fixed_delay}"))?;
        Ok(Delay { fixed_delay, percentage })
    }
}

impl Abort {
    pub fn new(with: AbortWith, percentage: Percentage) -> Result<Abort, PolicyError> {
        if let AbortWith::HttpStatus(status) = with {
            require((200..600).contains(&status), "httpStatus", || format!("must be between 200 and 599, not {status}"))?;
        }
        Ok(Abort { with, percentage })
    }

    fn outcome(self) -> Outcome {
        match self.with {
            AbortWith::HttpStatus(status) => Outcome::new(status, class_of_status(status), Flag::FI),
            AbortWith::GrpcStatus(0) => Outcome::new(200, Class::Answer, Flag::FI),
            // It looks well to HTTP and is an error to the caller.
            AbortWith::GrpcStatus(_) => Outcome::new(200, Class::ServerError, Flag::FI),
        }
    }
}

impl Fault {
    /// What happens to the request that drew these two words, one for each fault: they are independent.
    pub fn inject(&self, random_of_delay: u64, random_of_abort: u64) -> Injected {
        let delay = self.delay.filter(|delay| delay.percentage.hits(random_of_delay)).map(|delay| delay.fixed_delay);
        let abort = self.abort.filter(|abort| abort.percentage.hits(random_of_abort)).map(Abort::outcome);
        let delayed = |outcome: Outcome| if delay.is_some() { outcome.with(Flag::DI) } else { outcome };
        Injected { delay, abort: abort.map(delayed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn percent(value: f64) -> Percentage {
        fault_percentage(Some(value), None).unwrap()
    }

    #[test]
    fn every_request_is_delayed_and_a_tenth_is_then_aborted() {
        let delay = Delay::new(Nanos::from_secs(5), percent(100.0)).unwrap();
        let abort = Abort::new(AbortWith::HttpStatus(500), percent(10.0)).unwrap();
        let fault = Fault { delay: Some(delay), abort: Some(abort) };
        for (random, told) in [(0, Some("500 DI,FI")), (99_999, Some("500 DI,FI")), (100_000, None), (999_999, None)] {
            let injected = fault.inject(random, random);
            assert_eq!(injected.delay, Some(Nanos::from_secs(5)));
            assert_eq!(injected.abort.map(|outcome| outcome.to_string()).as_deref(), told);
        }
        let aborted = (0..1_000_000).filter(|random| fault.inject(0, *random).abort.is_some()).count();
        assert_eq!(aborted, 100_000);
    }

    #[test]
    fn delay_and_abort_are_drawn_apart() {
        let delay = Delay::new(Nanos::from_millis(1), percent(50.0)).unwrap();
        let abort = Abort::new(AbortWith::HttpStatus(404), percent(50.0)).unwrap();
        let fault = Fault { delay: Some(delay), abort: Some(abort) };
        for (of_delay, of_abort, told) in [(0, 0, "404 DI,FI"), (500_000, 0, "404 FI")] {
            assert_eq!(fault.inject(of_delay, of_abort).abort.unwrap().to_string(), told);
        }
        assert_eq!(fault.inject(0, 500_000), Injected { delay: Some(Nanos::from_millis(1)), abort: None });
        assert_eq!(Fault::default().inject(0, 0), Injected { delay: None, abort: None });
    }

    #[test]
    fn without_a_percentage_nothing_happens() {
        assert_eq!(fault_percentage(None, None).unwrap(), Percentage::NEVER);
        assert_eq!(fault_percentage(None, Some(100)).unwrap().share(), 1.0);
        assert_eq!(fault_percentage(Some(0.0), Some(100)).unwrap().share(), 0.0, "the old spelling is not asked");
        assert!(!Percentage::NEVER.hits(0) && Percentage::ALL.hits(u64::MAX));
    }

    #[test]
    fn an_abort_with_a_grpc_status_looks_well_to_http() {
        assert_eq!(grpc_code("UNAVAILABLE"), Ok(14));
        assert_eq!(grpc_code("UNAUTHENTICATED"), Ok(16));
        let abort = |code| Abort::new(AbortWith::GrpcStatus(code), Percentage::ALL).unwrap().outcome();
        assert_eq!((abort(14).to_string().as_str(), abort(14).is_ok(), abort(0).is_ok()), ("200 FI", false, true));
    }

    #[test]
    fn nonsense_is_refused_in_words() {
        for (refused, message) in [
            (Delay::new(Nanos(999_999), Percentage::ALL).err(), "`fixedDelay` must be at least 1ms, not 999.999us"),
            (Abort::new(AbortWith::HttpStatus(199), Percentage::ALL).err(), "`httpStatus` must be between 200 and 599, not 199"),
            (Abort::new(AbortWith::HttpStatus(600), Percentage::ALL).err(), "`httpStatus` must be between 200 and 599, not 600"),
            (fault_percentage(Some(0.00001), None).err(), "`value` must be 0 or at least 0.0001, not 0.00001"),
            (fault_percentage(None, Some(101)).err(), "`percent` must be between 0 and 100, not 101"),
            (grpc_code("UNAVAILBLE").err(), "`grpcStatus` is `UNAVAILBLE`, which is no status of gRPC: did you mean `UNAVAILABLE`?"),
        ] {
            assert_eq!(refused.unwrap().to_string(), message);
        }
    }
}
