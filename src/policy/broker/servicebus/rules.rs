//! A queue's or a subscription's properties, how messages are sent to it and how they are received (Azure Service Bus documentation,
//! "Message transfers, locks, and settlement", "Message sessions", "Dead-letter queues", "Message expiration", "Service Bus quotas").

use crate::base::time::{Instant, Nanos};
use crate::policy::error::{PolicyError, require};

/// Properties of a queue, or of a topic's subscription.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// `LockDuration`: how long what is received is locked, unless the lock is renewed.
    pub lock: Nanos,
    /// `MaxDeliveryCount`: after so many deliveries that came to nothing a message is dead-lettered.
    pub max_delivery_count: u32,
    /// `DefaultMessageTimeToLive`; none: unlimited.
    pub ttl: Option<Nanos>,
    /// `DeadLetteringOnMessageExpiration`: otherwise what is too old is dropped.
    pub dead_letter_on_expiry: bool,
    /// `DuplicateDetectionHistoryTimeWindow`; none: duplicates are not detected.
    pub duplicate_window: Option<Nanos>,
    /// `RequiresSession`.
    pub sessions: bool,
    /// The size of the entity: bytes of all messages that are in it, received or not.
    pub max_bytes: Option<u64>,
}

/// The window in which duplicates are detected, unless it is chosen.
pub const DUPLICATE_WINDOW: Nanos = Nanos::from_secs(600);

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            lock: Nanos::from_secs(60),
            max_delivery_count: 10,
            ttl: None,
            dead_letter_on_expiry: false,
            duplicate_window: None,
            sessions: false,
            max_bytes: None,
        }
    }
}

impl Rules {
    /// # Errors
    /// A property out of the range that the service accepts.
    pub fn validated(self) -> Result<Rules, PolicyError> {
        let lock = self.lock > Nanos::ZERO && self.lock <= Nanos::from_secs(300);
        require(lock, "lockDuration", || "must be more than nothing and at most 5m".into())?;
        let count = (1..=u32::from(u16::MAX)).contains(&self.max_delivery_count);
        require(count, "maxDeliveryCount", || "must be between 1 and 65535".into())?;
        let lives = self.ttl.is_none_or(|ttl| ttl > Nanos::ZERO);
        require(lives, "defaultMessageTimeToLive", || "must be more than nothing".into())?;
        let week = Nanos::from_secs(7 * 24 * 3600);
        let window = self.duplicate_window.is_none_or(|window| window >= Nanos::from_secs(20) && window <= week);
        require(window, "duplicateDetectionHistoryTimeWindow", || "must be between 20s and 7 days".into())?;
        Ok(self)
    }
}

/// How a message is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Sending {
    /// Its size.
    pub bytes: u32,
    /// `TimeToLive`: counts from when it is enqueued; the smaller of this and the entity's holds.
    pub ttl: Option<Nanos>,
    /// `SessionId`, if the entity has sessions.
    pub session: u32,
    /// `MessageId`, for the detection of duplicates.
    pub id: Option<u64>,
    /// `ScheduledEnqueueTime`: until then nobody gets it.
    pub enqueue_at: Option<Instant>,
}

/// What the sender is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    Taken,
    /// The sender is told the same as if it had been taken, and nothing happens.
    Duplicate,
    /// `QuotaExceeded`: the entity has no room for it.
    QuotaExceeded,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// A message is there until it is completed: at least once.
    PeekLock,
    /// A message is gone when it is delivered: at most once.
    ReceiveAndDelete,
}

/// How a receiver receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receiving {
    /// Messages it may hold: those it handles at a time, and its `PrefetchCount`. The locks of the latter tick too.
    pub room: u32,
    pub mode: Mode,
    /// `MaxAutoLockRenewalDuration`: for so long from the delivery its client renews a lock.
    pub renew_for: Nanos,
    /// `MaxConcurrentSessions`: sessions that it may hold at a time.
    pub sessions: u32,
    /// `SessionIdleTimeout`: how long it keeps a session that has nothing for it.
    pub session_idle: Nanos,
}

impl Default for Receiving {
    /// The defaults of the .NET client's processors, without the prefetch that they do not have either.
    fn default() -> Receiving {
        Receiving { room: 1, mode: Mode::PeekLock, renew_for: Nanos::from_secs(300), sessions: 8, session_idle: Nanos::from_secs(60) }
    }
}

impl Receiving {
    /// # Errors
    /// No room, or no session.
    pub fn validated(self) -> Result<Receiving, PolicyError> {
        require(self.room >= 1, "room", || "must be at least 1".into())?;
        require(self.sessions >= 1, "maxConcurrentSessions", || "must be at least 1".into())?;
        Ok(self)
    }
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer<M> {
    /// To this receiver. The tag is the lock token: another one for each delivery. `nth`: the how-manieth delivery of it; `sequence`: its
    /// sequence number, under which it is received again if it is deferred.
    Deliver { consumer: u32, tag: u32, message: M, redelivered: bool, nth: u32, sequence: u64 },
    /// To the dead-letter queue.
    Dead { message: M, reason: Reason },
    /// Too old, and dropped.
    Expired { message: M },
}

/// Why a message is dead-lettered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Reason {
    /// Too many deliveries came to nothing.
    MaxDeliveryCountExceeded,
    /// It waited longer than it may.
    Expired,
    /// Its receiver has asked for it.
    DeadLettered,
}

impl Reason {
    /// As `DeadLetterReason` has it; the application's own reasons are its own.
    pub fn word(self) -> &'static str {
        match self {
            Reason::MaxDeliveryCountExceeded => "MaxDeliveryCountExceeded",
            Reason::Expired => "TTLExpiredException",
            Reason::DeadLettered => "DeadLetteredByReceiver",
        }
    }
}

/// How a delivery is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    Complete,
    /// It is available again at once.
    Abandon,
    DeadLetter,
    /// It is kept aside until it is received by its sequence number.
    Defer,
}

#[cfg(test)]
mod tests;
