//! How the latencies of one window are spread, small enough to be kept for every window: the rows of a heat map.
//!
//! Three quantiles do not tell whether there are two kinds of requests or one. Five cells to the decade do, at 120 bytes; a whole
//! histogram would take a hundred times as much.

use crate::base::histogram::Histogram;

/// So many cells, each reaching from its bound to the next; the first holds what is faster too, the last what is slower.
pub const CELLS: usize = 30;

/// Requests by cell.
pub type Heat = [u32; CELLS];

/// Lower bounds of the cells, nanoseconds: 100 µs, then 10^(1/5) times the one before, so that each fifth is ten times as much.
pub const BOUNDS: [u64; CELLS] = {
    const DECADE: [u64; 5] = [100_000, 158_489, 251_189, 398_107, 630_957];
    let mut bounds = [0; CELLS];
    let mut cell = 0;
    while cell < CELLS {
        bounds[cell] = if cell < DECADE.len() { DECADE[cell] } else { bounds[cell - DECADE.len()] * 10 };
        cell += 1;
    }
    bounds
};

/// Where the last cell ends, if it were as wide as the others.
pub const END: u64 = 100_000_000_000;

/// A bucket of the histogram that lies across a bound counts for the cell in which it ends: it is off by 1/64 of a latency at most.
pub fn of(latency: &Histogram) -> Heat {
    let mut heat = Heat::default();
    let mut cell = 0;
    for (last, count) in latency.buckets() {
        while cell + 1 < CELLS && BOUNDS[cell + 1] <= last {
            cell += 1;
        }
        heat[cell] = heat[cell].saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
    }
    heat
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_latency_is_counted_in_the_cell_that_it_lies_in() {
        let mut latency = Histogram::new();
        for nanos in [0, 99_000, 120_000, 1_100_000, 1_100_000, 50_000_000, 70_000_000_000, 1_000_000_000_000] {
            latency.record(nanos);
        }
        let heat = of(&latency);
        let filled: Vec<(usize, u32)> = heat.iter().copied().enumerate().filter(|(_, count)| *count > 0).collect();
        assert_eq!(filled, [(0, 3), (5, 2), (13, 1), (29, 2)]);
        assert_eq!(of(&Histogram::new()), Heat::default());
    }

    #[test]
    fn bounds_rise_from_a_tenth_of_a_millisecond_to_minutes() {
        assert!(BOUNDS.windows(2).all(|pair| (1.58..1.59).contains(&(pair[1] as f64 / pair[0] as f64))));
        assert_eq!((BOUNDS[0], BOUNDS[5], BOUNDS[20], BOUNDS[25]), (100_000, 1_000_000, 1_000_000_000, 10_000_000_000));
    }
}
