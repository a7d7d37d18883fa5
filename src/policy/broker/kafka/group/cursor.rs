//! A group's place in one partition.

use crate::base::time::Instant;

/// committed and settled ≤ position ≤ the log's end; but for at most once, committed ≤ settled, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    /// The next offset to read after a crash.
    pub committed: u64,
    /// Somebody has committed; before that, `committed` is where the group has come in.
    pub has_commit: bool,
    /// What lies before has been handled: a commit says this.
    pub settled: u64,
    /// What lies before has been returned by polls.
    pub position: u64,
    pub owner: Option<u32>,
    /// A record is tried again then; until then nothing is read.
    pub retry_at: Instant,
    /// There is no valid offset, and no rule to find one.
    pub stuck: bool,
    /// What lies before has been handed to somebody at some time.
    pub handed: u64,
    /// What lies before and was never to be read has been told.
    pub missed: u64,
    /// The record that was handed to this owner last, and how often in a row.
    pub tried: (u64, u32),
}

impl Cursor {
    pub fn new(offset: u64) -> Cursor {
        Cursor {
            committed: offset,
            has_commit: false,
            settled: offset,
            position: offset,
            owner: None,
            retry_at: Instant::START,
            stuck: false,
            handed: offset,
            missed: 0,
            tried: (0, 0),
        }
    }

    pub fn move_to(&mut self, offset: u64) {
        (self.settled, self.position, self.retry_at) = (offset, offset, Instant::START);
    }

    /// Without an owner there is only what was committed.
    pub fn release(&mut self) {
        self.owner = None;
        (self.stuck, self.tried) = (false, (0, 0));
        self.move_to(self.committed);
    }

    pub fn commit(&mut self, offset: u64) {
        debug_assert!(offset <= self.position);
        (self.committed, self.has_commit) = (self.committed.max(offset), true);
    }

    /// Somebody is handed a record: whether somebody has been before.
    pub fn hand(&mut self, offset: u64) -> bool {
        let redelivered = offset < self.handed;
        self.handed = self.handed.max(offset + 1);
        redelivered
    }

    /// The owner is handed a record: the how-manieth time in a row.
    pub fn attempt(&mut self, offset: u64) -> u32 {
        let nth = if self.tried.0 == offset { self.tried.1 + 1 } else { 1 };
        self.tried = (offset, nth);
        nth
    }

    /// The log ends here now.
    pub fn truncate(&mut self, end: u64) {
        for offset in [&mut self.committed, &mut self.settled, &mut self.position, &mut self.handed, &mut self.missed] {
            *offset = (*offset).min(end);
        }
    }
}
