//! How an attempt, a call or a request ended: a status, the Envoy flag of the hop that decided it, and a failure class.
//!
//! Classes are disjoint by origin (who decided), since that is what retry conditions ask. The flag belongs to the hop
//! that set it: a callee that answers 504 because its own call timed out is, to its caller, a plain `504` of class `5xx`.

use std::fmt;

/// Who or what decided an outcome.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Class {
    /// Answered: status < 400, or 4xx other than 408 and 429.
    Answer = 0,
    /// The callee answered 5xx, a full queue included.
    ServerError = 1,
    /// No answer within the attempt's timeout.
    Timeout = 2,
    /// Nobody accepted the attempt.
    ConnectFailure = 3,
    /// Accepted, then the connection was lost.
    Reset = 4,
    /// Refused by a rate limit (429).
    RateLimited = 5,
    /// Not sent: the circuit breaker is open.
    BreakerOpen = 6,
    /// Not sent: the bulkhead is full.
    BulkheadFull = 7,
    /// The deadline of the whole call passed.
    Deadline = 8,
    /// Answered by a fallback, here or somewhere below; passes on to the client.
    Degraded = 9,
}

impl Class {
    pub const ALL: [Class; 10] = [
        Class::Answer,
        Class::ServerError,
        Class::Timeout,
        Class::ConnectFailure,
        Class::Reset,
        Class::RateLimited,
        Class::BreakerOpen,
        Class::BulkheadFull,
        Class::Deadline,
        Class::Degraded,
    ];

    /// Everything that is neither an answer nor a degraded answer.
    pub const FAILURES: [Class; 8] = [
        Class::ServerError,
        Class::Timeout,
        Class::ConnectFailure,
        Class::Reset,
        Class::RateLimited,
        Class::BreakerOpen,
        Class::BulkheadFull,
        Class::Deadline,
    ];

    /// The word that the model language uses (`on: [5xx, timeout]`).
    pub fn word(self) -> &'static str {
        match self {
            Class::Answer => "answer",
            Class::ServerError => "5xx",
            Class::Timeout => "timeout",
            Class::ConnectFailure => "connectFailure",
            Class::Reset => "reset",
            Class::RateLimited => "rateLimited",
            Class::BreakerOpen => "breakerOpen",
            Class::BulkheadFull => "bulkheadFull",
            Class::Deadline => "deadline",
            Class::Degraded => "degraded",
        }
    }
}

/// Envoy's response flag of the deciding hop, where one applies.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Flag {
    None = 0,
    /// Upstream request timeout.
    UT,
    /// Upstream connection failure.
    UF,
    /// Upstream overflow: a circuit breaker or bulkhead refused.
    UO,
    /// Upstream connection termination.
    UC,
    /// Downstream connection termination: the caller has gone.
    DC,
    /// Rate limited.
    RL,
    /// No healthy upstream.
    UH,
    /// Retry limit exceeded.
    URX,
    /// Fault injected.
    FI,
    /// Delay injected.
    DI,
}

/// The result of an attempt, call or request; four bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(C, align(4))]
pub struct Outcome {
    /// HTTP status as the caller sees it.
    pub status: u16,
    pub class: Class,
    pub flag: Flag,
}

impl Outcome {
    pub const OK: Outcome = Outcome::new(200, Class::Answer, Flag::None);
    pub const TIMEOUT: Outcome = Outcome::new(504, Class::Timeout, Flag::UT);
    pub const DEADLINE: Outcome = Outcome::new(504, Class::Deadline, Flag::UT);
    pub const CONNECT_FAILURE: Outcome = Outcome::new(503, Class::ConnectFailure, Flag::UF);
    pub const RESET: Outcome = Outcome::new(503, Class::Reset, Flag::UC);
    pub const BREAKER_OPEN: Outcome = Outcome::new(503, Class::BreakerOpen, Flag::UO);
    pub const BULKHEAD_FULL: Outcome = Outcome::new(503, Class::BulkheadFull, Flag::UO);
    pub const RATE_LIMITED: Outcome = Outcome::new(429, Class::RateLimited, Flag::RL);
    /// Made up by a fallback.
    pub const DEGRADED: Outcome = Outcome::new(200, Class::Degraded, Flag::None);
    /// Nobody waits for it any more (Envoy's DC, nginx's 499).
    pub const GIVEN_UP: Outcome = Outcome::new(499, Class::Reset, Flag::DC);
    /// What a callee answers when its queue is full.
    pub const QUEUE_FULL: Outcome = Outcome::new(503, Class::ServerError, Flag::None);

    pub const fn new(status: u16, class: Class, flag: Flag) -> Outcome {
        Outcome { status, class, flag }
    }

