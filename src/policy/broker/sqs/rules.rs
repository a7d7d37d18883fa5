//! A queue's attributes, how messages are sent to it and how they are asked for (Amazon SQS Developer Guide, "Message quotas",
//! "Visibility timeout", "Short and long polling", "FIFO queues").

use crate::base::time::{Instant, Nanos};
use crate::policy::error::{PolicyError, require};

const DAY: u64 = 24 * 3600;

/// The longest that a message may be hidden from when it was received.
pub const LONGEST_VISIBILITY: Nanos = Nanos::from_secs(12 * 3600);

/// How long a FIFO queue knows a `MessageDeduplicationId`.
pub const DEDUPLICATION_WINDOW: Nanos = Nanos::from_secs(300);

/// Messages in flight that a queue allows. FIFO queues had 20 000 until late in 2024.
pub const IN_FLIGHT_LIMIT: u32 = 120_000;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// At least once, in about the order of sending.
    Standard,
    /// In order in each group.
    Fifo {
        /// One receive may bring several messages of a group, in order, as the service does; the consumer must then handle them one
        /// after the other. Otherwise a receive brings one of each group, and nothing can be handled out of order.
        batches_groups: bool,
    },
}

/// A queue's attributes.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    pub kind: Kind,
    /// `VisibilityTimeout`: how long what is received is hidden.
    pub visibility: Nanos,
    /// `MessageRetentionPeriod`: older messages are deleted.
    pub retention: Nanos,
    /// `DelaySeconds`: how long what is sent is hidden at first.
    pub delay: Nanos,
    /// `ReceiveMessageWaitTimeSeconds`: nothing: short polling.
    pub receive_wait: Nanos,
    /// `maxReceiveCount` of the redrive policy: what was received so often goes to the dead-letter queue at the next receive.
    pub max_receives: Option<u32>,
    /// Messages that may be in flight: received, and neither deleted nor visible again.
    pub in_flight_limit: u32,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            kind: Kind::Standard,
            visibility: Nanos::from_secs(30),
            retention: Nanos::from_secs(4 * DAY),
            delay: Nanos::ZERO,
            receive_wait: Nanos::ZERO,
            max_receives: None,
            in_flight_limit: IN_FLIGHT_LIMIT,
        }
    }
}

impl Rules {
    /// # Errors
    /// An attribute out of the range that the service accepts.
    pub fn validated(self) -> Result<Rules, PolicyError> {
        let up_to = |most, span: Nanos| span <= Nanos::from_secs(most);
        require(self.visibility <= LONGEST_VISIBILITY, "visibilityTimeout", || "must be at most 12h".into())?;
        let kept = self.retention >= Nanos::from_secs(60) && up_to(14 * DAY, self.retention);
        require(kept, "messageRetentionPeriod", || "must be between 60s and 14 days".into())?;
        require(up_to(900, self.delay), "delaySeconds", || "must be at most 900s".into())?;
        require(up_to(20, self.receive_wait), "receiveMessageWaitTimeSeconds", || "must be at most 20s".into())?;
        let receives = self.max_receives.is_none_or(|most| (1..=1000).contains(&most));
        require(receives, "maxReceiveCount", || "must be between 1 and 1000".into())?;
        require(self.in_flight_limit >= 1, "inFlightLimit", || "must be at least 1".into())?;
        Ok(self)
    }

    pub(super) fn is_fifo(&self) -> bool {
        matches!(self.kind, Kind::Fifo { .. })
    }
}

/// How a message is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Sending {
    /// `DelaySeconds` of the message, in place of the queue's; of standard queues only, at most 900 s.
    pub delay: Option<Nanos>,
    /// `MessageGroupId`, of FIFO queues.
    pub group: u32,
    /// `MessageDeduplicationId`, of FIFO queues.
    pub deduplication: Option<u64>,
    /// When it was sent first, if a standard queue has given it up to this one: its retention counts from then on.
    pub since: Option<Instant>,
}

/// What the sender is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    Taken,
    /// The sender is told the same as if it had been taken, and nothing happens.
    Duplicate,
    /// `InvalidParameterValue`: a delay that the queue does not take.
    Refused,
}

/// How one poller asks for messages: a loop that receives, has what it got handled, and receives again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Polling {
    /// Messages it may have in hand.
    pub room: u32,
    /// `MaxNumberOfMessages`: the most that one receive brings, 1 to 10.
    pub batch: u32,
    pub refill: Refill,
    /// `WaitTimeSeconds` of its receives, in place of the queue's.
    pub wait: Option<Nanos>,
    /// How long after a receive that brought nothing, or an error, the next begins. A long poll that brings nothing is followed by the
    /// next at once.
    pub poll_interval: Nanos,
}

/// When a poller that has got something asks for more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refill {
    AsSoonAsRoom,
    WhenAllDone,
}

impl Polling {
    /// # Errors
    /// A batch that the service refuses, no room, or polls without a pause.
    pub fn validated(self) -> Result<Polling, PolicyError> {
        require(self.room >= 1, "room", || "must be at least 1".into())?;
        require((1..=10).contains(&self.batch), "maxNumberOfMessages", || "must be between 1 and 10".into())?;
        let wait = self.wait.is_none_or(|wait| wait <= Nanos::from_secs(20));
        require(wait, "waitTimeSeconds", || "must be at most 20s".into())?;
        require(self.poll_interval > Nanos::ZERO, "pollInterval", || "must be more than nothing".into())?;
        Ok(self)
    }
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer<M> {
    /// To this poller. The tag is the receipt handle: another one for each delivery. `nth`: its `ApproximateReceiveCount`.
    Deliver { consumer: u32, tag: u32, message: M, redelivered: bool, nth: u32 },
    /// Gone from this queue, to its dead-letter queue if the reason says so. `sent`: when it was sent first, see [`Sending::since`].
    Dead { message: M, reason: Reason, sent: Instant },
    /// A receive has failed: as much is in flight as may be. FIFO queues bring nothing instead.
    OverLimit { consumer: u32 },
}

/// Why a queue gives a message up.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Reason {
    /// It was received as often as it may be.
    MaxReceives,
    /// It is older than the retention period: deleted, and in no dead-letter queue.
    Expired,
}

impl Reason {
    /// Whether the dead-letter queue gets it.
    pub fn is_redriven(self) -> bool {
        self == Reason::MaxReceives
    }
}

/// What a consumer does with what it has received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// `DeleteMessage`: it is done.
    Delete,
    /// Nothing: it has failed, and the message comes back when its visibility timeout ends.
    Leave,
    /// `ChangeMessageVisibility`: it comes back after so long, at most 12 h after it was received.
    Return { after: Nanos },
}

#[cfg(test)]
mod tests;
