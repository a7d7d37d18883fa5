//! What a horizontal axis is: time, a rank among the slowest, or an amount.

use super::Unit;
use super::axis::{Axis, Tick};

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Across {
    /// Seconds since the start of the run.
    #[default]
    Time,
    /// The share of requests that were faster, so that each of 90 %, 99 %, 99.9 % and 99.99 % is as far from the last: value `n` is `1 - 10⁻ⁿ`.
    Nines,
    Amount(Unit),
}

impl Across {
    pub(super) fn axis(self, until: f64, room: usize) -> Axis {
        match self {
            Across::Time => Axis::of_time(until, room),
            Across::Amount(unit) => Axis::of_amounts(until, unit, room),
            Across::Nines => {
                const TICKS: [(f64, &str); 6] =
                    [(0.0, "0 %"), (std::f64::consts::LOG10_2, "50 %"), (1.0, "90 %"), (2.0, "99 %"), (3.0, "99.9 %"), (4.0, "99.99 %")];
                let ticks = TICKS.into_iter().filter(|(at, _)| *at <= until).map(|(at, label)| Tick { at, label: label.to_owned() });
                Axis::with_ticks(until, ticks.collect())
            }
        }
    }
}
