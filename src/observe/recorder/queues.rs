//! What happens in the queues of brokers. Counts are of the whole run, since messages outlive intervals; depths are of the clock.

use super::*;
use crate::base::time::Nanos;
use crate::policy::broker::rabbitmq::deaths::Reason;

/// A queue's record, and what of it changes.
pub(super) struct QueueNow {
    pub record: QueueRecord,
    window: QueueWindow,
    ready: Depth,
    unacked: Depth,
    /// When the oldest that waits was published.
    oldest: Option<Instant>,
}

/// A number that stays for a time, and its integral over the measured interval.
#[derive(Default)]
struct Depth {
    value: u64,
    since: Instant,
}

impl Depth {
    /// What the value so far adds to the integral between the two instants.
    fn set(&mut self, value: u64, now: Instant, (from, until): (Instant, Instant)) -> u128 {
        let (began, ended) = (self.since.max(from), now.min(until));
        let area = u128::from(ended.0.saturating_sub(began.0)) * u128::from(self.value);
        (self.value, self.since) = (value, now);
        area
    }
}

impl QueueNow {
    pub fn new() -> QueueNow {
        QueueNow {
            record: QueueRecord::default(),
            window: QueueWindow::default(),
            ready: Depth::default(),
            unacked: Depth::default(),
            oldest: None,
        }
    }

    fn grow_old(&mut self, now: Instant) {
        let age = self.oldest.map_or(Nanos::ZERO, |oldest| now.since(oldest));
        self.record.oldest_max = self.record.oldest_max.max(age);
    }

    pub fn close_window(&mut self, at: Instant) {
        self.grow_old(at);
        self.window.oldest = self.oldest.map_or(Nanos::ZERO, |oldest| at.since(oldest));
        (self.window.ready, self.window.unacked) = (self.ready.value, self.unacked.value);
        let next = QueueWindow { ready_max: self.ready.value, ..QueueWindow::default() };
        self.record.windows.push(std::mem::replace(&mut self.window, next));
    }

    /// The measured interval (or the run) is over.
    pub fn end(&mut self, at: Instant, interval: (Instant, Instant)) {
        self.grow_old(at);
        self.record.ready += self.ready.set(self.ready.value, at, interval);
        self.record.unacked += self.unacked.set(self.unacked.value, at, interval);
        (self.record.left_ready, self.record.left_unacked) = (self.ready.value, self.unacked.value);
    }
}

impl Recorder {
    /// A broker has a message; perhaps no queue wants it.
    pub fn message_published(&mut self, broker: u32, unroutable: bool) {
        let record = &mut self.brokers[broker as usize];
        record.published += 1;
        record.unroutable += u64::from(unroutable);
    }

    /// Writes, those whose event never came, and events without a write.
    pub fn events_announced(&mut self, broker: u32, [written, lost, phantom]: [u64; 3]) {
        let record = &mut self.brokers[broker as usize];
        record.events_written += written;
        record.events_lost += lost;
        record.events_phantom += phantom;
    }

    /// A reply that nobody waits for any more.
    pub fn reply_unclaimed(&mut self, broker: u32) {
        self.brokers[broker as usize].unclaimed_replies += 1;
    }

    pub fn message_taken(&mut self, queue: u32) {
        let live = &mut self.queues[queue as usize];
        live.record.published += 1;
        live.window.published += 1;
    }

    /// The queue was full or could not be used, and said so.
    pub fn message_refused(&mut self, queue: u32) {
        self.queues[queue as usize].record.refused += 1;
    }

    /// Taken at first, and gone before anybody could read it.
    pub fn message_withdrawn(&mut self, queue: u32) {
        self.queues[queue as usize].record.published -= 1;
    }

    pub fn message_delivered(&mut self, queue: u32, again: bool) {
        let live = &mut self.queues[queue as usize];
        live.record.delivered += 1;
        live.record.redelivered += u64::from(again);
        live.window.delivered += 1;
    }

    /// Handled and acknowledged, so long after it was published.
    pub fn message_acked(&mut self, queue: u32, published: Instant, now: Instant) {
        let cohort = self.in_cohort(published);
        let live = &mut self.queues[queue as usize];
        live.record.acked += 1;
        live.window.acked += 1;
        if cohort {
            live.record.latency.record(now.since(published).0);
        }
    }

    /// Given up so long after it was published; `kept` if another queue takes it.
    pub fn message_died(&mut self, queue: u32, reason: Reason, kept: bool) {
        let record = &mut self.queues[queue as usize].record;
        record.died[reason as usize] += 1;
        if kept {
            record.dead_lettered += 1;
        } else {
            record.dropped += 1;
        }
    }

    /// A publisher has sent it before: it is there once.
    pub fn message_known(&mut self, queue: u32) {
        self.queues[queue as usize].record.known += 1;
    }

    /// A member of a group has passed a record over that it could not handle.
    pub fn message_skipped(&mut self, queue: u32) {
        self.queues[queue as usize].record.dropped += 1;
    }

    /// Partitions of a group have got other owners.
    pub fn group_rebalanced(&mut self, queue: u32) {
        let live = &mut self.queues[queue as usize];
        live.record.rebalances += 1;
    }

    /// A consumer has put a copy into another queue, instead of handling it.
    pub fn message_moved(&mut self, queue: u32) {
        self.queues[queue as usize].record.moved += 1;
    }

    /// A consumer has done all it has to do with a message, and the broker does not know it: the message comes again.
    pub fn message_duplicated(&mut self, queue: u32) {
        self.queues[queue as usize].record.duplicates += 1;
    }

    /// Gone with a broker that did not keep them, or with a consumer for which they were acknowledged when they were sent.
    pub fn messages_lost(&mut self, queue: u32, count: u64) {
        self.queues[queue as usize].record.lost += count;
    }

    /// What waits, what consumers hold, and when the oldest that waits was published.
    pub fn queue_depth(&mut self, queue: u32, (ready, unacked): (u64, u64), oldest: Option<Instant>, now: Instant) {
        let interval = (self.from, self.until);
        let live = &mut self.queues[queue as usize];
        live.record.ready += live.ready.set(ready, now, interval);
        live.record.unacked += live.unacked.set(unacked, now, interval);
        live.record.ready_max = live.record.ready_max.max(ready);
        live.window.ready_max = live.window.ready_max.max(ready);
        // The oldest is oldest just before it leaves.
        live.grow_old(now);
        live.oldest = oldest;
    }
}
