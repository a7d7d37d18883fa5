//! What happens in the queues of brokers. Counts are of the whole run, since messages outlive intervals; depths are of the clock.

use super::*;
use crate::policy::broker::rabbitmq::deaths::Reason;

/// A queue's record, and what of it changes.
pub(super) struct QueueNow {
    pub record: QueueRecord,
    window: QueueWindow,
    ready: Depth,
    unacked: Depth,
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
        QueueNow { record: QueueRecord::default(), window: QueueWindow::default(), ready: Depth::default(), unacked: Depth::default() }
    }

    pub fn close_window(&mut self) {
        (self.window.ready, self.window.unacked) = (self.ready.value, self.unacked.value);
        self.record.windows.push(std::mem::take(&mut self.window));
    }

    /// The measured interval (or the run) is over.
    pub fn end(&mut self, at: Instant, interval: (Instant, Instant)) {
        self.record.ready += self.ready.set(self.ready.value, at, interval);
        self.record.unacked += self.unacked.set(self.unacked.value, at, interval);
        (self.record.left_ready, self.record.left_unacked) = (self.ready.value, self.unacked.value);
    }
}

impl Recorder {
    pub fn message_taken(&mut self, queue: u32, _now: Instant) {
        let live = &mut self.queues[queue as usize];
        live.record.published += 1;
        live.window.published += 1;
    }

    /// The queue was full, and said so.
    pub fn message_refused(&mut self, queue: u32) {
        self.queues[queue as usize].record.refused += 1;
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

    /// Given up; `kept` if another queue takes it.
    pub fn message_died(&mut self, queue: u32, reason: Reason, kept: bool) {
        let record = &mut self.queues[queue as usize].record;
        record.died[reason as usize] += 1;
        if kept {
            record.dead_lettered += 1;
        } else {
            record.dropped += 1;
        }
    }

    /// Gone with a broker that did not keep them.
    pub fn messages_lost(&mut self, queue: u32, count: u64) {
        self.queues[queue as usize].record.lost += count;
    }

    pub fn queue_depth(&mut self, queue: u32, ready: u64, unacked: u64, now: Instant) {
        let interval = (self.from, self.until);
        let live = &mut self.queues[queue as usize];
        live.record.ready += live.ready.set(ready, now, interval);
        live.record.unacked += live.unacked.set(unacked, now, interval);
        live.record.ready_max = live.record.ready_max.max(ready);
    }
}
