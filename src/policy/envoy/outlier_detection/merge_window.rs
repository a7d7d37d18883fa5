//! Merge window: when the balancer hears that a host was ejected or is back (`update_merge_window` of Envoy's
//! cluster_manager_impl.cc; the detector's own state does not wait).
//!
//! At once, if nothing was delivered within the last window; otherwise one window later, together with what happens until then.
//! A host that fails right after its return therefore keeps its traffic for about a second, and so do the second and third of
//! several that fail together.

use crate::base::time::{Instant, Nanos};

/// What one proxy has delivered, and will deliver, of one priority of one cluster.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MergeWindow {
    window: Nanos,
    last: Option<Instant>,
    pending: Option<Instant>,
}

/// When a change of health reaches the balancer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Delivery {
    /// Now, with everything that was waiting.
    Now,
    /// At that instant, for which nothing is planned yet: ask [`MergeWindow::arrives`] then.
    At(Instant),
    /// With what is already planned for that instant.
    With(Instant),
}

impl MergeWindow {
    /// Envoy's default, which Istio keeps.
    pub const DEFAULT: Nanos = Nanos::from_secs(1);

    /// A window of 0 delivers everything at once.
    pub fn new(window: Nanos) -> MergeWindow {
        MergeWindow { window, last: None, pending: None }
    }

    /// A host was ejected or unejected.
    pub fn health_changed(&mut self, now: Instant) -> Delivery {
        let long_ago = self.last.is_none_or(|last| now.since(last) > self.window);
        if self.window == Nanos::ZERO || long_ago {
            self.delivered(now);
            return Delivery::Now;
        }
        if let Some(at) = self.pending {
            return Delivery::With(at);
        }
        let at = now + self.window;
        self.pending = Some(at);
        Delivery::At(at)
    }

    /// Hosts came or went: that is never put off, and takes along what was waiting.
    pub fn membership_changed(&mut self, now: Instant) {
        self.delivered(now);
    }

    /// A planned instant has come: whether its delivery still takes place, or something took it along before.
    pub fn arrives(&mut self, now: Instant) -> bool {
        let due = self.pending == Some(now);
        if due {
            self.delivered(now);
        }
        due
    }

    fn delivered(&mut self, now: Instant) {
        self.last = Some(now);
        self.pending = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::START + Nanos::from_millis(millis)
    }

    #[test]
    fn a_lone_change_is_delivered_at_once() {
        let mut window = MergeWindow::new(MergeWindow::DEFAULT);
        assert_eq!(window.health_changed(at(0)), Delivery::Now);
        assert_eq!(window.health_changed(at(1001)), Delivery::Now);
        assert!(!window.arrives(at(2000)));
    }

    #[test]
    fn a_second_change_within_the_window_waits_a_whole_window_and_takes_others_along() {
        let mut window = MergeWindow::new(MergeWindow::DEFAULT);
        assert_eq!(window.health_changed(at(5000)), Delivery::Now);
        assert_eq!(window.health_changed(at(5000)), Delivery::At(at(6000)));
        assert_eq!(window.health_changed(at(5400)), Delivery::With(at(6000)));
        assert!(window.arrives(at(6000)));
        // The window begins anew with the delivery, and its end belongs to it.
        assert_eq!(window.health_changed(at(7000)), Delivery::At(at(8000)));
    }

    #[test]
    fn a_change_after_the_window_takes_along_what_waits() {
        let mut window = MergeWindow::new(MergeWindow::DEFAULT);
        window.health_changed(at(0));
        assert_eq!(window.health_changed(at(900)), Delivery::At(at(1900)));
        assert_eq!(window.health_changed(at(1500)), Delivery::Now);
        assert!(!window.arrives(at(1900)), "it was delivered at 1.5 s");
    }

    #[test]
    fn a_change_of_members_never_waits() {
        let mut window = MergeWindow::new(MergeWindow::DEFAULT);
        window.health_changed(at(0));
        window.health_changed(at(100));
        window.membership_changed(at(200));
        assert!(!window.arrives(at(1100)));
        assert_eq!(window.health_changed(at(1150)), Delivery::At(at(2150)));
    }

    #[test]
    fn no_window_no_waiting() {
        let mut window = MergeWindow::new(Nanos::ZERO);
        assert_eq!([window.health_changed(at(1)), window.health_changed(at(1))], [Delivery::Now, Delivery::Now]);
    }
}
