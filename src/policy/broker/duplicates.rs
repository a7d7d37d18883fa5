//! Duplicate detection: ids that were seen within a window of time (Amazon SQS, "Message deduplication ID"; Azure Service Bus,
//! "Duplicate detection").

use crate::base::time::{Instant, Nanos};
use std::collections::{BTreeSet, VecDeque};

/// The ids of the last so-and-so-much time. A duplicate does not make its id stay longer.
#[derive(Clone, Debug, Default)]
pub struct Window {
    seen: BTreeSet<u64>,
    /// The same, by age.
    order: VecDeque<(Instant, u64)>,
}

impl Window {
    /// Whether this id was seen within the window that ends now.
    pub fn has(&mut self, id: u64, window: Nanos, now: Instant) -> bool {
        while let Some(&(since, old)) = self.order.front().filter(|(since, _)| *since + window <= now) {
            debug_assert!(since <= now, "time does not go back");
            self.order.pop_front();
            self.seen.remove(&old);
        }
        self.seen.contains(&id)
    }

    /// From now on it has been seen. It must not be in the window yet.
    pub fn remember(&mut self, id: u64, now: Instant) {
        let new = self.seen.insert(id);
        assert!(new, "an id is remembered once in a window");
        self.order.push_back((now, id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_duplicate_until_the_window_has_passed_since_it_was_first_seen() {
        let (mut window, minute) = (Window::default(), Nanos::from_secs(60));
        let mut seen = |id, seconds| {
            let now = Instant::from_secs(seconds);
            let duplicate = window.has(id, minute, now);
            if !duplicate {
                window.remember(id, now);
            }
            duplicate
        };
        // The duplicate at 50 does not prolong anything.
        for (id, seconds, duplicate) in
            [(1, 0, false), (2, 30, false), (1, 50, true), (1, 60, false), (2, 89, true), (2, 90, false), (1, 119, true)]
        {
            assert_eq!(seen(id, seconds), duplicate, "{id} at {seconds}");
        }
    }
}
