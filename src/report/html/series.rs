//! Windows as short rows of whole numbers: merged where there are too many to see, rounded to what can be read off a curve,
//! and one number where all are the same. This is what keeps the page small.

use crate::base::time::Nanos;
use crate::observe::recording::Recording;
use serde::Serialize;

/// A figure over time: one number for all of it, or one per point; `null` is a gap.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Numbers {
    Same(Option<i64>),
    Each(Vec<Option<i64>>),
}

/// How windows become points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lens {
    pub merged: usize,
    pub points: usize,
    /// Seconds between points.
    pub step: f64,
}

impl Lens {
    /// At most so many points.
    pub fn of(recording: &Recording, most: usize) -> Lens {
        let clients = recording.clients.iter().map(|c| c.windows.len());
        let windows = clients.chain(recording.services.iter().map(|s| s.windows.len())).max().unwrap_or(0);
        let merged = windows.div_ceil(most.max(1)).max(1);
        Lens { merged, points: windows.div_ceil(merged), step: Nanos(recording.window.0).as_secs_f64() * merged as f64 }
    }

    /// What happened in all windows of a point together.
    pub fn sum<T>(self, windows: &[T], count: impl Fn(&T) -> u32) -> Numbers {
        self.each(windows, |part| Some(part.iter().map(|w| i64::from(count(w))).sum()))
    }

    /// The mean of a level, in tenths.
    pub fn tenths<T>(self, windows: &[T], level: impl Fn(&T) -> f64) -> Numbers {
        self.each(windows, |part| {
            let mean = part.iter().map(&level).sum::<f64>() / part.len() as f64;
            Some(three((mean * 10.0).round() as i64))
        })
    }

    /// The highest of a point's windows.
    pub fn highest<T>(self, windows: &[T], of: impl Fn(&T) -> u64) -> Numbers {
        self.each(windows, |part| part.iter().map(|w| of(w) as i64).max().map(three))
    }

    /// A latency in microseconds, the highest of a point's windows; a gap where nothing was measured.
    pub fn latency<T>(self, windows: &[T], nanos: impl Fn(&T) -> u64) -> Numbers {
        self.each(windows, |part| part.iter().map(&nanos).max().filter(|n| *n > 0).map(|n| three(n.div_ceil(1000) as i64)))
    }

    fn each<T>(self, windows: &[T], value: impl Fn(&[T]) -> Option<i64>) -> Numbers {
        let mut values: Vec<Option<i64>> = windows.chunks(self.merged).map(value).collect();
        values.resize(self.points, None);
        match values.first() {
            None => Numbers::Same(None),
            Some(first) if values.iter().all(|v| v == first) => Numbers::Same(*first),
            Some(_) => Numbers::Each(values),
        }
    }
}

/// Three significant digits: a screen shows no more.
fn three(value: i64) -> i64 {
    let mut unit = 1;
    while value / unit >= 1000 {
        unit *= 10;
    }
    (value + unit / 2) / unit * unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_merged_and_what_never_changes_is_one_number() {
        let lens = Lens { merged: 2, points: 3, step: 2.0 };
        assert_eq!(lens.sum(&[1, 2, 3, 4, 5], |n| *n), Numbers::Each(vec![Some(3), Some(7), Some(5)]));
        assert_eq!(lens.sum(&[0, 0, 0, 0, 0], |n| *n), Numbers::Same(Some(0)));
        assert_eq!(lens.sum(&[1, 1], |n| *n), Numbers::Each(vec![Some(2), None, None]), "what is not there is a gap");
        assert_eq!(lens.latency(&[0, 0, 1_231_567, 5, 0], |n| *n), Numbers::Each(vec![None, Some(1230), None]));
        assert_eq!(lens.tenths(&[0.5, 1.5, 3.0, 3.0, 2.0], |n| *n), Numbers::Each(vec![Some(10), Some(30), Some(20)]));
    }
}
