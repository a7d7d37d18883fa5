//! Distributions read off a table of points: straight lines between them.

use crate::base::stream::Source;
use crate::base::time::Nanos;

/// A point of the inverse cumulative distribution, and the slope of the line to the next.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Point {
    pub probability: f64,
    pub value: f64,
    slope: f64,
}

impl Point {
    pub fn table(points: &[(f64, Nanos)]) -> Box<[Point]> {
        let slope_after = |i: usize| {
            let (Some(next), here) = (points.get(i + 1), points[i]) else { return 0.0 };
            (next.1.0 - here.1.0) as f64 / (next.0 - here.0)
        };
        let point =
            |(i, &(probability, value)): (usize, &(f64, Nanos))| Point { probability, value: value.0 as f64, slope: slope_after(i) };
        points.iter().enumerate().map(point).collect()
    }

    pub fn sample<S: Source + ?Sized>(points: &[Point], source: &mut S) -> f64 {
        let u = source.uniform();
        // The first point has probability 0 and the last 1, so there is one at or below u, and one above.
        let next = points.partition_point(|point| point.probability <= u);
        let (here, next) = (&points[next - 1], &points[next]);
        (here.value + here.slope * (u - here.probability)).min(next.value)
    }
}