    /// A callee's own answer with this status, as its caller sees it.
    pub fn answered(status: u16) -> Outcome {
        Outcome::new(status, class_of_status(status), Flag::None)
    }

    /// What the caller of an endpoint sees when a call inside it ended thus: the status travels, flag and origin stay behind.
    pub fn passed_on(self) -> Outcome {
        if self.class == Class::Degraded { Outcome::DEGRADED } else { Outcome::answered(self.status) }
    }

    /// Answered in full: neither failed nor degraded.
    #[inline]
    pub fn is_ok(self) -> bool {
        self.class == Class::Answer
    }

    #[inline]
    pub fn is_degraded(self) -> bool {
        self.class == Class::Degraded
    }

    /// Did not get an answer of any use.
    #[inline]
    pub fn is_failure(self) -> bool {
        !matches!(self.class, Class::Answer | Class::Degraded)
    }
}

/// The class of a status that a callee answered.
pub fn class_of_status(status: u16) -> Class {
    match status {
        408 => Class::Timeout,
        429 => Class::RateLimited,
        0..500 => Class::Answer,
        _ => Class::ServerError,
    }
}

/// As in an access log: `200`, `503 UO`.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        if self.flag != Flag::None {
            write!(f, " {:?}", self.flag)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} ({})", self.class.word())
    }
}

/// A set of outcomes that a policy acts on: classes and single statuses, minus statuses that are answers (`notOn`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutcomeSet {
    classes: u16,
    /// Statuses that belong to the set whatever their class.
    statuses: Vec<u16>,
    /// Statuses that never belong to it.
    except: Vec<u16>,
    /// Any status of 400 and above belongs, as for a library that raises an exception on each.
    every_error_status: bool,
}

impl OutcomeSet {
    pub fn of(classes: &[Class]) -> OutcomeSet {
        let classes = classes.iter().fold(0, |set, class| set | 1 << *class as u8);
        OutcomeSet { classes, statuses: Vec::new(), except: Vec::new(), every_error_status: false }
    }

    /// `on`'s default: 5xx, timeout, connectFailure, reset.
    pub fn retriable() -> OutcomeSet {
        OutcomeSet::of(&[Class::ServerError, Class::Timeout, Class::ConnectFailure, Class::Reset])
    }

    /// Every failure class; what a fallback answers for.
    pub fn failures() -> OutcomeSet {
        OutcomeSet::of(&Class::FAILURES)
    }

    /// What a breaker counts: every failure class and every answer of 400 and above.
    pub fn errors() -> OutcomeSet {
        OutcomeSet { every_error_status: true, ..OutcomeSet::failures() }
    }

    pub fn with_statuses(mut self, statuses: &[u16]) -> OutcomeSet {
        self.statuses = statuses.to_vec();
        self
    }

    pub fn except(mut self, statuses: &[u16]) -> OutcomeSet {
        self.except = statuses.to_vec();
        self
    }

    #[inline]
    pub fn contains(&self, outcome: Outcome) -> bool {
        let by_class = self.classes >> outcome.class as u8 & 1 == 1;
        let by_status =
            (self.every_error_status && outcome.status >= 400) || (!self.statuses.is_empty() && self.statuses.contains(&outcome.status));
        (by_class || by_status) && (self.except.is_empty() || !self.except.contains(&outcome.status))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_fall_into_classes_as_documented() {
        for (status, class) in [
            (200, Class::Answer),
            (304, Class::Answer),
            (404, Class::Answer),
            (408, Class::Timeout),
            (429, Class::RateLimited),
            (500, Class::ServerError),
            (503, Class::ServerError),
        ] {
            assert_eq!(class_of_status(status), class, "{status}");
        }
    }

    #[test]
    fn a_timeout_of_a_callee_is_a_server_error_to_its_caller() {
        let seen = Outcome::TIMEOUT.passed_on();
        assert_eq!((seen.status, seen.class, seen.flag), (504, Class::ServerError, Flag::None));
    }

    #[test]
    fn a_breaker_counts_404_unless_it_is_an_answer() {
        let not_found = Outcome::answered(404);
        assert!(OutcomeSet::errors().contains(not_found));
        assert!(!OutcomeSet::errors().except(&[404]).contains(not_found));
        assert!(!OutcomeSet::retriable().contains(not_found));
        assert!(OutcomeSet::retriable().with_statuses(&[404]).contains(not_found));
        assert!(!OutcomeSet::failures().contains(not_found));
    }

    #[test]
    fn outcomes_print_as_in_an_access_log() {
        assert_eq!(Outcome::OK.to_string(), "200");
        assert_eq!(Outcome::TIMEOUT.to_string(), "504 UT");
        assert_eq!(Outcome::BULKHEAD_FULL.to_string(), "503 UO");
    }
}
