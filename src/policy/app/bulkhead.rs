//! Bulkhead: how many calls may be in progress at once (Resilience4j Bulkhead, the semaphore). It counts who waits; the
//! queue itself, first in first out, and its timer are the world's.

use crate::base::time::Nanos;
use crate::policy::error::{PolicyError, require};

/// A limit of concurrent calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bulkhead {
    pub max_concurrent: u32,
    /// How long a call waits for a permit; zero: not at all.
    pub max_wait: Nanos,
}

/// Permits taken and calls that wait for one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct BulkheadState {
    pub in_use: u32,
    pub waiting: u32,
}

/// The answer to a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Admission {
    /// Goes on with a permit.
    Enter,
    /// Joins the queue, for at most `max_wait`.
    Wait,
    /// Fails at once.
    Reject,
}

impl Bulkhead {
    pub fn new(max_concurrent: u32, max_wait: Nanos) -> Result<Bulkhead, PolicyError> {
        require(max_concurrent >= 1, "maxConcurrent", || "must be at least 1, or no call could ever be made".into())?;
        Ok(Bulkhead { max_concurrent, max_wait })
    }

    pub fn start(&self) -> BulkheadState {
        BulkheadState::default()
    }

    pub fn admit(&self, state: &mut BulkheadState) -> Admission {
        if state.in_use < self.max_concurrent {
            state.in_use += 1;
            Admission::Enter
        } else if self.max_wait > Nanos::ZERO {
            state.waiting += 1;
            Admission::Wait
        } else {
            Admission::Reject
        }
    }

    /// A call gives its permit back. True: the permit passes to the first waiting call, which goes on at once.
    pub fn release(&self, state: &mut BulkheadState) -> bool {
        debug_assert!(state.in_use > 0 && state.in_use <= self.max_concurrent);
        let passes_on = state.waiting > 0;
        if passes_on {
            state.waiting -= 1;
        } else {
            state.in_use -= 1;
        }
        passes_on
    }

    /// A waiting call gave up: its time was over or its caller has gone.
    pub fn leave_queue(&self, state: &mut BulkheadState) {
        debug_assert!(state.waiting > 0);
        state.waiting -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Admission::{Enter, Reject, Wait};

    #[test]
    fn without_a_wait_the_surplus_is_rejected() {
        let bulkhead = Bulkhead::new(2, Nanos::ZERO).unwrap();
        let mut state = bulkhead.start();
        assert_eq!([(); 3].map(|()| bulkhead.admit(&mut state)), [Enter, Enter, Reject]);
        assert!(!bulkhead.release(&mut state));
        assert_eq!(bulkhead.admit(&mut state), Enter);
    }

    #[test]
    fn a_permit_passes_to_the_first_that_waits() {
        let bulkhead = Bulkhead::new(1, Nanos::from_secs(1)).unwrap();
        let mut state = bulkhead.start();
        assert_eq!([(); 3].map(|()| bulkhead.admit(&mut state)), [Enter, Wait, Wait]);
        assert!(bulkhead.release(&mut state));
        assert_eq!(state, BulkheadState { in_use: 1, waiting: 1 });
        assert_eq!(bulkhead.admit(&mut state), Wait, "the permit is not free: it was passed on");
        bulkhead.leave_queue(&mut state);
        bulkhead.leave_queue(&mut state);
        assert!(!bulkhead.release(&mut state));
        assert_eq!(state, BulkheadState::default());
    }

    #[test]
    fn no_permit_at_all_is_refused() {
        let refused = Bulkhead::new(0, Nanos::ZERO).unwrap_err();
        assert_eq!(refused.to_string(), "`maxConcurrent` must be at least 1, or no call could ever be made");
    }
}
