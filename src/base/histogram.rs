//! A histogram of nanoseconds: 64 buckets to the octave, so that a quantile is off by at most 1/128 of its value.
//!
//! Everything in it is an integer. Merging is therefore exact and indifferent to order, which sketches (t-digest, DDSketch
//! in floats) are not; and recording is an addition to a bucket found by shifts (the layout of HdrHistogram, Tene).

use std::ops::RangeInclusive;

/// Values below this have a bucket each; every octave above has as many.
const BUCKETS_PER_OCTAVE: usize = 64;
const BUCKET_BITS: u32 = BUCKETS_PER_OCTAVE.trailing_zeros();

/// Counts of values by size; exact count, sum, minimum and maximum beside them.
#[derive(Clone, Debug)]
pub struct Histogram {
    count: u64,
    sum: u128,
    min: u64,
    max: u64,
    /// The bucket of `counts[0]`, a multiple of the octave. Latencies touch a few octaves of 58; only their range is held.
    first: usize,
    counts: Vec<u64>,
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram::new()
    }
}

impl Histogram {
    /// Empty; allocates nothing before the first value.
    pub fn new() -> Histogram {
        Histogram { count: 0, sum: 0, min: u64::MAX, max: 0, first: 0, counts: Vec::new() }
    }

    #[inline]
    pub fn record(&mut self, value: u64) {
        self.count += 1;
        self.sum += value as u128;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        let bucket = bucket_of(value);
        // A bucket below the first wraps to a huge number, so one comparison asks about both ends.
        match self.counts.get_mut(bucket.wrapping_sub(self.first)) {
            Some(count) => *count += 1,
            None => self.record_outside(bucket),
        }
    }

    /// As recording zero so many times.
    pub fn record_zeros(&mut self, count: u64) {
        if count > 0 {
            self.record(0);
            self.count += count - 1;
            self.counts[0] += count - 1;
        }
    }

    #[cold]
    #[inline(never)]
    fn record_outside(&mut self, bucket: usize) {
        self.cover(bucket..=bucket);
        self.counts[bucket - self.first] += 1;
    }

