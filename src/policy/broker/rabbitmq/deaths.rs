//! What the header `x-death` says: in which queues a message has died, why, and how often (RabbitMQ, "Dead Letter Exchanges").

/// Why a queue gives a message up.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Reason {
    /// A consumer refused it without wanting it back.
    Rejected,
    /// It waited longer than it may.
    Expired,
    /// The queue was full.
    MaxLen,
    /// It came back from consumers more often than it may.
    DeliveryLimit,
}

impl Reason {
    /// As `x-death` has it.
    pub fn word(self) -> &'static str {
        match self {
            Reason::Rejected => "rejected",
            Reason::Expired => "expired",
            Reason::MaxLen => "maxlen",
            Reason::DeliveryLimit => "delivery_limit",
        }
    }
}

/// The deaths of a message, the latest first, one entry for each queue and reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deaths<Q> {
    entries: Vec<(Q, Reason, u32)>,
}

impl<Q> Default for Deaths<Q> {
    fn default() -> Deaths<Q> {
        Deaths { entries: Vec::new() }
    }
}

impl<Q: Copy + PartialEq> Deaths<Q> {
    pub fn entries(&self) -> &[(Q, Reason, u32)] {
        &self.entries
    }

    /// One more death: a new entry, or an old one that counts on and comes to the front.
    pub fn die(&mut self, queue: Q, reason: Reason) {
        let known = self.entries.iter().position(|entry| (entry.0, entry.1) == (queue, reason));
        let count = known.map_or(0, |place| self.entries.remove(place).2);
        self.entries.insert(0, (queue, reason, count + 1));
    }

    /// Whether the message, once dead as the front entry says, must not enter this queue: it has been there before, and no consumer has
    /// rejected it on the way round, so it would go round for ever.
    pub fn would_cycle(&self, target: Q) -> bool {
        let Some(there) = self.entries.iter().position(|entry| entry.0 == target) else { return false };
        self.entries[..=there].iter().all(|entry| entry.1 != Reason::Rejected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Reason::*;

    #[test]
    fn each_queue_and_reason_has_one_entry_the_latest_first() {
        let mut deaths = Deaths::default();
        for (queue, reason) in [(1, Rejected), (2, Expired), (1, Rejected), (2, Expired), (1, MaxLen)] {
            deaths.die(queue, reason);
        }
        assert_eq!(deaths.entries(), [(1, MaxLen, 1), (2, Expired, 2), (1, Rejected, 2)]);
    }

    #[test]
    fn a_message_that_goes_round_by_itself_is_dropped_and_one_that_was_rejected_is_not() {
        for (died, target, cycles) in [
            (vec![(1, Expired)], 2, false),
            (vec![(1, Expired)], 1, true),
            (vec![(1, Rejected)], 1, false),
            // Work queue, then wait queue and back: the delayed retry that everybody builds.
            (vec![(1, Rejected), (2, Expired)], 1, false),
            (vec![(1, Expired), (2, Expired)], 1, true),
            (vec![(1, MaxLen), (2, Expired)], 1, true),
            // Rejected long ago, but not since it left queue 2.
            (vec![(1, Rejected), (2, Expired), (3, Expired)], 2, true),
        ] {
            let mut deaths = Deaths::default();
            died.iter().for_each(|(queue, reason)| deaths.die(*queue, *reason));
            assert_eq!(deaths.would_cycle(target), cycles, "{died:?} to {target}");
        }
    }
}
