//! What is in flight: calls (the caller's side) and jobs (the callee's side). 48 bytes each.

use crate::base::outcome::Outcome;
use crate::base::slab::Recycle;
use crate::base::time::{Instant, Nanos};
use crate::engine::{AlarmId, TimerId};
use crate::observe::episode::Cause;
use crate::policy::app::Permit;

/// Stands for no slot.
pub(super) const NOBODY: u32 = u32::MAX;

/// A call in progress: from the step (or client) that makes it to its final outcome, over all its attempts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    /// The client's request this is part of: client number and count, the key of its random draws.
    pub request: u64,
    pub started: Instant,
    /// Who waits for it: a job, another call (whose fallback it is), a proxy's upstream request, or an instance or user of a
    /// client.
    pub parent: u32,
    pub site: u32,
    /// Its place in the tree of the request's calls, for random draws.
    pub path: u32,
    /// The job in flight, the fallback's call, the back-off's alarm, or the layer that a refused try settles at; by `state`.
    pub current: u32,
    pub timer: TimerId,
    /// Tries so far; saturates.
    pub attempts: u16,
    pub cause: Cause,
    /// Of the latest try.
    pub last: Outcome,
    pub state: CallState,
    pub holds: u8,
}

/// What a call is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum CallState {
    /// Between two of the others, within one event.
    Deciding,
    /// `current` is the job.
    InFlight,
    /// `current` is the alarm.
    BackingOff,
    AwaitingPermit,
    /// A `Settles` event is on its way; `current` is the layer.
    Settling,
    /// `current` is the fallback's call.
    InFallback,
    /// In the caller's proxy; `current` is the stream there.
    InProxy,
    /// Given up while a `Settles` event was on its way; the slot is free when that comes.
    Gone,
    /// The slot is free.
    Free,
}

/// What a call holds and must give back; bits of `Call::holds`.
pub(super) mod hold {
    pub const BREAKER: u8 = 1;
    pub const BULKHEAD: u8 = 2;
    pub const TIMER: u8 = 4;
    pub const DEADLINE: u8 = 8;
    /// Counted as an active call of the retry budget, and as an active retry.
    pub const BUDGET: u8 = 16;
    pub const RETRY: u8 = 32;
    /// Whose slot `parent` is.
    pub const PARENT: u8 = 0b1100_0000;
    pub const OF_CLIENT: u8 = 0;
    pub const OF_JOB: u8 = 0b0100_0000;
    pub const OF_CALL: u8 = 0b1000_0000;
    /// A proxy's try.
    pub const OF_UPSTREAM: u8 = 0b1100_0000;
}

/// What only some policies need of a call.
#[derive(Clone, Copy, Debug)]
pub(super) struct CallExtra {
    /// When the present try passed the breaker.
    pub entered: Instant,
    /// Absolute; `NEVER` if the call has none.
    pub deadline: Instant,
    /// The back-off before the present try.
    pub previous: Nanos,
    pub deadline_alarm: AlarmId,
    pub permit_alarm: AlarmId,
    pub permit: Option<Permit>,
    /// Where this call's policy state is.
    pub cell: u32,
    /// The replica chosen for the present try before its state was asked, or nobody.
    pub replica: u32,
}

impl CallExtra {
    pub const NONE: CallExtra = CallExtra {
        entered: Instant::START,
        deadline: Instant::NEVER,
        previous: Nanos::ZERO,
        deadline_alarm: AlarmId::NONE,
        permit_alarm: AlarmId::NONE,
        permit: None,
        cell: 0,
        replica: NOBODY,
    };
}

/// An attempt on its way or at a replica; or a child that runs a body for another job there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Job {
    pub request: u64,
    /// At the replica's door. A child has no door of its own: its next sibling (see [`Job::sibling`]).
    pub arrived: Instant,
    /// The call it answers; a child's parent job; nobody if its caller has gone.
    pub call: u32,
    pub replica: u32,
    /// The step it is at.
    pub step: u32,
    pub path: u32,
    /// On its way to the callee: the site. In a queue: the next in it. Otherwise: its first child.
    pub next: u32,
    /// In a queue: the previous in it. Calling: the call. With bodies: how many have ended, and how. Awaiting a permit: the alarm.
    /// On its way: how often it was lost.
    pub pending: u32,
    /// Of its latest failed body; the answer once it has ended.
    pub outcome: Outcome,
    pub cause: Cause,
    pub state: JobState,
    pub marks: u8,
}

impl Job {
    /// The next among the bodies that the same parent waits for.
    pub fn sibling(&self) -> u32 {
        debug_assert!(self.marks & mark::CHILD != 0);
        self.arrived.0 as u32
    }

    pub fn set_sibling(&mut self, sibling: u32) {
        debug_assert!(self.marks & mark::CHILD != 0);
        self.arrived = Instant(u64::from(sibling));
    }
}

/// Where a job is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum JobState {
    /// On its way to the callee; has an event.
    Travelling,
    /// At the door of a paused replica.
    Held,
    /// Its sidecar tries the closed port of the application; has an event. `pending` is how often it has been tried again.
    Knocking,
    Queued,
    /// Works or waits; has an event.
    Working,
    /// Waits for a call.
    Calling,
    /// Waits for its bodies.
    WithBodies,
    AwaitingPool,
    /// Waits for a message that answers its own; `next` is the waiter, `pending` the alarm.
    AwaitingReply,
    /// Never ends by itself.
    Hung,
    /// The answer is on its way; has an event.
    Answering,
    /// Stopped while an event of it was on its way; the slot is free when that comes.
    Stopped,
    /// The slot is free.
    Free,
}

/// Bits of `Job::marks`.
pub(super) mod mark {
    /// Runs a body for the job `call`.
    pub const CHILD: u8 = 1;
    /// Runs a spawned body: nobody waits for it.
    pub const SPAWNED: u8 = 2;
    /// A fallback somewhere below answered.
    pub const DEGRADED: u8 = 4;
    /// Let in at the door: present at the service until it is answered or dropped.
    pub const PRESENT: u8 = 8;
    /// Holds a worker.
    pub const WORKER: u8 = 16;
    /// Its event is late by its replica's pause; see `World::shifts`.
    pub const SHIFTED: u8 = 32;
    /// Counted as active at the caller's balancer.
    pub const ACTIVE: u8 = 64;
    /// Of an attempt: the first request on its connection.
    pub const FIRST: u8 = 128;
    /// Of a spawned body, so that the bit serves both: hands a message to a consumer for the broker, and settles it in the end.
    pub const DELIVERY: u8 = 128;
}

impl Recycle for Call {
    fn set_next_free(&mut self, next: u32) {
        self.state = CallState::Free;
        self.parent = next;
    }

    fn next_free(&self) -> u32 {
        self.parent
    }
}

impl Recycle for Job {
    fn set_next_free(&mut self, next: u32) {
        self.state = JobState::Free;
        self.next = next;
    }

    fn next_free(&self) -> u32 {
        self.next
    }
}

/// Bytes of a call in flight.
pub const CALL_BYTES: usize = size_of::<Call>();
/// Bytes of a job in flight.
pub const JOB_BYTES: usize = size_of::<Job>();

const _: () = assert!(CALL_BYTES == 48);
const _: () = assert!(JOB_BYTES == 48);