    /// Extends the range held, by whole octaves, to these buckets.
    fn cover(&mut self, buckets: RangeInclusive<usize>) {
        let first = buckets.start() / BUCKETS_PER_OCTAVE * BUCKETS_PER_OCTAVE;
        let end = (buckets.end() / BUCKETS_PER_OCTAVE + 1) * BUCKETS_PER_OCTAVE;
        if self.counts.is_empty() {
            self.first = first;
        }
        if first < self.first {
            self.counts.splice(..0, std::iter::repeat_n(0, self.first - first));
            self.first = first;
        }
        if end > self.first + self.counts.len() {
            self.counts.resize(end - self.first, 0);
        }
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The exact sum, in nanoseconds.
    pub fn sum(&self) -> u128 {
        self.sum
    }

    /// The exact least value.
    pub fn min(&self) -> Option<u64> {
        (!self.is_empty()).then_some(self.min)
    }

    /// The exact greatest value.
    pub fn max(&self) -> Option<u64> {
        (!self.is_empty()).then_some(self.max)
    }

    /// The mean in seconds: one division of exact integers.
    pub fn mean(&self) -> Option<f64> {
        (!self.is_empty()).then(|| self.sum as f64 / self.count as f64 / 1e9)
    }

    /// The value of nearest rank ⌈q·n⌉, in nanoseconds: the middle of its bucket, off by at most 1/128, exact below 128.
    /// The first and the last rank are the exact minimum and maximum.
    pub fn quantile(&self, q: f64) -> Option<u64> {
        if self.is_empty() {
            return None;
        }
        let rank = nearest_rank(q, self.count);
        if rank == 1 || rank == self.count {
            return Some(if rank == 1 { self.min } else { self.max });
        }
        let mut below = 0;
        for bucket in self.touched() {
            below += self.counts[bucket - self.first];
            if below >= rank {
                return Some(middle_of(bucket).clamp(self.min, self.max));
            }
        }
        unreachable!("the counts of all buckets sum to the count")
    }

    /// Several quantiles in one walk, `qs` ascending; zeros if there is nothing. Each is that of [`quantile`](Self::quantile).
    pub fn quantiles<const N: usize>(&self, qs: [f64; N]) -> [u64; N] {
        let mut values = [0; N];
        if self.is_empty() {
            return values;
        }
        let (first, last) = self.touched().into_inner();
        let mut counts = self.counts[first - self.first..=last - self.first].iter();
        let mut below = 0;
        for (value, q) in values.iter_mut().zip(qs) {
            let rank = nearest_rank(q, self.count);
            while below < rank {
                below += counts.next().expect("the counts of all buckets sum to the count");
            }
            let bucket = last - counts.len();
            *value = match rank {
                1 => self.min,
                last if last == self.count => self.max,
                _ => middle_of(bucket).clamp(self.min, self.max),
            };
        }
        values
    }

    /// Adds what `other` holds: the result is that of recording both in one.
    pub fn merge(&mut self, other: &Histogram) {
        if other.is_empty() {
            return;
        }
        let (first, last) = other.touched().into_inner();
        self.cover(first..=last);
        let ours = &mut self.counts[first - self.first..=last - self.first];
        let theirs = &other.counts[first - other.first..=last - other.first];
        ours.iter_mut().zip(theirs).for_each(|(ours, theirs)| *ours += theirs);
        self.count += other.count;
        self.sum += other.sum;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    /// Empties it, and keeps the allocation for the next window. Costs no more than the range between min and max.
    pub fn clear(&mut self) {
        if !self.is_empty() {
            let touched = self.touched();
            self.counts[touched.start() - self.first..=touched.end() - self.first].fill(0);
        }
        (self.count, self.sum, self.min, self.max) = (0, 0, u64::MAX, 0);
    }

    /// The buckets that hold anything, in rising order: (greatest value that falls into it, count).
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let counted = |bucket: usize| (last_of(bucket), self.counts[bucket - self.first]);
        let touched = if self.is_empty() { None } else { Some(self.touched()) };
        touched.into_iter().flatten().map(counted).filter(|(_, count)| *count > 0)
    }

    /// From the bucket of the minimum to that of the maximum. Not for an empty histogram.
    fn touched(&self) -> RangeInclusive<usize> {
        bucket_of(self.min)..=bucket_of(self.max)
    }
}

/// Equal if they hold the same: what is allocated does not matter.
impl PartialEq for Histogram {
    fn eq(&self, other: &Histogram) -> bool {
        let totals = |h: &Histogram| (h.count, h.sum, h.min, h.max);
        totals(self) == totals(other) && self.buckets().eq(other.buckets())
    }
}

impl Eq for Histogram {}

/// ⌈q·n⌉ in 1..=n. A product that is whole but for rounding (0.07 · 100) is taken as whole.
fn nearest_rank(q: f64, n: u64) -> u64 {
    let exact = q * n as f64;
    let whole = exact.round();
    let rank = if (exact - whole).abs() <= 1e-12 * whole { whole } else { exact.ceil() };
    (rank as u64).clamp(1, n)
}

/// How far a value is shifted until only its leading seven bits are left.
#[inline]
fn shift_of(value: u64) -> u32 {
    63 - BUCKET_BITS - (value | BUCKETS_PER_OCTAVE as u64).leading_zeros()
}

#[inline]
fn bucket_of(value: u64) -> usize {
    let shift = shift_of(value);
    shift as usize * BUCKETS_PER_OCTAVE + (value >> shift) as usize
}

/// (first value, width) of a bucket.
fn span_of(bucket: usize) -> (u64, u64) {
    let shift = (bucket / BUCKETS_PER_OCTAVE).saturating_sub(1);
    (((bucket - shift * BUCKETS_PER_OCTAVE) as u64) << shift, 1 << shift)
}

fn middle_of(bucket: usize) -> u64 {
    let (first, width) = span_of(bucket);
    first + width / 2
}

fn last_of(bucket: usize) -> u64 {
    let (first, width) = span_of(bucket);
    first + (width - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_in_a_bunch_are_zeros_one_by_one() {
        let (mut bunch, mut single) = (of(&[7, 90_000]), of(&[7, 90_000, 0, 0, 0]));
        bunch.record_zeros(3);
        bunch.record_zeros(0);
        assert_eq!(bunch, single);
        single.record_zeros(0);
        assert_eq!(single, bunch);
    }

    #[test]
    fn several_quantiles_in_one_walk_are_those_asked_one_by_one() {
        let mut histogram = Histogram::new();
        for value in [5, 900, 70_000, 70_001, 3, 3, 1_000_000, 42] {
            histogram.record(value);
            let qs = [0.0, 0.5, 0.95, 0.99, 1.0];
            assert_eq!(histogram.quantiles(qs).map(Some), qs.map(|q| histogram.quantile(q)));
        }
        assert_eq!(Histogram::new().quantiles([0.5]), [0]);
    }
    use crate::base::cases::cases;
    use proptest::prelude::*;

    fn of(values: &[u64]) -> Histogram {
        let mut histogram = Histogram::new();
        values.iter().for_each(|value| histogram.record(*value));
        histogram
    }

    /// Values of every magnitude, as latencies have.
    fn any_value() -> impl Strategy<Value = u64> {
        (0u32..64, any::<u64>()).prop_map(|(shift, bits)| bits >> shift)
    }

    #[test]
    fn every_value_lies_in_its_bucket_and_buckets_leave_no_gap() {
        let mut next = 0;
        for bucket in 0..=bucket_of(u64::MAX) {
            let (first, width) = span_of(bucket);
            assert_eq!(first, next);
            assert_eq!((bucket_of(first), bucket_of(last_of(bucket))), (bucket, bucket));
            next = first.wrapping_add(width);
        }
        assert_eq!(next, 0, "the last bucket ends with the last value");
    }

    #[test]
    fn what_is_empty_has_no_figures() {
        let mut histogram = Histogram::new();
        assert_eq!((histogram.mean(), histogram.quantile(0.5), histogram.min(), histogram.max()), (None, None, None, None));
        assert_eq!(histogram.buckets().count(), 0);
        histogram.clear();
        histogram.merge(&Histogram::new());
        assert!(histogram.is_empty());
    }

    #[test]
    fn small_values_are_exact() {
        let histogram = of(&(0..128).collect::<Vec<_>>());
        for percent in 0..=100 {
            let rank = (percent * 128u64).div_ceil(100).max(1);
            assert_eq!(histogram.quantile(percent as f64 / 100.0), Some(rank - 1), "{percent} %");
        }
    }

    #[test]
    fn rank_is_not_lost_to_rounding() {
        for (q, n, rank) in [(0.07, 100, 7), (0.99, 100, 99), (0.999, 1000, 999), (0.5, 3, 2), (0.0, 9, 1), (1.0, 9, 9), (2.0, 9, 9)] {
            assert_eq!(nearest_rank(q, n), rank, "{q} of {n}");
        }
        assert_eq!(nearest_rank(0.9, 100_000_000_001), 90_000_000_001);
    }

    #[test]
    fn clear_keeps_the_allocation_and_nothing_else() {
        let mut histogram = of(&[5, 1_000_000, 30_000]);
        let held = histogram.counts.capacity();
        histogram.clear();
        assert!(histogram.counts.iter().all(|count| *count == 0));
        histogram.record(70_000);
        assert_eq!(histogram.counts.capacity(), held);
        assert_eq!(histogram, of(&[70_000]));
    }

    #[test]
    fn only_octaves_in_use_are_held() {
        assert_eq!(of(&[1_000_000, 1_900_000, 4_000_000]).counts.len(), 3 * BUCKETS_PER_OCTAVE);
        assert_eq!(of(&[4_000_000, 1_000_000]).counts.len(), 3 * BUCKETS_PER_OCTAVE);
    }

    proptest! {
        #![proptest_config(cases(256))]

        #[test]
        fn quantiles_are_within_a_128th_of_the_exact_nearest_rank(mut values in prop::collection::vec(any_value(), 1..200), q in 0.0..=1.0f64) {
            let histogram = of(&values);
            values.sort_unstable();
            let exact = values[nearest_rank(q, values.len() as u64) as usize - 1];
            let reported = histogram.quantile(q).unwrap();
            prop_assert!(reported.abs_diff(exact) as u128 * 128 <= exact as u128, "{reported} for {exact}");
        }

        #[test]
        fn totals_are_exact(values in prop::collection::vec(any_value(), 1..200)) {
            let histogram = of(&values);
            prop_assert_eq!(histogram.count(), values.len() as u64);
            prop_assert_eq!(histogram.sum(), values.iter().map(|value| *value as u128).sum::<u128>());
            prop_assert_eq!(histogram.min(), values.iter().min().copied());
            prop_assert_eq!(histogram.max(), values.iter().max().copied());
            prop_assert_eq!(histogram.buckets().map(|bucket| bucket.1).sum::<u64>(), histogram.count());
            prop_assert!(histogram.buckets().is_sorted_by(|a, b| a.0 < b.0));
        }

        #[test]
        fn merging_parts_in_any_order_gives_the_whole(a in prop::collection::vec(any_value(), 0..50), b in prop::collection::vec(any_value(), 0..50)) {
            let (mut ab, mut ba) = (of(&a), of(&b));
            ab.merge(&of(&b));
            ba.merge(&of(&a));
            prop_assert_eq!(&ab, &ba);
            prop_assert_eq!(&ab, &of(&[a, b].concat()));
        }
    }
}
