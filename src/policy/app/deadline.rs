//! Deadline: until when a whole call may take, its retries and pauses included (gRPC). Who inherits one keeps the earlier.

use crate::base::time::{Instant, Nanos};
use crate::policy::error::{PolicyError, require};

/// The patience for a whole call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Deadline {
    pub after: Nanos,
    /// Whether the callee learns of it; nothing said: over gRPC, which sends it along.
    pub propagate: Option<bool>,
}

impl Deadline {
    pub fn new(after: Nanos, propagate: Option<bool>) -> Result<Deadline, PolicyError> {
        require(after > Nanos::ZERO, "deadline", || "must be more than 0s, or every call would be late".into())?;
        Ok(Deadline { after, propagate })
    }

    /// When a call that starts now must be over, given what its caller inherited.
    pub fn until(&self, now: Instant, inherited: Option<Instant>) -> Instant {
        let own = now + self.after;
        inherited.map_or(own, |earlier| earlier.min(own))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earlier_deadline_holds() {
        let deadline = Deadline::new(Nanos::from_secs(5), None).unwrap();
        let now = Instant::from_secs(10);
        for (inherited, until) in [(None, 15), (Some(12), 12), (Some(20), 15), (Some(9), 9)] {
            assert_eq!(deadline.until(now, inherited.map(Instant::from_secs)), Instant::from_secs(until));
        }
        assert_eq!(Deadline::new(Nanos::MAX, None).unwrap().until(now, None), Instant::NEVER);
        assert!(Deadline::new(Nanos::ZERO, None).is_err());
    }
}
