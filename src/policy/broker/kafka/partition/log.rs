//! The records of a partition, in segments: only whole ones are deleted (Apache Kafka documentation, "Log", `retention.ms`,
//! `retention.bytes`, `segment.ms`, `segment.bytes`).

use crate::base::time::Instant;
use crate::policy::broker::kafka::rules::TopicRules;
use std::collections::VecDeque;

/// A record as it lies in the log; its offset is its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<M> {
    pub message: M,
    pub appended: Instant,
    pub bytes: u32,
}

#[derive(Clone, Debug)]
struct Segment {
    /// The offset of its first record.
    base: u64,
    bytes: u64,
    first: Instant,
    last: Instant,
}

/// The leader's log.
#[derive(Clone, Debug)]
pub struct Log<M> {
    start: u64,
    records: VecDeque<Record<M>>,
    segments: VecDeque<Segment>,
    bytes: u64,
}

impl<M> Default for Log<M> {
    fn default() -> Log<M> {
        Log { start: 0, records: VecDeque::new(), segments: VecDeque::new(), bytes: 0 }
    }
}

impl<M: Copy> Log<M> {
    /// The first offset that is still there.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// The offset that the next record gets.
    pub fn end(&self) -> u64 {
        self.start + self.records.len() as u64
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// None if it is deleted or not yet written.
    pub fn get(&self, offset: u64) -> Option<&Record<M>> {
        self.records.get(offset.checked_sub(self.start)? as usize)
    }

    /// Writes a record, and returns its offset.
    pub fn append(&mut self, rules: &TopicRules, record: Record<M>) -> u64 {
        let offset = self.end();
        let bytes = u64::from(record.bytes);
        let rolls = self
            .segments
            .back()
            .is_none_or(|active| active.bytes + bytes > rules.segment_bytes || record.appended.since(active.first) >= rules.segment_age);
        if rolls {
            self.segments.push_back(Segment { base: offset, bytes: 0, first: record.appended, last: record.appended });
        }
        if let Some(active) = self.segments.back_mut() {
            active.bytes += bytes;
            active.last = record.appended;
        }
        self.bytes += bytes;
        self.records.push_back(record);
        offset
    }

    /// Takes the last record back, if it lies at this offset or behind it.
    pub fn pop_from(&mut self, end: u64) -> Option<(u64, Record<M>)> {
        if self.end() <= end {
            return None;
        }
        let record = self.records.pop_back()?;
        let (offset, bytes) = (self.end(), u64::from(record.bytes));
        self.bytes -= bytes;
        let last = self.records.back().map(|record| record.appended);
        if let Some(active) = self.segments.back_mut() {
            active.bytes -= bytes;
            active.last = last.unwrap_or(active.first);
            if active.base == offset {
                self.segments.pop_back();
            }
        }
        Some((offset, record))
    }

    /// Where the log begins once what is too old or too much has gone; never beyond `high`, for what followers lack is not deleted.
    pub fn start_after_retention(&self, rules: &TopicRules, high: u64, now: Instant) -> u64 {
        let mut start = self.start;
        let mut rest = self.bytes;
        for (place, segment) in self.segments.iter().enumerate() {
            let (end, active) = self.segments.get(place + 1).map_or((self.end(), true), |next| (next.base, false));
            let old = rules.retention_age.is_some_and(|most| now.since(segment.last) > most);
            // By size the segment that is written to stays, however large.
            let much = !active && rules.retention_bytes.is_some_and(|most| rest.saturating_sub(segment.bytes) >= most);
            if end > high || !(old || much) {
                break;
            }
            start = end;
            rest -= segment.bytes;
        }
        start
    }

    /// When the oldest segment is due to go, as far as can be said now.
    pub fn retention_due(&self, rules: &TopicRules) -> Instant {
        let Some(oldest) = self.segments.front() else { return Instant::NEVER };
        let much = self.segments.len() > 1 && rules.retention_bytes.is_some_and(|most| self.bytes - oldest.bytes >= most);
        if much {
            return oldest.last;
        }
        rules.retention_age.map_or(Instant::NEVER, |most| Instant(oldest.last.0.saturating_add(most.0).saturating_add(1)))
    }

    /// Deletes the segments before this offset, where one begins or the log ends.
    pub fn delete_before(&mut self, start: u64) {
        debug_assert!(start <= self.end() && (start == self.end() || self.segments.iter().any(|segment| segment.base == start)));
        while self.segments.front().is_some_and(|segment| segment.base < start) {
            self.bytes -= self.segments.pop_front().map_or(0, |segment| segment.bytes);
        }
        self.records.drain(..(start.saturating_sub(self.start) as usize).min(self.records.len()));
        self.start = start.max(self.start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::Nanos;

    fn rules() -> TopicRules {
        TopicRules {
            segment_bytes: 30,
            segment_age: Nanos::from_secs(10),
            retention_age: Some(Nanos::from_secs(100)),
            ..TopicRules::default()
        }
    }

    /// A log of records of 10 bytes, appended at these seconds.
    fn log(rules: &TopicRules, seconds: &[u64]) -> Log<u64> {
        let mut log = Log::default();
        for (offset, second) in seconds.iter().enumerate() {
            let record = Record { message: *second, appended: Instant::from_secs(*second), bytes: 10 };
            assert_eq!(log.append(rules, record), offset as u64);
        }
        log
    }

    #[test]
    fn a_waiting_record_is_small() {
        assert!(size_of::<Record<[u64; 4]>>() <= 64);
    }

    #[test]
    fn a_segment_rolls_when_it_is_full_or_old() {
        for (seconds, bases) in
            [(vec![0, 0, 0, 0], vec![0, 3]), (vec![0, 9, 10, 10], vec![0, 2]), (vec![0, 20, 40], vec![0, 1, 2]), (vec![], vec![])]
        {
            let log = log(&rules(), &seconds);
            assert_eq!(log.segments.iter().map(|segment| segment.base).collect::<Vec<_>>(), bases, "{seconds:?}");
        }
    }

    #[test]
    fn retention_takes_whole_old_segments_and_nothing_that_followers_lack() {
        let by_bytes = |most| TopicRules { retention_bytes: Some(most), retention_age: None, ..rules() };
        for (rules, seconds, high, now, start) in [
            // Too old from one nanosecond after its age on, counted from the youngest of the segment.
            (rules(), vec![0, 5, 5, 20], 4, Instant(105 * 1_000_000_000), 0),
            (rules(), vec![0, 5, 5, 20], 4, Instant(105 * 1_000_000_000 + 1), 3),
            (rules(), vec![0, 5, 5, 20], 2, Instant::from_secs(110), 0),
            // Even the one that is written to goes if all in it is old.
            (rules(), vec![0, 5, 5, 20], 4, Instant::from_secs(200), 4),
            // By size: as long as the rest is at least what may be kept, but never the last one.
            (by_bytes(40), vec![0; 9], 9, Instant::START, 3),
            (by_bytes(30), vec![0; 9], 9, Instant::START, 6),
            (by_bytes(1), vec![0; 9], 9, Instant::START, 6),
            (by_bytes(100), vec![0; 9], 9, Instant::START, 0),
        ] {
            let mut log = log(&rules, &seconds);
            assert_eq!(log.start_after_retention(&rules, high, now), start, "{rules:?} {now:?}");
            assert_eq!(log.retention_due(&rules) <= now, start > 0 || high < 3, "{rules:?} {now:?}");
            log.delete_before(start);
            assert_eq!((log.start(), log.end()), (start, seconds.len() as u64));
            assert_eq!(log.bytes(), 10 * (seconds.len() as u64 - start));
            assert_eq!(log.get(start).map(|record| record.message), seconds.get(start as usize).copied());
        }
    }

    #[test]
    fn records_are_taken_back_from_the_end_with_their_segments() {
        let rules = rules();
        let mut log = log(&rules, &[0, 1, 2, 3, 4]);
        let mut taken = Vec::new();
        while let Some((offset, record)) = log.pop_from(2) {
            taken.push((offset, record.message));
        }
        assert_eq!(taken, [(4, 4), (3, 3), (2, 2)]);
        assert_eq!((log.end(), log.bytes(), log.segments.len()), (2, 20, 1));
        assert_eq!(log.retention_due(&rules), Instant(101 * 1_000_000_000 + 1), "by the youngest that is left");
        assert_eq!(log.append(&rules, Record { message: 9, appended: Instant::from_secs(9), bytes: 10 }), 2);
    }
}
