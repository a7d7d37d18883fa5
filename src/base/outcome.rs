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

/// One of Envoy's response flags.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Flag {
    None = 0,
    /// Upstream request timeout.
    UT,
    /// Upstream connection failure.
    UF,
    /// Upstream overflow: a circuit breaker or bulkhead refused, or another retry was refused.
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
    /// Upstream remote reset.
    UR,
    /// Local reset.
    LR,
    /// Upstream protocol error.
    UPE,
    /// No route.
    NR,
    /// No cluster.
    NC,
    /// Upstream maximum stream duration reached.
    UMSDR,
    /// Overload manager.
    OM,
    /// Rate limit service error.
    RLSE,
}

/// The response flags of the deciding hop: at most one that says what went wrong at last, and any of `DI`, `URX` and `UO`,
/// which say what happened on the way there. In one byte: the latter are bits, the former a number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Flags(u8);

impl Flags {
    pub const NONE: Flags = Flags(0);
    /// The flags that go with others, in the order in which Envoy sets them, and their bits.
    const COMPANIONS: [(Flag, u8); 3] = [(Flag::DI, 0x20), (Flag::URX, 0x40), (Flag::UO, 0x80)];
    const REASON: u8 = 0x1f;

    pub const fn of(flag: Flag) -> Flags {
        match flag {
            Flag::DI => Flags(0x20),
            Flag::URX => Flags(0x40),
            Flag::UO => Flags(0x80),
            reason => Flags(reason as u8),
        }
    }

    /// These and one more. A second reason is not added to a first: what ended a request first has ended it.
    pub const fn with(self, flag: Flag) -> Flags {
        let more = Flags::of(flag).0;
        if self.0 & Flags::REASON != 0 && more & Flags::REASON != 0 { self } else { Flags(self.0 | more) }
    }

    pub const fn contains(self, flag: Flag) -> bool {
        let wanted = Flags::of(flag).0;
        if wanted & Flags::REASON != 0 { self.0 & Flags::REASON == wanted } else { self.0 & wanted == wanted }
    }

    pub const fn is_none(self) -> bool {
        self.0 == 0
    }

    fn reason(self) -> Flag {
        REASONS.into_iter().find(|flag| *flag as u8 == self.0 & Flags::REASON).unwrap_or(Flag::None)
    }
}

/// The flags that end a request.
const REASONS: [Flag; 15] = [
    Flag::UT,
    Flag::UF,
    Flag::UC,
    Flag::DC,
    Flag::RL,
    Flag::UH,
    Flag::FI,
    Flag::UR,
    Flag::LR,
    Flag::UPE,
    Flag::NR,
    Flag::NC,
    Flag::UMSDR,
    Flag::OM,
    Flag::RLSE,
];

/// As in an access log, in the order in which Envoy sets them: `DI,FI`, `URX,UT`; nothing if there is none.
impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let companions = Flags::COMPANIONS.into_iter().filter(|(_, bit)| self.0 & bit != 0).map(|(flag, _)| flag);
        let all = companions.chain([self.reason()]).filter(|flag| *flag != Flag::None);
        for (position, flag) in all.enumerate() {
            write!(f, "{}{flag:?}", if position == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_none() { f.write_str("-") } else { fmt::Display::fmt(self, f) }
    }
}

/// The result of an attempt, call or request; four bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(C, align(4))]
pub struct Outcome {
    /// HTTP status as the caller sees it.
    pub status: u16,
    pub class: Class,
    pub flags: Flags,
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
        Outcome { status, class, flags: Flags::of(flag) }
    }

    /// The same with one more flag.
    pub const fn with(self, flag: Flag) -> Outcome {
        Outcome { flags: self.flags.with(flag), ..self }
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

/// As in an access log: `200`, `503 UO`, `504 URX,UT`.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        if !self.flags.is_none() {
            write!(f, " {}", self.flags)?;
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
        assert_eq!((seen.status, seen.class, seen.flags), (504, Class::ServerError, Flags::NONE));
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
        assert_eq!(Outcome::TIMEOUT.with(Flag::URX).to_string(), "504 URX,UT");
    }

    #[test]
    fn flags_combine_in_one_byte_and_print_in_the_order_in_which_envoy_sets_them() {
        use Flag::*;
        for (flags, text) in [
            (&[][..], ""),
            (&[None], ""),
            (&[URX], "URX"),
            (&[UT, URX], "URX,UT"),
            (&[UT, UO], "UO,UT"),
            (&[FI, DI], "DI,FI"),
            (&[UO, UO], "UO"),
            (&[DI, URX, UF], "DI,URX,UF"),
            (&[DI, UO, URX, UMSDR], "DI,URX,UO,UMSDR"),
            (&[UT, UC], "UT"),
        ] {
            let all = flags.iter().fold(Flags::NONE, |all, flag| all.with(*flag));
            assert_eq!(all.to_string(), text, "{flags:?}");
        }
        assert_eq!(size_of::<Outcome>(), 4);
    }

    #[test]
    fn every_flag_is_found_again_and_no_other() {
        let all = REASONS.into_iter().chain(Flags::COMPANIONS.map(|(flag, _)| flag));
        assert_eq!(all.clone().count(), Flag::RLSE as usize, "each flag is a reason or a companion");
        for flag in all.clone() {
            let flags = Flags::of(flag);
            assert_eq!(flags.to_string(), format!("{flag:?}"));
            for other in all.clone() {
                assert_eq!(flags.contains(other), flag == other, "{flag:?} in {other:?}");
                let both = flags.with(other);
                assert!(both.contains(flag));
                assert!(both.contains(other) || (REASONS.contains(&flag) && REASONS.contains(&other)));
            }
        }
    }
}
