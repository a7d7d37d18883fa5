//! Figures that a scraper reads as they stand: what callers' libraries and proxies say of themselves, and what nobody counts but for it.
//!
//! Gauges are read by the world at the instant of a scrape, before anything else happens then; counters grow from zero. Both are
//! kept only where a scrape finds them changed.

use std::collections::BTreeMap;

/// What is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Figure {
    /// Of a cell of policy state: calls that left its retry. Counted by the first cell of all callers, and by [`Retried`].
    RetryCalls,
    /// Of a cell: calls that its circuit breaker refused.
    NotPermitted,
    /// Of a cell: what its breaker's mode reads, 0 closed, 1 open, 2 half-open.
    BreakerMode,
    /// Of a cell: results that its breaker goes by, and among them failures and slow ones; fewest for a rate, most that there may be.
    BreakerResults,
    BreakerFailures,
    BreakerSlow,
    BreakerMinimum,
    BreakerMost,
    /// Of a cell: permits of its bulkhead that are taken.
    BulkheadTaken,
    /// Of a proxy's cell of a cluster: connections, requests that wait for one, requests on one.
    ClusterConnections,
    ClusterPending,
    ClusterRequests,
    /// Likewise, 1 where no more of these are let in.
    ConnectionsOpen,
    PendingOpen,
    RequestsOpen,
    /// Likewise: hosts that are ejected; only with outlier detection.
    HostsEjected,
    /// Likewise, counted: streams by the code of their answer, and retries.
    UpstreamAnswers,
    UpstreamRetries,
    /// Of a group of consumers, by partition: records that it has not committed.
    PartitionLag,
}

/// How a call left its retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Retried {
    SuccessfulWithoutRetry,
    SuccessfulWithRetry,
    FailedWithRetry,
    FailedWithoutRetry,
}

/// What a figure stood at: the how-manieth scrape, and the value that it and the next ones read.
pub type Read = (u32, u64);

/// A figure, what it is of, and which part of that.
type Key = (Figure, u32, u32);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Live {
    now: u64,
    reads: Vec<Read>,
}

/// All figures that were read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readings {
    live: BTreeMap<Key, Live>,
}

impl Readings {
    /// What a gauge stands at when it is read.
    pub fn set(&mut self, figure: Figure, of: u32, part: u32, value: u64) {
        self.live.entry((figure, of, part)).or_default().now = value;
    }

    /// One more of what is counted.
    pub fn count(&mut self, figure: Figure, of: u32, part: u32) {
        self.live.entry((figure, of, part)).or_default().now += 1;
    }

    pub(super) fn scrape(&mut self, number: u32) {
        for Live { now, reads } in self.live.values_mut() {
            if reads.last().is_none_or(|(_, last)| last != now) {
                reads.push((number, *now));
            }
        }
    }

    /// Whether a figure of this has been read.
    pub fn is_known(&self, figure: Figure, of: u32) -> bool {
        self.live.contains_key(&(figure, of, 0))
    }

    /// A figure, wherever it was read: of what, which part, and its values.
    pub fn all(&self, figure: Figure) -> impl Iterator<Item = (u32, u32, &[Read])> {
        self.live.range((figure, 0, 0)..=(figure, u32::MAX, u32::MAX)).map(|((_, of, part), live)| (*of, *part, &live.reads[..]))
    }

    /// A figure of one thing; nothing if it was never read.
    pub fn of(&self, figure: Figure, of: u32, part: u32) -> &[Read] {
        self.live.get(&(figure, of, part)).map_or(&[], |live| &live.reads)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scrape_keeps_what_has_changed_and_each_figure_is_found_alone() {
        let mut readings = Readings::default();
        readings.set(Figure::BulkheadTaken, 7, 0, 0);
        readings.scrape(0);
        readings.count(Figure::NotPermitted, 3, 0);
        readings.scrape(1);
        readings.set(Figure::BulkheadTaken, 7, 0, 2);
        readings.scrape(2);
        assert_eq!(readings.of(Figure::BulkheadTaken, 7, 0), [(0, 0), (2, 2)], "zero is a value too");
        let all: Vec<_> = readings.all(Figure::NotPermitted).collect();
        assert_eq!(all, [(3, 0, &[(1, 1)][..])]);
        assert!(readings.of(Figure::NotPermitted, 7, 0).is_empty());
    }
}
